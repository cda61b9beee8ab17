"""The latest outcome of one kind of work that a page wants, and the work under way for it."""

from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import Generic, TypeVar

from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ensemble_cam.errors import Cancelled
from ensemble_cam.ui.session.jobs import PROCESSOR, Job, sentence
from ensemble_cam.ui.session.turns import TURNS

T = TypeVar("T")

PATIENCE = 0.6
"""Seconds; work that is done by then needs no progress bar."""


class Slot(Generic[T]):
    """An outcome with the key of what it was made for; it is never returned for any other key.

    A run of the page may begin while the one before has not noticed yet that it is over, so that two threads ask.

    Args:
        what: the work, for the sentence that says that it was stopped.

    Attributes:
        job: the work under way.
        ended: why the work last asked for has ended without an outcome, or None.
    """

    def __init__(self, what: str = "review") -> None:
        self._what = what
        self.job: Job[T] | None = None
        self.ended: str | None = None
        self._value: T | None = None
        self._key: object = None
        self._job_key: object = None
        self._ended_key: object = None
        self._closed = self._refuses = False
        self._lock = Lock()

    @property
    def value(self) -> T | None:
        """The latest outcome, whatever it was made for."""
        return self._value

    def latest(self, goes_with: Callable[[object], bool]) -> T | None:
        """Return the latest outcome where `goes_with` says so of its key, None elsewhere."""
        with self._lock:
            return self._value if self._value is not None and goes_with(self._key) else None

    def held(self, key: object) -> T | None:
        """Return the outcome for this key, None where it is not there."""
        with self._lock:
            return self._value if self._key == key else None

    def hold(self, key: object, value: T) -> None:
        """Put in an outcome that came by other work, unless the slot refuses values or was closed."""
        with self._lock:
            if not (self._closed or self._refuses):
                self._key, self._value = key, value

    def refuse_values(self) -> None:
        """Let go of the outcome, and take none until `take_values`, whatever is still under way."""
        self._refuses = True
        self.begin_anew()

    def take_values(self) -> None:
        """Take outcomes again."""
        self._refuses = False

    def get(
        self, key: object, work: Callable[[Job[T]], T], *, patience: float = PATIENCE, gives_way: bool = False
    ) -> T | None:
        """Return the outcome of the work that `key` stands for, and begin it where that is needed.

        Args:
            key: everything that the outcome follows from.
            work: makes it; is handed its own job.
            patience: seconds to wait for it.
            gives_way: whether the work makes way for that of other slots, see `JobQueue.submit`.

        Returns:
            None while it is under way, see `job`, and where it has ended without an outcome, see `ended`.
        """
        with self._lock:
            if self._closed:
                return None
            if key in (self._key, self._ended_key):
                return self._value if self._key == key else None
            if self.job is None or self._job_key != key:
                self.stop()
                self.job = PROCESSOR.submit(work, wanted=session_watch(), gives_way=gives_way)
                self._job_key = key
            job = self.job
        with TURNS.aside():
            ended = job.wait(patience)
        if not ended:
            return None
        with self._lock:
            if self.job is job:
                self._collect(job)
            # Whatever came out, nothing is begun a second time in one call: where two runs of a page overlap, they
            # would stop each other's work by turns.
            return self._value if self._key == key else None

    def stop(self) -> None:
        """Ask the work under way to end."""
        if (job := self.job) is not None:
            job.cancel()

    def drop_work(self) -> None:
        """Let go of the work under way as if nobody had asked for it."""
        with self._lock:
            self.stop()
            self.job = self._job_key = None

    def begin_anew(self) -> None:
        """Let go of outcome and work, so that the work is begun again when it is next asked for."""
        with self._lock:
            self.stop()
            self.job = self.ended = self._value = None
            self._key = self._job_key = self._ended_key = None

    def close(self) -> None:
        """Let go of everything for good, also of what work that is still running puts in."""
        with self._lock:
            self._closed = True
        self.begin_anew()

    def _collect(self, job: Job[T]) -> None:
        outcome, key = job.outcome(), self._job_key
        self.job, self._job_key = None, None
        if isinstance(outcome, Cancelled) and not job.cancelled:
            return  # the page was away and so gave up its place
        if isinstance(outcome, BaseException):
            self.ended = f"The {self._what} was stopped." if isinstance(outcome, Cancelled) else sentence(outcome)
            self._ended_key = key
        elif not self._closed:
            self._key, self._value, self.ended, self._ended_key = key, outcome, None, None


def session_watch() -> Callable[[], bool]:
    """Return what tells, in any thread, whether this session's page is still open."""
    context = get_script_run_ctx()
    if context is None or not runtime.exists():
        return lambda: True
    return partial(runtime.get_instance().is_active_session, context.session_id)
