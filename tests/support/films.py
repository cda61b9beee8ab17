"""Builders of test films, as the bytes of whole files. They hold no patient's data; `IDENTITY` is made up."""

import io
import struct
import warnings
import zlib
from collections.abc import Mapping

import cv2
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from ensemble_cam.purpose import PHANTOM_MARK

CR = "1.2.840.10008.5.1.4.1.1.1"
DX = "1.2.840.10008.5.1.4.1.1.1.1"
DX_PROCESSING = "1.2.840.10008.5.1.4.1.1.1.1.1"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
MULTI_FRAME_SC = "1.2.840.10008.5.1.4.1.1.7.2"
BASIC_TEXT_SR = "1.2.840.10008.5.1.4.1.1.88.11"
DICOMDIR = "1.2.840.10008.1.3.10"

IDENTITY = ("ZZNAME^Planted", "ZZNUMBER4711", "19480229", "ZZHOSPITAL", "ZZFREETEXT")


def film(width: int = 260, height: int = 240, *, bits: int = 8, signed: bool = False, seed: int = 0) -> np.ndarray:
    """Return (h, w) values over the whole range of `bits`: a smooth field with noise, its extremes planted."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    field = np.sin(x / 37) * np.cos(y / 29) / 2 + 0.5 + rng.normal(0, 0.02, (height, width))
    values = np.clip(field, 0, 1) * (2**bits - 1)
    values[0, 0], values[-1, -1] = 0, 2**bits - 1
    if signed:
        values -= 2 ** (bits - 1)
    return np.round(values).astype(f"{'i' if signed else 'u'}{1 if bits == 8 else 2}")


# Pictures


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return a Pillow image as a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def image(pixels: np.ndarray) -> Image.Image:
    """Return (h, w) or (h, w, c) pixels as Pillow's image, for `saved`."""
    return Image.fromarray(pixels)


def exif(*, orientation: int) -> Image.Exif:
    """Return an EXIF block that says which way up a picture is."""
    block = Image.Exif()
    block[0x0112] = orientation
    return block


def png(pixels: np.ndarray, **options: object) -> bytes:
    """Return (h, w), (h, w, 3) RGB or (h, w, 4) RGBA uint8, or (h, w) uint16, as PNG."""
    return saved(Image.fromarray(pixels), "PNG", **options)


def phantom_png(pixels: np.ndarray) -> bytes:
    """Return (h, w) uint8 as a PNG that carries a phantom's mark."""
    marked = PngInfo()
    marked.add_text("Software", f"{PHANTOM_MARK}, version 1")
    return png(pixels, pnginfo=marked)


def png_16_bit_colour(pixels: np.ndarray) -> bytes:
    """Return (h, w, 3) RGB or (h, w, 4) RGBA uint16 as PNG."""
    blue_first = np.ascontiguousarray(pixels[..., [2, 1, 0, 3][: pixels.shape[2]]])
    return cv2.imencode(".png", blue_first)[1].tobytes()


def png_16_bit(pixels: np.ndarray, *, interlaced: bool = False) -> bytes:
    """Return (h, w, c) uint16 as PNG, without filters; c is 2 for grey with alpha, 3 for RGB, 4 for RGB with alpha."""
    height, width, channels = pixels.shape
    passes = _ADAM7 if interlaced else [(0, 0, 1, 1)]
    rows = b""
    for x, y, across, down in passes:
        part = np.ascontiguousarray(pixels[y::down, x::across], ">u2")
        rows += b"".join(b"\0" + row.tobytes() for row in part if row.size)
    return _png_of(width, height, channels, zlib.compress(rows, 1), interlaced=interlaced)


def png_16_bit_of_one_row(row: np.ndarray, height: int) -> bytes:
    """Return (w, c) uint16 as PNG of `height` such rows, of any size at little memory; `c` as in `png_16_bit`."""
    line = b"\0" + np.ascontiguousarray(row, ">u2").tobytes()
    deflate = zlib.compressobj(1)
    body = b"".join(deflate.compress(line) for _ in range(height)) + deflate.flush()
    return _png_of(row.shape[0], height, row.shape[1], body)


_ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
_COLOUR_TYPES = {2: 4, 3: 2, 4: 6}  # PNG 1.2, 11.2.2, by the number of channels


def _png_of(width: int, height: int, channels: int, body: bytes, *, interlaced: bool = False) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 16, _COLOUR_TYPES[channels], 0, 0, interlaced)
    chunks = ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(name, content) for name, content in chunks)


JPEG_SCAN = b"\xff\xda\0\x08\x01\x01\0\0\x3f\0"  # of one component, without a bit of it


def with_png_chunk(data: bytes, name: bytes, body: bytes) -> bytes:
    """Return a PNG with one more chunk behind its header."""
    return data[:33] + _png_chunk(name, body) + data[33:]


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that claims a size and holds next to nothing."""
    body = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", body), (b"IDAT", zlib.compress(b"\0" * 64)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(name, content) for name, content in chunks)


def _png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def jpeg(pixels: np.ndarray, *, orientation: int | None = None, quality: int = 95, keep_rgb: bool = False) -> bytes:
    """Return (h, w) or (h, w, 3) uint8 as JPEG, with an EXIF orientation."""
    options = {"keep_rgb": True} if keep_rgb else {}
    if orientation is not None:
        options["exif"] = exif(orientation=orientation)
    return saved(Image.fromarray(pixels), "JPEG", quality=quality, **options)


def tiff(
    pixels: np.ndarray,
    *,
    photometric: int = 1,
    bits: int | None = None,
    orientation: int = 1,
    order: str = "<",
    **tags: int,
) -> bytes:
    """Return (h, w) uint8 or uint16 as an uncompressed TIFF of one strip, written tag by tag: values as they are.

    Args:
        pixels, photometric, bits, orientation: what the tags say of them.
        order: "<" or ">", the byte order.
        tags: further ones by number, as in `_339=3`, or others' values.
    """
    own = {258: bits or 8 * pixels.itemsize, 262: photometric, 274: orientation}
    return tiff_pages((pixels, own | {int(name[1:]): value for name, value in tags.items()}), order=order)


def tiff_pages(*pages: tuple[np.ndarray, Mapping[int, int]], order: str = "<") -> bytes:
    """Return a TIFF of a page for each (h, w) uint8 or uint16 with tags of its own, each of one value."""
    data = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 0)
    link = 4  # where the place of the next directory is to be written
    for pixels, own in pages:
        body = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
        height, width = pixels.shape
        tags = {256: width, 257: height, 258: 8 * pixels.itemsize, 259: 1, 262: 1, 273: len(data), 277: 1}
        tags |= {278: height, 279: len(body), **own}
        data += body + b"\0" * (len(body) % 2)
        data = data[:link] + struct.pack(f"{order}I", len(data)) + data[link + 4 :]
        data += struct.pack(f"{order}H", len(tags))
        data += b"".join(struct.pack(f"{order}HHII", tag, 4, 1, tags[tag]) for tag in sorted(tags))
        link = len(data)
        data += b"\0" * 4
    return data


def mpo(*pictures: np.ndarray) -> bytes:
    """Return (h, w) uint8 as one JPEG with further pictures behind the first (CIPA DC-007, "MPO")."""
    first, *others = (Image.fromarray(each) for each in pictures)
    return saved(first, "MPO", save_all=True, append_images=others, quality=95)


# DICOM

_NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)


def dataset(pixels: np.ndarray, *, sop_class: str = CR, bits: int | None = None, **attributes: object) -> Dataset:
    """Return a small valid dataset around (h, w) pixels; `attributes` are set by keyword, None removes one."""
    header = Dataset()
    header.SOPClassUID = sop_class
    header.SOPInstanceUID = "2.25.1"
    header.Modality = "CR"
    header.Rows, header.Columns = pixels.shape[:2]
    header.SamplesPerPixel = 1
    header.PhotometricInterpretation = "MONOCHROME2"
    header.BitsAllocated = 8 * pixels.itemsize
    header.BitsStored = bits or header.BitsAllocated
    header.HighBit = header.BitsStored - 1
    header.PixelRepresentation = int(pixels.dtype.kind == "i")
    for keyword, value in attributes.items():
        if value is None:
            delattr(header, keyword)
        else:
            setattr(header, keyword, value)
    return header


def dicom(
    pixels: np.ndarray,
    *,
    syntax: str = ExplicitVRLittleEndian,
    sop_class: str = CR,
    bits: int | None = None,
    stream: bytes | None = None,
    **attributes: object,
) -> bytes:
    """Return a DICOM file, compressed as its transfer syntax says, or around a ready-made `stream`."""
    header = dataset(pixels, sop_class=sop_class, bits=bits, **attributes)
    compressors = {RLELossless: "pydicom", JPEGLSLossless: "pyjpegls", JPEG2000Lossless: "pylibjpeg"}
    if stream is None and syntax == JPEGBaseline8Bit:
        stream = jpeg(pixels)
    if stream is not None:
        return written(header, syntax, encapsulate([stream]))
    if syntax in compressors:
        header.file_meta = FileMetaDataset()
        header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        header.PixelData = pixels.tobytes()
        header["PixelData"].VR = "OW" if pixels.itemsize == 2 else "OB"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header.compress(syntax, encoding_plugin=compressors[syntax], generate_instance_uid=False)
        return written(header, syntax, header.PixelData)
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    return written(header, syntax, pixels.astype(pixels.dtype.newbyteorder(order)).tobytes())


def written(header: Dataset, syntax: str, pixel_data: bytes | None) -> bytes:
    """Return the dataset as a file of a transfer syntax."""
    encapsulated = syntax not in _NATIVE
    if pixel_data is not None:
        header.PixelData = pixel_data + b"\0" * (len(pixel_data) % 2)
        header["PixelData"].VR = "OB" if encapsulated or header.BitsAllocated == 8 else "OW"
        header["PixelData"].is_undefined_length = encapsulated
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = syntax
    header.file_meta.MediaStorageSOPClassUID = header.get("SOPClassUID", DICOMDIR)
    header.file_meta.MediaStorageSOPInstanceUID = "2.25.1"
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header.save_as(
            buffer,
            implicit_vr=syntax == ImplicitVRLittleEndian,
            little_endian=syntax != ExplicitVRBigEndian,
            enforce_file_format=True,
        )
    return buffer.getvalue()


OFFSET_TABLE = struct.pack("<HHII", 0xFFFE, 0xE000, 4, 0)
"""Of one frame, as pydicom writes it."""


def look_up_table(entries: np.ndarray, *, first: int, bits: int) -> list[Dataset]:
    """Return a sequence with one look-up table."""
    item = Dataset()
    item.add_new(0x00283002, "US" if first >= 0 else "SS", [len(entries) % 65536, first, bits])
    item.add_new(0x00283006, "OW", entries.astype("<u2").tobytes())
    return [item]


def nested_sequences(depth: int) -> bytes:
    """Return private sequences of undefined length, one in the other, in explicit little endian."""
    undefined = 0xFFFFFFFF
    opened = struct.pack("<HH2sHI HHI", 0x0009, 0x1001, b"SQ", 0, undefined, 0xFFFE, 0xE000, undefined)
    closed = struct.pack("<HHI HHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    return opened * depth + closed * depth


def with_elements_before_pixels(data: bytes, elements: bytes) -> bytes:
    """Return an explicit little endian file with raw `elements` put before its Rows."""
    position = data.index(struct.pack("<HH2sH", 0x0028, 0x0002, b"US", 2))
    return data[:position] + elements + data[position:]


def with_dataset(data: bytes, elements: bytes) -> bytes:
    """Return a DICOM file with other bytes in the place of its dataset, behind preamble and File Meta Information."""
    (length,) = struct.unpack_from("<I", data, 140)  # of group 0002, whose first element says it
    return data[: 144 + length] + elements
