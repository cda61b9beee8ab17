"""What one network says of one picture, and the maps of it: numbers, by class."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from ensemble_cam.film.picture import Picture
from ensemble_cam.maps.heatmap import relative
from ensemble_cam.settings.methods import METHODS_OF_ANY_NETWORK, RolloutOptions

UNTRAINED_LINE = "Untrained network: what it says of this picture, and its maps, mean nothing."


@dataclass(frozen=True)
class Explainer:
    """Which network made an explanation, and how.

    Attributes:
        network: the network's name.
        weights: where they are from, in words.
        weights_sha256: of their file, in hex; None where they are from none.
        untrained: whether nothing that it says means anything.
        cut: how the network was cut: "timm", "traced" or "twin".
        cut_line: the same in words, with the reason.
        layer: the layer's name; of a rollout none, as all are in it.
        channels: of the layer.
        output: "softmax" or "sigmoid".
        method: a key of `methods.METHODS_OF_ANY_NETWORK`.
        input: what the network was shown: size, channels, mean, std.
        rollout: how attention was rolled out; None for other methods.
    """

    network: str
    weights: str
    weights_sha256: str | None
    untrained: bool
    cut: str
    cut_line: str
    layer: str | None
    channels: int | None
    output: str
    method: str
    input: Mapping[str, Any]
    rollout: RolloutOptions | None = None

    @property
    def method_line(self) -> str:
        """The method and the layer, in words."""
        title = METHODS_OF_ANY_NETWORK[self.method].title
        return f"{title} at {self.layer}" if self.rollout is None else f"{title}, {self.rollout.line}"


@dataclass(frozen=True, eq=False)
class Explained:
    """One picture, explained.

    Attributes:
        picture: the picture.
        by: which network, and how.
        predicted: the class with the highest probability.
        target: the class that is explained; of several the first, or the predicted one.
        probabilities: class → softmax or sigmoid of its logit, in the network's order.
        logits: class → logit.
        maps: class → (h, w) float32, at least 0, on the grid of the layer, as the method gives it; read-only.
        cautions: what has to be known first, one plain sentence each.
    """

    picture: Picture
    by: Explainer
    predicted: str
    target: str
    probabilities: Mapping[str, float]
    logits: Mapping[str, float]
    maps: Mapping[str, np.ndarray]
    cautions: tuple[str, ...]

    def in_picture(self, name: str) -> np.ndarray:
        """Return a class's relative activation at every pixel of the picture, (height, width) float32 in [0, 1].

        Bilinear between the cells' centres, which lie in the middles of equal parts of the picture.
        """
        width, height = self.picture.size
        return cv2.resize(relative(self.maps[name]), (width, height), interpolation=cv2.INTER_LINEAR)
