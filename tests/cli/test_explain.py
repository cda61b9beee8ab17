"""`ensemble-cam explain` and `ensemble-cam layers`, from arguments to files."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import models

import ensemble_cam as ec
from ensemble_cam.cli import main
from ensemble_cam.phantom.files import film_bytes

pytestmark = pytest.mark.slow

NETWORK = ["--network", "torchvision:squeezenet1_1", "--input-size", "64"]


@pytest.fixture
def pictures(tmp_path, monkeypatch) -> Path:
    """A folder with two pictures and one that is broken."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed in (1, 2):
        (folder / f"film{seed}.png").write_bytes(film_bytes(ec.draw_phantom(seed, size=256)))
    return folder


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        network = models.squeezenet1_1(num_classes=2)
    torch.save({"state_dict": {f"model.{name}": each for name, each in network.state_dict().items()}}, "best.ckpt")
    return tmp_path / "best.ckpt"


def test_a_folder_of_pictures_is_explained(pictures, checkpoint, capsys):
    arguments = ["explain", "pictures", *NETWORK, "--checkpoint", "best.ckpt", "--classes", "normal,effusion"]
    assert main([*arguments, "--out", "out", "--method", "layercam", "--target", "all"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    first, second, third, *_ = said.out.splitlines()
    assert first.startswith(
        "Network: torchvision:squeezenet1_1, weights best.ckpt: 52 values of its state_dict, without"
    )
    assert second.startswith("[1/2] film1.png: ")
    assert third.endswith("→ out/film2")
    record = json.loads(Path("out/film1/explanation.json").read_text())
    assert (record["method"], record["output"], record["untrained"]) == ("layercam", "softmax", False)
    assert record["weights_sha256"] is not None
    assert set(record["maps"]) == {"normal", "effusion"}
    assert np.load("out/film1/effusion.npy").shape == tuple(record["maps"]["effusion"]["grid"])


def test_a_picture_that_cannot_be_read_is_a_line_and_the_others_are_done(pictures, capsys):
    (pictures / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    arguments = ["explain", "pictures", *NETWORK, "--classes", "a,b", "--out", "out", "--method", "gradcam"]
    assert main([*arguments, "--mean", "0.5", "--std", "0.2,0.3,0.4", "--output", "sigmoid", "--target", "1"]) == 3
    said = capsys.readouterr()
    assert said.err.startswith("ensemble-cam: broken.png: The PNG file is broken")
    assert said.err.count("\n") == 1
    assert "film1.png: " in said.out
    assert ", which means nothing, → " in said.out
    record = json.loads(Path("out/film2/explanation.json").read_text())
    assert record["output"] == "sigmoid"
    assert record["input"]["std"] == [0.2, 0.3, 0.4]
    assert list(record["maps"]) == ["b"]


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        (["--checkpoint", "absent.pth"], 4, "absent.pth: there is no such checkpoint. Check the path."),
        (["--target", "c"], 2, "target: got 'c'; allowed: one of a, b, predicted, all."),
        (["--layer", "features.99"], 2, "The network has no layer 'features.99'."),
        (["--classes", "a,a"], 2, "classes: 'a' stands there twice."),
    ],
    ids=["no checkpoint", "no class", "no layer", "twice"],
)
def test_what_is_wrong_with_the_network_is_a_line(pictures, capsys, more, code, says):
    assert main(["explain", "pictures", *NETWORK, "--classes", "a,b", "--out", "out", "--quiet", *more]) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"ensemble-cam: {says}")
    assert said.err.count("\n") == 1
    assert not Path("out").exists()


def test_layers_are_listed_with_the_recommended_one_marked(capsys):
    assert main(["layers", *NETWORK]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1:] for line in lines if line.startswith("*")] == [
        ["features", "3×3", "cells", "512", "channels", "traced"]
    ]
    assert any(line.split()[0] == "features.0" for line in lines)


def test_where_the_layer_cannot_be_told_the_list_ends_with_the_reason(capsys):
    assert main(["layers", "--network", "torchvision:maxvit_t"]) == 0
    *listed, reason = capsys.readouterr().out.splitlines()
    assert len(listed) > 1
    assert reason.startswith("Which layer the head of this network pools cannot be told from its class, MaxVit. Name")


def test_a_transformers_tokens_are_listed_as_cells(capsys):
    assert main(["layers", "--network", "timm:vit_tiny_patch16_224"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1:3] for line in lines if line.startswith("*")] == [["blocks.11.norm1", "14×14"]]


def test_a_rollout_is_written_with_its_options(pictures, capsys):
    spec = ["--network", "timm:vit_tiny_patch16_224", "--classes", "a,b", "--method", "rollout"]
    assert main(["explain", "pictures/film1.png", "--out", "out", *spec, "--fusion", "max", "--discard", "0.5"]) == 0
    assert "all attention layers" in capsys.readouterr().out
    record = json.loads(Path("out/film1/explanation.json").read_text())
    assert (record["method"], record["rollout"]) == ("rollout", {"fusion": "max", "discard": 0.5})
    assert np.load(f"out/film1/{record['predicted']}.npy").shape == (14, 14)


def test_a_network_without_attention_is_refused_a_rollout_once(pictures, capsys):
    assert main(["explain", "pictures", "--out", "out", *NETWORK, "--classes", "a,b", "--method", "rollout"]) != 0
    assert capsys.readouterr().err.count("this network has none that can be read") == 1
    assert not Path("out/film1").exists()


def test_several_layers_are_files_of_their_own_or_one(pictures, capsys):
    film = ["explain", "pictures/film1.png", *NETWORK, "--classes", "a,b", "--target", "a", "--method", "layercam"]
    assert main([*film, "--out", "apart", "--layer", "features.12,features.7"]) == 0
    assert "; layers features.7, features.12" in capsys.readouterr().out.splitlines()[0]
    apart = {path.name for path in Path("apart/film1").glob("*.npy")}
    assert apart == {"a_features.7.npy", "a_features.12.npy"}
    assert main([*film, "--out", "joint", "--layer", "features.12,features.7", "--combine", "weighted"]) == 0
    assert np.load("joint/film1/a.npy").shape == np.load("apart/film1/a_features.7.npy").shape
    assert main([*film, "--out", "none", "--layer", "features.12", "--combine", "mean"]) == 2
    assert "combine: there is one layer, features.12" in capsys.readouterr().err
    assert not Path("none").exists()
