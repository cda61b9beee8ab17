"""How much of the machine this process may use.

That is less than there is where it is kept on some cores, and in a container, a job of a cluster or a unit of systemd
with limits: Linux' control groups (cgroups(7)), of version 2 and 1. A limit counts for all groups below its own.
"""

import os
from collections.abc import Iterator
from math import ceil
from pathlib import Path, PurePosixPath

from ensemble_cam.machine.mounts import Mount, mounts

_OWN_GROUPS = Path("/proc/self/cgroup")


def cores() -> int:
    """Return how many cores this process may use, a part of one counted whole."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota / period for quota, period in _processor_time() if quota > 0 and period > 0]
    return max(1, min(usable, *map(ceil, quotas))) if quotas else usable


def memory() -> int | None:
    """Return the bytes that this process may use; None where the system does not tell."""
    try:
        there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
    return min(there, *limits) if (limits := list(_memory_limits())) else there


def _processor_time() -> Iterator[tuple[int, int]]:
    """Yield the time that groups may have of each period; of no limit nothing, or -1."""
    for group in _groups("cpu"):
        yield from (numbers for numbers in [_numbers(group / "cpu.max")] if len(numbers) == 2)
        quota, period = _numbers(group / "cpu.cfs_quota_us"), _numbers(group / "cpu.cfs_period_us")
        if quota and period:
            yield quota[0], period[0]


def _memory_limits() -> Iterator[int]:
    for group in _groups("memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            yield from _numbers(group / name)


def _numbers(path: Path) -> tuple[int, ...]:
    """Return the numbers in a group's file; none where it is not there or says "max"."""
    try:
        return tuple(map(int, path.read_text().split()))
    except (OSError, ValueError):
        return ()


def _groups(controller: str) -> Iterator[Path]:
    """Yield the folders of this process's groups that may limit something, each before the one above it."""
    try:
        own = [line.split(":", 2) for line in _OWN_GROUPS.read_text().splitlines()]
    except OSError:
        return
    for mount in mounts():
        for _, controllers, group in own:
            if _is_of(mount, controllers, controller):
                yield from _upwards(mount, PurePosixPath(group))


def _is_of(mount: Mount, controllers: str, controller: str) -> bool:
    """Whether groups with these controllers may be below a mount, and one is meant; in version 2 none is named."""
    if mount.kind == "cgroup2":
        return not controllers
    return mount.kind == "cgroup" and controller in controllers.split(",")


def _upwards(mount: Mount, group: PurePosixPath) -> Iterator[Path]:
    """Yield a group's folder below a mount and those above it; the mount's own where the group is not below it."""
    place, root = Path(mount.place), PurePosixPath(mount.root)
    inside = group.relative_to(root) if group.is_relative_to(root) and ".." not in group.parts else PurePosixPath(".")
    for each in (inside, *inside.parents):
        yield place / each
