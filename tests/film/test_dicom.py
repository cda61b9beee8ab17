"""DICOM: every encoding gives the same pixels, the grey scale is the standard's, and nothing of a patient comes out."""

import logging
import traceback
import warnings
from functools import partial

import numpy as np
import pydicom
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import (
    JPEG2000,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from ensemble_cam.errors import RadiographError
from ensemble_cam.film.dicom.read import read_dicom
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.purpose import PHANTOM_MARK
from support.films import (
    CR,
    DX,
    DX_PROCESSING,
    IDENTITY,
    SECONDARY_CAPTURE,
    dataset,
    dicom,
    film,
    jpeg,
    look_up_table,
    nested_sequences,
    png,
    with_elements_before_pixels,
    written,
)
from support.streams import jpeg_2000, jpeg_lossless, jpeg_ls

GREY = film()
TWELVE = film(bits=12)
SIGNED = film(bits=12, signed=True)
UPRIGHT = ["L", "F"]


def warned(data: bytes, text: str) -> bool:
    return any(text in warning for warning in read_radiograph(data).warnings)


def shown(data: bytes) -> np.ndarray:
    """The screen's greys at full precision, in [0, 1], by way of the windowed intensity."""
    return read_radiograph(data, intensity="windowed").model / 2048.0 + 0.5


# Pixels


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        RLELossless,
        JPEGLSLossless,
        JPEG2000Lossless,
    ],
    ids=lambda syntax: syntax.keyword,
)
def test_lossless_encodings_give_back_the_stored_values(syntax, bits, signed):
    pixels = film(bits=bits, signed=signed)
    radiograph = read_radiograph(dicom(pixels, syntax=syntax, bits=bits))
    assert radiograph.bits == bits
    assert radiograph.source.dtype == pixels.dtype
    assert_array_equal(radiograph.source, pixels)
    lowest = -(2 ** (bits - 1)) if signed else 0
    assert_allclose(radiograph.model, ((pixels - float(lowest)) / (2**bits - 1) * 2 - 1) * 1024, atol=1e-3)


def test_lossy_encodings_stay_near_the_stored_values():
    baseline = read_radiograph(dicom(GREY, syntax=JPEGBaseline8Bit)).source
    assert np.abs(baseline.astype(int) - GREY).mean() < 3
    whole = dicom(TWELVE, bits=12, syntax=JPEG2000Lossless)
    stream = pydicom.encaps.get_frame(pydicom.dcmread(pydicom.filebase.DicomBytesIO(whole)).PixelData, 0)
    assert_array_equal(read_radiograph(dicom(TWELVE, bits=12, syntax=JPEG2000, stream=stream)).source, TWELVE)


@pytest.mark.parametrize("sop_class", [CR, DX, DX_PROCESSING, SECONDARY_CAPTURE])
def test_projection_radiographs_and_secondary_captures_are_read(sop_class):
    assert_array_equal(read_radiograph(dicom(TWELVE, bits=12, sop_class=sop_class)).source, TWELVE)


@pytest.mark.parametrize(
    ("sop_class", "named"),
    [
        ("1.2.840.10008.5.1.4.1.1.2", "a CT Image"),
        ("1.2.840.10008.5.1.4.1.1.4", "an MR Image"),
        ("1.2.840.10008.5.1.4.1.1.4.1", "an Enhanced MR Image"),
        ("1.2.840.10008.5.1.4.1.1.6.1", "an Ultrasound Image"),
        ("1.2.840.10008.5.1.4.1.1.12.1", "an X-Ray Angiographic Image"),
        ("1.2.840.10008.5.1.4.1.1.20", "a Nuclear Medicine Image"),
        ("1.2.840.10008.5.1.4.1.1.77.1.4", "a VL Photographic Image"),
        ("1.2.840.10008.5.1.4.1.1.481.1", "an RT Image"),
        ("1.2.840.10008.5.1.4.1.1.9.1.1", "a 12-lead ECG Waveform"),
        ("1.2.840.10008.5.1.4.34.4.1", "a Unified Procedure Step"),
    ],
)
def test_other_objects_are_named_with_the_article_that_is_spoken(sop_class, named):
    with pytest.raises(RadiographError, match=f"This is {named} .*, not a chest radiograph"):
        read_dicom(dicom(GREY, sop_class=sop_class))


def test_bits_above_the_stored_ones_are_dropped():
    assert_array_equal(read_radiograph(dicom(TWELVE | np.uint16(0xA000), bits=12)).source, TWELVE)


def test_odd_number_of_8_bit_pixels_is_read_in_big_endian_words():
    pixels = film(241, 239)
    header = dataset(pixels)
    swapped = np.frombuffer(pixels.tobytes() + b"\0", "<u2").astype(">u2").tobytes()
    data = written(header, ExplicitVRBigEndian, swapped).replace(b"\x7f\xe0\0\x10OB", b"\x7f\xe0\0\x10OW")
    assert_array_equal(read_radiograph(data).source, pixels)


def test_elements_nobody_asked_for_are_stepped_over():
    data = with_elements_before_pixels(dicom(TWELVE, bits=12), nested_sequences(10))
    assert_array_equal(read_radiograph(data).source, TWELVE)


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize(
    ("syntax", "coded"),
    [
        (JPEGLSLossless, jpeg_ls),
        (JPEGLosslessSV1, partial(jpeg_lossless, bits=16)),
        (JPEG2000Lossless, partial(jpeg_2000, bits=16)),
    ],
    ids=["jpeg-ls", "jpeg-lossless", "jpeg-2000"],
)
def test_bits_above_the_stored_ones_are_dropped_where_whole_words_were_compressed(syntax, coded, signed):
    pixels = film(48, 40, bits=12, signed=signed)
    words = pixels.view(np.uint16) & 0x0FFF | 0xA000
    radiograph = read_radiograph(dicom(pixels, bits=12, syntax=syntax, stream=coded(words)))
    assert_array_equal(radiograph.source, pixels)
    assert any("bits beside the 12" in warning for warning in radiograph.warnings)
    clean = dicom(pixels, bits=12, syntax=syntax, stream=coded(pixels.view(np.uint16)))
    assert not any("bits beside" in warning for warning in read_radiograph(clean).warnings)


def test_stream_of_more_bits_than_declared_is_refused():
    stream = jpeg_lossless(film(48, 40, bits=14), bits=14)
    with pytest.raises(RadiographError, match="exceed the 12 bits"):
        read_radiograph(dicom(film(48, 40, bits=12), bits=12, syntax=JPEGLosslessSV1, stream=stream))


# Grey scale


def test_monochrome1_is_inverted_once_for_the_screen_and_for_the_networks():
    plain = dict(bits=12, WindowCenter=2048, WindowWidth=4096)
    first = read_radiograph(dicom(TWELVE, PhotometricInterpretation="MONOCHROME1", **plain))
    second = read_radiograph(dicom(TWELVE, **plain))
    assert_array_equal(first.source, TWELVE)
    assert_allclose(first.model, -second.model, atol=1e-3)
    assert_allclose(first.display.astype(int), 255 - second.display.astype(int), atol=1)


@pytest.mark.parametrize(
    ("photometric", "shape", "inverted"),
    [
        ("MONOCHROME1", None, True),
        ("MONOCHROME2", None, False),
        ("MONOCHROME1", "INVERSE", True),
        ("MONOCHROME2", "IDENTITY", False),
        ("MONOCHROME1", "IDENTITY", False),
        ("MONOCHROME2", "INVERSE", True),
        ("MONOCHROME1", "SOMETHING", True),
    ],
)
def test_presentation_shape_decides_before_the_photometric_interpretation(photometric, shape, inverted):
    header = {"PhotometricInterpretation": photometric, "WindowCenter": 2048, "WindowWidth": 4096}
    if shape:
        header["PresentationLUTShape"] = shape
    data = dicom(TWELVE, bits=12, **header)
    radiograph = read_radiograph(data)
    assert radiograph.display[0, 0] == (255 if inverted else 0)
    assert radiograph.model[0, 0] == (1024 if inverted else -1024)
    assert warned(data, "turns the greys round") == (inverted != (photometric == "MONOCHROME1"))


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("center", "width"), [(2048, 4096), (1000, 300), (3000.5, 1001)])
@pytest.mark.parametrize("signed", [False, True])
def test_window_is_the_one_that_pydicom_computes(function, center, width, signed):
    pixels = SIGNED if signed else TWELVE
    center -= 2048 * signed
    header = dict(WindowCenter=center, WindowWidth=width, VOILUTFunction=function)
    reference = dataset(pixels, bits=12, **header)
    lowest, highest = (-2048, 2047) if signed else (0, 4095)
    expected = (apply_voi_lut(pixels, reference) - lowest) / (highest - lowest)
    assert_allclose(shown(dicom(pixels, bits=12, **header)), expected, atol=1e-6)


def test_linear_window_by_hand():
    ramp = np.tile(np.arange(64, dtype=np.uint16), (64, 1))
    greys = shown(dicom(ramp, bits=12, WindowCenter=32, WindowWidth=11))[0]
    # PS3.3 C.11.2.1.2.1: black up to c - 0.5 - (w - 1) / 2 = 26.5, white above 36.5, in between a line.
    assert_allclose(greys, np.clip((np.arange(64) - 26.5) / 10, 0, 1), atol=1e-6)


def test_linear_window_of_width_1_is_a_step():
    ramp = np.tile(np.arange(64, dtype=np.uint16), (64, 1))
    assert_array_equal(shown(dicom(ramp, bits=12, WindowCenter=32, WindowWidth=1))[0], np.arange(64) > 31.5)


def test_first_of_several_windows_counts():
    several = dicom(TWELVE, bits=12, WindowCenter=[1000, 3000], WindowWidth=[500, 100])
    assert_array_equal(shown(several), shown(dicom(TWELVE, bits=12, WindowCenter=1000, WindowWidth=500)))


def test_rescale_comes_before_the_window():
    rescaled = dicom(TWELVE, bits=12, RescaleSlope=2, RescaleIntercept=-1000, WindowCenter=1000, WindowWidth=801)
    plain = dicom(TWELVE, bits=12, WindowCenter=1000, WindowWidth=401)  # (1000 + 1000) / 2, and (801 - 1) / 2 + 1
    assert_allclose(shown(rescaled), np.clip((TWELVE * 2.0 - 1000 - 999.5) / 800 + 0.5, 0, 1), atol=1e-6)
    assert_array_equal(read_radiograph(rescaled).model, read_radiograph(plain).model)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize(("first", "signed"), [(0, False), (100, False), (-2048, True)])
def test_look_up_tables_are_the_ones_that_pydicom_applies(syntax, first, signed):
    pixels = SIGNED if signed else TWELVE
    modality = look_up_table(np.linspace(0, 4095, 4096) ** 0.9, first=first, bits=16)
    voi = look_up_table(np.sqrt(np.linspace(0, 1, 2000)) * 65535, first=0, bits=16)
    header = dict(ModalityLUTSequence=modality, VOILUTSequence=voi, WindowCenter=5, WindowWidth=5)
    reference = dataset(pixels, bits=12, **header)
    reference.file_meta = pydicom.dataset.FileMetaDataset()
    reference.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    expected = apply_voi_lut(apply_modality_lut(pixels.astype(np.int32), reference), reference) / 65535
    assert_allclose(shown(dicom(pixels, bits=12, syntax=syntax, **header)), expected, atol=1e-6)


def test_look_up_table_may_begin_below_zero_though_its_descriptor_is_unsigned():
    item = look_up_table(np.arange(4096) * 16, first=0, bits=16)
    item[0].add_new(0x00283002, "US", [4096, 65536 - 1024, 16])
    data = dicom(TWELVE, bits=12, RescaleSlope=1, RescaleIntercept=-1024, VOILUTSequence=item)
    assert_allclose(shown(data), TWELVE * 16.0 / 65535, atol=1e-6)


def test_look_up_table_of_10_bits_reaches_white():
    voi = look_up_table(np.arange(4096) / 4095 * 1023, first=0, bits=10)
    greys = read_radiograph(dicom(TWELVE, bits=12, VOILUTSequence=voi)).display
    assert (greys.min(), greys.max()) == (0, 255)


def test_look_up_table_of_65536_entries_is_read():
    pixels = film(bits=16)
    voi = look_up_table(np.arange(65536), first=0, bits=16)
    assert_allclose(shown(dicom(pixels, VOILUTSequence=voi)), pixels / 65535, atol=1e-6)


@pytest.mark.parametrize(
    "broken",
    [
        dict(WindowCenter=100, WindowWidth=0),
        dict(WindowCenter=100, WindowWidth=0.5),
        dict(WindowCenter=100, WindowWidth=-5),
        dict(WindowCenter=100, WindowWidth=None),
        dict(WindowCenter=100, WindowWidth=50, VOILUTFunction="BENT"),
        dict(VOILUTSequence=look_up_table(np.arange(10), first=0, bits=32)),
        dict(VOILUTSequence=[Dataset()]),
        dict(RescaleSlope=0, RescaleIntercept=0),
        dict(RescaleSlope=1e300, RescaleIntercept=0),
        dict(ModalityLUTSequence=[Dataset()]),
    ],
    ids=lambda header: "-".join(f"{k}={v}" for k, v in header.items() if not isinstance(v, list)) or str(len(header)),
)
def test_broken_grey_scale_steps_are_left_out_with_a_warning(broken):
    header = dataset(TWELVE, bits=12)
    for keyword, value in broken.items():
        setattr(header, keyword, value)
    data = written(header, ExplicitVRLittleEndian, TWELVE.tobytes())
    assert warned(data, "broken")
    assert_array_equal(read_radiograph(data).display, read_radiograph(dicom(TWELVE, bits=12)).display)


def test_film_without_window_is_stretched_between_its_percentiles_and_says_so():
    radiograph = read_radiograph(dicom(TWELVE, bits=12))
    low, high = np.percentile(TWELVE, (0.5, 99.5), method="inverted_cdf")
    assert_allclose(radiograph.display, np.clip((TWELVE - float(low)) / (high - low), 0, 1) * 255, atol=0.51)
    assert radiograph.facts["Window"] == "none in the file; 0.5–99.5 % of the pixels"


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_padding_is_black_and_does_not_count_for_the_percentiles(photometric, syntax):
    padded = TWELVE.copy()
    padded[:, :60] = 4090
    inside = TWELVE[:, 60:].clip(0, 4000)
    padded[:, 60:] = inside
    padding = dict(PixelPaddingValue=4095, PixelPaddingRangeLimit=4085)
    radiograph = read_radiograph(
        dicom(padded, bits=12, syntax=syntax, PhotometricInterpretation=photometric, **padding)
    )
    assert_array_equal(radiograph.display[:, :60], 0)
    alone = read_radiograph(dicom(inside, bits=12, PhotometricInterpretation=photometric))
    assert_array_equal(radiograph.display[:, 60:], alone.display)
    without = read_radiograph(dicom(padded, bits=12, PhotometricInterpretation=photometric))
    assert_array_equal(radiograph.model, without.model)  # the networks see stored values, as with torchxrayvision


def test_signed_padding_is_found_whatever_its_sign_was_written_as():
    padded = np.where(SIGNED == -2000, -1999, SIGNED).astype(np.int16)
    padded[:50] = -2000
    header = dataset(padded, bits=12)
    header.add_new(0x00280120, "US", 65536 - 2000)
    radiograph = read_radiograph(written(header, ExplicitVRLittleEndian, padded.tobytes()))
    assert_array_equal(radiograph.display[:50], 0)
    assert_array_equal(radiograph.display[50:], read_radiograph(dicom(padded[50:], bits=12)).display)


@pytest.mark.parametrize(("vr", "value"), [("SS", -128), ("US", 65536 - 128), ("US", 128), ("SS", 128)])
def test_signed_padding_of_8_bits_is_found_whatever_it_was_written_as(vr, value):
    padded = (TWELVE // 16 - 127).clip(-127, 127).astype(np.int8)
    padded[:50] = -128
    header = dataset(padded, bits=8)
    header.add_new(0x00280120, vr, value)
    radiograph = read_radiograph(written(header, ExplicitVRLittleEndian, padded.tobytes()))
    assert_array_equal(radiograph.display[:50], 0)
    assert_array_equal(radiograph.display[50:], read_radiograph(dicom(padded[50:], bits=8)).display)


def test_padding_that_no_sample_can_have_hides_nothing():
    pixels = (TWELVE // 16).astype(np.uint8)
    header = dataset(pixels, bits=8)
    header.add_new(0x00280120, "US", 65536 - 2000)
    radiograph = read_radiograph(written(header, ExplicitVRLittleEndian, pixels.tobytes()))
    assert_array_equal(radiograph.display, read_radiograph(dicom(pixels, bits=8)).display)


def test_padding_everywhere_is_ignored_with_a_warning():
    data = dicom(TWELVE, bits=12, PixelPaddingValue=0, PixelPaddingRangeLimit=4095)
    assert warned(data, "padding")
    assert read_radiograph(data).display.max() == 255


def test_windowed_intensity_is_the_screen_at_full_precision():
    data = dicom(TWELVE, bits=12, WindowCenter=2000, WindowWidth=3001)
    radiograph = read_radiograph(data, intensity="windowed")
    assert radiograph.intensity == "windowed"
    assert_allclose(radiograph.display, (radiograph.model / 2048 + 0.5) * 255, atol=0.51)
    assert len(np.unique(radiograph.model)) > 2000


def test_narrow_dicom_film_is_warned_about_and_rescaled_on_request():
    narrow = film(bits=12) + np.uint16(7)
    data = dicom(narrow, bits=16, WindowCenter=2000, WindowWidth=4000)
    assert read_radiograph(data).narrow_range
    assert warned(data, "7 to 4102 of the declared 0 to 65535")
    rescaled = read_radiograph(data, rescale=True)
    assert rescaled.rescaled
    assert_allclose(rescaled.model, ((narrow - 7.0) / 4095 * 2 - 1) * 1024, atol=1e-3)
    assert_array_equal(rescaled.display, read_radiograph(data).display)


# Facts and warnings


def test_facts_of_a_plain_film():
    header = dict(ViewPosition="PA", BodyPartExamined="CHEST", PatientOrientation=UPRIGHT, Modality="DX")
    data = dicom(
        TWELVE, bits=12, sop_class=DX, ImagerPixelSpacing=[0.139, 0.139], WindowCenter=1000, WindowWidth=4000, **header
    )
    radiograph = read_radiograph(data)
    assert radiograph.warnings == ()
    assert dict(radiograph.facts) == {
        "View": "PA",
        "Left edge": "the patient's right",
        "Modality": "DX",
        "Body part": "CHEST",
        "Pixel spacing": "0.139 mm at the detector",
        "Kind": "Digital X-Ray for presentation",
        "Bits": "12 of 16, unsigned",
        "Photometric interpretation": "MONOCHROME2",
        "Transfer syntax": "explicit little endian",
        "Window": "center 1000, width 4000",
    }


def test_undeclared_view_is_a_fact_and_no_warning():
    radiograph = read_radiograph(dicom(TWELVE, bits=12))
    assert radiograph.facts["View"] == "not declared"
    assert radiograph.warnings == ()


@pytest.mark.parametrize(
    ("header", "fact", "spacing", "at_detector"),
    [
        ({}, "not declared", None, False),
        ({"PixelSpacing": [0.2, 0.2]}, "0.2 mm as declared", (0.2, 0.2), False),
        (
            {"PixelSpacing": [0.2, 0.2], "ImagerPixelSpacing": [0.25, 0.25]},
            "0.2 mm as declared",
            (0.2, 0.2),
            False,
        ),
        (
            {"PixelSpacing": [0.2, 0.2], "ImagerPixelSpacing": [0.2, 0.2]},
            "0.2 mm at the detector",
            (0.2, 0.2),
            True,
        ),
        (
            {"ImagerPixelSpacing": [0.2, 0.3]},
            "0.2 × 0.3 mm (rows × columns) at the detector",
            (0.2, 0.2),  # in true proportions
            True,
        ),
        ({"ImagerPixelSpacing": [0, 0.3]}, "not declared", None, False),
        ({"PixelSpacing": [0.2]}, "not declared", None, False),
    ],
)
def test_pixel_spacing_says_where_it_was_measured(header, fact, spacing, at_detector):
    radiograph = read_radiograph(dicom(TWELVE, bits=12, **header))
    assert radiograph.facts["Pixel spacing"] == fact
    assert (radiograph.spacing, radiograph.spacing_at_detector) == (spacing, at_detector)


@pytest.mark.parametrize(
    ("header", "aspect"),
    [
        ({}, 1),
        ({"PixelSpacing": [0.1, 0.2]}, 0.5),
        ({"ImagerPixelSpacing": [0.3, 0.2]}, 1.5),
        ({"NominalScannedPixelSpacing": [0.1, 0.4]}, 0.25),
        ({"PixelAspectRatio": [4, 3]}, 4 / 3),
        ({"PixelSpacing": [0.2, 0.2], "ImagerPixelSpacing": [0.1, 0.2], "PixelAspectRatio": [1, 2]}, 1),
        ({"PixelSpacing": [0, 0.2], "ImagerPixelSpacing": [0.1], "PixelAspectRatio": [1, 2]}, 0.5),
        ({"PixelSpacing": [0.199, 0.2]}, 0.995),
    ],
)
def test_pixels_aspect_is_their_height_over_their_width(header, aspect):
    assert read_dicom(dicom(TWELVE, bits=12, **header)).pixel_aspect == pytest.approx(aspect, abs=1e-12)


def test_pictures_have_no_pixel_spacing():
    radiograph = read_radiograph(png(GREY, dpi=(100, 100)))
    assert (radiograph.spacing, radiograph.spacing_at_detector) == (None, False)


@pytest.mark.parametrize(
    ("header", "warning"),
    [
        ({"ViewPosition": "LL"}, "lateral view"),
        ({"ViewPosition": "RL"}, "lateral view"),
        ({"ViewPosition": "LATERAL"}, "lateral view"),
        ({"PatientOrientation": ["A", "F"]}, "lateral view"),
        ({"PatientOrientation": ["P", "FR"]}, "lateral view"),
        ({"ViewPosition": "LLD"}, "decubitus"),
        ({"ViewPosition": "PA", "PatientOrientation": ["R", "F"]}, "mirrored"),
        ({"PatientOrientation": ["L", "H"]}, "upside down"),
        ({"PatientOrientation": ["R", "H"]}, "turned by half"),
        ({"PatientOrientation": ["F", "L"]}, "turned by a quarter"),
        ({"BodyPartExamined": "KNEE"}, "another body part than the chest: KNEE"),
        ({"BodyPartExamined": "ZZFREETEXT"}, "another body part than the chest."),
        ({"BurnedInAnnotation": "YES"}, "burned into the pixels"),
    ],
)
def test_header_that_should_make_a_reader_careful_is_warned_about(header, warning):
    data = dicom(TWELVE, bits=12, **header)
    assert warned(data, warning)
    assert len(read_radiograph(data).warnings) == 1
    assert_array_equal(read_radiograph(data).source, TWELVE)


@pytest.mark.parametrize(
    "header",
    [
        {"ViewPosition": "PA"},
        {"ViewPosition": "AP", "PatientOrientation": UPRIGHT},
        {"PatientOrientation": ["LP", "F"]},
        {"PatientOrientation": ""},
        {"BodyPartExamined": "THORAX"},
        {"BurnedInAnnotation": "NO"},
    ],
)
def test_plain_chest_film_is_not_warned_about(header):
    assert read_radiograph(dicom(TWELVE, bits=12, **header)).warnings == ()


# Privacy


def identified(pixels: np.ndarray, **attributes: object) -> Dataset:
    """A dataset with a planted identity in every place where one may stand."""
    name, number, birth, hospital, text = IDENTITY
    header = dataset(pixels, bits=12)
    header.PatientName, header.PatientID, header.PatientBirthDate = name, number, birth
    header.ReferringPhysicianName = header.OperatorsName = header.PerformingPhysicianName = name
    header.OtherPatientIDs = header.AccessionNumber = header.StudyID = number
    header.StudyDate = header.SeriesDate = header.ContentDate = birth
    header.InstitutionName = header.StationName = header.InstitutionAddress = hospital
    header.StudyDescription = header.SeriesDescription = header.ImageComments = f"{text} {name}"
    header.DerivationDescription = header.AcquisitionDeviceProcessingDescription = text
    nested = Dataset()
    nested.PatientName, nested.PatientID = name, number
    header.RequestAttributesSequence = [nested]
    header.add_new(0x00091001, "LO", name)
    for keyword, value in attributes.items():
        setattr(header, keyword, value)
    return header


def everything_said(data: bytes, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture) -> str:
    """What reading the film puts out anywhere: facts, warnings, messages, tracebacks, logs, standard streams."""
    said = []
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings(record=True) as issued:
        warnings.simplefilter("always")
        try:
            radiograph = read_radiograph(data)
            said += [repr(radiograph), str(radiograph), str(dict(radiograph.facts)), *radiograph.warnings]
        except RadiographError as error:
            said += [str(error), repr(error), "".join(traceback.format_exception(error))]
    said += [str(warning.message) for warning in issued]
    said += [record.getMessage() for record in caplog.records] + [caplog.text, *capfd.readouterr()]
    return "\n".join(said)


FREE_TEXT = [
    {},
    *(
        {keyword: IDENTITY[4]}
        for keyword in (
            *("ViewPosition", "BodyPartExamined", "Modality", "BurnedInAnnotation", "PhotometricInterpretation"),
            *("VOILUTFunction", "PresentationLUTShape", "SOPClassUID"),
        )
    ),
    {"PatientOrientation": [IDENTITY[0], IDENTITY[4]]},
    {"Manufacturer": f"{PHANTOM_MARK}, version {IDENTITY[1]} {IDENTITY[0]}"},
]


@pytest.mark.parametrize("attributes", FREE_TEXT, ids=lambda attributes: "-".join(attributes) or "plain")
@pytest.mark.parametrize("harm", ["whole", "truncated", "flipped", "lengths", "numbers", "bare"])
def test_nothing_that_a_header_says_of_a_patient_comes_out(attributes, harm, caplog, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = identified(TWELVE, WindowCenter=10, WindowWidth=20, **attributes)
        if harm == "numbers":  # one of the patient's where one of the film's is due
            header.NumberOfFrames = IDENTITY[2]
        data = written(header, ExplicitVRLittleEndian, TWELVE.tobytes())
    if harm == "truncated":
        data = data[:-1000]
    if harm == "flipped":
        data = data.replace(b"PN", b"SQ").replace(b"DS\x02\0", b"DS\x01\0")
    if harm == "lengths":  # values that do not fit their VR
        for tag in (b"\x28\0\x10\0", b"\x28\0\x11\0", b"\x28\0\x03\x01", b"\x28\0\x02\0"):
            position = data.index(tag + b"US\x02\0")
            data = data[:position] + tag + b"US\x05\0ZZ471" + data[position + 10 :]
    if harm == "bare":
        data = data[132:]
    caplog.clear()
    capfd.readouterr()
    said = everything_said(data, caplog, capfd)
    assert said
    assert all(part in data for part in (b"ZZNAME", b"ZZNUMBER4711"))
    for secret in ("ZZ", "Planted", "4711", "19480229"):
        assert secret not in said


def test_numbers_that_are_none_are_not_quoted(caplog, capfd):
    header = dataset(TWELVE, bits=12, WindowCenter="10", WindowWidth="20", PixelSpacing=[1, 1], RescaleSlope="1.00")
    header.RescaleIntercept = "00000000000"
    data = written(header, ExplicitVRLittleEndian, TWELVE.tobytes())
    for number in (b"DS\x02\x0010", b"DS\x02\x0020", b"DS\x04\x001.00", b"DS\x0c\x0000000000000"):
        planted = data.replace(number, number[:4] + b"ZZNAME^Plant"[: len(number) - 4])
        assert planted != data
        said = everything_said(planted, caplog, capfd)
        assert "ZZ" not in said


def test_refusal_of_a_broken_stream_quotes_no_codec(caplog, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = identified(TWELVE)
        data = dicom(GREY, syntax=JPEGBaseline8Bit, stream=jpeg(GREY)[:3000], PatientName=header.PatientName)
    caplog.clear()
    said = everything_said(data, caplog, capfd)
    assert "pixel data are broken" in said
    assert "ZZ" not in said
    assert "PIL" not in said
