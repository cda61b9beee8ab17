"""A child process's side of `machine.children`: requests in by its standard input, answers out by its standard output.

A message is a frame of 28 bytes, a head and a body. What a frame says: what it is, the request's number, and the
lengths of head and body in bytes. The child says once that it is ready, and then takes one request after the other: it
says what time it grants itself, at once and maybe again, and answers.
Its input's end is its own: the parent is gone, killed or not.

Limits are the system's own, as the parent cannot see what foreign code does and foreign code may hold the interpreter's
lock: two interval timers end the process when a request has had its time, of the processor's and of the clock's, and
the address space is bounded. A system that has none of these (Windows) leaves the clock to the parent.
"""

import os
import signal
import struct
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from typing import BinaryIO

FRAME = struct.Struct("<4sQQQ")
READY, REQUEST, GRANTED, ANSWER = b"redy", b"rqst", b"time", b"answ"
SECONDS = struct.Struct("<d")  # the head of GRANTED: how long the request may take from now on

# How a process ends whose time is over: by a timer of its own, whose signals nobody here handles.
TIME_SIGNALS = frozenset(getattr(signal, name) for name in ("SIGPROF", "SIGALRM") if hasattr(signal, name))

MOST_GROWN = 512 * 2**20
"""Bytes that a child may have kept of earlier requests."""


@dataclass(frozen=True)
class Allowance:
    """What one request may take.

    Attributes:
        processor: seconds of the processor.
        seconds: seconds of the clock.
        memory: bytes of address space beyond what the process had once it was ready.
    """

    processor: float
    seconds: float
    memory: int


Grant = Callable[[Allowance], None]
Answer = tuple[bytes, Sequence[memoryview]]
Work = Callable[[bytes, Grant], Answer]


def serve(
    work: Work,
    *,
    first: Callable[[bytes], Allowance],
    prepare: Callable[[], None] | None = None,
    most_grown: int = MOST_GROWN,
) -> None:
    """Answer requests until the input ends.

    What `work` raises ends the process; nothing of it is told.

    Args:
        work: gets a request, and a function that grants it more than the first allowance once it is known what it
            takes; returns the answer's head and the parts of its body, as contiguous bytes.
        first: returns what a request may take to begin with.
        prepare: called once before the child is ready; what it prints reaches nobody.
        most_grown: bytes that the process may have kept of earlier requests; with more it ends once it has answered.
    """
    requests, answers = _own_streams()
    with suppress(ValueError):  # not in the main thread, as in a test
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    no_core_file()
    if prepare is not None:
        prepare()
    limits = _Limits()
    _send(answers, READY, 0)
    while frame := requests.read(FRAME.size):
        kind, number, _, length = FRAME.unpack(frame)
        request = requests.read(length)
        if kind != REQUEST or len(request) != length:
            return

        def grant(allowance: Allowance, number: int = number) -> None:
            limits.set(allowance)
            _send(answers, GRANTED, number, SECONDS.pack(allowance.seconds))

        limits.begin(len(request))
        grant(first(request))
        head, parts = work(request, grant)
        limits.end()
        del request
        _send(answers, ANSWER, number, head, parts)
        del parts
        if limits.grown > most_grown:
            return  # and the parent starts another


def no_core_file() -> None:
    """Let a crash leave no image of the memory behind, which holds what was read.

    One byte and not none: Linux asks for no program that keeps such images (systemd-coredump) then, either (core(5)).
    """
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (1, 1))


class _Limits:
    """The system's limits on this process, one request at a time."""

    def __init__(self) -> None:
        self._at_first = _address_space()
        self._began, self._request = 0.0, 0

    @property
    def grown(self) -> int:
        """Bytes of address space that are left of earlier requests."""
        return _address_space() - self._at_first

    def begin(self, request: int) -> None:
        """Begin a request of so many bytes."""
        self._began, self._request = time.process_time(), request

    def set(self, allowance: Allowance) -> None:
        """Let the request take this much in all; of the clock's time, from now on."""
        left = allowance.processor - (time.process_time() - self._began)
        _timers(max(left, 0.001), allowance.seconds)
        if self._at_first:
            _limit_address_space(self._at_first + self._request + allowance.memory)

    def end(self) -> None:
        """Lift them: an answer takes as long as the parent takes to read it, and the next request has room to come."""
        _timers(0, 0)
        _limit_address_space(None)


def _timers(processor: float, clock: float) -> None:
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, processor)
        signal.setitimer(signal.ITIMER_REAL, clock)


def _address_space() -> int:
    """Return this process's address space in bytes; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _limit_address_space(most: int | None) -> None:
    """Set the limit, or lift it; neither can be where the system has none, nor above the one that the user set."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (hard if most is None else most, hard))


def _own_streams() -> tuple[BinaryIO, FileIO]:
    """Return this process's input and output, and leave none of them to anything else, such as a codec's printf."""
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):
        os.dup2(nothing, standard)
    os.close(nothing)
    # Unbuffered where large parts are written as they lie in memory.
    return os.fdopen(requests, "rb"), os.fdopen(answers, "wb", buffering=0)


def _send(stream: FileIO, kind: bytes, number: int, head: bytes = b"", parts: Sequence[memoryview] = ()) -> None:
    frame = FRAME.pack(kind, number, len(head), sum(len(part) for part in parts))
    for part in (memoryview(frame + head), *parts):
        write_all(stream, part)


def write_all(stream: FileIO, data: memoryview) -> None:
    """Write bytes to an unbuffered stream, which takes what it has room for."""
    while len(data):
        data = data[stream.write(data) :]
