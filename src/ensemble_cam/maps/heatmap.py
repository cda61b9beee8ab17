"""A finding's relative activation, read in source pixels.

A map is computed on a model's grid of a few cells. Between the cells' centres it is bilinear (half-pixel centres,
clamped at the rim), so it has a value at every source pixel of the crop and none outside. Relative activation is the
map over its maximum on the grid; an ensemble is a weighted sum of several relative activations. Both are a
`Heatmap`: grids with weights, read through one `Geometry`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from ensemble_cam.film.geometry import Axis, Geometry, PixelBox

# Rows of a film that are read at once: few enough for a processor's cache.
_ROWS = 64
# Rows that one product of matrices makes. OpenBLAS shares larger ones out among threads of its own, which cost more
# than they save, and where anything else runs, such as another map's product, ten times as much.
_PRODUCT = 4
# Parts of a picture begin and end at such columns: a product of matrices rounds elsewhere as it does for the whole.
_COLUMNS = 64
# Grids of more cells, those of Guided Grad-CAM, have matrices too large to be kept for the film's next map.
_MOST_CELLS_KEPT = 64
# By so much a value may be above what bounds it, once both are computed.
_MARGIN = 1e-5
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

    def blocks(self, box: PixelBox | None = None) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield (rows of the film, relative activation over some columns, float32) from top to bottom.

        Args:
            box: of `reach`, whose rows and columns are read; without, those of the crop.
        """
        crop = self.geometry.crop
        x0, y0, x1, y1 = crop if box is None else box
        factors = self._factors(np.arange(crop[0], crop[2]), np.arange(crop[1], crop[3]))
        parts = [(lines, columns[:, x0 - crop[0] : x1 - crop[0]]) for lines, columns in factors]
        for top in range(y0, y1, _ROWS):
            rows, group = slice(top, min(top + _ROWS, y1)), (top - crop[1]) // _PRODUCT
            part = [(lines[group : group + _ROWS // _PRODUCT], columns) for lines, columns in parts]
            yield rows, _sum_of_products(part)[: rows.stop - top]

    def raster(self, xs: np.ndarray, ys: np.ndarray, part: PixelBox | None = None) -> np.ndarray:
        """Return what `at` does as (len(ys), len(xs)) float32: for pictures, as it is many times faster.

        Args:
            xs: as in `at`.
            ys: as in `at`.
            part: of `part_in_reach`: of the picture, what is wanted, half-open.
        """
        factors = self._factors(xs, ys)
        if part is None:
            return _sum_of_products(factors)[: len(ys)]
        x0, y0, x1, y1 = part
        groups = slice(y0 // _PRODUCT, -(-y1 // _PRODUCT))
        return _sum_of_products([(lines[groups], columns[:, x0:x1]) for lines, columns in factors])[: y1 - y0]

    def reach(self, threshold: float) -> PixelBox | None:
        """Return a box of source pixels outside of which the map is below a threshold; None where all of it is."""
        crop = self.geometry.crop
        xs, ys = np.arange(crop[0], crop[2]), np.arange(crop[1], crop[3])
        part = self.part_in_reach(threshold, xs, ys)
        if part is None:
            return None
        return crop[0] + part[0], crop[1] + part[1], crop[0] + part[2], crop[1] + part[3]

    def part_in_reach(self, threshold: float, xs: np.ndarray, ys: np.ndarray) -> PixelBox | None:
        """Return a part of a picture outside of which the map is below a threshold; None where all of it is.

        Args:
            threshold: in relative activation.
            xs: the picture's columns in source pixels, rising, within the crop.
            ys: its rows.

        Returns:
            Columns and rows, half-open: (first column, first row, behind the last column, behind the last row).
        """
        if self.empty:
            return None
        if max(grid.shape[0] for grid in self.grids) > _MOST_CELLS_KEPT:
            return 0, 0, len(xs), len(ys)
        # Between the cells' centres of all grids the map is bilinear, so nowhere above the highest of the corners.
        across, down, values = self._corners
        high = values >= threshold - _MARGIN
        if not high.any():
            return None
        left, right = _around(np.flatnonzero(high.any(axis=0)), across, xs, multiple=_COLUMNS)
        top, bottom = _around(np.flatnonzero(high.any(axis=1)), down, ys, multiple=_PRODUCT)
        return left, top, right, bottom

    @cached_property
    def _corners(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The cells' centres of all grids and the crop's rim in source pixels, x and y, and the map's values there."""
        cells = tuple(grid.shape[0] for grid in self.grids)
        across, down = (_centres_and_rim(self.geometry, cells, axis) for axis in ("x", "y"))
        return across, down, self.at(across, down)

    def at(self, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
        """Return the relative activation where columns `xs` meet rows `ys`, (len(ys), len(xs)) float64.

        Positions are source pixels and need not be whole. Beyond the rim the grids' outermost cells go on.
        """
        total = np.zeros((len(ys), len(xs)))
        across, down = (np.asarray(each, dtype=np.float64).tobytes() for each in (xs, ys))
        for grid, weight in zip(self.grids, self.weights, strict=True):
            geometry = self.geometry.on(grid.shape[0])
            low, high, fraction = _cells_beside(geometry, "y", down)
            wide = grid.astype(np.float64)
            rows = wide[low] + (wide[high] - wide[low]) * fraction[:, None]
            low, high, fraction = _cells_beside(geometry, "x", across)
            total += weight * (rows[:, low] + (rows[:, high] - rows[:, low]) * fraction)
        return total

    @cached_property
    def hottest(self) -> tuple[int, int] | None:
        """The source pixel (x, y) of the largest value, the first in row order at a tie; None for an empty map."""
        if self.empty:
            return None
        # Along an axis the map is linear between the cells' centres, so over whole pixels it is largest right beside a
        # centre or at the rim: a few hundred pixels to look at, and no need to draw the map.
        xs, ys, values = self.turning
        first = int((values >= values.max() - _ROUNDING_OF_FLOAT64).argmax())
        row, column = np.unravel_index(first, values.shape)
        return int(xs[column]), int(ys[row])

    @cached_property
    def turning(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The pixels beside the cells' centres of all grids and those at the crop's rim, and the map's values there.

        Sorted columns, sorted rows, and (rows, columns) float64.
        """
        cells = tuple(grid.shape[0] for grid in self.grids)
        xs, ys = (_turning_pixels(self.geometry, cells, axis) for axis in ("x", "y"))
        return xs, ys, self.at(xs, ys)

    def samples(self, count: int) -> np.ndarray:
        """Return the values at count×count points spread evenly over the crop, (count, count) float64."""
        x0, y0, x1, y1 = self.geometry.crop
        steps = (np.arange(count) + 0.5) / count
        return self.at(x0 + steps * (x1 - x0) - 0.5, y0 + steps * (y1 - y0) - 0.5)

    def _factors(self, xs: np.ndarray, ys: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return for each grid, weighted, the two factors of its picture: its rows at `ys`, and its columns at `xs`.

        The rows stand in groups, (groups, rows of a product, cells), of which the last is filled up.
        """
        factors = []
        for grid, weight in zip(self.grids, self.weights, strict=True):
            geometry = self.geometry.on(grid.shape[0])
            reading = _reading if geometry.cells <= _MOST_CELLS_KEPT else _reading.__wrapped__
            down = reading(geometry, "y", np.asarray(ys, dtype=np.float64).tobytes())
            across = reading(geometry, "x", np.asarray(xs, dtype=np.float64).tobytes())
            factors.append((down @ (np.float32(weight) * grid), across))
        return factors


@lru_cache(maxsize=16)
def _reading(geometry: Geometry, axis: Axis, positions: bytes) -> np.ndarray:
    """Return what reads a grid's axis at source pixels, float64 positions: the same for all maps of a film.

    Returns:
        float32: for "y" (groups, rows of a product, cells), of which the last group is filled up; for "x"
        (cells, positions).
    """
    places = np.frombuffer(positions)
    if axis == "x":
        return _interpolation(geometry, axis, places).T.copy()
    filled = np.append(places, np.repeat(places[-1:], -len(places) % _PRODUCT))
    return _interpolation(geometry, axis, filled).reshape(-1, _PRODUCT, geometry.cells)


def _interpolation(geometry: Geometry, axis: Axis, positions: np.ndarray) -> np.ndarray:
    """Return the (len(positions), cells) float32 matrix that reads a grid's axis at source pixels."""
    low, high, fraction = _between(geometry.axis_to_model(positions, axis=axis), geometry.cells)
    matrix = np.zeros((len(positions), geometry.cells), dtype=np.float32)
    lines = np.arange(len(positions))
    matrix[lines, low] = 1 - fraction
    matrix[lines, high] += fraction
    return matrix


def _centres(geometry: Geometry, cells: tuple[int, ...], axis: Axis) -> np.ndarray:
    """Return where the cells of grids of these numbers of cells are centred along an axis, in source pixels."""
    index = 0 if axis == "x" else 1
    return np.concatenate(
        [geometry.on(count).to_source(np.repeat(np.arange(count)[:, None], 2, axis=1))[:, index] for count in cells]
    )


@lru_cache(maxsize=16)
def _turning_pixels(geometry: Geometry, cells: tuple[int, ...], axis: Axis) -> np.ndarray:
    """Return, sorted, the pixels beside the centres of the cells of all grids and those at the crop's rim."""
    index = 0 if axis == "x" else 1
    first, last = geometry.crop[index], geometry.crop[index + 2] - 1
    centres = _centres(geometry, cells, axis)
    beside = np.concatenate([np.floor(centres), np.ceil(centres), [first, last]])
    return np.unique(np.clip(beside, first, last))


@lru_cache(maxsize=16)
def _centres_and_rim(geometry: Geometry, cells: tuple[int, ...], axis: Axis) -> np.ndarray:
    """Return, sorted, the centres of the cells of all grids and the crop's rim, where the first and last pixels end."""
    index = 0 if axis == "x" else 1
    first, last = geometry.crop[index] - 0.5, geometry.crop[index + 2] - 0.5
    return np.unique(np.clip(np.append(_centres(geometry, cells, axis), [first, last]), first, last))


def _around(high: np.ndarray, corners: np.ndarray, positions: np.ndarray, *, multiple: int) -> tuple[int, int]:
    """Return the positions, half-open, between the corners beside all that are high, in whole multiples.

    Args:
        high: which of the corners are, rising, at least one.
        corners: rising.
        positions: rising.
        multiple: of so many the first one, and the one behind the last unless that is the end.
    """
    low, beyond = corners[max(high[0] - 1, 0)], corners[min(high[-1] + 1, len(corners) - 1)]
    first, behind = np.searchsorted(positions, (low, beyond), side="left").tolist()
    behind = min(behind + 1, len(positions))
    return first // multiple * multiple, min(-(-behind // multiple) * multiple, len(positions))


def _sum_of_products(factors: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Multiply each pair of `_factors` and add up, (rows, columns) float32."""
    (lines, columns), *others = factors
    total = lines @ columns
    for lines, columns in others:
        total += lines @ columns
    return total.reshape(-1, total.shape[-1])


@lru_cache(maxsize=64)
def _cells_beside(geometry: Geometry, axis: Axis, positions: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return `_between` of source pixels, float64 positions: the same for all maps of a film."""
    found = _between(geometry.axis_to_model(np.frombuffer(positions), axis=axis), geometry.cells)
    for values in found:
        values.setflags(write=False)
    return found


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
