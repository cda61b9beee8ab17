"""What a teaching network is trained for: to know a finding, and to show where it saw it.

Without the second part a small network calls findings just as well and its maps point anywhere (README.md here has the
figures), as nothing in the labels asks for more. So a map is computed for each training film, as a review would compute
it, and compared with the planted mask. The teaching set therefore checks this program, not Grad-CAM++.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_GAIN = 24.0
_EPSILON = 1e-6  # the grad-cam package's, in Grad-CAM++'s weights
_DRAWN_FROM, _SOFTNESS = 0.5, 0.08  # a map's region at half of its maximum, its border made soft for gradients


@dataclass(frozen=True, eq=False)
class Seen:
    """A batch on its way through a network.

    Attributes:
        activation: (n, channels, cells, cells), what the head pools, at least 0.
        logits: (n, 8).
        by_mean, by_maximum: (8, channels), what a channel's mean and maximum add to the logits; the latter None for
            heads that pool by the mean alone.
        rectified: whether the head begins with a ReLU, which stops gradients where the activation is 0.
        gain: how much larger than the rest the head's weights are, see `HEADS`.
    """

    activation: Tensor
    logits: Tensor
    by_mean: Tensor
    by_maximum: Tensor | None = None
    rectified: bool = False
    gain: float = 1.0


def _densenet(network: Any, films: Tensor) -> Seen:
    activation = F.relu(network.features(films))
    logits = network.classifier(activation.mean((2, 3)))
    return Seen(activation, logits, network.classifier.weight, rectified=True, gain=_GAIN)


def _resnet(network: Any, films: Tensor) -> Seen:
    found = network.maxpool(network.relu(network.bn1(network.conv1(films))))
    activation = network.layer4(network.layer3(network.layer2(network.layer1(found))))
    return Seen(activation, network.fc(activation.mean((2, 3))), network.fc.weight, gain=_GAIN)


def _jfhealthcare(network: Any, films: Tensor) -> Seen:
    activation = network.attention_map(network.backbone(films.repeat(1, 3, 1, 1) / 512))
    logits = network.fc_0(network.bn_0(network.global_pool(activation, None))).flatten(1)
    norm = network.bn_0
    weight = network.fc_0.weight[:, :, 0, 0] * norm.weight / torch.sqrt(norm.running_var + norm.eps)
    by_mean, by_maximum = weight.chunk(2, dim=1)
    return Seen(activation, logits, by_mean, by_maximum)


SEE: Mapping[str, Callable[[Any, Tensor], Seen]] = {
    "teaching-densenet": _densenet,
    "teaching-resnet": _resnet,
    "teaching-jfhealthcare": _jfhealthcare,
}
"""Model type → its way from films, (n, 1, side, side) float32 in [-1024, 1024], to logits, in the open.

A network is Any here: its layers are upstream's, and no type tells them.
"""


HEADS: Mapping[str, tuple[str, float]] = {
    "teaching-densenet": ("classifier", _GAIN),
    "teaching-resnet": ("fc", _GAIN),
    "teaching-jfhealthcare": ("fc_0", 1.0),
}
"""Model type → its last layer, and how much larger than elsewhere its first weights and its learning rate are.

A nodule fills three of a map's 576 cells, and behind the mean over all of them weights of the usual size tell nothing.
JF Healthcare's batch norm behind the pooling sees to that.
"""


def grad_cam_plus_plus(seen: Seen) -> Tensor:
    """Return every label's map, (n, 8, cells, cells) at least 0, in closed form and differentiable.

    Behind a pooling layer a channel's gradient has one value everywhere, and another at the channel's maximum where
    that is pooled, too; so the sums of Chattopadhay et al. (2018, arXiv:1710.11063) need no backward pass.
    """
    activation = seen.activation
    cells = activation.shape[2] * activation.shape[3]
    total = activation.sum((2, 3))[:, None]  # (n, 1, channels)
    everywhere = seen.by_mean[None] / cells
    places = (activation > 0).sum((2, 3))[:, None] if seen.rectified else torch.full_like(total, cells)
    weights = _channel_weight(everywhere, total) * (places if seen.by_maximum is None else places - 1)
    if seen.by_maximum is not None:
        weights = weights + _channel_weight(everywhere + seen.by_maximum[None], total)
    return F.relu(torch.einsum("nck,nkhw->nchw", weights, activation))


def _channel_weight(gradient: Tensor, total: Tensor) -> Tensor:
    square = gradient**2
    return F.relu(gradient) * square / (2 * square + total * gradient**3 + _EPSILON)


class Objective(nn.Module):
    """The loss: calling findings, and with `masks` showing them.

    Three parts, all means over films and labels: cross entropy of the logits; cross entropy of every cell of the
    positive class map (its scale and offset are learned), so that nothing lights up where nothing was planted; and one
    minus the IoU of mask and map, for the map as it is shown: over its maximum, from half of it on.

    Args:
        prevalence: (8,) share of films with each finding.
        masks: whether to train for maps at all.
    """

    positive_weight: Tensor

    def __init__(self, prevalence: Tensor, *, masks: bool):
        super().__init__()
        self.masks = masks
        self.scale = nn.Parameter(torch.ones(len(prevalence)))
        self.offset = nn.Parameter(torch.full((len(prevalence),), -2.0))
        self.register_buffer("positive_weight", ((1 - prevalence) / prevalence).sqrt())

    def forward(self, seen: Seen, labels: Tensor, masks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the three parts for labels (n, 8) and masks (n, 8, cells, cells), both float32 in [0, 1]."""
        calling = F.binary_cross_entropy_with_logits(seen.logits, labels, pos_weight=self.positive_weight)
        if not self.masks:
            return calling, torch.zeros(()), torch.zeros(())
        return calling, self._evidence(seen, masks), self._overlap(seen, labels, masks)

    def _evidence(self, seen: Seen, masks: Tensor) -> Tensor:
        by = seen.by_mean if seen.by_maximum is None else seen.by_mean + seen.by_maximum
        evidence = torch.einsum("ck,nkhw->nchw", F.relu(by / seen.gain), seen.activation)
        logits = evidence * F.softplus(self.scale)[:, None, None] + self.offset[:, None, None]
        inside = (masks > 0.3).float()
        return (F.binary_cross_entropy_with_logits(logits, inside, reduction="none") * (1 + 4 * inside)).mean()

    def _overlap(self, seen: Seen, labels: Tensor, masks: Tensor) -> Tensor:
        maps = grad_cam_plus_plus(seen)
        relative = maps / (maps.amax((2, 3), keepdim=True) + 1e-9)
        region = torch.sigmoid((relative - _DRAWN_FROM) / _SOFTNESS)
        both = (region * masks).sum((2, 3))
        either = (region + masks - region * masks).sum((2, 3))
        return ((1 - both / either) * labels).sum() / labels.sum().clamp(min=1)
