"""The review page: the sidebar, the chosen film, and its review while it is made and when it is there."""

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ensemble_cam.errors import SessionError
from ensemble_cam.film.geometry import Geometry
from ensemble_cam.film.radiograph import Radiograph
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.settings.config import Config
from ensemble_cam.settings.sets import ClassifierSet
from ensemble_cam.settings.settings import Settings, displayed
from ensemble_cam.ui import fetching, film_view, sets
from ensemble_cam.ui.overlay_key import pass_on_overlay_key, show_overlays_button
from ensemble_cam.ui.review import live, opening, verdicts
from ensemble_cam.ui.review.case import show_case
from ensemble_cam.ui.review.remarks import offer_meaningless, show_failures, show_origin, show_remarks
from ensemble_cam.ui.review.sidebar import (
    films_told,
    fixed_controls,
    show_controls,
    show_film_picker,
    show_read_first,
)
from ensemble_cam.ui.session import films, networks
from ensemble_cam.ui.session.controls import Controls
from ensemble_cam.ui.session.films import OpenFilm
from ensemble_cam.ui.session.keeping import keeping, study_sitting
from ensemble_cam.ui.session.led import Led, lead, led, reads_alone
from ensemble_cam.ui.session.networks import Identities, Ready, identities
from ensemble_cam.ui.session.reading import EXAMPLES
from ensemble_cam.ui.session.reviewing import reviewing, seen_by, show_work
from ensemble_cam.ui.session.sitting import SITTING
from ensemble_cam.ui.session.slot import PATIENCE, Slot
from ensemble_cam.ui.session.stage import note_film, note_films, of_film
from ensemble_cam.ui.session.told import last_committed
from ensemble_cam.ui.session.turns import TURNS
from ensemble_cam.ui.trust.panel import show_trust_of_any
from ensemble_cam.ui.warm_up import wait_until_imported
from ensemble_cam.ui.words import plain

if TYPE_CHECKING:
    from ensemble_cam.reviewing.analysis import Analysis

_ALL = 18  # findings, as many as any set of classifiers knows


# The buttons below have keys that name their film: a late click on one must not act on another film.


def show_review_page() -> None:
    """Show the sidebar, and the film on the stage with its review; then read the other films that came."""
    config = networks.configuration()
    if (study := led()) is not None:
        _show_case(config, study)
        return
    with st.sidebar:
        show_film_picker(config.review)
        new, progress = films.unread(), st.empty()
        film = films.session_films().on_stage
        with progress:  # before what is said and asked of it
            films.read_in_turn([film] if film in new else [])
        read_first = show_read_first()
        about = st.container()
        controls = show_controls(config, film, read_first=read_first)
        if film is not None:
            with of_film(film, "case"):
                show_case(film)
        st.caption(PURPOSE)
    _show_stage(config, film, controls, about)
    with progress:  # once there is a film to look at
        films.read_in_turn(new)
    with st.sidebar:
        _show_what_came(config)


@st.fragment
def _show_what_came(config: Config) -> None:
    """Say what is known of the films by now, also of those that come onto the work list while the reader sits here.

    Each is read in a run of its own, between which the reader is attended to.
    """
    here = films.session_films()
    wake = SITTING.wait() if keeping().lasting else None
    if wake is not None:
        with suppress(SessionError):  # the page's next run says so
            if keeping().take_up(here) and here.on_stage is None:
                st.rerun()
            for each in films.unread()[:1]:
                each.read()
                wake.now()
    note_films(films_told(config.review))


def _show_case(config: Config, study: Led) -> None:
    """Show the case of a readers' study that its reader is led to, or that there is none."""
    lead(study, films.session_films())
    with st.sidebar:
        st.markdown(f"**Readers' study**: {plain(displayed(study.sitting.finding))}")
        if study.order:
            st.markdown(plain(study.progress))
        about = st.container()
        st.caption(PURPOSE)
    if study.film is None:
        st.title("Readers' study")
        st.markdown(plain(study.says))
        return
    controls = fixed_controls(config, study.sitting.finding)
    if not controls.live:
        st.error("The viewer cannot run in this browser, and a study needs it. Use another browser.")
        return
    _show_stage(config, study.film, controls, about)


def _show_stage(config: Config, film: OpenFilm | None, controls: Controls, about: DeltaGenerator) -> None:
    """Show the film on the stage with its review, and what is said beside it; what is to be done first without one.

    `about` is where the drawer says what is known of the film.
    """
    sets.show_notice(controls.set, None if film is None else film.radiograph)
    # The viewer keeps its place on the page, whatever comes and goes above it: it would begin anew at another one.
    # What is said lies over the viewer's rail, see the page's style: none of it moves the film.
    above, stage, below = st.container(key="said"), st.container(), st.container()
    with above:
        fetching.end_fetching()
        if study_sitting() is None:
            sets.show_set(config, controls.set)
        fetching.show_progress()
        ready = fetching.show_weights(controls.choices)
        controls = controls.for_classifiers([each.choice for each in ready])
        if film is None:
            film = opening.open_first_phantom(config, controls.set)
        if film is None:
            opening.show_welcome(controls.set)
            return
        with st.spinner("Reading the film", show_time=True):
            reading = film.read(controls.pixels)
        read = reading.radiograph
        film.examining.take_values()
        for other in films.session_films().values():
            if other is not film:
                other.leave_stage()
        if not controls.live or read is None:
            note_film(film)
        with about if controls.live and read is not None else st.container(), of_film(film, "heading"):
            _show_heading(film, controls)
            if read is None:
                st.error(plain(f"{film.name}: {reading.failure}"), icon=":material/broken_image:")
                return
    if controls.live:
        with about, of_film(film, "facts"):
            film_view.show_facts(read)
        _show_live(film, read, controls, ready, above, stage, below)
    else:
        with below, of_film(film, "stills"):
            _show_stills(film, read, controls, ready)


def _show_heading(film: OpenFilm, controls: Controls) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{plain(film.name)}**{_planted(film, controls)}", width="stretch")
        if not controls.live:
            pass_on_overlay_key()
            show_overlays_button("The film")
        if study_sitting() is not None:
            return
        if film.planted is not None:
            opening.show_phantom_button("Another phantom")
        st.button(
            "Remove this film",
            on_click=films.remove_film,
            args=(film.id.number,),
            key=f"remove {film.id.key}",
            icon=":material/delete:",
            help="Drops the film and its results from this session at once.",
        )


def _planted(film: OpenFilm, controls: Controls) -> str:
    """Return what was planted into a phantom, for the heading; nothing while scores and maps are hidden."""
    if film.planted is None or _hidden(film, controls):
        return ""
    return f" · **Planted:** {', '.join(map(displayed, film.planted)) or 'nothing: a normal film'}"


def _hidden(film: OpenFilm, controls: Controls) -> bool:
    return (controls.read_first and not film.revealed) or reads_alone(film)


def _geometry(read: Radiograph, controls: Controls) -> Geometry:
    return Geometry.framed((read.width, read.height), framing=controls.settings.framing, cells=1)


def _show_live(
    film: OpenFilm,
    read: Radiograph,
    controls: Controls,
    ready: list[Ready],
    above: DeltaGenerator,
    stage: DeltaGenerator,
    below: DeltaGenerator,
) -> None:
    """Show the viewer: the film at once, and its maps as soon as there are any."""
    hidden = _hidden(film, controls)
    with above, of_film(film, "beside"):
        _show_cautions(read, controls.set)
        film_view.show_warnings(read)
        if hidden:
            _show_reveal(film)
        alone = reads_alone(film)  # then nothing is asked of the networks, either
        analysis = _review(film, read, controls, ready) if ready and not alone else None
        withheld = False
        if analysis is not None and not hidden:
            _show_remarks(film, analysis)
            withheld = _keeps_back(film, analysis, identities(ready))
    with below:  # a first read is locked before anything else is seen
        verdicts.show_said(film, analysis, controls, hidden=hidden)
    with stage:
        seen = None if hidden else analysis
        live.show_live(film, read, _geometry(read, controls), controls, seen, withheld=withheld)
    if analysis is not None and not hidden:
        with below, of_film(film, "origin"):
            show_origin(analysis)


def _show_reveal(film: OpenFilm) -> None:
    study = led()
    if study is not None and study.too_early:
        st.warning(plain(study.too_early))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        told = "Read the film first. Scores and maps are hidden." if study is None else study.asks
        st.markdown(plain(told))
        if study is not None and study.alone:
            return
        st.button(
            "Show scores and maps",
            on_click=_reveal,
            args=(film.id.number,),
            key=f"reveal {film.id.key}",
            type="primary",
        )


def _keeps_back(film: OpenFilm, analysis: "Analysis", of: Identities) -> bool:
    """Return whether the maps of a review that means nothing are kept back, and offer them then all the same.

    They come for this film and these networks alone, and until another film is on the stage.
    """
    if not analysis.meaningless or film.shown_anyway == of:
        return False
    said = analysis.classifier_set.means_nothing_on(phantom=analysis.radiograph.phantom)  # by the line at the head
    offer_meaningless(_show_anyway, film.id.number, of, key=f"show anyway {film.id.key}", said=said)
    return True


def _show_remarks(film: OpenFilm, analysis: "Analysis") -> None:
    if show_failures(analysis):
        st.button(
            "Run the failed classifiers again",
            on_click=_begin_anew,
            args=(film.id.number,),
            key=f"run again {film.id.key}",
        )
    show_remarks(analysis)


def _show_stills(film: OpenFilm, read: Radiograph, controls: Controls, ready: list[Ready]) -> None:
    """Show panels drawn here, for browsers in which the viewer cannot run."""
    film.leave_viewer()
    hidden = _hidden(film, controls)
    left, right = st.columns([2.2, 1] if hidden else [1, 2.1], gap="small")
    with left:
        film_view.show_film(read, _geometry(read, controls))
    with right:
        _show_cautions(read, controls.set)
        film_view.show_facts(read)
        film_view.show_warnings(read)
        if hidden:
            _show_reveal(film)
        if not ready:
            return
        analysis = _review(film, read, controls, ready)
        if analysis is None or hidden:
            return
        with TURNS.aside():
            wait_until_imported()
        from ensemble_cam.ui.review import downloads, stills  # here: the film is on the screen before

        _show_remarks(film, analysis)
        withheld = _keeps_back(film, analysis, identities(ready))
        stills.show_scores(analysis)
    if withheld:
        show_origin(analysis)
        return
    stills.show_findings(analysis, controls.display)
    downloads.show_downloads(downloads.review_of(analysis, controls.display, case=film.case), film=film)
    show_trust_of_any(partial(live.trusting_of, film.id.number), analysis, key=film.id.key)
    show_origin(analysis)


def _show_cautions(read: Radiograph, set: ClassifierSet) -> None:
    """Say what has to be known of a film beside this set, unless the line says it that stays on the screen."""
    if set.notice is None:
        for caution in set.cautions(phantom=read.phantom):
            st.caption(plain(caution))


def _reveal(number: int) -> None:
    if (film := films.film(number)) and not reads_alone(film):
        film.revealed = True


def _show_anyway(number: int, of: Identities) -> None:
    if film := films.film(number):
        film.shown_anyway = of


def _review(film: OpenFilm, read: Radiograph, controls: Controls, ready: list[Ready]) -> "Analysis | None":
    """Return the review for what is set now, and show how far it is; what holds of it meanwhile is the one before.

    Until another method's maps are there, or where they were stopped, those of the method before stay, and it is said.
    Of another film, other networks or another framing nothing stays. None where there is nothing.
    """
    settings = controls.settings
    if controls.live:
        settings = replace(settings, ensemble_weights=_weights(settings))
    if not any(settings.ensemble_weights.values()):
        st.warning(
            "Every chosen classifier has an ensemble weight of 0, so that nothing ranks the findings. Give one of them "
            "a weight above 0 in the sidebar, under Classifiers."
        )
        return None
    if controls.live and not settings.recipe.by_the_label:
        settings = replace(settings, top_k=_ALL, labels=None)  # any finding may be asked for, and none costs a wait
    seen = seen_by(read, ready, settings.framing)
    key = seen, settings.top_k, settings.labels, settings.recipe, tuple(settings.ensemble_weights.items())
    work = reviewing(read, ready, lambda _: settings, framing=settings.framing, examining=film.examining)
    if film.example:
        work = EXAMPLES.reviewing_once(key, work)
        if (made := EXAMPLES.review(key)) is not None and film.reviewing.held(key) is None:
            film.reviewing.drop_work()
            film.reviewing.hold(key, made)
    # A film that has just been opened is to be seen at once, and never under another one's name.
    patience = 0.0 if controls.live and film.shown is None else PATIENCE
    analysis = film.reviewing.get(key, work, patience=patience, gives_way=film.example)
    if analysis is None:
        show_work(partial(_reviewing_of, film.id.number), again="Review this film", key=f"review {film.id.key}")
        analysis = film.reviewing.latest(lambda of: isinstance(of, tuple) and of[0] == seen)
        if analysis is not None and analysis.settings.recipe != settings.recipe:
            st.caption(plain(f"Until then, the maps are those of {analysis.settings.recipe.line}."))
    return analysis


def _reviewing_of(number: int) -> "Slot[Analysis] | None":
    found = films.film(number)
    return None if found is None else found.reviewing


def _weights(settings: Settings) -> dict[str, float]:
    """Return the weights that a review under the live viewer begins with.

    Where every further map costs a wait, they are the reader's own, as these decide which maps are made. Where all
    would be 0, each counts as much as the others: the viewer has the sliders.
    """
    weights = dict(settings.ensemble_weights)
    committed = last_committed()
    if settings.recipe.by_the_label and committed is not None:
        told = {id: committed.weights.get(id, weight) for id, weight in weights.items()}
        weights = told if any(told.values()) else weights
    return weights if any(weights.values()) else dict.fromkeys(weights, 1.0)


def _begin_anew(number: int) -> None:
    """Let a film be reviewed again; the callback of a failed review's button."""
    if film := films.film(number):
        film.reviewing.begin_anew()
