from fractions import Fraction

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from ensemble_cam.film.geometry import Geometry
from ensemble_cam.maps.heatmap import Heatmap, relative

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


def float_picture(heat: Heatmap, xs, ys) -> np.ndarray:
    picture = np.zeros((len(ys), len(xs)))
    for grid, weight in zip(heat.grids, heat.weights, strict=True):
        across = np.array(axis_shares(heat, xs, len(grid), axis=0), np.float64)
        down = np.array(axis_shares(heat, ys, len(grid), axis=1), np.float64)
        picture += weight * down @ grid.astype(np.float64) @ across.T
    return picture


def exact_hottest(heat: Heatmap) -> tuple[int, int]:
    picture, _ = exact_picture(heat)
    row, column = np.unravel_index(picture.argmax(), picture.shape)
    return int(column) + heat.geometry.crop[0], int(row) + heat.geometry.crop[1]


def maps_of_all_kinds():
    for seed, (source_size, framing) in enumerate(FILMS):
        for mirrored in (False, True):
            common = {"source_size": source_size, "framing": framing, "mirrored": mirrored}
            yield heatmap(random_grid(7, seed), **common)
            yield heatmap(random_grid(16, seed), **common)
            yield heatmap(random_grid(7, seed), random_grid(16, seed + 100), weights=(0.25, 0.75), **common)
            yield heatmap(random_grid(1, seed), **common)
            yield heatmap(random_grid(2, seed), random_grid(3, seed), **common)


def test_source_values_are_those_of_the_written_definition():
    for heat in maps_of_all_kinds():
        x0, y0, x1, y1 = heat.geometry.crop
        picture, one = exact_picture(heat)
        expected = np.zeros(heat.geometry.source_size[::-1])
        expected[y0:y1, x0:x1] = picture / one

        in_source = heat.in_source()

        assert in_source.dtype == np.float32
        assert_allclose(in_source, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("cells", [1, 2, 7, 16])
@pytest.mark.parametrize("side", [7, 100, 511, 1025])
def test_source_values_of_a_square_film_are_torchs_bilinear_ones(side, cells):
    grid = random_grid(cells, side)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(grid)[None, None].double(), size=(side, side), mode="bilinear", align_corners=False
    )[0, 0].numpy()

    if side >= cells:
        assert_allclose(heatmap(grid, source_size=(side, side)).in_source(), expected, rtol=0, atol=1e-6)


def test_values_outside_the_crop_are_zero():
    ones = np.ones((7, 7))
    in_source = heatmap(ones, source_size=(50, 30)).in_source()
    assert_allclose(in_source[:, 10:40], 1, atol=1e-6)
    assert not in_source[:, :10].any()
    assert not in_source[:, 40:].any()
    # Under "pad" all of the film was seen.
    assert_allclose(heatmap(ones, source_size=(50, 30), framing="pad").in_source(), 1, atol=1e-6)


def test_values_between_pixels_and_beyond_the_rim_are_those_of_the_written_definition():
    xs, ys = np.array([-99.0, -0.25, 0, 3.5, 11, 20.125, 40, 400]), np.array([-50.5, 0, 7.75, 30, 99])
    for heat in maps_of_all_kinds():
        assert_allclose(heat.at(xs, ys), float_picture(heat, xs, ys), rtol=0, atol=1e-12)


def test_samples_lie_evenly_over_the_crop():
    for heat in maps_of_all_kinds():
        x0, y0, x1, y1 = heat.geometry.crop
        xs = [x0 + (k + 0.5) / 8 * (x1 - x0) - 0.5 for k in range(8)]
        ys = [y0 + (k + 0.5) / 8 * (y1 - y0) - 0.5 for k in range(8)]
        assert_allclose(heat.samples(8), float_picture(heat, xs, ys), rtol=0, atol=1e-12)


def test_hottest_is_the_brute_force_one():
    for heat in maps_of_all_kinds():
        assert heat.hottest == exact_hottest(heat), heat


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


@pytest.mark.parametrize(("what", "grids"), list(plateaus()), ids=[what for what, _ in plateaus()])
@pytest.mark.parametrize("side", [16, 21, 35, 42, 48, 70, 77, 84])
def test_hottest_is_the_first_in_row_order_at_a_tie(side, what, grids):
    # Sides that are multiples of the cells make true ties: pixels on both sides of a cell's centre.
    for source_size, framing in (((side, side), "crop"), ((side + 7, side), "crop"), ((side - 5, side), "pad")):
        heat = heatmap(*grids, source_size=source_size, framing=framing)
        assert heat.hottest == exact_hottest(heat)


@pytest.mark.parametrize("threshold", [0.0, 0.123, 0.4003, 0.77, 0.9999])
def test_region_is_the_brute_force_one(threshold):
    # Thresholds that no pixel has as its exact value.
    for heat in maps_of_all_kinds():
        picture, one = exact_picture(heat)
        above = picture >= Fraction(threshold) * one
        (x0, y0, *_), rows, columns = heat.geometry.crop, *above.nonzero()

        region = heat.region(threshold)

        if not above.any():
            assert region is None
            continue
        assert region.box == (x0 + columns.min(), y0 + rows.min(), x0 + columns.max() + 1, y0 + rows.max() + 1)
        # The film's pixels alone count: under "pad" the square is larger.
        assert region.area == pytest.approx(above.mean(), abs=1e-12)


@pytest.mark.parametrize("side", [50, 97, 1000])
def test_region_at_one_is_all_of_a_map_that_is_one_everywhere(side):
    for grids in ((np.ones((7, 7)),), (np.ones((7, 7)), np.ones((16, 16)), np.ones((16, 16)))):
        region = heatmap(*grids, source_size=(side, side)).region(1.0)
        assert region is not None
        assert region.box == (0, 0, side, side)
        assert region.area == 1


def test_region_of_a_tall_film_is_put_together_from_all_its_rows():
    grid = np.zeros((7, 7))
    grid[0, 3] = grid[6, 3] = 1
    heat = heatmap(grid, source_size=(1400, 1400))
    above = heat.in_source() >= 0.5
    rows, columns = above.any(axis=1).nonzero()[0], above.any(axis=0).nonzero()[0]

    region = heat.region(0.5)

    assert region.box == (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    assert region.box[1] == 0
    assert region.box[3] == 1400
    assert region.area == above.mean()


def test_an_empty_map_has_no_hottest_point_and_no_region_even_at_zero():
    empty = heatmap(np.zeros((7, 7)), np.zeros((16, 16)), source_size=(50, 30))
    assert empty.empty
    assert empty.hottest is None
    assert empty.region(0.0) is None
    assert not empty.in_source().any()
    half = heatmap(np.zeros((7, 7)), np.ones((16, 16)), source_size=(50, 30))
    assert not half.empty
    assert half.region(0.0).area == 1


def test_relative_activation_is_the_positive_part_over_its_maximum():
    assert_array_equal(relative(np.array([[-4, 1], [2, 0]])), np.array([[0, 0.5], [1, 0]], np.float32))
    assert_array_equal(relative(np.array([[-4.0, -1.0]])), np.zeros((1, 2), np.float32))
    tiny = np.float32(1e-30) * np.array([[1, 2]], np.float32)
    assert_allclose(relative(tiny), [[0.5, 1]], rtol=1e-6)


def test_reading_a_map_changes_nothing():
    grid = random_grid(7, 1)
    before = grid.copy()
    heat = heatmap(grid, source_size=(50, 30))
    first = heat.in_source()
    assert heat.region(0.4) == heat.region(0.4)
    assert heat.hottest == heat.hottest
    assert_array_equal(heat.in_source(), first)
    assert_array_equal(grid, before)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize(("source_size", "framing"), FILMS)
def test_raster_reads_what_is_read_at_single_points_for_any_number_of_rows(source_size, framing, mirrored):
    heat = heatmap(
        random_grid(7, 1),
        random_grid(16, 2),
        source_size=source_size,
        framing=framing,
        mirrored=mirrored,
        weights=(0.25, 0.75),
    )
    xs = np.linspace(-3, source_size[0] + 2, 37)
    for count in (1, 2, 3, 4, 5, 66):
        ys = np.linspace(-2.5, source_size[1] + 1, count)
        raster = heat.raster(xs, ys)
        assert (raster.dtype, raster.shape) == (np.float32, (count, 37))
        assert_allclose(raster, heat.at(xs, ys), atol=1e-6)


@pytest.mark.parametrize("height", [63, 64, 65, 129, 200])
def test_blocks_cover_the_crop_from_top_to_bottom_without_a_gap(height):
    heat = heatmap(random_grid(7, 1), source_size=(90, height), framing="pad")
    x0, y0, x1, y1 = heat.geometry.crop
    rows, values = zip(*heat.blocks(), strict=True)

    assert [each.start for each in rows] == [y0, *(each.stop for each in rows[:-1])]
    assert rows[-1].stop == y1
    assert_array_equal(np.concatenate(values), heat.in_source()[y0:y1, x0:x1])
    assert_allclose(np.concatenate(values), heat.at(np.arange(x0, x1), np.arange(y0, y1)), atol=1e-6)


def test_asking_for_regions_leaves_a_map_as_it_was():
    heat = heatmap(random_grid(7, 1), source_size=(90, 80))
    before = dict(vars(heat))

    assert heat.region(0.4).area > heat.region(0.9).area

    assert vars(heat) == before
