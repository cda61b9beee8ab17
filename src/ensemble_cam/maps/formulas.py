"""The formulas: from an activation and its gradients to a map, one function a method.

The mathematics are those of the papers that `methods` names, in the form in which the `grad-cam` package computes
them, its small constants among them; tests hold each to the package's own classes. They are written here, once for the
arrays of NumPy and PyTorch (`classifiers.arrays`), for three reasons. Most heads have the same gradient in every cell
of a channel, so that a sum over cells is one product instead of eight passes over all labels' gradients: 1 instead of
120 ms for ResNet50's 16 labels. A review by OpenVINO needs no PyTorch at all. And importing the package loads
scikit-learn and matplotlib, a second that every start would wait for.
"""

from collections.abc import Callable, Mapping

import numpy as np

from ensemble_cam.classifiers.arrays import Array, as_numpy, like, namespace, rectified
from ensemble_cam.classifiers.heads import Gradients, over_channels

Weights = Callable[[Array, Gradients], Array]
Product = Callable[[Array, Array], Array]


def _grad_cam(activation: Array, gradients: Gradients) -> Array:
    _, height, width = activation.shape
    return gradients.summed(lambda gradient: gradient) / (height * width)


def _grad_cam_plus_plus(activation: Array, gradients: Gradients) -> Array:
    """Equation 19 of arXiv:1710.11063; the paper has no constant below."""
    total = namespace(activation).sum(activation, axis=(1, 2))[:, None, None]

    def share(gradient: Array) -> Array:
        square = gradient**2
        # In place, as memory takes longer than arithmetic: 2 · square + total · gradient³ + 1e-6.
        below = square * gradient * total
        below += 2 * square
        below += 1e-6
        square /= below
        square *= rectified(gradient)
        return square

    return gradients.summed(share)


def _x_grad_cam(activation: Array, gradients: Gradients) -> Array:
    return gradients.dotted(activation) / (namespace(activation).sum(activation, axis=(1, 2)) + 1e-7)


CHANNEL_WEIGHTS: Mapping[str, Weights] = {
    "gradcam": _grad_cam,
    "gradcam++": _grad_cam_plus_plus,
    "xgradcam": _x_grad_cam,
}
"""Methods that weigh channels: (channels, h, w) activation and the gradients → (n, channels)."""


def _product(gradient: Array, activation: Array) -> Array:
    return gradient * activation


PRODUCTS: Mapping[str, Product] = {
    "hirescam": _product,
    "elementwise": lambda gradient, activation: rectified(gradient * activation),
    "layercam": lambda gradient, activation: rectified(gradient) * activation,
}
"""Methods that weigh each cell: gradient and activation, (n, channels, h, w) → the same, to be summed over channels."""

_PRINCIPAL: Mapping[str, Product] = {**PRODUCTS, "eigengradcam": _product}
"""What a principal component can be taken of, instead of the sum."""


def gradient_maps(method: str, activation: Array, gradients: Gradients, *, eigen_smooth: bool = False) -> Array:
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
    product, full = _PRINCIPAL[method], gradients.full()
    return _stacked([principal_component(product(full[n], activation)) for n in range(full.shape[0])])


def weighted_maps(weights: Array, activation: Array, *, eigen_smooth: bool = False) -> Array:
    """Return (n, channels) weights times a (channels, h, w) activation, summed over channels, (n, h, w)."""
    if eigen_smooth:
        return _stacked([principal_component(weights[n][:, None, None] * activation) for n in range(weights.shape[0])])
    return over_channels(weights, activation)


def principal_component(channels: Array) -> Array:
    """Return the cells of (channels, h, w) along the first principal component of its channels, (h, w) float32.

    Of the decomposition only one vector is needed, so it is taken from the smaller of the two Gram matrices, in double
    precision. A component has no sign: it is given the one under which its largest value is positive (Seg-Eigen-CAM,
    equation 13); the package leaves it to chance, so that the same film may come out inverted on another machine.
    """
    from scipy import linalg  # here, as few methods need it and it takes a tenth of a second

    cells = as_numpy(channels).reshape(channels.shape[0], -1).astype(np.float64)
    cells = cells - cells.mean(axis=1, keepdims=True)
    count, size = cells.shape
    gram = cells @ cells.T if count <= size else cells.T @ cells
    last = len(gram) - 1
    values, vectors = linalg.eigh(gram, subset_by_index=[last, last])
    vector = vectors[:, 0]
    projection = vector @ cells if count <= size else vector * max(values[0], 0.0) ** 0.5
    if -projection.min() > projection.max():
        projection = -projection
    return like(projection.reshape(channels.shape[1:]).astype(np.float32), channels)


def _stacked(maps: list[Array]) -> Array:
    return namespace(maps[0]).stack(maps, axis=0)
