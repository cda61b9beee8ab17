"""Both ways from a stored value, to the screen and to the networks, against the formulas value by value."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ensemble_cam.film.greyscale import Greyscale, domain, histogram, stretch, used_range
from ensemble_cam.film.intake import StoredFilm
from support import films

VALUES = np.array([[100, 500], [900, 1023]], np.uint16)


def stored(pixels: np.ndarray = VALUES, *, bits: int = 12, format: str = "DICOM", **facts) -> StoredFilm:
    """Return a film of 12 bits whose file shows it by a window of 100 to 1100."""
    shown = stretch(domain(pixels.dtype), 100, 1100)
    used = int(pixels.min()), int(pixels.max())
    return StoredFilm(format, bits, pixels, (0, 2**bits - 1), shown, used, **facts)


def scaled(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """torchxrayvision's scale of a range: its lowest value is -1024, its highest 1024."""
    return (2 * (values.astype(np.float64) - low) / (high - low) - 1) * 1024


def test_networks_see_the_declared_range_and_the_screen_the_files_window():
    film = stored()
    greyscale = Greyscale.of(film)
    assert_allclose(greyscale.for_networks(film.pixels), scaled(VALUES, 0, 4095), atol=1e-3)
    assert_array_equal(greyscale.on_screen(film.pixels), np.rint((VALUES - 100.0) / 1000 * 255).clip(0, 255))
    assert (greyscale.windowed, greyscale.narrow, greyscale.rescaled) == (False, True, False)
    assert greyscale.for_networks(film.pixels).dtype == np.float32


def test_networks_see_a_film_whose_lowest_value_is_white_from_the_top_down():
    seen = Greyscale.of(stored(networks_invert=True)).for_networks(VALUES)
    assert_allclose(seen, -scaled(VALUES, 0, 4095), atol=1e-3)


@pytest.mark.parametrize("turned", [dict(turned=True), dict(networks_invert=True, turned=True)])
def test_padding_of_a_film_that_its_header_turns_is_no_white_rim(turned):
    padding = int(VALUES.min())
    seen = Greyscale.of(stored(padding=(padding, padding), **turned)).for_networks(VALUES)
    assert_array_equal(seen[padding == VALUES], -1024)
    assert (seen[padding != VALUES] > -1024).all()


def test_padding_of_a_negative_is_no_white_rim():
    padding = int(VALUES.min())
    film = stored(padding=(padding, padding))
    greyscale = Greyscale.of(film, negative=True)
    assert_array_equal(greyscale.for_networks(VALUES)[padding == VALUES], -1024)
    assert_array_equal(greyscale.on_screen(VALUES)[padding == VALUES], 0)
    # As torchxrayvision reads it otherwise: as it is stored.
    alone = Greyscale.of(stored()).for_networks(VALUES)
    assert_array_equal(Greyscale.of(film).for_networks(VALUES), alone)


def test_windowed_networks_see_the_screen_before_it_is_rounded_to_8_bits():
    greyscale = Greyscale.of(stored(networks_invert=True), windowed=True)
    assert greyscale.windowed
    assert_allclose(greyscale.for_networks(VALUES), scaled(VALUES, 100, 1100).clip(-1024, 1024), atol=1e-3)


@pytest.mark.parametrize("windowed", [False, True])
def test_a_picture_declares_no_window_so_its_stored_values_are_seen(windowed):
    greyscale = Greyscale.of(stored(format="PNG"), windowed=windowed)
    assert not greyscale.windowed
    assert_allclose(greyscale.for_networks(VALUES), scaled(VALUES, 0, 4095), atol=1e-3)
    # Where it is narrow its screen is stretched over what it uses.
    assert_array_equal(greyscale.on_screen(VALUES)[[0, 1], [0, 1]], [0, 255])


@pytest.mark.parametrize(
    ("pixels", "bits", "narrow"),
    [
        (VALUES, 12, True),
        (np.array([[0, 1364]], np.uint16), 12, True),  # 1364 of 4095 is less than a third
        (np.array([[0, 1365]], np.uint16), 12, False),
        (np.array([[0, 17000]], np.uint16), 16, True),
        (np.array([[0, 10]], np.uint8), 8, False),  # of 8 bits none is
    ],
)
def test_a_narrow_film_alone_is_stretched_where_that_is_asked_for(pixels, bits, narrow):
    greyscale = Greyscale.of(stored(pixels, bits=bits), rescale=True)
    assert (greyscale.narrow, greyscale.rescaled) == (narrow, narrow)
    low, high = (int(pixels.min()), int(pixels.max())) if narrow else (0, 2**bits - 1)
    assert_allclose(greyscale.for_networks(pixels), scaled(pixels, low, high), atol=1e-3)


def test_nothing_is_stretched_for_windowed_networks_nor_on_a_film_of_one_value():
    assert not Greyscale.of(stored(), windowed=True, rescale=True).rescaled
    blank = Greyscale.of(stored(np.full((2, 2), 7, np.uint16)), rescale=True)
    assert (blank.narrow, blank.rescaled) == (True, False)


# The range that a film uses


def used(pixels: np.ndarray) -> tuple[int, int]:
    return used_range(histogram(pixels), domain(pixels.dtype))


TWELVE = films.film(bits=12)
SHARES = {"one pixel": 1, "a marker": 300, "text": 1500, "a frame": 3000}  # of 62,400


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("count", SHARES.values(), ids=SHARES)
def test_few_pixels_far_from_all_others_are_set_aside(count, signed):
    film = TWELVE.astype(np.int16) - 2048 if signed else TWELVE
    marked = film.copy()
    marked.reshape(-1)[5 : 5 + count] = 32_767 if signed else 65_535
    assert used(marked) == used(film) == ((-2048, 2047) if signed else (0, 4095))


def test_a_dark_marker_is_set_aside_like_a_bright_one_and_both_together():
    film = TWELVE // 2 + np.uint16(30_000)
    marked = film.copy()
    marked.reshape(-1)[5:300], marked.reshape(-1)[300:600] = 0, 65_535
    assert used(marked) == used(film) == (30_000, 32_047)


def test_a_films_own_darkest_and_brightest_values_belong_to_it():
    rng = np.random.default_rng(3)
    skewed = rng.gamma(2, 300, (200, 200)).clip(0, 4095).astype(np.uint16)  # most of it dark, a long bright tail
    low, high = used(skewed)
    assert low == skewed.min()
    assert (skewed > high).mean() < 0.002


@pytest.mark.parametrize("border", [0.9, 0.96, 0.995])
def test_a_film_behind_a_wide_border_of_one_grey_is_seen(border):
    rows = round(240 * (1 - border)) + 1
    film = np.zeros((240, 260), np.uint16)
    film[:rows] = TWELVE[100 : 100 + rows]
    low, high = used(film)
    assert low == 0
    assert high == film.max()


@pytest.mark.parametrize("pixels", [np.full((9, 9), 7, np.uint8), np.full((9, 9), -7, np.int16)])
def test_a_film_of_one_value_uses_that_one(pixels):
    assert used(pixels) == (pixels[0, 0], pixels[0, 0])


@pytest.mark.parametrize("count", SHARES.values(), ids=SHARES)
def test_rescaling_is_that_of_the_film_without_its_marker_and_clips_it(count):
    marked = TWELVE.copy()
    marked.reshape(-1)[5 : 5 + count] = 65_535
    makes = [Greyscale.of(picture(pixels), rescale=True) for pixels in (TWELVE, marked)]
    assert [each.narrow for each in makes] == [each.rescaled for each in makes] == [True, True]
    assert_array_equal(makes[0].seen, makes[1].seen)
    assert_array_equal(makes[0].shown, makes[1].shown)
    assert (makes[1].seen[65_535], makes[1].shown[65_535]) == (1024, 1)


def picture(pixels: np.ndarray) -> StoredFilm:
    shown = stretch(domain(pixels.dtype), 0, 65_535)
    return StoredFilm("PNG", 16, pixels, (0, 65_535), shown, used(pixels))
