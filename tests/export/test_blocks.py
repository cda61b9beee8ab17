"""Blocks of words alone are drawn once for all films, and never in the place of others."""

import numpy as np
from numpy.testing import assert_array_equal

from ensemble_cam.export import blocks
from ensemble_cam.export.blocks import MARGIN, WIDTH, Line, Text, Words
from ensemble_cam.rendering.page import FAINT, INK, SMALL, WARN, Canvas, Page
from support.pictures import put_together


class Shifted(Words):
    """A text further to the right."""

    def __init__(self, text: Text):
        super().__init__(text.height, text)
        self._text = text

    def draw(self, canvas: Canvas, top: int) -> None:
        self._text.draw(canvas, 500, top)


def drawn(text: Text, left: int = MARGIN) -> np.ndarray:
    page = Page(WIDTH, text.height)
    text.draw(page, left, 0)
    return page.pixels


def test_words_are_drawn_once_and_others_anew_whatever_differs():
    blocks._deflated.cache_clear()
    one = Text.of("Not for diagnosis.", SMALL, 900, WARN)
    others = [
        Text.of("Not for diagnosis!", SMALL, 900, WARN),
        Text.of("Not for diagnosis.", SMALL, 900, INK),
        Text.of("Not for diagnosis.", SMALL, 100, WARN),
    ]

    for text in (one, *others, one):
        assert_array_equal(put_together([*Line(text, 0).parts()])[: text.pitch], drawn(text)[: text.pitch])
        assert_array_equal(put_together([*Shifted(text).parts()]), drawn(text, 500))

    assert [*Line(one, 0).parts()] == [*Line(Text.of("Not for diagnosis.", SMALL, 900, WARN), 0).parts()]
    assert blocks._deflated.cache_info().misses == 2 * 4


def test_no_more_blocks_are_kept_than_was_said():
    most = blocks._deflated.cache_info().maxsize

    for number in range(most + 5):
        [*Line(Text.of(f"Line {number}", SMALL, 900, FAINT), 0).parts()]

    assert blocks._deflated.cache_info().currsize == most
