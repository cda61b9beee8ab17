"""The reader's window: by hand, against the file's own, and never a film turned round."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ensemble_cam.film.greyscale import Greys, domain, falls, look_up, own_window, to_screen
from ensemble_cam.film.radiograph import Radiograph, read_radiograph
from support.films import dicom, film, look_up_table, png

TWELVE, SIGNED = film(bits=12), film(bits=12, signed=True)
FIRST = dict(PhotometricInterpretation="MONOCHROME1")
WINDOW = dict(WindowCenter=1800, WindowWidth=2401)


def padded(pixels: np.ndarray, value: int) -> np.ndarray:
    edged = pixels.copy()
    edged[:, :40] = value
    return edged


FILMS = {
    "8 bits": png(film()),
    "16 bits": png(film(bits=16)),
    "narrow": png(film(bits=12) + np.uint16(100)),
    "blank": png(np.full((240, 240), 7, np.uint16)),
    "DICOM": dicom(TWELVE, bits=12),
    "DICOM, windowed": dicom(TWELVE, bits=12, **WINDOW),
    "DICOM, signed": dicom(SIGNED, bits=12, WindowCenter=-100, WindowWidth=1500),
    "DICOM, 8 bits signed": dicom(film(signed=True), WindowCenter=10, WindowWidth=90),
    "MONOCHROME1": dicom(TWELVE, bits=12, **WINDOW, **FIRST),
    "MONOCHROME1, signed": dicom(SIGNED, bits=12, WindowCenter=-100, WindowWidth=1500, **FIRST),
    "padded": dicom(padded(TWELVE.clip(300, 4000), 0), bits=12, PixelPaddingValue=0, **WINDOW),
    "MONOCHROME1, padded": dicom(padded(TWELVE.clip(300, 4000), 0), bits=12, PixelPaddingValue=0, **WINDOW, **FIRST),
}
FALLING = {name for name in FILMS if name.startswith("MONOCHROME1")}


def read(name: str) -> Radiograph:
    return read_radiograph(FILMS[name])


def own(radiograph: Radiograph) -> tuple[float, float, bool]:
    return own_window(radiograph.shown, domain(radiograph.source.dtype), radiograph.used)


# Greys by hand


@pytest.mark.parametrize(
    ("greys", "expected"),
    [
        (Greys(4, 4), [0, 0, 0, 0.25, 0.5, 0.75, 1, 1]),
        (Greys(4, 4, inverted=True), [1, 1, 1, 0.75, 0.5, 0.25, 0, 0]),
        (Greys(3.5, 1), [0, 0, 0, 0, 1, 1, 1, 1]),
        (Greys(0, 20), [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85]),
        (Greys(), [0, 0, 0.2, 0.2, 0.4, 0.4, 0.9, 1]),
        (Greys(inverted=True), [1, 1, 0.8, 0.8, 0.6, 0.6, 0.1, 0]),
    ],
)
def test_greys_by_hand(greys, expected):
    shown, values = np.array([0, 0, 0.2, 0.2, 0.4, 0.4, 0.9, 1]), np.arange(8)
    assert_allclose(greys.table(shown, values, (0, 7)), expected, atol=1e-12)
    if greys.center is not None:
        turned = greys.table(1 - shown, values, (0, 7))
        assert_allclose(turned, 1 - np.array(expected), atol=1e-12)


@pytest.mark.parametrize(
    "window",
    [(1, None), (None, 1), (1, 0), (1, -5), (float("nan"), 5), (1, float("nan")), (float("inf"), 5), (1, float("inf"))],
)
def test_half_a_window_and_one_that_is_none_are_refused(window):
    with pytest.raises(ValueError, match="needs two finite numbers, the width above 0"):
        Greys(*window)


@pytest.mark.parametrize("name", FILMS)
def test_direction_is_the_films_own_whatever_the_padding_is(name):
    radiograph = read(name)
    assert falls(radiograph.shown, domain(radiograph.source.dtype), radiograph.used) == (name in FALLING)


def test_padding_over_half_of_all_values_does_not_turn_a_film_round():
    pixels = padded(TWELVE.astype(np.int16), -2000)
    header = dict(PixelPaddingValue=-1, PixelPaddingRangeLimit=-32768, WindowCenter=2048, WindowWidth=4096)
    radiograph = read_radiograph(dicom(pixels, bits=16, **header, **FIRST))
    assert_allclose(own(radiograph), (2047.5, 4095, True))
    set_by_hand = radiograph.with_greys(Greys(2047.5, 4095)).display
    assert_allclose(set_by_hand[:, 40:].astype(int), radiograph.display[:, 40:].astype(int), atol=1)


# The film with greys


@pytest.mark.parametrize("name", FILMS)
def test_own_greys_give_back_the_display_that_the_file_asks_for_to_the_bit(name):
    radiograph = read(name)
    assert radiograph.greys == Greys()
    assert_array_equal(radiograph.display, look_up(to_screen(radiograph.shown), radiograph.source))
    changed = radiograph.with_greys(Greys(1000, 500, inverted=True))
    assert changed.greys == Greys(1000, 500, inverted=True)
    assert_array_equal(changed.with_greys(Greys()).display, radiograph.display)


@pytest.mark.parametrize("name", FILMS)
@pytest.mark.parametrize("inverted", [False, True])
def test_set_window_shows_each_pixel_by_the_formula_and_changes_nothing_else(name, inverted):
    radiograph = read(name)

    changed = radiograph.with_greys(Greys(1200, 800, inverted))

    greys = np.clip((radiograph.source.astype(float) - 800) / 800, 0, 1)
    expected = 1 - greys if (name in FALLING) != inverted else greys
    assert_allclose(changed.display, expected * 255, atol=0.51)
    assert (changed.display.dtype, changed.display.flags.writeable) == (np.uint8, False)
    assert changed.model is radiograph.model
    assert changed.source is radiograph.source
    assert (changed.sha256, changed.warnings) == (radiograph.sha256, radiograph.warnings)


def test_used_range_and_table_are_those_of_the_pixels_that_are_no_padding():
    radiograph = read("padded")
    assert radiograph.used == (300, 4000)
    assert (radiograph.shown.shape, radiograph.shown.dtype) == ((65536,), np.float64)
    assert not radiograph.shown.flags.writeable
    assert read("8 bits").shown.shape == (256,)


# The window to start from


@pytest.mark.parametrize(
    ("name", "window"),
    [
        ("8 bits", (127.5, 255)),
        ("16 bits", (32767.5, 65535)),
        ("narrow", (2147.5, 4095)),
        # PS3.3 C.11.2.1.2.1: a LINEAR window's line runs over width - 1 values around center - 0.5.
        ("DICOM, windowed", (1799.5, 2400)),
        ("DICOM, signed", (-100.5, 1499)),
        ("DICOM, 8 bits signed", (9.5, 89)),
        ("MONOCHROME1", (1799.5, 2400)),
        ("MONOCHROME1, signed", (-100.5, 1499)),
        ("padded", (1799.5, 2400)),
        ("MONOCHROME1, padded", (1799.5, 2400)),
    ],
)
def test_own_window_of_a_picture_and_of_a_linear_window_is_the_tables_own_line(name, window):
    radiograph = read(name)
    center, width, falling = own(radiograph)
    assert (center, width, falling) == (*window, name in FALLING)
    # As no value of the film lies outside, the set window shows it as the file does.
    inside = radiograph.source >= radiograph.used[0]
    set_by_hand = radiograph.with_greys(Greys(center, width))
    assert_allclose(set_by_hand.display[inside].astype(int), radiograph.display[inside].astype(int), atol=1)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT"])
@pytest.mark.parametrize(("center", "width"), [(2000, 6000), (100, 3000.5), (1500, 3), (1000.25, 77)])
@pytest.mark.parametrize("slope", [1, -1, 0.5])
def test_own_window_is_exact_where_the_film_does_not_fill_it_or_a_modality_rescales_it(function, center, width, slope):
    values = dict(RescaleSlope=slope, RescaleIntercept=(4095 if slope < 0 else 0))
    header = dict(WindowCenter=center, WindowWidth=width, VOILUTFunction=function)
    radiograph = read_radiograph(dicom(TWELVE, bits=12, **values, **header))

    found = own(radiograph)

    linear = function == "LINEAR"
    middle, across = (center - 0.5, width - 1) if linear else (center, width)
    expected = (middle - values["RescaleIntercept"]) / slope, across / abs(slope)
    assert_allclose(found[:2], expected, atol=1e-5)
    assert found[2] == (slope < 0)


@pytest.mark.parametrize("first", [{}, FIRST], ids=["MONOCHROME2", "MONOCHROME1"])
def test_own_window_of_a_step_is_the_step(first):
    header = dict(WindowCenter=1000, WindowWidth=1, **first)
    radiograph = read_radiograph(dicom(TWELVE, bits=12, **header))
    assert own(radiograph) == (999.5, 1, bool(first))
    assert_array_equal(radiograph.with_greys(Greys(999.5, 1)).display, radiograph.display)


@pytest.mark.parametrize("padding", [{}, dict(PixelPaddingValue=2000)], ids=["plain", "padding between"])
def test_own_window_of_a_sigmoid_is_near_to_it(padding):
    header = dict(WindowCenter=2000, WindowWidth=1000, VOILUTFunction="SIGMOID", **padding)
    radiograph = read_radiograph(dicom(TWELVE, bits=12, **header))
    center, width, falling = own(radiograph)
    assert not falling
    # 1 / (1 + exp(-4 x / 1000)) is 1/4 and 3/4 at x = -+274.65: a line through both takes twice as much again.
    assert_allclose((center, width), (2000, 1098.6), atol=2)
    own_greys, line = radiograph.shown[:4096], Greys(center, width).table(radiograph.shown, np.arange(65536), (0, 4095))
    apart = np.abs(own_greys - line[:4096])
    apart[2000] = 0
    assert apart.max() < 0.11


def test_own_window_of_a_look_up_table_rises_with_it_and_odd_tables_give_the_used_range():
    bent = look_up_table(np.sqrt(np.linspace(0, 1, 4096)) * 65535, first=0, bits=16)
    center, width, falling = own(read_radiograph(dicom(TWELVE, bits=12, VOILUTSequence=bent)))
    # A square root is 1/4 and 3/4 at 1/16 and 9/16; the darkest grey above black counts for 0.
    assert_allclose((center, width), (4095 * 5 / 16, 4095), rtol=0.02)
    assert not falling

    outside = read_radiograph(dicom(TWELVE.clip(100, 900), bits=12, WindowCenter=3000, WindowWidth=100))
    assert own(outside) == (500, 800, False)
    hill = np.concatenate([np.linspace(0, 1, 2048), np.linspace(1, 0.1, 2048)]) * 65535
    odd = read_radiograph(dicom(TWELVE, bits=12, VOILUTSequence=look_up_table(hill, first=0, bits=16)))
    assert own(odd)[:2] == (2047.5, 4095)
    assert own(read("blank"))[:2] == (7.5, 1)
