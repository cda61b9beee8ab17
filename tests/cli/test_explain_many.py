"""`ensemble-cam explain` over folders: true against predicted, where maps lie, and two checkpoints."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ensemble_cam.cli import main
from support.small_networks import Places

pytestmark = pytest.mark.slow

EXPLAIN = ["explain", "films", "--network", "file:places.toml", "--method", "hirescam", "--out", "out"]


def save(path: str, *bright: tuple[int, int]) -> None:
    """Write a picture of 64×64 with squares of 8×8, each in the middle of nothing."""
    values = np.zeros((64, 64), np.uint8)
    for number, (x, y) in enumerate(bright):
        values[8 * y : 8 * y + 8, 8 * x : 8 * x + 8] = 200 - 60 * number
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


@pytest.fixture
def films(tmp_path, monkeypatch) -> Path:
    """Pictures in folders by class; in one the wrong side is bright."""
    monkeypatch.chdir(tmp_path)
    Path("places.toml").write_text(
        '[network]\nfactory = "support.small_networks:Places"\nlayer = "cells"\nchannels = 1\ninput_size = 64\n'
        "mean = 0.0\nstd = 1.0\n"
    )
    save("films/left/a.png", (1, 1))
    save("films/left/b.png", (6, 6), (1, 5))
    save("films/left/c.png", (2, 4))
    save("films/right/d.png", (6, 2))
    return tmp_path


def table(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_wrong_ones_stand_first_and_each_class_is_counted(films, capsys):
    assert main(EXPLAIN) == 0
    said = capsys.readouterr().out
    assert "Classes by the subfolders, in alphabetical order: left, right" in said
    assert "[2/4] left/b.png: right 0.559 (wrong: left) → out/b" in said
    assert "Predicted right: 3 of 4" in said
    rows = table("out/summary.csv")
    assert [(row["picture"], row["truth"], row["predicted"], row["right"]) for row in rows] == [
        ("b", "left", "right", "false"),
        ("a", "left", "left", "true"),
        ("c", "left", "left", "true"),
        ("d", "right", "right", "true"),
    ]
    assert (int(rows[0]["hottest_x"]) // 8, int(rows[0]["hottest_y"]) // 8) == (6, 6)
    tally = {row["class"]: row for row in table("out/summary_by_class.csv")}
    assert (tally["left"]["pictures"], tally["left"]["right"]) == ("3", "2")
    assert (tally["right"]["pictures"], tally["right"]["right"], tally["right"]["maps"]) == ("1", "1", "2")
    with Image.open("out/summary.png") as sheet:
        assert sheet.info["Disclaimer"]
        assert sheet.size[0] > 1200
        first = np.asarray(sheet)[12:212, 12:212]
    # The wrong one's tile comes first: hottest at the lower right, and the picture's other square at the left.
    assert first[150:175, 150:175].max() > 100
    assert not first[:100, :100].any()


def test_how_much_lies_at_the_expected_place_at_borders_and_in_corners(films, capsys):
    mask = np.zeros((32, 32), np.uint8)
    mask[:, 16:] = 255
    Image.fromarray(mask).save("mask.png")
    Path("expect.toml").write_text('[expect]\nleft = [0.0, 0.0, 0.5, 1.0]\nright = "mask.png"\n')
    save("films/left/corner.png", (0, 0))
    assert main([*EXPLAIN, "--expect", "expect.toml"]) == 0
    rows = {row["picture"]: row for row in table("out/summary.csv")}
    assert {name: float(row["expected"]) for name, row in rows.items()} == dict.fromkeys(rows, 1.0)
    assert all(row["expected_area"] == "0.5" for row in rows.values())
    # A cell of 8 pixels from the edge on, of which 6.4 lie within a tenth: 13 of 16 pixels' centres fade to the next.
    values = np.minimum(1, np.maximum(0, (12 - np.arange(64) - 0.5) / 8))
    along = values[:6].sum() / values.sum()
    assert float(rows["corner"]["corners"]) == pytest.approx(along**2, abs=1e-4)
    assert float(rows["corner"]["borders"]) == pytest.approx(1 - (1 - along) ** 2, abs=1e-4)
    assert rows["c"]["borders"] == "0.0"
    said = capsys.readouterr().out
    assert "left: 3 of 4 right; 100% of 3 maps at the expected place (50% of the picture)" in said


def test_two_checkpoints_are_compared_on_the_same_pictures(films, capsys):
    same, swapped = Places(), Places()
    with torch.no_grad():
        swapped.fc.weight[:] = same.fc.weight.flip(0)
    torch.save(same.state_dict(), "same.pth")
    torch.save(swapped.state_dict(), "swapped.pth")
    assert main([*EXPLAIN, "--checkpoint", "same.pth", "--against", "same.pth"]) == 0
    assert "the same class in 4 of 4, mean rank correlation of the maps 1.00" in capsys.readouterr().out
    rows = table("out/summary.csv")
    assert all((row["rank_correlation"], row["iou"]) == ("1.0", "1.0") for row in rows)
    command = [*EXPLAIN[:-1], "other", "--checkpoint", "same.pth", "--against", "swapped.pth"]
    assert main(command) == 0
    assert "the same class in 0 of 4" in capsys.readouterr().out
    rows = {row["picture"]: row for row in table("other/summary.csv")}
    assert rows["a"]["against_predicted"] == "right"
    assert float(rows["a"]["against_probability"]) == pytest.approx(1 - float(rows["a"]["class_probability"]), abs=1e-5)
    assert rows["a"]["iou"] == "0.0"  # the other one's map of this class is empty
    assert rows["a"]["rank_correlation"] == ""
    assert np.load("other/a/left.npy").any()
    assert not np.load("other/against/a/left.npy").any()


def test_only_the_first_and_names_of_the_training_folder(films, capsys):
    Path("training/dexter").mkdir(parents=True)
    Path("training/sinister").mkdir()
    assert main([*EXPLAIN, "--only", "2", "--classes", "training"]) == 0
    said = capsys.readouterr().out
    assert "[2/2] left/b.png: sinister" in said
    rows = table("out/summary.csv")
    assert [(row["picture"], row["truth"], row["predicted"]) for row in rows] == [
        ("a", "", "dexter"),
        ("b", "", "sinister"),
    ]


def test_one_picture_alone_has_no_summary(films, capsys):
    assert main(["explain", "films/left/a.png", *EXPLAIN[2:]]) == 0
    assert {path.name for path in Path("out").iterdir()} == {"a"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[expect]\nmiddle = [0, 0, 1, 1]\n", "[expect] has 'middle', which is no class."),
        ("[expect]\nleft = [0, 0, 64, 64]\n", "left: got [0, 0, 64, 64]; allowed: [x0, y0, x1, y1] in shares"),
        ('[expect]\nleft = "absent.png"\n', "left: the file cannot be read (No such file or directory)"),
        ('[expect]\nleft = "black.png"\n', "left: the mask is black: nothing is expected."),
        ("left = [0, 0, 1, 1]\n", "allowed: one table, [expect], of places by class."),
    ],
)
def test_places_that_are_none_are_refused(films, capsys, text, says):
    Image.fromarray(np.zeros((64, 64), np.uint8)).save("black.png")
    Path("expect.toml").write_text(text)
    assert main([*EXPLAIN, "--expect", "expect.toml"]) == 2
    assert f"expect.toml: {says}" in capsys.readouterr().err
    assert not Path("out").exists()
