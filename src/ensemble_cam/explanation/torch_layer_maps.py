"""One layer's maps of any network: the formulas of `maps.formulas`, on what autograd gives at the cut."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ensemble_cam.classifiers.heads import Gradients, Step, go_on, part
from ensemble_cam.classifiers.torch_any_network import cut_logits
from ensemble_cam.classifiers.torch_cuts import Cut, checked_logits
from ensemble_cam.maps.formulas import gradient_maps, principal_component, weighted_maps
from ensemble_cam.settings.explain_options import ExplainOptions
from ensemble_cam.settings.methods import METHODS, UNSTABLE_BELOW_0

_ROUNDING = 1e-5  # of float32, over some thousand channels
_PIXELS_AT_ONCE = 2**20  # of Score-CAM's pictures

_GRADIENTS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "signed": lambda gradients: gradients,
    "positive": torch.relu,
    "absolute": torch.abs,
}
# The package's test-time augmentation: contrast, as it is applied to what the network is shown.
_CONTRASTS = (0.9, 1.0, 1.1)


@dataclass(frozen=True, eq=False)
class Exposed:
    """A picture as a network saw it at one layer.

    Attributes:
        leaf: (1, channels, h, w), the activation, of which autograd knows the logits.
        outputs: (1, classes) logits, or what else the network returns.
        pixels: (1, channels, side, side), what the network was shown.
        cut: of the layer; None where it is one of several inputs' own.
        step: told how much is done where a method takes long; may raise `Cancelled`.
    """

    leaf: Tensor
    outputs: Any
    pixels: Tensor
    cut: Cut | None = None
    step: Step = go_on

    @property
    def activation(self) -> Tensor:
        """The activation, (channels, h, w) float32."""
        return self.leaf.detach()[0].float()


def expose(cut: Cut, pixels: Tensor, *, of_logits: bool = True, step: Step = go_on) -> Exposed:
    """Show a network a picture, and keep its way behind a layer open for gradients."""
    leaf = cut.activation(pixels).detach().clone().requires_grad_()
    return Exposed(leaf, (cut_logits if of_logits else _output)(cut, leaf, pixels), pixels, cut, step)


def _output(cut: Cut, activation: Tensor, pixels: Tensor) -> Any:
    return cut.logits(activation, pixels)


def smoothed(
    made: Callable[[Tensor, Step], tuple[Tensor, list[str]]], pixels: Tensor, step: Step
) -> tuple[Tensor, list[str]]:
    """Return the mean of the relative maps of a picture as it is, changed in contrast, and mirrored.

    Args:
        made: returns the (n, h, w) maps of a picture, and what has to be said of them.
        pixels: (1, channels, side, side).
        step: told how much is done.
    """
    found, cautions = [], []
    count = 2 * len(_CONTRASTS)
    for number, (changed, mirrored) in enumerate(_changed(pixels)):
        maps, told = made(changed, part(step, number, count))
        peaks = maps.amax((1, 2), keepdim=True)
        share = torch.where(peaks > 0, maps / peaks, 0)
        found.append(share.flip(-1) if mirrored else share)
        cautions += told
    return torch.stack(found).mean(0), cautions


def _changed(pixels: Tensor) -> Iterator[tuple[Tensor, bool]]:
    for mirrored in (False, True):
        for contrast in _CONTRASTS:
            yield (pixels.flip(-1) if mirrored else pixels) * contrast, mirrored


def layer_maps(
    exposed: Exposed, gradients: Tensor | None, targets: Sequence[int], options: ExplainOptions
) -> tuple[Tensor, list[str]]:
    """Return the maps of several classes at a layer, (n, h, w), at least 0, and what has to be said of them.

    Args:
        exposed: the picture at the layer.
        gradients: of the n logits by the activation, (n, channels, h, w) float32; None where the method has no use for
            them.
        targets: indices of n logits.
        options: how maps are made.
    """
    method, activation, cautions = options.method, exposed.activation, []
    kind = METHODS[method].kind
    if gradients is not None:
        gradients = _GRADIENTS[options.gradients](gradients)
        maps = gradient_maps(method, activation, Gradients(gradients), eigen_smooth=options.eigen_smooth)
        if method == "hirescam" and _cancels(activation, gradients):
            maps = torch.zeros_like(maps)
            cautions.append(
                "HiResCAM is 0 at this layer, as a norm behind it looks through each cell's length. Take the norm's "
                "own output, or another method."
            )
    elif kind == "activation":
        maps = principal_component(activation)[None].expand(len(targets), -1, -1)
    elif kind == "ablation":
        maps = _ablation_maps(exposed, targets, options)
    else:
        maps = _score_maps(exposed, targets, options)
    lowest = float(activation.min())
    if method in UNSTABLE_BELOW_0 and lowest < 0:
        cautions.append(
            f"{METHODS[method].title} is unstable at this layer: its activation has values below 0 (down to "
            f"{lowest:.2g}), where the formula's denominator crosses 0. Grad-CAM, HiResCAM and LayerCAM do not divide."
        )
    return maps.detach().clamp(min=0), cautions


def gradients_of(numbers: Sequence[Tensor], leaves: Sequence[Tensor]) -> list[Tensor]:
    """Return the gradients of n numbers by several activations, for each (n, channels, h, w) float32."""
    found: list[list[Tensor]] = [[] for _ in leaves]
    for number in numbers:
        gradients = torch.autograd.grad(number, list(leaves), retain_graph=True, allow_unused=True)
        for leaf, gradient, own in zip(leaves, gradients, found, strict=True):
            own.append(torch.zeros_like(leaf[0]) if gradient is None else gradient[0])
    return [torch.stack(each).float() for each in found]


def _cancels(activation: Tensor, gradients: Tensor) -> bool:
    """Whether sums of activation times gradient over the channels are nothing but their terms' rounding."""
    terms = activation * gradients
    return bool(terms.any() and terms.sum(1).abs().max() <= _ROUNDING * terms.abs().sum(1).max())


@torch.no_grad()
def _ablation_maps(exposed: Exposed, targets: Sequence[int], options: ExplainOptions) -> Tensor:
    """Weigh each channel by how far the logit falls without it, over the logit's size."""
    assert exposed.cut is not None
    activation = exposed.leaf.detach()
    channels, chosen, fallen = activation.shape[1], list(targets), []
    for first in range(0, channels, options.batch_size):
        exposed.step(first / channels)
        some = torch.arange(first, min(first + options.batch_size, channels))
        ablated = activation.repeat(len(some), 1, 1, 1)
        ablated[torch.arange(len(some)), some] = 0
        fallen.append(cut_logits(exposed.cut, ablated, exposed.pixels)[:, chosen])
    whole = exposed.outputs.detach()[0][chosen].float()[:, None]
    weights = (whole - torch.cat(fallen).float().T) / whole.abs()
    maps: Tensor = weighted_maps(weights, exposed.activation, eigen_smooth=options.eigen_smooth)
    return maps


@torch.no_grad()
def _score_maps(exposed: Exposed, targets: Sequence[int], options: ExplainOptions) -> Tensor:
    """Weigh each channel by the softmax, over channels, of the logit of the picture seen through it."""
    assert exposed.cut is not None
    side, found = exposed.pixels.shape[-1], []
    at_once = max(1, min(options.batch_size, _PIXELS_AT_ONCE // side**2))
    batches = exposed.leaf.detach()[0].split(at_once)
    for number, channels in enumerate(batches):
        exposed.step(number / len(batches))
        masks = F.interpolate(channels[:, None], size=(side, side), mode="bilinear", align_corners=True)
        lowest, highest = masks.amin((2, 3), keepdim=True), masks.amax((2, 3), keepdim=True)
        seen = exposed.pixels * (masks - lowest) / (highest - lowest + 1e-8)
        found.append(checked_logits(exposed.cut.whole(seen), len(seen)))
    weights = torch.cat(found).float()[:, list(targets)].T.softmax(1)
    maps: Tensor = weighted_maps(weights, exposed.activation, eigen_smooth=options.eigen_smooth)
    return maps
