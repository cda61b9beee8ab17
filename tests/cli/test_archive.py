"""`ensemble-cam archive`, from the command line to the tables, with the teaching set in processes of its own."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from ensemble_cam import cli
from ensemble_cam.errors import ExportError
from ensemble_cam.film.geometry import Geometry
from ensemble_cam.maps.heatmap import Heatmap
from ensemble_cam.settings.vocabulary import ARCHIVE_COLUMNS
from support import films
from support.running import loaded_by

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def home(own_home) -> Path:
    return own_home


def rows(out: Path, name: str) -> list[dict]:
    return pq.read_table(out / f"{name}.parquet").to_pylist()


def test_tables_say_what_reviews_say_and_a_broken_film_is_a_row(tmp_path, capsys):
    folder = tmp_path / "films"
    folder.mkdir()
    for seed, (name, width) in enumerate((("a", 100), ("b", 130), ("c", 90))):
        picture = films.png if name == "b" else films.phantom_png
        (folder / f"{name}.png").write_bytes(picture(films.film(width=width, seed=seed)))
    header = {"PatientName": films.IDENTITY[0], "PatientID": films.IDENTITY[1], "ViewPosition": "PA"}
    maker = {"Manufacturer": "Siemens", "ManufacturerModelName": "Ysio"}
    (folder / "d.dcm").write_bytes(films.dicom(films.film(bits=12), bits=12, **header, **maker))
    (folder / "e.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing else")
    common = [str(folder), "--set", "teaching", "--top-k", "2", "--quiet"]
    reviews, out = tmp_path / "reviews", tmp_path / "tables"

    assert cli.main(["review", *common, "--out", str(reviews), "--save-maps"]) == 3
    said = capsys.readouterr().err
    assert cli.main(["archive", *common, "--out", str(out), "--maps", "--workers", "2"]) == 3
    captured = capsys.readouterr()

    assert captured == ("", said)
    read = {row["film"]: row for row in rows(out, "films")}
    assert list(read) == ["a", "b", "c", "d", "e"]
    assert [row["state"] for row in read.values()] == ["done"] * 4 + ["failed"]
    assert read["e"]["reason"] == said.partition("e.png: ")[2].rstrip()
    assert (read["d"]["view"], read["d"]["device"], read["a"]["view"]) == ("PA", "Siemens Ysio", None)
    assert [row["meaningless"] for row in read.values()] == [False, True, False, True, None]
    scores = {(row["film"], row["classifier"], row["finding"]): row["score"] for row in rows(out, "scores")}
    maps = {(row["film"], row["finding"], row["classifier"]): row for row in rows(out, "maps")}
    measured = {(row["film"], row["finding"], row["classifier"]): row for row in rows(out, "findings")}
    for name in "abcd":
        record = json.loads((reviews / name / "review.json").read_text())
        assert read[name]["sha256"] == record["input"]["sha256"]
        assert read[name]["meaningless"] == record["meaningless"]
        assert read[name]["warnings"] == " ".join(record["input"]["warnings"])
        for classifier in record["classifiers"]:
            for label, score in classifier["scores"].items():
                assert scores[name, classifier["id"], label] == score
        for finding in record["findings"]:
            assert scores[name, "ensemble", finding["label"]] == finding["score"]
            for id, told in finding["maps"].items():
                row = measured[name, finding["label"], id]
                assert (row["call"], row["split"], row["rank"]) == (told["call"], finding["split"], finding["rank"])
                assert (row["box"], row["area"]) == (told.get("box"), told.get("area"))
                hottest = told.get("hottest") or {"x": None, "y": None}
                assert {"x": row["hottest_x"], "y": row["hottest_y"]} == hottest
                assert row["agreement"] == finding["agreement"]["iou"]
        with np.load(reviews / name / "maps.npz") as saved:
            for (film, label, id), row in maps.items():
                if film == name:
                    size = read[name]["width"], read[name]["height"]
                    grid = np.array(row["grid"], np.float32).reshape(row["rows"], row["columns"])
                    heatmap = Heatmap(label, Geometry.framed(size, framing="crop", cells=1), (grid,), (1.0,))
                    np.testing.assert_allclose(heatmap.in_source(), saved[f"{label}/{id}"], rtol=0, atol=2**-10)
    written = b"".join(path.read_bytes() for path in out.iterdir())
    assert not any(each.encode() in written for each in films.IDENTITY)
    # Parquet compresses: what stands in the cells is looked at, too.
    cells = "".join(str(rows(out, name)) for name in ARCHIVE_COLUMNS)
    assert not any(each in cells for each in films.IDENTITY)


def test_numbers_do_not_depend_on_how_many_processes_there_are(tmp_path):
    folder = tmp_path / "films"
    folder.mkdir()
    for seed in range(6):
        (folder / f"{seed}.png").write_bytes(films.phantom_png(films.film(seed=seed)))
    for workers in (1, 3):
        out = str(tmp_path / f"out{workers}")
        arguments = [str(folder), "--set", "teaching", "--out", out, "--workers", str(workers), "--maps", "--quiet"]
        assert cli.main(["archive", *arguments]) == 0
    for name in ARCHIVE_COLUMNS:
        assert pq.read_table(tmp_path / "out1" / f"{name}.parquet").equals(
            pq.read_table(tmp_path / "out3" / f"{name}.parquet")
        ), name


def test_missing_weights_end_with_their_own_code_and_a_word_on_the_teaching_set(tmp_path, capsys):
    film = tmp_path / "film.png"
    film.write_bytes(films.png(films.film()))
    assert cli.main(["archive", str(film), "--out", str(tmp_path / "out"), "--quiet"]) == 4
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == "Until then, `--set teaching` needs no download: small networks, for drawn phantoms alone."
    assert not (tmp_path / "out").exists()


def test_help_loads_nothing_heavy():
    heavy = {"torch", "pyarrow", "numpy", "pandas", "distributed", "fsspec"}
    loaded, printed = loaded_by(["archive", "--help"], heavy)
    assert loaded == []
    assert any("--scores-only" in line for line in printed)


def test_archive_that_cannot_be_written_any_more_ends_as_films_that_failed(tmp_path, capsys, monkeypatch):
    def full(*_):
        raise ExportError("The archive cannot be written (No space left on device).")

    film = tmp_path / "film.png"
    film.write_bytes(films.phantom_png(films.film()))
    monkeypatch.setattr("ensemble_cam.archive.store.ArchiveStore.add", full)
    arguments = [str(film), "--set", "teaching", "--scores-only", "--workers", "1", "--out", str(tmp_path / "out")]
    assert cli.main(["archive", *arguments, "--quiet"]) == 3
    assert capsys.readouterr().err == "ensemble-cam: The archive cannot be written (No space left on device).\n"
