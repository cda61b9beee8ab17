"""A review as DICOM objects: what they say, of whom, over which pixels, and under which names."""

import json
import logging
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from ensemble_cam.errors import ExportError, RadiographError
from ensemble_cam.export.dicom import codes
from ensemble_cam.export.dicom import objects as making
from ensemble_cam.export.dicom.film_header import read_header
from ensemble_cam.export.dicom.objects import DicomOptions, dicom_objects
from ensemble_cam.export.dicom.reading import read_object
from ensemble_cam.export.dicom.regions import MOST_POINTS, as_stored, stored_outline
from ensemble_cam.export.overlays import overlay_png
from ensemble_cam.export.record import review_record
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.maps.heatmap import at_or_above
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.settings.families import FAMILIES
from support import films
from support.dicom_films import (
    ELSEWHERE,
    FILMS,
    JAPANESE,
    LATIN,
    PLANTED,
    TYPE_2,
    computed_radiography,
    header_of,
    objects,
    phantom_dx,
    reviewed,
    spot,
    with_header,
)
from support.networks import as_teaching, as_untrained, bright_classifier
from support.reviews import made_review

NAMES = ["1_effusion_sc.dcm", "review_sc.dcm", "report_sr.dcm", "regions_seg.dcm", "outlines_gsps.dcm"]


FIGURE = films.png(films.film(64, 48)[..., None].repeat(3, axis=2))


@pytest.fixture(scope="module", autouse=True)
def _small_figure():
    """Spare these tests the drawing of the figure, which test_figure.py looks at; tests/pacs compares the real one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, "figure_png", lambda review: FIGURE)
        yield


@pytest.fixture(scope="module")
def film() -> bytes:
    return FILMS["planted"]()


@pytest.fixture(scope="module")
def review(film):
    return reviewed(film)


@pytest.fixture(scope="module")
def written(film, review) -> dict[str, bytes]:
    return objects(film, review)[0]


def pixels_of(picture: bytes) -> np.ndarray:
    with Image.open(BytesIO(picture)) as opened:
        return np.array(opened.convert("RGB"))


def test_each_kind_is_there_and_called_findings_alone_have_an_overlay(film, review, written):
    assert list(written) == NAMES
    assert [finding.call for finding in review.analysis.findings] == ["called", "not called"]

    of_all, _ = objects(film, review, of_all=True)
    assert list(of_all) == [NAMES[0], "2_mass_sc.dcm", *NAMES[1:]]
    assert list(objects(film, review, kinds=("sr",))[0]) == ["report_sr.dcm"]


def test_the_same_review_is_the_same_bytes_and_another_one_another_object(film, review, written):
    assert objects(film, review)[0] == written

    later = replace(review.analysis, reviewed_at=review.analysis.reviewed_at + timedelta(seconds=1))
    threshold = replace(review, display=replace(review.display, threshold=0.5))
    for other in (replace(review, analysis=later), threshold):
        changed, _ = objects(film, other)
        for name in NAMES:
            assert header_of(changed[name]).SOPInstanceUID != header_of(written[name]).SOPInstanceUID


def test_uids_are_under_2_25_short_enough_and_each_is_of_one_object(written):
    datasets = [header_of(data) for data in written.values()]
    uids = [dataset.SOPInstanceUID for dataset in datasets]

    assert len(set(uids)) == len(uids)
    assert len({dataset.SeriesInstanceUID for dataset in datasets}) == 4
    assert all(uid.startswith("2.25.") and len(uid) <= 44 and uid.is_valid for uid in uids)
    assert {dataset.StudyInstanceUID for dataset in datasets} == {"1.2.3.4.5.2"}


def test_jpeg_and_fractional_objects_have_names_of_their_own(film, review, written):
    jpeg, _ = objects(film, review, kinds=("sc",), jpeg=True)
    fractional, _ = objects(film, review, kinds=("seg",), fractional=True)

    for name, data in (jpeg | fractional).items():
        assert header_of(data).SOPInstanceUID != header_of(written[name]).SOPInstanceUID


@pytest.mark.parametrize("name", NAMES)
def test_patient_and_study_are_the_films_and_nothing_else_of_its_header_is(written, name):
    dataset = header_of(written[name])

    assert {keyword: str(dataset[keyword].value) for keyword in PLANTED} == PLANTED
    assert not [value for value in ELSEWHERE.values() if value.encode() in written[name]]


def test_what_an_object_says_of_a_patient_stands_in_the_modules_alone(written):
    for data in written.values():
        dataset = header_of(data)
        for keyword in (*PLANTED, "PixelData"):
            if keyword in dataset:
                del dataset[keyword]
        buffer = BytesIO()
        dataset.save_as(buffer)
        assert b"ZZ" not in buffer.getvalue()


def test_identity_is_in_no_log_no_message_and_no_review(film, review, caplog, capfd):
    with caplog.at_level(logging.DEBUG):
        objects(film, review, of_all=True)
    said = caplog.text + "".join(capfd.readouterr()) + repr(read_header(film)) + json.dumps(review_record(review))

    assert "ZZ" not in said
    assert "19480229" not in said


@pytest.mark.parametrize("names", [LATIN, JAPANESE], ids=["Latin-1", "Japanese"])
def test_names_of_any_character_set_are_the_films_byte_by_byte(names):
    film = computed_radiography(spot(), **names)
    original = header_of(film)
    assert isinstance(original.get_item("PatientName").value, bytes)  # as it stands in the file

    for data in objects(film)[0].values():
        dataset = header_of(data)
        assert dataset.PatientName == original.PatientName
        assert str(dataset.PatientName) == names["PatientName"]
        assert header_of(film).get_item("PatientName").value.strip() in data
        assert dataset.SpecificCharacterSet == original.SpecificCharacterSet


def test_letters_beyond_a_declared_character_set_stay_the_films(film):
    plain = computed_radiography(spot(), PatientName="ZZNAME^Planted")
    mangled = plain.replace(b"ZZNAME", b"M\xfcller")
    data = objects(mangled, reviewed(mangled), kinds=("sr",))[0]["report_sr.dcm"]

    assert b"M\xfcller^Planted" in data


def test_absent_type_2_attributes_are_there_and_empty():
    for data in objects(FILMS["no type 2"]())[0].values():
        dataset = header_of(data)
        assert [keyword for keyword in TYPE_2 if keyword not in dataset or dataset[keyword].value] == []


def test_an_age_that_is_none_by_its_vr_is_left_out():
    dataset = header_of(objects(FILMS["age without a unit"](), kinds=("sr",))[0]["report_sr.dcm"])

    assert "PatientAge" not in dataset


@pytest.mark.parametrize("bare", [False, True])
def test_captures_are_the_exported_pictures_pixel_by_pixel_with_their_words(film, bare):
    review = reviewed(film)
    finding = review.analysis.findings[0]
    drawn = replace(review, display=replace(review.display, bare=bare))
    captures, _ = objects(film, drawn, kinds=("sc",))

    overlay = read_object(captures["1_effusion_sc.dcm"])
    np.testing.assert_array_equal(overlay.frames, pixels_of(overlay_png(review, finding, "ensemble", finding.ensemble)))
    assert overlay.frames.shape[0] > review.analysis.radiograph.height
    np.testing.assert_array_equal(read_object(captures["review_sc.dcm"]).frames, pixels_of(FIGURE))


def test_captures_say_what_they_show_of_which_film_and_what_for(film, review, written):
    capture = read_object(written["1_effusion_sc.dcm"])
    dataset = header_of(written["1_effusion_sc.dcm"])

    assert capture.film_uid == "1.2.3.4.5.1"
    assert capture.words[0].startswith("Effusion 0.83 (called), ensemble of Fine, Coarse")
    assert PURPOSE in capture.words
    assert f"film SHA-256 {review.analysis.radiograph.sha256}" in capture.words
    assert (dataset.BurnedInAnnotation, dataset.Modality, dataset.ConversionType) == ("YES", "OT", "DI")
    assert "PixelSpacing" not in dataset


def test_a_capture_in_jpeg_says_how_it_was_compressed_and_looks_the_same(film, review, written):
    data = objects(film, review, kinds=("sc",), jpeg=True)[0]["1_effusion_sc.dcm"]
    dataset = header_of(data)

    assert dataset.LossyImageCompression == "01"
    assert dataset.LossyImageCompressionMethod == "ISO_10918_1"
    exact = read_object(written["1_effusion_sc.dcm"]).frames
    assert float(dataset.LossyImageCompressionRatio) == pytest.approx(exact.nbytes / len(dataset.PixelData), rel=0.01)
    assert np.abs(pixels_of(dataset.PixelData[dataset.PixelData.index(b"\xff\xd8") :]).astype(int) - exact).mean() < 3


def test_a_film_that_was_compressed_with_loss_is_said_to_be_in_every_image_made_of_it():
    film = FILMS["JPEG"]()
    lossless, _ = objects(film)
    for name in ("1_effusion_sc.dcm", "regions_seg.dcm"):
        dataset = header_of(lossless[name])
        assert (dataset.LossyImageCompression, float(dataset.LossyImageCompressionRatio)) == ("01", 7.5)

    twice = header_of(objects(film, kinds=("sc",), jpeg=True)[0]["1_effusion_sc.dcm"])
    assert list(twice.LossyImageCompressionMethod) == ["ISO_10918_1"] * 2
    assert len(twice.LossyImageCompressionRatio) == 2


def test_a_lossy_film_whose_header_does_not_say_so_is_told_by_its_transfer_syntax():
    film = computed_radiography(spot(), syntax="1.2.840.10008.1.2.4.50")
    dataset = header_of(objects(film, kinds=("sc",))[0]["1_effusion_sc.dcm"])

    assert dataset.LossyImageCompression == "01"
    assert float(dataset.LossyImageCompressionRatio) > 1


def test_the_report_has_the_records_scores_calls_and_regions(film, review, written):
    report = read_object(written["report_sr.dcm"])
    record = review_record(review)

    assert len(report.findings) == len(record["findings"]) == 2
    for read, kept in zip(report.findings, record["findings"], strict=True):
        assert read.score == kept["score"]
        assert read.call == kept["call"]
        assert read.words == f"{kept['rank']}. {kept['label']} {kept['score']:.2f} ({kept['call']})"
        assert read.code == codes.finding_code(kept["label"]).value
        regions = [region["outline"] for region in kept["maps"]["ensemble"]["regions"]]
        assert [line[:-1].tolist() for line in read.outlines] == regions
        assert all((line[0] == line[-1]).all() for line in read.outlines)


def test_the_report_is_unverified_and_says_weights_and_settings(review, written):
    dataset = header_of(written["report_sr.dcm"])
    text = written["report_sr.dcm"].decode("latin-1")

    assert (dataset.VerificationFlag, dataset.PreliminaryFlag) == ("UNVERIFIED", "PRELIMINARY")
    for result in review.analysis.results:
        assert f"weights SHA-256 {result.classifier.weights.sha256}" in text
    assert "operating points: published" in text
    assert "Grad-CAM++" in text
    assert PURPOSE in text
    assert "robability" in codes.SCORE.meaning
    assert "Certainty" not in text


def test_readers_verdicts_are_in_the_report_and_in_its_uid(film, review, written):
    said = {"Effusion": ["accepted", "rejected"]}
    made = dict(dicom_objects(review, film, DicomOptions(("sr",)), verdicts=said).files)
    report = read_object(made["report_sr.dcm"])

    assert [finding.verdicts for finding in report.findings] == [("accepted", "rejected"), ()]
    assert header_of(made["report_sr.dcm"]).SOPInstanceUID != header_of(written["report_sr.dcm"]).SOPInstanceUID


def test_segments_are_the_regions_pixels_over_the_whole_film(review, written):
    segmentation = read_object(written["regions_seg.dcm"])
    heatmap = review.analysis.findings[0].ensemble
    above = at_or_above(heatmap.in_source(), review.display.threshold)
    x0, y0, x1, y1 = heatmap.geometry.crop
    above[:, :x0], above[:, x1:], above[:y0], above[y1:] = False, False, False, False

    np.testing.assert_array_equal(segmentation.frames.any(axis=0), above)
    regions = review.extents["Effusion"]["ensemble"].regions
    assert len(segmentation.frames) == len(regions)
    for frame, region in zip(segmentation.frames, regions, strict=True):
        seen = (x1 - x0) * (y1 - y0)
        assert frame.sum() == round(region.area * seen)
        assert frame[region.hottest[1], region.hottest[0]]


def test_a_segment_and_its_region_in_the_report_are_tracked_by_one_uid(written):
    segments = header_of(written["regions_seg.dcm"]).SegmentSequence

    for segment in segments:
        assert segment.TrackingUID in str(header_of(written["report_sr.dcm"]))
        assert segment.SegmentedPropertyTypeCodeSequence[0].CodeValue == codes.FINDINGS["Effusion"].value
        assert segment.SegmentAlgorithmType == "AUTOMATIC"


def test_a_fractional_segmentation_has_the_maps_values_and_a_warning(film, review):
    files, made = objects(film, review, kinds=("seg",), fractional=True)
    frames = read_object(files["regions_seg.dcm"]).frames

    assert made.remarks == ("A fractional segmentation is for programs: no viewer tried shows it.",)
    expected = review.analysis.findings[0].ensemble.in_source()
    np.testing.assert_allclose(frames[0] / 255, expected, atol=0.5 / 255 + 1e-6)


def test_a_segmentation_takes_the_films_spacing_and_invents_none(written):
    shared = header_of(written["regions_seg.dcm"]).SharedFunctionalGroupsSequence[0]
    assert list(shared.PixelMeasuresSequence[0].PixelSpacing) == [0.2, 0.2]
    assert "PlaneOrientationSequence" in shared

    files, made = objects(FILMS["no spacing"](), kinds=("seg",))
    assert "spacing" in made.remarks[0]
    assert "OHIF" in made.remarks[0]
    assert "PixelMeasuresSequence" not in header_of(files["regions_seg.dcm"]).SharedFunctionalGroupsSequence[0]


def test_outlines_are_the_records_regions_with_their_words(review, written):
    state = read_object(written["outlines_gsps.dcm"])
    record = review_record(review)["findings"][0]

    assert [line[:-1].tolist() for line in state.outlines] == [
        region["outline"] for region in record["maps"]["ensemble"]["regions"]
    ]
    assert state.words == (PURPOSE, "1. Effusion 0.83 (called)")
    assert state.film_uid == "1.2.3.4.5.1"


def test_a_film_of_pixels_that_are_not_square_is_drawn_over_in_its_stored_pixels():
    film = FILMS["pixels twice as wide as high"]()
    review = reviewed(film)
    files, _ = objects(film, review)
    assert review.analysis.radiograph.stored_size == (165, 270)
    assert review.analysis.geometry.source_size == (330, 270)

    frames = read_object(files["regions_seg.dcm"]).frames
    assert frames.shape[1:] == (270, 165)
    rows, columns = np.nonzero(frames[0])
    assert columns.mean() == pytest.approx(0.6 * 165, abs=8)
    assert rows.mean() == pytest.approx(0.4 * 270, abs=8)
    for line in (
        *read_object(files["report_sr.dcm"]).findings[0].outlines,
        *read_object(files["outlines_gsps.dcm"]).outlines,
    ):
        assert line.min() >= 0
        assert line[:, 0].max() <= 165
        assert line[:, 0].mean() == pytest.approx(0.6 * 165, abs=12)


@pytest.mark.parametrize(
    ("attributes", "shape"),
    [
        ({}, "IDENTITY"),
        ({"PhotometricInterpretation": "MONOCHROME1"}, "INVERSE"),
        ({"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "IDENTITY"}, "IDENTITY"),
        ({"PresentationLUTShape": "INVERSE"}, "INVERSE"),
    ],
)
def test_a_presentation_state_turns_the_greys_as_the_film_does(attributes, shape):
    film = computed_radiography(spot(), **attributes)
    dataset = header_of(objects(film, kinds=("gsps",), of_all=True)[0]["outlines_gsps.dcm"])

    assert dataset.PresentationLUTShape == shape


def test_a_presentation_state_of_a_film_with_a_table_has_the_films_own_greys():
    table = films.look_up_table(np.linspace(0, 65535, 256).astype(np.uint16)[::-1], first=0, bits=16)
    film = computed_radiography(spot(), VOILUTSequence=table)
    radiograph = read_radiograph(film)
    dataset = header_of(objects(film, kinds=("gsps",), of_all=True)[0]["outlines_gsps.dcm"])

    (item,) = dataset.SoftcopyVOILUTSequence
    written = np.frombuffer(item.VOILUTSequence[0].LUTData, "<u2")
    np.testing.assert_allclose(written / 65535, radiograph.shown, atol=1e-5)
    assert dataset.PresentationLUTShape == "IDENTITY"


def test_where_no_region_stands_there_is_neither_segmentation_nor_presentation_state_and_it_is_said():
    film = computed_radiography(spot())
    networks = [bright_classifier(logits={"Effusion": -2.0})]
    files, made = objects(film, made_review(film, classifiers=networks, top_k=1))

    assert list(files) == ["review_sc.dcm", "report_sr.dcm"]
    assert made.remarks == ("No segmentation: no finding is called.", "No presentation state: no finding is called.")

    dark = computed_radiography(np.where(spot() > 0, 20, 20).astype(np.uint8))
    files, made = objects(dark, made_review(dark, classifiers=[bright_classifier(logits={"Effusion": 2.0})], top_k=1))
    assert list(files) == ["1_effusion_sc.dcm", "review_sc.dcm", "report_sr.dcm"]
    assert made.remarks[0] == "No segmentation: no region at or above 0.40 stands."


def test_a_film_in_colours_has_no_presentation_state_and_it_is_said():
    grey = np.dstack([spot()] * 3)
    film = computed_radiography(grey, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0)
    files, made = objects(film)

    assert "outlines_gsps.dcm" not in files
    assert made.remarks == ("No presentation state: the film is stored in colours.",)


def test_what_means_nothing_is_never_written():
    film = computed_radiography(spot())
    known = bright_classifier("known", logits={"Effusion": 1.0})
    for networks in ([as_teaching(known)], [known, as_untrained(bright_classifier("other", logits={"Effusion": 1.0}))]):
        files, made = objects(film, made_review(film, classifiers=networks, top_k=1))
        assert files == {}
        assert "means nothing" in made.remarks[0]


def test_a_film_that_came_as_a_picture_has_none_and_it_is_said():
    film = films.png(spot())
    files, made = objects(film)

    assert files == {}
    assert made.remarks == ("No DICOM objects: the film came as a picture, and has no study that they could stand in.",)


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID"])
def test_a_film_without_a_study_has_none_and_it_is_said(keyword):
    film = computed_radiography(spot(), **{keyword: None})

    with pytest.raises(ExportError, match=r"no valid (Study|Series) Instance UID"):
        objects(film)


def test_another_films_file_is_refused(review):
    with pytest.raises(ExportError, match="no longer the one that was reviewed"):
        objects(computed_radiography(spot(300, 300)), review)


@pytest.mark.parametrize(
    "data",
    [
        films.nested_sequences(40),
        b"\0" * 128 + b"DICM" + b"\x08\0\x05\0CS\xff\xff",
        films.with_elements_before_pixels(FILMS["empty type 2"](), films.nested_sequences(40)),
    ],
    ids=["nested", "truncated", "nested in a film"],
)
def test_a_hostile_header_is_refused_by_the_child_that_reads_it(data):
    with pytest.raises(ExportError):
        read_header(data)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("Modality", "xx yy"),
        ("PatientOrientation", ["LEFT", "FEET"]),
        ("BodyPartExamined", "Thorax pa"),
        ("WindowCenter", "1e400"),
        ("WindowWidth", "-5"),
        ("ImagerPixelSpacing", ["1e300", "1e300"]),
        ("TimezoneOffsetFromUTC", "+9999"),
        ("LossyImageCompressionMethod", "foo bar"),
        ("PresentationLUTShape", "FOO"),
        ("SpecificCharacterSet", "ISO_IR 999"),
        ("Laterality", "B"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_a_value_that_its_attribute_does_not_allow_is_no_reason_to_write_nothing_or_it(keyword, value):
    film = computed_radiography(spot(), WindowCenter="100", WindowWidth="200", LossyImageCompression="01")
    film = with_header(film, **{keyword: value})
    files, _ = objects(film, of_all=True)

    assert len(files) == 6
    elements = [each for data in files.values() for each in header_of(data).iterall() if each.keyword == keyword]
    written = {str(each.value) for each in elements}
    if keyword in ("SpecificCharacterSet", "Modality"):  # the film's own texts are copied; each kind has its modality
        assert "xx yy" not in written
    else:
        assert not written & {value if isinstance(value, str) else str(value)}


def test_dates_are_the_reviews_in_the_films_own_zone(film, review):
    at = datetime(2026, 3, 4, 23, 30, 5, tzinfo=UTC)
    zoned = computed_radiography(spot(), TimezoneOffsetFromUTC="+0900")
    for data, day, clock in ((zoned, "20260305", "083005"), (film, "20260304", "233005")):
        made = replace(reviewed(data), analysis=replace(reviewed(data).analysis, reviewed_at=at))
        for each in objects(data, made)[0].values():
            dataset = header_of(each)
            assert (dataset.SeriesDate, dataset.SeriesTime) == (day, clock)
            assert dataset.InstanceCreationDate == day
            assert dataset.get("ContentDate", day) == day
            assert dataset.get("TimezoneOffsetFromUTC") == ("+0900" if data is zoned else None)


def test_the_record_says_when_the_film_was_reviewed(review):
    at = datetime(2026, 3, 4, 5, 6, 7, tzinfo=timezone(timedelta(hours=-3)))
    record = review_record(replace(review, analysis=replace(review.analysis, reviewed_at=at)))

    assert record["reviewed_at"] == "2026-03-04T05:06:07-03:00"
    assert review.analysis.only(["Effusion"]).reviewed_at == review.analysis.reviewed_at


def test_every_label_has_a_code_and_ours_are_identified():
    labels = {label for family in FAMILIES.values() for label in family.labels}
    everything = [*codes.FINDINGS.values(), *codes.OTHERS, codes.finding_code("Something_New")]

    assert labels == set(codes.FINDINGS)
    assert all(len(code.value) <= 16 and len(code.meaning) <= 64 and code.source for code in everything)
    assert len({(code.scheme, code.value) for code in everything}) == len(everything)


def test_our_scheme_is_identified_where_it_is_used(written):
    for name, data in written.items():
        dataset = header_of(data)
        item = dataset.get("CodingSchemeIdentificationSequence")
        assert (item is not None) is (codes.SCHEME in str(dataset)), name
    (item,) = header_of(written["report_sr.dcm"]).CodingSchemeIdentificationSequence
    assert (item.CodingSchemeDesignator, item.CodingSchemeName) == ("99ENSEMBLECAM", codes.SCHEME_NAME)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("1_effusion_sc.dcm", "a picture of maps"),
        ("report_sr.dcm", "the report of findings"),
        ("regions_seg.dcm", "the segmentation of regions"),
        ("outlines_gsps.dcm", "the regions' outlines"),
    ],
)
def test_an_object_opened_as_a_film_is_refused_with_what_it_is_and_of_which_film(review, written, name, what):
    sha256 = review.analysis.radiograph.sha256

    with pytest.raises(RadiographError, match=rf"This is {what}.* of the film with SHA-256 {sha256[:12]}…"):
        read_radiograph(written[name])


def test_a_film_whose_description_looks_like_a_results_is_still_a_film():
    film = computed_radiography(spot(), SeriesDescription=f"Ensemble-CAM overlays, film {'0' * 12}")

    assert read_radiograph(film).format == "DICOM"


def test_others_objects_are_not_read_as_ours(film):
    with pytest.raises(ExportError, match="no object that this program wrote"):
        read_object(film)
    with pytest.raises(ExportError, match="no DICOM object"):
        read_object(b"nothing")


def test_outlines_stay_on_the_film_and_below_the_limit_of_points():
    turns = np.linspace(0, 2 * np.pi, 20_000, endpoint=False)
    radius = 900 + 80 * np.sin(2500 * turns)
    corners = np.stack([1000 + radius * np.cos(turns), 1000 + radius * np.sin(turns)], axis=1).round().astype(int)
    line = stored_outline([tuple(corner) for corner in corners.tolist()], (1900, 2000), (950, 2000))

    assert len(line) <= MOST_POINTS
    assert (line[0] == line[-1]).all()
    assert line.min() >= 0
    assert (line.max(axis=0) <= (950, 2000)).all()


def test_a_source_pixel_is_found_again_below_the_stored_pixels_centre():
    values = np.arange(12).reshape(2, 6)

    np.testing.assert_array_equal(as_stored(values, (3, 2)), [[1, 3, 5], [7, 9, 11]])


def test_neither_the_package_nor_a_review_loads_what_writes_dicom():
    code = (
        "import sys, ensemble_cam\nfrom ensemble_cam.archive import flow\n"
        "print(sorted({'highdicom', 'dicomweb_client', 'keyring'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_a_phantom_is_written_with_its_notice():
    film = phantom_dx()
    networks = [as_teaching(bright_classifier(logits={"Effusion": 1.0}))]
    files, _ = objects(film, made_review(film, classifiers=networks, top_k=1))

    assert list(files) == NAMES
    assert any("Teaching set" in line for line in read_object(files["outlines_gsps.dcm"]).words)
    assert b"Teaching set: trained on synthetic phantoms" in files["report_sr.dcm"]
