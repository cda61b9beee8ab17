"""The hint that a picture is a negative, and the switch that turns it round: for every negative, for no other film."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ensemble_cam.film.greyscale import Greys
from ensemble_cam.film.negatives import looks_negative
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.phantom.drawing import FINDINGS, draw_phantom
from support import films

XRAYS = Path(__file__).parents[3] / "shared" / "xrays"
SIZES = (256, (384, 256), (256, 384))
FRONTAL = {
    f"{seed}-{SIZES[seed % 3]}": draw_phantom(30_000 + seed, size=SIZES[seed % 3], difficulty=seed % 2).pixels
    for seed in range(12)
} | {finding: draw_phantom(31_000, findings=[finding], size=256, difficulty=0).pixels for finding in FINDINGS}


def lateral(*, spine: float, air: float) -> np.ndarray:
    """A chest from the side, (256, 256) uint8: a dark lung between breastbone and spine, the abdomen below."""
    y, x = np.mgrid[0:256, 0:256] / 255
    film = np.full((256, 256), 0.02)
    body = ((x - 0.5) / 0.36) ** 2 + ((y - 0.62) / 0.62) ** 2 < 1
    film[body] = 0.55
    film[((x - 0.48) / 0.22) ** 2 + ((y - 0.5) / 0.36) ** 2 < 1] = air
    film[body & (np.abs(x - 0.74) < 0.06)] = spine
    film[body & (y > 0.82)] = 0.85
    return (255 * film).astype(np.uint8)


def bordered(film: np.ndarray, share: float, grey: int) -> np.ndarray:
    width = int(share * min(film.shape))
    return cv2.copyMakeBorder(film, width, width, width, width, cv2.BORDER_CONSTANT, value=grey)


def white_lungs(film: np.ndarray) -> np.ndarray:
    return np.where(np.arange(film.shape[0])[:, None] > film.shape[0] // 5, np.maximum(film, 200), film)


POSITIVES = (
    FRONTAL
    | {f"lateral-{spine}-{air}": lateral(spine=spine, air=air) for spine in (0.6, 0.9) for air in (0.1, 0.3, 0.6)}
    | {f"dark-{name}": (255 * (film / 255.0) ** 3).astype(np.uint8) for name, film in list(FRONTAL.items())[:4]}
    | {f"framed-{name}": bordered(film, 0.1, 255) for name, film in list(FRONTAL.items())[:4]}
    | {f"collimated-{name}": bordered(film, 0.1, 0) for name, film in list(FRONTAL.items())[:4]}
    | {f"white-{name}": white_lungs(film).astype(np.uint8) for name, film in list(FRONTAL.items())[:4]}
    | {f"turned-{name}": np.rot90(film) for name, film in list(FRONTAL.items())[:4]}
    | {f"upside-down-{name}": film[::-1] for name, film in list(FRONTAL.items())[:4]}
    | {"field": films.film(), "blank": np.full((240, 240), 7, np.uint8), "noise": films.film(seed=5)}
)


@pytest.mark.parametrize("name", POSITIVES)
def test_no_film_that_is_none_is_taken_for_a_negative(name):
    assert not looks_negative(POSITIVES[name])


@pytest.mark.parametrize("name", FRONTAL)
def test_a_frontal_films_negative_is_known(name):
    assert looks_negative(255 - FRONTAL[name])


@pytest.mark.skipif(not XRAYS.is_dir(), reason="the folder of real radiographs, shared/xrays, is not here")
def test_real_films_are_known_from_their_negatives():
    for path in sorted(XRAYS.glob("*.*")):
        if path.suffix == ".md" or "monochrome1" in path.name:  # a copy whose header shows it as a negative
            continue
        display = read_radiograph(path.read_bytes()).display
        assert not looks_negative(display), path.name
        assert looks_negative(255 - display), path.name


NEGATIVE = 255 - FRONTAL["0-256"]


def hints(data: bytes, **options: object) -> list[str]:
    return [text for text in read_radiograph(data, **options).warnings if "looks like a negative" in text]


def test_the_hint_names_the_switch_and_is_silent_once_it_is_set():
    assert len(hints(films.png(NEGATIVE))) == 1
    assert "Turn grey values" in hints(films.png(NEGATIVE))[0]
    assert "--negative" in hints(films.png(NEGATIVE))[0]
    assert hints(films.png(NEGATIVE), negative=True) == []
    assert hints(films.png(255 - NEGATIVE)) == []


def test_a_dicom_film_whose_header_is_wrong_is_pointed_out_too():
    (hint,) = hints(films.dicom(NEGATIVE))
    assert "negative as its header has it shown" in hint
    (hint,) = hints(films.dicom(255 - NEGATIVE, PhotometricInterpretation="MONOCHROME1"))
    assert "--negative" in hint
    assert hints(films.dicom(NEGATIVE, PhotometricInterpretation="MONOCHROME1")) == []
    assert hints(films.dicom(NEGATIVE), negative=True) == []


@pytest.mark.parametrize("file", [films.png, films.dicom])
def test_a_negative_is_turned_round_for_screen_and_networks_alike(file):
    turned, positive = read_radiograph(file(NEGATIVE), negative=True), read_radiograph(file(255 - NEGATIVE))
    assert turned.negative
    assert turned.facts["Grey values"] == "turned for screen and networks, as the file holds a negative"
    assert not positive.negative
    assert_array_equal(turned.model, positive.model)
    assert_allclose(turned.display.astype(int), positive.display.astype(int), atol=1)
    assert_array_equal(turned.source, NEGATIVE)


@pytest.mark.parametrize("intensity", ["stored", "windowed"])
def test_turning_exchanges_what_the_header_asks_for_and_leaves_padding_black(intensity):
    pixels = films.film(bits=12).clip(300, 4000)
    pixels[:, :40] = 0
    header = dict(bits=12, PixelPaddingValue=0, WindowCenter=2000, WindowWidth=2001)
    plain = read_radiograph(films.dicom(pixels, **header), intensity=intensity)
    turned = read_radiograph(films.dicom(pixels, **header), intensity=intensity, negative=True)
    assert_allclose(turned.model[:, 40:], -plain.model[:, 40:], atol=1e-3)
    assert_allclose(turned.display[:, 40:].astype(int), 255 - plain.display[:, 40:].astype(int), atol=1)
    assert_array_equal(turned.display[:, :40], 0)


def test_inverting_the_screen_leaves_the_networks_and_a_window_keeps_a_negative_turned():
    turned = read_radiograph(films.png(NEGATIVE), negative=True)
    inverted = turned.with_greys(Greys(inverted=True))
    assert inverted.model is turned.model
    assert_allclose(inverted.display.astype(int), 255 - turned.display.astype(int), atol=1)
    windowed = turned.with_greys(Greys(127.5, 255))
    assert_allclose(windowed.display.astype(int), turned.display.astype(int), atol=1)
