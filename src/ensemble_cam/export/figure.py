"""The annotated figure of a review: pages of A4 upright, with the film, all scores and every explained finding's maps.

`review.png` is the pages below each other at 300 pixels an inch, and so a whole number of sheets high; `review.pdf` is
the same pages, with text as text. On the first stand the film beside all findings' scores, and room for reader, case
and date; called findings come first and large. Every page says what it is for and of which film it is.
"""

from collections.abc import Iterator
from functools import cache, partial
from itertools import product

from ensemble_cam.export.blocks import HAIR, HEIGHT, MARGIN, ROOM, WIDTH, Block, Space, Text, Words, lines, paged
from ensemble_cam.export.panels import WIDEST, FindingRow, Panels, PrintedFilm, is_large
from ensemble_cam.export.provenance import origin, window_line
from ensemble_cam.export.strip_plot import StripPlot
from ensemble_cam.film.greyscale import Greys
from ensemble_cam.purpose import MEANINGLESS_LINE
from ensemble_cam.rendering.page import BOLD, DPI, FAINT, NORMAL, SMALL, WARN, Canvas, Lettering, Run
from ensemble_cam.rendering.png import png
from ensemble_cam.rendering.strips import Part
from ensemble_cam.reviewing.review import Review
from ensemble_cam.reviewing.scores import Call
from ensemble_cam.reviewing.sentences import head_line, method_line, remarks_line, weighted_line
from ensemble_cam.settings.display import Display

__all__ = ["HEIGHT", "WIDTH", "figure_pdf", "figure_png", "figure_size", "laid_out"]

_HEAD = Lettering(13, bold=True)
_TOP, _GAP = 100, 60
# The film's width on the first page, the widest first: a narrower one is taken where it saves a page.
_FILM_WIDTHS = WIDEST, 960, 840, 720
# Of the maps' usual height, where a little less of it saves a second page: a sheet that stands by itself is worth it.
_LOWER = 0.8
_COLOUR_BAR_WIDTH, _COLOUR_BAR_HEIGHT = 640, 130
# Rows of the scores' plot that stand beside the film; those of networks with more findings follow below.
_BESIDE = 18
_ABOVE_FOOT, _PAGE_NUMBER = 16, 260


def figure_size(review: Review) -> tuple[int, int]:
    """Return the figure's (width, height) in pixels: so many sheets of A4 below each other as it takes."""
    return WIDTH, HEIGHT * len(laid_out(review))


def figure_png(review: Review) -> bytes:
    """Draw the figure of a review as PNG, `figure_size` pixels, with its origin in text chunks.

    Any number of threads may draw at once.
    """
    return png(_parts(review), origin(review), dots_per_inch=DPI)


def figure_pdf(review: Review) -> bytes:
    """Draw the figure of a review as PDF, a page for each sheet; the same bytes for the same review."""
    from ensemble_cam.rendering.pdf import Pdf

    pdf = Pdf(_title(review), origin(review))
    for blocks in laid_out(review):
        page, top = pdf.page(), 0
        for block in blocks:
            block.draw(page, top)
            top += block.height
        pdf.turn()
    return pdf.finished()


def _parts(review: Review) -> Iterator[Part]:
    """Yield the figure from top to bottom: no more of it than a block is in memory at once."""
    for blocks in laid_out(review):
        for block in blocks:
            yield from block.parts()


def laid_out(review: Review) -> list[list[Block]]:
    """Lay the figure out: blocks from top to bottom that fill each page.

    The networks stand below all maps, or above them where that saves a page. What would nearly fit on one page is drawn
    so much lower that it does.
    """
    head, later_head = _Head(review), _LaterHead(review)
    body = HEIGHT - _Foot(review, 1, 1).height
    film = PrintedFilm(review)
    networks = _networks(review)
    first_of = cache(partial(_first, review, film))
    pages: list[list[Block]] = []
    for share in (1.0, _LOWER):
        if share < 1 and len(pages) != 2:
            break
        findings = _findings(review, film, share)
        for width, are_first in product(_FILM_WIDTHS, (False, True)):
            first = first_of(width)
            blocks = [*first, *networks, *findings] if are_first else [*first, *findings, *networks]
            tried = paged(blocks, first=body - head.height, later=body - later_head.height)
            if not pages or len(tried) < len(pages):
                pages = tried
            if len(pages) == 1:
                break
    filled: list[list[Block]] = []
    for number, blocks in enumerate(pages, start=1):
        upper = head if number == 1 else later_head
        space = body - upper.height - sum(block.height for block in blocks)
        filled.append([upper, *blocks, Space(space), _Foot(review, number, len(pages))])
    return filled


def _title(review: Review) -> str:
    return "Chest radiograph review" if review.case is None else f"Chest radiograph review · case {review.case}"


class _Head(Words):
    """What stands at the top of the first page."""

    def __init__(self, review: Review):
        self._case = review.case
        self._title = Text.of(_title(review), _HEAD, ROOM)
        remarks = remarks_line(review.analysis)
        self._said = [Text.of(head_line(review), NORMAL, ROOM, WARN)]
        if remarks:
            self._said.append(Text.of(remarks, NORMAL, ROOM, WARN))
        self._fields = _TOP + self._title.height + 8 + sum(text.height for text in self._said) + 40
        super().__init__(self._fields + 80, (self._case, self._title, *self._said))

    def draw(self, canvas: Canvas, top: int) -> None:
        """Draw it from row `top` of a page on."""
        y = top + _TOP
        self._title.draw(canvas, MARGIN, y)
        y += self._title.height + 8
        for text in self._said:
            text.draw(canvas, MARGIN, y)
            y += text.height
        self._draw_fields(canvas, top + self._fields)

    def _draw_fields(self, canvas: Canvas, y: int) -> None:
        """Draw room for reader, case and date, the case written in where the reader gave one."""
        case = "" if self._case is None else self._case
        least, gap = 480, 50
        wide = min(max(least, round(NORMAL.width(f"Case {case}")) + 60), ROOM - 2 * gap - 2 * least)
        fields = (("Reader", "", ROOM - 2 * gap - wide - least), ("Case", case, wide), ("Date", "", least))
        x = MARGIN
        for name, value, width in fields:
            canvas.text(x, y, name, NORMAL, FAINT)
            start = x + round(NORMAL.width(name)) + 16
            canvas.bar(start, y + 34, x + width - start, 2, FAINT)
            if value and start + NORMAL.width(value) <= x + width:  # a longer one stands in the title alone
                canvas.text(start + 10, y, value, NORMAL)
            x += width + gap


class _LaterHead(Words):
    """What stands at the top of further pages."""

    def __init__(self, review: Review):
        self._title = Text.of(_title(review), BOLD, ROOM)
        meaningless = [Run(MEANINGLESS_LINE, WARN)] if review.analysis.meaningless else []
        self._warning = Text.of(meaningless, NORMAL, ROOM)
        height = _TOP + self._title.height + self._warning.height + 20
        super().__init__(height, (self._title, self._warning))

    def draw(self, canvas: Canvas, top: int) -> None:
        """Draw it from row `top` of a page on."""
        self._title.draw(canvas, MARGIN, top + _TOP)
        self._warning.draw(canvas, MARGIN, top + _TOP + self._title.height)


class _Foot(Block):
    """What stands at the bottom of every page: the film, which page of how many, and what it is for."""

    def __init__(self, review: Review, number: int, of: int):
        self._page = f"page {number} of {of}"
        film = f"film SHA-256 {review.analysis.radiograph.sha256}"
        self._film = Text.of(film, SMALL, ROOM - _PAGE_NUMBER, FAINT)
        self._purpose = Text.of(head_line(review), SMALL, ROOM, WARN)
        self.height = _ABOVE_FOOT + 16 + self._film.height + self._purpose.height + 80

    def draw(self, canvas: Canvas, top: int) -> None:
        """Draw it from row `top` of a page on."""
        y = top + _ABOVE_FOOT
        canvas.bar(MARGIN, y, ROOM, 2, HAIR)
        y += 16
        canvas.text(WIDTH - MARGIN - round(SMALL.width(self._page)), y, self._page, SMALL, FAINT)
        self._film.draw(canvas, MARGIN, y)
        self._purpose.draw(canvas, MARGIN, y + self._film.height)


class _Film(Block):
    """The film without a map, as wide as is said, and beside it the findings' scores, and the facts where they fit."""

    def __init__(self, review: Review, film: PrintedFilm, width: int):
        self._film, self._size = film, film.fitting(width)
        self._left = MARGIN + self._size[0] + _GAP
        room = WIDTH - MARGIN - self._left
        self._plot = StripPlot(review, review.analysis.ranking[:_BESIDE], room)
        self._facts = _Facts(review, room)
        self._facts_top = self._plot.height + _GAP // 2
        self.height = max(self._size[1], self._plot.height)
        self.holds_facts = self._facts_top + self._facts.height <= self.height + _GAP
        if self.holds_facts:
            self.height = max(self.height, self._facts_top + self._facts.height)
        self.height += _GAP // 2

    def draw(self, canvas: Canvas, top: int) -> None:
        """Draw it from row `top` of a page on."""
        canvas.picture(MARGIN, top, self._film.at(*self._size).plain)
        self._plot.draw(canvas, self._left, top)
        if self.holds_facts:
            self._facts.draw(canvas, self._left, top + self._facts_top)


class _Scores(Block):
    """Findings' scores by themselves, as wide as the page."""

    def __init__(self, plot: StripPlot):
        self._plot = plot
        self.height = plot.height + _GAP // 2

    def draw(self, canvas: Canvas, top: int) -> None:
        """Draw it from row `top` of a page on."""
        self._plot.draw(canvas, MARGIN, top)


class _Facts:
    """What the film is, what was done to it, and what the colours mean, with the colours."""

    def __init__(self, review: Review, room: int):
        self._texts = [Text.of(fact, NORMAL, room) for fact in _facts(review)]
        self._display, self._width = review.display, min(room, _COLOUR_BAR_WIDTH)
        self._bar_top = sum(text.height for text in self._texts) + 10
        self.height = self._bar_top + (0 if review.display.style == "contour" else _COLOUR_BAR_HEIGHT)

    def draw(self, canvas: Canvas, x: int, y: int) -> None:
        """Write them with their upper left corner at (x, y)."""
        top = y
        for text in self._texts:
            text.draw(canvas, x, y)
            y += text.height
        if self._display.style != "contour":
            canvas.colour_bar(
                x, top + self._bar_top, self._width, colormap=self._display.colormap, threshold=self._display.threshold
            )


class _FactsBelow(Block):
    """The facts below the film."""

    def __init__(self, review: Review):
        self._facts = _Facts(review, ROOM)
        self.height = self._facts.height

    def draw(self, canvas: Canvas, top: int) -> None:
        """Draw it from row `top` of a page on."""
        self._facts.draw(canvas, MARGIN, top)


def _first(review: Review, film: PrintedFilm, width: int) -> list[Block]:
    """Return what comes before the findings' maps: the film, all scores, the facts and the warnings."""
    ranking = review.analysis.ranking
    beside = _Film(review, film, width)
    blocks: list[Block] = [beside]
    for start in range(_BESIDE, len(ranking), 2 * _BESIDE):
        blocks.append(_Scores(StripPlot(review, ranking[start : start + 2 * _BESIDE], ROOM)))
    if not beside.holds_facts:
        blocks.append(_FactsBelow(review))
    for warning in review.warnings:
        blocks += lines(warning, SMALL, WARN)
    return [*blocks, Space(16)]


def _facts(review: Review) -> list[str]:
    film = review.analysis.radiograph
    greys = [] if film.greys == Greys() else [f"Greys set by the reader: {window_line(review)}"]
    changed = [f"{name}: {film.facts[name]}" for name in ("Proportions", "Grey values") if name in film.facts]
    return [
        f"{film.format}, {film.width}×{film.height} pixels, {film.bits} bits",
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


def _findings(review: Review, film: PrintedFilm, share: float) -> list[Block]:
    """Return a block for each finding, its maps at a share of their height: the called ones first, then large ones."""
    findings = sorted(
        review.analysis.findings, key=lambda finding: (finding.call is not Call.CALLED, not is_large(finding))
    )
    panels = {
        large: Panels(review, film, large=large, share=share) for large in {is_large(finding) for finding in findings}
    }
    return [FindingRow(review, finding, panels[is_large(finding)]) for finding in findings]


def _networks(review: Review) -> list[Block]:
    """Return what stands below all maps: the networks with their weights, and the software."""
    text = origin(review)
    said = [weighted_line(review.analysis, result) for result in review.analysis.results]
    said.append(f"{text['Software']} · {review.run.set} set")
    return [Space(10), *(line for each in said for line in lines(each, SMALL, FAINT))]
