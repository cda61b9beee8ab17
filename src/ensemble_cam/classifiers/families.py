"""How each family's network is drawn and cut, from the values of its weights file and without PyTorch.

The keys are those of `settings.families.FAMILIES`, which holds the rest. `torch_families` has the same networks as
upstream's own modules; tests hold the two together.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ensemble_cam.classifiers.attention import SINGLE_CHANNEL, TAPS
from ensemble_cam.classifiers.drawing import Drawing, Node, side_of, width
from ensemble_cam.classifiers.heads import AttentionChainHead, AverageMaximumHead, Head, PooledHead, RectifiedHead
from ensemble_cam.classifiers.values import Folded, Values
from ensemble_cam.settings.families import FAMILIES, TEACHING_LABELS

JFHEALTHCARE_DIVISOR = 512
"""torchxrayvision's pixels run to ±1024; JF Healthcare was trained on (pixel - 128) / 64, which is ±2."""

TEACHING_SIDE, TEACHING_CELLS = 192, 24
"""Side of the film that a teaching network sees, in pixels, and of its maps, in cells."""

_PYRAMID = "attention_map.pyramid_attention."


@dataclass(frozen=True)
class Architecture:
    """A family's network, cut where its activation is pooled.

    Attributes:
        draw: draws the backbone: from the pixels to the activation.
        head: what its head is.
        numbers: the network's values → the head's arrays.
        spare: how the names begin of values that upstream's network has and nothing uses.
    """

    draw: Callable[[Drawing, Node], Node]
    head: Callable[[Mapping[str, np.ndarray]], Head]
    numbers: Callable[[Values], dict[str, np.ndarray]]
    spare: tuple[str, ...] = ()


@dataclass(frozen=True)
class DenseNet:
    """A DenseNet's sizes (Huang et al. 2017, arXiv:1608.06993).

    Attributes:
        features: channels of the first convolution.
        growth: channels that each layer adds.
        bottleneck: channels of a layer's 1×1 convolution, of `growth`.
        blocks: layers of each block.
    """

    features: int
    growth: int
    bottleneck: int
    blocks: tuple[int, ...]

    @property
    def channels(self) -> int:
        """Channels of the last block."""
        channels = self.features
        for number, layers in enumerate(self.blocks):
            channels = (channels // 2 if number else channels) + layers * self.growth
        return channels


DENSENET121 = DenseNet(64, 32, 4, (6, 12, 24, 16))
TEACHING_DENSENET, TEACHING_JFHEALTHCARE = DenseNet(24, 16, 2, (4, 8)), DenseNet(24, 16, 2, (3, 7))

RESNET50_BLOCKS, TEACHING_RESNET_BLOCKS = (3, 4, 6, 3), (1, 2, 2, 2)
"""Blocks of each of a ResNet's four stages."""
TEACHING_RESNET_PLANES, TEACHING_RESNET_STRIDES = (16, 32, 48, 64), (1, 2, 1, 1)


def _densenet(drawing: Drawing, first: Node, prefix: str, sizes: DenseNet) -> Node:
    """Draw a DenseNet behind its first convolution, up to the ReLU behind its last batch norm."""
    values, here = drawing.values, drawing.halved_by_maximum(first)
    middle = sizes.bottleneck * sizes.growth
    for number, layers in enumerate(sizes.blocks, start=1):
        for layer in range(1, layers + 1):
            name = f"{prefix}denseblock{number}.denselayer{layer}."
            shape = (middle, width(here), 1, 1)
            folded = values.convolution(f"{name}conv1", *shape, norm=f"{name}norm2")
            found = drawing.folded(drawing.norm(here, f"{name}norm1"), folded)
            weight, _ = values.convolution(f"{name}conv2", sizes.growth, middle, 3, 3)
            here = drawing.joined(here, drawing.convolution(found, weight))
        if number < len(sizes.blocks):
            name, channels = f"{prefix}transition{number}.", width(here)
            weight, _ = values.convolution(f"{name}conv", channels // 2, channels, 1, 1)
            here = drawing.halved_by_mean(drawing.convolution(drawing.norm(here, f"{name}norm"), weight))
    return drawing.norm(here, f"{prefix}norm5")


def _xrv_densenet(sizes: DenseNet) -> Callable[[Drawing, Node], Node]:
    def draw(drawing: Drawing, pixels: Node) -> Node:
        shape = (sizes.features, 1, 7, 7)
        folded = drawing.values.convolution("features.conv0", *shape, norm="features.norm0")
        return _densenet(drawing, drawing.folded(pixels, folded, stride=2), "features.", sizes)

    return draw


def _jfhealthcare(sizes: DenseNet, *, attended: bool) -> Callable[[Drawing, Node], Node]:
    def draw(drawing: Drawing, pixels: Node) -> Node:
        shape, prefix = (sizes.features, 3, 7, 7), "backbone.features."
        weight, bias = drawing.values.convolution(f"{prefix}conv0", *shape, norm=f"{prefix}norm0")
        # Upstream is shown three equal channels in ±2.
        grey = (weight.sum(axis=1, keepdims=True, dtype=np.float64) / JFHEALTHCARE_DIVISOR).astype(np.float32)
        found = _densenet(drawing, drawing.folded(pixels, (grey, bias), stride=2), prefix, sizes)
        return _attended(drawing, found) if attended else found

    return draw


def _attended(drawing: Drawing, values: Node) -> Node:
    """Draw JF Healthcare's pyramid attention, as `attention` computes it for a chain of them."""
    channels, side = width(values), side_of(values)
    arrays = _pyramid(drawing.values, channels)

    def single(name: str, values: Node, stride: int = 1) -> Node:
        return drawing.folded(values, (arrays[f"{name}_weight"][None, None], arrays[f"{name}_bias"]), stride=stride)

    def all_channels(name: str, values: Node) -> Node:
        return drawing.folded(values, (arrays[f"{name}_weight"][:, :, None, None], arrays[f"{name}_bias"]))

    kernel, stride = TAPS
    taps = arrays["taps_weight"].T.reshape(1, channels, kernel, kernel)
    first = drawing.folded(values, (taps, arrays["taps_bias"]), stride=stride)
    second = single("downsample2", first, SINGLE_CHANNEL["downsample2"][1])
    third = single("downsample3", second, SINGLE_CHANNEL["downsample3"][1])
    up = drawing.enlarged(single("scale3", third), side // 4)
    up = drawing.enlarged(drawing.sum(single("scale2", second), up), side // 2)
    gate = drawing.enlarged(drawing.sum(single("scale1", first), up), side)
    gated = drawing.product(all_channels("middle", values), gate)
    return drawing.sum(gated, all_channels("pooled", drawing.mean(values)))


def _resnet50(drawing: Drawing, pixels: Node) -> Node:
    values, planes = drawing.values, (64, 128, 256, 512)
    here = drawing.folded(pixels, values.convolution("conv1", planes[0], 1, 7, 7, norm="bn1"), stride=2)
    here = drawing.halved_by_maximum(here)
    for number, (count, narrow) in enumerate(zip(RESNET50_BLOCKS, planes, strict=True), start=1):
        for block in range(count):
            name, stride, entering = f"layer{number}.{block}.", 1 if block or number == 1 else 2, width(here)
            found = drawing.folded(here, _with_norm(values, name, 1, narrow, entering, 1))
            found = drawing.folded(found, _with_norm(values, name, 2, narrow, narrow, 3), stride=stride)
            found = drawing.convolution(found, *_with_norm(values, name, 3, 4 * narrow, narrow, 1))
            here = _around(drawing, here, found, name, stride, is_projected=not block)
    return here


def _teaching_resnet(drawing: Drawing, pixels: Node) -> Node:
    values, planes = drawing.values, TEACHING_RESNET_PLANES
    here = drawing.folded(pixels, values.convolution("conv1", planes[0], 1, 7, 7, norm="bn1"), stride=2)
    here = drawing.halved_by_maximum(here)
    stages = zip(TEACHING_RESNET_BLOCKS, planes, TEACHING_RESNET_STRIDES, strict=True)
    for number, (count, channels, first_stride) in enumerate(stages, start=1):
        for block in range(count):
            name, stride, entering = f"layer{number}.{block}.", 1 if block else first_stride, width(here)
            found = drawing.folded(here, _with_norm(values, name, 1, channels, entering, 3), stride=stride)
            found = drawing.convolution(found, *_with_norm(values, name, 2, channels, channels, 3))
            here = _around(drawing, here, found, name, stride, is_projected=stride > 1 or entering != channels)
    return here


def _with_norm(values: Values, block: str, number: int, channels: int, entering: int, kernel: int) -> Folded:
    return values.convolution(f"{block}conv{number}", channels, entering, kernel, kernel, norm=f"{block}bn{number}")


def _around(drawing: Drawing, entering: Node, found: Node, block: str, stride: int, *, is_projected: bool) -> Node:
    """Draw the way round a residual block, their sum and the ReLU behind it."""
    if is_projected:
        shape = (width(found), width(entering), 1, 1)
        folded = drawing.values.convolution(f"{block}downsample.0", *shape, norm=f"{block}downsample.1")
        entering = drawing.convolution(entering, *folded, stride=stride)
    return drawing.rectified(drawing.sum(found, entering))


def _linear(name: str, outputs: int, channels: int) -> Callable[[Values], dict[str, np.ndarray]]:
    def numbers(values: Values) -> dict[str, np.ndarray]:
        weight, bias = values.take(f"{name}.weight", outputs, channels), values.take(f"{name}.bias", outputs)
        return {"weight": weight.astype(np.float32), "bias": bias.astype(np.float32)}

    return numbers


def _pooled_by_both(values: Values) -> dict[str, np.ndarray]:
    channels = 2 * TEACHING_JFHEALTHCARE.channels
    weight, bias = values.behind_norm("bn_0", "fc_0", len(TEACHING_LABELS), channels)
    return {"weight": weight, "bias": bias}


def _chain(values: Values) -> dict[str, np.ndarray]:
    channels, outputs = DENSENET121.channels, len(FAMILIES["jfhealthcare"].labels)
    layers = [values.behind_norm(f"bn_{output}", f"fc_{output}", 1, 2 * channels) for output in range(outputs)]
    return {
        **_pyramid(values, channels),
        "weight": np.concatenate([weight for weight, _ in layers]),
        "bias": np.concatenate([bias for _, bias in layers]),
    }


def _pyramid(values: Values, channels: int) -> dict[str, np.ndarray]:
    """Return the arrays of `attention.PyramidAttention`."""

    def folded(name: str, *shape: int) -> Folded:
        return values.convolution(f"{_PYRAMID}{name}.0", *shape, norm=f"{_PYRAMID}{name}.1", bias=True)

    arrays = {}
    for ours, theirs in (("middle", "mid_branch.conv"), ("pooled", "gap_branch.1.conv")):
        weight, arrays[f"{ours}_bias"] = folded(theirs, channels, channels, 1, 1)
        arrays[f"{ours}_weight"] = weight[:, :, 0, 0]
    weight, arrays["taps_bias"] = folded("downsample1.conv", 1, channels, TAPS[0], TAPS[0])
    arrays["taps_weight"] = weight[0].reshape(channels, -1).T.copy()
    for name, (kernel, _) in SINGLE_CHANNEL.items():
        weight, arrays[f"{name}_bias"] = folded(f"{name}.conv", 1, 1, kernel, kernel)
        arrays[f"{name}_weight"] = weight[0, 0]
    return arrays


_XRV_OUTPUTS = len(FAMILIES["densenet"].labels)
_UNUSED = ("backbone.classifier.", "attention_map.channel_attention.", "attention_map.spatial_attention.")

ARCHITECTURES: Mapping[str, Architecture] = {
    "densenet": Architecture(
        _xrv_densenet(DENSENET121), RectifiedHead, _linear("classifier", _XRV_OUTPUTS, DENSENET121.channels)
    ),
    "resnet": Architecture(_resnet50, PooledHead, _linear("fc", _XRV_OUTPUTS, 2048)),
    "jfhealthcare": Architecture(_jfhealthcare(DENSENET121, attended=False), AttentionChainHead, _chain, spare=_UNUSED),
    "teaching-densenet": Architecture(
        _xrv_densenet(TEACHING_DENSENET),
        RectifiedHead,
        _linear("classifier", len(TEACHING_LABELS), TEACHING_DENSENET.channels),
    ),
    "teaching-resnet": Architecture(
        _teaching_resnet, PooledHead, _linear("fc", len(TEACHING_LABELS), TEACHING_RESNET_PLANES[-1])
    ),
    "teaching-jfhealthcare": Architecture(
        _jfhealthcare(TEACHING_JFHEALTHCARE, attended=True), AverageMaximumHead, _pooled_by_both, spare=_UNUSED
    ),
}
"""The configuration's `model_type` → architecture."""
