"""Any network's maps of a picture: the formulas of `maps.formulas`, on what autograd gives at the cut."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ensemble_cam.classifiers.arrays import as_numpy
from ensemble_cam.classifiers.heads import Gradients
from ensemble_cam.classifiers.torch_any_network import CUT_LINES, Network, network_logits
from ensemble_cam.classifiers.torch_cuts import FAILURES, checked_logits
from ensemble_cam.errors import ClassifierError, ConfigError, did_you_mean, is_out_of_memory
from ensemble_cam.explanation.result import UNTRAINED_LINE, Explained, Explainer
from ensemble_cam.explanation.torch_rollout import attention_of, rollout
from ensemble_cam.film.picture import Picture
from ensemble_cam.maps.formulas import gradient_maps, principal_component, weighted_maps
from ensemble_cam.settings.methods import METHODS, METHODS_OF_ANY_NETWORK, ROLLOUT, RolloutOptions
from ensemble_cam.settings.vocabulary import ALL, PREDICTED

_AT_ONCE = 32  # as in the grad-cam package
_ROUNDING = 1e-5  # of float32, over some thousand channels
_PIXELS_AT_ONCE = 2**20  # of Score-CAM's pictures
# Their denominators cross 0 where activations are negative.
_UNSTABLE = ("gradcam++", "xgradcam")

Target = str | int | np.integer[Any]


def explain_picture(
    network: Network, picture: Picture, target: Target, method: str, options: RolloutOptions | None = None
) -> Explained:
    """Explain what a network says of a picture.

    Args:
        network: any number of threads may explain with it.
        picture: the picture.
        target: a class's name or index, "predicted", or "all".
        method: one of `METHODS_OF_ANY_NETWORK`.
        options: of a rollout.

    Raises:
        ConfigError: if there is no such class or method.
        ClassifierError: if the network fails on the picture, or gives no numbers.
    """
    check_method(method)
    check_target(network, target)
    rolled = (options or RolloutOptions()) if method == ROLLOUT.name else None
    pixels = network.pixels(torch.from_numpy(picture.resized(network.input.size, network.input.channels)))
    # Lightning's `predict_step` runs in inference mode, where nothing has gradients.
    with torch.inference_mode(False), torch.enable_grad():
        try:
            # What was made in inference mode may not enter autograd; its copy may.
            own = pixels.clone()
            found = _found(network, own, target, method) if rolled is None else _rolled(network, own, target, rolled)
        except FAILURES as error:
            if is_out_of_memory(error):
                raise ClassifierError("There is not enough memory for this network. Close other programs.") from None
            raise ClassifierError(f"The network failed on this picture ({str(error)[:200]}).") from error
    logits, classes, grids, cautions = found
    shares = network.probabilities(torch.from_numpy(logits)).tolist()
    predicted = network.classes[int(np.argmax(logits))]
    for grid in grids:
        grid.setflags(write=False)
    return Explained(
        picture=picture,
        by=_explainer(network, method, rolled),
        predicted=predicted,
        target=predicted if predicted in classes else classes[0],
        probabilities=dict(zip(network.classes, shares, strict=True)),
        logits=dict(zip(network.classes, logits.tolist(), strict=True)),
        maps=dict(zip(classes, grids, strict=True)),
        cautions=(*_cautions(network, method), *cautions, *picture.warnings),
    )


def check_method(method: object) -> None:
    """Refuse a method that is none, or none for any network.

    Raises:
        ConfigError: if it is.
    """
    if method in METHODS_OF_ANY_NETWORK:
        return
    why = ""
    if isinstance(method, str) and method in METHODS:
        why = f" {METHODS[method].title} is made of the program's own networks alone."
    allowed = ", ".join(METHODS_OF_ANY_NETWORK)
    raise ConfigError(
        f"method: got {method!r}; allowed: one of {allowed}.{why or did_you_mean(method, METHODS_OF_ANY_NETWORK)}"
    )


def check_target(network: Network, target: object) -> None:
    """Refuse what is no class of a network.

    Raises:
        ConfigError: if it is none.
        TypeError: if it is neither name nor index.
    """
    if isinstance(target, str):
        known = (*network.classes, PREDICTED, ALL)
        if target not in known:
            shown = ", ".join(known[:20]) + (" …" if len(known) > 20 else "")
            raise ConfigError(f"target: got {target!r}; allowed: one of {shown}.{did_you_mean(target, known)}")
    elif isinstance(target, bool) or not isinstance(target, int | np.integer):
        raise TypeError(f"target: a class's name or index, {PREDICTED!r} or {ALL!r}; got {type(target).__name__}.")
    elif not 0 <= target < len(network.classes):
        raise ConfigError(f"target: got {target}; allowed: 0 to {len(network.classes) - 1}.")


def _found(
    network: Network, pixels: Tensor, target: Target, method: str
) -> tuple[np.ndarray, list[str], list[np.ndarray], list[str]]:
    """Return the logits, the classes that are explained, their maps, and what has to be said of these."""
    activation = network.cut.activation(pixels)
    leaf = activation.detach().clone().requires_grad_()
    outputs = network_logits(network, leaf, pixels)
    logits = _numbers(outputs)
    targets = _targets(network, target, int(np.argmax(logits)))
    kind, cautions = METHODS[method].kind, []
    if kind == "gradient":
        gradients = _gradients(outputs, leaf, targets)
        maps = gradient_maps(method, leaf.detach()[0].float(), Gradients(gradients))
        if method == "hirescam" and _cancels(leaf.detach()[0].float(), gradients):
            maps = torch.zeros_like(maps)
            cautions.append(
                "HiResCAM is 0 at this layer, as a norm behind it looks through each cell's length. Take the norm's "
                "own output, or another method."
            )
        silent = [network.classes[each] for each, of in zip(targets, gradients, strict=True) if not of.any()]
        if silent:
            cautions.append(
                f"The gradient of {', '.join(silent[:3])} is 0 at this layer: no method that uses it has a map."
            )
    elif kind == "activation":
        maps = principal_component(activation[0].float())[None].expand(len(targets), -1, -1)
    elif kind == "ablation":
        maps = _ablation_maps(network, activation, outputs[0].detach(), pixels, targets)
    else:
        maps = _score_maps(network, activation, pixels, targets)
    lowest = float(activation.min())
    if method in _UNSTABLE and lowest < 0:
        cautions.append(
            f"{METHODS[method].title} is unstable at this layer: its activation has values below 0 (down to "
            f"{lowest:.2g}), where the formula's denominator crosses 0. Grad-CAM, HiResCAM and LayerCAM do not divide."
        )
    grids = as_numpy(maps.detach().clamp(min=0)).astype(np.float32)
    if not np.isfinite(grids).all():
        raise ClassifierError(f"{METHODS[method].title} gives no numbers at this layer. Take another method.")
    return logits, [network.classes[each] for each in targets], [grid.copy() for grid in grids], cautions


def _rolled(
    network: Network, pixels: Tensor, target: Target, options: RolloutOptions
) -> tuple[np.ndarray, list[str], list[np.ndarray], list[str]]:
    """Return what `_found` does of a rollout, which is one map for all classes."""
    outputs = checked_logits(network.cut.whole(pixels), 1)
    logits = _numbers(outputs)
    targets = _targets(network, target, int(np.argmax(logits)))
    cells = rollout(attention_of(network.module, pixels), options)
    grid = as_numpy(cells).astype(np.float32)
    if not np.isfinite(grid).all():
        raise ClassifierError(f"{ROLLOUT.title} gives no numbers here: every head leaves some row nothing. Take mean.")
    return logits, [network.classes[each] for each in targets], [grid.copy() for _ in targets], []


def _numbers(outputs: Tensor) -> np.ndarray:
    """Return a picture's (1, classes) logits as (classes,) float32."""
    logits = as_numpy(outputs[0].detach().float())
    if not np.isfinite(logits).all():
        raise ClassifierError("The network gives logits that are no numbers for this picture. Check its weights.")
    return logits


def _targets(network: Network, target: Target, predicted: int) -> list[int]:
    if not isinstance(target, str):
        return [int(target)]
    if target in network.classes:
        return [network.classes.index(target)]
    return [predicted] if target == PREDICTED else list(range(len(network.classes)))


def _cancels(activation: Tensor, gradients: Tensor) -> bool:
    """Whether sums of activation times gradient over the channels are nothing but their terms' rounding."""
    terms = activation * gradients
    return bool(terms.any() and terms.sum(1).abs().max() <= _ROUNDING * terms.abs().sum(1).max())


def _gradients(outputs: Tensor, leaf: Tensor, targets: Sequence[int]) -> Tensor:
    """Return the gradients of logits by the activation, (n, channels, h, w) float32."""
    found = []
    for index in targets:
        (gradient,) = torch.autograd.grad(outputs[0, index], leaf, retain_graph=True, allow_unused=True)
        found.append(torch.zeros_like(leaf[0]) if gradient is None else gradient[0])
    return torch.stack(found).float()


@torch.no_grad()
def _ablation_maps(
    network: Network, activation: Tensor, logits: Tensor, pixels: Tensor, targets: Sequence[int]
) -> Tensor:
    """Weigh each channel by how far the logit falls without it, over the logit's size."""
    channels, chosen, fallen = activation.shape[1], list(targets), []
    for first in range(0, channels, _AT_ONCE):
        some = torch.arange(first, min(first + _AT_ONCE, channels))
        ablated = activation.repeat(len(some), 1, 1, 1)
        ablated[torch.arange(len(some)), some] = 0
        fallen.append(network_logits(network, ablated, pixels)[:, chosen])
    whole = logits[chosen].float()[:, None]
    weights = (whole - torch.cat(fallen).float().T) / whole.abs()
    maps: Tensor = weighted_maps(weights, activation[0].float())
    return maps


@torch.no_grad()
def _score_maps(network: Network, activation: Tensor, pixels: Tensor, targets: Sequence[int]) -> Tensor:
    """Weigh each channel by the softmax, over channels, of the logit of the picture seen through it."""
    side, found = pixels.shape[-1], []
    at_once = max(1, min(_AT_ONCE, _PIXELS_AT_ONCE // side**2))
    for channels in activation[0].split(at_once):
        masks = F.interpolate(channels[:, None], size=(side, side), mode="bilinear", align_corners=True)
        lowest, highest = masks.amin((2, 3), keepdim=True), masks.amax((2, 3), keepdim=True)
        seen = pixels * (masks - lowest) / (highest - lowest + 1e-8)
        found.append(checked_logits(network.cut.whole(seen), len(seen)))
    weights = torch.cat(found).float()[:, list(targets)].T.softmax(1)
    maps: Tensor = weighted_maps(weights, activation[0].float())
    return maps


def _explainer(network: Network, method: str, rolled: RolloutOptions | None) -> Explainer:
    cut_line = CUT_LINES[network.cut.way] + (f": {network.cut.why}" if network.cut.why else "")
    return Explainer(
        network=network.name,
        weights=network.weights,
        weights_sha256=network.weights_sha256,
        untrained=network.untrained,
        cut=network.cut.way if rolled is None else "twin",
        cut_line=cut_line if rolled is None else f"{CUT_LINES['twin']}, whose attention is read",
        layer=network.layer.name if rolled is None else None,
        channels=network.layer.channels if rolled is None else None,
        output=network.output,
        method=method,
        input={
            "size": network.input.size,
            "channels": network.input.channels,
            "mean": list(network.input.mean),
            "std": list(network.input.std),
        },
        rollout=rolled,
    )


def _cautions(network: Network, method: str) -> list[str]:
    found = []
    if network.untrained:
        found.append(UNTRAINED_LINE)
    if network.input.assumed:
        found.append("No mean and std were given: the network was shown the values from 0 to 1 as they are.")
    if not network.has_named_classes:
        found.append("Nobody named the classes: class_0 is the first output.")
    told = METHODS_OF_ANY_NETWORK[method]
    if not told.by_label:
        found.append(f"{told.title} is the same for every class, so it explains none of them.")
    return found
