"""Reading files that others made: regular ones only, and never more of one than it had when it was opened.

Whatever has a name can be given as a file. A pipe would be waited on for ever, a device read without an end, and the
mere opening of some devices does something; so what a name stands for is looked at first, links are followed, and it is
opened without waiting and looked at again, as it may have been changed in between.
"""

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_FLAGS = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"))


class NotAFile(OSError):
    """Something else stands where a file belongs; `strerror` says what it is."""


class TooLarge(OSError):
    """A file is larger than whoever reads it allows; `strerror` says how large it may be."""


class Unsized(OSError):
    """A file of the system's own, which says that it is empty and is made up as it is read, as those under /proc."""


class Changed(OSError):
    """A file was written to while it was read."""


def open_file(path: Path) -> BufferedReader:
    """Open a regular file, or a link to one, for reading bytes; whoever calls it closes it.

    Raises:
        NotAFile: if it is anything else.
        OSError: if it is not there or may not be read.
    """
    if "\0" in str(path):
        raise OSError(errno.EINVAL, "no name has a null character")
    _check_kind(os.stat(path).st_mode)
    descriptor = os.open(path, _FLAGS)
    try:
        _check_kind(os.fstat(descriptor).st_mode)
        return open(descriptor, "rb")
    except BaseException:  # Ctrl-C, too, must not leave it open
        os.close(descriptor)
        raise


def read_file(path: Path, *, most: int) -> bytes:
    """Return a regular file's bytes.

    Args:
        path: the file, or a link to it.
        most: how many bytes it may have.

    Raises:
        NotAFile: if it is no regular file.
        TooLarge: if it has more than `most` bytes; none is read then.
        Unsized: if it says that it is empty and is not.
        Changed: if it grows, shrinks or is written to meanwhile.
        OSError: if it is not there or cannot be read.
    """
    with open_file(path) as file:
        before = os.fstat(file.fileno())
        if before.st_size > most:
            raise TooLarge(errno.EFBIG, _size(most))
        data = file.read(before.st_size + 1)
        after = os.fstat(file.fileno())
    if data and before.st_size == after.st_size == 0:
        raise Unsized(errno.EINVAL, "made up by the system as it is read")
    if len(data) != before.st_size or (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise Changed(errno.EAGAIN, "written to meanwhile")
    return data


def why_unreadable(error: OSError) -> str:
    """Return what `open_file` or `read_file` met, as the beginning of a sentence: "this is a pipe and no file"."""
    if isinstance(error, NotAFile):
        return f"this is {error.strerror} and no file"
    if isinstance(error, TooLarge):
        return f"the file has more than {error.strerror}"
    if isinstance(error, Unsized):
        return f"the file says that it is empty and is not, as it is {error.strerror}"
    if isinstance(error, Changed):
        return "the file was written to while it was read"
    return f"the file cannot be read ({error.strerror or type(error).__name__})"


def _check_kind(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise NotAFile(errno.EINVAL, next((kind for is_kind, kind in _KINDS if is_kind(mode)), "something else"))


def _size(count: int) -> str:
    return f"{count >> 20} MB" if count >> 20 else f"{count >> 10} kB"
