"""What is mounted where, as the kernel tells it (proc(5), mountinfo)."""

import re
from dataclasses import dataclass
from pathlib import Path

_TOLD = Path("/proc/self/mountinfo")


@dataclass(frozen=True)
class Mount:
    """A file system at its place.

    Attributes:
        root: which of its folders is mounted.
        place: where.
        kind: its name, as the system calls it ("ext4", "nfs4").
    """

    root: str
    place: str
    kind: str


def mounts() -> list[Mount]:
    """Return what is mounted for this process, a later one over an earlier one; nothing where it is not told."""
    try:
        told = _TOLD.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return []
    found = []
    for line in told.splitlines():
        before, _, after = line.partition(" - ")  # optional fields end with a lone hyphen
        root, place = (re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), each) for each in before.split(" ")[3:5])
        found.append(Mount(root, place, after.partition(" ")[0]))
    return found
