"""One film in the forms in which archives hold it: what writers do to a DICOM file, each done to a drawn film."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from pydicom.encaps import encapsulate
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from support.films import (
    MULTI_FRAME_SC,
    OFFSET_TABLE,
    SECONDARY_CAPTURE,
    dataset,
    dicom,
    jpeg,
    look_up_table,
    with_dataset,
    with_elements_before_pixels,
    written,
)
from support.streams import in_jp2_boxes, jpeg_2000, jpeg_lossless, jpeg_ls

ENCAPSULATED_NATIVE = "1.2.840.10008.1.2.1.98"
DEFLATED_FRAME = ENCAPSULATED_NATIVE.encode(), b"1.2.840.10008.1.2.8.1\0"  # of which pydicom does not know yet
WINDOW = dict(WindowCenter=2048, WindowWidth=4096)
MULTI_FRAME_WORD_SC = MULTI_FRAME_SC[:-1] + "3"


@dataclass(frozen=True)
class Form:
    """A film in a form.

    Attributes:
        data: the file.
        warning: a part of the one warning that it gives; empty for none.
        negative: its stored values are those of the film's negative; the header turns them round.
        bits: of the film that was put into it.
        syntax: what the screen says of its transfer syntax; empty where that does not matter.
        exact: its stored values are the film's.
    """

    data: bytes
    warning: str = ""
    negative: bool = False
    bits: int = 12
    syntax: str = ""
    exact: bool = True


def forms(film: np.ndarray) -> dict[str, Callable[[], Form]]:
    """Return the forms by name, each made when it is called; `film` is (h, w) uint16 of 12 bits."""
    return _turned(film) | _tables(film) | _headers(film) | _files(film) | _streams(film) | _colours(film)


def _turned(film: np.ndarray) -> dict[str, Callable[[], Form]]:
    """The header turns the greys round after the stored values."""
    negative = 4095 - film
    falling = np.arange(4095, -1, -1)
    modality, voi = look_up_table(falling, first=0, bits=12), look_up_table(falling, first=0, bits=12)
    headers = {
        "negative slope": dict(RescaleSlope=-1, RescaleIntercept=4095),
        "negative slope, window": dict(RescaleSlope=-10, RescaleIntercept=3000, WindowCenter=-17000, WindowWidth=42000),
        "falling modality table": dict(ModalityLUTSequence=modality),
        "falling VOI table": dict(VOILUTSequence=voi),
        "inverse shape": dict(PresentationLUTShape="INVERSE", **WINDOW),
    }
    twice = dict(RescaleSlope=-1, RescaleIntercept=4095, PhotometricInterpretation="MONOCHROME1")
    identity = dict(PresentationLUTShape="IDENTITY", PhotometricInterpretation="MONOCHROME1")
    return {
        **{
            name: lambda header=header: Form(dicom(negative, bits=12, **header), "turns the greys round", True)
            for name, header in headers.items()
        },
        "turned twice": lambda: Form(dicom(film, bits=12, **twice), "turns the greys round"),
        "MONOCHROME1 that is not": lambda: Form(dicom(film, bits=12, **identity), "turns the greys round"),
        "MONOCHROME1": lambda: Form(dicom(negative, bits=12, PhotometricInterpretation="MONOCHROME1"), "", True),
        "negative slope, padding": lambda: Form(
            _with_border(film), "turns the greys round", True, bits=16, exact=False
        ),
    }


def _with_border(film: np.ndarray) -> bytes:
    """Return the film's negative in 16 bits with rows of padding above, whose value is that of the brightest white."""
    bordered = 65535 - film * 16
    bordered[:8] = 0
    return dicom(bordered, RescaleSlope=-1, RescaleIntercept=65535, PixelPaddingValue=0)


def _tables(film: np.ndarray) -> dict[str, Callable[[], Form]]:
    """Look-up tables whose descriptor and entries disagree, or that are packed."""
    rising = np.arange(4096)

    def voi(entries: np.ndarray, bits: int, warning: str = "") -> Callable[[], Form]:
        return lambda: Form(dicom(film, bits=12, VOILUTSequence=look_up_table(entries, first=0, bits=bits)), warning)

    item = look_up_table(rising, first=0, bits=8)
    item[0].LUTData = (rising >> 4).astype(np.uint8).tobytes()
    return {
        "16 bits declared, 12 in the table": voi(rising, 16, "declares 16 bits, and its entries need 12"),
        "8 bits declared, 16 in the table": voi(rising * 16, 8, "declares 8 bits, and its entries need 16"),
        "12 bits declared, 16 in the table": voi(rising * 16, 12, "declares 12 bits, and its entries need 16"),
        "8-bit entries, one in a word": voi(rising >> 4, 8),
        "8-bit entries, two in a word": lambda: Form(dicom(film, bits=12, VOILUTSequence=item)),
    }


def _headers(film: np.ndarray) -> dict[str, Callable[[], Form]]:
    """Values that are empty, missing, or no good."""

    def with_header(warning: str = "", **header: object) -> Callable[[], Form]:
        return lambda: Form(dicom(film, bits=12, **header), warning)

    high = (film.astype(np.uint16) << 4) | (film & 7)  # with an overlay in the lowest bits
    return {
        "control": with_header(**WINDOW),
        "high bit 15": lambda: Form(dicom(high, bits=12, HighBit=15)),
        "high bit 15, pixels below": with_header("high bit is 15", HighBit=15),
        "empty VOI function": with_header(**WINDOW, VOILUTFunction=""),
        "empty slope": with_header(**WINDOW, RescaleSlope="", RescaleIntercept="0"),
        "empty window": with_header(WindowCenter="", WindowWidth=""),
        "width 0": with_header("window is broken", WindowCenter=5, WindowWidth=0),
        "first width 0": with_header(WindowCenter=[5, 2048], WindowWidth=[0, 4096]),
        "one frame": with_header(NumberOfFrames=1, sop_class=MULTI_FRAME_WORD_SC),
        "no class": lambda: Form(dicom(film, bits=12).replace(b"1.2.840.10008.5.1.4.1.1.1\0", bytes(26))),
    }


def _files(film: np.ndarray) -> dict[str, Callable[[], Form]]:
    """Files that are not written as they declare, or declare nothing."""
    whole = {
        syntax: dicom(film, bits=12, syntax=syntax, **WINDOW)
        for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian)
    }
    bare = {syntax: data[len(with_dataset(data, b"")) :] for syntax, data in whole.items()}
    explicit = whole[ExplicitVRLittleEndian]
    declares = {
        syntax: with_dataset(data, bare[ExplicitVRLittleEndian])[: -len(bare[ExplicitVRLittleEndian])]
        for syntax, data in whole.items()
    }
    private = struct.pack("<HH2sH", 0x0029, 0x0010, b"LO", 4) + b"TEST"

    def form(data: bytes, syntax: str = "") -> Callable[[], Form]:
        return lambda: Form(data, syntax=syntax)

    def with_private(element: bytes) -> Callable[[], Form]:
        return form(with_elements_before_pixels(explicit, element))

    no_syntax = explicit.replace(b"\x02\0\x10\0UI", b"\x02\0\x11\0UI")
    deflated = dicom(film, bits=12, syntax=DeflatedExplicitVRLittleEndian, **WINDOW)
    return {
        "implicit, bare": form(bare[ImplicitVRLittleEndian], "implicit little endian"),
        "explicit, bare": form(bare[ExplicitVRLittleEndian], "explicit little endian"),
        "big endian, bare": form(bare[ExplicitVRBigEndian], "explicit big endian"),
        "no preamble": form(explicit[132:], "explicit little endian"),
        "no preamble but its prefix": form(explicit[128:], "explicit little endian"),
        "no meta information": form(explicit[:132] + bare[ImplicitVRLittleEndian], "implicit little endian"),
        "no transfer syntax": form(no_syntax, "explicit little endian"),
        "implicit in explicit": form(
            declares[ExplicitVRLittleEndian] + bare[ImplicitVRLittleEndian],
            "implicit little endian, declared as explicit little endian",
        ),
        "explicit in implicit": form(
            declares[ImplicitVRLittleEndian] + bare[ExplicitVRLittleEndian],
            "explicit little endian, declared as implicit little endian",
        ),
        "big endian in explicit": form(
            declares[ExplicitVRLittleEndian] + bare[ExplicitVRBigEndian],
            "explicit big endian, declared as explicit little endian",
        ),
        "deflated": form(deflated, "deflated explicit little endian"),
        "deflated that is not": form(
            with_dataset(deflated, bare[ExplicitVRLittleEndian]),
            "explicit little endian, declared as deflated explicit little endian",
        ),
        "VR ?? of two bytes": with_private(private.replace(b"LO", b"??")),
        "VR OX of four bytes": with_private(struct.pack("<HH2sHI", 0x0029, 0x0010, b"OX", 0, 4) + b"TEST"),
        "VR OX of two bytes": with_private(private.replace(b"LO", b"OX")),
        "VR of zeros": with_private(private.replace(b"LO", b"\0\0")),
        "implicit element": with_private(struct.pack("<HHI", 0x0029, 0x0010, 4) + b"TEST"),
        "private sequence in implicit VR": with_private(
            struct.pack("<HH2sHI", 0x0029, 0x1010, b"SQ", 0, 0xFFFFFFFF)
            + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
            + struct.pack("<HHI", 0x0029, 0x1011, 4)
            + b"TEST"
            + struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
        ),
        "delimiter by itself": with_private(struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)),
        # Lengths that do not fit: of an element that does not matter, and of one whose numbers are then none.
        "spacing of odd length": with_private(struct.pack("<HH2sH", 0x0028, 0x0030, b"FD", 5) + b"\1\2\3\4\5"),
        "padding of three bytes": lambda: Form(
            _with_odd_padding(film), "padding value is broken", syntax="explicit little endian"
        ),
    }


def _with_odd_padding(film: np.ndarray) -> bytes:
    data = dicom(film, bits=12, PixelPaddingValue=0)
    element = struct.pack("<HH2sHH", 0x0028, 0x0120, b"US", 2, 0)
    assert element in data
    return data.replace(element, struct.pack("<HH2sH", 0x0028, 0x0120, b"US", 3) + b"\1\2\3")


def _streams(film: np.ndarray) -> dict[str, Callable[[], Form]]:
    """Codings, and pixels that are coded in another way than the transfer syntax says."""
    film_8 = (film >> 4).astype(np.uint8)

    def coded(stream: bytes, syntax: str, name: str, warning: str = "") -> Callable[[], Form]:
        return lambda: Form(dicom(film, bits=12, syntax=syntax, stream=stream), warning, syntax=name)

    def of_8_bits(stream: bytes, syntax: str, name: str, **header: object) -> Callable[[], Form]:
        data = dicom(film_8, syntax=syntax, stream=stream, **header)
        return lambda: Form(data, bits=8, syntax=name, exact=False)

    def explicit_value(value: bytes, syntax: str, name: str) -> Callable[[], Form]:
        header = dataset(film, bits=12)
        data = written(header, ExplicitVRLittleEndian, value)
        other = dicom(film_8, syntax=syntax, stream=b"\0")
        meta = with_dataset(other, b"")
        return lambda: Form(meta + data[len(with_dataset(data, b"")) :], syntax=name)

    codestream, ls = jpeg_2000(film, bits=12), jpeg_ls(film)
    lossless = jpeg_lossless(film, bits=12)
    plain = film.tobytes()
    twelve_of_16 = dicom(film, bits=12, syntax=JPEGLSLossless, stream=ls)
    assert OFFSET_TABLE in twelve_of_16
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    frame = deflate.compress(plain) + deflate.flush()
    return {
        **{
            f"JPEG lossless, predictor {number}": coded(
                jpeg_lossless(film, bits=12, predictor=number), JPEGLossless, "JPEG lossless"
            )
            for number in range(1, 8)
        },
        "JPEG lossless, first order": coded(lossless, JPEGLosslessSV1, "JPEG lossless"),
        "JPEG lossless, 8 bits": of_8_bits(jpeg_lossless(film_8, bits=8), JPEGLosslessSV1, "JPEG lossless"),
        "JPEG lossless, 16 bits": lambda: Form(
            dicom(film * 16, syntax=JPEGLosslessSV1, stream=jpeg_lossless(film * 16, bits=16)), bits=16
        ),
        "JPEG extended, 8 bits": of_8_bits(
            jpeg(film_8).replace(b"\xff\xc0", b"\xff\xc1"), JPEGExtended12Bit, "JPEG extended"
        ),
        "JPEG baseline": of_8_bits(jpeg(film_8), JPEGBaseline8Bit, "JPEG baseline"),
        "JPEG of 8 bits for 12": lambda: Form(
            dicom(film, bits=12, syntax=JPEGBaseline8Bit, stream=jpeg(film_8)),
            "declares 12 bits, its compressed image has 8",
            bits=8,
            exact=False,
        ),
        "JP2 boxes": coded(in_jp2_boxes(codestream), JPEG2000Lossless, "JPEG 2000, lossless"),
        "JP2 boxes, long": coded(in_jp2_boxes(codestream, long_length=True), JPEG2000, "JPEG 2000"),
        "JPEG-LS in JPEG 2000": coded(ls, JPEG2000Lossless, "JPEG-LS, declared as JPEG 2000, lossless"),
        "JPEG 2000 in JPEG": coded(codestream, JPEGBaseline8Bit, "JPEG 2000, declared as JPEG baseline"),
        "JPEG lossless in JPEG": coded(lossless, JPEGBaseline8Bit, "JPEG lossless, declared as JPEG baseline"),
        "JPEG 2000 in HTJ2K": coded(codestream, HTJ2K, "JPEG 2000, declared as high-throughput JPEG 2000"),
        "JPEG-LS in a private syntax": coded(ls, "1.2.3.4", "JPEG-LS, declared as another transfer syntax"),
        "JPEG-LS in explicit": lambda: Form(
            with_dataset(dicom(film, bits=12), twelve_of_16[len(with_dataset(twelve_of_16, b"")) :]),
            syntax="JPEG-LS, declared as explicit little endian",
        ),
        "native in JPEG 2000": explicit_value(
            plain, JPEG2000Lossless, "explicit little endian, declared as JPEG 2000, lossless"
        ),
        "native fragment in JPEG 2000": coded(
            plain, JPEG2000Lossless, "uncompressed, encapsulated, declared as JPEG 2000, lossless"
        ),
        "bare stream": explicit_value(codestream, JPEG2000Lossless, "JPEG 2000, lossless"),
        "fragments with a length": explicit_value(encapsulate([codestream]), JPEG2000Lossless, "JPEG 2000, lossless"),
        "no delimiter": lambda: Form(dicom(film, bits=12, syntax=JPEGLSLossless)[:-8], syntax="JPEG-LS, lossless"),
        "no offset table": lambda: Form(twelve_of_16.replace(OFFSET_TABLE, b"", 1), syntax="JPEG-LS, lossless"),
        "several fragments": lambda: Form(
            written(dataset(film, bits=12), JPEGLSLossless, encapsulate([ls], fragments_per_frame=3))
        ),
        "RLE in explicit": lambda: _rle_in_explicit(film),
        "native, encapsulated": coded(plain, ENCAPSULATED_NATIVE, "uncompressed, encapsulated"),
        "deflated frame": lambda: Form(
            dicom(film, bits=12, syntax=ENCAPSULATED_NATIVE, stream=frame).replace(*DEFLATED_FRAME),
            syntax="deflated frame",
        ),
    }


def _rle_in_explicit(film: np.ndarray) -> Form:
    rle = dicom(film, bits=12, syntax=RLELossless)
    data = with_dataset(dicom(film, bits=12), rle[len(with_dataset(rle, b"")) :])
    return Form(data, syntax="RLE, declared as explicit little endian")


def _colours(film: np.ndarray) -> dict[str, Callable[[], Form]]:
    """Colours that are grey throughout."""
    grey = (film >> 4).astype(np.uint8)
    channels = np.dstack([grey] * 3)
    neutral = np.dstack([grey, np.full_like(grey, 128), np.full_like(grey, 128)])
    halved = np.full((grey.shape[0], grey.shape[1] // 2, 4), 128, np.uint8)
    halved[..., :2] = grey.reshape(grey.shape[0], -1, 2)

    def of(pixels: np.ndarray, model: str = "RGB", *, exact: bool = True, **header: object) -> Callable[[], Form]:
        colours = dict(SamplesPerPixel=3, PhotometricInterpretation=model, Rows=grey.shape[0], Columns=grey.shape[1])
        data = dicom(pixels, sop_class=SECONDARY_CAPTURE, **(colours | header))
        return lambda: Form(data, bits=8, exact=exact)

    planes = np.moveaxis(channels, -1, 0)
    untransformed = jpeg(channels, keep_rgb=True)
    twelve = np.dstack([film] * 3)
    deep = dict(SamplesPerPixel=3, PhotometricInterpretation="RGB")
    return {
        "RGB": of(channels, PlanarConfiguration=0),
        "RGB by plane": of(np.ascontiguousarray(planes).reshape(channels.shape), PlanarConfiguration=1),
        "RGB of 12 bits": lambda: Form(dicom(twelve, bits=12, **deep)),
        "YBR_FULL": of(neutral, "YBR_FULL", PlanarConfiguration=0),
        "YBR_FULL_422": of(halved, "YBR_FULL_422", PlanarConfiguration=0),
        "RGB, RLE": of(channels, syntax=RLELossless, PlanarConfiguration=0),
        "RGB, JPEG": of(channels, "YBR_FULL_422", syntax=JPEGBaseline8Bit, exact=False, stream=jpeg(channels)),
        "RGB, JPEG of luma and chroma": of(channels, syntax=JPEGBaseline8Bit, exact=False, stream=jpeg(channels)),
        "RGB, JPEG of colours": of(channels, syntax=JPEGBaseline8Bit, exact=False, stream=untransformed),
        "RGB, JPEG of colours, unsaid": of(
            channels, syntax=JPEGBaseline8Bit, exact=False, stream=_without_adobe_marker(untransformed)
        ),
        "RGB, JPEG-LS": of(channels, syntax=JPEGLSLossless, stream=jpeg_ls(channels)),
        "RGB, JPEG 2000": of(channels, "YBR_RCT", syntax=JPEG2000Lossless, stream=jpeg_2000(channels, bits=8)),
        "RGB, JPEG lossless": of(channels, syntax=JPEGLosslessSV1, stream=jpeg_lossless(channels, bits=8)),
        "grey declared, RGB inside": lambda: Form(
            dicom(grey, syntax=JPEGBaseline8Bit, stream=jpeg(channels)), bits=8, exact=False
        ),
    }


def _without_adobe_marker(stream: bytes) -> bytes:
    """Return a JPEG stream that does not say whether its colours were turned into luma and chroma."""
    position = stream.index(b"\xff\xee")
    (length,) = struct.unpack_from(">H", stream, position + 2)
    return stream[:position] + stream[position + 2 + length :]
