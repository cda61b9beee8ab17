"""How each family's network is built and cut: what of a family takes PyTorch to say.

The keys are those of `settings.families.FAMILIES`, which holds the rest. The networks are torchxrayvision's and
torchvision's own modules, and upstream's habits end here: the sigmoid and the operating points inside `forward`, the
resize and the range warning inside the network, JF Healthcare's ImageNet download and its import of a package named
`model`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from ensemble_cam.classifiers.classifier import Backbone
from ensemble_cam.classifiers.heads import AttentionChainHead, AverageMaximumHead, Head, PooledHead
from ensemble_cam.classifiers.teaching_networks import TeachingResNet, teaching_densenet, teaching_jfhealthcare
from ensemble_cam.classifiers.upstream import torchxrayvision
from ensemble_cam.settings.families import FAMILIES

# torchxrayvision's pixels run to ±1024; JF Healthcare was trained on (pixel - 128) / 64, which is ±2.
_JFHEALTHCARE_DIVISOR = 512


@dataclass(frozen=True)
class Architecture:
    """A family's network. The parts of upstream's modules have no types, so they are taken as they come.

    Attributes:
        build: makes the whole network as upstream defines it, with initial values of PyTorch's.
        cut: the whole network → its backbone and its head, of the same modules.
        peer: the whole network → what the grad-cam package is hooked on to make the same maps: a module that takes
            (n, 1, side, side) pixels to (n, outputs) logits, and the layer of it that the maps are of.
    """

    build: Callable[[], nn.Module]
    cut: Callable[[Any], tuple[Backbone, Head]]
    peer: Callable[[Any], tuple[nn.Module, nn.Module]]


def _build_densenet() -> nn.Module:
    network: nn.Module = torchxrayvision().models.DenseNet(weights=None, num_classes=len(FAMILIES["densenet"].labels))
    return network


def _cut_densenet(network: Any) -> tuple[Backbone, Head]:
    lower, upper = _stages(network.features)
    return Backbone(lower, nn.Sequential(upper, nn.ReLU())), PooledHead(network.classifier, rectify=True)


def _densenet_peer(network: Any) -> tuple[nn.Module, nn.Module]:
    return network, network.features.norm5


def _stages(features: nn.Sequential) -> tuple[nn.Sequential, nn.Sequential]:
    """Return a DenseNet's features up to its last dense block but one, and the rest."""
    names = [name for name, _ in features.named_children()]
    behind = [names.index(name) for name in names if name.startswith("denseblock")][-2] + 1
    return features[:behind], features[behind:]


def _build_resnet() -> nn.Module:
    network = torchvision.models.resnet50(weights=None, num_classes=len(FAMILIES["resnet"].labels))
    network.conv1 = nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
    return network


def _cut_resnet(network: Any) -> tuple[Backbone, Head]:
    stages = [network.conv1, network.bn1, network.relu, network.maxpool]
    stages += [network.layer1, network.layer2, network.layer3]
    return Backbone(nn.Sequential(*stages), network.layer4), PooledHead(network.fc)


def _resnet_peer(network: Any) -> tuple[nn.Module, nn.Module]:
    return network, network.layer4[-1]


class _Scaled(nn.Module):
    """JF Healthcare's way in: three equal channels in ±2."""

    def forward(self, pixels: Tensor) -> Tensor:
        return pixels.repeat(1, 3, 1, 1) / _JFHEALTHCARE_DIVISOR


class _WholeJfHealthcare(nn.Module):
    """JF Healthcare's whole network behind one channel of ±1024, its logits side by side."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.scaled, self.network = _Scaled(), network

    def forward(self, pixels: Tensor) -> Tensor:
        logits, _ = self.network(self.scaled(pixels))
        return torch.cat(logits, dim=1)


def _build_jfhealthcare() -> nn.Module:
    upstream = torchxrayvision().baseline_models.jfhealthcare
    settings = json.loads((Path(upstream.__file__).parent / "config" / "example.json").read_text())
    # True would download ImageNet weights, only to overwrite them.
    settings["pretrained"] = False
    network: nn.Module = upstream.classifier.Classifier(SimpleNamespace(**settings))
    return network


def _cut_jfhealthcare(network: Any) -> tuple[Backbone, Head]:
    lower, upper = _stages(network.backbone.features)
    backbone = Backbone(nn.Sequential(_Scaled(), lower), nn.Sequential(upper, nn.ReLU()))
    return backbone, AttentionChainHead(network)


def _jfhealthcare_peer(network: Any) -> tuple[nn.Module, nn.Module]:
    return _WholeJfHealthcare(network), network.backbone.features.norm5


def _cut_teaching_jfhealthcare(network: Any) -> tuple[Backbone, Head]:
    # Behind the attention: there its maps are far better, as the attention is what finds the place.
    lower, upper = _stages(network.backbone.features)
    backbone = Backbone(nn.Sequential(_Scaled(), lower), nn.Sequential(upper, nn.ReLU(), network.attention_map))
    return backbone, AverageMaximumHead(network)


def _teaching_jfhealthcare_peer(network: Any) -> tuple[nn.Module, nn.Module]:
    return _WholeJfHealthcare(network), network.attention_map


ARCHITECTURES: Mapping[str, Architecture] = {
    "densenet": Architecture(_build_densenet, _cut_densenet, _densenet_peer),
    "resnet": Architecture(_build_resnet, _cut_resnet, _resnet_peer),
    "jfhealthcare": Architecture(_build_jfhealthcare, _cut_jfhealthcare, _jfhealthcare_peer),
    "teaching-densenet": Architecture(teaching_densenet, _cut_densenet, _densenet_peer),
    "teaching-resnet": Architecture(TeachingResNet, _cut_resnet, _resnet_peer),
    "teaching-jfhealthcare": Architecture(
        teaching_jfhealthcare, _cut_teaching_jfhealthcare, _teaching_jfhealthcare_peer
    ),
}
"""The configuration's `model_type` → architecture."""


def upstream_network(model_type: str) -> nn.Module:
    """Build a family's whole, uncut network as upstream defines it, all values 0, waiting to be filled.

    On the meta device the constructors draw no initial values: that would take a second and move the random state.
    """
    with torch.device("meta"):
        network = ARCHITECTURES[model_type].build()
    network.to_empty(device="cpu")
    with torch.no_grad():
        for value in (*network.parameters(), *network.buffers()):
            value.zero_()
    return network
