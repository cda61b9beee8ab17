"""Files that are refused as films, each with what the refusal says; made once, for the tests that ask for them."""

import struct
import zlib

import cv2
import numpy as np
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from support.films import (
    BASIC_TEXT_SR,
    CR,
    CT,
    JPEG_SCAN,
    MR,
    MULTI_FRAME_SC,
    OFFSET_TABLE,
    SECONDARY_CAPTURE,
    dataset,
    dicom,
    film,
    jpeg,
    nested_sequences,
    png,
    png_header,
    saved,
    tiff,
    tiff_pages,
    with_dataset,
    with_elements_before_pixels,
    with_png_chunk,
    written,
)
from support.streams import jpeg_ls


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
        ("mr", dicom(deep, bits=12, sop_class=MR), "This is an MR Image Storage object, not"),
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
