"""What every reader of a film's bytes keeps to, and what it hands on.

A film comes from anywhere, so its bytes are read in a child process (see `film.decoder`), and under strict limits of
the readers' own, as not every system has limits to give a child: the file's size, and the picture's size as every
header declares it, are checked before a pixel is decoded; what unpacks without a bound is refused; and a reader
allocates nothing that these checks have not bounded.

Nothing that a decoder says about a file leaves this package: its warnings, log records and messages may quote a header.
"""

import contextlib
import logging
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from ensemble_cam.errors import RadiographError
from ensemble_cam.purpose import PHANTOM_MARK

MAX_FILE_BYTES = 512 * 2**20
MAX_PIXELS = 64_000_000
MIN_SIDE = 32

# What decoders raise on a broken file: Pillow, pydicom, numpy and the codecs have no base class in common. What is not
# among them is a film that cannot be read, too (see `film.decoder`), in less fitting words.
DECODER_FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,  # with RecursionError and NotImplementedError
    SyntaxError,  # Pillow's word for a broken header
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True, eq=False, repr=False)
class StoredFilm:
    """A decoded film: its stored values, and what each of them looks like.

    Attributes:
        format: "PNG", "JPEG", "TIFF", "BMP" or "DICOM".
        bits: declared bits per sample.
        pixels: (h, w) stored values, upright, native byte order: uint8, int8, uint16 or int16.
        declared: the lowest and the highest value that the file's declaration allows.
        shown: (256,) or (65536,) float64 table in [0, 1], 1 = white: what the screen shows for each stored value,
            in the order of `greyscale.domain(pixels.dtype)`.
        used: the stored values, from the lowest to the highest, that the film uses: no padding, and none of the few
            that lie far from all others, see `greyscale.used_range`.
        padding: the stored values, from the lowest to the highest, that stand for no part of the film; None where the
            file declares none.
        networks_invert: the networks read the stored values from the top down (DICOM's MONOCHROME1).
        turned: the header turns the greys round after the stored values, so that the networks read them the other way
            than torchxrayvision, which knows the photometric interpretation alone.
        spacing: the distances of rows and of columns in mm, from centre to centre; None where the file declares none.
        spacing_at_detector: `spacing` holds at the detector, where the patient is magnified.
        pixel_aspect: a stored pixel's height over its width; 1 where both are equal or the file says nothing.
        phantom: the file carries a phantom's mark; any film without it counts as real.
        facts: header facts that identify nobody, by name.
        warnings: one plain sentence each.
        device: maker and model of the device; None where no maker is declared that is known here.
    """

    format: str
    bits: int
    pixels: np.ndarray
    declared: tuple[int, int]
    shown: np.ndarray
    used: tuple[int, int]
    padding: tuple[int, int] | None = None
    networks_invert: bool = False
    turned: bool = False
    spacing: tuple[float, float] | None = None
    spacing_at_detector: bool = False
    pixel_aspect: float = 1.0
    phantom: bool = False
    facts: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    device: str | None = None


_told: Callable[[int, float], None] | None = None


@contextlib.contextmanager
def sizes_told_to(told: Callable[[int, float], None]) -> Iterator[None]:
    """Have sizes that are in order told, in pixels, once a header declares them: decoding takes time and memory by it.

    Beside them stands the slowness, see `check_size`.

    For one film at a time.
    """
    global _told
    _told = told
    try:
        yield
    finally:
        _told = None


def check_size(width: int, height: int, *, slowness: float = 1.0) -> None:
    """Refuse a picture that is too large or too small, before its pixels are decoded.

    Args:
        width: in pixels, as a header declares it.
        height: the same.
        slowness: how many times as long as others such pixels take to decode, by how they are coded.

    Raises:
        RadiographError: above 64 megapixels, or with a side below 32 pixels.
    """
    size = f"{width}×{height} pixels"
    if width * height > MAX_PIXELS:
        limit = MAX_PIXELS // 1_000_000
        raise RadiographError(f"The film claims {size}, and at most {limit} megapixels are read. Export it smaller.")
    if min(width, height) < MIN_SIDE:
        raise RadiographError(
            f"The film has {size}, too small to be reviewed: each side needs at least {MIN_SIDE} pixels. "
            "Export it at its full size."
        )
    if _told is not None:
        _told(width * height, slowness)


_MARK = re.compile(re.escape(PHANTOM_MARK) + r"(?:, version (\d{1,4})(?!\d))?", re.ASCII)


def phantom_facts(software: object) -> dict[str, str]:
    """Return what a film's maker says of itself where it begins with a phantom's mark; nothing for any other maker.

    Args:
        software: PNG's text chunk `Software` or DICOM's Manufacturer. Of it, the version's digits alone are passed on.
    """
    mark = _MARK.match(software) if isinstance(software, str) else None
    if mark is None:
        return {}
    return {"Origin": f"drawn phantom, version {mark[1]}" if mark[1] else "drawn phantom"}


_silence_lock = threading.Lock()
_silence_depth = 0
_silenced = contextlib.ExitStack()


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Drop the warnings and log records of Pillow and pydicom, which may quote a header's values.

    Warning filters and loggers belong to the whole process. Threads that read films side by side share one silence: the
    first one in starts it and the last one out ends it, so that no thread puts back another one's filters too early.
    """
    global _silence_depth
    with _silence_lock:
        if _silence_depth == 0:
            _silenced.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            for name in ("pydicom", "PIL", "pylibjpeg", "openjpeg"):
                _silenced.enter_context(_muted(logging.getLogger(name)))
        _silence_depth += 1
    try:
        yield
    finally:
        with _silence_lock:
            _silence_depth -= 1
            if _silence_depth == 0:
                _silenced.close()


@contextlib.contextmanager
def _muted(logger: logging.Logger) -> Iterator[None]:
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)
