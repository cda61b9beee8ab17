"""`ensemble-cam review` of many films, by processes of their own: the same files and words as by one."""

import hashlib
import json
import logging
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ensemble_cam import cli
from ensemble_cam.cli import review as command
from ensemble_cam.cli.review_options import Given
from support import films

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def home(own_home) -> Path:
    return own_home


@pytest.fixture
def folder(tmp_path) -> Path:
    """Films of several kinds, two of one name, two alike, and one that cannot be read."""
    folder = tmp_path / "films"
    for name in ("", "first", "second"):
        (folder / name).mkdir()
    for number, name in enumerate(("a", "first/same", "second/same")):
        (folder / f"{name}.png").write_bytes(films.phantom_png(films.film(seed=number)))
    (folder / "first" / "a.png").write_bytes((folder / "a.png").read_bytes())
    (folder / "b.png").write_bytes(films.png(films.film(width=120, height=90)))
    header = {"PatientName": films.IDENTITY[0], "PatientID": films.IDENTITY[1]}
    (folder / "c.dcm").write_bytes(films.dicom(films.film(bits=12), bits=12, **header))
    (folder / "d.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing else")
    return folder


def files(out: Path) -> dict[str, object]:
    """Return path → what a file says: of pictures pixels and texts, of records what does not tell of time, or bytes."""
    return {path.relative_to(out).as_posix(): said(path) for path in sorted(out.rglob("*")) if path.is_file()}


def said(path: Path) -> object:
    if path.suffix == ".json":
        return timeless(json.loads(path.read_text()))
    if path.suffix == ".png":
        with Image.open(path) as picture:
            return hashlib.sha256(np.asarray(picture).tobytes()).hexdigest(), picture.size, picture.text
    return hashlib.sha256(path.read_bytes()).hexdigest()


def timeless(value: object) -> object:
    if isinstance(value, list):
        return list(map(timeless, value))
    if isinstance(value, dict):
        return {name: timeless(each) for name, each in value.items() if name not in ("seconds", "reviewed_at")}
    return value


def lines(text: str, out: Path) -> list[str]:
    said = [line for line in text.splitlines() if "films/" not in line]
    return [re.sub(r"\d+\.\d+ s\b", "… s", line.replace(str(out), "OUT")) for line in said]


def test_files_and_words_are_those_of_one_process(folder, tmp_path, capsys, monkeypatch):
    given = ["review", str(folder), "--set", "teaching", "--top-k", "2", "--summary", "--pdf", "--save-maps"]
    given += ["--dicom", "sc,sr"]
    one, several = tmp_path / "one", tmp_path / "several"
    assert cli.main([*given, "--out", str(one)]) == 3
    in_one = capsys.readouterr()
    monkeypatch.setattr(command, "_MANY", 2)
    monkeypatch.setattr("ensemble_cam.archive.workers.default_workers", lambda: 2)

    assert cli.main([*given, "--out", str(several)]) == 3
    apart = capsys.readouterr()

    assert files(several) == files(one)
    assert [name for name in files(one) if name.endswith("review.json")] == [
        f"{name}/review.json" for name in ("a", "b", "c", "same", "same_2")
    ]
    assert lines(apart.out, several) == lines(in_one.out, one)
    assert apart.err == in_one.err
    assert cli.main([*given, "--out", str(one)]) == 3, "its reviews are known again, whoever wrote them"
    assert capsys.readouterr().out.count("reviewed before") == 6


def test_details_of_failures_come_into_the_log(folder, tmp_path, monkeypatch):
    log, no_folder = tmp_path / "log.txt", tmp_path / "file"
    no_folder.touch()
    monkeypatch.setenv("ENSEMBLE_CAM_CACHE", str(no_folder / "cache"))
    monkeypatch.setattr(command, "_processes", lambda given, films: 2)
    logger = logging.getLogger("ensemble_cam")
    before = list(logger.handlers)
    try:
        given = [str(folder), "--set", "teaching", "--top-k", "1", "--quiet", "--log", str(log)]
        assert cli.main(["review", *given, "--out", str(tmp_path / "out")]) == 3
    finally:
        logger.handlers[:] = before
    assert log.read_text().count("A compiled network could not be kept (Not a directory)") >= 3
    assert "\nd.png: The PNG file is broken or ends too early." in log.read_text()


def test_few_films_and_networks_of_pytorchs_are_reviewed_in_this_process(tmp_path, monkeypatch):
    given = Given.of(cli.parser().parse_args(["review", "film.png", "--out", "out", "--set", "teaching"]))
    monkeypatch.setattr("ensemble_cam.archive.workers.default_workers", lambda: 4)
    assert [command._processes(given, films) for films in (1, 11, 12, 1000)] == [1, 1, 4, 4]
    on_torch = replace(given, values={**given.values, "runtime": "torch"})
    assert command._processes(on_torch, 1000) == 1
