"""Attention rollout beside the paper's formula, written out in float64 over attention computed by hand."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

import ensemble_cam as ec
from support.small_networks import seeded_small
from support.small_transformers import TRANSFORMERS, timm_vit

pytestmark = pytest.mark.slow


def noise(side: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((side, side, 3)).astype(np.float32)


def network_of(name: str) -> tuple[ec.Network, nn.Module, int]:
    build, side, prefix = TRANSFORMERS[name]
    module = build()
    return ec.Network(module, input_size=side, mean=0.5, std=0.25), module, prefix


def attention_by_hand(module: nn.Module, pixels: Tensor) -> list[np.ndarray]:
    """Return each layer's softmax(q·k/√d), (heads, tokens, tokens) float64, of a copy of the network in float64."""
    entering: list[tuple[nn.Module, Tensor]] = []
    for each in module.modules():
        if isinstance(each, nn.MultiheadAttention) or hasattr(each, "qkv"):
            each.register_forward_hook(lambda layer, given, _: entering.append((layer, given[0])))
    with torch.no_grad():
        module.double()(pixels.double())
        found = []
        for layer, tokens in entering:
            weight, bias = (
                (layer.in_proj_weight, layer.in_proj_bias)
                if isinstance(layer, nn.MultiheadAttention)
                else (layer.qkv.weight, layer.qkv.bias)
            )
            query, key, _ = (tokens[0] @ weight.T + bias).chunk(3, 1)
            query, key = (each.unflatten(1, (layer.num_heads, -1)).transpose(0, 1) for each in (query, key))
            found.append((query @ key.mT / query.shape[-1] ** 0.5).softmax(-1).numpy())
    return found


def by_the_paper(layers: list[np.ndarray], prefix: int, fusion: str, discard: float) -> np.ndarray:
    """Multiply half attention, half identity, row by row, layer by layer."""
    tokens = layers[0].shape[-1]
    joint = np.eye(tokens)
    for heads in layers:
        fused = getattr(np, fusion)(heads, axis=0)
        for row in fused:
            least = prefix + np.argsort(row[prefix:])[: int(discard * (tokens - prefix))]
            row[least] = 0
            row /= row.sum()
        joint = (0.5 * fused + 0.5 * np.eye(tokens)) @ joint
    return joint[0, prefix:].reshape(4, 4)


WAYS = [("mean", 0.0), ("max", 0.0), ("min", 0.0), ("mean", 0.9), ("max", 0.5)]


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_rollout_is_the_papers(name):
    network, module, prefix = network_of(name)
    picture = noise(network.input.size)
    explained = [ec.explain(network, picture, method="rollout", fusion=how, discard=share) for how, share in WAYS]
    pixels = network.pixels(torch.from_numpy(picture.transpose(2, 0, 1)))
    with torch.no_grad():
        logits = module(pixels)[0].numpy()
    layers = attention_by_hand(module, pixels)  # which makes the network float64
    for (fusion, discard), each in zip(WAYS, explained, strict=True):
        expected = by_the_paper([heads.copy() for heads in layers], prefix, fusion, discard)
        assert np.ptp(expected) > 1e-3
        np.testing.assert_allclose(each.map, expected, rtol=0, atol=1e-6)
        assert list(each.record["logits"].values()) == pytest.approx(logits, rel=1e-4, abs=1e-4)


def test_it_is_the_same_for_every_class_and_says_so():
    network, _, _ = network_of("DeiT distilled")
    explanation = ec.explain(network, noise(64), target="all", method="rollout", fusion="max", discard=0.25)
    one, *others = explanation.class_maps.values()
    assert len(others) == 2
    assert all(np.array_equal(one, other) for other in others)
    assert "Attention rollout is the same for every class, so it explains none of them." in explanation.cautions
    record = explanation.record
    assert (record["method"], record["layer"], record["channels"]) == ("rollout", None, None)
    assert record["rollout"] == {"fusion": "max", "discard": 0.25}
    assert "max of the heads, the least 25% of patches discarded" in explanation.figure().info["Method"]


@pytest.mark.parametrize("name", ["torchvision ViT", "timm ViT"])
def test_threads_roll_out_one_network_and_leave_it_as_it_was(name):
    network, module, _ = network_of(name)

    def state() -> list[object]:
        return [
            (path, each.training, getattr(each, "fused_attn", None), len(each._forward_hooks), len(each._modules))
            for path, each in module.train().named_modules()
        ]

    before, pictures = state(), [noise(64, seed) for seed in range(8)]
    serial = [ec.explain(network, each, method="rollout").map for each in pictures]
    with ThreadPoolExecutor(8) as threads:
        maps = list(threads.map(lambda each: ec.explain(network, each, method="rollout").map, pictures))
    assert all(np.array_equal(one, other) for one, other in zip(serial, maps, strict=True))
    assert not np.array_equal(serial[0], serial[1])
    assert state() == before


def test_without_a_class_token_it_is_the_mean_over_the_patches():
    network = ec.Network(timm_vit("vit_base_patch16_siglip_224"), input_size=64)
    # Rows of shares, each of which adds up to 1.
    assert ec.explain(network, noise(64), method="rollout").map.sum() == pytest.approx(1, abs=1e-6)


REFUSED = [
    ({"fusion": "man"}, "fusion: got 'man'; allowed: one of mean, max, min. Did you mean"),
    ({"discard": 1}, "discard: got 1; allowed: a number from 0 to below 1"),
    ({"discard": float("nan")}, "discard: got nan; allowed"),
    ({"method": "gradcam", "discard": 0.5}, "discard: it is of method rollout alone"),
]


@pytest.mark.parametrize(("options", "says"), REFUSED, ids=[str(each) for each, _ in REFUSED])
def test_what_no_rollout_takes_is_refused(options, says):
    network, _, _ = network_of("timm ViT")
    with pytest.raises(ec.ConfigError, match=says):
        ec.explain(network, noise(64), **{"method": "rollout", **options})


def test_networks_without_attention_between_all_tokens_are_refused():
    network = ec.Network(seeded_small(), layer="last", input_size=64)
    with pytest.raises(ec.ClassifierError, match="and this network has none that can be read"):
        ec.explain(network, noise(64), method="rollout")
    with torch.random.fork_rng(devices=[]):
        swin = timm.create_model(
            "swin_tiny_patch4_window7_224", img_size=56, depths=(1, 1), num_heads=(2, 2), embed_dim=16, num_classes=2
        )
        cait = timm.create_model("cait_xxs24_224", img_size=64, depth=1, num_classes=2)
    for module, side, says in ((swin, 56, "it attends within windows"), (cait, 64, "it attends within|add up to 1")):
        with pytest.raises(ec.ClassifierError, match=says):
            ec.explain(ec.Network(module, input_size=side), noise(side), method="rollout")
