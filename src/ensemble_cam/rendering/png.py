"""Pictures to PNG: fast, without loss, with texts beside the pixels.

Writing a review is mostly deflate. ISA-L's makes the same size as zlib's fastest on films, in an eighth of the time,
and each picture goes to it a few rows at a time, so that no filtered copy of the whole is ever in memory.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from isal import isal_zlib

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# The filter "Up", each byte less the one above it (PNG, third edition, 9.2): on films the smallest of the plain ones.
_UP = 2
_LEVEL = 1
_ROWS = 64
_INCHES_OF_A_METRE = 39.3701


def png(
    picture: np.ndarray,
    text: Mapping[str, str] | None = None,
    *,
    below: np.ndarray | None = None,
    dots_per_inch: int | None = None,
) -> bytes:
    """Encode a picture without loss.

    Args:
        picture: (h, w, 3) uint8 RGB.
        text: goes into iTXt chunks, key by key.
        below: (any, w, 3) uint8 RGB that is to stand below it in the same file; no copy of both is made.
        dots_per_inch: at which the picture is meant to be printed.

    Returns:
        The PNG; the same bytes for the same picture and texts.
    """
    stacked = [picture] if below is None else [picture, below]
    width, height = picture.shape[1], sum(len(part) for part in stacked)
    parts = [_SIGNATURE, *_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))]
    for key, value in (text or {}).items():
        # No compression, no language, no translated key (11.3.3.4).
        parts += _chunk(b"iTXt", key.encode("latin-1") + b"\0\0\0\0\0" + value.encode())
    if dots_per_inch is not None:
        per_metre = round(dots_per_inch * _INCHES_OF_A_METRE)
        parts += _chunk(b"pHYs", struct.pack(">IIB", per_metre, per_metre, 1))
    for data in _deflated([part.reshape(len(part), 3 * width) for part in stacked]):
        parts += _chunk(b"IDAT", data)
    return b"".join([*parts, *_chunk(b"IEND", b"")])


def _chunk(name: bytes, body: bytes) -> tuple[bytes, bytes, bytes]:
    return struct.pack(">I", len(body)) + name, body, struct.pack(">I", isal_zlib.crc32(body, isal_zlib.crc32(name)))


def _deflated(pictures: Sequence[np.ndarray]) -> Iterator[bytes]:
    """Yield the (h, bytes) lines of pictures one below the other, filtered and deflated."""
    filtered = np.empty((_ROWS, 1 + pictures[0].shape[1]), dtype=np.uint8)
    filtered[:, 0] = _UP
    above = np.zeros_like(pictures[0][:1])
    deflate = isal_zlib.compressobj(_LEVEL)
    blocks = (lines[top : top + _ROWS] for lines in pictures for top in range(0, len(lines), _ROWS))
    for block in blocks:
        part = filtered[: len(block)]
        np.subtract(block[:1], above, out=part[:1, 1:])
        np.subtract(block[1:], block[:-1], out=part[1:, 1:])
        above = block[-1:]
        if data := deflate.compress(part):
            yield data
    yield deflate.flush()
