"""Objects opened by programs of other families: dciodvfy has no error, dcmtk shows the same words and pixels."""

import html
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ensemble_cam.export.dicom.reading import read_object
from support.dicom_films import FILMS, computed_radiography, objects, reviewed, run, spot

# Warnings that say nothing against an object: what a DICOMDIR would need and the film's own header lacks, a designator
# that PS3.16 does not list, as no private scheme's is, and a side that is as unknown as the film's body part.
_EXPLAINED = (
    "needed to build DICOMDIR",
    "Unrecognized defined term <99ENSEMBLECAM>",
    "is only permitted to be empty when actually unknown",
)
pytestmark = pytest.mark.slow
XRAYS = Path(__file__).parents[3] / "shared" / "xrays"


def complaints(data: bytes, folder: Path) -> list[str]:
    (folder / "object.dcm").write_bytes(data)
    said = run("dciodvfy", "object.dcm", within=folder)
    lines = (said.stdout + said.stderr).splitlines()
    return [line for line in lines if line.startswith(("Error", "Warning")) and not any(e in line for e in _EXPLAINED)]


@pytest.mark.parametrize("name", FILMS)
@pytest.mark.parametrize("options", [{"of_all": True}, {"jpeg": True, "fractional": True}], ids=["plain", "other"])
def test_dciodvfy_has_nothing_to_complain_of(name, options, tmp_path):
    film = FILMS[name]()

    files, _ = objects(film, **options)
    assert len(files) >= 5
    found = {file: complaints(data, tmp_path) for file, data in files.items()}
    assert {file: lines for file, lines in found.items() if lines} == {}


@pytest.mark.parametrize("name", ["rsna_cr_monochrome1.dcm", "rsna_cr_monochrome2.dcm"])
def test_dciodvfy_has_no_error_for_objects_of_films_from_hospitals(name, tmp_path):
    if not (XRAYS / name).is_file():
        pytest.skip("the film is not here")
    files, _ = objects((XRAYS / name).read_bytes(), of_all=True)

    assert len(files) >= 5
    found = {file: [line for line in complaints(data, tmp_path) if "Error" in line] for file, data in files.items()}
    assert {file: lines for file, lines in found.items() if lines} == {}


def test_dsr2html_reads_the_reports_words(tmp_path):
    film = FILMS["planted"]()
    (tmp_path / "report.dcm").write_bytes(objects(film, kinds=("sr",))[0]["report_sr.dcm"])
    run("dsr2html", "report.dcm", "report.html", within=tmp_path).check_returncode()

    text = re.sub(r"\s+", " ", html.unescape(re.sub("<[^>]+>", " ", (tmp_path / "report.html").read_text("latin-1"))))
    for words in ("1. Effusion 0.83 (called)", "2. Mass", "not called", "Polyline", "UNVERIFIED", "Pleural effusion"):
        assert words in text
    assert "Not for diagnosis." in text


@pytest.mark.parametrize("jpeg", [False, True], ids=["native", "JPEG"])
def test_dcmj2pnm_shows_a_captures_pixels(jpeg, tmp_path):
    film = FILMS["planted"]()
    data = objects(film, kinds=("sc",), jpeg=jpeg)[0]["1_effusion_sc.dcm"]
    (tmp_path / "capture.dcm").write_bytes(data)
    run("dcmj2pnm", "--write-raw-pnm", "capture.dcm", "capture.ppm", within=tmp_path).check_returncode()

    exact = read_object(objects(film, kinds=("sc",))[0]["1_effusion_sc.dcm"]).frames
    with Image.open(tmp_path / "capture.ppm") as picture:
        shown = np.array(picture)
    assert shown.shape == exact.shape
    assert np.abs(shown.astype(int) - exact).mean() <= (3 if jpeg else 0)


# dcmtk refuses a presentation state of a film without a patient's name.
SHOWN = ("planted", "MONOCHROME1", "12 bits with a window", "pixels twice as wide as high")


@pytest.mark.parametrize("name", SHOWN)
def test_dcmp2pgm_shows_the_film_with_its_presentation_state_as_the_film_alone(name, tmp_path):
    film = FILMS[name]()
    review = reviewed(film)
    (tmp_path / "film.dcm").write_bytes(film)
    (tmp_path / "state.dcm").write_bytes(objects(film, review, kinds=("gsps",))[0]["outlines_gsps.dcm"])
    run("dcmp2pgm", "--pstate", "state.dcm", "film.dcm", "shown.pgm", within=tmp_path).check_returncode()

    with Image.open(tmp_path / "shown.pgm") as picture:
        shown = np.array(picture).astype(int)
    radiograph = review.analysis.radiograph
    columns, rows = radiograph.stored_size
    height, width = radiograph.display.shape
    alone = radiograph.display[:: height // rows, :: width // columns].astype(int)
    assert shown.shape == alone.shape
    # Pixels beside the enlarged axis' centres are means of two.
    assert np.abs(shown - alone).mean() < (2 if width != columns else 1)


def test_a_presentation_state_of_a_film_without_a_window_shows_it_as_the_program_does(tmp_path):
    film = computed_radiography(spot(bits=12) // 4 + 2000, bits=12, PatientName="Nobody^Drawn")
    review = reviewed(film)
    (tmp_path / "film.dcm").write_bytes(film)
    state = objects(film, replace(review), kinds=("gsps",), of_all=True)[0]["outlines_gsps.dcm"]
    (tmp_path / "state.dcm").write_bytes(state)
    run("dcmp2pgm", "--pstate", "state.dcm", "film.dcm", "shown.pgm", within=tmp_path).check_returncode()

    with Image.open(tmp_path / "shown.pgm") as picture:
        shown = np.array(picture).astype(int)
    assert np.abs(shown - review.analysis.radiograph.display).mean() < 2
