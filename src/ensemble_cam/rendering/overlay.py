"""Maps to colours: overlays and their contours.

Numbers come first and colours last: what is coloured here is a relative activation that was averaged as numbers. The
film's own greys are never rescaled, and where a map is below the threshold nothing is drawn over them.
"""

from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from ensemble_cam.film.geometry import PixelBox
from ensemble_cam.maps.heatmap import Heatmap, at_or_above
from ensemble_cam.rendering.colours import CONTOUR_GREY, RIM_COLOUR, colour_table
from ensemble_cam.settings.display import Display


def overlay(film: np.ndarray, values: np.ndarray, display: Display, *, seen: PixelBox) -> np.ndarray:
    """Draw a map over a film.

    Args:
        film: (h, w) uint8.
        values: (h, w) float32 in [0, 1], the relative activation at the same pixels.
        display: threshold, opacity, colours and style.
        seen: the pixels that have a map; the others keep their greys, whatever the threshold.

    Returns:
        (h, w, 3) uint8 RGB: the film's greys, mixed with the map's colour at or above the threshold, and the
        threshold's contour, or one of both. A map without a positive value leaves the film as it is.
    """
    picture = cv2.cvtColor(film, cv2.COLOR_GRAY2RGB)
    if display.overlays and values.any():
        x0, y0, x1, y1 = seen
        paint(picture, seen, [(slice(y0, y1), values[y0:y1, x0:x1])], display)
    return picture


def source_overlay(film: np.ndarray, heatmap: Heatmap, display: Display) -> np.ndarray:
    """Draw a map over the whole film in source pixels, (h, w, 3) uint8 RGB."""
    picture = cv2.cvtColor(film, cv2.COLOR_GRAY2RGB)
    for rows, drawn in changed_rows(film, heatmap, display):
        picture[rows] = drawn
    return picture


def changed_rows(
    film: np.ndarray, heatmap: Heatmap, display: Display, *, multiple: int = 1
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield what `source_overlay` changes of a film: (rows of the film, these rows as (h, w, 3) uint8 RGB), downwards.

    The map is read and coloured a few rows at a time, so that no more than the picture itself is ever in memory.

    Args:
        film: (h, w) uint8.
        heatmap: the map.
        display: what it is drawn like.
        multiple: the rows begin and end at multiples of so many, or at the film's end.
    """
    box = heatmap.reach(display.threshold) if display.overlays else None
    if box is None:
        return
    x0, y0, x1, y1 = box
    margin = contour_thickness(max(film.shape))
    first = max(y0 - margin, 0) // multiple * multiple
    behind = min(-(-(y1 + margin) // multiple) * multiple, len(film))
    picture = cv2.cvtColor(film[first:behind], cv2.COLOR_GRAY2RGB)
    blocks = ((slice(rows.start - first, rows.stop - first), values) for rows, values in heatmap.blocks(box))
    changed = paint(picture, (x0, y0 - first, x1, y1 - first), blocks, display, longest=max(film.shape))
    for rows in stretches(changed, multiple):
        yield slice(first + rows.start, first + rows.stop), picture[rows]


def stretches(rows: np.ndarray, multiple: int) -> list[slice]:
    """Return the stretches of rows that hold all that are marked, (rows,) bool, and begin and end at multiples."""
    marked = np.logical_or.reduceat(rows, np.arange(0, len(rows), multiple))
    turns = np.flatnonzero(np.diff(marked, prepend=False, append=False)) * multiple
    return [slice(start, min(stop, len(rows))) for start, stop in turns.reshape(-1, 2).tolist()]


def paint(
    picture: np.ndarray,
    box: PixelBox,
    blocks: Iterable[tuple[slice, np.ndarray]],
    display: Display,
    *,
    longest: int | None = None,
    thickness: int | None = None,
) -> np.ndarray:
    """Draw a map into a picture, in place.

    Args:
        picture: (h, w, 3) uint8 RGB, the film's greys.
        box: the part of it whose values `blocks` give, half-open; outside of it, nothing reaches the threshold.
        blocks: (rows of the picture, relative activation there over the box's columns, float32), downwards.
        display: threshold, opacity, colours and style.
        longest: pixels of the whole film's longer side, where `picture` is a part of it.
        thickness: of the contour; without, what `contour_thickness` says of `longest`.

    Returns:
        (h,) bool: the rows in which something may have changed.
    """
    x0, y0, x1, y1 = box
    reached = np.zeros((y1 - y0, x1 - x0), dtype=np.uint8)
    for rows, values in blocks:
        _colour(picture[rows, x0:x1], reached[rows.start - y0 : rows.stop - y0], values, display)
    thickness = contour_thickness(longest or max(picture.shape[:2])) if thickness is None else thickness
    margin = _draw_contour(picture, reached, (x0, y0), display, thickness)
    changed = np.zeros(len(picture), dtype=bool)
    (lines,) = np.nonzero(reached.view(bool).any(axis=1))
    for shift in range(-margin, margin + 1):
        changed[np.clip(y0 + lines + shift, 0, len(picture) - 1)] = True
    return changed


def _colour(picture: np.ndarray, reached: np.ndarray, values: np.ndarray, display: Display) -> None:
    """Mix the map's colours into a picture where it reaches the threshold, and set `reached` there to 1; in place."""
    np.copyto(reached, at_or_above(values, display.threshold))
    if display.style == "contour":
        return
    x, y, width, height = cv2.boundingRect(reached)
    box = slice(y, y + height), slice(x, x + width)
    if not width:
        return
    levels = cv2.convertScaleAbs(values[box], alpha=255.0)  # as many steps as the screen has
    colours = cv2.applyColorMap(levels, colour_table(display.colormap)[:, None])
    mixed = cv2.addWeighted(picture[box], 1 - display.opacity, colours, display.opacity, 0)
    cv2.copyTo(mixed, reached[box], picture[box])


def _draw_contour(
    picture: np.ndarray, reached: np.ndarray, corner: tuple[int, int], display: Display, thickness: int
) -> int:
    """Draw the contour of what a map reached onto a picture, in place, and return how far beyond it that goes.

    The line is the region's own outermost pixels, those with a pixel outside of it no further than the line is thick to
    the left, right, above or below. `drawContour` of the browser's viewer draws the same pixels.

    Args:
        picture: (h, w, 3) uint8 RGB.
        reached: (any, any) uint8, 1 where the map reaches the threshold.
        corner: the upper left one of `reached` on the picture, (x, y).
        display: what is drawn like.
        thickness: of the line, in pixels.
    """
    if display.style == "heatmap":
        return 0
    x, y, width, height = cv2.boundingRect(reached)
    if not width:
        return 0
    region = reached[y : y + height, x : x + width]
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (2 * thickness + 1, 2 * thickness + 1))
    line = cv2.subtract(region, cv2.erode(region, cross, borderType=cv2.BORDER_CONSTANT, borderValue=0))
    left, top = corner[0] + x, corner[1] + y
    if display.style == "contour":  # no colour beside it tells it from bright bone: a dark rim does
        # As far as the rim goes, as long as it is on the picture.
        before_x, before_y = min(thickness, left), min(thickness, top)
        left, top = left - before_x, top - before_y
        behind_x = min(thickness, picture.shape[1] - left - before_x - width)
        behind_y = min(thickness, picture.shape[0] - top - before_y - height)
        line = cv2.copyMakeBorder(line, before_y, behind_y, before_x, behind_x, cv2.BORDER_CONSTANT, value=0)
        square = np.ones((2 * thickness + 1, 2 * thickness + 1), dtype=np.uint8)
        picture[top : top + len(line), left : left + line.shape[1]][cv2.dilate(line, square) > 0] = RIM_COLOUR
    part = picture[top : top + len(line), left : left + line.shape[1]]
    # White wins over every grey and colour: many times faster than to write it where the line is.
    cv2.max(part, cv2.cvtColor(line * CONTOUR_GREY, cv2.COLOR_GRAY2RGB), dst=part)
    return thickness if display.style == "contour" else 0


def contour_thickness(longest: int) -> int:
    """Return how many pixels a contour is thick on a picture whose longer side has so many."""
    return max(1, round(longest / 600))
