"""How far a finding's maps agree: the overlap of their regions, and the rank correlation of their values."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ensemble_cam.maps.heatmap import Heatmap, at_or_above

# Maps are compared at this many points along each side of the crop: more than any model grid has cells.
_SAMPLES = 32


@dataclass(frozen=True)
class Agreement:
    """How far a finding's maps agree, over all pairs of them.

    Attributes:
        iou: mean intersection over union of the regions at or above the threshold, in [0, 1]; None where no pair has
            a region to compare.
        rank_correlation: mean Spearman correlation of the values, in [-1, 1]; None where every pair has a constant map.
    """

    iou: float | None
    rank_correlation: float | None


def agreement(maps: Sequence[Heatmap], *, threshold: float) -> Agreement | None:
    """Compare one finding's maps in pairs, at 32×32 points of the crop.

    An empty map has no region and no ranks: beside another map its IoU is 0, and it takes no part in the correlation.

    Args:
        maps: on any grids, all of one film and framing.
        threshold: of the regions, in relative activation.

    Returns:
        None below two maps.
    """
    if len(maps) < 2:
        return None
    sampled = [heatmap.samples(_SAMPLES).ravel() for heatmap in maps]
    ranks = [ranked(values) for values in sampled if np.ptp(values) > 0]
    correlations = [float(np.corrcoef(one, other)[0, 1]) for one, other in itertools.combinations(ranks, 2)]
    return Agreement(iou=_overlap(maps, sampled, threshold), rank_correlation=_mean(correlations))


def overlap(maps: Sequence[Heatmap], *, threshold: float) -> float | None:
    """Return `Agreement.iou` alone, which takes a third of the time."""
    return _overlap(maps, [heatmap.samples(_SAMPLES).ravel() for heatmap in maps], threshold)


def _overlap(maps: Sequence[Heatmap], sampled: Sequence[np.ndarray], threshold: float) -> float | None:
    regions = [
        at_or_above(values, threshold) & (not heatmap.empty) for heatmap, values in zip(maps, sampled, strict=True)
    ]
    return _mean(
        [
            np.count_nonzero(one & other) / np.count_nonzero(one | other)
            for one, other in itertools.combinations(regions, 2)
            if (one | other).any()
        ]
    )


def ranked(values: np.ndarray) -> np.ndarray:
    """Return each value's rank from 1, float64; equal values share the mean of theirs.

    As `scipy.stats.rankdata`, whose import takes a second of every cold review.
    """
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean: np.ndarray = (last - (counts - 1) / 2)[inverse]
    return mean


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None
