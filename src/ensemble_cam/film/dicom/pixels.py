"""DICOM pixel data → (h, w) stored values.

A codec believes the size in its own stream, so that size is read and compared with the header's before a codec runs.
The codecs are Pillow (JPEG), gdcm (JPEG lossless), pyjpegls (JPEG-LS) and openjpeg (JPEG 2000, high-throughput too);
each is called by its name, so that none that happens to be installed (pylibjpeg-libjpeg is under the GPL) is ever
asked. RLE and deflated frames are unpacked here, and no further than the film's size. Damaged streams have ended
processes in gdcm and held others for seconds in pyjpegls: this runs where neither harms anyone.

Source: DICOM PS3.5 8.1 (native pixels), A.4 (encapsulated ones), annex G (RLE); PS3.3 C.7.6.3.1 (their description).
"""

import io
import struct
import zlib
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ensemble_cam.errors import RadiographError
from ensemble_cam.film.dicom.elements import BIG_ENDIAN, EXPLICIT, IMPLICIT, PixelData
from ensemble_cam.film.dicom.file import DEFLATED, DicomFile
from ensemble_cam.film.dicom.streams import Stream, broken, recognised
from ensemble_cam.film.intake import DECODER_FAILURES, check_size

_RLE = "1.2.840.10008.1.2.5"
_DEFLATED_FRAME = "1.2.840.10008.1.2.8.1"
_ENCAPSULATED_NATIVE = "1.2.840.10008.1.2.1.98"

# Each transfer syntax's name on the screen. A compressed one begins as `Stream.name`, where its stream is of that kind.
_SYNTAXES = {
    "1.2.840.10008.1.2": "implicit little endian",
    "1.2.840.10008.1.2.1": "explicit little endian",
    "1.2.840.10008.1.2.2": "explicit big endian",
    DEFLATED: "deflated explicit little endian",
    _ENCAPSULATED_NATIVE: "uncompressed, encapsulated",
    _DEFLATED_FRAME: "deflated frame",
    _RLE: "RLE",
    "1.2.840.10008.1.2.4.50": "JPEG baseline",
    "1.2.840.10008.1.2.4.51": "JPEG extended",
    "1.2.840.10008.1.2.4.57": "JPEG lossless",
    "1.2.840.10008.1.2.4.70": "JPEG lossless",
    "1.2.840.10008.1.2.4.80": "JPEG-LS, lossless",
    "1.2.840.10008.1.2.4.81": "JPEG-LS, near lossless",
    "1.2.840.10008.1.2.4.90": "JPEG 2000, lossless",
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
    "1.2.840.10008.1.2.4.201": "high-throughput JPEG 2000, lossless",
    "1.2.840.10008.1.2.4.202": "high-throughput JPEG 2000, lossless",
    "1.2.840.10008.1.2.4.203": "high-throughput JPEG 2000",
}
_NATIVE = {IMPLICIT: "1.2.840.10008.1.2", EXPLICIT: "1.2.840.10008.1.2.1", BIG_ENDIAN: "1.2.840.10008.1.2.2"}

_SLOWNESS = {"JPEG 2000": 6.0}  # see `check_size`; measured, the codecs of all others are alike
_COLOUR_TOLERANCE = 12  # counts of 255: JPEG's chroma rounding and subsampling stay below, a tinted picture does not


@dataclass(frozen=True)
class PixelLayout:
    """What the header says of the pixels (PS3.3 C.7.6.3): size, bits of a sample and of its container, sign, colour."""

    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    photometric: str
    samples: int = 1
    planar: bool = False

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

    @property
    def count(self) -> int:
        """The number of samples of an uncompressed image, all channels together."""
        if self.photometric == "YBR_FULL_422" and self.samples == 3:  # two pixels share their chroma
            return self.rows * (self.columns + self.columns % 2) * 2
        return self.rows * self.columns * self.samples


@dataclass(frozen=True, eq=False, repr=False)
class Decoded:
    """Decoded pixels.

    Attributes:
        pixels: (h, w) stored values, in `layout.dtype`.
        layout: as the header has it, put right where the compressed image contradicts it.
        syntax: how the pixels are stored, and what the file declares instead, for the screen.
        warnings: one plain sentence each.
    """

    pixels: np.ndarray
    layout: PixelLayout
    syntax: str
    warnings: tuple[str, ...] = ()


def decode_pixels(file: DicomFile, layout: PixelLayout) -> Decoded:
    """Return the (h, w) stored values. How they are decoded is told by what they are, not by what the file declares.

    Raises:
        RadiographError: if the pixels are missing, broken or truncated, not read here, in colour, or not what the
            header says of them.
    """
    if file.pixels is None:
        if file.transfer_syntax and file.transfer_syntax not in _SYNTAXES:
            raise _unread(file.transfer_syntax)
        raise RadiographError("The DICOM file holds no pixel data. Export the film with its image.")
    data = file.pixels.value if file.pixels.frame is None else memoryview(file.pixels.frame)
    native_bytes = layout.count * layout.bits_allocated // 8
    if file.pixels.frame is None and len(data) >= native_bytes:
        if file.transfer_syntax not in {"", *_SYNTAXES}:
            raise _unread(file.transfer_syntax)  # uncompressed pixels do not tell their byte order
        return _native(data, file, layout)
    if stream := recognised(bytes(data) if file.pixels.frame is None else file.pixels.frame):
        return _compressed(stream, file, layout)
    if file.pixels.frame is None:
        raise RadiographError(
            "The DICOM file's pixel data are shorter than its header declares. Export or copy the film again."
        )
    if file.transfer_syntax == _DEFLATED_FRAME:
        data = _inflated(data, native_bytes)
    elif file.transfer_syntax == _RLE or _has_segments(data, layout):
        samples = _run_lengths(data, layout)
        return _uncompressed(samples, layout, _named("RLE", file))
    elif len(data) - native_bytes not in (0, 1):
        raise broken() if file.transfer_syntax in {"", *_SYNTAXES} else _unread(file.transfer_syntax)
    return _native(data, file, layout)


def _named(name: str, file: DicomFile) -> str:
    declared = _SYNTAXES.get(file.transfer_syntax, "another transfer syntax")
    if declared.startswith(name):
        return declared
    return f"{name}, declared as {declared}" if file.transfer_syntax else name


def _unread(transfer_syntax: str) -> RadiographError:
    from pydicom.uid import UID, UID_dictionary  # here: it takes longer to load than the film to read

    name = UID(transfer_syntax).name if transfer_syntax in UID_dictionary else "an unknown transfer syntax"
    return RadiographError(
        f"The DICOM file is stored as {name}, which is not decoded here. "
        "Convert it to uncompressed explicit little endian, e.g. with dcmconv or dcmdjpeg."
    )


def _native(data: memoryview, file: DicomFile, layout: PixelLayout) -> Decoded:
    if file.pixels is not None and file.pixels.frame is not None:
        name = "deflated frame" if file.transfer_syntax == _DEFLATED_FRAME else "uncompressed, encapsulated"
    else:
        name = _SYNTAXES[DEFLATED if file.deflated else _NATIVE[file.encoding]]
    return _uncompressed(_samples(data, file.pixels, file.encoding.order, layout), layout, _named(name, file))


def _samples(data: memoryview, pixels: PixelData | None, order: Literal["<", ">"], layout: PixelLayout) -> np.ndarray:
    """Return (n,) samples as they are stored, with the bits above and below the stored ones."""
    if order == ">" and pixels is not None and pixels.words and layout.bits_allocated == 8:
        # PS3.5 8.1.2: two samples in a word.
        words = np.frombuffer(data[: layout.count + layout.count % 2], ">u2").astype("<u2")
        return words.view(layout.dtype)[: layout.count]
    return np.frombuffer(data, layout.dtype.newbyteorder(order), count=layout.count)


def _uncompressed(samples: np.ndarray, layout: PixelLayout, syntax: str) -> Decoded:
    values, warnings = _without_unused_bits(samples, layout)
    shape = (layout.rows, layout.columns)
    if layout.samples == 1:
        return Decoded(values.reshape(shape), layout, syntax, warnings)
    if layout.photometric == "YBR_FULL_422":
        pairs = values.reshape(layout.rows, -1, 4)  # two luma, blue and red chroma (PS3.3 C.7.6.3.1.2)
        grey, chroma = pairs[..., :2].reshape(layout.rows, -1)[:, : layout.columns], pairs[..., 2:]
        if not _is_neutral(chroma, layout):
            raise _colour()
        return Decoded(np.ascontiguousarray(grey), layout, syntax, warnings)
    channels = np.moveaxis(values.reshape(3, *shape), 0, -1) if layout.planar else values.reshape(*shape, 3)
    is_ybr = layout.photometric.startswith("YBR")
    if not (_is_neutral(channels[..., 1:], layout) if is_ybr else _is_grey(channels, layout)):
        raise _colour()
    return Decoded(np.ascontiguousarray(channels[..., 0]), layout, syntax, warnings)


def _without_unused_bits(samples: np.ndarray, layout: PixelLayout) -> tuple[np.ndarray, tuple[str, ...]]:
    """Shift out the bits above and below the stored ones, which may hold anything (PS3.5 8.1.1), and keep the sign."""
    below = layout.high_bit + 1 - layout.bits_stored
    warnings = []
    if below:
        used = int(np.bitwise_or.reduce(samples)) % 2**layout.bits_allocated
        if used < 2**layout.bits_stored and used % 2**below:
            warnings.append(
                f"The header's high bit is {layout.high_bit}, but the pixels begin at the lowest bit and were read so."
            )
            below = 0
    pixels = samples.astype(layout.dtype)
    unused = layout.bits_allocated - layout.bits_stored
    if unused:
        pixels <<= unused - below
        pixels >>= unused
    return pixels, tuple(warnings)


def _is_grey(channels: np.ndarray, layout: PixelLayout) -> bool:
    """Whether red, green and blue (…, 3) are the same, but for what a lossy coding leaves between them."""
    apart = channels.max(axis=-1).astype(np.int32) - channels.min(axis=-1)
    return bool(apart.max() <= _tolerance(layout))


def _is_neutral(chroma: np.ndarray, layout: PixelLayout) -> bool:
    """Whether all chroma stand in the middle of their range, where they mean grey (PS3.3 C.7.6.3.1.2)."""
    middle, tolerance = 2 ** (layout.bits_stored - 1), _tolerance(layout)
    return int(chroma.max()) <= middle + tolerance and int(chroma.min()) >= middle - tolerance


def _tolerance(layout: PixelLayout) -> int:
    return _COLOUR_TOLERANCE * (2**layout.bits_stored - 1) // 255


def _colour() -> RadiographError:
    return RadiographError("The DICOM file is a colour image, not a film in grey. Export the original film.")


def _inflated(data: memoryview, expected: int) -> memoryview:
    """Unpack one deflated frame (PS3.5 A.4.13), and no further than the film's size."""
    try:
        unpacked = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, expected)
    except zlib.error:
        raise broken() from None
    if len(unpacked) < expected:
        raise broken()
    return memoryview(unpacked)


def _has_segments(frame: memoryview, layout: PixelLayout) -> bool:
    """Whether a frame begins as an RLE frame of these pixels does (PS3.5 G.5)."""
    segments = layout.samples * layout.bits_allocated // 8
    return bytes(frame[:8]) == struct.pack("<2I", segments, 64)


def _run_lengths(frame: memoryview, layout: PixelLayout) -> np.ndarray:
    """Unpack an RLE frame: one segment for each byte of a sample, the highest byte first (PS3.5 G.2 to G.5).

    Returns (n,) samples, in the order that the layout declares for several channels.
    """
    size = layout.bits_allocated // 8
    segments, count = layout.samples * size, layout.rows * layout.columns
    if len(frame) < 64 or not _has_segments(frame, layout):
        raise broken()
    bounds = [*struct.unpack_from(f"<{segments}I", frame, 4), len(frame)]
    samples = np.empty((layout.samples, count, size), np.uint8)
    for segment in range(segments):
        channel, byte = divmod(segment, size)
        packed = bytes(frame[bounds[segment] : bounds[segment + 1]])
        samples[channel, :, size - 1 - byte] = np.frombuffer(_unpack_bits(packed, count), np.uint8)
    channels = samples.view(layout.dtype.newbyteorder("<")).reshape(layout.samples, count)
    return (channels if layout.planar else channels.T).reshape(-1)


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
        raise broken()
    return bytes(unpacked[:count])


def _compressed(stream: Stream, file: DicomFile, layout: PixelLayout) -> Decoded:
    """Decode a stream after a look at whether it is the image that the header declares."""
    check_size(stream.width, stream.height, slowness=_SLOWNESS.get(stream.coding, 1.0))
    if (stream.width, stream.height) != (layout.columns, layout.rows):
        raise RadiographError(
            f"The DICOM header declares {layout.columns}×{layout.rows} pixels, its compressed image "
            f"{stream.width}×{stream.height}. Export the film again."
        )
    if stream.components not in (1, 3):
        raise _colour()
    if not 2 <= stream.bits <= layout.bits_allocated:
        raise RadiographError(
            f"The DICOM header declares {layout.bits_allocated} bits for a sample, its compressed image {stream.bits}. "
            "Export the film again."
        )
    warnings = []
    if stream.coding == "JPEG" and layout.bits_stored > 8:
        warnings.append(
            f"The header declares {layout.bits_stored} bits, its compressed image has 8: the film was read with 8."
        )
        layout = replace(layout, bits_stored=8, high_bit=7)
    try:
        decoded = _CODECS[stream.coding](stream, layout)
    except MemoryError:
        raise
    except DECODER_FAILURES:
        raise broken() from None
    if decoded.shape[:2] != (layout.rows, layout.columns) or decoded.dtype.kind not in "iu":
        raise broken()
    if decoded.ndim == 3:
        # A stream does not always say whether its components were turned into luma and chroma; the first of a grey
        # film's is its grey in either case.
        one = replace(layout, bits_stored=stream.bits)
        if not (_is_grey(decoded, one) or _is_neutral(decoded[..., 1:], one)):
            raise _colour()
        decoded = decoded[..., 0]
    pixels, more = _as_declared(decoded, stream, layout)
    low, high = layout.declared
    if pixels.min() < low or pixels.max() > high:
        raise RadiographError(
            f"The DICOM file's pixels exceed the {layout.bits_stored} bits that its header declares. "
            "Export the film again."
        )
    return Decoded(pixels, layout, _named(stream.name, file), (*warnings, *more))


def _as_declared(decoded: np.ndarray, stream: Stream, layout: PixelLayout) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return (h, w) decoded samples as stored values, with the sign that the header declares.

    JPEG and JPEG-LS code the bits of a signed sample as those of an unsigned one, and some JPEG 2000 streams tell
    another sign than the header does. Where whole words were coded, the bits round the stored ones may hold an overlay,
    as in uncompressed films.
    """
    values = decoded.astype(f"{decoded.dtype.kind}{layout.bits_allocated // 8}")
    if stream.bits > layout.bits_stored and stream.bits == layout.high_bit + 1:
        return _without_unused_bits(values, layout)
    if layout.bits_stored < stream.bits == layout.bits_allocated and not stream.signed:
        pixels, warnings = _without_unused_bits(values, layout)
        if not np.array_equal(pixels, values.view(layout.dtype)):
            warnings += (
                f"The compressed image has bits beside the {layout.bits_stored} that the header declares; they were "
                "left out. If the film looks torn into bands, its header is wrong: export the film again.",
            )
        return pixels, warnings
    if layout.signed != stream.signed:
        values = values.view(layout.dtype)
        unused = layout.bits_allocated - stream.bits
        values <<= unused
        values >>= unused
    return np.ascontiguousarray(values, layout.dtype), ()


def _jpeg(stream: Stream, layout: PixelLayout) -> np.ndarray:
    from PIL import Image

    def decoded(*, untouched: bool) -> np.ndarray:
        image = Image.open(io.BytesIO(stream.data), formats=["JPEG"])
        if untouched:
            image.draft("YCbCr", image.size)
        image.load()
        return np.asarray(image)

    if stream.components == 3:
        # What the stream says of its colours may be wrong; as they stand in it, the first component is a film's grey.
        with suppress(OSError):  # where it says that they are red, green and blue, they come so by themselves
            return decoded(untouched=True)
    return decoded(untouched=False)


def _jpeg_lossless(stream: Stream, layout: PixelLayout) -> np.ndarray:
    import gdcm

    for quiet in (gdcm.Trace.DebugOff, gdcm.Trace.WarningOff, gdcm.Trace.ErrorOff):
        quiet()
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(stream.data)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((stream.width, stream.height, 1))
    image.SetDataElement(element)
    colours = gdcm.PhotometricInterpretation
    image.SetPhotometricInterpretation(colours(colours.RGB if stream.components == 3 else colours.MONOCHROME2))
    syntaxes = gdcm.TransferSyntax
    image.SetTransferSyntax(syntaxes(syntaxes.JPEGLosslessProcess14))
    container = 8 if stream.bits <= 8 else 16
    image.SetPixelFormat(gdcm.PixelFormat(stream.components, container, stream.bits, stream.bits - 1, 0))
    unpacked = image.GetBuffer().encode("utf-8", "surrogateescape")  # gdcm hands its bytes out as a text
    return _shaped(np.frombuffer(unpacked, f"<u{container // 8}"), stream)


def _jpeg_ls(stream: Stream, layout: PixelLayout) -> np.ndarray:
    import jpeg_ls

    unpacked, described = jpeg_ls.decode_pixel_data(stream.data)
    samples = np.frombuffer(unpacked, "<u1" if stream.bits <= 8 else "<u2")
    by_plane = stream.components > 1 and described["interleave_mode"] == 0
    return _shaped(samples, stream, by_plane=by_plane)


def _jpeg_2000(stream: Stream, layout: PixelLayout) -> np.ndarray:
    from openjpeg.utils import decode

    return decode(stream.data, j2k_format=0)


def _shaped(samples: np.ndarray, stream: Stream, *, by_plane: bool = False) -> np.ndarray:
    """Return (n,) samples as (h, w) or (h, w, 3)."""
    if stream.components == 1:
        return samples.reshape(stream.height, stream.width)
    if by_plane:
        return np.moveaxis(samples.reshape(3, stream.height, stream.width), 0, -1)
    return samples.reshape(stream.height, stream.width, 3)


_CODECS = {"JPEG": _jpeg, "JPEG lossless": _jpeg_lossless, "JPEG-LS": _jpeg_ls, "JPEG 2000": _jpeg_2000}
