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

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ensemble_cam.errors import ClassifierError


def folded(convolution: Any, norm: Any) -> tuple[Tensor, Tensor]:
    """Return weight and bias, float32, of the convolution that does what `convolution` then `norm` do in eval mode.

    Args:
        convolution: an `nn.Conv2d` with a bias.
        norm: an `nn.BatchNorm2d` with running statistics; PyTorch's types allow for ones without.
    """
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    weight = convolution.weight.double() * scale[:, None, None, None]
    bias = (convolution.bias.double() - norm.running_mean.double()) * scale + norm.bias.double()
    return weight.float(), bias.float()


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

    leaving: Tensor
    middle: Tensor
    passed: Tensor
    opened: dict[str, Tensor]


class PyramidAttention(nn.Module):
    """The attention for maps of one size, from upstream's module.

    Args:
        upstream: an `FPAModule`; its values are copied.
        side: cells along each side of the maps, a multiple of 4.

    Raises:
        ClassifierError: if the side is no multiple of 4, for which upstream's module fails.
    """

    middle_weight: Tensor
    middle_bias: Tensor
    pooled_weight: Tensor
    pooled_bias: Tensor
    taps_weight: Tensor
    taps_bias: Tensor
    enlarge1: Tensor
    enlarge2: Tensor
    enlarge3: Tensor
    _collect: Tensor
    _spread: Tensor

    def __init__(self, upstream: Any, side: int) -> None:
        super().__init__()
        if side % 4:
            raise ClassifierError(
                f"its attention cannot take maps of {side}×{side} cells: its input size must be a multiple of 128"
            )
        self._size = (side, side)
        with torch.no_grad():
            weight, bias = folded(*upstream.mid_branch.conv[:2])
            self._keep("middle", weight.flatten(1), bias)
            weight, bias = folded(*upstream.gap_branch[1].conv[:2])
            self._keep("pooled", weight.flatten(1), bias)
            weight, bias = folded(*upstream.downsample1.conv[:2])
            self._keep("taps", weight[0].flatten(1).T.contiguous(), bias)
            half, quarter, eighth = side // 2, side // 4, -(-(side // 4) // 2)
            for name, here, stride in (
                ("downsample2", half, 2),
                ("downsample3", quarter, 2),
                ("scale1", half, 1),
                ("scale2", quarter, 1),
                ("scale3", eighth, 1),
            ):
                self._keep(name, *_dense(getattr(upstream, name).conv, here, stride=stride))
            for name, here, there in (
                ("enlarge3", eighth, quarter),
                ("enlarge2", quarter, half),
                ("enlarge1", half, side),
            ):
                self.register_buffer(name, _enlarging(here, there), persistent=False)
        collect, spread = _tap_places(side)
        self.register_buffer("_collect", collect, persistent=False)
        self.register_buffer("_spread", spread, persistent=False)

    def _keep(self, name: str, weight: Tensor, bias: Tensor) -> None:
        self.register_buffer(f"{name}_weight", weight.detach().clone(), persistent=False)
        self.register_buffer(f"{name}_bias", bias.detach().clone(), persistent=False)

    def step(self, entering: Tensor) -> AttentionStep:
        """Apply the attention to (n, cells, channels)."""
        middle = F.linear(entering, self.middle_weight, self.middle_bias).relu_()
        pooled = F.linear(entering.mean(1), self.pooled_weight, self.pooled_bias).relu_()
        taps = F.pad(F.linear(entering, self.taps_weight), (0, 0, 0, 1))  # a last cell of 0 for taps beyond the rim
        first = torch.gather(taps, 1, self._collect.expand(len(taps), -1, -1)).sum(2).add_(self.taps_bias).relu_()
        opened = {"pooled": _open(pooled), "downsample1": _open(first)}

        def through(name: str, values: Tensor) -> Tensor:
            values = F.linear(values, getattr(self, f"{name}_weight"), getattr(self, f"{name}_bias")).relu_()
            opened[name] = _open(values)
            return values

        scale2 = through("downsample2", first)
        scale3 = through("downsample3", scale2)
        up = through("scale3", scale3) @ self.enlarge3
        up = (through("scale2", scale2) + up) @ self.enlarge2
        gate = ((through("scale1", first) + up) @ self.enlarge1)[:, :, None]
        leaving = torch.addcmul(pooled[:, None], middle, gate)
        return AttentionStep(leaving, middle=middle, passed=_open(middle).mul_(gate), opened=opened)

    def back(self, step: AttentionStep, gradients: Tensor) -> Tensor:
        """Carry gradients by what left a step of one film back to what entered it, both (n, cells, channels)."""
        cells = gradients.shape[1]
        pooled = (gradients.sum(1) * step.opened["pooled"]) @ self.pooled_weight / cells

        def back_through(name: str, values: Tensor) -> Tensor:
            weight: Tensor = getattr(self, f"{name}_weight")
            return (values * step.opened[name]) @ weight

        up1 = (gradients * step.middle).sum(2) @ self.enlarge1.T
        up2 = up1 @ self.enlarge2.T
        up3 = up2 @ self.enlarge3.T
        scale2 = back_through("scale2", up2) + back_through("downsample3", back_through("scale3", up3))
        scale1 = back_through("scale1", up1) + back_through("downsample2", scale2)
        first = F.pad(scale1 * step.opened["downsample1"], (0, 1))
        count, taps = len(gradients), self._spread.shape[1]
        spread = torch.gather(first[:, :, None].expand(-1, -1, taps), 1, self._spread.expand(count, -1, -1))
        entering = (gradients * step.passed) @ self.middle_weight
        return entering.add_(spread @ self.taps_weight).add_(pooled[:, None])


def _open(rectified: Tensor) -> Tensor:
    """Return 1 where a ReLU let something through, 0 elsewhere, float32."""
    return (rectified > 0).float()


def _dense(layers: Any, side: int, *, stride: int) -> tuple[Tensor, Tensor]:
    """Return convolution and norm of one channel as (cells out, cells in) float32, and the bias for each cell."""
    weight, bias = folded(*layers[:2])
    unit = torch.eye(side * side, dtype=torch.float64).reshape(-1, 1, side, side)
    seen = F.conv2d(unit, weight.double(), stride=stride, padding=layers[0].padding).flatten(1)
    return seen.T.float().contiguous(), bias.expand(seen.shape[1])


def _enlarging(here: int, there: int) -> Tensor:
    """Return upstream's bilinear enlargement as (cells in, cells out) float32."""
    unit = torch.eye(here * here, dtype=torch.float64).reshape(-1, 1, here, here)
    seen = F.interpolate(unit, size=(there, there), mode="bilinear", align_corners=False)
    return seen.flatten(1).float()


def _tap_places(side: int, *, kernel: int = 7, stride: int = 2, padding: int = 3) -> tuple[Tensor, Tensor]:
    """Return where a strided convolution's taps read and write, as indices.

    Returns:
        (cells out, taps): the cell that each tap reads for each cell of the result; and (cells, taps): the cell of the
        result that reads a cell by that tap. The index behind the last cell stands for none.
    """
    half = side // stride
    collect = torch.full((kernel, kernel, half, half), side * side)
    spread = torch.full((kernel, kernel, side, side), half * half)
    for down in range(kernel):
        for across in range(kernel):
            for row in range(half):
                for column in range(half):
                    y, x = stride * row + down - padding, stride * column + across - padding
                    if 0 <= y < side and 0 <= x < side:
                        collect[down, across, row, column] = y * side + x
                        spread[down, across, y, x] = row * half + column
    return collect.reshape(kernel * kernel, -1).T.contiguous(), spread.reshape(kernel * kernel, -1).T.contiguous()
