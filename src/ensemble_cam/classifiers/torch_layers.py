"""The layers of any network: at which of them a map can be made, and which is the one that the head pools."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ensemble_cam.classifiers.torch_cuts import FAILURES, FEATURES, CannotCut, Trace, checked_logits, in_timms_parts
from ensemble_cam.classifiers.torch_tokens import TokenGrid, layers_to_pool, token_grid
from ensemble_cam.classifiers.torch_twins import private_twin
from ensemble_cam.errors import ClassifierError
from ensemble_cam.settings.methods import METHODS, METHODS_OF_ANY_NETWORK, UNSTABLE_BELOW_0

# The last spatial stage of a family, by the name of its class in torchvision, which its copies elsewhere bear, too.
POOLED: Mapping[str, str] = {
    "AlexNet": "features",
    "ConfiguredClassifier": "backbone",
    "ConvNeXt": "features",
    "DenseNet": "features",
    "EfficientNet": "features",
    "GoogLeNet": "inception5b",
    "Inception3": "Mixed_7c",
    "MNASNet": "layers",
    "MobileNetV2": "features",
    "MobileNetV3": "features",
    "RegNet": "trunk_output",
    "ResNet": "layer4",
    "ShuffleNetV2": "conv5",
    "SqueezeNet": "features",
    "SwinTransformer": "permute",
    "VGG": "features",
}
_UNTOLD = "it gives tokens, and where they stand cannot be told: no patch_embed with a num_prefix_tokens beside it"
_NAMED = 6  # layers that a refusal offers


@dataclass(frozen=True)
class Layer:
    """A place in a network at which a map can be made.

    Attributes:
        name: as `named_modules` of the network calls it, or "forward_features" for where timm's two parts meet.
        channels: of its activation.
        grid: rows and columns of its cells, for a picture of the network's input size.
        way: how the network is cut there: "timm" or "traced", in two parts; "twin", in one piece.
        recommended: whether it is the last spatial stage, which the head pools.
        input: which of the network's inputs it sees, where there are several; else None.
        lowest: the least value of its activation, for a picture of noise; NaN where that is not known.
    """

    name: str
    channels: int
    grid: tuple[int, int]
    way: str
    recommended: bool = False
    input: str | None = None
    lowest: float = math.nan

    @property
    def unstable(self) -> tuple[str, ...]:
        """Methods that are unstable here, as their denominators cross 0 where the activation has values below 0."""
        return UNSTABLE_BELOW_0 if self.lowest < 0 else ()

    @property
    def exact(self) -> tuple[str, ...]:
        """The methods that are exact here, held to the grad-cam package on the whole network, or to their formula."""
        return tuple(name for name in METHODS if name in METHODS_OF_ANY_NETWORK and name not in self.unstable)


@dataclass(frozen=True)
class _Seen:
    """What a module did on a run: how often it was called, what it gave at last, and after how many calls of others."""

    calls: int
    shape: tuple[int, ...] | None
    rank: float
    patches: TokenGrid | None = None  # of the network
    lowest: float = math.nan

    @property
    def tokens(self) -> TokenGrid | None:
        """Where the tokens that it gives stand in the picture; None where it gives none, or nobody can tell."""
        if self.shape is None or len(self.shape) != 3 or self.shape[0] != 1 or self.patches is None:
            return None
        return self.patches.of(self.shape[1])

    @property
    def size(self) -> tuple[int, int, int]:
        """Channels, rows and columns of the map that can be made at it."""
        if self.tokens is not None:
            return (self.shape or (0,))[-1], self.tokens.rows, self.tokens.columns
        _, channels, rows, columns = self.shape or (0, 0, 0, 0)
        return channels, rows, columns

    @property
    def why_not(self) -> str:
        """Why no map can be made at it, as the end of a sentence; empty where one can."""
        if self.calls == 0:
            return "it is not run"
        if self.calls > 1:
            return f"it is called {self.calls} times, and a map would be of one of them. Name a layer that is run once"
        if self.shape is None:
            return "it gives something else than one tensor"
        if self.tokens is not None:
            return ""
        if len(self.shape) == 3:
            if self.patches is None:
                return _UNTOLD
            before, rows, columns = self.patches.prefix, self.patches.rows, self.patches.columns
            return f"its output, {self.shape}, are no {rows}×{columns} tokens of patches behind {before} others"
        if self.patches is not None and self.shape[2:] == (self.patches.count,) * 2:
            return "it gives attention between tokens, and no grid of cells"
        # The picture is square, and so is every grid of it: (1, 7, 7, 768) are tokens with their channels last.
        if len(self.shape) != 4 or self.shape[2] != self.shape[3] or self.shape[2] < 2:
            return f"its output, {self.shape}, is no grid of cells"
        return ""


class Survey:
    """What the layers of a network are, seen on one run of a private twin.

    Attributes:
        outputs: how many logits the network has.
        patches: where the tokens of a transformer stand in its picture; None where there are none, or nobody can tell.

    Args:
        network: any torch module; it is not changed.
        pixels: (1, channels, side, side), what it is run on.
        of_logits: whether it must return logits; else it has no `outputs`.

    Raises:
        ClassifierError: if it cannot be run, or gives no logits.
    """

    def __init__(self, network: nn.Module, pixels: Tensor, *, of_logits: bool = True):
        self._network, self._twin = network, private_twin(network)
        self.patches = token_grid(network, pixels.shape[-1])
        self._seen = _seen(private_twin(network), pixels, self.patches, of_logits=of_logits)
        whole = self._seen.pop("").shape
        self.outputs = whole[1] if of_logits and whole is not None else 0
        self._not_traced = self._no_parts = ""
        try:
            self.trace: Trace | None = Trace(self._twin)
        except CannotCut as reason:
            self.trace, self._not_traced = None, str(reason)
        self._parts_seen: _Seen | None = None
        try:
            parts = in_timms_parts(self._twin)
            with torch.no_grad():
                found = parts.backbone(pixels)
            self._parts_seen = _Seen(
                *(1, tuple(found.shape) if isinstance(found, Tensor) else None, math.inf, self.patches, _least(found))
            )
        except (CannotCut, *FAILURES) as reason:
            self._no_parts = str(reason)

    def why_not(self, layer: str) -> str:
        """Return why no map can be made at a layer, as the end of a sentence; empty where one can."""
        return self._of(layer).why_not

    def tokens(self, layer: str) -> TokenGrid | None:
        """Return where the tokens of a layer stand in the picture; None where it has cells already."""
        return self._of(layer).tokens

    def why_not_split(self, layer: str) -> str:
        """Return why a network cannot be cut in two behind a layer, as the end of a sentence; empty where it can."""
        if layer == FEATURES and self._parts_seen is not None:
            return ""
        return self._not_traced if self.trace is None else self.trace.why_not(layer)

    def has(self, layer: str) -> bool:
        """Whether the network has a layer of the name."""
        return layer in self._seen or (layer == FEATURES and self._parts_seen is not None)

    def names(self) -> Iterator[str]:
        """Yield the names of all layers at which a map can be made, in the order of the network."""
        yield from (name for name, seen in self._seen.items() if not seen.why_not)
        if self._parts_seen is not None and not self._parts_seen.why_not:
            yield FEATURES

    def layers(self) -> tuple[Layer, ...]:
        """Return all layers at which a map can be made, in the order of the network."""
        try:
            recommended = self.recommended()
        except ClassifierError:  # then none is marked
            recommended = ""
        found = []
        for name in self.names():
            channels, rows, columns = self._of(name).size
            way = "timm" if name == FEATURES else "twin" if self.why_not_split(name) else "traced"
            lowest = self._of(name).lowest
            found.append(Layer(name, channels, (rows, columns), way, name == recommended, lowest=lowest))
        return tuple(found)

    def in_order(self, layers: Iterable[str]) -> tuple[str, ...]:
        """Return names of layers in the order in which the network runs them; unknown ones last."""
        return tuple(sorted(layers, key=lambda name: self._of(name).rank if self.has(name) else math.inf))

    def recommended(self) -> str:
        """Return the name of the last spatial stage of a network of a known family.

        Raises:
            ClassifierError: if it cannot be told; the message names some that can be taken.
        """
        for name in layers_to_pool(self._network) if self.patches is not None else ():
            if self.has(name) and self.tokens(name) is not None and not self.why_not(name):
                return name
        if self._parts_seen is not None:
            if self._parts_seen.why_not:
                raise ClassifierError(
                    f"No map can be made of this network by itself: {self._parts_seen.why_not}."
                    f"{self._offer(' Only these layers have a grid:')}"
                )
            return FEATURES
        families = {each.__name__ for each in type(self._network).__mro__}
        for family in families.intersection(POOLED):
            if self.has(POOLED[family]) and not self.why_not(POOLED[family]):
                return POOLED[family]
        raise ClassifierError(
            f"Which layer the head of this network pools cannot be told from its class, {type(self._network).__name__}."
            f"{self._offer(' Name one of')}"
        )

    def _offer(self, words: str) -> str:
        names = list(self.names())
        outermost = [name for name in names if not any(name.startswith(f"{other}.") for other in names)]
        offered = outermost[-_NAMED:]
        if not offered:
            return " None of its layers gives a grid of cells."
        return f"{words} {', '.join(offered)}."

    def _of(self, layer: str) -> _Seen:
        if layer == FEATURES and self._parts_seen is not None:
            return self._parts_seen
        return self._seen[layer]


def _seen(twin: nn.Module, pixels: Tensor, patches: TokenGrid | None, *, of_logits: bool) -> dict[str, _Seen]:
    """Run a twin that nobody else has, and return what each of its modules did; "" is the network itself."""
    shapes: dict[str, list[tuple[int, ...] | None]] = {}
    ranks: dict[str, int] = {}
    least: dict[str, float] = {}
    for name, module in twin.named_modules():
        shapes[name] = []

        def note(module: nn.Module, given: object, output: object, name: str = name) -> None:
            shapes[name].append(tuple(output.shape) if isinstance(output, Tensor) else None)
            ranks[name] = sum(map(len, shapes.values()))
            least[name] = _least(output)

        module.register_forward_hook(note)
    try:
        with torch.no_grad():
            output = twin(pixels)
    except FAILURES as error:
        raise cannot_be_run(error, str(tuple(pixels.shape))) from None
    if of_logits:
        checked_logits(output, len(pixels))
    return {
        name: _Seen(
            len(found), found[-1] if found else None, ranks.get(name, math.inf), patches, least.get(name, math.nan)
        )
        for name, found in shapes.items()
    }


def _least(output: object) -> float:
    """Return the least value of a layer's output; NaN where that is no tensor, or an empty one."""
    is_one = isinstance(output, Tensor) and output.numel() and output.is_floating_point()
    return float(output.min()) if is_one and isinstance(output, Tensor) else math.nan


def cannot_be_run(error: Exception, shapes: str) -> ClassifierError:
    """Return the refusal of a network that failed on pictures of these shapes."""
    said = str(error).strip().splitlines()
    return ClassifierError(
        f"The network cannot be run on a picture of {shapes} ({said[0][:120] if said else repr(error)}). "
        "Say what it takes by input_size and channels."
    )
