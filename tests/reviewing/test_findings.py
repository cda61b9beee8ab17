"""Other ensemble weights and fewer findings give the review that would have been made with them from the start."""

from collections.abc import Mapping

import pytest

from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.errors import ConfigError
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.reviewing import pipeline as analysis
from ensemble_cam.reviewing.analysis import Analysis
from ensemble_cam.reviewing.pipeline import analyse
from ensemble_cam.settings.settings import Settings
from support import films
from support.networks import Failing, bright_classifier
from support.reviews import bits

FILM = read_radiograph(films.png(films.film()))
FIRST = {"Mass": 3.0, "Nodule": -2.5, "Edema": 0.5, "Hernia": 0.0}
SECOND = {"Mass": -1.0, "Nodule": 3.0, "Edema": 0.5, "Fracture": -1.0}


def trio() -> list[Classifier]:
    return [
        bright_classifier("first", logits=FIRST, cells=16),
        bright_classifier("second", logits=SECOND, cells=8, ensemble_weight=2.0),
        bright_classifier("bare", logits={"Mass": 1.0, "Effusion": -2.0}, cells=7, calibrated=False),
    ]


def review(weights: Mapping[str, float] | None = None, **settings: object) -> Analysis:
    return analyse(FILM, trio(), Settings(ensemble_weights=weights or {}, **settings))


def labels(analysed: Analysis) -> list[str]:
    return [finding.label for finding in analysed.findings]


def everything(analysed: Analysis) -> tuple:
    """Return all that a review says, to be compared, but for its seconds."""
    return (
        bits(analysed),
        analysed.settings,
        [(f.rank, f.label, f.call, dict(f.missing), f.agreement(0.4)) for f in analysed.findings],
        [f.ensemble and (f.ensemble.classifiers, f.ensemble.empty_classifiers) for f in analysed.findings],
        [(result.id, dict(result.scores), result.failure) for result in analysed.results],
    )


# Other ensemble weights

WEIGHTS = (
    {},
    {"first": 5.0},
    {"first": 0.0, "second": 1.0},
    {"second": 0},
    {"first": 0.25, "second": 1e-3, "bare": 7.0},
    {"first": 0, "second": 0, "bare": 1},
)


@pytest.mark.parametrize("weights", WEIGHTS, ids=str)
def test_other_weights_give_the_review_that_has_them_from_the_start(weights):
    before = review({"first": 1.0, "second": 1.0, "bare": 0.5}, top_k=18)
    assert everything(before.reweighted(weights)) == everything(review(weights, top_k=18))


@pytest.mark.parametrize("settings", [{"labels": ("Nodule", "mass")}, {"top_k": 2}], ids=str)
def test_other_weights_give_it_for_named_findings_and_the_same_first_ones(settings):
    weights = {"first": 0.0, "second": 1.0, "bare": 3.0}
    assert everything(review(**settings).reweighted(weights)) == everything(review(weights, **settings))


def test_first_findings_stay_those_that_have_maps_and_are_named_where_they_are_no_longer_the_first():
    before = review(top_k=2)
    assert (labels(before), before.settings.labels) == (["Nodule", "Edema"], None)

    after = before.reweighted({"first": 5.0})

    assert [ranked.label for ranked in after.ranking[:2]] == ["Mass", "Edema"]
    assert [(finding.rank, finding.label) for finding in after.findings] == [(1, "Edema"), (2, "Nodule")]
    assert after.settings.labels == ("Edema", "Nodule")
    assert everything(after) == everything(review({"first": 5.0}, top_k=2, labels=("Edema", "Nodule")))


def test_a_finding_without_a_score_is_left_out_and_comes_back_with_its_weight():
    before = review(top_k=3)
    assert labels(before) == ["Nodule", "Edema", "Hernia"]
    assert labels(before.reweighted({"first": 0})) == ["Nodule", "Edema"]
    assert everything(before.reweighted({})) == everything(before)


def test_other_weights_share_every_map_and_leave_the_review_as_it_was(monkeypatch):
    before = review(top_k=18)
    kept = everything(before)
    monkeypatch.setattr(analysis, "cam_grids", None)  # whoever calls it from here on fails, and so does a backbone
    for result in before.results:
        monkeypatch.setattr(result.classifier.backbone, "cells", None)

    after = before.reweighted({"first": 0.5})

    assert everything(before) == kept
    assert bits(after)["weights"] != kept[0]["weights"]
    held = {finding.label: finding for finding in before.findings}
    for finding in after.findings:
        for id, cam in finding.maps.items():
            assert cam is held[finding.label].maps[id]
    assert (after.radiograph, after.results, after.geometry) == (before.radiograph, before.results, before.geometry)


def test_failed_classifiers_stay_named_whatever_their_weight():
    broken = [*trio(), bright_classifier("broken", logits=FIRST, backbone=Failing(MemoryError()))]
    before = analyse(FILM, broken, Settings(top_k=18))
    weights = {"broken": 9.0, "bare": 0.0, "first": 3.0}

    after = before.reweighted(weights)

    assert "ran out of memory" in after.findings[0].missing["broken"]
    assert everything(after) == everything(analyse(FILM, broken, Settings(top_k=18, ensemble_weights=weights)))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"third": 1.0}, "ensemble weight: got one for 'third'"),
        ({"first": -1.0}, "ensemble weight of first: got -1"),
        ({"first": float("nan")}, "ensemble weight of first: got nan"),
        ({"first": 0, "second": 0, "bare": 0}, "ensemble weights: all are 0"),
    ],
)
def test_weights_that_settings_refuse_are_refused(weights, message):
    with pytest.raises(ConfigError, match=message):
        review().reweighted(weights)


@pytest.mark.parametrize("settings", [{"labels": ("Hernia", "Mass")}, {"labels": ("Hernia",)}, {"top_k": 3}], ids=str)
def test_weights_by_which_an_asked_for_finding_or_all_of_them_lose_their_score_are_refused(settings):
    weights = {"first": 0, "second": 0, "bare": 1} if "top_k" in settings else {"first": 0}
    with pytest.raises(ConfigError, match=r"have an ensemble weight of 0 know .*Hernia"):
        review(**settings).reweighted(weights)


# Fewer findings


@pytest.mark.parametrize("wanted", [("Mass",), ("Hernia", "Nodule"), ("Fracture", "Mass", "Edema")], ids=str)
def test_only_some_findings_are_the_review_that_asks_for_them(wanted):
    whole = review(top_k=18)
    part = whole.only(wanted)
    assert everything(part) == everything(review(top_k=18, labels=wanted))
    assert [finding.rank for finding in part.findings] == list(range(1, len(wanted) + 1))
    assert part.only(wanted[:1]).settings.labels == wanted[:1]
    assert len(whole.findings) == 6


@pytest.mark.parametrize("wanted", [(), ("Gout",), ("Nodule", "Fracture")], ids=str)
def test_findings_without_maps_are_refused(wanted):
    got = {0: "none", 1: "'Gout'", 2: "'Fracture'"}[len(wanted)]
    with pytest.raises(ConfigError, match=f"labels: got {got}; this review has maps of Nodule, Edema, Hernia"):
        review(top_k=3).only(wanted)


@pytest.mark.parametrize("count", [1, 3, 6, 18])
def test_first_findings_are_the_review_that_asks_for_so_many(count):
    assert everything(review(top_k=18).first(count)) == everything(review(top_k=count))
    named = ("Nodule", "Fracture")
    of_named = review(labels=named).first(count)
    assert everything(of_named) == everything(review(labels=named[:count]))


def test_more_first_findings_than_there_are_maps_of_are_named():
    part = review(top_k=2).first(4)
    assert (labels(part), part.settings.labels) == (["Nodule", "Edema"], ("Nodule", "Edema"))
    for count in (0, 19):
        for settings in ({"top_k": 2}, {"labels": ("Mass",)}):
            with pytest.raises(ConfigError, match="top_k: got"):
                review(**settings).first(count)
