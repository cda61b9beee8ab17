"""Maps of the real architectures, held to those of the grad-cam package hooked on the whole upstream models."""

import copy
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from pytorch_grad_cam import GuidedBackpropReLUModel

from ensemble_cam.errors import ClassifierError, ConfigError
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.maps.cams import cam_grids, expose
from ensemble_cam.maps.torch_named_layers import check_named_layers
from ensemble_cam.reviewing.pipeline import model_input
from ensemble_cam.settings.methods import METHODS, Recipe
from support.hooked import hooked_upstream, over_its_maximum
from support.networks import INPUT_SIZES, relative_error, smooth_film

# Labels at both ends of JF Healthcare's chain of attentions, and in its middle.
OUTPUTS = {"densenet": (0, 3, 7), "resnet": (3, 10), "jfhealthcare": (0, 4)}
# The others run the network for every channel: see test_teaching_networks.py, where that takes no hour.
QUICK = [method for method in METHODS.values() if method.kind in ("gradient", "activation")]
REAL_FILM = Path(__file__).parents[3] / "shared" / "xrays" / "nih_00000001_002_cardiomegaly_effusion.png"


@pytest.fixture(scope="module")
def hooked(family, upstream):
    return hooked_upstream(family, upstream)


@pytest.fixture(scope="module")
def hooked_in_double(family, upstream):
    """Gives the same in double precision, made where it is first needed: JF Healthcare's takes many seconds."""
    return cache(lambda: hooked_upstream(family, copy.deepcopy(upstream).double()))


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


def assert_near(drawn, expected, expected_in_double, bound, told):
    """Hold a map to the package's in single precision or, in the cells where that differs, to its map in double.

    Where a value before a ReLU is 0 but for rounding, one of the two in single precision may let its gradient through
    and the other not, depending on the processor and its threads; JF Healthcare's are then 6e-4 apart.
    """
    error = np.abs(drawn - expected)
    if not error.max() < bound:
        error = np.minimum(error, np.abs(drawn - expected_in_double()))
    assert error.max() < bound, told


def assert_maps_are_the_packages(hooked, hooked_in_double, exposure, methods, outputs, **options):
    drawn = 0
    for method in methods:
        grids = cam_grids(Recipe(method.name, **options), exposure, outputs)
        for grid, output in zip(grids, outputs, strict=True):
            expected = hooked.map(method.package_class, exposure.pixels, output, **options)

            def in_double(method=method, output=output):
                found = hooked_in_double().map(method.package_class, exposure.pixels.double(), output, **options)
                return over_its_maximum(found)

            allowed = bound(method.name, exposure.classifier.id)
            told = method.name, output
            assert_near(over_its_maximum(grid), over_its_maximum(expected), in_double, allowed, told)
            drawn += expected.any()
    assert drawn, "only empty maps were compared"


@pytest.mark.parametrize("method", QUICK, ids=[method.name for method in QUICK])
def test_maps_are_those_of_the_package_hooked_on_the_whole_upstream_model(
    family, hooked, hooked_in_double, exposure, method
):
    # Eigen-CAM's maps are of no label, and a singular value decomposition takes half a second.
    outputs = OUTPUTS[family] if method.by_label else OUTPUTS[family][:1]
    if method.name == "eigengradcam":
        outputs = outputs[-1:] if family != "densenet" else outputs
    assert_maps_are_the_packages(hooked, hooked_in_double, exposure, [method], outputs)


@pytest.mark.skipif(
    not REAL_FILM.exists(), reason="needs the films of ../shared/xrays, which are not part of the project"
)
def test_maps_of_a_real_film_are_those_of_the_hooked_package(family, hooked, hooked_in_double, classifier):
    film = torch.from_numpy(
        model_input(read_radiograph(REAL_FILM.read_bytes()), framing="crop", size=INPUT_SIZES[family])
    )
    methods = [METHODS[name] for name in ("gradcam++", "gradcam")]
    assert_maps_are_the_packages(hooked, hooked_in_double, expose(classifier, film), methods, OUTPUTS[family][-1:])


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
def test_two_layers_maps_are_the_mean_of_the_packages_maps_of_each(hooked, hooked_in_double, exposure, method):
    drawn = cam_grids(Recipe(method, layers="several"), exposure, [3])[0]

    def mean(hooked, pixels):
        by_layer = hooked.maps_by_layer(METHODS[method].package_class, pixels, 3)
        assert by_layer[0].shape[0] == 2 * by_layer[1].shape[0] == drawn.shape[0]
        assert all(each.any() for each in by_layer)
        # cv2 enlarges bilinearly between the cells' centres, as maps are read on films.
        enlarged = [cv2.resize(each, drawn.shape, interpolation=cv2.INTER_LINEAR) for each in by_layer]
        return (over_its_maximum(enlarged[0]) + over_its_maximum(enlarged[1])) / 2

    expected = mean(hooked, exposure.pixels)
    # As in `bound`; of two layers, each may have cells that single precision alone lets through or shuts.
    allowed = 1e-3 if exposure.classifier.id == "jfhealthcare" and method == "hirescam" else 2e-5
    assert_near(drawn, expected, lambda: mean(hooked_in_double(), exposure.pixels.double()), allowed, method)


@pytest.mark.parametrize("method", ["gradcam", "layercam"])
def test_a_named_layers_map_is_the_packages_map_of_it(hooked, hooked_in_double, exposure, family, method):
    named = "layer3" if family == "resnet" else "denseblock3"
    drawn = cam_grids(Recipe(method, layers=named), exposure, [3])[0]

    def of_the_layer(hooked, pixels):
        return over_its_maximum(hooked.maps_by_layer(METHODS[method].package_class, pixels, 3)[0])

    expected = of_the_layer(hooked, exposure.pixels)
    assert_near(
        over_its_maximum(drawn),
        expected,
        lambda: of_the_layer(hooked_in_double(), exposure.pixels.double()),
        2e-5,
        method,
    )


@pytest.mark.parametrize("family", ["resnet"], indirect=True)
def test_named_layers_are_averaged_as_the_last_two_are(exposure):
    two = cam_grids(Recipe("layercam", layers="layer3,layer4"), exposure, [3, 5])
    several = cam_grids(Recipe("layercam", layers="several"), exposure, [3, 5])
    assert np.abs(two - several).max() < 1e-5
    assert several.any(axis=(1, 2)).all()


@pytest.mark.parametrize("family", ["resnet"], indirect=True)
def test_of_several_names_a_network_takes_those_of_its_own(classifier, exposure):
    both = Recipe("gradcam", layers="denseblock3,layer4.2")
    assert np.array_equal(
        cam_grids(both, exposure, [3]), cam_grids(Recipe("gradcam", layers="layer4.2"), exposure, [3])
    )


def test_a_layer_within_a_stage_that_is_not_there_is_refused_before_the_first_film(untrained):
    classifiers = [untrained["resnet50"], untrained["densenet121"]]
    with pytest.raises(ConfigError, match=r"""a layer layer4\.9 that a map .* Did you mean "layer4\.\d"\?"""):
        check_named_layers(Recipe("gradcam", layers="layer4.9,denseblock4"), classifiers)
    check_named_layers(Recipe("gradcam", layers="layer4.2,denseblock4"), classifiers)


@pytest.mark.parametrize("id", ["densenet121", "resnet50", "jfhealthcare"])
def test_a_map_can_be_made_at_each_stage_that_is_known_before_a_network_is_built(untrained, id):
    stages = untrained[id].config.family.stages
    check_named_layers(Recipe("gradcam", layers=",".join(stages)), [untrained[id]])
    for stage in stages:
        check_named_layers(Recipe("gradcam", layers=stage), [untrained[id]])
    assert len(stages) > 7


def test_guided_grad_cam_is_the_packages_guided_gradients_within_its_grad_cam(family, hooked, classifier, exposure):
    values = [value.clone() for value in classifier.network().backbone.state_dict().values()]
    outputs = [0, 3] if family == "densenet" else [3]  # each goes back through the whole network: seconds in the others
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
    assert all(map(torch.equal, values, classifier.network().backbone.state_dict().values()))
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
            expected = classifier.network().head(edited)[0][outputs]
        assert_allclose(ablated[:, channel], expected, rtol=1e-5, atol=1e-5)
    assert (ablated.T - exposure.run.logits[outputs]).abs().max() > 1e-4


def test_a_head_gives_the_logits_of_several_activations_at_once(classifier, exposure):
    several = torch.cat([exposure.activation, exposure.activation / 2, exposure.activation.flip(3)])
    with torch.no_grad():
        expected = classifier.network().head(several)
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
