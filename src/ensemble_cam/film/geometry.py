"""Crop, pad, resize and flip as one invertible map between a film's source pixels and a model's grid.

Two kinds of coordinates, each for one thing:

- **points** are pixel indices: (0, 0) is the *centre* of the upper left pixel, x to the right, y down;
- **boxes** are edges, half-open: `(x0, y0, x1, y1)` holds the pixels x0 ≤ x < x1; (0, 0, 1, 1) is the upper left one.

A model's *grid* is whatever lies over the square it was shown: its input (224×224 cells) or its last activation (7×7
cells). `Geometry.on(cells)` is the same map for another number of cells.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np

from ensemble_cam.errors import GeometryError
from ensemble_cam.film.resampling import resize

Framing = Literal["crop", "pad"]
Axis = Literal["x", "y"]
Box = tuple[float, float, float, float]
PixelBox = tuple[int, int, int, int]

# What torchxrayvision's scale calls black; padding beside the film is black.
BLACK = -1024.0


def centre_square(width: int, height: int) -> PixelBox:
    """Return the square of source pixels that torchxrayvision's `XRayCenterCrop` keeps, as a box."""
    side = min(width, height)
    x0, y0 = width // 2 - side // 2, height // 2 - side // 2
    return x0, y0, x0 + side, y0 + side


def padded_square(width: int, height: int) -> PixelBox:
    """Return the smallest square with the whole film in its middle; it reaches beyond the film's shorter side."""
    side = max(width, height)
    x0, y0 = -((side - width) // 2), -((side - height) // 2)
    return x0, y0, x0 + side, y0 + side


@dataclass(frozen=True)
class Geometry:
    """The way between a film's source pixels and the cells of a square grid laid over `square`.

    Attributes:
        source_size: (width, height) of the film in source pixels.
        square: the square of source pixels that the grid covers; reaches beyond the film where it was padded.
        cells: cells along each side of the grid.
        mirrored: the grid's x runs to the left on the film.
    """

    source_size: tuple[int, int]
    square: PixelBox
    cells: int
    mirrored: bool = False

    def __post_init__(self) -> None:
        x0, y0, x1, y1 = self.square
        if x1 - x0 != y1 - y0 or x1 <= x0:
            raise GeometryError(f"A model sees a square; got the box {self.square}.")
        if self.cells < 1 or min(self.source_size) < 1:
            raise GeometryError(f"A film and a grid need at least one pixel; got {self.source_size} and {self.cells}.")
        cx0, cy0, cx1, cy1 = self.crop
        if cx1 <= cx0 or cy1 <= cy0:
            raise GeometryError(f"The box {self.square} lies outside a film of {self.source_size} pixels.")

    @classmethod
    def framed(cls, source_size: tuple[int, int], *, framing: Framing, cells: int) -> "Geometry":
        """Lay a grid over the film: over its centre square ("crop"), or over all of it with black beside it ("pad")."""
        square = {"crop": centre_square, "pad": padded_square}[framing](*source_size)
        return cls(source_size=source_size, square=square, cells=cells)

    @property
    def crop(self) -> PixelBox:
        """The part of the film that the model sees, in source pixels: the square without its padding."""
        (width, height), (x0, y0, x1, y1) = self.source_size, self.square
        return max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)

    def on(self, cells: int) -> "Geometry":
        """Return the same map for a grid of another number of cells, such as a model's last activation."""
        return self if cells == self.cells else _on(self, cells)

    def flipped(self) -> "Geometry":
        """Return the map of the grid mirrored left to right; flipping twice gives the first again."""
        return replace(self, mirrored=not self.mirrored)

    def to_model_matrix(self) -> np.ndarray:
        """Return the (2, 3) float64 matrix that takes edge coordinates (x, y, 1) of the film to those of the grid."""
        x0, y0, x1, _ = self.square
        scale = self.cells / (x1 - x0)
        across = [-scale, 0, self.cells + x0 * scale] if self.mirrored else [scale, 0, -x0 * scale]
        return np.array([across, [0, scale, -y0 * scale]])

    def to_model(self, points: np.ndarray) -> np.ndarray:
        """Map (n, 2) source pixels (x, y) to points of the grid, float64.

        Raises:
            GeometryError: if `points` has another shape.
        """
        matrix = self.to_model_matrix()
        return (_points(points) + 0.5) @ matrix[:, :2].T + matrix[:, 2] - 0.5

    def to_source(self, points: np.ndarray) -> np.ndarray:
        """Map (n, 2) points of the grid (x, y) to source pixels, float64; the inverse of `to_model`.

        Raises:
            GeometryError: if `points` has another shape.
        """
        matrix = self.to_model_matrix()
        return (_points(points) + 0.5 - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T - 0.5

    def box_to_model(self, box: Box) -> Box:
        """Map a box of source pixels to the grid's cells, as edges."""
        return self._box(box, self.to_model)

    def box_to_source(self, box: Box) -> Box:
        """Map a box of the grid's cells to source pixels, as edges; the inverse of `box_to_model`."""
        return self._box(box, self.to_source)

    @staticmethod
    def _box(box: Box, way: Callable[[np.ndarray], np.ndarray]) -> Box:
        corners = way(np.array([box[:2], box[2:]], dtype=np.float64) - 0.5) + 0.5
        (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
        return float(x0), float(y0), float(x1), float(y1)

    def to_model_pixels(self, pixels: np.ndarray, *, outside: float = BLACK) -> np.ndarray:
        """Cut, pad, resize and flip a film to the grid, as torchxrayvision prepares a model's input.

        Args:
            pixels: (height, width) float32, the film.
            outside: the value of the padding beside the film.

        Returns:
            (cells, cells) float32.

        Raises:
            GeometryError: if `pixels` is not of the geometry's source size.
        """
        width, height = self.source_size
        if pixels.shape != (height, width):
            raise GeometryError(f"This geometry is of a film of {width}×{height}; got {pixels.shape[::-1]}.")
        x0, y0, x1, y1 = self.crop
        seen = pixels[y0:y1, x0:x1]
        if self.crop != self.square:
            sx0, sy0, sx1, sy1 = self.square
            seen = np.pad(seen, ((y0 - sy0, sy1 - y1), (x0 - sx0, sx1 - x1)), constant_values=outside)
        resized = resize(np.ascontiguousarray(seen, dtype=np.float32), self.cells)
        return np.ascontiguousarray(resized[:, ::-1]) if self.mirrored else resized

    def axis_to_model(self, positions: np.ndarray, *, axis: Axis) -> np.ndarray:
        """Map (n,) source pixels along one axis to the grid, float64: one column of `to_model`."""
        column = 0 if axis == "x" else 1
        points = np.zeros((len(positions), 2))
        points[:, column] = positions
        return self.to_model(points)[:, column]


@lru_cache(maxsize=256)
def _on(geometry: Geometry, cells: int) -> Geometry:
    return replace(geometry, cells=cells)


def _points(points: np.ndarray) -> np.ndarray:
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise GeometryError(f"Points are an (n, 2) array of x and y; got the shape {points.shape}.")
    return points
