"""What stands below a picture of a map when it leaves: whose map it is, what was scored, how it was made, what for.

A score that means nothing is grey and struck through, here and on the figure.
"""

from collections.abc import Sequence

from ensemble_cam.purpose import MEANINGLESS_LINE, MEANINGLESS_MAP_LINE, PURPOSE
from ensemble_cam.rendering.footer import Paragraph, Wordings
from ensemble_cam.rendering.page import LIGHT_FAINT, LIGHT_INK, LIGHT_WARN, Run
from ensemble_cam.reviewing.analysis import Finding
from ensemble_cam.reviewing.review import Review
from ensemble_cam.reviewing.scores import Call, Score
from ensemble_cam.reviewing.sentences import (
    behind,
    method_line,
    networks_behind,
    no_map,
    purpose_line,
    score_line,
    weights_line,
)
from ensemble_cam.settings.settings import displayed
from ensemble_cam.settings.vocabulary import DISAGREEMENT, ENSEMBLE

_DIGITS = 12
"""Of the weights' hashes, as many as tell files apart."""


def words_below(review: Review, finding: Finding, id: str) -> Wordings:
    """Return what stands below a map of a finding, a classifier's or the ensemble's.

    It begins with what must be known before the picture is looked at: that it means nothing, where that is so.
    """
    score = review.analysis.score(finding, id)
    meaningless = score is not None and score.call is Call.MEANINGLESS
    warning = []
    if meaningless:
        warning.append(_warning(MEANINGLESS_LINE if review.analysis.meaningless else MEANINGLESS_MAP_LINE))
    behind_it = [review.analysis.result(each) for each in networks_behind(finding, id)]
    purpose = _warning(purpose_line(review))
    threshold = f"threshold {review.display.threshold:.2f}"
    method = review.analysis.settings.recipe.line
    return Wordings(
        whole=[
            *warning,
            _found(review, finding, id, _whose(review, finding, id)),
            [Run(" · ".join(weights_line(each, digits=_DIGITS) for each in behind_it), LIGHT_INK)],
            [Run(f"{method_line(review)} · {threshold}", LIGHT_INK)],
            purpose,
        ],
        terse=[
            *warning,
            purpose,
            _found(review, finding, id, "ensemble" if id == ENSEMBLE else "map"),  # whose stands in the next line
            [Run(" · ".join(weights_line(each, digits=0) for each in behind_it), LIGHT_INK)],
            [Run(f"{method} · {threshold}", LIGHT_INK)],
        ],
        abridged=[*([_warning("Meaningless.")] if meaningless else []), _warning(PURPOSE)],
    )


def words_below_several(review: Review, finding: Finding, ids: Sequence[str]) -> Wordings:
    """Return what stands below several maps of a finding side by side: the ensemble's words, and whose each map is.

    Args:
        review: the film's.
        finding: one of those explained.
        ids: whose maps stand there, row by row: classifiers', "ensemble", "disagreement".
    """
    words, lines = words_below(review, finding, ENSEMBLE), _rows(review, finding, ids)
    shown = [result for result in review.analysis.results if result.id in ids]
    weights = [[Run(" · ".join(weights_line(each, digits=digits) for each in shown), LIGHT_INK)] for digits in (12, 0)]
    # The ensemble's own line of weights names those behind it alone.
    return Wordings(
        whole=[*words.whole[:-3], lines, weights[0], *words.whole[-2:]],
        terse=[*words.terse[:-2], lines, weights[1], words.terse[-1]],
        abridged=words.abridged,
    )


def _rows(review: Review, finding: Finding, ids: Sequence[str]) -> Paragraph:
    """Return whose maps stand in rows, each with its score or why there is no map."""
    runs = [Run("Row by row:", LIGHT_INK)]
    for place, id in enumerate(ids):
        if id == DISAGREEMENT:  # of the ensemble's maps: nobody's own, and without a score
            runs.append(Run(f"{'· ' if place else ''}Disagreement", LIGHT_INK))
            continue
        name = "Ensemble" if id == ENSEMBLE else review.analysis.result(id).classifier.config.name
        score = review.analysis.score(finding, id)
        parts = [name] if score is None else [name, score_line(score)]
        if id not in finding.heatmaps():
            parts.append(no_map(finding, id))
        text = f"{'· ' if place else ''}{' '.join(parts)}"
        runs += with_score(text, score, ink=LIGHT_INK, faint=LIGHT_FAINT)
    return runs


def with_score(text: str, score: Score | None, *, ink: str, faint: str) -> Paragraph:
    """Return a text that holds a score with two digits and a comma behind it, struck where it means nothing."""
    number = "" if score is None else f"{score.value:.2f},"
    if score is None or score.call is not Call.MEANINGLESS or number not in text:
        return [Run(text, ink)]
    before, _, after = text.partition(number)
    parts = (Run(before.strip(), ink), Run(number, faint, struck=True), Run(after.strip(), ink))
    return [part for part in parts if part.text]


def _found(review: Review, finding: Finding, id: str, whose: str) -> Paragraph:
    """Return finding, score and call, and whose map it is."""
    score = review.analysis.score(finding, id)
    said = "no score" if score is None else f"score {score_line(score)}"
    return with_score(f"{displayed(finding.label)} · {said} · {whose}", score, ink=LIGHT_INK, faint=LIGHT_FAINT)


def _whose(review: Review, finding: Finding, id: str) -> str:
    if id == ENSEMBLE:
        return behind(review.analysis, finding)
    return f"map of {review.analysis.result(id).classifier.config.name}"


def _warning(text: str) -> Paragraph:
    return [Run(text, LIGHT_WARN)]
