"""A film at the size at which it is shown, and what is drawn over it there: maps, the crop, the truth, points."""

from dataclasses import dataclass

import cv2
import numpy as np

from ensemble_cam.film.geometry import Geometry, PixelBox
from ensemble_cam.maps.heatmap import Heatmap
from ensemble_cam.rendering.colours import CROP_COLOUR, RIM_COLOUR, TRUTH_COLOUR
from ensemble_cam.rendering.overlay import overlay
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
