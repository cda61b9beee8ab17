"""Many phantoms into one folder: what `ensemble-cam phantom` does.

Each film follows from its seed alone, so they come out the same whether one process draws them all or many share them.
"""

import signal
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from threading import current_thread, main_thread

import cv2

from ensemble_cam.errors import ConfigError, ExportError, did_you_mean
from ensemble_cam.machine.allotted import cores

from .drawing import FINDINGS, draw_phantom
from .files import Format, film_name, write_phantom

_WORTH_A_PROCESS = 4  # films; to start one takes about as long as to draw two


@dataclass(frozen=True)
class Written:
    """One film of a series.

    Attributes:
        name: its file's.
        findings: what was planted.
        new: False if the same phantom was there already.
    """

    name: str
    findings: tuple[str, ...]
    new: bool


@dataclass(frozen=True)
class Series:
    """What to draw and where to write it; film `index` is drawn from `seed + index`.

    Attributes other than `folder` and `format` are those of `draw_phantom`.
    """

    folder: Path
    seed: int = 0
    findings: tuple[str, ...] | None = None
    size: int | tuple[int, int] = 1024
    bits: int = 8
    difficulty: float | None = None
    format: Format = "png"

    def write(self, index: int) -> Written:
        """Draw and write one film.

        Raises:
            ConfigError: if no such film can be drawn, or another one of this index is there.
            ExportError: if it cannot be written.
        """
        phantom = draw_phantom(
            self.seed + index, findings=self.findings, size=self.size, bits=self.bits, difficulty=self.difficulty
        )
        new = write_phantom(phantom, self.folder, index, format=self.format)
        return Written(film_name(index, self.format), phantom.findings, new)

    def write_all(self, count: int, *, processes: int | None = None) -> Generator[Written, None, None]:
        """Write `count` films and yield each when it and those before it are there.

        Close the iterator to stop: films that are being written are finished, and no other is begun.

        Args:
            count: how many, from index 0 on.
            processes: how many draw at once; None for one on each core where there are films enough.

        Raises:
            ConfigError: see `write`.
            ExportError: see `write`; also if a process ended before its time.
        """
        processes = processes or min(cores(), count // _WORTH_A_PROCESS)
        if processes <= 1:
            yield from map(self.write, range(count))
            return
        # Started afresh instead of forked: a fork may inherit a lock that some thread of this process holds.
        pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_begin_drawing)
        try:
            with _interrupts_held_back():
                written = pool.map(self.write, range(count))  # starts the processes
            yield from written
        except BrokenProcessPool:
            raise ExportError(
                "A drawing process ended before its time, perhaps for want of memory. Draw fewer or smaller films."
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def find_findings(wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the upstream names of findings given in any case, without repetition.

    Raises:
        ConfigError: if one of them is none that is drawn.
    """
    # Each of them is one word, so its upstream name is the displayed one, too.
    by_name = {label.casefold(): label for label in FINDINGS}
    found = []
    for name in wanted:
        key = name.strip().casefold()
        if key not in by_name:
            raise ConfigError(f'finding: got "{name}"; allowed: {", ".join(FINDINGS)}.{did_you_mean(name, FINDINGS)}')
        found.append(by_name[key])
    return tuple(dict.fromkeys(found))


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Hold Ctrl-C back here, and for good in processes that are started meanwhile: they would end in tracebacks."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    came, handler = [], None
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    if current_thread() is main_thread():
        # The mask is this thread's. A library's thread may take the signal, and Python would still answer it here.
        handler = signal.signal(signal.SIGINT, lambda *_: came.append(True))
    try:
        yield
    finally:
        if handler is not None:
            signal.signal(signal.SIGINT, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if came:
            signal.raise_signal(signal.SIGINT)


def _begin_drawing() -> None:
    """Prepare a process that draws: Ctrl-C is for the one that started it to answer, and the cores are shared out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
