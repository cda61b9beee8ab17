"""Measures of a map against the packages that have them, closed forms and planted truths."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from pytorch_grad_cam.metrics.road import NoisyLinearImputer, ROADCombined
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn

from ensemble_cam.errors import Cancelled, ClassifierError
from ensemble_cam.maps.cams import expose
from ensemble_cam.settings.metrics import BASELINES, FAITHFULNESS, METRICS
from ensemble_cam.validation import faithfulness
from ensemble_cam.validation.faithfulness import (
    ROAD_SHARES,
    SHARES,
    baseline,
    deletion,
    entropy,
    exchanged,
    focus,
    imputed,
    insertion,
    measure_map,
    on_pixels,
    order,
    road,
    through,
)
from ensemble_cam.validation.imputation import impute
from ensemble_cam.validation.shown import Shown, shown_to
from support.networks import bright_classifier, smooth_film

SIDE = 64


class Weighted(nn.Module):
    """Two logits, each a weighted mean of the film's pixels."""

    def __init__(self, *weights: np.ndarray):
        super().__init__()
        self.weights = torch.tensor(np.stack(weights)).float()

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.einsum("nchw,ohw->no", pixels, self.weights)


def film(channels: int = 1, seed: int = 0, side: int = SIDE) -> np.ndarray:
    return np.concatenate([smooth_film(side, seed=seed + each)[0].numpy() for each in range(channels)])


def as_shown(pixels: np.ndarray, module: nn.Module, inside: np.ndarray | None = None) -> Shown:
    def logits(pictures: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return module(torch.from_numpy(pictures)).double().numpy()

    def score(found: np.ndarray, output: int) -> np.ndarray:
        return 1 / (1 + np.exp(-found[:, output]))

    limits = np.full((1, 1, 1), -1024, np.float32), np.full((1, 1, 1), 1024, np.float32)
    return Shown(pixels, logits, score, np.ones(pixels.shape[1:], bool) if inside is None else inside, limits)


def spot(row: int, column: int, radius: int = 10, side: int = SIDE) -> np.ndarray:
    ys, xs = np.mgrid[:side, :side]
    return (np.hypot(ys - row, xs - column) <= radius).astype(np.float32)


def smooth_map(seed: int, cells: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).random((cells, cells), np.float32)


@pytest.mark.parametrize("side", [SIDE, 75])  # an odd one halves to 38, 19, 10, 5
@pytest.mark.parametrize("least", [False, True])
@pytest.mark.parametrize("zeros", [0.0, 0.6])
def test_imputed_films_are_those_of_grad_cam_with_its_noise_set_to_0(side, least, zeros):
    pixels = film(2, side=side)
    grid = smooth_map(3)
    grid = np.maximum(grid - np.quantile(grid, zeros), 0)
    shown = as_shown(pixels, Weighted(np.ones((side, side))))
    first = order(on_pixels(grid, shown), shown.inside)
    first = first[::-1] if least else first
    theirs = NoisyLinearImputer(noise=0)
    for share, ours in zip(ROAD_SHARES, imputed(shown, first, noise=0), strict=True):
        kept = np.ones(side * side, np.float32)
        kept[first[: round(share * len(first))]] = 0
        expected = theirs(torch.from_numpy(pixels), torch.from_numpy(kept.reshape(side, side))).numpy()
        assert np.abs(ours - expected).max() <= 1e-3 * pixels.std()
        assert_array_equal(ours[:, kept.reshape(side, side) > 0], pixels[:, kept.reshape(side, side) > 0])


def test_noise_is_a_share_of_the_films_spread_and_the_same_for_the_same_seed():
    shown = as_shown(film(), Weighted(np.ones((SIDE, SIDE))))
    first = order(on_pixels(smooth_map(3), shown), shown.inside)
    (plain, *_), (noisy, *_), (again, *_), (other, *_) = (
        list(imputed(shown, first, noise=noise, seed=seed)) for noise, seed in ((0, 0), (0.5, 0), (0.5, 0), (0.5, 1))
    )
    removed = np.zeros(SIDE * SIDE, bool)
    removed[first[: round(ROAD_SHARES[0] * SIDE * SIDE)]] = True
    added = (noisy - plain).ravel()
    assert added[removed].std() == pytest.approx(0.5 * shown.pixels.std(), rel=0.1)
    assert not added[~removed].any()
    assert_array_equal(noisy, again)
    assert (noisy != other).any()


def test_film_of_which_nothing_or_all_is_removed():
    pixels = film()
    assert_array_equal(impute(pixels, np.zeros((SIDE, SIDE), bool)), pixels)
    assert_allclose(impute(pixels, np.ones((SIDE, SIDE), bool)), pixels.mean(), rtol=1e-5)


def test_deletion_is_pixel_flipping():
    """By the formula of quantus' PixelFlipping with softmax=False, abs=False, normalise=False, and a number to flip to.

    Run once beside quantus 0.6.0 itself: .000001. Its `perturb_baseline="mean"` is another thing, the mean of what the
    film has become so far. It is no dependency, as it brings opencv-python over opencv-python-headless.
    """
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 4, 5, stride=3), nn.Tanh(), nn.Flatten(), nn.Linear(4 * 20 * 20, 3)).eval()
    pixels, attribution = film(), np.random.default_rng(2).random((SIDE, SIDE)).astype(np.float32)
    shown = as_shown(pixels, module)
    curve = deletion(shown, 1, order(attribution / attribution.max(), shown.inside), to="mean")

    flipped, expected, ranked, done = pixels.ravel().copy(), [], np.argsort(-attribution.ravel()), 0
    for share in SHARES:
        count = round(share * ranked.size)
        flipped[ranked[done:count]] = pixels.mean()
        done = count
        with torch.no_grad():
            expected.append(float(module(torch.from_numpy(flipped.reshape(1, 1, SIDE, SIDE)))[0, 1]))
    assert_allclose(curve.logits, expected, atol=1e-3)
    assert_allclose(curve.scores, 1 / (1 + np.exp(-curve.logits)))
    assert curve.area == pytest.approx(
        sum((b - a) * (y + z) / 2 for a, b, y, z in zip(SHARES, SHARES[1:], expected, expected[1:], strict=False)),
        abs=1e-3,
    )
    assert np.ptp(expected) > 0.1  # which is not the same number fourteen times


@pytest.mark.parametrize("name", ["mean", "blurred"])
def test_insertion_is_deletion_with_film_and_baseline_exchanged(name):
    shown = as_shown(film(), nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, 2)).eval())
    first = order(on_pixels(smooth_map(5), shown), shown.inside)
    turned = as_shown(baseline(shown, name), nn.Identity())
    turned = replace(turned, logits=shown.logits, score=shown.score)
    there, back = insertion(shown, 1, first, on=name), deletion(turned, 1, first, to=shown.pixels)
    assert_allclose(there.logits, back.logits, atol=1e-6)
    assert there.area == pytest.approx(back.area, abs=1e-6)
    assert there.logits[-1] == pytest.approx(shown.whole[0, 1], rel=1e-5)  # rounded otherwise in a batch


def test_planted_truth_is_ordered_rightly_where_most_of_its_map_is_0_and_grad_cams_road_turns_it_round():
    """A film darker than 0, on which a whole film taken away is brighter than the spot that the network looks at."""
    place = spot(20, 40)
    pixels = (np.full((SIDE, SIDE), -300, np.float32) + 100 * place)[None]
    module = Weighted(place / place.sum(), np.zeros_like(place))
    shown = as_shown(pixels, module)
    near = cv2.GaussianBlur(place, (0, 0), 3)
    right = np.maximum(near - np.quantile(near, 0.6), 0)
    assert (right == 0).mean() >= 0.6
    wrong = np.random.default_rng(1).random((SIDE, SIDE)).astype(np.float32)

    def ours(values: np.ndarray) -> float:
        return measure_map(shown, 0, values, ["road"]).values["road"]

    def theirs(values: np.ndarray) -> float:
        scaled = (values / values.max())[None]
        return float(ROADCombined()(torch.from_numpy(pixels)[None], scaled, [ClassifierOutputTarget(0)], module)[0])

    assert ours(right) > 40 > ours(wrong) + 20
    assert theirs(right) < -20 < theirs(wrong) - 5


def test_road_is_the_closed_form_on_a_film_of_one_grey_beside_a_spot():
    place = spot(20, 40)
    pixels = (100 * place)[None]
    shown = as_shown(pixels, Weighted(place / place.sum()))
    values = measure_map(shown, 0, place, ["road", "road_most", "road_least", "focus"]).values
    # A spot of 8 % is gone at every share, and is drawn as the grey around it; of the rest nothing is seen.
    assert values["road_most"] == pytest.approx(-100, abs=1)
    assert values["road_least"] == pytest.approx(0, abs=0.5)
    assert values["road"] == pytest.approx(50, abs=1)
    assert list(values) == ["road_most", "road_least", "road", "focus"]
    assert values["focus"] == pytest.approx(place.mean() / 2, abs=1 / SIDE**2)
    assert road(shown, 0, order(place, shown.inside)).baseline == "imputed"


def test_equal_values_go_in_an_order_of_the_seed_and_the_order_holds_the_film_alone():
    values, inside = spot(20, 40), np.ones((SIDE, SIDE), bool)
    inside[:, :8] = False
    first, again, other = (order(values, inside, seed=seed) for seed in (0, 0, 1))
    hot = int(values.sum())
    assert set(first[:hot]) == set(np.flatnonzero(values.ravel()))
    assert sorted(first) == np.flatnonzero(inside).tolist()
    assert_array_equal(first, again)
    assert (first != other).any()
    # Ties lie all over the film, not row by row.
    assert np.abs(np.diff(first[hot : hot + 200])).mean() > SIDE * 8
    kept = list(exchanged(first, (0.0, 1.0), np.ones((1, SIDE, SIDE)), np.zeros((1, SIDE, SIDE))))[-1]
    assert_array_equal(kept[0] > 0, ~inside)


@pytest.mark.parametrize("grid", [np.zeros((7, 7)), np.full((7, 7), 0.3)])
def test_map_that_is_the_same_everywhere_is_refused(grid):
    shown = as_shown(film(), Weighted(np.ones((SIDE, SIDE))))
    with pytest.raises(ClassifierError, match="the same everywhere"):
        measure_map(shown, 0, grid.astype(np.float32), METRICS)


def test_drop_and_increase_are_of_the_film_seen_through_the_map():
    place = spot(20, 40)
    pixels = (np.full((SIDE, SIDE), -2, np.float32) + 4 * place)[None]
    shown = as_shown(pixels, Weighted(place / place.sum(), -place / place.sum()))
    mean = float(pixels.mean())
    seen_half = mean + (2 - mean) / 2
    values = np.maximum(place / 2, spot(50, 10))
    found = through(shown, 0, values)
    before, after = (1 / (1 + np.exp(-each)) for each in (2.0, seen_half))
    assert found["drop_logit"] == pytest.approx(2 - seen_half, rel=1e-4)
    assert found["drop_score"] == pytest.approx(before - after, rel=1e-4)
    assert found["average_drop"] == pytest.approx((before - after) / before, rel=1e-4)
    assert found["increase"] == 0
    against = through(shown, 1, values)
    assert (against["increase"], against["average_drop"]) == (1, 0)
    assert against["drop_logit"] < 0


def test_focus_and_entropy_of_maps_whose_values_are_known():
    inside, flat = np.ones((10, 10), bool), np.ones((10, 10), np.float32)
    point = np.zeros((10, 10), np.float32)
    point[3, 4] = 1
    assert (focus(flat, inside), entropy(flat, inside)) == (0.5, pytest.approx(1))
    assert (focus(point, inside), entropy(point, inside)) == (0.01, 0)
    ten = np.zeros((10, 10), np.float32)
    ten[3] = 1
    assert (focus(ten, inside), entropy(ten, inside)) == (pytest.approx(0.05), pytest.approx(0.5))
    assert focus(ten, np.eye(10, dtype=bool) | (ten > 0)) == pytest.approx(5 / 19)


def test_whole_film_is_run_once_and_changed_films_in_batches(monkeypatch):
    classifier = bright_classifier(input_size=SIDE)
    batches = []

    def backbone(pixels: np.ndarray, run=classifier.backbone) -> np.ndarray:
        batches.append(len(pixels))
        return run(pixels)

    object.__setattr__(classifier, "backbone", backbone)
    pixels = film()[None]
    shown = shown_to(classifier, pixels)
    grid = expose(classifier, pixels).activation[0, 0]
    batches.clear()
    told: list[float] = []
    for _ in range(2):
        found = measure_map(shown, 0, grid, METRICS, step=told.append)
    assert batches == [14, 14, 9, 9, 1, 1, 14, 14, 9, 9, 1]
    assert list(found.values) == list(FAITHFULNESS)
    assert told[:6] == [0, 0.2, 0.4, 0.6, 0.8, 1]
    # Its map is exact, and beats one that is turned round.
    turned = measure_map(shown, 0, grid.max() - grid, METRICS).values
    assert found.values["deletion"] < turned["deletion"]
    assert found.values["insertion"] > turned["insertion"]
    assert found.values["road"] > 0 > turned["road"]

    def stop(share: float) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        measure_map(shown, 0, grid, METRICS, step=stop)


def test_every_metric_and_baseline_says_what_it_hides():
    for each in METRICS.values():
        assert each.hides.lower() in each.line.lower()
        assert each.source
    assert all(each.hides.endswith(".") for each in BASELINES.values())
    assert {faithfulness.DELETION_BASELINE, faithfulness.INSERTION_BASELINE} < set(BASELINES)
