"""Pictures: which of several is read, every kind of TIFF and PNG to the bit, and a film of 64 megapixels."""

import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from ensemble_cam.errors import RadiographError
from ensemble_cam.film.pictures import read_picture
from ensemble_cam.film.radiograph import read_radiograph
from support import films

GREY, OTHER, DEEP = films.film(), films.film(seed=1), films.film(bits=16)
SMALL = GREY[::4, ::4]
LONG = zlib.compress(bytes(2**21))
REDUCED, MASK, OLD_REDUCED = {254: 1}, {254: 4}, {255: 2}


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(films.tiff_pages((GREY, {}), (SMALL, REDUCED)), id="preview behind"),
        pytest.param(films.tiff_pages((SMALL, REDUCED), (GREY, {})), id="preview before"),
        pytest.param(films.tiff_pages((SMALL, REDUCED), (GREY, {}), order=">"), id="big endian"),
        pytest.param(films.tiff_pages((SMALL, OLD_REDUCED), (GREY, {255: 1})), id="by the old tag"),
        pytest.param(films.tiff_pages((GREY, {}), (SMALL, REDUCED), (GREY, MASK)), id="preview and mask"),
        pytest.param(films.tiff_pages((GREY, {254: 2}), (SMALL, {254: 3})), id="preview of one of several pages"),
        pytest.param(films.tiff_pages((SMALL, {254: 1, 258: 10}), (GREY, {})), id="preview of a kind that is not read"),
    ],
)
def test_of_a_tiff_with_previews_the_main_picture_is_read(data):
    film = read_radiograph(data)
    assert_array_equal(film.source, GREY)
    assert film.facts["Read"] == "the main picture; the file holds others beside it"


def test_a_tiffs_only_page_is_its_picture_whatever_it_calls_itself():
    film = read_radiograph(films.tiff_pages((GREY, REDUCED)))
    assert_array_equal(film.source, GREY)
    assert "Read" not in film.facts


@pytest.mark.parametrize("count", [2, 3, 150])
def test_several_pictures_are_refused(count):
    with pytest.raises(RadiographError, match=r"several pictures\. Save the one to be reviewed by itself"):
        read_radiograph(films.tiff_pages(*[(SMALL, {})] * count))


def test_a_tiff_whose_pages_go_round_in_a_ring_is_read_as_the_pages_that_it_has():
    data = films.tiff_pages((GREY, {}), (SMALL, REDUCED))
    first = data[4:8]
    assert_array_equal(read_radiograph(data[:-4] + first).source, GREY)


def test_of_a_phones_picture_with_previews_the_main_one_is_read():
    film = read_radiograph(films.mpo(GREY, SMALL))
    assert_array_equal(film.source, read_radiograph(films.jpeg(GREY)).source)
    assert film.format == "JPEG"
    assert film.facts["Read"] == "the main picture; the file holds others beside it"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("photometric", "expected"), [(1, DEEP), (0, 65535 - DEEP)])
def test_16_bit_grey_of_either_byte_order_and_direction_is_read_to_the_bit(order, photometric, expected):
    data = films.tiff(DEEP, photometric=photometric, order=order)
    assert_array_equal(read_radiograph(data).source, expected)


@pytest.mark.parametrize("width", [64, 63])
@pytest.mark.parametrize("photometric", [1, 0])
def test_12_bits_are_unpacked_two_samples_in_three_bytes(width, photometric):
    values = films.film(width, 40, bits=12)
    low, high = values[:, 0::2], values[:, 1::2]
    if width % 2:
        high = np.pad(high, ((0, 0), (0, 1)))
    packed = np.stack([low >> 4, ((low & 15) << 4) | (high >> 8), high & 255], axis=2).astype(np.uint8)
    packed = packed.reshape(40, -1)[:, : -(-width * 3 // 2)]
    film = read_radiograph(films.tiff(packed, bits=12, photometric=photometric, _256=width))
    assert_array_equal(film.source, 4095 - values if photometric == 0 else values)
    assert film.bits == 12


@pytest.mark.parametrize("channels", [2, 3, 4])
@pytest.mark.parametrize("interlaced", [False, True])
def test_of_16_bit_png_channels_the_first_is_kept_to_the_bit(channels, interlaced):
    others = [films.film(bits=16, seed=seed) for seed in range(1, channels)]
    data = films.png_16_bit(np.dstack([DEEP, *others]), interlaced=interlaced)
    film = read_radiograph(data)
    assert_array_equal(film.source, DEEP)
    # Decoded another way, which turns grey with alpha into colour.
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert_array_equal(film.source, decoded[..., 2])
    told = " ".join(film.warnings)
    assert ("colour picture" in told, "partly transparent" in told) == (channels > 2, channels != 3)


@pytest.mark.parametrize("alpha", [65535, 65534, 65279], ids=["opaque", "by its lower byte", "by its upper byte"])
@pytest.mark.parametrize("channels", [2, 4])
def test_the_slightest_transparency_of_16_bits_is_noticed(channels, alpha):
    pixels = np.dstack([DEEP] * (channels - 1) + [np.full_like(DEEP, 65535)])
    pixels[200, 200, -1] = alpha
    told = " ".join(read_radiograph(films.png_16_bit(pixels)).warnings)
    assert ("partly transparent" in told) == (alpha != 65535)
    assert "colour" not in told


def test_the_channels_of_a_picture_of_many_blocks_are_those_of_one(monkeypatch):
    data = films.png_16_bit(np.dstack([DEEP, *[films.film(bits=16, seed=seed) for seed in (1, 2, 3)]]))
    whole = read_picture(data, kind="PNG")
    monkeypatch.setattr("ensemble_cam.film.pictures._BLOCK", 260 * 7)
    parts = read_picture(data, kind="PNG")
    assert_array_equal(parts.pixels, whole.pixels)
    assert parts.warnings == whole.warnings


def test_significant_bits_hold_where_one_pixel_exceeds_them():
    twelve = films.film(bits=12)
    twelve[100, 100] = 65535
    film = read_radiograph(films.with_png_chunk(films.png(twelve), b"sBIT", b"\x0c"))
    assert (film.bits, film.facts["Values"]) == (12, "0–4095, as the file declares")
    assert film.model[100, 100] == 1024


MEMORY = """
import sys, threading, time
from pathlib import Path
from ensemble_cam.film.radiograph import read_radiograph

def resident(process):
    try:
        told = Path(f"/proc/{process}/status").read_text()
    except OSError:  # it has ended
        return 0
    own = next((int(line.split()[1]) for line in told.splitlines() if line.startswith("VmRSS")), 0)
    children = [each for task in Path(f"/proc/{process}/task").glob("*/children") for each in task.read_text().split()]
    return own + sum(map(resident, children))

def watch():
    while not done.wait(0.02):
        peaks.append(resident("self"))

peaks, done = [], threading.Event()
threading.Thread(target=watch, daemon=True).start()
film = read_radiograph(Path(sys.argv[1]).read_bytes())
done.set()
assert film.source.shape == (8000, 8000)
assert (film.source[::1000, 100] == 100 * 128).all()
print(max(peaks) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from Linux's own count")
def test_a_16_bit_picture_of_64_megapixels_with_alpha_stays_below_800_mb_in_all_processes(tmp_path):
    path = tmp_path / "large.png"
    row = (np.arange(8000) % 512 * 128).astype(np.uint16)
    path.write_bytes(films.png_16_bit_of_one_row(np.stack([row] * 4, axis=1), 8000))
    done = subprocess.run([sys.executable, "-c", MEMORY, path], check=True, capture_output=True, text=True)
    assert int(done.stdout) < 800


def test_a_nearly_uniform_screen_is_warned_of_and_a_film_of_contrast_is_not():
    flat = (120 + GREY // 16).astype(np.uint8)
    assert any("nearly all of the film in one grey: the picture has hardly any" in text for text in warned(flat))
    assert warned(GREY) == ()
    dark = films.dicom(films.film(bits=12), bits=12, WindowCenter=60000, WindowWidth=100)
    assert any("window or table of its header does not fit" in text for text in read_radiograph(dark).warnings)
    padded = films.film(bits=12).clip(100, 4000)
    padded[:200] = 0
    told = read_radiograph(films.dicom(padded, bits=12, PixelPaddingValue=0)).warnings
    assert not any("one grey" in text for text in told)  # padding is not the film
    assert_allclose(read_radiograph(films.png(flat)).display, flat)


def warned(pixels: np.ndarray) -> tuple[str, ...]:
    return read_radiograph(films.png(pixels)).warnings


@pytest.mark.parametrize(
    ("name", "body"),
    [
        (b"zTXt", b"Raw profile type exif\0\0" + LONG),
        (b"iCCP", b"xRGB\0\0" + LONG),
        (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + LONG),
        (b"iTXt", b"xmp\0\1\0ex\0x\0" + LONG),
    ],
)
def test_a_long_text_is_named_whatever_its_keyword(name, body):
    with pytest.raises(RadiographError, match="carries a text or colour profile of more than 1 MB"):
        read_picture(films.with_png_chunk(films.png(GREY), name, body), kind="PNG")


@pytest.mark.parametrize(
    ("name", "body"),
    [(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"text")), (b"iTXt", b"xmp\0\0\0\0\0x" + bytes(99))],
)
def test_a_short_text_and_one_that_is_not_compressed_are_no_reason(name, body):
    assert_array_equal(read_picture(films.with_png_chunk(films.png(GREY), name, body), kind="PNG").pixels, GREY)


def test_what_lies_behind_a_jpegs_end_or_in_its_segments_is_none_of_its_scans():
    stream = films.saved(Image.fromarray(GREY), "JPEG")
    scans = films.JPEG_SCAN * 200
    comment = b"\xff\xfe" + (2 + len(scans)).to_bytes(2, "big") + scans
    expected = read_picture(stream, kind="JPEG").pixels
    for each in (stream + scans, stream[:2] + comment + stream[2:]):
        assert_array_equal(read_picture(each, kind="JPEG").pixels, expected)


@pytest.mark.parametrize("hidden", [b"\xff\xfe\0\x04\xff\xd9", b"\xff\xd0", b"\xff\0", b"\xff\xff"])
def test_an_end_within_a_segment_hides_no_scan_behind_it(hidden):
    stream = films.saved(Image.fromarray(GREY), "JPEG")
    with pytest.raises(RadiographError, match="made of more than 100 scans"):
        read_picture(stream[:-2] + hidden + films.JPEG_SCAN * 101 + stream[-2:], kind="JPEG")
