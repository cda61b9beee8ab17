"""The phantom lab: films whose truth is known, for learning how far maps can be trusted.

The reader draws a phantom and sees every network's map beside what was planted, or reads it blind first; a tally keeps
count over the films of the session. Phantoms go the way of any film: written as PNG, read back, examined, explained.
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from ensemble_cam.purpose import PURPOSE
from ensemble_cam.settings.settings import displayed
from ensemble_cam.ui import sets
from ensemble_cam.ui.lab.blind import show_questions
from ensemble_cam.ui.lab.controls import View, begin_blind, draw_next, show_film_choice, show_view
from ensemble_cam.ui.lab.judged import planted, show_answer, show_legend, show_scores, show_verdicts, truth
from ensemble_cam.ui.lab.stage import sent, show_stage
from ensemble_cam.ui.lab.state import Lab, session_lab
from ensemble_cam.ui.lab.tally import LEARNER, TALLY_HELP, answered, counted, outcomes, show_tally
from ensemble_cam.ui.lab.work import LabFilm, drawing, review_key, review_settings
from ensemble_cam.ui.review.remarks import offer_meaningless, show_failures, show_remarks
from ensemble_cam.ui.session import networks
from ensemble_cam.ui.session.closing import when_closed
from ensemble_cam.ui.session.networks import Identities, Ready, identities
from ensemble_cam.ui.session.reviewing import reviewing, show_work
from ensemble_cam.ui.session.slot import Slot
from ensemble_cam.ui.session.stage import emptied
from ensemble_cam.ui.session.trusting import Trusting
from ensemble_cam.ui.trust.panel import show_trust
from ensemble_cam.ui.viewer.committed import Committed
from ensemble_cam.ui.viewer.planted import Planted
from ensemble_cam.ui.words import plain
from ensemble_cam.validation.localisation import THRESHOLD

if TYPE_CHECKING:
    from ensemble_cam.reviewing.analysis import Analysis


def show_lab() -> None:
    """Show the lab, sidebar and all."""
    lab, config = session_lab(), networks.configuration()
    when_closed("lab", lab.clear)
    with st.sidebar:
        show_film_choice()
        view = show_view(config)
        st.caption(PURPOSE)
    sets.show_notice(view.set)
    ready, absent = networks.find(view.choices)
    # As on the review page: what is said lies over the viewer's rail, and the viewer keeps its place.
    said, stage = st.container(key="said"), st.container()
    film = None if lab.wish is None else lab.drawing.get(lab.wish, drawing(lab.wish))
    with said:
        for choice, error in absent.items():
            st.warning(plain(f"{choice.config.name}: {error}"))
        if lab.wish is None:
            _show_welcome()
            return
        _show_heading(lab, film)
        if film is None:
            _show_work("drawing")
            return
        # What was said of the film before goes first, so that no heading ever stands over another film's.
        with emptied("lab", f"lab-{lab.seed}-{film.sha256[:12]}"):
            over, analysis, withheld = _say(lab, film, view, ready)
    with stage:
        made = sent(film, view.set, config.review, over, analysis=analysis, withheld=withheld)
        show_stage(film.sha256, made, partial(_show_tables, film, view, None if withheld else analysis))


def _say(lab: Lab, film: LabFilm, view: View, ready: Sequence[Ready]) -> "tuple[Planted, Analysis | None, bool]":
    """Say what has to be said of a film, and ask.

    Returns:
        What lies over it, its review where that may be seen, and whether its maps are kept back.
    """
    for caution in view.set.cautions(phantom=film.radiograph.phantom):
        st.warning(plain(caution), icon=":material/warning:")
    analysis = _review(lab, film, view, ready) if ready else None
    if not lab.revealed:
        over = show_questions(film)
        if ready and analysis is None:
            _show_work("reviewing")
        return over, None, False
    if lab.answer is not None:
        show_answer(film, lab.answer)
    marks = {} if lab.answer is None else lab.answer.marks
    if analysis is None:
        if ready:
            _show_work("reviewing")
        return planted(film, None, marks, truth=view.truth), None, False
    _count(lab, film, analysis, view.set.name)
    if show_failures(analysis):
        st.button("Try again", on_click=_try_again, args=("reviewing",), key="lab again failed")
    show_remarks(analysis)
    of = identities(ready)
    withheld = analysis.meaningless and lab.shown_anyway != of
    if withheld:
        offer_meaningless(_show_anyway, film.sha256, of, key=f"lab show anyway {film.sha256}")
    return planted(film, None if withheld else analysis, marks, truth=view.truth), analysis, withheld


def _review(lab: Lab, film: LabFilm, view: View, ready: Sequence[Ready]) -> "Analysis | None":
    work = reviewing(
        film.radiograph,
        ready,
        lambda examined: review_settings(examined, ready, view.method),
        framing="crop",
        examining=lab.examining,
    )
    return lab.reviewing.get(review_key(film, ready, view.method), work)


def _show_tables(film: LabFilm, view: View, analysis: "Analysis | None", lab: Lab, committed: Committed | None) -> None:
    """Show the tables below a film: how maps stand to the truth, every score, and the tally."""
    if lab.revealed:
        show_legend(film)
    reviewed = lab.reviewing.value if lab.revealed else None
    if analysis is not None and lab.revealed:
        known = [finding.label for finding in analysis.findings]
        label = None if committed is None or committed.film != film.sha256 else committed.finding
        first = next((each for each in film.masks if each in known), known[0])
        threshold = THRESHOLD if committed is None else committed.display.threshold
        shown = label if label in known else first
        show_verdicts(film, analysis, shown, threshold)
        show_trust(_trusting, analysis, shown, key=f"lab {film.sha256[:12]}", truth=truth(film, analysis, shown))
    if reviewed is not None and reviewed.radiograph is film.radiograph:
        show_scores(film, reviewed)
    order = [choice.config.id for choice in view.choices]
    if lab.tally.films or lab.revealed:
        _show_tally(lab, view, order, (film.sha256, view.set.name) if reviewed is not None else None)


def _show_welcome() -> None:
    st.title("Phantom lab")
    st.markdown(
        "How far can a map be trusted? Here the truth is known: chest films are drawn by code, with findings planted "
        "at known places. For every film you see where each network's map is hottest, and whether that is where the "
        "finding is.\n\n"
        "- **Look** at maps beside the truth, of findings, difficulty and seed of your choice.\n"
        "- **Read blind**: say what is there, and where, before you see truth and maps.\n"
        "- **Right for the wrong reason**: turn on *Teaching shortcut*, a network that was never shown where findings "
        "are. Compare its scores with its maps."
    )
    with st.container(horizontal=True, gap="small"):
        st.button("Draw a film", on_click=draw_next, type="primary", key="lab first")
        st.button("Read a film blind", on_click=begin_blind, key="lab first blind")


def _show_heading(lab: Lab, film: LabFilm | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(_title(lab, film), width="stretch")
        st.button(
            "Next random film",
            on_click=draw_next,
            type="primary" if lab.revealed else "secondary",
            key="lab next",
            icon=":material/casino:",
        )


def _title(lab: Lab, film: LabFilm | None) -> str:
    title = f"**Phantom {lab.seed}**"
    if film is None or not lab.revealed:
        return title
    return f"{title} · planted: **{', '.join(map(displayed, film.masks)) or 'nothing, a normal film'}**"


def _show_anyway(sha256: str, of: Identities) -> None:
    lab = session_lab()
    if lab.shows(sha256):
        lab.shown_anyway = of


def _count(lab: Lab, film: LabFilm, analysis: "Analysis", set: str) -> None:
    """Put a film into the tally, unless it is there."""
    key = film.sha256, set
    readers = [result.id for result in counted(analysis)]
    readers += [LEARNER] if lab.answer is not None else []
    if lab.tally.wants(key, readers):
        found = outcomes(film, analysis)
        if lab.answer is not None:
            found[LEARNER] = answered(film, lab.answer)
        lab.tally.take(key, found)


def _show_tally(lab: Lab, view: View, order: Sequence[str], shown: tuple[str, str] | None) -> None:
    """Show the tally; `shown` is the film on the screen and its set, where that film is counted."""
    blind = any(LEARNER in readers for readers in lab.tally.films.values())
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("**Tally**", help=TALLY_HELP, width="stretch")
        mine = blind and st.toggle("Read blind only", True, key="lab mine", persist_state="session")
        st.button("Reset", on_click=_reset, args=(shown,), key="lab reset", type="tertiary")
    show_tally(lab.tally, view.set.name, order, answered_only=mine)


def _reset(shown: tuple[str, str] | None) -> None:
    session_lab().tally.reset(shown)


def _show_work(kind: str) -> None:
    """Show how far the drawing or the review is, or why it has ended; `kind` is the slot's name in the lab."""
    show_work(partial(_slot, kind), again="Try again", key=f"lab {kind}")


def _trusting() -> Trusting:
    return session_lab().trusting


def _slot(kind: str) -> Slot[Any]:
    return getattr(session_lab(), kind)


def _try_again(kind: str) -> None:
    _slot(kind).begin_anew()
