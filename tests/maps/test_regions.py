"""A map's regions are the connected parts of what is at or above a threshold, each with its place and its outline."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.path import Path as Polygon
from scipy import ndimage

from ensemble_cam.maps import regions
from ensemble_cam.maps.heatmap import Heatmap, at_or_above
from ensemble_cam.maps.regions import Extent, Region, extent_of
from support.maps import exact_picture, heatmap, maps_of_all_kinds, plateaus, random_grid

THRESHOLDS = [0.0, 0.123, 0.4003, 0.77, 0.9999]  # which no pixel has as its exact value


def labelled(heat: Heatmap, threshold: float) -> tuple[np.ndarray, int]:
    """Return SciPy's numbering of the film's pixels that share a side, 0 for those below the threshold."""
    (x0, y0, x1, y1), above = heat.geometry.crop, np.zeros(heat.geometry.source_size[::-1], dtype=bool)
    above[y0:y1, x0:x1] = at_or_above(heat.in_source()[y0:y1, x0:x1], threshold)
    return ndimage.label(above)


def pixels_within(outline, shape: tuple[int, int]) -> np.ndarray:
    """Return which pixels have their centres within a polygon, (h, w) bool."""
    ys, xs = np.indices(shape)
    polygon = Polygon([*outline, outline[0]], closed=True)
    return polygon.contains_points(np.stack([xs.ravel() + 0.5, ys.ravel() + 0.5], axis=1)).reshape(shape)


def distance(corner: tuple[int, int], outline) -> float:
    """Return how far a point is from the nearest edge of a polygon."""
    starts = np.array(outline, dtype=float)
    along = np.roll(starts, -1, axis=0) - starts
    share = np.clip(((corner - starts) * along).sum(axis=1) / (along**2).sum(axis=1), 0, 1)
    return np.sqrt(((starts + share[:, None] * along - corner) ** 2).sum(axis=1)).min()


def two_lungs(left: float = 1.0, right: float = 0.9) -> Heatmap:
    """Return a map that is hot low in both lungs."""
    grid = np.zeros((7, 7))
    grid[5, 1], grid[5, 5] = left, right
    return heatmap(grid, source_size=(280, 280))


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_hull_and_area_are_the_brute_force_ones(threshold):
    for heat in maps_of_all_kinds():
        picture, one = exact_picture(heat)
        above = picture >= Fraction(threshold) * one
        (x0, y0, *_), rows, columns = heat.geometry.crop, *above.nonzero()

        found = extent_of(heat, threshold)

        if not above.any():
            assert found is None
            continue
        assert found.box == (x0 + columns.min(), y0 + rows.min(), x0 + columns.max() + 1, y0 + rows.max() + 1)
        # The film's pixels alone count: under "pad" the square is larger.
        assert found.area == pytest.approx(above.mean(), abs=1e-12)


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_each_region_is_one_of_scipys_with_its_box_area_and_hottest_pixel(threshold):
    for heat in maps_of_all_kinds():
        labels, count = labelled(heat, threshold)
        found = extent_of(heat, threshold)
        if found is None:
            assert count == 0
            continue
        assert found.count == len(found.regions) == count
        x0, y0, x1, y1 = heat.geometry.crop
        values = heat.at(np.arange(labels.shape[1]), np.arange(labels.shape[0]))
        numbers = set()
        for region in found.regions:
            x, y = region.hottest
            number = labels[y, x]
            numbers.add(number)
            of_region = np.where(labels == number, values, -1)
            assert np.unravel_index((of_region >= of_region.max() - 1e-12).argmax(), labels.shape) == (y, x)
            down, across = ndimage.find_objects(labels)[number - 1]
            assert region.box == (across.start, down.start, across.stop, down.stop)
            assert region.area == np.count_nonzero(labels == number) / ((x1 - x0) * (y1 - y0))
        assert len(numbers) == count
        peaks = [values[region.hottest[::-1]] for region in found.regions]
        assert found.regions[0].hottest == heat.hottest
        assert all(one >= other - 1e-12 for one, other in pairwise(peaks))


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_an_outline_without_tolerance_is_the_regions_own_edge_and_with_it_a_pixel_off_at_most(threshold, monkeypatch):
    for heat in maps_of_all_kinds():
        simple = extent_of(heat, threshold)
        monkeypatch.setattr(regions, "_TOLERANCE", 0.0)
        exact = extent_of(heat, threshold)
        monkeypatch.undo()
        labels, _ = labelled(heat, threshold)
        for region, same in zip(exact.regions if exact else (), simple.regions if simple else (), strict=True):
            of_region = labels == labels[region.hottest[::-1]]
            # What is cut off from the outside by pixels that touch at a corner is open to it.
            filled = ndimage.binary_fill_holes(of_region, structure=np.ones((3, 3)))
            assert (pixels_within(region.outline, labels.shape) == filled).all()
            xs, ys = np.array(region.outline).T
            assert (xs * np.roll(ys, -1) - np.roll(xs, -1) * ys).sum() < 0, "counterclockwise, where y is down"
            assert len(same.outline) >= 3
            assert set(same.outline) <= set(region.outline)
            assert max(distance(corner, same.outline) for corner in region.outline) <= 1 + 1e-9


def test_two_lungs_are_two_regions_and_no_box_spans_both():
    found = extent_of(two_lungs(), 0.5)

    # Cells are 40 pixels wide, and a cell's value falls to nothing at its neighbours' centres.
    assert [region.hottest for region in found.regions] == [(59, 219), (219, 219)]
    left, right = found.regions
    assert left.box[2] <= 80 < 200 <= right.box[0]
    assert found.box == (left.box[0], left.box[1], right.box[2], left.box[3])
    assert found.area == pytest.approx(left.area + right.area, abs=1e-12)
    assert left.area > right.area > 0


def test_the_hotter_region_comes_first_and_the_upper_left_one_at_a_tie():
    assert [region.hottest[0] for region in extent_of(two_lungs(0.9, 1.0), 0.5).regions] == [219, 59]
    assert [region.hottest[0] for region in extent_of(two_lungs(1.0, 1.0), 0.5).regions] == [59, 219]


def test_pixels_that_touch_at_a_corner_alone_are_of_two_regions():
    for grid in (np.eye(2), np.eye(2)[::-1]):
        # A cell of one pixel each, so that every value is a pixel's.
        found = extent_of(heatmap(grid, source_size=(2, 2)), 0.6)
        assert found.count == 2
        assert [region.area for region in found.regions] == [0.25, 0.25]
        assert all(len(region.outline) == 4 for region in found.regions)


def test_a_hole_is_no_part_of_a_regions_area_and_its_outline_goes_round_it():
    grid = np.ones((3, 3))
    grid[1, 1] = 0
    (region,) = extent_of(heatmap(grid, source_size=(3, 3)), 0.5).regions
    assert region == Region((0, 0, 3, 3), 8 / 9, (0, 0), region.outline)
    assert set(region.outline) == {(0, 0), (0, 3), (3, 3), (3, 0)}


@pytest.mark.parametrize(("what", "grids"), list(plateaus()), ids=[what for what, _ in plateaus()])
@pytest.mark.parametrize("threshold", [0.4, 0.5, 1.0])
def test_plateaus_make_no_region_by_rounding_alone(what, grids, threshold):
    for side in (35, 48, 97):
        heat = heatmap(*grids, source_size=(side + 7, side))
        found = extent_of(heat, threshold)
        picture, one = exact_picture(heat)
        count = ndimage.label(picture >= Fraction(threshold) * one)[1]
        assert (found.count if found else 0) == count


@pytest.mark.parametrize("side", [50, 97, 1000])
def test_at_one_all_of_a_map_that_is_one_everywhere_is_a_region(side):
    for grids in ((np.ones((7, 7)),), (np.ones((7, 7)), np.ones((16, 16)), np.ones((16, 16)))):
        heat = heatmap(*grids, source_size=(side, side))
        corners = ((0, 0), (0, side), (side, side), (side, 0))
        (region,) = extent_of(heat, 1.0).regions
        assert (region.box, region.area, region.hottest) == ((0, 0, side, side), 1, (0, 0))
        assert set(region.outline) == set(corners)


def test_the_regions_of_a_tall_film_are_put_together_from_all_its_rows():
    grid = np.zeros((7, 7))
    grid[0, 3] = grid[6, 3] = 1
    heat = heatmap(grid, source_size=(1400, 1400))
    above = heat.in_source() >= 0.5

    found = extent_of(heat, 0.5)

    columns = above.any(axis=0).nonzero()[0]
    assert found.box == (columns[0], 0, columns[-1] + 1, 1400)
    assert found.area == above.mean()
    assert [(region.box[1], region.box[3]) for region in found.regions] == [(0, 200), (1200, 1400)]


def test_of_more_regions_than_are_listed_the_hottest_are():
    grid = np.zeros((41, 41))
    grid[::2, ::2] = 0.5 + 0.5 * np.random.default_rng(0).permutation(441).reshape(21, 21) / 440
    heat = heatmap(grid, source_size=(451, 451))  # a pixel lies on each cell's centre
    found = extent_of(heat, 0.45)
    assert (found.count, len(found.regions)) == (441, regions.MOST_LISTED)
    values = [grid[region.hottest[1] // 11, region.hottest[0] // 11] for region in found.regions]
    assert values == sorted(grid.ravel(), reverse=True)[: regions.MOST_LISTED]


def test_an_empty_map_has_no_region_even_at_zero():
    empty = heatmap(np.zeros((7, 7)), np.zeros((16, 16)), source_size=(50, 30))
    assert extent_of(empty, 0.0) is None
    half = extent_of(heatmap(np.zeros((7, 7)), np.ones((16, 16)), source_size=(50, 30)), 0.0)
    assert isinstance(half, Extent)
    assert (half.area, half.count) == (1, 1)


def test_asking_for_regions_leaves_a_map_as_it_was():
    heat = heatmap(random_grid(7, 1), source_size=(90, 80))
    before = heat.grids[0].copy()
    assert extent_of(heat, 0.4).area > extent_of(heat, 0.9).area
    assert extent_of(heat, 0.4) == extent_of(heat, 0.4)
    assert (heat.grids[0] == before).all()
