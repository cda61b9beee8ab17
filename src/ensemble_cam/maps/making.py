"""How a map is made, step by step: what `cams` computes at once, kept open to be looked at."""

from dataclasses import dataclass

import numpy as np

from ensemble_cam.classifiers.arrays import as_numpy, namespace, not_numbers_allowed, rectified
from ensemble_cam.errors import ConfigError, did_you_mean
from ensemble_cam.maps.cams import Exposure
from ensemble_cam.maps.formulas import CHANNEL_WEIGHTS, weighted_maps


@dataclass(frozen=True, eq=False)
class Making:
    """One label's map, and each step on the way to it; all float32.

    Attributes:
        method: which map, a key of `formulas.CHANNEL_WEIGHTS`.
        logit: what is explained.
        activation: (channels, h, w), what the head pools.
        gradients: (channels, h, w), of the logit by the activation.
        weights: (channels,), what the method makes of the gradients.
        total: (h, w), of any sign: the activation's channels, each times its weight, added up.
        map: (h, w), at least 0: the same behind a ReLU. It is what `cams.cam_grids` returns.
        without_gradient: (h, w): what the sum would be if each channel counted the same; of every label the same.
    """

    method: str
    logit: float
    activation: np.ndarray
    gradients: np.ndarray
    weights: np.ndarray
    total: np.ndarray
    map: np.ndarray
    without_gradient: np.ndarray

    @property
    def without_relu(self) -> np.ndarray:
        """The sum stretched from its lowest to its highest value, (h, w) in [0, 1]: what is drawn without the ReLU.

        Where nothing speaks for the finding or against it, it is not 0. A sum that is the same everywhere gives zeros.
        """
        lowest, highest = self.total.min(), self.total.max()
        return (self.total - lowest) / (highest - lowest) if highest > lowest else np.zeros_like(self.total)

    def strongest(self, count: int) -> np.ndarray:
        """Return the numbers of the channels that move the sum furthest in some cell, the strongest first."""
        parts = np.abs(self.weights) * np.abs(self.activation).max(axis=(1, 2))
        return np.argsort(-parts, kind="stable")[:count]


def making(method: str, exposure: Exposure, output: int) -> Making:
    """Make a map step by step.

    Args:
        method: one that weighs channels: "gradcam", "gradcam++" or "xgradcam".
        exposure: the film as the classifier saw it.
        output: index of the logit to explain.

    Raises:
        ConfigError: if the method weighs none.
    """
    if method not in CHANNEL_WEIGHTS:
        allowed = ", ".join(CHANNEL_WEIGHTS)
        raise ConfigError(
            f"method: got {method!r}; allowed: one of {allowed}.{did_you_mean(method, CHANNEL_WEIGHTS)} "
            "Only these weigh whole channels."
        )
    activation = exposure.activation[0]
    with not_numbers_allowed():
        gradients = exposure.run.gradients([output])
        weights = CHANNEL_WEIGHTS[method](activation, gradients)
        total = weighted_maps(weights, activation)
        alike = weighted_maps(namespace(weights).ones_like(weights), activation)
    return Making(
        method=method,
        logit=float(exposure.run.logits[output]),
        activation=as_numpy(activation),
        gradients=as_numpy(gradients.full()[0]),
        weights=as_numpy(weights[0]),
        total=as_numpy(total[0]),
        map=as_numpy(rectified(total)[0]),
        without_gradient=as_numpy(rectified(alike)[0]),
    )
