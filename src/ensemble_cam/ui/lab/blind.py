"""Blind reading in the phantom lab: the learner says what is there, and where, before truth and maps are shown."""

from collections.abc import Sequence

import streamlit as st

from ensemble_cam.phantom import FINDINGS
from ensemble_cam.settings.settings import displayed
from ensemble_cam.ui.lab.state import session_lab
from ensemble_cam.ui.lab.tally import Answer
from ensemble_cam.ui.lab.work import LabFilm
from ensemble_cam.ui.viewer.planted import Planted

_MARKS = "Where it is seen best. Marks are judged as the hottest points of maps are; a finding may stay unmarked."


def show_questions(film: LabFilm) -> Planted:
    """Ask for the learner's answer, and return what lies over the film meanwhile: the marks, and the question."""
    marks = session_lab().marks
    st.markdown("**What is there?** Truth, scores and maps stay hidden until you have answered.")
    named = st.pills(
        "Findings",
        FINDINGS,
        selection_mode="multi",
        format_func=displayed,
        key=f"lab findings {film.sha256}",
        wrap=True,
    )
    target = show_target(named, list(marks), key=f"lab target {film.sha256}") if named else None
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Answer" if named else "Answer: nothing, a normal film",
            on_click=_answer,
            args=(film.sha256,),
            type="primary",
            key=f"lab answer {film.sha256}",
        )
        st.button("Show without an answer", on_click=_reveal, args=(film.sha256,), key=f"lab reveal {film.sha256}")
    return Planted(
        marks={displayed(label): point for label, point in marks.items()},
        target=target,
        asks=None if target is None else displayed(target),
    )


def show_target(named: Sequence[str], marked: Sequence[str], *, key: str) -> str:
    """Let who answers choose which of the named findings the next click marks: the first unmarked one by itself.

    Args:
        named: findings, one at least.
        marked: those that have a mark.
        key: of the film's choice on the page.
    """
    unmarked = [label for label in named if label not in marked]
    if len(named) == 1:
        st.caption(f"A click on the film marks it{' (✓ marked)' if not unmarked else ''}.", help=_MARKS)
        return named[0]
    return st.segmented_control(
        "A click on the film marks",
        named,
        default=unmarked[0] if unmarked else named[-1],
        format_func=lambda label: ("✓ " if label in marked else "") + displayed(label),
        required=True,
        key=f"{key} {len(named)} {len(set(marked) & set(named))}",  # with another key it takes its default again
        help=_MARKS,
    )


def _answer(sha256: str) -> None:
    """Take the answer to a film, with the findings that are named at this moment; nothing if another film is there."""
    lab = session_lab()
    if not lab.shows(sha256):
        return
    named = tuple(st.session_state.get(f"lab findings {sha256}") or ())
    lab.answer = Answer(named, {label: point for label, point in lab.marks.items() if label in named})
    lab.revealed = True


def _reveal(sha256: str) -> None:
    lab = session_lab()
    if lab.shows(sha256):
        lab.revealed = True
