"""Many explanations side by side: `summary.csv`, a row for every map, and `summary.png`, a contact sheet.

The wrong ones come first, and of them those in which the true class has least. Little is kept of each picture.
"""

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ensemble_cam.explanation.comparison import Alike, alike
from ensemble_cam.explanation.expected import Expected, Shares
from ensemble_cam.explanation.result import ClassMap, Explained
from ensemble_cam.export.drafts import write_whole
from ensemble_cam.export.explained import drawn_over, origin, sheet_words
from ensemble_cam.machine.names import cell, escaped
from ensemble_cam.rendering.footer import footer
from ensemble_cam.rendering.page import LIGHT_FAINT, LIGHT_INK, LIGHT_WARN, Lettering, Page, Run, shortened
from ensemble_cam.rendering.png import png
from ensemble_cam.settings.display import Display

TABLE, SHEET, TALLY = "summary.csv", "summary.png", "summary_by_class.csv"

COLUMNS = (
    *("picture", "truth", "predicted", "right", "probability", "class", "class_probability", "layer", "input"),
    *("hottest_x", "hottest_y", "expected", "expected_area", "borders", "corners"),
    *("against_predicted", "against_probability", "rank_correlation", "iou"),
)
"""Of `summary.csv`. A cell is empty where there is no such value."""

TALLY_COLUMNS = ("class", "pictures", "right", "maps", "expected", "expected_area", "borders", "corners")
"""Of `summary_by_class.csv`: pictures of the true class and how many were predicted right; maps of the class that are
not empty, and the means of their shares."""

_TILE, _TEXT, _GAP, _EM, _ACROSS, _MOST = 200, 62, 12, 18, 6, 120


@dataclass(frozen=True, eq=False)
class _Row:
    """A map, and what is said of its picture.

    Attributes:
        number: of the picture, in the order in which they were explained.
        picture: what its folder is called.
        truth: its true class; None where it is not known.
        predicted: the class with the highest probability.
        probabilities: class → softmax or sigmoid of its logit.
        name: the class of the map.
        layer: its layer, where several stay apart.
        input: its input, where there are several.
        hottest: the pixel (x, y) of its largest value; None for an empty one.
        shares: where the map lies; None for an empty one.
        other: the other checkpoint's predicted class, its probability of the class, and how far the maps agree.
        tile: (h, w, 3) uint8, a small overlay; None where there are more than the sheet has room for.
    """

    number: int
    picture: str
    truth: str | None
    predicted: str | None
    probabilities: Mapping[str, float]
    name: str
    layer: str | None
    input: str | None
    hottest: tuple[int, int] | None
    shares: Shares | None
    other: tuple[str | None, float, Alike] | None
    tile: np.ndarray | None

    @property
    def is_right(self) -> bool | None:
        """Whether the prediction is the truth; None where that is not known."""
        return None if self.truth is None else self.truth == self.predicted

    @property
    def order(self) -> tuple[bool, float, int]:
        """Where it stands: the wrong first, and of them those in which the true class has least."""
        wrong = self.is_right is False
        return not wrong, self.probabilities.get(self.truth or "", 1.0) if wrong else 0.0, self.number

    @property
    def cells(self) -> list[object]:
        """Its row of the table."""
        right, (x, y) = self.is_right, self.hottest or (None, None)
        shares = self.shares or Shares(None, None, math.nan, math.nan)
        predicted, probability, alike = self.other or (None, None, Alike(None, None))
        return [
            *(cell(self.picture), self.truth, self.predicted, None if right is None else str(right).lower()),
            *(self.probabilities.get(self.predicted or ""), self.name, self.probabilities.get(self.name)),
            *(self.layer, self.input, x, y, shares.expected, shares.expected_area, shares.borders, shares.corners),
            *(predicted, probability, alike.rank_correlation, alike.iou),
        ]


class ExplainedSummary:
    """The explanations of a run, added one by one.

    Args:
        expected: where maps are expected to lie; borders and corners are measured without, too.
        display: what maps are drawn like.
    """

    def __init__(self, expected: Expected | None = None, display: Display | None = None):
        self._expected, self._display = expected or Expected({}), display or Display()
        self._rows: list[_Row] = []
        self._tiles = {True: 0, False: 0}
        self._last: Explained | None = None
        self._count = 0

    def add(self, folder: str, explained: Explained, truth: str | None, other: Explained | None = None) -> None:
        """Take in a picture.

        Args:
            folder: what its folder is called.
            explained: the explanation.
            truth: its true class, where that is known.
            other: of another checkpoint, with the same maps.
        """
        self._last = explained
        for index, one in enumerate(explained.maps):
            values = explained.in_picture(one)
            row, column = np.unravel_index(int(values.argmax()), values.shape)
            wrong = truth is not None and truth != explained.predicted
            is_kept = self._tiles[wrong] < _MOST
            self._tiles[wrong] += is_kept
            self._rows.append(
                _Row(
                    self._count,
                    folder,
                    truth,
                    explained.predicted,
                    explained.probabilities,
                    one.name,
                    one.layer,
                    one.input,
                    (int(column), int(row)) if values.any() else None,
                    self._expected.shares(one.name, values),
                    None if other is None else _of_other(one, other, index),
                    self._tile(explained, one) if is_kept else None,
                )
            )
        self._count += 1

    def write(self, out: Path) -> list[str]:
        """Write table, tally and sheet, in the place of those of an earlier run; return what is said of them, in lines.

        Raises:
            ExportError: if they cannot be written.
        """
        if self._last is None:
            return []
        rows = sorted(self._rows, key=lambda each: each.order)
        tally = list(self._tally())
        write_whole(out / TABLE, _csv(COLUMNS, [each.cells for each in rows]), what="summary")
        write_whole(out / TALLY, _csv(TALLY_COLUMNS, tally), what="summary")
        write_whole(out / SHEET, self._sheet(rows, self._last), what="summary")
        return list(self._lines(tally))

    def _lines(self, tally: Sequence[Sequence[object]]) -> Iterator[str]:
        known = [each for each in {row.number: row for row in self._rows}.values() if each.truth is not None]
        if known:
            yield f"Predicted right: {sum(bool(each.is_right) for each in known)} of {len(known)}"
        for name, pictures, right, maps, expected, area, borders, corners in tally:
            parts = [f"{right} of {pictures} right"] if pictures else []
            parts += (
                [f"{expected:.0%} of {maps} maps at the expected place ({area:.0%} of the picture)"]
                if expected is not None
                else []
            )
            parts += [f"{borders:.0%} at borders (36%), {corners:.0%} in corners (4%)"] if maps else []
            yield f"  {escaped(str(name))}: {'; '.join(parts)}"
        pairs = {row.number: row for row in self._rows if row.other is not None}.values()
        if pairs:
            same = sum(row.other is not None and row.other[0] == row.predicted for row in pairs)
            ranks = [row.other[2].rank_correlation for row in self._rows if row.other is not None]
            numbers = [each for each in ranks if each is not None]
            mean = f", mean rank correlation of the maps {math.fsum(numbers) / len(numbers):.2f}" if numbers else ""
            yield f"Against the other checkpoint: the same class in {same} of {len(pairs)}{mean}"

    def _tally(self) -> Iterator[list[object]]:
        """Yield a row for each class that is some picture's, or of some map."""
        pictures = list({row.number: row for row in self._rows}.values())
        for name in dict.fromkeys([*(row.truth for row in pictures if row.truth), *(row.name for row in self._rows)]):
            own = [row for row in pictures if row.truth == name]
            shares = [row.shares for row in self._rows if row.name == name and row.shares is not None]

            def mean(of: str, shares: Sequence[Shares] = shares) -> float | None:
                values = [value for each in shares if (value := getattr(each, of)) is not None]
                return math.fsum(values) / len(values) if values else None

            means = [mean(of) for of in TALLY_COLUMNS[4:]]
            yield [name, len(own), sum(bool(row.is_right) for row in own), len(shares), *means]

    def _tile(self, explained: Explained, one: ClassMap) -> np.ndarray:
        drawn = drawn_over(explained, one, self._display)
        height, width, _ = drawn.shape
        scale = _TILE / max(width, height)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        return cv2.resize(drawn, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)

    def _sheet(self, rows: Sequence[_Row], last: Explained) -> bytes:
        shown = [row for row in rows if row.tile is not None][:_MOST]
        down = -(-len(shown) // _ACROSS)
        line = Lettering.of_pixels(_EM)
        page = Page(_ACROSS * (_TILE + _GAP) + _GAP, down * (_TILE + _TEXT + _GAP) + _GAP, dark=True)
        for index, row in enumerate(shown):
            left, top = _GAP + index % _ACROSS * (_TILE + _GAP), _GAP + index // _ACROSS * (_TILE + _TEXT + _GAP)
            assert row.tile is not None
            page.picture(left, top, row.tile)
            said = f"{row.predicted} {row.probabilities.get(row.predicted or '', math.nan):.2f}"
            truth = [Run(f"{row.truth} →", LIGHT_FAINT)] if row.truth is not None else []
            room = round(_TILE - sum(line.width(f"{each.text} ") for each in truth))
            of = " ".join(
                each for each in (row.name if row.name != row.predicted else "", row.layer, row.input) if each
            )
            ink = LIGHT_FAINT if last.by.untrained else LIGHT_WARN if row.is_right is False else LIGHT_INK
            answer = Run(shortened(said, line, room), ink, struck=last.by.untrained)
            page.runs(left, top + _TILE + 4, [*truth, answer], line)
            page.text(
                left,
                top + _TILE + 32,
                shortened(f"{of + ': ' if of else ''}{escaped(row.picture)}", line, _TILE),
                line,
                LIGHT_FAINT,
            )
        more = len(rows) - len(shown)
        told = [
            f"{len(rows)} maps of {self._count} pictures, the wrong ones first"
            + f"; {more} more in {TABLE}" * bool(more)
        ]
        below = footer(sheet_words(last, told, self._display), page.pixels.shape[1], page.pixels.shape[0])
        return png([page.strip(), *below], origin(last, None, self._display))


def _of_other(one: ClassMap, other: Explained, index: int) -> tuple[str | None, float, Alike]:
    return other.predicted, other.probabilities.get(one.name, math.nan), alike(one, other.maps[index])


def _csv(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    # Texts are quoted, so that no part of a name stands by itself where semicolons are taken to part cells.
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(columns)
    for row in rows:
        writer.writerow(
            [
                "" if each is None or each != each else round(each, 6) if isinstance(each, float) else each
                for each in row
            ]
        )
    return text.getvalue().encode()
