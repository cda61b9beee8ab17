"""The command line keeps its contract: exit codes, one line a failure, folders' names, and no identity anywhere."""

import hashlib
import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ensemble_cam import __version__, cli
from ensemble_cam.cli import review as cli_review
from ensemble_cam.export import folder as export
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.rendering.page import Page
from ensemble_cam.ui import launch
from ensemble_cam.weights.released import weights_file
from support import films
from support.bad_films import BAD_FILMS
from support.records import assert_conforms
from support.running import loaded_by

SHARED = Path(__file__).parents[3] / "shared"
TABLE = """
[classifiers.{id}]
name = "{id}"
description = ""
model_type = "densenet"
set = "clinical"
input_size = {size}
default_weight = "{weights}"
weights = ["{weights}"]
"""
BAD = {name: (data, message) for name, data, message in BAD_FILMS}


@pytest.fixture(autouse=True)
def home(own_home) -> Path:
    """A home of the test's own."""
    return own_home


@pytest.fixture
def blank_figure(monkeypatch):
    """Spare a test the drawing of the figure, which test_figure.py looks at."""
    monkeypatch.setattr(export, "figure_png", lambda review: films.png(np.zeros((8, 8), np.uint8)))


@pytest.fixture
def config(tmp_path) -> Path:
    """A configuration of one untrained network at a small size."""
    path = tmp_path / "one.toml"
    path.write_text(TABLE.format(id="one", size=64, weights="untrained"))
    return path


@pytest.fixture
def film(tmp_path) -> Path:
    return made(tmp_path / "films" / "film.png")


def made(path: Path, data: bytes | None = None, *, seed: int = 0) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(films.png(films.film(seed=seed)) if data is None else data)
    return path


def run(*arguments: object) -> int:
    return cli.main([str(argument) for argument in arguments])


def review(*arguments: object, config: Path, out: Path) -> int:
    return run("review", *arguments, "--config", config, "--out", out)


def record(folder: Path) -> dict:
    told = json.loads((folder / "review.json").read_text(encoding="utf-8"))
    assert_conforms(told)
    return told


def folders(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir())


# review


def test_review_of_a_film_writes_its_folder_with_a_whole_figure_and_ends_with_0(film, config, tmp_path, capsys):
    assert review(film, "--top-k", 1, config=config, out=tmp_path / "out") == 0

    (folder,) = (tmp_path / "out").iterdir()
    told = record(folder)
    (finding,) = told["findings"]
    label = finding["label"].replace(" ", "_").lower()
    assert folder.name == "film"
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [f"1_{label}_one.png", f"1_{label}_ensemble.png", "review.json", "review.png"]
    )
    assert told["input"]["sha256"] == hashlib.sha256(film.read_bytes()).hexdigest()
    assert told["classifiers"][0]["untrained"]
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "untrained" in captured.out
    assert str(folder) in captured.out


@pytest.mark.usefixtures("blank_figure")
def test_folder_with_broken_files_is_reviewed_but_for_them_with_one_line_each_and_3(config, tmp_path, capsys):
    folder = tmp_path / "films"
    names = ("empty", "text", "truncated-png", "truncated-jpeg", "truncated-dicom", "png-60000", "1x1", "ct", "gif")
    for name in names:
        made(folder / f"{name}.png", BAD[name][0])
    for seed, name in enumerate(("a.png", "z.png")):
        made(folder / name, seed=seed)
    made(folder / ".hidden", b"left out")

    assert review(folder, config=config, out=tmp_path / "out") == 3

    assert folders(tmp_path / "out") == ["a", "z"]
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert len(lines) == len(names)
    by_name = dict(re.fullmatch(r"ensemble-cam: ([\w-]+)\.png: (.+\.)", line).groups() for line in lines)
    for name in names:
        assert re.search(BAD[name][1], by_name[name]), name
    assert "2 of 11 films reviewed" in captured.out
    assert captured.out.endswith("; 1 left out (hidden: .hidden)\n")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such files")
@pytest.mark.usefixtures("blank_figure")
def test_pipes_and_devices_that_were_named_are_a_line_each_and_the_films_beside_them_are_reviewed(
    film, config, tmp_path, capsys
):
    pipe, link = tmp_path / "pipe.png", tmp_path / "link\x1b[2J.png"
    os.mkfifo(pipe)
    link.symlink_to("/dev/zero")

    assert review(pipe, link, film, config=config, out=tmp_path / "out") == 3

    assert folders(tmp_path / "out") == ["film"]
    assert capsys.readouterr().err.splitlines() == [
        "ensemble-cam: pipe.png: This is a pipe and no file. Name a file that holds a film.",
        r"ensemble-cam: link\x1b[2J.png: This is a device and no file. Name a file that holds a film.",
    ]


@pytest.mark.usefixtures("blank_figure")
def test_films_of_the_same_stem_get_a_number_and_are_passed_over_the_second_time(film, config, tmp_path, capsys):
    other = made(tmp_path / "others" / "film.png", seed=1)
    out = tmp_path / "out"

    assert review(film, other, config=config, out=out) == 0
    assert folders(out) == ["film", "film_2"]
    hashes = [record(out / name)["input"]["sha256"] for name in ("film", "film_2")]
    assert hashes == [hashlib.sha256(path.read_bytes()).hexdigest() for path in (film, other)]

    capsys.readouterr()
    assert review(film, other, config=config, out=out) == 0
    assert folders(out) == ["film", "film_2"]
    assert capsys.readouterr().out.count("reviewed before") == 2


@pytest.mark.usefixtures("blank_figure")
def test_films_of_the_same_name_in_subfolders_have_folders_of_their_own_and_are_found_again(config, tmp_path, capsys):
    for seed, name in enumerate(("a", "b")):
        made(tmp_path / name / "IM1", seed=seed)
    (tmp_path / "all").mkdir()
    for name in ("a", "b"):
        (tmp_path / name).rename(tmp_path / "all" / name)
    out = tmp_path / "out"

    for _ in range(2):
        assert review(tmp_path / "all", config=config, out=out) == 0
        assert folders(out) == ["IM1", "IM1_2"]
    assert len({record(out / name)["input"]["sha256"] for name in ("IM1", "IM1_2")}) == 2
    last = capsys.readouterr().out
    assert f"[1/2] a/IM1: reviewed before, see {out / 'IM1'}\n" in last
    assert f"[2/2] b/IM1: reviewed before, see {out / 'IM1_2'}\n" in last


@pytest.mark.usefixtures("blank_figure")
def test_dicoms_named_by_uid_keep_all_their_numbers(config, tmp_path):
    for number in (15, 16):
        made(tmp_path / "films" / f"1.2.840.1.{number}", films.dicom(films.film(bits=12, seed=number), bits=12))

    assert review(tmp_path / "films", config=config, out=tmp_path / "out") == 0

    assert folders(tmp_path / "out") == ["1.2.840.1.15", "1.2.840.1.16"]


def test_case_stands_in_record_figure_overlays_and_folder_in_the_place_of_the_films_name(config, tmp_path, monkeypatch):
    film, titles = made(tmp_path / "films" / "ZZSTEM.png"), []
    real = Page.text

    def write(page: Page, x: int, y: int, text: str, *more: object) -> None:
        titles.append(text)
        real(page, x, y, text, *more)

    monkeypatch.setattr(Page, "text", write)

    for _ in range(2):
        assert review(film, "--case", "No. 17", "--top-k", 1, config=config, out=tmp_path / "out") == 0

    (folder,) = (tmp_path / "out").iterdir()
    assert folder.name == "No. 17"
    assert record(folder)["case"] == "No. 17"
    assert "Chest radiograph review · case No. 17" in titles
    assert "No. 17" in titles  # where there is room for the case
    for picture in folder.glob("*.png"):
        assert Image.open(picture).text["Case"] == "No. 17"
        assert b"ZZSTEM" not in picture.read_bytes()


@pytest.mark.usefixtures("blank_figure")
def test_a_review_without_a_case_is_not_taken_for_one_with_it(film, config, tmp_path):
    out = tmp_path / "out"
    assert review(film, config=config, out=out) == 0
    assert review(film, "--case", "film", config=config, out=out) == 0
    assert [record(out / name)["case"] for name in ("film", "film_2")] == [None, "film"]


@pytest.mark.usefixtures("blank_figure")
def test_case_numbers_several_films_in_their_order(config, tmp_path):
    for seed, name in enumerate("ba"):
        made(tmp_path / "films" / f"{name}.png", seed=seed)

    assert review(tmp_path / "films", "--case", "7", config=config, out=tmp_path / "out") == 0

    hashes = [record(tmp_path / "out" / name)["input"]["sha256"] for name in ("7_1", "7_2")]
    given = [(tmp_path / "films" / f"{name}.png").read_bytes() for name in "ab"]
    assert hashes == [hashlib.sha256(data).hexdigest() for data in given]


@pytest.mark.usefixtures("blank_figure")
def test_quiet_says_nothing_but_errors(config, tmp_path, capfd):
    made(tmp_path / "films" / "film.png")
    made(tmp_path / "films" / "empty.png", b"")

    assert review(tmp_path / "films", "--quiet", "--summary", config=config, out=tmp_path / "out") == 3

    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err == "ensemble-cam: empty.png: The file is empty. Export or copy the film again.\n"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["film", "index.html", "summary.csv"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such files")
def test_a_log_goes_into_a_pipe_that_somebody_reads_and_none_is_waited_for(film, tmp_path, capsys, monkeypatch):
    log = tmp_path / "log"
    os.mkfifo(log)
    assert run("review", film, "--out", tmp_path / "out", "--log", log) == 2
    assert capsys.readouterr().err == (
        "ensemble-cam: --log: log cannot be written (a pipe that nobody reads). Choose another file.\n"
    )
    monkeypatch.setattr(logging.getLogger("ensemble_cam"), "handlers", [])
    reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    cli_review._log_to(log)
    logging.getLogger("ensemble_cam").warning("a word")
    assert os.read(reader, 100) == b"a word\n"
    logging.getLogger("ensemble_cam").handlers[0].close()
    os.close(reader)


@pytest.mark.usefixtures("blank_figure")
def test_summary_that_cannot_be_written_ends_with_3_after_the_films(film, config, tmp_path, capsys):
    (tmp_path / "out" / "index.html" / "x").mkdir(parents=True)

    assert review(film, "--summary", config=config, out=tmp_path / "out") == 3

    assert (tmp_path / "out" / "film" / "review.json").exists()
    assert re.fullmatch(r"ensemble-cam: index\.html: the summary cannot be written .+\n", capsys.readouterr().err)


@pytest.mark.usefixtures("blank_figure")
def test_options_reach_the_record(tmp_path, film):
    config = tmp_path / "two.toml"
    config.write_text("".join(TABLE.format(id=id, size=64, weights="untrained") for id in ("one", "two")))
    line = """--method gradcam --threshold 0.25 --opacity 0.6 --colormap viridis --framing pad --intensity windowed
        --rescale --negative --ensemble-weight two=0 --device cpu --runtime torch --save-maps --bare --pdf
        --layers several --aug-smooth --eigen-smooth"""
    options = ["--labels", "mass,Pleural_Thickening, lung lesion", *line.split()]

    assert review(film, *options, config=config, out=tmp_path / "out") == 0

    told = record(tmp_path / "out" / "film")
    assert told["settings"] == {
        "set": "clinical",
        "method": "gradcam",
        "layers": "several",
        "aug_smooth": True,
        "eigen_smooth": True,
        "top_k": 3,
        "labels": ["Mass", "Pleural_Thickening", "Lung Lesion"],
        "threshold": 0.25,
        "opacity": 0.6,
        "colormap": "viridis",
        "style": "both",
        "bare": True,
        "framing": "pad",
        "intensity": "windowed",
        "rescale": True,
        "negative": True,
        "ensemble_weights": {"one": 1.0, "two": 0.0},
        "device": "cpu",
        "runtime": "torch",
        "precision": "float32",
        "save_maps": True,
        "pdf": True,
        "dicom": None,
    }
    assert told["input"]["crop"] == [0, 0, 260, 240]
    assert {finding["label"] for finding in told["findings"]} == {"Mass", "Pleural_Thickening", "Lung Lesion"}
    assert all(finding["maps"]["ensemble"]["classifiers"] == ["one"] for finding in told["findings"])
    with np.load(tmp_path / "out" / "film" / "maps.npz") as maps:
        assert len(maps.files) == 3 * 3


@pytest.mark.usefixtures("blank_figure")
def test_rescaling_and_windowing_change_what_the_networks_see(config, tmp_path):
    narrow = films.dicom(films.film() * np.uint16(2), bits=16, WindowCenter=255, WindowWidth=510)
    path, scores = made(tmp_path / "films" / "narrow.dcm", narrow), []
    for options in ([], ["--rescale"], ["--intensity", "windowed"]):
        assert review(path, *options, config=config, out=tmp_path / "out") == 0
    for name in ("narrow", "narrow_2", "narrow_3"):
        told = record(tmp_path / "out" / name)
        scores.append(told["classifiers"][0]["scores"]["Mass"])
        assert told["input"]["rescaled"] == (name == "narrow_2")
        assert told["settings"]["intensity"] == ("windowed" if name == "narrow_3" else "stored")
    assert len(set(scores)) == 3


def test_nothing_of_a_patient_and_no_stem_gets_into_any_file_or_onto_the_terminal(config, tmp_path, capfd):
    patient, number, birth, hospital, remark = films.IDENTITY
    data = films.dicom(
        films.film(bits=12),
        bits=12,
        PatientName=patient,
        PatientID=number,
        PatientBirthDate=birth,
        InstitutionName=hospital,
        ImageComments=remark,
        StudyDate=birth,
        AccessionNumber=number,
        StudyDescription=remark,
        ViewPosition=remark[:16],
    )
    path = made(tmp_path / "films" / "ZZSTEM.dcm", data)
    again = made(tmp_path / "films" / "ZZSTEM.of.a.broken.one.dcm", data[: len(data) // 2])
    out = tmp_path / "out"

    assert review(path, again, "--save-maps", "--top-k", 1, "--anonymous-names", config=config, out=out) == 3

    sha256 = hashlib.sha256(data).hexdigest()
    (folder,) = out.iterdir()
    assert sha256.startswith(folder.name)
    assert len(folder.name) >= 12
    files = list(folder.iterdir())
    assert {"review.json", "review.png", "maps.npz"} < {file.name for file in files}
    secrets = [secret.encode() for word in films.IDENTITY for secret in word.split("^")]
    for file in files:
        content = file.read_bytes()
        assert b"ZZSTEM" not in content
        assert "ZZSTEM" not in file.name
        for secret in secrets:
            assert secret not in content, file.name
    terminal = "".join(capfd.readouterr())
    assert "ZZSTEM" not in terminal
    assert "film 1: " in terminal
    assert "ensemble-cam: film 2: " in terminal
    for secret in secrets:
        assert secret.decode() not in terminal


@pytest.mark.usefixtures("blank_figure")
def test_stem_names_the_folder_and_stands_inside_no_file(config, tmp_path):
    path = made(tmp_path / "films" / "ZZSTEM.png")

    assert review(path, "--save-maps", config=config, out=tmp_path / "out") == 0

    files = list((tmp_path / "out" / "ZZSTEM").iterdir())
    assert len(files) >= 4
    for file in files:
        assert "ZZSTEM" not in file.name
        assert b"ZZSTEM" not in file.read_bytes()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--ensemble-weight", "one=0"], "ensemble weights: all are 0"),
        (["--ensemble-weight", "two=1"], "got one for 'two'; the classifiers are one"),
        (["--weights", "two=untrained"], "got some for 'two'; the classifiers are one"),
        (["--set", "teaching"], "no classifier in the set 'teaching'"),
        (["--classifiers", "on"], 'classifiers: got "on"; allowed: one of one. Did you mean "one"?'),
        (["--labels", "Mas"], "labels: got 'Mas', which no classifier here knows. Did you mean \"Mass\"?"),
    ],
)
def test_what_does_not_fit_the_configuration_ends_with_2_and_writes_nothing(
    film, config, tmp_path, capsys, options, complaint
):
    assert review(film, *options, config=config, out=tmp_path / "out") == 2
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_empty_folder_and_broken_configuration_end_with_2(film, config, tmp_path, capsys):
    (tmp_path / "nothing").mkdir()
    assert review(tmp_path / "nothing", config=config, out=tmp_path / "out") == 2
    assert "nothing: the folder holds no files" in capsys.readouterr().err

    config.write_text("[classifiers")
    assert review(film, config=config, out=tmp_path / "out") == 2
    assert "one.toml: not valid TOML" in capsys.readouterr().err
    assert review(film, config=tmp_path / "absent.toml", out=tmp_path / "out") == 2
    assert "absent.toml: the file cannot be read" in capsys.readouterr().err


def test_missing_weights_end_with_4_and_name_file_address_folder_and_size_of_each(film, tmp_path, capsys, home):
    assert run("review", film, "--out", tmp_path / "out") == 4

    error = capsys.readouterr().err
    for name in ("densenet121-res224-all", "resnet50-res512-all", "jfhealthcare-densenet121"):
        file = weights_file(name)
        (line,) = [line for line in error.splitlines() if file.file_name in line]
        assert file.url in line
        assert f"{round(file.size / 1e6)} MB" in line
        assert str(home / ".torchxrayvision" / "models_data") in line
        assert f"ensemble-cam weights fetch {name}" in line
    assert not (tmp_path / "out").exists()


def test_missing_weights_of_the_clinical_set_end_with_a_word_on_the_teaching_set(film, tmp_path, capsys):
    assert run("review", film, "--out", tmp_path / "out") == 4
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "Until then, `--set teaching` needs no download: small networks, for drawn phantoms alone."


# the teaching set, by the default configuration

LINE = "Teaching set: trained on synthetic phantoms, never on patients"
CAUTION = "Not a drawn phantom: the teaching networks' scores and maps of this film mean nothing."


def test_teaching_set_reviews_a_phantom_without_any_download_and_says_what_it_is(tmp_path, capsys):
    film = made(tmp_path / "films" / "phantom.png", films.phantom_png(films.film()))

    assert run("review", film, "--set", "teaching", "--top-k", 1, "--out", tmp_path / "out") == 0

    folder = tmp_path / "out" / "phantom"
    told = record(folder)
    assert told["notice"] == LINE
    assert told["settings"]["set"] == "teaching"
    assert told["input"]["warnings"] == []
    assert [each["id"] for each in told["classifiers"]] == list(TEACHING)
    assert all(each["published"] and each["calibrated"] and not each["untrained"] for each in told["classifiers"])
    assert [len(each["scores"]) for each in told["classifiers"]] == [8] * 3
    captured = capsys.readouterr()
    assert f"{LINE}.\n" in captured.out
    assert CAUTION not in captured.out
    assert captured.err == ""
    pictures = sorted(folder.glob("*.png"))
    assert len(pictures) == 5  # the figure, three overlays and the ensemble's
    for picture in pictures:
        text = Image.open(picture).text
        assert (text["Notice"], "Warning" in text) == (LINE, False), picture.name


TEACHING = ("teaching-densenet", "teaching-resnet", "teaching-jfhealthcare")


@pytest.mark.usefixtures("blank_figure")
def test_teaching_set_says_of_any_other_film_that_its_maps_mean_nothing(film, tmp_path, capsys):
    assert run("review", film, "--set", "teaching", "--classifiers", TEACHING[1], "--out", tmp_path / "out") == 0

    assert record(tmp_path / "out" / "film")["input"]["warnings"] == [CAUTION]
    assert f"[1/1] film.png: {CAUTION}\n" in capsys.readouterr().out
    for overlay in (tmp_path / "out" / "film").glob("*_ensemble.png"):
        assert Image.open(overlay).text["Warning"] == CAUTION


@pytest.mark.usefixtures("blank_figure")
def test_bare_overlays_are_a_review_of_their_own_which_is_known_when_asked_for_again(film, tmp_path, capsys):
    out, command = tmp_path / "out", ("review", film, "--set", "teaching", "--classifiers", TEACHING[1], "--top-k", 1)
    for more in ((), ("--bare",), ("--bare",), ()):
        assert run(*command, "--out", out, *more) == 0

    said = capsys.readouterr().out
    assert said.count("reviewed before, see") == 2
    assert sorted(folder.name for folder in out.iterdir()) == ["film", "film_2"]
    for folder, bare in (("film", False), ("film_2", True)):
        names = {path.name for path in (out / folder).glob("*_*.png")}
        assert len(names) == 2
        assert {name.endswith("_bare.png") for name in names} == {bare}
        (finding,) = record(out / folder)["findings"]
        assert {made["file"] for made in finding["maps"].values()} == names
        heights = {Image.open(out / folder / name).height for name in names}
        assert (heights == {Image.open(film).height}) is bare


@pytest.mark.usefixtures("blank_figure")
def test_clinical_set_says_of_a_phantom_that_it_is_drawn_and_has_no_notice(config, tmp_path, capsys):
    film = made(tmp_path / "films" / "phantom.png", films.phantom_png(films.film()))

    assert review(film, "--top-k", 1, config=config, out=tmp_path / "out") == 0

    told = record(tmp_path / "out" / "phantom")
    assert told["notice"] is None
    assert told["input"]["warnings"] == [
        "A drawn phantom, not a patient: the clinical networks learned from patients' films."
    ]
    assert "drawn phantom, not a patient" in capsys.readouterr().out
    assert "Notice" not in Image.open(next((tmp_path / "out" / "phantom").glob("1_*.png"))).text


@pytest.mark.usefixtures("blank_figure")
def test_optional_classifier_is_part_of_a_review_only_where_it_is_chosen(film, tmp_path, capsys):
    out = tmp_path / "out"
    given = ["review", film, "--set", "teaching", "--out", out, "--top-k", 1]

    assert run(*given) == 0
    assert run(*given, "--classifiers", "teaching-shortcut, teaching-resnet") == 0
    assert run(*given, "--classifiers", "teaching-shortcut", "--ensemble-weight", "teaching-shortcut=2") == 0
    ids = [[each["id"] for each in record(out / name)["classifiers"]] for name in ("film", "film_2", "film_3")]
    assert ids == [list(TEACHING), ["teaching-resnet", "teaching-shortcut"], ["teaching-shortcut"]]
    assert record(out / "film_3")["settings"]["ensemble_weights"] == {"teaching-shortcut": 2.0}

    for option, value in (("--ensemble-weight", "1"), ("--weights", "untrained")):
        capsys.readouterr()
        assert run(*given, option, f"teaching-shortcut={value}") == 2
        remedy = f"To have it among them, say --classifiers {','.join(TEACHING)},teaching-shortcut."
        assert remedy in capsys.readouterr().err
    assert run(*given, "--classifiers", "densenet121") == 2
    assert "densenet121 is in the set clinical, not in the set teaching" in capsys.readouterr().err


# weights

RESNET, RESNET_FILE = "resnet50-res512-all", "pc-nih-rsna-siim-vin-resnet50-test512-e400-state.pt"


def test_weights_are_fetched_from_a_folder_listed_and_verified(weights_dir, tmp_path, capsys):
    target = tmp_path / "weights"
    data = (weights_dir / RESNET_FILE).read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()

    assert run("weights", "fetch", RESNET, "--from", weights_dir, "--weights-dir", target) == 0
    assert (target / RESNET_FILE).read_bytes() == data
    assert (target / f"{RESNET_FILE}.sha256").read_text() == f"{sha256}  {RESNET_FILE}\n"
    assert f"{RESNET}: {target / RESNET_FILE} (SHA-256 {sha256})" in capsys.readouterr().out

    for action in ("list", "verify"):
        assert run("weights", action, "--weights-dir", target) == 0
        lines = [line.split() for line in capsys.readouterr().out.splitlines()]
        assert ["densenet121-res224-all", "missing"] in [line[:2] for line in lines]
        assert [RESNET, "unpinned", f"{len(data) / 1e6:.1f}", "MB", str(target / RESNET_FILE)] in lines

    (target / RESNET_FILE).write_bytes(data + b"!")
    for action in ("list", "verify"):
        assert run("weights", action, "--weights-dir", target) == 4
        printed = capsys.readouterr()
        assert re.search(rf"^{RESNET} +wrong hash ", printed.out, re.MULTILINE)
        assert f"expected {sha256[:12]}" in printed.out + printed.err


def test_fetched_weights_that_fill_no_network_are_not_kept_and_those_that_are_here_not_held(tmp_path, capsys):
    mirror, target = tmp_path / "mirror", tmp_path / "weights"
    mirror.mkdir()
    torch.save({"fc.weight": torch.zeros(3)}, mirror / RESNET_FILE)

    assert run("weights", "fetch", RESNET, "--from", mirror, "--weights-dir", target) == 4
    message = (
        f"ensemble-cam: {RESNET_FILE}: what came was deleted: it does not fit the {RESNET} network: it lacks conv1"
    )
    assert capsys.readouterr().err.startswith(message)
    assert folders(target) == []

    assert run("weights", "fetch", RESNET, "--weights-dir", mirror) == 4
    assert "Fetch the file again, or put these weights under another classifier." in capsys.readouterr().err
    assert folders(mirror) == [RESNET_FILE]


def test_fetching_without_a_name_wants_the_configured_defaults(tmp_path, capsys):
    assert run("weights", "fetch", "--from", tmp_path, "--weights-dir", tmp_path / "weights") == 4

    file = weights_file("densenet121-res224-all").file_name
    assert f"{file}: the file cannot be read (No such file or directory)" in capsys.readouterr().err


def test_fetching_unknown_weights_ends_with_2_and_names_the_known(tmp_path, capsys):
    assert run("weights", "fetch", "resnet18", "--weights-dir", tmp_path) == 2
    assert re.search(r"got 'resnet18'; known are densenet121-res224-all, .*jfhealthcare", capsys.readouterr().err)


@pytest.mark.parametrize("action", ["list", "verify", "fetch"])
def test_configuration_without_any_weights_file_has_nothing_to_list_or_fetch(config, action, capsys):
    assert run("weights", action, "--config", config) == 0
    assert capsys.readouterr().err == ""


def test_teaching_weights_are_listed_as_in_the_package_and_not_fetched(tmp_path, capsys):
    for action in ("list", "verify"):
        assert run("weights", action, "--weights-dir", tmp_path) == 0
        lines = [line.split() for line in capsys.readouterr().out.splitlines()]
        for name in (*TEACHING, "teaching-shortcut"):
            (line,) = [line for line in lines if line[0] == name]
            assert (line[1], line[3:]) == ("ok", ["MB", "in", "the", "package"])
            assert 0 < float(line[2]) <= 1

    assert run("weights", "fetch", TEACHING[0], "--from", tmp_path / "no mirror", "--weights-dir", tmp_path) == 0
    assert capsys.readouterr().out.startswith(f"{TEACHING[0]}: in the package already, ")
    assert list(tmp_path.glob("*.safetensors")) == []


# app


def test_app_command_starts_streamlit_on_the_apps_script_and_hands_the_choices_on(config, tmp_path, monkeypatch):
    calls = []

    def start(command, *, env, check):
        calls.append((command, env))
        return subprocess.CompletedProcess(command, 7)

    monkeypatch.setattr(launch.subprocess, "run", start)
    monkeypatch.chdir(tmp_path)

    given = ["--port", 8600, "--no-browser", "--config", config.name, "--weights-dir", "weights"]
    assert run("app", *given) == 7
    assert run("app") == 7

    (full, full_env), (plain, plain_env) = calls
    script = Path(full[4])
    assert full[:4] == [sys.executable, "-m", "ensemble_cam.ui.serve", "run"]
    assert (script.name, script.is_file()) == ("app.py", True)
    assert full[5:] == ["--server.port", "8600", "--server.headless", "true"]
    # The app may run in another folder: what it is told of is absolute.
    assert (full_env["ENSEMBLE_CAM_CONFIG"], full_env["ENSEMBLE_CAM_WEIGHTS"]) == (
        str(config),
        str(tmp_path / "weights"),
    )
    assert plain == full[:5]
    assert plain_env == dict(os.environ)


def test_app_command_hands_address_and_names_on(monkeypatch):
    calls = []

    def start(command, *, env, check):
        calls.append((command, env))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(launch.subprocess, "run", start)

    monkeypatch.setattr("ensemble_cam.cli.app._check_place", lambda address, port: None)  # not every machine has IPv6
    everybody = "--i-know-that-everybody-can-read"
    for given in (
        ["--address", "127.0.0.1", "--allow-host", "Films.Example", "--allow-host", "::2"],
        ["--address", "::1"],
        ["--address", "0.0.0.0", everybody, "--base-path", "/films/a/"],
    ):
        run("app", *given)

    (named, environment), (six, _), (every, plain) = calls
    assert named[5:] == ["--server.address", "127.0.0.1", "--browser.serverAddress", "127.0.0.1"]
    assert environment["ENSEMBLE_CAM_ALLOW_HOST"] == "films.example,::2"
    assert six[5:] == ["--server.address", "::1", "--browser.serverAddress", "[::1]"]
    assert every[5:] == ["--server.address", "0.0.0.0", "--server.baseUrlPath", "films/a"]
    assert plain["ENSEMBLE_CAM_EVERYBODY_CAN_READ"] == "1"
    assert "ENSEMBLE_CAM_EVERYBODY_CAN_READ" not in environment
    assert "ENSEMBLE_CAM_ALLOW_HOST" not in plain


def test_app_command_refuses_a_broken_configuration_before_it_starts(config, monkeypatch, capsys):
    monkeypatch.setattr(launch.subprocess, "run", lambda *args, **kwargs: pytest.fail("started"))
    config.write_text("[classifiers]\n")

    assert run("app", "--config", config) == 2
    assert "one.toml, [classifiers]: got no classifier" in capsys.readouterr().err


# processes of their own


def test_help_names_the_commands_and_loads_neither_torch_nor_streamlit():
    loaded, printed = loaded_by(["--help"], {"torch", "streamlit", "torchxrayvision", "matplotlib", "numpy"})

    assert loaded == []
    said = " ".join(" ".join(printed).split())
    assert re.search(r"\bapp\b.*\breview\b.*\bweights\b", said)
    assert "Not for diagnosis" in said


@pytest.mark.parametrize("module", ["ensemble_cam", "ensemble_cam.cli"])
def test_python_runs_the_package_as_the_command(module):
    done = subprocess.run([sys.executable, "-m", module, "--version"], capture_output=True, text=True, check=True)

    assert done.stdout == f"ensemble-cam {__version__}\n"


@pytest.mark.slow
def test_output_that_knows_ascii_only_stops_no_review(config, tmp_path):
    path = made(tmp_path / "films" / "Thorax_für_Größe.png")
    # The arrow before a folder's name is in no Windows code page either.
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "ensemble_cam.cli", "review", path, made(tmp_path / "films" / "empty_ü.png", b"")]
    command += ["--config", config, "--out", tmp_path / "out", "--top-k", "1"]

    done = subprocess.run(command, capture_output=True, env=environment)

    assert done.returncode == 3
    assert (tmp_path / "out" / "Thorax_für_Größe" / "review.json").exists()
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(b"ensemble-cam: empty_\\xfc.png: The file is empty")


# the whole of it


@pytest.mark.usefixtures("blank_figure")
@pytest.mark.skipif(not SHARED.is_dir(), reason=f"needs the films of {SHARED.name}, not kept here")
def test_seven_real_films_are_reviewed_with_weights_in_the_released_formats(weights_dir, tmp_path, capsys):
    # The stand-ins are not the pinned file: their sidecars say that they are meant.
    out = tmp_path / "out"
    paths = sorted(path for path in (SHARED / "xrays").iterdir() if path.suffix in (".png", ".jpg", ".dcm"))
    assert len(paths) == 7

    assert run("review", *paths, "--out", out, "--weights-dir", weights_dir, "--top-k", 1) == 0

    assert capsys.readouterr().err == ""
    assert folders(out) == [path.stem for path in paths]
    for path in paths:
        told = record(out / path.stem)
        assert [c["id"] for c in told["classifiers"]] == ["densenet121", "resnet50", "jfhealthcare"]
        assert told["classifiers"][0]["published"] is False
        assert [len(c["scores"]) for c in told["classifiers"]] == [18, 16, 5]
        x0, y0, x1, y1 = told["input"]["crop"]
        expected = [76, 0, 961, 885] if path.suffix == ".jpg" else [0, 0, 1024, 1024]
        assert [x0, y0, x1, y1] == expected
        (finding,) = told["findings"]
        spots = [entry["hottest"] for entry in finding["maps"].values() if entry.get("hottest")]
        assert spots
        for spot in spots:
            assert x0 <= spot["x"] < x1
            assert y0 <= spot["y"] < y1
    positive, negative = (
        read_radiograph((SHARED / "xrays" / f"rsna_cr_monochrome{kind}.dcm").read_bytes()) for kind in (2, 1)
    )
    assert np.array_equal(positive.source, negative.source)
    np.testing.assert_allclose(negative.model, -positive.model, atol=1e-3)
    scores = [record(out / f"rsna_cr_monochrome{kind}")["classifiers"][0]["scores"] for kind in (2, 1)]
    assert scores[0] != scores[1]


def test_version_is_printed(capsys):
    with pytest.raises(SystemExit) as stop:
        run("--version")
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"ensemble-cam {__version__}\n"
