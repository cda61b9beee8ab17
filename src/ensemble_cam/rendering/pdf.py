"""Pages of a PDF: text stays text, marks and lines stay lines, films and maps are pictures without loss.

ReportLab writes it: Python alone, five megabytes, with a permissive licence. It puts the part of a TrueType font that
is used into the file, with what its text is copied out by, and says nothing of when it wrote where it is asked not to.
It is imported when the first PDF is made, in a tenth of a second.
"""

import io
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ensemble_cam.rendering.page import DPI, INK, NORMAL, Canvas, Lettering, Mark, font_file

if TYPE_CHECKING:
    from reportlab.pdfgen.canvas import Canvas as Paper

A4 = 595.276, 841.89
"""(width, height) in points of 1/72 inch: 210 × 297 mm (ISO 216)."""

_POINTS = 72 / DPI


class Pdf:
    """A PDF of A4 pages, which is the same bytes for the same drawing.

    Args:
        title: of the document.
        about: what the document says of itself, name → text.
    """

    def __init__(self, title: str, about: Mapping[str, str]):
        self._stream = io.BytesIO()
        self._paper = _paper(self._stream)
        self._paper.setTitle(title)
        self._paper.setAuthor("")
        self._paper.setCreator(about.get("Software", ""))
        self._paper.setSubject("; ".join(f"{name}: {text}" for name, text in about.items()))

    def page(self) -> "PdfPage":
        """Return the page that is drawn on until it is turned."""
        return PdfPage(self._paper)

    def turn(self) -> None:
        """End the page."""
        self._paper.showPage()

    def finished(self) -> bytes:
        """Return the file; nothing can be drawn any more."""
        self._paper.save()
        return self._stream.getvalue()


class PdfPage(Canvas):
    """A page of a PDF, in pixels of `page.DPI` from its upper left corner."""

    def __init__(self, paper: "Paper"):
        self._paper = paper

    def picture(self, x: int, y: int, picture: np.ndarray) -> None:
        """Place an (h, w, 3) uint8 RGB picture with its upper left corner at (x, y)."""
        from reportlab.lib.utils import ImageReader

        height, width, _ = picture.shape
        self._paper.drawImage(
            ImageReader(Image.fromarray(picture)), *self._at(x, y + height), width * _POINTS, height * _POINTS
        )

    def text(self, x: int, y: int, text: str, lettering: Lettering = NORMAL, colour: str = INK) -> None:
        """Write a line that begins at x and whose tall letters reach up to y."""
        from reportlab.pdfbase.pdfmetrics import stringWidth

        if not text.strip():
            return
        name = _font(lettering.bold)
        line = self._paper.beginText(*self._at(x, y + lettering.ascent))
        line.setFont(name, lettering.points)
        line.setFillColor(colour)
        # As wide as on the page of pixels, whose letters are fitted to them: what was laid out for one fits the other.
        line.setHorizScale(100 * lettering.width(text) * _POINTS / stringWidth(text, name, lettering.points))
        line.textOut(text)
        self._paper.drawText(line)

    def bar(self, x: int, y: int, width: int, height: int, colour: str = INK) -> None:
        """Fill a rectangle, as a line is one, whose upper left corner is (x, y)."""
        self._paper.setFillColor(colour)
        self._paper.rect(*self._at(x, y + height), width * _POINTS, height * _POINTS, stroke=0, fill=1)

    def mark(self, x: int, y: int, mark: Mark, colour: str = INK) -> None:
        """Put a mark around the upper left corner of pixel (x, y)."""
        self._paper.setFillColor(colour)
        path = self._paper.beginPath()
        for outline in mark.outlines():
            (start_x, start_y), *corners = (outline + np.array([x, y])).tolist()
            path.moveTo(*self._at(start_x, start_y))
            for corner_x, corner_y in corners:
                path.lineTo(*self._at(corner_x, corner_y))
            path.close()
        self._paper.drawPath(path, stroke=0, fill=1, fillMode=0)  # even and odd: what is twice inside is a hole

    @staticmethod
    def _at(x: float, y: float) -> tuple[float, float]:
        """Return a place in points from the lower left corner."""
        return x * _POINTS, A4[1] - y * _POINTS


def _paper(stream: io.BytesIO) -> "Paper":
    from reportlab import rl_config
    from reportlab.pdfgen.canvas import Canvas as Paper

    # Bytes as letters, for channels that carry no others: pictures of a quarter more, and a second a page.
    rl_config.useA85 = 0
    return Paper(stream, pagesize=A4, pageCompression=1, invariant=1)


@cache
def _font(bold: bool) -> str:
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    name = f"DejaVuSans{'-Bold' if bold else ''}"
    pdfmetrics.registerFont(TTFont(name, str(font_file(bold=bold))))
    return name
