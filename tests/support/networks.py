"""Small networks made by hand, whose answers are known in closed form, and the upstream models to compare with."""

import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ensemble_cam.classifiers.classifier import Classifier, WeightsInfo
from ensemble_cam.classifiers.heads import PooledHead
from ensemble_cam.classifiers.torch_families import TorchNetwork, upstream_network
from ensemble_cam.classifiers.torch_untrained import fill_untrained
from ensemble_cam.classifiers.torch_upstream import torchxrayvision
from ensemble_cam.settings.config import ClassifierConfig
from ensemble_cam.weights.released import weights_file
from ensemble_cam.weights.store import Published

FAMILIES = ("densenet", "resnet", "jfhealthcare")
RELEASED = {
    "densenet": "densenet121-res224-all",
    "resnet": "resnet50-res512-all",
    "jfhealthcare": "jfhealthcare-densenet121",
}
INPUT_SIZES = {"densenet": 224, "resnet": 512, "jfhealthcare": 512}


class Brightness:
    """What is brighter than middle grey, averaged over each cell of a grid: its map is hot where the film is bright."""

    def __init__(self, cells: int):
        self.cells = cells

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        bright, side = np.maximum(np.asarray(pixels), 0) / 1024, pixels.shape[-1]
        edges = np.arange(self.cells + 1) * side
        means = np.zeros((self.cells, side), np.float32)
        for cell, (start, end) in enumerate(itertools.pairwise(edges)):
            inside = slice(start // self.cells, -(-end // self.cells))
            means[cell, inside] = 1 / (inside.stop - inside.start)
        return means @ bright @ means.T


def as_untrained(classifier: Classifier) -> Classifier:
    """Return a classifier as it is where its weights are seeded values."""
    weights = WeightsInfo("untrained", sha256=None, published=Published.NO)
    return replace(classifier, weights=weights, operating_points=None)


def as_teaching(classifier: Classifier) -> Classifier:
    """Return a classifier as one of the teaching set, which knows phantoms alone."""
    return replace(classifier, config=replace(classifier.config, set="teaching"))


class Failing:
    """A backbone that raises what it was given."""

    def __init__(self, error: Exception):
        self.error = error

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        raise self.error


def table(id: str = "bright", **changed) -> ClassifierConfig:
    """Return a classifier's table of the configuration."""
    values = {
        "name": id.capitalize(),
        "description": "made by hand",
        "model_type": "densenet",
        "set": "clinical",
        "input_size": 64,
        "default_weight": RELEASED["densenet"],
        "weights": (RELEASED["densenet"],),
    }
    return ClassifierConfig(id=id, **{**values, **changed})


def bright_classifier(
    id: str = "bright",
    *,
    logits: Mapping[str, float] | None = None,
    slope: float = 1.0,
    cells: int = 16,
    input_size: int = 64,
    calibrated: bool = True,
    ensemble_weight: float = 1.0,
    backbone: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Classifier:
    """Return a classifier that answers where the film is brightest.

    Args:
        id: its id; the name is the id with a capital.
        logits: label → its logit for a film without anything brighter than middle grey.
        slope: what the mean brightness adds to each logit; 0 makes empty maps.
        cells: cells along each side of its grid.
        input_size: side of its input.
        calibrated: gives each label the operating point 0.5, so that the score is the sigmoid either way.
        ensemble_weight: as in the configuration.
        backbone: another one.
    """
    logits = {"Nodule": 0.0} if logits is None else logits
    weight, bias = np.full((len(logits), 1), slope, np.float32), np.array(list(logits.values()), np.float32)
    return Classifier(
        config=table(id, input_size=input_size, ensemble_weight=ensemble_weight),
        weights=WeightsInfo("by-hand", sha256="0" * 64, published=Published.YES),
        backbone=Brightness(cells) if backbone is None else backbone,
        head=PooledHead({"weight": weight, "bias": bias}),
        outputs={label: output for output, label in enumerate(logits)},
        operating_points=dict.fromkeys(logits, 0.5) if calibrated else None,
        network=lambda: TorchNetwork(nn.Identity(), nn.Identity()),
        runtime="openvino",
    )


def smooth_film(size: int, *, seed: int = 0) -> Tensor:
    """Return a film-like picture, (1, 1, size, size) float32 in [-1024, 1024]."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 1, 12, 12, generator=generator) * 2 - 1
    picture = F.interpolate(coarse, size=(size, size), mode="bicubic")
    picture += 0.05 * torch.randn(1, 1, size, size, generator=generator)
    return picture.clamp(-1, 1) * 1024


def write_stand_ins(folder: Path, *, names: Sequence[str] = tuple(RELEASED.values())) -> None:
    """Write weights files of the released names and formats, with the untrained networks' values and sidecars.

    The DenseNet is a whole pickled module without `_non_persistent_buffers_set`, as old PyTorch wrote the released one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for model_type, name in RELEASED.items():
        if name not in names:
            continue
        network = upstream_network(model_type)
        fill_untrained(network)
        path = folder / weights_file(name).file_name
        if model_type == "densenet":
            for module in network.modules():
                del module.__dict__["_non_persistent_buffers_set"]
            torch.save(network, path)
        else:
            torch.save(network.state_dict(), path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        path.with_name(f"{path.name}.sha256").write_text(f"{sha256}  {path.name}\n")


def upstream_model(model_type: str, weights_dir: Path) -> nn.Module:
    """Return torchxrayvision's own model, whole, loaded by its own code from `weights_dir`, where a home has it."""
    xrv = torchxrayvision()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(weights_dir.parents[1]))
        # JF Healthcare's constructor downloads ImageNet weights before it loads its own.
        patch.setattr(torch.utils.model_zoo, "load_url", lambda url: {})
        patch.setattr(xrv.utils, "download", lambda url, path: pytest.fail(f"upstream wanted to download {url}"))
        build = {
            "densenet": lambda: xrv.models.DenseNet(weights=RELEASED["densenet"]),
            "resnet": lambda: xrv.models.ResNet(weights=RELEASED["resnet"]),
            "jfhealthcare": lambda: xrv.baseline_models.jfhealthcare.DenseNet(),
        }[model_type]
        return build().eval()


def without_scores(model: nn.Module) -> nn.Module:
    """Make an upstream model return logits, and return it."""
    model.op_threshs = None
    model.apply_sigmoid = False
    return model


def relative_error(got: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference over the largest expected value."""
    assert got.shape == expected.shape
    return float(np.abs(got - expected).max() / np.abs(expected).max())
