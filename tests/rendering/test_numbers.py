"""Regions' numbers stand beside their regions, on the panel and apart; what has no room has none."""

from itertools import combinations

import numpy as np
import pytest

from ensemble_cam.maps.regions import Region
from ensemble_cam.rendering.numbers import MOST, numbers


def of(boxes) -> list[Region]:
    """Return regions that fill boxes."""
    outlines = [((x0, y0), (x0, y1), (x1, y1), (x1, y0)) for x0, y0, x1, y1 in boxes]
    return [Region(box, 0.1, box[:2], outline) for box, outline in zip(boxes, outlines, strict=True)]


def meet(one, other) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def assert_sound(placed, panel):
    for number in placed:
        x0, y0, x1, y1 = number.box
        assert 0 <= x0 < x1 <= panel[0]
        assert 0 <= y0 < y1 <= panel[1]
    assert not any(meet(one.box, other.box) for one, other in combinations(placed, 2))
    assert [number.number for number in placed] == sorted({number.number for number in placed})


@pytest.mark.parametrize("seed", range(8))
def test_numbers_stand_on_the_panel_apart_and_beside_their_regions_wherever_these_are(seed):
    chance = np.random.default_rng(seed)
    corners, sizes = chance.integers(0, 900, (10, 2)), chance.integers(4, 120, (10, 2))
    boxes = [
        (x, y, min(x + w, 1000), min(y + h, 1000))
        for (x, y), (w, h) in zip(corners.tolist(), sizes.tolist(), strict=True)
    ]

    placed = numbers(of(boxes), (1000, 1000), (500, 500))

    assert_sound(placed, (500, 500))
    assert len(placed) >= 9
    for number in placed:
        x0, y0, x1, y1 = (edge / 2 for edge in boxes[number.number - 1])
        assert meet(number.box, (x0 - 5, y0 - 5, x1 + 5, y1 + 5))


def test_a_number_is_over_no_region_where_that_can_be():
    boxes = [(100, 100, 200, 200), (202, 90, 300, 130), (10, 400, 60, 450)]

    for number in numbers(of(boxes), (600, 600), (600, 600)):
        assert not any(meet(number.box, box) for box in boxes)


def test_a_region_that_is_all_of_the_panel_has_its_number_within():
    (number,) = numbers(of([(0, 0, 64, 48)]), (64, 48), (320, 240))

    assert_sound([number], (320, 240))


def test_numbers_without_room_are_left_out_and_the_others_keep_theirs():
    assert numbers(of([(0, 0, 8, 8)]), (8, 8), (8, 8)) == []
    many = [(10 * column, 10 * row, 10 * column + 5, 10 * row + 5) for row in range(6) for column in range(6)]
    placed = numbers(of(many), (60, 60), (60, 60))
    assert_sound(placed, (60, 60))
    assert 0 < len(placed) < MOST
    assert len(numbers(of(many), (60, 60), (1200, 1200))) == MOST


def test_a_drawn_number_changes_its_box_alone_and_is_read_on_black_and_white():
    (number,) = numbers(of([(10, 10, 30, 30)]), (100, 100), (100, 100))
    x0, y0, x1, y1 = number.box
    for grey in (0, 128, 255):
        picture = np.full((100, 100, 3), grey, np.uint8)

        number.draw(picture)

        inside = picture[y0:y1, x0:x1]
        assert inside.max() == 255
        assert inside.min() == 0
        picture[y0:y1, x0:x1] = grey
        assert (picture == grey).all()


def test_a_number_drawn_into_some_rows_is_where_it_is_in_all():
    (number,) = numbers(of([(10, 40, 30, 60)]), (100, 100), (100, 100))
    whole, part = np.full((2, 100, 100, 3), 90, np.uint8)

    number.draw(whole)
    number.draw(part[20:], first=20)

    np.testing.assert_array_equal(whole, part)


def test_a_number_stands_where_its_region_reaches_furthest_and_not_at_a_corner_far_from_it():
    triangle = ((100, 100), (60, 220), (180, 300))
    (number,) = numbers([Region((60, 100, 180, 300), 0.1, (100, 200), triangle)], (400, 400), (400, 400))

    x0, y0, _, y1 = number.box
    assert 180 < x0 < 190
    assert y0 < 300 < y1
