"""What lies over a film whose truth is known, or is asked for: the phantom lab's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

Point = tuple[float, float]


@dataclass(frozen=True)
class Planted:
    """What the viewer draws over a film; places are source pixels, (x, y), whole numbers at their centres.

    Attributes:
        masks: of what was planted and is to be seen, (h, w) bool.
        marks: what a mark is called → where it is.
        hottest: (label, classifier id or "ensemble") → where the map is hottest.
        judged: the same → how the map stands to the truth, in a word.
        target: what the next click on the film marks; None while clicks mark nothing.
        asks: the same as it is displayed.
    """

    masks: Sequence[np.ndarray] = ()
    marks: Mapping[str, Point] = field(default_factory=dict)
    hottest: Mapping[tuple[str, str], Point] = field(default_factory=dict)
    judged: Mapping[tuple[str, str], str] = field(default_factory=dict)
    target: str | None = None
    asks: str | None = None

    def header(self) -> dict[str, object]:
        """Return it as the browser takes it, in the film's edge coordinates."""
        return {
            "contours": [line for mask in self.masks for line in _contours(mask)],
            "marks": [{"name": name, "at": _edge(at)} for name, at in self.marks.items()],
            "hottest": {f"{label} {id}": _edge(at) for (label, id), at in self.hottest.items()},
            "judged": {f"{label} {id}": said for (label, id), said in self.judged.items()},
            "target": self.target,
            "asks": self.asks,
        }


def _edge(point: Point) -> list[float]:
    return [float(point[0]) + 0.5, float(point[1]) + 0.5]


def _contours(mask: np.ndarray) -> list[list[list[float]]]:
    """Return the outlines of a mask's parts, along the centres of their outermost pixels."""
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    return [[_edge((x, y)) for x, y in line[:, 0].tolist()] for line in found]
