"""Class activation maps of one classifier on one film.

What is computed, and from what, is here; the formulas are in `formulas`. Nothing is hooked and nothing shared is
changed: the backbone runs once, the head gives all labels' gradients, and a map explains the *logit*.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ensemble_cam.classifiers.classifier import Backbone, Classifier
from ensemble_cam.classifiers.heads import Gradients, HeadRun, Step
from ensemble_cam.classifiers.runtime import run_backbone
from ensemble_cam.errors import ClassifierError
from ensemble_cam.film.geometry import Geometry
from ensemble_cam.maps.formulas import gradient_maps, principal_component, weighted_maps
from ensemble_cam.maps.guided import guided_gradients
from ensemble_cam.maps.heatmap import Heatmap, relative
from ensemble_cam.settings.methods import METHODS, Recipe

# Score-CAM's films at once, by their pixels: what a batch of networks' activations takes stays below half a gigabyte.
_PIXELS_AT_ONCE = 2**20
# The package's `aug_smooth`: contrast, as it is applied to pixels around 0, middle grey.
_CONTRASTS = (0.9, 1.0, 1.1)


@dataclass(frozen=True, eq=False)
class CamMap(Heatmap):
    """One label's map by one classifier.

    Attributes:
        classifier: the classifier's id.
        grid: (n, n) float32, at least 0, as the method gives it, before it is divided by its maximum.
    """

    classifier: str
    grid: np.ndarray

    @classmethod
    def of(cls, grid: np.ndarray, *, label: str, classifier: str, geometry: Geometry) -> "CamMap":
        """Wrap a method's grid; its relative activation is what the film is overlaid with."""
        return cls(
            label=label,
            geometry=geometry,
            grids=(relative(grid),),
            weights=(1.0,),
            classifier=classifier,
            grid=grid,
        )


@dataclass(frozen=True, eq=False)
class Exposure:
    """One film as one classifier saw it, kept open for maps.

    Attributes:
        classifier: who saw it.
        pixels: (1, 1, side, side) float32 in [-1024, 1024], what was seen.
        activation: (1, channels, h, w) float32, what the head pools.
        run: the activation's way through the head.
    """

    classifier: Classifier
    pixels: Tensor
    activation: Tensor
    run: HeadRun


def expose(classifier: Classifier, pixels: Tensor) -> Exposure:
    """Run a classifier over one film's (1, 1, side, side) pixels."""
    activation = run_backbone(classifier, pixels)
    return Exposure(classifier, pixels, activation, classifier.head.run(activation))


def _go_on(share: float) -> None:
    """Take note of nothing, and let the work go on."""


def cam_grids(recipe: Recipe, exposure: Exposure, outputs: Sequence[int], *, step: Step = _go_on) -> np.ndarray:
    """Compute the maps of several outputs on the model's grid.

    Args:
        recipe: which map.
        exposure: the film as the classifier saw it.
        outputs: indices of the logits to explain, at least one.
        step: told how much is done, and may raise `Cancelled`; asked often where a method takes long.

    Returns:
        (len(outputs), h, w) float32, at least 0: on the grid of the activation; with several layers on that of the
        finest; for Guided Grad-CAM on that of the pixels.

    Raises:
        ClassifierError: if several layers are asked of a network that has one.
    """
    if not recipe.aug_smooth:
        return _grids(recipe, exposure, outputs, step)
    found: list[np.ndarray] = []
    for mirrored in (False, True):
        for contrast in _CONTRASTS:
            step(len(found) / 6)
            changed = exposure
            if mirrored or contrast != 1:
                pixels = exposure.pixels * contrast
                changed = expose(exposure.classifier, pixels.flip(3) if mirrored else pixels)
            grids = np.stack([relative(grid) for grid in _grids(recipe, changed, outputs, _part(step, len(found), 6))])
            found.append(grids[:, :, ::-1] if mirrored else grids)
    return (sum(found, np.zeros_like(found[0])) / 6).astype(np.float32)


def _part(step: Step, done: int, count: int) -> Step:
    return lambda share: step((done + share) / count)


def _grids(recipe: Recipe, exposure: Exposure, outputs: Sequence[int], step: Step) -> np.ndarray:
    kind = METHODS[recipe.method].kind
    with torch.no_grad():
        if recipe.layers == "several":
            maps = _several_layers(recipe, exposure, outputs, step)
        elif kind in ("gradient", "activation"):
            gradients = exposure.run.gradients(outputs) if kind == "gradient" else None
            maps = _layer(recipe, exposure.activation[0], gradients, len(outputs))
        elif kind == "ablation":
            maps = _ablation_maps(recipe, exposure, outputs, step)
        elif kind == "score":
            maps = _score_maps(recipe, exposure, outputs, step)
        else:
            maps = _guided_maps(exposure, outputs, step)
    return maps.clamp(min=0).cpu().numpy()


def _layer(recipe: Recipe, activation: Tensor, gradients: Gradients | None, count: int) -> Tensor:
    """Return one layer's maps, (count, h, w), without or with gradients."""
    if gradients is None:
        return principal_component(activation).expand(count, -1, -1)
    return gradient_maps(recipe.method, activation, gradients, eigen_smooth=recipe.eigen_smooth)


def _several_layers(recipe: Recipe, exposure: Exposure, outputs: Sequence[int], step: Step) -> Tensor:
    """Return the mean of the relative maps of the last activation and of the stage before it, on the finer grid.

    The stage before has no head of its own: its gradients are those of the last activation, carried back through the
    stages between by autograd.
    """
    backbone = exposure.classifier.backbone
    if not isinstance(backbone, Backbone):
        raise ClassifierError("its network has one layer for maps alone; take the last layer")
    lower = backbone.lower(exposure.pixels.to(exposure.classifier.device))
    layers: list[tuple[Tensor, Gradients | None]]
    if METHODS[recipe.method].kind == "activation":
        layers = [(exposure.activation, None), (lower, None)]
    else:
        behind = exposure.run.gradients(outputs).full()
        with torch.enable_grad():
            lower = lower.detach().requires_grad_()
            upper = backbone.upper(lower)
            before = []
            for number, gradient in enumerate(behind):
                step(number / len(outputs))
                before.append(torch.autograd.grad(upper, lower, gradient[None], retain_graph=True)[0][0])
        layers = [(upper.detach(), Gradients(behind)), (lower.detach(), Gradients(torch.stack(before)))]
    size = max(activation.shape[-1] for activation, _ in layers)
    mean = torch.zeros(())
    for activation, gradients in layers:
        maps = _layer(recipe, activation[0], gradients, len(outputs)).clamp(min=0)
        mean = mean.to(maps) + _relative(_enlarged(maps, size)) / len(layers)
    return mean


def _relative(maps: Tensor) -> Tensor:
    """Return (n, h, w) maps over their maxima; see `heatmap.relative`."""
    peaks = maps.amax((1, 2), keepdim=True)
    return torch.where(peaks > 0, maps / peaks, 0)


def _enlarged(maps: Tensor, side: int) -> Tensor:
    """Return (n, h, w) maps at the cells of a finer grid, bilinear between centres as a map is on the film."""
    return F.interpolate(maps[:, None], size=(side, side), mode="bilinear", align_corners=False)[:, 0]


def _ablation_maps(recipe: Recipe, exposure: Exposure, outputs: Sequence[int], step: Step) -> Tensor:
    """Weigh each channel by how far the logit falls without it, over the logit's size.

    The paper divides by the logit, and so does the package: below 0 that turns the map round, so that it shows what
    speaks against the finding. Here it shows what speaks for it, whatever the logit's sign.
    """
    logits = exposure.run.logits[list(outputs)][:, None]
    weights = (logits - exposure.run.ablated(outputs, step)) / logits.abs()
    return weighted_maps(weights, exposure.activation[0], eigen_smooth=recipe.eigen_smooth)


def _score_maps(recipe: Recipe, exposure: Exposure, outputs: Sequence[int], step: Step) -> Tensor:
    """Weigh each channel by the softmax, over channels, of the logit of the film behind it."""
    classifier, pixels = exposure.classifier, exposure.pixels.to(exposure.classifier.device)
    channels, side = exposure.activation[0], pixels.shape[-1]
    at_once, logits = max(1, _PIXELS_AT_ONCE // side**2), []
    for first in range(0, len(channels), at_once):
        step(first / len(channels))
        masks = F.interpolate(
            channels[None, first : first + at_once], size=(side, side), mode="bilinear", align_corners=True
        )[0]
        lowest = masks.amin((1, 2), keepdim=True)
        masks = (masks - lowest) / (masks.amax((1, 2), keepdim=True) - lowest + 1e-8)
        logits.append(classifier.head.logits(run_backbone(classifier, pixels * masks[:, None])))
    weights = torch.cat(logits)[:, list(outputs)].T.softmax(dim=1)
    return weighted_maps(weights, channels, eigen_smooth=recipe.eigen_smooth)


def _guided_maps(exposure: Exposure, outputs: Sequence[int], step: Step) -> Tensor:
    """Return the positive guided gradients within Grad-CAM's map, at the pixels that the network saw."""
    maps = gradient_maps("gradcam", exposure.activation[0], exposure.run.gradients(outputs)).clamp(min=0)
    enlarged = _enlarged(_relative(maps), exposure.pixels.shape[-1])
    return guided_gradients(exposure.classifier, exposure.pixels, outputs, step) * enlarged
