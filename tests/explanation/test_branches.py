"""Networks with several inputs: a map for each from one pass, in the picture where the answer comes from."""

import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import models

import ensemble_cam as ec
from ensemble_cam.cli import main
from support.branches import SIDE, OnlyOneMatters, Shared, TwoBranches, inside, pair, trained_pair

pytestmark = pytest.mark.slow

NAMES = ["first", "second", "third", "fourth"]
PLAIN = {"mean": 0, "std": 1, "channels": 1}
SIDES = {"left": "left", "right": "right"}


def grey(seed: int, side: int = 64) -> np.ndarray:
    return np.random.default_rng(seed).random((side, side)).astype(np.float32)


@pytest.fixture(scope="module")
def one_of_four() -> ec.Network:
    layer = {name: f"means.{number}" for number, name in enumerate(NAMES)}
    return ec.Network(OnlyOneMatters(), layer=layer, inputs=NAMES, classes=["a", "b"], input_size=64, **PLAIN)


@pytest.fixture(scope="module")
def trained() -> TwoBranches:
    return trained_pair()


@pytest.mark.parametrize("method", ["hirescam", "gradcam", "layercam", "gradcam++"])
def test_of_four_inputs_the_one_that_matters_has_the_whole_map(one_of_four, method):
    pictures = {name: grey(seed) for seed, name in enumerate(NAMES)}
    explanation = ec.explain(one_of_four, pictures, target="b", method=method)
    assert list(explanation.maps) == NAMES
    assert dict(explanation.shares) == {"first": 0, "second": 1, "third": 0, "fourth": 0}
    for name in ("first", "third", "fourth"):
        assert not explanation.maps[name].any()
        assert not explanation.map_in_picture(name).any()
    if method == "hirescam":
        weight = one_of_four.module.weight[1, 0].detach().numpy()
        cells = pictures["second"].reshape(8, 8, 8, 8).mean((1, 3))
        np.testing.assert_allclose(explanation.maps["second"], np.maximum(cells * weight, 0), atol=1e-6)
        assert explanation.record["logits"]["b"] == pytest.approx((cells * weight).sum(), abs=1e-5)


def test_the_planted_inputs_map_is_hottest_there_and_the_others_share_is_small(trained):
    network = ec.Network(
        trained, layer=SIDES, inputs=["left", "right"], classes=["absent", "present"], input_size=SIDE, **PLAIN
    )
    random, hits, shares, right_calls = np.random.default_rng(99), 0, [], 0
    for _ in range(40):
        left, right, corner = pair(random, present=True)
        explanation = ec.explain(network, {"left": left, "right": right}, target="present", method="hirescam")
        right_calls += explanation.predicted == "present"
        values = explanation.map_in_picture("right")
        row, column = np.unravel_index(values.argmax(), values.shape)
        is_hottest = explanation.maps["right"].max() > explanation.maps["left"].max()
        hits += bool(is_hottest) and inside((int(column), int(row)), corner, margin=2)
        shares.append(explanation.shares["left"])
    print(f"called {right_calls} of 40, hottest at the finding {hits}, the other input's share {np.mean(shares):.3f}")
    assert right_calls >= 38
    assert hits >= 38
    assert np.mean(shares) < 0.25


def test_all_maps_come_from_one_pass_and_the_module_is_left_as_it_was(trained):
    module, runs = TwoBranches(), Counter[str]()
    module.load_state_dict(trained.state_dict())
    network = ec.Network(module, layer=SIDES, inputs=["left", "right"], input_size=SIDE, **PLAIN)
    inner = type(module).forward

    def counted(self: nn.Module, *given: object, **named: object) -> torch.Tensor:
        runs["forward"] += 1
        return inner(self, *given, **named)

    pictures = [{"left": grey(2 * seed, SIDE), "right": grey(2 * seed + 1, SIDE)} for seed in range(8)]
    serial = [ec.explain(network, each, target="all", method="gradcam") for each in pictures]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TwoBranches, "forward", counted)
        ec.explain(network, pictures[0], target="all", method="gradcam")
    assert runs["forward"] == 1
    with ThreadPoolExecutor(8) as threads:
        again = list(threads.map(lambda each: ec.explain(network, each, target="all", method="gradcam"), pictures))
    assert [each.record for each in serial] == [each.record for each in again]
    for one, other in zip(serial, again, strict=True):
        assert all(np.array_equal(one.maps[name], other.maps[name]) for name in SIDES)
    assert all(not each._forward_hooks and each.training for each in module.modules())
    assert all(each.grad is None for each in module.parameters())


def test_pictures_are_handed_over_by_the_names_of_the_arguments_not_in_the_order_given(trained):
    one, other = (
        ec.Network(trained, layer=SIDES, inputs=order, input_size=SIDE, **PLAIN)
        for order in (["left", "right"], ["right", "left"])
    )
    pictures = {"left": grey(0, SIDE), "right": grey(1, SIDE)}
    assert ec.explain(one, pictures).record["logits"] == ec.explain(other, pictures).record["logits"]


def test_a_branch_that_inputs_share_has_a_map_for_each_call():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        module = Shared().eval()
    network = ec.Network(
        module, layer={"left": "left", "right": "left"}, inputs=["left", "right"], input_size=SIDE, **PLAIN
    )
    # The right picture's is the first call.
    assert network.branches.calls == {"left": ("left", 1), "right": ("left", 0)}
    black, bright = np.zeros((SIDE, SIDE), np.float32), grey(3, SIDE)
    one = ec.explain(network, {"left": bright, "right": black}, target=0, method="gradcam")
    swapped = ec.explain(network, {"left": black, "right": bright}, target=0, method="gradcam")
    assert not np.array_equal(one.maps["left"], one.maps["right"])
    assert not np.array_equal(one.maps["left"], swapped.maps["left"])


class OfTwo(nn.Module):
    """Two ResNets behind one linear layer, given in one dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.networks = nn.ModuleDict({name: models.resnet18(num_classes=4) for name in ("eye", "skin")})
        self.fc = nn.Linear(8, 2)

    def forward(self, pictures: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return logits."""
        return self.fc(torch.cat([each(pictures[name]) for name, each in self.networks.items()], 1))


def test_branches_of_known_families_are_cut_at_their_last_stages():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        module = OfTwo().eval()
    network = ec.Network(module, inputs=["eye", {"name": "skin", "size": 96}], input_size=64)
    assert {each.input: (each.name, each.grid) for each in network.chosen} == {
        "eye": ("networks.eye.layer4", (2, 2)),
        "skin": ("networks.skin.layer4", (3, 3)),
    }
    assert ec.recommended_layers(network) == ("networks.eye.layer4", "networks.skin.layer4")
    assert "eye at layer networks.eye.layer4" in repr(network)


REFUSED = [
    ({"layer": {"left": "left", "right": "head"}}, r"No map of right can be made at head: it sees left, too"),
    (
        {"layer": {"left": "right", "right": "right"}},
        r"No map of left can be made at right: it does not see left\. Name",
    ),
    ({"layer": {"left": "left"}}, "layer: got .*; allowed: a layer for each input, left, right"),
    ({"layer": {"left": "left", "right": "rigt"}}, "The network has no layer 'rigt'. Did you mean \"right\""),
    ({}, r"Which layer ends the branch of left cannot be told\. Name one of left\."),
    ({"inputs": ["left", "left"], "layer": SIDES}, "inputs: 'left' stands there twice"),
    ({"inputs": ["left"]}, r"inputs: got \['left'\]; hand over a list of two names or more"),
    ({"inputs": ["left", "middle", "right"]}, "inputs: got 3, and the network's forward takes 2, left, right"),
    ({"inputs": ["left", {"name": "right", "sice": 3}]}, 'inputs: got the unknown key "sice"'),
]


@pytest.mark.parametrize(("options", "says"), REFUSED, ids=[str(each) for each, _ in REFUSED])
def test_inputs_and_layers_that_do_not_go_together_are_refused(trained, options, says):
    with pytest.raises(ec.EnsembleCamError, match=says):
        ec.Network(trained, **{"inputs": ["left", "right"], "input_size": SIDE, **PLAIN, **options})


def test_what_is_not_made_of_several_inputs_is_refused(one_of_four):
    pictures = {name: grey(seed) for seed, name in enumerate(NAMES)}
    with pytest.raises(ec.ConfigError, match=r"a picture for each of first, second, third, fourth; got one picture"):
        ec.explain(one_of_four, grey(0))
    with pytest.raises(ec.ConfigError, match="method: Score-CAM is made of networks with one input alone"):
        ec.explain(one_of_four, pictures, method="scorecam")
    with pytest.raises(ec.ConfigError, match="combine: maps of several inputs lie in different pictures"):
        ec.explain(one_of_four, pictures, combine="mean")
    with pytest.raises(ec.ClassifierError, match="several inputs, and each a layer of its own"):
        _ = one_of_four.cut


def test_the_command_explains_pictures_that_belong_together(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    torch.save(trained.state_dict(), "pair.pth")
    for name, seed in (("a", 0), ("b", 1), ("c", 2), ("d", 3)):
        Image.fromarray((grey(seed, SIDE) * 255).astype(np.uint8)).save(f"{name}.png")
    Path("pair.toml").write_text(
        '[network]\nfactory = "support.branches:TwoBranches"\ncheckpoint = "pair.pth"\n'
        'classes = ["absent", "present"]\n'
        f'mean = 0.0\nstd = 1.0\ninput_size = {SIDE}\nchannels = 1\ninputs = ["left", {{name = "right"}}]\n'
    )
    network = ["--network", "file:pair.toml"]
    assert main(["layers", *network]) == 0
    listed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["left", "16×16", "cells", "8", "channels", "twin", "of", "left"] in listed
    files = ["--input", "left=a.png", "--input", "right=b.png", "--input", "left=c.png", "--input", "right=d.png"]
    explain = ["explain", *network, "--layer", "left=left,right=right", "--out", "out", "--method", "hirescam"]
    assert main([*explain, *files, "--target", "present"]) == 0
    said = capsys.readouterr().out
    assert "; layers left of left, right of right" in said
    assert "(left " in said
    assert {path.name for path in Path("out").iterdir()} == {"a", "c"}
    made = {f"{name}_present.{ending}" for name in SIDES for ending in ("png", "npy")}
    assert {path.name for path in Path("out/a").iterdir()} == {*made, "explanation.json"}
    record = json.loads(Path("out/a/explanation.json").read_text())
    assert set(record["pictures"]) == set(record["input"]) - {"framing"} == set(SIDES)
    assert sum(each["share"] for each in record["maps"].values()) == pytest.approx(1)
    for wrong, says in (
        (["a.png"], "The network has several inputs; allowed: --input NAME=FILE for each of left, right."),
        (["--input", "left=a.png"], "--input: missing: right."),
        (
            ["--input", "left=a.png", "--input", "rigth=b.png"],
            "--input: got 'rigth'; allowed: .* Did you mean \"right\"",
        ),
        (["a.png", "--input", "left=a.png"], "--input: it stands for pictures."),
        (
            ["--input", "left=a.png", *files[:4]],
            "--input: each input has a picture in every case, and they have left 2, right 1",
        ),
        ([], "PICTURE: missing."),
    ):
        assert main([*explain, *wrong]) == 2
        assert re.search(says, capsys.readouterr().err)


def test_a_branch_that_gives_nothing_has_an_empty_map_and_no_share(trained):
    module = TwoBranches()
    module.load_state_dict(trained.state_dict())
    with torch.no_grad():
        for each in module.left.parameters():
            each.zero_()
    network = ec.Network(module, layer=SIDES, inputs=["left", "right"], input_size=SIDE, **PLAIN)
    left, right, _ = pair(np.random.default_rng(5), present=True)
    explanation = ec.explain(network, {"left": left, "right": right}, target=1, method="gradcam")
    assert dict(explanation.shares) == {"left": 0, "right": 1}
    assert not explanation.maps["left"].any()
    assert explanation.record["maps"]["left_class_1"]["empty"]
