"""The grad-cam package hooked on a whole network: what our maps are held to.

Its maps are taken before its min–max scaling. Where a principal component is taken, the package's own sign correction
is put in, as its plain one leaves the sign to chance (`formulas.principal_component`).
"""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest
import pytorch_grad_cam
import torch
from pytorch_grad_cam import (
    base_cam,
    eigen_cam,
    eigen_grad_cam,
    grad_cam_elementwise,
    hirescam,
    layer_cam,
)
from pytorch_grad_cam.utils import svd_on_activations
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from support.networks import without_scores


class Clone(nn.Module):
    """Keeps an in-place ReLU behind it away from what a hook holds."""

    def forward(self, values: Tensor) -> Tensor:
        return values.clone()


class Hooked:
    """A whole network and the layers that the package is hooked on.

    Args:
        model: pixels → (n, outputs) logits.
        layers: the last one, or the stage before it and the last one.
    """

    def __init__(self, model: nn.Module, layers: Sequence[nn.Module]):
        self.model, self.layers = model, list(layers)

    def map(self, package_class: str, film: Tensor, output: int, **options: bool) -> np.ndarray:
        """Return one output's map; on the film's grid where `aug_smooth` is among the options."""
        with _raw_maps(over_maxima=options.get("aug_smooth", False)):
            return self._cam(package_class, self.layers[-1:])(
                _laid_out(film), [ClassifierOutputTarget(output)], **options
            )[0]

    def maps_by_layer(self, package_class: str, film: Tensor, output: int) -> list[np.ndarray]:
        """Return one output's map of each layer."""
        found = []
        with _raw_maps() as scaled, self._cam(package_class, self.layers) as cam, pytest.MonkeyPatch.context() as patch:
            patch.setattr(cam, "aggregate_multi_layers", lambda maps: found.extend(maps) or scaled(maps[0][:, 0]))
            cam(_laid_out(film), [ClassifierOutputTarget(output)])
        return [each[0, 0] for each in found]

    def _cam(self, package_class: str, layers: Sequence[nn.Module]) -> base_cam.BaseCAM:
        return getattr(pytorch_grad_cam, package_class)(self.model, list(layers))


def _laid_out(film: Tensor) -> Tensor:
    return film.contiguous(memory_format=torch.channels_last)


@contextmanager
def _raw_maps(*, over_maxima: bool = False) -> Iterator:
    """Keep the package from scaling maps, or let it divide them by their maxima at the film's size."""

    def unscaled(maps: np.ndarray, target_size: tuple[int, int] | None = None) -> np.ndarray:
        return np.stack([over_its_maximum(each) for each in maps]) if over_maxima else maps

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base_cam, "scale_cam_image", unscaled)
        for module in (base_cam, eigen_cam, eigen_grad_cam, grad_cam_elementwise, hirescam, layer_cam):
            patch.setattr(module, "get_2d_projection", svd_on_activations.get_2d_projection_with_sign_correction)
        yield unscaled


def hooked_upstream(model_type: str, model: nn.Module) -> Hooked:
    """Hook a clinical family's whole upstream model, at the ReLU'd activation of its last stage and the stage before.

    Only what lies right before a layer asks for gradients, which spares the backward pass through all before it and
    changes no value. The model lies channels last, like ours: another layout takes other kernels, whose sums are
    rounded otherwise, and with seeded weights a ResNet50's maps then differ by 1e-4.
    """
    model = without_scores(copy.deepcopy(model)).requires_grad_(False).to(memory_format=torch.channels_last)
    if model_type == "resnet":
        model.model.layer3[-1].bn3.requires_grad_(True)
        return Hooked(model, [model.model.layer3, model.model.layer4])
    features = model.features if model_type == "densenet" else model.model.module.backbone.features
    return Hooked(model, rectified_layers(features))


def rectified_layers(features: nn.Sequential) -> list[nn.Module]:
    """Return a DenseNet's last dense block but one, and its features behind a ReLU of their own, which are added."""
    before = [child for name, child in features.named_children() if name.startswith("denseblock")][-2]
    for parameter in list(before.parameters())[-1:]:
        parameter.requires_grad_(True)
    features.add_module("relu_of_its_own", nn.ReLU(inplace=False))
    features.add_module("clone", Clone())
    return [before, features.relu_of_its_own]


def over_its_maximum(grid: np.ndarray) -> np.ndarray:
    """Return a map over its maximum; an empty one as it is."""
    return grid / grid.max() if grid.any() else grid
