"""Heads: what comes behind the activation, and its logits' gradients by the activation.

Every map needs them, and nothing before the activation. Each head here has its gradients in closed form, so that those
of all labels cost one small piece of linear algebra, and no autograd graph is built. `forward` is the same head as
upstream wrote it; it serves where a whole network is wanted, and tests hold the two together.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ensemble_cam.classifiers.attention import AttentionStep, PyramidAttention

# Told what share of some work is done, 0 to 1; raises `Cancelled` where the reader wants no more of it.
Step = Callable[[float], None]

# As in the grad-cam package; each is the head's whole work anew.
_ABLATIONS_AT_ONCE = 32


@dataclass(frozen=True, eq=False)
class Gradients:
    """The gradients of several logits by one film's activation.

    Attributes:
        values: (n, channels, h, w); or (n, channels, 1, 1) where a channel's gradient is the same in every cell that
            it flows through, as behind a global average.
        flowing: with the short form, (channels, h, w) bool: the cells that it flows through.
    """

    values: Tensor
    flowing: Tensor | None = None

    def full(self) -> Tensor:
        """Return the gradient of each cell, (n, channels, h, w)."""
        return self.values if self.flowing is None else self.values * self.flowing

    def summed(self, of: Callable[[Tensor], Tensor]) -> Tensor:
        """Return the sum over all cells of a function of the gradient, (n, channels); `of(0)` must be 0."""
        found = of(self.values)
        if self.flowing is None:
            return found.sum((2, 3))
        return found[:, :, 0, 0] * self.flowing.sum((1, 2))

    def dotted(self, activation: Tensor) -> Tensor:
        """Return the sum over all cells of gradient times activation, (n, channels); see `weighted`."""
        if self.flowing is None:
            return (self.values * activation).sum((2, 3))
        return self.values[:, :, 0, 0] * activation.sum((1, 2))

    def weighted(self, activation: Tensor, product: Callable[[Tensor, Tensor], Tensor] = torch.mul) -> Tensor:
        """Return the sum over channels of a product of gradient and activation, (n, h, w).

        Args:
            activation: (channels, h, w); with the short form at least 0, and 0 where the gradient does not flow.
            product: of both, cell by cell; for a ≥ 0 it must be product(g, 1) · a.
        """
        if self.flowing is None:
            return product(self.values, activation).sum(1)
        return torch.einsum("nc,chw->nhw", product(self.values, torch.ones_like(self.values))[:, :, 0, 0], activation)


class HeadRun:
    """One film's activation on its way through a head, kept open for gradients.

    Attributes:
        logits: (outputs,) float32.
    """

    logits: Tensor

    def gradients(self, outputs: Sequence[int]) -> Gradients:
        """Return the gradients of the named outputs' logits by the activation, in that order."""
        raise NotImplementedError

    def ablated(self, outputs: Sequence[int], step: Step) -> Tensor:
        """Return the named outputs' logits with one channel of the activation set to 0 after the other.

        Args:
            outputs: at least one.
            step: told how much of the work is done, where that can take more than a moment.

        Returns:
            (len(outputs), channels) float32.
        """
        raise NotImplementedError


class Head(nn.Module):
    """What comes behind the activation: forward takes (n, channels, h, w) to (n, outputs) logits, as upstream does."""

    def logits(self, activation: Tensor) -> Tensor:
        """Return (n, outputs) logits by the shortest way, without an autograd graph."""
        with torch.no_grad():
            return self(activation)

    def run(self, activation: Tensor) -> HeadRun:
        """Send one film's activation, (1, channels, h, w), through the head and keep the way open for gradients."""
        raise NotImplementedError


class PooledHead(Head):
    """Global average, then one linear layer: the head of the DenseNets and ResNets.

    Args:
        linear: (channels → outputs).
        rectify: begin with upstream's last ReLU. It changes no logit, as the activation is at least 0, but where the
            activation is 0 it stops the gradient, as it does in upstream's whole network.
    """

    def __init__(self, linear: nn.Linear, *, rectify: bool = False) -> None:
        super().__init__()
        self.linear = linear
        self.first = nn.ReLU() if rectify else nn.Identity()

    def forward(self, activation: Tensor) -> Tensor:
        """Return (n, outputs) logits."""
        return self.linear(F.adaptive_avg_pool2d(self.first(activation), 1).flatten(1))

    def run(self, activation: Tensor) -> HeadRun:
        """See `Head.run`."""
        return _PooledRun(self, activation)


class _PooledRun(HeadRun):
    """A channel's gradient is its weight over the number of cells."""

    def __init__(self, head: PooledHead, activation: Tensor) -> None:
        self.logits = head.logits(activation)[0]
        _, _, height, width = activation.shape
        with torch.no_grad():
            self._by_channel = head.linear.weight / (height * width)
            everywhere = torch.ones_like(activation[0], dtype=torch.bool)
            self._flowing = activation[0] > 0 if isinstance(head.first, nn.ReLU) else everywhere
            self._summed = activation[0].sum((1, 2))

    def gradients(self, outputs: Sequence[int]) -> Gradients:
        return Gradients(self._by_channel[list(outputs)][:, :, None, None], self._flowing)

    def ablated(self, outputs: Sequence[int], step: Step) -> Tensor:
        # A channel adds its mean, weighted; so that is what goes with it.
        return self.logits[list(outputs)][:, None] - self._by_channel[list(outputs)] * self._summed


class AverageMaximumHead(Head):
    """Average and maximum of each channel, batch norm, one linear layer: the teaching JF Healthcare network's head.

    The activation is the attention's output, so nothing of the attention is in the head. It is at least 0 like the
    others': the attention adds and multiplies rectified branches only, enlarged bilinearly.
    """

    def __init__(self, upstream: Any) -> None:
        super().__init__()
        self.pool: nn.Module = upstream.global_pool
        self.norm: nn.BatchNorm2d = upstream.bn_0
        self.linear: nn.Conv2d = upstream.fc_0

    def forward(self, activation: Tensor) -> Tensor:
        """Return (n, outputs) logits."""
        logits: Tensor = self.linear(self.norm(self.pool(activation, None)))
        return logits.flatten(1)

    def run(self, activation: Tensor) -> HeadRun:
        """See `Head.run`."""
        return _AverageMaximumRun(self, activation)


class _AverageMaximumRun(HeadRun):
    def __init__(self, head: AverageMaximumHead, activation: Tensor) -> None:
        self.logits = head.logits(activation)[0]
        self._size = activation.shape[2:]
        with torch.no_grad():
            self._weight, _ = _pooled_linear(head.norm, head.linear)
            maximum, highest = F.adaptive_max_pool2d(activation, 1, return_indices=True)
            self._pooled = torch.cat([activation[0].mean((1, 2)), maximum.flatten()])
            self._highest = highest.flatten()

    def gradients(self, outputs: Sequence[int]) -> Gradients:
        back = _unpooled(self._weight[list(outputs)], self._highest, self._size.numel())
        return Gradients(_as_maps(back, self._size))

    def ablated(self, outputs: Sequence[int], step: Step) -> Tensor:
        average, maximum = (self._weight[list(outputs)] * self._pooled).chunk(2, dim=1)
        return self.logits[list(outputs)][:, None] - (average + maximum)


def _pooled_linear(norm: Any, linear: Any) -> tuple[Tensor, Tensor]:
    """Return norm and 1×1 convolution behind upstream's AVG_MAX pooling as one (outputs, 2 · channels) layer; float32.

    The averages come first, then the maxima.

    Args:
        norm: an `nn.BatchNorm2d` with running statistics; PyTorch's types allow for ones without.
        linear: an `nn.Conv2d` with a bias.
    """
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    shift = norm.bias.double() - norm.running_mean.double() * scale
    weight = linear.weight.double().flatten(1)
    return (weight * scale).float(), (linear.bias.double() + weight @ shift).float()


def _unpooled(weights: Tensor, highest: Tensor, cells: int) -> Tensor:
    """Return the gradient of AVG_MAX pooling, (n, cells, channels).

    Args:
        weights: (n, 2 · channels), the gradients by the averages, then by the maxima.
        highest: (channels,), the cell of each maximum; the first at a tie, as in PyTorch's own pooling.
        cells: how many there are.
    """
    average, maximum = weights.chunk(2, dim=1)
    back = (average / cells)[:, None].repeat(1, cells, 1)
    return back.scatter_add_(1, highest.expand(len(weights), 1, -1), maximum[:, None])


def _as_maps(films: Tensor, size: torch.Size) -> Tensor:
    """Return (n, cells, channels) as (n, channels, h, w)."""
    return films.transpose(1, 2).unflatten(2, size)


class AttentionChainHead(Head):
    """JF Healthcare's head: for label k, attention, pooling, batch norm and a 1×1 convolution of its own.

    Upstream overwrites the activation with the attention's output inside its loop over the labels, so label k sees
    the attention applied k + 1 times. The published weights were trained that way, and the head keeps it. Like
    `PooledHead` with `rectify` it begins with the backbone's last ReLU.

    Args:
        upstream: JF Healthcare's whole `Classifier`.
    """

    def __init__(self, upstream: Any) -> None:
        super().__init__()
        count = len(upstream.cfg.num_classes)
        self.first = nn.ReLU()
        self.attention: nn.Module = upstream.attention_map
        self.pool: nn.Module = upstream.global_pool
        self.norms = nn.ModuleList(getattr(upstream, f"bn_{k}") for k in range(count))
        self.convolutions = nn.ModuleList(getattr(upstream, f"fc_{k}") for k in range(count))
        self._chains: dict[tuple[int, torch.device], _Chain] = {}

    def forward(self, activation: Tensor) -> Tensor:
        """Return (n, outputs) logits."""
        logits: list[Tensor] = []
        attended = self.first(activation)
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            attended = self.attention(attended)
            logits.append(convolution(norm(self.pool(attended, None))).flatten(1))
        return torch.cat(logits, dim=1)

    def logits(self, activation: Tensor) -> Tensor:
        """See `Head.logits`."""
        return self._chain(activation).logits(activation, last=len(self.norms) - 1)

    def run(self, activation: Tensor) -> HeadRun:
        """See `Head.run`."""
        return _ChainRun(self._chain(activation), activation)

    def _chain(self, activation: Tensor) -> "_Chain":
        """Return the head's numbers for maps of this size; two threads may both make them, and they are the same."""
        key = activation.shape[-1], activation.device
        if key not in self._chains:
            self._chains[key] = _Chain(self, key[0]).to(key[1])
        return self._chains[key]


class _Chain(nn.Module):
    """The numbers of an `AttentionChainHead`, folded; made of its modules' values and holding none of them."""

    weight: Tensor
    bias: Tensor

    def __init__(self, head: AttentionChainHead, side: int) -> None:
        super().__init__()
        self.attention = PyramidAttention(head.attention.pyramid_attention, side)
        with torch.no_grad():
            layers = [_pooled_linear(*each) for each in zip(head.norms, head.convolutions, strict=True)]
        self.register_buffer("weight", torch.cat([weight for weight, _ in layers]))
        self.register_buffer("bias", torch.cat([bias for _, bias in layers]))

    def steps(self, activation: Tensor) -> Iterator[tuple[AttentionStep, Tensor, Tensor]]:
        """Yield for each output in turn the attention's step, its (n,) logits and every channel's hottest cell."""
        here, size = activation.relu().flatten(2).transpose(1, 2).contiguous(), activation.shape[2:]
        for weight, bias in zip(self.weight, self.bias, strict=True):
            step = self.attention.step(here)
            here = step.leaving
            maximum, highest = F.adaptive_max_pool2d(_as_maps(here, size), 1, return_indices=True)
            pooled = torch.cat([here.mean(1), maximum.flatten(1)], dim=1)
            yield step, pooled @ weight + bias, highest.flatten(1)

    @torch.no_grad()
    def logits(self, activation: Tensor, *, last: int) -> Tensor:
        """Return the (n, last + 1) logits of the outputs up to `last`; what is behind it is not computed."""
        return torch.stack([logit for _, logit, _ in itertools.islice(self.steps(activation), last + 1)], dim=1)


class _ChainRun(HeadRun):
    """Gradients through a chain of attentions, each step taken back once for all the outputs behind it."""

    def __init__(self, chain: _Chain, activation: Tensor) -> None:
        self._chain, self._activation, self._size = chain, activation, activation.shape[2:]
        with torch.no_grad():
            self._entered = (activation[0].flatten(1).T > 0).float()
            steps = list(chain.steps(activation))
        self._steps = [step for step, _, _ in steps]
        self._highest = [highest[0] for _, _, highest in steps]
        self.logits = torch.cat([logit for _, logit, _ in steps])

    @torch.no_grad()
    def gradients(self, outputs: Sequence[int]) -> Gradients:
        cells = self._size.numel()
        order: list[int] = []
        carried = self._entered.new_zeros((0, *self._entered.shape))
        for output in range(max(outputs), -1, -1):
            if output in outputs:
                order.append(output)
                own = _unpooled(self._chain.weight[output][None], self._highest[output], cells)
                carried = torch.cat([carried, own])
            carried = self._chain.attention.back(self._steps[output], carried)
        asked = carried[[order.index(output) for output in outputs]]
        return Gradients(_as_maps(asked * self._entered, self._size))

    @torch.no_grad()
    def ablated(self, outputs: Sequence[int], step: Step) -> Tensor:
        channels, logits = self._activation.shape[1], []
        for first in range(0, channels, _ABLATIONS_AT_ONCE):
            step(first / channels)
            some = torch.arange(first, min(first + _ABLATIONS_AT_ONCE, channels), device=self._activation.device)
            edited = self._activation.repeat(len(some), 1, 1, 1)
            edited[some - first, some] = 0
            logits.append(self._chain.logits(edited, last=max(outputs))[:, list(outputs)])
        return torch.cat(logits).T
