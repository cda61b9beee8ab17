"""Making a set: what its films are like, and the code that stands for them."""

import streamlit as st

from ensemble_cam.errors import ConfigError
from ensemble_cam.phantom import FINDINGS
from ensemble_cam.readers.classes import MOST_FILMS, SECONDS, ClassSet, Difficulty
from ensemble_cam.settings.settings import displayed
from ensemble_cam.ui.classes.sitting import ClassPage, session_class
from ensemble_cam.ui.words import plain

_COUNT, _DIFFICULTY, _FINDINGS, _SECONDS = "class count", "class difficulty", "class labels", "class seconds"
_SAID = {
    Difficulty.ANY: "Any",
    Difficulty.PLAIN: "Plain",
    Difficulty.MEDIUM: "Medium",
    Difficulty.BORDERLINE: "Borderline",
    Difficulty.FOLLOWS: "Follows the learner",
}


def show_set_making(held: ClassPage) -> None:
    """Show what can be chosen, and the code of the set that was made last."""
    st.title("Make a class set")
    st.markdown(
        "A set is a number of drawn films. Its code of twelve letters holds all that they follow from: students type "
        "it in, nothing has to be sent around, and all of them see the same films. Whoever has the code can also draw "
        "the truth from it, so a set is for learning, and no examination."
    )
    with st.container(width=560):
        st.slider("Films", 5, MOST_FILMS, 20, key=_COUNT, persist_state="session")
        st.segmented_control(
            "Difficulty",
            list(_SAID),
            default=Difficulty.MEDIUM,
            format_func=_SAID.__getitem__,
            required=True,
            key=_DIFFICULTY,
            persist_state="session",
            help="Follows the learner: films become a little harder after a film that was right, and easier after one "
            "that was not, so that each student comes to the difficulty at which three films in four are right.",
        )
        st.pills(
            "Findings that may be planted",
            FINDINGS,
            selection_mode="multi",
            default=FINDINGS,
            format_func=displayed,
            key=_FINDINGS,
            persist_state="session",
            wrap=True,
            help="Students are asked for these. At least one film in five is normal.",
        )
        st.select_slider(
            "Time for a film",
            SECONDS,
            format_func=lambda seconds: "no limit" if seconds is None else f"{seconds} s",
            key=_SECONDS,
            persist_state="session",
            help="When it is over, the answer that stands is taken.",
        )
        st.button("Make the code", type="primary", on_click=_make, key="class make")
    if held.failed:
        st.error(plain(held.failed))
    if held.made is not None:
        _show_made(held.made)


def _show_made(made: ClassSet) -> None:
    time = "no limit of time" if made.seconds is None else f"{made.seconds} s a film"
    findings = ", ".join(map(displayed, made.findings))
    with st.container(key="class made", width=560):
        st.markdown("The code:")
        st.code(made.code, language=None)
        st.markdown(f"{made.count} films, {_SAID[made.difficulty].lower()} difficulty, {time}, with {findings}.")
        link = (st.context.url or "").split("?", 1)[0]
        if link.startswith("http"):
            st.markdown(f"Or this address, which has the code in it: `{link}?code={made.code}`")


def _make() -> None:
    held, state = session_class(), st.session_state
    try:
        held.made = ClassSet.new(
            count=state[_COUNT],
            difficulty=Difficulty(state[_DIFFICULTY]),
            findings=state[_FINDINGS] or (),
            seconds=state[_SECONDS],
        )
        held.failed = ""
    except ConfigError as error:
        held.made, held.failed = None, str(error)
