"""The words below a picture: as wide as it, in letters that are still read where the picture is shown small.

A picture may leave the program alone, and be shown at a third of its size: on a page, in a talk. Its words stand below
it, so that its own pixels stay where they were, and take at most half its height and 200 pixels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from ensemble_cam.rendering.page import Lettering, Page, Run, RunLines, set_line, wrapped_runs
from ensemble_cam.rendering.strips import Strip, strip

Paragraph: TypeAlias = Sequence[Run]

ABRIDGED = 96
"""Pictures narrower than so many pixels carry what is most needed alone."""

# Pixels of an em. At 9, DejaVu Sans has letters 5 pixels high, the least that is read on a screen without guessing.
_LEGIBLE, _LEAST = 9, 7
_SHOWN_AT = 3  # a third; a picture narrower than `_SMALL` is shown as it is
_SMALL = 512
_OF_THE_WIDTH = 80  # ems; a very large picture is shown smaller still
_RULE = 0x60  # the grey of the line between picture and words


@dataclass(frozen=True)
class Wordings:
    """What is to stand below a picture, in the order of the wish: the first that fits is taken.

    Attributes:
        whole: all of it.
        terse: what must not be missing.
        abridged: what stands below pictures that have room for no more.
    """

    whole: Sequence[Paragraph]
    terse: Sequence[Paragraph]
    abridged: Sequence[Paragraph]


def footer(wordings: Wordings, width: int, height: int) -> list[Strip]:
    """Draw the words for below a picture of `width` × `height` pixels.

    Returns:
        From top to bottom, `width` wide and together at most half of `height` and 200 high. Most paragraphs stand below
        all pictures of a review and of others: they are drawn and deflated once.
    """
    most = height // 2 + 200
    for paragraphs, em in _tries(wordings, width):
        layout = _Layout(paragraphs, em, width)
        if layout.height <= most:
            break
    return layout.strips(most)


def _tries(wordings: Wordings, width: int) -> Iterator[tuple[Sequence[Paragraph], int]]:
    """Yield what may be written and in which size, the best first."""
    if width >= ABRIDGED:
        if width >= _SMALL:
            least = _LEGIBLE * _SHOWN_AT
            wished = max(least, round(width / _OF_THE_WIDTH))
        else:
            least, wished = _LEGIBLE, _LEGIBLE + 3
        sizes = sorted({wished, (wished + least) // 2, least}, reverse=True)
        yield from ((wordings.whole, em) for em in sizes)
        # Very low pictures: no word is given up for the size of the letters.
        yield from ((wordings.terse, em) for em in range(least, _LEAST - 1, -1))
    yield from ((wordings.abridged, em) for em in range(_LEGIBLE, _LEAST - 1, -1))


class _Layout:
    """Where the words stand in a size: paragraphs of lines, from the left edge."""

    def __init__(self, paragraphs: Sequence[Paragraph], em: int, width: int):
        self._em, self._width = em, width
        self._margin = max(2, min(em // 2, width // 40))
        self._rule = max(1, em // 9)
        room = width - 2 * self._margin
        self._paragraphs = [wrapped_runs(paragraph, Lettering.of_pixels(em), room) for paragraph in paragraphs]
        self._top = self._rule + em // 2
        lines = sum(map(len, self._paragraphs))
        self.height = self._top + lines * _pitch(em) + (len(paragraphs) - 1) * _gap(em) + _gap(em)

    def strips(self, most: int) -> list[Strip]:
        """Draw the words, of which at most so many rows are wanted."""
        if self.height > most or not all(_keep_apart(lines, self._em) for lines in self._paragraphs):
            return [strip(self._drawn()[:most])]
        paragraphs = [_paragraph(lines, self._em, self._margin, self._width) for lines in self._paragraphs]
        head = _black(self._top - _gap(self._em), self._width, rule=self._rule)
        return [head, *paragraphs, _black(_gap(self._em), self._width, rule=0)]

    def _drawn(self) -> np.ndarray:
        page = Page(self._width, self.height, dark=True)
        page.pixels[: self._rule] = _RULE
        y = self._top
        for lines in self._paragraphs:
            _write(page, y, lines, self._em, self._margin)
            y += len(lines) * _pitch(self._em) + _gap(self._em)
        return page.pixels


def _pitch(em: int) -> int:
    """Return the pixels from a line to the next."""
    return round(1.25 * em)


def _gap(em: int) -> int:
    """Return the pixels between paragraphs."""
    return em // 4


@lru_cache(maxsize=64)
def _keep_apart(lines: RunLines, em: int) -> bool:
    """Return whether no letter reaches further up than the gap above the paragraph, or down to the one below."""
    if not lines:
        return True
    lettering = Lettering.of_pixels(em)
    first, last = ([set_line(lettering, run.text) for run in line] for line in (lines[0], lines[-1]))
    return all(line.top >= -_gap(em) for line in first) and all(
        line.top + len(line.coverage) <= _pitch(em) for line in last
    )


@lru_cache(maxsize=64)
def _paragraph(lines: RunLines, em: int, margin: int, width: int) -> Strip:
    """Draw a paragraph with the gap above it."""
    page = Page(width, _gap(em) + len(lines) * _pitch(em), dark=True)
    _write(page, _gap(em), lines, em, margin)
    return page.strip()


@lru_cache(maxsize=16)
def _black(height: int, width: int, *, rule: int) -> Strip:
    """Draw rows without words, the first of them as the line between picture and words."""
    rows = np.zeros((height, width, 3), dtype=np.uint8)
    rows[:rule] = _RULE
    return strip(rows)


def _write(page: Page, y: int, lines: RunLines, em: int, margin: int) -> None:
    for line in lines:
        page.runs(margin, y, line, Lettering.of_pixels(em))
        y += _pitch(em)
