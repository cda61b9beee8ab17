"""Lines of text and the colour bar stand on a page where they were put, and nowhere else."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image, ImageDraw

from ensemble_cam.rendering import page
from ensemble_cam.rendering.colours import colour_table
from ensemble_cam.rendering.page import (
    BOLD,
    FAINT,
    INK,
    NORMAL,
    SHAPES,
    SMALL,
    WARN,
    Lettering,
    Mark,
    Page,
    Run,
    broken,
    set_line,
    wrapped,
    wrapped_runs,
)


def box_of_ink(page: Page) -> tuple[int, int, int, int]:
    ys, xs = np.nonzero((page.pixels < 200).any(axis=2))
    return int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1


@pytest.mark.parametrize("lettering", [SMALL, NORMAL, BOLD], ids=["small", "normal", "bold"])
def test_line_begins_at_x_its_tall_letters_reach_up_to_y_and_it_is_as_wide_as_was_said(lettering):
    page = Page(900, 200)

    page.text(50, 40, "light Hill", lettering)

    left, top, right, bottom = box_of_ink(page)
    assert 50 <= left <= 54
    assert 40 <= top <= 41
    assert abs(right - (50 + lettering.width("light Hill"))) <= 5
    assert 40 + lettering.points * 300 / 72 < bottom + 5 < 40 + 1.5 * lettering.points * 300 / 72  # the g hangs down


def test_lines_share_a_baseline_whatever_letters_they_have():
    bottoms = []
    for text in ("aceno", "Hall", "ÄÖÜ"):
        page = Page(900, 200)
        page.text(50, 40, text)
        bottoms.append(box_of_ink(page)[3])

    assert max(bottoms) - min(bottoms) <= 1


def test_ink_has_its_colour_and_the_paper_stays_white():
    page = Page(400, 100)

    page.text(10, 10, "IIIII", BOLD, WARN)

    assert (page.pixels == (0x9C, 0x2A, 0x00)).all(axis=2).sum() > 100
    assert (page.pixels == 255).all(axis=2).mean() > 0.9


@pytest.mark.parametrize("bold", [False, True], ids=["plain", "bold"])
@pytest.mark.parametrize("letters", ["0123456789abcdef", "0123456789.,%"], ids=["hashes", "numbers"])
def test_numbers_and_hashes_are_set_as_pillow_sets_them_whichever_letters_stand_beside_one_another(letters, bold):
    words = [f"{one}{''.join(f'{one}{other}' for other in letters)}" for one in letters]
    for lettering in (Lettering(points, bold) for points in (2.3, SMALL.points, NORMAL.points)):
        for word in words:
            assert_set_as_by_pillow(lettering, word)


def test_letters_that_move_nearer_to_one_another_are_set_as_pillow_sets_them():
    for word in ("f.a", "AV", "Te"):
        assert NORMAL.width(word) < sum(map(NORMAL.width, word))
        assert_set_as_by_pillow(NORMAL, word)


def assert_set_as_by_pillow(lettering: Lettering, word: str) -> None:
    assert_array_equal(set_line(lettering, word).coverage, set_by_pillow(lettering, word))
    assert lettering.width(word) == lettering.face.getlength(word)


def set_by_pillow(lettering: Lettering, text: str) -> np.ndarray:
    left, top, right, bottom = map(round, lettering.face.getbbox(text, anchor="ls"))
    letters = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(letters).text((-left, -top), text, fill=255, font=lettering.face, anchor="ls")
    return np.array(letters)


@pytest.mark.parametrize("at", [(-30, 40), (150, 40), (20, -15), (20, 90), (-500, 40), (20, 500)])
def test_what_reaches_over_the_edge_is_lost_and_the_rest_is_the_same(at):
    x, y = at
    page, larger = Page(200, 100), Page(1400, 1300)

    page.text(x, y, "A long line")
    larger.text(x + 600, y + 600, "A long line")

    assert_array_equal(page.pixels, larger.pixels[600:700, 600:800])


def test_nothing_is_written_for_an_empty_line():
    page = Page(60, 60)

    page.text(10, 10, "")

    assert (page.pixels == 255).all()


@pytest.mark.parametrize("threshold", [0.0, 0.05, 0.4, 1.0])
def test_colour_bar_runs_from_zero_to_one_with_the_threshold_marked_in_white_and_named_below(threshold):
    page = Page(900, 200)

    page.colour_bar(100, 50, 700, colormap="viridis", threshold=threshold)

    bar = page.pixels[50:86, 100:800]
    for edge in (bar[:3], bar[-3:], bar[:, :3], bar[:, -3:]):
        assert (edge == 0).all()
    line = bar[18, 3:-3]
    marked = (line == 255).all(axis=1)
    assert marked.sum() == 6
    assert abs(np.flatnonzero(marked).mean() + 3 - threshold * 699) <= 6
    expected = colour_table("viridis")[np.arange(694) * 256 // 694]
    assert_array_equal(line[~marked], expected[~marked])
    ticks = (page.pixels[88] == 0).all(axis=1)
    named = {0.0: (0, 1), 0.05: (0.05, 1), 0.4: (0, 0.4, 1), 1.0: (0, 1)}[threshold]
    assert list(np.flatnonzero(ticks)) == [100 + round(value * 699) + side for value in named for side in (-1, 0)]
    labels = (page.pixels[100:] < 128).any(axis=(0, 2))
    assert all(labels[100 + round(value * 699) - 6 : 100 + round(value * 699) + 7].any() for value in named)


def test_text_is_broken_between_words_only():
    text = "one two three four five six seven eight nine ten"
    room = 300

    lines = wrapped(text, NORMAL, room)

    assert " ".join(lines) == text
    assert len(lines) > 2
    assert all(NORMAL.width(line) <= room for line in lines)
    assert all(NORMAL.width(f"{a} {b.split()[0]}") > room for a, b in pairwise(lines))
    assert wrapped("unbreakable", NORMAL, 10) == ["unbreakable"]
    pieces = broken(Run("unbreakable word"), NORMAL, 90).text.split()
    assert "".join(pieces) == "unbreakableword"
    assert all(NORMAL.width(piece) <= 90 for piece in pieces)


RUNS = {
    "one": [Run("All 2 call it; they look at the same place, overlap 1.00")],
    "looks": [Run("1. Mass · score"), Run("0.53,", FAINT, struck=True), Run("meaningless: not"), Run("trained", WARN)],
    "of one look": [Run("before  and"), Run("behind"), Run(" ", WARN), Run("it", WARN)],
    "long word": [Run("A"), Run("Onewordnetwork" * 3, WARN), Run("and more", WARN)],
    "nothing": [Run("")],
}


@pytest.mark.parametrize("name", RUNS)
def test_runs_are_broken_as_their_words_are_whatever_was_asked_before(name):
    runs = RUNS[name]
    for room in (1000, 300, 90, 1000, 40):  # wide enough for one line, first and again
        lines = wrapped_runs(runs, SMALL, room)

        pieces = [broken(run, SMALL, room).text for run in runs]
        texts = [" ".join(run.text for run in line) for line in lines]
        assert texts == wrapped(" ".join(pieces), SMALL, room)
        looks = [(run.colour, run.struck) for line in lines for run in line for _ in run.text.split()]
        words = zip(pieces, runs, strict=True)
        assert looks == [(run.colour, run.struck) for piece, run in words for _ in piece.split()]
        assert all(one != other for line in lines for one, other in pairwise((r.colour, r.struck) for r in line))


def test_the_same_words_in_another_lettering_or_colour_are_broken_anew():
    room = round(SMALL.width("one two three")) + 1

    assert [len(wrapped_runs([Run("one two three")], lettering, room)) for lettering in (SMALL, BOLD)] == [1, 2]
    assert wrapped_runs([Run("one", INK)], SMALL, room) == ((Run("one", INK),),)
    assert wrapped_runs([Run("one", WARN)], SMALL, room) == ((Run("one", WARN),),)


def test_no_more_texts_are_kept_than_was_said():
    most = page._in_lines.cache_info().maxsize

    for number in range(most + 20):
        wrapped_runs([Run(f"text {number}")], SMALL, 10)

    assert page._in_lines.cache_info().currsize == most
    assert all(kept.cache_info().maxsize for kept in (page._set, page._width, page.set_line, page._in_one_line))


@pytest.mark.parametrize("shape", SHAPES)
def test_mark_stands_around_its_place_in_its_size_and_a_hollow_one_has_a_hole(shape):
    for size in (9, 14, 20):
        full, hollow = Page(60, 60), Page(60, 60)

        full.mark(30, 30, Mark(shape, size), WARN)
        hollow.mark(30, 30, Mark(shape, size, hollow=True), WARN)

        left, top, right, bottom = box_of_ink(full)
        assert max(right - left, bottom - top) in range(size - 2, size + 2)
        assert abs(left + right - 60) <= 2
        assert abs(top + bottom - 60) <= 3
        assert (full.pixels[30, 30] == [0x9C, 0x2A, 0x00]).all()
        if size > 9:
            assert (hollow.pixels[30, 30] > 200).all()
        assert box_of_ink(hollow) == (left, top, right, bottom)


def test_marks_of_different_shapes_are_told_apart_in_grey():
    drawn = []
    for shape in SHAPES:
        page = Page(40, 40)
        page.mark(20, 20, Mark(shape, 14))
        drawn.append(page.pixels[:, :, 0] < 128)

    for one, other in combinations(drawn, 2):
        assert (one != other).sum() > 0.15 * one.sum()


def test_threshold_near_an_end_is_named_within_the_bar_and_over_nothing():
    for threshold in (0.0, 0.07, 0.13, 0.5, 0.9, 1.0):
        page = Page(900, 200)

        page.colour_bar(100, 50, 640, colormap="viridis", threshold=threshold)

        columns = np.flatnonzero((page.pixels[100:] < 128).any(axis=(0, 2)))
        assert columns.min() >= 100 - 12
        assert columns.max() < 740 + 12
