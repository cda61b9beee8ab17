"""What the networks say of a finding: one word, made in one place, and the same in every output."""

import io
import json

import pytest
from PIL import Image

from ensemble_cam.export.overlays import overlays
from ensemble_cam.export.record import review_json, review_record
from ensemble_cam.purpose import MEANINGLESS_LINE
from ensemble_cam.reviewing.scores import Call, Score, call_of, is_split
from ensemble_cam.reviewing.sentences import head_line
from support import films
from support.networks import as_teaching, as_untrained, bright_classifier
from support.reviews import dotted, made_review
from support.sheets import words

CASES = [
    # score, calibrated, meaningless, what it says
    (0.0, True, False, "not called"),
    (0.4999999, True, False, "not called"),
    (0.5, True, False, "called"),
    (0.5000001, True, False, "called"),
    (1.0, True, False, "called"),
    (0.0, False, False, "uncalibrated"),
    (0.5, False, False, "uncalibrated"),
    (1.0, False, False, "uncalibrated"),
    (0.0, True, True, "meaningless"),
    (1.0, True, True, "meaningless"),
    (1.0, False, True, "meaningless"),
]


@pytest.mark.parametrize(("score", "calibrated", "meaningless", "expected"), CASES)
def test_a_score_calls_a_finding_from_its_operating_point_on_and_otherwise_never(
    score, calibrated, meaningless, expected
):
    assert call_of(score, calibrated=calibrated, meaningless=meaningless).value == expected
    assert Score(score, calibrated, meaningless).call is Call(expected)


def test_a_call_is_written_as_its_word_wherever_it_stands():
    words = ["called", "not called", "uncalibrated", "meaningless"]
    assert [f"{call}" for call in Call] == words
    assert json.loads(json.dumps(list(Call))) == words


def test_a_classifier_says_nothing_of_a_finding_that_it_has_no_score_of():
    result = made_review(classifiers=[bright_classifier(logits={"Mass": 9.0})]).analysis.results[0]
    assert (result.call("Mass"), result.call("Edema")) == (Call.CALLED, None)


@pytest.mark.parametrize(
    ("calls", "split"),
    [
        (["called", "not called"], True),
        (["not called", None, "uncalibrated", "called"], True),
        (["called", "called"], False),
        (["not called", "uncalibrated"], False),
        (["called", "meaningless"], False),
        (["meaningless", "meaningless"], False),
        ([None], False),
        ([], False),
    ],
)
def test_networks_split_where_some_call_a_finding_and_others_do_not(calls, split):
    assert is_split(call and Call(call) for call in calls) is split


FILMS = {"a patient's film": films.png(films.film()), "a phantom": films.phantom_png(films.film())}


@pytest.mark.parametrize(
    ("changed", "film", "meaningless"),
    [
        (None, "a patient's film", False),
        (None, "a phantom", False),
        (as_teaching, "a patient's film", True),
        (as_teaching, "a phantom", False),
        (as_untrained, "a patient's film", True),
        (as_untrained, "a phantom", True),
    ],
)
def test_scores_mean_nothing_where_the_network_never_learned_from_such_films(changed, film, meaningless):
    classifier = bright_classifier("a", logits={"Mass": 9.0})
    review = made_review(FILMS[film], classifiers=[changed(classifier) if changed else classifier])
    told = json.loads(review_json(review))

    assert (review.analysis.meaningless, told["meaningless"]) == (meaningless, meaningless)
    calls = {finding["call"] for finding in told["findings"]}
    calls |= {found["call"] for finding in told["findings"] for found in finding["maps"].values()}
    assert ("meaningless" in calls) is meaningless
    assert len(calls) == 1
    assert told["findings"][0]["called"] is True
    assert told["findings"][0]["score"] > 0.99


def test_a_mean_means_nothing_while_a_network_that_knows_nothing_has_a_weight_in_it():
    trained, seeded = (
        bright_classifier("a", logits={"Mass": 9.0}),
        bright_classifier("b", logits={"Mass": 9, "Edema": 0}),
    )
    analysis = made_review(classifiers=[trained, as_untrained(seeded)]).analysis
    assert not analysis.meaningless
    assert {found.score.call for found in analysis.ranking} == {Call.MEANINGLESS}
    assert [analysis.result(id).call("Mass") for id in ("a", "b")] == ["called", "meaningless"]

    (mass,) = analysis.reweighted({"b": 0.0}).ranking
    assert mass.score.call is Call.CALLED


def test_a_review_means_nothing_where_no_network_with_a_weight_knows_the_film():
    trained, seeded = bright_classifier("a", logits={"Mass": 9.0}), bright_classifier("b", logits={"Mass": 9.0})
    review = made_review(classifiers=[trained, as_untrained(seeded)], ensemble_weights={"a": 0.0, "b": 1.0})
    told = review_record(review)
    assert told["meaningless"]
    assert {found["call"] for found in told["findings"]} == {"meaningless"}
    assert head_line(review).startswith(MEANINGLESS_LINE)
    assert not review.analysis.reweighted({"a": 1.0, "b": 0.0}).meaningless


OUTPUTS = {
    # The bare classifier's sigmoid is at least 0.5, and it still calls nothing.
    "called": [bright_classifier("a", logits={"Mass": 9.0})],
    "not called": [bright_classifier("a", logits={"Mass": -9.0}, slope=0.0)],
    "uncalibrated": [bright_classifier("a", logits={"Mass": 9.0}, calibrated=False)],
    "meaningless": [as_teaching(bright_classifier("a", logits={"Mass": 9.0}))],
}
TITLES = {
    "called": "called",
    "not called": "below its operating point: not called",
    "uncalibrated": "uncalibrated: no operating point",
    "meaningless": "meaningless: not trained on such films",
}


@pytest.mark.parametrize("call", OUTPUTS)
def test_record_figure_and_overlays_say_the_same(call):
    review = made_review(dotted(120, 120, 60, 60), classifiers=OUTPUTS[call])
    written = words(review)

    (told,) = json.loads(review_json(review))["findings"]
    scores = {Image.open(io.BytesIO(data)).text["Score"] for _, data in overlays(review)}

    assert told["call"] == call
    assert told["called"] is (told["score"] >= 0.5)
    assert {score.partition(", ")[2] for score in scores} == {call}
    assert f"1. Mass {told['score']:.2f} {call}" in written  # among all findings' scores
    assert f"1. Mass · score {told['score']:.2f}, {TITLES[call]}" in written
    assert f"{told['score']:.2f}, {call} · " in written
