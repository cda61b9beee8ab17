"""A child of `machine.children` that does what it is asked to, harmful or not; `python -m support.answering`."""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ensemble_cam.machine import child
from ensemble_cam.machine.child import Allowance, Grant

SPARE = Allowance(processor=0.2, seconds=1.0, memory=64 * 2**20)
MIB = 2**20


def hold_the_lock(seconds: float) -> None:
    """Sleep with the interpreter's lock in hand: a `PyDLL` does not give it back."""
    library = ctypes.PyDLL("kernel32" if sys.platform == "win32" else None)
    if sys.platform == "win32":
        library.Sleep(int(seconds * 1000))
    else:
        library.usleep(int(seconds * 1e6))


def answer(request: bytes, grant: Grant) -> tuple[bytes, Sequence[memoryview]]:
    """Do what the request's first word says, and answer with its second one or with what it asks for."""
    word, _, rest = request.partition(b" ")
    match word:
        case b"echo":
            return b"heard", [memoryview(rest[:3]), memoryview(rest[3:])]
        case b"pid":
            return str(os.getpid()).encode(), ()
        case b"granted":  # more time than it would have had
            grant(Allowance(processor=5, seconds=30, memory=0))
            spin(0.5)
        case b"granted-and-hold":
            grant(Allowance(processor=5, seconds=60, memory=0))
            hold_the_lock(60)
        case b"spin":
            spin(60)
        case b"hold":
            hold_the_lock(60)
        case b"take":
            try:
                bytearray(int(rest) * MIB)
            except MemoryError:
                return b"out of memory", ()
        case b"die":
            os.kill(os.getpid(), int(rest)) if rest else os._exit(0)
        case b"die-once":  # is killed, unless a file says that it was already
            path = Path(os.fsdecode(rest))
            if not path.exists():
                path.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        case b"raise":
            raise OSError("what a file said of a patient")
        case b"print":
            os.write(1, b"what a codec prints")
            os.write(2, b"what a codec prints")
    return word, ()


def spin(seconds: float) -> None:
    """Take this much of the processor's time."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def main() -> None:
    """Answer as this module says; by ANSWERING in words, for requests that are none, after some noise or not at all."""
    how = os.environ.get("ANSWERING")
    if how and how.startswith("once"):  # of several children, the first alone
        with Path(how.removeprefix("once ")).open("x"):
            pass
    if how == "badly":
        child.ANSWER = b"????"
    if how == "another":
        real = child._send
        child._send = lambda stream, kind, number, *rest: real(stream, kind, number + (kind == child.ANSWER), *rest)
    if how and how.startswith("noisily"):
        os.write(1, b"redy" * int(how.removeprefix("noisily ")))
    child.serve(answer, first=lambda request: SPARE)


if __name__ == "__main__":
    main()
