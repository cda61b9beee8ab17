"""Maps made by hand, whose values are known in whole numbers."""

from fractions import Fraction

import numpy as np

from ensemble_cam.film.geometry import Geometry
from ensemble_cam.maps.heatmap import Heatmap

FILMS = [
    ((40, 31), "crop"),
    ((31, 40), "crop"),
    ((40, 31), "pad"),
    ((31, 40), "pad"),
    ((42, 42), "crop"),
    ((5, 9), "pad"),
]


def heatmap(*grids, source_size, framing="crop", weights=None, mirrored=False) -> Heatmap:
    geometry = Geometry.framed(source_size, framing=framing, cells=1)
    weights = tuple(1 / len(grids) for _ in grids) if weights is None else weights
    return Heatmap(
        label="Nodule",
        geometry=geometry.flipped() if mirrored else geometry,
        grids=tuple(np.asarray(grid, np.float32) for grid in grids),
        weights=weights,
    )


def random_grid(cells: int, seed: int) -> np.ndarray:
    """Return dyadic values, so that fractions of them are exact, with the largest 1."""
    grid = np.random.default_rng(seed).integers(0, 64, (cells, cells)) / 64
    grid[np.unravel_index(grid.argmax(), grid.shape)] = 1
    return grid.astype(np.float32)


def axis_shares(heat: Heatmap, positions, cells: int, *, axis: int) -> list[list[Fraction]]:
    """Return what each cell counts for at each source position along one axis, by the written definition."""
    low, side = heat.geometry.square[axis], heat.geometry.square[2] - heat.geometry.square[0]
    half = Fraction(1, 2)
    shares = []
    for position in positions:
        place = (Fraction(position) + half - low) * cells / side
        place = (cells - place if heat.geometry.mirrored and axis == 0 else place) - half
        place = min(max(place, Fraction(0)), Fraction(cells - 1))
        first, line = int(place), [Fraction(0)] * cells
        line[first] += 1 - (place - first)
        if place > first:
            line[first + 1] += place - first
        shares.append(line)
    return shares


def exact_picture(heat: Heatmap) -> tuple[np.ndarray, int]:
    """Return the values over the crop as whole numbers, and how many of them are 1: no rounding anywhere."""
    x0, y0, x1, y1 = heat.geometry.crop
    side = heat.geometry.square[2] - heat.geometry.square[0]
    total = np.zeros((y1 - y0, x1 - x0), np.int64)
    for grid, weight in zip(heat.grids, heat.weights, strict=True):
        across, down = (
            np.array(
                [[int(share * 2 * side) for share in line] for line in axis_shares(heat, pixels, len(grid), axis=a)]
            )
            for a, pixels in ((0, range(x0, x1)), (1, range(y0, y1)))
        )
        total += round(4 * weight) * (down @ np.round(grid * 64).astype(np.int64) @ across.T)
    return total, 4 * 64 * (2 * side) ** 2


def maps_of_all_kinds():
    for seed, (source_size, framing) in enumerate(FILMS):
        for mirrored in (False, True):
            common = {"source_size": source_size, "framing": framing, "mirrored": mirrored}
            yield heatmap(random_grid(7, seed), **common)
            yield heatmap(random_grid(16, seed), **common)
            yield heatmap(random_grid(7, seed), random_grid(16, seed + 100), weights=(0.25, 0.75), **common)
            yield heatmap(random_grid(1, seed), **common)
            yield heatmap(random_grid(2, seed), random_grid(3, seed), **common)


def plateaus():
    wide = np.zeros((7, 7))
    wide[2:5, 3:6] = 1
    twice = np.zeros((7, 7))
    twice[1, 5] = twice[5, 1] = 1
    corner = np.zeros((7, 7))
    corner[6, 6] = 1
    row = np.zeros((7, 7))
    row[3] = 1
    yield "a plateau", (wide,)
    yield "two peaks", (twice,)
    yield "the last corner", (corner,)
    yield "a row", (row,)
    yield "a column", (row.T,)
    yield "everywhere", (np.ones((7, 7)),)
    yield "one cell", (np.ones((1, 1)),)
    yield "everywhere, twice", (np.ones((7, 7)), np.ones((16, 16)))
    yield "plateaus that overlap", (wide, np.kron(np.eye(2), np.ones((8, 8))))
