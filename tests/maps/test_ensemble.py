import itertools
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from numpy.testing import assert_allclose

from ensemble_cam.film.geometry import Geometry
from ensemble_cam.maps.agreement import agreement
from ensemble_cam.maps.cams import CamMap
from ensemble_cam.maps.ensemble import ensemble_map
from ensemble_cam.maps.regions import extent_of
from ensemble_cam.reviewing.scores import Score, ensemble_score

GEOMETRY = Geometry.framed((90, 77), framing="crop", cells=1)


def cam(classifier: str, grid: np.ndarray) -> CamMap:
    return CamMap.of(np.asarray(grid, np.float32), label="Mass", classifier=classifier, geometry=GEOMETRY)


def random_cam(classifier: str, cells: int, seed: int) -> CamMap:
    return cam(classifier, 5 * np.random.default_rng(seed).uniform(0, 1, (cells, cells)) ** 3)


def empty_cam(classifier: str) -> CamMap:
    return cam(classifier, np.zeros((7, 7)))


EQUAL = {"a": 1.0, "b": 1.0, "c": 1.0}


def test_ensemble_is_the_weighted_mean_of_the_relative_activations():
    maps = [random_cam("a", 7, 1), random_cam("b", 16, 2), random_cam("c", 16, 3)]
    weights = {"a": 2.0, "b": 1.0, "c": 5.0}

    mean = ensemble_map(maps, weights)

    # Each map over its own maximum first, whatever its size; then the mean, in source pixels.
    by_hand = sum(
        weights[one.classifier] * replace(one, grids=(one.grid / one.grid.max(),)).in_source() for one in maps
    )
    assert_allclose(mean.in_source(), by_hand / 8, atol=1e-6)
    assert mean.classifiers == ("a", "b", "c")
    assert mean.empty_classifiers == ()
    assert mean.label == "Mass"


def test_ensemble_is_not_divided_by_its_maximum_again():
    left, right = np.zeros((7, 7)), np.zeros((7, 7))
    left[3, 0], right[3, 6] = 9, 0.001
    mean = ensemble_map([cam("a", left), cam("b", right)], EQUAL)
    # Where two classifiers point at different places, neither place is above a half.
    assert mean.in_source().max() == pytest.approx(0.5)
    assert extent_of(mean, 0.6) is None


def test_ensemble_weights_count_relative_to_one_another():
    maps = [random_cam("a", 7, 1), random_cam("b", 16, 2)]
    small, large = ensemble_map(maps, {"a": 0.1, "b": 0.3}), ensemble_map(maps, {"a": 10, "b": 30})
    assert_allclose(small.in_source(), large.in_source(), atol=1e-6)


def test_empty_maps_count_as_zero_and_are_named():
    full = random_cam("b", 7, 1)
    mean = ensemble_map([empty_cam("a"), full, empty_cam("c")], {"a": 1.0, "b": 2.0, "c": 1.0})
    assert_allclose(mean.in_source(), full.in_source() / 2, atol=1e-6)
    assert mean.classifiers == ("a", "b", "c")
    assert mean.empty_classifiers == ("a", "c")
    assert not mean.empty


def test_classifiers_without_weight_are_left_out():
    maps = [random_cam("a", 7, 1), random_cam("b", 16, 2)]
    mean = ensemble_map(maps, {"a": 0.0, "b": 3.0})
    assert mean.classifiers == ("b",)
    assert_allclose(mean.in_source(), maps[1].in_source(), atol=1e-6)
    assert ensemble_map(maps, {"a": 0.0, "b": 0.0}) is None
    assert ensemble_map([], EQUAL) is None


def test_an_ensemble_of_empty_maps_is_empty():
    mean = ensemble_map([empty_cam("a"), empty_cam("b")], EQUAL)
    assert mean.empty
    assert mean.hottest is None
    assert mean.empty_classifiers == ("a", "b")


def sampled_by_hand(one: CamMap) -> np.ndarray:
    """Return bilinear values at 32×32 points spread evenly over the crop; it is the square, so the grid's own axes."""
    cells = len(one.grid)
    relative = (one.grid / one.grid.max()).astype(np.float64)
    places = np.clip((np.arange(32) + 0.5) / 32 * cells - 0.5, 0, cells - 1)
    along = np.array([np.interp(places, np.arange(cells), row) for row in relative])
    return np.array([np.interp(places, np.arange(cells), column) for column in along.T]).T


@pytest.mark.parametrize("threshold", [0.2, 0.4, 0.61])
@pytest.mark.parametrize("count", [2, 3])
def test_agreement_is_the_mean_over_pairs_of_iou_and_of_scipys_spearman(count, threshold):
    maps = [random_cam("a", 7, 11), random_cam("b", 16, 12), random_cam("c", 16, 13)][:count]

    found = agreement(maps, threshold=threshold)

    values = [sampled_by_hand(one) for one in maps]
    ious, correlations = [], []
    for one, other in itertools.combinations(values, 2):
        both = sum(p >= threshold and q >= threshold for p, q in zip(one.flat, other.flat, strict=True))
        either = sum(p >= threshold or q >= threshold for p, q in zip(one.flat, other.flat, strict=True))
        ious.append(both / either)
        correlations.append(scipy.stats.spearmanr(one.ravel(), other.ravel()).statistic)
    assert found.iou == pytest.approx(np.mean(ious), abs=1e-9)
    assert found.rank_correlation == pytest.approx(np.mean(correlations), abs=1e-6)


def test_agreement_with_itself_is_one_and_with_its_reverse_minus_one():
    ramp = np.add.outer(np.arange(7), 0.01 * np.arange(7))
    same = agreement([cam("a", ramp), cam("b", 40 * ramp)], threshold=0.5)
    assert (same.iou, same.rank_correlation) == (pytest.approx(1), pytest.approx(1))
    against = agreement([cam("a", ramp), cam("b", ramp.max() - ramp)], threshold=0.5)
    assert against.iou < 0.05
    assert against.rank_correlation == pytest.approx(-1)


def test_there_is_no_agreement_below_two_maps():
    assert agreement([], threshold=0.4) is None
    assert agreement([random_cam("a", 7, 1)], threshold=0.4) is None


def test_empty_and_constant_maps_agree_with_nothing():
    some = random_cam("a", 7, 1)
    with_empty = agreement([some, empty_cam("b")], threshold=0.4)
    assert (with_empty.iou, with_empty.rank_correlation) == (0, None)
    # An empty map has no region, even at 0, where every other map has all of the crop.
    assert agreement([some, empty_cam("b")], threshold=0.0).iou == 0
    both_empty = agreement([empty_cam("a"), empty_cam("b")], threshold=0.0)
    assert (both_empty.iou, both_empty.rank_correlation) == (None, None)
    constant = agreement([some, cam("b", np.ones((7, 7)))], threshold=0.0)
    assert (constant.iou, constant.rank_correlation) == (1, None)


CALIBRATED, BARE = True, False


@pytest.mark.parametrize(
    ("scores", "weights", "expected"),
    [
        ({"a": (0.2, CALIBRATED)}, {"a": 1}, (0.2, CALIBRATED)),
        ({"a": (0.2, CALIBRATED), "b": (0.6, CALIBRATED)}, {"a": 1, "b": 1}, (0.4, CALIBRATED)),
        ({"a": (0.2, CALIBRATED), "b": (0.6, CALIBRATED)}, {"a": 1, "b": 3}, (0.5, CALIBRATED)),
        ({"a": (0.2, CALIBRATED), "b": (0.6, CALIBRATED)}, {"a": 0.1, "b": 0.3}, (0.5, CALIBRATED)),
        # An uncalibrated score counts only where no other classifier knows the label.
        ({"a": (0.2, CALIBRATED), "b": (0.9, BARE)}, {"a": 1, "b": 9}, (0.2, CALIBRATED)),
        ({"b": (0.9, BARE)}, {"a": 1, "b": 9}, (0.9, BARE)),
        ({"b": (0.9, BARE), "c": (0.6, BARE)}, {"a": 1, "b": 2, "c": 1}, (0.8, BARE)),
        # A classifier with weight 0 is shown and not counted.
        ({"a": (0.2, CALIBRATED), "b": (0.6, CALIBRATED)}, {"a": 1, "b": 0}, (0.2, CALIBRATED)),
        ({"a": (0.2, CALIBRATED), "b": (0.9, BARE)}, {"a": 0, "b": 1}, (0.9, BARE)),
        ({"a": (0.2, CALIBRATED)}, {"a": 0}, None),
        ({}, {"a": 1}, None),
    ],
)
def test_a_findings_score_is_the_one_of_the_table(scores, weights, expected):
    got = ensemble_score({id: Score(*score) for id, score in scores.items()}, weights)
    if expected is None:
        assert got is None
    else:
        assert got.value == pytest.approx(expected[0], abs=1e-12)
        assert got.calibrated is expected[1]
