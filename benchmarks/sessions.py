"""Twenty sessions of the app, one after the other and all at once: seconds, first result, processor seconds, scores.

    python benchmarks/sessions.py
    python benchmarks/sessions.py --count 4

The app is served to this machine alone, with the teaching set and an empty home folder. Sessions are bare WebSockets of
this process, see `bare_client`. Each opens the page, uploads a phantom of its own as soon as the page has an uploader,
while the review of the example film that the app opens with is under way, waits for the scores and closes the page.
Their own work has a lower priority than the server's: readers' browsers run on machines of their own.

It prints a line for each round. It exits with 1 where scores differ from those of the round before, where all at once
takes more than 1.2 times as long as one after the other, or the first result more than 2 times as long as that of a
single session. On a machine that does other work meanwhile, the seconds mean little.
"""

import argparse
import hashlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bare_client import BareSession, Scores
from processes import processor_seconds
from served import serving

from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import film_name, phantom_files

PATIENCE = 600.0
SLOWER, FIRST = 1.2, 2.0
_SIDE = 1024


@dataclass(frozen=True)
class Outcome:
    """What came of a session.

    Attributes:
        seconds: from the moment that the page was asked for until its film had scores.
        scores: of the film.
    """

    seconds: float
    scores: Scores


@dataclass(frozen=True)
class Round:
    """What came of several sessions.

    Attributes:
        seconds: until the last film had scores.
        processor: seconds of all cores that the server used for it; None where the system does not say.
        outcomes: one for each film.
    """

    seconds: float
    processor: float | None
    outcomes: Sequence[Outcome]

    @property
    def scores(self) -> list[Scores]:
        """Of each film."""
        return [outcome.scores for outcome in self.outcomes]

    @property
    def first(self) -> float:
        """Seconds until the first film had scores, where all sessions began at once."""
        return min(outcome.seconds for outcome in self.outcomes)


def drawn_films(count: int, *, side: int = _SIDE) -> list[bytes]:
    """Draw phantoms, none like another, as PNG files."""
    return [phantom_files(draw_phantom(7_000 + number, size=side), 0)[film_name(0, "png")] for number in range(count)]


def session(address: str, film: bytes) -> Outcome:
    """Open the page, have a film reviewed, and close the page."""
    began = time.monotonic()
    with BareSession(address) as page:
        page.upload("film.png", film)
        scores = page.wait_for_scores(hashlib.sha256(film).hexdigest(), PATIENCE)
        return Outcome(time.monotonic() - began, scores)


def in_series(address: str, films: Sequence[bytes], *, pid: int | None = None) -> Round:
    """Let one session follow the other."""
    return _round(address, films, 1, pid)


def at_once(address: str, films: Sequence[bytes], *, pid: int | None = None) -> Round:
    """Let all sessions begin in the same moment."""
    return _round(address, films, len(films), pid)


def _round(address: str, films: Sequence[bytes], width: int, pid: int | None) -> Round:
    before, began = processor_seconds(pid), time.monotonic()
    with ThreadPoolExecutor(width) as sessions:
        outcomes = list(sessions.map(lambda film: session(address, film), films))
    seconds, after = time.monotonic() - began, processor_seconds(pid)
    return Round(seconds, None if before is None or after is None else after - before, outcomes)


def _told(name: str, round: Round, *remarks: str) -> str:
    processor = "" if round.processor is None else f"{round.processor:6.1f} processor seconds"
    return "  ".join([f"{name:12}{round.seconds:7.2f} s", processor, *remarks])


def main() -> int:
    """Run the rounds; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20, help="sessions")
    options = parser.parse_args()
    films = drawn_films(options.count)
    with tempfile.TemporaryDirectory() as home, serving(Path(home)) as served:
        if hasattr(os, "nice"):
            os.nice(5)
        session(served.address, films[0])  # the server imports and loads, and what it read is in the system's memory
        alone = statistics.median(session(served.address, film).seconds for film in films[:3])
        print(f"{'single':12}{alone:7.2f} s", flush=True)
        series = in_series(served.address, films, pid=served.pid)
        print(_told("in series", series), flush=True)
        together = at_once(served.address, films, pid=served.pid)
    slower, first, same = together.seconds / series.seconds, together.first / alone, together.scores == series.scores
    remarks = [
        f"{slower:.2f} times as long (at most {SLOWER})",
        f"first result {together.first:.2f} s, {first:.2f} times a single one's (at most {FIRST})",
        f"scores {'equal' if same else 'DIFFER'}",
    ]
    print(_told("at once", together, *remarks))
    return 0 if same and slower <= SLOWER and first <= FIRST else 1


if __name__ == "__main__":
    sys.exit(main())
