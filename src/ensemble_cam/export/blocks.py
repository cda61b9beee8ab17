"""What the figure's pages are put together of: blocks as wide as a page, one below the other."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from ensemble_cam.rendering.page import INK, NORMAL, Canvas, Lettering, Page, Run, RunLines, wrapped_runs
from ensemble_cam.rendering.strips import Part, Strip, strip

WIDTH, HEIGHT = 2480, 3508
"""A4 upright, in pixels of 1/300 inch."""

MARGIN = 120
ROOM = WIDTH - 2 * MARGIN
HAIR = "#c9c9c9"
"""The colour of lines that only part things."""

_WHITE_ROWS = 64


@dataclass(frozen=True)
class Text:
    """A paragraph in lines.

    Attributes:
        lines: from top to bottom.
        lettering: of all of it.
    """

    lines: RunLines
    lettering: Lettering

    @classmethod
    def of(cls, text: str | Sequence[Run], lettering: Lettering, room: float, colour: str = INK) -> "Text":
        """Break a text, or runs of different looks, into lines of at most `room` pixels."""
        runs = [Run(text, colour)] if isinstance(text, str) else text
        return cls(wrapped_runs(runs, lettering, room), lettering)

    @property
    def pitch(self) -> int:
        """Pixels from a line to the next."""
        return round(1.32 * self.lettering.pixels)

    @property
    def height(self) -> int:
        """Pixels of all lines."""
        return self.pitch * len(self.lines)

    def draw(self, canvas: Canvas, x: int, y: int) -> None:
        """Write it with its upper left corner at (x, y)."""
        for number, line in enumerate(self.lines):
            canvas.runs(x, y + number * self.pitch, line, self.lettering)


class Block(ABC):
    """A part of a page, as wide as it is.

    Attributes:
        height: in pixels.
    """

    height: int

    @abstractmethod
    def draw(self, canvas: Canvas, top: int) -> None:
        """Draw it from row `top` of a page on."""

    def parts(self) -> Iterator[Part]:
        """Yield it from top to bottom as rows of a PNG."""
        page = Page(WIDTH, self.height)
        self.draw(page, 0)
        yield page.strip()


class Space(Block):
    """White paper."""

    def __init__(self, height: int):
        self.height = height

    def draw(self, canvas: Canvas, top: int) -> None:
        """Draw nothing."""

    def parts(self) -> Iterator[Part]:
        """Yield rows that all pages have."""
        many, rest = divmod(self.height, _WHITE_ROWS)
        yield from (_white(_WHITE_ROWS) for _ in range(many))
        if rest:
            yield _white(rest)


@cache
def _white(height: int) -> Strip:
    return strip(np.full((height, WIDTH, 3), 255, dtype=np.uint8), [])


class Words(Block):
    """A part of a page with words alone, which pages of most films have: it is drawn and deflated once.

    Args:
        height: in pixels.
        content: all that decides on what is drawn; two of a kind with the same content are one.
    """

    def __init__(self, height: int, content: Hashable):
        self.height, self._content = height, content

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Words) and type(self) is type(other) and self._content == other._content

    def __hash__(self) -> int:
        return hash((type(self), self._content))

    def parts(self) -> Iterator[Part]:
        """Yield it as rows of a PNG."""
        yield _deflated(self)


@lru_cache(maxsize=64)
def _deflated(words: Words) -> Strip:
    page = Page(WIDTH, words.height)
    words.draw(page, 0)
    return page.strip()


class Line(Words):
    """A line of a paragraph that may stand on another page than the one before it."""

    def __init__(self, text: Text, number: int):
        self._text = Text((text.lines[number],), text.lettering)
        super().__init__(text.pitch, self._text)

    def draw(self, canvas: Canvas, top: int) -> None:
        """Write it at the margin."""
        self._text.draw(canvas, MARGIN, top)


def lines(text: str, lettering: Lettering = NORMAL, colour: str = INK) -> list[Block]:
    """Return a paragraph of the page's width, line by line."""
    set_as = Text.of(text, lettering, ROOM, colour)
    return [Line(set_as, number) for number in range(len(set_as.lines))]


def paged(blocks: Sequence[Block], *, first: int, later: int) -> list[list[Block]]:
    """Share blocks out among pages, in their order: each stands on the page before, if there is room.

    Args:
        blocks: white paper is left out at a page's top.
        first: pixels of the first page that are theirs.
        later: of each further one.
    """
    pages: list[list[Block]] = [[]]
    left = first
    for block in blocks:
        if block.height > left and pages[-1]:
            pages.append([])
            left = later
        if pages[-1] or not isinstance(block, Space) or len(pages) == 1:
            pages[-1].append(block)
            left -= block.height
    return pages
