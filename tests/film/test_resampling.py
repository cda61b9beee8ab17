import warnings

import numpy as np
import pytest
import scipy.ndimage
import skimage.transform
from numpy.testing import assert_allclose, assert_array_equal

from ensemble_cam.film.resampling import resize, resize_operator


@pytest.mark.parametrize(
    ("length", "size"), [(700, 224), (225, 224), (224, 224), (33, 64), (1, 5), (64, 1), (513, 512)]
)
def test_operator_is_what_scipy_does_to_the_identity(length, size):
    sigma = max(0.0, (length / size - 1) / 2)
    smoothed = np.eye(length)
    if sigma:
        smoothed = scipy.ndimage.gaussian_filter1d(smoothed, sigma, axis=0, mode="constant")
    expected = scipy.ndimage.zoom(smoothed, (size / length, 1), order=1, mode="grid-constant", grid_mode=True)

    assert_allclose(resize_operator(length, size).down(np.eye(length, dtype=np.float32)), expected, rtol=0, atol=1e-6)


def test_operator_keeps_the_mean_inside_and_loses_it_beyond_the_rim():
    sums = resize_operator(700, 100).down(np.eye(700, dtype=np.float32)).sum(axis=1)
    assert_allclose(sums[3:-3], 1, atol=1e-6)
    assert sums[0] < 0.9
    assert_allclose(sums, sums[::-1], atol=1e-6)


@pytest.mark.parametrize("size", [60, 64, 224])
@pytest.mark.parametrize(("low", "high"), [(-1024, 1024), (5, 900), (-900, -5), (0, 10), (-10, 0), (7, 7)])
def test_resize_is_skimages(size, low, high):
    pixels = np.random.default_rng(3).uniform(low, high, (151, 151)).astype(np.float32)
    pixels[0, 0], pixels[-1, -1] = low, high
    before = pixels.copy()

    got = resize(pixels, size)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = skimage.transform.resize(pixels, (size, size), mode="constant", preserve_range=True)
    assert got.dtype == np.float32
    assert got.flags.c_contiguous
    assert_allclose(got, expected, rtol=0, atol=1e-5 * 2048)
    assert_array_equal(pixels, before)


def test_resize_to_the_same_size_is_a_copy():
    pixels = np.random.default_rng(4).uniform(-1024, 1024, (50, 50)).astype(np.float32)
    same = resize(pixels, 50)
    assert_array_equal(same, pixels)
    assert not np.shares_memory(same, pixels)


def test_resizing_again_gives_the_same_bits():
    pixels = np.random.default_rng(5).uniform(-1024, 1024, (333, 333)).astype(np.float32)
    first = resize(pixels, 224)
    first_bits = first.tobytes()
    first += 1
    assert resize(pixels, 224).tobytes() == first_bits
