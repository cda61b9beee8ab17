import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pytorch_grad_cam
import torch
from numpy.testing import assert_allclose, assert_array_equal
from pytorch_grad_cam import base_cam
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from ensemble_cam.analysis import model_input
from ensemble_cam.cams import CamMap, cam_grids
from ensemble_cam.errors import ConfigError
from ensemble_cam.geometry import Geometry
from ensemble_cam.heads import PooledHead
from ensemble_cam.methods import METHODS
from ensemble_cam.radiograph import read_radiograph
from ensemble_cam.runtime import run_backbone
from ensemble_cam.settings import Settings
from networks import INPUT_SIZES, relative_error, smooth_film, upstream_model, without_scores

IDS = {"densenet": "densenet121", "resnet": "resnet50", "jfhealthcare": "jfhealthcare"}
# Labels at both ends of JF Healthcare's chain of attentions, and in its middle.
OUTPUTS = {"densenet": (0, 3, 7), "resnet": (3, 10), "jfhealthcare": (0, 4)}
REAL_FILM = Path(__file__).parents[2] / "shared" / "xrays" / "nih_00000001_002_cardiomegaly_effusion.png"


class Clone(nn.Module):
    """Keeps an in-place ReLU behind it away from what a hook holds."""

    def forward(self, values: Tensor) -> Tensor:
        return values.clone()


class Hooked:
    """The grad-cam package hooked on a whole upstream model, its maps taken before their min–max scaling.

    The layer is the ReLU'd activation of the last stage. Only the batch norm before it asks for gradients, which
    spares the backward pass through all that lies before and changes no value.
    """

    def __init__(self, model_type: str, model: nn.Module):
        self.model = without_scores(copy.deepcopy(model)).requires_grad_(False)
        if model_type == "resnet":
            self.layer = self.model.model.layer4[-1]
            self.layer.bn3.requires_grad_(True)
            return
        features = self.model.features if model_type == "densenet" else self.model.model.module.backbone.features
        features.norm5.requires_grad_(True)
        features.add_module("relu_of_its_own", nn.ReLU(inplace=False))
        features.add_module("clone", Clone())
        self.layer = features.relu_of_its_own

    def map(self, package_class: str, film: Tensor, output: int) -> np.ndarray:
        whole = getattr(pytorch_grad_cam, package_class)(self.model, [self.layer])
        with pytest.MonkeyPatch.context() as patch, whole as cam:
            patch.setattr(base_cam, "scale_cam_image", lambda maps, target_size=None: maps)
            return cam(film, [ClassifierOutputTarget(output)])[0]


@pytest.fixture(scope="module", params=list(IDS))
def family(request):
    return request.param


@pytest.fixture(scope="module")
def hooked(family, home):
    return Hooked(family, upstream_model(family, home))


@pytest.fixture(scope="module")
def classifier(family, loaded):
    return loaded[IDS[family]]


def over_its_maximum(grid: np.ndarray) -> np.ndarray:
    return grid / grid.max() if grid.any() else grid


def assert_maps_are_the_packages(hooked, classifier, film, methods, outputs):
    activation = run_backbone(classifier, film)
    run = classifier.head.run(activation)
    drawn = 0
    for method in methods:
        grids = cam_grids(method, activation, run, outputs)
        for grid, output in zip(grids, outputs, strict=True):
            expected = hooked.map(method.package_class, film, output)
            error = np.abs(over_its_maximum(grid) - over_its_maximum(expected)).max()
            assert error < (1e-4 if "eigen" in method.name else 1e-5), (method.name, output)
            drawn += expected.any()
    assert drawn, "only empty maps were compared"


@pytest.mark.parametrize("method", METHODS.values(), ids=list(METHODS))
def test_maps_are_those_of_the_package_hooked_on_the_whole_upstream_model(family, hooked, classifier, method):
    # Eigen-CAM's maps are of no label, and a singular value decomposition takes half a second.
    outputs = OUTPUTS[family] if method.by_label else OUTPUTS[family][:1]
    if method.name == "eigengradcam":
        outputs = outputs[-1:] if family != "densenet" else outputs
    assert_maps_are_the_packages(hooked, classifier, smooth_film(INPUT_SIZES[family], seed=2), [method], outputs)


@pytest.mark.skipif(
    not REAL_FILM.exists(), reason="needs the films of ../shared/xrays, which are not part of the project"
)
def test_maps_of_a_real_film_are_those_of_the_hooked_package(family, hooked, classifier):
    film = model_input(read_radiograph(REAL_FILM.read_bytes()), framing="crop", size=INPUT_SIZES[family])
    methods = [METHODS[name] for name in ("gradcam++", "gradcam")]
    assert_maps_are_the_packages(hooked, classifier, film, methods, OUTPUTS[family][-1:])


def test_labels_asked_together_or_alone_have_the_same_maps(classifier):
    film = smooth_film(classifier.config.input_size, seed=3)
    activation = run_backbone(classifier, film)
    run = classifier.head.run(activation)
    for method in (METHODS["gradcam++"], METHODS["layercam"]):
        together = cam_grids(method, activation, run, [3, 0, 4])
        for grid, output in zip(together, [3, 0, 4], strict=True):
            alone = cam_grids(method, activation, classifier.head.run(activation), [output])[0]
            assert relative_error(grid, alone) < 1e-5


# Closed forms, on an activation and a head made by hand.


@pytest.fixture
def pooled():
    generator = torch.Generator().manual_seed(7)
    activation = torch.rand(1, 12, 7, 7, generator=generator) * (torch.rand(1, 12, 7, 7, generator=generator) > 0.3)
    linear = nn.Linear(12, 4).requires_grad_(False)
    linear.weight.copy_(torch.randn(4, 12, generator=generator))
    linear.bias.copy_(torch.randn(4, generator=generator))
    return activation, PooledHead(linear)


def grids_of(name, pooled, outputs=(0, 1, 2, 3)):
    activation, head = pooled
    return cam_grids(METHODS[name], activation, head.run(activation), list(outputs))


def test_grad_cam_is_cam_where_the_head_is_an_average_and_a_linear_layer(pooled):
    activation, head = pooled
    # Zhou 2016: the class's weights times the activation; the gradient has them over the number of cells.
    closed_form = torch.einsum("kc,cij->kij", head.linear.weight, activation[0]).clamp(min=0).numpy() / 49
    assert_allclose(grids_of("gradcam", pooled), closed_form, atol=1e-6)
    assert_allclose(grids_of("hirescam", pooled), closed_form, atol=1e-6)


def test_layer_cam_takes_the_positive_weights_alone(pooled):
    activation, head = pooled
    closed_form = torch.einsum("kc,cij->kij", head.linear.weight.clamp(min=0), activation[0]).numpy() / 49
    assert_allclose(grids_of("layercam", pooled), closed_form, atol=1e-6)


def test_grad_cam_plus_plus_is_the_papers_closed_form(pooled):
    activation, head = pooled
    a, w = activation[0].double().numpy(), head.linear.weight.double().numpy() / 49
    # Equation 19 of arXiv:1710.11063 with the gradient w, the same in each cell; the package adds 1e-6 below.
    alpha = w**2 / (2 * w**2 + a.sum(axis=(1, 2)) * w**3 + 1e-6)
    weights = 49 * alpha * np.maximum(w, 0)
    closed_form = np.maximum(np.einsum("kc,cij->kij", weights, a), 0)
    assert_allclose(grids_of("gradcam++", pooled), closed_form, rtol=1e-4, atol=1e-6)


def test_eigen_cam_is_the_first_principal_component_for_every_label(pooled):
    activation, _ = pooled
    cells = activation[0].reshape(12, 49).double().numpy().T
    centred = cells - cells.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    projection = (centred @ vectors[:, -1]).reshape(7, 7)

    grids = grids_of("eigencam", pooled)

    # A singular vector's sign is of no account.
    closest = min(np.abs(grids[0] - np.maximum(sign * projection, 0)).max() for sign in (-1, 1))
    assert closest < 1e-4 * np.abs(projection).max()
    for grid in grids[1:]:
        assert_array_equal(grid, grids[0])


@pytest.mark.parametrize("name", METHODS)
def test_maps_are_float32_and_at_least_zero_in_the_order_asked_for(name, pooled):
    grids = grids_of(name, pooled)
    assert grids.dtype == np.float32
    assert grids.shape == (4, 7, 7)
    assert grids.min() >= 0
    assert_allclose(grids_of(name, pooled, [2, 0]), grids[[2, 0]], rtol=1e-5, atol=1e-7)


def test_a_map_without_positive_values_is_zero_and_empty(pooled):
    activation, head = pooled
    head.linear.weight.copy_(-head.linear.weight.abs())
    (grid,) = grids_of("gradcam", (activation, head), [1])
    geometry = Geometry.framed((70, 70), framing="crop", cells=7)
    cam = CamMap.of(grid, label="Mass", classifier="x", geometry=geometry)
    assert not grid.any()
    assert cam.empty
    assert cam.hottest is None


def test_a_maps_relative_activation_is_over_its_maximum_and_the_method_s_values_are_kept():
    grid = np.array([[0, 2], [1, 8]], np.float32)
    geometry = Geometry.framed((20, 10), framing="crop", cells=2)
    cam = CamMap.of(grid, label="Mass", classifier="x", geometry=geometry)
    assert_array_equal(cam.grids[0], grid / 8)
    assert_array_equal(cam.grid, grid)
    assert replace(cam, weights=(0.5,)).at(np.array([14]), np.array([9]))[0, 0] == 0.5


def test_unknown_methods_are_refused_and_known_ones_are_the_packages():
    for name, method in METHODS.items():
        assert method.name == name == Settings(method=name).method
        assert issubclass(getattr(pytorch_grad_cam, method.package_class), base_cam.BaseCAM)
    with pytest.raises(ConfigError, match=r"method: got .gradcam\+\+\+.*allowed.*gradcam\+\+, gradcam,"):
        Settings(method="gradcam+++")
