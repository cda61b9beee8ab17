"""Classifiers loaded from files, their scores, and the seeded values that stand in for files."""

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from ensemble_cam.classifiers.classifier import WeightsInfo
from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.classifiers.torch_families import upstream_network
from ensemble_cam.classifiers.torch_networks import in_torch
from ensemble_cam.classifiers.torch_upstream import torchxrayvision
from ensemble_cam.errors import ClassifierError, WeightsError, WeightsMissing
from ensemble_cam.weights.released import weights_file
from ensemble_cam.weights.store import Published
from support.networks import (
    RELEASED,
    bright_classifier,
    smooth_film,
)


def test_score_is_a_half_at_the_operating_point_and_stays_in_its_range():
    classifier = replace(bright_classifier(logits={"A": 0.0, "B": 0.0}), operating_points={"A": 0.02, "B": 0.9})
    at = [float(np.log(point / (1 - point))) for point in (0.02, 0.9)]
    assert list(classifier.scores(at).values()) == pytest.approx([0.5, 0.5], abs=1e-12)
    # Worked out by hand: half the way to the point is a quarter; half the way from it to 1 is three quarters.
    low, high = float(np.log(0.01 / 0.99)), float(np.log(0.95 / 0.05))
    assert list(classifier.scores([low, high]).values()) == pytest.approx([0.25, 0.75], abs=1e-12)
    for extreme, score in ((-1e4, 0), (-710, 0), (-40, 0), (40, 1), (1e4, 1)):
        assert list(classifier.scores([extreme] * 2).values()) == pytest.approx([score] * 2, abs=1e-12)


def test_jfhealthcares_score_is_its_sigmoid_and_marked_uncalibrated(loaded):
    classifier = loaded["jfhealthcare"]
    logits = [-3.0, 0.0, 2.5, -20.0, 800.0]
    assert not classifier.calibrated
    assert classifier.labels == ("Cardiomegaly", "Edema", "Consolidation", "Atelectasis", "Effusion")
    expected = torch.sigmoid(torch.tensor(logits, dtype=torch.float64))
    assert_allclose(list(classifier.scores(logits).values()), expected, atol=1e-12)


def test_configured_operating_points_calibrate_jfhealthcare(config, loaded):
    table = config.classifier("jfhealthcare")
    points = {"Cardiomegaly": 0.3, "Edema": 0.4, "Consolidation": 0.5, "Atelectasis": 0.6, "Effusion": 0.7}
    info = WeightsInfo(RELEASED["jfhealthcare"], sha256="0" * 64, published=Published.UNKNOWN)
    network = upstream_network("jfhealthcare")

    classifier = in_torch(replace(table, operating_points=points), network, info)

    assert classifier.calibrated
    logits = [float(np.log(point / (1 - point))) for point in points.values()]
    assert list(classifier.scores(logits).values()) == pytest.approx([0.5] * 5, abs=1e-12)
    for wrong in ({**points, "Mass": 0.5}, {"Edema": 0.4}):
        with pytest.raises(ClassifierError, match=r"JF Healthcare: operating points.*Give one for each label"):
            in_torch(replace(table, operating_points=wrong), network, info)
    # An operating point of the released weights says nothing of seeded values.
    untrained = WeightsInfo("untrained", sha256=None, published=Published.NO)
    seeded = in_torch(replace(table, operating_points=points), network, untrained)
    assert not seeded.calibrated
    assert (classifier.operating_points_source, seeded.operating_points_source) == ("configuration", None)


def test_the_densenet_file_is_a_whole_pickled_module_as_old_pytorch_wrote_it(weights_dir):
    path = weights_dir / weights_file(RELEASED["densenet"]).file_name
    module = torch.load(path, weights_only=False)
    assert type(module) is torchxrayvision().models.DenseNet
    assert b"_non_persistent_buffers_set" not in path.read_bytes()


def test_a_file_with_another_hash_needs_a_sidecar(config, weights_dir, tmp_path):
    table = config.classifier("densenet121")
    path = weights_dir / weights_file(RELEASED["densenet"]).file_name
    shutil.copy(path, tmp_path)
    with pytest.raises(WeightsError, match=r"SHA-256 is .*expected 56524913dd16"):
        load_classifier(table, weights_dir=tmp_path)
    shutil.copy(f"{path}.sha256", tmp_path)
    assert load_classifier(table, weights_dir=tmp_path).weights.published is Published.NO


def test_a_missing_file_is_said_to_be_missing(config, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("ENSEMBLE_CAM_WEIGHTS", raising=False)
    with pytest.raises(WeightsMissing, match="resnet50-res512-all: its file is not on this machine"):
        load_classifier(config.classifier("resnet50"), weights_dir=tmp_path)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda values: values.pop("fc.bias"), r"lacks fc\.bias \(1 such"),
        (lambda values: values.update({"fc.more": torch.zeros(1)}), r"has unknown fc\.more"),
        (lambda values: values.update({"fc.weight": torch.zeros(5, 2048)}), r"has another shape of fc\.weight"),
    ],
    ids=["lacks", "unknown", "shape"],
)
def test_a_file_of_another_network_is_refused(config, weights_dir, tmp_path, change, complaint):
    name = weights_file(RELEASED["resnet"]).file_name
    values = torch.load(weights_dir / name, weights_only=True)
    change(values)
    torch.save(values, tmp_path / name)
    with pytest.raises(WeightsError, match=complaint):
        load_classifier(config.classifier("resnet50"), weights_dir=tmp_path)


def test_counters_of_later_pytorch_versions_may_be_missing(config, weights_dir, tmp_path, loaded):
    name = weights_file(RELEASED["resnet"]).file_name
    values = torch.load(weights_dir / name, weights_only=True)
    torch.save({key: value for key, value in values.items() if "num_batches" not in key}, tmp_path / name)
    film = smooth_film(128)

    classifier = load_classifier(config.classifier("resnet50"), weights_dir=tmp_path)

    assert torch.equal(classifier.backbone(film), loaded["resnet50"].backbone(film))


def test_untrained_classifiers_leave_the_random_state_alone(config):
    state = torch.random.get_rng_state()
    for table in config.in_set("clinical"):
        load_classifier(table, weights="untrained")
        assert torch.equal(torch.random.get_rng_state(), state), table.id


def test_untrained_values_are_the_same_in_another_process(untrained, another_process):
    assert another_process["untrained"] == hash_of(untrained["densenet121"])


def test_untrained_networks_say_so(untrained, loaded):
    for id, classifier in untrained.items():
        assert classifier.weights.untrained
        assert classifier.weights.sha256 is None
        assert classifier.weights.published is Published.NO
        assert classifier.weights.remark.startswith("untrained")
        assert not classifier.calibrated
        assert classifier.labels == loaded[id].labels


@pytest.mark.slow
def test_importing_upstream_leaves_the_process_as_it_was(another_process):
    assert {key: value for key, value in another_process.items() if key != "untrained"} == {
        "has JF Healthcare": True,
        "path is the same": True,
        "model": "the user's",
        "left behind": ["model"],
        "filters are the same": True,
    }


def hash_of(classifier) -> str:
    return hashlib.sha256(
        b"".join(v.numpy().tobytes() for v in classifier.network().backbone.state_dict().values())
    ).hexdigest()


@pytest.fixture(scope="module")
def another_process(tmp_path_factory):
    """What a process found that had a top-level module `model` of its own and then imported torchxrayvision."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "model.py").write_text('whose = "the user\'s"\n')
    code = """
import hashlib, json, sys, warnings
import torch, torchvision  # what is looked at is what torchxrayvision's own import leaves behind
sys.path.insert(0, sys.argv[1])
import model
filters, path = list(warnings.filters), list(sys.path)
from ensemble_cam.classifiers.torch_upstream import torchxrayvision
xrv = torchxrayvision()
found = {
    "has JF Healthcare": hasattr(xrv.baseline_models.jfhealthcare, "DenseNet"),
    "path is the same": sys.path == path,
    "model": sys.modules["model"].whose if sys.modules["model"] is model else "another",
    "left behind": sorted(name for name in sys.modules if name == "model" or name.startswith("model.")),
    "filters are the same": warnings.filters == filters,
}
from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.settings.config import load_config
classifier = load_classifier(load_config().classifier("densenet121"), weights="untrained")
values = b"".join(v.numpy().tobytes() for v in classifier.network().backbone.state_dict().values())
print(json.dumps({**found, "untrained": hashlib.sha256(values).hexdigest()}))
"""
    command = [sys.executable, "-c", code, str(folder)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output.strip().splitlines()[-1])
