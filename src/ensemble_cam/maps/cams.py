"""Class activation maps of one classifier on one film.

What is computed, and from what, is here; the formulas are in `formulas`. Nothing is hooked and nothing shared is
changed: the backbone runs once, the head gives all labels' gradients, and a map explains the *logit*.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ensemble_cam.classifiers.arrays import Array, as_numpy, flipped, like, namespace, not_numbers_allowed, rectified
from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.classifiers.heads import HeadRun, Step, go_on, part
from ensemble_cam.film.geometry import Geometry
from ensemble_cam.maps.formulas import gradient_maps, principal_component, weighted_maps
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
        activation: (1, channels, h, w) float32, what the head pools, NumPy's or PyTorch's.
        run: the activation's way through the head.
    """

    classifier: Classifier
    pixels: Array
    activation: Array
    run: HeadRun


def expose(classifier: Classifier, pixels: Array) -> Exposure:
    """Run a classifier over one film's (1, 1, side, side) pixels."""
    activation = classifier.backbone(pixels)
    with not_numbers_allowed():
        return Exposure(classifier, pixels, activation, classifier.head.run(activation))


def cam_grids(recipe: Recipe, exposure: Exposure, outputs: Sequence[int], *, step: Step = go_on) -> np.ndarray:
    """Compute the maps of several outputs on the model's grid.

    Args:
        recipe: which map.
        exposure: the film as the classifier saw it.
        outputs: indices of the logits to explain, at least one.
        step: told how much is done, and may raise `Cancelled`; asked often where a method takes long.

    Returns:
        (len(outputs), h, w) float32, at least 0: on the grid of the activation; of named or several layers on that
        of the finest; for Guided Grad-CAM on that of the pixels.

    Raises:
        ClassifierError: if several layers are asked of a network that has one, or a layer that it does not have.
    """
    with not_numbers_allowed():
        return (
            _smoothed(recipe, exposure, outputs, step) if recipe.aug_smooth else _grids(recipe, exposure, outputs, step)
        )


def _smoothed(recipe: Recipe, exposure: Exposure, outputs: Sequence[int], step: Step) -> np.ndarray:
    """Return the mean of the relative maps of the film as it is, changed in contrast, and mirrored."""
    found: list[np.ndarray] = []
    for mirrored in (False, True):
        for contrast in _CONTRASTS:
            step(len(found) / 6)
            changed = exposure
            if mirrored or contrast != 1:
                pixels = exposure.pixels * contrast
                changed = expose(exposure.classifier, flipped(pixels) if mirrored else pixels)
            grids = np.stack([relative(grid) for grid in _grids(recipe, changed, outputs, part(step, len(found), 6))])
            found.append(grids[:, :, ::-1] if mirrored else grids)
    return (sum(found, np.zeros_like(found[0])) / 6).astype(np.float32)


def _grids(recipe: Recipe, exposure: Exposure, outputs: Sequence[int], step: Step) -> np.ndarray:
    kind = METHODS[recipe.method].kind
    if recipe.names:
        from ensemble_cam.maps.torch_named_layers import named_layers  # here, as any cut takes PyTorch

        return named_layers(recipe, exposure, outputs, step)
    if recipe.layers == "several" or kind == "guided":
        from ensemble_cam.maps.torch_maps import guided_maps, several_layers  # here, as only autograd takes PyTorch

        if kind == "guided":
            return guided_maps(exposure, outputs, step)
        return several_layers(recipe, exposure, outputs, step)
    if kind == "gradient":
        gradients = exposure.run.gradients(outputs)
        maps = gradient_maps(recipe.method, exposure.activation[0], gradients, eigen_smooth=recipe.eigen_smooth)
    elif kind == "activation":
        maps = principal_component(exposure.activation[0])[None]
    elif kind == "ablation":
        maps = _ablation_maps(recipe, exposure, outputs, step)
    else:
        maps = _score_maps(recipe, exposure, outputs, step)
    positive = as_numpy(rectified(maps))
    return positive if len(positive) == len(outputs) else np.repeat(positive, len(outputs), axis=0)


def _ablation_maps(recipe: Recipe, exposure: Exposure, outputs: Sequence[int], step: Step) -> Array:
    """Weigh each channel by how far the logit falls without it, over the logit's size.

    The paper divides by the logit, and so does the package: below 0 that turns the map round, so that it shows what
    speaks against the finding. Here it shows what speaks for it, whatever the logit's sign.
    """
    logits = exposure.run.logits[list(outputs)][:, None]
    weights = (logits - exposure.run.ablated(outputs, step)) / namespace(logits).abs(logits)
    return weighted_maps(weights, exposure.activation[0], eigen_smooth=recipe.eigen_smooth)


def _score_maps(recipe: Recipe, exposure: Exposure, outputs: Sequence[int], step: Step) -> Array:
    """Weigh each channel by the softmax, over channels, of the logit of the film behind it."""
    classifier, channels = exposure.classifier, exposure.activation[0]
    xp, count, side = namespace(channels), channels.shape[0], exposure.pixels.shape[-1]
    pixels, enlarge = (
        like(as_numpy(exposure.pixels), channels),
        like(_corner_to_corner(channels.shape[-1], side), channels),
    )
    at_once, found = max(1, _PIXELS_AT_ONCE // side**2), []
    for first in range(0, count, at_once):
        step(first / count)
        masks = enlarge @ channels[first : first + at_once] @ xp.matrix_transpose(enlarge)
        lowest = xp.min(masks, axis=(1, 2), keepdims=True)
        masks = (masks - lowest) / (xp.max(masks, axis=(1, 2), keepdims=True) - lowest + 1e-8)
        found.append(classifier.head.logits(classifier.backbone(pixels * masks[:, None])))
    logits = xp.matrix_transpose(xp.concat(found, axis=0)[:, list(outputs)])
    shares = xp.exp(logits - xp.max(logits, axis=1, keepdims=True))
    weights = shares / xp.sum(shares, axis=1, keepdims=True)
    return weighted_maps(weights, channels, eigen_smooth=recipe.eigen_smooth)


def _corner_to_corner(cells: int, side: int) -> np.ndarray:
    """Return the (side, cells) float32 matrix that enlarges bilinearly with corners on corners, as Score-CAM's does."""
    at = np.linspace(0, cells - 1, side)
    return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(cells))).astype(np.float32)
