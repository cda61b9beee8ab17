"""The child that makes records of films, but for those that tell it to end: `python -m support.deadly`.

It stands in the place of `ensemble_cam.archive.worker`, loads no network, and ends nothing but itself and its parent.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ensemble_cam.archive.film_record import FilmRecord, message_of
from ensemble_cam.archive.workers import DESCRIBE
from ensemble_cam.machine.child import Allowance, Grant, serve


def record(place: str) -> FilmRecord:
    data = Path(place).read_bytes()
    match data:
        case b"crash":
            os.abort()
        case b"killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case b"killed once":
            if not (mark := Path(f"{place}.mark")).exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        case b"worker":
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(60)
        case b"worker once":
            if not (mark := Path(f"{place}.mark")).exists():
                mark.touch()
                os.kill(os.getppid(), signal.SIGKILL)
                time.sleep(60)
        case b"broken":
            return FilmRecord("ff", "It would not.")
    return FilmRecord("aa", facts={"width": 3}, scores=[["net", "Mass", len(data) / 7, None]])


def answer(request: bytes, grant: Grant) -> tuple[bytes, Sequence[memoryview]]:
    if request == DESCRIBE:
        refused = os.environ.get("DEADLY_REFUSAL")
        told = {"refused": json.loads(refused)} if refused else {"key": {}, "notice": None, "classifiers": []}
        return KEY, [memoryview(json.dumps(told).encode())]
    return KEY, message_of([record(place) for place in json.loads(request)])


def key() -> bytes:
    """Return what stands for the networks that were loaded; with DEADLY_KEY, a file, the first process has others."""
    try:
        with Path(os.environ["DEADLY_KEY"]).open("x"):
            return b"first"
    except (KeyError, FileExistsError):
        return b""


KEY = key()

if __name__ == "__main__":
    if os.environ.get("DEADLY_START"):
        sys.exit(1)
    serve(answer, first=lambda _: Allowance(60, 60, 2**30))
