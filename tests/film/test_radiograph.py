"""Reading films: recognition by content, pixels against torchxrayvision's own reader, refusals."""

import contextlib
import hashlib
import io
import logging
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, JPEGLSLossless, RLELossless

from ensemble_cam.errors import ConfigError, RadiographError
from ensemble_cam.film.geometry import Geometry
from ensemble_cam.film.radiograph import Radiograph, read_radiograph
from support.bad_films import BAD_FILMS
from support.films import (
    IDENTITY,
    dicom,
    film,
    jpeg,
    png,
    png_16_bit_colour,
    saved,
    tiff,
    with_png_chunk,
)

XRAYS = Path(__file__).parents[3] / "shared" / "xrays"
GREY = film()
DEEP = film(bits=16)
COLOUR = np.dstack([film(seed=1), film(seed=2), film(seed=3)])


def upstream(data: bytes, tmp_path: Path, suffix: str) -> np.ndarray:
    """What torchxrayvision makes of the same bytes, (h, w) float32."""
    xrv = pytest.importorskip("torchxrayvision")
    path = tmp_path / f"film{suffix}"
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return xrv.utils.load_image(str(path))[0]


@pytest.mark.parametrize(
    ("data", "suffix"),
    [
        pytest.param(png(GREY), ".png", id="png-grey"),
        pytest.param(png(np.dstack([GREY] * 3)), ".png", id="png-rgb-of-grey"),
        pytest.param(png(COLOUR), ".png", id="png-colour"),
        pytest.param(saved(Image.fromarray(GREY).convert("P"), "PNG"), ".png", id="png-palette"),
        pytest.param(saved(Image.fromarray(COLOUR).quantize(64), "PNG"), ".png", id="png-colour-palette"),
        pytest.param(saved(Image.fromarray(GREY).convert("RGBA"), "PNG"), ".png", id="png-rgba"),
        pytest.param(jpeg(GREY), ".jpg", id="jpeg-grey"),
        pytest.param(jpeg(COLOUR), ".jpg", id="jpeg-colour"),
        pytest.param(tiff(GREY), ".tif", id="tiff"),
        pytest.param(saved(Image.fromarray(GREY), "BMP"), ".bmp", id="bmp"),
        pytest.param(dicom(GREY), ".dcm", id="dicom-8-bit"),
        pytest.param(dicom(film(bits=12), bits=12), ".dcm", id="dicom-12-bit"),
        pytest.param(dicom(film(bits=16), bits=16), ".dcm", id="dicom-16-bit"),
        pytest.param(
            dicom(film(bits=12), bits=12, PhotometricInterpretation="MONOCHROME1"), ".dcm", id="dicom-monochrome1"
        ),
        pytest.param(dicom(GREY, syntax=JPEGBaseline8Bit), ".dcm", id="dicom-jpeg"),
    ],
)
def test_networks_see_to_the_bit_what_torchxrayvision_reads(data, suffix, tmp_path):
    assert_array_equal(read_radiograph(data).model, upstream(data, tmp_path, suffix))


@pytest.mark.skipif(not XRAYS.is_dir(), reason="the folder of real radiographs, shared/xrays, is not here")
@pytest.mark.parametrize("pattern", ["nih_*.png", "rsna_*.dcm", "nonsquare_*.jpg"])
def test_real_films_are_read_as_torchxrayvision_reads_them(pattern, tmp_path):
    paths = sorted(XRAYS.glob(pattern))
    assert paths
    for path in paths:
        radiograph = read_radiograph(path.read_bytes())
        assert_array_equal(radiograph.model, upstream(path.read_bytes(), tmp_path, path.suffix))
        if "monochrome1" in path.name:  # a copy whose header shows it as a negative
            assert "looks like a negative" in radiograph.warnings[0]
        else:
            assert radiograph.warnings == ()


@pytest.mark.skipif(not XRAYS.is_dir(), reason="the folder of real radiographs, shared/xrays, is not here")
def test_monochrome1_copy_of_a_real_film_displays_as_its_negative():
    positive, negative = (read_radiograph((XRAYS / f"rsna_cr_monochrome{i}.dcm").read_bytes()) for i in (2, 1))
    assert_array_equal(positive.source, negative.source)
    assert_allclose(negative.display.astype(int), 255 - positive.display.astype(int), atol=1)


@pytest.mark.parametrize(
    ("data", "kind", "bits", "expected"),
    [
        pytest.param(png(GREY), "PNG", 8, GREY, id="grey"),
        pytest.param(png(DEEP), "PNG", 16, DEEP, id="16-bit"),
        pytest.param(png_16_bit_colour(np.dstack([DEEP] * 3)), "PNG", 16, DEEP, id="16-bit-rgb"),
        pytest.param(
            png_16_bit_colour(np.dstack([DEEP, 65535 - DEEP, DEEP // 2])), "PNG", 16, DEEP, id="16-bit-red-first"
        ),
        pytest.param(png_16_bit_colour(np.dstack([DEEP, DEEP, DEEP // 2, DEEP])), "PNG", 16, DEEP, id="16-bit-rgba"),
        pytest.param(saved(Image.fromarray(GREY).convert("LA"), "PNG"), "PNG", 8, GREY, id="grey-alpha"),
        pytest.param(
            saved(Image.fromarray(GREY).convert("1"), "PNG"),
            "PNG",
            8,
            np.asarray(Image.fromarray(GREY).convert("1")) * np.uint8(255),
            id="1-bit",
        ),
        pytest.param(tiff(GREY), "TIFF", 8, GREY, id="tiff"),
        pytest.param(tiff(DEEP), "TIFF", 16, DEEP, id="tiff-16-bit"),
        pytest.param(tiff(GREY, _339=4), "TIFF", 8, GREY, id="tiff-undefined-format"),
        pytest.param(tiff(DEEP, _339=4, order=">"), "TIFF", 16, DEEP, id="tiff-16-bit-undefined-format"),
        pytest.param(tiff(255 - GREY, photometric=0), "TIFF", 8, GREY, id="tiff-white-is-zero"),
        pytest.param(tiff(65535 - DEEP, photometric=0), "TIFF", 16, DEEP, id="tiff-16-bit-white-is-zero"),
        pytest.param(
            saved(Image.fromarray(DEEP), "TIFF", compression="tiff_lzw"), "TIFF", 16, DEEP, id="tiff-16-bit-lzw"
        ),
        pytest.param(saved(Image.fromarray(GREY), "BMP"), "BMP", 8, GREY, id="bmp"),
    ],
)
def test_pictures_keep_their_pixels_and_their_depth(data, kind, bits, expected):
    radiograph = read_radiograph(data)
    assert (radiograph.format, radiograph.bits) == (kind, bits)
    assert radiograph.source.dtype == expected.dtype
    assert_array_equal(radiograph.source, expected)
    assert_allclose(radiograph.model, (expected / (2**bits - 1) * 2 - 1) * 1024, atol=1e-3)
    assert_allclose(radiograph.display, expected / (2**bits - 1) * 255, atol=0.51)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_every_exif_orientation_is_turned_upright_as_pillow_turns_it(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = tiff(GREY, orientation=orientation) if kind == "TIFF" else saved(Image.fromarray(GREY), kind, exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    radiograph = read_radiograph(data)
    assert (radiograph.width, radiograph.height) == upright.size
    assert_array_equal(radiograph.source, np.asarray(upright))
    if orientation == 6 and kind == "PNG":
        assert_array_equal(radiograph.source, np.rot90(GREY, -1))


def test_16_bit_colour_is_turned_upright_too():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = with_png_chunk(png_16_bit_colour(np.dstack([DEEP] * 3)), b"eXIf", exif.tobytes()[6:])
    assert_array_equal(read_radiograph(data).source, np.rot90(DEEP, -1))


def test_coloured_picture_is_warned_about_and_grey_jpeg_in_colour_is_not():
    assert any("colour picture" in warning for warning in read_radiograph(png(COLOUR)).warnings)
    assert read_radiograph(jpeg(np.dstack([GREY] * 3), quality=60)).warnings == ()


def test_transparency_is_ignored_with_a_warning_where_it_shows_something():
    opaque, clear = np.full_like(GREY, 255), np.full_like(GREY, 10)
    assert read_radiograph(png(np.dstack([GREY, GREY, GREY, opaque]))).warnings == ()
    radiograph = read_radiograph(png(np.dstack([GREY, GREY, GREY, clear])))
    assert_array_equal(radiograph.source, GREY)
    assert any("transparen" in warning for warning in radiograph.warnings)


def test_narrow_16_bit_picture_is_shown_stretched_and_rescaled_on_request_only():
    narrow = film(bits=12) + np.uint16(100)
    plain = read_radiograph(png(narrow))
    assert plain.narrow_range
    assert not plain.rescaled
    assert any("100 to 4195 of the declared 0 to 65535" in warning for warning in plain.warnings)
    assert_allclose(plain.model, (narrow / 65535 * 2 - 1) * 1024, atol=1e-3)
    assert_allclose(plain.display, (narrow - 100.0) / 4095 * 255, atol=0.51)

    stretched = read_radiograph(png(narrow), rescale=True)
    assert stretched.rescaled
    assert stretched.warnings == ()
    assert_allclose(stretched.model, ((narrow - 100.0) / 4095 * 2 - 1) * 1024, atol=1e-3)
    assert_array_equal(stretched.display, plain.display)


def test_rescaling_leaves_a_film_of_full_range_as_it_is():
    radiograph = read_radiograph(png(DEEP), rescale=True)
    assert not radiograph.rescaled
    assert not radiograph.narrow_range
    assert_array_equal(radiograph.model, read_radiograph(png(DEEP)).model)


def test_significant_bits_of_a_png_give_its_range_where_its_pixels_keep_to_them():
    twelve = film(bits=12)
    radiograph = read_radiograph(with_png_chunk(png(twelve), b"sBIT", b"\x0c"))
    assert radiograph.bits == 12
    assert not radiograph.narrow_range
    assert_allclose(radiograph.model, (twelve / 4095 * 2 - 1) * 1024, atol=1e-3)
    scaled = read_radiograph(with_png_chunk(png(DEEP), b"sBIT", b"\x0c"))  # as the standard has it
    assert scaled.bits == 16
    assert_array_equal(scaled.model, read_radiograph(png(DEEP)).model)


def test_intensity_changes_nothing_for_a_picture():
    assert_array_equal(read_radiograph(png(DEEP), intensity="windowed").model, read_radiograph(png(DEEP)).model)


def test_blank_film_is_read_with_a_warning():
    radiograph = read_radiograph(png(np.full((240, 240), 7, np.uint16)), rescale=True)
    assert not radiograph.rescaled
    assert any("same value" in warning for warning in radiograph.warnings)


def test_very_small_film_is_read_with_a_warning_that_names_its_size():
    assert any("64×223" in warning for warning in read_radiograph(png(film(64, 223))).warnings)
    assert read_radiograph(png(film(224, 224))).warnings == ()


def test_unknown_intensity_is_refused_like_any_other_setting():
    with pytest.raises(ConfigError, match='intensity: got "bright"; allowed: one of stored, windowed'):
        read_radiograph(png(GREY), intensity="bright")


def test_arrays_are_read_only_contiguous_and_of_the_promised_types():
    data = jpeg(GREY, orientation=6)
    radiograph = read_radiograph(data)
    for array in (radiograph.source, radiograph.display, radiograph.model):
        assert array.flags.c_contiguous
        assert not array.flags.writeable
        assert array.shape == (radiograph.height, radiograph.width)
    assert radiograph.display.dtype == np.uint8
    assert radiograph.model.dtype == np.float32
    assert radiograph.sha256 == hashlib.sha256(data).hexdigest()
    with pytest.raises(TypeError):
        radiograph.facts["View"] = "PA"


@pytest.mark.parametrize("size", [(260, 240), (240, 261), (301, 240), (240, 240)])
def test_crop_is_the_square_that_torchxrayvision_keeps(size):
    datasets = pytest.importorskip("torchxrayvision.datasets")
    width, height = size
    radiograph = read_radiograph(png(film(width, height)))
    x0, y0, x1, y1 = Geometry.framed(size, framing="crop", cells=1).crop
    expected = datasets.XRayCenterCrop()(radiograph.model[None])[0]
    assert_array_equal(radiograph.model[y0:y1, x0:x1], expected)
    assert Geometry.framed(size, framing="pad", cells=1).crop == (0, 0, width, height)


def test_repr_names_format_and_size_and_shows_no_array():
    radiograph = read_radiograph(png(GREY))
    assert repr(radiograph) == f"Radiograph(PNG, 260×240, 8 bits, sha256 {radiograph.sha256[:12]}…)"


@pytest.mark.parametrize(("data", "message"), [pytest.param(d, m, id=name) for name, d, m in BAD_FILMS])
def test_bad_films_are_refused_in_one_plain_sentence_with_a_remedy(data, message):
    with pytest.raises(RadiographError, match=message) as refusal:
        read_radiograph(data)
    text = str(refusal.value)
    assert text.endswith(".")
    assert any(remedy in text for remedy in ("Export", "Choose", "Convert", "Save"))
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(png(GREY), id="png"),
        pytest.param(jpeg(GREY), id="jpeg"),
        pytest.param(tiff(DEEP), id="tiff"),
        pytest.param(saved(Image.fromarray(DEEP), "TIFF", compression="tiff_lzw"), id="tiff-lzw"),
        pytest.param(saved(Image.fromarray(GREY), "BMP"), id="bmp"),
        pytest.param(png_16_bit_colour(np.dstack([DEEP] * 3)), id="png-16-bit-colour"),
        pytest.param(dicom(DEEP), id="dicom"),
        pytest.param(dicom(GREY, syntax=JPEGBaseline8Bit), id="dicom-jpeg"),
        pytest.param(dicom(DEEP, syntax=JPEG2000Lossless), id="dicom-jpeg-2000"),
        pytest.param(dicom(DEEP, syntax=JPEGLSLossless), id="dicom-jpeg-ls"),
        pytest.param(dicom(DEEP, syntax=RLELossless), id="dicom-rle"),
    ],
)
def test_truncated_file_is_never_shown_partly(data):
    whole = read_radiograph(data).source
    for end in [*range(0, len(data), max(1, len(data) // 23)), *range(len(data) - 20, len(data))]:
        try:
            part = read_radiograph(data[:end])
        except RadiographError:
            continue
        assert_array_equal(part.source, whole)


def test_flipped_bytes_give_a_film_or_a_refusal_and_nothing_else():
    rng = np.random.default_rng(20)
    small = film(40, 36, bits=16)
    seeds = [
        png(small),
        jpeg(film(40, 36)),
        tiff(small),
        dicom(small, WindowCenter=100, WindowWidth=50),
        dicom(small, syntax=JPEGLSLossless),
        dicom(small, syntax=JPEG2000Lossless),
    ]
    for data in seeds:
        for _ in range(40):
            broken = bytearray(data)
            head = min(len(broken), 700)
            for position in rng.integers(0, head if rng.random() < 0.7 else len(broken), rng.integers(1, 6)):
                broken[position] = rng.integers(0, 256)
            try:
                radiograph = read_radiograph(bytes(broken))
            except RadiographError:
                continue
            assert isinstance(radiograph, Radiograph)
            assert np.isfinite(radiograph.model).all()
            assert np.abs(radiograph.model).max() <= 1024


@pytest.mark.parametrize("data", [png(GREY), dicom(GREY)], ids=["png", "dicom"])
def test_reading_a_film_loads_neither_torch_nor_streamlit_nor_skimage(data, tmp_path):
    (tmp_path / "film").write_bytes(data)
    code = (
        "import sys; from ensemble_cam.film.radiograph import read_radiograph\n"
        "assert not {'pydicom', 'PIL', 'cv2'} & set(sys.modules)\n"
        "read_radiograph(open(sys.argv[1], 'rb').read())\n"
        "assert not {'torch', 'streamlit', 'skimage', 'scipy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "film"], check=True, timeout=120)


def test_threads_that_read_side_by_side_leave_loggers_and_warning_filters_as_they_were():
    filters, level = list(warnings.filters), logging.getLogger("pydicom").level
    data = [dicom(GREY), png(GREY), BAD_FILMS[1][1]] * 6

    def read(film_bytes: bytes) -> None:
        with contextlib.suppress(RadiographError):
            read_radiograph(film_bytes)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(read, data))
    assert warnings.filters == filters
    assert logging.getLogger("pydicom").level == level


def test_pictures_with_text_of_a_patient_keep_it_to_themselves(caplog):
    info = PngInfo()
    info.add_text("Title", IDENTITY[0])
    exif = Image.Exif()
    exif[0x010E] = IDENTITY[4]
    files = [png(GREY, pnginfo=info), saved(Image.fromarray(GREY), "TIFF", exif=exif)]
    caplog.set_level(logging.DEBUG)
    for data in files:
        assert IDENTITY[0].encode() in data or IDENTITY[4].encode() in data
        radiograph = read_radiograph(data)
        assert "ZZ" not in f"{radiograph}{dict(radiograph.facts)}{radiograph.warnings}{caplog.text}"
