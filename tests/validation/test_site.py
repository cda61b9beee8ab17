"""Figures of a site against planted numbers, and halves that no patient stands on both sides of."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ensemble_cam.archive.films import Film
from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.settings.config import load_config
from ensemble_cam.settings.vocabulary import ENSEMBLE
from ensemble_cam.validation import report, statistics
from ensemble_cam.validation.labels import LabelledFilm
from ensemble_cam.validation.scoring import ScoredFilm
from ensemble_cam.validation.site import Question, Rule, Site, at_point, sentence

LABEL = "Effusion"


@pytest.fixture(scope="module")
def classifiers() -> tuple[Classifier, ...]:
    return tuple(load_classifier(each) for each in load_config().for_review("teaching"))


def scored(classifiers, count: int, *, patients: int, shift: float = 0.0, seed: int = 1) -> list[ScoredFilm]:
    """Return films with logits drawn by their truth; those of the first classifier are shifted."""
    random = np.random.default_rng(seed)
    films = []
    for number in range(count):
        truth = bool(random.random() < 0.4)
        logits = {
            each.id: {LABEL: float(random.normal() + 2 * truth + shift * (each is classifiers[0]))}
            for each in classifiers
        }
        labelled = LabelledFilm(Film.of(Path(f"{number}.png")), {LABEL: truth}, f"P{number % patients}", {"sex": "F"})
        films.append(ScoredFilm(labelled, f"{number:064x}", logits, {"sex": "FM"[number % 2]}, ()))
    return films


def site(films, classifiers, **question) -> Site:
    return Site(films, classifiers, {each.id: 1.0 for each in classifiers}, Question(**question))


def test_no_patient_is_on_both_sides_whatever_the_seed_and_the_order(classifiers):
    films = scored(classifiers, 60, patients=23)
    for seed in range(30):
        both = site(films, classifiers, seed=seed)
        on, other = (
            {film.labelled.patient for film, here in zip(films, half, strict=True) if here} for half in both.halves
        )
        assert not on & other
        assert (len(on), len(other)) == (12, 11)
        turned = site(films[::-1], classifiers, seed=seed)
        assert turned.points() == both.points()
    first = {site(films, classifiers, seed=seed).halves[0].tobytes() for seed in range(30)}
    assert len(first) > 25


@pytest.mark.parametrize("rule", [Rule(), Rule(sensitivity=0.9), Rule(alert_rate=0.25)])
def test_a_planted_shift_is_found_back_by_the_point_and_changes_nothing_that_it_calls(rule, classifiers):
    id = classifiers[0].id
    plain, shifted = (
        site(scored(classifiers, 80, patients=40, shift=shift), classifiers, rule=rule) for shift in (0.0, 1.5)
    )
    logits = [math.log(each / (1 - each)) for each in (plain.points()[id][LABEL], shifted.points()[id][LABEL])]
    assert logits[1] - logits[0] == pytest.approx(1.5)
    before, after = (each.findings(each.points())[LABEL][id] for each in (plain, shifted))
    assert after["site"]["reported_on"] == before["site"]["reported_on"]
    assert after["auc"] == before["auc"]
    assert after["specificity"] < before["specificity"]  # at the point of today, which knows nothing of the shift


def test_points_are_chosen_on_one_half_and_reported_on_the_other(classifiers):
    films = scored(classifiers, 80, patients=40)
    rule = Rule(sensitivity=0.9)
    asked = site(films, classifiers, rule=rule)
    id = classifiers[1].id
    truth = np.array([film.labelled.truth[LABEL] for film in films])
    logits = np.array([film.logits[id][LABEL] for film in films])
    on, other = asked.halves
    cut = statistics.sensitivity_point(logits[on], truth[on], 0.9)
    assert asked.points()[id][LABEL] == pytest.approx(1 / (1 + math.exp(-cut)))
    figures = asked.findings(asked.points())[LABEL][id]["site"]
    assert figures["chosen_on"] == {"n": 40, "positives": int(truth[on].sum()), "patients": 20}
    called = logits >= cut
    assert figures["reported_on"]["sensitivity"] == pytest.approx(called[other & truth].mean(), abs=1e-6)
    assert figures["reported_on"]["specificity"] == pytest.approx(1 - called[other & ~truth].mean(), abs=1e-6)
    assert figures["reported_on"]["alerts_per_100"] == pytest.approx(100 * called[other].mean())


def test_scores_and_the_ensemble_are_those_of_a_review(classifiers):
    films = scored(classifiers, 30, patients=30)
    for classifier in classifiers:
        logits = [0.0] * (max(classifier.outputs.values()) + 1)
        for film in films[:5]:
            logits[classifier.outputs[LABEL]] = film.logits[classifier.id][LABEL]
            probability = 1 / (1 + np.exp(-np.array(film.logits[classifier.id][LABEL])))
            score = float(at_point(probability, classifier.operating_points[LABEL]))
            assert score == pytest.approx(classifier.scores(logits)[LABEL], abs=1e-12)
    weighted = Site(
        films, classifiers, {each.id: w for each, w in zip(classifiers, (1.0, 3.0, 0.0), strict=True)}, Question()
    )
    scores, calibrated = weighted._ensemble(LABEL, weighted._current)
    parts = [at_point(weighted_sigmoid(films, each.id), each.operating_points[LABEL]) for each in classifiers[:2]]
    np.testing.assert_allclose(scores, (parts[0] + 3 * parts[1]) / 4, atol=1e-12)
    assert calibrated


def weighted_sigmoid(films, id: str) -> np.ndarray:
    return 1 / (1 + np.exp(-np.array([film.logits[id][LABEL] for film in films])))


def test_without_operating_points_there_are_areas_and_no_calls_until_points_are_chosen(classifiers):
    bare = tuple(replace(each, operating_points=None) for each in classifiers)
    asked = site(scored(bare, 60, patients=60), bare)
    for id, each in asked.findings(asked.points())[LABEL].items():
        assert each["auc"] > 0.7
        assert (each["operating_point"], each["sensitivity"], each["alerts_per_100"]) == (None, None, None), id
        assert each["site"]["operating_point"] > 0
        assert each["site"]["reported_on"]["alerts_per_100"] > 0


def test_a_half_without_both_kinds_chooses_nothing_and_says_so(classifiers):
    films = scored(classifiers, 20, patients=20)
    normal = [replace(film, labelled=replace(film.labelled, truth={LABEL: False})) for film in films]
    asked = site(normal, classifiers)
    assert not any(asked.points().values())
    figures = asked.findings(asked.points())[LABEL][ENSEMBLE]
    assert "there are no films of both kinds" in figures["site"]["reason"]
    assert figures["sentence"] == "0 positives among 20 films: no area under the curve without films of both kinds."
    assert (figures["sensitivity"], figures["sensitivity_wilson"], figures["sensitivity_exact"]) == (None, None, None)
    assert figures["specificity"] is not None


def test_subgroups_have_their_own_numbers(classifiers):
    films = scored(classifiers, 50, patients=50)
    groups = site(films, classifiers).findings({})[LABEL][classifiers[0].id]["subgroups"]
    assert {value: each["n"] for value, each in groups["sex"].items()} == {"F": 25, "M": 25}
    few = [replace(film, groups={"device": f"of {min(number, 4)}"}) for number, film in enumerate(films)]
    assert list(site(few, classifiers).findings({})[LABEL][classifiers[0].id]["subgroups"]["device"]) == ["of 4"]
    positives = sum(film.labelled.truth[LABEL] for film in films)
    assert sum(each["positives"] for each in groups["sex"].values()) == positives


def test_the_sentence_says_what_the_number_allows():
    figures = {"n": 60, "positives": 11, "auc": 0.7, "auc_interval": [0.431, 0.899], "auc_method": "DeLong, logit"}
    assert sentence(figures) == (
        "11 positives among 60 films: the area under the curve is .70, the interval is .43–.90, approximate with fewer "
        "than 30 films of a kind."
    )
    assert sentence(figures | {"positives": 30}).endswith("is .43–.90.")
    assert "no interval" in sentence(figures | {"positives": 1, "auc_interval": None})


def test_comparisons_are_corrected_over_all(classifiers):
    films = scored(classifiers, 60, patients=60)
    rows = site(films, classifiers).comparisons()
    assert len(rows) == 3
    assert [row["p_holm"] for row in rows] == pytest.approx(statistics.holm([row["p"] for row in rows]))


def test_predictive_values_need_a_stated_prevalence(classifiers):
    films = scored(classifiers, 60, patients=60)
    figures = site(films, classifiers, prevalence={LABEL: 0.02}).findings({})[LABEL][classifiers[0].id]
    ppv, _ = statistics.predictive_values(figures["sensitivity"], figures["specificity"], 0.02)
    assert (figures["prevalence"], figures["ppv"]) == (0.02, pytest.approx(ppv, abs=1e-6))
    assert "ppv" not in site(films, classifiers).findings({})[LABEL][classifiers[0].id]


def test_files_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "page", lambda record: "page")
    monkeypatch.setattr(report, "report_pdf", lambda record: b"%PDF")
    monkeypatch.setattr(report, "points_toml", lambda record, points: "points")
    real, calls = report.os.replace, []

    def full(source, target):
        calls.append(target)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(report.os, "replace", full)
    with pytest.raises(report.ExportError, match=r"could not be written \(No space left on device\)"):
        report.write({"classifiers": []}, {}, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    calls.extend([None] * 3)
    record = {"schema": 1, "classifiers": []}
    report.write(record, {}, tmp_path / "out")
    assert json.loads((tmp_path / "out" / report.RECORD).read_text()) == record
    names = {report.RECORD, report.POINTS, report.PAGE, report.PRINTED}
    assert {each.name for each in (tmp_path / "out").iterdir()} == names
    with pytest.raises(report.ConfigError, match=r"--out: .+ has a validation\.json already"):
        report.check_free(tmp_path / "out")
