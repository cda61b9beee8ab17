"""The annotated figure of a review, at print quality: the film, then a row for each finding."""

from ensemble_cam.export.provenance import origin, window_line
from ensemble_cam.export.words import with_score
from ensemble_cam.film.greyscale import Greys
from ensemble_cam.rendering.page import BOLD, DPI, FAINT, INK, NORMAL, SMALL, WARN, Page, shortened, wrapped
from ensemble_cam.rendering.png import png
from ensemble_cam.rendering.screen import Screen
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
        self.row = self.panel_height + _CAPTION
        remarks = remarks_line(review.analysis)
        self.remarks = wrapped(remarks, NORMAL, WIDTH - 2 * _MARGIN) if remarks else []
        self.film_top = _MARGIN + 110 + len(self.remarks) * _LINE
        self.rows_top = self.film_top + max(self.panel_height, facts_height) + _CAPTION // 2
        self.foot = self.rows_top + rows * self.row
        self.height = self.foot + _FOOT + 40 * columns

    def panel(self, row: int, column: int) -> tuple[int, int]:
        """Return the upper left corner of a panel of the findings' rows."""
        return _MARGIN + column * (self.panel_width + _GAP), self.rows_top + row * self.row + _CAPTION


def figure_png(review: Review) -> bytes:
    """Draw the figure of a review as PNG, `figure_size` pixels, with its origin in text chunks.

    Any number of threads may draw at once.
    """
    layout, analysis = _Layout(review), review.analysis
    page = Page(WIDTH, layout.height)
    screen = Screen.sized(analysis.radiograph.display, analysis.geometry, layout.film_width, layout.panel_height)
    page.text(_MARGIN, _MARGIN, shortened(_title(review), BOLD, WIDTH - 2 * _MARGIN), BOLD)
    page.text(_MARGIN, _MARGIN + 55, head_line(review), NORMAL, WARN)
    for number, remark in enumerate(layout.remarks, start=1):
        page.text(_MARGIN, _MARGIN + 55 + number * _LINE, remark, NORMAL, WARN)
    page.picture(_MARGIN, layout.film_top, screen.panel(None, review.display))
    _draw_facts(page, layout, review.display)
    for row, finding in enumerate(analysis.findings):
        for column, result in enumerate(analysis.results):
            x, y = layout.panel(row, column)
            heatmap = finding.maps.get(result.id)
            page.picture(x, y, screen.panel(heatmap, review.display))
            page.text(x, y - 100, shortened(result.classifier.config.name, NORMAL, layout.panel_width))
            _draw_note(page, x, y - 50, review, finding, result.id, layout.panel_width)
        x, y = layout.panel(row, len(analysis.results))
        page.picture(x, y, screen.panel(finding.ensemble, review.display))
        page.text(x, y - 100, "Ensemble", BOLD)
        _draw_note(page, x, y - 50, review, finding, ENSEMBLE, layout.panel_width)
        head = shortened(title(finding), BOLD, WIDTH - 2 * _MARGIN)
        runs = with_score(head, finding.ranked.score, ink=INK, faint=FAINT)
        page.runs(_MARGIN, y - _CAPTION + 25, runs, BOLD)
        line = support(analysis, finding, review.display.threshold)
        page.text(_MARGIN, y - _CAPTION + 70, shortened(capitalised(line), NORMAL, WIDTH - 2 * _MARGIN))
    _draw_foot(page, layout, review)
    return png(page.pixels, origin(review), dots_per_inch=DPI)


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
    return [
        f"{film.format}, {film.width}×{film.height} pixels, {film.bits} bits · film SHA-256 {film.sha256[:16]}…",
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


def _draw_foot(page: Page, layout: _Layout, review: Review) -> None:
    analysis, y = review.analysis, layout.foot + 60
    for result in analysis.results:
        page.text(_MARGIN, y, weighted_line(analysis, result), SMALL, FAINT)
        y += 40
    text = origin(review)
    page.text(
        _MARGIN, y, f"{text['Software']} · {review.run.set} set · film SHA-256 {text['Film SHA-256']}", SMALL, FAINT
    )
    page.text(_MARGIN, y + 40, head_line(review), SMALL, WARN)
