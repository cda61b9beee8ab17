"""Work on many films side by side: in their order, with few of them in memory at a time."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Condition, Thread
from typing import TypeVar

from ensemble_cam.errors import Cancelled

# Windows hands a Ctrl-C to a waiting program only when its wait ends.
_SECONDS_OF_A_WAIT = 0.2

Item, Result = TypeVar("Item"), TypeVar("Result")


@dataclass(frozen=True)
class _Guest:
    sha256: str
    name: str
    pixels: int = 0


class House:
    """The films that are on their way, from before they are decoded until their review is written.

    Threads meet here: whoever reads waits while the house is full or has the same film inside, and whoever writes
    waits for its turn among films of one name. Films are numbered in their order. All waiting ends with `close`.
    """

    def __init__(self, *, most_pixels: int):
        self._most_pixels = most_pixels
        self._inside: dict[int, _Guest] = {}
        self._changed, self._closed = Condition(), False

    def admit(self, number: int, *, sha256: str, name: str) -> None:
        """Wait until a film may be decoded, and let it in.

        It may while the decoded films inside have fewer than `most_pixels` together, and once the same film has left:
        its review may then be finished.

        Raises:
            Cancelled: if the house was closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not (self._is_full() or self._has(sha256)))
            if self._closed:
                raise Cancelled("Stopped before the film was read.")
            self._inside[number] = _Guest(sha256, name)

    def weigh(self, number: int, pixels: int) -> None:
        """Tell how many pixels a film inside turned out to have."""
        with self._changed:
            guest = self._inside[number]
            self._inside[number] = _Guest(guest.sha256, guest.name, pixels)

    def wait_for_turn(self, number: int) -> None:
        """Wait until all earlier films inside have other names than this one."""
        with self._changed:
            name = self._inside[number].name
            self._changed.wait_for(
                lambda: (
                    self._closed
                    or not any(other < number and guest.name == name for other, guest in self._inside.items())
                )
            )

    def leave(self, number: int) -> None:
        """Let a film go, whatever became of it; one that is not inside may go, too."""
        with self._changed:
            self._inside.pop(number, None)
            self._changed.notify_all()

    def close(self) -> None:
        """End all waiting, and let nobody in any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _is_full(self) -> bool:
        return sum(guest.pixels for guest in self._inside.values()) >= self._most_pixels

    def _has(self, sha256: str) -> bool:
        return any(guest.sha256 == sha256 for guest in self._inside.values())

    def in_threads(
        self,
        work: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        ahead: int,
        threads: int = 1,
        prompt: bool = False,
    ) -> Iterator[Result]:
        """Yield `work(item)` of each item, in the order of the items, worked out by threads of its own.

        Items are fetched in the caller's thread. What `work` raises is raised here, in its turn. Whether this iterator
        is closed or something is raised in it, the house is closed, what waits is dropped, and what is under way comes
        to its end before this returns.

        Args:
            work: any number of threads call it at once.
            items: those to work on.
            ahead: how many items at most are under way or done beyond the one whose result was yielded last.
            threads: how many.
            prompt: yield a result that is there before the next item is fetched; without, `ahead` is filled first.
        """
        pending: deque[Future[Result]] = deque()
        crew = _Crew(work, threads)
        try:
            crew.start()
            for item in items:
                pending.append(crew.submit(item))
                del item  # the threads have it; here it would outlive its work
                while len(pending) > ahead or (prompt and pending and pending[0].done()):
                    yield _outcome(pending.popleft())
            while pending:
                yield _outcome(pending.popleft())
        # Ctrl-C and a closed iterator, too, which are no `Exception`: who waits for a turn would wait for ever, and
        # `dismiss` for them. It is raised again.
        except BaseException:
            self.close()
            raise
        finally:
            crew.dismiss()


class _Crew:
    """Threads that work on what they are given, first come, first served.

    `ThreadPoolExecutor` starts a thread once there is work for it, and forgets it where Ctrl-C comes in between: nobody
    would wait for the end of that work.
    """

    def __init__(self, work: Callable, threads: int):
        self._work = work
        self._given: SimpleQueue[tuple[Future, object] | None] = SimpleQueue()
        self._threads = [Thread(target=self._serve) for _ in range(threads)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def submit(self, item: object) -> Future:
        future: Future = Future()
        self._given.put((future, item))
        return future

    def dismiss(self) -> None:
        """Drop what nobody has begun, and wait for the rest."""
        with suppress(Empty):
            while True:
                self._given.get_nowait()
        for _ in self._threads:
            self._given.put(None)
        for thread in self._threads:
            if thread.is_alive():  # one that is only about to start finds nothing to do
                thread.join()

    def _serve(self) -> None:
        while (given := self._given.get()) is not None:
            _fulfil(self._work, *given)
            del given  # it would live until the next one comes


def _fulfil(work: Callable, future: Future, item: object) -> None:
    try:
        future.set_result(work(item))
    except BaseException as error:  # it is raised where the result is asked for
        future.set_exception(error)


def _outcome(future: Future[Result]) -> Result:
    while not future.done():
        wait([future], timeout=_SECONDS_OF_A_WAIT)
    return future.result()
