"""What the networks say of a finding: one word, made in one place, and the same in every output."""

import io
import json

import pytest
from PIL import Image

from ensemble_cam.export import figure
from ensemble_cam.export.figure import figure_png
from ensemble_cam.export.overlays import overlays
from ensemble_cam.export.record import review_json
from ensemble_cam.reviewing.scores import Call, Score, call_of
from support.networks import bright_classifier
from support.reviews import dotted, made_review

CASES = [
    # score, calibrated, what it says
    (0.0, True, "not called"),
    (0.4999999, True, "not called"),
    (0.5, True, "called"),
    (0.5000001, True, "called"),
    (1.0, True, "called"),
    (0.0, False, "uncalibrated"),
    (0.5, False, "uncalibrated"),
    (1.0, False, "uncalibrated"),
]


@pytest.mark.parametrize(("score", "calibrated", "expected"), CASES)
def test_a_score_calls_a_finding_from_its_operating_point_on_and_without_one_never(score, calibrated, expected):
    assert call_of(score, calibrated=calibrated).value == expected
    assert Score(score, calibrated).call is Call(expected)


def test_a_call_is_written_as_its_word_wherever_it_stands():
    assert [f"{call}" for call in Call] == ["called", "not called", "uncalibrated"]
    assert json.loads(json.dumps(list(Call))) == ["called", "not called", "uncalibrated"]


def test_a_classifier_says_nothing_of_a_finding_that_it_has_no_score_of():
    result = made_review(classifiers=[bright_classifier(logits={"Mass": 9.0})]).analysis.results[0]
    assert (result.call("Mass"), result.call("Edema")) == (Call.CALLED, None)


OUTPUTS = {
    # The bare classifier's sigmoid is at least 0.5, and it still calls nothing.
    "called": [bright_classifier("a", logits={"Mass": 9.0})],
    "not called": [bright_classifier("a", logits={"Mass": -9.0}, slope=0.0)],
    "uncalibrated": [bright_classifier("a", logits={"Mass": 9.0}, calibrated=False)],
}
TITLES = {
    "called": "called",
    "not called": "below its operating point: not called",
    "uncalibrated": "uncalibrated: no operating point",
}


@pytest.mark.parametrize("call", OUTPUTS)
def test_record_figure_and_overlays_say_the_same(call, monkeypatch):
    review = made_review(dotted(120, 120, 60, 60), classifiers=OUTPUTS[call])
    written, real = [], figure.Page.text
    monkeypatch.setattr(
        figure.Page, "text", lambda page, x, y, text, *style: written.append(text) or real(page, x, y, text, *style)
    )

    figure_png(review)
    (told,) = json.loads(review_json(review))["findings"]
    scores = {Image.open(io.BytesIO(data)).text["Score"] for _, data in overlays(review)}

    assert told["call"] == call
    assert told["called"] is (told["score"] >= 0.5)
    assert {score.partition(", ")[2] for score in scores} == {call}
    (title,) = [text for text in written if text.startswith("1. Mass")]
    assert title == f"1. Mass · score {told['score']:.2f}, {TITLES[call]}"
    assert [text for text in written if text.startswith(f"{told['score']:.2f}, {call} · ")]
