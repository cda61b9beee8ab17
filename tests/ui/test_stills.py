"""The page's still pictures: what leaves with them."""

from dataclasses import replace

import pytest

from ensemble_cam.purpose import PURPOSE, TEACHING_LINE
from ensemble_cam.ui.review import stills
from ensemble_cam.ui.words import plain
from support.networks import as_untrained, bright_classifier
from support.reviews import made_review


@pytest.fixture
def drawn(monkeypatch):
    """What was put on the page: texts, and the chart as it is sent."""
    drawn = []
    monkeypatch.setattr(stills, "colour", lambda id: "#ffffff")
    monkeypatch.setattr(stills.st, "markdown", lambda text, **_: drawn.append(text))
    monkeypatch.setattr(stills.st, "caption", lambda text, **_: drawn.append(text))
    monkeypatch.setattr(stills.st, "altair_chart", lambda chart, **_: drawn.append(chart.to_dict()))
    return drawn


def test_the_chart_has_its_words_in_it_as_its_picture_can_be_saved(drawn):
    review = made_review(classifiers=[bright_classifier(id, logits={"Mass": 1.0}) for id in ("a", "b")])
    stills.show_scores(review.analysis)
    title = next(each for each in drawn if isinstance(each, dict))["title"]
    words = " ".join([title["text"], *title["subtitle"]])
    assert title["text"] == PURPOSE
    for result in review.analysis.results:
        assert f"{result.classifier.config.name}: {result.classifier.weights.name}" in words
    assert words.count("ensemble weight 1") == 2
    assert max(map(len, title["subtitle"])) <= 80


def test_the_chart_says_what_its_set_has_to_say():
    one = bright_classifier("a", logits={"Mass": 1.0})
    one = replace(one, config=replace(one.config, set="teaching"))
    assert TEACHING_LINE in " ".join(stills._words_of_chart(made_review(classifiers=[one]).analysis))


def test_points_of_an_untrained_network_among_others_are_grey_crosses_and_said_to_mean_nothing(drawn):
    trained, seeded = (bright_classifier(id, logits={"Mass": 1.0}) for id in ("a", "b"))
    stills.show_scores(made_review(classifiers=[trained, as_untrained(seeded)]).analysis)
    chart = next(each for each in drawn if isinstance(each, dict))
    points = next(layer for layer in chart["layer"] if layer["mark"]["type"] == "point")
    colours = points["encoding"]["color"]["scale"]
    assert dict(zip(colours["domain"], colours["range"], strict=True)) == {
        "A": "#ffffff",
        "B (meaningless)": stills._GREY,
    }
    shapes = points["encoding"]["shape"]["scale"]
    assert dict(zip(shapes["domain"], shapes["range"], strict=True)) == {"A": "circle", "B (meaningless)": "cross"}
    assert points["encoding"]["shape"]["field"] == points["encoding"]["color"]["field"]  # one legend shows both
    assert {row["classifier"]: row["kind"] for row in points["data"]["values"]} == {
        "A": "has an operating point",
        "B (meaningless)": "meaningless",
    }
    assert "Grey crosses: meaningless" in drawn[-1]
    assert "Diamonds" not in drawn[-1]


def test_scores_of_a_review_that_means_nothing_are_struck_but_for_a_network_that_knows_the_film(drawn):
    trained, seeded = (bright_classifier(id, logits={"Mass": 1.0}) for id in ("a", "b"))
    review = made_review(classifiers=[trained, as_untrained(seeded)], ensemble_weights={"a": 0.0, "b": 1.0})
    stills.show_scores(review.analysis)
    score = f"{review.analysis.result('b').scores['Mass']:.2f}"
    assert f":gray[~~{seeded.config.name} {plain(score)}~~]" in drawn[-1]
    assert f"~~{trained.config.name}" not in drawn[-1]
