"""Pictures that are put together of strips are the same as those that are deflated whole, and share what they can."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ensemble_cam.rendering.overlay import stretches
from ensemble_cam.rendering.page import Page
from ensemble_cam.rendering.png import png
from ensemble_cam.rendering.strips import SharedRows, strip
from support.pictures import decoded, put_together


def noise(width: int, height: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("heights", [(1,), (1, 1, 1), (70, 1, 16), (5, 90_000)])
def test_strips_give_the_picture_that_they_were_cut_from(heights):
    rows = [noise(3, height, seed) for seed, height in enumerate(heights)]

    assert_array_equal(put_together([strip(each) for each in rows]), np.concatenate(rows))
    assert_array_equal(put_together(rows), np.concatenate(rows))


def test_a_strip_stands_wherever_it_is_put():
    one, other = noise(50, 20), noise(50, 7, seed=1)
    shared = strip(one)

    assert_array_equal(put_together([shared, other, shared]), np.concatenate([one, other, one]))


@pytest.mark.parametrize(("width", "height"), [(1100, 100), (3, 40), (40, 15), (640, 47)])
def test_rows_that_are_changed_are_others_and_the_rest_is_asked_for_once(width, height):
    picture, asked = noise(width, height), []
    shared = SharedRows(lambda rows: asked.append(rows) or picture[rows], width, height)
    multiple = shared.multiple
    for start, stop in ((0, height), (0, min(multiple, height)), (multiple, height), (height, height)):
        start = min(start, height)
        expected, rows = picture.copy(), slice(start, stop)
        expected[rows] = 7
        changes = [(rows, expected[rows])] if start < stop else []

        assert_array_equal(put_together([*shared.changed(iter(changes))]), expected)

    assert [(rows.start, rows.stop) for rows in sorted(asked, key=lambda rows: rows.start)] == [
        (top, min(top + multiple, height)) for top in range(0, height, multiple)
    ]


def test_threads_that_ask_at_once_deflate_each_row_once():
    picture, asked = noise(200, 900), []
    shared = SharedRows(lambda rows: asked.append(rows.start) or picture[rows], 200, 900)

    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: png([*shared.changed([])]), range(8)))

    assert len(asked) == len(set(asked))
    assert len(set(made)) == 1
    assert_array_equal(decoded(made[0]), picture)


@pytest.mark.parametrize("multiple", [1, 4, 7])
def test_stretches_hold_every_marked_row_and_begin_and_end_at_multiples(multiple):
    rng = np.random.default_rng(multiple)
    for height in (1, 6, 7, 50):
        for share in (0.0, 0.05, 0.5, 1.0):
            marked = rng.random(height) < share

            found = stretches(marked, multiple)

            held = np.zeros(height, dtype=bool)
            for rows in found:
                assert rows.start % multiple == 0
                assert rows.stop % multiple == 0 or rows.stop == height
                held[rows] = True
            for top in range(0, height, multiple):
                rows = slice(top, top + multiple)
                assert held[rows].all() == held[rows].any() == marked[rows].any()


@pytest.mark.parametrize("dark", [False, True])
def test_a_page_that_is_drawn_on_is_deflated_with_all_that_is_on_it(dark):
    for seed in range(12):
        rng = np.random.default_rng(seed)
        page = Page(1500, 300, dark=dark)
        for _ in range(seed % 4):
            x, y = (int(most) for most in rng.integers(-40, (1500, 300)))
            page.text(x, y, "A line over the edge, perhaps")
        if seed % 3 == 0:
            page.picture(1500 - 60 - seed, 300 - 90, noise(60, 90, seed))
        if seed % 5 == 0:
            page.colour_bar(100, 40, 700, colormap="viridis", threshold=0.3)

        assert_array_equal(put_together([page.strip()]), page.pixels)
