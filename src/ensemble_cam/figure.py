"""The annotated figure of a review, at print quality: the film, then a row for each finding."""

import io
import textwrap

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from ensemble_cam.analysis import Finding
from ensemble_cam.heatmaps import Heatmap
from ensemble_cam.provenance import Review, describe, origin
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.rendering import Screen
from ensemble_cam.settings import displayed

# A4 across at 300 dots per inch; the height follows from the film and the number of findings.
WIDTH, DPI = 3508, 300
_MARGIN, _GAP = 90, 30
_CAPTION, _FOOT = 170, 300
_SMALL = FontProperties(size=6.5)
_NORMAL = FontProperties(size=8)
_BOLD = FontProperties(size=9, weight="bold")
_INK, _FAINT, _WARN = "#111111", "#555555", "#9c2a00"


def figure_size(review: Review) -> tuple[int, int]:
    """Return the figure's (width, height) in pixels."""
    layout = _Layout.of(review)
    return WIDTH, layout.height


class _Layout:
    """Where things stand on the figure, in pixels from its upper left corner."""

    def __init__(self, columns: int, rows: int, aspect: float):
        self.panel_width = (WIDTH - 2 * _MARGIN - (columns - 1) * _GAP) // columns
        self.panel_height = round(self.panel_width * aspect)
        self.row = self.panel_height + _CAPTION
        self.film_top = _MARGIN + 110
        self.rows_top = self.film_top + self.panel_height + _CAPTION // 2
        self.foot = self.rows_top + rows * self.row
        self.height = self.foot + _FOOT + 40 * columns

    @classmethod
    def of(cls, review: Review) -> "_Layout":
        width, height = review.analysis.geometry.source_size
        return cls(len(review.analysis.results) + 1, len(review.analysis.findings), height / width)

    def panel(self, row: int, column: int) -> tuple[int, int]:
        """Return the upper left corner of a panel of the findings' rows."""
        return _MARGIN + column * (self.panel_width + _GAP), self.rows_top + row * self.row + _CAPTION


def figure_png(review: Review) -> bytes:
    """Draw the figure of a review as PNG, `figure_size` pixels, with its origin in text chunks.

    Nothing of the process's matplotlib state is used, so any number of threads may draw at once.
    """
    layout = _Layout.of(review)
    figure = Figure(figsize=(WIDTH / DPI, layout.height / DPI), dpi=DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    page = _Page(figure, layout)
    analysis = review.analysis
    screen = Screen.of(
        analysis.radiograph.display, analysis.geometry, longest=max(layout.panel_width, layout.panel_height)
    )
    page.text(_MARGIN, _MARGIN, "Chest radiograph review", _BOLD)
    page.text(_MARGIN, _MARGIN + 55, PURPOSE, _NORMAL, _WARN)
    page.picture(_MARGIN, layout.film_top, screen.panel(None, review.display))
    _draw_facts(page, review)
    for row, finding in enumerate(analysis.findings):
        for column, result in enumerate(analysis.results):
            x, y = layout.panel(row, column)
            heatmap = finding.maps.get(result.id)
            page.picture(x, y, screen.panel(heatmap, review.display))
            page.text(x, y - 100, result.classifier.config.name, _NORMAL)
            note, colour = _panel_note(review, finding, result.id, heatmap)
            page.text(x, y - 50, note, _SMALL, colour)
        x, y = layout.panel(row, len(analysis.results))
        page.picture(x, y, screen.panel(finding.ensemble, review.display))
        page.text(x, y - 100, "Ensemble", _BOLD)
        page.text(x, y - 50, _ensemble_note(review, finding), _SMALL, _INK)
        page.text(_MARGIN, y - _CAPTION + 25, _finding_title(finding), _BOLD)
    _draw_foot(page, review)
    stream = io.BytesIO()
    canvas.print_png(stream, metadata=origin(review), pil_kwargs={"compress_level": 3})
    return stream.getvalue()


class _Page:
    """Draws on a figure in pixels from its upper left corner."""

    def __init__(self, figure: Figure, layout: _Layout):
        self._figure, self._layout = figure, layout

    def text(self, x: int, y: int, text: str, font: FontProperties, colour: str = _INK) -> None:
        # parse_math off: a "$" in a name is a dollar.
        self._figure.text(
            x / WIDTH, 1 - y / self._layout.height, text, fontproperties=font, color=colour, va="top", parse_math=False
        )

    def picture(self, x: int, y: int, picture: np.ndarray) -> None:
        layout = self._layout
        box = (x, layout.height - y - layout.panel_height, layout.panel_width, layout.panel_height)
        axes = self._figure.add_axes(
            [box[0] / WIDTH, box[1] / layout.height, box[2] / WIDTH, box[3] / layout.height], frameon=False
        )
        axes.imshow(picture, aspect="auto", interpolation="lanczos")
        axes.set_axis_off()

    def colour_bar(self, x: int, y: int, width: int, colormap: str, threshold: float) -> None:
        axes = self._figure.add_axes(
            [x / WIDTH, 1 - (y + 36) / self._layout.height, width / WIDTH, 36 / self._layout.height]
        )
        axes.imshow(
            np.linspace(0, 1, 256)[None], aspect="auto", cmap=matplotlib.colormaps[colormap], extent=(0, 1, 0, 1)
        )
        axes.axvline(threshold, color="white", linewidth=1.5)
        axes.set_yticks([])
        axes.set_xticks([0, threshold, 1], ["0", f"threshold {threshold:.2f}", "1"])
        axes.tick_params(labelsize=6, length=2, width=0.5)


def _finding_title(finding: Finding) -> str:
    score = finding.ranked.score
    title = f"{finding.rank}. {displayed(finding.label)} · score {score.value:.2f}"
    if not score.calibrated:
        return f"{title}, uncalibrated: no operating point"
    return f"{title}, {'called' if finding.ranked.called else 'below its operating point: not called'}"


def _panel_note(review: Review, finding: Finding, id: str, heatmap: Heatmap | None) -> tuple[str, str]:
    if heatmap is None:
        return textwrap.shorten(f"No map: {finding.missing[id]}", 70), _WARN
    result = review.analysis.result(id)
    score, called = result.scores[finding.label], result.called(finding.label)
    verdict = {None: "uncalibrated", True: "called", False: "not called"}[called]
    return f"{score:.2f}, {verdict} · {_area(heatmap, review.display.threshold)}", _FAINT if called is False else _INK


def _ensemble_note(review: Review, finding: Finding) -> str:
    if finding.ensemble is None:
        return "No map"
    note = _area(finding.ensemble, review.display.threshold)
    agreement = finding.agreement(review.display.threshold)
    if agreement is None:
        return f"{note} · one classifier alone"
    iou = "–" if agreement.iou is None else f"{agreement.iou:.2f}"
    rank = "–" if agreement.rank_correlation is None else f"{agreement.rank_correlation:.2f}"
    return f"{note} · agreement IoU {iou}, rank {rank}"


def _area(heatmap: Heatmap, threshold: float) -> str:
    if heatmap.empty:
        return "empty map: no positive value"
    region = heatmap.region(threshold)
    return "nothing above the threshold" if region is None else f"{region.area:.1%} of the crop"


def _draw_facts(page: _Page, review: Review) -> None:
    """Write, beside the film, what it is, what was done to it, and what the colours mean."""
    layout, film, settings = page._layout, review.analysis.radiograph, review.analysis.settings
    x, y = _MARGIN + layout.panel_width + 2 * _GAP, layout.film_top
    lines = [
        f"{film.format}, {film.width}×{film.height} pixels, {film.bits} bits · film SHA-256 {film.sha256[:16]}…",
        f"{settings.method} maps of the logit · {settings.framing} framing · {review.run.intensity} intensity",
        "The outlined square is what the networks saw; what lies outside was not looked at."
        if review.analysis.geometry.crop != (0, 0, film.width, film.height)
        else "The networks saw the whole film.",
        "Colour: relative activation, each map over its own maximum: where a network looked, not what is there.",
    ]
    for line in lines:
        page.text(x, y, line, _NORMAL)
        y += 48
    page.colour_bar(x, y + 10, layout.panel_width, review.display.colormap, review.display.threshold)
    y += 130
    for warning in film.warnings:
        for part in textwrap.wrap(warning, 130):
            page.text(x, y, part, _SMALL, _WARN)
            y += 38


def _draw_foot(page: _Page, review: Review) -> None:
    analysis, y = review.analysis, page._layout.foot + 60
    for result in analysis.results:
        weight = analysis.settings.ensemble_weights[result.id]
        page.text(_MARGIN, y, f"{describe(result)}, ensemble weight {weight:g}", _SMALL, _FAINT)
        y += 40
    text = origin(review)
    page.text(
        _MARGIN, y, f"{text['Software']} · {review.run.set} set · film SHA-256 {text['Film SHA-256']}", _SMALL, _FAINT
    )
    page.text(_MARGIN, y + 40, PURPOSE, _SMALL, _WARN)
