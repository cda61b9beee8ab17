"""The canvas that a phantom is drawn on: shapes, strokes, blurs and noise whose looks do not depend on its size.

Positions and lengths are fractions of the film's shorter side: x to the right, y down, from the top left corner of the
film's centre square. A film that is not square shows more at its longer sides, where coordinates lie outside [0, 1].
"""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

_SUBPIXEL_BITS = 4  # cv2 draws at sixteenths of a pixel
_LARGE_BLUR = 4.0  # pixels; from here on a blur is done on a smaller picture
_REACH = 0.25  # beyond [0, 1], of the longest film that is drawn

Layer = np.ndarray
"""(h, w) float32."""


class Canvas:
    """A grid of pixels on the film's plane.

    Attributes:
        width, height: in pixels.
        short: the shorter of them, pixels in a unit of length.
        x, y: (1, w) and (h, 1) float32, coordinates of the pixels' centres.
    """

    def __init__(self, width: int, height: int):
        self.width, self.height = width, height
        self.short = min(width, height)
        self._corner = np.array([(width - self.short) / 2, (height - self.short) / 2])
        self.x, self.y = (
            ((np.arange(n, dtype=np.float32) + 0.5 - c) / self.short)
            for n, c in zip((width, height), self._corner, strict=True)
        )
        self.x, self.y = self.x[None, :], self.y[:, None]

    def zeros(self) -> Layer:
        """Return an empty layer."""
        return np.zeros((self.height, self.width), np.float32)

    def fill(self, *outlines: np.ndarray) -> Layer:
        """Return how far each pixel lies within the outlines, (n, 2) points each, from 0 to 1."""
        mask = np.zeros((self.height, self.width), np.uint8)
        for outline in outlines:
            cv2.fillPoly(mask, [self._to_pixels(outline)], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
        return mask * np.float32(1 / 255)

    def strokes(self, *groups: tuple[Sequence[np.ndarray] | np.ndarray, float, float]) -> Layer:
        """Draw groups of lines, each (paths of (n, 2) points, width, value from 0 to 1), later ones over earlier.

        A group's paths may stand in one (k, n, 2) array.
        """
        mask = np.zeros((self.height, self.width), np.uint8)
        for paths, width, value in groups:
            exact = width * self.short
            pixels = max(1, round(exact))
            shade = min(255, round(255 * value * min(1.0, exact / pixels)))  # below a pixel wide, paler instead
            points = (
                list(self._to_pixels(paths)) if isinstance(paths, np.ndarray) else list(map(self._to_pixels, paths))
            )
            cv2.polylines(mask, points, False, shade, pixels, cv2.LINE_AA, _SUBPIXEL_BITS)
        return mask * np.float32(1 / 255)

    def blur(self, layer: Layer, sigma: float) -> Layer:
        """Blur by a Gaussian of `sigma`, a length."""
        pixels = sigma * self.short
        if pixels < 0.3:
            return layer
        if pixels <= _LARGE_BLUR:
            return cv2.GaussianBlur(layer, (0, 0), pixels, borderType=cv2.BORDER_REPLICATE)
        shrink = int(pixels / 2)
        small = (max(4, self.width // shrink), max(4, self.height // shrink))
        blurred = cv2.GaussianBlur(
            cv2.resize(layer, small, interpolation=cv2.INTER_AREA),
            (0, 0),
            pixels * small[0] / self.width,
            borderType=cv2.BORDER_REPLICATE,
        )
        return cv2.resize(blurred, (self.width, self.height), interpolation=cv2.INTER_LINEAR)

    def depth(self, shape: Layer) -> Layer:
        """Return the distance of each pixel inside a filled shape to its outline, 0 outside."""
        inside = (shape > 0.5).astype(np.uint8)
        return cv2.distanceTransform(inside, cv2.DIST_L2, 5) * np.float32(1 / self.short)

    def grow(self, shape: Layer, radius: float) -> Layer:
        """Grow a shape by `radius`, a length."""
        size = 2 * max(1, round(radius * self.short)) + 1
        return cv2.dilate(shape, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))

    def noise(self, random: np.random.Generator, cells: int) -> Layer:
        """Return smooth noise of mean 0 and a standard deviation near 1, with `cells` bumps to a unit of length."""
        knots = random.standard_normal((_knots(cells), _knots(cells)), dtype=np.float32)
        down = _cubic_weights(cells, self.height, self.short)
        across = _cubic_weights(cells, self.width, self.short)
        return np.float32(1.35) * (down @ knots @ across.T)

    def column(self, x: np.ndarray) -> np.ndarray:
        """Return (h, w) float32 pixel positions, from the first column's centre, of coordinates x."""
        return (x * self.short + self._corner[0] - 0.5).astype(np.float32)

    def row(self, y: np.ndarray) -> np.ndarray:
        """Return (h, w) float32 pixel positions, from the first row's centre, of coordinates y."""
        return (y * self.short + self._corner[1] - 0.5).astype(np.float32)

    def pixel(self, x: float, y: float) -> tuple[int, int]:
        """Return the pixel (column, row) nearest to a place."""
        return round(x * self.short + self._corner[0] - 0.5), round(y * self.short + self._corner[1] - 0.5)

    def _to_pixels(self, points: np.ndarray) -> np.ndarray:
        pixels = np.asarray(points) * self.short + self._corner - 0.5  # cv2 counts from the first pixel's centre
        return np.round(pixels * (1 << _SUBPIXEL_BITS)).astype(np.int32)


def smooth(points: np.ndarray, *, closed: bool = True, steps: int = 6) -> np.ndarray:
    """Return a dense smooth line through (n, 2) points: Catmull and Rom's spline (1974)."""
    points = np.asarray(points, np.float64)
    if closed:
        before, after, last = np.roll(points, 1, 0), np.roll(points, -1, 0), np.roll(points, -2, 0)
    else:
        ends = np.concatenate([points[:1], points, points[-1:]])
        before, points, after, last = ends[:-3], ends[1:-2], ends[2:-1], ends[3:]
    t = (np.arange(steps) / steps)[None, :, None]
    p0, p1, p2, p3 = (p[:, None, :] for p in (before, points, after, last))
    curve = 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
    curve = curve.reshape(-1, 2)
    return curve if closed else np.concatenate([curve, ends[-1:]])


def rounded(points: np.ndarray, *, rounds: int = 3) -> np.ndarray:
    """Return a closed line with its corners cut, inside the given one: Chaikin (1974)."""
    points = np.asarray(points, np.float64)
    for _ in range(rounds):
        following = np.roll(points, -1, 0)
        points = np.stack([0.75 * points + 0.25 * following, 0.25 * points + 0.75 * following], 1).reshape(-1, 2)
    return points


def step(values: np.ndarray, at: float | np.ndarray, width: float) -> np.ndarray:
    """Return a soft step, from 0 well below `at` to 1 well above it, over a few `width`."""
    return 0.5 + 0.5 * np.tanh((values - at) * (0.5 / width))


def _knots(cells: int) -> int:
    return int(np.ceil(cells * (1 + 2 * _REACH))) + 4


@lru_cache(maxsize=256)
def _cubic_weights(cells: int, pixels: int, short: int) -> np.ndarray:
    """Return (pixels, knots) float32: Keys' cubic interpolation (1981), knots spread from -_REACH to 1 + _REACH."""
    centres = (np.arange(pixels) + 0.5 - (pixels - short) / 2) / short
    position = (centres + _REACH) * cells + 1
    distance = np.abs(position[:, None] - np.arange(_knots(cells))[None, :])
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    return np.where(distance < 1, near, np.where(distance < 2, far, 0)).astype(np.float32)
