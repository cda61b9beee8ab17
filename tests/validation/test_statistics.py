"""Statistics against scikit-learn, SciPy, direct sums and what seeded draws cover."""

import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest, norm
from sklearn.metrics import average_precision_score, roc_auc_score

from ensemble_cam.validation import statistics as st


def sample(seed: int, count: int = 80, *, levels: int = 12, apart: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    """Return scores with ties and a truth with both kinds."""
    random = np.random.default_rng(seed)
    positive = random.random(count) < 0.3
    positive[:2] = True, False
    return np.round((random.normal(size=count) + apart * positive) * levels / 4) / levels, positive


@pytest.mark.parametrize("seed", range(20))
def test_areas_are_those_of_scikit_learn_ties_and_all(seed):
    scores, positive = sample(seed)
    assert len(np.unique(scores)) < len(scores)
    assert st.roc_auc(scores, positive) == pytest.approx(roc_auc_score(positive, scores), abs=1e-9)
    expected = average_precision_score(positive, scores)
    assert st.average_precision(scores, positive) == pytest.approx(expected, abs=1e-9)


def test_one_kind_of_film_has_no_area():
    scores = np.arange(4.0)
    for positive in (np.ones(4, bool), np.zeros(4, bool)):
        assert st.roc_auc(scores, positive) is None
        assert st.area(scores, positive) is None
        assert st.delong_variance(scores, positive) is None
    assert st.average_precision(scores, np.zeros(4, bool)) is None


@pytest.mark.parametrize("whole", [1, 7, 30, 400])
def test_clopper_pearson_is_scipys_and_wilson_solves_its_equation(whole):
    for part in {0, 1, whole // 3, whole - 1, whole}:
        expected = binomtest(part, whole).proportion_ci(0.95, "exact")
        assert st.clopper_pearson(part, whole) == pytest.approx((expected.low, expected.high), abs=1e-9)
        z = norm.ppf(0.975)
        for end in st.wilson(part, whole):
            # At each end the share lies z of the end's own standard errors away.
            assert (part / whole - end) ** 2 == pytest.approx(z**2 * end * (1 - end) / whole, abs=1e-12)
    with pytest.raises(ValueError, match="2 of 1 is no share"):
        st.wilson(2, 1)


def test_exact_intervals_cover_at_least_as_often_as_they_say_and_wilsons_as_often_as_it_must():
    for whole in (10, 30, 100):
        exact = [st.clopper_pearson(part, whole) for part in range(whole + 1)]
        scores = [st.wilson(part, whole) for part in range(whole + 1)]
        random = np.random.default_rng(whole)
        for share in (0.1, 0.5, 0.83):
            drawn = random.binomial(whole, share, size=2000)
            assert np.mean([exact[part][0] <= share <= exact[part][1] for part in drawn]) >= 0.945
            inside = [low <= share <= high for low, high in scores]
            own = binom.pmf(np.arange(whole + 1), whole, share)[inside].sum()
            covered = np.mean([inside[part] for part in drawn])
            assert abs(covered - own) <= 3 * math.sqrt(own * (1 - own) / 2000)


def direct_variance(scores: np.ndarray, positive: np.ndarray) -> float:
    """DeLong's variance, pair by pair."""
    high, low = scores[positive], scores[~positive]
    wins = (high[:, None] > low).astype(float) + 0.5 * (high[:, None] == low)
    return wins.mean(axis=1).var(ddof=1) / len(high) + wins.mean(axis=0).var(ddof=1) / len(low)


@pytest.mark.parametrize("seed", range(10))
def test_delongs_variance_is_that_of_all_pairs(seed):
    scores, positive = sample(seed)
    expected = direct_variance(scores, positive)
    assert st.delong_variance(scores, positive) == pytest.approx(expected, rel=1e-12)
    alone = np.random.default_rng(seed).permutation(len(scores))
    assert st.delong_variance(scores, positive, alone) == pytest.approx(expected, rel=1e-12)


def test_films_given_twice_make_nothing_surer_once_they_are_known_to_be_of_one_patient():
    scores, positive = sample(3)
    twice, truth = np.repeat(scores, 2), np.repeat(positive, 2)
    patients = np.repeat(np.arange(len(scores)), 2)
    once = st.delong_variance(scores, positive)
    assert once is not None
    assert st.delong_variance(twice, truth, patients) == pytest.approx(once, rel=1e-9)
    assert st.delong_variance(twice, truth) < 0.6 * once


def test_clustered_variance_is_near_the_patient_wise_bootstraps():
    random = np.random.default_rng(8)
    patients = np.repeat(np.arange(120), 3)
    own = random.normal(size=120)[patients]
    positive = random.random(360) < 0.2 + 0.3 * (own > 0)
    scores = own + random.normal(size=360) + positive
    deviation = math.sqrt(st.delong_variance(scores, positive, patients))
    low, high = st.bootstrap_interval(scores, positive, patients, seed=1, resamples=2000)
    assert deviation == pytest.approx((high - low) / (2 * norm.ppf(0.975)), rel=0.1)
    assert st.bootstrap_interval(scores, positive, patients, seed=1, resamples=2000) == (low, high)


def test_the_bootstrap_counts_ties_half_in_every_draw():
    scores, positive = sample(9, levels=3)
    patients = np.arange(len(scores)) // 2
    count = patients[-1] + 1
    times = np.random.default_rng(7).multinomial(count, np.full(count, 1 / count), size=100)[:, patients]
    drawn = [roc_auc_score(positive, scores, sample_weight=each) for each in times]
    found = st.bootstrap_interval(scores, positive, patients, seed=7, resamples=100)
    assert found == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=1e-9)


@pytest.mark.parametrize("auc", [0.75, 0.9])
def test_delong_on_the_logit_scale_covers(auc):
    random = np.random.default_rng(17)
    apart = math.sqrt(2) * norm.ppf(auc)
    positive = np.arange(60) < 30
    covered = 0
    for _ in range(600):
        low, high = st.area(random.normal(size=60) + apart * positive, positive).interval
        covered += low <= auc <= high
    assert 0.925 <= covered / 600 <= 0.975


def test_a_perfect_area_has_the_exact_bound_and_a_tied_one_has_none():
    positive = np.arange(12) < 5
    perfect = st.area(positive.astype(float), positive)
    assert (perfect.auc, perfect.method) == (1.0, "exact, one-sided")
    # All of five pairs that share no film are in order with a chance of one in twenty at this area.
    assert perfect.interval == (pytest.approx(0.05 ** (1 / 5)), 1.0)
    assert st.area(-positive.astype(float), positive).interval == (0.0, pytest.approx(1 - 0.05 ** (1 / 5)))
    of_two = st.area(positive.astype(float), positive, np.arange(12) // 5)  # positives of one patient alone
    assert of_two.interval == (pytest.approx(0.05), 1.0)
    assert st.area(np.zeros(12), positive) == st.Area(0.5, None, "")


def test_the_exact_bound_covers_where_areas_are_near_one():
    random = np.random.default_rng(2)
    positive = np.arange(40) < 10
    apart = math.sqrt(2) * norm.ppf(0.97)
    found = [st.area(random.normal(size=40) + apart * positive, positive) for _ in range(400)]
    perfect = [each for each in found if each.auc == 1]
    assert len(perfect) > 40
    assert all(each.interval[0] <= 0.97 for each in perfect)


def test_paired_differences_are_those_of_the_covariance_and_mirror():
    one, positive = sample(4)
    other = one + np.random.default_rng(5).normal(size=len(one)) * 0.3
    difference, p = st.delong_difference(one, other, positive)
    assert difference == pytest.approx(roc_auc_score(positive, one) - roc_auc_score(positive, other), abs=1e-9)
    (a, b), (c, d) = st.placements(one, positive), st.placements(other, positive)
    covariance = np.cov(a, c) / len(a) + np.cov(b, d) / len(b)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    assert p == pytest.approx(2 * norm.sf(abs(difference) / math.sqrt(variance)), rel=1e-9)
    assert st.delong_difference(other, one, positive) == (pytest.approx(-difference), pytest.approx(p))
    assert st.delong_difference(one, one * 3, positive) is None


def test_operating_points_do_what_was_asked_and_no_other_threshold_does_better():
    scores, positive = sample(6)
    called = {float(cut): scores >= cut for cut in st.thresholds(scores)}
    sensitivity = {cut: each[positive].mean() for cut, each in called.items()}
    youden = {cut: sensitivity[cut] - each[~positive].mean() for cut, each in called.items()}
    assert youden[st.youden_point(scores, positive)] == max(youden.values())
    assert st.sensitivity_point(scores, positive, 0.8) == max(cut for cut in called if sensitivity[cut] >= 0.8)
    assert st.alert_rate_point(scores, 0.2) == min(cut for cut, each in called.items() if each.mean() <= 0.2)
    assert st.youden_point(np.ones(4), np.arange(4) < 2) is None
    assert st.alert_rate_point(np.array([0.0, 1.0]), 0.4) is None


def test_predictive_values_are_those_of_a_counted_thousand():
    # Of 1,000 films 100 have it: 90 of them are called, and 180 of the 900 others.
    positive, negative = st.predictive_values(0.9, 0.8, 0.1)
    assert (positive, negative) == (pytest.approx(90 / 270), pytest.approx(720 / 730))
    assert st.predictive_values(0.0, 1.0, 0.1) == (None, pytest.approx(0.9))


def test_holms_correction():
    assert st.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert st.holm([0.9, 0.8]) == [1.0, 1.0]
    assert st.holm([]) == []
