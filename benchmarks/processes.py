"""What a process and all that it started use: processor time, memory at one moment, and what a whole run of it cost.

Processes are read from /proc; where there is none, memory and a running process' seconds are not known.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

INTERVAL = 0.02  # seconds between two looks at a run's memory
_PROC = Path("/proc")


class Family:
    """A process and its descendants, looked at again and again.

    Args:
        pid: of the process that started the others.
    """

    def __init__(self, pid: int) -> None:
        self._members = {pid}
        self._others: set[int] = set()

    def members(self) -> set[int]:
        """Return the pids of those that are there now; one whose parent has ended since the last look still belongs."""
        there = {int(name) for name in os.listdir(_PROC) if name.isdecimal()}
        new = {pid: _parent(pid) for pid in there - self._members - self._others}
        family = self._members
        while more := {pid for pid, parent in new.items() if parent in family} - family:
            family = family | more
        self._members, self._others = family & there, (self._others | new.keys()) & there - family
        return self._members


def _stat(pid: int) -> list[str] | None:
    """Return the fields of a process behind its name; None once it has ended."""
    with suppress(OSError):
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return None


def _parent(pid: int) -> int | None:
    fields = _stat(pid)
    return None if fields is None else int(fields[1])


def processor_seconds(pid: int | None) -> float | None:
    """Return what a process and all that it started has used; None where the system does not say so by /proc."""
    if pid is None or not (_PROC / "self/stat").exists():
        return None
    fields = filter(None, map(_stat, Family(pid).members()))
    ticks = sum(sum(map(int, each[11:15])) for each in fields)  # own, and of children that have ended
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> int | None:
    """Return the bytes that a process and all that it started hold now, shared ones once; None without /proc."""
    return _held(Family(pid), 0) if (_PROC / "self/stat").exists() else None


def _held(family: Family, least: int) -> int:
    """Return the bytes that a family holds; 0 where they cannot be more than `least`.

    What is shared is counted by its share (PSS). That takes the kernel ten milliseconds for each gigabyte, so it is
    asked only where the resident bytes, which never are fewer, leave room for more.
    """
    members = family.members()
    resident = sum(map(_resident, members))
    return sum(map(_shared_out, members)) if resident > least else 0


def _resident(pid: int) -> int:
    with suppress(OSError):
        return int((_PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _shared_out(pid: int) -> int:
    """Return a process' proportional share of memory in bytes, or its resident one where that is not told."""
    with suppress(OSError):
        for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return _resident(pid)


@dataclass(frozen=True)
class Cost:
    """What a command cost.

    Attributes:
        seconds: from its start to its end.
        processor: seconds of all cores, its own and those of all processes that it has waited for.
        peak: the most bytes that it and its descendants held at one look; None where nobody looked.
    """

    seconds: float
    processor: float
    peak: int | None = None


def cost_of(
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str] | None = None, look: bool = False
) -> Cost:
    """Run a command to its end and return what it cost.

    Args:
        command: the program and its arguments.
        folder: where it runs; what it says is in `said` there.
        environment: its variables; None for those of this process.
        look: look at its memory, which takes time from what it does.

    Raises:
        SystemExit: if it fails, with the last that it said.
    """
    said = folder / "said"
    began = time.perf_counter()
    with said.open("wb") as stream:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream
        )
        looking = _Looking(process.pid) if look and (_PROC / "self/stat").exists() else None
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            process.send_signal(signal.SIGTERM)
            process.wait()
            raise
        finally:
            seconds = time.perf_counter() - began
            peak = looking.end() if looking is not None else None
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        last = said.read_text(errors="replace").strip().splitlines()[-5:]
        raise SystemExit("\n".join([f"{' '.join(map(str, command))} ended with {process.returncode}:", *last]))
    return Cost(seconds, used.ru_utime + used.ru_stime, peak)


class _Looking:
    """Looks at a family's memory from a thread until it is ended."""

    def __init__(self, pid: int) -> None:
        self._family, self._peak, self._done = Family(pid), 0, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._done.wait(INTERVAL):
            self._peak = max(self._peak, _held(self._family, self._peak))

    def end(self) -> int:
        """Return the most bytes that were seen."""
        self._done.set()
        self._thread.join()
        return self._peak
