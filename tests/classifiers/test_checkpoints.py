"""Checkpoints of other programs: loaded whole or refused, each with its sentence, and no code of theirs is run."""

import argparse
import json
import os
import pickle
import re
from collections import OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision import models

import ensemble_cam as ec

pytestmark = pytest.mark.slow

SPEC = "torchvision:squeezenet1_1"  # the smallest
CLASSES = ["a", "b", "c"]


@pytest.fixture(scope="module")
def module() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return models.squeezenet1_1(num_classes=3).eval()


@pytest.fixture(scope="module")
def state(module) -> dict[str, Tensor]:
    return dict(module.state_dict())


def prefixed(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in state.items()}


def zeros(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: torch.zeros_like(value) for name, value in state.items()}


class RunsCode:
    """What a hostile file has in it."""

    def __reduce__(self):
        return os.mkdir, ("made_by_the_file",)


class Evaluates:
    """The same by Python's own."""

    def __reduce__(self):
        return eval, ("__import__('os').mkdir('made_by_the_file')",)


class AsksForMemory:
    """What would make memory of a number."""

    def __reduce__(self):
        return torch.UntypedStorage, (8,)


def without_end(state: dict[str, Tensor]) -> dict[str, object]:
    """Return a mapping that holds itself."""
    whole: dict[str, object] = {"model": state}
    whole["self"] = whole
    return whole


class Config:
    """A class of a training's own, which nobody else has."""

    def __init__(self) -> None:
        self.rate = 0.1


def lightning(state: dict[str, Tensor]) -> dict[str, object]:
    """Return what Lightning refuses to read by default, as its hyper-parameters hold more than plain values."""
    return {
        "epoch": 3,
        "state_dict": prefixed(state, "model.") | {"criterion.weight": torch.ones(3)},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(2)}}}],
        "hyper_parameters": {
            "folder": Path("data"),
            "rate": np.float64(0.1),
            "arguments": argparse.Namespace(depth=3),
            "counts": defaultdict(list, {"a": [1]}),
            "config": Config(),
            "classes": CLASSES,
        },
    }


LOADED = {
    "plain": (lambda state: state, "52 values"),
    "ordered": (OrderedDict, "52 values"),
    "data parallel": (lambda state: prefixed(state, "module."), 'without the prefix "module."'),
    "model": (lambda state: prefixed(state, "model."), 'without the prefix "model."'),
    "net": (lambda state: prefixed(state, "net."), 'without the prefix "net."'),
    "compiled": (lambda state: prefixed(state, "_orig_mod."), "52 values"),
    "two wrappers": (lambda state: prefixed(state, "module._orig_mod.model."), 'without the prefix "module.model."'),
    "a training's": (lambda state: {"epoch": 3, "model_state_dict": state}, "52 values of its model_state_dict"),
    "timm's, averaged": (
        lambda state: {"state_dict": zeros(state), "state_dict_ema": state, "epoch": 1},
        r"52 values \(averaged, EMA\) of its state_dict_ema",
    ),
    "averaged by prefix": (
        lambda state: {"state_dict": prefixed(zeros(state), "model.") | prefixed(state, "ema_model.module.")},
        r'\(averaged, EMA\) of its state_dict, without the prefix "ema_model.module."; 52 beside them left out',
    ),
    "lightning": (lightning, r"of its state_dict, without the prefix \"model.\"; 1 beside .+ \(criterion.weight\)"),
    "half precision": (lambda state: {name: value.half() for name, value in state.items()}, "52 values"),
    "asks for memory": (lambda state: {"memory": AsksForMemory(), "model": state}, "52 values of its model"),
    "without an end": (without_end, "52 values of its model"),
    "a class of its own": (lambda state: {"config": Config(), "model": state}, "52 values of its model"),
}


@pytest.mark.parametrize("name", LOADED)
def test_all_of_a_networks_values_are_found(name, tmp_path, module, state):
    made, told = LOADED[name]
    torch.save(made(state), tmp_path / "best.pth")
    network = ec.load_network(SPEC, checkpoint=tmp_path / "best.pth", classes=CLASSES, input_size=64)
    assert re.search(told, network.weights), network.weights
    for own, value in network.module.state_dict().items():
        assert torch.allclose(value, state[own], atol=1e-3 if name == "half precision" else 0), own
    assert network.weights_sha256 is not None
    assert not network.untrained


def test_a_module_that_was_saved_whole_and_safetensors_are_read(tmp_path, module, state):
    torch.save(module, tmp_path / "whole.pth")
    torch.save(module, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    save_file(state, tmp_path / "best.safetensors")
    for name in ("whole.pth", "old.pth", "best.safetensors"):
        network = ec.load_network(SPEC, checkpoint=tmp_path / name, classes=CLASSES, input_size=64)
        assert all(torch.equal(value, state[own]) for own, value in network.module.state_dict().items())


def without(state: dict[str, Tensor], *names: str) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if name not in names}


REFUSED = {
    "one missing": (
        lambda state: without(state, "classifier.1.bias"),
        r"it does not fit the network: missing classifier\.1\.bias\. Check that network, classes and file belong",
    ),
    "one too many": (
        lambda state: state | {"extra.weight": torch.ones(1)},
        r"does not fit the network: unexpected extra\.weight\.",
    ),
    "another prefix": (
        lambda state: prefixed(state, "encoder."),
        r'fits under the prefix "encoder\.": say prefix="encoder"\.',
    ),
    "another network": (
        lambda state: {"conv1.weight": torch.ones(1), "fc.bias": torch.ones(2)},
        r"missing features\.0\.weight, features\.0\.bias, .+ and 49 more; unexpected conv1\.weight, fc\.bias\.",
    ),
    "another shape": (
        lambda state: state | {"features.0.weight": torch.ones(64, 1, 3, 3)},
        r"features\.0\.weight is \(64, 1, 3, 3\) and should be \(64, 3, 3, 3\)\.",
    ),
    "other classes": (
        lambda state: state | {"classifier.1.weight": torch.ones(5, 512, 1, 1), "classifier.1.bias": torch.ones(5)},
        r"it was trained for 5 classes, and the network has 3\.",
    ),
    "no weights": (lambda state: {"epoch": 3}, r"it holds no weights\."),
    "code inside": (
        lambda state: {"model": state, "run": RunsCode()},
        r"the file asks for posix\.mkdir, which could run code, and was not loaded\.",
    ),
    "code of Python's": (
        lambda state: {"model": state, "run": Evaluates()},
        r"the file asks for __builtin__\.eval, which could run code, and was not loaded\.",
    ),
    "half of it": (
        lambda state: dict(list(state.items())[:26]),
        r"missing .+ and 23 more\. Check",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_with_its_sentence(name, tmp_path, monkeypatch, state):
    monkeypatch.chdir(tmp_path)
    made, says = REFUSED[name]
    torch.save(made(state), "best.pth")
    with pytest.raises(ec.UnusableWeights, match=says) as raised:
        ec.load_network(SPEC, checkpoint="best.pth", classes=CLASSES, input_size=64)
    assert str(raised.value).startswith("best.pth: ")
    assert "\n" not in str(raised.value)
    assert os.listdir() == ["best.pth"]


def test_files_that_are_no_checkpoints_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("text.pth").write_text("not weights")
    Path("bare.pkl").write_bytes(pickle.dumps(RunsCode()))
    Path("cut.pth").write_bytes(b"PK\x03\x04" + bytes(100))
    for name, says in (
        ("text.pth", "text.pth: the file is neither PyTorch's nor safetensors."),
        ("bare.pkl", r"bare.pkl: the file asks for posix\.mkdir, which could run code, and was not loaded\."),
        ("cut.pth", "cut.pth: the file is damaged"),
    ):
        with pytest.raises(ec.UnusableWeights, match=says):
            ec.load_network(SPEC, checkpoint=name, classes=CLASSES)
    with pytest.raises(ec.WeightsMissing, match=r"absent\.pth: there is no such checkpoint"):
        ec.load_network(SPEC, checkpoint="absent.pth", classes=CLASSES)
    assert not Path("made_by_the_file").exists()


def test_a_prefix_that_is_named_is_taken(tmp_path, state):
    torch.save(prefixed(state, "encoder.") | {"head.weight": torch.ones(1)}, tmp_path / "best.pth")
    network = ec.load_network(SPEC, checkpoint=tmp_path / "best.pth", classes=CLASSES, prefix="encoder", input_size=64)
    assert "1 beside them left out (head.weight)" in network.weights


def test_classes_are_the_checkpoints_own_where_nobody_names_them(tmp_path, state):
    path, beside = tmp_path / "best.pth", tmp_path / "best.classes.json"

    def classes() -> tuple[str, ...]:
        return ec.load_network(SPEC, checkpoint=path, input_size=64).classes

    torch.save(state, path)
    assert classes() == ("class_0", "class_1", "class_2")
    torch.save(lightning(state), path)
    assert classes() == ("a", "b", "c")
    torch.save({"class_to_idx": {"x": 1, "y": 0, "z": 2}, "model": state}, path)
    assert classes() == ("y", "x", "z")
    beside.write_text(json.dumps(["one", "two", "three"]))
    assert classes() == ("one", "two", "three")
    beside.write_text(json.dumps({"0": "u", "1": "v", "2": "w"}))
    with pytest.raises(ec.UnusableWeights, match=r"best\.classes\.json: it is no list of class names\."):
        classes()
