"""Any network, cut at a layer: the activation that a map is made of, and the logits as a function of it.

Three ways lead there, and each is proved on the network itself before it is taken: with its cut, it must give the very
logits that it gives without. timm's networks come in two parts by their own account (`forward_features` and
`forward_head`). Others are traced (torch.fx) and split behind the layer, if nothing but its output crosses the cut.
Where neither is possible, the layer's output is taken on the way through a private twin, and the whole twin is run.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, fx, nn
from torch.utils._pytree import tree_flatten

from ensemble_cam.errors import ClassifierError

Function: TypeAlias = Callable[[Tensor], Tensor]

FEATURES = "forward_features"
"""The name of the layer where timm's own two parts meet."""

# What code of others can raise while it is traced or run on a picture of a shape that it was not made for.
FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NameError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
    fx.proxy.TraceError,
)


class CannotCut(Exception):
    """A network cannot be cut in this way; the text says why, as the end of a sentence."""


class Cut:
    """A network that is cut at a layer; any number of threads may use it at once.

    Attributes:
        layer: the layer's name.
        way: how it is cut: "timm", "traced" or "twin".
        why: why no better way was taken; empty where none is better.
    """

    layer: str
    way: str
    why: str = ""

    def activation(self, pixels: Tensor) -> Tensor:
        """Return the layer's output, (n, channels, h, w), of (n, channels, side, side) pixels; no gradients."""
        raise NotImplementedError

    def logits(self, activation: Tensor, pixels: Tensor) -> Tensor:
        """Return the logits, (n, outputs), of activations; differentiable by them.

        Args:
            activation: (n, channels, h, w).
            pixels: (1, channels, side, side), what the activation is of: of use where more than that goes to the head.
        """
        raise NotImplementedError

    def whole(self, pixels: Tensor) -> Tensor:
        """Return the logits, (n, outputs), of (n, channels, side, side) pixels; no gradients."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Split(Cut):
    """A network in two parts, one behind the other."""

    layer: str
    way: str
    backbone: Function
    head: Function
    why: str = ""

    def activation(self, pixels: Tensor) -> Tensor:
        """See `Cut.activation`."""
        with torch.no_grad():
            return self.backbone(pixels)

    def logits(self, activation: Tensor, pixels: Tensor) -> Tensor:
        """See `Cut.logits`."""
        # A copy, as heads may begin with a ReLU in place (DenseNet).
        return self.head(activation.clone())

    def whole(self, pixels: Tensor) -> Tensor:
        """See `Cut.whole`."""
        with torch.no_grad():
            return self.head(self.backbone(pixels))


class Twin(Cut):
    """A private twin, whose layer's output is taken or replaced on the way through.

    Args:
        twin: of `torch_twins.private_twin`, and of nobody else.
        layer: the name of one of its modules, which is called once.
        why: why the network is not split.
    """

    way = "twin"

    def __init__(self, twin: nn.Module, layer: str, why: str):
        self.layer, self.why = layer, why
        self._twin, self._here = twin, threading.local()
        twin.get_submodule(layer).register_forward_hook(self._pass)

    def _pass(self, module: nn.Module, given: object, output: Tensor) -> Tensor | None:
        """Take the layer's output, or put another in its place; each thread its own."""
        instead: Tensor | None = getattr(self._here, "instead", None)
        if instead is not None:
            return instead.clone()
        self._here.taken = output.detach().clone()
        return None

    def activation(self, pixels: Tensor) -> Tensor:
        """See `Cut.activation`."""
        try:
            with torch.no_grad():
                self._twin(pixels)
            return self._here.taken
        finally:
            self._here.__dict__.clear()

    def logits(self, activation: Tensor, pixels: Tensor) -> Tensor:
        """See `Cut.logits`."""
        self._here.instead = activation
        try:
            return self._twin(pixels.expand(len(activation), -1, -1, -1))
        finally:
            self._here.__dict__.clear()

    def whole(self, pixels: Tensor) -> Tensor:
        """See `Cut.whole`."""
        try:
            with torch.no_grad():
                return self._twin(pixels)
        finally:
            self._here.__dict__.clear()


class Trace:
    """A network as a graph of its operations, traced once, in which any layer can be looked up."""

    def __init__(self, twin: nn.Module):
        """Trace a private twin.

        Raises:
            CannotCut: if it cannot be traced.
        """
        from torchvision.models.feature_extraction import NodePathTracer

        tracer = NodePathTracer()
        try:
            graph = tracer.trace(twin)
        except FAILURES as error:
            raise CannotCut(f"the network cannot be traced ({type(error).__name__})") from None
        self._twin, self._nodes = twin, list(graph.nodes)
        self._layers = tracer.node_to_qualname

    def why_not(self, layer: str) -> str:
        """Return why a layer cannot be split behind, as the end of a sentence; empty where it can."""
        try:
            self._parted(layer)
        except CannotCut as reason:
            return str(reason)
        return ""

    def split(self, layer: str) -> Split:
        """Return the network in two parts.

        Raises:
            CannotCut: if more than the layer's output would cross the cut, or the graph does not know the layer.
        """
        before, after, cut = self._parted(layer)
        needed = {each for node in after for each in node.all_input_nodes}
        parameters = [node for node in before if node.op == "get_attr" and node in needed]
        return Split(layer, "traced", self._part(before, None, cut), self._part([*parameters, *after], cut, None))

    def _parted(self, layer: str) -> tuple[list[fx.Node], list[fx.Node], fx.Node]:
        """Return the operations before and behind a layer's last one, and that one, which stands last before."""
        inside = [
            index
            for index, node in enumerate(self._nodes)
            if (name := self._layers.get(node)) is not None and (name == layer or name.startswith(f"{layer}."))
        ]
        if not inside:
            raise CannotCut(f"{layer} does no work of its own in the traced network")
        before, after = self._nodes[: inside[-1] + 1], self._nodes[inside[-1] + 1 :]
        cut, earlier = before[-1], set(before)
        crossing = {
            each
            for node in after
            for each in node.all_input_nodes
            if each in earlier and each is not cut and each.op != "get_attr"
        }
        if crossing:
            raise CannotCut(f"{layer} lies inside a block, and another value goes past it")
        return before, after, cut

    def _part(self, nodes: list[fx.Node], given: fx.Node | None, result: fx.Node | None) -> fx.GraphModule:
        graph, copies = fx.Graph(), {}
        if given is not None:
            copies[given] = graph.placeholder("activation")
        for node in nodes:
            copies[node] = graph.node_copy(node, copies.__getitem__)
        if result is not None:
            graph.output(copies[result])
        return fx.GraphModule(self._twin, graph)


def in_timms_parts(twin: nn.Module) -> Split:
    """Return timm's network in its own two parts.

    Raises:
        CannotCut: if it has none.
    """
    features, head = getattr(twin, "forward_features", None), getattr(twin, "forward_head", None)
    if not callable(features) or not callable(head):
        raise CannotCut("the network has not the two parts of timm's")
    if getattr(twin, "output_fmt", "NCHW") == "NHWC":
        return Split(
            FEATURES,
            "timm",
            lambda pixels: features(pixels).permute(0, 3, 1, 2),
            lambda activation: head(activation.permute(0, 2, 3, 1)),
        )
    return Split(FEATURES, "timm", features, head)


def checked_logits(output: object, count: int) -> Tensor:
    """Return what a network gave, where that is logits.

    Raises:
        ClassifierError: if it is anything else than (n, outputs) numbers.
    """
    if not isinstance(output, Tensor):
        raise ClassifierError(
            f"The network returns a {type(output).__name__} and not one tensor of logits: detectors, segmenters and "
            'networks with several outputs are explained with output="any" and a function of their output as target. '
            "Or wrap it in a module that returns the logits."
        )
    if output.ndim != 2 or len(output) != count or not output.is_floating_point():
        raise ClassifierError(
            f"The network returns {tuple(output.shape)} for {count} pictures, and logits are ({count}, classes). Wrap "
            "it in a module that returns them."
        )
    return output


def is_proved(cut: Cut, network: Callable[[Tensor], Tensor], pixels: Tensor) -> bool:
    """Whether a cut network gives the logits that it gives in one piece.

    Args:
        cut: at a layer.
        network: a private twin.
        pixels: (1, channels, side, side).
    """
    with torch.no_grad():
        whole = network(pixels)
        try:
            parted = cut.logits(cut.activation(pixels), pixels)
        except FAILURES:
            return False
    one, other = (tree_flatten(each) for each in (whole, parted))
    return one[1] == other[1] and all(map(_same, one[0], other[0]))


def _same(one: object, other: object) -> bool:
    if not isinstance(one, Tensor) or not isinstance(other, Tensor):
        return one is other or one == other
    return one.shape == other.shape and torch.allclose(one.double(), other.double(), 1e-4, 1e-5)
