"""Strips of rows of which PNGs are put together: each is deflated by itself and leans on no other.

Writing a review is mostly deflate, though ISA-L's makes the same size as zlib's fastest on films in an eighth of the
time. A film's pictures have most of their rows in common, and these are deflated once.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TypeAlias

import numpy as np
from isal import isal_zlib

from ensemble_cam.film.geometry import PixelBox

# The filter "Up", each byte less the one above it (PNG, third edition, 9.2): on films the smallest of the plain ones.
# A strip's first row has "Sub", each byte less that of the pixel before it, as what stands above is not known.
_SUB, _UP = 1, 2
_LEVEL = 1
# Bytes of rows that are filtered at once: few enough for a processor's cache.
_BYTES_AT_ONCE = 2**18
# A strip of so many rows and pixels takes a hundredth more than its share of a picture that is deflated as a whole.
_ROWS, _PIXELS = 16, 2**14


@dataclass(frozen=True, eq=False)
class Strip:
    """Rows of a picture, deflated, that may stand in any number of pictures of their width.

    Attributes:
        width: in pixels.
        height: in pixels.
        chunk: the IDAT chunk.
        adler: Adler-32 of the filtered rows.
    """

    width: int
    height: int
    chunk: bytes
    adler: int


Part: TypeAlias = np.ndarray | Strip
"""Some of a picture's rows: (h, w, 3) uint8 RGB, or deflated already."""


def strip(rows: np.ndarray, drawn: Sequence[PixelBox] | None = None) -> Strip:
    """Deflate rows of a picture.

    Args:
        rows: (h, w, 3) uint8 RGB, h at least 1.
        drawn: the boxes outside of which all pixels are the same; without, nothing is known of them.
    """
    height, width, _ = rows.shape
    lines, drawn = rows.reshape(height, 3 * width), [(0, 0, width, height)] if drawn is None else drawn
    at_once = max(1, min(_BYTES_AT_ONCE // (1 + 3 * width), height))
    filtered = np.empty((at_once, 1 + 3 * width), dtype=np.uint8)
    deflate, adler, body = isal_zlib.compressobj(_LEVEL, wbits=-15), 1, []
    for top in range(0, height, at_once):
        part = filtered[: min(at_once, height - top)]
        _filter(lines, top, part, [box for box in drawn if box[1] < top + at_once and box[3] >= top])
        body.append(deflate.compress(part))
        adler = isal_zlib.adler32(part, adler)
    body.append(deflate.flush(isal_zlib.Z_FULL_FLUSH))
    return Strip(width, height, chunk(b"IDAT", b"".join(body)), adler)


def _filter(lines: np.ndarray, top: int, part: np.ndarray, drawn: Sequence[PixelBox]) -> None:
    """Write the filtered lines from `top` on into `part`, (lines, 1 + bytes)."""
    left, right = 3 * min((box[0] for box in drawn), default=0), 3 * max((box[2] for box in drawn), default=0)
    part[:, 0], part[:, 1 : 1 + left], part[:, 1 + right :] = _UP, 0, 0
    some, filtered = lines[:, left:right], part[:, 1 + left : 1 + right]
    np.subtract(some[top + 1 : top + len(part)], some[top : top + len(part) - 1], out=filtered[1:])
    if top:
        np.subtract(some[top], some[top - 1], out=filtered[0])
    else:
        part[0, 0], part[0, 1:4] = _SUB, lines[0, :3]
        np.subtract(lines[0, 3:], lines[0, :-3], out=part[0, 4:])


def chunk(name: bytes, body: bytes) -> bytes:
    """Return a chunk of a PNG (5.3): its length, its name, what is in it, and a checksum."""
    checked = isal_zlib.crc32(body, isal_zlib.crc32(name))
    return b"".join([struct.pack(">I", len(body)), name, body, struct.pack(">I", checked)])


class SharedRows:
    """A picture that several others have most rows of; a row is deflated when it is first asked for, and once.

    Any number of threads may ask at once.

    Attributes:
        multiple: what is taken from it begins and ends at multiples of so many rows, or at its end.

    Args:
        rows: gives some rows as (h, width, 3) uint8 RGB.
        width: the picture's, in pixels.
        height: the picture's, in pixels.
    """

    def __init__(self, rows: Callable[[slice], np.ndarray], width: int, height: int):
        self.multiple = max(_ROWS, -(-_PIXELS // width))
        self._rows, self._height = rows, height
        self._strips: list[Strip | None] = [None] * -(-height // self.multiple)
        self._lock = Lock()

    def changed(self, changes: Iterable[tuple[slice, np.ndarray]]) -> Iterator[Part]:
        """Yield the parts of the picture with other rows in the place of some of its own.

        Args:
            changes: (rows, their pixels), downwards.
        """
        done = 0
        for rows, pixels in changes:
            yield from self._between(done, rows.start)
            yield pixels
            done = rows.stop
        yield from self._between(done, self._height)

    def _between(self, start: int, stop: int) -> list[Strip]:
        numbers = range(-(-start // self.multiple), -(-stop // self.multiple))
        with self._lock:
            return [self._strips[number] or self._deflated(number) for number in numbers]

    def _deflated(self, number: int) -> Strip:
        top = number * self.multiple
        made = strip(self._rows(slice(top, min(top + self.multiple, self._height))))
        self._strips[number] = made
        return made
