"""All findings on one scale: a row for each, and in it a mark for each classifier where its score stands.

Each classifier has a lane of its own in every row, so equal scores stay several marks, and a shape and a colour of its
own, which are told apart in grey, too.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ensemble_cam.export.blocks import HAIR, Text
from ensemble_cam.rendering.page import FAINT, INK, SHAPES, SMALL, Canvas, Lettering, Mark, Run
from ensemble_cam.reviewing.scores import OPERATING_POINT, Call
from ensemble_cam.settings.settings import displayed

if TYPE_CHECKING:
    from ensemble_cam.reviewing.review import Review
    from ensemble_cam.reviewing.scores import ClassifierResult, RankedFinding

# Told apart by most eyes: Okabe and Ito 2008, Color universal design, without the light ones.
_COLOURS = ("#0072b2", "#d55e00", "#00785a", "#a8497d", "#333333")
_ASIDE = "#9a9a9a"  # of what does not count
_LABEL, _LABEL_BOLD = SMALL, Lettering(SMALL.points, bold=True)
# Pixels: the lanes of a row together and each of them, what parts rows, columns, and the mean's line.
_LANES, _LANE_LEAST, _LANE_MOST, _BETWEEN, _GAP, _MEAN = 64, 9, 14, 8, 36, 4
_AXIS = 44


class StripPlot:
    """Findings and their scores.

    Attributes:
        height: in pixels.
        marks: (label, classifier id, x) of each score's mark, from the plot's left.

    Args:
        review: the film's.
        ranking: the findings, in their order.
        width: in pixels.
    """

    def __init__(self, review: "Review", ranking: "Sequence[RankedFinding]", width: int):
        self._review, self._width = review, width
        self._ranks = {finding.label: finding.rank for finding in review.analysis.findings}
        results = review.analysis.results
        self._lane = max(_LANE_LEAST, min(_LANE_MOST, _LANES // len(results)))
        self._legend = [(mark, Text.of(words, _LABEL, width - 40)) for mark, words in self._keys()]
        names = [self._name(ranked, width) for ranked in ranking]
        self._calls = [self._call(ranked) for ranked in ranking]
        self._left = round(min(max(_widths(names), default=0), 0.34 * width)) + _GAP
        self._right = width - round(max(_widths(self._calls), default=0)) - _GAP
        self._names = [self._name(ranked, self._left - _GAP) for ranked in ranking]
        self._ranking = ranking
        self._top = sum(text.height for _, text in self._legend) + 20 + _AXIS
        least = self._lane * len(results)
        self._rows = [max(least, name.height) + _BETWEEN for name in self._names]
        self.height = self._top + sum(self._rows) + _BETWEEN

    @property
    def marks(self) -> list[tuple[str, str, int]]:
        """Where the marks stand."""
        return [
            (ranked.label, result.id, self._across(result.scores[ranked.label]))
            for ranked in self._ranking
            for result in self._review.analysis.results
            if ranked.label in result.scores
        ]

    def draw(self, canvas: Canvas, x: int, y: int) -> None:
        """Draw it with its upper left corner at (x, y)."""
        self._draw_legend(canvas, x, y)
        top = y + self._top
        self._draw_axis(canvas, x, top)
        for ranked, name, call, height in zip(self._ranking, self._names, self._calls, self._rows, strict=True):
            middle = top + height // 2
            name.draw(canvas, x, middle - name.height // 2 + 5)
            canvas.bar(x + self._left, middle, self._right - self._left, 1, HAIR)
            self._draw_scores(canvas, x, middle, ranked)
            call.draw(canvas, x + self._right + _GAP, middle - call.height // 2 + 5)
            top += height

    def _draw_scores(self, canvas: Canvas, x: int, middle: int, ranked: "RankedFinding") -> None:
        results = self._review.analysis.results
        lanes = self._lane * len(results)
        canvas.bar(x + self._across(ranked.score.value) - _MEAN // 2, middle - lanes // 2, _MEAN, lanes, _ASIDE)
        for number, result in enumerate(results):
            if ranked.label in result.scores:
                lane = middle - lanes // 2 + number * self._lane + self._lane // 2
                mark, colour = self._look(number, result)
                canvas.mark(x + self._across(result.scores[ranked.label]), lane, mark, colour)

    def _across(self, score: float) -> int:
        return self._left + round(score * (self._right - self._left))

    def _look(self, number: int, result: "ClassifierResult") -> tuple[Mark, str]:
        """Return a classifier's mark: hollow without operating points, grey where it has no part in the mean."""
        hollow = not result.classifier.calibrated or result.meaningless
        counts = self._review.analysis.settings.ensemble_weights[result.id] > 0 and not result.meaningless
        mark = Mark(SHAPES[number % len(SHAPES)], self._lane, hollow=hollow)
        return mark, _COLOURS[number % len(_COLOURS)] if counts else _ASIDE

    def _keys(self) -> "list[tuple[tuple[Mark, str] | None, str]]":
        """Return what the legend says: (mark and colour, words); the line of the mean has no mark."""
        keys: list[tuple[tuple[Mark, str] | None, str]] = []
        for number, result in enumerate(self._review.analysis.results):
            words = [result.classifier.config.name]
            if result.failure is not None:
                words.append("failed")
            elif result.meaningless:
                words.append("meaningless")
            elif not result.classifier.calibrated:
                words.append("uncalibrated")
            if not self._review.analysis.settings.ensemble_weights[result.id] > 0:
                words.append("ensemble weight 0")
            keys.append((self._look(number, result), ", ".join(words)))
        return [*keys, (None, "the finding's score")]

    def _draw_legend(self, canvas: Canvas, x: int, y: int) -> None:
        for key, text in self._legend:
            middle = y + SMALL.ascent // 2
            if key is None:
                canvas.bar(x + 8, middle - 10, _MEAN, 20, _ASIDE)
            else:
                canvas.mark(x + 10, middle, Mark(key[0].shape, 18, key[0].hollow), key[1])
            text.draw(canvas, x + 36, y)
            y += text.height

    def _draw_axis(self, canvas: Canvas, x: int, top: int) -> None:
        has_points = any(result.classifier.calibrated for result in self._review.analysis.results)
        middle = f"{OPERATING_POINT}".removeprefix("0")
        for value, label in (
            (0.0, "0"),
            (OPERATING_POINT, f"operating point {middle}" if has_points else middle),
            (1.0, "1"),
        ):
            at = x + self._across(value)
            canvas.text(at - round(_LABEL.width(label) / 2), top - _AXIS, label, _LABEL, FAINT)
            canvas.bar(at, top - 8, 2 if value == OPERATING_POINT else 1, sum(self._rows) + 8, _ASIDE)

    def _name(self, ranked: "RankedFinding", room: float) -> Text:
        """Return a finding's name, with its rank and in bold where its maps are shown."""
        rank = self._ranks.get(ranked.label)
        if rank is None:
            return Text.of(displayed(ranked.label), _LABEL, room, FAINT)
        return Text.of(f"{rank}. {displayed(ranked.label)}", _LABEL_BOLD, room)

    def _call(self, ranked: "RankedFinding") -> Text:
        """Return a finding's score and what it says, the number struck where it means nothing."""
        score = ranked.score
        colour = INK if score.call is Call.CALLED else FAINT
        number = Run(f"{score.value:.2f}", colour, struck=score.call is Call.MEANINGLESS)
        return Text(((number, Run(score.call.value, colour)),), _LABEL)


def _widths(texts: Sequence[Text]) -> list[float]:
    """Return how many pixels wide texts are."""
    return [
        max(sum(text.lettering.width(run.text) + text.lettering.width(" ") for run in line) for line in text.lines)
        for text in texts
    ]
