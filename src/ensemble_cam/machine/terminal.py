"""Progress in the terminal: what is shown, and how fast it goes."""

import math
import shutil
import time
import unicodedata
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread
from typing import TextIO

_BAR = 20
# What a rate is taken over: enough films to be steady, few enough to follow when films become larger; and enough
# seconds, as several processes' films come many at a time.
_WINDOW, _SECONDS_OF_A_WINDOW = 30, 10.0
_TICK = 1.0  # seconds

LOADING = "Loading the networks' libraries, which takes longest at the first start"
"""What is said while PyTorch and what belongs to it is imported: in the terminal and on the page."""


class TerminalLine:
    """The line at which a command says what it does: passing texts replace each other there, lasting ones scroll up.

    Args:
        stream: where it stands; None for a command that says nothing.
    """

    def __init__(self, stream: TextIO | None):
        self._stream, self._is_terminal = stream, stream is not None and stream.isatty()

    def transient(self, text: str) -> None:
        """Show a text until the next one; nothing where the output is no terminal.

        It is cut to the terminal's width: the rest of a line that runs on in the next one could not be replaced.
        """
        if self._is_terminal:
            self._write(f"\r\x1b[2K{fitted(text, shutil.get_terminal_size().columns - 1)}")

    def line(self, text: str) -> None:
        """Write a text that stays."""
        self._write(f"\r\x1b[2K{text}\n" if self._is_terminal else f"{text}\n")

    def _write(self, text: str) -> None:
        if self._stream is not None:
            self._stream.write(text)
            self._stream.flush()


class Ticker:
    """Says every second what is being done and for how long, so that nobody takes a slow start for a stop.

    Any thread may tell it something. It must be ended.

    Args:
        line: where it is said.
        what: what is being done first.
    """

    def __init__(self, line: TerminalLine, what: str):
        self._line, self._began = line, time.monotonic()
        self._lock, self._ended = Lock(), Event()
        self.now(what)
        Thread(target=self._tick, name="ticker", daemon=True).start()

    @property
    def seconds(self) -> float:
        """For how long it has ticked."""
        return time.monotonic() - self._began

    def now(self, what: str) -> None:
        """Say what is being done from now on."""
        with self._lock:
            self._what, self._since = what, time.monotonic()
            self._show()

    def say(self, text: str) -> None:
        """Write a text that stays, whatever is being done."""
        with self._lock:
            self._line.line(text)
            self._show()

    def end(self, text: str = "") -> None:
        """Say nothing more, but perhaps a last text that stays."""
        with self._lock:
            if self._ended.is_set():
                return
            self._ended.set()
            if text:
                self._line.line(text)
            else:
                self._line.transient("")

    def _tick(self) -> None:
        while not self._ended.wait(_TICK):
            with self._lock:
                self._show()

    def _show(self) -> None:
        if not self._ended.is_set():
            seconds = time.monotonic() - self._since
            self._line.transient(f"{self._what} ({seconds:.0f} s)" if seconds >= _TICK else self._what)


@contextmanager
def ticking(line: TerminalLine, what: str) -> Iterator[None]:
    """Say every second, until the block ends, what is being done in it."""
    ticker = Ticker(line, what)
    try:
        yield
    finally:
        ticker.end()


class Pace:
    """How fast things are done. What is passed over counts for nothing, and neither does the time that it takes.

    What fails is not told of: its time is that of the next that is done, as both may have been in work side by side.

    Times are seconds of any clock that only goes on.
    """

    def __init__(self, began: float):
        self._last = began
        self._window = deque([0.0])  # seconds of work at which each was done, and those at which the first was begun
        self._done, self._seconds = 0, 0.0

    def did(self, now: float) -> None:
        """Count one thing that was done since the last one was done or passed over."""
        took, self._last = max(0.0, now - self._last), now
        self._done += 1
        self._seconds += took
        self._window.append(self._seconds)
        while len(self._window) > _WINDOW + 1 and self._seconds - self._window[1] >= _SECONDS_OF_A_WINDOW:
            self._window.popleft()

    def passed_over(self, now: float) -> None:
        """Leave the time since the last one out."""
        self._last = now

    @property
    def rate(self) -> float | None:
        """How many are done in a second of late; None before anything is."""
        return _rate(len(self._window) - 1, self._seconds - self._window[0])

    @property
    def mean_rate(self) -> float | None:
        """How many were done in a second, all in all; None before anything is."""
        return _rate(self._done, self._seconds)


def _rate(count: int, seconds: float) -> float | None:
    return count / seconds if count and seconds > 0 else None


def status(done: int, total: int, rate: float | None) -> str:
    """Return how far the work is, as "[█████     ] 57/300 · 4.2 films/s · about 1 min left"."""
    parts = [f"[{bar(done, total)}] {done}/{total}"]
    if rate is not None:
        parts += [films_per_second(rate), time_left((total - done) / rate)]
    return " · ".join(parts)


def bar(done: int, total: int, *, width: int = _BAR) -> str:
    """Return a bar of `width` characters, full only when all is done."""
    full = width * done // max(total, 1)
    return "█" * full + " " * (width - full)


def films_per_second(rate: float) -> str:
    """Return a rate in words, per minute where it is slow: "4.2 films/s", "0.85 films/s", "3.1 films/min"."""
    if rate < 0.1:
        return f"{rate * 60:.1f} films/min"
    return f"{rate:.2f} films/s" if rate < 1 else f"{rate:.1f} films/s"


def time_left(seconds: float) -> str:
    """Return an estimate in words, no finer than it deserves: "about 40 s left", "about 2 h 10 min left"."""
    if seconds < 60:
        # The next 5 or 10 seconds; the last films take a moment, too.
        step = 5 if seconds <= 20 else 10
        rounded = max(step, step * math.ceil(seconds / step))
        return f"about {rounded} s left" if rounded < 60 else "about 1 min left"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"about {minutes} min left"
    hours, minutes = divmod(10 * round(seconds / 600), 60)
    return f"about {hours} h left" if not minutes else f"about {hours} h {minutes} min left"


def fitted(text: str, columns: int) -> str:
    """Cut a text to a terminal's columns, of which wide characters take two, and say so with "…"."""
    if sum(map(_columns, text)) <= columns:
        return text
    room, kept = columns - 1, []
    for character in text:
        room -= _columns(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept) + "…" * (columns > 0)


def _columns(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else not unicodedata.combining(character)
