"""`review --dicom`: objects beside the other files of a film's folder, what is said without them, and refusals."""

from pathlib import Path

import numpy as np
import pytest

from ensemble_cam import cli
from ensemble_cam.archive.films import find_films
from ensemble_cam.archive.finished import read_record
from ensemble_cam.export import folder as export
from support import films
from support.dicom_films import PLANTED, computed_radiography, objects, phantom_dx, spot, with_header
from support.records import assert_conforms


@pytest.fixture
def _blank_figure(monkeypatch):
    """Spare a test the drawing of the figure, which test_figure.py looks at."""
    monkeypatch.setattr(export, "figure_png", lambda review: films.png(np.zeros((8, 8), np.uint8)))


def made(path: Path, data: bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


def review(*arguments: object, out: Path) -> int:
    return cli.main(["review", *map(str, arguments), "--set", "teaching", "--out", str(out)])


@pytest.mark.usefixtures("_blank_figure")
def test_dicom_objects_are_in_the_films_folder_and_a_picture_has_none(tmp_path, capsys):
    dx = made(tmp_path / "films" / "dx.dcm", with_header(phantom_dx(), **PLANTED))
    made(tmp_path / "films" / "picture.png", films.phantom_png(spot()))
    options = ["--dicom", "seg, sr,gsps", "--labels", "Effusion"]

    assert review(dx.parent, *options, out=tmp_path / "out") == 0

    told = capsys.readouterr().out
    written = {path.name for path in (tmp_path / "out" / "dx").iterdir() if path.suffix == ".dcm"}
    assert written == {"report_sr.dcm", "regions_seg.dcm", "outlines_gsps.dcm"}
    assert not list((tmp_path / "out" / "picture").glob("*.dcm"))
    assert "No DICOM objects: the film came as a picture" in told
    assert "ZZ" not in told
    record = read_record(tmp_path / "out" / "dx")
    assert_conforms(record)
    asked = {"kinds": ["sr", "seg", "gsps"], "jpeg": False, "fractional": False, "of_all": True}
    assert record["settings"]["dicom"] == asked

    assert review(dx.parent, *options, out=tmp_path / "out") == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["dx", "picture"]
    assert review(tmp_path / "out" / "dx" / "report_sr.dcm", out=tmp_path / "again") == 3
    assert "the report of findings (Comprehensive SR) of the film with SHA-256" in capsys.readouterr().err


@pytest.mark.usefixtures("_blank_figure")
def test_a_film_without_a_study_is_reviewed_and_its_missing_objects_are_a_line(tmp_path, capsys):
    film = made(tmp_path / "film.dcm", with_header(phantom_dx(), StudyInstanceUID=None))

    assert review(film, "--dicom", "sr", out=tmp_path / "out") == 0
    assert "No DICOM objects. The film's header has no valid Study Instance UID" in capsys.readouterr().out
    assert (tmp_path / "out" / "film" / "review.json").is_file()


def test_results_of_this_program_in_a_folder_are_left_out(tmp_path, capsys):
    made(tmp_path / "films" / "film.png", films.png(spot()))
    written, _ = objects(computed_radiography(spot()), kinds=("sr", "seg"))
    for name, data in written.items():
        made(tmp_path / "films" / name, data)

    found = find_films([tmp_path / "films"])
    assert [film.shown for film in found.films] == ["film.png"]
    assert found.left_out_line == "2 left out (results of this program: regions_seg.dcm, report_sr.dcm)"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--dicom", "sc,xr"], '--dicom: got "xr"; allowed: some of sc, sr, seg, gsps.'),
        (["--dicom", "gsp"], 'Did you mean "gsps"?'),
        (["--dicom", ""], "--dicom: got nothing"),
        (["--sc-jpeg"], "--sc-jpeg: it is of an object that is not written. Add --dicom sc, or leave it out."),
        (["--dicom", "sc", "--seg-fractional"], "--seg-fractional: it is of an object that is not written."),
    ],
)
def test_dicom_options_that_do_not_go_together_are_refused(options, words, tmp_path, capsys):
    film = made(tmp_path / "film.png", films.png(spot()))

    assert review(film, *options, out=tmp_path / "out") == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
