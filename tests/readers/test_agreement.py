"""Agreement of raters, beside scikit-learn, statsmodels and SciPy."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score, recall_score
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.inter_rater import fleiss_kappa as their_fleiss_kappa

from ensemble_cam.readers.agreement import cohen_kappa, comparisons, fleiss_kappa


def raters(seed: int, films: int, count: int, skill: float) -> np.ndarray:
    """(films, raters) of truth values: the film's own, or a guess."""
    random = np.random.default_rng(seed)
    truth = random.random(films) < 0.4
    return np.where(random.random((films, count)) < skill, truth[:, None], random.random((films, count)) < 0.5)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("films", "skill"), [(12, 0.3), (60, 0.6), (400, 0.9)])
def test_cohen_kappa_and_its_interval_are_those_of_others(seed, films, skill):
    one, other = raters(seed, films, 2, skill).T

    found = cohen_kappa(one.tolist(), other.tolist())

    table = np.zeros((2, 2))
    np.add.at(table, (one.astype(int), other.astype(int)), 1)
    theirs = cohens_kappa(table)
    assert found.value == pytest.approx(cohen_kappa_score(one, other), abs=1e-12)
    assert found.value == pytest.approx(theirs.kappa, abs=1e-12)
    if found.interval is not None:
        low, high = max(-1, theirs.kappa_low), min(1, theirs.kappa_upp)
        assert found.interval == pytest.approx((low, high), abs=1e-9)
    else:
        assert theirs.std_kappa == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_fleiss_kappa_is_that_of_statsmodels(seed):
    answers = raters(seed, 50, 5, 0.6)
    there = answers.sum(axis=1)
    found = fleiss_kappa(answers)
    assert found.value == pytest.approx(their_fleiss_kappa(np.stack([there, 5 - there], axis=1)), abs=1e-12)
    assert found.interval[0] < found.value < found.interval[1]


def test_interval_of_fleiss_kappa_covers_as_often_as_it_says():
    there = raters(0, 200_000, 3, 0.7).sum(axis=1)
    truth = their_fleiss_kappa(np.stack([there, 3 - there], axis=1))
    intervals = [fleiss_kappa(raters(n, 60, 3, 0.7)).interval for n in range(100)]
    covered = sum(low <= truth <= high for low, high in intervals)
    assert covered >= 90  # of 95 that are meant; 2.3 standard deviations fewer


@pytest.mark.parametrize(("one", "other"), [([], []), ([True, True], [True, True]), ([False], [False])])
def test_kappa_is_not_defined_where_chance_agrees_on_all(one, other):
    assert cohen_kappa(one, other) is None
    if one:
        assert fleiss_kappa(np.array([one, other]).T) is None


def test_kappa_of_raters_who_agree_on_everything_has_no_interval():
    found = cohen_kappa([True, False, True], [True, False, True])
    assert (found.value, found.interval) == (1, None)


@pytest.mark.parametrize("seed", range(5))
def test_sensitivity_and_specificity_of_every_pair_are_those_of_others(seed):
    answers = raters(seed, 40, 3, 0.7)
    films = [f"film {n}" for n in range(40)]
    by_rater = {name: dict(zip(films, answers[:, n].tolist(), strict=True)) for n, name in enumerate("abc")}
    del by_rater["b"]["film 3"]  # is left out of every pair with b

    found = {(each.rater, each.against): each for each in comparisons("Mass", by_rater)}

    assert set(found) == {(one, other) for one in "abc" for other in "abc" if one != other}
    for (one, other), each in found.items():
        common = [film for film in films if film in by_rater[one] and film in by_rater[other]]
        said, true = [by_rater[one][film] for film in common], [by_rater[other][film] for film in common]
        assert each.films == len(common) == (39 if "b" in (one, other) else 40)
        assert each.agreed == sum(map(bool.__eq__, said, true))
        assert each.sensitivity.value == pytest.approx(recall_score(true, said))
        assert each.specificity.value == pytest.approx(recall_score(true, said, pos_label=False))
        for share in (each.sensitivity, each.specificity):
            their = binomtest(share.part, share.whole).proportion_ci(method="wilson")
            assert share.wilson == pytest.approx((their.low, their.high), abs=1e-9)
