"""Any network of PyTorch's, ready to be explained: cut at a layer, with its classes and what it takes."""

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ensemble_cam.classifiers.torch_cuts import Cut, Twin, checked_logits, in_timms_parts, is_proved
from ensemble_cam.classifiers.torch_layers import Layer, Survey
from ensemble_cam.classifiers.torch_tokens import TokenCut
from ensemble_cam.classifiers.torch_twins import private_twin, unwrapped
from ensemble_cam.errors import ClassifierError, ConfigError, did_you_mean
from ensemble_cam.settings.explain_options import layer_names
from ensemble_cam.settings.vocabulary import OUTPUTS

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_SIZES = (16, 4096)


@dataclass(frozen=True)
class Input:
    """What a network takes: a picture of values from 0 to 1, resized, less the mean and over the standard deviation.

    Attributes:
        size: of its sides in pixels.
        channels: 1 for grey, 3 for colour.
        mean: one for each channel.
        std: one for each channel.
        assumed: whether mean and std are nobody's word: the network is shown the values from 0 to 1 as they are.
    """

    size: int
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    assumed: bool = False


class Network:
    """A network that can be explained, made of any torch module; several threads may explain with one.

    The module is never changed: not its mode, its hooks, its device or its tensors. What has to be is done to a private
    twin over the same parameters.

    Args:
        module: takes (n, channels, height, width) pictures and returns (n, classes) logits, before any softmax.
        layer: the name of the layer whose activation maps are made of, as `named_modules()` calls it; None for the last
            spatial stage, where the family is known: ResNet, DenseNet, EfficientNet, VGG, MobileNet, ConvNeXt, Swin and
            more of torchvision's, and timm's. See `layers`. A list for maps of several layers.
        classes: the names of the outputs, in their order; class_0, class_1 … without.
        output: what turns logits into probabilities: "softmax", one class of all, or "sigmoid", each by itself.
        mean: of the pictures that the network was trained on, for values from 0 to 1; one, or one for each channel.
            Without, timm's or ImageNet's where the module is of timm or torchvision, else none is subtracted.
        std: their standard deviation, likewise.
        input_size: the sides in pixels of the pictures that it takes; 224 where nobody says otherwise.
        channels: 1 for grey, 3 for colour; those of the first convolution without.
        name: what results call the network; its class without.

    Attributes:
        module: the module as it was handed over, without DataParallel or `torch.compile` around it.
        name: what results call it.
        classes: the names of its outputs, in their order.
        output: "softmax" or "sigmoid".
        input: what it takes.
        layer: the layer that maps are made at; of several the last.
        cut: how it is cut there: `cut.way` is "timm", "traced" or "twin", `cut.why` says why no better way was taken.
        cuts: all of them, in the order in which the network runs the layers.
        chosen: these layers.
        weights: where they are from, in words.
        weights_sha256: of their file, in hex; None where they are from none.
        untrained: whether they are seeded values, so that nothing that it says means anything.

    Raises:
        ConfigError: if a value is not allowed.
        ClassifierError: if the module cannot be explained, or not at this layer; the message says why.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        layer: str | Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
        output: str = "softmax",
        mean: float | Sequence[float] | None = None,
        std: float | Sequence[float] | None = None,
        input_size: int | None = None,
        channels: int | None = None,
        name: str | None = None,
    ):
        if output not in OUTPUTS:
            raise ConfigError(
                f"output: got {output!r}; allowed: one of {', '.join(OUTPUTS)}.{did_you_mean(output, OUTPUTS)}"
            )
        names = None if classes is None else checked_classes(classes)
        if isinstance(module, nn.Module):
            module = unwrapped(module)
        self.input = input_of(module, mean, std, input_size, channels)
        self.module, self._survey = module, survey_of(module, self.input)
        self._known_cuts: dict[str, Cut] = {}
        outputs = self._survey.outputs
        if names is not None and len(names) != outputs:
            raise ConfigError(f"classes: got {len(names)}, and the network has {outputs} outputs. Name them all.")
        if outputs == 1 and output == "softmax":
            raise ConfigError('output: the softmax of one output is always 1. Take "sigmoid".')
        self.name, self.output = name or type(module).__name__, output
        self.has_named_classes = names is not None
        self.classes = names or tuple(f"class_{number}" for number in range(outputs))
        self._choose(layer_names(layer) or (self._survey.recommended(),))
        self.weights = "as they were handed over"
        self.weights_sha256: str | None = None
        self.untrained = False

    def _choose(self, layers: Sequence[str]) -> None:
        self.cuts = tuple(self._cut_at(each) for each in self._survey.in_order(layers))
        self.cut = self.cuts[-1]
        known = {each.name: each for each in self._survey.layers()}
        self.chosen = tuple(known[each.layer] for each in self.cuts)
        self.layer = self.chosen[-1]

    def _cut_at(self, layer: str) -> Cut:
        if layer not in self._known_cuts:
            self._known_cuts[layer] = _cut_at(self.module, self._survey, layer, _probe(self.module, self.input))
        return self._known_cuts[layer]

    def at(self, layers: Sequence[str]) -> "Network":
        """Return this network for maps at other layers; it is cut at each of them once, and the module is the same.

        Raises:
            ClassifierError: if no map can be made at one of them.
        """
        if not layers or tuple(layers) == tuple(each.layer for each in self.cuts):
            return self
        other = copy.copy(self)
        other._choose(layers)
        return other

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All layers at which a map can be made, in the network's order."""
        return self._survey.layers()

    @property
    def recommended_layers(self) -> tuple[str, ...]:
        """The name of the last spatial stage; empty where it cannot be told."""
        return tuple(each.name for each in self.layers if each.recommended)

    @property
    def device(self) -> torch.device:
        """Where the network's parameters lie."""
        return _device_and_type(self.module)[0]

    def pixels(self, values: Tensor) -> Tensor:
        """Return a picture as the network takes it.

        Args:
            values: (channels, size, size) float32 from 0 to 1.

        Returns:
            (1, channels, size, size) on the network's device.
        """
        device, type = _device_and_type(self.module)
        mean, std = (torch.tensor(each)[:, None, None] for each in (self.input.mean, self.input.std))
        return ((values - mean) / std)[None].to(device=device, dtype=type)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return what the network says, (classes,) float64 in [0, 1], of one picture's (classes,) logits."""
        wide = logits.detach().cpu().double()
        return wide.softmax(0) if self.output == "softmax" else wide.sigmoid()

    def __repr__(self) -> str:
        told = [
            f"layer {each.name}, {each.grid[0]}×{each.grid[1]} cells, {each.channels} channels; {cut_line(cut)}"
            for each, cut in zip(self.chosen, self.cuts, strict=True)
        ]
        return f"Network({self.name}, {len(self.classes)} classes by {self.output}; {'; '.join(told)})"


CUT_LINES: Mapping[str, str] = {
    "timm": "in timm's own two parts",
    "traced": "in two parts behind the layer, by torch.fx",
    "twin": "in one piece, by a private twin",
}
"""How a network was cut, in words."""


def cut_line(cut: Cut) -> str:
    """Return how a network was cut in words, with the reason."""
    return CUT_LINES[cut.way] + (f": {cut.why}" if cut.why else "")


def _cut_at(module: nn.Module, survey: Survey, layer: str, probe: Tensor) -> Cut:
    """Cut a network at a layer in the best way that is proved on it."""
    if not survey.has(layer):
        names = list(survey.names())
        raise ClassifierError(
            f"The network has no layer {layer!r}.{did_you_mean(layer, names) or ' See layers(network) for its names.'}"
        )
    if reason := survey.why_not(layer):
        raise ClassifierError(f"No map can be made at {layer}: {reason}.")
    tokens = survey.tokens(layer)

    def of_cells(cut: Cut) -> Cut:
        return cut if tokens is None else TokenCut(cut, tokens)

    twin = private_twin(module)
    why = survey.why_not_split(layer)
    if not why:
        split = (
            in_timms_parts(twin)
            if layer not in dict(twin.named_modules())
            else survey.trace and survey.trace.split(layer)
        )
        if split and is_proved(of_cells(split), twin, probe):
            return of_cells(split)
        why = "its two parts do not give the logits of the whole"
    cut = of_cells(Twin(private_twin(module), layer, why))
    if not is_proved(cut, twin, probe):
        raise ClassifierError(f"No map can be made at {layer}: the network does not give the same logits twice.")
    return cut


def _probe(module: nn.Module, given: Input) -> Tensor:
    """Return a picture of seeded noise that a cut is proved on; the process's random state is not moved."""
    device, type = _device_and_type(module)
    noise = torch.randn(1, given.channels, given.size, given.size, generator=torch.Generator().manual_seed(0))
    return noise.to(device=device, dtype=type)


def _device_and_type(module: nn.Module) -> tuple[torch.device, torch.dtype]:
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.is_floating_point():
            return tensor.device, tensor.dtype
    return torch.device("cpu"), torch.float32


def input_of(
    module: nn.Module,
    mean: float | Sequence[float] | None,
    std: float | Sequence[float] | None,
    input_size: int | None,
    channels: int | None,
) -> Input:
    """Return what a network takes: what is given, else what is known of its family.

    Raises:
        ConfigError: if a value is not allowed.
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"A network is a torch.nn.Module; got {type(module).__name__}.")
    known = _known_input(module)
    if input_size is not None and (type(input_size) is not int or not _SIZES[0] <= input_size <= _SIZES[1]):
        raise ConfigError(f"input_size: got {input_size!r}; allowed: a whole number from {_SIZES[0]} to {_SIZES[1]}.")
    count = next((each.in_channels for each in module.modules() if isinstance(each, nn.Conv2d)), 3)
    if channels is not None and channels not in (1, 3):
        raise ConfigError(f"channels: got {channels!r}; allowed: 1 for grey, 3 for colour.")
    if (channels or count) not in (1, 3):
        raise ClassifierError(f"The network takes {count} channels, and pictures have 1 or 3.")
    if (mean is None) != (std is None):
        raise ConfigError("mean, std: one is given without the other. Give both.")
    size, count = input_size or known.size, channels or count
    if mean is None and std is None:
        means, deviations = (_spread(each, count) for each in (known.mean, known.std))
        return Input(size, count, means, deviations, known.assumed)
    return Input(size, count, _numbers("mean", mean, count), _numbers("std", std, count, above=0))


def _known_input(module: nn.Module) -> Input:
    told = getattr(module, "pretrained_cfg", None) or getattr(module, "default_cfg", None)
    if isinstance(told, Mapping) and {"mean", "std"} <= set(told):
        size = told.get("input_size") or (3, 224, 224)
        return Input(int(size[-1]), 3, tuple(told["mean"]), tuple(told["std"]))
    if type(module).__module__.startswith("torchvision.models"):
        size = 299 if type(module).__name__ == "Inception3" else 224
        return Input(size, 3, IMAGENET_MEAN, IMAGENET_STD)
    return Input(224, 3, (0.0,), (1.0,), assumed=True)


def _spread(values: Sequence[float], channels: int) -> tuple[float, ...]:
    """Return values for each channel; grey is in the middle of colours, as in timm."""
    if len(values) == channels:
        return tuple(map(float, values))
    return (math.fsum(values) / len(values),) * channels


def _numbers(name: str, given: object, channels: int, *, above: float = -math.inf) -> tuple[float, ...]:
    values: list[Any] = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    values = values * channels if len(values) == 1 else values
    good = all(isinstance(each, int | float) and math.isfinite(each) and each > above for each in values)
    if len(values) != channels or not good:
        what = "a number above 0" if above == 0 else "a number"
        raise ConfigError(f"{name}: got {given!r}; allowed: {what}, or {channels}, one for each channel.")
    return tuple(map(float, values))


def checked_classes(given: object) -> tuple[str, ...]:
    """Return the names of classes.

    Raises:
        ConfigError: if they are no list of texts, or two are the same.
    """
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise ConfigError(f"classes: got {given!r}; hand over a list of names.")
    for each in given:
        if not isinstance(each, str) or not each.strip():
            raise ConfigError(f"classes: got {each!r} among them; allowed: names.")
    if len(set(given)) != len(given):
        twice = next(each for each in given if list(given).count(each) > 1)
        raise ConfigError(f"classes: {twice!r} stands there twice. Each output has a name of its own.")
    return tuple(given)


def layers(
    network: Network | nn.Module, *, input_size: int | None = None, channels: int | None = None
) -> tuple[Layer, ...]:
    """Return every layer of a network at which a map can be made, in its order, the recommended one marked.

    Args:
        network: of `Network` or `load_network`; or a torch module, of which no layer is chosen yet.
        input_size: of a module alone, as of `Network`.
        channels: of a module alone, as of `Network`.

    Returns:
        Each with `name`, `channels`, `grid` (rows and columns of its cells), `way` ("timm" or "traced": the network is
        cut in two there; "twin": it is run in one piece) and `recommended`.

    Raises:
        ClassifierError: if a module cannot be run, or gives no logits.
        TypeError: if it is neither, or a size is given for a network that has its own.
    """
    if isinstance(network, Network):
        if input_size is not None or channels is not None:
            raise TypeError("input_size, channels: the network has its own. Leave them out.")
        return network.layers
    if isinstance(network, nn.Module):
        network = unwrapped(network)
    return survey_of(network, input_of(network, None, None, input_size, channels)).layers()


def recommended_layers(
    network: Network | nn.Module, *, input_size: int | None = None, channels: int | None = None
) -> tuple[str, ...]:
    """Return the names of the layers that maps are best made at: the last spatial stage, which the head pools.

    Empty where that cannot be told, as of a network of a class of its own. Arguments and errors are those of `layers`.
    """
    return tuple(each.name for each in layers(network, input_size=input_size, channels=channels) if each.recommended)


def survey_of(module: nn.Module, given: Input) -> Survey:
    """Return what the layers of a module are, for the pictures that it takes."""
    return Survey(module, _probe(module, given))


def cut_logits(cut: Cut, activation: Tensor, pixels: Tensor) -> Tensor:
    """Return the logits, (n, classes), of activations of one picture; see `Cut.logits`."""
    return checked_logits(cut.logits(activation, pixels), len(activation))
