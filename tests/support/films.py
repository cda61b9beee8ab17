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
from support.streams import jpeg_ls

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


def _deflated(elements: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflate.compress(elements) + deflate.flush()


def _with_odd_fragment(data: bytes) -> bytes:
    """Return an encapsulated film whose first fragment begins as no item does."""
    position = data.index(OFFSET_TABLE) + len(OFFSET_TABLE)
    return data[:position] + struct.pack("<HH", 0x0009, 0x1001) + data[position + 4 :]


def _deflate_bomb() -> bytes:
    """Return 100 MiB of one private element, deflated: an unpacked header that never ends."""
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    head = struct.pack("<HH2sHI", 0x0009, 0x1001, b"OB", 0, 100 << 20)
    return b"".join([deflate.compress(head), *(deflate.compress(bytes(1 << 20)) for _ in range(100)), deflate.flush()])


def _with_other_rows(data: bytes) -> bytes:
    """Return a file whose Rows are a text of eight digits."""
    rows = struct.pack("<HH2sHH", 0x0028, 0x0010, b"US", 2, 240)
    assert rows in data
    return data.replace(rows, struct.pack("<HH2sH", 0x0028, 0x0010, b"IS", 8) + b"19480229")


def _of_private_syntax(data: bytes) -> bytes:
    """Return a file that declares a maker's own syntax, whose pixels alone are big endian."""
    return data.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.113619.5.2\0\0")


def _without_class(data: bytes) -> bytes:
    """Return a file whose SOP class, in its meta information and in its dataset, is empty."""
    return data.replace(CR.encode(), bytes(len(CR)))


def jpeg_of_frame(stream: bytes, marker: int, *, bits: int = 8) -> bytes:
    """Return a baseline JPEG whose frame header claims another process or sample depth (ITU-T T.81, table B.1)."""
    position = stream.index(b"\xff\xc0")
    return (
        stream[: position + 1]
        + bytes([marker])
        + stream[position + 2 : position + 4]
        + bytes([bits])
        + stream[position + 5 :]
    )


def _with_jpeg_size(stream: bytes, width: int, height: int) -> bytes:
    position = stream.index(b"\xff\xc0")
    return stream[: position + 5] + struct.pack(">HH", height, width) + stream[position + 9 :]


def _with_byte(data: bytes, position: int, value: int) -> bytes:
    return data[:position] + bytes([value]) + data[position + 1 :]


def _several(kind: str) -> bytes:
    frames = [Image.fromarray(film(seed=seed)) for seed in (0, 1)]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:])


def _bad_films() -> list[tuple[str, bytes, str]]:
    grey = film()
    deep = film(bits=12)
    whole = {
        "png": png(grey),
        "jpeg": jpeg(grey),
        "tiff": tiff(grey),
        "bmp": saved(Image.fromarray(grey), "BMP"),
        "dicom": dicom(deep, bits=12),
        "dicom-jpeg": dicom(grey, syntax=JPEGBaseline8Bit),
        "dicom-jpeg-ls": dicom(deep, bits=12, syntax=JPEGLSLossless),
        "dicom-rle": dicom(deep, bits=12, syntax=RLELossless),
    }
    colour = np.dstack([grey, grey // 2, 255 - grey])
    rgb = dict(SamplesPerPixel=3, PhotometricInterpretation="RGB")
    stream = jpeg(grey)
    twelve_bits = stream.replace(b"\xff\xc0\0\x0b\x08", b"\xff\xc1\0\x0b\x0c")
    arithmetic = stream.replace(b"\xff\xc0", b"\xff\xc9")
    deflated = dicom(deep, bits=12, syntax=DeflatedExplicitVRLittleEndian)
    bare = whole["dicom-jpeg-ls"][len(with_dataset(whole["dicom-jpeg-ls"], b"")) :]
    noise = np.random.default_rng(2).bytes(4000)
    middle = len(whole["png"]) // 2
    damaged = whole["png"][:middle] + bytes([whole["png"][middle] ^ 255]) + whole["png"][middle + 1 :]
    sr = Dataset()
    sr.SOPClassUID, sr.SOPInstanceUID, sr.Modality = BASIC_TEXT_SR, "2.25.1", "SR"
    return [
        ("empty", b"", "The file is empty"),
        ("text", b"Findings: none.\n" * 40, "a text file; PNG, JPEG, TIFF, BMP and DICOM"),
        ("random", np.random.default_rng(1).bytes(4000), "no film of a kind known here"),
        ("gif", saved(Image.fromarray(grey), "GIF"), "a GIF picture; PNG, JPEG"),
        ("webp", saved(Image.fromarray(grey), "WEBP"), "a WebP picture; PNG, JPEG"),
        ("pdf", b"%PDF-1.7\n%\xe2\xe3", "a PDF document"),
        *((f"truncated-{name}", data[: len(data) * 2 // 3], "broken or end|too early") for name, data in whole.items()),
        ("truncated-in-header", whole["dicom"][:300], "truncated or broken"),
        ("png-checksum", damaged, "PNG file is broken"),
        ("png-header-only", whole["png"][:20], "PNG file is broken"),
        ("png-60000", png_header(60_000, 60_000), "megapixels"),
        ("png-9000", png_header(9000, 9000), "9000×9000 pixels.*at most 64 megapixels"),
        ("jpeg-60000", _with_jpeg_size(stream, 60_000, 60_000), "megapixels"),
        ("1x1", png(np.zeros((1, 1), np.uint8)), "1×1 pixels, too small.*at least 32"),
        ("31-rows", png(film(height=31)), "260×31 pixels, too small"),
        ("jpeg-of-many-scans", stream[:-2] + JPEG_SCAN * 200 + stream[-2:], "made of more than 100 scans"),
        ("animated-png", _several("PNG"), "several pictures"),
        ("several-page-tiff", _several("TIFF"), "several pictures"),
        ("previews-alone-tiff", tiff_pages((grey, {254: 1}), (grey, {254: 1})), "previews alone"),
        ("cmyk", saved(Image.fromarray(grey).convert("CMYK"), "JPEG"), "JPEG file is in the colours of a printer"),
        ("cmyk-tiff", saved(Image.fromarray(grey).convert("CMYK"), "TIFF"), "TIFF file is in the colours of a printer"),
        ("lab-tiff", saved(Image.fromarray(np.dstack([grey] * 3)).convert("LAB"), "TIFF"), "is in Lab colours"),
        ("float-tiff", saved(Image.fromarray(grey.astype(np.float32)), "TIFF"), "holds floating-point numbers"),
        ("signed-tiff", tiff(grey, _339=2), "holds numbers with a sign"),
        ("complex-tiff", tiff(grey, _339=5), "holds complex numbers"),
        ("10-bit-tiff", tiff(grey, bits=10), "has 10 bits a sample, and this depth is not read"),
        ("14-bit-tiff", tiff(deep, bits=14), "has 14 bits a sample, and this depth is not read"),
        ("32-bit-tiff", tiff(deep, bits=32), "has 32 bits a sample, and this depth is not read"),
        ("two-sample-tiff", tiff(deep, _277=2), "has 2 samples of 16 bits a pixel, and grey is read from one"),
        ("mosaic-tiff", tiff(grey, photometric=32803), "photometric interpretation 32803, which is not read"),
        ("odd-kind-of-tiff", tiff(grey, _277=2), r"of a kind that is not read \(2 × 8 bits a pixel, photo"),
        ("lerc-tiff", tiff(grey, _259=34887), "is compressed by LERC, which is not read"),
        ("unknown-compression-tiff", tiff(grey, _259=12345), "is compressed by the method 12345, which is not read"),
        (
            "colour-16-bit-tiff",
            cv2.imencode(".tiff", np.zeros((64, 64, 3), np.uint16))[1].tobytes(),
            "is in colour with 16 bits a sample, a depth that is read in grey alone",
        ),
        ("lossless-jpeg-file", jpeg_of_frame(stream, 0xC3), "compressed by JPEG Lossless, which is read in DICOM"),
        ("hierarchical-jpeg", jpeg_of_frame(stream, 0xC5), "compressed by hierarchical JPEG, which is not read"),
        ("jpeg-ls-file", jpeg_of_frame(stream, 0xF7), "compressed by JPEG-LS, which is read in DICOM"),
        ("12-bit-jpeg-file", jpeg_of_frame(stream, 0xC1, bits=12), "12 bits a sample, and this depth is not read"),
        ("bmp-of-a-jpeg", _with_byte(whole["bmp"], 30, 4), "compressed by JPEG, which is not read"),
        ("2-bit-bmp", _with_byte(whole["bmp"], 28, 2), "has 2 bits a pixel, and this depth is not read"),
        ("odd-kind-of-bmp", _with_byte(whole["bmp"], 30, 3), "BMP file is of a kind that is not read"),
        ("phone-png", with_png_chunk(whole["png"], b"CgBI", bytes(4)), "of Apple's own kind"),
        (
            "long-text-png",
            with_png_chunk(whole["png"], b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2**21))),
            "carries a text or colour profile of more than 1 MB",
        ),
        (
            "high-pixels",
            dicom(deep, bits=12, PixelAspectRatio=[11, 1]),
            "11 times as high as wide, which no radiograph",
        ),
        (
            "long-pixels",
            dicom(deep, bits=12, PixelAspectRatio=[1, 20]),
            "20 times as wide as high, which no radiograph",
        ),
        (
            "tall-png",
            with_png_chunk(png_header(3000, 3200), b"pHYs", struct.pack(">IIB", 7, 1, 0)),
            "true proportions it has 3000×22400, and at most 64",
        ),
        ("ct", dicom(deep, bits=12, sop_class=CT), "a CT Image Storage object, not a chest radiograph"),
        ("mr", dicom(deep, bits=12, sop_class=MR), "MR Image Storage object, not"),
        ("unknown-class", dicom(deep, bits=12, sop_class="1.2.3.4"), "a DICOM object of an unknown class, not"),
        ("secondary-capture-of-ct", dicom(deep, bits=12, sop_class=SECONDARY_CAPTURE, Modality="CT"), "tomography"),
        ("report", written(sr, ExplicitVRLittleEndian, None), "Basic Text SR Storage"),
        ("dicomdir", written(Dataset(), ExplicitVRLittleEndian, None), "a DICOMDIR, an index"),
        ("several-frames", dicom(grey, NumberOfFrames=2), "several frames"),
        (
            "several-frames-in-multi-frame-class",
            dicom(grey, sop_class=MULTI_FRAME_SC, NumberOfFrames=3),
            "several frames",
        ),
        ("frames-below-zero", dicom(grey, NumberOfFrames=-1), "number of frames is broken"),
        ("no-class", _without_class(dicom(deep, bits=12, Modality="SC")), "does not say what kind of object"),
        ("colour-dicom", dicom(colour, PlanarConfiguration=0, **rgb), "is a colour image"),
        (
            "colour-dicom-by-plane",
            dicom(np.moveaxis(colour, -1, 0).reshape(colour.shape), PlanarConfiguration=1, **rgb),
            "is a colour image",
        ),
        (
            "neutral-rgb-declared-ybr",
            dicom(np.dstack([grey] * 3), SamplesPerPixel=3, PhotometricInterpretation="YBR_FULL"),
            "is a colour image",
        ),
        (
            "cmyk-dicom",
            dicom(np.dstack([grey] * 4), SamplesPerPixel=4, PhotometricInterpretation="CMYK"),
            "neither one nor three samples",
        ),
        (
            "odd-colour-model",
            dicom(colour, SamplesPerPixel=3, PhotometricInterpretation="HSV"),
            "colour model is not read",
        ),
        ("palette-dicom", dicom(grey, PhotometricInterpretation="PALETTE COLOR"), "neither MONOCHROME1 nor"),
        ("floating-pixels", dicom(deep).replace(b"\xe0\x7f\x10\0OW", b"\xe0\x7f\x08\0OF"), "floating-point numbers"),
        ("no-pixels", written(dataset(deep), ExplicitVRLittleEndian, None), "no pixel data"),
        ("size-that-is-none", _with_other_rows(dicom(deep, bits=12)), "no readable image size"),
        ("no-size", dicom(deep, Rows=None), "no readable image size"),
        ("too-few-pixels", dicom(deep[:100], Rows=240), "shorter than its header declares"),
        ("no-bits", dicom(deep, bits=12, BitsStored=None), "does not say how many bits"),
        ("one-bit", dicom(grey, BitsAllocated=1, BitsStored=1, HighBit=0), "not of 8 to 16 bits"),
        ("packed-12-bits", dicom(deep, bits=12, BitsAllocated=12), "not of 8 to 16 bits"),
        ("high-bit", dicom(deep, bits=12, HighBit=10), "contradict each other"),
        ("high-bit-outside", dicom(deep, bits=12, HighBit=16), "contradict each other"),
        ("more-bits-than-allocated", dicom(grey, BitsStored=12, HighBit=11), "contradict each other"),
        ("too-large-dicom", dicom(deep, Rows=60_000, Columns=60_000), "60000×60000 pixels.*megapixels"),
        ("deflated-noise", with_dataset(deflated, noise), "declared as deflated and cannot be unpacked"),
        ("deflated-and-compressed", with_dataset(deflated, _deflated(bare)), "deflated and compressed at once"),
        ("odd-fragment", _with_odd_fragment(whole["dicom-jpeg-ls"]), "fragments cannot be told apart"),
        ("deflated-for-ever", with_dataset(deflated, _deflate_bomb()), "header is far larger or deeper"),
        (
            "12-bit-jpeg",
            dicom(grey, syntax="1.2.840.10008.1.2.4.51", stream=twelve_bits),
            "JPEG extended with 12 bits.*dcmdjpeg",
        ),
        (
            "arithmetic-jpeg",
            dicom(grey, syntax=JPEGBaseline8Bit, stream=arithmetic),
            "a rare process of JPEG.*dcmdjpeg",
        ),
        ("unknown-syntax", dicom(grey, syntax="1.2.3.4", stream=noise), "unknown transfer syntax"),
        ("native-in-unknown-syntax", _of_private_syntax(dicom(deep, bits=12)), "unknown transfer syntax"),
        ("video", dicom(grey, syntax="1.2.840.10008.1.2.4.102", stream=noise), "stored as MPEG-4.*not decoded"),
        (
            "pixels-elsewhere",
            written(dataset(deep, bits=12), "1.2.840.10008.1.2.4.94", None),
            "stored as JPIP Referenced",
        ),
        (
            "jpeg-bomb-in-dicom",
            dicom(grey, syntax=JPEGBaseline8Bit, stream=_with_jpeg_size(stream, 60_000, 60_000)),
            "60000×60000 pixels.*megapixels",
        ),
        ("stream-of-other-size", dicom(film(width=250), syntax=JPEGBaseline8Bit, stream=stream), "250×240.*260×240"),
        ("noise-in-jpeg-2000", dicom(grey, syntax=JPEG2000Lossless, stream=noise), "pixel data are broken"),
        ("colour-stream", dicom(grey, syntax=JPEGBaseline8Bit, stream=jpeg(colour)), "is a colour image"),
        (
            "16-bit-stream-in-8",
            dicom(grey, syntax=JPEGLSLossless, stream=jpeg_ls(film(bits=16))),
            "8 bits for a sample.*16",
        ),
        (
            "cut-stream",
            dicom(grey, syntax=JPEGBaseline8Bit, stream=stream[: len(stream) // 2]),
            "pixel data are broken",
        ),
        ("jpeg-body-is-noise", dicom(grey, syntax=JPEGBaseline8Bit, stream=b"\xff\xd8" + b"noise" * 50), "are broken"),
        (
            "nested-sequences",
            with_elements_before_pixels(dicom(deep), nested_sequences(1000)),
            "header is far larger or deeper",
        ),
        (
            "broken-element",
            with_elements_before_pixels(dicom(deep), b"\x09\0\x01\x10??\x07\x07"),
            "cannot be told apart",
        ),
    ]


# (name, bytes, what the refusal says)
BAD_FILMS = _bad_films()
