"""A white page of pixels with pictures, lines of text and a colour bar on it.

Everything is placed in pixels from the upper left corner. The letters are DejaVu Sans, which matplotlib carries, set by
Pillow: a figure of matplotlib's own takes ten times as long for the same page.
"""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ensemble_cam.rendering.colours import colour_table

DPI = 300
_POINTS_OF_AN_INCH = 72
INK, FAINT, WARN = "#111111", "#555555", "#9c2a00"
# The colour bar in pixels: its height, its frame's and its threshold's lines, its ticks, and from them to the labels.
_BAR, _FRAME, _MARK, _TICK, _TO_LABEL = 36, 3, 6, 8, 15


@dataclass(frozen=True)
class Lettering:
    """How a line of text is set: DejaVu Sans at a size in points."""

    points: float
    bold: bool = False

    @property
    def face(self) -> ImageFont.FreeTypeFont:
        """The font, opened once."""
        return _face(self.points * DPI / _POINTS_OF_AN_INCH, self.bold)

    def width(self, text: str) -> float:
        """Return how many pixels wide a line is."""
        return self.face.getlength(text)


NORMAL, SMALL, BOLD, TICK_LABEL = Lettering(8), Lettering(6.5), Lettering(9, bold=True), Lettering(6)


@cache
def _face(pixels: float, bold: bool) -> ImageFont.FreeTypeFont:
    # Found without an import: that of matplotlib reads and writes settings of its own.
    found = find_spec("matplotlib")
    if found is None or found.origin is None:
        raise OSError("matplotlib, whose fonts the figure is set in, is not there. Install this program again.")
    folder = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"
    file = folder / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")
    # Pillow's other layout engine is not in all of its builds; a review is the same with any.
    return ImageFont.truetype(str(file), pixels, layout_engine=ImageFont.Layout.BASIC)


def wrapped(text: str, lettering: Lettering, room: int) -> list[str]:
    """Break a text into lines of at most `room` pixels; a longer word has a line to itself."""
    lines: list[str] = []
    for word in text.split():
        if lines and lettering.width(f"{lines[-1]} {word}") <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def shortened(text: str, lettering: Lettering, room: int) -> str:
    """Cut a text at the end of a word, so that it is at most `room` pixels wide, and say so with "…"."""
    words = text.split(" ")
    while len(words) > 1 and lettering.width(" ".join(words)) > room:
        words = [*words[:-2], "…"] if words[-1] == "…" else [*words[:-1], "…"]
    return " ".join(words)


class Page:
    """A page that is drawn on; what reaches over its edge is lost.

    Attributes:
        pixels: (height, width, 3) uint8 RGB.
    """

    def __init__(self, width: int, height: int):
        self.pixels = np.full((height, width, 3), 255, dtype=np.uint8)

    def picture(self, x: int, y: int, picture: np.ndarray) -> None:
        """Place an (h, w, 3) uint8 RGB picture with its upper left corner at (x, y)."""
        height, width, _ = picture.shape
        self.pixels[y : y + height, x : x + width] = picture

    def text(self, x: int, y: int, text: str, lettering: Lettering = NORMAL, colour: str = INK) -> None:
        """Write a line that begins at x and whose tall letters reach up to y."""
        face = lettering.face
        baseline = y - round(face.getbbox("l", anchor="ls")[1])
        left, top, right, bottom = map(round, face.getbbox(text, anchor="ls"))
        letters = Image.new("L", (right - left, bottom - top))
        ImageDraw.Draw(letters).text((-left, -top), text, fill=255, font=face, anchor="ls")
        self._ink(x + left, baseline + top, np.asarray(letters), colour)

    def colour_bar(self, x: int, y: int, width: int, *, colormap: str, threshold: float) -> None:
        """Draw the colours of relative activation 0 to 1 in a frame, with the threshold marked and named below."""
        bar = np.zeros((_BAR, width, 3), dtype=np.uint8)
        inside = bar[_FRAME:-_FRAME, _FRAME:-_FRAME]
        inside[:] = colour_table(colormap)[np.arange(inside.shape[1]) * 256 // inside.shape[1]]
        mark = round(threshold * (width - 1)) - _FRAME - _MARK // 2
        mark = min(max(mark, 0), inside.shape[1] - _MARK)
        inside[:, mark : mark + _MARK] = 255
        self.picture(x, y, bar)
        # An end too near to the threshold would be written over it.
        ticks: dict[float, str] = {end: f"{end}" for end in (0, 1) if abs(end - threshold) > 0.1}
        ticks[threshold] = f"threshold {threshold:.2f}"
        for value, label in ticks.items():
            at = x + round(value * (width - 1))
            self.pixels[y + _BAR : y + _BAR + _TICK, at - 1 : at + 1] = 0
            self.text(at - round(TICK_LABEL.width(label) / 2), y + _BAR + _TICK + _TO_LABEL, label, TICK_LABEL)

    def _ink(self, x: int, y: int, coverage: np.ndarray, colour: str) -> None:
        """Put a colour on the page where a (h, w) uint8 mask, with its upper left corner at (x, y), says how much."""
        left, top = max(-x, 0), max(-y, 0)
        part = self.pixels[y + top : y + len(coverage), x + left : x + coverage.shape[1]]
        shades = np.linspace((255, 255, 255), [int(colour[at : at + 2], 16) for at in (1, 3, 5)], 256).round()
        seen = coverage[top:, left:][: part.shape[0], : part.shape[1]]
        np.minimum(part, shades.astype(np.uint8)[seen], out=part)
