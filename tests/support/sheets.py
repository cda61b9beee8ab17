"""The figure's sheets as lists of what stands on them, for tests of where things stand."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from ensemble_cam.export.blocks import WIDTH
from ensemble_cam.export.figure import laid_out
from ensemble_cam.film.geometry import PixelBox
from ensemble_cam.rendering.page import INK, NORMAL, Canvas, Lettering, Mark, Run
from ensemble_cam.reviewing.review import Review


@dataclass
class Sheet(Canvas):
    """A sheet of A4 that remembers what is drawn on it.

    Attributes:
        texts: (box, text) of each piece of a line; the box reaches from the tall letters to the line they stand on.
        pictures: (box, pixels).
        marks: (box, mark, colour).
        bars: their boxes.
        bold: text → whether it is in bold letters.
        struck: the texts of runs with a line through them.
    """

    texts: list[tuple[PixelBox, str]] = field(default_factory=list)
    pictures: list[tuple[PixelBox, np.ndarray]] = field(default_factory=list)
    marks: list[tuple[PixelBox, Mark, str]] = field(default_factory=list)
    bars: list[PixelBox] = field(default_factory=list)
    struck: list[str] = field(default_factory=list)
    bold: dict[str, bool] = field(default_factory=dict)

    def picture(self, x: int, y: int, picture: np.ndarray) -> None:
        self.pictures.append(((x, y, x + picture.shape[1], y + picture.shape[0]), picture))

    def text(self, x: int, y: int, text: str, lettering: Lettering = NORMAL, colour: str = INK) -> None:
        self.bold[text] = lettering.bold
        self.texts.append(((x, y, x + round(lettering.width(text)), y + lettering.ascent), text))

    def bar(self, x: int, y: int, width: int, height: int, colour: str = INK) -> None:
        self.bars.append((x, y, x + width, y + height))

    def mark(self, x: int, y: int, mark: Mark, colour: str = INK) -> None:
        half = mark.size // 2
        self.marks.append(((x - half, y - half, x + half, y + half), mark, colour))

    def runs(self, x: int, y: int, runs: list[Run], lettering: Lettering = NORMAL) -> None:
        self.struck += [run.text for run in runs if run.struck]
        super().runs(x, y, runs, lettering)

    @property
    def words(self) -> str:
        """All that is written, in the order of writing."""
        return " ".join(text for _, text in self.texts)

    def overlaps(self) -> Iterator[tuple[object, object]]:
        """Yield texts, pictures and marks that stand over one another."""
        standing = [(box, text) for box, text in self.texts if text.strip()]
        standing += [(box, mark) for box, mark, _ in self.marks]
        standing += [(box, "picture") for box, pixels in self.pictures if min(pixels.shape[:2]) > 8]
        for (one, first), (other, second) in combinations(standing, 2):
            if one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]:
                yield first, second

    def beyond(self, margin: int, height: int) -> list[object]:
        """Return what stands outside of the margins."""
        everything = [*self.texts, *self.pictures, *((box, mark) for box, mark, _ in self.marks)]
        everything += [(box, "bar") for box in self.bars]
        return [
            what
            for (left, top, right, bottom), what in everything
            if left < margin or top < margin or right > WIDTH - margin or bottom > height - margin
        ]


def sheets(review: Review) -> list[Sheet]:
    """Return the sheets of a review's figure."""
    drawn = []
    for blocks in laid_out(review):
        sheet, top = Sheet(), 0
        for block in blocks:
            block.draw(sheet, top)
            top += block.height
        drawn.append(sheet)
    return drawn


def words(review: Review) -> str:
    """Return all that is written on a review's figure."""
    return " ".join(sheet.words for sheet in sheets(review))
