"""Class activation maps from an activation and a head.

The mathematics are the `grad-cam` package's: its classes' own weighting functions are called on the activation and
its gradients. Only the scheduling is ours: no hooks, one backbone run, all labels at once. A map explains the *logit*.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytorch_grad_cam
from torch import Tensor, nn

from ensemble_cam.geometry import Geometry
from ensemble_cam.heads import HeadRun
from ensemble_cam.heatmaps import Heatmap, relative
from ensemble_cam.methods import Method


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


def cam_grids(method: Method, activation: Tensor, run: HeadRun, outputs: Sequence[int]) -> np.ndarray:
    """Compute the maps of several outputs on the model's grid.

    Args:
        method: which map.
        activation: (1, channels, h, w) float32, of one film.
        run: the same activation on its way through the head.
        outputs: indices of the logits to explain, at least one.

    Returns:
        (len(outputs), h, w) float32, at least 0.
    """
    single = activation.detach().cpu().numpy()
    if not method.by_label:
        grid = _package_object(method.package_class).get_cam_image(None, None, None, single, None, False)
        return np.repeat(_positive(grid), len(outputs), axis=0)
    gradients = run.gradients(outputs).cpu().numpy()
    activations = np.broadcast_to(single, gradients.shape)
    # Cubes of large gradients overflow to infinity, under which the package's weights become 0.
    with np.errstate(over="ignore", invalid="ignore"):
        return _positive(
            _package_object(method.package_class).get_cam_image(None, None, None, activations, gradients, False)
        )


def _positive(grids: np.ndarray) -> np.ndarray:
    return np.maximum(grids, 0).astype(np.float32, copy=False)


@cache
def _package_object(package_class: str) -> pytorch_grad_cam.base_cam.BaseCAM:
    # Without target layers it sets no hooks and keeps no state: its weighting functions are all that is used, so
    # one object serves every thread. Its constructor asks the model for a parameter's device, hence the layer.
    return getattr(pytorch_grad_cam, package_class)(model=nn.Linear(1, 1), target_layers=[])
