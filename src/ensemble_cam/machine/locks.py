"""A file that one process or thread holds at a time; the operating system lets go of it when the process ends."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


@contextmanager
def lock(path: Path) -> Iterator[bool]:
    """Hold a lock file until the block ends, if nobody else holds it; yield whether it is held.

    The file is made if need be and gone afterwards. Whoever gets the lock on a file that its owner has removed
    meanwhile holds nothing.

    Raises:
        OSError: if the file cannot be made, or the file system knows no locks.
    """
    is_held = False
    try:
        with path.open("ab") as file:
            try:
                is_held = _try_lock(file) and _is_still_there(path, file)
            except OSError:  # nobody can hold it
                file.close()  # Windows removes no file that is open
                with suppress(OSError):
                    path.unlink(missing_ok=True)
                raise
            try:
                yield is_held
            finally:
                if is_held and os.name == "posix":  # while it is held: nobody else's is removed
                    path.unlink(missing_ok=True)
    finally:
        if is_held and os.name != "posix":
            with suppress(PermissionError):  # Windows removes no file that is open, and so none that another holds
                path.unlink(missing_ok=True)


def _try_lock(file: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _is_still_there(path: Path, file: IO[bytes]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
