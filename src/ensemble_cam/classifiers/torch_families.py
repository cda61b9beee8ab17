"""Each family's network in PyTorch, built of upstream's own modules and cut where its activation is pooled.

The keys are those of `settings.families.FAMILIES` and of `families.ARCHITECTURES`, which has the same networks without
PyTorch. The modules are torchxrayvision's and torchvision's, and upstream's habits end here: the sigmoid and the
operating points inside `forward`, the resize and the range warning inside the network, JF Healthcare's ImageNet
download and its import of a package named `model`.
"""

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from ensemble_cam.classifiers.families import JFHEALTHCARE_DIVISOR
from ensemble_cam.classifiers.torch_teaching import TeachingResNet, teaching_densenet, teaching_jfhealthcare
from ensemble_cam.classifiers.torch_upstream import torchxrayvision
from ensemble_cam.settings.families import FAMILIES


class Stages(nn.Module):
    """A backbone in two parts, for maps that take the stage before the last in, too.

    Args:
        lower: the pixels → the output of the last stage but one.
        upper: that → the activation.
    """

    def __init__(self, lower: nn.Module, upper: nn.Module) -> None:
        super().__init__()
        self.lower, self.upper = lower, upper

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the activation."""
        activation: Tensor = self.upper(self.lower(pixels))
        return activation


@dataclass(frozen=True, eq=False)
class TorchNetwork:
    """A network of PyTorch's, cut where its activation is pooled: what autograd is carried through.

    Attributes:
        backbone: (n, 1, side, side) float32 in [-1024, 1024] → (n, channels, cells, cells), at least 0.
        head: the activation → (n, outputs) logits, as upstream wrote it.
    """

    backbone: nn.Module
    head: nn.Module


class _PooledHead(nn.Module):
    """Global average, then one linear layer, behind upstream's last ReLU where it has one."""

    def __init__(self, linear: nn.Linear, *, rectify: bool = False) -> None:
        super().__init__()
        self.linear = linear
        self.first = nn.ReLU() if rectify else nn.Identity()

    def forward(self, activation: Tensor) -> Tensor:
        logits: Tensor = self.linear(nn.functional.adaptive_avg_pool2d(self.first(activation), 1).flatten(1))
        return logits


class _AverageMaximumHead(nn.Module):
    """Average and maximum of each channel, batch norm, one linear layer."""

    def __init__(self, upstream: Any) -> None:
        super().__init__()
        self.pool: nn.Module = upstream.global_pool
        self.norm: nn.Module = upstream.bn_0
        self.linear: nn.Module = upstream.fc_0

    def forward(self, activation: Tensor) -> Tensor:
        logits: Tensor = self.linear(self.norm(self.pool(activation, None)))
        return logits.flatten(1)


class _AttentionChainHead(nn.Module):
    """For label k, attention, pooling, batch norm and a 1×1 convolution of its own."""

    def __init__(self, upstream: Any) -> None:
        super().__init__()
        count = len(upstream.cfg.num_classes)
        self.first = nn.ReLU()
        self.attention: nn.Module = upstream.attention_map
        self.pool: nn.Module = upstream.global_pool
        self.norms = nn.ModuleList(getattr(upstream, f"bn_{k}") for k in range(count))
        self.convolutions = nn.ModuleList(getattr(upstream, f"fc_{k}") for k in range(count))

    def forward(self, activation: Tensor) -> Tensor:
        logits: list[Tensor] = []
        attended = self.first(activation)
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            attended = self.attention(attended)
            logits.append(convolution(norm(self.pool(attended, None))).flatten(1))
        return torch.cat(logits, dim=1)


@dataclass(frozen=True)
class TorchArchitecture:
    """A family's network. The parts of upstream's modules have no types, so they are taken as they come.

    Attributes:
        build: makes the whole network as upstream defines it, with initial values of PyTorch's.
        cut: the whole network → the same modules, cut.
        peer: the whole network → what the grad-cam package is hooked on to make the same maps: a module that takes
            (n, 1, side, side) pixels to (n, outputs) logits, and the layer of it that the maps are of.
    """

    build: Callable[[], nn.Module]
    cut: Callable[[Any], TorchNetwork]
    peer: Callable[[Any], tuple[nn.Module, nn.Module]]


def _build_densenet() -> nn.Module:
    network: nn.Module = torchxrayvision().models.DenseNet(weights=None, num_classes=len(FAMILIES["densenet"].labels))
    return network


def _cut_densenet(network: Any) -> TorchNetwork:
    lower, upper = _stages(network.features)
    return TorchNetwork(Stages(lower, nn.Sequential(upper, nn.ReLU())), _PooledHead(network.classifier, rectify=True))


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


def _cut_resnet(network: Any) -> TorchNetwork:
    names = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3")
    lower = nn.Sequential(OrderedDict((name, getattr(network, name)) for name in names))
    return TorchNetwork(Stages(lower, nn.Sequential(OrderedDict(layer4=network.layer4))), _PooledHead(network.fc))


def _resnet_peer(network: Any) -> tuple[nn.Module, nn.Module]:
    return network, network.layer4[-1]


class _Scaled(nn.Module):
    """JF Healthcare's way in: three equal channels in ±2."""

    def forward(self, pixels: Tensor) -> Tensor:
        return pixels.repeat(1, 3, 1, 1) / JFHEALTHCARE_DIVISOR


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


def _cut_jfhealthcare(network: Any) -> TorchNetwork:
    lower, upper = _stages(network.backbone.features)
    backbone = Stages(nn.Sequential(_Scaled(), lower), nn.Sequential(upper, nn.ReLU()))
    return TorchNetwork(backbone, _AttentionChainHead(network))


def _jfhealthcare_peer(network: Any) -> tuple[nn.Module, nn.Module]:
    return _WholeJfHealthcare(network), network.backbone.features.norm5


def _cut_teaching_jfhealthcare(network: Any) -> TorchNetwork:
    # Behind the attention: there its maps are far better, as the attention is what finds the place.
    lower, upper = _stages(network.backbone.features)
    backbone = Stages(nn.Sequential(_Scaled(), lower), nn.Sequential(upper, nn.ReLU(), network.attention_map))
    return TorchNetwork(backbone, _AverageMaximumHead(network))


def _teaching_jfhealthcare_peer(network: Any) -> tuple[nn.Module, nn.Module]:
    return _WholeJfHealthcare(network), network.attention_map


TORCH_ARCHITECTURES: Mapping[str, TorchArchitecture] = {
    "densenet": TorchArchitecture(_build_densenet, _cut_densenet, _densenet_peer),
    "resnet": TorchArchitecture(_build_resnet, _cut_resnet, _resnet_peer),
    "jfhealthcare": TorchArchitecture(_build_jfhealthcare, _cut_jfhealthcare, _jfhealthcare_peer),
    "teaching-densenet": TorchArchitecture(teaching_densenet, _cut_densenet, _densenet_peer),
    "teaching-resnet": TorchArchitecture(TeachingResNet, _cut_resnet, _resnet_peer),
    "teaching-jfhealthcare": TorchArchitecture(
        teaching_jfhealthcare, _cut_teaching_jfhealthcare, _teaching_jfhealthcare_peer
    ),
}
"""The configuration's `model_type` → architecture."""


def upstream_network(model_type: str) -> nn.Module:
    """Build a family's whole, uncut network as upstream defines it, all values 0, waiting to be filled.

    On the meta device the constructors draw no initial values: that would take a second and move the random state.
    """
    with torch.device("meta"):
        network = TORCH_ARCHITECTURES[model_type].build()
    network.to_empty(device="cpu")
    with torch.no_grad():
        for value in (*network.parameters(), *network.buffers()):
            value.zero_()
    return network
