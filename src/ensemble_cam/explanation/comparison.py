"""Two networks' maps of one class in one picture, side by side."""

from dataclasses import dataclass

import numpy as np

from ensemble_cam.explanation.result import ClassMap
from ensemble_cam.explanation.sizing import enlarged
from ensemble_cam.maps.agreement import ranked
from ensemble_cam.maps.heatmap import at_or_above

_SAMPLES = 32
THRESHOLD = 0.4
"""Of the regions, in relative activation."""


@dataclass(frozen=True)
class Alike:
    """How far two maps agree; see `maps.agreement.Agreement`.

    Attributes:
        rank_correlation: Spearman's, in [-1, 1]; None where one is the same everywhere.
        iou: of the regions at or above the threshold, in [0, 1]; None where neither has one.
    """

    rank_correlation: float | None
    iou: float | None


def alike(one: ClassMap, other: ClassMap) -> Alike:
    """Compare two maps at 32×32 points."""
    first, second = (enlarged(each.relative, (_SAMPLES, _SAMPLES), "bilinear").ravel() for each in (one, other))
    correlation = None
    if np.ptp(first) > 0 and np.ptp(second) > 0:
        correlation = float(np.corrcoef(ranked(first), ranked(second))[0, 1])
    regions = [at_or_above(each, THRESHOLD) & bool(each.any()) for each in (first, second)]
    union = np.count_nonzero(regions[0] | regions[1])
    return Alike(correlation, np.count_nonzero(regions[0] & regions[1]) / union if union else None)
