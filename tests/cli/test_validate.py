"""`ensemble-cam validate`, from labelled films to the three files, with the teaching set on drawn phantoms."""

import json
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pypdfium2
import pytest

from ensemble_cam import cli
from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import read_truth, write_phantom
from ensemble_cam.purpose import PURPOSE, TEACHING_LINE
from ensemble_cam.settings.sets import NO_PHANTOM
from ensemble_cam.validation import validating
from ensemble_cam.validation.calibration import WHY_NOT_THE_SCORE
from support import films
from support.running import loaded_by

pytestmark = pytest.mark.slow

FINDINGS = ("Effusion", "Nodule")
CARDS = {f"model_card_teaching-{each}.json" for each in ("densenet", "jfhealthcare", "resnet")}
FILES = {"validation.json", "operating_points.toml", "report.html", "report.pdf"} | CARDS
COUNT = 24


@pytest.fixture(autouse=True)
def home(own_home) -> Path:
    return own_home


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("validated") / "films"
    for index in range(COUNT):
        planted = [finding for bit, finding in enumerate(FINDINGS) if index >> bit & 1]
        write_phantom(draw_phantom(seed=700 + index, size=256, findings=planted), folder, index)
    return folder


@pytest.fixture
def labels(phantoms, tmp_path) -> Path:
    lines = ["file,finding,label,patient,reader,sex"]
    for index, truth in enumerate(read_truth(phantoms)):
        planted = {each.label for each in truth.findings}
        lines += [
            f"{truth.film.name},{finding.upper()},{int(finding in planted)},{films.IDENTITY[0]}_{index // 2},"
            f"{films.IDENTITY[1]},{'FM'[index % 2]}"
            for finding in FINDINGS
        ]
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(lines), encoding="utf-8")
    return table


def validate(phantoms: Path, labels: Path, out: Path, *more: str) -> int:
    return cli.main(["validate", str(phantoms), "--labels", str(labels), "--set", "teaching", "--out", str(out), *more])


def shifted(monkeypatch, id: str, point: float) -> None:
    """Plant an operating point of the first finding in the classifiers that are loaded."""
    load = validating.load_classifiers

    def loading(*given, **named):
        return tuple(
            replace(each, operating_points={**each.operating_points, FINDINGS[0]: point}) if each.id == id else each
            for each in load(*given, **named)
        )

    monkeypatch.setattr(validating, "load_classifiers", loading)


def printed(path: Path) -> str:
    """The words of a PDF."""
    pages = [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(path)]
    return " ".join(" ".join(pages).split())


def test_a_planted_shift_of_an_operating_point_is_found_back_and_no_patient_leaves(
    phantoms, labels, tmp_path, capsys, monkeypatch
):
    assert validate(phantoms, labels, tmp_path / "plain", "--prevalence", "nodule=.05") == 0
    id = "teaching-resnet"
    shifted(monkeypatch, id, 1 - 1e-9)
    assert validate(phantoms, labels, tmp_path / "shifted", "--prevalence", "nodule=.05") == 0
    captured = capsys.readouterr()

    records, points = {}, {}
    for name in ("plain", "shifted"):
        out = tmp_path / name
        assert {each.name for each in out.iterdir()} == FILES
        records[name] = json.loads((out / "validation.json").read_text(encoding="utf-8"))
        points[name] = tomllib.loads((out / "operating_points.toml").read_text(encoding="utf-8"))
        for each in out.iterdir():
            text = printed(each) if each.suffix == ".pdf" else each.read_text(encoding="utf-8")
            assert PURPOSE in text
            assert TEACHING_LINE in text
            assert not any(secret in text for secret in films.IDENTITY)
            assert "phantom_0" not in text
        assert not re.search(r"(?:src|href|url)\s*[=(]|<script|http", (out / "report.html").read_text(encoding="utf-8"))
    assert not any(secret in captured.out + captured.err for secret in films.IDENTITY)

    plain, wrong = (records[name]["findings"][FINDINGS[0]][id] for name in ("plain", "shifted"))
    assert (plain["n"], plain["positives"], plain["patients"]) == (COUNT, COUNT // 2, COUNT // 2)
    assert plain["auc"] > 0.9
    assert wrong["auc"] == plain["auc"]
    assert plain["sensitivity"] > 0.6
    assert (wrong["operating_point"], wrong["specificity"]) == (1 - 1e-9, 1.0)
    assert wrong["sensitivity"] < 0.1
    # The chosen point knows nothing of the one that was planted, and calls what was planted in the films.
    assert wrong["site"] == plain["site"]
    assert wrong["site"]["reported_on"]["sensitivity"] > 0.6
    assert points["shifted"] == points["plain"]
    assert points["plain"][id]["points"][FINDINGS[0]] == pytest.approx(plain["site"]["operating_point"])
    described = {each["id"]: each for each in records["plain"]["classifiers"]}
    assert points["plain"][id]["weights_sha256"] == described[id]["weights_sha256"]
    assert (points["plain"][id]["date"], points["plain"][id]["n"]) == (records["plain"]["date"], COUNT // 2)
    nodule = records["plain"]["findings"]["Nodule"]
    assert set(nodule) == {*described, "ensemble"}
    assert all(each["prevalence"] == 0.05 for each in nodule.values())
    assert plain["subgroups"]["sex"]["F"]["n"] == COUNT // 2
    page = (tmp_path / "plain" / "report.html").read_text(encoding="utf-8")
    assert plain["sentence"] in page
    # Half of 24 films have too few of a kind for any curve; the report says so, and why a score gets none.
    assert plain["calibration"]["isotonic"] is None
    assert "calibration" not in records["plain"]["findings"][FINDINGS[0]]["ensemble"]
    assert "<h3>Calibration of the logit</h3>" in page
    assert WHY_NOT_THE_SCORE in page
    votes = records["plain"]["findings"][FINDINGS[0]]["ensemble"]["votes"]
    assert votes["split"]["n"] + votes["unanimous"]["n"] == COUNT
    # One point beyond all probabilities makes the others' votes split from it.
    moved = records["shifted"]["findings"][FINDINGS[0]]["ensemble"]["votes"]
    assert moved["split"]["n"] > votes["split"]["n"]

    assert validate(phantoms, labels, tmp_path / "plain", "--quiet") == 2
    assert "has a validation.json already" in capsys.readouterr().err


def test_films_that_cannot_be_used_are_named_and_the_others_stand(phantoms, labels, tmp_path, capsys):
    folder = tmp_path / "films"
    folder.mkdir()
    for index in range(4):
        (folder / f"{index}.png").write_bytes((phantoms / f"phantom_{index:03d}.png").read_bytes())
    (folder / "patient.png").write_bytes(films.png(films.film()))
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing else")
    (folder / "twice.png").write_bytes((phantoms / "phantom_000.png").read_bytes())
    names = ("0", "1", "2", "3", "broken", "patient", "twice")
    labels.write_text("file,finding,label\n" + "\n".join(f"{each}.png,Effusion,{int(each == '1')}" for each in names))
    assert validate(folder, labels, tmp_path / "out", "--quiet") == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert [line.split(": ")[1] for line in said.err.splitlines()] == ["broken.png", "patient.png", "twice.png"]
    assert f"patient.png: {NO_PHANTOM}" in said.err
    record = json.loads((tmp_path / "out" / "validation.json").read_text(encoding="utf-8"))
    assert (record["films"]["n"], record["films"]["failed"]) == (4, 3)
    assert set(record["contradictions"]) <= {"Effusion"}
    assert all(each in record["films"]["sha256"] for of in record["contradictions"].values() for each in of)
    assert "Not every film's patient was named" in record["remarks"][0]

    labels.write_text("file,finding,label\npatient.png,Effusion,1")
    assert validate(folder, labels, tmp_path / "none", "--quiet") == 3
    assert "No film could be used, so nothing is written." in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


USAGE = [
    ("--weights teaching-resnet=untrained", r"weights of teaching-resnet: networks that were never trained are not .+"),
    ("--sensitivity 1.2", r"--sensitivity: got 1\.2; allowed: a number above 0, at most 1\."),
    ("--alert-rate 100", r"--alert-rate: got 100; allowed: a number between 0 and 100\."),
    ("--alert-rate 5 --sensitivity .9", r"--sensitivity: does not go with --alert-rate\. Leave one of them out\."),
    ("--prevalence 1", r"--prevalence: got '1'; allowed: a number between 0 and 1, or FINDING=P\."),
    ("--prevalence efusion=.1", r"--prevalence: no classifier here knows 'efusion'\. Did you mean \"Effusion\"\? .+"),
    ("--seed -1", r"--seed: got '-1'; allowed: a whole number of at least 0\."),
]


@pytest.mark.parametrize(("arguments", "words"), USAGE)
def test_wrong_usage_is_one_line(arguments, words, phantoms, labels, tmp_path, capsys):
    try:
        code = validate(phantoms, labels, tmp_path / "out", *arguments.split())
    except SystemExit as stop:
        code = stop.code
    captured = capsys.readouterr()
    assert (code, captured.out.count("\n")) == (2, 0)
    assert re.fullmatch(f"ensemble-cam: {words}\n", captured.err)
    assert not (tmp_path / "out").exists()


def test_faults_of_the_table_come_before_missing_weights(phantoms, labels, tmp_path, capsys):
    arguments = ["validate", str(phantoms), "--labels", str(labels), "--out", str(tmp_path / "out"), "--quiet"]
    assert cli.main(arguments) == 4
    assert "`--set teaching` needs no download" in capsys.readouterr().err
    labels.write_text("file,finding,label\nphantom_000.png,Efusion,1")
    assert cli.main(arguments) == 2
    assert "labels.csv, line 2: no classifier here knows this finding." in capsys.readouterr().err


def test_help_loads_nothing_heavy():
    loaded, printed = loaded_by(["validate", "--help"], {"torch", "numpy", "scipy", "pandas", "openvino"})
    assert loaded == []
    assert any("--alert-rate" in line for line in printed)
