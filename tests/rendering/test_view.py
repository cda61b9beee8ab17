"""A part of a film drawn anew is what the whole would be there: greys in between, the map at every pixel."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ensemble_cam.rendering.colours import CROP_COLOUR
from ensemble_cam.rendering.overlay import source_overlay
from ensemble_cam.rendering.view import Enlarged, draw_view
from ensemble_cam.reviewing.review import Review
from ensemble_cam.settings.display import Display
from support.networks import bright_classifier
from support.reviews import made_review

HEAT, BOTH = Display(0.4, style="heatmap"), Display(0.4, style="both")


def spotted(width: int, height: int) -> Review:
    ys, xs = np.mgrid[0:height, 0:width]
    spots = np.maximum(250 - 4 * np.hypot(xs - 0.3 * width, ys - 0.4 * height), 240 - 5 * np.hypot(xs - 90, ys - 80))
    noise = np.random.default_rng(3).integers(0, 25, (height, width))
    return made_review(np.clip(spots + noise, 5, 255).astype(np.uint8), classifiers=[bright_classifier("a", cells=16)])


@pytest.fixture(scope="module")
def square() -> Review:
    return spotted(120, 120)


@pytest.fixture(scope="module")
def tall() -> Review:
    return spotted(120, 160)


def drawn(
    review: Review, view: Enlarged, display: Display = BOTH, *, thickness: int | None = 2, film_alone: bool = False
):
    analysis = review.analysis
    heatmap = None if film_alone else analysis.findings[0].ensemble
    return draw_view(analysis.radiograph.display, analysis.geometry, view, heatmap, display, thickness=thickness)


@pytest.mark.parametrize("box", [(0, 0, 120, 120), (10, 20, 90, 70), (119, 0, 120, 120), (3, 3, 4, 4)])
@pytest.mark.parametrize("longest", [1, 300, 2000])
def test_a_view_is_of_its_box_at_a_whole_enlargement_and_as_long_as_was_asked(square, box, longest):
    view = Enlarged.to(longest, box)

    picture = drawn(square, view)

    assert picture.shape == (*view.size[::-1], 3)
    side = max(box[2] - box[0], box[3] - box[1])
    assert longest <= max(view.size) < max(longest, 1) + side + 1
    assert picture.shape[0] == (box[3] - box[1]) * view.times


@pytest.mark.parametrize("box", [(0, 0, 120, 120), (31, 17, 80, 66)])
def test_middles_of_the_films_pixels_are_the_overlay_of_the_film(square, box):
    film, heatmap = square.analysis.radiograph.display, square.analysis.findings[0].ensemble
    x0, y0, x1, y1 = box
    expected = source_overlay(film, heatmap, HEAT)[y0:y1, x0:x1]

    picture = drawn(square, Enlarged(box, 5), HEAT)

    assert np.ptp(expected.astype(int), axis=2).max() > 30
    assert_array_equal(picture[2::5, 2::5], expected)


def test_greys_between_the_films_pixels_are_linear_as_on_the_screen(square):
    film, times, box = square.analysis.radiograph.display.astype(float), 4, (20, 100, 60, 120)
    places = [
        np.clip((np.arange(box[axis] * times, box[axis + 2] * times) + 0.5) / times - 0.5, 0, 119) for axis in (0, 1)
    ]
    (xs, ys), low = places, [np.floor(each).astype(int) for each in places]
    high = [np.minimum(each + 1, 119) for each in low]
    across, down = xs - low[0], (ys - low[1])[:, None]
    above = film[low[1]][:, low[0]] * (1 - across) + film[low[1]][:, high[0]] * across
    below = film[high[1]][:, low[0]] * (1 - across) + film[high[1]][:, high[0]] * across
    expected = above * (1 - down) + below * down

    picture = drawn(square, Enlarged(box, times), film_alone=True)

    assert np.ptp(picture, axis=2).max() == 0
    assert np.abs(picture[:, :, 0] - expected).max() <= 0.51


@pytest.mark.parametrize("style", ["both", "heatmap", "contour"])
@pytest.mark.parametrize("box", [(20, 30, 60, 90), (0, 40, 37, 80), (30, 59, 101, 160)])
def test_a_part_is_what_the_whole_is_there_where_it_cuts_regions_and_the_crop_too(tall, style, box):
    display, times = Display(0.4, style=style), 6
    x0, y0, x1, y1 = (edge * times for edge in box)

    whole = drawn(tall, Enlarged((0, 0, 120, 160), times), display)[y0:y1, x0:x1]
    part = drawn(tall, Enlarged(box, times), display)

    rims = (whole == CROP_COLOUR).all(axis=2) | (part == CROP_COLOUR).all(axis=2)  # as thick as each picture asks for
    apart = (whole != part).any(axis=2) & ~rims
    assert apart.mean() < 1e-4
    assert len(np.unique(part)) > 20


def test_what_the_networks_did_not_see_is_dimmed_and_the_rest_is_outlined(tall):
    crop = tall.analysis.geometry.crop
    assert crop == (0, 20, 120, 140)

    alone = drawn(tall, Enlarged((0, 0, 120, 160), 3), film_alone=True)
    within = drawn(tall, Enlarged((10, 40, 50, 80), 3), film_alone=True)
    beyond = drawn(tall, Enlarged((10, 0, 50, 16), 3), film_alone=True)

    film = tall.analysis.radiograph.display
    assert_array_equal(alone[1::3, 1::3, 0][:18], film[:18] // 2)
    assert_array_equal(alone[1::3, 1::3, 0][23:137, 3:-3], film[23:137, 3:-3])
    assert (alone[60] == CROP_COLOUR).all()
    assert_array_equal(within[1::3, 1::3, 1], film[40:80, 10:50])
    assert_array_equal(beyond[1::3, 1::3, 1], film[0:16, 10:50] // 2)


def test_hidden_overlays_and_empty_maps_leave_the_film(square):
    view = Enlarged((10, 10, 60, 60), 4)
    alone = drawn(square, view, film_alone=True)

    assert_array_equal(drawn(square, view, Display(overlays=False)), alone)
    assert (drawn(square, view) != alone).any()


def test_contour_is_as_thick_as_the_picture_asks_for(square):
    view = Enlarged.to(2000, (0, 0, 120, 120))
    display = Display(0.5, style="contour")

    thin, asked = (drawn(square, view, display, thickness=thickness) for thickness in (1, None))

    white = [(picture == 255).all(axis=2).sum() for picture in (thin, asked)]
    assert white[1] > 2 * white[0] > 200
