"""The annotated figure of a review, at print quality: the film, then a row for each finding."""

from collections.abc import Iterator, Sequence

import numpy as np

from ensemble_cam.export.provenance import origin, window_line
from ensemble_cam.export.words import with_score
from ensemble_cam.film.greyscale import Greys
from ensemble_cam.maps.heatmap import Heatmap
from ensemble_cam.rendering.overlay import stretches
from ensemble_cam.rendering.page import BOLD, DPI, FAINT, INK, NORMAL, SMALL, WARN, Page, shortened, wrapped
from ensemble_cam.rendering.png import png
from ensemble_cam.rendering.screen import Screen
from ensemble_cam.rendering.strips import Part, SharedRows, Strip
from ensemble_cam.reviewing.analysis import Finding
from ensemble_cam.reviewing.review import Review
from ensemble_cam.reviewing.scores import Call
from ensemble_cam.reviewing.sentences import (
    capitalised,
    extent,
    head_line,
    method_line,
    no_map,
    remarks_line,
    score_line,
    support,
    title,
    weighted_line,
)
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.vocabulary import ENSEMBLE

# A4 across; the height follows from the film and the number of findings.
WIDTH = 3508
_MARGIN, _GAP = 90, 30
_CAPTION, _FOOT = 225, 300
_LINE, _SMALL_LINE, _COLOUR_BAR = 48, 38, 140
# A taller film is drawn narrower: 18 findings must stay below the 65,536 pixels that many programs can show.
_TALLEST = 1.7


def figure_size(review: Review) -> tuple[int, int]:
    """Return the figure's (width, height) in pixels."""
    return WIDTH, _Layout(review).height


class _Layout:
    """Where things stand on the figure, in pixels from its upper left corner."""

    def __init__(self, review: Review):
        columns, rows = len(review.analysis.results) + 1, len(review.analysis.findings)
        width, height = review.analysis.geometry.source_size
        self.panel_width = (WIDTH - 2 * _MARGIN - (columns - 1) * _GAP) // columns
        self.panel_height = max(1, round(self.panel_width * min(height / width, _TALLEST)))
        self.film_width = self.panel_width
        if height / width > _TALLEST:
            self.film_width = max(1, round(self.panel_height * width / height))
        self.facts_left = _MARGIN + self.panel_width + 2 * _GAP
        room = WIDTH - _MARGIN - self.facts_left
        self.facts = [part for fact in _facts(review) for part in wrapped(fact, NORMAL, room)]
        self.warnings = [part for warning in review.warnings for part in wrapped(warning, SMALL, room)]
        self.colour_bar = _COLOUR_BAR if review.display.style != "contour" else 0
        facts_height = len(self.facts) * _LINE + self.colour_bar + len(self.warnings) * _SMALL_LINE
        remarks = remarks_line(review.analysis)
        self.remarks = wrapped(remarks, NORMAL, WIDTH - 2 * _MARGIN) if remarks else []
        self.film_top = _MARGIN + 110 + len(self.remarks) * _LINE
        self.rows_top = self.film_top + max(self.panel_height, facts_height) + _CAPTION // 2
        self.foot_height = _FOOT + 40 * columns
        self.height = self.rows_top + rows * (_CAPTION + self.panel_height) + self.foot_height

    def panel(self, column: int) -> int:
        """Return where a panel of the findings' rows begins, from the left."""
        return _MARGIN + column * (self.panel_width + _GAP)


def figure_png(review: Review) -> bytes:
    """Draw the figure of a review as PNG, `figure_size` pixels, with its origin in text chunks.

    Any number of threads may draw at once.
    """
    return png(_parts(review), origin(review), dots_per_inch=DPI)


def _parts(review: Review) -> Iterator[Part]:
    """Yield the figure from top to bottom: no more of it than a row of panels is in memory at once."""
    layout, analysis = _Layout(review), review.analysis
    screen = Screen.sized(analysis.radiograph.display, analysis.geometry, layout.film_width, layout.panel_height)
    yield _head(review, layout, screen)
    panels = _Panels(screen, [layout.panel(column) for column in range(len(analysis.results) + 1)])
    for finding in analysis.findings:
        yield _captions(review, layout, finding)
        maps = [*(finding.maps.get(result.id) for result in analysis.results), finding.ensemble]
        yield from panels.drawn(maps, review.display)
    yield _foot(review, layout)


def _head(review: Review, layout: _Layout, screen: Screen) -> Strip:
    page = Page(WIDTH, layout.rows_top)
    page.text(_MARGIN, _MARGIN, shortened(_title(review), BOLD, WIDTH - 2 * _MARGIN), BOLD)
    page.text(_MARGIN, _MARGIN + 55, head_line(review), NORMAL, WARN)
    for number, remark in enumerate(layout.remarks, start=1):
        page.text(_MARGIN, _MARGIN + 55 + number * _LINE, remark, NORMAL, WARN)
    page.picture(_MARGIN, layout.film_top, screen.plain)
    _draw_facts(page, layout, review.display)
    return page.strip()


def _captions(review: Review, layout: _Layout, finding: Finding) -> Strip:
    """Draw what stands above a finding's panels."""
    page, analysis = Page(WIDTH, _CAPTION), review.analysis
    head = shortened(title(finding), BOLD, WIDTH - 2 * _MARGIN)
    page.runs(_MARGIN, 25, with_score(head, finding.ranked.score, ink=INK, faint=FAINT), BOLD)
    line = support(analysis, finding, review.display.threshold)
    page.text(_MARGIN, 70, shortened(capitalised(line), NORMAL, WIDTH - 2 * _MARGIN))
    for column, result in enumerate(analysis.results):
        x = layout.panel(column)
        page.text(x, _CAPTION - 100, shortened(result.classifier.config.name, NORMAL, layout.panel_width))
        _draw_note(page, x, _CAPTION - 50, review, finding, result.id, layout.panel_width)
    x = layout.panel(len(analysis.results))
    page.text(x, _CAPTION - 100, "Ensemble", BOLD)
    _draw_note(page, x, _CAPTION - 50, review, finding, ENSEMBLE, layout.panel_width)
    return page.strip()


class _Panels:
    """Panels of one film side by side.

    Args:
        screen: the film at a panel's size.
        lefts: where the panels begin, from the figure's left.
    """

    def __init__(self, screen: Screen, lefts: Sequence[int]):
        self._screen, self._lefts = screen, lefts
        self._plain = SharedRows(self._plain_rows, WIDTH, len(screen.film))

    def drawn(self, maps: Sequence[Heatmap | None], display: Display) -> Iterator[Part]:
        """Yield a row of panels from top to bottom: most are the film alone in most of their rows.

        Args:
            maps: one for each panel; None where there is none.
            display: what they are drawn like.
        """
        touched = [rows for heatmap in maps if (rows := self._screen.touched(heatmap, display)).stop]
        if not touched:
            return self._plain.changed([])
        multiple, height = self._plain.multiple, len(self._screen.film)
        first = min(rows.start for rows in touched) // multiple * multiple
        behind = min(-(-max(rows.stop for rows in touched) // multiple) * multiple, height)
        pixels, changed = self._plain_rows(slice(first, behind)), np.zeros(behind - first, dtype=bool)
        for left, heatmap in zip(self._lefts, maps, strict=True):
            if heatmap is not None:
                panel = pixels[:, left : left + self._screen.film.shape[1]]
                changed |= self._screen.paint(panel, heatmap, display, first=first)
        return self._plain.changed(
            (slice(first + rows.start, first + rows.stop), pixels[rows]) for rows in stretches(changed, multiple)
        )

    def _plain_rows(self, rows: slice) -> np.ndarray:
        page, plain = Page(WIDTH, rows.stop - rows.start), self._screen.plain[rows]
        for left in self._lefts:
            page.picture(left, 0, plain)
        return page.pixels


def _title(review: Review) -> str:
    return "Chest radiograph review" if review.case is None else f"Chest radiograph review · case {review.case}"


def _draw_note(page: Page, x: int, y: int, review: Review, finding: Finding, id: str, room: int) -> None:
    note, colour = _panel_note(review, finding, id)
    score = review.analysis.score(finding, id)
    page.runs(x, y, with_score(shortened(note, SMALL, room), score, ink=colour, faint=FAINT), SMALL)


def _panel_note(review: Review, finding: Finding, id: str) -> tuple[str, str]:
    """Return what stands above a map, or in its place, and in which colour."""
    heatmap = finding.heatmaps().get(id)
    if heatmap is None:
        return capitalised(no_map(finding, id)), WARN
    note = extent(heatmap, review.extents[finding.label][id], review.display.threshold)
    score = review.analysis.score(finding, id)
    if id == ENSEMBLE or score is None:  # the ensemble's score stands in the title
        return capitalised(note), INK
    return f"{score_line(score)} · {note}", INK if score.call in (Call.CALLED, Call.UNCALIBRATED) else FAINT


def _facts(review: Review) -> list[str]:
    """Say what the film is, what was done to it, and what the colours mean."""
    film = review.analysis.radiograph
    greys = [] if film.greys == Greys() else [f"Greys set by the reader: {window_line(review)}"]
    changed = [f"{name}: {film.facts[name]}" for name in ("Proportions", "Grey values") if name in film.facts]
    return [
        f"{film.format}, {film.width}×{film.height} pixels, {film.bits} bits · film SHA-256 {film.sha256[:16]}…",
        *changed,
        *greys,
        f"Maps of the logit: {method_line(review)}",
        "The outlined square is what the networks saw; what lies outside was not looked at."
        if review.analysis.geometry.crop != (0, 0, film.width, film.height)
        else "The networks saw the whole film.",
        f"{_drawn(review.display)}, each map over its own maximum: where a network looked, not what is there.",
    ]


def _drawn(display: Display) -> str:
    if display.style == "contour":
        return f"Contour: relative activation of {display.threshold:.2f}"
    return "Colour: relative activation"


def _draw_facts(page: Page, layout: _Layout, display: Display) -> None:
    """Write the facts beside the film, with the colour bar and the warnings."""
    x, y = layout.facts_left, layout.film_top
    for line in layout.facts:
        page.text(x, y, line, NORMAL)
        y += _LINE
    if layout.colour_bar:
        width = min(layout.panel_width, WIDTH - _MARGIN - x)
        page.colour_bar(x, y + 10, width, colormap=display.colormap, threshold=display.threshold)
    y += layout.colour_bar
    for line in layout.warnings:
        page.text(x, y, line, SMALL, WARN)
        y += _SMALL_LINE


def _foot(review: Review, layout: _Layout) -> Strip:
    """Draw what stands below all panels."""
    page, analysis, y = Page(WIDTH, layout.foot_height), review.analysis, 60
    for result in analysis.results:
        page.text(_MARGIN, y, weighted_line(analysis, result), SMALL, FAINT)
        y += 40
    text = origin(review)
    page.text(
        _MARGIN, y, f"{text['Software']} · {review.run.set} set · film SHA-256 {text['Film SHA-256']}", SMALL, FAINT
    )
    page.text(_MARGIN, y + 40, head_line(review), SMALL, WARN)
    return page.strip()
