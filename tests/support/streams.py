"""Compressed images for test films, by other code than what decodes them; and JP2 boxes."""

import base64
import struct

import numpy as np
from jpeg_ls import encode_array as encode_jpeg_ls
from openjpeg.utils import encode_array as encode_jpeg_2000

# (40, 48) uint16, 83 x + 7 y, reversible; made with imagecodecs 2026.10.10 (OpenJPH 0.26.3), which no other test needs.
HTJ2K = base64.b64decode(
    "/0//UQApQAAAAAAwAAAAKAAAAAAAAAAAAAAAMAAAACgAAAAAAAAAAAABDwEB/1AACAACAAAACv9SAAwAAgABAAUEBEAB/1wAEyCIkJCQkJCQkJCQkJCQ"
    "iIiI/2QAFwABT3BlbkpQSCBWZXIgMC4yNi4zLv+QAAoAAAAAANcAAf+TwAArAGEAlf4l6lnoAsM0AMAAE0AAEYC9vQELdAAKMwDAABVQAASA7GWPvYKP"
    "4ot2AEp3VADAABWwAAVg9OjRo0fv3II6cgJ3AL7v+770AN4AAb64AMAAFpwAAWkAdHR0dHR0dHR0dPP6enp6cYJ5AN7d3d3d3f9MHJ798nv3yey8AMAA"
    "LoYAAW8AJBKJRCKRSCQSiUQikUgkEon0/X/Kenp6enp6enpxAn8ATJIkSZIkSZIk/31wEnv2Se/ZJ79knv2Se/ZJ7LUB/9k="
)
HTJ2K_PIXELS = (83 * np.arange(48)[None, :] + 7 * np.arange(40)[:, None]).astype(np.uint16)


def jpeg_ls(pixels: np.ndarray) -> bytes:
    """Return (h, w) or (h, w, 3) uint8 or uint16 as a JPEG-LS stream."""
    return bytes(encode_jpeg_ls(pixels, interleave_mode=2 if pixels.ndim == 3 else None))


def jpeg_2000(pixels: np.ndarray, *, bits: int) -> bytes:
    """Return (h, w), or (h, w, 3) RGB, as a reversible JPEG 2000 codestream."""
    return encode_jpeg_2000(pixels, bits_stored=bits, photometric_interpretation=1 if pixels.ndim == 3 else 2)


def in_jp2_boxes(codestream: bytes, *, long_length: bool = False) -> bytes:
    """Return a codestream in the boxes of a JP2 file (ITU-T T.800 annex I), its length told in 4 or in 8 bytes."""
    (height,), (width,), (components,) = (
        struct.unpack_from(form, codestream, at) for form, at in ((">I", 12), (">I", 8), (">H", 40))
    )
    bits = codestream[42]
    header = _box(b"ihdr", struct.pack(">IIHBBBB", height, width, components, bits, 7, 0, 0))
    colours = _box(b"colr", struct.pack(">BBBI", 1, 0, 0, 17 if components == 1 else 16))
    boxes = _box(b"jP  ", b"\r\n\x87\n") + _box(b"ftyp", b"jp2 \0\0\0\0jp2 ") + _box(b"jp2h", header + colours)
    if long_length:
        return boxes + struct.pack(">I4sQ", 1, b"jp2c", 16 + len(codestream)) + codestream
    return boxes + _box(b"jp2c", codestream)


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def jpeg_lossless(channels: np.ndarray, *, bits: int, predictor: int = 1) -> bytes:
    """Return (h, w) or (h, w, 3) samples as lossless JPEG (ITU-T T.81 annex H), with any of its seven predictors.

    Every difference's category has a code of five bits, so that no statistics are needed.
    """
    channels = np.atleast_3d(channels)
    height, width, count = channels.shape
    differences = np.stack([_differences(channels[..., i], bits, predictor) for i in range(count)], axis=-1).reshape(-1)
    coded = []
    for difference in differences.tolist():
        category = abs(difference).bit_length()
        coded.append(format(category, "05b"))
        if 0 < category < 16:
            extra = difference if difference > 0 else difference + (1 << category) - 1
            coded.append(format(extra, f"0{category}b"))
    bitstream = "".join(coded)
    bitstream += "1" * (-len(bitstream) % 8)
    body = int(bitstream, 2).to_bytes(len(bitstream) // 8, "big").replace(b"\xff", b"\xff\0")
    frame = struct.pack(">BHHB", bits, height, width, count) + b"".join(bytes([i + 1, 0x11, 0]) for i in range(count))
    table = bytes([0, *(17 if length == 5 else 0 for length in range(1, 17)), *range(17)])
    scan = bytes([count, *(byte for i in range(count) for byte in (i + 1, 0)), predictor, 0, 0])
    segments = ((0xC3, frame), (0xC4, table), (0xDA, scan))
    head = b"".join(struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content for marker, content in segments)
    return b"\xff\xd8" + head + body + b"\xff\xd9"


def _differences(samples: np.ndarray, bits: int, predictor: int) -> np.ndarray:
    """Return what is left of (h, w) samples after prediction, modulo 2**16, in -32767 to 32768 (H.1.2.1)."""
    x = samples.astype(np.int64)
    left, above, corner = (np.zeros_like(x) for _ in range(3))
    left[:, 1:], above[1:], corner[1:, 1:] = x[:, :-1], x[:-1], x[:-1, :-1]
    by_number = {
        1: left,
        2: above,
        3: corner,
        4: left + above - corner,
        5: left + ((above - corner) >> 1),
        6: above + ((left - corner) >> 1),
        7: (left + above) >> 1,
    }
    predicted = by_number[predictor]
    predicted[0] = left[0]
    predicted[:, 0] = above[:, 0]
    predicted[0, 0] = 1 << (bits - 1)
    return (x - predicted + 32767) % 65536 - 32767
