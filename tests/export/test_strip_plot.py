"""All findings' scores on one scale: a mark for each, where its score is, told apart, and none behind another."""

from dataclasses import replace
from itertools import pairwise

import pytest

from ensemble_cam.reviewing.review import Review
from support.networks import Failing, as_teaching, bright_classifier
from support.reviews import dotted, made_review
from support.sheets import Sheet, sheets

FILM = dotted(260, 320, 130, 90)


def scored(scores: dict[str, dict[str, float]], **made) -> Review:
    """Return a review of classifiers with these logits; the film's brightness is in no score."""
    return made_review(FILM, classifiers=[bright_classifier(id, logits=each, **made) for id, each in scores.items()])


def plot(review: Review) -> Sheet:
    return sheets(review)[0]


def scores_of(review: Review) -> list[float]:
    """Return the scores in the order in which they are drawn: finding by finding, classifier by classifier."""
    results = review.analysis.results
    return [
        result.scores[ranked.label]
        for ranked in review.analysis.ranking
        for result in results
        if ranked.label in result.scores
    ]


def drawn_scores(review: Review) -> list[tuple[float, object]]:
    """Return (middle across, mark) of each score; the legend's marks come first."""
    marks = plot(review).marks[len(review.analysis.results) :]
    return [((box[0] + box[2]) / 2, mark) for box, mark, _ in marks]


def axis(review: Review) -> tuple[int, int, int]:
    """Return where 0, the operating point and 1 are."""
    tall = sorted(box[0] for box in plot(review).bars if box[3] - box[1] > 60 and box[2] - box[0] <= 2)
    assert len(tall) == 3
    return tuple(tall)


LOGITS = {
    "a": {"Mass": 2.0, "Edema": -1.0, "Nodule": 0.1},
    "b": {"Mass": 1.0, "Edema": -1.0, "Hernia": -3.0},
    "c": {"Mass": -0.5, "Nodule": 0.1},
}


def test_there_is_a_mark_for_each_score_of_each_classifier_where_the_score_is():
    review = scored(LOGITS)
    zero, half, one = axis(review)

    drawn = drawn_scores(review)

    assert half == pytest.approx((zero + one) / 2, abs=1)
    assert len(drawn) == 3 + 2 + 2 + 1
    for (x, _), score in zip(drawn, scores_of(review), strict=True):
        assert x == pytest.approx(zero + score * (one - zero), abs=1.5)


def test_marks_of_called_scores_are_right_of_the_operating_point():
    review = scored(LOGITS)
    _, half, _ = axis(review)

    sides = [x >= half for x, _ in drawn_scores(review)]

    assert sides == [score >= 0.5 for score in scores_of(review)]
    assert set(sides) == {True, False}
    assert "operating point .5" in plot(review).words


@pytest.mark.parametrize("count", [2, 3, 5])
def test_equal_scores_are_as_many_marks_of_which_none_covers_another(count):
    review = scored({f"n{index}": {"Mass": 0.7, "Edema": 0.7} for index in range(count)})
    marks = plot(review).marks[count:]

    assert len({score for score in scores_of(review)}) == 1
    assert len(marks) == 2 * count
    rows = sorted({(box[1], box[3]) for box, *_ in marks})
    assert len(rows) == 2 * count
    assert all(above[1] <= below[0] for above, below in pairwise(rows))
    assert len({mark.shape for _, mark, _ in marks}) == count
    assert len({colour for *_, colour in marks}) == count


def test_legend_says_whose_mark_is_which():
    review = scored(LOGITS)
    sheet = plot(review)

    for (box, mark, colour), result in zip(sheet.marks, review.analysis.results, strict=False):
        (name,) = [
            at for at, text in sheet.texts if text == result.classifier.config.name and at[1] - 12 < box[1] < at[3]
        ]
        assert 0 < name[0] - box[2] < 40
        of_scores = [(other.shape, shade) for _, other, shade in sheet.marks[3:]]
        assert (mark.shape, colour) in of_scores


def test_uncalibrated_scores_are_hollow_and_no_operating_point_is_named_where_there_is_none():
    calibrated = bright_classifier("a", logits={"Mass": 1.0})
    other = bright_classifier("b", logits={"Mass": 1.0}, calibrated=False)

    both = plot(made_review(FILM, classifiers=[calibrated, other]))
    none = plot(made_review(FILM, classifiers=[other]))

    assert [mark.hollow for _, mark, _ in both.marks] == [False, True] * 2
    assert "B, uncalibrated" in both.words
    assert "operating point .5" in both.words
    assert "operating point .5" not in none.words


def test_what_counts_for_nothing_is_grey_and_says_so():
    networks = [bright_classifier("a", logits={"Mass": 1.0}), bright_classifier("b", logits={"Mass": 1.0})]

    weightless = plot(made_review(FILM, classifiers=networks, ensemble_weights={"b": 0.0}))
    meaningless = plot(made_review(FILM, classifiers=[as_teaching(each) for each in networks]))

    assert len({colour for *_, colour in weightless.marks}) == 2
    assert [colour for *_, colour in weightless.marks][1::2] == ["#9a9a9a"] * 2
    assert "B, ensemble weight 0" in weightless.words
    assert {colour for *_, colour in meaningless.marks} == {"#9a9a9a"}
    assert {mark.hollow for _, mark, _ in meaningless.marks} == {True}
    assert "B, meaningless" in meaningless.words
    assert meaningless.struck[0].replace(".", "").isdigit()


def test_every_finding_has_its_row_with_score_and_call_and_those_explained_their_rank():
    review = made_review(FILM, classifiers=[bright_classifier("a", logits={"Mass": 2.0, "Edema": -1.0})], top_k=1)
    first, second = review.analysis.ranking

    said = plot(review).words

    assert f"1. Mass {first.score.value:.2f} called" in said
    assert f"Edema {second.score.value:.2f} not called" in said
    assert "2. Edema" not in said


def test_findings_of_networks_with_very_many_follow_on_the_same_and_further_sheets():
    many = {f"Label_{index}": 3 - index / 20 for index in range(120)}
    review = made_review(FILM, classifiers=[bright_classifier("a", logits=many)], top_k=1)

    drawn = sheets(review)

    said = " ".join(sheet.words for sheet in drawn)
    assert all(f"Label {index} " in said for index in range(120))
    assert len(drawn) > 1
    assert all(not [*sheet.overlaps()] for sheet in drawn)


def test_a_failed_classifier_is_in_the_legend_and_has_no_marks():
    broken = bright_classifier("broken", backbone=Failing(MemoryError()))
    sheet = plot(made_review(FILM, classifiers=[bright_classifier("a"), broken]))

    assert "Broken, failed" in sheet.words
    assert len(sheet.marks) == 2 + 1


def test_case_is_of_no_account():
    review = scored(LOGITS)
    assert drawn_scores(replace(review, case="17")) == drawn_scores(review)
