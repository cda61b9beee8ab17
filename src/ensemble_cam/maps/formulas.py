"""The formulas: from an activation and its gradients to a map, one function a method.

The mathematics are those of the papers that `methods` names, in the form in which the `grad-cam` package computes
them, its small constants among them; tests hold each to the package's own classes. They are written here, in PyTorch,
for two reasons. Most heads have the same gradient in every cell of a channel, so that a sum over cells is one product
instead of eight passes over all labels' gradients: 1 instead of 120 ms for ResNet50's 16 labels. And importing the
package loads scikit-learn and matplotlib, a second that every start would wait for.
"""

from collections.abc import Callable, Mapping

import torch
from scipy import linalg
from torch import Tensor

from ensemble_cam.classifiers.heads import Gradients

Weights = Callable[[Tensor, Gradients], Tensor]
Product = Callable[[Tensor, Tensor], Tensor]


def _grad_cam(activation: Tensor, gradients: Gradients) -> Tensor:
    return gradients.summed(lambda gradient: gradient) / activation[0].numel()


def _grad_cam_plus_plus(activation: Tensor, gradients: Gradients) -> Tensor:
    """Equation 19 of arXiv:1710.11063; the paper has no constant below."""
    total = activation.sum((1, 2))[:, None, None]

    def share(gradient: Tensor) -> Tensor:
        square = gradient**2
        return gradient.clamp(min=0) * (square / (2 * square + total * (square * gradient) + 1e-6))

    return gradients.summed(share)


def _x_grad_cam(activation: Tensor, gradients: Gradients) -> Tensor:
    return gradients.dotted(activation) / (activation.sum((1, 2)) + 1e-7)


CHANNEL_WEIGHTS: Mapping[str, Weights] = {
    "gradcam": _grad_cam,
    "gradcam++": _grad_cam_plus_plus,
    "xgradcam": _x_grad_cam,
}
"""Methods that weigh channels: (channels, h, w) activation and the gradients → (n, channels)."""

PRODUCTS: Mapping[str, Product] = {
    "hirescam": torch.mul,
    "elementwise": lambda gradient, activation: (gradient * activation).clamp(min=0),
    "layercam": lambda gradient, activation: gradient.clamp(min=0) * activation,
}
"""Methods that weigh each cell: gradient and activation, (n, channels, h, w) → the same, to be summed over channels."""

_PRINCIPAL: Mapping[str, Product] = {**PRODUCTS, "eigengradcam": torch.mul}
"""What a principal component can be taken of, instead of the sum."""


def gradient_maps(method: str, activation: Tensor, gradients: Gradients, *, eigen_smooth: bool = False) -> Tensor:
    """Return the maps of a method of the kind "gradient", (n, h, w) float32, of any sign.

    Args:
        method: its name in `methods.METHODS`.
        activation: (channels, h, w).
        gradients: of n logits.
        eigen_smooth: take the first principal component of what else is summed over channels.
    """
    if method in CHANNEL_WEIGHTS:
        return weighted_maps(CHANNEL_WEIGHTS[method](activation, gradients), activation, eigen_smooth=eigen_smooth)
    if method in PRODUCTS and not eigen_smooth:
        return gradients.weighted(activation, PRODUCTS[method])
    product = _PRINCIPAL[method]
    return torch.stack([principal_component(product(each, activation)) for each in gradients.full()])


def weighted_maps(weights: Tensor, activation: Tensor, *, eigen_smooth: bool = False) -> Tensor:
    """Return (n, channels) weights times a (channels, h, w) activation, summed over channels, (n, h, w)."""
    if eigen_smooth:
        return torch.stack([principal_component(each[:, None, None] * activation) for each in weights])
    return torch.einsum("nc,chw->nhw", weights, activation)


def principal_component(channels: Tensor) -> Tensor:
    """Return the cells of (channels, h, w) along the first principal component of its channels, (h, w) float32.

    Of the decomposition only one vector is needed, so it is taken from the smaller of the two Gram matrices, in double
    precision. A component has no sign: it is given the one under which its largest value is positive (Seg-Eigen-CAM,
    equation 13); the package leaves it to chance, so that the same film may come out inverted on another machine.
    """
    cells = channels.flatten(1).double().cpu()
    cells = cells - cells.mean(1, keepdim=True)
    count, size = cells.shape
    gram = (cells @ cells.T if count <= size else cells.T @ cells).numpy()
    last = len(gram) - 1
    values, vectors = linalg.eigh(gram, subset_by_index=[last, last])
    vector = torch.from_numpy(vectors[:, 0])
    projection = vector @ cells if count <= size else vector * max(values[0], 0.0) ** 0.5
    if -projection.min() > projection.max():
        projection = -projection
    return projection.reshape(channels.shape[1:]).float().to(channels.device)
