"""Maps to colours: overlays and their contours.

Numbers come first and colours last: what is coloured here is a relative activation that was averaged as numbers. The
film's own greys are never rescaled, and where a map is below the threshold nothing is drawn over them.
"""

import cv2
import numpy as np

from ensemble_cam.film.geometry import PixelBox
from ensemble_cam.maps.heatmap import Heatmap, at_or_above
from ensemble_cam.rendering.colours import CONTOUR_COLOUR, RIM_COLOUR, colour_table
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
    picture, reached = cv2.cvtColor(film, cv2.COLOR_GRAY2RGB), np.zeros(film.shape, dtype=np.uint8)
    x0, y0, x1, y1 = seen
    if display.overlays and values.any():
        _colour(picture[y0:y1, x0:x1], reached[y0:y1, x0:x1], values[y0:y1, x0:x1], display)
    return _draw_contours(picture, reached, display)


def source_overlay(film: np.ndarray, heatmap: Heatmap, display: Display) -> np.ndarray:
    """Draw a map over the whole film in source pixels, (h, w, 3) uint8 RGB.

    The map is read and coloured a few rows at a time, so that no more than the picture itself is ever in memory.
    """
    picture, reached = cv2.cvtColor(film, cv2.COLOR_GRAY2RGB), np.zeros(film.shape, dtype=np.uint8)
    x0, _, x1, _ = heatmap.geometry.crop
    if display.overlays and not heatmap.empty:
        for rows, values in heatmap.blocks():
            _colour(picture[rows, x0:x1], reached[rows, x0:x1], values, display)
    return _draw_contours(picture, reached, display)


def _colour(picture: np.ndarray, reached: np.ndarray, values: np.ndarray, display: Display) -> None:
    """Mix the map's colours into a picture where it reaches the threshold, and set `reached` there to 1; in place."""
    np.copyto(reached, at_or_above(values, display.threshold))
    if display.style == "contour":
        return
    x, y, width, height = cv2.boundingRect(reached)
    box = slice(y, y + height), slice(x, x + width)
    if not width:
        return
    # cv2 looks colours up in one channel at a time; 255 steps are as many as the screen has.
    levels = cv2.cvtColor(cv2.convertScaleAbs(values[box], alpha=255.0), cv2.COLOR_GRAY2RGB)
    colours = cv2.LUT(levels, colour_table(display.colormap)[None])
    mixed = cv2.addWeighted(picture[box], 1 - display.opacity, colours, display.opacity, 0)
    cv2.copyTo(mixed, reached[box], picture[box])


def _draw_contours(picture: np.ndarray, reached: np.ndarray, display: Display) -> np.ndarray:
    """Draw the contour of what a map reached onto a picture, and return it.

    The line is the region's own outermost pixels, those with a pixel outside of it no further than the line is thick to
    the left, right, above or below. `drawContour` of the browser's viewer draws the same pixels.
    """
    if display.style == "heatmap":
        return picture
    x, y, width, height = cv2.boundingRect(reached)
    if not width:
        return picture
    thickness = contour_thickness(max(reached.shape))
    margin = thickness  # the rim's
    box = (
        slice(max(y - margin, 0), min(y + height + margin, reached.shape[0])),
        slice(max(x - margin, 0), min(x + width + margin, reached.shape[1])),
    )
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (2 * thickness + 1, 2 * thickness + 1))
    region = reached[box]
    inside = cv2.erode(region, cross, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    line = cv2.subtract(region, inside)
    if display.style == "contour":  # no colour beside it tells it from bright bone: a dark rim does
        square = np.ones((2 * thickness + 1, 2 * thickness + 1), dtype=np.uint8)
        picture[box][cv2.dilate(line, square) > 0] = RIM_COLOUR
    picture[box][line > 0] = CONTOUR_COLOUR
    return picture


def contour_thickness(longest: int) -> int:
    """Return how many pixels a contour is thick on a picture whose longer side has so many."""
    return max(1, round(longest / 600))
