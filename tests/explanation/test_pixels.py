"""Integrated gradients and SmoothGrad beside captum's."""

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients, Saliency

import ensemble_cam as ec
from ensemble_cam.explanation.torch_pixels import noises
from support.small_networks import Places, seeded_small
from support.small_transformers import timm_vit

pytestmark = pytest.mark.slow

NETWORKS = {"convolutions": (seeded_small, "last"), "transformer": (lambda: timm_vit("vit_tiny_patch16_224"), None)}


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.random.default_rng(3).random((64, 64, 3)).astype(np.float32)


def network_of(name: str) -> tuple[ec.Network, torch.nn.Module]:
    build, layer = NETWORKS[name]
    module = build()
    return ec.Network(module, layer=layer, input_size=64, mean=0.4, std=0.3), module


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("batch", [7, 32])
def test_integrated_gradients_are_captums(name, batch, picture):
    network, module = network_of(name)
    explanation = ec.explain(network, picture, target="all", method="integratedgradients", samples=24, batch_size=batch)
    pixels = network.pixels(torch.from_numpy(picture.transpose(2, 0, 1)))
    black = network.pixels(torch.zeros(3, 64, 64))
    for target in range(3):
        theirs = IntegratedGradients(module).attribute(pixels, black, target=target, n_steps=24)
        expected = np.maximum(theirs.sum(1)[0].detach().numpy(), 0)
        found = explanation.class_maps[f"class_{target}"]
        assert np.abs(found - expected).max() <= 1e-4 * expected.max()
    assert explanation.map.shape == (64, 64)
    assert (explanation.record["layer"], explanation.record["layers"]) == (None, [])
    assert "Integrated gradients, 24 pictures" in explanation.figure().info["Method"]


@pytest.mark.parametrize("name", NETWORKS)
def test_smoothgrad_is_the_mean_of_captums_gradients(name, picture):
    network, module = network_of(name)
    options = ec.ExplainOptions(method="smoothgrad", samples=10, noise=0.2, seed=4, batch_size=4)
    found = ec.explain(network, picture, target=1, options=options).map
    pixels = network.pixels(torch.from_numpy(picture.transpose(2, 0, 1)))
    spread = 0.2 * float(pixels.max() - pixels.min())
    (noise,) = noises(pixels, options, 10)
    assert 0.9 < float(noise.std()) < 1.1
    theirs = [Saliency(module).attribute(pixels + spread * each, target=1, abs=False) for each in noise.split(1)]
    expected = torch.cat(theirs).mean(0).abs().sum(0).numpy()
    assert np.abs(found - expected).max() <= 1e-4 * expected.max()
    again = ec.explain(network, picture, target=1, options=options, batch_size=32).map
    np.testing.assert_allclose(again, found, rtol=1e-4, atol=1e-6 * found.max())
    assert not np.array_equal(ec.explain(network, picture, target=1, options=options, seed=5).map, found)


def test_of_a_linear_network_they_are_known_by_hand():
    network = ec.Network(Places(), layer="cells", classes=["left", "right"], input_size=64, channels=1, mean=0, std=1)
    values = np.zeros((64, 64), np.float32)
    values[:32, :16], values[:32, 48:] = 0.5, 1
    left = ec.explain(network, values, target="left", method="integratedgradients", samples=2)
    expected = np.where(np.arange(64) < 32, values / 64, 0)
    np.testing.assert_allclose(left.map, expected, atol=1e-7)
    assert not any("should add up" in each for each in left.cautions)
    smooth = ec.explain(network, values, target="left", method="smoothgrad", samples=3)
    np.testing.assert_allclose(smooth.map, np.broadcast_to(np.arange(64) < 32, (64, 64)) / 64, atol=1e-7)
    difference = ec.explain(network, values, target=lambda each: each[0, 0] - each[0, 1], method="integratedgradients")
    np.testing.assert_allclose(difference.map, expected, atol=1e-7)


def test_too_few_samples_are_told(picture):
    network, _ = network_of("transformer")
    told = [ec.explain(network, picture, method="integratedgradients", samples=each).cautions for each in (2, 200)]
    assert any("should add up to how far" in each for each in told[0])
    assert not any("should add up" in each for each in told[1])


REFUSED = [
    (
        {"method": "integratedgradients", "layer": "last"},
        "layer: Integrated gradients is made of pixels, and of no layer",
    ),
    ({"method": "smoothgrad", "combine": "mean"}, "combine: SmoothGrad is made of pixels"),
    ({"method": "integratedgradients", "noise": 0.1}, "noise: Integrated gradients has none"),
    ({"method": "gradcam", "samples": 9}, "samples: Grad-CAM has none"),
    ({"method": "smoothgrad", "samples": 1}, "samples: got 1; allowed: a whole number from 2 to 1000"),
    ({"method": "smoothgrad", "noise": 0}, "noise: got 0; allowed: a number above 0 to 1"),
]


@pytest.mark.parametrize(("options", "says"), REFUSED, ids=[str(each) for each, _ in REFUSED])
def test_what_does_not_go_together_is_refused(options, says):
    with pytest.raises(ec.ConfigError, match=says):
        ec.ExplainOptions(**options)
