"""Files as archives and phones really hold them, each rebuilt around one drawn chest, and what is right for each."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ensemble_cam.errors import RadiographError
from ensemble_cam.film.radiograph import Radiograph, read_radiograph
from ensemble_cam.phantom.drawing import draw_phantom
from support import films

CHEST = draw_phantom(40_000, findings=["Effusion"], size=256, bits=16, difficulty=0).pixels
EIGHT, TWELVE = (CHEST >> 8).astype(np.uint8), CHEST >> 4


def marked(count: int, *, value: int = 65_535) -> np.ndarray:
    """Twelve bits with `count` pixels of another value, in a corner of the film."""
    film = TWELVE.copy()
    side = int(np.ceil(count**0.5))
    film[4 : 4 + side, 4 : 4 + side] = value
    return film


def labelled(rows: int) -> np.ndarray:
    """Twelve bits with a line of text, half of its pixels white."""
    film = TWELVE.copy()
    film[230 : 230 + rows, 20:220:2] = 65_535
    return film


NARROW, NEGATIVE, RESCALED = "little contrast", "looks like a negative", dict(rescale=True)
CASES = [
    # file, options, how far the networks may be from seeing the chest (of 2048; None: it is another film), warning
    pytest.param(films.png(CHEST), {}, 0.01, None, id="16 bits"),
    pytest.param(films.png(EIGHT), {}, 9, None, id="8 bits"),
    pytest.param(films.png(TWELVE), {}, None, NARROW, id="12 bits in 16"),
    pytest.param(films.png(marked(1)), {}, None, NARROW, id="one pixel at 65535"),
    pytest.param(films.png(marked(400)), {}, None, NARROW, id="a side marker at 65535"),
    pytest.param(films.png(labelled(20)), {}, None, NARROW, id="text at 65535"),
    pytest.param(films.png((CHEST / 65535 * 17_000).astype(np.uint16)), {}, None, NARROW, id="0 to 17000"),
    pytest.param(films.png(TWELVE), RESCALED, 40, None, id="12 bits, rescaled"),
    pytest.param(films.png(marked(1)), RESCALED, 40, None, id="one pixel, rescaled"),
    pytest.param(films.png(marked(400)), RESCALED, 40, None, id="a side marker, rescaled"),
    pytest.param(films.png(labelled(20)), RESCALED, 40, None, id="text, rescaled"),
    pytest.param(films.png(255 - EIGHT), {}, None, NEGATIVE, id="a negative"),
    pytest.param(films.png(255 - EIGHT), dict(negative=True), 9, None, id="a negative, turned"),
    pytest.param(films.mpo(EIGHT, EIGHT[::4, ::4]), {}, 60, None, id="MPO"),
    pytest.param(films.tiff_pages((EIGHT[::4, ::4], {254: 1}), (EIGHT, {})), {}, 9, None, id="TIFF with a preview"),
    pytest.param(films.tiff(65_535 - CHEST, photometric=0, order=">"), {}, 0.01, None, id="white is zero"),
    pytest.param(films.png_16_bit(np.dstack([CHEST] * 4)), {}, 0.01, "partly transparent", id="16-bit RGBA"),
    pytest.param(films.png(EIGHT[::2], dpi=(200, 100)), {}, 100, None, id="every other row"),
    pytest.param(films.png(EIGHT[:, ::2], dpi=(100, 200)), {}, 100, None, id="every other column"),
]


@pytest.fixture(scope="module")
def chest() -> Radiograph:
    """What every one of these files holds."""
    return read_radiograph(films.png(CHEST))


@pytest.mark.parametrize(("data", "options", "off", "warning"), CASES)
def test_networks_and_screen_see_the_chest_or_a_warning_says_why_not(chest, data, options, off, warning):
    film = read_radiograph(data, **options)
    told = " ".join(film.warnings)
    assert bool(told) == (warning is not None), told
    assert warning is None or warning in told
    assert (film.width, film.height) == (256, 256)
    apart = np.abs(film.model - chest.model)
    if off is None:
        assert np.median(apart) > 200
    else:
        assert np.percentile(apart, 95) <= off
    if warning != NEGATIVE:
        seen = np.abs(film.display.astype(int) - chest.display)
        assert np.percentile(seen, 95) <= 8


def test_a_pixel_at_65535_changes_neither_warning_nor_screen_nor_what_rescaled_networks_see():
    control, marked_film = (read_radiograph(films.png(each)) for each in (TWELVE, marked(1)))
    assert marked_film.warnings == control.warnings
    assert (marked_film.used, marked_film.narrow_range) == (control.used, True)
    elsewhere = marked(1) == TWELVE
    assert_allclose(marked_film.display[elsewhere], control.display[elsewhere])
    stretched, reference = (read_radiograph(films.png(each), rescale=True) for each in (marked(1), TWELVE))
    assert stretched.rescaled
    assert_allclose(stretched.model[elsewhere], reference.model[elsewhere])
    assert stretched.model[~elsewhere] == 1024


def test_packed_bits_are_refused_for_their_depth():
    with pytest.raises(RadiographError, match=r"has 10 bits a sample, and this depth is not read\. Save"):
        read_radiograph(films.tiff(EIGHT, bits=10))
