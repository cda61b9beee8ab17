"""Words below a picture: as wide as it, at most half as high and 200 pixels, in letters that are read at a third."""

import re

import numpy as np
import pytest

from ensemble_cam.rendering import footer as footers
from ensemble_cam.rendering.footer import ABRIDGED, Wordings
from ensemble_cam.rendering.page import LIGHT_FAINT, LIGHT_INK, LIGHT_WARN, Lettering, Run, set_line
from support.pictures import put_together

LONG = (
    "Pleural thickening · score 0.62, called · ensemble of DenseNet121, ResNet50, JF Healthcare",
    "DenseNet121: densenet121-res224-all, SHA-256 56524913dd16… · ResNet50: resnet50-res512-all, SHA-256 0123456789ab… "
    "· JF Healthcare: jfhealthcare-densenet121, SHA-256 0123456789ab…, unpinned weights",
    "Grad-CAM++, crop framing, stored intensity · threshold 0.40",
    "Research and teaching use. Not for diagnosis.",
)
SHORT = LONG[:1]
WORDINGS = Wordings(
    whole=[[Run(text, LIGHT_INK)] for text in LONG],
    terse=[[Run(text, LIGHT_INK)] for text in SHORT],
    abridged=[[Run("Not for diagnosis.", LIGHT_WARN)]],
)


def footer(wordings: Wordings, width: int, height: int) -> np.ndarray:
    return put_together(footers.footer(wordings, width, height))


def heights_of_letters(width: int, height: int) -> list[int]:
    """Return how many pixels high the small letters of each line are, below a picture of that size."""
    words = [[Run(re.sub(r"\w", "x", text).replace(",", ""), LIGHT_INK)] for text in ("".join(LONG).split("·"))]
    inked = footer(Wordings(words, words[:1], words[:1]), width, height).max(axis=(1, 2)) > 110
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inked.astype(int), [0]])))
    return [int(end - start) for start, end in edges.reshape(-1, 2)]


SIZES = [
    *((96, 96), (96, 32), (130, 4000), (200, 180), (400, 400), (511, 511), (512, 512), (512, 300), (640, 480)),
    *((1024, 1024), (2048, 2500), (2500, 2048), (4000, 300), (8000, 8000)),
]


@pytest.mark.parametrize(("width", "height"), [*SIZES, (32, 32), (80, 80), (95, 3000), (2000, 32), (512, 32)])
def test_words_are_as_wide_as_the_picture_and_at_most_half_as_high_and_200_pixels(width, height):
    made = footer(WORDINGS, width, height)

    assert made.dtype == np.uint8
    assert made.shape[1:] == (width, 3)
    assert 0 < made.shape[0] <= height // 2 + 200
    assert (made > 110).any()


@pytest.mark.parametrize(("width", "height"), [(512, 512), (640, 480), (1024, 1024), (2500, 2048), (8000, 8000)])
def test_where_the_picture_is_shown_at_a_third_small_letters_are_five_pixels_high(width, height):
    assert min(heights_of_letters(width, height)) / 3 >= 5


@pytest.mark.parametrize(("width", "height"), [(100, 1500), (200, 180), (300, 300), (511, 400)])
def test_below_small_pictures_they_are_so_as_they_are(width, height):
    assert min(heights_of_letters(width, height)) >= 5


def test_words_grow_with_a_very_large_picture_and_keep_their_place_on_it():
    shares = [len(footer(WORDINGS, side, side)) / side for side in (2500, 5000, 8000)]

    assert max(shares) - min(shares) < 0.02


def test_a_picture_too_low_for_all_words_in_such_letters_has_the_terse_ones_and_a_very_narrow_one_the_abridged():
    whole, terse = (footer(Wordings(text, text, text), 512, 5000) for text in (WORDINGS.whole, WORDINGS.terse))
    assert len(footer(WORDINGS, 512, 5000)) == len(whole)
    assert len(footer(WORDINGS, 512, 40)) <= 220 < len(whole)
    np.testing.assert_array_equal(footer(WORDINGS, 512, 40), terse)

    abridged = Wordings(WORDINGS.abridged, WORDINGS.abridged, WORDINGS.abridged)
    np.testing.assert_array_equal(footer(WORDINGS, ABRIDGED - 1, 900), footer(abridged, ABRIDGED - 1, 900))
    assert len(footer(WORDINGS, ABRIDGED, 900)) > 2 * len(footer(WORDINGS, ABRIDGED - 1, 900))


def test_a_word_wider_than_the_picture_is_broken_and_loses_no_letter():
    word = "W" * 40
    one, two = (footer(Wordings([[Run(text, LIGHT_INK)]] * 1, [], []), 120, 900) for text in (word, word * 2))

    assert len(two) > 1.6 * len(one)
    inked = (one > 110).any(axis=2)[3:]  # below the rule
    assert not inked[:, -1].any()


def test_runs_have_their_own_colours_and_a_line_through_those_that_are_struck():
    def drawn(struck: bool) -> np.ndarray:
        words = [[Run("score", LIGHT_INK), Run("oooo", LIGHT_FAINT, struck=struck), Run("meaningless", LIGHT_WARN)]]
        return footer(Wordings(words, words, words), 800, 800).astype(int)

    plain, struck = drawn(False), drawn(True)

    for colour in (LIGHT_INK, LIGHT_FAINT, LIGHT_WARN):
        rgb = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
        assert (plain == rgb).all(axis=2).sum() > 20, colour
    ys, xs = np.nonzero((plain != struck).any(axis=2))
    assert len(ys) > 20
    assert np.ptp(ys) <= 3
    faint = (plain == [int(LIGHT_FAINT[at : at + 2], 16) for at in (1, 3, 5)]).all(axis=2)
    assert faint[3:, xs.min() - 2 : xs.max() + 3].sum() > 0.95 * faint[3:].sum()  # below the rule


def test_paragraphs_drawn_apart_are_those_that_are_drawn_on_one_page(monkeypatch):
    apart = [footer(WORDINGS, side, side) for side in (130, 400, 800, 1024)]
    monkeypatch.setattr(footers, "_keep_apart", lambda lines, em: False)

    for side, drawn in zip((130, 400, 800, 1024), apart, strict=True):
        np.testing.assert_array_equal(drawn, footer(WORDINGS, side, side))


def test_an_accent_that_reaches_into_the_paragraph_above_is_whole():
    def drawn(letter: str) -> np.ndarray:
        words = [[Run("xxx", LIGHT_INK)], [Run(letter, LIGHT_INK)]]
        return footer(Wordings(words, words, words), 800, 800)

    changed = np.flatnonzero((drawn("A") != drawn("Ẫ")).any(axis=(1, 2)))

    above = set_line(Lettering.of_pixels(27), "Ẫ").top
    assert above < -6, "further up than the gap between paragraphs"
    assert changed[0] == 3 + 13 + 34 + 6 + above  # the rule, the gap below it, a line, the gap below that
