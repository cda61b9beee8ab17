"""(being written)"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

FINDINGS = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Effusion",
    "Mass",
    "Nodule",
    "Pneumothorax",
)
VERSION = 1


@dataclass(frozen=True, eq=False, repr=False)
class Phantom:
    """One drawn film and its truth.

    Attributes:
        seed: what it was drawn from.
        version: of the drawing code; the same seed and version give the same film.
        difficulty: from 0, plain findings, to 1, borderline ones.
        bits: 8 or 16.
        pixels: (h, w) uint8 or uint16, over the whole range of `bits`, white = dense.
        masks: planted finding → (h, w) bool, where it was drawn; in the order of `FINDINGS`.
        pixel_spacing: millimetres a pixel, at the film.
        measures: what can be told in numbers, e.g. "cardiothoracic ratio".
    """

    seed: int
    version: int
    difficulty: float
    bits: int
    pixels: np.ndarray
    masks: Mapping[str, np.ndarray]
    pixel_spacing: float
    measures: Mapping[str, float]

    @property
    def findings(self) -> tuple[str, ...]:
        """The planted findings, none for a normal film."""
        return tuple(self.masks)


def draw_phantom(
    seed: int,
    *,
    findings: Sequence[str] | None = None,
    size: int | tuple[int, int] = 1024,
    bits: int = 8,
    difficulty: float | None = None,
) -> Phantom:
    """Draw a frontal chest film.

    Args:
        seed: at least 0; the same seed gives the same chest, whichever findings are planted and at any size.
        findings: what to plant, by the names of `FINDINGS`; none for a normal film; None to draw them at random, with
            about a fifth of the films normal.
        size: side in pixels, or (width, height); each from 256 to 3000, the longer at most 1.5 times the shorter.
        bits: 8 or 16.
        difficulty: from 0, plain findings, to 1, borderline ones; None to draw it at random.

    Raises:
        ValueError: if a value is not allowed; the message says what was got and what is allowed.
    """
    raise NotImplementedError
