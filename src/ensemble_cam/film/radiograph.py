"""The film: its source pixels, its picture on the screen and what the networks see.

`read_radiograph` goes by a file's content, never by its name, and has it decoded apart from this process. Two arrays
come of one film: the screen wants the window that the file declares, while torchxrayvision's networks are fed the
stored values over the range the file declares (`xrv.utils.load_image`); which of the two the networks see is the
reader's choice (`intensity`).
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np

from ensemble_cam.errors import ConfigError
from ensemble_cam.film.decoding import decode_apart
from ensemble_cam.film.greyscale import Greys, Greyscale, domain, is_padding, look_up, to_screen
from ensemble_cam.film.intake import StoredFilm
from ensemble_cam.film.negatives import looks_negative
from ensemble_cam.film.proportions import enlarge, true_size
from ensemble_cam.machine.frozen import Frozen

Intensity = Literal["stored", "windowed"]

# What counts as nearly uniform: nine tenths of the film within so many of the screen's 256 greys.
_UNIFORM = 26
_SAMPLES = 512  # along each axis, of a film's display

_TURNED = {"Grey values": "turned for screen and networks, as the file holds a negative"}
_SMALLEST_INPUT = 224  # the smallest input size of any configured classifier


@dataclass(frozen=True, eq=False, repr=False)
class Radiograph(Frozen):
    """One film.

    Attributes:
        sha256: hash of the file's bytes, in hex; of an array see `sources.hash_of`.
        format: "PNG", "JPEG", "TIFF", "BMP", "DICOM", or "array" where the stored values were handed over.
        bits: declared bits per sample (DICOM's Bits Stored; pictures of fewer than 8 bits are expanded to 8).
        source: (h, w) stored values, upright and in true proportions, read-only: uint8, uint16, int8 or int16.
        stored_size: width and height of the film as the file holds it, upright, where its pixels need not be square.
        used: the stored values, from the lowest to the highest, that the film uses: no padding, and none of the few
            that lie far from all others, see `greyscale.used_range`.
        padding: the stored values, from the lowest to the highest, that stand for no part of the film; None where the
            file declares none.
        shown: (256,) or (65536,) float64 in [0, 1], the file's own grey for each stored value, in the order of
            `greyscale.domain(source.dtype)`; read-only.
        display: (h, w) uint8, what the screen shows by `greys`, 255 = white = dense; read-only.
        model: (h, w) float32 in [-1024, 1024], what the networks see; read-only.
        intensity: what `model` was made from, the stored values or the windowed ones.
        rescaled: the used range was stretched to the whole range, because the reader asked for it.
        negative: `shown`, `display` and `model` are the film's, which the file holds as a negative, as the reader said.
        spacing: the distances of rows and of columns in mm, from centre to centre; None where the file declares none.
        spacing_at_detector: `spacing` holds at the detector, where the patient is magnified.
        narrow_range: the film has more than 8 bits and its pixels use less than a third of its declared range.
        phantom: the file carries a phantom's mark, so it was drawn by code; any film without it counts as real.
        facts: header facts that identify nobody, for the screen.
        warnings: one plain sentence each.
        greys: how `display` was made; the file's own way, unless the reader set another.
        device: maker and model of the device; None where no maker is declared that is known here.
    """

    sha256: str
    format: str
    bits: int
    source: np.ndarray
    stored_size: tuple[int, int]
    used: tuple[int, int]
    padding: tuple[int, int] | None
    shown: np.ndarray
    display: np.ndarray
    model: np.ndarray
    intensity: Intensity
    rescaled: bool
    negative: bool
    spacing: tuple[float, float] | None
    spacing_at_detector: bool
    narrow_range: bool
    phantom: bool
    facts: Mapping[str, str]
    warnings: tuple[str, ...]
    greys: Greys = field(default_factory=Greys)
    device: str | None = None

    @property
    def width(self) -> int:
        """Source pixels in a row."""
        return self.source.shape[1]

    @property
    def height(self) -> int:
        """Rows of source pixels."""
        return self.source.shape[0]

    def with_greys(self, greys: Greys) -> "Radiograph":
        """Return the same film as it looks by other greys; what the networks see stays as it is."""
        table = to_screen(greys.table(self.shown, domain(self.source.dtype), self.used))
        return replace(self, display=_read_only(look_up(table, self.source)), greys=greys)

    def __repr__(self) -> str:
        return f"Radiograph({self.format}, {self.width}×{self.height}, {self.bits} bits, sha256 {self.sha256[:12]}…)"


def read_radiograph(
    data: bytes,
    *,
    intensity: Intensity = "stored",
    rescale: bool = False,
    negative: bool = False,
    cancelled: Callable[[], bool] | None = None,
) -> Radiograph:
    """Read a film from a file's bytes.

    Args:
        data: the whole file.
        intensity: what the networks see of a DICOM film: the stored values over the declared range, as torchxrayvision
            reads them, or the windowed ones of the screen. For pictures both are the same.
        rescale: stretch a film of `narrow_range` so that the range it uses becomes the whole range.
        negative: turn a film that was saved as a negative round, for screen and networks alike.
        cancelled: asked ten times a second while the film is decoded; once it says so, the film is given up.

    Raises:
        RadiographError: if this is no film that can be reviewed; the message says why and what to do.
        Cancelled: if it was given up.
        ConfigError: if `intensity` is another word.
    """
    if intensity not in get_args(Intensity):
        raise ConfigError(f'intensity: got "{intensity}"; allowed: one of {", ".join(get_args(Intensity))}.')
    stored = decode_apart(data, cancelled=cancelled)
    sha256 = hashlib.sha256(data).hexdigest()
    return radiograph_of(stored, sha256, intensity=intensity, rescale=rescale, negative=negative)


def radiograph_of(
    stored: StoredFilm,
    sha256: str,
    *,
    intensity: Intensity = "stored",
    rescale: bool = False,
    negative: bool = False,
) -> Radiograph:
    """Make a film's radiograph of its stored values; see `read_radiograph`.

    Args:
        stored: the film, decoded.
        sha256: what it is known by, in hex.
        intensity, rescale, negative: as there.
    """
    film = _in_true_proportions(stored)
    greyscale = Greyscale.of(film, windowed=intensity == "windowed", rescale=rescale, negative=negative)
    display = greyscale.on_screen(film.pixels)
    return Radiograph(
        sha256=sha256,
        format=film.format,
        bits=film.bits,
        source=_read_only(film.pixels),
        stored_size=(stored.pixels.shape[1], stored.pixels.shape[0]),
        used=film.used,
        padding=film.padding,
        shown=_read_only(greyscale.shown),
        display=_read_only(display),
        model=_read_only(greyscale.for_networks(film.pixels)),
        intensity=intensity,
        rescaled=greyscale.rescaled,
        negative=negative,
        spacing=film.spacing,
        spacing_at_detector=film.spacing_at_detector,
        narrow_range=greyscale.narrow,
        phantom=film.phantom,
        facts=MappingProxyType({**film.facts, **(_TURNED if negative else {})}),
        warnings=(*film.warnings, *_warnings(film, greyscale, display, negative=negative)),
        device=film.device,
    )


def _in_true_proportions(stored: StoredFilm) -> StoredFilm:
    """Return the film in square pixels, whose spacing is that of the stored pixels' shorter side.

    Raises:
        RadiographError: if its pixels' proportions are none of a radiograph's, or make it too large.
    """
    height, width = stored.pixels.shape
    size = true_size(width, height, stored.pixel_aspect)
    if size == (width, height):
        return stored
    told = f"enlarged to {size[0]}×{size[1]}; stored as {width}×{height} pixels that are not square"
    return replace(
        stored,
        pixels=enlarge(stored.pixels, size, padding=stored.padding),
        spacing=None if stored.spacing is None else (min(stored.spacing),) * 2,
        facts={**stored.facts, "Proportions": told},
    )


def _warnings(film: StoredFilm, greyscale: Greyscale, display: np.ndarray, *, negative: bool) -> list[str]:
    """Return what a film's pixels give cause to say, one plain sentence or two each."""
    found = []
    height, width = film.pixels.shape
    if min(width, height) < _SMALLEST_INPUT:
        found.append(
            f"The film is very small ({width}×{height} pixels): the networks look at {_SMALLEST_INPUT} pixels a side "
            "or more."
        )
    low, high = film.used
    if low == high:
        found.append("Every pixel of the film has the same value: there is nothing to see on it.")
        return found
    if greyscale.narrow and not (greyscale.windowed or greyscale.rescaled):
        found.append(_narrow_warning(film))
    if _greys_apart(film, display) < _UNIFORM:
        found.append(_uniform_warning(film))
    elif not negative and looks_negative(display):
        header = " as its header has it shown" if film.format == "DICOM" else ""
        found.append(
            f"The film looks like a negative{header}, lungs white and bones black, and the networks know none. If it "
            "is one, turn its grey values (Turn grey values, --negative)."
        )
    return found


def _greys_apart(film: StoredFilm, display: np.ndarray) -> int:
    """Return how many greys of the screen lie between the 5th and the 95th percentile of the film, without padding."""
    rows, columns = (slice(None, None, -(-length // _SAMPLES)) for length in display.shape)
    greys = display[rows, columns][~is_padding(film.pixels[rows, columns], film.padding)]
    if not greys.size:
        return 255
    lower, upper = np.percentile(greys, (5, 95), method="inverted_cdf")
    return int(upper) - int(lower)


def _narrow_warning(film: StoredFilm) -> str:
    (low, high), (lowest, highest) = film.used, film.declared
    remedy = "Rescaling (--rescale) stretches that range for the networks"
    if film.format == "DICOM":
        return (
            f"The film uses {low} to {high} of the declared {lowest} to {highest}, so the networks see a film of "
            f"little contrast, unlike the screen. {remedy}, and so does the windowed intensity."
        )
    return (
        f"The film uses {low} to {high} of the declared {lowest} to {highest}, so the networks see a film of little "
        f"contrast; the screen shows it stretched. {remedy}, too."
    )


def _uniform_warning(film: StoredFilm) -> str:
    told = "The screen shows nearly all of the film in one grey"
    if film.format == "DICOM":
        return f"{told}: the window or table of its header does not fit its pixels. Set another window."
    return f"{told}: the picture has hardly any contrast. Set a window, or export the film again."


def _read_only(pixels: np.ndarray) -> np.ndarray:
    contiguous = np.ascontiguousarray(pixels)
    contiguous.setflags(write=False)
    return contiguous
