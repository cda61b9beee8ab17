"""A backbone drawn as OpenVINO's graph, layer by layer, from the values of a weights file.

It is what upstream's modules do in eval mode, without PyTorch: a batch norm behind a convolution is folded into it, one
before is a scale and a shift. Which layers a family has is in `families`.
"""

from types import ModuleType
from typing import Any

import numpy as np

from ensemble_cam.classifiers.values import Folded, Values

Node = Any
"""An output of the graph, (1, channels, height, width)."""


class Drawing:
    """A graph in the making.

    Args:
        values: the network's.
        openvino: the package.

    Attributes:
        values: the same.
    """

    def __init__(self, values: Values, openvino: ModuleType) -> None:
        self.values = values
        self._openvino, self._ops = openvino, openvino.opset13

    def pixels(self, side: int) -> Node:
        """Return what the graph takes: (1, 1, side, side) float32."""
        return self._ops.parameter([1, 1, side, side], np.float32, name="pixels").output(0)

    def model(self, pixels: Node, activation: Node) -> Any:
        """Return the graph from its pixels to its activation as OpenVINO's model."""
        return self._openvino.Model([activation], [pixels.get_node()])

    def convolution(
        self, values: Node, weight: np.ndarray, bias: np.ndarray | None = None, *, stride: int = 1, open: bool = False
    ) -> Node:
        """Return a convolution padded by half its kernel.

        Args:
            values: what enters.
            weight: (channels out, channels in, kernel, kernel) float32.
            bias: (channels out,); None without one.
            stride: along both axes.
            open: whether a ReLU follows.
        """
        pad = [weight.shape[-1] // 2] * 2
        found = self._ops.convolution(values, self._constant(weight), [stride] * 2, pad, pad, [1, 1]).output(0)
        if bias is not None:
            found = self._ops.add(found, self._constant(bias.reshape(1, -1, 1, 1))).output(0)
        return self.rectified(found) if open else found

    def folded(self, values: Node, folded: Folded, *, stride: int = 1) -> Node:
        """Return a convolution with the batch norm and the ReLU behind it."""
        return self.convolution(values, *folded, stride=stride, open=True)

    def norm(self, values: Node, name: str) -> Node:
        """Return a batch norm and the ReLU behind it."""
        scale, shift = (each.astype(np.float32).reshape(1, -1, 1, 1) for each in self.values.norm(name, width(values)))
        scaled = self._ops.multiply(values, self._constant(scale))
        return self.rectified(self._ops.add(scaled, self._constant(shift)).output(0))

    def rectified(self, values: Node) -> Node:
        """Return a ReLU."""
        return self._ops.relu(values).output(0)

    def halved_by_maximum(self, values: Node) -> Node:
        """Return a maximum over 3×3 with stride 2, padded by 1."""
        return self._ops.max_pool(values, [2, 2], [1, 1], [1, 1], [1, 1], [3, 3]).output(0)

    def halved_by_mean(self, values: Node) -> Node:
        """Return a mean over 2×2 with stride 2."""
        return self._ops.avg_pool(values, [2, 2], [0, 0], [0, 0], [2, 2], exclude_pad=False).output(0)

    def mean(self, values: Node) -> Node:
        """Return the mean over all cells, (1, channels, 1, 1)."""
        axes = self._ops.constant(np.array([2, 3], dtype=np.int64))
        return self._ops.reduce_mean(values, axes, keep_dims=True).output(0)

    def joined(self, values: Node, more: Node) -> Node:
        """Return the channels of both."""
        return self._ops.concat([values, more], 1).output(0)

    def sum(self, values: Node, others: Node) -> Node:
        """Return the sum, cell by cell."""
        return self._ops.add(values, others).output(0)

    def product(self, values: Node, others: Node) -> Node:
        """Return the product, cell by cell."""
        return self._ops.multiply(values, others).output(0)

    def enlarged(self, values: Node, side: int) -> Node:
        """Return a bilinear enlargement between the cells' centres to (1, channels, side, side)."""
        size, axes = (self._ops.constant(np.array(each, dtype=np.int64)) for each in ([side, side], [2, 3]))
        return self._ops.interpolate(
            values,
            size,
            mode="linear_onnx",
            shape_calculation_mode="sizes",
            coordinate_transformation_mode="half_pixel",
            axes=axes,
        ).output(0)

    def _constant(self, values: np.ndarray) -> Any:
        return self._ops.constant(np.ascontiguousarray(values, dtype=np.float32))


def width(values: Node) -> int:
    """Return how many channels there are."""
    return int(values.get_shape()[1])


def side_of(values: Node) -> int:
    """Return how many cells there are along each side."""
    return int(values.get_shape()[-1])
