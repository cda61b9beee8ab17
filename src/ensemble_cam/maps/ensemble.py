"""Several classifiers' scores and maps brought together: the mean, who stands behind it, and how far they agree."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from ensemble_cam.maps.cams import CamMap
from ensemble_cam.maps.heatmap import Heatmap, at_or_above

# Maps are compared at this many points along each side of the crop: more than any model grid has cells.
_SAMPLES = 32


@dataclass(frozen=True, eq=False)
class EnsembleMap(Heatmap):
    """The mean of several classifiers' relative activations, by ensemble weight.

    It is not divided by its own maximum again: where classifiers disagree it stays low, and that is seen.

    Attributes:
        classifiers: ids of those that stand behind it, in the given order.
        empty_classifiers: ids of those among them whose map was empty and counted as zero.
    """

    classifiers: tuple[str, ...]
    empty_classifiers: tuple[str, ...]


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


@dataclass(frozen=True)
class KnownScore:
    """One classifier's score of one finding.

    Attributes:
        value: in [0, 1].
        calibrated: whether 0.5 is the classifier's operating point rather than its sigmoid's middle.
    """

    value: float
    calibrated: bool


def ensemble_score(scores: Mapping[str, KnownScore], weights: Mapping[str, float]) -> KnownScore | None:
    """Return the mean of the calibrated scores by ensemble weight, or of the uncalibrated ones where no other counts.

    Args:
        scores: classifier id → score, of the classifiers that know the label.
        weights: classifier id → ensemble weight, at least 0.

    Returns:
        None where no classifier with a weight above 0 knows the label.
    """
    for calibrated in (True, False):
        counted = {id: s.value for id, s in scores.items() if s.calibrated is calibrated and weights[id] > 0}
        if counted:
            total = sum(weights[id] for id in counted)
            return KnownScore(sum(weights[id] * value for id, value in counted.items()) / total, calibrated)
    return None


def ensemble_map(maps: Sequence[CamMap], weights: Mapping[str, float]) -> EnsembleMap | None:
    """Average one finding's maps, each over its own maximum, by ensemble weight.

    Args:
        maps: one for each classifier that knows the label, on any grids, all of one film and framing.
        weights: classifier id → ensemble weight, at least 0; relative to one another.

    Returns:
        None where no map has a weight above 0.
    """
    counted = [cam for cam in maps if weights[cam.classifier] > 0]
    if not counted:
        return None
    total = sum(weights[cam.classifier] for cam in counted)
    return EnsembleMap(
        label=counted[0].label,
        geometry=counted[0].geometry,
        grids=tuple(cam.grids[0] for cam in counted),
        weights=tuple(weights[cam.classifier] / total for cam in counted),
        classifiers=tuple(cam.classifier for cam in counted),
        empty_classifiers=tuple(cam.classifier for cam in counted if cam.empty),
    )


def agreement(maps: Sequence[CamMap], *, threshold: float) -> Agreement | None:
    """Compare one finding's maps in pairs, at 32×32 points of the crop; None below two maps.

    An empty map has no region and no ranks: beside another map its IoU is 0, and it takes no part in the correlation.
    """
    if len(maps) < 2:
        return None
    sampled = [cam.samples(_SAMPLES).ravel() for cam in maps]
    regions = [at_or_above(values, threshold) & (not cam.empty) for cam, values in zip(maps, sampled, strict=True)]
    ious = [
        np.count_nonzero(one & other) / np.count_nonzero(one | other)
        for one, other in itertools.combinations(regions, 2)
        if (one | other).any()
    ]
    ranks = [rankdata(values) for values in sampled if np.ptp(values) > 0]
    correlations = [float(np.corrcoef(one, other)[0, 1]) for one, other in itertools.combinations(ranks, 2)]
    return Agreement(iou=_mean(ious), rank_correlation=_mean(correlations))


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None
