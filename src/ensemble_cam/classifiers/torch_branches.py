"""Networks that take several pictures, each with a branch of its own: a layer for each, and all of them from one pass.

Which layer sees which picture is not read from names. The network is run on noise, and autograd's graph says which
pictures a layer's output was made of, whatever its values; as some run a branch without gradients, it is also run with
one picture changed after the other, and a layer whose output changes has seen that one. A branch that several inputs
share is called once for each, and each call is one input's.
"""

import inspect
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ensemble_cam.classifiers.torch_cuts import FAILURES, checked_logits
from ensemble_cam.classifiers.torch_layers import POOLED, Layer, cannot_be_run
from ensemble_cam.classifiers.torch_twins import private_twin
from ensemble_cam.errors import ClassifierError, ConfigError, did_you_mean

_NAMED = 6  # layers that a refusal offers
_SAME = 1e-6  # of sums over a layer's output, whose order a processor's threads may change

Pictures = Mapping[str, Tensor]
Call = tuple[str, int]
"""A module by name, and which of its calls in a run."""


@dataclass(frozen=True, eq=False)
class _Output:
    """What a module gave on a call: its shape, sums by which it is known again, and its place in autograd's graph."""

    shape: tuple[int, ...]
    sums: Tensor
    node: Any
    lowest: float

    def differs(self, other: "_Output") -> bool:
        return self.shape != other.shape or not torch.allclose(self.sums, other.sums, rtol=_SAME, atol=0)


class _MadeOf:
    """Which pictures a node of autograd's graph goes back to; each node is looked at once."""

    def __init__(self, leaves: Pictures):
        self._leaves = {id(each): name for name, each in leaves.items()}
        self._known: dict[Any, frozenset[str]] = {None: frozenset()}

    def __call__(self, node: Any) -> frozenset[str]:
        waiting = [node]
        while waiting:
            each = waiting[-1]
            before = [] if each in self._known else [other for other, _ in each.next_functions]
            if unknown := [other for other in before if other not in self._known]:
                waiting += unknown
                continue
            waiting.pop()
            if each not in self._known:
                own = self._leaves.get(id(getattr(each, "variable", None)))
                self._known[each] = frozenset({own} if own else ()).union(*(self._known[other] for other in before))
        return self._known[node]


class BranchSurvey:
    """Which layers of a network see which of its inputs alone.

    Args:
        network: any torch module; it is not changed.
        pictures: by input, (1, channels, side, side) of noise; what it is run on.

    Raises:
        ClassifierError: if it cannot be run, or gives no logits.
    """

    def __init__(self, network: nn.Module, pictures: Pictures):
        self._network, self._pictures = network, pictures
        self.passed = _passing(network, tuple(pictures))
        leaves = {name: each.clone().requires_grad_() for name, each in pictures.items()}
        with torch.enable_grad():
            base, self.outputs = self._run(leaves)
        self._shapes = {call: each.shape for call, each in base.items()}
        self._lowest = {call: each.lowest for call, each in base.items()}
        made_of = _MadeOf(leaves)
        self._sees: dict[Call, set[str]] = {call: set(made_of(each.node)) for call, each in base.items()}
        for name, picture in pictures.items():
            with torch.no_grad():
                changed, _ = self._run({**pictures, name: picture.flip(-1).roll(1, -2) * 1.5 + 0.1})
            for call, each in base.items():
                if call not in changed or each.differs(changed[call]):
                    self._sees[call].add(name)

    def _run(self, pictures: Pictures) -> tuple[dict[Call, _Output], int]:
        twin, found, calls = private_twin(self._network), dict[Call, _Output](), Counter[str]()
        for name, module in twin.named_modules():

            def note(module: nn.Module, given: object, output: object, name: str = name) -> None:
                if isinstance(output, Tensor) and output.is_floating_point():
                    wide = output.detach().double()
                    sums = torch.stack([wide.sum(), wide.square().sum()])
                    found[name, calls[name]] = _Output(tuple(output.shape), sums, output.grad_fn, float(wide.min()))
                calls[name] += 1

            module.register_forward_hook(note)
        try:
            output = self.passed(twin, pictures)
        except FAILURES as error:
            raise cannot_be_run(error, ", ".join(str(tuple(each.shape)) for each in pictures.values())) from None
        return {call: each for call, each in found.items() if call[0]}, checked_logits(output, 1).shape[1]

    def layers(self) -> tuple[Layer, ...]:
        """Return all layers at which a map of an input can be made, input by input, in the order they are run."""
        found = []
        for name in self._pictures:
            best = self._pooled(name)
            for layer in self._of(name):
                call = self._call(name, layer)
                _, channels, rows, columns = self._shapes[call]
                is_best = [layer] == best
                found.append(Layer(layer, channels, (rows, columns), "twin", is_best, name, self._lowest[call]))
        return tuple(found)

    def recommended(self) -> dict[str, str]:
        """Return the last stage of each input's branch.

        Raises:
            ClassifierError: if it cannot be told; the message names some that can be taken.
        """
        return self.chosen(None)

    def chosen(self, asked: object) -> dict[str, str]:
        """Return the layer of each input: what was asked for, else the last stage of a branch of a known family.

        Raises:
            ConfigError: if what was asked for is no layer for each input.
            ClassifierError: if an input's layer cannot be told.
        """
        inputs = tuple(self._pictures)
        if asked is not None and asked != "auto":
            if not isinstance(asked, Mapping) or set(asked) != set(inputs):
                raise ConfigError(f"layer: got {asked!r}; allowed: a layer for each input, {', '.join(inputs)}.")
            return {name: str(asked[name]) for name in inputs}
        found = {}
        for name in inputs:
            if len(best := self._pooled(name)) != 1:
                raise ClassifierError(f"Which layer ends the branch of {name} cannot be told.{self._offer(name)}")
            found[name] = best[0]
        return found

    def cut(self, layers: Mapping[str, str]) -> "BranchCut":
        """Return the network for maps at a layer for each input.

        Raises:
            ClassifierError: if no map of an input can be made at its layer.
        """
        calls = {name: self._checked(name, layer) for name, layer in layers.items()}
        cut = BranchCut(private_twin(self._network), self.passed, calls)
        with torch.no_grad():
            whole = self.passed(private_twin(self._network), self._pictures)
        if not torch.allclose(cut.run(self._pictures)[0], whole, 1e-4, 1e-5):
            raise ClassifierError("No maps can be made: the network does not give the same logits twice.")
        return cut

    def _of(self, name: str) -> list[str]:
        """Return the names of the layers of which one call gives a grid of cells of one input alone."""
        calls = Counter(
            layer for (layer, k), sees in self._sees.items() if sees == {name} and self._is_grid((layer, k))
        )
        return [layer for layer, count in calls.items() if count == 1]

    def _is_grid(self, call: Call) -> bool:
        shape = self._shapes[call]
        return len(shape) == 4 and shape[0] == 1 and shape[2] == shape[3] >= 2

    def _call(self, name: str, layer: str) -> Call:
        return next(
            call for call, sees in self._sees.items() if call[0] == layer and sees == {name} and self._is_grid(call)
        )

    def _checked(self, name: str, layer: str) -> Call:
        if layer in self._of(name):
            return self._call(name, layer)
        names = [each for each, _ in self._network.named_modules()]
        if layer not in names:
            raise ClassifierError(
                f"The network has no layer {layer!r}.{did_you_mean(layer, names) or self._offer(name)}"
            )
        calls = [call for call in self._sees if call[0] == layer]
        own = [call for call in calls if self._sees[call] == {name}]
        if not calls:
            why = "it is not run, or gives something else than one tensor"
        elif not any(name in self._sees[call] for call in calls):
            why = f"it does not see {name}"
        elif not own:
            others = sorted(set().union(*(self._sees[call] for call in calls)) - {name})
            why = f"it sees {', '.join(others)}, too"
        elif len(own) > 1:
            why = f"it is called {len(own)} times on {name}, and a map would be of one of them"
        else:
            why = f"its output, {self._shapes[own[0]]}, is no grid of cells"
        raise ClassifierError(f"No map of {name} can be made at {layer}: {why}.{self._offer(name)}")

    def _pooled(self, name: str) -> list[str]:
        """Return the last stages of the networks of known families that see an input alone."""
        modules, found = dict(self._network.named_modules()), []
        for layer in self._of(name):
            parent = modules[layer.rpartition(".")[0]] if "." in layer else self._network
            families = {each.__name__ for each in type(parent).__mro__}
            if any(POOLED[family] == layer.rpartition(".")[2] for family in families.intersection(POOLED)):
                found.append(layer)
        return found

    def _offer(self, name: str) -> str:
        names = self._of(name)
        outermost = [each for each in names if not any(each.startswith(f"{other}.") for other in names)]
        if not outermost:
            return f" None of its layers gives a grid of cells of {name} alone."
        return f" Name one of {', '.join(outermost[-_NAMED:])}."


class BranchCut:
    """A network of several inputs, of which one pass gives all activations and the logits as a function of them.

    Any number of threads may use it at once.

    Attributes:
        calls: input → its layer, and which of that one's calls.
    """

    way = "twin"
    why = "it has several inputs"

    def __init__(self, twin: nn.Module, passed: "Passing", calls: Mapping[str, Call]):
        self.calls = calls
        self._twin, self._passed, self._here = twin, passed, threading.local()
        for layer in {layer for layer, _ in calls.values()}:
            twin.get_submodule(layer).register_forward_hook(self._hook(layer))

    def _hook(self, layer: str) -> Callable[[nn.Module, object, Tensor], Tensor | None]:
        inputs = {number: name for name, (own, number) in self.calls.items() if own == layer}

        def take(module: nn.Module, given: object, output: Tensor) -> Tensor | None:
            number = self._here.counts[layer]
            self._here.counts[layer] += 1
            if number not in inputs or self._here.leaves is None:
                return None
            leaf = self._here.leaves[inputs[number]] = output.detach().clone().requires_grad_()
            # A copy goes on, as what follows may write into it.
            return leaf.clone()

        return take

    def run(self, pictures: Pictures) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the logits, (1, outputs), and each input's activation, (1, channels, h, w), a leaf of autograd's."""
        leaves: dict[str, Tensor] = {}
        self._here.counts, self._here.leaves = Counter(), leaves
        try:
            with torch.enable_grad():
                return checked_logits(self._passed(self._twin, pictures), 1), {name: leaves[name] for name in pictures}
        finally:
            self._here.__dict__.clear()

    def whole(self, pictures: Pictures) -> Tensor:
        """Return the logits, (n, outputs), of n pictures for each input; differentiable by them."""
        self._here.counts, self._here.leaves = Counter(), None
        try:
            output = self._passed(self._twin, pictures)
        finally:
            self._here.__dict__.clear()
        return checked_logits(output, len(next(iter(pictures.values()))))


Passing = Callable[[nn.Module, Pictures], Any]
"""Hands a network its pictures."""


def _passing(network: nn.Module, names: Sequence[str]) -> Passing:
    """Return how a network takes its pictures: by name where its arguments are called so, else in the order given.

    Raises:
        ConfigError: if it takes fewer pictures.
    """
    arguments = inspect.signature(network.forward).parameters
    if set(names) <= set(arguments):
        return lambda module, pictures: module(**pictures)
    kinds = [each.kind for each in arguments.values()]
    count = sum(kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD) for kind in kinds)
    if count == 1 and inspect.Parameter.VAR_POSITIONAL not in kinds:
        return lambda module, pictures: module(dict(pictures))
    if count < len(names) and inspect.Parameter.VAR_POSITIONAL not in kinds:
        raise ConfigError(
            f"inputs: got {len(names)}, and the network's forward takes {count}, {', '.join(arguments)}. Name those."
        )
    return lambda module, pictures: module(*(pictures[name] for name in names))
