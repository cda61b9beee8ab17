"""Pictures for any network: colours and greys as they are, at the network's size as torchvision resizes them."""

import io

import numpy as np
import pytest
from PIL import Image

import ensemble_cam as ec
from ensemble_cam.api.explaining import read_picture


def encoded(pixels: np.ndarray, format: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def colours() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (120, 90, 3), dtype=np.uint8)


def test_a_files_colours_are_read_and_nothing_is_said_of_one_channel(colours):
    picture = read_picture(encoded(colours))
    assert np.array_equal(picture.values, colours)
    assert picture.size == (90, 120)
    assert picture.warnings == ()


def test_grey_that_is_stored_as_colours_is_grey(colours):
    grey = np.repeat(colours[:, :, :1], 3, axis=2)
    assert np.array_equal(read_picture(encoded(grey)).values, grey[:, :, 0])


def test_16_bits_are_not_cut_to_8():
    ramp = np.linspace(0, 65535, 128 * 128).reshape(128, 128).astype(np.uint16)
    for picture in (read_picture(encoded(ramp)), read_picture(ramp)):
        assert picture.values.dtype == np.float32
        np.testing.assert_allclose(picture.values, ramp / 65535, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_whole_picture_is_resized_as_torchvision_does(colours, channels):
    from torchvision.transforms import v2

    image = Image.fromarray(colours).convert("L") if channels == 1 else Image.fromarray(colours)
    expected = np.asarray(v2.Resize((64, 64))(image), dtype=np.float32) / 255
    found = read_picture(colours).resized(64, channels)
    assert found.shape == (channels, 64, 64)
    assert np.array_equal(found, expected[None] if channels == 1 else expected.transpose(2, 0, 1))
    deep = read_picture(colours.astype(np.float64) / 255).resized(64, channels)
    np.testing.assert_allclose(deep, found, atol=0.006)


def test_a_pil_image_is_its_array(colours):
    assert np.array_equal(read_picture(Image.fromarray(colours)).values, colours)
    grey = Image.fromarray(colours[:, :, 0])
    assert read_picture(grey).values.ndim == 2


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((90, 90, 4), np.uint8), r"shape \(90, 90, 4\); a picture is \(h, w\) grey or \(h, w, 3\) RGB"),
        (np.full((90, 90), 1.5), "values beyond 0 and 1"),
        (np.full((90, 90), np.nan), "values beyond 0 and 1"),
        (np.zeros((90, 90), np.int32), "holds int32"),
    ],
)
def test_an_array_that_is_no_picture_is_refused(array, says):
    with pytest.raises(ec.RadiographError, match=says):
        read_picture(array)


def test_what_is_no_picture_is_refused():
    with pytest.raises(ec.RadiographError, match="text file"):
        read_picture(b"no picture")
    with pytest.raises(TypeError, match=r"A picture is a path, bytes, an array, a PIL image or a film; got int\."):
        read_picture(3)  # type: ignore[arg-type]
