"""DICOM pixel data → (h, w) stored values.

A codec believes the size in its own stream, so that size is read here and compared with the header's before a codec
runs. The codecs are Pillow (JPEG baseline, JPEG 2000), pyjpegls (JPEG-LS) and pylibjpeg-openjpeg (JPEG 2000 that Pillow
refuses); each is called by its name, so that none that happens to be installed (gdcm crashed the process on corrupt
streams; pylibjpeg-libjpeg is under the GPL) is ever asked. RLE is unpacked here, and no further than the film's size.

Source: DICOM PS3.5 8.1 (native pixels), A.4 (encapsulated ones), annex G (RLE).
"""

import struct
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydicom.pixels import get_decoder
from pydicom.uid import UID, UID_dictionary

from ensemble_cam.errors import RadiographError
from ensemble_cam.film.dicom.file import DicomFile
from ensemble_cam.film.intake import DECODER_FAILURES, check_size

_RLE = "1.2.840.10008.1.2.5"
_BASELINE = "1.2.840.10008.1.2.4.50"
_JPEG_LS = {"1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"}
_JPEG_2000 = {"1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"}

# For each transfer syntax: its name on the screen, and the decoders to ask, in this order.
_SYNTAXES = {
    "1.2.840.10008.1.2": ("implicit little endian", ()),
    "1.2.840.10008.1.2.1": ("explicit little endian", ()),
    "1.2.840.10008.1.2.2": ("explicit big endian", ()),
    _RLE: ("RLE", ()),
    _BASELINE: ("JPEG baseline", ("pillow",)),
    "1.2.840.10008.1.2.4.80": ("JPEG-LS, lossless", ("pyjpegls",)),
    "1.2.840.10008.1.2.4.81": ("JPEG-LS, near lossless", ("pyjpegls",)),
    "1.2.840.10008.1.2.4.90": ("JPEG 2000, lossless", ("pillow", "pylibjpeg")),
    "1.2.840.10008.1.2.4.91": ("JPEG 2000", ("pillow", "pylibjpeg")),
}
_JPEG_SYNTAXES = "1.2.840.10008.1.2.4."
_REMEDY = {  # by the start of the transfer syntax
    _JPEG_SYNTAXES: "Convert it to uncompressed explicit little endian, e.g. with dcmdjpeg.",
    "": "Convert it to uncompressed explicit little endian.",
}


@dataclass(frozen=True)
class PixelLayout:
    """What the header says of the pixels (PS3.3 C.7.6.3): size, bits of a sample and of its container, sign."""

    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    photometric: str

    @property
    def dtype(self) -> np.dtype:
        """The stored values' type, in native byte order."""
        return np.dtype(f"{'i' if self.signed else 'u'}{self.bits_allocated // 8}")

    @property
    def declared(self) -> tuple[int, int]:
        """The lowest and the highest value that the stored bits can hold."""
        if self.signed:
            return -(2 ** (self.bits_stored - 1)), 2 ** (self.bits_stored - 1) - 1
        return 0, 2**self.bits_stored - 1


def syntax_name(transfer_syntax: str) -> str:
    """Return the transfer syntax's name for the screen.

    Raises:
        RadiographError: if it is none that is decoded.
    """
    if transfer_syntax in _SYNTAXES:
        return _SYNTAXES[transfer_syntax][0]
    name = UID(transfer_syntax).name if transfer_syntax in UID_dictionary else "an unknown transfer syntax"
    remedy = next(text for start, text in _REMEDY.items() if transfer_syntax.startswith(start))
    raise RadiographError(f"The DICOM file is compressed as {name}, which is not decoded here. {remedy}")


def decode_pixels(file: DicomFile, layout: PixelLayout) -> np.ndarray:
    """Return the (h, w) stored values, in `layout.dtype`.

    Raises:
        RadiographError: if the pixels are missing, broken or truncated, or are not what the header says of them.
    """
    data, frame = file.pixel_data, file.frame
    if data is None:
        raise RadiographError("The DICOM file holds no pixel data. Export the film with its image.")
    encapsulated = file.transfer_syntax == _RLE or file.transfer_syntax.startswith(_JPEG_SYNTAXES)
    if encapsulated != (frame is not None):
        raise _broken()
    if frame is None:
        pixels = _native(data, file, layout)
    elif file.transfer_syntax == _RLE:
        pixels = _run_lengths(frame, layout)
    else:
        _compare_stream(frame, file.transfer_syntax, layout)
        pixels = _codec(data, file.transfer_syntax, layout)
    low, high = layout.declared
    if pixels.min() < low or pixels.max() > high:
        raise RadiographError(
            f"The DICOM file's pixels exceed the {layout.bits_stored} bits that its header declares. "
            "Export the film again."
        )
    return pixels


def _broken() -> RadiographError:
    return RadiographError("The DICOM file's pixel data are broken or end too early. Export or copy the film again.")


def _native(data: memoryview, file: DicomFile, layout: PixelLayout) -> np.ndarray:
    count = layout.rows * layout.columns
    if len(data) < count * layout.bits_allocated // 8:
        raise _broken()
    if file.big_endian and file.pixel_words and layout.bits_allocated == 8:  # PS3.5 8.1.2: two samples in a word
        words = np.frombuffer(data[: count + count % 2], ">u2").astype("<u2")
        return _without_unused_bits(words.view(layout.dtype)[:count], layout)
    order: Literal["<", ">"] = ">" if file.big_endian else "<"
    samples = np.frombuffer(data, layout.dtype.newbyteorder(order), count=count)
    return _without_unused_bits(samples, layout)


def _without_unused_bits(samples: np.ndarray, layout: PixelLayout) -> np.ndarray:
    """Shift out the bits above the stored ones, which may hold anything (PS3.5 8.1.1), and keep the sign.

    Takes (n,) samples, returns (h, w) pixels.
    """
    if layout.high_bit != layout.bits_stored - 1:
        raise RadiographError(
            "The DICOM file's samples do not begin at the lowest bit, a retired layout. Export the film again."
        )
    pixels = samples.astype(layout.dtype)
    unused = layout.bits_allocated - layout.bits_stored
    if unused:
        pixels <<= unused
        pixels >>= unused
    return pixels.reshape(layout.rows, layout.columns)


def _codec(data: memoryview, transfer_syntax: str, layout: PixelLayout) -> np.ndarray:
    decoder = get_decoder(UID(transfer_syntax))
    described: dict[str, Any] = {
        "rows": layout.rows,
        "columns": layout.columns,
        "number_of_frames": 1,
        "samples_per_pixel": 1,
        "bits_allocated": layout.bits_allocated,
        "bits_stored": layout.bits_stored,
        "pixel_representation": int(layout.signed),
        "photometric_interpretation": layout.photometric,
        "pixel_keyword": "PixelData",
    }
    for plugin in _SYNTAXES[transfer_syntax][1]:
        try:
            pixels, _ = decoder.as_array(bytes(data), decoding_plugin=plugin, raw=True, **described)
        except DECODER_FAILURES:
            continue
        if pixels.shape == (layout.rows, layout.columns) and pixels.dtype.kind in "iu":
            low, high = np.iinfo(layout.dtype).min, np.iinfo(layout.dtype).max
            if low <= pixels.min() and pixels.max() <= high:
                return np.ascontiguousarray(pixels, dtype=layout.dtype)
    raise _broken() from None


def _compare_stream(stream: bytes, transfer_syntax: str, layout: PixelLayout) -> None:
    """Refuse a compressed stream whose own header is not that of one grey picture of the declared size and depth."""
    try:
        if transfer_syntax in _JPEG_2000:
            width, height, components, bits = _jpeg_2000_header(stream)
        else:
            width, height, components, bits = _jpeg_header(stream, lossless_ls=transfer_syntax in _JPEG_LS)
    except (struct.error, IndexError):
        raise _broken() from None
    check_size(width, height)
    if (width, height) != (layout.columns, layout.rows):
        raise RadiographError(
            f"The DICOM header declares {layout.columns}×{layout.rows} pixels, its compressed image {width}×{height}. "
            "Export the film again."
        )
    if components != 1 or bits > layout.bits_allocated:
        raise RadiographError(
            "The DICOM file's compressed image is not the grey one that its header declares. Export the film again."
        )


def _jpeg_header(stream: bytes, *, lossless_ls: bool) -> tuple[int, int, int, int]:
    """Return (width, height, components, bits) from a JPEG or JPEG-LS frame header (ITU-T T.81 B.2.2, T.87 C.2.2)."""
    if stream[:2] != b"\xff\xd8":
        raise _broken()
    position = 2
    while True:
        fill, marker, length = struct.unpack_from(">BBH", stream, position)
        if fill != 0xFF:
            raise _broken()
        if marker == 0xFF:  # a fill byte before the marker
            position += 1
            continue
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            break
        if marker in (0xD8, 0xD9, 0xDA) or length < 2:
            raise _broken()
        position += 2 + length
    if marker not in ((0xF7,) if lossless_ls else (0xC0, 0xC1)):
        raise RadiographError(
            "The DICOM file's JPEG stream is of another process than its transfer syntax says. "
            "Convert it to uncompressed explicit little endian, e.g. with dcmdjpeg."
        )
    bits, height, width, components = struct.unpack_from(">BHHB", stream, position + 4)
    return width, height, components, bits


def _jpeg_2000_header(stream: bytes) -> tuple[int, int, int, int]:
    """Return (width, height, components, bits) from the SIZ segment of a bare codestream (ITU-T T.800 A.5.1)."""
    if stream[:4] != b"\xff\x4f\xff\x51":
        raise _broken()
    right, bottom, left, top, tile_width, tile_height = struct.unpack_from(">6I", stream, 8)
    (components,) = struct.unpack_from(">H", stream, 40)
    bits = (stream[42] & 0x7F) + 1
    if right <= left or bottom <= top or not tile_width or not tile_height:
        raise _broken()
    return right - left, bottom - top, components, bits


def _run_lengths(frame: bytes, layout: PixelLayout) -> np.ndarray:
    """Unpack an RLE frame: one segment for each byte of a sample, the highest byte first (PS3.5 G.2 to G.5)."""
    count, planes = layout.rows * layout.columns, layout.bits_allocated // 8
    try:
        segments, *offsets = struct.unpack_from("<16I", frame)
    except struct.error:
        raise _broken() from None
    if segments != planes or offsets[0] != 64:
        raise _broken()
    bounds = [*offsets[:planes], len(frame)]
    samples = np.empty((count, planes), np.uint8)
    for plane in range(planes):
        segment = frame[bounds[plane] : bounds[plane + 1]]
        samples[:, planes - 1 - plane] = np.frombuffer(_unpack_bits(segment, count), np.uint8)
    return _without_unused_bits(samples.view(layout.dtype.newbyteorder("<")).reshape(-1), layout)


def _unpack_bits(segment: bytes, count: int) -> bytes:
    """Unpack one RLE segment to `count` bytes and not one more (PS3.5 G.3.2)."""
    unpacked = bytearray()
    position, end = 0, len(segment)
    while len(unpacked) < count and position < end:
        control = segment[position]
        if control < 128:
            unpacked += segment[position + 1 : position + 2 + control]
            position += 2 + control
        elif control > 128:
            unpacked += segment[position + 1 : position + 2] * (257 - control)
            position += 2
        else:
            position += 1
    if len(unpacked) < count:
        raise _broken()
    return bytes(unpacked[:count])
