"""The queue for the processor: one review computes at a time, and the others see their place.

Two reviews at once on the same cores would each take more than twice as long, and twice the memory. A job belongs to
the session that submitted it; nothing of a film is kept here once its job has ended.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Event, Lock
from typing import Any, Generic, TypeVar

from ensemble_cam.errors import Cancelled, EnsembleCamError
from ensemble_cam.ui.warm_up import wait_until_imported

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Job(Generic[T]):
    """A piece of work, waiting, running or ended.

    Attributes:
        what: what is being done now.
        share: how much of it is behind, 0 to 1.
    """

    def __init__(self, queue: "JobQueue", wanted: Callable[[], bool]):
        self.what, self.share = "Waiting", 0.0
        self._queue, self._wanted, self._cancelled = queue, wanted, Event()
        self._future: Future[T] | None = None

    @property
    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return self._future is not None and self._future.done()

    @property
    def place(self) -> int:
        """How many jobs are before it; 0 while it runs or has ended."""
        return self._queue._place(self)

    def report(self, what: str, share: float) -> None:
        """Say what is being done now; called by the work itself."""
        self.what, self.share = what, min(max(share, 0.0), 1.0)

    @property
    def cancelled(self) -> bool:
        """Whether its reader asked it to stop."""
        return self._cancelled.is_set()

    def stopped(self) -> bool:
        """Whether it should stop, because it was cancelled or nobody wants it any more; asked by the work itself."""
        return self.cancelled or not self._wanted()

    def cancel(self) -> None:
        """Ask it to stop; a waiting job ends at once and never starts."""
        self._cancelled.set()
        if self._future is not None and self._future.cancel():
            self._queue._leave(self)

    def wait(self, seconds: float) -> bool:
        """Wait for its end, at most so long; return whether it has ended."""
        if self._future is not None:
            wait([self._future], timeout=seconds)
        return self.done

    def outcome(self) -> T | BaseException:
        """Return what the work returned, or what it raised. The job must have ended."""
        assert self._future is not None
        if self._future.cancelled():
            return Cancelled("Stopped before it began.")
        return self._future.exception() or self._future.result()

    def _run(self, work: "Callable[[Job[T]], T]") -> T:
        try:
            if self.stopped():
                raise Cancelled("Stopped before it began.")
            self._queue._first()
            return work(self)
        finally:
            self._queue._leave(self)


class JobQueue:
    """Runs jobs one at a time, in the order in which they came."""

    def __init__(self, name: str, *, first: Callable[[], None] = lambda: None):
        """Make an empty queue.

        Args:
            name: of its thread.
            first: called before each job's own work.
        """
        self._first = first
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._lock = Lock()
        self._jobs: list[Job[Any]] = []

    def submit(self, work: Callable[[Job[T]], T], *, wanted: Callable[[], bool] = lambda: True) -> Job[T]:
        """Put work at the end of the queue.

        Args:
            work: is handed its own job, to report to.
            wanted: whether anybody still waits for it; a job whose reader has left makes way for the others.
        """
        job: Job[T] = Job(self, wanted)
        with self._lock:
            self._jobs.append(job)
            job._future = self._executor.submit(job._run, work)
        return job

    def _place(self, job: Job[Any]) -> int:
        with self._lock:
            waiting = [each for each in self._jobs if each is job or not each.stopped()]
            return waiting.index(job) if job in waiting else 0

    def _leave(self, job: Job[Any]) -> None:
        with self._lock:
            if job in self._jobs:
                self._jobs.remove(job)


# Shared by all sessions: there is one processor, and one line to the internet.
PROCESSOR = JobQueue("review", first=wait_until_imported)
DOWNLOADS = JobQueue("download")


def sentence(error: BaseException) -> str:
    """Return what a job raised as a sentence for the reader; the details of what was not foreseen go to the log."""
    if isinstance(error, EnsembleCamError):
        return str(error)
    logger.error("the work failed", exc_info=error)
    if isinstance(error, MemoryError):
        return "This machine ran out of memory. Close other programs, or choose fewer classifiers."
    return f"The work failed with {type(error).__name__}. The log has the details."
