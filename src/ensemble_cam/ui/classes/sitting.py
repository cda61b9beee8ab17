"""What a session's page of classes holds: in `st.session_state` and nowhere else."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

import streamlit as st

from ensemble_cam.errors import RadiographError
from ensemble_cam.film.radiograph import Radiograph
from ensemble_cam.readers.class_answers import CONFIDENCES, Answers, FilmAnswer, Named, rights
from ensemble_cam.readers.class_table import ClassTable
from ensemble_cam.readers.classes import ClassSet
from ensemble_cam.readers.film_sets import AnySet, FilmSet
from ensemble_cam.settings.pixels import Pixels
from ensemble_cam.ui.lab.work import LabFilm, Wish
from ensemble_cam.ui.session.films import OpenFilm, session_films
from ensemble_cam.ui.session.jobs import Job
from ensemble_cam.ui.session.reading import Reading
from ensemble_cam.ui.session.slot import Slot
from ensemble_cam.ui.viewer.committed import Committed
from ensemble_cam.ui.viewer.payload import FilmPart

CLASS = "class"
"""Under which a session holds it."""


@dataclass(eq=False)
class Sitting:
    """A student who answers a set.

    Attributes:
        set: that is answered.
        student: the name that the student goes by.
        began: when, in UTC.
        films: the answers that were given.
        marks: on the film on the screen: finding → source pixel (x, y).
        drawing: the film on the screen, and its drawing; a film of one's own is read in its stead.
        shown: when it was first on the screen, by the monotonic clock; None before.
        part: what of it the viewer is sent, packed once.
        committed: what the student has set in the viewer; None before they did.
        pointed: the serial number of the last click that marked something.
    """

    set: AnySet
    student: str
    began: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    films: list[FilmAnswer] = field(default_factory=list)
    marks: dict[str, tuple[int, int]] = field(default_factory=dict)
    drawing: Slot[Radiograph] = field(default_factory=partial(Slot, "work"), repr=False)
    shown: float | None = None
    part: tuple[Radiograph, FilmPart] | None = field(default=None, repr=False)
    committed: Committed | None = None
    pointed: int = 0

    @property
    def number(self) -> int:
        """The number of the film that is to be answered next; behind the last one it is one more than there are."""
        return len(self.films) + 1

    @property
    def over(self) -> bool:
        """Whether all films are answered."""
        return self.number > self.set.count

    @property
    def answers(self) -> Answers:
        """What would be handed in now."""
        return Answers(self.set, self.student, tuple(self.films), self.began)

    def wish(self) -> Wish | str:
        """Return the film that is to be answered next: what is drawn, or the SHA-256 of a film of one's own."""
        if isinstance(self.set, FilmSet):
            return self.set.films[self.number - 1].sha256
        planned = self.set.films[self.number - 1]
        difficulty = self.set.difficulty_of(self.number, rights(self.answers))
        return Wish(planned.seed, planned.findings, difficulty, blind=True)

    def seconds(self) -> float:
        """Return how long the film has been on the screen; the first time, it is on it from now on."""
        if self.shown is None:
            self.shown = time.monotonic()
        return time.monotonic() - self.shown

    def answer(self, number: int, named: Mapping[str, int | None]) -> bool:
        """Take the answer to a film, and go to the next; whether it was the one on the screen.

        Args:
            number: the film's.
            named: finding → confidence; None where none was given, as time was over, and counts as the least.
        """
        if number != self.number or self.over:
            return False
        found = {label: Named(sure or CONFIDENCES[0], self.marks.get(label)) for label, sure in named.items()}
        self.films.append(FilmAnswer(number, found, self.seconds()))
        self.marks, self.shown, self.part = {}, None, None
        self.drawing.begin_anew()
        return True


@dataclass(eq=False)
class ClassPage:
    """What one page holds.

    Attributes:
        sitting: the student's; None where nothing is being answered.
        made: the code that was made last; None before.
        judging: the teacher's table, and its making.
        failed: why a set could not be begun or made; empty where it could.
    """

    sitting: Sitting | None = None
    made: ClassSet | None = None
    judging: Slot[ClassTable] = field(default_factory=partial(Slot, "table"), repr=False)
    failed: str = ""

    @property
    def unsaved(self) -> bool:
        """Whether a student has answered something, which lies nowhere but here."""
        return self.sitting is not None and bool(self.sitting.films)

    def moved(self) -> "ClassPage":
        """Return what another page goes on with, where this one was loaded anew: all but the work under way."""
        sitting = self.sitting
        if sitting is not None:
            sitting = replace(sitting, drawing=Slot("work"), part=None, pointed=0)
        return ClassPage(sitting, self.made)

    def clear(self) -> None:
        """Let go of everything, for good."""
        self.judging.close()
        if self.sitting is not None:
            self.sitting.part = None
            self.sitting.drawing.close()


def session_class() -> ClassPage:
    """Return what this session's page holds."""
    return st.session_state.setdefault(CLASS, ClassPage())


def at_hand() -> dict[str, OpenFilm]:
    """Return SHA-256 → film of this session's own, without the app's examples and what could not be read."""
    films = session_films().values()
    return {film.id.sha256: film for film in films if not film.example and film.failure is None}


def film_work(wish: Wish | str) -> Callable[[Job[Radiograph]], Radiograph]:
    """Return the work that draws a film, or reads one of the session's.

    Args:
        wish: see `Sitting.wish`.
    """

    def draw(job: Job[Radiograph]) -> Radiograph:
        assert isinstance(wish, Wish)
        job.report("Drawing the film", 0.2)
        return LabFilm.draw(wish).radiograph

    if isinstance(wish, Wish):
        return draw
    film = at_hand().get(wish)

    def read(job: Job[Radiograph]) -> Radiograph:
        job.report("Reading the film", 0.2)
        if film is None:
            raise RadiographError("This film is not open here. Open its file.")
        held, asked = film.reading, Pixels()
        if held is None or held.asked != asked:
            stored = film.stored
            held = Reading.of(film.data, asked) if stored is None else Reading.of_stored(stored, wish, asked)
        if held.radiograph is None:
            raise RadiographError(held.failure or "This film cannot be read.")
        return held.radiograph

    return read
