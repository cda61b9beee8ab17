"""The lab's film on the stage: in the viewer that shows any film, with what was planted and the marks over it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from ensemble_cam.film.geometry import Geometry
from ensemble_cam.phantom import FINDINGS
from ensemble_cam.purpose import MEANINGLESS_LINE
from ensemble_cam.settings.config import ReviewDefaults
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.sets import ClassifierSet
from ensemble_cam.ui.lab.state import Lab, session_lab
from ensemble_cam.ui.lab.work import LabFilm
from ensemble_cam.ui.session import networks
from ensemble_cam.ui.viewer.committed import Committed
from ensemble_cam.ui.viewer.live import show_viewer
from ensemble_cam.ui.viewer.payload import FilmPart, Payload, Words, payload
from ensemble_cam.ui.viewer.planted import Planted
from ensemble_cam.ui.viewer.pointed import Pointed
from ensemble_cam.ui.words import plain
from ensemble_cam.validation.localisation import THRESHOLD

if TYPE_CHECKING:
    from ensemble_cam.reviewing.analysis import Analysis

KEY = "lab-viewer"
_MEANING = "Colours: each map over its own maximum; where a network looked, not what is there."


def sent(
    film: LabFilm,
    set: ClassifierSet,
    defaults: ReviewDefaults,
    over: Planted,
    *,
    analysis: "Analysis | None" = None,
    withheld: bool = False,
) -> Payload:
    """Return what the viewer is sent of a lab film.

    Args:
        film: the film.
        set: of the networks.
        defaults: how maps are drawn at first, the threshold aside.
        over: what lies over it.
        analysis: its review; None while its scores and maps are hidden.
        withheld: whether the maps are kept back, as they mean nothing.
    """
    lab, read = session_lab(), film.radiograph
    geometry = Geometry.framed((read.width, read.height), framing="crop", cells=1)
    meaningless = set.means_nothing_on(phantom=read.phantom) or (analysis is not None and analysis.meaningless)
    teaching = ("", "") if set.notice is None else ("teaching", "for drawn phantoms alone")
    if lab.part is None or lab.part[0] is not film:
        lab.part = film, FilmPart.of(read)
    start = lab.committed or Committed(display=Display(THRESHOLD, defaults.opacity, defaults.colormap))
    known = {finding.label for finding in analysis.findings} if analysis is not None else frozenset()
    return payload(
        film.wish.seed,
        lab.part[1],
        geometry,
        Words(
            set=f"{set.title} set · Phantom {film.wish.seed}",
            meaning="" if analysis is None or withheld else _MEANING,
            frame=("meaningless", MEANINGLESS_LINE) if meaningless else teaching,
        ),
        analysis=analysis,
        withheld=withheld,
        wanted=next((label for label in film.masks if label in known), None),
        colours={} if analysis is None else {each.id: networks.colour(each.id) for each in analysis.results},
        planted=over,
        start=start.start(),
    )


@st.fragment
def show_stage(film_sha256: str, made: Payload, below: Callable[[Lab, Committed | None], None]) -> None:
    """Show the viewer, take what it tells, and show what follows it below.

    Args:
        film_sha256: the film's; what is told of another one is passed over.
        made: see `sent`.
        below: shows tables; is handed the lab, and what the reader has set.
    """
    lab = session_lab()
    if not lab.shows(film_sha256):
        st.rerun()
    told = show_viewer(made, key=KEY)
    if told.failed is not None:
        st.error(plain(f"The film cannot be shown in this browser ({told.failed})."))
        return
    if told.committed is not None and (lab.committed is None or told.committed.serial > lab.committed.serial):
        lab.committed = told.committed
    if told.pointed is not None and take_point(lab, told.pointed):
        st.rerun()
    with st.container(key="lab-tables"):
        below(lab, lab.committed)


def take_point(lab: Lab, pointed: Pointed) -> bool:
    """Put a mark on the film, where it is meant for the one on the screen and was not taken before; whether it was."""
    film = lab.drawing.value
    if lab.revealed or film is None or pointed.film != film.sha256 or pointed.serial <= lab.pointed:
        return False
    lab.pointed = pointed.serial
    if pointed.target not in FINDINGS:  # it comes from the browser
        return False
    width, height = film.radiograph.width, film.radiograph.height
    x, y = (min(max(int(at), 0), size - 1) for at, size in zip(pointed.at, (width, height), strict=True))
    lab.marks[pointed.target] = x, y
    return True
