"""What a session's phantom lab holds: in `st.session_state` and nowhere else."""

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from ensemble_cam.ui.lab.tally import Answer, Tally
from ensemble_cam.ui.lab.work import LabFilm, Wish
from ensemble_cam.ui.session.networks import Identities
from ensemble_cam.ui.session.slot import Slot
from ensemble_cam.ui.session.trusting import Trusting
from ensemble_cam.ui.viewer.committed import Committed
from ensemble_cam.ui.viewer.payload import FilmPart

if TYPE_CHECKING:
    from ensemble_cam.reviewing.analysis import Analysis
    from ensemble_cam.reviewing.pipeline import Examination

_LAB = "lab"


@dataclass(eq=False)
class Lab:
    """One session's lab.

    Attributes:
        wish: which film is wanted; None before the first.
        drawing: the film, and its drawing.
        examining: what the networks made of it.
        reviewing: the film's review.
        trusting: what was measured of its maps.
        marks: what the learner marked on the film on the screen: finding → source pixel (x, y).
        answer: what the learner said of it, once that was said.
        revealed: whether its truth, scores and maps may be seen.
        shown_anyway: the networks whose maps of it are to be seen though they mean nothing; None for none.
        tally: over all films of the session.
        known: seeds of films whose truth was seen.
        part: the film on the screen and what of it the viewer is sent, packed once; None before.
        committed: what the learner has set in the viewer; None before they did.
        pointed: the serial number of the last click that marked something.
    """

    wish: Wish | None = None
    drawing: Slot[LabFilm] = field(default_factory=partial(Slot, "drawing"))
    examining: "Slot[Examination]" = field(default_factory=Slot)
    reviewing: "Slot[Analysis]" = field(default_factory=Slot)
    trusting: Trusting = field(default_factory=Trusting)
    marks: dict[str, tuple[int, int]] = field(default_factory=dict)
    answer: Answer | None = None
    revealed: bool = False
    shown_anyway: Identities | None = None
    tally: Tally = field(default_factory=Tally)
    known: set[int] = field(default_factory=set)
    part: tuple[LabFilm, FilmPart] | None = field(default=None, repr=False)
    committed: Committed | None = None
    pointed: int = 0

    def shows(self, sha256: str) -> bool:
        """Whether the film with this hash is on the screen; what was meant for another one comes too late."""
        film = self.drawing.value
        return film is not None and film.sha256 == sha256

    @property
    def seed(self) -> int | None:
        """What the wanted film is drawn from; None before the first."""
        return None if self.wish is None else self.wish.seed

    def want(self, wish: Wish) -> None:
        """Ask for a film; the one on the screen goes with all that was said of it."""
        if self.wish is not None and self.revealed:
            self.known.add(self.wish.seed)
        self.wish, self.revealed = wish, not wish.blind
        self.marks, self.answer, self.shown_anyway, self.part = {}, None, None, None
        self.drawing.begin_anew()
        self.examining.begin_anew()
        self.reviewing.begin_anew()
        self.trusting.begin_anew()

    def clear(self) -> None:
        """Let go of the film and of everything that was made of it, for good."""
        self.part = None
        for slot in (self.drawing, self.examining, self.reviewing, self.trusting):
            slot.close()


def session_lab() -> Lab:
    """Return this session's lab; callbacks ask for it here, too, as Streamlit keeps their arguments for long."""
    return st.session_state.setdefault(_LAB, Lab())
