import copy
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import pytorch_grad_cam
import torch
from numpy.testing import assert_allclose, assert_array_equal
from pytorch_grad_cam import GuidedBackpropReLUModel, base_cam
from torch import nn

from ensemble_cam.classifiers.heads import PooledHead
from ensemble_cam.errors import Cancelled, ClassifierError, ConfigError
from ensemble_cam.film.geometry import Geometry
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.maps.cams import CamMap, Exposure, cam_grids, expose
from ensemble_cam.maps.formulas import principal_component
from ensemble_cam.reviewing.pipeline import model_input
from ensemble_cam.settings.methods import METHODS, Recipe
from ensemble_cam.settings.settings import Settings
from hooked import hooked_upstream, over_its_maximum
from networks import INPUT_SIZES, bright_classifier, relative_error, smooth_film, upstream_model

IDS = {"densenet": "densenet121", "resnet": "resnet50", "jfhealthcare": "jfhealthcare"}
# Labels at both ends of JF Healthcare's chain of attentions, and in its middle.
OUTPUTS = {"densenet": (0, 3, 7), "resnet": (3, 10), "jfhealthcare": (0, 4)}
# The others run the network for every channel: see test_teaching_networks.py, where that takes no hour.
QUICK = [method for method in METHODS.values() if method.kind in ("gradient", "activation")]
REAL_FILM = Path(__file__).parents[2] / "shared" / "xrays" / "nih_00000001_002_cardiomegaly_effusion.png"


@pytest.fixture(scope="module", params=list(IDS))
def family(request):
    return request.param


@pytest.fixture(scope="module")
def upstream(family, home):
    return upstream_model(family, home)


@pytest.fixture(scope="module")
def hooked(family, upstream):
    return hooked_upstream(family, upstream)


@pytest.fixture(scope="module")
def classifier(family, loaded):
    return loaded[IDS[family]]


@pytest.fixture(scope="module")
def exposure(family, classifier):
    return expose(classifier, smooth_film(INPUT_SIZES[family], seed=2))


def bound(method: str, id: str) -> float:
    """Return how far a map may be from the package's.

    Where channels for and against a finding cancel out behind JF Healthcare's chain, rounding shows: the package's own
    maps in single precision are up to 3e-3 from those in double there.
    """
    cancels = id == "jfhealthcare" and method in ("gradcam", "hirescam", "xgradcam")
    return 1e-4 if cancels or "eigen" in method else 1e-5


def assert_maps_are_the_packages(hooked, exposure, methods, outputs, **options):
    drawn = 0
    for method in methods:
        grids = cam_grids(Recipe(method.name, **options), exposure, outputs)
        for grid, output in zip(grids, outputs, strict=True):
            expected = hooked.map(method.package_class, exposure.pixels, output, **options)
            error = np.abs(over_its_maximum(grid) - over_its_maximum(expected)).max()
            assert error < bound(method.name, exposure.classifier.id), (method.name, output)
            drawn += expected.any()
    assert drawn, "only empty maps were compared"


@pytest.mark.parametrize("method", QUICK, ids=[method.name for method in QUICK])
def test_maps_are_those_of_the_package_hooked_on_the_whole_upstream_model(family, hooked, exposure, method):
    # Eigen-CAM's maps are of no label, and a singular value decomposition takes half a second.
    outputs = OUTPUTS[family] if method.by_label else OUTPUTS[family][:1]
    if method.name == "eigengradcam":
        outputs = outputs[-1:] if family != "densenet" else outputs
    assert_maps_are_the_packages(hooked, exposure, [method], outputs)


@pytest.mark.skipif(
    not REAL_FILM.exists(), reason="needs the films of ../shared/xrays, which are not part of the project"
)
def test_maps_of_a_real_film_are_those_of_the_hooked_package(family, hooked, classifier):
    film = model_input(read_radiograph(REAL_FILM.read_bytes()), framing="crop", size=INPUT_SIZES[family])
    methods = [METHODS[name] for name in ("gradcam++", "gradcam")]
    assert_maps_are_the_packages(hooked, expose(classifier, film), methods, OUTPUTS[family][-1:])


# The package decomposes the channels whole, which takes seconds for the large grids.
@pytest.mark.parametrize("method", ["gradcam++", "layercam", "hirescam", "elementwise", "xgradcam"])
@pytest.mark.parametrize("family", ["densenet"], indirect=True)
def test_smoothing_by_the_principal_component_is_the_packages(hooked, exposure, method):
    drawn = cam_grids(Recipe(method, eigen_smooth=True), exposure, [3])[0]
    expected = hooked.map(METHODS[method].package_class, exposure.pixels, 3, eigen_smooth=True)
    assert np.abs(over_its_maximum(drawn) - over_its_maximum(expected)).max() < 1e-4
    assert expected.any()


def test_smoothing_over_changed_films_is_the_packages(hooked, exposure):
    # The package turns a mirrored film's map back at the film's size; that of the grid is turned back the same way.
    mean = cam_grids(Recipe("gradcam++", aug_smooth=True), exposure, [3])[0]
    expected = hooked.map("GradCAMPlusPlus", exposure.pixels, 3, aug_smooth=True)
    assert np.abs(mean - expected).max() < 1e-5
    plain = cam_grids(Recipe("gradcam++"), exposure, [3])[0]
    assert np.abs(mean - over_its_maximum(plain)).max() > 1e-3


# Grad-CAM++'s quotient has a zero below where gradients are negative, as they are before JF Healthcare's last stage.
@pytest.mark.parametrize("method", ["layercam", "hirescam"])
def test_two_layers_maps_are_the_mean_of_the_packages_maps_of_each(hooked, exposure, method):
    drawn = cam_grids(Recipe(method, layers="several"), exposure, [3])[0]
    by_layer = hooked.maps_by_layer(METHODS[method].package_class, exposure.pixels, 3)
    assert by_layer[0].shape[0] == 2 * by_layer[1].shape[0] == drawn.shape[0]
    # cv2 enlarges bilinearly between the cells' centres, as maps are read on films.
    enlarged = [cv2.resize(each, drawn.shape, interpolation=cv2.INTER_LINEAR) for each in by_layer]
    expected = (over_its_maximum(enlarged[0]) + over_its_maximum(enlarged[1])) / 2
    assert all(each.any() for each in by_layer)
    assert np.abs(drawn - expected).max() < 2e-5


def test_guided_grad_cam_is_the_packages_guided_gradients_within_its_grad_cam(hooked, classifier, exposure):
    values = [value.clone() for value in classifier.backbone.state_dict().values()]
    outputs = [0, 3]
    drawn = cam_grids(Recipe("guidedgradcam"), exposure, outputs)
    for grid, output in zip(drawn, outputs, strict=True):
        # On a copy: it leaves other ReLUs behind, and so no layer that is hooked.
        guided = GuidedBackpropReLUModel(copy.deepcopy(hooked.model))(exposure.pixels.clone(), output)[:, :, 0]
        grad_cam = over_its_maximum(hooked.map("GradCAM", exposure.pixels, output))
        enlarged = cv2.resize(grad_cam, guided.shape, interpolation=cv2.INTER_LINEAR)
        expected = np.maximum(guided, 0) * enlarged
        assert grid.shape == exposure.pixels.shape[2:]
        assert np.abs(over_its_maximum(grid) - over_its_maximum(expected)).max() < 1e-4
    assert drawn.any()
    # It worked on a copy.
    assert all(map(torch.equal, values, classifier.backbone.state_dict().values()))
    again = expose(classifier, exposure.pixels)
    assert torch.equal(again.activation, exposure.activation)


def test_ablated_logits_are_those_of_the_head_without_the_channel(family, classifier, exposure):
    # Of JF Healthcare's chain the first attention alone: a thousand runs of all five take their time.
    outputs, told = [0] if family == "jfhealthcare" else [7, 0], []
    ablated = exposure.run.ablated(outputs, step=told.append)
    channels = exposure.activation.shape[1]
    assert ablated.shape == (len(outputs), channels)
    assert all(0 <= share < 1 for share in told)
    for channel in (0, 31, 32, channels - 1):
        edited = exposure.activation.clone()
        edited[0, channel] = 0
        with torch.no_grad():
            expected = classifier.head(edited)[0][outputs]
        assert_allclose(ablated[:, channel], expected, rtol=1e-5, atol=1e-5)
    assert (ablated.T - exposure.run.logits[outputs]).abs().max() > 1e-4


def test_a_head_gives_the_logits_of_several_activations_at_once(classifier, exposure):
    several = torch.cat([exposure.activation, exposure.activation / 2, exposure.activation.flip(3)])
    with torch.no_grad():
        expected = classifier.head(several)
    assert relative_error(classifier.head.logits(several).numpy(), expected.numpy()) < 1e-5


def test_jfhealthcares_attention_refuses_maps_that_upstreams_cannot_take(loaded):
    with pytest.raises(ClassifierError, match="maps of 7×7 cells: its input size must be a multiple of 128"):
        expose(loaded["jfhealthcare"], smooth_film(224))


def test_labels_asked_together_or_alone_have_the_same_maps(exposure, classifier):
    for name in ("gradcam++", "layercam"):
        together = cam_grids(Recipe(name), exposure, [3, 0, 4])
        for grid, output in zip(together, [3, 0, 4], strict=True):
            alone = cam_grids(Recipe(name), expose(classifier, exposure.pixels), [output])[0]
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


def exposed(pooled):
    activation, head = pooled
    return Exposure(bright_classifier(), torch.zeros(1, 1, 64, 64), activation, head.run(activation))


def grids_of(name, pooled, outputs=(0, 1, 2, 3)):
    return cam_grids(Recipe(name), exposed(pooled), list(outputs))


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
    activation, head = pooled
    means = head.linear.weight * activation[0].mean((1, 2))
    for bias in (-100.0, 100.0):
        head.linear.bias.fill_(bias)
        expected = torch.einsum("kc,cij->kij", means, activation[0]).clamp(min=0).numpy()
        for got, wanted in zip(grids_of("ablationcam", (activation, head)), expected, strict=True):
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
