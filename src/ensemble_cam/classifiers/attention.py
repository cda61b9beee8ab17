"""JF Healthcare's pyramid attention, forwards and backwards, as a few products of matrices.

Upstream's module (`torchxrayvision.baseline_models.jfhealthcare.model.attention_map.FPAModule`; Li et al. 2018, Pyramid
Attention Network for Semantic Segmentation, arXiv:1805.10180) is applied once for every label, and its gradient is
carried back once for every label behind it: by far the dearest part of a review behind the backbones. It is three
1×1 convolutions' worth of work hidden in thirty small operations. Here

- each batch norm is folded into the convolution before it;
- the 7×7 convolution to one channel is a product with its 49 taps, whose results are then moved into place and added;
- the branch of one channel works on 64 cells and fewer, so that its convolutions and enlargements are small dense
  matrices over all cells;
- the gradient is written out: what each ReLU let through is kept from the way forward, and all outputs' gradients go
  back together.

Values differ from upstream's by rounding alone. Films are (n, cells, channels) here, cells in row order, so that all of
them are one tall matrix.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ensemble_cam.classifiers.arrays import Array, as_numpy, is_open, like, namespace, rectified
from ensemble_cam.errors import ClassifierError

SINGLE_CHANNEL: Mapping[str, tuple[int, int]] = {
    "downsample2": (5, 2),
    "downsample3": (3, 2),
    "scale1": (7, 1),
    "scale2": (5, 1),
    "scale3": (3, 1),
}
"""The convolutions from one channel to one, by upstream's names: kernel and stride; padded by half their kernel."""

TAPS = (7, 2)
"""Kernel and stride of the convolution to one channel."""


@dataclass(frozen=True, eq=False)
class AttentionStep:
    """One application of the attention to films, with what its way back needs.

    Attributes:
        leaving: (n, cells, channels), what it gives.
        middle: (n, cells, channels), its branch of 1×1 convolutions.
        passed: (n, cells, channels), the gate where the middle branch's ReLU is open, 0 elsewhere.
        opened: branch → float32, 1 where its ReLU is open and 0 elsewhere; "pooled" (n, channels), those of one channel
            (n, their cells).
    """

    leaving: Array
    middle: Array
    passed: Array
    opened: dict[str, Array]


class PyramidAttention:
    """The attention for maps of one size.

    Args:
        arrays: by name, float32, each batch norm folded into the convolution before it: `middle_weight` and
            `pooled_weight` (channels out, channels in), their `_bias` (channels,); `taps_weight` (49, channels), rows
            of the 7×7 kernel in row order, `taps_bias` (1,); and of each of `SINGLE_CHANNEL` its `_weight`
            (kernel, kernel) and `_bias` (1,).
        side: cells along each side of the maps, a multiple of 4.

    Raises:
        ClassifierError: if the side is no multiple of 4, for which upstream's module fails.
    """

    def __init__(self, arrays: Mapping[str, Array], side: int) -> None:
        if side % 4:
            raise ClassifierError(
                f"its attention cannot take maps of {side}×{side} cells: its input size must be a multiple of 128"
            )
        self._weights = {name: arrays[f"{name}_weight"] for name in ("middle", "pooled", "taps")}
        self._biases = {name: arrays[f"{name}_bias"] for name in ("middle", "pooled", "taps")}
        kind = arrays["taps_weight"]
        half, quarter = side // 2, side // 4
        sides = {
            "downsample2": half,
            "downsample3": quarter,
            "scale1": half,
            "scale2": quarter,
            "scale3": -(-quarter // 2),
        }
        for name, here in sides.items():
            dense = _dense(as_numpy(arrays[f"{name}_weight"]), here, stride=SINGLE_CHANNEL[name][1])
            self._weights[name] = like(dense, kind)
            self._biases[name] = arrays[f"{name}_bias"]
        enlarged = {"scale3": quarter, "scale2": half, "scale1": side}
        self._enlarge = {name: like(_enlarging(sides[name], there), kind) for name, there in enlarged.items()}
        kernel, stride = TAPS
        collect, spread = _tap_places(side, kernel=kernel, stride=stride)
        taps = np.arange(kernel * kernel)
        # Of flat (cells + 1, taps), where the last cell is none.
        self._collect = like((collect * kernel * kernel + taps).ravel(), kind)
        self._spread = like(spread.ravel(), kind)

    def step(self, entering: Array) -> AttentionStep:
        """Apply the attention to (n, cells, channels)."""
        xp, count = namespace(entering), entering.shape[0]
        middle = rectified(self._product("middle", entering) + self._biases["middle"])
        pooled = rectified(self._product("pooled", xp.mean(entering, axis=1)) + self._biases["pooled"])
        taps = self._product("taps", entering)
        flat = xp.reshape(xp.concat([taps, xp.zeros_like(taps[:, :1])], axis=1), (count, -1))
        collected = xp.reshape(xp.take(flat, self._collect, axis=1), (count, -1, taps.shape[2]))
        first = rectified(xp.sum(collected, axis=2) + self._biases["taps"])
        opened = {"pooled": is_open(pooled), "downsample1": is_open(first)}

        def through(name: str, values: Array) -> Array:
            values = rectified(self._product(name, values) + self._biases[name])
            opened[name] = is_open(values)
            return values

        scale2 = through("downsample2", first)
        scale3 = through("downsample3", scale2)
        up = through("scale3", scale3) @ self._enlarge["scale3"]
        up = (through("scale2", scale2) + up) @ self._enlarge["scale2"]
        gate = ((through("scale1", first) + up) @ self._enlarge["scale1"])[:, :, None]
        leaving = pooled[:, None] + middle * gate
        return AttentionStep(leaving, middle=middle, passed=is_open(middle) * gate, opened=opened)

    def back(self, step: AttentionStep, gradients: Array) -> Array:
        """Carry gradients by what left a step of one film back to what entered it, both (n, cells, channels)."""
        xp, (count, cells, _) = namespace(gradients), gradients.shape
        pooled = (xp.sum(gradients, axis=1) * step.opened["pooled"]) @ self._weights["pooled"] / cells

        def back_through(name: str, values: Array) -> Array:
            return (values * step.opened[name]) @ self._weights[name]

        up1 = xp.sum(gradients * step.middle, axis=2) @ xp.matrix_transpose(self._enlarge["scale1"])
        up2 = up1 @ xp.matrix_transpose(self._enlarge["scale2"])
        up3 = up2 @ xp.matrix_transpose(self._enlarge["scale3"])
        scale2 = back_through("scale2", up2) + back_through("downsample3", back_through("scale3", up3))
        scale1 = back_through("scale1", up1) + back_through("downsample2", scale2)
        first = scale1 * step.opened["downsample1"]
        first = xp.concat([first, xp.zeros_like(first[:, :1])], axis=1)
        spread = xp.reshape(xp.take(first, self._spread, axis=1), (count, cells, -1))
        return (gradients * step.passed) @ self._weights["middle"] + spread @ self._weights["taps"] + pooled[:, None]

    def _product(self, name: str, values: Array) -> Array:
        return values @ namespace(values).matrix_transpose(self._weights[name])


def _dense(weight: np.ndarray, side: int, *, stride: int) -> np.ndarray:
    """Return a (kernel, kernel) convolution of one channel as (cells out, cells in) float32."""
    collect, _ = _tap_places(side, kernel=len(weight), stride=stride)
    dense = np.zeros((len(collect), side * side + 1), dtype=np.float32)
    for tap, value in enumerate(weight.ravel()):
        dense[np.arange(len(collect)), collect[:, tap]] = value
    return dense[:, :-1].copy()


def _enlarging(here: int, there: int) -> np.ndarray:
    """Return upstream's bilinear enlargement, half-pixel centres, as (cells in, cells out) float32."""
    at = np.clip((np.arange(there) + 0.5) * here / there - 0.5, 0, here - 1)
    along = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(here)))
    return np.kron(along, along).T.astype(np.float32)


def _tap_places(side: int, *, kernel: int, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where a convolution's taps read and write, as indices; it is padded by half its kernel.

    Returns:
        (cells out, taps): the cell that each tap reads for each cell of the result; and (cells, taps): the cell of the
        result that reads a cell by that tap. The index behind the last cell stands for none.
    """
    out = -(-side // stride)
    rows, shifts = np.arange(out), np.arange(kernel) - kernel // 2
    read = stride * rows[:, None] + shifts  # (out, kernel): along one axis
    written = np.arange(side)[:, None] - shifts
    at = written // stride
    is_written = (written % stride == 0) & (at >= 0) & (at < out)
    collect = _pairs(read, (read >= 0) & (read < side), side)
    return collect, _pairs(at, is_written, out)


def _pairs(along: np.ndarray, inside: np.ndarray, side: int) -> np.ndarray:
    """Return (cells, taps) indices into side·side cells of the (positions, kernel) ones along both axes."""
    cells = along[:, None, :, None] * side + along[None, :, None, :]
    both = inside[:, None, :, None] & inside[None, :, None, :]
    positions, kernel = along.shape
    return np.where(both, cells, side * side).reshape(positions**2, kernel**2)
