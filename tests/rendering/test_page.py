"""Lines of text and the colour bar stand on a page where they were put, and nowhere else."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ensemble_cam.rendering.colours import colour_table
from ensemble_cam.rendering.page import BOLD, NORMAL, SHAPES, SMALL, WARN, Mark, Page, Run, broken, wrapped


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
