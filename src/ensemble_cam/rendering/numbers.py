"""The numbers of a map's regions beside them on a panel: white in a dark rim, and over nothing that they tell of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from ensemble_cam.film.geometry import PixelBox
from ensemble_cam.maps.regions import Region
from ensemble_cam.rendering.page import Lettering, set_line

MOST = 12
"""Regions that are numbered on a panel; Guided Grad-CAM's maps may have a hundred, and no room for their numbers."""

_LETTERING = Lettering(6, bold=True)
# Pixels of the dark rim, and between a region and its number.
_RIM, _APART = 3, 3


@dataclass(frozen=True)
class Number:
    """A region's number on a panel.

    Attributes:
        number: from 1, in the order of `regions.Extent.regions`.
        box: what it covers with its rim, in the panel's pixels, half-open.
    """

    number: int
    box: PixelBox

    def draw(self, picture: np.ndarray, *, first: int = 0) -> None:
        """Write it into a panel, (h, w, 3) uint8 RGB, in place; all of it has to be there.

        Args:
            picture: the panel's rows from `first` on.
            first: which row of the panel is the picture's first.
        """
        ink, rim = _drawn(self.number)
        x0, y0, x1, y1 = self.box
        part = picture[y0 - first : y1 - first, x0:x1]
        np.minimum(part, 255 - rim, out=part)
        np.maximum(part, ink, out=part)


def numbers(regions: Sequence[Region], source: tuple[int, int], panel: tuple[int, int]) -> list[Number]:
    """Find the places of regions' numbers on a panel.

    A number stands beside its region where that reaches furthest to a side, away from other regions if that can be,
    within a region that leaves no room beside it, and never over another number. Where there is no place, as on films
    of a few pixels, there is none; the others keep theirs.

    Args:
        regions: in their order; those behind the first `MOST` have no number.
        source: (width, height) of the film.
        panel: (width, height) of the film as it is drawn.
    """
    across, down = panel[0] / source[0], panel[1] / source[1]
    outlines = [[(round(x * across), round(y * down)) for x, y in region.outline] for region in regions[:MOST]]
    boxes = [_bounding(outline) for outline in outlines]
    placed: list[Number] = []
    for number, (outline, box) in enumerate(zip(outlines, boxes, strict=True), start=1):
        height, width, _ = _drawn(number)[1].shape
        free = [
            place
            for place in _places(outline, box, width, height)
            if _is_within(place, panel) and not any(_meet(place, other.box) for other in placed)
        ]
        others = [other for other in boxes if other is not box]
        apart = (place for place in free if not any(_meet(place, other) for other in others))
        if free:
            placed.append(Number(number, next(apart, free[0])))
    return placed


def _bounding(outline: Sequence[tuple[int, int]]) -> PixelBox:
    """Return the box of an outline's corners."""
    xs, ys = zip(*outline, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _places(outline: Sequence[tuple[int, int]], box: PixelBox, width: int, height: int) -> Iterator[PixelBox]:
    """Yield where a number may stand, the best first: beside a region, above and below it, inside its box's corners."""
    x0, y0, x1, y1 = box

    def middle(side: list[int], size: int) -> int:
        """Return where a number of a size begins along a side, so that it is level with the corners there."""
        return round(sum(side) / len(side) - size / 2)

    corners = [
        (x1 + _APART, middle([y for x, y in outline if x == x1], height)),
        (x0 - _APART - width, middle([y for x, y in outline if x == x0], height)),
        (middle([x for x, y in outline if y == y0], width), y0 - _APART - height),
        (middle([x for x, y in outline if y == y1], width), y1 + _APART),
        (x0 + _APART, y0 + _APART),
        (x1 - _APART - width, y0 + _APART),
        (x0 + _APART, y1 - _APART - height),
    ]
    for x, y in corners:
        yield x, y, x + width, y + height


def _is_within(box: PixelBox, panel: tuple[int, int]) -> bool:
    return box[0] >= 0 and box[1] >= 0 and box[2] <= panel[0] and box[3] <= panel[1]


def _meet(one: PixelBox, other: PixelBox) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@lru_cache(maxsize=2 * MOST)
def _drawn(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a number and its rim, how much of each pixel they cover, both (h, w, 3) uint8."""
    line = cv2.copyMakeBorder(
        set_line(_LETTERING, str(number)).coverage, *(_RIM,) * 4, borderType=cv2.BORDER_CONSTANT, value=0
    )
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _RIM + 1,) * 2)
    both = tuple(np.repeat(each[:, :, None], 3, axis=2) for each in (line, cv2.dilate(line, disc)))
    for each in both:
        each.setflags(write=False)
    return both[0], both[1]
