"""One child process, as its parent sees it: its start, requests to it, its time, and why it ended.

It is never started by `multiprocessing`, whose way on Windows and macOS runs the user's own script again.
"""

import math
import os
import signal
import struct
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from io import FileIO
from pathlib import Path
from threading import Event, Thread
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
_SECONDS_TO_END = 5.0
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


class EndedBefore(Exception):
    """A child had ended before it had the request, which therefore had no part in it."""


class Child:
    """One child. It answers one request at a time.

    Attributes:
        is_ready: whether it has said that it takes requests.
        at_rest: whether it is in the middle of none; one that broke off a request never is again.
        since: when it was last given back, for who keeps several.

    Args:
        command: a module and its arguments.
        environment: what of the environment is other than here.
        seconds: of the clock that a request may take to begin with.
        most_seconds: that it may take at most, however much the child grants itself.
        seconds_to_start: until it has to be ready.

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
        """Its process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def ask(self, request: bytes, receive: Receive[Answer], cancelled: Callable[[], bool] | None) -> Answer:
        """Hand it a request, as `Children.ask` does; `EndedBefore` if it had ended by then."""
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
                raise EndedBefore from None
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
        """End it at once."""
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
