"""Ours beside torchxrayvision's own models with the same weights: alike, and found out where they are not."""

import math
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ensemble_cam import cli
from ensemble_cam.classifiers import torch_upstream as upstream
from ensemble_cam.classifiers.torch_upstream import upstream_model
from ensemble_cam.errors import WeightsError
from ensemble_cam.machine.report import unheard
from ensemble_cam.maps.cams import cam_grids
from ensemble_cam.validation import torch_upstream as module
from ensemble_cam.validation.torch_upstream import Parity, against_upstream, compared
from ensemble_cam.weights.released import weights_file
from support.networks import RELEASED, smooth_film

DENSENET = weights_file(RELEASED["densenet"])


@pytest.fixture
def model(weights_dir) -> torch.nn.Module:
    """torchxrayvision's DenseNet, filled from the stand-in by its own code."""
    return upstream_model(
        "densenet", DENSENET.name, DENSENET.file_name, (weights_dir / DENSENET.file_name).read_bytes()
    )


@pytest.mark.parametrize("id", ["densenet121", "resnet50", "jfhealthcare"])
def test_logits_scores_and_maps_are_upstreams_on_a_phantom(config, weights_dir, id):
    home, told = os.environ.get("HOME"), []
    parity = against_upstream(
        config.classifier(id), weights_dir=weights_dir, report=lambda what, share: told.append(what), phantoms=1
    )
    assert parity.agrees, parity.line
    assert 0 < parity.rounding < 1e-4
    assert (parity.phantoms, parity.maps) == (1, 3)
    assert max(parity.logits, parity.scores, parity.activations) > 0, "nothing was computed twice"
    assert told == ["loading", "phantom 1 of 1"]
    assert os.environ.get("HOME") == home


def other_head(classifier):
    return replace(classifier, head=classifier.head.on(lambda values: 1.1 * values))


def other_points(classifier):
    return replace(classifier, operating_points=dict.fromkeys(classifier.outputs, 0.5))


@pytest.mark.parametrize(
    ("broken", "apart"),
    [(other_head, {"logits", "scores"}), (other_points, {"scores"})],
    ids=["weights", "operating points"],
)
def test_a_network_that_is_not_upstreams_is_found_out(loaded, model, broken, apart):
    parity = compared(broken(loaded["densenet121"]), model, [smooth_film(224)], report=unheard)
    assert not parity.agrees
    assert {name for name in ("logits", "scores") if getattr(parity, name) > 1e-5} == apart
    assert parity.line.startswith("DIFFERS from torchxrayvision ")


def test_maps_that_are_not_upstreams_are_found_out(loaded, model, monkeypatch):
    monkeypatch.setattr(module, "cam_grids", lambda *given: cam_grids(*given)[:, ::-1])
    parity = compared(loaded["densenet121"], model, [smooth_film(224)], report=unheard)
    assert not parity.agrees
    assert parity.activations > 1e-2
    assert max(parity.logits, parity.scores) < 1e-5


def test_neither_a_value_that_is_no_number_nor_maps_that_are_all_empty_pass():
    assert Parity(10, 30, 1e-5, 1e-5, 1e-5).agrees
    assert not Parity(10, 0, 0.0, 0.0, 0.0).agrees
    for place in range(3):
        told = [0.0, 0.0, 0.0]
        told[place] = math.inf
        assert not Parity(10, 30, *told).agrees
        assert not Parity(10, 30, *told, rounding=math.inf).agrees


def test_logits_may_be_as_far_apart_as_upstream_rounds_its_own_and_scores_and_maps_may_not():
    assert not Parity(10, 30, 7e-5, 0.0, 0.0).agrees
    rounded = Parity(10, 30, 7e-5, 0.0, 0.0, rounding=5e-5)
    assert rounded.agrees
    assert "1e-05 allowed (1.0e-04 of logits, which upstream itself rounds so)" in rounded.line
    assert not Parity(10, 30, 2e-4, 0.0, 0.0, rounding=5e-5).agrees
    for apart in ((0.0, 7e-5, 0.0), (0.0, 0.0, 7e-5)):
        assert not Parity(10, 30, *apart, rounding=5e-5).agrees


def test_upstreams_code_is_kept_from_the_network(monkeypatch):
    xrv = upstream.torchxrayvision()
    monkeypatch.setattr(xrv.utils, "download", lambda *_: pytest.fail("it was asked"))
    with pytest.raises(WeightsError, match="torchxrayvision wanted to download https://"):
        upstream_model("densenet", DENSENET.name, "another.pt", b"")


@pytest.fixture
def parities(monkeypatch) -> dict[str, Parity]:
    """Classifier id → what the command is told of it; one that is not there has no weights."""
    found: dict[str, Parity] = {}

    def told(config, *, weights_dir: Path, report) -> Parity:
        if config.id not in found:
            raise WeightsError("its file is not on this machine.")
        return found[config.id]

    monkeypatch.setattr(module, "against_upstream", told)
    return found


@pytest.mark.usefixtures("own_home")
def test_the_command_says_a_line_for_each_network_and_ends_with_4_unless_all_agree(parities, capsys):
    good, bad = Parity(10, 30, 1e-6, 2e-7, 3e-6), Parity(10, 30, 1e-6, 2e-7, 0.2)
    words = "1.0e-06, scores 2.0e-07, maps 3.0e-06 at most, 1e-05 allowed (10 phantoms, 30 Grad-CAM++ maps)"
    parities |= {"densenet121": good, "resnet50": good, "jfhealthcare": good}

    assert cli.main(["weights", "verify", "--against-upstream"]) == 0
    lines = capsys.readouterr().out.splitlines()[-3:]
    assert [line.split(" (")[0] for line in lines] == ["densenet121", "resnet50", "jfhealthcare"]
    assert all(line.endswith(words) for line in lines)

    parities["resnet50"] = bad
    del parities["jfhealthcare"]
    assert cli.main(["weights", "verify", "--against-upstream"]) == 4
    printed = capsys.readouterr()
    assert "resnet50 (resnet50-res512-all): DIFFERS from torchxrayvision" in printed.out
    assert printed.err == "ensemble-cam: jfhealthcare: its file is not on this machine.\n"
