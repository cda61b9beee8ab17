"""A readers' study in the app: each reader is led case by case, and sees nothing of networks where the plan says so.

The session's folder has the sitting (`readers.sitting`). Which case is next follows from what the session has of the
reader, so that a restart goes on where it was; there is no list to choose from, and no way back.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from ensemble_cam.readers.sitting import StudySitting, Turn
from ensemble_cam.readers.study import SITTINGS, Arm
from ensemble_cam.settings.settings import displayed
from ensemble_cam.ui.session.films import OpenFilm, SessionFilms, session_films
from ensemble_cam.ui.session.keeping import Keeping, keeping, study_sitting


@dataclass(frozen=True)
class Led:
    """Where a reader is in a sitting.

    Attributes:
        sitting: of the study.
        order: the reader's; empty where they are none of the study's readers.
        place: of the case in it, from 1 on; one more than there are once all are read.
        film: its film; None where the session has it not, or all are read.
    """

    sitting: StudySitting
    order: tuple[Turn, ...]
    place: int
    film: OpenFilm | None = None

    @property
    def turn(self) -> Turn | None:
        """The case; None once all are read."""
        return self.order[self.place - 1] if self.place <= len(self.order) else None

    @property
    def alone(self) -> bool:
        """Whether the case is read without networks."""
        return self.turn is not None and self.turn.arm is Arm.WITHOUT

    @property
    def progress(self) -> str:
        """How far the reader is."""
        told = f"Sitting {self.sitting.number} of {SITTINGS}"
        return f"{told} · case {self.place} of {len(self.order)} · {self.turn.arm.value}" if self.turn else told

    @property
    def says(self) -> str:
        """What is to be said instead of a case; empty where there is one."""
        if not self.order:
            return (
                "Choose your name in the drawer on the left. Those who are not there are none of this study's readers."
            )
        if self.turn is None:
            rest = f" Sitting 2 begins {self.sitting.washout} days from now at the earliest."
            return f"All {len(self.order)} cases of this sitting are read.{rest * (self.sitting.number < SITTINGS)}"
        if self.film is None:
            return f"The film of {self.turn.case} is not in this session. Tell who leads the study."
        return ""

    @property
    def asks(self) -> str:
        """What is to be done with the case."""
        what = f"{displayed(self.sitting.finding)}: mark it if it is there, and say how sure you are (1–5)."
        return f"{what} Then W: the next case." if self.alone else f"{what} Then V: scores and maps, and W at last."

    @property
    def too_early(self) -> str:
        """That the washout is not over, in a sentence; empty where it is, or that is not known."""
        rested = self.turn.rested if self.turn is not None else ""
        if not rested or datetime.fromisoformat(rested) <= datetime.now(UTC):
            return ""
        return (
            f"You have read this case less than {self.sitting.washout} days ago: the washout is over on {rested[:10]}. "
            "What is read before is told as a deviation."
        )


def led() -> Led | None:
    """Return where this page's reader is; None where the session is no study's.

    Raises:
        SessionError: if the sitting or the session cannot be read.
    """
    of = study_sitting()
    return None if of is None else led_through(of, keeping(), session_films())


def led_through(of: StudySitting, here: Keeping, films: SessionFilms) -> Led:
    """Return where a reader is in a sitting: at the first case of their order that they are not done with."""
    order = of.orders.get(here.reader.name, ())
    by_hash = {film.id.sha256: film for film in films.values()}
    for place, turn in enumerate(order, start=1):
        film = by_hash.get(turn.sha256)
        if film is None or here.state(film).done is None:
            return Led(of, order, place, film)
    return Led(of, order, len(order) + 1)


def lead(to: Led, films: SessionFilms) -> None:
    """Put the case on the stage that a reader is led to, and nothing else."""
    if films.on_stage is not to.film:
        films.put_on_stage(to.film)


def reads_alone(film: OpenFilm) -> bool:
    """Return whether nothing of the networks may be seen of a film: it is read without them, or is not the next."""
    here = led()
    return here is not None and (here.alone or here.film is not film)
