"""A small pool of child processes that answer requests apart from this one: what harms a child harms one request.

A child is a module of its own, `python -m MODULE`, that calls `child.serve`; what requests and answers mean is the
module's and the caller's. It is never started by `multiprocessing`, whose way on Windows and macOS runs the user's own
script again. A child that ends, takes too long or answers nonsense is replaced, and its request alone fails.

Children end with this process, however it ends: their input does. Ctrl-C in a terminal does not reach them.
"""

import atexit
import math
import os
import signal
import struct
import subprocess
import sys
import sysconfig
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from io import FileIO
from pathlib import Path
from threading import Condition, Event, Thread, Timer
from typing import Any, TypeVar, cast

from ensemble_cam.errors import Cancelled
from ensemble_cam.machine.child import ANSWER, FRAME, GRANTED, READY, REQUEST, SECONDS, TIME_SIGNALS, write_all

Answer = TypeVar("Answer")
Read = Callable[[memoryview], None]
Receive = Callable[[bytes, int, Read], Answer]

_MOST_HEAD = 2**20  # bytes
_MOST_NOISE = 2**16  # bytes that Python's start may print, a sitecustomize or a .pth file of the user's
_READY = FRAME.pack(READY, 0, 0, 0)
_PIPE = 2**20  # bytes that are under way at once: Linux's most without privileges, and sixteen times its default
_SECONDS_TO_START = 60.0
_SECONDS_TO_END = 5.0
_IDLE_SECONDS = 60.0  # after which all children but one end
_ATTEMPTS = 3  # with children that end before they have the request
_KILLS = 2  # from outside, after which a request is given up
_SIGKILL = getattr(signal, "SIGKILL", None)  # Windows tells nobody how a process ended
_TICK = 0.1  # seconds
_LATE = 2.0  # seconds by which the parent is behind a child that times itself


class ChildError(Exception):
    """A request that failed because of its child."""


class CannotStart(ChildError):
    """No child can be started on this machine."""


class TookTooLong(ChildError):
    """The child was ended since the request had had its time."""


class Died(ChildError):
    """The child ended in the middle of the request, or answered what no child answers."""


class Killed(ChildError):
    """Children were ended from outside in the middle of the request, as a system does that runs out of memory."""


class _EndedBefore(Exception):
    """A child had ended before it had the request, which therefore had no part in it."""


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
        self._all: set[_Child] = set()
        self._idle: list[_Child] = []
        self._timer: Timer | None = None
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
        kills = 0
        for _ in range(_ATTEMPTS):
            child = self._borrow(cancelled)
            try:
                return child.ask(request, receive, cancelled)
            except _EndedBefore:
                continue
            except Killed:
                kills += 1
                if kills == _KILLS:
                    raise
            finally:  # Ctrl-C, too
                self._give_back(child)
        raise Died

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

    def _borrow(self, cancelled: Callable[[], bool] | None) -> "_Child":
        with self._changed:
            while not self._closed:
                if cancelled is not None and cancelled():
                    raise Cancelled("Stopped before the work began.")
                while self._idle:
                    child = self._idle.pop()
                    if child.is_alive:
                        return child
                    self._remove(child)
                if len(self._all) < self._most:
                    try:
                        return self._started()
                    except CannotStart:
                        if not self._all:
                            raise
                self._changed.wait(timeout=_TICK)  # without an end, Ctrl-C would wait, too, on Windows
            raise CannotStart

    def _give_back(self, child: "_Child") -> None:
        with self._changed:
            if child.at_rest and not self._closed:
                child.since = time.monotonic()
                self._idle.append(child)
                if len(self._idle) > 1 and self._timer is None:
                    self._retire_later()
            else:
                self._remove(child)
            self._changed.notify()

    def _started(self, *arguments: str) -> "_Child":
        child = _Child(
            (*self._command, *arguments),
            self._environment,
            seconds=self._seconds,
            most_seconds=self._most_seconds,
            seconds_to_start=self._seconds_to_start,
        )
        self._all.add(child)
        return child

    def _remove(self, child: "_Child") -> None:
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


class _Child:
    """One child. It answers one request at a time.

    Raises:
        CannotStart: if the system does not let it be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        seconds: float,
        most_seconds: float,
        seconds_to_start: float,
    ):
        self._seconds, self._most_seconds, self._seconds_to_start = seconds, most_seconds, seconds_to_start
        self._number, self.is_ready, self.at_rest, self.since = 0, False, True, 0.0
        self._was_killed = False
        try:
            self._process = _popen(command, environment)
        except (OSError, ValueError) as error:
            raise CannotStart from error
        # Without buffers they are plain files.
        self._requests, self._answers = cast(FileIO, self._process.stdin), cast(FileIO, self._process.stdout)
        for pipe in (self._requests, self._answers):
            _widen(pipe)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: bytes, receive: Receive[Answer], cancelled: Callable[[], bool] | None) -> Answer:
        self.at_rest = False
        self._number += 1
        if not self.is_ready:
            self._wait_until_ready(cancelled)
        with _Watch(self.kill, self._seconds, cancelled) as watch:
            try:
                self._write(request)
                self._granted(watch)
            except (EOFError, OSError):
                self._raise_if_watched(watch)
                raise _EndedBefore from None
            try:
                while (answered := self._granted(watch)) is None:
                    pass
                head, length = answered
                body = _Body(self._fill, length)
                answer = receive(head, length, body.read)
                if body.left:
                    raise Died
            except (EOFError, OSError):
                self._raise_if_watched(watch)
                raise self._reason() from None
        self.at_rest = True
        return answer

    def end(self) -> None:
        """Let the child end by itself; `wait` waits for it."""
        with suppress(OSError):
            self._requests.close()

    def kill(self) -> None:
        self._was_killed = True
        with suppress(OSError):
            self._process.kill()

    def wait(self) -> None:
        """Wait for its end, and leave neither a zombie nor a pipe."""
        with suppress(OSError):
            self._requests.close()
        try:
            self._process.wait(timeout=_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()
        with suppress(OSError):
            self._answers.close()

    def forget(self) -> None:
        """Close this process's copies of the pipes, and leave the child to the process that started it."""
        self._process.returncode = 0
        for pipe in (self._requests, self._answers):
            with suppress(OSError):
                pipe.close()

    def _wait_until_ready(self, cancelled: Callable[[], bool] | None) -> None:
        with _Watch(self.kill, self._seconds_to_start, cancelled) as watch:
            try:
                self._skip_to_ready()
            except (EOFError, OSError):
                watch.raise_if_cancelled()
                raise CannotStart from None
        self.is_ready = True

    def _skip_to_ready(self) -> None:
        printed, byte = bytearray(), bytearray(1)
        while not printed.endswith(_READY):
            if len(printed) > _MOST_NOISE:
                raise CannotStart
            self._fill(memoryview(byte))
            printed += byte

    def _write(self, request: bytes) -> None:
        write_all(self._requests, memoryview(FRAME.pack(REQUEST, self._number, 0, len(request))))
        write_all(self._requests, memoryview(request))

    def _granted(self, watch: "_Watch") -> tuple[bytes, int] | None:
        """Take the next message: let the child have more time, or return the answer's head and its body's length."""
        kind, number, head_length, length = self._frame()
        # With another request's number it would be another request's answer.
        if number != self._number or head_length > _MOST_HEAD:
            raise Died
        head = bytearray(head_length)
        self._fill(memoryview(head))
        if kind == ANSWER:
            return bytes(head), length
        if kind != GRANTED or length:
            raise Died
        try:
            (seconds,) = SECONDS.unpack(head)
        except struct.error:
            raise Died from None
        if not math.isfinite(seconds):
            raise Died
        watch.allow(min(seconds, self._most_seconds))
        return None

    def _frame(self) -> tuple[Any, ...]:
        frame = bytearray(FRAME.size)
        self._fill(memoryview(frame))
        return FRAME.unpack(frame)

    def _fill(self, buffer: memoryview) -> None:
        buffer = buffer.cast("B")
        while len(buffer):
            count = self._answers.readinto(buffer)
            if not count:
                raise EOFError
            buffer = buffer[count:]

    def _raise_if_watched(self, watch: "_Watch") -> None:
        watch.raise_if_cancelled()
        if watch.over:
            raise TookTooLong

    def _reason(self) -> ChildError:
        """Return why the child, whose pipe has ended, did."""
        try:
            code = self._process.wait(timeout=_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            return Died()
        if -code in TIME_SIGNALS:
            return TookTooLong()
        return Killed() if -code == _SIGKILL and not self._was_killed else Died()


class _Body:
    """An answer's body, which is read to its end and no further."""

    def __init__(self, fill: Callable[[memoryview], None], length: int):
        self._fill, self.left = fill, length

    def read(self, buffer: memoryview) -> None:
        if buffer.nbytes > self.left:
            raise Died
        self._fill(buffer)
        self.left -= buffer.nbytes


class _Watch:
    """Ends a child that has had its time, or whose answer nobody waits for any more.

    A thread that reads from a pipe can be held by nothing else on every system. Time in which this process itself was
    held up, by a package that keeps the interpreter's lock or by Ctrl-Z, is not the child's.
    """

    def __init__(self, kill: Callable[[], None], seconds: float, cancelled: Callable[[], bool] | None):
        self._kill, self._cancelled = kill, cancelled
        self._left = seconds + _LATE
        self._done = Event()
        self.over = self.was_cancelled = False
        self._thread = Thread(target=self._run, name="child's watch", daemon=True)

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def allow(self, seconds: float) -> None:
        """Let the child take this much from now on."""
        self._left = seconds + _LATE

    def raise_if_cancelled(self) -> None:
        if self.was_cancelled:
            raise Cancelled("Stopped before the work was done.")

    def _run(self) -> None:
        before = time.monotonic()
        while not self._done.wait(_TICK):
            now = time.monotonic()
            self._left -= min(now - before, 2 * _TICK)
            before = now
            self.was_cancelled = self._cancelled is not None and self._cancelled()
            self.over = self._left <= 0
            if self.over or self.was_cancelled:
                self._kill()
                return


def _popen(command: Sequence[str], environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    if not sys.executable or getattr(sys, "frozen", False):
        raise OSError("this program is no Python that could run a module")
    options: dict[str, Any] = {}
    if sys.platform == "win32":
        options["creationflags"] = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    else:
        options["start_new_session"] = True
    return subprocess.Popen(
        # -P: a module that lies in the current folder, among the films, is none of ours.
        [sys.executable, "-P", "-m", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        env=_environment(command[0], environment),
        **options,
    )


def _environment(module: str, changed: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with changes, by which the child finds the package that this process found."""
    environment = {**os.environ, **changed}
    spec = find_spec(module.partition(".")[0])
    if spec is not None and spec.origin is not None:
        root = Path(spec.origin).parents[1 if spec.submodule_search_locations else 0]
        if root not in {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}:
            paths = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
            environment["PYTHONPATH"] = os.pathsep.join([*paths, str(root)])
    return environment


def _widen(pipe: FileIO) -> None:
    """Let a pipe hold more than a page or two, where the system can: a film of 12 MB comes in as many turns."""
    with suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE)


def _called_if_alive(method: Callable[[], None]) -> Callable[[], None]:
    """Return a function that calls a method as long as its object lives, and does not keep it alive."""
    reference = weakref.WeakMethod(method)

    def call() -> None:
        alive = reference()
        if alive is not None:
            alive()

    return call
