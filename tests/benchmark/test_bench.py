import json

import cv2
import numpy as np
import pytest
import torch

from ensemble_cam.benchmark import speed as measured
from ensemble_cam.benchmark.speed import ComparedClassifier, as_table, as_text, bench
from ensemble_cam.cli import main
from ensemble_cam.errors import ConfigError
from ensemble_cam.machine.facts import machine_line
from ensemble_cam.maps.cams import cam_grids, expose
from ensemble_cam.settings.methods import Recipe
from support.networks import smooth_film


@pytest.fixture
def small_films(monkeypatch):
    monkeypatch.setattr(measured, "SIDE", 300)
    monkeypatch.setattr(measured, "_LARGE", (360, 300))
    monkeypatch.setattr(measured, "_MATRIX", 200)


@pytest.mark.parametrize("id", ["teaching-densenet", "teaching-resnet", "teaching-jfhealthcare"])
def test_the_peer_and_ours_explain_the_same_logits_by_the_same_layer(id, config):
    compared = ComparedClassifier.load(config.classifier(id), weights=None, weights_dir=None, labels=3)
    film = smooth_film(192, seed=12)
    exposure = expose(compared.ours["torch"], film)
    with torch.no_grad():
        assert torch.allclose(compared.whole(film)[0], exposure.run.logits, rtol=1e-4, atol=1e-4)
    peer = compared.run_peer(film)
    assert len(peer) == 3 == len(compared.labels)
    for map, grid in zip(peer, cam_grids(Recipe(), exposure, compared.outputs), strict=True):
        # The package scales its maps; and it sees the DenseNet's layer before its last ReLU.
        small = cv2.resize(map, grid.shape, interpolation=cv2.INTER_AREA)
        assert np.corrcoef(small.ravel(), grid.ravel())[0, 1] > 0.8


@pytest.mark.slow
def test_record_has_the_contracts_keys_and_is_told_in_lines(config, small_films):
    steps = []
    record = bench(
        config, set="teaching", labels=3, method="layercam", runs=1, report=lambda what, share: steps.append(what)
    )
    assert set(record["speedup"]) == {"torch", "openvino"} == set(record["peak_share"])
    assert all(value > 0 for key in ("speedup", "peak_share") for value in record[key].values())
    assert 0 < record["share_behind_backbones"]["torch"] < 1
    assert record["peak_memory_mb"] is None or record["peak_memory_mb"] >= 0
    for runtime in ("torch", "openvino"):
        assert set(record["seconds"][runtime]) == {"backbones", "heads", "maps", "ensemble"}
    assert set(record["seconds"]["peer"]) == {"teaching-densenet", "teaching-resnet", "teaching-jfhealthcare"}
    assert {"reading", "rendering", "writing", "import"} <= set(record["seconds"])
    assert all(len(labels) == 3 for labels in record["labels"].values())
    assert json.loads(json.dumps(record)) == record
    text = as_text(record)
    assert f"ensemble_cam {record['seconds']['import']['ensemble_cam']:.2f} s, all that a review needs" in text
    assert record["seconds"]["import"]["PyTorch"] > record["seconds"]["import"]["ensemble_cam"]
    assert f"{record['speedup']['openvino']:.1f}" in text
    assert "9 maps by LayerCAM" in text
    head, _, rows, *_ = as_table(record).splitlines()
    assert head == "|  | PyTorch | OpenVINO | `grad-cam` |"
    assert f"{record['speedup']['openvino']:.0f}×" in rows
    assert as_table(record).endswith(f"{machine_line(record['machine'])}.")
    assert "loading Teaching DenseNet" in steps


def test_a_method_that_the_package_is_not_hooked_for_is_refused(config):
    with pytest.raises(ConfigError, match="no hooked class for guidedgradcam"):
        bench(config, set="teaching", method="guidedgradcam")


@pytest.mark.slow
def test_all_labels_are_those_that_the_classifiers_know(config):
    counts = [
        len(ComparedClassifier.load(config.classifier(id), weights="untrained", weights_dir=None, labels=None).labels)
        for id in ("densenet121", "resnet50", "jfhealthcare")
    ]
    assert counts == [18, 16, 5]


@pytest.mark.slow
def test_the_command_prints_json_alone(small_films, capsys):
    assert main(["bench", "--set", "teaching", "--top-k", "all", "--runs", "1", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["set"] == "teaching"
    assert printed.err == ""
