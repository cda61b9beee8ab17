"""Vision transformers of a few blocks with seeded values: torchvision's and timm's."""

from collections.abc import Callable

import timm
import torch
from torch import nn
from torchvision.models import VisionTransformer


def _seeded(build: Callable[[], nn.Module]) -> nn.Module:
    """Return a network of values like a trained one's; the process's random state is not moved."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(5)
        network = build()
        for name, value in network.named_parameters():
            if name.endswith("gamma"):  # layer scale, which begins at next to nothing
                value.uniform_(0.5, 1.5)
            elif value.ndim > 1 or name.endswith("bias"):
                value.normal_(0, 0.12)
    return network.eval()


def torchvision_vit() -> nn.Module:
    """Return torchvision's, of 64 px in 4×4 patches behind one token; four heads."""
    return _seeded(lambda: VisionTransformer(64, 16, 3, num_heads=4, hidden_dim=48, mlp_dim=64, num_classes=3))


def timm_vit(name: str, side: int = 64, **more: object) -> nn.Module:
    """Return one of timm's with two blocks and 48 channels."""
    built = {"pretrained": False, "img_size": side, "depth": 2, "embed_dim": 48, "num_heads": 3, "num_classes": 3}
    return _seeded(lambda: timm.create_model(name, **{**built, **more}))


TRANSFORMERS: dict[str, tuple[Callable[[], nn.Module], int, int]] = {
    "torchvision ViT": (torchvision_vit, 64, 1),
    "timm ViT": (lambda: timm_vit("vit_tiny_patch16_224"), 64, 1),
    "DeiT distilled": (lambda: timm_vit("deit_tiny_distilled_patch16_224"), 64, 2),
    "DINOv2 with registers": (lambda: timm_vit("vit_small_patch14_reg4_dinov2", 56), 56, 5),
}
"""By name: what builds it, the sides of its picture, how many tokens stand before those of its 4×4 patches."""
