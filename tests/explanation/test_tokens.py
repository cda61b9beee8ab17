"""Maps at a transformer's tokens beside the `grad-cam` package's, with its `reshape_transform`, at the same place."""

import cv2
import numpy as np
import pytest
import torch
from pytorch_grad_cam import GradCAM, GradCAMElementWise, HiResCAM, LayerCAM, ScoreCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

import ensemble_cam as ec
from support.small_transformers import TRANSFORMERS, timm_vit, torchvision_vit

pytestmark = pytest.mark.slow

EXACT = {"gradcam": GradCAM, "hirescam": HiResCAM, "elementwise": GradCAMElementWise, "layercam": LayerCAM}
RECOMMENDED = {"torchvision ViT": "encoder.layers.encoder_layer_2.ln_1"}


def noise(side: int) -> np.ndarray:
    return np.random.default_rng(0).random((side, side, 3)).astype(np.float32)


def folded(prefix: int):
    """Return the package's `reshape_transform` for 4×4 patches."""
    return lambda tokens: tokens[:, prefix:].reshape(len(tokens), 4, 4, -1).permute(0, 3, 1, 2)


def network_of(name: str, layer: str | None = None) -> tuple[ec.Network, nn.Module, int]:
    build, side, prefix = TRANSFORMERS[name]
    module = build()
    return ec.Network(module, layer=layer, input_size=side, mean=0.5, std=0.25), module, prefix


def by_the_package(module: nn.Module, layer: str, method: str, pixels: Tensor, prefix: int) -> np.ndarray:
    """Return the package's maps of three classes before they are scaled, (3, 4, 4), at least 0."""
    found = []
    with EXACT[method](module, [module.get_submodule(layer)], reshape_transform=folded(prefix)) as cam:
        for target in range(3):
            cam(pixels, [ClassifierOutputTarget(target)])
            hooked = cam.activations_and_grads
            activation, gradient = hooked.activations[0].numpy(), hooked.gradients[0].numpy()
            found.append(cam.get_cam_image(pixels, cam.target_layers[0], None, activation, gradient, False)[0])
    return np.maximum(np.stack(found), 0)


PLACES = [(name, None) for name in TRANSFORMERS] + [
    ("DINOv2 with registers", "blocks.0"),
    ("torchvision ViT", "encoder.layers.encoder_layer_1"),
]


@pytest.mark.parametrize(("name", "layer"), PLACES, ids=[f"{name} {layer or ''}" for name, layer in PLACES])
def test_maps_and_logits_are_those_of_the_whole_transformer(name, layer):
    network, module, prefix = network_of(name, layer)
    assert network.layer.name == (layer or RECOMMENDED.get(name, "blocks.1.norm1"))
    assert network.layer.grid == (4, 4)
    picture = noise(network.input.size)
    pixels = network.pixels(torch.from_numpy(picture.transpose(2, 0, 1)))
    with torch.no_grad():
        logits = module(pixels)[0].numpy()
    for method in [each for each in EXACT if layer is None or each != "hirescam"]:
        explained = ec.explain(network, picture, target="all", method=method)
        maps = np.stack(list(explained.class_maps.values()))
        expected = by_the_package(module, network.layer.name, method, pixels, prefix)
        assert expected.max() > 0
        assert np.abs(maps - expected).max() <= 1e-4 * expected.max(), method
        assert list(explained.record["logits"].values()) == pytest.approx(logits, rel=1e-4, abs=1e-4)


def test_the_tokens_before_the_patches_are_those_of_the_picture_at_hand():
    network, module, _ = network_of("DeiT distilled")
    one, other = torch.randn(2, 1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    seen = network.cut.activation(one)
    network.cut.activation(other)
    with torch.no_grad():
        torch.testing.assert_close(network.cut.logits(seen, one), module(one))
        assert not torch.allclose(network.cut.logits(seen, other), module(one), atol=1e-3)


def test_score_cam_shows_the_transformer_whole_pictures():
    network, module, prefix = network_of("DeiT distilled")
    picture = noise(64)
    pixels = network.pixels(torch.from_numpy(picture.transpose(2, 0, 1)))
    layer = [module.get_submodule(network.layer.name)]
    with ScoreCAM(module, layer, reshape_transform=folded(prefix)) as cam:
        expected = cam(pixels, [ClassifierOutputTarget(1)])[0]
    enlarged = cv2.resize(ec.explain(network, picture, target=1, method="scorecam").map, (64, 64))
    scaled = (enlarged - enlarged.min()) / (enlarged.max() - enlarged.min())
    assert np.abs(scaled - expected).max() <= 1e-4


def test_ablation_takes_a_channel_from_the_patches_alone():
    # The package sets it to 10⁷ below the least value where some are negative, so here the formula is written out.
    network, module, prefix = network_of("timm ViT", "blocks.0")
    picture, (channels, weights) = noise(64), (48, [])
    pixels = network.pixels(torch.from_numpy(picture.transpose(2, 0, 1)))
    seen: list[Tensor] = []
    with torch.no_grad():
        with module.blocks[0].register_forward_hook(lambda _, __, output: seen.append(output)):
            whole = module(pixels)[0, 2]
        for channel in range(channels):
            tokens = seen[0].clone()
            tokens[:, prefix:, channel] = 0
            weights.append((whole - module.forward_head(module.norm(module.blocks[1](tokens)))[0, 2]) / whole.abs())
    expected = (torch.stack(weights)[:, None, None] * folded(prefix)(seen[0])[0]).sum(0).clamp(min=0).numpy()
    found = ec.explain(network, picture, target=2, method="ablationcam").map
    assert expected.max() > 0
    assert np.abs(found - expected).max() <= 1e-4 * expected.max()


def test_where_the_head_takes_a_mean_the_map_is_of_what_it_takes_it_of():
    network = ec.Network(timm_vit("vit_base_patch16_siglip_224"), input_size=64)
    assert (network.layer.name, network.cut.way, network.layer.grid) == ("forward_features", "timm", (4, 4))


@pytest.mark.parametrize("name", ["torchvision ViT", "timm ViT"])
def test_before_a_norm_hirescam_is_rounding_and_shown_as_nothing(name):
    network, _, _ = network_of(name, "encoder.layers.encoder_layer_1" if name == "torchvision ViT" else "blocks.0")
    explanation = ec.explain(network, noise(64), target="all", method="hirescam")
    assert not any(each.any() for each in explanation.class_maps.values())
    assert any(each.startswith("HiResCAM is 0 at this layer") for each in explanation.cautions)


def test_behind_the_last_block_there_are_no_gradients_and_it_is_said():
    network = ec.Network(torchvision_vit(), layer="encoder.ln", classes=["a", "b", "c"], input_size=64)
    explanation = ec.explain(network, noise(64), target="b", method="gradcam")
    assert not explanation.map.any()
    assert any(each.startswith("The gradient of b is 0 at this layer") for each in explanation.cautions)


class Untold(nn.Module):
    """A transformer's beginning that says nothing of its patches."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.mixed, self.fc = nn.Conv2d(3, 8, 16, stride=16), nn.Linear(8, 8), nn.Linear(8, 2)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return logits."""
        return self.fc(self.mixed(self.patches(pictures).flatten(2).mT).mean(1))


def test_tokens_whose_place_nobody_can_tell_are_refused():
    with pytest.raises(ec.ClassifierError, match=r"at mixed: it gives tokens, and where they stand cannot be told"):
        ec.Network(Untold(), layer="mixed", input_size=64)
    module = timm_vit("vit_tiny_patch16_224")
    module.num_prefix_tokens = 3
    with pytest.raises(
        ec.ClassifierError, match=r"blocks\.1: its output, \(1, 17, 48\), are no 4×4 tokens of patches behind 3 others"
    ):
        ec.Network(module, layer="blocks.1", input_size=64)
