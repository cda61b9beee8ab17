"""The engine of many machines: Dask, whose workers each keep a process with the networks beside them.

A Dask worker loads no network itself. It asks a process of its own, as `workers` does on one machine, so that a film
that crashes costs the worker nothing; a worker that is ended from outside is Dask's to replace, and its films go to
others. Records come back in the films' order, whoever made them.
"""

import logging
import signal
import sys
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from threading import Lock
from time import monotonic
from typing import Any

from distributed import Client, Future, KilledWorker, LocalCluster, get_worker
from distributed.comm.core import CommClosedError

from ensemble_cam.archive.film_record import FilmRecord, message_of, records_of
from ensemble_cam.archive.workers import KILLED, MODULE, Shares, Workers, hash_of
from ensemble_cam.errors import ClassifierError, ConfigError

_SECONDS_TO_CONNECT, _SECONDS_TO_COME = 30, 600
_SECONDS_OF_A_WAIT = 30
_AT_WORK = ("waiting", "queued", "no-worker", "processing")  # states of a task that will come to its end
# Shares that each thread of the cluster has or waits for: enough to be never idle.
_AHEAD = 3


class Cluster:
    """A Dask cluster: one that is there, or one of this machine's processes.

    Args:
        request: what is asked of every film, by `Asked.to_text`.
        workers: how many processes, where the cluster is made here.
        scheduler: the address of one that is there; None to make one.
        module: what the workers' own processes run.

    Raises:
        ConfigError: if nobody answers there.
        ClassifierError: if no worker comes.
    """

    def __init__(self, request: str, *, workers: int, scheduler: str | None, module: str = MODULE):
        self._request, self._module = request, module
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what fails is told film by film
        self._cluster = None
        if scheduler is None:
            # Whoever reaches a scheduler runs what he likes on its workers: this one asks for a certificate that is
            # made for the run and never leaves it.
            with _without_ctrl_c():
                self._cluster = LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    host="127.0.0.1",
                    protocol="tls://",
                    security=True,
                    dashboard_address="127.0.0.1:0",
                    scheduler_kwargs={"dashboard": False},
                    silence_logs=logging.CRITICAL,
                )
                # Where a worker dies while it starts, the one that keeps it gives up; this makes another.
                self._cluster.adapt(minimum=workers, maximum=workers, interval="1s")
        try:
            self._client = Client(self._cluster or scheduler, timeout=_SECONDS_TO_CONNECT, set_as_default=False)
        except (OSError, ValueError, CommClosedError):
            self._close_cluster()
            raise ConfigError(
                "--scheduler: nobody answers at this address. Check it, and that the scheduler runs."
            ) from None
        try:
            self._client.wait_for_workers(1, timeout=_SECONDS_TO_COME)
        except (OSError, TimeoutError):
            self.close()
            raise _no_worker() from None
        self._key: Any = None

    def describe(self) -> dict[str, Any]:
        """Return what a worker loaded, see `Examiner.description`; the others have to have loaded the same.

        Raises:
            WeightsError: if weights are missing or unusable.
            ClassifierError: if the networks cannot be loaded.
        """
        told: dict[str, Any] = self._client.submit(described, self._request, self._module, pure=False).result()
        self._key = told["key"]
        return told

    def records(self, places: Sequence[str]) -> Generator[FilmRecord, None, None]:
        """Yield the record of each film, in their order; the iterator has to be closed."""
        pending: deque[tuple[Sequence[str], Future[Any]]] = deque()
        shares = iter(Shares(places, self._threads()))
        try:
            while True:
                while len(pending) < _AHEAD * self._threads() and (share := next(shares, None)):
                    pending.append((share, self._submit(share)))
                if not pending:
                    return
                yield from self._result(*pending.popleft())
        finally:
            self._client.cancel([future for _, future in pending], force=True)

    def close(self) -> None:
        """Let the workers drop the networks, and end those that were made here."""
        with suppress(OSError, TimeoutError, CommClosedError):
            if self._cluster is None:
                self._client.run(dropped, self._request)
            self._client.close()
        self._close_cluster()

    def _close_cluster(self) -> None:
        if self._cluster is not None:
            self._cluster.close()

    def _threads(self) -> int:
        """Return how many films the cluster has in work at once, which changes as workers come and go."""
        return max(1, sum(self._client.nthreads().values()))

    def _submit(self, places: Sequence[str]) -> "Future[Any]":
        return self._client.submit(measured, self._request, self._module, list(places), self._key, pure=False)

    def _result(
        self, places: Sequence[str], future: "Future[Any]", *, is_retried: bool = False
    ) -> Iterator[FilmRecord]:
        try:
            yield from records_of(self._message(places, future))
        except KilledWorker:
            # Several workers were ended while they had these films, or had others that ended them. By itself, and once
            # earlier films are done with, a film has the workers that it ends on its own account.
            if is_retried:
                yield FilmRecord(hash_of(places[0]), KILLED)
                return
            for place in places:
                yield from self._result([place], self._submit([place]), is_retried=True)

    def _message(self, places: Sequence[str], future: "Future[Any]") -> bytes:
        """Wait for a share's records; what was lost on its way from a worker that was ended is asked for once more.

        Raises:
            ClassifierError: if all workers have gone and none comes.
        """
        there = monotonic()
        while True:
            try:
                message: bytes = future.result(timeout=_SECONDS_OF_A_WAIT)
                return message
            except TimeoutError:
                if self._client.nthreads():
                    there = monotonic()
                elif monotonic() - there > _SECONDS_TO_COME:
                    raise _no_worker() from None
                if self._client.run_on_scheduler(state_of, key=future.key) not in _AT_WORK:
                    future = self._submit(places)


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Keep Ctrl-C from threads and processes that begin in the block, and from this thread until its end.

    A terminal sends it to every process. The workers are this one's to end, and would each print where they were.
    """
    if sys.platform == "win32":
        yield
        return
    resource_tracker.ensure_running()  # or a thread of the cluster starts it, which lets that thread hear Ctrl-C
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _no_worker() -> ClassifierError:
    return ClassifierError(
        f"The scheduler has had no worker for {_SECONDS_TO_COME // 60} minutes. Start some; the same command goes on."
    )


def state_of(key: str, dask_scheduler: Any) -> str | None:
    """Return what a task is doing; runs on the scheduler."""
    task = dask_scheduler.tasks.get(key)
    return None if task is None else str(task.state)


_lock = Lock()
_loaded: dict[str, Workers] = {}
_keys: dict[str, Any] = {}


def described(request: str, module: str) -> dict[str, Any]:
    """Return what this worker loads for a request; runs on a worker, as those below."""
    return _workers(request, module).describe()


def measured(request: str, module: str, places: list[str], key: Any) -> bytes:
    """Return the message of some films' records.

    Args:
        request: what is asked of every film.
        module: what this worker's processes run.
        places: the films.
        key: what the run's archive was made with.

    Raises:
        ClassifierError: if this worker has loaded other weights, or has other versions.
    """
    workers = _workers(request, module)
    if request not in _keys:
        _keys[request] = workers.describe()["key"]
    if _keys[request] != key:
        raise ClassifierError(
            "A worker has other weights or other versions than the first one. Install the same on all of them."
        )
    return b"".join(message_of(workers.share(places)))


def dropped(request: str) -> None:
    """End this worker's processes for a request."""
    with _lock:
        workers = _loaded.pop(request, None)
    if workers is not None:
        workers.close()


def _workers(request: str, module: str) -> Workers:
    """Return this worker's processes for a request, one for each of its threads; the first call starts them."""
    with _lock:
        if request not in _loaded:
            _loaded[request] = Workers(request, get_worker().state.nthreads, threads=1, module=module)
        return _loaded[request]
