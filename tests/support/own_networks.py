"""A network of the site's own, small and with seeded values, and a configuration that has it."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torchvision import models

from support.small_networks import settled

TABLE = """
[classifiers.own]
name = "Our ShuffleNet"
description = "Trained here on films of our own"
model_type = "torch"
set = "site"
input_size = 64
architecture = "torchvision:shufflenet_v2_x0_5"
checkpoint = "own.safetensors"
classes = ["Effusion", "", "Consolidation"]
layer = "conv5"
channels = 1
mean = 0.5
std = 0.25
"""


def own_module() -> torch.nn.Module:
    """Return the network, of three outputs and one channel."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = models.shufflenet_v2_x0_5(weights=None, num_classes=3)
        network.conv1[0] = torch.nn.Conv2d(1, 24, 3, 2, 1, bias=False)
    return settled(network)


def write_own(folder: Path, module: torch.nn.Module, *changes: tuple[str, str], beside: str = "") -> Path:
    """Write a configuration, with the network's weights beside it.

    Args:
        folder: where.
        module: whose weights.
        *changes: (text of `TABLE`, what is to stand there).
        beside: what else stands in the file.
    """
    save_file(module.state_dict(), folder / "own.safetensors")
    text = TABLE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "own.toml"
    path.write_text(f"{beside}\n{text}")
    return path
