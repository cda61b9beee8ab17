"""The way from a stored value to a grey on the screen, as tables over all values that a pixel can hold.

A pixel of 8 or 16 bits has at most 65,536 values, so every step (modality LUT, window, inversion, scaling) is computed
once per value, in float64, and a film of any size is then one look-up. Sources: DICOM PS3.3 C.11.1 (modality LUT),
C.11.2 (VOI LUT and window).

A reader who sets a window sets it in stored values, the numbers under the pointer, with `Greys`:

    grey = clamp((value - (center - width / 2)) / width, 0, 1)
    grey = 1 - grey     where the film's own table falls: its highest stored values are its darkest
    grey = 1 - grey     where the reader inverted the film
    shade = floor(255 * grey + 0.5)

The browser's viewer repeats these four lines.
"""

import math
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np

from ensemble_cam.film.geometry import BLACK
from ensemble_cam.film.intake import StoredFilm

WindowFunction = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]

# Of the declared range. Between a quarter, which 14 bits in a file of 16 come to, and half, which 15 bits do.
_NARROW = 1 / 3

# Of a film's pixels, see `used_range`: the percentiles of which the first pair of two values is taken, and the share
# from which on one value is no part of the body but a border, or what saturated.
_BOXES = ((5, 95), (1, 99), (0.1, 99.9), (0, 100))
_BORDER = 1 / 4


@dataclass(frozen=True)
class Window:
    """A window (PS3.3 C.11.2.1.2), in modality values; LINEAR needs a width of at least 1, the others one above 0."""

    center: float
    width: float
    function: WindowFunction = "LINEAR"

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Map modality values to [0, 1], the window's output range from its lowest to its highest value."""
        center, width = self.center, self.width
        if self.function == "SIGMOID":
            # The floor keeps exp() finite; below it the sigmoid is 0 to the last bit anyway.
            return 1 / (1 + np.exp(np.minimum(-4 * (values - center) / width, 700)))
        if self.function == "LINEAR":
            center, width = center - 0.5, width - 1
        if width == 0:
            return (values > center).astype(np.float64)
        return np.clip((values - center) / width + 0.5, 0, 1)


@dataclass(frozen=True, eq=False)
class Lut:
    """A DICOM look-up table (PS3.3 C.11.1.1): `entries[0]` stands for `first` and all below, the last for all above."""

    first: int
    bits: int
    entries: np.ndarray

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Map values to the table's entries, as float64 in [0, 2**bits - 1]."""
        index = np.clip(np.floor(values) - self.first, 0, len(self.entries) - 1).astype(np.intp)
        return np.minimum(self.entries[index], 2**self.bits - 1).astype(np.float64)


@dataclass(frozen=True)
class Greys:
    """How a film's stored values become greys on the screen, as the reader set it; as it stands, as the file asks for.

    Attributes:
        center, width: a linear window in stored values; both None for the file's own table.
        inverted: whether black and white are exchanged after that, on the screen alone: a look at the film. A film
            that was saved as a negative is turned round for the networks, too, see `Greyscale.of`.

    Raises:
        ValueError: if one of center and width is given alone, one of them is not finite, or the width is not above 0.
    """

    center: float | None = None
    width: float | None = None
    inverted: bool = False

    def __post_init__(self) -> None:
        center, width = self.center, self.width
        if center is None and width is None:
            return
        if center is None or width is None or not (math.isfinite(center) and math.isfinite(width) and width > 0):
            raise ValueError(f"center {self.center}, width {self.width}: needs two finite numbers, the width above 0")

    @property
    def window(self) -> tuple[float, float] | None:
        """The window's center and width; None for the file's own table."""
        return None if self.center is None or self.width is None else (self.center, self.width)

    def table(self, shown: np.ndarray, values: np.ndarray, used: tuple[int, int]) -> np.ndarray:
        """Return the grey of each stored value, (n,) float64 in [0, 1], by this module's formulas.

        A window keeps the direction of the film's own table, so that no film is turned round by one. Padding, which
        the file's own table shows black, is a value like any other in a window.

        Args:
            shown: (n,) the film's own table.
            values: (n,) the stored values it is for, see `domain`.
            used: the stored values that the film uses, see `used_range`.
        """
        greys = shown
        if self.window is not None:
            center, width = self.window
            greys = np.clip((values - (center - width / 2)) / width, 0, 1)
            greys = 1 - greys if falls(shown, values, used) else greys
        return 1 - greys if self.inverted else greys


@dataclass(frozen=True, eq=False)
class Greyscale:
    """A film's two ways from its stored values: to the screen by the file's own greys, and to the networks.

    Attributes:
        shown: (n,) float64 in [0, 1], the grey of each stored value, in the order of `domain`; 1 is white.
        seen: (n,) float32 in [-1024, 1024], what the networks are given for each.
        windowed: `seen` was made from the greys of the screen rather than from the stored values.
        narrow: the film has more than 8 bits and uses less than a third of its declared range.
        rescaled: the used range was stretched to the whole range for the networks; the few values beyond are clipped.
    """

    shown: np.ndarray
    seen: np.ndarray
    windowed: bool
    narrow: bool
    rescaled: bool

    @classmethod
    def of(
        cls, film: StoredFilm, *, windowed: bool = False, rescale: bool = False, negative: bool = False
    ) -> "Greyscale":
        """Make both tables of a film.

        Args:
            film: as it was decoded.
            windowed: whether the networks are to see a DICOM as the screen shows it. A picture declares no window,
                so for it both are the same, and its stored values are taken.
            rescale: whether the used range of a narrow film is to be stretched for the networks.
            negative: whether the film was saved as a negative, and is to be turned round for screen and networks alike;
                padding stays black.
        """
        is_picture = film.format != "DICOM"
        windowed = windowed and not is_picture
        low, high = film.used
        narrow = film.bits > 8 and high - low < (film.declared[1] - film.declared[0]) * _NARROW
        rescaled = narrow and rescale and not windowed and low < high
        values = domain(film.pixels.dtype)
        # A nearly black screen helps nobody; a DICOM film has its window, or was stretched for the want of one.
        shown = stretch(values, low, high) if narrow and is_picture else film.shown
        if negative:
            shown = np.where(is_padding(values, film.padding), 0, 1 - shown)
        if windowed:
            # Not rounded to the screen's 8 bits.
            seen = ((2 * shown - 1) * 1024).astype(np.float32)
        else:
            bottom, top = film.used if rescaled else film.declared
            # Outside of the range lie padding, and what `used_range` sets aside.
            from_bottom = np.clip(values, bottom, top) - bottom
            falling = film.networks_invert != negative
            seen = to_networks((top - bottom) - from_bottom if falling else from_bottom, top - bottom)
            if film.turned or negative:
                # Turned with the film, padding would be a white rim. Of other films torchxrayvision's networks are
                # given it as it is stored.
                seen = np.where(is_padding(values, film.padding), np.float32(BLACK), seen)
        return cls(shown, seen, windowed, narrow, rescaled)

    def on_screen(self, pixels: np.ndarray) -> np.ndarray:
        """Return (h, w) uint8, 255 = white, for (h, w) stored values."""
        return look_up(to_screen(self.shown), pixels)

    def for_networks(self, pixels: np.ndarray) -> np.ndarray:
        """Return (h, w) float32 in [-1024, 1024] for (h, w) stored values."""
        return look_up(self.seen, pixels)


def falls(shown: np.ndarray, values: np.ndarray, used: tuple[int, int]) -> bool:
    """Tell whether a film's own table (n,) falls over stored values: by its slope over those that the film uses.

    Beyond them may lie padding, which is black in either direction.
    """
    inside = (values >= used[0]) & (values <= used[1])
    for part in (inside, np.ones_like(inside)):
        if np.ptp(shown[part]) > 0:
            return bool(np.dot(values[part] - values[part].mean(), shown[part]) < 0)
    return False


def own_window(shown: np.ndarray, values: np.ndarray, used: tuple[int, int]) -> tuple[float, float, bool]:
    """Return (center, width, falling): the linear window that comes nearest to a film's own table (n,).

    It is the line through the table a quarter and three quarters of the way between the darkest and the brightest
    grey that is neither black nor white, among the stored values that the film uses. For a linear window, and a picture
    without any, that is the table itself; a table of bare black and white is cut between them; and one that gives no
    line gets the range that the film uses. `falling` says that the window is to be turned round, see `falls`.
    """
    falling = falls(shown, values, used)
    inside = np.flatnonzero((values >= used[0]) & (values <= used[1]))
    inside = inside[np.argsort(values[inside])]
    values, rising = values[inside].astype(np.float64), (1 - shown if falling else shown)[inside]
    # Strictly between black and white there is no padding.
    between = (rising > 0) & (rising < 1)
    line = _line(values[between], rising[between]) if between.sum() > 1 else _step(values, rising)
    if line is None:
        line = float(used[0]), float(max(used[1] - used[0], 1))
    start, width = line
    # What is lost in float64 along the way would be read on the screen.
    return round(start + width / 2, 6), round(width, 6), falling


def _line(values: np.ndarray, rising: np.ndarray) -> tuple[float, float] | None:
    """Return where the line of `own_window` leaves 0, and over how many values it comes to 1."""
    low, high = rising.min(), rising.max()
    first = np.flatnonzero(rising <= low + (high - low) / 4)[-1]
    second = np.flatnonzero(rising >= high - (high - low) / 4)[0]
    if second <= first or rising[second] <= rising[first]:
        return None
    width = (values[second] - values[first]) / (rising[second] - rising[first])
    return float(values[first] - rising[first] * width), float(width)


def _step(values: np.ndarray, rising: np.ndarray) -> tuple[float, float] | None:
    """Return the same of a table without a slope: from the last black value below the first white one, to that one."""
    white = np.flatnonzero(rising >= 1)
    black = np.flatnonzero(rising[: white[0]] <= 0) if len(white) else white
    return (float(values[black[-1]]), float(values[white[0]] - values[black[-1]])) if len(black) else None


def is_padding(values: np.ndarray, padding: tuple[int, int] | None) -> np.ndarray:
    """Return which stored values, of any shape, are padding: both ends of it and all between."""
    if padding is None:
        return np.zeros(values.shape, bool)
    return (values >= padding[0]) & (values <= padding[1])


def domain(dtype: np.dtype) -> np.ndarray:
    """Return the stored value that each index of a table stands for, (256,) or (65536,) int64.

    A table is indexed by the pixel's bits, so for signed pixels the negative values come last.
    """
    unsigned = _unsigned(dtype)
    return np.arange(2 ** (8 * unsigned.itemsize)).astype(unsigned).view(dtype).astype(np.int64)


def look_up(table: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Return (h, w) values of `table` (in `domain` order) at (h, w) integer `pixels`."""
    index = pixels.view(_unsigned(pixels.dtype))
    found = np.empty(pixels.shape, table.dtype)
    for rows in _row_blocks(pixels):
        np.take(table, index[rows], out=found[rows], mode="clip")  # "clip" writes into `found` itself; none is outside
    return found


def histogram(pixels: np.ndarray) -> np.ndarray:
    """Count how often each stored value occurs, in `domain` order."""
    index = pixels.view(_unsigned(pixels.dtype))
    counts = np.zeros(2 ** (8 * pixels.itemsize), np.int64)
    for rows in _row_blocks(pixels):
        counts += np.bincount(index[rows].reshape(-1), minlength=len(counts))
    return counts


def used_range(counts: np.ndarray, values: np.ndarray) -> tuple[int, int]:
    """Return the lowest and the highest stored value that a film uses, a few pixels far from all others set aside.

    The whiskers of a box plot (Tukey 1977), over the box from the 5th to the 95th percentile: the outermost values that
    occur no further beyond it than it is long. A film's own darkest and brightest values lie within, so of a film alone
    nothing is cut off; the one pixel, the side marker or the text at 65535 in a film of 12 bits lies without, up to one
    pixel in twenty at either end. A value that more than a quarter of the pixels have is a border or has saturated, and
    counts for the whiskers, not for the box. Where both percentiles fall on one value, those further out are taken: the
    1st and 99th, those of one in a thousand, and at last all that occurs.

    Args:
        counts: (n,) how many pixels have each value; those of padding are not to be counted.
        values: (n,) the values, in any order.
    """
    body = np.where(counts > _BORDER * counts.sum(), 0, counts)
    for counted, (lower, upper) in product((body, counts), _BOXES):
        if counted.any():
            low, high = percentiles(counted, values, lower=lower, upper=upper)
            if low < high:
                break
    occurring = values[(counts > 0) & (values >= 2 * low - high) & (values <= 2 * high - low)]
    return int(occurring.min()), int(occurring.max())


def percentiles(counts: np.ndarray, values: np.ndarray, *, lower: float, upper: float) -> tuple[float, float]:
    """Return two percentiles of the pixels' `values`, from their histogram.

    The smallest value below or at which that share of the pixels lies (numpy's method "inverted_cdf").
    """
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(counts[order])
    low, high = np.searchsorted(cumulative, np.array([lower, upper]) / 100 * cumulative[-1])
    return float(values[order[low]]), float(values[order[min(high, len(order) - 1)]])


def stretch(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Map [low, high] to [0, 1] and clip; where both are the same, values above become 1 and the others 0."""
    if high <= low:
        return (values > low).astype(np.float64)
    return np.clip((values - low) / (high - low), 0, 1)


def to_networks(values: np.ndarray, highest: float) -> np.ndarray:
    """Scale [0, highest] to float32 in [-1024, 1024], in the order of arithmetic of torchxrayvision's `normalize`."""
    return (2 * (values.astype(np.float32) / np.float32(highest)) - np.float32(1.0)) * np.float32(1024)


def to_screen(shown: np.ndarray) -> np.ndarray:
    """Round [0, 1] to uint8."""
    return np.floor(shown * 255 + 0.5).astype(np.uint8)


def _row_blocks(pixels: np.ndarray) -> list[slice]:
    """Cut a film into blocks of rows: numpy takes 8 bytes for each pixel's index, 0.5 GB for the largest film."""
    rows = max(1, 2**20 // pixels.shape[1])
    return [slice(start, start + rows) for start in range(0, pixels.shape[0], rows)]


def _unsigned(dtype: np.dtype) -> np.dtype:
    return np.dtype(f"u{np.dtype(dtype).itemsize}")
