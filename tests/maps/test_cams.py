"""Maps in closed form, on an activation and a head made by hand, and what methods refuse."""

from dataclasses import replace

import numpy as np
import pytest
import pytorch_grad_cam
import torch
from numpy.testing import assert_allclose, assert_array_equal
from pytorch_grad_cam import base_cam

from ensemble_cam.classifiers.heads import PooledHead
from ensemble_cam.errors import Cancelled, ClassifierError, ConfigError
from ensemble_cam.film.geometry import Geometry
from ensemble_cam.maps.cams import CamMap, Exposure, cam_grids, expose
from ensemble_cam.maps.formulas import principal_component
from ensemble_cam.settings.methods import METHODS, Recipe
from ensemble_cam.settings.settings import Settings
from support.hooked import over_its_maximum
from support.networks import bright_classifier, smooth_film


@pytest.fixture(params=[np.asarray, torch.from_numpy], ids=["numpy", "torch"])
def pooled(request):
    """An activation and a head of either kind of arrays."""
    random = np.random.default_rng(7)
    activation = random.random((1, 12, 7, 7), np.float32) * (random.random((1, 12, 7, 7)) > 0.3)
    arrays = {"weight": random.standard_normal((4, 12), np.float32), "bias": random.standard_normal(4, np.float32)}
    return request.param(activation.astype(np.float32)), PooledHead(arrays).on(request.param)


def numbers(pooled):
    """Return the activation, (12, 7, 7), and the head's weight, (4, 12), in NumPy."""
    activation, head = pooled
    return np.asarray(activation[0]), np.asarray(head.arrays["weight"])


def exposed(pooled):
    activation, head = pooled
    return Exposure(bright_classifier(), np.zeros((1, 1, 64, 64), np.float32), activation, head.run(activation))


def grids_of(name, pooled, outputs=(0, 1, 2, 3)):
    return cam_grids(Recipe(name), exposed(pooled), list(outputs))


def test_grad_cam_is_cam_where_the_head_is_an_average_and_a_linear_layer(pooled):
    activation, weight = numbers(pooled)
    # Zhou 2016: the class's weights times the activation; the gradient has them over the number of cells.
    closed_form = np.maximum(np.einsum("kc,cij->kij", weight, activation), 0) / 49
    assert_allclose(grids_of("gradcam", pooled), closed_form, atol=1e-6)
    assert_allclose(grids_of("hirescam", pooled), closed_form, atol=1e-6)


def test_layer_cam_takes_the_positive_weights_alone(pooled):
    activation, weight = numbers(pooled)
    closed_form = np.einsum("kc,cij->kij", np.maximum(weight, 0), activation) / 49
    assert_allclose(grids_of("layercam", pooled), closed_form, atol=1e-6)


def test_grad_cam_plus_plus_is_the_papers_closed_form(pooled):
    activation, weight = numbers(pooled)
    a, w = activation.astype(np.float64), weight.astype(np.float64) / 49
    # Equation 19 of arXiv:1710.11063 with the gradient w, the same in each cell; the package adds 1e-6 below.
    alpha = w**2 / (2 * w**2 + a.sum(axis=(1, 2)) * w**3 + 1e-6)
    weights = 49 * alpha * np.maximum(w, 0)
    closed_form = np.maximum(np.einsum("kc,cij->kij", weights, a), 0)
    assert_allclose(grids_of("gradcam++", pooled), closed_form, rtol=1e-4, atol=1e-6)


def test_eigen_cam_is_the_first_principal_component_for_every_label(pooled):
    activation, _ = numbers(pooled)
    cells = activation.reshape(12, 49).astype(np.float64).T
    centred = cells - cells.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    projection = (centred @ vectors[:, -1]).reshape(7, 7)
    projection *= 1 if projection.max() >= -projection.min() else -1

    grids = grids_of("eigencam", pooled)

    assert_allclose(grids[0], np.maximum(projection, 0), atol=1e-5)
    for grid in grids[1:]:
        assert_array_equal(grid, grids[0])


@pytest.mark.parametrize(("channels", "side"), [(3, 9), (30, 4)])
def test_a_principal_component_is_the_decompositions_from_either_gram_matrix(channels, side):
    values = torch.randn(channels, side, side, generator=torch.Generator().manual_seed(1))
    cells = values.reshape(channels, -1).numpy().T
    centred = cells - cells.mean(axis=0)
    _, _, rows = np.linalg.svd(centred, full_matrices=False)
    expected = (centred @ rows[0]).reshape(side, side)
    expected *= 1 if expected.max() >= -expected.min() else -1
    assert_allclose(principal_component(values), expected, atol=1e-5)
    # A component has no sign of its own: that of the channels does not change it.
    assert_allclose(principal_component(-values), expected, atol=1e-5)


def test_the_principal_component_of_nothing_is_nothing():
    assert not principal_component(torch.full((5, 4, 4), 2.0)).any()


def test_ablation_shows_what_speaks_for_a_finding_whatever_the_logits_sign(pooled):
    activation, weight = numbers(pooled)
    means = weight * activation.mean((1, 2))
    expected = np.maximum(np.einsum("kc,cij->kij", means, activation), 0)
    for bias in (-100.0, 100.0):
        head = PooledHead({"weight": pooled[1].arrays["weight"], "bias": 0 * pooled[1].arrays["bias"] + bias})
        for got, wanted in zip(grids_of("ablationcam", (pooled[0], head)), expected, strict=True):
            assert_allclose(over_its_maximum(got), over_its_maximum(wanted), atol=1e-4)


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if method.kind not in ("score", "guided")])
def test_maps_are_float32_and_at_least_zero_in_the_order_asked_for(name, pooled):
    grids = grids_of(name, pooled)
    assert grids.dtype == np.float32
    assert grids.shape == (4, 7, 7)
    assert grids.min() >= 0
    assert_allclose(grids_of(name, pooled, [2, 0]), grids[[2, 0]], rtol=1e-5, atol=1e-7)


def test_a_map_without_positive_values_is_zero_and_empty(pooled):
    activation, head = pooled
    negative = PooledHead({**head.arrays, "weight": -abs(head.arrays["weight"])})
    (grid,) = grids_of("gradcam", (activation, negative), [1])
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
        if method.kind != "guided":
            assert issubclass(getattr(pytorch_grad_cam, method.package_class), base_cam.BaseCAM)
        assert hasattr(pytorch_grad_cam, method.package_class)
        assert method.title in method.line
    with pytest.raises(ConfigError, match=r"method: got .gradcam\+\+\+.*allowed.*gradcam\+\+, gradcam,"):
        Settings(method="gradcam+++")


@pytest.mark.parametrize(
    ("recipe", "complaint"),
    [
        ({"method": "scorecam", "layers": "several"}, "layers: Score-CAM is made of the last layer alone"),
        ({"method": "ablationcam", "layers": "several"}, "layers: Ablation-CAM"),
        ({"method": "eigencam", "eigen_smooth": True}, "eigen_smooth: Eigen-CAM sums no channels"),
        ({"method": "guidedgradcam", "eigen_smooth": True}, "eigen_smooth: Guided Grad-CAM"),
        ({"method": "guidedgradcam", "aug_smooth": True}, "aug_smooth: Guided Grad-CAM is a picture of pixels"),
    ],
)
def test_what_does_not_go_together_is_refused(recipe, complaint):
    for build in (Recipe, Settings):
        with pytest.raises(ConfigError, match=complaint):
            build(**recipe)


def test_several_layers_of_a_network_with_one_are_refused():
    exposure = expose(bright_classifier(), smooth_film(64))
    with pytest.raises(ClassifierError, match="one layer"):
        cam_grids(Recipe("gradcam", layers="several"), exposure, [0])


@pytest.mark.parametrize("recipe", [{"method": "scorecam"}, {"method": "ablationcam"}, {"aug_smooth": True}])
def test_methods_that_take_long_tell_how_far_they_are_and_can_be_stopped(recipe, loaded):
    exposure, told = expose(loaded["jfhealthcare"], smooth_film(512)), []

    def step(share):
        told.append(share)
        if len(told) == 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        cam_grids(Recipe(**recipe), exposure, [4], step=step)
    assert told[0] == 0 < told[1] < 0.2
