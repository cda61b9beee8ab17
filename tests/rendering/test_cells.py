"""Cells as squares of colour: where a number stands, and which colour it has."""

import numpy as np
from numpy.testing import assert_array_equal

from ensemble_cam.rendering.cells import bars_picture, cells_picture, mosaic, signed_picture
from ensemble_cam.rendering.colours import colour_table


def test_each_cell_is_one_square_of_its_own_colour():
    grid = np.array([[0.0, 1.0], [0.5, 0.25]], dtype=np.float32)
    picture = cells_picture(grid, "inferno", 8)
    table = colour_table("inferno")
    for (row, column), value in np.ndenumerate(grid):
        square = picture[row * 4 : row * 4 + 4, column * 4 : column * 4 + 4]
        assert_array_equal(square, np.broadcast_to(table[round(value * 255)], square.shape))


def test_a_sign_is_seen_and_0_is_neither():
    red_and_blue = signed_picture(np.array([[2.0, -2.0], [0.0, 1.0]]), 4)
    (_, _, for_it), (_, _, against) = red_and_blue[0, 0], red_and_blue[0, 3]
    assert red_and_blue[0, 0, 0] > for_it
    assert red_and_blue[0, 3, 0] < against
    assert len(set(red_and_blue[3, 0].tolist())) == 1  # no colour
    assert red_and_blue[0, 0, 1] < red_and_blue[3, 3, 1] < red_and_blue[3, 0, 1]  # half the value, half the way
    assert_array_equal(signed_picture(np.zeros((2, 2)), 2), np.full((2, 2, 3), red_and_blue[3, 0]))


def test_pictures_stand_side_by_side_with_a_gap():
    pictures = [np.full((2, 3, 3), value, dtype=np.uint8) for value in (100, 110, 120)]
    drawn = mosaic(pictures, 2, gap=1)
    assert drawn.shape == (5, 7, 3)
    assert (drawn[0, 0, 0], drawn[0, 4, 0], drawn[3, 0, 0]) == (100, 110, 120)
    assert drawn[3, 4, 0] == drawn[2, 0, 0] == drawn[0, 3, 0] < 100  # nothing stands there


def test_bars_fall_from_the_largest_to_the_least_on_both_sides_of_0():
    drawn = bars_picture(np.array([-1.0, 3.0, 1.0, -3.0]), (4, 63)).astype(int)
    red, blue = (drawn[..., 0] > drawn[..., 2] + 40), (drawn[..., 2] > drawn[..., 0] + 40)
    assert_array_equal(red.sum(axis=0), [30, 10, 0, 0])
    assert_array_equal(blue.sum(axis=0), [0, 0, 10, 30])
    zero = int(np.flatnonzero((drawn > 200).all(axis=(1, 2)))[0])
    assert red[zero - 1, 0]
    assert blue[zero + 1, 3]
