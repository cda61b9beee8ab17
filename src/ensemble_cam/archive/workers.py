"""The engine of one machine: processes that each load the networks once, and are given a few films at a time.

Films go to whichever process is free; their records come back in the films' order. A process that dies over some films
is replaced and given them one by one: the one that it dies over again is a row that says so, and the others are done.
"""

import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from threading import Lock
from time import monotonic
from typing import Any, Protocol

from ensemble_cam import errors
from ensemble_cam.archive.film_record import FilmRecord, records_of
from ensemble_cam.archive.places import read_place
from ensemble_cam.errors import ClassifierError, EnsembleCamError, RadiographError
from ensemble_cam.machine.allotted import cores, memory
from ensemble_cam.machine.children import Children
from ensemble_cam.machine.one_child import CannotStart, Died, Killed, TookTooLong
from ensemble_cam.machine.side_by_side import PixelBudget, in_threads

MODULE = "ensemble_cam.archive.worker"
"""What the processes run."""
DESCRIBE = b"describe"
"""A request for what was loaded; any other is a JSON list of films' places."""

_SECONDS_TO_START = 1800.0  # networks are compiled at the first start
_MOST_SECONDS = 24 * 3600.0
# A process has a few films at a time, the fewer the longer each takes, and the fewer the nearer the end is.
_MOST_FILMS, _LEAST_FILMS, _SECONDS_OF_FILMS = 16, 2, 2.0
_AHEAD = 4  # for each process
_BYTES_OF_A_PROCESS = 2**31  # of the memory that may be used, at least
# Threads of what is no network are left as they are: with others the last bits of a sum may differ from a review's.
_ENVIRONMENT = {"MALLOC_ARENA_MAX": "2"}

DIED = "The film made the process crash that was reviewing it. Export or copy the film again."
KILLED = "The process that was reviewing the film was ended from outside, perhaps for want of memory."
TOOK_TOO_LONG = "Reviewing the film took far longer than a film takes, and was stopped."
_OTHERS = (
    "Processes that were started later have other weights, versions or runtimes than the first one: they were changed "
    "meanwhile. Leave them as they are, and give the command again."
)
_CANNOT_START = (
    "No film can be reviewed on this machine: networks run in processes of their own, which could not be started. "
    "Close other programs, so that there is memory for them."
)


class Engine(Protocol):
    """What makes records of films."""

    def describe(self) -> dict[str, Any]:
        """Return what was loaded, see `Examiner.description`.

        Raises:
            WeightsError: if weights are missing or unusable.
        """

    def records(self, places: Sequence[str]) -> Generator[FilmRecord, None, None]:
        """Yield the record of each film, in their order; the iterator has to be closed."""

    def close(self) -> None:
        """End the processes."""


def default_workers() -> int:
    """Return how many processes this machine is good for: one for each core, as far as memory goes."""
    there = memory()
    return cores() if there is None else max(1, min(cores(), there // _BYTES_OF_A_PROCESS))


class _LoadedOthers(CannotStart):
    """A process has loaded something else than the first one; what it answered is dropped, and it is, too."""


class EndedOver(Exception):
    """A process ended over what was asked of it; its text is the sentence for a film that was."""


class Processes:
    """Processes of this machine that load the same networks, whichever module they run.

    Args:
        module: what they run.
        request: what is asked of every film, by its `to_text`.
        count: how many there are at most.
        threads: of each one's networks; None for those that share the cores out among the processes.
    """

    def __init__(self, module: str, request: str, count: int, *, threads: int | None = None):
        self._children = Children(
            module,
            most=count,
            seconds=_MOST_SECONDS,
            most_seconds=_MOST_SECONDS,
            environment=_ENVIRONMENT,
            arguments=(request, str(max(1, cores() // count) if threads is None else threads)),
            seconds_to_start=_SECONDS_TO_START,
        )
        self._key: bytes | None = None
        self._children.start()

    def describe(self) -> dict[str, Any]:
        """Return what the first process says that it loaded.

        Raises:
            WeightsError: if weights are missing or unusable.
            ClassifierError: if no process can be started.
        """
        try:
            told: dict[str, Any] = json.loads(self.ask(DESCRIBE))
        except EndedOver:
            raise ClassifierError("The process that loads the networks ended, perhaps for want of memory.") from None
        if "refused" in told:
            raise refusal(*told["refused"])
        return told

    def ask(self, request: bytes, *, cancelled: Callable[[], bool] | None = None) -> bytes:
        """Return a process's answer.

        Raises:
            Cancelled: if it was.
            EndedOver: if the process ended.
            ClassifierError: if none can be started, or none that has loaded what the first one has.
        """
        try:
            return self._children.ask(request, self._checked, cancelled=cancelled)
        except _LoadedOthers:
            raise ClassifierError(_OTHERS) from None
        except CannotStart:
            raise ClassifierError(_CANNOT_START) from None
        except (Died, Killed, TookTooLong) as error:
            raise EndedOver({Killed: KILLED, TookTooLong: TOOK_TOO_LONG}.get(type(error), DIED)) from None

    def _checked(self, key: bytes, length: int, read: Callable[[memoryview], None]) -> bytes:
        """Return an answer of a process that has loaded what the first one has."""
        if self._key is None:
            self._key = key
        if key != self._key:
            raise _LoadedOthers
        body = bytearray(length)
        read(memoryview(body))
        return bytes(body)

    def close(self) -> None:
        """End the processes."""
        self._children.close()


class Workers:
    """Processes of this machine that make records.

    Args:
        request: what is asked of every film, by `Asked.to_text`.
        count: how many processes.
        threads: of each one's networks; None for those that share the cores out among the processes.
        module: what they run.
    """

    def __init__(self, request: str, count: int, *, threads: int | None = None, module: str = MODULE):
        self._count = count
        self._processes = Processes(module, request, count, threads=threads)

    def describe(self) -> dict[str, Any]:
        """Return what the first process loaded, see `Examiner.description` and `Processes.describe`."""
        return self._processes.describe()

    def records(self, places: Sequence[str]) -> Generator[FilmRecord, None, None]:
        """Yield the record of each film, in their order; the iterator has to be closed."""
        budget = PixelBudget(most_pixels=1)
        shares = Shares(places, self._count)
        ask = shares.timed(lambda films: self.share(films, cancelled=budget.is_closed))
        found = in_threads(ask, shares, budget=budget, ahead=_AHEAD * self._count, threads=self._count, prompt=True)
        with closing(found):  # here: what is raised while an iterator is taken apart reaches nobody
            for records in found:
                yield from records

    def share(self, places: Sequence[str], *, cancelled: Callable[[], bool] | None = None) -> list[FilmRecord]:
        """Return the records of a few films, whatever they do to the process that has them.

        Raises:
            Cancelled: if it was.
            ClassifierError: if no process can be started.
        """
        try:
            return records_of(self._processes.ask(json.dumps(places).encode(), cancelled=cancelled))
        except EndedOver as ended:
            if len(places) > 1:
                return [record for place in places for record in self.share([place], cancelled=cancelled)]
            return [FilmRecord(hash_of(places[0]), str(ended))]

    def close(self) -> None:
        """End the processes."""
        self._processes.close()


class Shares:
    """Films in shares, the smaller the longer a film takes and the nearer the end is.

    Args:
        places: the films, in their order.
        workers: how many processes have shares at once.
    """

    def __init__(self, places: Sequence[str], workers: int):
        self._places, self._workers = places, workers
        self._lock, self._seconds = Lock(), _SECONDS_OF_FILMS / _LEAST_FILMS

    def __iter__(self) -> Iterator[Sequence[str]]:
        first = 0
        while first < len(self._places):
            count = max(_LEAST_FILMS, min(_MOST_FILMS, int(_SECONDS_OF_FILMS / self._seconds)))
            count = max(1, min(count, (len(self._places) - first) // (2 * self._workers)))
            yield self._places[first : first + count]
            first += count

    def timed(self, work: Callable[[Sequence[str]], list[FilmRecord]]) -> Callable[[Sequence[str]], list[FilmRecord]]:
        """Return the same work, by whose time the next shares are made."""

        def do(places: Sequence[str]) -> list[FilmRecord]:
            began = monotonic()
            records = work(places)
            with self._lock:
                self._seconds = max(1e-3, (self._seconds + (monotonic() - began) / len(places)) / 2)
            return records

        return do


def refusal(kind: str, message: str) -> EnsembleCamError:
    """Return the error that another process met."""
    found: object = getattr(errors, kind, None)
    if isinstance(found, type) and issubclass(found, EnsembleCamError):
        return found(message)
    return ClassifierError(message)


def hash_of(place: str) -> str | None:
    """Return the SHA-256 of a film's bytes; None where they cannot be read."""
    try:
        return hashlib.sha256(read_place(place)).hexdigest()
    except RadiographError:
        return None
