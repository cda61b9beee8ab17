"""What is around the films: the switch between a light and a dark page, and a sentence where the server is gone."""

import streamlit as st

from ensemble_cam.ui.scripts import linked

_CSS = """
button { font: 0.8rem/1.3 var(--st-font); color: var(--st-text-color); padding: 0.15rem 0.5rem; cursor: pointer;
  background: var(--st-secondary-background-color); border-radius: 4px;
  border: 1px solid color-mix(in srgb, var(--st-text-color) 25%, transparent); }
button:focus-visible { outline: 2px solid #56b4e9; outline-offset: 1px; }
"""

_component = st.components.v2.component(
    "ensemble_cam_around",
    html='<button type="button" title="Kept in this browser">Light page</button>',
    css=_CSS,
    js=linked("around.js"),
)


def show_look_switch() -> None:
    """Put the switch on the page; with it comes what watches the server."""
    _component(key="around", data={})
