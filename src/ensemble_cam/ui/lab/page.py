"""The phantom lab: films whose truth is known, for learning how far maps can be trusted.

The reader draws a phantom and sees every network's map beside what was planted, or reads it blind first; a tally keeps
count over the films of the session. Phantoms go the way of any film: written as PNG, read back, examined, explained.
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from ensemble_cam.film.geometry import Geometry
from ensemble_cam.phantom import FINDINGS
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.rendering.screen import Screen
from ensemble_cam.settings.settings import displayed
from ensemble_cam.ui import sets
from ensemble_cam.ui.lab.blind import show_reading
from ensemble_cam.ui.lab.controls import View, begin_blind, draw_next, show_film_choice, show_view
from ensemble_cam.ui.lab.panels import columns, show_answer, show_film, show_legend, show_maps, show_scores
from ensemble_cam.ui.lab.state import Lab, session_lab
from ensemble_cam.ui.lab.tally import LEARNER, TALLY_HELP, answered, counted, outcomes, show_tally
from ensemble_cam.ui.lab.work import SIZE, LabFilm, drawing, review_key, review_settings
from ensemble_cam.ui.overlay_key import pass_on_overlay_key, show_overlays_button
from ensemble_cam.ui.review.remarks import offer_meaningless, show_failures, show_remarks
from ensemble_cam.ui.session import networks
from ensemble_cam.ui.session.closing import when_closed
from ensemble_cam.ui.session.networks import Identities, Ready, identities
from ensemble_cam.ui.session.reviewing import reviewing, show_work
from ensemble_cam.ui.session.slot import Slot
from ensemble_cam.ui.session.stage import emptied
from ensemble_cam.ui.words import plain

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
    for choice, error in absent.items():
        st.warning(plain(f"{choice.config.name}: {error}"))
    if lab.wish is None:
        _show_welcome()
        return
    film = lab.drawing.get(lab.wish, drawing(lab.wish))
    # The pictures of the film before go first, so that no heading ever stands over another film's.
    heading, body = st.container(), emptied("lab", f"lab-{lab.seed}-{'' if film is None else film.sha256[:12]}")
    with heading:
        _show_heading(lab, film)
    with body:
        if film is None:
            _show_work("drawing")
        else:
            _show_film(lab, film, view, ready)


def _show_film(lab: Lab, film: LabFilm, view: View, ready: Sequence[Ready]) -> None:
    geometry = Geometry.framed((film.radiograph.width, film.radiograph.height), framing="crop", cells=1)
    screen = Screen.of(film.radiograph.display, geometry, longest=SIZE)
    for caution in view.set.cautions(phantom=film.radiograph.phantom):
        st.warning(plain(caution), icon=":material/warning:")
    analysis = None
    if ready:
        work = reviewing(
            film.radiograph,
            ready,
            lambda examined: review_settings(examined, ready, view.method),
            framing="crop",
            examining=lab.examining,
        )
        analysis = lab.reviewing.get(review_key(film, ready, view.method), work)
    if not lab.revealed:
        with show_reading(film, screen):
            if ready and analysis is None:
                _show_work("reviewing")
            if lab.tally.films:
                _show_tally(lab, view, [each.choice.config.id for each in ready], None)
        return
    if analysis is not None:
        _count(lab, film, analysis, view.set.name)
        _show_truth_and_maps(lab, film, analysis, screen, view, identities(ready))
        return
    left, right = columns(1 + len(ready))
    with left:
        show_film(film, screen, lab.answer, truth=view.truth)
    with right:
        if ready:
            _show_work("reviewing")


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
        if lab.revealed:
            show_overlays_button("The films")
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


def _show_truth_and_maps(
    lab: Lab, film: LabFilm, analysis: "Analysis", screen: Screen, view: View, of: Identities
) -> None:
    if show_failures(analysis):
        st.button("Try again", on_click=_try_again, args=("reviewing",), key="lab again failed")
    show_remarks(analysis)
    withheld = analysis.meaningless and lab.shown_anyway != of
    if withheld:
        offer_meaningless(_show_anyway, film.sha256, of, key=f"lab show anyway {film.sha256}")
    if lab.answer is not None:
        show_answer(film, lab.answer)
    known = [finding.label for finding in analysis.findings]
    label = st.segmented_control(
        "Finding",
        [label for label in FINDINGS if label in known],
        default=next((label for label in film.masks if label in known), known[0]),
        format_func=lambda label: displayed(label) + (" ●" if label in film.masks else ""),
        required=True,
        key=f"lab finding {film.sha256} {view.set.name}",
        label_visibility="collapsed",
        help="Planted ones have a dot.",
    )
    left, right = columns(1 + len(analysis.results))
    with left:
        show_film(film, screen, lab.answer, truth=view.truth)
        show_legend(film, lab.answer, truth=view.truth)
        _show_tally(lab, view, [result.id for result in analysis.results], (film.sha256, view.set.name))
    with right:
        if not withheld:
            show_maps(film, analysis, label, screen, view.display, truth=view.truth)
    show_scores(film, analysis)
    pass_on_overlay_key()


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


def _slot(kind: str) -> Slot[Any]:
    return getattr(session_lab(), kind)


def _try_again(kind: str) -> None:
    _slot(kind).begin_anew()
