"""How much a zip file unpacks to, read from its directory before anything is unpacked.

torch's own reader (miniz) takes the memory that the directory declares for a record. So what all records declare
together is what a file can take; a record that goes on beyond that is an error to the reader. Records that lie on one
another are counted each.

A zip can be made so that readers find different directories in it. Here the directory has to lie where every reader
looks: right before the end records, which are the last bytes of the file. So torch writes it.

Source: PKWARE, APPNOTE.TXT 6.3.10, sections 4.3.12 (directory), 4.3.14 to 4.3.16 (end records), 4.5.3 (ZIP64).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_IN_EXTRA_64, _IN_EXTRA_16 = 0xFFFFFFFF, 0xFFFF  # stands where the true number is in a ZIP64 field
_ZIP64 = 1
STORED, DEFLATED = 0, 8


class BadDirectory(ValueError):
    """A zip file's directory is damaged, or not where every reader would find it."""


@dataclass(frozen=True)
class Entry:
    """What the directory says of a record.

    Attributes:
        unpacked: its size in bytes when unpacked.
        method: how it is compressed, `STORED`, `DEFLATED` or another of the standard's numbers (4.4.5).
        encrypted: whether it is.
    """

    unpacked: int
    method: int
    encrypted: bool


def entries(file: BinaryIO) -> Iterator[Entry]:
    """Yield what a zip file's directory says of each record; nothing is unpacked, and one entry in memory at a time.

    Raises:
        BadDirectory: if there is no directory that every reader would read alike.
    """
    start, size, count = _directory(file)
    file.seek(start)
    left = size
    for _ in range(count):
        fixed = _read(file, _ENTRY)
        signature, flags, method, unpacked = fixed[0], fixed[3], fixed[4], fixed[9]
        name, extra, comment = fixed[10:13]
        if signature != b"PK\x01\x02":
            raise BadDirectory("an entry of its directory is none")
        file.seek(name, 1)
        fields = file.read(extra)
        file.seek(comment, 1)
        left -= _ENTRY.size + name + extra + comment
        if unpacked == _IN_EXTRA_64:
            unpacked = _unpacked_64(fields)
        yield Entry(unpacked, method, bool(flags & 1))
    if left:
        raise BadDirectory("its directory has another length than its entries")


def _directory(file: BinaryIO) -> tuple[int, int, int]:
    """Return where the directory begins, its length in bytes, and its number of entries."""
    length = file.seek(0, 2)
    end = length - _END.size
    signature, _, _, here, count, size, start, comment = _read(file, _END, end)
    if signature != b"PK\x05\x06" or comment or here != count:
        raise BadDirectory("it does not end as a zip file does")
    if end >= _LOCATOR_64.size and (located := _read(file, _LOCATOR_64, end - _LOCATOR_64.size))[0] == b"PK\x06\x07":
        end -= _LOCATOR_64.size + _END_64.size
        found = _read(file, _END_64, end)
        if found[:2] != (b"PK\x06\x06", _END_64.size - 12) or located[2] != end or found[6] != found[7]:
            raise BadDirectory("its end records are not one behind the other")
        for short, long, full in ((count, found[7], _IN_EXTRA_16), (size, found[8], _IN_EXTRA_64)):
            if short not in (long, full):
                raise BadDirectory("its end records contradict each other")
        if start not in (found[9], _IN_EXTRA_64):
            raise BadDirectory("its end records contradict each other")
        count, size, start = found[7:10]
    if start + size != end:
        raise BadDirectory("its directory is not right before its end")
    return start, size, count


def _unpacked_64(fields: bytes) -> int:
    """Return the first number of an entry's ZIP64 field, which is the unpacked size where that is asked for."""
    at = 0
    while at + 4 <= len(fields):
        kind, length = struct.unpack_from("<2H", fields, at)
        if kind == _ZIP64 and length >= 8 and at + 12 <= len(fields):
            return int(struct.unpack_from("<Q", fields, at + 4)[0])
        at += 4 + length
    raise BadDirectory("an entry of its directory lacks its size")


def _read(file: BinaryIO, kind: struct.Struct, at: int | None = None) -> tuple[Any, ...]:
    if at is not None:
        if at < 0:
            raise BadDirectory("it is shorter than a zip file")
        file.seek(at)
    data = file.read(kind.size)
    if len(data) < kind.size:
        raise BadDirectory("its directory is cut off")
    return kind.unpack(data)
