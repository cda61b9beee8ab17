"""The page of classes: answering a set, making one, and looking at what a class handed in."""

import streamlit as st

from ensemble_cam.purpose import PURPOSE
from ensemble_cam.ui.classes.answering import show_answering
from ensemble_cam.ui.classes.handed_in import show_handed_in
from ensemble_cam.ui.classes.making import show_set_making
from ensemble_cam.ui.classes.sitting import session_class
from ensemble_cam.ui.session.closing import when_closed

_PARTS = {
    "Answer": show_answering,
    "Make a set": show_set_making,
    "Results": show_handed_in,
}


def show_class() -> None:
    """Show the page."""
    held = session_class()
    when_closed("class", held.clear)
    with st.sidebar:
        part = st.segmented_control(
            "Class",
            list(_PARTS),
            default=next(iter(_PARTS)),
            required=True,
            key="class part",
            persist_state="session",
            width="stretch",
        )
        st.caption(PURPOSE)
    _PARTS[part](held)
