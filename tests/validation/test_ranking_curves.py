"""ROC and precision-recall curves, beside scikit-learn's."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import precision_recall_curve, roc_curve

from ensemble_cam.validation.ranking_curves import curves_html, precision_recall, roc
from ensemble_cam.validation.statistics import average_precision, called_counts, roc_auc


def drawn(seed: int, count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Scores with many ties, and which films are positive."""
    random = np.random.default_rng(seed)
    positive = random.random(count) < 0.3
    positive[:2] = True, False
    return np.round(random.normal(size=count) + positive, 1), positive


@pytest.mark.parametrize("seed", range(5))
def test_curves_are_scikit_learns(seed):
    scores, positive = drawn(seed)
    alerts, found, _ = roc_curve(positive, scores, drop_intermediate=False)
    assert_allclose(np.array(roc(scores, positive, apart=0)), np.stack([alerts, found], axis=1), atol=5e-5)
    precision, recall, _ = precision_recall_curve(positive, scores)
    theirs = np.stack([recall, precision], axis=1)[::-1][1:]  # theirs goes from all called to none, and adds a point
    assert_allclose(np.array(precision_recall(scores, positive, apart=0)), theirs, atol=5e-5)


@pytest.mark.parametrize("seed", range(3))
def test_the_areas_below_are_the_figures_beside_them_and_thinning_hides_nothing(seed):
    scores, positive = drawn(seed, count=4000)
    scores = scores + np.random.default_rng(seed).normal(size=len(scores)) * 1e-3  # no ties: as many points as films
    points = np.array(roc(scores, positive))
    assert len(points) < 450 < len(called_counts(scores, positive))
    assert np.trapezoid(points[:, 1], points[:, 0]) == pytest.approx(roc_auc(scores, positive), abs=0.003)
    steps = np.array(precision_recall(scores, positive))
    assert np.sum(np.diff(steps[:, 0], prepend=0) * steps[:, 1]) == pytest.approx(
        average_precision(scores, positive), abs=0.01
    )


def test_without_films_of_both_kinds_there_is_no_curve():
    scores, all_of_them = np.arange(3.0), np.ones(3, dtype=bool)
    assert roc(scores, all_of_them) is None
    assert roc(scores, ~all_of_them) is None
    assert precision_recall(scores, ~all_of_them) is None
    assert precision_recall(scores, all_of_them) == [[0.3333, 1], [0.6667, 1], [1, 1]]


def test_the_drawing_has_a_line_a_dot_and_a_name_for_each_and_names_are_text():
    scores, positive = np.array([3.0, 1.0, 2.0, 0.0]), np.array([True, True, False, False])
    figures = {
        "n": 4, "positives": 2, "roc": roc(scores, positive), "precision_recall": precision_recall(scores, positive),
        "sensitivity": 0.5, "specificity": 1.0,
    }  # fmt: skip
    silent = figures | {"sensitivity": None, "specificity": None}
    html = curves_html({"a": figures, "b": silent}, {"a": "<b>One</b>", "b": "Two"})
    assert "<b>" not in html
    assert "&lt;b&gt;One&lt;/b&gt;" in html
    lines = re.findall(r'<polyline points="([^"]+)"', html)
    assert len(lines) == 2 * (1 + 2) + 2  # in each drawing a coin's and two curves, and the legend
    # Below and left of the square's lower left corner nothing is drawn: (0, 0), then up by half, to the right by half …
    assert lines[1] == "44.0,284.0 44.0,154.0 174.0,154.0 174.0,24.0 304.0,24.0"
    assert re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', html) == [("44.0", "154.0")]
    assert curves_html({"a": figures | {"roc": None}}, {"a": "One"}) == ""
