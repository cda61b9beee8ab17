"""A finding's relative activation, read in source pixels.

A map is computed on a model's grid of a few cells. Between the cells' centres it is bilinear (half-pixel centres,
clamped at the rim), so it has a value at every source pixel of the crop and none outside. Relative activation is the
map over its maximum on the grid; an ensemble is a weighted sum of several relative activations. Both are a
`Heatmap`: grids with weights, read through one `Geometry`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ensemble_cam.film.geometry import Axis, Geometry

# Rows of a film that are read at once: few enough for a processor's cache.
_ROWS = 64
# Rows that one product of matrices makes. OpenBLAS shares larger ones out among threads of its own, which cost more
# than they save, and where anything else runs, such as another map's product, ten times as much.
_PRODUCT = 4
# Values that are equal by the formula differ by this much at most once they are computed.
_ROUNDING_OF_FLOAT32, _ROUNDING_OF_FLOAT64 = 1e-6, 1e-12


@dataclass(frozen=True, eq=False)
class Heatmap:
    """One label's relative activation on a film.

    Attributes:
        label: the finding's upstream name.
        geometry: the way from the film to the square that the grids cover; its number of cells is of no account.
        grids: each (n, n) float32 in [0, 1], y down, x to the right, on its own number of cells.
        weights: what each grid counts for; they sum to 1.
    """

    label: str
    geometry: Geometry
    grids: tuple[np.ndarray, ...]
    weights: tuple[float, ...]

    @property
    def empty(self) -> bool:
        """Whether no grid has a positive value, so that there is nothing to draw."""
        return not any(grid.any() for grid in self.grids)

    def in_source(self, dtype: type[np.floating] = np.float32) -> np.ndarray:
        """Return the relative activation at every source pixel, (height, width); 0 outside the crop."""
        width, height = self.geometry.source_size
        x0, _, x1, _ = self.geometry.crop
        full = np.zeros((height, width), dtype=dtype)
        for rows, values in self.blocks():
            full[rows, x0:x1] = values
        return full

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield (rows of the film, relative activation over the crop's columns, float32) from top to bottom."""
        x0, y0, x1, y1 = self.geometry.crop
        factors = self._factors(np.arange(x0, x1), np.arange(y0, y1))
        for top in range(y0, y1, _ROWS):
            rows, group = slice(top, min(top + _ROWS, y1)), (top - y0) // _PRODUCT
            part = [(lines[group : group + _ROWS // _PRODUCT], columns) for lines, columns in factors]
            yield rows, _sum_of_products(part)[: rows.stop - top]

    def raster(self, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
        """Return what `at` does as (len(ys), len(xs)) float32: for pictures, as it is many times faster."""
        return _sum_of_products(self._factors(xs, ys))[: len(ys)]

    def at(self, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
        """Return the relative activation where columns `xs` meet rows `ys`, (len(ys), len(xs)) float64.

        Positions are source pixels and need not be whole. Beyond the rim the grids' outermost cells go on.
        """
        total = np.zeros((len(ys), len(xs)))
        for grid, weight in zip(self.grids, self.weights, strict=True):
            geometry = self.geometry.on(grid.shape[0])
            low, high, fraction = _between(geometry.axis_to_model(ys, axis="y"), geometry.cells)
            wide = grid.astype(np.float64)
            rows = wide[low] + (wide[high] - wide[low]) * fraction[:, None]
            low, high, fraction = _between(geometry.axis_to_model(xs, axis="x"), geometry.cells)
            total += weight * (rows[:, low] + (rows[:, high] - rows[:, low]) * fraction)
        return total

    @cached_property
    def hottest(self) -> tuple[int, int] | None:
        """The source pixel (x, y) of the largest value, the first in row order at a tie; None for an empty map."""
        if self.empty:
            return None
        # Along an axis the map is linear between the cells' centres, so over whole pixels it is largest right beside a
        # centre or at the rim: a few hundred pixels to look at, and no need to draw the map.
        xs, ys = self.turning_pixels("x"), self.turning_pixels("y")
        values = self.at(xs, ys)
        first = int((values >= values.max() - _ROUNDING_OF_FLOAT64).argmax())
        row, column = np.unravel_index(first, values.shape)
        return int(xs[column]), int(ys[row])

    def turning_pixels(self, axis: Axis) -> np.ndarray:
        """Return, sorted, the pixels beside the cells' centres of all grids and those at the crop's rim."""
        index = 0 if axis == "x" else 1
        first, last = self.geometry.crop[index], self.geometry.crop[index + 2] - 1
        centres = [
            self.geometry.on(grid.shape[0]).to_source(np.repeat(np.arange(grid.shape[0])[:, None], 2, axis=1))[:, index]
            for grid in self.grids
        ]
        beside = np.concatenate([np.floor(each) for each in centres] + [np.ceil(each) for each in centres])
        return np.unique(np.clip(np.append(beside, [first, last]), first, last))

    def samples(self, count: int) -> np.ndarray:
        """Return the values at count×count points spread evenly over the crop, (count, count) float64."""
        x0, y0, x1, y1 = self.geometry.crop
        steps = (np.arange(count) + 0.5) / count
        return self.at(x0 + steps * (x1 - x0) - 0.5, y0 + steps * (y1 - y0) - 0.5)

    def _factors(self, xs: np.ndarray, ys: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return for each grid, weighted, the two factors of its picture: its rows at `ys`, and its columns at `xs`.

        The rows stand in groups, (groups, rows of a product, cells), of which the last is filled up.
        """
        filled = np.append(ys, np.repeat(ys[-1:], -len(ys) % _PRODUCT))
        factors = []
        for grid, weight in zip(self.grids, self.weights, strict=True):
            cells = grid.shape[0]
            down = self._interpolation("y", filled, cells).reshape(-1, _PRODUCT, cells)
            factors.append((down @ (np.float32(weight) * grid), self._interpolation("x", xs, cells).T.copy()))
        return factors

    def _interpolation(self, axis: Axis, positions: np.ndarray, cells: int) -> np.ndarray:
        """Return the (len(positions), cells) float32 matrix that reads a grid's axis at source pixels."""
        low, high, fraction = _between(self.geometry.on(cells).axis_to_model(positions, axis=axis), cells)
        matrix = np.zeros((len(positions), cells), dtype=np.float32)
        lines = np.arange(len(positions))
        matrix[lines, low] = 1 - fraction
        matrix[lines, high] += fraction
        return matrix


def _sum_of_products(factors: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Multiply each pair of `_factors` and add up, (rows, columns) float32."""
    (lines, columns), *others = factors
    total = lines @ columns
    for lines, columns in others:
        total += lines @ columns
    return total.reshape(-1, total.shape[-1])


def _between(positions: np.ndarray, cells: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return for each position the cells on both sides of it and how far it is from the first to the second."""
    clamped = np.clip(positions, 0, cells - 1)
    low = np.minimum(clamped.astype(np.int64), max(cells - 2, 0))
    return low, np.minimum(low + 1, cells - 1), clamped - low


def at_or_above(values: np.ndarray, threshold: float) -> np.ndarray:
    """Return where relative activation reaches a threshold, as bool; a plateau just at the threshold counts whole."""
    return values >= threshold - _ROUNDING_OF_FLOAT32


def relative(grid: np.ndarray) -> np.ndarray:
    """Return a map over its own maximum, float32 in [0, 1]; a map without any positive value is returned as zeros."""
    positive = np.maximum(np.asarray(grid, dtype=np.float32), 0)
    peak = positive.max()
    return positive / peak if peak > 0 else np.zeros_like(positive)
