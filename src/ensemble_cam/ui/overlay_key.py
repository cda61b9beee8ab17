"""The O key, also while a slider or a film's radio button has the focus.

Streamlit's own shortcut of the button is deaf in every input, and after a look at another film or another threshold the
focus is in one. Here the key is passed on from those two kinds, which take no letters; text fields keep theirs.
"""

import streamlit as st

_PASS_ON = """
export default () => {
  const passOn = (event) => {
    const plain = !(event.ctrlKey || event.metaKey || event.altKey || event.repeat)
    const target = event.composedPath()[0]
    const deaf = target instanceof HTMLInputElement && ["range", "radio"].includes(target.type)
    if (plain && deaf && event.key.toLowerCase() === "o") {
      document.querySelector(".st-key-overlays-button button")?.click()
    }
  }
  document.addEventListener("keydown", passOn)
  return () => document.removeEventListener("keydown", passOn)
}
"""

_component = st.components.v2.component("ensemble_cam_overlay_key", html="<span></span>", js=_PASS_ON)


def pass_on_overlay_key() -> None:
    """Put the listener on the page; it shows nothing."""
    _component(key="overlay key")


def show_overlays_button(film: str) -> None:
    """Show the button that hides overlays or shows them again; `film` is what is then seen without colours."""
    shown = st.session_state.get("overlays", True)
    st.button(
        "Hide overlays" if shown else "Show overlays",
        key="overlays-button",
        on_click=_toggle_overlays,
        shortcut="o",
        help=f"{film} without colours; the O key does the same.",
    )


def _toggle_overlays() -> None:
    st.session_state["overlays"] = not st.session_state.get("overlays", True)
