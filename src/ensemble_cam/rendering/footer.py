"""The words below a picture: as wide as it, in letters that are still read where the picture is shown small.

A picture may leave the program alone, and be shown at a third of its size: on a page, in a talk. Its words stand below
it, so that its own pixels stay where they were, and take at most half its height and 200 pixels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from ensemble_cam.rendering.page import Lettering, Page, Run, wrapped_runs

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


def footer(wordings: Wordings, width: int, height: int) -> np.ndarray:
    """Draw the words for below a picture of `width` × `height` pixels.

    Returns:
        (h, width, 3) uint8 RGB, h at most half of `height` and 200.
    """
    most = height // 2 + 200
    for paragraphs, em in _tries(wordings, width):
        layout = _Layout(paragraphs, em, width)
        if layout.height <= most:
            break
    return layout.drawn()[:most]


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
        self._lettering = Lettering.of_pixels(em)
        self._width = width
        self._margin = max(2, min(em // 2, width // 40))
        self._line, self._gap = round(1.25 * em), em // 4
        self._rule = max(1, em // 9)
        room = width - 2 * self._margin
        self._paragraphs = [
            wrapped_runs([_broken(run, self._lettering, room) for run in paragraph], self._lettering, room)
            for paragraph in paragraphs
        ]
        lines = sum(map(len, self._paragraphs))
        self._top = self._rule + em // 2
        self.height = self._top + lines * self._line + (len(paragraphs) - 1) * self._gap + em // 4

    def drawn(self) -> np.ndarray:
        page = Page(self._width, self.height, dark=True)
        page.pixels[: self._rule] = _RULE
        y = self._top
        for paragraph in self._paragraphs:
            for line in paragraph:
                page.runs(self._margin, y, line, self._lettering)
                y += self._line
            y += self._gap
        return page.pixels


def _broken(run: Run, lettering: Lettering, room: int) -> Run:
    """Return a run whose words that are wider than `room` pixels are several."""
    return replace(run, text=" ".join(piece for word in run.text.split() for piece in _pieces(word, lettering, room)))


def _pieces(word: str, lettering: Lettering, room: int) -> Iterator[str]:
    while len(word) > 1 and lettering.width(word) > room:
        end = len(word) - 1
        while end > 1 and lettering.width(word[:end]) > room:
            end -= 1
        yield word[:end]
        word = word[end:]
    yield word
