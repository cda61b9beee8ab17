"""What a folder's disk can be trusted with: whether it is this machine's own, and whether its locks hold."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from uuid import uuid4

from ensemble_cam.machine.mounts import mounts

_LOCAL = frozenset(
    (
        *("apfs", "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "fuseblk", "hfs", "jfs", "ntfs"),
        *("ntfs3", "overlay", "ramfs", "reiserfs", "tmpfs", "vfat", "xfs", "zfs"),
    )
)
_HOLD = "BEGIN EXCLUSIVE"
_TRY = f"""
import sqlite3, sys
try:
    sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None).execute("{_HOLD}")
except sqlite3.OperationalError as error:
    sys.exit(7 if error.sqlite_errorcode == sqlite3.SQLITE_BUSY else 1)
"""
_REFUSED = 7
_PATIENCE = 20.0  # seconds


def file_system(folder: Path) -> str:
    """Return the name of a folder's file system, as the system calls it ("ext4", "nfs4"); empty where it is not told.

    On Windows it is "fixed" for a disk of this machine, "remote" for one of another.
    """
    if sys.platform == "win32":
        import ctypes

        kind = ctypes.windll.kernel32.GetDriveTypeW(f"{folder.resolve().anchor}")
        return {3: "fixed", 4: "remote"}.get(kind, "")
    real, found = os.path.realpath(folder), ("", "")
    for mount in mounts():
        inside = real == mount.place or real.startswith(mount.place.rstrip("/") + "/")
        if inside and len(mount.place) >= len(found[0]):  # of two at one place the later one lies over the other
            found = mount.place, mount.kind
    return found[1]


def is_local(name: str) -> bool:
    """Return whether a file system of this name, see `file_system`, is known to be this machine's own."""
    return name == "fixed" or name in _LOCAL


def locks_hold(folder: Path) -> bool:
    """Return whether another process is kept out of a database in this folder that is held here; it is tried.

    Raises:
        OSError: if nothing can be written to the folder.
    """
    path = folder / f".locks-{uuid4().hex}"
    path.touch(exist_ok=False)
    try:
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as held:
            held.execute(_HOLD)
            command = [sys.executable, "-I", "-S", "-c", _TRY, str(path)]
            other = subprocess.run(command, timeout=_PATIENCE, capture_output=True, check=False)
        return other.returncode == _REFUSED
    except (sqlite3.Error, subprocess.TimeoutExpired):
        return False
    finally:
        path.unlink(missing_ok=True)
        path.with_name(f"{path.name}-journal").unlink(missing_ok=True)
