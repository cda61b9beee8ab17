"""What the phantom lab lets compute: drawing a film, and reviewing it, each through the queue of all sessions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from ensemble_cam.errors import Cancelled
from ensemble_cam.film.radiograph import Radiograph, read_radiograph
from ensemble_cam.phantom import FINDINGS, draw_phantom
from ensemble_cam.phantom.files import film_name, phantom_files
from ensemble_cam.settings.settings import Settings
from ensemble_cam.ui import films, networks
from ensemble_cam.ui.jobs import PROCESSOR, Job, sentence
from ensemble_cam.ui.networks import Ready

if TYPE_CHECKING:
    from ensemble_cam.reviewing.analysis import Analysis

T = TypeVar("T")

SIZE = 640  # pixels of a film's side: what fits on a small screen
_PATIENCE = 0.6  # seconds; work that is done by then needs no progress bar


@dataclass(frozen=True)
class Wish:
    """Which film to draw; the first three are as in `draw_phantom`.

    Attributes:
        seed: what it is drawn from.
        findings: what is planted; None for findings at random.
        difficulty: 0 to 1; None for any.
        blind: whether its truth, scores and maps stay hidden until the reader has answered.
    """

    seed: int
    findings: tuple[str, ...] | None
    difficulty: float | None
    blind: bool


@dataclass(frozen=True, eq=False)
class LabFilm:
    """A drawn film, read back from its own file's bytes as a review reads any other, and its truth.

    Attributes:
        wish: what it was drawn for.
        radiograph: the film.
        masks: planted finding → (h, w) bool, in source pixels.
        difficulty: as drawn.
        measures: what can be told in numbers, see `Phantom.measures`.
    """

    wish: Wish
    radiograph: Radiograph
    masks: Mapping[str, np.ndarray]
    difficulty: float
    measures: Mapping[str, float]

    @property
    def sha256(self) -> str:
        """Hash of its file."""
        return self.radiograph.sha256

    @classmethod
    def draw(cls, wish: Wish) -> "LabFilm":
        """Draw a film."""
        phantom = draw_phantom(wish.seed, findings=wish.findings, size=SIZE, difficulty=wish.difficulty)
        data = phantom_files(phantom, 0)[film_name(0, "png")]
        return cls(wish, read_radiograph(data), phantom.masks, phantom.difficulty, phantom.measures)


class Slot(Generic[T]):
    """The latest outcome of one kind of work that a page wants, and the work under way for it.

    A run of the page may begin while the one before has not noticed yet that it is over, so that two threads ask.

    Attributes:
        job: the work under way.
        ended: why the work last asked for has ended without an outcome, or None.
    """

    def __init__(self) -> None:
        self.job: Job[T] | None = None
        self.ended: str | None = None
        self._value: T | None = None
        self._key: object = None
        self._job_key: object = None
        self._ended_key: object = None
        self._lock = Lock()

    def get(self, key: object, work: Callable[[Job[T]], T]) -> T | None:
        """Return the outcome of the work that `key` stands for, and begin it where that is needed.

        Returns:
            None while it is under way, see `job`, and where it has ended without an outcome, see `ended`.
        """
        with self._lock:
            if key in (self._key, self._ended_key):
                return self._value if self._key == key else None
            if self.job is None or self._job_key != key:
                self.stop()
                self.job, self._job_key = PROCESSOR.submit(work, wanted=films.session_watch()), key
            job = self.job
        if not job.wait(_PATIENCE):
            return None
        with self._lock:
            if self.job is job:
                self._collect(job)
            # Begun at most once in a call: a run of the page that is over must not fight the one that followed it.
            return self._value if self._key == key else None

    def stop(self) -> None:
        """Ask the work under way to end."""
        if (job := self.job) is not None:
            job.cancel()

    def begin_anew(self) -> None:
        """Let go of outcome and work, so that the work is begun again when it is next asked for."""
        with self._lock:
            self.stop()
            self.job = self.ended = self._value = None
            self._key = self._job_key = self._ended_key = None

    def _collect(self, job: Job[T]) -> None:
        outcome, key = job.outcome(), self._job_key
        self.job, self._job_key = None, None
        if isinstance(outcome, Cancelled) and not job.cancelled:
            return  # the page was away and so gave up its place
        if isinstance(outcome, BaseException):
            self.ended = "The work was stopped." if isinstance(outcome, Cancelled) else sentence(outcome)
            self._ended_key = key
        else:
            self._key, self._value, self.ended, self._ended_key = key, outcome, None, None


def drawing(wish: Wish) -> Callable[[Job[LabFilm]], LabFilm]:
    """Return the work that draws a film."""

    def work(job: Job[LabFilm]) -> LabFilm:
        job.report("Drawing the film", 0.2)
        return LabFilm.draw(wish)

    return work


def review_key(film: LabFilm, ready: Sequence[Ready], method: str) -> tuple:
    """Return what a review of a film follows from."""
    choices = [(each.choice.config.id, each.choice.weights, each.sha256, each.choice.ensemble_weight) for each in ready]
    return film.sha256, tuple(choices), method


def reviewing(film: LabFilm, ready: Sequence[Ready], method: str) -> "Callable[[Job[Analysis]], Analysis]":
    """Return the work that reviews a film: every finding that can be planted and that one of the networks knows."""
    radiograph = film.radiograph
    shares = {each.choice.config.id: each.choice.ensemble_weight for each in ready}

    def work(job: "Job[Analysis]") -> "Analysis":
        job.report("Starting PyTorch", 0.0)
        from ensemble_cam.reviewing.pipeline import examine, explain

        def report(what: str, share: float) -> None:
            job.report(what, 0.3 + 0.7 * share)

        classifiers = []
        for number, each in enumerate(ready):
            job.report(f"Loading {each.choice.config.name}", 0.3 * number / len(ready))
            if job.stopped():
                raise Cancelled("Stopped while the networks were loading.")
            classifiers.append(networks.load(each))
        labels = tuple(label for label in FINDINGS if any(label in one.outputs for one in classifiers))
        settings = Settings(labels=labels, method=method, ensemble_weights=shares)
        examined = examine(radiograph, classifiers, progress=report, cancelled=job.stopped)
        return explain(examined, settings, progress=report, cancelled=job.stopped)

    return work
