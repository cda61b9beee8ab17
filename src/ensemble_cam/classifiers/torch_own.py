"""A network of the site's own as a classifier: any of PyTorch's, cut as `torch_any_network` cuts it.

It is shown films as every classifier is, the centre square in [-1024, 1024], which is taken to the values from 0 to 1
that it was trained on, less its mean and over its standard deviation. Nothing is proved of its head in closed form, so
its gradients are autograd's.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ensemble_cam.classifiers.arrays import Array
from ensemble_cam.classifiers.classifier import Classifier, WeightsInfo
from ensemble_cam.classifiers.heads import Gradients, Head, HeadRun, Step
from ensemble_cam.classifiers.sources import Source, operating_points_of, outputs_of
from ensemble_cam.classifiers.torch_any_network import Network, cut_logits
from ensemble_cam.classifiers.torch_named_networks import load_network
from ensemble_cam.errors import ClassifierError
from ensemble_cam.settings.config import ClassifierConfig, OwnNetwork

if TYPE_CHECKING:
    from ensemble_cam.classifiers.torch_families import TorchNetwork

_HALF_RANGE = 1024  # films run from minus this to this
_ABLATIONS_AT_ONCE = 32
_SEEN = "seen_pixels"


def load_own(source: Source, *, device: str = "cpu") -> Classifier:
    """Load a network of the site's own.

    Args:
        source: of a configuration with `own`.
        device: where it is to run.

    Raises:
        ConfigError: if the configuration's classes or input are not the network's.
        WeightsError: if the checkpoint cannot be read, would run code, or does not fit.
        ClassifierError: if the network cannot be explained, or not at this layer.
    """
    config = source.config
    assert config.own is not None
    network = _network(config, config.own, source, device)
    sha256 = network.weights_sha256
    info = source.info if sha256 is None else WeightsInfo(source.info.name, sha256, source.info.published)
    points = operating_points_of(config, info, None)
    return Classifier(
        config=config,
        weights=info,
        backbone=_Backbone(network),
        head=_Head(network),
        outputs=outputs_of(config, info, points),
        operating_points=points,
        network=_no_network,
        runtime="torch",
        device=device,
    )


def _network(config: ClassifierConfig, own: OwnNetwork, source: Source, device: str) -> Network:
    # Outputs that are no finding have no name in the configuration, and none that anybody sees.
    names = [name or f"(output {number})" for number, name in enumerate(own.classes)]
    network = load_network(
        own.architecture,
        checkpoint=None if source.located is None else source.located.path,
        classes=names,
        output=own.output,
        layer=own.layer,
        mean=_spread(own.mean),
        std=_spread(own.std),
        input_size=config.input_size,
        channels=own.channels,
    )
    network.module.requires_grad_(False)
    if device == "cpu":
        return network
    moved = Network(
        network.module.to(device),
        layer=network.layer.name,
        classes=names,
        output=own.output,
        mean=network.input.mean,
        std=network.input.std,
        input_size=network.input.size,
        channels=network.input.channels,
        name=network.name,
    )
    moved.weights_sha256 = network.weights_sha256
    return moved


def _spread(values: tuple[float, ...] | None) -> float | tuple[float, ...] | None:
    return values[0] if values is not None and len(values) == 1 else values


def _no_network() -> "TorchNetwork":
    raise ClassifierError(
        "maps of several layers and Guided Grad-CAM are made of the program's own families alone; take the last layer "
        "and another method"
    )


class _Backbone:
    """The network up to its layer; any number of threads may call it at once."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def __call__(self, pixels: Array) -> Tensor:
        """Return the activations of (n, 1, side, side) films, which keep what they are of for the head's sake."""
        greys = (torch.as_tensor(pixels) + _HALF_RANGE) / (2 * _HALF_RANGE)
        # Mean and deviation are one for each channel, of any number of films.
        seen = self._network.pixels(greys.expand(-1, self._network.input.channels, -1, -1))[0]
        activation = self._network.cut.activation(seen).float().clone()
        setattr(activation, _SEEN, seen)
        return activation


class _Head(Head):
    """The network from its layer on. Heads of others may need more than the activation: what that is of."""

    def __init__(self, network: Network) -> None:
        super().__init__({})
        self._network = network

    def logits(self, activation: Array) -> Tensor:
        """See `Head.logits`; the activation as the backbone gave it."""
        with torch.no_grad():
            return self.behind(activation, _seen_by(activation))

    def run(self, activation: Array) -> HeadRun:
        """See `Head.run`; the activation as the backbone gave it."""
        return _Run(self, activation)

    def behind(self, activation: Tensor, seen: Tensor) -> Tensor:
        """Return the (n, outputs) float32 logits of activations of films that the network has seen."""
        return cut_logits(self._network.cut, activation.to(seen.dtype), seen).float()


def _seen_by(activation: Array) -> Tensor:
    seen = getattr(activation, _SEEN, None)
    if not isinstance(seen, Tensor):
        raise ClassifierError("this activation is none that its own network gave")
    return seen


class _Run(HeadRun):
    """The gradients are autograd's, with a graph that is made when they are asked for and let go of at once."""

    def __init__(self, head: _Head, activation: Tensor) -> None:
        self._head, self._activation, self._seen = head, activation, _seen_by(activation)
        self.logits = head.logits(activation)[0]

    def gradients(self, outputs: Sequence[int]) -> Gradients:
        with torch.inference_mode(False), torch.enable_grad():
            leaf = self._activation.detach().clone().requires_grad_()
            logits = self._head.behind(leaf, self._seen.clone())[0]
            found = [
                torch.autograd.grad(logits[output], leaf, retain_graph=True, allow_unused=True, materialize_grads=True)
                for output in outputs
            ]
        return Gradients(torch.cat([gradient for (gradient,) in found]))

    def ablated(self, outputs: Sequence[int], step: Step) -> Tensor:
        channels, found = self._activation.shape[1], []
        with torch.no_grad():
            for first in range(0, channels, _ABLATIONS_AT_ONCE):
                step(first / channels)
                some = torch.arange(first, min(first + _ABLATIONS_AT_ONCE, channels))
                without = self._activation.repeat(len(some), 1, 1, 1)
                without[torch.arange(len(some)), some] = 0
                found.append(self._head.behind(without, self._seen)[:, list(outputs)])
        return torch.cat(found).T
