"""Any network of PyTorch's, ready to be explained: cut at a layer, with its classes and what it takes."""

import copy
import os
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ensemble_cam.classifiers.torch_branches import BranchCut, BranchSurvey
from ensemble_cam.classifiers.torch_cuts import Cut, Twin, checked_logits, in_timms_parts, is_proved
from ensemble_cam.classifiers.torch_inputs import (
    Input,
    checked_classes,
    device_and_type,
    input_of,
    probe_of,
    several_inputs,
)
from ensemble_cam.classifiers.torch_layers import Layer, Survey
from ensemble_cam.classifiers.torch_tokens import TokenCut
from ensemble_cam.classifiers.torch_twins import private_twin, unwrapped
from ensemble_cam.errors import ClassifierError, ConfigError, did_you_mean
from ensemble_cam.settings.explain_options import layer_names
from ensemble_cam.settings.vocabulary import ANY, OUTPUTS


class Network:
    """A network that can be explained, made of any torch module; several threads may explain with one.

    The module is never changed: not its mode, its hooks, its device or its tensors. What has to be is done to a private
    twin over the same parameters.

    Args:
        module: takes (n, channels, height, width) pictures and returns (n, classes) logits, before any softmax. With
            several inputs it takes such a tensor for each, by their names where its arguments are called so, else in
            their order, or all in one dictionary where it takes one argument.
        layer: the name of the layer whose activation maps are made of, as `named_modules()` calls it; None for the last
            spatial stage, where the family is known: ResNet, DenseNet, EfficientNet, VGG, MobileNet, ConvNeXt, Swin and
            more of torchvision's, and timm's. See `layers`. A list for maps of several layers. With several inputs a
            dictionary: for each a layer that sees it alone.
        inputs: the names of several inputs; one may be a dictionary of `name`, `channels` and `size`.
        classes: the names of the outputs, in their order; class_0, class_1 … without. Or the path of the folder of
            training pictures, whose subfolders are named after them, in alphabetical order (as ImageFolder's are).
        output: what turns logits into probabilities: "softmax", one class of all, or "sigmoid", each by itself. "any"
            for a detector, a segmenter or what else returns no logits: `explain` then takes a function as its target.
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
        input: what it takes; of several inputs the first.
        inputs: all of them.
        branches: of several inputs the cut, which gives all their layers' activations in one pass; else None.
        cuts: how it is cut at its layers, in the order in which it runs them: `way` is "timm", "traced" or "twin",
            `why` says why no better way was taken.
        chosen: the layers that maps are made at, in that order; of several inputs one for each.
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
        layer: str | Sequence[str] | Mapping[str, str] | None = None,
        inputs: Sequence[str | Mapping[str, Any]] | None = None,
        classes: Sequence[str] | os.PathLike[str] | None = None,
        output: str = "softmax",
        mean: float | Sequence[float] | None = None,
        std: float | Sequence[float] | None = None,
        input_size: int | None = None,
        channels: int | None = None,
        name: str | None = None,
    ):
        if output not in (*OUTPUTS, ANY):
            known = (*OUTPUTS, ANY)
            raise ConfigError(
                f"output: got {output!r}; allowed: one of {', '.join(known)}.{did_you_mean(output, known)}"
            )
        if output == ANY and (classes is not None or inputs is not None):
            raise ConfigError(f'output: "{ANY}" goes with neither classes nor several inputs. Leave them out.')
        names = None if classes is None else checked_classes(classes)
        if isinstance(module, nn.Module):
            module = unwrapped(module)
        self.input = input_of(module, mean, std, input_size, channels)
        self.inputs = (
            (self.input,) if inputs is None else several_inputs(module, inputs, (mean, std, input_size, channels))
        )
        self.module, self._known_cuts = module, dict[str, Cut]()
        self._survey = (
            survey_of(module, self.input, output) if inputs is None else _survey_of_branches(module, self.inputs)
        )
        outputs = self._survey.outputs
        if names is not None and len(names) != outputs:
            raise ConfigError(f"classes: got {len(names)}, and the network has {outputs} outputs. Name them all.")
        if outputs == 1 and output == "softmax":
            raise ConfigError('output: the softmax of one output is always 1. Take "sigmoid".')
        self.name, self.output = name or type(module).__name__, output
        self.has_named_classes = names is not None or output == ANY
        self.classes = names or tuple(f"class_{number}" for number in range(outputs))
        self.branches: BranchCut | None = None
        self.cuts: tuple[Cut, ...] = ()
        self.chosen: tuple[Layer, ...] = ()
        if isinstance(self._survey, BranchSurvey):
            self.input = self.inputs[0]
            layers = self._survey.chosen(layer)
            self.branches = self._survey.cut(layers)
            self.chosen = tuple(each for each in self.layers if each.name == layers[each.input or ""])
        else:
            self._choose(self._survey, layer_names(layer) or (self._survey.recommended(),))
        self.weights = "as they were handed over"
        self.weights_sha256: str | None = None
        self.untrained = False

    def _choose(self, survey: Survey, layers: Sequence[str]) -> None:
        for layer in layers:
            if layer not in self._known_cuts:
                self._known_cuts[layer] = _cut_at(self.module, survey, layer, probe_of(self.module, self.input))
        self.cuts = tuple(self._known_cuts[layer] for layer in survey.in_order(layers))
        known = {each.name: each for each in survey.layers()}
        self.chosen = tuple(known[each.layer] for each in self.cuts)

    @property
    def cut(self) -> Cut:
        """How the network is cut at its layer, of several the last.

        Raises:
            ClassifierError: if the network has several inputs, and so one cut for all of them, `branches`.
        """
        if not self.cuts:
            raise ClassifierError("The network has several inputs, and each a layer of its own. See `chosen`.")
        return self.cuts[-1]

    @property
    def layer(self) -> Layer:
        """The layer that maps are made at, of several the last.

        Raises:
            ClassifierError: if the network has several inputs, and each a layer of its own: see `chosen`.
        """
        return next(each for each in self.chosen if each.name == self.cut.layer)

    def at(self, layers: Sequence[str]) -> "Network":
        """Return this network for maps at other layers; it is cut at each of them once, and the module is the same.

        Raises:
            ClassifierError: if no map can be made at one of them.
        """
        if not layers or tuple(layers) == tuple(each.layer for each in self.cuts):
            return self
        if isinstance(self._survey, BranchSurvey):
            raise ConfigError("layer: of a network with several inputs it is chosen when that is made. Leave it out.")
        other = copy.copy(self)
        other._choose(self._survey, layers)
        return other

    def named(self, classes: Sequence[str]) -> "Network":
        """Return this network with names for its classes.

        Raises:
            ConfigError: if they are no names, or not as many as it has outputs.
        """
        names = checked_classes(classes)
        if len(names) != len(self.classes):
            raise ConfigError(
                f"classes: got {len(names)}, and the network has {len(self.classes)} outputs. Name them all."
            )
        other = copy.copy(self)
        other.classes, other.has_named_classes = names, True
        return other

    def on_processor(self) -> "Network":
        """Return this network on the processor, with parameters of its own; the module stays where it is."""
        module = copy.deepcopy(private_twin(self.module)).cpu()
        other = copy.copy(self)
        other.module, other._known_cuts = module, {}
        if self.branches is not None:
            other._survey = _survey_of_branches(module, self.inputs)
            other.branches = other._survey.cut({each.input or "": each.name for each in self.chosen})
        else:
            other._survey = survey_of(module, self.input, self.output)
            other._choose(other._survey, [each.layer for each in self.cuts])
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
        return device_and_type(self.module)[0]

    def pixels(self, values: Tensor, *, of: Input | None = None) -> Tensor:
        """Return a picture as the network takes it.

        Args:
            values: (channels, size, size) float32 from 0 to 1.
            of: which of several inputs it is for; the first without.

        Returns:
            (1, channels, size, size) on the network's device.
        """
        given = of or self.input
        mean, std = (torch.tensor(each)[:, None, None] for each in (given.mean, given.std))
        return self.prepared((values - mean) / std)

    def prepared(self, values: Tensor) -> Tensor:
        """Return (channels, size, size) values that are scaled already as the network takes them, (1, …)."""
        device, type = device_and_type(self.module)
        return values[None].to(device=device, dtype=type)

    @property
    def returns_logits(self) -> bool:
        """Whether what the network returns are logits of classes."""
        return self.output != ANY

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return what the network says, (classes,) float64 in [0, 1], of one picture's (classes,) logits."""
        wide = logits.detach().cpu().double()
        return wide.softmax(0) if self.output == "softmax" else wide.sigmoid()

    def __repr__(self) -> str:
        ways = [cut_line(cut) for cut in self.cuts]
        if self.branches is not None:
            ways = [cut_line(self.branches)] * len(self.chosen)
        told = [
            f"{f'{each.input} at ' if each.input else ''}layer {each.name}, {each.grid[0]}×{each.grid[1]} cells, "
            f"{each.channels} channels; {way}"
            for each, way in zip(self.chosen, ways, strict=True)
        ]
        answer = f"{len(self.classes)} classes by {self.output}" if self.returns_logits else "no classes"
        return f"Network({self.name}, {answer}; {'; '.join(told)})"


CUT_LINES: Mapping[str, str] = {
    "timm": "in timm's own two parts",
    "traced": "in two parts behind the layer, by torch.fx",
    "twin": "in one piece, by a private twin",
}
"""How a network was cut, in words."""


def cut_line(cut: "Cut | BranchCut") -> str:
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


def survey_of_branches(module: nn.Module, inputs: object, size: int | None, channels: int | None) -> BranchSurvey:
    """Return what the layers of a module with several inputs are; see `Network`."""
    return _survey_of_branches(module, several_inputs(module, inputs, (None, None, size, channels)))


def _survey_of_branches(module: nn.Module, inputs: Sequence[Input]) -> BranchSurvey:
    return BranchSurvey(module, {each.name: probe_of(module, each, seed) for seed, each in enumerate(inputs)})


def survey_of(module: nn.Module, given: Input, output: str = OUTPUTS[0]) -> Survey:
    """Return what the layers of a module are, for the pictures that it takes."""
    return Survey(module, probe_of(module, given), of_logits=output != ANY)


def cut_logits(cut: Cut, activation: Tensor, pixels: Tensor) -> Tensor:
    """Return the logits, (n, classes), of activations of one picture; see `Cut.logits`."""
    return checked_logits(cut.logits(activation, pixels), len(activation))
