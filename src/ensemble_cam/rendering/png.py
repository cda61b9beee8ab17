"""Pictures to PNG, without loss, with texts beside the pixels, put together of strips that are deflated already."""

import struct
from collections.abc import Iterable, Mapping

import numpy as np

from ensemble_cam.rendering.strips import Part, Strip, chunk, strip

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_INCHES_OF_A_METRE = 39.3701
# RFC 1950: deflate with a window of 32 KiB, "fastest"; RFC 1951, 3.2.6: a last block that is empty; the largest prime
# number below 65536.
_ZLIB_HEAD, _LAST_BLOCK, _ADLER_BASE = b"\x78\x01", b"\x03\x00", 65521


def png(
    picture: np.ndarray | Iterable[Part], text: Mapping[str, str] | None = None, *, dots_per_inch: int | None = None
) -> bytes:
    """Encode a picture without loss.

    Args:
        picture: (h, w, 3) uint8 RGB, or its parts from top to bottom.
        text: goes into iTXt chunks, key by key.
        dots_per_inch: at which the picture is meant to be printed.

    Returns:
        The PNG; the same pixels and texts for the same parts and texts. Its bytes may differ: while other threads
        write, ISA-L (python-isal 1.9.1) now and then takes a match of equal length at another distance.
    """
    parts = [picture] if isinstance(picture, np.ndarray) else picture
    strips = [part if isinstance(part, Strip) else strip(part) for part in parts]
    width, height = strips[0].width, sum(part.height for part in strips)
    chunks = [_SIGNATURE, chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))]
    for key, value in (text or {}).items():
        # No compression, no language, no translated key (11.3.3.4).
        chunks.append(chunk(b"iTXt", key.encode("latin-1") + b"\0\0\0\0\0" + value.encode()))
    if dots_per_inch is not None:
        per_metre = round(dots_per_inch * _INCHES_OF_A_METRE)
        chunks.append(chunk(b"pHYs", struct.pack(">IIB", per_metre, per_metre, 1)))
    chunks += [chunk(b"IDAT", _ZLIB_HEAD), *(part.chunk for part in strips)]
    chunks += [chunk(b"IDAT", _LAST_BLOCK + struct.pack(">I", _adler(strips))), chunk(b"IEND", b"")]
    return b"".join(chunks)


def _adler(strips: Iterable[Strip]) -> int:
    """Return Adler-32 of all strips' filtered rows together, from those of each (RFC 1950, 8.2)."""
    low, high = 1, 0
    for part in strips:
        length = part.height * (1 + 3 * part.width)
        high = (high + (part.adler >> 16) + length * (low - 1)) % _ADLER_BASE
        low = (low + (part.adler & 0xFFFF) - 1) % _ADLER_BASE
    return high << 16 | low
