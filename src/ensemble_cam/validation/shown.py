"""What a network was shown, and what it answers to something else: all that measures of a map need of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np

from ensemble_cam.classifiers.arrays import as_numpy, not_numbers_allowed
from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.film.geometry import BLACK

# Pictures at once, by their pixels, as Score-CAM's: a batch of networks' activations stays below half a gigabyte.
_PIXELS_AT_ONCE = 2**20


@dataclass(frozen=True, eq=False)
class Shown:
    """One film as one network sees it.

    Attributes:
        pixels: (channels, side, side) float32, as the network takes them.
        logits: (n, channels, side, side) float32 → (n, outputs) logits; it keeps nothing.
        score: ((n, outputs) logits, output) → (n,) scores in [0, 1].
        inside: (side, side) bool, what of the square is film and not padding.
        limits: the lowest and the highest value that a pixel can have, each (channels, 1, 1) float32.
    """

    pixels: np.ndarray
    logits: Callable[[np.ndarray], np.ndarray]
    score: Callable[[np.ndarray, int], np.ndarray]
    inside: np.ndarray
    limits: tuple[np.ndarray, np.ndarray]

    @cached_property
    def whole(self) -> np.ndarray:
        """The (1, outputs) logits of the film itself, run once for all maps and measures of it."""
        return self.logits(self.pixels[None])

    @cached_property
    def spread(self) -> np.ndarray:
        """The standard deviation of each channel, (channels, 1, 1) float32."""
        return self.pixels[:, self.inside].std(axis=1)[:, None, None]

    def answers(self, pictures: Iterable[np.ndarray]) -> np.ndarray:
        """Return the (n, outputs) logits of pictures, each (channels, side, side), a batch at a time."""
        at_once, left = max(1, _PIXELS_AT_ONCE // self.pixels[0].size), iter(pictures)
        found = []
        while batch := list(islice(left, at_once)):
            found.append(self.logits(np.stack(batch)))
        return np.concatenate(found)


def shown_to(classifier: Classifier, pixels: np.ndarray, inside: np.ndarray | None = None) -> Shown:
    """Return a film as one of the program's own classifiers sees it.

    Args:
        classifier: the classifier.
        pixels: (1, 1, side, side) float32 in [-1024, 1024], see `pipeline.model_input`.
        inside: see `Shown`; without, all of it.
    """
    labels = {output: label for label, output in classifier.outputs.items()}

    def logits(pictures: np.ndarray) -> np.ndarray:
        with not_numbers_allowed():
            return as_numpy(classifier.head.logits(classifier.backbone(pictures))).astype(np.float64)

    def score(found: np.ndarray, output: int) -> np.ndarray:
        return np.array([classifier.scores(each)[labels[output]] for each in found.tolist()])

    whole = np.ones(pixels.shape[2:], dtype=bool)
    limits = np.full((1, 1, 1), BLACK, np.float32), np.full((1, 1, 1), -BLACK, np.float32)
    return Shown(pixels[0], logits, score, whole if inside is None else inside, limits)
