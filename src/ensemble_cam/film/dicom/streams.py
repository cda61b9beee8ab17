"""What a compressed image says of itself, read before a codec runs: a codec believes the size in its own stream.

The stream decides how it is decoded, not the transfer syntax: writers declare one and store another.

Source: ITU-T T.81 (JPEG) B.2.2, T.87 (JPEG-LS) C.2.2, T.800 (JPEG 2000) A.5.1 and I.4 (JP2 boxes), T.814 (HTJ2K) A.3.
"""

import struct
from dataclasses import dataclass
from typing import Literal

from ensemble_cam.errors import RadiographError

Coding = Literal["JPEG", "JPEG lossless", "JPEG-LS", "JPEG 2000"]

_JPEG, _J2K, _JP2 = b"\xff\xd8", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  "
_BASELINE, _EXTENDED, _PROGRESSIVE, _LOSSLESS, _LS = 0xC0, 0xC1, 0xC2, 0xC3, 0xF7
_PROCESSES = {
    _BASELINE: "JPEG baseline",
    _EXTENDED: "JPEG extended",
    _PROGRESSIVE: "JPEG, progressive",
    _LOSSLESS: "JPEG lossless",
    _LS: "JPEG-LS",
}
_CAPABILITIES = 0x50  # the marker that an HTJ2K stream has behind its size


@dataclass(frozen=True, eq=False, repr=False)
class Stream:
    """One compressed image.

    Attributes:
        data: the stream as its codec wants it, without a box around it.
        coding: which codec it needs.
        name: how it is coded, for the screen.
        width, height, components, bits: by its own header, whatever the DICOM header declares.
        signed: its samples are signed; JPEG and JPEG-LS tell nothing of that.
    """

    data: bytes
    coding: Coding
    name: str
    width: int
    height: int
    components: int
    bits: int
    signed: bool = False


def recognised(data: bytes) -> Stream | None:
    """Return the compressed image that `data` holds; none where they begin like no image that is known here.

    Raises:
        RadiographError: if its header is broken, or its coding is known and not read here.
    """
    try:
        if data.startswith(_JPEG):
            return _jpeg(data)
        if data.startswith(_JP2):
            return _jpeg_2000(_codestream(data))
        if data.startswith(_J2K):
            return _jpeg_2000(data)
    except (struct.error, IndexError):
        raise broken() from None
    return None


def broken() -> RadiographError:
    """Return the refusal of a compressed image that no codec can make sense of."""
    return RadiographError(
        "The DICOM file's compressed pixel data are broken or end too early. Export or copy the film again."
    )


def _jpeg(data: bytes) -> Stream:
    position = 2
    while True:
        fill, marker, length = struct.unpack_from(">BBH", data, position)
        if fill != 0xFF:
            raise broken()
        if marker == 0xFF:  # a fill byte before the marker
            position += 1
            continue
        if marker == _LS or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            break
        if marker in (0xD8, 0xD9, 0xDA) or length < 2:
            raise broken()
        position += 2 + length
    bits, height, width, components = struct.unpack_from(">BHHB", data, position + 4)
    if marker not in _PROCESSES:
        raise _unread("by a rare process of JPEG (arithmetic or hierarchical)")
    if marker in (_EXTENDED, _PROGRESSIVE) and bits > 8:
        raise _unread(f"as {_PROCESSES[marker]} with {bits} bits")
    coding: Coding = "JPEG-LS" if marker == _LS else "JPEG lossless" if marker == _LOSSLESS else "JPEG"
    return Stream(data, coding, _PROCESSES[marker], width, height, components, bits)


def _unread(coding: str) -> RadiographError:
    return RadiographError(
        f"The DICOM file is compressed {coding}, which is not decoded here. "
        "Convert it to uncompressed explicit little endian, e.g. with dcmdjpeg."
    )


def _jpeg_2000(data: bytes) -> Stream:
    if data[:4] != _J2K:
        raise broken()
    right, bottom, left, top, tile_width, tile_height = struct.unpack_from(">6I", data, 8)
    (components,) = struct.unpack_from(">H", data, 40)
    sizes = {data[42 + 3 * component] for component in range(components)}
    if right <= left or bottom <= top or not tile_width or not tile_height or len(sizes) != 1:
        raise broken()
    (size,) = sizes
    (length,) = struct.unpack_from(">H", data, 4)
    name = "high-throughput JPEG 2000" if data[5 + length] == _CAPABILITIES else "JPEG 2000"
    return Stream(data, "JPEG 2000", name, right - left, bottom - top, components, (size & 0x7F) + 1, size > 0x7F)


def _codestream(data: bytes) -> bytes:
    """Return the codestream out of a JP2 file's boxes, which PS3.5 A.4.4 does not allow and some writers leave."""
    position = 0
    while True:
        length, kind = struct.unpack_from(">I4s", data, position)
        start = position + 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, start)
            start += 8
        end = position + length if length else len(data)
        if kind == b"jp2c":
            return data[start:end]
        if end <= position:
            raise broken()
        position = end
