"""Any network's maps beside the grad-cam package's, which hooks the whole network: one row for a network.

    uv run python benchmarks/parity.py [NAME…]
    uv run python benchmarks/parity.py --speed

Each number is the largest difference of a cell, over three classes, in shares of the package's largest value. The
networks' values are seeded. Methods that divide by the activation are left out where that is below 0 somewhere.

With `--speed`: how long Grad-CAM takes of one class and of fifty, here by `ec.explain` with all that it returns, and by
the package as people use it, one call for each class; in turns, medians of five, one thread.
"""

import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from pytorch_grad_cam import GradCAM, GradCAMElementWise, GradCAMPlusPlus, HiResCAM, LayerCAM, XGradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

import ensemble_cam as ec

NETWORKS: dict[str, tuple[str, int]] = {
    "torchvision:resnet18": ("layer4", 96),
    "torchvision:resnet50": ("layer4", 96),
    "torchvision:densenet121": ("features", 96),
    "torchvision:efficientnet_b0": ("features", 96),
    "torchvision:efficientnet_b4": ("features", 96),
    "torchvision:vgg16": ("features", 96),
    "torchvision:mobilenet_v2": ("features", 96),
    "torchvision:mobilenet_v3_large": ("features", 96),
    "torchvision:regnet_y_400mf": ("trunk_output", 96),
    "torchvision:googlenet": ("inception5b", 96),
    "torchvision:convnext_tiny": ("features", 96),
    "torchvision:swin_t": ("permute", 224),
    "timm:efficientnet_b0": ("bn2", 96),
    "timm:resnet18": ("layer4", 96),
    "timm:convnext_atto": ("stages", 96),
    "timm:swin_tiny_patch4_window7_224": ("norm", 224),
    "torchvision:vit_b_16": ("encoder.layers.encoder_layer_11.ln_1", 224),
    "timm:vit_tiny_patch16_224": ("blocks.11.norm1", 224),
    "timm:deit_tiny_distilled_patch16_224": ("blocks.11.norm1", 224),
}
"""Network → the module that the package hooks, and the sides of the picture."""

METHODS = {
    "gradcam": GradCAM,
    "hirescam": HiResCAM,
    "elementwise": GradCAMElementWise,
    "layercam": LayerCAM,
    "gradcam++": GradCAMPlusPlus,
    "xgradcam": XGradCAM,
}
DIVIDE = ("gradcam++", "xgradcam")
REASONS = {
    "torchvision:densenet121": "the package's hook keeps the activation itself, which the head's ReLU then writes into",
}
"""Networks that the package's maps are no measure for, and why."""


def settle(module: nn.Module) -> None:
    """Give norms and linear layers seeded values of the size of trained ones."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for each in module.modules():
            if isinstance(each, nn.BatchNorm2d):
                each.weight.uniform_(0.5, 1.5, generator=generator)
                each.bias.normal_(0, 0.2, generator=generator)
            if isinstance(each, nn.Linear):
                each.weight.normal_(0, 0.05 if each.out_features > 3 else 0.3, generator=generator)


def reshaped(module: nn.Module, rows: int) -> Callable[[Tensor], Tensor] | None:
    """Return the package's `reshape_transform` of a network whose cells stand last, or are tokens."""
    if getattr(module, "output_fmt", "") == "NHWC":
        return lambda values: values.permute(0, 3, 1, 2)
    if not type(module).__name__.startswith("VisionTransformer"):
        return None
    return lambda tokens: tokens[:, -rows * rows :].reshape(len(tokens), rows, rows, -1).permute(0, 3, 1, 2)


def by_the_package(
    module: nn.Module, layer: str, method: str, pixels: Tensor, reshape: Callable[[Tensor], Tensor] | None
) -> np.ndarray:
    """Return the package's maps of three classes before they are scaled, (3, h, w), at least 0."""
    found = []
    with METHODS[method](module, [module.get_submodule(layer)], reshape_transform=reshape) as cam:
        for target in range(3):
            cam(pixels, [ClassifierOutputTarget(target)])
            activation, gradient = (
                each[0].detach().numpy()
                for each in (cam.activations_and_grads.activations, cam.activations_and_grads.gradients)
            )
            found.append(cam.get_cam_image(pixels, cam.target_layers[0], None, activation, gradient, False)[0])
    return np.maximum(np.stack(found), 0)


def rows(names: list[str]) -> Iterator[str]:
    """Yield a line of the table for each network."""
    for name in names:
        layer, side = NETWORKS[name]
        module = ec.load_network(name, classes=["a", "b", "c"], input_size=side).module
        settle(module)
        network = ec.Network(module, classes=["a", "b", "c"], input_size=side, name=name)
        values = np.random.default_rng(0).random((side, side, 3)).astype(np.float32)
        pixels = network.pixels(torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1))))
        with torch.no_grad():
            whole, parted = module(pixels), network.cut.logits(network.cut.activation(pixels), pixels)
            lowest = float(network.cut.activation(pixels).min())
        logits = float((whole - parted).abs().max() / whole.abs().max())
        cells = []
        for method in METHODS:
            if method in DIVIDE and lowest < 0:
                cells.append("–")
                continue
            ours = np.stack(list(ec.explain(network, values, target="all", method=method).class_maps.values()))
            theirs = by_the_package(module, layer, method, pixels, reshaped(module, network.layer.grid[0]))
            cells.append(f"{np.abs(ours - theirs).max() / theirs.max():.0e}" if theirs.any() else "empty")
        reason = f" {REASONS[name]}" if name in REASONS else ""
        yield f"| {name} | {network.layer.name}, {network.cut.way} | {logits:.0e} | {' | '.join(cells)} |{reason}"


SPEED = {"torchvision:efficientnet_b0": "features", "torchvision:densenet121": "features"}
SIDE, CLASSES, TURNS = 224, 50, 5


def speed() -> Iterator[str]:
    """Yield a line of the table of times for each network and number of classes."""
    values = np.random.default_rng(0).random((SIDE, SIDE, 3)).astype(np.float32)
    for name, layer in SPEED.items():
        classes = [str(number) for number in range(CLASSES)]
        module = ec.load_network(name, classes=classes, input_size=SIDE).module
        settle(module)
        network = ec.Network(module, classes=classes, input_size=SIDE, name=name)
        pixels = network.pixels(torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1))))
        for count in (1, CLASSES):
            target = "all" if count == CLASSES else classes[0]
            taken = np.array([_turn(network, values, target, module, layer, pixels, count) for _ in range(TURNS)])
            (ours, theirs), (of_ours, of_theirs) = np.median(taken, axis=0).T
            yield (
                f"| {name} | {count} | {1000 * ours:.0f} ms | {1000 * theirs:.0f} ms | {theirs / ours:.1f}× | "
                f"{of_theirs / of_ours:.1f}× |"
            )


def _turn(
    network: ec.Network, values: np.ndarray, target: str, module: nn.Module, layer: str, pixels: Tensor, count: int
) -> tuple[tuple[float, float], tuple[float, float]]:
    def theirs() -> None:
        with GradCAM(module, [module.get_submodule(layer)]) as cam:
            for each in range(count):
                cam(pixels, [ClassifierOutputTarget(each)])

    return _timed(lambda: ec.explain(network, values, target=target, method="gradcam")), _timed(theirs)


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return seconds of the clock and of the processor."""
    began = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began[0], time.process_time() - began[1]


def main() -> None:
    """Print a table."""
    torch.set_num_threads(1)
    if sys.argv[1:] == ["--speed"]:
        print("| network, 224 px | classes | here | grad-cam | times | of the processor's time |")
        print("|---|---|---|---|---|---|")
        for line in speed():
            print(line, flush=True)
        return
    print(f"| network | layer, cut | logits | {' | '.join(METHODS)} |")
    print("|---|---|---|" + "---|" * len(METHODS))
    for line in rows(sys.argv[1:] or list(NETWORKS)):
        print(line, flush=True)


if __name__ == "__main__":
    main()
