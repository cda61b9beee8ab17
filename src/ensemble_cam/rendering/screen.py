"""A film at the size at which it is shown, and what is drawn over it there: maps, the crop, the truth, points."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from ensemble_cam.film.geometry import Geometry, PixelBox
from ensemble_cam.maps.heatmap import Heatmap
from ensemble_cam.rendering.colours import CROP_COLOUR, RIM_COLOUR, TRUTH_COLOUR
from ensemble_cam.rendering.overlay import contour_thickness, paint
from ensemble_cam.settings.display import Display

_JPEG_QUALITY = 90


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
        x0, y0, x1, y1 = self._seen
        values = np.zeros(self.film.shape, dtype=np.float32)
        values[y0:y1, x0:x1] = heatmap.raster(*self._centres_seen)
        return values

    def panel(self, heatmap: Heatmap | None, display: Display) -> np.ndarray:
        """Draw one panel, (h, w, 3) uint8 RGB: the film, the map over it, and the outline of what was seen."""
        drawn = self.plain.copy()
        if heatmap is not None:
            self.paint(drawn, heatmap, display, first=0)
        return drawn

    @cached_property
    def plain(self) -> np.ndarray:
        """A panel without a map, (h, w, 3) uint8 RGB."""
        drawn = cv2.cvtColor(self.film, cv2.COLOR_GRAY2RGB)
        return drawn if self._is_seen_whole else outline(drawn, self._seen)

    def touched(self, heatmap: Heatmap | None, display: Display) -> slice:
        """Return the rows outside of which a panel is the one without a map; of some inside it is, too."""
        part = self._part(heatmap, display)
        if part is None:
            return slice(0, 0)
        height, margin = len(self.film), contour_thickness(max(self.film.shape))
        return slice(max(self._seen[1] + part[1] - margin, 0), min(self._seen[1] + part[3] + margin, height))

    def paint(self, picture: np.ndarray, heatmap: Heatmap, display: Display, *, first: int) -> np.ndarray:
        """Draw a map into some rows of a panel without one, (h, w, 3) uint8 RGB, in place.

        Args:
            picture: the panel's rows from `first` on, with all that `touched` tells of.
            heatmap: the map.
            display: what it is drawn like.
            first: which row of the panel is the picture's first.

        Returns:
            (h,) bool: the rows in which something may have changed.
        """
        part = self._part(heatmap, display)
        if part is None:
            return np.zeros(len(picture), dtype=bool)
        values = heatmap.raster(*self._centres_seen, part)
        left, top = self._seen[0], self._seen[1] - first
        x0, y0, x1, y1 = left + part[0], top + part[1], left + part[2], top + part[3]
        blocks = [(slice(y0, y1), values)]
        changed = paint(picture, (x0, y0, x1, y1), blocks, display, longest=max(self.film.shape))
        if not self._is_seen_whole:  # the outline lies over the map
            ys, xs = self._outlined
            within = slice(*np.searchsorted(ys, (first, first + len(picture))))
            picture[ys[within] - first, xs[within]] = CROP_COLOUR
        return changed

    def _part(self, heatmap: Heatmap | None, display: Display) -> PixelBox | None:
        """Return the part of what was seen, in the screen's pixels from its corner, that a map may be drawn in."""
        if heatmap is None or not display.overlays:
            return None
        return heatmap.part_in_reach(display.threshold, *self._centres_seen)

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

    @cached_property
    def _centres_seen(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the columns and rows that were seen are centred, in source pixels."""
        x0, y0, x1, y1 = self._seen
        return self._centres(0)[x0:x1], self._centres(1)[y0:y1]

    @cached_property
    def _outlined(self) -> tuple[np.ndarray, np.ndarray]:
        """The outline's pixels, rows and columns, row by row: no grey of a film is of its colour."""
        ys, xs = np.nonzero((self.plain == CROP_COLOUR).all(axis=2))
        return ys, xs

    @property
    def _is_seen_whole(self) -> bool:
        return self.geometry.crop == (0, 0, *self.geometry.source_size)

    @cached_property
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
    for colour, width in ((RIM_COLOUR, 3 * thickness), (TRUTH_COLOUR, thickness)):
        cv2.drawContours(drawn, contours, -1, colour, width, cv2.LINE_AA)
    return drawn


def draw_point(picture: np.ndarray, point: tuple[int, int], *, colour: tuple[int, int, int]) -> np.ndarray:
    """Return an (h, w, 3) uint8 RGB picture with a cross in a ring around the pixel (x, y), which itself stays free."""
    drawn, size = picture.copy(), max(picture.shape) / 640
    ring, inner, outer = round(15 * size), round(8 * size), round(26 * size)
    x, y = point
    for shade, width in ((RIM_COLOUR, 7), (colour, 3)):
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
