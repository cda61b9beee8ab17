"""Pixels that are not square, in true proportions: against values computed by hand, and never beyond the film."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ensemble_cam.errors import RadiographError
from ensemble_cam.film.proportions import enlarge, true_size
from ensemble_cam.film.radiograph import read_radiograph
from support import films


@pytest.mark.parametrize(
    ("aspect", "size"),
    [
        (1, (300, 200)),
        (1.009, (300, 200)),  # a device's own inaccuracy
        (0.991, (300, 200)),
        (2, (300, 400)),
        (0.5, (600, 200)),
        (4 / 3, (300, 267)),
        (8, (300, 1600)),
        (1 / 8, (2400, 200)),
    ],
)
def test_the_shorter_side_of_a_pixel_is_enlarged(aspect, size):
    assert true_size(300, 200, aspect) == size


@pytest.mark.parametrize(
    ("size", "aspect", "message"),
    [
        ((300, 200), 9, "9 times as high as wide, which no radiograph's are. Export"),
        ((300, 200), 1 / 100, "100 times as wide as high"),
        ((300, 200), float("nan"), "which no radiograph's are"),
        ((8000, 7000), 2, "2 times as high as wide: in true proportions it has 8000×14000, and at most 64 megapixels"),
        ((7000, 8000), 0.5, "2 times as wide as high: in true proportions it has 14000×8000"),
    ],
)
def test_proportions_that_no_film_has_and_films_too_large_in_them_are_refused(size, aspect, message):
    with pytest.raises(RadiographError, match=message):
        true_size(*size, aspect)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16])
def test_enlarging_is_linear_between_the_centres_of_pixels_in_either_direction(dtype):
    pixels = np.array([[0, 100, 40]], dtype)
    # Centres of six pixels over three: -0.25, 0.25, 0.75 … of the old ones, and none beyond the outermost.
    expected = np.array([[0, 25, 75, 85, 55, 40]])
    across, down = enlarge(pixels, (6, 1), padding=None), enlarge(pixels.T, (1, 6), padding=None)
    assert_array_equal(across, expected)
    assert_array_equal(down, expected.T)
    assert across.dtype == down.dtype == dtype


@pytest.mark.parametrize("rows", [200, 201, 333, 777])
def test_a_ramp_stays_the_same_ramp_whatever_the_factor(rows):
    ramp = np.repeat(np.arange(0, 40_000, 400, dtype=np.uint16)[:, None], 5, axis=1)
    enlarged = enlarge(ramp, (5, rows), padding=None)
    places = ((np.arange(rows) + 0.5) * 100 / rows - 0.5).clip(0, 99)
    assert_allclose(enlarged, np.repeat(places[:, None] * 400, 5, axis=1), atol=0.51)
    assert (enlarged.min(), enlarged.max()) == (ramp.min(), ramp.max())


def test_whole_enlarged_blocks_join_without_a_seam(monkeypatch):
    pixels = films.film(40, 60, bits=16)
    whole = enlarge(pixels, (40, 131), padding=(0, 9))
    monkeypatch.setattr("ensemble_cam.film.proportions._BLOCK", 40 * 7)
    assert_array_equal(enlarge(pixels, (40, 131), padding=(0, 9)), whole)


@pytest.mark.parametrize("padding", [0, 65535, 5000], ids=["dark", "bright", "within the film's range"])
def test_padding_is_not_mixed_into_the_film(padding):
    tissue = np.linspace(2000, 9000, 50).astype(np.uint16)
    tissue[tissue == padding] += 1
    column = np.concatenate([np.full(20, padding, np.uint16), tissue, np.full(20, padding, np.uint16)])
    enlarged = enlarge(np.repeat(column[:, None], 3, axis=1), (3, 220), padding=(padding, padding))[:, 0]
    outside = np.zeros(220, bool)
    outside[:49] = outside[-49:] = True  # the rims lie at 20 / 90 and 70 / 90 of 220: 48.9 and 171.1
    assert_array_equal(enlarged[outside], padding)
    inside = enlarged[~outside]
    assert inside.min() >= 2000
    assert inside.max() <= 9000
    assert not (inside == padding).any()
    assert (np.diff(inside.astype(int)) >= 0).all()


def test_a_film_of_pixels_twice_as_high_as_wide_looks_as_it_did_before_every_other_row_was_left_out():
    whole = films.film(260, 480, bits=12)
    squashed = films.dicom(whole[::2], bits=12, ImagerPixelSpacing=[0.4, 0.2])
    film = read_radiograph(squashed)
    assert (film.width, film.height, film.stored_size) == (260, 480, (260, 240))
    assert (film.spacing, film.spacing_at_detector) == ((0.2, 0.2), True)
    assert film.source.dtype == np.uint16
    assert film.display.shape == film.model.shape == (480, 260)
    assert film.facts["Proportions"] == "enlarged to 260×480; stored as 260×240 pixels that are not square"
    reference = read_radiograph(films.dicom(whole, bits=12)).model
    between = np.abs(film.model[1:-1] - (reference[:-2] + 2 * reference[1:-1] + reference[2:]) / 4)
    assert np.median(between) < 20  # of 2048; the film's noise


@pytest.mark.parametrize(
    ("data", "size"),
    [
        pytest.param(films.png(films.film(260, 120), dpi=(200, 100)), (260, 240), id="png"),
        pytest.param(
            films.with_png_chunk(films.png(films.film(130, 240)), b"pHYs", b"\0\0\0\1\0\0\0\2\0"),
            (260, 240),
            id="png-without-unit",
        ),
        pytest.param(films.saved(films.image(films.film(260, 120)), "TIFF", dpi=(200, 100)), (260, 240), id="tiff"),
        pytest.param(films.saved(films.image(films.film(130, 240)), "JPEG", dpi=(50, 100)), (260, 240), id="jpeg"),
        pytest.param(films.saved(films.image(films.film(260, 120)), "BMP", dpi=(200, 100)), (260, 120), id="bmp"),
        pytest.param(films.png(films.film(), dpi=(72, 72)), (260, 240), id="square"),
        pytest.param(
            films.with_png_chunk(films.png(films.film()), b"pHYs", b"\0\0\0\1\0\0\0\0\0"), (260, 240), id="nought"
        ),
    ],
)
def test_a_pictures_unequal_resolutions_are_its_pixels_aspect(data, size):
    film = read_radiograph(data)
    assert (film.width, film.height) == size
    assert film.spacing is None


def test_a_turned_jpegs_resolutions_are_turned_with_it():
    stored = films.film(130, 240)
    picture = films.saved(films.image(stored), "JPEG", dpi=(50, 100), exif=films.exif(orientation=6))
    film = read_radiograph(picture)
    assert (film.width, film.height, film.stored_size) == (240, 260, (240, 130))
    tiff = films.saved(films.image(stored), "TIFF", dpi=(50, 100), tiffinfo={274: 6})
    assert (read_radiograph(tiff).width, read_radiograph(tiff).height) == (240, 260)
