"""The live viewer on the review page: what it is sent, what it tells, and the downloads that follow it.

A fragment of the page: what the reader sets in the viewer runs this much of the page again and no more. The data that
the viewer is sent is put together before, and does not depend on what comes back, so nothing is sent anew.
"""

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from ensemble_cam.errors import ConfigError
from ensemble_cam.film.geometry import Geometry
from ensemble_cam.film.radiograph import Radiograph
from ensemble_cam.purpose import MEANINGLESS_LINE
from ensemble_cam.settings.config import ReviewDefaults
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.sets import ClassifierSet
from ensemble_cam.settings.settings import Settings
from ensemble_cam.ui.review import views
from ensemble_cam.ui.review.sidebar import fall_back_to_stills
from ensemble_cam.ui.review.truth import show_truth
from ensemble_cam.ui.session import films, networks, tab
from ensemble_cam.ui.session.controls import Controls
from ensemble_cam.ui.session.films import OpenFilm
from ensemble_cam.ui.session.shown import Shown
from ensemble_cam.ui.session.stage import of_film
from ensemble_cam.ui.session.told import last_committed, take
from ensemble_cam.ui.session.trusting import Trusting
from ensemble_cam.ui.trust.panel import show_trust
from ensemble_cam.ui.viewer.committed import Committed
from ensemble_cam.ui.viewer.live import show_viewer
from ensemble_cam.ui.viewer.payload import Words, payload
from ensemble_cam.ui.words import plain

if TYPE_CHECKING:
    from ensemble_cam.reviewing.analysis import Analysis

_MEANING = (
    "Colours: each map over its own maximum; where a network looked, not what is there. %: of what the networks saw."
)


def show_live(
    film: OpenFilm,
    read: Radiograph,
    geometry: Geometry,
    controls: Controls,
    analysis: "Analysis | None",
    *,
    withheld: bool = False,
) -> None:
    """Show the viewer with a film, and with its review's maps where there is one, and the downloads below.

    Maps that are withheld are not sent, and nothing that holds one is offered.
    """
    committed = last_committed()
    whole = committed is not None and committed.detail == read.sha256
    if film.shown is not None and film.shown.radiograph is read:
        whole = whole or film.shown.whole
    made = _shown(film, read, geometry, controls, analysis, whole=whole, withheld=withheld)
    films.session_films()  # where Streamlit ends a run that a newer one has overtaken while this was made
    film.shown = made
    _show_stage(film.id.number)


def _shown(
    film: OpenFilm,
    read: Radiograph,
    geometry: Geometry,
    controls: Controls,
    analysis: "Analysis | None",
    *,
    whole: bool,
    withheld: bool,
) -> Shown:
    committed = last_committed() or Committed(display=_display(networks.configuration().review))
    sent = payload(
        film.id.number,
        film.part(read, whole=whole),
        geometry,
        _words(film, read, geometry, controls, analysis, withheld=withheld),
        analysis=analysis,
        withheld=withheld,
        wanted=_wanted(controls, analysis),
        colours={} if analysis is None else {each.id: networks.colour(each.id) for each in analysis.results},
        start=committed.start(),
        anew=films.session_films().anew,
    )
    return Shown(read, geometry, None if withheld else analysis, controls, whole, sent)


def _wanted(controls: Controls, analysis: "Analysis | None") -> str | None:
    """Return the first finding that was asked for by name, where there is a map of it."""
    if analysis is None or controls.settings.labels is None:
        return None
    return next((each.label for each in analysis.findings if each.label in controls.settings.labels), None)


def _display(defaults: ReviewDefaults) -> Display:
    return Display(defaults.threshold, defaults.opacity, defaults.colormap)


def _frame(read: Radiograph, set: ClassifierSet, analysis: "Analysis | None") -> tuple[str, str]:
    """Return why a film stands in a frame, and what is said with it."""
    if set.means_nothing_on(phantom=read.phantom) or (analysis is not None and analysis.meaningless):
        return "meaningless", MEANINGLESS_LINE
    return ("", "") if set.notice is None else ("teaching", "for drawn phantoms alone")


def _words(
    film: OpenFilm,
    read: Radiograph,
    geometry: Geometry,
    controls: Controls,
    analysis: "Analysis | None",
    *,
    withheld: bool = False,
) -> Words:
    outside = ""
    width, height = geometry.source_size
    if geometry.crop != (0, 0, width, height):
        outside = "Outlined: what the networks see. What lies outside is not looked at."
    elif width != height:
        outside = "The networks see the whole film, padded to a square; they were trained on the centre square."
    set = f"{controls.set.title} set · {film.name}"  # so that no picture stands under another film's name
    meaning = "" if withheld or analysis is None else _MEANING
    return Words(set=set, outside=outside, meaning=meaning, frame=_frame(read, controls.set, analysis))


@st.fragment
def _show_stage(number: int) -> None:
    film = films.session_films().on_stage
    if film is None or film.id.number != number or film.shown is None:
        st.rerun()  # this part of the page was drawn for a film that has left the stage
    shown = film.shown
    told = show_viewer(shown.payload)
    if told.failed is not None:
        fall_back_to_stills(told.failed)
        st.rerun()
    take(told.committed)
    tab.renew()
    views.show_view(film, shown, told.wanted)
    committed = last_committed()  # from before a visit to another page, where the viewer has told nothing yet
    if committed is not None and committed.detail == shown.radiograph.sha256 and not shown.whole:
        st.rerun()  # the film came as a smaller level; now it comes with all of its pixels
    if shown.analysis is not None:
        with of_film(film, "downloads"):
            display = shown.controls.display if committed is None else committed.display
            show_truth(film, shown.analysis, display.threshold)
            _show_downloads(shown, shown.analysis, committed, film)
            _show_trust(shown, shown.analysis, committed, film)


def _show_downloads(shown: Shown, reviewed: "Analysis", committed: Committed | None, film: films.OpenFilm) -> None:
    from ensemble_cam.ui.review import downloads  # here, as it loads PyTorch: the film is on the screen before

    display = shown.controls.display if committed is None else committed.display
    try:
        analysis = reviewed if committed is None else downloads.as_committed(reviewed, committed)
        chosen = _chosen(analysis, shown.controls.settings)
    except ConfigError as error:
        st.caption(plain(f"{error} Until then there is nothing to export."))
        return
    label = _looked_at(shown, committed)
    is_there = any(each.label == label for each in analysis.findings)
    review_of = partial(downloads.review_of, display=display, case=film.case)
    downloads.show_downloads(
        review_of(chosen),
        film=film,
        of_finding=review_of(analysis.only([label])) if label is not None and is_there else None,
    )


def _looked_at(shown: Shown, committed: Committed | None) -> str | None:
    """Return the finding that the reader looks at, by upstream name; None for the film alone."""
    if committed is not None and committed.film == shown.radiograph.sha256:
        return committed.finding
    return shown.payload.first


def _show_trust(shown: Shown, reviewed: "Analysis", committed: Committed | None, film: films.OpenFilm) -> None:
    label = _looked_at(shown, committed)
    if label is not None and any(each.label == label for each in reviewed.findings):
        show_trust(partial(trusting_of, film.id.number), reviewed, label, key=film.id.key)


def trusting_of(number: int) -> Trusting | None:
    """Return what was measured of a film's maps by its number, None if it was removed."""
    found = films.film(number)
    return None if found is None else found.trusting


def _chosen(analysis: "Analysis", settings: Settings) -> "Analysis":
    """Return the part of a review that the figure and the files hold.

    Raises:
        ConfigError: if there is a map of none of the findings that were chosen by name.
    """
    if settings.labels is None:
        return analysis.first(settings.top_k)
    there = [each.label for each in analysis.findings if each.label in settings.labels]
    if not there:
        raise ConfigError("None of the findings that are chosen by name has a map. Choose others in the sidebar.")
    return analysis.only(there)
