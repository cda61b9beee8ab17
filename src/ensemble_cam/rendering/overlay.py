"""Maps to colours: overlays, contours, and the panels of the screen.

Numbers come first and colours last: what is coloured here is a relative activation that was averaged as numbers. The
film's own greys are never rescaled, and where a map is below the threshold nothing is drawn over them.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from ensemble_cam.film.geometry import Geometry, PixelBox
from ensemble_cam.maps.heatmap import Heatmap, at_or_above
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.vocabulary import COLORMAPS

# What lies inside the outline was seen by the networks; a blue that no film and none of the colour maps' ends has.
CROP_COLOUR = (86, 180, 233)
# Of what was planted, which a phantom alone can tell: green with a dark rim, by which it also stands apart from the
# white contour of a map for those who tell the two colours badly.
TRUTH_COLOUR = (70, 240, 130)
_CONTOUR_COLOUR = (255, 255, 255)
_RIM_COLOUR = (0, 0, 0)
_JPEG_QUALITY = 90


def colour_table(colormap: str) -> np.ndarray:
    """Return the (256, 3) uint8 RGB colours of relative activation 0 to 1."""
    return _colour_tables()[COLORMAPS.index(colormap)]


@cache
def _colour_tables() -> np.ndarray:
    """Return the (colour maps, 256, 3) uint8 RGB colours: matplotlib's, without the time that its import takes."""
    stored = np.frombuffer(Path(__file__).with_name("colormaps.png").read_bytes(), dtype=np.uint8)
    tables = np.ascontiguousarray(cv2.imdecode(stored, cv2.IMREAD_COLOR)[:, :, ::-1])
    tables.setflags(write=False)
    return tables


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
    line = region & ~inside & 1
    if display.style == "contour":  # no colour beside it tells it from bright bone: a dark rim does
        square = np.ones((2 * thickness + 1, 2 * thickness + 1), dtype=np.uint8)
        picture[box][cv2.dilate(line, square) > 0] = _RIM_COLOUR
    picture[box][line > 0] = _CONTOUR_COLOUR
    return picture


def contour_thickness(longest: int) -> int:
    """Return how many pixels a contour is thick on a picture whose longer side has so many."""
    return max(1, round(longest / 600))


@dataclass(frozen=True, eq=False)
class Screen:
    """A film at the size at which it is shown, for maps to be drawn over.

    Attributes:
        film: (h, w) uint8.
        geometry: the whole film's, in source pixels.
    """

    film: np.ndarray
    geometry: Geometry

    @classmethod
    def of(cls, film: np.ndarray, geometry: Geometry, *, longest: int) -> "Screen":
        """Shrink a film so that its longer side has at most `longest` pixels; a smaller film stays as it is."""
        height, width = film.shape
        scale = min(1.0, longest / max(width, height))
        return cls.sized(film, geometry, max(1, round(width * scale)), max(1, round(height * scale)))

    @classmethod
    def sized(cls, film: np.ndarray, geometry: Geometry, width: int, height: int) -> "Screen":
        """Bring a film to a size: by the mean of the pixels where it shrinks, else linear between them."""
        if film.shape == (height, width):
            return cls(film=film, geometry=geometry)
        shrinks = width * height < film.size
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return cls(film=cv2.resize(film, (width, height), interpolation=how), geometry=geometry)

    def values(self, heatmap: Heatmap) -> np.ndarray:
        """Read a map at the screen's pixels, (h, w) float32; 0 outside the crop."""
        x0, y0, x1, y1 = self._seen()
        values = np.zeros(self.film.shape, dtype=np.float32)
        values[y0:y1, x0:x1] = heatmap.raster(self._centres(0)[x0:x1], self._centres(1)[y0:y1])
        return values

    def panel(self, heatmap: Heatmap | None, display: Display) -> np.ndarray:
        """Draw one panel, (h, w, 3) uint8 RGB: the film, the map over it, and the outline of what was seen."""
        if heatmap is None:
            drawn = cv2.cvtColor(self.film, cv2.COLOR_GRAY2RGB)
        else:
            drawn = overlay(self.film, self.values(heatmap), display, seen=self._seen())
        whole = self.geometry.crop == (0, 0, *self.geometry.source_size)
        return drawn if whole else outline(drawn, self._seen())

    def mask(self, mask: np.ndarray) -> np.ndarray:
        """Read a mask at the screen's pixels: (height, width) bool of the film's → (h, w) bool."""
        if mask.shape == self.film.shape:
            return mask
        shares = cv2.resize(mask.astype(np.float32), self.film.shape[::-1], interpolation=cv2.INTER_AREA)
        return shares >= 0.5

    def point(self, point: tuple[int, int]) -> tuple[int, int]:
        """Return the screen's pixel (x, y) that a source pixel's centre lies in."""
        (h, w), (width, height) = self.film.shape, self.geometry.source_size
        return int((point[0] + 0.5) * w / width), int((point[1] + 0.5) * h / height)

    def _centres(self, axis: int) -> np.ndarray:
        """Where the screen's columns (axis 0) or rows (1) are centred, in source pixels."""
        count = self.film.shape[1 - axis]
        return (np.arange(count) + 0.5) * (self.geometry.source_size[axis] / count) - 0.5

    def _seen(self) -> PixelBox:
        """The screen's pixels whose centres lie in the crop."""
        x0, y0, x1, y1 = (edge - 0.5 for edge in self.geometry.crop)
        left, right = np.searchsorted(self._centres(0), (x0, x1)).tolist()
        top, bottom = np.searchsorted(self._centres(1), (y0, y1)).tolist()
        return left, top, right, bottom


def outline(picture: np.ndarray, box: PixelBox) -> np.ndarray:
    """Return a picture with a box outlined and what lies outside of it dimmed to half."""
    x0, y0, x1, y1 = box
    drawn = picture // 2
    drawn[y0:y1, x0:x1] = picture[y0:y1, x0:x1]
    return cv2.rectangle(drawn, (x0, y0), (x1 - 1, y1 - 1), CROP_COLOUR, max(1, round(max(picture.shape) / 500)))


def draw_truth(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return an (h, w, 3) uint8 RGB picture with the contour of a planted finding, (h, w) bool."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    drawn, thickness = picture.copy(), max(1, round(max(mask.shape) / 400))
    for colour, width in ((_RIM_COLOUR, 3 * thickness), (TRUTH_COLOUR, thickness)):
        cv2.drawContours(drawn, contours, -1, colour, width, cv2.LINE_AA)
    return drawn


def draw_point(picture: np.ndarray, point: tuple[int, int], *, colour: tuple[int, int, int]) -> np.ndarray:
    """Return an (h, w, 3) uint8 RGB picture with a cross in a ring around the pixel (x, y), which itself stays free."""
    drawn, size = picture.copy(), max(picture.shape) / 640
    ring, inner, outer = round(15 * size), round(8 * size), round(26 * size)
    x, y = point
    for shade, width in ((_RIM_COLOUR, 7), (colour, 3)):
        thickness = max(1, round(width * size))
        cv2.circle(drawn, point, ring, shade, thickness, cv2.LINE_AA)
        for across, down in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            start, end = (x + across * inner, y + down * inner), (x + across * outer, y + down * outer)
            cv2.line(drawn, start, end, shade, thickness, cv2.LINE_AA)
    return drawn


def jpeg(picture: np.ndarray) -> bytes:
    """Encode an (h, w, 3) uint8 RGB picture for the screen."""
    encoded, data = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not encoded:
        raise ValueError(f"cv2 could not encode a picture of shape {picture.shape}")
    return data.tobytes()
