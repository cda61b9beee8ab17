"""What stands on a page: pictures, lines of text, marks and a colour bar; and a page of pixels.

Everything is placed in pixels from the upper left corner, whatever the page is made of: `pdf` has the other kind. The
letters are DejaVu Sans, which matplotlib carries, set by Pillow: a figure of matplotlib's own takes ten times as long
for the same page. Pillow hints every letter anew, at 50 µs each, and the same words stand under each picture of a
review: each word is set once, and so are the last lines; numbers and hashes are put together of their letters.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.util import find_spec
from itertools import accumulate, groupby
from pathlib import Path
from typing import Literal, TypeAlias

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ensemble_cam.film.geometry import PixelBox
from ensemble_cam.rendering.colours import colour_table
from ensemble_cam.rendering.strips import Strip, strip

DPI = 300
_POINTS_OF_AN_INCH = 72
INK, FAINT, WARN = "#111111", "#555555", "#9c2a00"
"""On white paper."""
LIGHT_INK, LIGHT_FAINT, LIGHT_WARN = "#f2f2f2", "#a2a2a2", "#ffc36b"
"""On black paper."""
# The colour bar in pixels: its height, its frame's and its threshold's lines, its ticks, from them to the labels, and
# how far these reach over its ends.
_BAR, _FRAME, _MARK, _TICK, _TO_LABEL, _OVER = 36, 3, 6, 8, 15, 12
# Of a mark: pixels that each of its own is drawn in for smooth edges, and a hollow one's hole.
_FINER, _HOLE = 8, 0.55
_LINE_BITS = 4  # behind the point, of a line's ends
# Scores, shares and hashes are new on every film. None of their letters moves nearer to its neighbour, as "AV" do.
_NUMBER_OR_HASH = re.compile("[0-9.,%]+|[0-9a-f]+")


@dataclass(frozen=True)
class Lettering:
    """How a line of text is set: DejaVu Sans at a size in points."""

    points: float
    bold: bool = False

    @classmethod
    def of_pixels(cls, pixels: int, *, bold: bool = False) -> "Lettering":
        """Return the lettering whose em is so many pixels."""
        return cls(pixels * _POINTS_OF_AN_INCH / DPI, bold)

    @property
    def pixels(self) -> float:
        """Its em."""
        return self.points * DPI / _POINTS_OF_AN_INCH

    @property
    def face(self) -> ImageFont.FreeTypeFont:
        """The font, opened once."""
        return _face(self.pixels, self.bold)

    @property
    def ascent(self) -> int:
        """How many pixels tall letters reach up from the line that letters stand on."""
        return -_set(self, "l").top

    def width(self, text: str) -> float:
        """Return how many pixels wide a line is."""
        return _width(self, text)


NORMAL, SMALL, BOLD, TICK_LABEL = Lettering(8), Lettering(6.5), Lettering(9, bold=True), Lettering(6)


@cache
def font_file(*, bold: bool) -> Path:
    """Return the file of DejaVu Sans.

    Raises:
        OSError: if matplotlib is not there.
    """
    # Found without an import: that of matplotlib reads and writes settings of its own.
    found = find_spec("matplotlib")
    if found is None or found.origin is None:
        raise OSError("matplotlib, whose fonts the figure is set in, is not there. Install this program again.")
    folder = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"
    return folder / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")


@cache
def _face(pixels: float, bold: bool) -> ImageFont.FreeTypeFont:
    # Pillow's other layout engine is not in all of its builds; a review is the same with any.
    return ImageFont.truetype(str(font_file(bold=bold)), pixels, layout_engine=ImageFont.Layout.BASIC)


@dataclass(frozen=True, eq=False)
class _Word:
    """A word as it is set.

    Attributes:
        coverage: (h, w) uint8, how much of each pixel its letters cover.
        left, top: of that from where the word begins on the baseline, in pixels, y down.
        width: to where the next one begins.
    """

    coverage: np.ndarray
    left: int
    top: int
    width: float


@lru_cache(maxsize=2048)
def _set(lettering: Lettering, word: str) -> _Word:
    if len(word) > 1 and _NUMBER_OR_HASH.fullmatch(word):
        return _beside_one_another([_set(lettering, letter) for letter in word], apart=0.0)
    face = lettering.face
    left, top, right, bottom = map(round, face.getbbox(word, anchor="ls"))
    letters = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(letters).text((-left, -top), word, fill=255, font=face, anchor="ls")
    coverage = np.array(letters)
    coverage.setflags(write=False)
    return _Word(coverage, left, top, face.getlength(word))


def _beside_one_another(words: Sequence[_Word], *, apart: float) -> _Word:
    """Set words, or a word's letters, so many pixels apart."""
    starts = [*accumulate((word.width + apart for word in words[:-1]), initial=0.0)]
    left, top = min(word.left for word in words), min(word.top for word in words)
    right = max(round(start) + w.left + w.coverage.shape[1] for start, w in zip(starts, words, strict=True))
    bottom = max(word.top + len(word.coverage) for word in words)
    coverage = np.zeros((bottom - top, right - left), dtype=np.uint8)
    for start, word in zip(starts, words, strict=True):
        height, width = word.coverage.shape
        down, along = word.top - top, round(start) + word.left - left
        part = coverage[down : down + height, along : along + width]
        # Where edges of letters meet, what one leaves bare the other covers its share of, as Pillow has it.
        part[:] = np.rint(word.coverage + part * (1 - word.coverage / 255)) if part.any() else word.coverage
    coverage.setflags(write=False)
    return _Word(coverage, left, top, starts[-1] + words[-1].width)


@lru_cache(maxsize=4096)
def _width(lettering: Lettering, text: str) -> float:
    words = text.split(" ")
    return sum(_set(lettering, word).width for word in words) + (len(words) - 1) * _set(lettering, " ").width


@dataclass(frozen=True, eq=False)
class Line:
    """A line as it is set.

    Attributes:
        coverage: (h, w) uint8, how much of each pixel its letters cover.
        left, top: of that from where the line begins and from where its tall letters reach up to, in pixels, y down.
    """

    coverage: np.ndarray
    left: int
    top: int


@lru_cache(maxsize=256)
def set_line(lettering: Lettering, text: str) -> Line:
    """Set a line of text."""
    words = [_set(lettering, word) for word in text.split(" ")]
    line = _beside_one_another(words, apart=_set(lettering, " ").width)
    return Line(line.coverage, line.left, line.top - _set(lettering, "l").top)


def wrapped(text: str, lettering: Lettering, room: int) -> list[str]:
    """Break a text into lines of at most `room` pixels; a longer word has a line to itself."""
    lines: list[str] = []
    taken, blank = 0.0, lettering.width(" ")
    for word in text.split():
        width = lettering.width(word)
        if lines and taken + blank + width <= room:
            lines[-1] += f" {word}"
            taken += blank + width
        else:
            lines.append(word)
            taken = width
    return lines


def shortened(text: str, lettering: Lettering, room: int) -> str:
    """Cut a text at the end of a word, so that it is at most `room` pixels wide, and say so with "…"."""
    words = text.split(" ")
    while len(words) > 1 and lettering.width(" ".join(words)) > room:
        words = [*words[:-2], "…"] if words[-1] == "…" else [*words[:-1], "…"]
    return " ".join(words)


@dataclass(frozen=True)
class Run:
    """Words of one look that stand in a line beside others.

    Attributes:
        text: the words.
        colour: "#rrggbb".
        struck: whether a line goes through them, but not through a comma at their end.
    """

    text: str
    colour: str = INK
    struck: bool = False


RunLines: TypeAlias = tuple[tuple[Run, ...], ...]
"""Runs in lines, from top to bottom."""


def wrapped_runs(runs: Sequence[Run], lettering: Lettering, room: float) -> RunLines:
    """Break runs into lines of at most `room` pixels, as `wrapped` breaks their text; wider words become several.

    Most texts of a review are those of the one before, and are tried in several widths: one that is a single line
    wherever there is room for it is measured once, whatever the room.
    """
    together = tuple(runs)
    line, width = _in_one_line(together, lettering)
    return line if width <= int(room) else _in_lines(together, lettering, room)


@lru_cache(maxsize=2048)
def _in_one_line(runs: tuple[Run, ...], lettering: Lettering) -> tuple[RunLines, float]:
    """Return runs in a single line, or none without a word, and how many pixels wide it is."""
    words = _words(runs)
    blanks = (len(words) - 1) * lettering.width(" ")
    return ((_line(words),) if words else ()), sum(lettering.width(word) for word, *_ in words) + blanks


@lru_cache(maxsize=512)
def _in_lines(runs: tuple[Run, ...], lettering: Lettering, room: float) -> RunLines:
    words = _words(broken(run, lettering, room) for run in runs)
    lines = []
    done = 0
    for text in wrapped(" ".join(word for word, *_ in words), lettering, int(room)):
        count = text.count(" ") + 1
        lines.append(_line(words[done : done + count]))
        done += count
    return tuple(lines)


_LookingWord: TypeAlias = tuple[str, str, bool]
"""A word, and its run's colour and whether that is struck."""


def _words(runs: Iterable[Run]) -> list[_LookingWord]:
    return [(word, run.colour, run.struck) for run in runs for word in run.text.split()]


def _line(words: Iterable[_LookingWord]) -> tuple[Run, ...]:
    """Return words as runs, those of one look that follow one another as one."""
    looks = groupby(words, key=lambda word: word[1:])
    return tuple(Run(" ".join(word for word, *_ in alike), *look) for look, alike in looks)


def broken(run: Run, lettering: Lettering, room: float) -> Run:
    """Return a run whose words that are wider than `room` pixels are several."""
    return replace(run, text=" ".join(piece for word in run.text.split() for piece in _pieces(word, lettering, room)))


def _pieces(word: str, lettering: Lettering, room: float) -> Iterator[str]:
    while len(word) > 1 and lettering.width(word) > room:
        end = len(word) - 1
        while end > 1 and lettering.width(word[:end]) > room:
            end -= 1
        yield word[:end]
        word = word[end:]
    yield word


Shape = Literal["circle", "square", "triangle", "diamond", "cross"]
SHAPES: tuple[Shape, ...] = ("circle", "square", "triangle", "diamond", "cross")


@dataclass(frozen=True)
class Mark:
    """A small shape that stands for a value.

    Attributes:
        shape: one of `SHAPES`.
        size: pixels across.
        hollow: whether its middle is left out.
    """

    shape: Shape
    size: int
    hollow: bool = False

    def outlines(self) -> list[np.ndarray]:
        """Return its edge, and its hole's if it is hollow, as polygons around (0, 0): each (n, 2) of x, y in pixels."""
        edge = _unit_outline(self.shape) * (self.size / 2)
        return [edge, edge * _HOLE] if self.hollow else [edge]


def _unit_outline(shape: Shape) -> np.ndarray:
    if shape == "circle":
        turns = np.linspace(0, 2 * np.pi, 32, endpoint=False)
        return np.stack([np.cos(turns), np.sin(turns)], axis=1)
    corners: dict[Shape, list[tuple[float, float]]] = {
        "square": [(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
        "triangle": [(0, -0.9), (1, 0.8), (-1, 0.8)],
        "diamond": [(0, -1), (1, 0), (0, 1), (-1, 0)],
        "cross": [(-1, -0.35), (-0.35, -0.35), (-0.35, -1), (0.35, -1), (0.35, -0.35), (1, -0.35)],
    }
    listed = corners[shape]
    if shape == "cross":
        listed = [*listed, *((-x, -y) for x, y in listed)]
    return np.array(listed)


@cache
def _coverage(mark: Mark) -> np.ndarray:
    """Return how much of each pixel a mark covers, (size + 2, size + 2) uint8, its middle in the middle."""
    side = mark.size + 2
    finer = Image.new("L", (side * _FINER, side * _FINER))
    draw = ImageDraw.Draw(finer)
    for fill, outline in zip((255, 0), mark.outlines(), strict=False):
        draw.polygon([((x + side / 2) * _FINER, (y + side / 2) * _FINER) for x, y in outline.tolist()], fill=fill)
    covered = np.array(finer.reduce(_FINER))
    covered.setflags(write=False)
    return covered


class Canvas(ABC):
    """What can be drawn on, in pixels from the upper left corner."""

    @abstractmethod
    def picture(self, x: int, y: int, picture: np.ndarray) -> None:
        """Place an (h, w, 3) uint8 RGB picture with its upper left corner at (x, y)."""

    @abstractmethod
    def text(self, x: int, y: int, text: str, lettering: Lettering = NORMAL, colour: str = INK) -> None:
        """Write a line that begins at x and whose tall letters reach up to y."""

    @abstractmethod
    def bar(self, x: int, y: int, width: int, height: int, colour: str = INK) -> None:
        """Fill a rectangle, as a line is one, whose upper left corner is (x, y)."""

    @abstractmethod
    def mark(self, x: int, y: int, mark: Mark, colour: str = INK) -> None:
        """Put a mark around the upper left corner of pixel (x, y)."""

    def runs(self, x: int, y: int, runs: Sequence[Run], lettering: Lettering = NORMAL) -> None:
        """Write a line of several looks, as `text` does, with a blank between each and the next."""
        at: float = x
        for run in runs:
            self.text(round(at), y, run.text, lettering, run.colour)
            if run.struck:
                self._strike(round(at), y, round(lettering.width(run.text.rstrip(","))), lettering, run.colour)
            at += lettering.width(run.text) + lettering.width(" ")

    def _strike(self, x: int, y: int, width: int, lettering: Lettering, colour: str) -> None:
        """Draw a line through what is written at (x, y), at half the height of its tall letters."""
        thickness = max(1, round(lettering.pixels / 14))
        self.bar(x, y + lettering.ascent // 2, width, thickness, colour)

    def colour_bar(self, x: int, y: int, width: int, *, colormap: str, threshold: float) -> None:
        """Draw the colours of relative activation 0 to 1 in a frame, with the threshold marked and named below."""
        bar = np.zeros((_BAR, width, 3), dtype=np.uint8)
        inside = bar[_FRAME:-_FRAME, _FRAME:-_FRAME]
        inside[:] = colour_table(colormap)[np.arange(inside.shape[1]) * 256 // inside.shape[1]]
        mark = round(threshold * (width - 1)) - _FRAME - _MARK // 2
        mark = min(max(mark, 0), inside.shape[1] - _MARK)
        inside[:, mark : mark + _MARK] = 255
        self.picture(x, y, bar)
        taken: list[tuple[int, int]] = []
        for value, label in ((threshold, f"threshold {threshold:.2f}"), (0, "0"), (1, "1")):
            at, wide = x + round(value * (width - 1)), round(TICK_LABEL.width(label))
            left = min(max(at - wide // 2, x - _OVER), x + width + _OVER - wide)
            # An end too near to the threshold would be written over it.
            if any(left < end + _OVER and start < left + wide + _OVER for start, end in taken):
                continue
            taken.append((left, left + wide))
            self.picture(at - 1, y + _BAR, np.zeros((_TICK, 2, 3), dtype=np.uint8))
            self.text(left, y + _BAR + _TICK + _TO_LABEL, label, TICK_LABEL)


class Page(Canvas):
    """A page of pixels; what reaches over its edge is lost.

    Attributes:
        pixels: (height, width, 3) uint8 RGB.

    Args:
        width: in pixels.
        height: in pixels.
        dark: whether the paper is black, for light ink, and not white.
    """

    def __init__(self, width: int, height: int, *, dark: bool = False):
        self._paper = 0 if dark else 255
        self.pixels = np.full((height, width, 3), self._paper, dtype=np.uint8)
        self._drawn: list[PixelBox] = []

    def strip(self) -> Strip:
        """Deflate the page; nothing but its own methods may have drawn on it."""
        return strip(self.pixels, self._drawn)

    def picture(self, x: int, y: int, picture: np.ndarray) -> None:
        """Place an (h, w, 3) uint8 RGB picture with its upper left corner at (x, y)."""
        height, width, _ = picture.shape
        self._drawn.append((x, y, x + width, y + height))
        self.pixels[y : y + height, x : x + width] = picture

    def text(self, x: int, y: int, text: str, lettering: Lettering = NORMAL, colour: str = INK) -> None:
        """Write a line that begins at x and whose tall letters reach up to y."""
        line = set_line(lettering, text)
        self._ink(x + line.left, y + line.top, line.coverage, colour)

    def bar(self, x: int, y: int, width: int, height: int, colour: str = INK) -> None:
        """Fill a rectangle, as a line is one, whose upper left corner is (x, y)."""
        self._ink(x, y, np.full((height, width), 255, dtype=np.uint8), colour)

    def mark(self, x: int, y: int, mark: Mark, colour: str = INK) -> None:
        """Put a mark around the upper left corner of pixel (x, y)."""
        covered = _coverage(mark)
        self._ink(x - len(covered) // 2, y - len(covered) // 2, covered, colour)

    def line(self, points: np.ndarray, colour: str = INK, *, thickness: int = 3) -> None:
        """Draw straight lines from point to point, (n, 2) of x and y in pixels."""
        finer = 1 << _LINE_BITS
        left, top = np.floor(points.min(axis=0)).astype(int) - thickness
        right, bottom = np.ceil(points.max(axis=0)).astype(int) + thickness + 1
        covered = np.zeros((bottom - top, right - left), dtype=np.uint8)
        fixed = np.rint((points - (left, top)) * finer).astype(np.int32)
        cv2.polylines(covered, [fixed], False, 255, thickness, cv2.LINE_AA, _LINE_BITS)
        self._ink(int(left), int(top), covered, colour)

    def _ink(self, x: int, y: int, coverage: np.ndarray, colour: str) -> None:
        """Put a colour on the page where a (h, w) uint8 mask, with its upper left corner at (x, y), says how much."""
        left, top = max(-x, 0), max(-y, 0)
        part = self.pixels[y + top : max(y + len(coverage), 0), x + left : max(x + coverage.shape[1], 0)]
        seen = coverage[top:, left:][: part.shape[0], : part.shape[1]]
        if seen.size:
            self._drawn.append((x + left, y + top, x + left + seen.shape[1], y + top + len(seen)))
            inked = cv2.applyColorMap(seen, _shades(self._paper, colour))
            (np.minimum if self._paper else np.maximum)(part, inked, out=part)


@cache
def _shades(paper: int, colour: str) -> np.ndarray:
    """Return the (256, 1, 3) uint8 RGB colours from the paper's grey to a colour of ink."""
    ink = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return np.linspace((paper,) * 3, ink, 256).round().astype(np.uint8)[:, None]
