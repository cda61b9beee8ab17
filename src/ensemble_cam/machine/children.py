"""A small pool of child processes that answer requests apart from this one: what harms a child harms one request.

A child is a module of its own, `python -m MODULE`, that calls `child.serve`; what requests and answers mean is the
module's and the caller's. A child that ends, takes too long or answers nonsense is replaced, and its request alone
fails. Where a further child does not start, as memory may be short, requests wait for those that are there.

Children end with this process, however it ends: their input does. Ctrl-C in a terminal does not reach them.
"""

import atexit
import os
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from threading import Condition, Timer

from ensemble_cam.errors import Cancelled
from ensemble_cam.machine.one_child import Answer, CannotStart, Child, Died, EndedBefore, Killed, Receive

_SECONDS_TO_START = 60.0
_IDLE_SECONDS = 60.0  # after which all children but one end
_SECONDS_OF_PAUSE = 60.0  # without new children beside others, after one that did not start: there is no room for it
_ATTEMPTS = 3  # with children that end before they have the request
_KILLS = 2  # from outside, after which a request is given up
_TICK = 0.1  # seconds


class Children:
    """Children of one module; any number of threads may ask at once.

    Args:
        module: what `python -m` runs.
        most: how many there may be; further ones than the first are started where requests would wait, and end once
            nothing was asked of them for a minute.
        seconds: of the clock that a request may take to begin with.
        most_seconds: that it may take at most, however much the child grants itself.
        environment: what of the environment is other than here.
        arguments: what the module is given behind its name.
        seconds_to_start: until a child has to be ready.
    """

    def __init__(
        self,
        module: str,
        *,
        most: int,
        seconds: float,
        most_seconds: float,
        environment: Mapping[str, str] | None = None,
        arguments: Sequence[str] = (),
        seconds_to_start: float = _SECONDS_TO_START,
    ):
        self._command, self._most = (module, *arguments), most
        self._seconds, self._most_seconds = seconds, most_seconds
        self._environment = dict(environment or {})
        self._seconds_to_start = seconds_to_start
        self._changed = Condition()
        self._all: set[Child] = set()
        self._idle: list[Child] = []
        self._timer: Timer | None = None
        self._pause_until = 0.0
        self._closed = False
        atexit.register(_called_if_alive(self.close))
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_called_if_alive(self._forget))

    def start(self, *arguments: str) -> None:
        """Start a first child, which is not waited for; that none can be started is said where one is asked.

        Args:
            *arguments: for this child's module, behind those that all have.
        """
        with self._changed:
            if self._all or self._closed:
                return
            with suppress(CannotStart):
                self._idle.append(self._started(*arguments))

    def ask(self, request: bytes, receive: Receive[Answer], *, cancelled: Callable[[], bool] | None = None) -> Answer:
        """Hand a request to a child and return what `receive` makes of the answer.

        Args:
            request: the child's module knows what it means.
            receive: called with the answer's head, the length of its body, and a function that fills a buffer with the
                next bytes of the body; all of the body has to be taken. It believes nothing that it has not checked: a
                child may have fallen to what it was asked about. It raises `Died` of an answer that it does not
                believe; whatever else it raises comes out here, too, and in either case the child is replaced.
            cancelled: asked ten times a second; once it says so, the child is ended.

        Raises:
            Cancelled: if the request was.
            ChildError: one of the kinds above.
        """
        kills = ends = 0
        while True:
            child = self._borrow(cancelled)
            try:
                return child.ask(request, receive, cancelled)
            except CannotStart:
                if not self._can_do_without(child):
                    raise
            except EndedBefore:
                ends += 1
                if ends == _ATTEMPTS:
                    raise Died from None
            except Killed:
                kills += 1
                if kills == _KILLS:
                    raise
            finally:  # Ctrl-C, too
                self._give_back(child)

    def close(self) -> None:
        """End all children, those at work, too; no other one is started."""
        with self._changed:
            self._closed = True
            children = list(self._all)
            idle, self._idle = self._idle, []
            self._changed.notify_all()
        for child in children:
            child.end() if child in idle and child.is_ready else child.kill()
        for child in idle:
            child.wait()

    def pids(self) -> list[int]:
        """Return the process ids of the children there are."""
        with self._changed:
            return [child.pid for child in self._all]

    def _borrow(self, cancelled: Callable[[], bool] | None) -> Child:
        with self._changed:
            while not self._closed:
                if cancelled is not None and cancelled():
                    raise Cancelled("Stopped before the work began.")
                while self._idle:
                    child = self._idle.pop()
                    if child.is_alive:
                        return child
                    self._remove(child)
                if not self._all or (len(self._all) < self._most and time.monotonic() >= self._pause_until):
                    try:
                        return self._started()
                    except CannotStart:
                        if not self._all:
                            raise
                self._changed.wait(timeout=_TICK)  # without an end, Ctrl-C would wait, too, on Windows
            raise CannotStart

    def _can_do_without(self, child: Child) -> bool:
        """Return whether there are others than a child that ended before it was ready; none is added for a while."""
        with self._changed:
            self._pause_until = time.monotonic() + _SECONDS_OF_PAUSE
            return bool(self._all - {child})

    def _give_back(self, child: Child) -> None:
        with self._changed:
            if child.at_rest and not self._closed:
                child.since = time.monotonic()
                self._idle.append(child)
                if len(self._idle) > 1 and self._timer is None:
                    self._retire_later()
            else:
                self._remove(child)
            self._changed.notify()

    def _started(self, *arguments: str) -> Child:
        child = Child(
            (*self._command, *arguments),
            self._environment,
            seconds=self._seconds,
            most_seconds=self._most_seconds,
            seconds_to_start=self._seconds_to_start,
        )
        self._all.add(child)
        return child

    def _remove(self, child: Child) -> None:
        child.kill()
        child.wait()
        self._all.discard(child)

    def _retire_later(self) -> None:
        self._timer = Timer(_IDLE_SECONDS, self._retire)
        self._timer.daemon = True
        self._timer.start()

    def _retire(self) -> None:
        """End the children but one of which nothing was asked for a while; the one asked last is taken first."""
        with self._changed:
            self._timer = None
            before = time.monotonic() - _IDLE_SECONDS
            while len(self._idle) > 1 and self._idle[0].since <= before:
                child = self._idle.pop(0)
                child.end()
                child.wait()
                self._all.discard(child)
            if len(self._idle) > 1 and not self._closed:
                self._retire_later()

    def _forget(self) -> None:
        """Begin without children, in a process that was forked from this one: they are this one's."""
        for child in self._all:
            child.forget()
        self._changed, self._all, self._idle, self._timer = Condition(), set(), [], None


def _called_if_alive(method: Callable[[], None]) -> Callable[[], None]:
    """Return a function that calls a method as long as its object lives, and does not keep it alive."""
    reference = weakref.WeakMethod(method)

    def call() -> None:
        alive = reference()
        if alive is not None:
            alive()

    return call
