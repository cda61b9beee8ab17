"""What is learned, that it is learned the same twice, and what a training leaves behind."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import ensemble_cam as ec
from ensemble_cam.cli import main
from ensemble_cam.errors import ClassifierError, ConfigError
from ensemble_cam.training import torch_loop
from ensemble_cam.training.folders import TEST, find_samples, load_pixels, split
from ensemble_cam.training.report import Training, write_training
from ensemble_cam.training.torch_loop import Plan, Trained, changed, start_network, train, without_seconds
from ensemble_cam.validation.statistics import wilson
from support.training import SIDE, picture, square, write_network, write_pictures

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """The pictures, their parts and pixels, and the network's name."""
    folder = tmp_path_factory.mktemp("training")
    folders = find_samples(write_pictures(folder / "pictures", each=24))
    pixels = load_pixels(folders.samples, size=SIDE, channels=1)
    return folders, split(folders, seed=0), pixels, write_network(folder), folder


def trained(material, *, epochs: int = 8, seed: int = 0) -> tuple[torch_loop.Start, Trained]:
    folders, parts, pixels, spec, _ = material
    start = start_network(spec, folders.classes, None)
    return start, train(start.network, pixels, folders.labels, parts, Plan(epochs, seed))


@pytest.fixture(scope="module")
def result(material):
    return trained(material)


def test_what_was_planted_is_learned_and_its_map_lies_there(material, result):
    start, found = result
    folders, parts, *_ = material
    truth = folders.labels[parts[TEST]]
    assert (found.probabilities.argmax(1) == truth).mean() >= 0.9
    assert found.probabilities.sum(1) == pytest.approx(1)
    assert not start.network.module.training
    told = ec.explain(start.network, picture("dark", 9999), method="hirescam")
    assert told.predicted == "dark"
    values = told.map_in_picture()
    row, column = np.unravel_index(values.argmax(), values.shape)
    rows, columns = square(9999)  # to a cell's half, 8 pixels
    assert rows.start - 8 <= row < rows.stop + 8
    assert columns.start - 8 <= column < columns.stop + 8


def test_the_same_seed_gives_the_same_and_no_random_state_is_moved(material, result):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    _, again = trained(material)
    assert torch.equal(torch.rand(3), expected)
    assert without_seconds(again.epochs) == without_seconds(result[1].epochs)
    assert all(torch.equal(value, again.values[name]) for name, value in result[1].values.items())
    _, other = trained(material, epochs=1, seed=1)
    assert other.epochs[0].train_loss != again.epochs[0].train_loss


def test_training_stops_where_the_loss_falls_no_more_and_keeps_the_best(material, monkeypatch):
    monkeypatch.setattr(torch_loop, "PATIENCE", 2)
    folders, parts, pixels, spec, _ = material
    start = start_network(spec, folders.classes, None)
    # What it is stopped by has other labels than what it learns from: each epoch makes it worse.
    labels = folders.labels.copy()
    labels[parts["stop"]] = (labels[parts["stop"]] + 1) % 3
    told = []
    found = train(start.network, pixels, labels, parts, Plan(30, 0), report=lambda *each: told.append(each))
    assert found.stopped_early
    assert len(found.epochs) == found.best + 2 == len(told) < 30
    assert found.best == min(found.epochs, key=lambda epoch: epoch.loss).number
    kept = {name: value for name, value in start.network.module.state_dict().items()}
    assert all(torch.equal(value, kept[name]) for name, value in found.values.items())


def test_a_loss_that_is_no_number_ends_it(material, monkeypatch):
    monkeypatch.setattr(torch_loop, "_RATE", 1e30)
    with pytest.raises(ClassifierError, match="no number"):
        trained(material)


def test_pictures_are_changed_a_little_each_its_own_way():
    pictures = torch.from_numpy(np.stack([picture("bright", 1)] * 6)).float()[:, None] / 255
    one = changed(pictures, torch.Generator().manual_seed(1))
    assert torch.equal(one, changed(pictures, torch.Generator().manual_seed(1)))
    assert (one.min() >= 0, one.max() <= 1) == (True, True)
    assert len({tuple(each.flatten().tolist()) for each in one}) == 6
    centres = [(each[0] > 0.75).nonzero().float().mean(0) for each in one]
    spread = torch.stack(centres).std(0)
    assert (spread > 0.3).all()
    assert (spread < 64 * 0.15).all()
    left = square(1)[1].start + 7.5
    assert all(abs(centre[1] - left) < 8 for centre in centres)  # left stays left


def test_a_checkpoint_of_other_classes_is_begun_with_but_for_its_head(material, result, tmp_path):
    folders, parts, pixels, spec, _ = material
    training = Training(spec, result[0], Plan(1, 0), folders, parts, pixels, result[1])
    write_training(training, tmp_path / "a.safetensors")
    (tmp_path / "two.toml").write_text(
        '[network]\narchitecture = "torchvision:shufflenet_v2_x0_5"\nchannels = 1\ninput_size = 64\nlayer = "conv5"\n'
        "mean = 0.5\nstd = 0.25\n"
    )
    two = f"file:{tmp_path / 'two.toml'}"
    first = ec.load_network(two, classes=["a", "b"])
    torch.save(first.module.state_dict(), tmp_path / "two.pt")
    start = start_network(two, ("x", "y", "z"), str(tmp_path / "two.pt"))
    assert start.new == ("fc.weight", "fc.bias")
    assert start.network.classes == ("x", "y", "z")
    own = start.network.module.state_dict()
    assert all(torch.equal(own[name], value) for name, value in first.module.state_dict().items() if "fc." not in name)
    assert len(start.sha256) == 64
    same = start_network(spec, folders.classes, str(tmp_path / "a.safetensors"))
    assert same.new == ()
    assert all(torch.equal(value, same.network.module.state_dict()[name]) for name, value in result[1].values.items())


def test_what_is_written_says_what_came_out(material, result, tmp_path):
    folders, parts, pixels, spec, _ = material
    # As if two of the test's pictures had been called wrong.
    shares = np.eye(3)[folders.labels[parts[TEST]]] * 0.9 + 0.1 / 3
    shares[0], shares[-1] = [0.1, 0.2, 0.7], [0.45, 0.15, 0.4]
    start, found = result
    told = Trained(found.epochs, found.best, found.stopped_early, shares, found.values)
    training = Training(spec, start, Plan(8, 3), folders, parts, pixels, told)
    sha256 = write_training(training, tmp_path / "ours.safetensors")
    right, whole = len(shares) - 2, len(shares)
    record = json.loads((tmp_path / "ours_training" / "training.json").read_text())
    assert record["weights_sha256"] == sha256
    assert record["accuracy"]["value"] == pytest.approx(right / whole, abs=1e-6)
    assert record["accuracy"]["interval"] == pytest.approx(wilson(right, whole), abs=1e-6)
    assert (record["seed"], record["split"], record["best_epoch"]) == (3, "by file", found.best)
    counts = np.array(record["confusion"])
    assert counts.sum() == whole
    assert (counts[0, 2], counts[2, 0]) == (1, 1)
    with (tmp_path / "ours_training" / "confusion.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["true", "bright", "dark", "none"]
    assert [[int(cell) for cell in row[1:]] for row in rows[1:]] == counts.tolist()
    with (tmp_path / "ours_training" / "wrong.csv").open() as file:
        wrong = list(csv.DictReader(file))
    assert [(each["true"], each["called"], each["softmax"]) for each in wrong] == [
        ("bright", "none", "0.7000"),
        ("none", "bright", "0.4500"),
    ]
    assert json.loads((tmp_path / "ours.classes.json").read_text()) == ["bright", "dark", "none"]
    kept = load_file(tmp_path / "ours.safetensors")
    assert all(torch.equal(kept[name], value) for name, value in found.values.items())
    for name in ("classes", "curves", "confusion", "wrong"):
        assert np.asarray(Image.open(tmp_path / "ours_training" / f"{name}.png")).std() > 5
    # Of each class eight pictures, at the size of the sheet's tiles.
    sheet = np.asarray(Image.open(tmp_path / "ours_training" / "classes.png").convert("L"))
    assert (sheet < 235).mean() > 0.5


def test_the_command_trains_and_explain_and_a_set_take_what_comes_out(material, tmp_path, capsys):
    *_, spec, folder = material
    out = tmp_path / "ours.safetensors"
    asked = ["train", str(folder / "pictures"), "--network", spec, "--out", str(out), "--epochs", "8"]
    assert main(asked) == 0
    said = capsys.readouterr().out
    assert "of 12 pictures of the test are called right: accuracy" in said
    assert main(asked) == 2
    assert "is there already" in capsys.readouterr().err
    shown = tmp_path / "shown"
    explain = ["explain", str(folder / "pictures" / "dark" / "00.png"), "--network", spec, "--checkpoint", str(out)]
    assert main([*explain, "--out", str(shown), "--method", "gradcam"]) == 0
    told = json.loads((shown / "00" / "explanation.json").read_text())
    assert list(told["probabilities"]) == ["bright", "dark", "none"]
    (tmp_path / "set.toml").write_text(
        f'[classifiers.ours]\nname = "Ours"\ndescription = "squares"\nmodel_type = "torch"\nset = "site"\n'
        f'input_size = {SIDE}\narchitecture = "{spec}"\ncheckpoint = "ours.safetensors"\n'
        'classes = ["Mass", "Nodule", ""]\n'
    )
    film = ec.read_film(np.kron(picture("dark", 9999), np.ones((2, 2), np.uint8)), bits=8)
    review = ec.review(film, set="site", config=tmp_path / "set.toml", method="gradcam")
    assert review.findings[0] == "Nodule"


def test_a_training_that_is_broken_off_leaves_nothing(material, tmp_path, monkeypatch):
    *_, spec, folder = material

    def stop(*_, **__):
        raise KeyboardInterrupt

    asked = ["train", str(folder / "pictures"), "--network", spec, "--out", str(tmp_path / "a.safetensors")]
    for place in ("ensemble_cam.training.torch_loop.train", "ensemble_cam.training.sheets.curves"):
        monkeypatch.setattr(place, stop)
        assert main([*asked, "--epochs", "1", "--quiet"]) == 130
        assert list(tmp_path.iterdir()) == []
        monkeypatch.undo()


def test_what_is_wrong_with_the_folders_is_said_before_torch_is_loaded(tmp_path):
    script = (
        "import sys; from ensemble_cam.cli import main;"
        f"code = main(['train', {str(tmp_path)!r}, '--network', 'torchvision:resnet18', '--out', 'a.safetensors']);"
        "print(code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.split() == ["2", "False"]
    assert "got no folders; allowed: a folder for each class" in done.stderr


def test_a_classifier_of_the_configuration_is_not_trained_again():
    with pytest.raises(ConfigError, match="got 'teaching-resnet'; allowed: torchvision:NAME"):
        start_network("teaching-resnet", ("a", "b"), None)


@pytest.mark.parametrize("name", ["weights.pt", ".safetensors"])
def test_a_name_that_is_none_is_refused(name, tmp_path, capsys):
    assert main(["train", str(tmp_path), "--network", "torchvision:resnet18", "--out", str(tmp_path / name)]) == 2
    assert "ends in .safetensors" in capsys.readouterr().err
