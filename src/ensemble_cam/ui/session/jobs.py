"""The queue for the processor: one review computes at a time, and the others see their place.

Two reviews at once on the same cores would each take more than twice as long, and twice the memory. A job belongs to
the session that submitted it; nothing of a film is kept here once its job has ended.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event, Lock
from typing import Any, Generic, Protocol, TypeVar

from ensemble_cam.errors import Cancelled, EnsembleCamError
from ensemble_cam.ui.warm_up import wait_until_imported

logger = logging.getLogger(__name__)

T = TypeVar("T")

PROGRESS_PAUSE, PLACE_PAUSE = 0.3, 2.0
"""Seconds that lie at least between two looks at a job, while it runs and while others are before it."""

_FIRST, _LITTLE = 3.0, 0.05  # seconds, and a share of the work, by which nothing is told of what is left


@dataclass(frozen=True)
class State:
    """What a page shows of a job.

    Attributes:
        place: how many jobs are before it; 0 while it runs or has ended.
        what: what is being done.
        share: how much of it is behind, 0 to 1.
        done: whether it has ended, well or not.
    """

    place: int
    what: str
    share: float
    done: bool


class Watcher(Protocol):
    """Who wants to look at a job again, once; see `wake.Wake`."""

    def after(self, seconds: float) -> None:
        """Let them look after so many seconds, if they are not to look before."""

    def now(self) -> None:
        """Let them look at once."""

    def cancel(self) -> None:
        """They need not look any more."""


class Job(Generic[T]):
    """A piece of work, waiting, running or ended."""

    def __init__(
        self,
        queue: "JobQueue",
        work: "Callable[[Job[T]], T]",
        wanted: Callable[[], bool],
        *,
        gives_way: bool,
    ):
        self.gives_way = gives_way
        self._queue, self._work, self._wanted = queue, work, wanted
        self._what, self._share = "Waiting", 0.0
        self._began = 0.0  # when its own work did, by `time.monotonic`
        self._cancelled, self._ended = Event(), Event()
        self._outcome: T | BaseException | None = None
        self._lock = Lock()
        self._watcher: tuple[State, Watcher] | None = None

    @property
    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return self._ended.is_set()

    @property
    def state(self) -> State:
        """How it stands."""
        return State(0 if self.done else self._queue._place(self), self._what, self._share, self.done)

    def report(self, what: str, share: float) -> None:
        """Say what is being done now; called by the work itself."""
        self._what, self._share = what, min(max(share, 0.0), 1.0)
        self._tell()

    @property
    def seconds_left(self) -> float | None:
        """About how long it still takes, by what is behind it; None while too little is to tell, and once it ended."""
        passed = time.monotonic() - self._began
        if not self._began or self.done or passed < _FIRST or self._share < _LITTLE:
            return None
        return passed * (1 - self._share) / self._share

    @property
    def cancelled(self) -> bool:
        """Whether its reader asked it to stop."""
        return self._cancelled.is_set()

    def stopped(self) -> bool:
        """Whether it should stop; asked by the work itself.

        Because it was cancelled, because nobody wants it any more, or because it gives way to one that waits.
        """
        return self._left() or (self.gives_way and self._queue._presses())

    def cancel(self) -> None:
        """Ask it to stop; a waiting job ends at once and never starts."""
        self._cancelled.set()
        if self._queue._withdraw(self):
            self._end(Cancelled("Stopped before it began."))

    def wait(self, seconds: float) -> bool:
        """Wait for its end, at most so long; return whether it has ended."""
        return self._ended.wait(seconds)

    def outcome(self) -> T | BaseException:
        """Return what the work returned, or what it raised. The job must have ended."""
        assert self.done
        return self._outcome  # type: ignore[return-value]

    def watch(self, seen: State, watcher: Watcher) -> None:
        """Let somebody look again, once, when the job stands otherwise than they have seen; in place of any before."""
        with self._lock:
            before, self._watcher = self._watcher, (seen, watcher)
        if before is not None:
            before[1].cancel()
        self._tell()

    def _left(self) -> bool:
        """Whether nobody waits for it any more."""
        return self.cancelled or not self._wanted()

    def _tell(self) -> None:
        """Let its watcher look where there is something new, and as often as does good."""
        with self._lock:
            seen, watcher = self._watcher or (None, None)
        if seen is None or watcher is None or (now := self.state) == seen:
            return
        if now.done:
            watcher.now()
        else:
            watcher.after(PLACE_PAUSE if now.place else PROGRESS_PAUSE)

    def _run(self) -> bool:
        """Do the work; return whether it has to be done again, because it gave way."""
        try:
            if self._left():
                raise Cancelled("Stopped before it began.")
            self._queue._first(lambda what: self.report(what, 0.0))
            self._began = time.monotonic()
            self._end(self._work(self))
        except BaseException as error:  # whatever it is: its reader hears of it, and the queue goes on
            if isinstance(error, Cancelled) and self.gives_way and not self._left():
                return True
            self._end(error)
        return False

    def _end(self, outcome: T | BaseException) -> None:
        self._outcome = outcome
        del self._work  # it holds a film
        self._queue._leave(self)
        self._ended.set()
        self._tell()


class JobQueue:
    """Runs jobs one at a time, in the order in which they came; those that give way, after all others."""

    def __init__(self, name: str, *, first: Callable[[Callable[[str], None]], None] = lambda report: None):
        """Make an empty queue.

        Args:
            name: of its thread.
            first: called before each job's own work, and says what it waits for to what it is handed.
        """
        self._first = first
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._lock = Lock()
        self._running: Job[Any] | None = None
        self._waiting: list[Job[Any]] = []

    def submit(
        self, work: Callable[[Job[T]], T], *, wanted: Callable[[], bool] = lambda: True, gives_way: bool = False
    ) -> Job[T]:
        """Put work at the end of the queue.

        Args:
            work: is handed its own job, to report to.
            wanted: whether anybody still waits for it; a job whose reader has left makes way for the others.
            gives_way: whether it also makes way for every job that does not: it waits behind them, is stopped when one
                comes, and begins anew after it.
        """
        job: Job[T] = Job(self, work, wanted, gives_way=gives_way)
        self._put(job)
        return job

    def _put(self, job: Job[Any]) -> None:
        with self._lock:
            if self._running is job:
                self._running = None
            self._waiting.append(job)
            self._waiting.sort(key=lambda each: each.gives_way)  # else in the order in which they came
        self._executor.submit(self._run_next)
        self._tell_waiting()

    def _run_next(self) -> None:
        with self._lock:
            if not self._waiting:
                return  # it was withdrawn
            job = self._running = self._waiting.pop(0)
        self._tell_waiting()
        if job._run():
            self._put(job)

    def _place(self, job: Job[Any]) -> int:
        with self._lock:
            ahead = [self._running, *self._waiting]
        ahead = ahead[: ahead.index(job)] if job in ahead else []
        return sum(each is not None and not each._left() for each in ahead)

    def _presses(self) -> bool:
        """Whether a job waits that others give way to."""
        with self._lock:
            waiting = list(self._waiting)
        return any(not each.gives_way and not each._left() for each in waiting)

    def _withdraw(self, job: Job[Any]) -> bool:
        """Take a job that waits out of the queue; return whether it did."""
        with self._lock:
            if job not in self._waiting:
                return False
            self._waiting.remove(job)
        return True

    def _leave(self, job: Job[Any]) -> None:
        with self._lock:
            if self._running is job:
                self._running = None
        self._tell_waiting()

    def _tell_waiting(self) -> None:
        with self._lock:
            concerned = [*filter(None, [self._running]), *self._waiting]
        for each in concerned:
            each._tell()


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
