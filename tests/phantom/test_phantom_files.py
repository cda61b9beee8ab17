"""Phantoms as files: they read back as they were drawn, carry their mark, tell of no patient and overwrite nothing."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import zlib
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ensemble_cam import cli
from ensemble_cam.errors import ConfigError, ExportError, RadiographError
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.phantom import FINDINGS, Phantom, draw_phantom, series
from ensemble_cam.phantom.files import phantom_files, read_truth, write_phantom
from ensemble_cam.purpose import PHANTOM_MARK, PURPOSE
from support import films

KINDS = [("png", 8), ("png", 16), ("dicom", 8), ("dicom", 16)]
BOXES = {"Effusion": (200, 150, 257, 301), "Mass": (10, 20, 31, 29)}  # one in the corner, one near the other


def made(*, bits: int = 8, boxes: dict = BOXES, size: tuple[int, int] = (257, 301), seed: int = 7) -> Phantom:
    """A phantom of a size whose samples are odd in number, with a value of its own in each planted box."""
    pixels = films.film(*size, bits=bits)
    masks = {}
    for value, (label, (x0, y0, x1, y1)) in enumerate(boxes.items(), start=1):
        masks[label] = np.zeros(pixels.shape, bool)
        masks[label][y0:y1, x0:x1] = True
        pixels[masks[label]] = 40 * value
    return Phantom(seed, 1, 0.25, bits, pixels, masks, 1.55642023, {"cardiothoracic ratio": 0.4437241})


def film_of(phantom: Phantom, kind: str) -> bytes:
    return phantom_files(phantom, 3, format=kind)[{"png": "phantom_003.png", "dicom": "phantom_003.dcm"}[kind]]


def header_of(phantom: Phantom) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(film_of(phantom, "dicom")))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# Reading back


@pytest.mark.parametrize(("kind", "bits"), KINDS)
def test_film_reads_back_as_it_was_drawn_on_the_screen_and_for_the_networks(kind, bits):
    phantom = made(bits=bits)
    radiograph = read_radiograph(film_of(phantom, kind))
    assert (radiograph.format, radiograph.bits) == (kind.upper(), bits)
    assert radiograph.source.dtype == phantom.pixels.dtype
    assert_array_equal(radiograph.source, phantom.pixels)
    share = phantom.pixels / (2**bits - 1)
    assert_allclose(radiograph.display, share * 255, atol=0.51)
    assert_allclose(radiograph.model, (share * 2 - 1) * 1024, atol=1e-3)
    assert radiograph.warnings == ()
    windowed = read_radiograph(film_of(phantom, kind), intensity="windowed")
    assert_allclose(windowed.model, radiograph.model, atol=1e-3)


@pytest.mark.parametrize(("kind", "bits"), KINDS)
def test_masks_lie_where_the_findings_were_drawn(kind, bits, tmp_path):
    phantom = made(bits=bits)
    write_phantom(phantom, tmp_path, 3, format=kind)
    (truth,) = read_truth(tmp_path)
    source = read_radiograph(truth.film.read_bytes()).source
    masks = truth.masks()
    assert list(masks) == ["Effusion", "Mass"]
    for value, (label, mask) in enumerate(masks.items(), start=1):
        assert mask.dtype == bool
        assert_array_equal(mask, phantom.masks[label])
        assert set(source[mask].tolist()) == {40 * value}
        assert set(np.asarray(Image.open(tmp_path / f"phantom_003_{label}.png")).ravel().tolist()) == {0, 255}


def test_truth_gives_box_centroid_and_area_in_source_pixels(tmp_path):
    write_phantom(made(), tmp_path, 3)
    effusion, mass = read_truth(tmp_path / "phantom_003.json")[0].findings
    assert effusion.box == (200, 150, 257, 301)
    assert effusion.centroid == (228.0, 225.0)  # of pixels 200 … 256 and 150 … 300, counted at their centres
    assert effusion.pixels == 57 * 151
    assert effusion.share == pytest.approx(57 * 151 / (257 * 301), abs=1e-6)
    assert (mass.box, mass.centroid) == ((10, 20, 31, 29), (20.0, 24.0))


def test_truth_says_what_the_film_was_drawn_from(tmp_path):
    write_phantom(made(bits=16), tmp_path, 12, format="dicom")
    record = json.loads((tmp_path / "phantom_012.json").read_text())
    assert record["schema"] == 1
    assert record["mark"].startswith(PHANTOM_MARK)
    assert record["purpose"] == PURPOSE
    assert [each["mask"] for each in record["findings"]] == ["phantom_012_Effusion.png", "phantom_012_Mass.png"]
    assert {key: record[key] for key in ("version", "seed", "difficulty", "width", "height", "bits", "film")} == {
        "version": 1,
        "seed": 7,
        "difficulty": 0.25,
        "width": 257,
        "height": 301,
        "bits": 16,
        "film": "phantom_012.dcm",
    }
    (truth,) = read_truth(tmp_path)
    assert truth.size == (257, 301)
    assert truth.pixel_spacing == 1.55642023
    assert truth.measures == {"cardiothoracic ratio": 0.443724}


def test_normal_film_has_a_truth_without_findings_and_no_mask(tmp_path):
    assert write_phantom(made(boxes={}), tmp_path, 0)
    assert sorted(contents(tmp_path)) == ["phantom_000.json", "phantom_000.png"]
    (truth,) = read_truth(tmp_path)
    assert truth.findings == ()
    assert truth.masks() == {}


def test_drawn_phantom_makes_the_round_trip(tmp_path):
    phantom = draw_phantom(5, findings=["Cardiomegaly", "Pneumothorax"], size=(256, 300), bits=16)
    write_phantom(phantom, tmp_path, 1000, format="dicom")
    (truth,) = read_truth(tmp_path)
    assert truth.film.name == "phantom_1000.dcm"
    assert_array_equal(read_radiograph(truth.film.read_bytes()).source, phantom.pixels)
    for label, mask in truth.masks().items():
        assert_array_equal(mask, phantom.masks[label])
    assert tuple(truth.masks()) == phantom.findings == ("Cardiomegaly", "Pneumothorax")


def test_truths_of_a_folder_come_in_the_order_of_their_indices(tmp_path):
    for index in (1000, 2, 999):
        write_phantom(made(boxes={}, seed=index), tmp_path, index)
    (tmp_path / "notes.json").write_text("{}")
    assert [truth.seed for truth in read_truth(tmp_path)] == [2, 999, 1000]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2}', '{"schema": 1, "mark": 5}', "\xff"])
def test_file_that_is_no_truth_is_refused(text, tmp_path):
    path = tmp_path / "phantom_000.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(RadiographError, match=r"phantom_000\.json: this is no phantom's truth.*Draw"):
        read_truth(path)


def test_folder_without_phantoms_and_missing_files_are_said(tmp_path):
    with pytest.raises(RadiographError, match="holds no phantoms"):
        read_truth(tmp_path)
    with pytest.raises(RadiographError, match=r"absent\.json: the file cannot be read"):
        read_truth(tmp_path / "absent.json")
    write_phantom(made(), tmp_path, 0)
    (truth,) = read_truth(tmp_path)
    (tmp_path / "phantom_000_Mass.png").write_bytes(films.png(films.film(40, 40)))
    with pytest.raises(RadiographError, match=r"Mass\.png: the mask is not of its film's size"):
        truth.masks()
    (tmp_path / "phantom_000_Mass.png").unlink()
    with pytest.raises(RadiographError, match=r"Mass\.png: the file cannot be read"):
        truth.masks()


# The mark


@pytest.mark.parametrize(("kind", "bits"), KINDS)
def test_a_phantom_is_known_by_its_mark_and_its_masks_are_not_taken_for_phantoms(kind, bits):
    files = phantom_files(made(bits=bits), 0, format=kind)
    pictures = {name: data for name, data in files.items() if not name.endswith(".json")}
    assert len(pictures) == 3
    for name, data in pictures.items():
        radiograph = read_radiograph(data)
        assert radiograph.phantom == (name in ("phantom_000.png", "phantom_000.dcm"))
        assert radiograph.facts.get("Origin") == ("drawn phantom, version 1" if radiograph.phantom else None)


def test_png_says_what_it_is():
    text = Image.open(io.BytesIO(film_of(made(), "png"))).info
    assert text["Software"].startswith(PHANTOM_MARK)
    assert "drawn by code from seed 7; it shows no patient" in text["Description"]
    assert text["Description"].endswith(PURPOSE)


def png_by(software: str, *, chunk: str = "tEXt") -> bytes:
    info = PngInfo()
    if chunk == "iTXt":
        info.add_itxt("Software", software)
    else:
        info.add_text("Software", software, zip=chunk == "zTXt")
    return films.png(films.film(), pnginfo=info)


def exif_by(software: str) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0131] = software
    return exif


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(films.png(films.film()), id="png"),
        pytest.param(png_by("ensemble-cam 0.1.0, torch 2.15.0"), id="an-export-of-ours"),
        pytest.param(png_by(f"Copy of {PHANTOM_MARK}, version 1"), id="not-at-the-beginning"),
        pytest.param(png_by(PHANTOM_MARK.lower()), id="other-case"),
        pytest.param(
            films.with_png_chunk(films.png(films.film()), b"tEXt", b"Author\0" + PHANTOM_MARK.encode()), id="key"
        ),
        pytest.param(films.dicom(films.film()), id="dicom"),
        pytest.param(films.dicom(films.film(), Manufacturer=""), id="dicom-of-nobody"),
        pytest.param(films.dicom(films.film(), Manufacturer="Maker of phantoms"), id="dicom-of-another"),
        pytest.param(films.dicom(films.film(), ImageComments=PHANTOM_MARK), id="dicom-elsewhere"),
        pytest.param(films.dicom(films.film(), Manufacturer=["Maker", PHANTOM_MARK]), id="dicom-second-value"),
        pytest.param(films.saved(Image.fromarray(films.film()), "JPEG", exif=exif_by(PHANTOM_MARK)), id="jpeg"),
        pytest.param(films.saved(Image.fromarray(films.film()), "TIFF", tiffinfo={0x0131: PHANTOM_MARK}), id="tiff"),
    ],
)
def test_film_without_the_mark_counts_as_real(data):
    radiograph = read_radiograph(data)
    assert radiograph.phantom is False
    assert "Origin" not in radiograph.facts


@pytest.mark.parametrize("chunk", ["tEXt", "zTXt", "iTXt"])
def test_mark_is_read_from_any_kind_of_text_chunk(chunk):
    assert read_radiograph(png_by(f"{PHANTOM_MARK}, version 23", chunk=chunk)).facts["Origin"].endswith("version 23")


@pytest.mark.parametrize(
    ("maker", "origin"),
    [
        (PHANTOM_MARK, "drawn phantom"),
        (f"{PHANTOM_MARK}, version 12 ZZNAME", "drawn phantom, version 12"),
        (f"{PHANTOM_MARK} ZZNAME^Planted", "drawn phantom"),
        (f"{PHANTOM_MARK}, version ZZ4711", "drawn phantom"),
        (f"{PHANTOM_MARK}, version 19480229", "drawn phantom"),
        (f"{PHANTOM_MARK}, version ١", "drawn phantom"),
    ],
)
def test_nothing_but_the_version_is_passed_on_of_a_mark(maker, origin):
    read = [read_radiograph(png_by(maker, chunk="iTXt"))]
    if maker.isascii():
        read.append(read_radiograph(films.dicom(films.film(), Manufacturer=maker)))
    for radiograph in read:
        assert radiograph.phantom
        assert radiograph.facts["Origin"] == origin
        assert not {"ZZ", "1948", "4711"} & set(re.findall("ZZ|1948|4711", str(dict(radiograph.facts))))


@pytest.mark.parametrize(
    ("name", "body"),
    [
        (b"tEXt", b"Software"),
        (b"tEXt", b""),
        (b"tEXt", b"Software\0\xff\xfe\0"),
        (b"zTXt", b"Software\0\0not compressed"),
        (b"zTXt", b"Software\0"),
        (b"iTXt", b"Software\0\1\0\0\0not compressed"),
        (b"iTXt", b"Software\0\0\0\0\0\xff\xfe"),
        (b"iTXt", b"Software"),
    ],
)
def test_broken_text_chunk_makes_no_film_unreadable(name, body):
    radiograph = read_radiograph(films.with_png_chunk(films.png(films.film()), name, body))
    assert radiograph.phantom is False
    assert_array_equal(radiograph.source, films.film())


def test_text_that_unpacks_to_more_than_a_megabyte_is_not_unpacked():
    bomb = b"Software\0\0" + zlib.compress(PHANTOM_MARK.encode() + bytes(50 << 20))
    began = time.process_time()
    with pytest.raises(RadiographError, match="more than 1 MB"):
        read_radiograph(films.with_png_chunk(films.png(films.film()), b"zTXt", bomb))
    assert time.process_time() - began < 1


@pytest.mark.parametrize("value", [b"\xff\xfe\x1b$B", b"\\" * 8, bytes(8), b"A" * 64])
def test_broken_manufacturer_makes_no_film_unreadable(value):
    data = films.dicom(films.film(), Manufacturer="M" * len(value) + " " * (len(value) % 2))
    data = data.replace(b"M" * len(value), value)
    radiograph = read_radiograph(data)
    assert radiograph.phantom is False
    assert_array_equal(radiograph.source, films.film())


# The DICOM object

# PS3.3 A.26 with its modules; type 1 must have a value, type 2 may be empty.
TYPE_1 = (
    *("StudyInstanceUID", "Modality", "SeriesInstanceUID", "PresentationIntentType", "ImageLaterality", "ImageType"),
    *("SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit"),
    *("PixelRepresentation", "PixelIntensityRelationship", "PixelIntensityRelationshipSign", "RescaleIntercept"),
    *("RescaleSlope", "RescaleType", "PresentationLUTShape", "LossyImageCompression", "PatientOrientation"),
    *("BurnedInAnnotation", "WindowCenter", "WindowWidth", "ImagerPixelSpacing", "SOPClassUID", "SOPInstanceUID"),
    *("PixelData", "AnatomicRegionSequence", "ViewCodeSequence"),
)
TYPE_2 = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID"),
    *("AccessionNumber", "ReferringPhysicianName", "SeriesNumber", "Manufacturer", "InstanceNumber", "DetectorType"),
    *("PositionerType", "AcquisitionContextSequence"),
)


@pytest.mark.parametrize("bits", [8, 16])
def test_dicom_has_what_the_standard_asks_of_a_dx_image(bits):
    header = header_of(made(bits=bits))
    assert [keyword for keyword in TYPE_1 if keyword not in header or header[keyword].is_empty] == []
    assert [keyword for keyword in TYPE_2 if keyword not in header] == []
    assert header.SOPClassUID.name == "Digital X-Ray Image Storage - For Presentation"
    assert header.file_meta.MediaStorageSOPInstanceUID == header.SOPInstanceUID
    assert (header.PhotometricInterpretation, header.PresentationLUTShape) == ("MONOCHROME2", "IDENTITY")
    assert (header.BitsAllocated, header.BitsStored, header.HighBit) == (bits, bits, bits - 1)
    assert header.PixelSpacing == header.ImagerPixelSpacing == [1.55642023, 1.55642023]
    assert header.Manufacturer.startswith(PHANTOM_MARK)
    assert "Synthetic" in header.SeriesDescription
    assert header.ImageComments.endswith(PURPOSE)
    assert_array_equal(header.pixel_array, made(bits=bits).pixels)


def test_dicom_tells_of_no_patient_no_day_and_no_finding():
    header = header_of(made())
    told = [element.keyword for element in header.iterall() if element.VR in ("PN", "DA", "TM", "DT", "AS")]
    assert {"PatientName", "PatientBirthDate", "StudyDate", "StudyTime"} <= set(told)
    assert all(header[keyword].is_empty for keyword in (*told, "PatientID", "StudyID", "AccessionNumber", "PatientSex"))
    assert not any(element.tag.is_private for element in header.iterall())
    data = film_of(made(), "dicom")
    assert not any(label.encode() in data for label in FINDINGS)


def test_uids_follow_from_what_was_drawn():
    first, again, other_seed, other_findings = (
        header_of(phantom) for phantom in (made(), made(), made(seed=8), made(boxes={"Mass": BOXES["Mass"]}))
    )
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
        assert first[keyword].value == again[keyword].value
        assert len({each[keyword].value for each in (first, other_seed, other_findings)}) == 3
    assert len({first.SOPInstanceUID, first.SeriesInstanceUID, first.StudyInstanceUID}) == 3


# Writing


@pytest.mark.parametrize("kind", ["png", "dicom"])
def test_same_seed_gives_the_same_bytes_in_another_process(kind, tmp_path):
    options = ["--count", "2", "--size", "256", "--format", kind]
    folders = [tmp_path / name for name in ("one", "two")]
    for folder, hash_seed in zip(folders, "12", strict=True):
        command = [sys.executable, "-m", "ensemble_cam.cli", "phantom", "--out", folder, *options]
        subprocess.run(command, check=True, timeout=240, env=os.environ | {"PYTHONHASHSEED": hash_seed, "TZ": "UTC-9"})
    first, second = map(contents, folders)
    assert len(first) >= 4
    assert first == second


def test_same_phantom_is_passed_over_and_a_missing_file_is_put_back(tmp_path):
    assert write_phantom(made(), tmp_path, 3) is True
    written = contents(tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert write_phantom(made(), tmp_path, 3) is False
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == times
    (tmp_path / "phantom_003_Mass.png").unlink()
    assert write_phantom(made(), tmp_path, 3) is True
    assert contents(tmp_path) == written


@pytest.mark.parametrize(
    ("other", "kind", "named"),
    [
        pytest.param(made(seed=8), "png", r"phantom_003\.json", id="seed"),
        pytest.param(made(), "dicom", r"phantom_003\.json", id="format"),
        pytest.param(made(boxes={"Mass": BOXES["Mass"]}), "png", r"phantom_003\.json", id="fewer-findings"),
        pytest.param(replace(made(), pixels=255 - made().pixels), "png", r"phantom_003\.png", id="pixels"),
    ],
)
def test_another_phantom_of_the_same_index_is_never_overwritten(other, kind, named, tmp_path):
    write_phantom(made(), tmp_path, 3)
    before = contents(tmp_path)
    with pytest.raises(ConfigError, match=f"{named}: a file of another phantom.*another folder"):
        write_phantom(other, tmp_path, 3, format=kind)
    assert contents(tmp_path) == before


def test_mask_of_a_finding_that_is_not_planted_is_never_left_beside_a_film(tmp_path):
    (tmp_path / "phantom_003_Edema.png").write_bytes(b"from elsewhere")
    with pytest.raises(ConfigError, match="phantom_003_Edema"):
        write_phantom(made(), tmp_path, 3)
    assert sorted(contents(tmp_path)) == ["phantom_003_Edema.png"]


def test_file_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ExportError, match=r"No space left on device.*another folder"):
        write_phantom(made(), tmp_path, 3)
    assert contents(tmp_path) == {}


# The command


@pytest.fixture
def quick(monkeypatch):
    """Spare a test the drawing; what was asked for is kept in a list."""
    asked = []

    def draw(seed: int, **options: object) -> Phantom:
        asked.append((seed, options))
        return made(seed=seed, boxes={} if options["findings"] == () else {"Mass": BOXES["Mass"]})

    monkeypatch.setattr(series, "draw_phantom", draw)
    return asked


def run(*arguments: object) -> int:
    return cli.main(["phantom", *map(str, arguments)])


def test_command_writes_film_truth_and_masks_and_says_where(tmp_path, capsys):
    out = tmp_path / "new" / "out"
    assert run("--out", out, "--count", 2, "--finding", "effusion", "--finding", "MASS", "--size", "256x300") == 0
    assert sorted(contents(out)) == [
        f"phantom_00{index}{rest}" for index in (0, 1) for rest in (".json", ".png", "_Effusion.png", "_Mass.png")
    ]
    first, second = read_truth(out)
    assert (first.seed, second.seed) == (0, 1)
    assert first.size == (256, 300)
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out == f"2 phantoms with truth and masks in {out}: phantom_000.png to phantom_001.png\n"


def test_films_of_a_series_have_seeds_that_follow_one_another(quick, tmp_path):
    assert run("--out", tmp_path, "--count", 3, "--seed", 40) == 0
    assert [seed for seed, _ in quick] == [40, 41, 42]
    assert [truth.seed for truth in read_truth(tmp_path)] == [40, 41, 42]


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ([], {"findings": None, "size": (1024, 1024), "bits": 8, "difficulty": None}),
        (["--finding", " edema", "--finding", "Edema"], {"findings": ("Edema",)}),
        (["--normal"], {"findings": ()}),
        (["--size", "300X256"], {"size": (300, 256)}),
        (["--bits", "16", "--difficulty", "0.5"], {"bits": 16, "difficulty": 0.5}),
    ],
)
def test_options_reach_the_drawing(arguments, asked, quick, tmp_path):
    assert run("--out", tmp_path, *arguments) == 0
    assert asked.items() <= quick[0][1].items()


@pytest.mark.usefixtures("quick")
def test_finished_films_are_passed_over_and_said(tmp_path, capsys):
    assert run("--out", tmp_path, "--count", 1, "--normal") == 0
    assert run("--out", tmp_path, "--count", 2, "--normal", "--format", "png") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"1 phantom (1 normal) with truth and masks in {tmp_path}: phantom_000.png"
    assert second.endswith("phantom_000.png to phantom_001.png, 1 of them there already")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--finding", "Efusion"], 'finding: got "Efusion"; allowed: Atelectasis.*Did you mean "Effusion"'),
        (["--finding", "ZZ"], 'finding: got "ZZ"; allowed: Atelectasis'),
        (["--seed", "-1"], "seed: got -1, allowed"),
        (["--size", "255"], "size: got 255×255, allowed"),
        (["--size", "3001"], "size: got 3001×3001, allowed"),
        (["--size", "1024x300"], "size: got 1024×300"),
        (["--difficulty", "1.5"], "difficulty: got 1.5, allowed"),
        (["--difficulty", "nan"], "difficulty: got nan, allowed"),
    ],
)
def test_wrong_usage_ends_with_2_and_one_line_and_writes_nothing(arguments, message, tmp_path, capsys):
    assert run("--out", tmp_path / "out", *arguments) == 2
    captured = capsys.readouterr()
    assert re.fullmatch(f"ensemble-cam: {message}.*\n", captured.err)
    assert captured.out == ""
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("quick")
def test_folder_that_cannot_be_written_ends_with_2_and_one_line(tmp_path, capsys):
    (tmp_path / "file").write_bytes(b"")
    assert run("--out", tmp_path / "file" / "out") == 2
    assert re.fullmatch(r"ensemble-cam: The phantom could not be written \(.+\)\..*\n", capsys.readouterr().err)


@pytest.mark.usefixtures("quick")
def test_another_phantom_in_the_folder_ends_with_2_and_one_line(tmp_path, capsys):
    assert run("--out", tmp_path, "--seed", 5) == 0
    before = contents(tmp_path)
    assert run("--out", tmp_path, "--seed", 6) == 2
    assert re.fullmatch(r"ensemble-cam: phantom_000\.json: .*nothing is overwritten.*\n", capsys.readouterr().err)
    assert contents(tmp_path) == before


def test_several_processes_write_the_bytes_that_one_writes(tmp_path):
    written = []
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        films = list(series.Series(folder, size=256).write_all(5, processes=processes))
        assert [film.name for film in films] == [f"phantom_00{index}.png" for index in range(5)]
        written.append(contents(folder))
    assert written[0] == written[1]


def test_error_in_another_process_is_told_as_in_this_one(tmp_path):
    with pytest.raises(ConfigError, match="size: got 100×100"):
        list(series.Series(tmp_path / "out", size=100).write_all(5, processes=2))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups that a signal goes to")
@pytest.mark.parametrize("first", [False, True], ids=["at-the-start", "amid-the-films"])
def test_ctrl_c_stops_all_processes_with_one_word_and_leaves_whole_files(first, tmp_path):
    command = [sys.executable, "-m", "ensemble_cam.cli", "phantom", "--out", tmp_path, "--size", "256"]
    command += ["--count", "400"]
    # Started from a shell's background, this process ignores Ctrl-C, and its children would, too.
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    try:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        deadline = time.monotonic() + 120
        while not list(tmp_path.glob("*.json")) and time.monotonic() < deadline:
            # The second child is a drawing process, beside the one that watches over shared names.
            if not first and children.exists() and len(children.read_text().split()) >= 2:
                break
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        error = process.communicate(timeout=240)[1]
    finally:
        if process.poll() is None:
            process.kill()
    assert (process.returncode, error) == (130, "\nStopped.\n")
    assert not list(tmp_path.glob(".*"))
    if first:
        for truth in read_truth(tmp_path):
            assert truth.film.exists()
            truth.masks()


def test_command_loads_neither_torch_nor_streamlit(tmp_path):
    code = (
        "import sys; from ensemble_cam import cli\n"
        "assert cli.main(['phantom', '--out', sys.argv[1], '--size', '256', '--format', 'dicom']) == 0\n"
        "print(sorted({'torch', 'torchvision', 'torchxrayvision', 'streamlit', 'matplotlib'} & set(sys.modules)))\n"
    )
    output = subprocess.run(
        [sys.executable, "-c", code, tmp_path], check=True, capture_output=True, text=True, timeout=240
    ).stdout
    assert output.splitlines()[-1] == "[]"
