"""The header's way from stored values to greys on the screen.

In the order of PS3.3 C.11 and PS3.4 N.2: stored value → modality LUT → VOI LUT or window → inverted once, by
Presentation LUT Shape or, where there is none, by MONOCHROME1. Padding is masked before the window (PS3.3
C.7.5.1.1.2).
"""

from dataclasses import dataclass
from typing import get_args

import numpy as np

from ensemble_cam.film.dicom.header import Header
from ensemble_cam.film.dicom.pixels import PixelLayout
from ensemble_cam.film.greyscale import (
    Lut,
    Window,
    WindowFunction,
    domain,
    falls,
    histogram,
    percentiles,
    stretch,
    used_range,
)

_PERCENTILES = (0.5, 99.5)  # what a film without a window is stretched between
_MISSING_BITS = 2  # a look-up table that needs so many fewer than it declares stays below a quarter of white


@dataclass(frozen=True, eq=False)
class Screen:
    """What the header makes of a film's stored values.

    Attributes:
        shown: (n,) the grey of each stored value, in [0, 1], in the order of `greyscale.domain`.
        used: the stored values that the film uses, see `greyscale.used_range`.
        padding: the stored values, first and last, that are padding; None for none.
        falling: the highest stored values are the darkest ones.
        window: how the greys were made, for the screen.
        warnings: one plain sentence each; steps that are broken are left out, with a warning.
    """

    shown: np.ndarray
    used: tuple[int, int]
    padding: tuple[int, int] | None
    falling: bool
    window: str
    warnings: tuple[str, ...]


def on_screen(pixels: np.ndarray, header: Header, layout: PixelLayout) -> Screen:
    """Follow the header from stored values (h, w) to the screen."""
    return _GreyScale(header, layout).of(pixels)


class _GreyScale:
    """The steps one by one."""

    def __init__(self, header: Header, layout: PixelLayout) -> None:
        self._warnings: list[str] = []
        self._window_fact = ""
        self._header = header
        self._layout = layout
        self._values = domain(layout.dtype)
        self._modality = self._modality_values()
        self._voi = self._voi_lut() or self._window()

    def of(self, pixels: np.ndarray) -> Screen:
        """Look at the pixels (h, w) for what is padding, and for the range where the header gives no window."""
        counts = histogram(pixels)
        padding = self._padding()
        film = np.where(padding, 0, counts)
        if not film.any():
            self._warnings.append("The header declares every pixel to be padding; the declaration was ignored.")
            padding, film = np.zeros_like(padding), counts
        used = used_range(film, self._values)
        if self._voi is None:
            lower, upper = _PERCENTILES
            body = np.where((self._values >= used[0]) & (self._values <= used[1]), film, 0)
            shown = stretch(self._modality, *percentiles(body, self._modality, lower=lower, upper=upper))
            self._window_fact = f"none in the file; {lower}–{upper} % of the pixels"
        else:
            shown = self._voi(self._modality)
        first = self._layout.photometric == "MONOCHROME1"
        shape = self._header.text("PresentationLUTShape")
        if shape == "INVERSE" if shape in ("INVERSE", "IDENTITY") else first:
            shown = 1 - shown
        falling = self._falling(shown, padding, used)
        if falling != first:
            self._warnings.append(
                "The header turns the greys round after the stored values, by its rescale slope, a look-up table or "
                "its presentation shape: the networks are given the film the same way round as the screen shows it."
            )
        ends = (int(self._values[padding].min()), int(self._values[padding].max())) if padding.any() else None
        return Screen(np.where(padding, 0, shown), used, ends, falling, self._window_fact, tuple(self._warnings))

    def _falling(self, shown: np.ndarray, padding: np.ndarray, used: tuple[int, int]) -> bool:
        """Tell whether the screen's greys fall over the stored values that the film uses."""
        if np.ptp(shown[~padding]) == 0:
            return self._layout.photometric == "MONOCHROME1"  # a screen of one grey has no direction
        return falls(shown[~padding], self._values[~padding], used)

    def _padding(self) -> np.ndarray:
        """Return which stored values are padding, both ends of the range included (PS3.3 C.7.5.1.1.2)."""
        if "PixelPaddingValue" not in self._header:
            return np.zeros(self._values.shape, bool)
        keywords = [k for k in ("PixelPaddingValue", "PixelPaddingRangeLimit") if k in self._header]
        given = [self._sample(self._header.integer(keyword)) for keyword in keywords]
        ends = [end for end in given if end is not None]
        if len(ends) < len(given):
            self._warnings.append("The header's padding value is broken and was ignored.")
            return np.zeros(self._values.shape, bool)
        return (self._values >= min(ends)) & (self._values <= max(ends))

    def _sample(self, value: int | None) -> int | None:
        """Return a value of 16 bits as the samples' type has it: writers mix up US and SS.

        One that no sample can have is returned as it is.
        """
        if value is None:
            return None
        bits = self._layout.bits_allocated
        if value >= 2**16 - 2 ** (bits - 1):  # a negative number's 16 bits
            value -= 2**16
        if not -(2 ** (bits - 1)) <= value < 2**bits:
            return value
        value %= 2**bits
        return value - 2**bits if self._layout.signed and value >= 2 ** (bits - 1) else value

    def _modality_values(self) -> np.ndarray:
        """Return the modality value of each stored value (PS3.3 C.11.1)."""
        values = self._values.astype(np.float64)
        if item := self._header.first_item("ModalityLUTSequence"):
            if lut := self._lut(item, signed=self._layout.signed):
                return lut(values)
            self._warnings.append("The header's modality look-up table is broken and was ignored.")
            return values
        slope, intercept = self._number("RescaleSlope", empty=1), self._number("RescaleIntercept", empty=0)
        if slope is None or intercept is None or slope == 0:
            self._warnings.append("The header's rescale slope or intercept is broken and was ignored.")
            return values
        return values * slope + intercept

    def _number(self, keyword: str, *, empty: float) -> float | None:
        """Return an attribute's first number; `empty` where it is absent or has no value, none where it is broken."""
        if self._header.is_empty(keyword):
            return empty
        return next(iter(self._header.numbers(keyword)), None)

    def _voi_lut(self) -> "_ScaledLut | None":
        item = self._header.first_item("VOILUTSequence")
        if item is None:
            return None
        lut = self._lut(item, signed=bool(self._modality.min() < 0))
        if lut is None:
            self._warnings.append("The header's VOI look-up table is broken and was ignored.")
            return None
        needed = int(lut.entries.max()).bit_length()
        if not 0 < needed <= lut.bits - _MISSING_BITS:
            needed = lut.bits
        else:
            self._warnings.append(_disagreement("VOI", lut.bits, needed))
        self._window_fact = "a look-up table in the file"
        return _ScaledLut(lut, 2**needed - 1)

    def _window(self) -> Window | None:
        """Return the first window of the header that is one (PS3.3 C.11.2.1.2)."""
        if self._header.is_empty("WindowCenter") and self._header.is_empty("WindowWidth"):
            return None
        centers, widths = self._header.numbers("WindowCenter"), self._header.numbers("WindowWidth")
        function = self._header.text("VOILUTFunction") or "LINEAR"
        known = next((each for each in get_args(WindowFunction) if each == function), None)
        least = 1 if function == "LINEAR" else np.nextafter(0, 1)
        usable = [(center, width) for center, width in zip(centers, widths, strict=False) if width >= least]
        if known is None or not usable:
            self._warnings.append("The header's window is broken or of an unknown function and was ignored.")
            return None
        center, width = usable[0]
        shape = "" if function == "LINEAR" else f", {function}"
        self._window_fact = f"center {center:g}, width {width:g}{shape}"
        return Window(center, width, known)

    def _lut(self, item: Header, *, signed: bool) -> Lut | None:
        """Return a look-up table's item (PS3.3 C.11.1.1.1); none if it is broken.

        A table whose entries need more bits than its descriptor gives has as many as they need.
        """
        descriptor, data = item.words("LUTDescriptor"), item.words("LUTData")
        if descriptor is None or data is None or len(descriptor) != 3:
            return None
        count, first, bits = (int(value) for value in descriptor)
        count = count or 2**16
        if signed and first >= 2**15:
            first -= 2**16
        if not 8 <= bits <= 16:
            return None
        if len(data) < count <= 2 * len(data):
            data = data.view(np.uint8)  # two entries of 8 bits in a word
        if len(data) < count:
            return None
        entries = data[:count].astype(np.int64)
        needed = int(entries.max()).bit_length()
        if needed > bits:
            self._warnings.append(_disagreement("", bits, needed))
        return Lut(first, max(bits, needed), entries)


def _disagreement(kind: str, declared: int, needed: int) -> str:
    table = f"{kind} look-up table" if kind else "look-up table"
    return (
        f"The header's {table} declares {declared} bits, and its entries need {needed}: the film is shown over the "
        "range of its entries."
    )


@dataclass(frozen=True, eq=False)
class _ScaledLut:
    """A VOI LUT whose output is scaled to [0, 1] by the highest value of its bits (PS3.3 C.11.2.1.1)."""

    lut: Lut
    white: int

    def __call__(self, values: np.ndarray) -> np.ndarray:
        return np.minimum(self.lut(values) / self.white, 1)
