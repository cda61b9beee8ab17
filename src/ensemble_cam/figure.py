"""The annotated figure of a review, at print quality: the film, then a row for each finding."""

import io

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from ensemble_cam.analysis import Finding
from ensemble_cam.heatmaps import Heatmap
from ensemble_cam.provenance import Review, behind, describe, method_line, origin, verdict
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.rendering import Display, Screen
from ensemble_cam.settings import displayed

# A4 across at 300 dots per inch; the height follows from the film and the number of findings.
WIDTH, DPI = 3508, 300
_MARGIN, _GAP = 90, 30
_CAPTION, _FOOT = 170, 300
_LINE, _SMALL_LINE, _COLOUR_BAR = 48, 38, 140
# A taller film is drawn narrower: 18 findings must stay below the 65,536 pixels that Agg can draw.
_TALLEST = 1.7
_SMALL = FontProperties(size=6.5)
_NORMAL = FontProperties(size=8)
_BOLD = FontProperties(size=9, weight="bold")
_INK, _FAINT, _WARN = "#111111", "#555555", "#9c2a00"


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
        self.facts = [part for fact in _facts(review) for part in _wrapped(fact, _NORMAL, room)]
        self.warnings = [part for warning in review.warnings for part in _wrapped(warning, _SMALL, room)]
        facts_height = len(self.facts) * _LINE + _COLOUR_BAR + len(self.warnings) * _SMALL_LINE
        self.row = self.panel_height + _CAPTION
        self.film_top = _MARGIN + 110
        self.rows_top = self.film_top + max(self.panel_height, facts_height) + _CAPTION // 2
        self.foot = self.rows_top + rows * self.row
        self.height = self.foot + _FOOT + 40 * columns

    def panel(self, row: int, column: int) -> tuple[int, int]:
        """Return the upper left corner of a panel of the findings' rows."""
        return _MARGIN + column * (self.panel_width + _GAP), self.rows_top + row * self.row + _CAPTION


def figure_png(review: Review) -> bytes:
    """Draw the figure of a review as PNG, `figure_size` pixels, with its origin in text chunks.

    Nothing of the process's matplotlib state is used, so any number of threads may draw at once.
    """
    layout = _Layout(review)
    # matplotlib 3.9 cuts what is left of a pixel, and h / 300 * 300 may come out below h.
    inches = (WIDTH + 1e-6) / DPI, (layout.height + 1e-6) / DPI
    figure = Figure(figsize=inches, dpi=DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    page = _Page(figure, layout)
    analysis = review.analysis
    screen = Screen.of(
        analysis.radiograph.display, analysis.geometry, longest=max(layout.panel_width, layout.panel_height)
    )
    page.text(_MARGIN, _MARGIN, "Chest radiograph review", _BOLD)
    page.text(_MARGIN, _MARGIN + 55, _purpose(review), _NORMAL, _WARN)
    page.picture(_MARGIN, layout.film_top, screen.panel(None, review.display))
    _draw_facts(page, layout, review.display)
    for row, finding in enumerate(analysis.findings):
        for column, result in enumerate(analysis.results):
            x, y = layout.panel(row, column)
            heatmap = finding.maps.get(result.id)
            page.picture(x, y, screen.panel(heatmap, review.display))
            page.text(x, y - 100, _shortened(result.classifier.config.name, _NORMAL, layout.panel_width), _NORMAL)
            note, colour = _panel_note(review, finding, result.id, heatmap)
            page.text(x, y - 50, _shortened(note, _SMALL, layout.panel_width), _SMALL, colour)
        x, y = layout.panel(row, len(analysis.results))
        page.picture(x, y, screen.panel(finding.ensemble, review.display))
        page.text(x, y - 100, "Ensemble", _BOLD)
        page.text(x, y - 50, _shortened(_ensemble_note(review, finding), _SMALL, layout.panel_width), _SMALL)
        title = _shortened(_finding_title(review, finding), _BOLD, WIDTH - 2 * _MARGIN)
        page.text(_MARGIN, y - _CAPTION + 25, title, _BOLD)
    _draw_foot(page, layout, review)
    stream = io.BytesIO()
    canvas.print_png(stream, metadata=origin(review), pil_kwargs={"compress_level": 2})
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
        box = (x, layout.height - y - layout.panel_height, layout.film_width, layout.panel_height)
        axes = self._figure.add_axes(
            [box[0] / WIDTH, box[1] / layout.height, box[2] / WIDTH, box[3] / layout.height], frameon=False
        )
        axes.imshow(picture, aspect="auto", interpolation="bilinear")
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
        # An end too near to the threshold would be written over it.
        ticks = {end: f"{end}" for end in (0, 1) if abs(end - threshold) > 0.1}
        ticks[threshold] = f"threshold {threshold:.2f}"
        axes.set_xticks(list(ticks), list(ticks.values()))
        axes.tick_params(labelsize=6, length=2, width=0.5)


def _width(text: str, font: FontProperties) -> float:
    """Return how many pixels wide a line of text is."""
    return RendererAgg(1, 1, DPI).get_text_width_height_descent(text, font, ismath=False)[0]


def _wrapped(text: str, font: FontProperties, room: int) -> list[str]:
    """Break a text into lines of at most `room` pixels; a longer word has a line to itself."""
    lines: list[str] = []
    for word in text.split():
        if lines and _width(f"{lines[-1]} {word}", font) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _shortened(text: str, font: FontProperties, room: int) -> str:
    """Cut a text at the end of a word, so that it is at most `room` pixels wide, and say so with "…"."""
    words = text.split(" ")
    while len(words) > 1 and _width(" ".join(words), font) > room:
        words = [*words[:-2], "…"] if words[-1] == "…" else [*words[:-1], "…"]
    return " ".join(words)


def _finding_title(review: Review, finding: Finding) -> str:
    words = {
        True: "called",
        False: "below its operating point: not called",
        None: "uncalibrated: no operating point",
    }[finding.called]
    title = f"{finding.rank}. {displayed(finding.label)} · score {finding.ranked.score.value:.2f}, {words}"
    return f"{title} · {behind(review.analysis, finding)}"


def _panel_note(review: Review, finding: Finding, id: str, heatmap: Heatmap | None) -> tuple[str, str]:
    if heatmap is None:
        return f"No map: {finding.missing[id]}", _WARN
    result = review.analysis.result(id)
    score, called = result.scores[finding.label], result.called(finding.label)
    return (
        f"{score:.2f}, {verdict(called)} · {_area(heatmap, review.display.threshold)}",
        _FAINT if called is False else _INK,
    )


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
    return "nothing above the threshold" if region is None else f"{region.area:.1%} of what was seen"


def _facts(review: Review) -> list[str]:
    """Say what the film is, what was done to it, and what the colours mean."""
    film = review.analysis.radiograph
    return [
        f"{film.format}, {film.width}×{film.height} pixels, {film.bits} bits · film SHA-256 {film.sha256[:16]}…",
        f"Maps of the logit: {method_line(review)}",
        "The outlined square is what the networks saw; what lies outside was not looked at."
        if review.analysis.geometry.crop != (0, 0, film.width, film.height)
        else "The networks saw the whole film.",
        "Colour: relative activation, each map over its own maximum: where a network looked, not what is there.",
    ]


def _draw_facts(page: _Page, layout: _Layout, display: Display) -> None:
    """Write the facts beside the film, with the colour bar and the warnings."""
    x, y = layout.facts_left, layout.film_top
    for line in layout.facts:
        page.text(x, y, line, _NORMAL)
        y += _LINE
    page.colour_bar(x, y + 10, min(layout.panel_width, WIDTH - _MARGIN - x), display.colormap, display.threshold)
    y += _COLOUR_BAR
    for line in layout.warnings:
        page.text(x, y, line, _SMALL, _WARN)
        y += _SMALL_LINE


def _draw_foot(page: _Page, layout: _Layout, review: Review) -> None:
    analysis, y = review.analysis, layout.foot + 60
    for result in analysis.results:
        weight = analysis.settings.ensemble_weights[result.id]
        page.text(_MARGIN, y, f"{describe(result)}, ensemble weight {weight:g}", _SMALL, _FAINT)
        y += 40
    text = origin(review)
    page.text(
        _MARGIN, y, f"{text['Software']} · {review.run.set} set · film SHA-256 {text['Film SHA-256']}", _SMALL, _FAINT
    )
    page.text(_MARGIN, y + 40, _purpose(review), _SMALL, _WARN)


def _purpose(review: Review) -> str:
    return f"{PURPOSE} {review.notice}." if review.notice else PURPOSE
