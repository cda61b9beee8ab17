"""Calibration against scikit-learn and SciPy, and votes that are counted on paper."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss

from ensemble_cam.validation.calibration import (
    LEAST_FOR_ISOTONIC,
    brier,
    calibration_record,
    isotonic,
    net_benefit,
    platt,
    reliability,
)
from ensemble_cam.validation.votes import contradicted, votes_record


def drawn(count: int, seed: int = 0, slope: float = 0.5, offset: float = -1.0):
    """Logits whose true probability is sigmoid(slope · logit + offset)."""
    random = np.random.default_rng(seed)
    logits = random.normal(1, 3, count)
    return logits, random.random(count) < 1 / (1 + np.exp(-(slope * logits + offset)))


@pytest.mark.parametrize("scale", [1, 40])
def test_platt_is_the_maximum_of_the_likelihood_of_his_targets(scale):
    logits, positive = drawn(200)
    logits = scale * logits
    count = positive.sum()
    targets = np.where(positive, (count + 1) / (count + 2), 1 / (200 - count + 2))

    def loss(found):
        values = found[0] * logits / scale + found[1]
        return (np.logaddexp(0, values) - targets * values).sum()

    expected = minimize(loss, [0, 0], tol=1e-12).x
    slope, offset = platt(logits, positive)
    assert_allclose([slope * scale, offset], expected, atol=1e-4)
    # Films that are parted wholly have a finite fit.
    assert np.isfinite(platt(np.arange(10.0), np.arange(10) > 4)).all()


def test_the_true_curve_is_found_back():
    logits, positive = drawn(20_000)
    assert_allclose(platt(logits, positive), (0.5, -1.0), atol=0.06)


def test_isotonic_is_scikit_learns():
    logits, positive = drawn(300, seed=3)
    logits = np.round(logits, 1)  # ties
    places, shares = isotonic(logits, positive)
    assert (np.diff(shares) >= 0).all()
    expected = IsotonicRegression(out_of_bounds="clip").fit(logits, positive)
    assert_allclose(np.interp(logits, places, shares), expected.predict(logits), atol=1e-12)


def test_brier_reliability_and_net_benefit():
    logits, positive = drawn(100, seed=4)
    shares = 1 / (1 + np.exp(-logits))
    assert brier(shares, positive) == pytest.approx(brier_score_loss(positive, shares))
    parts = reliability(shares, positive)
    assert (len(parts), sum(part["n"] for part in parts)) == (10, 100)
    assert [part["expected"] for part in parts] == sorted(part["expected"] for part in parts)
    lowest = positive[np.argsort(shares)[:10]]
    assert parts[0]["observed"] == pytest.approx(lowest.mean())
    assert reliability(shares[:4], positive[:4]) == []
    called, true = np.array([1, 1, 1, 0, 0], bool), np.array([1, 1, 0, 1, 0], bool)
    assert net_benefit(called, true, 0.2) == pytest.approx(2 / 5 - 1 / 5 * 0.25)


def test_record_is_fitted_on_one_half_and_judged_on_the_other():
    logits, positive = drawn(800)
    on = np.arange(800) % 2 == 0
    record = calibration_record(logits, positive, on, ~on)
    slope, offset = platt(logits[on], positive[on])
    assert record["platt"]["slope"] == pytest.approx(slope, abs=1e-6)
    judged = 1 / (1 + np.exp(-(slope * logits[~on] + offset)))
    assert record["platt"]["brier"] == pytest.approx(brier_score_loss(positive[~on], judged), abs=1e-6)
    assert record["platt"]["brier"] < record["uncalibrated"]["brier"]
    assert record["platt"]["brier"] < record["constant"]["brier"]
    assert record["isotonic"]["brier"] == pytest.approx(record["platt"]["brier"], abs=0.02)
    changed = positive.copy()
    changed[~on] = ~changed[~on]
    assert calibration_record(logits, changed, on, ~on)["platt"]["slope"] == record["platt"]["slope"]


def test_few_films_have_no_isotonic_curve_and_fewer_no_calibration():
    logits, positive = drawn(120)
    on = np.arange(120) % 2 == 0
    some = calibration_record(logits, positive, on, ~on)
    assert some["platt"] is not None
    assert (some["isotonic"], some["reason"]) == (
        None,
        f"isotonic: fewer than {LEAST_FOR_ISOTONIC} films of a kind to fit",
    )
    on = np.zeros(120, bool)
    on[np.flatnonzero(positive)[:4]] = on[np.flatnonzero(~positive)[:20]] = True
    none = calibration_record(logits, positive, on, ~on)
    assert (none["platt"], none["isotonic"]) == (None, None)
    assert none["reason"].startswith("fewer than 5 films of a kind")


def test_votes_are_counted_where_classifiers_split_and_where_they_do_not():
    called = {"a": np.array([1, 1, 0, 0, 1, 0], bool), "b": np.array([1, 0, 0, 1, 1, 0], bool)}
    positive, mean = np.array([1, 1, 0, 0, 0, 1], bool), np.array([1, 0, 0, 0, 1, 0], bool)
    record = votes_record(called, mean, positive)
    assert (record["split"]["n"], record["split"]["wrong"]) == (2, 1)
    assert (record["unanimous"]["n"], record["unanimous"]["wrong"]) == (4, 2)
    assert record["split"]["interval"][0] < 0.5 < record["split"]["interval"][1]
    assert contradicted(called, positive).tolist() == [False, False, False, False, True, True]
    assert votes_record({"a": called["a"]}, mean, positive)["split"] is None
    assert not contradicted({"a": called["a"]}, ~called["a"]).any()
