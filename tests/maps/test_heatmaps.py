import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from ensemble_cam.maps.heatmap import Heatmap, at_or_above, relative
from support.maps import FILMS, axis_shares, exact_picture, heatmap, maps_of_all_kinds, plateaus, random_grid


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


@pytest.mark.parametrize(("what", "grids"), list(plateaus()), ids=[what for what, _ in plateaus()])
@pytest.mark.parametrize("side", [16, 21, 35, 42, 48, 70, 77, 84])
def test_hottest_is_the_first_in_row_order_at_a_tie(side, what, grids):
    # Sides that are multiples of the cells make true ties: pixels on both sides of a cell's centre.
    for source_size, framing in (((side, side), "crop"), ((side + 7, side), "crop"), ((side - 5, side), "pad")):
        heat = heatmap(*grids, source_size=source_size, framing=framing)
        assert heat.hottest == exact_hottest(heat)


def test_an_empty_map_has_no_hottest_point():
    empty = heatmap(np.zeros((7, 7)), np.zeros((16, 16)), source_size=(50, 30))
    assert empty.empty
    assert empty.hottest is None
    assert not empty.in_source().any()
    half = heatmap(np.zeros((7, 7)), np.ones((16, 16)), source_size=(50, 30))
    assert not half.empty


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


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.5, 0.8, 1.0])
def test_nothing_reaches_the_threshold_outside_of_its_reach_and_inside_values_are_those_of_the_whole(threshold):
    narrowed = 0
    for heat in maps_of_all_kinds():
        whole, box = heat.in_source(), heat.reach(threshold)
        reached = at_or_above(whole, threshold) & (whole > 0)
        if box is None:
            assert not reached.any()
            continue
        x0, y0, x1, y1 = box
        assert not reached[:y0].any()
        assert not reached[y1:].any()
        assert not reached[:, :x0].any()
        assert not reached[:, x1:].any()
        assert_array_equal(np.concatenate([values for _, values in heat.blocks(box)]), whole[y0:y1, x0:x1])
        narrowed += box != heat.geometry.crop
    assert narrowed or threshold < 0.5


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.95])
def test_a_part_in_reach_of_a_picture_between_the_films_pixels_holds_all_that_reaches_the_threshold(threshold):
    heat = heatmap(random_grid(7, 1), random_grid(16, 2), source_size=(900, 700), weights=(0.25, 0.75))
    x0, y0, x1, y1 = heat.geometry.crop
    xs, ys = np.linspace(x0 - 0.4, x1 - 0.6, 1501), np.linspace(y0 - 0.4, y1 - 0.6, 333)
    whole = heat.raster(xs, ys)

    part = heat.part_in_reach(threshold, xs, ys)

    if part is None:
        assert not at_or_above(whole, threshold).any()
    else:
        left, top, right, bottom = part
        assert_array_equal(heat.raster(xs, ys, part), whole[top:bottom, left:right])
        whole[top:bottom, left:right] = 0
        assert not at_or_above(whole, threshold).any()


def test_a_hot_cells_reach_is_the_cells_around_it():
    grid = np.zeros((8, 8), np.float32)
    grid[2, 5] = 1

    x0, y0, x1, y1 = heatmap(grid, source_size=(1600, 1600)).reach(0.5)

    # Between the centres of the cells beside it, 900 and 1300 across, 300 and 700 down, on to multiples of 64 and 4.
    assert (x0, x1) == (896, 1344)
    assert (y0, y1) == (300, 704)


def test_an_empty_map_and_one_that_stays_below_reach_nothing():
    assert heatmap(np.zeros((7, 7)), source_size=(90, 60)).reach(0.0) is None
    low = heatmap(np.ones((7, 7)), np.zeros((7, 7)), source_size=(90, 60), weights=(0.25, 0.75))
    assert low.reach(0.3) is None
    assert low.reach(0.25) == low.geometry.crop
