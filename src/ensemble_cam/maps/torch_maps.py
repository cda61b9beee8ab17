"""Maps that autograd is carried through the backbone for, in PyTorch: of several layers, and Guided Grad-CAM.

Guided backpropagation (Springenberg et al. 2014, Striving for Simplicity, arXiv:1412.6806) asks which pixels raise a
logit, by a way back that lets positive gradients through alone. It changes how every ReLU of a network goes back, so it
runs on a private copy, made for one film and dropped with it; the network that all sessions share is left as it is.
"""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ensemble_cam.classifiers.arrays import Array, as_numpy
from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.classifiers.heads import Gradients, Step
from ensemble_cam.classifiers.torch_families import Stages
from ensemble_cam.errors import ClassifierError
from ensemble_cam.maps.formulas import gradient_maps, principal_component
from ensemble_cam.settings.methods import METHODS, Recipe

if TYPE_CHECKING:
    from ensemble_cam.maps.cams import Exposure


def several_layers(recipe: Recipe, exposure: "Exposure", outputs: Sequence[int], step: Step) -> np.ndarray:
    """Return the mean of the relative maps of the last activation and of the stage before it, on the finer grid.

    The stage before has no head of its own: its gradients are those of the last activation, carried back through the
    stages between by autograd.

    Returns:
        (len(outputs), h, w) float32, at least 0.

    Raises:
        ClassifierError: if the network has one layer.
    """
    backbone = exposure.classifier.network().backbone
    if not isinstance(backbone, Stages):
        raise ClassifierError("its network has one layer for maps alone; take the last layer")
    with torch.no_grad():
        lower = backbone.lower(_on_device(exposure.pixels, exposure.classifier))
    layers: list[tuple[Tensor, Gradients | None]]
    if METHODS[recipe.method].kind == "activation":
        layers = [(_on_device(exposure.activation, exposure.classifier), None), (lower, None)]
    else:
        behind = _on_device(exposure.run.gradients(outputs).full(), exposure.classifier)
        with torch.enable_grad():
            lower = lower.detach().requires_grad_()
            upper = backbone.upper(lower)
            before = []
            for number, gradient in enumerate(behind):
                step(number / len(outputs))
                before.append(torch.autograd.grad(upper, lower, gradient[None], retain_graph=True)[0][0])
        layers = [(upper.detach(), Gradients(behind)), (lower.detach(), Gradients(torch.stack(before)))]
    size = max(activation.shape[-1] for activation, _ in layers)
    found = [relative_maps(enlarged(one_layer(recipe, *layer, len(outputs)).clamp(min=0), size)) for layer in layers]
    return as_numpy(sum(found, torch.zeros_like(found[0])) / len(layers))


def one_layer(recipe: Recipe, activation: Tensor, gradients: Gradients | None, count: int) -> Tensor:
    """Return one layer's maps, (count, h, w), without or with gradients."""
    if gradients is None:
        component: Tensor = principal_component(activation[0])
        return component.expand(count, -1, -1)
    maps: Tensor = gradient_maps(recipe.method, activation[0], gradients, eigen_smooth=recipe.eigen_smooth)
    return maps


def guided_maps(exposure: "Exposure", outputs: Sequence[int], step: Step) -> np.ndarray:
    """Return the positive guided gradients within Grad-CAM's map, at the pixels that the network saw.

    Returns:
        (len(outputs), side, side) float32, at least 0.
    """
    classifier = exposure.classifier
    maps = gradient_maps("gradcam", exposure.activation[0], exposure.run.gradients(outputs))
    within = enlarged(relative_maps(_on_device(maps, classifier).clamp(min=0)), exposure.pixels.shape[-1])
    guided = guided_gradients(classifier, exposure.pixels, outputs, step)
    return as_numpy((guided * within).clamp(min=0))


def _on_device(values: Array, classifier: Classifier) -> Tensor:
    return torch.as_tensor(values, device=classifier.device)


def relative_maps(maps: Tensor) -> Tensor:
    """Return (n, h, w) maps over their maxima; see `heatmap.relative`."""
    peaks = maps.amax((1, 2), keepdim=True)
    return torch.where(peaks > 0, maps / peaks, 0)


def enlarged(maps: Tensor, side: int) -> Tensor:
    """Return (n, h, w) maps at the cells of a finer grid, bilinear between centres as a map is on the film."""
    return F.interpolate(maps[:, None], size=(side, side), mode="bilinear", align_corners=False)[:, 0]


class _GuidedReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        passed = values.clamp(min=0)
        ctx.save_for_backward(passed)
        return passed

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (passed,) = ctx.saved_tensors
        return gradient.clamp(min=0) * (passed > 0)


class _Guided(nn.Module):
    def forward(self, values: Tensor) -> Tensor:
        return _GuidedReLU.apply(values)


def guided_gradients(classifier: Classifier, pixels: Array, outputs: Sequence[int], step: Step) -> Tensor:
    """Return the guided gradients of several logits by the pixels, (len(outputs), side, side) float32, of any sign.

    Args:
        classifier: whose network is copied.
        pixels: (1, 1, side, side) float32 in [-1024, 1024], one film.
        outputs: indices of the logits.
        step: told how much is done.
    """
    network = classifier.network()
    backbone, head = _guided_copy(network.backbone), _guided_copy(network.head)
    seen = _on_device(pixels, classifier).clone().requires_grad_()
    with torch.enable_grad():
        logits = head(backbone(seen))[0]
        found = []
        for number, output in enumerate(outputs):
            step(number / len(outputs))
            found.append(torch.autograd.grad(logits[output], seen, retain_graph=True)[0][0, 0])
    return torch.stack(found)


def _guided_copy(shared: nn.Module) -> nn.Module:
    private = copy.deepcopy(shared)
    for module in private.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.ReLU):
                setattr(module, name, _Guided())
    return private
