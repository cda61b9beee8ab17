"""Heads: what comes behind the activation, and its logits' gradients by the activation.

Every map needs them, and nothing before the activation. Each head here has its gradients in closed form, so that those
of all labels cost one small piece of linear algebra, and no autograd graph is built. They are of plain arrays, NumPy's
or PyTorch's, whichever the activation is of (`arrays`). Upstream's own modules of the same heads are `torch_families`',
where a whole network is wanted, and tests hold the two together.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from ensemble_cam.classifiers.arrays import Array, is_open, like, namespace, rectified
from ensemble_cam.classifiers.attention import AttentionStep, PyramidAttention

# Told what share of some work is done, 0 to 1; raises `Cancelled` where the reader wants no more of it.
Step = Callable[[float], None]


def go_on(share: float) -> None:
    """Take note of nothing, and let the work go on."""


def part(step: Step, done: int, count: int) -> Step:
    """Return what is told the share of one part of some work, the one behind `done` of `count` equal ones."""
    return lambda share: step((done + share) / count)


# As in the grad-cam package; each is the head's whole work anew.
_ABLATIONS_AT_ONCE = 32


@dataclass(frozen=True, eq=False)
class Gradients:
    """The gradients of several logits by one film's activation.

    Attributes:
        values: (n, channels, h, w); or (n, channels, 1, 1) where a channel's gradient is the same in every cell that
            it flows through, as behind a global average.
        flowing: with the short form, (channels, h, w) float32: 1 in the cells that it flows through, 0 elsewhere.
    """

    values: Array
    flowing: Array | None = None

    def full(self) -> Array:
        """Return the gradient of each cell, (n, channels, h, w)."""
        return self.values if self.flowing is None else self.values * self.flowing

    def summed(self, of: Callable[[Array], Array]) -> Array:
        """Return the sum over all cells of a function of the gradient, (n, channels); `of(0)` must be 0."""
        xp, found = namespace(self.values), of(self.values)
        if self.flowing is None:
            return xp.sum(found, axis=(2, 3))
        return found[:, :, 0, 0] * xp.sum(self.flowing, axis=(1, 2))

    def dotted(self, activation: Array) -> Array:
        """Return the sum over all cells of gradient times activation, (n, channels); see `weighted`."""
        xp = namespace(self.values)
        if self.flowing is None:
            return xp.sum(self.values * activation, axis=(2, 3))
        return self.values[:, :, 0, 0] * xp.sum(activation, axis=(1, 2))

    def weighted(self, activation: Array, product: Callable[[Array, Array], Array]) -> Array:
        """Return the sum over channels of a product of gradient and activation, (n, h, w).

        Args:
            activation: (channels, h, w); with the short form at least 0, and 0 where the gradient does not flow.
            product: of both, cell by cell; for a ≥ 0 it must be product(g, 1) · a.
        """
        xp = namespace(self.values)
        if self.flowing is None:
            return xp.sum(product(self.values, activation), axis=1)
        return over_channels(product(self.values, xp.ones_like(self.values))[:, :, 0, 0], activation)


@dataclass(frozen=True, eq=False, kw_only=True)
class PeakedGradients(Gradients):
    """Gradients that are the same in all cells of a channel but one, as behind a global average and a global maximum.

    Attributes:
        values: (n, channels, 1, 1), in all other cells.
        peak: (n, channels, 1, 1), in the one.
        where: (channels, h, w) float32: 1 in the one cell of each channel, 0 elsewhere.
    """

    peak: Array
    where: Array

    def full(self) -> Array:
        """See `Gradients.full`."""
        return self.values + (self.peak - self.values) * self.where

    def summed(self, of: Callable[[Array], Array]) -> Array:
        """See `Gradients.summed`."""
        _, height, width = self.where.shape
        return ((height * width - 1) * of(self.values) + of(self.peak))[:, :, 0, 0]

    def dotted(self, activation: Array) -> Array:
        """See `Gradients.dotted`."""
        xp = namespace(activation)
        total, highest = (xp.sum(each, axis=(1, 2)) for each in (activation, activation * self.where))
        return self.values[:, :, 0, 0] * total + (self.peak - self.values)[:, :, 0, 0] * highest

    def weighted(self, activation: Array, product: Callable[[Array, Array], Array]) -> Array:
        """See `Gradients.weighted`; the activation has to be at least 0."""
        one = namespace(activation).ones_like(self.values)
        elsewhere, peak = product(self.values, one), product(self.peak, one)
        beyond = over_channels((peak - elsewhere)[:, :, 0, 0], activation * self.where)
        return over_channels(elsewhere[:, :, 0, 0], activation) + beyond


def over_channels(weights: Array, activation: Array) -> Array:
    """Return (n, channels) weights times a (channels, h, w) activation, summed over channels, (n, h, w)."""
    xp = namespace(activation)
    channels, height, width = activation.shape
    return xp.reshape(weights @ xp.reshape(activation, (channels, height * width)), (-1, height, width))


class HeadRun:
    """One film's activation on its way through a head, kept open for gradients.

    Attributes:
        logits: (outputs,) float32.
    """

    logits: Array

    def gradients(self, outputs: Sequence[int]) -> Gradients:
        """Return the gradients of the named outputs' logits by the activation, in that order."""
        raise NotImplementedError

    def ablated(self, outputs: Sequence[int], step: Step) -> Array:
        """Return the named outputs' logits with one channel of the activation set to 0 after the other.

        Args:
            outputs: at least one.
            step: told how much of the work is done, where that can take more than a moment.

        Returns:
            (len(outputs), channels) float32.
        """
        raise NotImplementedError


class Head:
    """What comes behind the activation, as numbers that are never changed.

    Attributes:
        arrays: its numbers by name, all of one kind; float32.
    """

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self.arrays = dict(arrays)

    def on(self, convert: Callable[[Array], Array]) -> Self:
        """Return the same head with other arrays of the same values, PyTorch's instead of NumPy's for instance."""
        return type(self)({name: convert(values) for name, values in self.arrays.items()})

    def logits(self, activation: Array) -> Array:
        """Return the (n, outputs) logits of (n, channels, h, w) activations."""
        raise NotImplementedError

    def run(self, activation: Array) -> HeadRun:
        """Send one film's activation, (1, channels, h, w), through the head and keep the way open for gradients."""
        raise NotImplementedError


class PooledHead(Head):
    """Global average, then one linear layer: the head of the ResNets.

    Its arrays: `weight` (outputs, channels), `bias` (outputs,).
    """

    rectifies = False

    def logits(self, activation: Array) -> Array:
        """See `Head.logits`."""
        xp = namespace(activation)
        pooled = xp.mean(activation, axis=(2, 3))
        return pooled @ xp.matrix_transpose(self.arrays["weight"]) + self.arrays["bias"]

    def run(self, activation: Array) -> HeadRun:
        """See `Head.run`."""
        return _PooledRun(self, activation)


class RectifiedHead(PooledHead):
    """`PooledHead` behind upstream's last ReLU: the head of the DenseNets.

    The ReLU changes no logit, as the activation is at least 0, but where the activation is 0 it stops the gradient, as
    it does in upstream's whole network.
    """

    rectifies = True


class _PooledRun(HeadRun):
    """A channel's gradient is its weight over the number of cells."""

    def __init__(self, head: PooledHead, activation: Array) -> None:
        xp = namespace(activation)
        self.logits = head.logits(activation)[0]
        _, _, height, width = activation.shape
        self._by_channel = head.arrays["weight"] / (height * width)
        self._flowing = is_open(activation[0]) if head.rectifies else xp.ones_like(activation[0])
        self._summed = xp.sum(activation[0], axis=(1, 2))

    def gradients(self, outputs: Sequence[int]) -> Gradients:
        return Gradients(self._by_channel[list(outputs)][:, :, None, None], self._flowing)

    def ablated(self, outputs: Sequence[int], step: Step) -> Array:
        # A channel adds its mean, weighted; so that is what goes with it.
        return self.logits[list(outputs)][:, None] - self._by_channel[list(outputs)] * self._summed


class AverageMaximumHead(Head):
    """Average and maximum of each channel, batch norm, one linear layer: the teaching JF Healthcare network's head.

    The activation is the attention's output, so nothing of the attention is in the head. It is at least 0 like the
    others': the attention adds and multiplies rectified branches only, enlarged bilinearly.

    Its arrays: `weight` (outputs, 2 · channels), norm and layer as one, the averages first; `bias` (outputs,).
    """

    def logits(self, activation: Array) -> Array:
        """See `Head.logits`."""
        xp = namespace(activation)
        pooled, _ = _pooled(_as_films(activation))
        return pooled @ xp.matrix_transpose(self.arrays["weight"]) + self.arrays["bias"]

    def run(self, activation: Array) -> HeadRun:
        """See `Head.run`."""
        return _AverageMaximumRun(self, activation)


class _AverageMaximumRun(HeadRun):
    def __init__(self, head: AverageMaximumHead, activation: Array) -> None:
        self.logits = head.logits(activation)[0]
        self._weight, self._size = head.arrays["weight"], activation.shape[2:]
        pooled, highest = _pooled(_as_films(activation))
        self._pooled, self._highest = pooled[0], highest[0]

    def gradients(self, outputs: Sequence[int]) -> Gradients:
        height, width = self._size
        xp, weight = namespace(self._weight), self._weight[list(outputs)]
        channels = weight.shape[1] // 2
        cells = like(np.arange(height * width), self._highest)
        where = xp.astype(self._highest[:, None] == cells, weight.dtype)
        elsewhere = (weight[:, :channels] / (height * width))[:, :, None, None]
        return PeakedGradients(
            elsewhere,
            peak=elsewhere + weight[:, channels:, None, None],
            where=xp.reshape(where, (channels, height, width)),
        )

    def ablated(self, outputs: Sequence[int], step: Step) -> Array:
        parts = self._weight[list(outputs)] * self._pooled
        channels = parts.shape[1] // 2
        return self.logits[list(outputs)][:, None] - (parts[:, :channels] + parts[:, channels:])


def _as_films(activation: Array) -> Array:
    """Return (n, channels, h, w) as (n, cells, channels)."""
    xp = namespace(activation)
    count, channels, height, width = activation.shape
    return xp.matrix_transpose(xp.reshape(activation, (count, channels, height * width)))


def _as_maps(films: Array, size: Sequence[int]) -> Array:
    """Return (n, cells, channels) as (n, channels, h, w)."""
    xp = namespace(films)
    return xp.reshape(xp.matrix_transpose(films), (films.shape[0], films.shape[2], *size))


def _pooled(films: Array) -> tuple[Array, Array]:
    """Return upstream's AVG_MAX pooling of (n, cells, channels), and where the maxima are.

    Returns:
        (n, 2 · channels), the averages first; and (n, channels), the cell of each maximum, the first at a tie, as in
        PyTorch's own pooling.
    """
    xp = namespace(films)
    return xp.concat([xp.mean(films, axis=1), xp.max(films, axis=1)], axis=1), xp.argmax(films, axis=1)


def _unpooled(weights: Array, highest: Array, cells: int) -> Array:
    """Return the gradient of `_pooled`, (n, cells, channels).

    Args:
        weights: (n, 2 · channels), the gradients by the averages, then by the maxima.
        highest: (channels,), the cell of each maximum.
        cells: how many there are.
    """
    xp, channels = namespace(weights), weights.shape[1] // 2
    is_highest = xp.astype(like(np.arange(cells), highest)[:, None] == highest, weights.dtype)
    return (weights[:, :channels] / cells)[:, None] + is_highest * weights[:, None, channels:]


class AttentionChainHead(Head):
    """JF Healthcare's head: for label k, attention, pooling, batch norm and a 1×1 convolution of its own.

    Upstream overwrites the activation with the attention's output inside its loop over the labels, so label k sees
    the attention applied k + 1 times. The published weights were trained that way, and the head keeps it. Like
    `RectifiedHead` it begins with the backbone's last ReLU.

    Its arrays: those of `PyramidAttention`; `weight` (outputs, 2 · channels) and `bias` (outputs,), each label's norm
    and layer as one.
    """

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        super().__init__(arrays)
        self._chains: dict[int, _Chain] = {}

    def logits(self, activation: Array) -> Array:
        """See `Head.logits`."""
        return self._chain(activation).logits(activation, last=self.arrays["bias"].shape[0] - 1)

    def run(self, activation: Array) -> HeadRun:
        """See `Head.run`."""
        return _ChainRun(self._chain(activation), activation)

    def _chain(self, activation: Array) -> "_Chain":
        """Return the head for maps of this size; two threads may both make it, and they are the same."""
        side = activation.shape[-1]
        if side not in self._chains:
            self._chains[side] = _Chain(self, side)
        return self._chains[side]


class _Chain:
    """An `AttentionChainHead` for maps of one size."""

    def __init__(self, head: AttentionChainHead, side: int) -> None:
        self.attention = PyramidAttention(head.arrays, side)
        self.weight, self.bias = head.arrays["weight"], head.arrays["bias"]

    def steps(self, activation: Array) -> Iterator[tuple[AttentionStep, Array, Array]]:
        """Yield for each output in turn the attention's step, its (n,) logits and every channel's hottest cell."""
        here = rectified(_as_films(activation))
        for output in range(self.bias.shape[0]):
            step = self.attention.step(here)
            here = step.leaving
            pooled, highest = _pooled(here)
            yield step, pooled @ self.weight[output] + self.bias[output], highest

    def logits(self, activation: Array, *, last: int) -> Array:
        """Return the (n, last + 1) logits of the outputs up to `last`; what is behind it is not computed."""
        found = [logit for _, logit, _ in itertools.islice(self.steps(activation), last + 1)]
        return namespace(activation).stack(found, axis=1)


class _ChainRun(HeadRun):
    """Gradients through a chain of attentions, each step taken back once for all the outputs behind it."""

    def __init__(self, chain: _Chain, activation: Array) -> None:
        self._chain, self._activation, self._size = chain, activation, activation.shape[2:]
        self._entered = is_open(_as_films(activation)[0])
        steps = list(chain.steps(activation))
        self._steps = [step for step, _, _ in steps]
        self._highest = [highest[0] for _, _, highest in steps]
        self.logits = namespace(activation).concat([logit for _, logit, _ in steps], axis=0)

    def gradients(self, outputs: Sequence[int]) -> Gradients:
        xp, cells = namespace(self._activation), self._size[0] * self._size[1]
        order: list[int] = []
        carried = self._activation[:0, 0, 0, 0][:, None, None] * self._entered  # of none, (0, cells, channels)
        for output in range(max(outputs), -1, -1):
            if output in outputs:
                order.append(output)
                own = _unpooled(self._chain.weight[output][None], self._highest[output], cells)
                carried = xp.concat([carried, own], axis=0)
            carried = self._chain.attention.back(self._steps[output], carried)
        asked = carried[[order.index(output) for output in outputs]]
        return Gradients(_as_maps(asked * self._entered, self._size))

    def ablated(self, outputs: Sequence[int], step: Step) -> Array:
        xp, channels = namespace(self._activation), self._activation.shape[1]
        numbers, logits = like(np.arange(channels), self._activation), []
        for first in range(0, channels, _ABLATIONS_AT_ONCE):
            step(first / channels)
            some = numbers[first : first + _ABLATIONS_AT_ONCE]
            kept = xp.astype(some[:, None] != numbers, self._activation.dtype)
            edited = self._activation * kept[:, :, None, None]
            logits.append(self._chain.logits(edited, last=max(outputs))[:, list(outputs)])
        return xp.matrix_transpose(xp.concat(logits, axis=0))
