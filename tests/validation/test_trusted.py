"""One map measured for its reader: what the figures come to, in words, and what was removed."""

import math
from dataclasses import replace

import numpy as np
import pytest

from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.errors import Cancelled
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import film_bytes
from ensemble_cam.reviewing.pipeline import analyse
from ensemble_cam.settings.config import load_config
from ensemble_cam.settings.settings import Settings
from ensemble_cam.validation.faithfulness import Faithfulness
from ensemble_cam.validation.localisation import Judgement, judge
from ensemble_cam.validation.subjects import MeasuredMap, measured, subject_of_review
from ensemble_cam.validation.trust_words import Grade, grade, headline, right_or_faithful, statements
from ensemble_cam.validation.trusted import GONE, QUICK, THOROUGH, TrustedMap, map_key, maps_of, trust
from support.networks import bright_classifier
from support.reviews import dotted, made_review


@pytest.fixture(scope="module")
def edema():
    """A phantom with an edema, reviewed by a network that learned where it is and one that learned labels alone."""
    phantom = draw_phantom(105, findings=["Edema"], difficulty=0.5, size=384)
    config = load_config()
    networks = [
        load_classifier(config.classifier(f"teaching-{each}"), runtime="openvino") for each in ("resnet", "shortcut")
    ]
    film = read_radiograph(film_bytes(phantom))
    return phantom, analyse(film, networks, Settings(labels=("Edema",), ensemble_weights={"teaching-shortcut": 0.0}))


def measured_map(own: dict, moved: dict | None = None, *, reason: str | None = None) -> TrustedMap:
    """A measured map with figures made by hand."""
    first = MeasuredMap("Mass", "fine", "gradcam", Faithfulness(own, {}), reason)
    second = None if moved is None else MeasuredMap("Mass", "fine", "moved", Faithfulness(moved, {}))
    return TrustedMap(first, second, 1.0, (), QUICK, meaningless=False)


MOVED = {"road": 0.0, "deletion": 0.0, "insertion": 0.0}
BETTER = {"road": 1.0, "deletion": -1.0, "insertion": 1.0}


def test_the_shortcut_networks_map_is_faithful_and_not_right_and_the_others_is_both(edema):
    phantom, analysis = edema
    said = {}
    for id in maps_of(analysis, "Edema"):
        found = grade(trust(analysis, "Edema", id))
        said[id] = right_or_faithful(found, judge(analysis.findings[0].maps[id], phantom.masks["Edema"]))
    assert said["teaching-resnet"].startswith("Faithful and right")
    assert said["teaching-shortcut"].startswith("Faithful, and not right")


def test_figures_are_those_of_measure(edema):
    _, analysis = edema
    found = trust(analysis, "Edema", "teaching-resnet", ("deletion", "road"))
    subject = subject_of_review(analysis)
    first = next(iter(subject.maps))
    own, moved = measured(replace(subject, maps=[first], pairs=1), ("deletion", "road"))
    assert found.own.found.values == own.found.values
    assert found.moved is not None
    assert found.moved.found.values == moved.found.values
    assert found.whole == pytest.approx(own.found.curves["deletion"].logits[0])


def test_pictures_lose_the_share_that_is_said_of_them():
    analysis = made_review(dotted(64, 64, 30, 30), classifiers=[bright_classifier("fine")]).analysis
    found = trust(analysis, "Nodule", "fine")
    assert [each.curve for each in found.removed] == ["deletion", "insertion", "road_most"]
    deleted = found.removed[0].picture
    parts = [deleted[:, number * (160 + 6) : number * (160 + 6) + 160] for number in range(len(GONE))]
    grey = round(float(analysis.radiograph.source.mean()))  # what stands where pixels are gone
    shares = [np.mean(np.abs(each.astype(int) - grey) <= 1) for each in parts]
    before = np.mean(np.abs(analysis.radiograph.source.astype(int) - grey) <= 1)
    assert shares == pytest.approx([share + before * (1 - share) for share in GONE], abs=0.05)
    assert found.removed[0].logits[0] == found.own.found.curves["deletion"].logits[3]


def test_measuring_ends_where_no_more_is_wanted():
    analysis = made_review(classifiers=[bright_classifier("fine")]).analysis

    def stop() -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        trust(analysis, "Nodule", "fine", stop=stop)


def test_a_map_that_is_the_same_everywhere_is_not_measured_and_says_so():
    analysis = made_review(classifiers=[bright_classifier("fine", slope=0.0)]).analysis
    found = trust(analysis, "Nodule", "fine")
    assert grade(found) is Grade.UNMEASURED
    assert "the same everywhere" in headline(found)
    assert (statements(found), found.removed, math.isnan(found.whole)) == ([], (), True)


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (BETTER, Grade.FAITHFUL),
        (BETTER | {"deletion": 1.0}, Grade.MIXED),
        ({"road": -1.0, "deletion": 1.0, "insertion": -1.0}, Grade.UNFAITHFUL),
        (BETTER | {"randomisation_all": 0.95}, Grade.UNLEARNED),
        (BETTER | {"randomisation_head": 0.95, "randomisation_all": 0.1}, Grade.FAITHFUL),
        ({}, Grade.UNMEASURED),
    ],
)
def test_what_figures_come_to(own, expected):
    assert grade(measured_map(own, MOVED)) is expected


def test_sanity_contrast_and_stability_are_said_with_what_they_mean():
    sane = {"randomisation_head": 0.2, "randomisation_all": 0.0, "contrast": 0.3}
    steady = {"stability_shift": 0.9, "stability_jpeg": 0.8}
    good = {each.title: each for each in statements(measured_map(BETTER | sane | steady, MOVED))}
    assert [each.speaks for each in good.values()] == [True, True, True, True, True, True]
    assert "least alike is “As a JPEG” with 0.80" in good["A little change"].words
    blind = {"randomisation_head": 1.0, "randomisation_all": 0.0, "contrast": 0.95, "stability_shift": -0.2}
    bad = {each.title: each for each in statements(measured_map(BETTER | blind, MOVED))}
    assert "does not depend on the finding" in bad["Values shuffled"].words
    assert [bad[each].speaks for each in ("Values shuffled", "Another finding", "A little change")] == [False] * 3
    assert "−0.20" in bad["A little change"].words


@pytest.mark.parametrize(
    ("found", "hit", "begins"),
    [
        (Grade.FAITHFUL, True, "Faithful and right"),
        (Grade.FAITHFUL, False, "Faithful, and not right"),
        (Grade.UNFAITHFUL, True, "Right, and not faithful"),
        (Grade.UNFAITHFUL, False, "Neither"),
        (Grade.MIXED, True, ""),
    ],
)
def test_faithful_and_right_are_two_things(found, hit, begins):
    said = right_or_faithful(found, Judgement(hit=hit, iou=0.5, empty=False))
    assert said.startswith(begins)
    assert bool(said) == bool(begins)


def test_a_map_of_other_weights_or_another_framing_is_another_map():
    analysis = made_review(classifiers=[bright_classifier("fine")]).analysis
    key = map_key(analysis, "Nodule", "fine")
    (result,) = analysis.results
    weights = replace(result.classifier.weights, sha256="1" * 64)
    other = replace(analysis, results=(replace(result, classifier=replace(result.classifier, weights=weights)),))
    padded = replace(analysis, settings=replace(analysis.settings, framing="pad"))
    assert len({key, map_key(other, "Nodule", "fine"), map_key(padded, "Nodule", "fine")}) == 3
    assert set(QUICK) < set(THOROUGH)
