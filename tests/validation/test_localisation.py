"""Maps and calls are judged by a truth whose place, size and count are known on paper."""

import itertools

import numpy as np
import pytest

from ensemble_cam.film.geometry import Geometry
from ensemble_cam.maps.cams import CamMap
from ensemble_cam.maps.ensemble import ensemble_map
from ensemble_cam.maps.heatmap import Heatmap
from ensemble_cam.validation.localisation import Calls, area_under_curve, grown, judge, points_at, seen_part


def one_cell(x: int, y: int, *, size=(100, 100), cells: int = 10, framing: str = "crop") -> Heatmap:
    """A map with a single hot cell."""
    grid = np.zeros((cells, cells), np.float32)
    grid[y, x] = 1
    return Heatmap("Mass", Geometry.framed(size, framing=framing, cells=cells), (grid,), (1.0,))


def box(size, x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros(size[::-1], bool)
    mask[y0:y1, x0:x1] = True
    return mask


def steps(size, *, at: int) -> Heatmap:
    """A map that is 1 left of column `at` and 0 from there on, without a slope between."""
    grid = np.zeros((size, size), np.float32)
    grid[:, :at] = 1
    return Heatmap("Mass", Geometry.framed((size, size), framing="crop", cells=size), (grid,), (1.0,))


def test_the_iou_of_two_rectangles_is_their_shared_area_over_the_joint_one():
    # Region: columns 0 to 19 of 60 rows; truth: columns 10 to 39 of the upper 30 rows.
    judged = judge(steps(60, at=20), box((60, 60), 10, 0, 40, 30))
    assert judged.iou == pytest.approx((10 * 30) / (20 * 60 + 30 * 30 - 10 * 30))
    assert not judged.empty


def test_the_region_grows_as_the_threshold_falls_to_the_whole_crop():
    heatmap, mask = one_cell(4, 4), box((100, 100), 40, 40, 50, 50)
    # Bilinear around its centre at 44.5: at or above t where (1 - |dx|/10)(1 - |dy|/10) >= t.
    away = np.abs(np.arange(100) - 44.5) / 10
    values = np.clip(1 - away, 0, None)[:, None] * np.clip(1 - away, 0, None)
    for threshold in (0.25, 0.5, 0.75):
        region = values >= threshold
        expected = (region & mask).sum() / (region | mask).sum()
        assert judge(heatmap, mask, threshold=threshold).iou == pytest.approx(expected)
    assert judge(heatmap, mask, threshold=0.0).iou == pytest.approx(100 / 10_000)


def test_the_hottest_pixel_hits_within_the_tolerance_of_the_films_width_and_no_further():
    heatmap = one_cell(2, 6)  # its four middle pixels are equally hot, the first of them is (24, 64)
    assert heatmap.hottest == (24, 64)
    for distance, hit in ((0, True), (4, True), (5, True), (6, False)):
        assert judge(heatmap, box((100, 100), 24 + distance, 64, 60, 65)).hit is hit
    assert judge(heatmap, box((100, 100), 30, 64, 60, 65), tolerance=0.06).hit
    assert not judge(heatmap, box((100, 100), 25, 64, 60, 65), tolerance=0.0).hit


def test_a_mirrored_transposed_or_shifted_truth_is_missed():
    heatmap = one_cell(2, 6)
    mask = box((100, 100), 20, 60, 30, 70)
    assert judge(heatmap, mask).hit
    for wrong in (mask[:, ::-1], mask[::-1], mask.T, np.roll(mask, 15, axis=1)):
        judged = judge(heatmap, wrong)
        assert not judged.hit
        assert judged.iou < judge(heatmap, mask).iou


def test_what_points_at_a_mask_is_the_mask_grown_by_a_disc():
    random = np.random.default_rng(3)
    mask = random.random((40, 60)) > 0.99
    for tolerance in (0.0, 0.05, 0.1):  # 0.1 × 60 = 6: some pixels are exactly that far
        disc = grown(mask, tolerance=tolerance)
        each = [[points_at((x, y), mask, tolerance=tolerance) for x in range(60)] for y in range(40)]
        assert np.array_equal(disc, each)
    assert grown(mask, tolerance=0.0).sum() == mask.sum()
    lone = box((60, 60), 30, 30, 31, 31)
    ys, xs = np.mgrid[0:60, 0:60]
    assert np.array_equal(grown(lone, tolerance=0.1), np.hypot(xs - 30, ys - 30) <= 6)
    assert not grown(np.zeros((20, 20), bool)).any()
    assert not points_at((3, 3), np.zeros((20, 20), bool))


def test_an_empty_map_is_a_miss_with_no_overlap_and_is_told_apart():
    empty = Heatmap("Mass", Geometry.framed((50, 50), framing="crop", cells=5), (np.zeros((5, 5), np.float32),), (1.0,))
    judged = judge(empty, np.ones((50, 50), bool), threshold=0.0)
    assert (judged.hit, judged.iou, judged.empty) == (False, 0.0, True)


def test_truth_outside_the_crop_counts_neither_for_nor_against_a_map():
    size = (100, 60)  # the crop is the columns 20 to 79
    heatmap = one_cell(0, 3, size=size, cells=6)
    assert heatmap.geometry.crop == (20, 0, 80, 60)
    inside = box(size, 20, 30, 30, 40)
    across = box(size, 0, 30, 30, 40)
    assert judge(heatmap, across) == judge(heatmap, inside)
    assert judge(heatmap, box(size, 0, 0, 20, 60)) is None  # beside the hot cell, within the tolerance even
    assert np.array_equal(seen_part(heatmap, across), inside)
    # Padded, the whole film is seen.
    whole = one_cell(0, 3, size=size, cells=10, framing="pad")
    assert judge(whole, box(size, 0, 0, 20, 60)) is not None


@pytest.mark.parametrize("size", [(120, 90), (90, 120), (101, 100)])
def test_a_cell_of_a_film_that_is_no_square_hits_where_it_lies_in_source_pixels(size):
    cells = 9
    x0, y0, x1, _ = Geometry.framed(size, framing="crop", cells=cells).crop
    step = (x1 - x0) / cells
    for x, y in ((0, 0), (8, 0), (2, 7), (8, 8)):
        left, top = round(x0 + x * step), round(y0 + y * step)
        mask = box(size, left, top, round(left + step), round(top + step))
        judged = judge(one_cell(x, y, size=size, cells=cells), mask)
        assert judged.hit
        assert judged.iou > 0.35
        assert not judge(one_cell((x + 4) % 9, y, size=size, cells=cells), mask).hit


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"\(60, 100\).*\(100, 100\)"):
        judge(one_cell(1, 1), np.ones((60, 100), bool))


def test_an_ensemble_is_judged_by_its_mean():
    geometry = Geometry.framed((100, 100), framing="crop", cells=10)
    grids = [np.zeros((10, 10), np.float32) for _ in range(2)]
    grids[0][2, 2] = grids[1][7, 7] = 1
    maps = [CamMap.of(g, label="Mass", classifier=str(i), geometry=geometry) for i, g in enumerate(grids)]
    first, second = box((100, 100), 20, 20, 30, 30), box((100, 100), 70, 70, 80, 80)
    mean = ensemble_map(maps, {"0": 3.0, "1": 1.0})
    assert judge(mean, first).hit
    assert not judge(mean, second).hit
    # Of the second map 0.25 is left: no pixel of it reaches 0.5, and of the first 0.75 × its value has to.
    assert judge(mean, second).iou == 0
    assert judge(mean, first).iou == pytest.approx(judge(maps[0], first, threshold=0.5 / 0.75).iou)


def test_the_area_under_the_curve_counts_pairs_in_the_right_order_and_ties_half():
    scores, planted = [0.1, 0.4, 0.35, 0.8], [False, False, True, True]
    assert area_under_curve(scores, planted) == pytest.approx(0.75)
    assert area_under_curve([1, 1, 1, 1], planted) == pytest.approx(0.5)
    assert area_under_curve([0, 0, 1, 1], planted) == pytest.approx(1.0)
    assert area_under_curve([1, 1, 0, 0], planted) == pytest.approx(0.0)
    assert area_under_curve([1, 2], [True, True]) is None
    assert area_under_curve([1, 2], [False, False]) is None
    random = np.random.default_rng(0)
    scores, planted = random.integers(0, 9, 80), random.random(80) < 0.3
    pairs = list(itertools.product(scores[planted], scores[~planted]))
    expected = sum((one > other) + (one == other) / 2 for one, other in pairs) / len(pairs)
    assert area_under_curve(scores, planted) == pytest.approx(expected)


def test_calls_add_up_to_sensitivity_and_specificity():
    outcomes = [(True, True)] * 3 + [(False, True)] + [(True, False)] * 2 + [(False, False)] * 6
    calls = sum((Calls.of(called=called, planted=planted) for called, planted in outcomes), Calls())
    assert calls == Calls(3, 1, 2, 6)
    assert (calls.sensitivity, calls.specificity) == (3 / 4, 6 / 8)
    assert (calls.right, calls.count) == (9, 12)
    assert Calls().sensitivity is None
    assert Calls().specificity is None
