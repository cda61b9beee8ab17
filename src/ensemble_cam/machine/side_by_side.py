"""Work on many films side by side: ordered work in threads, under a budget of decoded pixels."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from threading import Condition, Thread
from typing import Generic, TypeVar

from ensemble_cam.errors import Cancelled

# Windows hands a Ctrl-C to a waiting program only when its wait ends.
_SECONDS_OF_A_WAIT = 0.2

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class _Share:
    """What one film takes of the budget."""

    sha256: str
    name: str
    pixels: int = 0


class PixelBudget:
    """How many decoded pixels are in memory at once, over all films between their reading and the end of their writing.

    Threads meet here: one that reads waits while the budget is spent or the same film is in work, and one that writes
    waits for its turn among films of one name. Films are numbered in their order. All waiting ends with `close`.
    """

    def __init__(self, *, most_pixels: int):
        self._most_pixels = most_pixels
        self._shares: dict[int, _Share] = {}
        self._changed, self._closed = Condition(), False

    def reserve(self, number: int, *, sha256: str, name: str) -> None:
        """Wait until a film may be decoded, and enter it.

        It may while the decoded films have fewer than `most_pixels` together, and once the same film has been released:
        its review may then be finished.

        Args:
            number: its place among all films.
            sha256: of its bytes.
            name: what its folder is to be called.

        Raises:
            Cancelled: if the budget was closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not (self._is_spent() or self._has(sha256)))
            if self._closed:
                raise Cancelled("Stopped before the film was read.")
            self._shares[number] = _Share(sha256, name)

    def charge(self, number: int, pixels: int) -> None:
        """Enter how many pixels a reserved film turned out to have."""
        with self._changed:
            self._shares[number] = replace(self._shares[number], pixels=pixels)

    def wait_for_turn(self, number: int) -> None:
        """Wait until all earlier films that are in work have other names than this one."""
        with self._changed:
            name = self._shares[number].name
            self._changed.wait_for(
                lambda: (
                    self._closed
                    or not any(other < number and share.name == name for other, share in self._shares.items())
                )
            )

    def release(self, number: int) -> None:
        """Give a film's share back, whatever became of it; one without a share may be released, too."""
        with self._changed:
            self._shares.pop(number, None)
            self._changed.notify_all()

    def close(self) -> None:
        """End all waiting; nothing can be reserved any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def is_closed(self) -> bool:
        """Whether it was closed: what is under way is for nobody any more."""
        return self._closed

    def _is_spent(self) -> bool:
        return sum(share.pixels for share in self._shares.values()) >= self._most_pixels

    def _has(self, sha256: str) -> bool:
        return any(share.sha256 == sha256 for share in self._shares.values())


def in_threads(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    budget: PixelBudget,
    ahead: int,
    threads: int = 1,
    prompt: bool = False,
) -> Generator[Result, None, None]:
    """Yield `work(item)` of each item, in the order of the items, worked out by threads of its own.

    Items are fetched in the caller's thread. What `work` raises is raised here, in its turn. Whether this iterator is
    closed or something is raised in it, the budget is closed, what waits is dropped, and what is under way comes to its
    end before this returns.

    Args:
        work: any number of threads call it at once.
        items: those to work on.
        budget: what `work` may wait for.
        ahead: how many items at most are under way or done beyond the one whose result was yielded last.
        threads: how many.
        prompt: yield a result that is there before the next item is fetched; without, `ahead` is filled first.
    """
    pending: deque[Future[Result]] = deque()
    workers = _Workers(work, threads)
    try:
        workers.start()
        for item in items:
            pending.append(workers.submit(item))
            del item  # the threads have it; here it would outlive its work
            while len(pending) > ahead or (prompt and pending and pending[0].done()):
                yield _result(pending.popleft())
        while pending:
            yield _result(pending.popleft())
    # Ctrl-C and a closed iterator, too, which are no `Exception`: a worker that waits for its turn would wait for ever,
    # and `stop` for the worker. It is raised again.
    except BaseException:
        budget.close()
        raise
    finally:
        workers.stop()


class _Workers(Generic[Item, Result]):
    """Threads that work on what they are given, first come, first served.

    `ThreadPoolExecutor` starts a thread once there is work for it, and forgets it where Ctrl-C comes in between: nobody
    would wait for the end of that work.
    """

    def __init__(self, work: Callable[[Item], Result], threads: int):
        self._work = work
        self._queue: SimpleQueue[tuple[Future[Result], Item] | None] = SimpleQueue()
        self._threads = [Thread(target=self._run) for _ in range(threads)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def submit(self, item: Item) -> Future[Result]:
        future: Future[Result] = Future()
        self._queue.put((future, item))
        return future

    def stop(self) -> None:
        """Drop what no thread has begun, and wait for the rest."""
        with suppress(Empty):
            while True:
                self._queue.get_nowait()
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            if thread.is_alive():  # one that is only about to start finds nothing to do
                thread.join()

    def _run(self) -> None:
        while (task := self._queue.get()) is not None:
            _fulfil(self._work, *task)
            del task  # it would live until the next one comes


def _fulfil(work: Callable[[Item], Result], future: Future[Result], item: Item) -> None:
    try:
        future.set_result(work(item))
    except BaseException as error:  # it is raised where the result is asked for
        future.set_exception(error)


def _result(future: Future[Result]) -> Result:
    while not future.done():
        wait([future], timeout=_SECONDS_OF_A_WAIT)
    return future.result()
