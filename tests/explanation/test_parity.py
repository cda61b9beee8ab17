"""Maps of any network beside the `grad-cam` package's, which hooks the whole network; and logits beside its own."""

import cv2
import numpy as np
import pytest
import torch
from pytorch_grad_cam import (
    AblationCAM,
    GradCAM,
    GradCAMElementWise,
    GradCAMPlusPlus,
    HiResCAM,
    LayerCAM,
    ScoreCAM,
    XGradCAM,
)
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn
from torchvision.models import DenseNet

import ensemble_cam as ec
from support.small_networks import Branching, Small, seeded_small, settled

pytestmark = pytest.mark.slow

PACKAGE = {
    "gradcam": GradCAM,
    "hirescam": HiResCAM,
    "elementwise": GradCAMElementWise,
    "layercam": LayerCAM,
    "gradcam++": GradCAMPlusPlus,
    "xgradcam": XGradCAM,
}
DIVIDE = ("gradcam++", "xgradcam")
SIDE = 96

# Name, the layer where the package hooks, whether the activation is at least 0.
NETWORKS = [
    ("torchvision:resnet18", "layer4", True),
    ("torchvision:efficientnet_b0", "features", False),
    ("torchvision:mobilenet_v3_small", "features", False),
    ("torchvision:vgg11_bn", "features", True),
    ("timm:resnet10t", "layer4", True),
]


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((SIDE, SIDE, 3)).astype(np.float32)


def by_the_package(network: nn.Module, layer: str, method: str, pixels: torch.Tensor, target: int) -> np.ndarray:
    """Return the package's map as it is before it is scaled, (h, w), at least 0."""
    with PACKAGE[method](network, [network.get_submodule(layer)]) as cam:
        cam(pixels, [ClassifierOutputTarget(target)])
        hooked = cam.activations_and_grads
        activation, gradient = hooked.activations[0].numpy(), hooked.gradients[0].numpy()
        found = cam.get_cam_image(pixels, cam.target_layers[0], None, activation, gradient, False)
    return np.maximum(found[0], 0)


def pair(spec: str) -> tuple[ec.Network, nn.Module]:
    module = settled(ec.load_network(spec, classes=["a", "b", "c"], input_size=SIDE).module)
    return ec.Network(module, input_size=SIDE, mean=0.45, std=0.25, name=spec), module


@pytest.mark.parametrize(("spec", "layer", "rectified"), NETWORKS, ids=[name for name, *_ in NETWORKS])
def test_maps_and_logits_are_those_of_the_whole_network(spec, layer, rectified):
    network, module = pair(spec)
    pixels = network.pixels(torch.from_numpy(noise().transpose(2, 0, 1)))
    with torch.no_grad():
        logits = module(pixels)[0].numpy()
    for method in PACKAGE:
        if method in DIVIDE and not rectified:
            continue
        explained = ec.explain(network, noise(), target="all", method=method)
        maps = np.stack(list(explained.class_maps.values()))
        expected = np.stack([by_the_package(module, layer, method, pixels, target) for target in range(3)])
        assert expected.max() > 0
        assert np.abs(maps - expected).max() <= 1e-4 * expected.max(), method
        assert list(explained.record["logits"].values()) == pytest.approx(logits, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize(("method", "by"), [("ablationcam", AblationCAM), ("scorecam", ScoreCAM)])
def test_methods_without_gradients_are_the_packages(method, by):
    network, module = pair("torchvision:resnet18")
    pixels = network.pixels(torch.from_numpy(noise().transpose(2, 0, 1)))
    with torch.no_grad():
        target = int(module(pixels)[0].argmax())  # above 0: below, the package turns Ablation-CAM round
    with by(module, [module.layer4]) as cam:
        expected = cam(pixels, [ClassifierOutputTarget(target)])[0]
    found = ec.explain(network, noise(), target=target, method=method).map
    enlarged = cv2.resize(found, (SIDE, SIDE))  # as the package does it, which then stretches it from 0 to 1
    scaled = (enlarged - enlarged.min()) / (enlarged.max() - enlarged.min())
    assert np.abs(scaled - expected).max() <= 1e-4


def test_a_densenets_head_rectifies_a_copy_of_the_activation():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        module = settled(DenseNet(8, (2, 2, 2, 2), 16, num_classes=3))
    network = ec.Network(module, input_size=SIDE)
    assert network.cut.way == "traced"
    pixels = network.pixels(torch.from_numpy(noise().transpose(2, 0, 1)))
    with torch.no_grad():
        activation, logits = module.features(pixels)[0], module(pixels)[0]
        assert activation.min() < 0
        # Grad-CAM's own: behind ReLU, average and linear layer the gradient is the weight, where a cell is open.
        cells = torch.einsum("kc,chw->khw", module.classifier.weight, activation.clamp(min=0)) / activation[0].numel()
    explained = ec.explain(network, noise(), target="all", method="hirescam")
    assert list(explained.record["logits"].values()) == pytest.approx(logits.tolist(), abs=1e-5)
    maps = np.stack(list(explained.class_maps.values()))
    np.testing.assert_allclose(maps, cells.clamp(min=0).numpy(), rtol=1e-4, atol=1e-6)


def test_where_activations_are_negative_the_methods_that_divide_by_them_say_so():
    network, _ = pair("torchvision:efficientnet_b0")
    (said,) = (each for each in ec.explain(network, noise(), target=1).cautions if "unstable" in each)
    assert said.startswith("Grad-CAM++ is unstable at this layer: its activation has values below 0 (down to -0.28)")
    assert not any("unstable" in each for each in ec.explain(network, noise(), target=1, method="gradcam").cautions)


@pytest.mark.parametrize("layer", ["last", "block"])
@pytest.mark.parametrize("method", ["gradcam", "layercam", "ablationcam", "scorecam"])
def test_a_twin_gives_the_maps_of_a_split_network(layer, method):
    whole, twin = (
        ec.Network(seeded_small(kind), layer=layer, input_size=64, mean=0, std=1) for kind in (Small, Branching)
    )
    assert twin.cut.way == "twin"
    assert "cannot be traced" in twin.cut.why
    assert whole.cut.way == ("traced" if layer == "last" else "twin")
    one, other = (
        np.stack(list(ec.explain(each, noise(), target="all", method=method).class_maps.values()))
        for each in (whole, twin)
    )
    assert one.max() > 0
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6 * one.max())
