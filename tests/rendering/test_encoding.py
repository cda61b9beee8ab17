"""A PNG that we write is one that others read: the same pixels, the same texts, whatever its size."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from ensemble_cam.rendering.png import png


def picture(width: int, height: int, seed: int = 0) -> np.ndarray:
    """Return (h, w, 3) uint8: noise, below it a smooth field, below that white."""
    rng = np.random.default_rng(seed)
    made = np.full((height, width, 3), 255, np.uint8)
    made[: height // 3] = rng.integers(0, 256, (height // 3, width, 3))
    ys, xs = np.mgrid[0 : height // 3, 0:width]
    made[height // 3 : 2 * (height // 3)] = (xs + 2 * ys)[..., None] // np.array([3, 5, 7]) % 256
    return made


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (200, 1), (97, 63), (97, 64), (97, 65), (128, 128), (1500, 700)])
def test_pixels_are_read_back_as_they_were_by_others(size):
    original = picture(*size)

    data = png(original)

    with Image.open(io.BytesIO(data)) as read:
        assert (read.format, read.mode, read.size) == ("PNG", "RGB", size)
        assert_array_equal(np.asarray(read), original)
    assert_array_equal(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)[:, :, ::-1], original)


def test_part_of_a_larger_picture_is_encoded_like_a_picture_of_its_own():
    large = picture(300, 200)

    assert png(large[20:150, 30:201]) == png(large[20:150, 30:201].copy())


def test_every_row_but_a_strips_first_is_filtered_by_the_one_above_it():
    original = picture(40, 150)
    data, lines, position = png(original), b"", 8
    while position < len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        body = data[position + 8 : position + 8 + length]
        assert struct.unpack_from(">I", data, position + 8 + length)[0] == zlib.crc32(name + body)
        lines += body if name == b"IDAT" else b""
        position += length + 12

    filtered = np.frombuffer(zlib.decompress(lines), np.uint8).reshape(150, 121).copy()

    assert (filtered[1:, 0] == 2).all()
    assert filtered[0, 0] == 1
    assert_array_equal(filtered[0, 1:].reshape(40, 3).cumsum(axis=0, dtype=np.uint8), original[0])
    filtered[0, 1:] = original[0].ravel()
    assert_array_equal(filtered[:, 1:].cumsum(axis=0, dtype=np.uint8), original.reshape(150, 120))


def test_texts_and_resolution_stand_before_the_pixels():
    texts = {"Software": "ensemble-cam", "Note": "Grüße, 2500×2048 · „“ …", "Empty": ""}

    data = png(picture(20, 30), texts, dots_per_inch=300)

    assert data.rindex(b"iTXt") < data.index(b"IDAT")
    with Image.open(io.BytesIO(data)) as read:
        assert read.text == texts
        assert [round(dots) for dots in read.info["dpi"]] == [300, 300]
    assert "dpi" not in Image.open(io.BytesIO(png(picture(20, 30)))).info
