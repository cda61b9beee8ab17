"""The clinical networks beside torchxrayvision's own: the same weights, the same pixels, logits, scores and maps.

torchxrayvision's classes load the file by their own code and run it whole, with their own sigmoid and operating points;
the grad-cam package is hooked on that for Grad-CAM++, before its scaling. Ours is cut into backbone and head and takes
gradients through the head alone. Both are PyTorch in single precision on the processor, and for maps both lie channels
last: another layout takes other kernels, whose sums are rounded otherwise, and a ResNet50's maps then differ by 1e-4.
"""

import copy
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ensemble_cam.classifiers.arrays import as_numpy
from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.classifiers.torch_upstream import hooked_layer, upstream_model, without_scores
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.machine.report import Report
from ensemble_cam.maps.cams import cam_grids, expose
from ensemble_cam.phantom.drawing import draw_phantom
from ensemble_cam.phantom.files import film_name, phantom_files
from ensemble_cam.reviewing.pipeline import model_input
from ensemble_cam.settings.config import ClassifierConfig
from ensemble_cam.settings.methods import Recipe
from ensemble_cam.weights.released import weights_file
from ensemble_cam.weights.store import locate
from ensemble_cam.weights.unpickling import read_checked

TOLERANCE = 1e-5
"""How far ours may be from upstream's: logits over the largest of them, scores, and maps over their maximum."""

_ROUNDINGS = 2
"""How many times as far logits may be apart as upstream's own are rounded, where that is more: two programs that add up
in another order are then both right. JF Healthcare's attention divides by sums that can be small."""

_MOST = 1e-3  # of that

PHANTOMS = 10
_FIRST_SEED, _SIDE = 41_000, 640
_METHOD = "gradcam++"
_LABELS = 3  # of each phantom, those with the highest scores


@dataclass(frozen=True)
class Parity:
    """How far a network of ours is from torchxrayvision's own with the same weights.

    Attributes:
        phantoms: how many films were compared.
        maps: how many maps were, none of them empty.
        logits: the largest difference of a logit over a film's largest logit.
        scores: the largest difference of a score.
        activations: the largest difference of a map over its maximum.
        rounding: the largest difference of upstream's own logits from those in double precision, as of `logits`.
    """

    phantoms: int
    maps: int
    logits: float
    scores: float
    activations: float
    rounding: float = 0.0

    @property
    def allowed(self) -> float:
        """How far logits may be apart."""
        return max(TOLERANCE, min(_ROUNDINGS * self.rounding, _MOST))

    @property
    def agrees(self) -> bool:
        """Whether all of it is within what is allowed, and any map was compared."""
        return self.maps > 0 and self.logits <= self.allowed and max(self.scores, self.activations) <= TOLERANCE

    @property
    def line(self) -> str:
        """The outcome in words, for one line."""
        differences = f"logits {self.logits:.1e}, scores {self.scores:.1e}, maps {self.activations:.1e}"
        outcome = "as in" if self.agrees else "DIFFERS from"
        of_logits = f" ({self.allowed:.1e} of logits, which upstream itself rounds so)" * (self.allowed > TOLERANCE)
        return (
            f"{outcome} torchxrayvision {version('torchxrayvision')}: {differences} at most, {TOLERANCE:.0e} allowed"
            f"{of_logits} ({self.phantoms} phantoms, {self.maps} Grad-CAM++ maps)"
        )


def against_upstream(
    config: ClassifierConfig, *, weights_dir: Path | None, report: Report, phantoms: int = PHANTOMS
) -> Parity:
    """Compare a clinical classifier with its default weights to torchxrayvision's own model.

    Args:
        config: its table of the configuration; operating points of the site's own are left aside, as upstream has none.
        weights_dir: see `weights.released.search_folders`.
        report: told what is done now.
        phantoms: how many are drawn.

    Raises:
        WeightsMissing: if the file is not on this machine.
        WeightsError: if it cannot be used.
    """
    name = config.default_weight
    report("loading", 0.0)
    # First: upstream's code reads what the restricted reading has let pass, and nothing else.
    classifier = load_classifier(replace(config, operating_points=None), weights_dir=weights_dir)
    located, file = locate(config, name, weights_dir=weights_dir), weights_file(name)
    data = read_checked(located.path, located.sha256, most=file.most_bytes)
    model = upstream_model(config.model_type, name, file.file_name, data)
    return compared(classifier, model, phantom_pixels(config.input_size, phantoms), report=report)


def phantom_pixels(side: int, count: int) -> Iterable[Tensor]:
    """Yield what a network sees of each phantom: (1, 1, side, side) float32 in [-1024, 1024]."""
    for seed in range(_FIRST_SEED, _FIRST_SEED + count):
        data = phantom_files(draw_phantom(seed, size=_SIDE), 0)[film_name(0, "png")]
        yield torch.from_numpy(model_input(read_radiograph(data), framing="crop", size=side))


def compared(classifier: Classifier, model: nn.Module, films: Iterable[Tensor], *, report: Report) -> Parity:
    """Compare a classifier with upstream's model over films; the model is used up.

    Args:
        classifier: ours.
        model: `classifiers.torch_upstream.upstream_model` of the same family and weights.
        films: pixels as `phantom_pixels` yields them.
        report: told of each film.
    """
    seen = list(films)
    scores = [_run(model, pixels) for pixels in seen]
    model = without_scores(model)
    logits = [_run(model, pixels) for pixels in seen]
    exact = copy.deepcopy(model).double()
    rounding = max(_apart(logits[number], _run(exact, pixels.double())) for number, pixels in enumerate(seen))
    del exact
    outputs = list(classifier.outputs.values())
    differences = np.zeros(3)
    maps = 0
    with _Hooked(classifier.config.model_type, model) as hooked:
        for number, pixels in enumerate(seen):
            report(f"phantom {number + 1} of {len(seen)}", number / len(seen))
            exposure = expose(classifier, pixels)
            ours = as_numpy(exposure.run.logits)
            own_scores = np.array(list(classifier.scores(ours.tolist()).values()))
            chosen = [outputs[place] for place in np.argsort(-own_scores, kind="stable")[:_LABELS]]
            grids = cam_grids(Recipe(_METHOD), exposure, chosen)
            apart = [0.0]
            for output, grid in zip(chosen, grids, strict=True):
                expected = hooked.map(pixels, output)
                maps += bool(expected.any())
                apart.append(float(np.abs(_over_maximum(grid) - _over_maximum(expected)).max()))
            told = (
                _apart(ours, logits[number]),
                np.abs(own_scores - scores[number][outputs]).max(),
                max(apart),
            )
            # A value that is no number must not pass for a small difference.
            differences = np.maximum(differences, np.nan_to_num(told, nan=np.inf))
    return Parity(len(seen), maps, *map(float, (*differences, rounding)))


def _apart(logits: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference over the largest expected logit."""
    return float(np.abs(logits - expected).max() / np.abs(expected).max())


def _run(model: nn.Module, pixels: Tensor) -> np.ndarray:
    with torch.no_grad():
        values: np.ndarray = model(pixels.clone())[0].numpy()
    return values


class _Hooked:
    """The grad-cam package on an upstream model, with its maps before their scaling."""

    def __init__(self, model_type: str, model: nn.Module) -> None:
        from pytorch_grad_cam import GradCAMPlusPlus  # here, as importing it takes a second

        class Unscaled(GradCAMPlusPlus):  # type: ignore[misc]  # the package has no types
            raw: np.ndarray

            def get_cam_image(self, *args: Any, **kwargs: Any) -> np.ndarray:
                self.raw = super().get_cam_image(*args, **kwargs)
                return self.raw

        layer = hooked_layer(model_type, model)
        self._cam = Unscaled(model.to(memory_format=torch.channels_last), [layer])

    def __enter__(self) -> "_Hooked":
        return self

    def __exit__(self, *_: object) -> None:
        self._cam.activations_and_grads.release()

    def map(self, pixels: Tensor, output: int) -> np.ndarray:
        """Return one output's map on the layer's grid, at least 0."""
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

        self._cam(pixels.clone().contiguous(memory_format=torch.channels_last), [ClassifierOutputTarget(output)])
        positive: np.ndarray = np.maximum(self._cam.raw[0], 0)
        return positive


def _over_maximum(grid: np.ndarray) -> np.ndarray:
    return grid / grid.max() if grid.any() else grid
