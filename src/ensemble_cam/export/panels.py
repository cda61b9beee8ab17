"""A finding on the figure: what is said of it, and its maps side by side, the regions numbered as in `review.json`."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ensemble_cam.export.blocks import HAIR, MARGIN, ROOM, WIDTH, Block, Space, Text
from ensemble_cam.export.words import with_score
from ensemble_cam.rendering.numbers import Number, numbers
from ensemble_cam.rendering.overlay import stretches
from ensemble_cam.rendering.page import BOLD, FAINT, INK, NORMAL, SMALL, WARN, Canvas, Lettering, Page, Run
from ensemble_cam.rendering.screen import Screen
from ensemble_cam.rendering.strips import Part, SharedRows
from ensemble_cam.reviewing.scores import Call
from ensemble_cam.reviewing.sentences import capitalised, disagreement, extent, no_map, score_line, support, title
from ensemble_cam.settings.vocabulary import ENSEMBLE

if TYPE_CHECKING:
    from ensemble_cam.maps.heatmap import Heatmap
    from ensemble_cam.reviewing.analysis import Finding
    from ensemble_cam.reviewing.review import Review

_GAP, _BELOW_RULE, _BELOW_CAPTION, _BELOW = 20, 18, 10, 18
# A taller film is drawn narrower.
_TALLEST = 1.7
WIDEST = 1120
"""Pixels of a film's width on paper, at most."""
_HIGHEST = 1340
# Of rows of panels, large and small: their share of the page's width, and pixels of height. Two large ones stand on a
# page, so that 18 findings stay below the 65,536 pixels that many programs can show.
_SMALL_SHARE, _MOST, _MOST_SMALL = 0.56, 1080, 520


def is_large(finding: "Finding") -> bool:
    """Return whether a finding's maps are drawn large: what the networks call, and what has no operating point."""
    return finding.call in (Call.CALLED, Call.UNCALIBRATED)


class PrintedFilm:
    """A film at the sizes at which it stands on paper, each made when it is asked for.

    A large film is read once: what is smaller is made of what is largest.
    """

    def __init__(self, review: "Review"):
        self._analysis = review.analysis

    def fitting(self, width: int) -> tuple[int, int]:
        """Return (width, height) of the film in true proportions, at most `width` wide and `_HIGHEST` high."""
        source_width, source_height = self._analysis.geometry.source_size
        height = max(1, min(round(width * source_height / source_width), _HIGHEST))
        return min(width, max(1, round(height * source_width / source_height))), height

    def at(self, width: int, height: int) -> Screen:
        """Return the film at a size that is no larger than what `fitting` says of `WIDEST`."""
        return Screen.sized(self._largest, self._analysis.geometry, width, height)

    @cached_property
    def _largest(self) -> np.ndarray:
        film, size = self._analysis.radiograph.display, self.fitting(WIDEST)
        if size[0] * size[1] >= film.size:
            return film
        return Screen.sized(film, self._analysis.geometry, *size).film


class Panels:
    """Where the maps of one film stand side by side; `share` says how much of their usual height they have.

    Attributes:
        lefts: where the panels begin, from the page's left.
        slot: pixels of a panel's place.
        height: pixels of a panel.
        right: where the last place ends.
    """

    def __init__(self, review: "Review", film: PrintedFilm, *, large: bool, share: float = 1.0):
        count = len(review.analysis.results) + 1
        width, height = review.analysis.geometry.source_size
        across = ROOM if large else round(ROOM * _SMALL_SHARE)
        self.slot = (across - (count - 1) * _GAP) // count
        highest = min(self.slot * min(height / width, _TALLEST), _MOST if large else _MOST_SMALL)
        self.height = max(1, round(share * highest))
        self._size = min(self.slot, max(1, round(self.height * width / height))), self.height
        if not large:  # no wider than they are: the words stand right of them
            self.slot = max(self._size[0], min(self.slot, 160))
        self.lefts = [MARGIN + column * (self.slot + _GAP) for column in range(count)]
        self.right = self.lefts[-1] + self.slot
        self._review, self._film = review, film

    @cached_property
    def screen(self) -> Screen:
        """The film at a panel's size."""
        return self._film.at(*self._size)

    @cached_property
    def _plain(self) -> SharedRows:
        return SharedRows(self._plain_rows, WIDTH, self.height)

    def numbers(self, finding: "Finding", id: str) -> list[Number]:
        """Return where the numbers of a map's regions stand on its panel."""
        found = self._review.extents[finding.label].get(id)
        if found is None or not self._review.display.overlays:
            return []
        return numbers(found.regions, self._review.analysis.geometry.source_size, self._size)

    def panel(self, heatmap: "Heatmap | None", placed: Sequence[Number]) -> np.ndarray:
        """Return a panel by itself, (h, w, 3) uint8 RGB."""
        drawn = self.screen.panel(heatmap, self._review.display)
        for number in placed:
            number.draw(drawn)
        return drawn

    def drawn(self, maps: "Sequence[Heatmap | None]", placed: Sequence[Sequence[Number]]) -> Iterator[Part]:
        """Yield a row of panels from top to bottom: most are the film alone in most of their rows.

        Args:
            maps: one for each panel; None where there is none.
            placed: the numbers of each panel.
        """
        screen, display = self.screen, self._review.display
        touched = [rows for heatmap in maps if (rows := screen.touched(heatmap, display)).stop]
        if not touched:
            return self._plain.changed([])
        written = [slice(number.box[1], number.box[3]) for some in placed for number in some]
        multiple = self._plain.multiple
        first = min(rows.start for rows in (*touched, *written)) // multiple * multiple
        behind = min(-(-max(rows.stop for rows in (*touched, *written)) // multiple) * multiple, self.height)
        pixels, changed = self._plain_rows(slice(first, behind)), np.zeros(behind - first, dtype=bool)
        for left, heatmap, some in zip(self.lefts, maps, placed, strict=True):
            if heatmap is None:
                continue
            panel = pixels[:, left : left + screen.film.shape[1]]
            changed |= screen.paint(panel, heatmap, display, first=first)
            for number in some:
                number.draw(panel, first=first)
                changed[number.box[1] - first : number.box[3] - first] = True
        return self._plain.changed(
            (slice(first + rows.start, first + rows.stop), pixels[rows]) for rows in stretches(changed, multiple)
        )

    def _plain_rows(self, rows: slice) -> np.ndarray:
        page, plain = Page(WIDTH, rows.stop - rows.start), self.screen.plain[rows]
        for left in self.lefts:
            page.picture(left, 0, plain)
        return page.pixels


class FindingRow(Block):
    """A finding with its maps: called ones large with words above each map, the others smaller with words beside them.

    Args:
        review: the film's.
        finding: one of those explained.
        panels: where its maps stand, of the size that `is_large` says.
    """

    def __init__(self, review: "Review", finding: "Finding", panels: Panels):
        analysis = review.analysis
        self._panels, self._texts = panels, list[tuple[int, int, Text]]()
        maps = finding.heatmaps()
        names = {result.id: result.classifier.config.name for result in analysis.results} | {ENSEMBLE: "Ensemble"}
        self._maps = [maps.get(id) for id in names]
        self._placed = [panels.numbers(finding, id) for id in names]
        notes = {id: _note(review, finding, id, len(placed)) for id, placed in zip(names, self._placed, strict=True)}
        y = _BELOW_RULE
        head = with_score(title(finding), finding.ranked.score, ink=INK, faint=FAINT)
        threshold = review.display.threshold
        said = Lettering(NORMAL.points, bold=analysis.is_split(finding))
        for text in (
            Text.of(head, BOLD, ROOM),
            Text.of(capitalised(disagreement(analysis, finding, threshold)), said, ROOM),
            Text.of(capitalised(support(analysis, finding, threshold)), SMALL, ROOM, FAINT),
        ):
            self._texts.append((MARGIN, y, text))
            y += text.height
        y += 6
        self._is_large = is_large(finding)
        above = y + self._name(names, notes, y)
        self._top = above + _BELOW_CAPTION
        beside = 0 if self._is_large else self._say_beside(names, notes, y)
        self.height = max(self._top + panels.height, beside) + _BELOW

    def _name(self, names: Mapping[str, str], notes: "Mapping[str, Sequence[Run]]", top: int) -> int:
        """Put names, and notes on large panels, above the panels, and return the rows that they take."""
        below = 0
        for left, (id, name) in zip(self._panels.lefts, names.items(), strict=True):
            lettering = Lettering((NORMAL if self._is_large else SMALL).points, bold=id == ENSEMBLE)
            texts = [Text.of(name, lettering, self._panels.slot)]
            if self._is_large:
                texts.append(Text.of(notes[id], SMALL, self._panels.slot))
            y = top
            for text in texts:
                self._texts.append((left, y, text))
                y += text.height
            below = max(below, y - top)
        return below

    def _say_beside(self, names: Mapping[str, str], notes: "Mapping[str, Sequence[Run]]", top: int) -> int:
        """Put what is said of each map right of the panels, and return where it ends."""
        left = self._panels.right + 2 * _GAP
        y = top
        for id, name in names.items():
            text = Text.of([Run(f"{name}:"), *notes[id]], SMALL, WIDTH - MARGIN - left)
            self._texts.append((left, y, text))
            y += text.height + 4
        return y

    def draw(self, canvas: Canvas, top: int) -> None:
        """Draw it from row `top` of a page on."""
        self._write(canvas, top)
        for left, heatmap, placed in zip(self._panels.lefts, self._maps, self._placed, strict=True):
            canvas.picture(left, top + self._top, self._panels.panel(heatmap, placed))

    def parts(self) -> Iterator[Part]:
        """Yield it as rows of a PNG; large panels share those that are the film alone."""
        if not self._is_large:
            yield from super().parts()
            return
        caption = Page(WIDTH, self._top)
        self._write(caption, 0)
        yield caption.strip()
        yield from self._panels.drawn(self._maps, self._placed)
        yield from Space(self.height - self._top - self._panels.height).parts()

    def _write(self, canvas: Canvas, top: int) -> None:
        canvas.bar(MARGIN, top, ROOM, 2, HAIR)
        for x, y, text in self._texts:
            text.draw(canvas, x, top + y)


def _note(review: "Review", finding: "Finding", id: str, numbered: int) -> Sequence[Run]:
    """Return what is said of a map, or why there is none.

    Args:
        review: the film's.
        finding: one of those explained.
        id: a classifier's, or "ensemble".
        numbered: how many of its regions have their number on the panel.
    """
    heatmap = finding.heatmaps().get(id)
    if heatmap is None:
        return [Run(capitalised(no_map(finding, id)), WARN)]
    found = review.extents[finding.label][id]
    note = extent(heatmap, found, review.display.threshold)
    if found is not None and numbered < found.count and review.display.overlays:
        note = f"{note}, {numbered or 'none'} numbered"
    score = review.analysis.score(finding, id)
    if id == ENSEMBLE or score is None:  # the ensemble's score stands in the title
        return [Run(capitalised(note), INK)]
    colour = INK if score.call in (Call.CALLED, Call.UNCALIBRATED) else FAINT
    return with_score(f"{score_line(score)} · {note}", score, ink=colour, faint=FAINT)
