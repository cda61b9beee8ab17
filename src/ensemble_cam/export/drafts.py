"""What is being written, beside the place that it will have; and what runs that were killed have left of it.

A draft is called `.unfinished-<32 hex digits>`, and its writer holds the lock `.unfinished-<…>.lock` beside it. The
operating system lets go of a lock when its process ends, however that ends, so a draft whose lock can be had is of
nobody. Any number of runs may write into one folder, on several machines, too, where their file system shares locks.
"""

import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ensemble_cam.errors import ExportError
from ensemble_cam.machine.locks import lock

_NAME = re.compile(r"(\.unfinished-[0-9a-f]{32})(?:\.lock)?")


@contextmanager
def draft(out: Path) -> Iterator[Path]:
    """Yield a name in a folder, which is made if need be, for a file or a folder; what is left there in the end goes.

    Raises:
        OSError: if nothing can be written to the folder.
    """
    out.mkdir(parents=True, exist_ok=True)
    path = _new(out)
    with ExitStack() as stack:
        with suppress(OSError):  # no locks on this file system: then nobody gets one, and drafts stay
            while not stack.enter_context(lock(_lock_of(path))):  # somebody asks whether it is of a run that is dead
                path = _new(out)
        try:
            yield path
        finally:
            _remove(path)


def write_whole(path: Path, data: bytes, *, what: str = "file") -> None:
    """Write a file whole or not at all, in place of one that is there.

    Args:
        path: the file's; its folder is made if need be.
        data: its bytes.
        what: it is, for the sentence that it cannot be written.

    Raises:
        ExportError: if it cannot.
    """
    try:
        with draft(path.parent) as unfinished:
            unfinished.write_bytes(data)
            os.replace(unfinished, path)
    except OSError as error:
        raise ExportError(
            f"{path.name}: the {what} cannot be written ({error.strerror}). Close it in other programs, free space, or "
            "choose another folder."
        ) from None


def move_to_free_name(unfinished: Path, out: Path, name: str) -> Path:
    """Move a finished draft to the first free one of `name`, `name_2`, … in a folder, and return its place there.

    Raises:
        OSError: if it cannot be moved.
    """
    number, folder = 1, out / name
    while True:
        if not folder.exists():
            try:
                os.rename(unfinished, folder)
            except OSError:
                if not folder.exists():
                    raise
            else:
                return folder
        number += 1
        folder = out / f"{name}_{number}"


def not_written(error: Exception) -> ExportError:
    """Return the sentence that a review could not be written, and why."""
    reason = getattr(error, "strerror", None) or type(error).__name__
    return ExportError(f"The review could not be written ({reason}). Free space, or choose another folder.")


def remove_dead_drafts(out: Path) -> int:
    """Remove the drafts in a folder that nobody writes any more, and return how many that were.

    A draft that cannot be removed, or whose lock cannot be asked for, stays.
    """
    try:
        names = {found[1] for path in out.iterdir() if (found := _NAME.fullmatch(path.name))}
    except OSError:  # it is not there, or may not be looked into
        return 0
    removed = 0
    for path in (out / name for name in names):
        with suppress(OSError), lock(_lock_of(path)) as is_held:
            removed += is_held and _remove(path)
    return removed


def _new(out: Path) -> Path:
    return out / f".unfinished-{uuid.uuid4().hex}"


def _lock_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _remove(path: Path) -> bool:
    """Remove a draft, if it is there; return whether it was and is gone."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    elif path.is_file() and not path.is_symlink():
        with suppress(OSError):
            path.unlink()
    else:
        return False
    return not path.exists()
