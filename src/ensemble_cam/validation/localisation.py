"""Whether a map lies where a finding is: measures of maps, and of calls, against a planted truth.

Both measures of a map are taken in source pixels, of single maps and ensembles alike:

- the *pointing game* (Zhang et al. 2018, Top-Down Neural Attention by Excitation Backprop, arXiv:1608.00507): the
  hottest pixel of the map hits if it lies in the truth, or no further from it than a tolerance;
- the *IoU* of the region at or above a threshold with the truth: intersection over union of their pixels.

Networks see the crop and nothing else, so the truth is cut to the crop first: a map is not blamed for what its network
could not see, nor helped by it, and a finding that lies outside as a whole is not judged. An empty map points nowhere;
it counts as a miss with an IoU of 0, and is counted as empty.

Pointing alone proves little for a finding that is always at the same place: set it beside what a constant guess hits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.stats import rankdata

from ensemble_cam.maps.heatmap import Heatmap, at_or_above

TOLERANCE = 0.05
"""How far beside the truth the hottest pixel may lie, as a share of the film's width."""

THRESHOLD = 0.5
"""Of the region that is compared with the truth, in relative activation."""


@dataclass(frozen=True)
class Judgement:
    """How one map stands to one planted finding.

    Attributes:
        hit: whether its hottest pixel lies in the truth or within the tolerance.
        iou: of its region and the truth, 0 to 1.
        empty: whether the map is empty; it then is a miss with an IoU of 0.
    """

    hit: bool
    iou: float
    empty: bool


def judge(
    heatmap: Heatmap, mask: np.ndarray, *, threshold: float = THRESHOLD, tolerance: float = TOLERANCE
) -> Judgement | None:
    """Compare a map with the truth.

    Args:
        heatmap: of one classifier or of an ensemble.
        mask: (height, width) bool, the truth in the film's source pixels.
        threshold: of the region, in relative activation.
        tolerance: of the pointing game, as a share of the film's width.

    Returns:
        None where no pixel of the truth lies in the crop, so that no network can have seen it.

    Raises:
        ValueError: if the mask is not of the film's size.
    """
    seen = seen_part(heatmap, mask)
    if not seen.any():
        return None
    hottest = heatmap.hottest
    if hottest is None:
        return Judgement(hit=False, iou=0.0, empty=True)
    x0, y0, x1, y1 = heatmap.geometry.crop
    region, truth = at_or_above(heatmap.in_source()[y0:y1, x0:x1], threshold), seen[y0:y1, x0:x1]
    iou = np.count_nonzero(region & truth) / np.count_nonzero(region | truth)
    return Judgement(hit=points_at(hottest, seen, tolerance=tolerance), iou=float(iou), empty=False)


def seen_part(heatmap: Heatmap, mask: np.ndarray) -> np.ndarray:
    """Return the part of a mask that lies in a map's crop, (height, width) bool.

    Raises:
        ValueError: if the mask is not of the film's size.
    """
    width, height = heatmap.geometry.source_size
    if mask.shape != (height, width):
        raise ValueError(f"The mask is of {mask.shape} pixels (height, width), the film of {(height, width)}.")
    x0, y0, x1, y1 = heatmap.geometry.crop
    seen = np.zeros_like(mask, dtype=bool)
    seen[y0:y1, x0:x1] = mask[y0:y1, x0:x1]
    return seen


def points_at(point: tuple[int, int], mask: np.ndarray, *, tolerance: float = TOLERANCE) -> bool:
    """Whether a source pixel (x, y) lies in a mask, or no further from it than `tolerance` times the film's width.

    Distances are those of pixel centres.
    """
    ys, xs = np.nonzero(mask)
    reach = tolerance * mask.shape[1]
    return bool(((xs - point[0]) ** 2 + (ys - point[1]) ** 2 <= reach**2).any())


def grown(mask: np.ndarray, *, tolerance: float = TOLERANCE) -> np.ndarray:
    """Return every pixel that `points_at` counts as a hit, (height, width) bool."""
    if not mask.any():
        return np.zeros_like(mask, dtype=bool)
    return distance_transform_edt(~mask) <= tolerance * mask.shape[1]


def area_under_curve(scores: Sequence[float], planted: Sequence[bool]) -> float | None:
    """Return the chance that a film with the finding has a higher score than one without; a tie counts half.

    It is the area under the ROC curve, from the ranks (Mann and Whitney 1947).

    Args:
        scores: one for each film.
        planted: whether the film has the finding.

    Returns:
        None unless there are films of both kinds.
    """
    positive = np.asarray(planted, dtype=bool)
    count, others = int(positive.sum()), int((~positive).sum())
    if not count or not others:
        return None
    ranks = rankdata(np.asarray(scores, dtype=np.float64))[positive].sum()
    return float((ranks - count * (count + 1) / 2) / (count * others))


@dataclass(frozen=True)
class Calls:
    """How often a finding was called where it was planted, and where it was not; calls add up."""

    true_positives: int = 0
    false_negatives: int = 0
    false_positives: int = 0
    true_negatives: int = 0

    @classmethod
    def of(cls, *, called: bool, planted: bool) -> "Calls":
        """Return one call."""
        return cls(
            true_positives=int(called and planted),
            false_negatives=int(planted and not called),
            false_positives=int(called and not planted),
            true_negatives=int(not called and not planted),
        )

    def __add__(self, other: "Calls") -> "Calls":
        return Calls(
            self.true_positives + other.true_positives,
            self.false_negatives + other.false_negatives,
            self.false_positives + other.false_positives,
            self.true_negatives + other.true_negatives,
        )

    @property
    def right(self) -> int:
        """How many were right."""
        return self.true_positives + self.true_negatives

    @property
    def count(self) -> int:
        """How many there were."""
        return self.right + self.false_negatives + self.false_positives

    @property
    def sensitivity(self) -> float | None:
        """The share that was called of what was planted; None where nothing was."""
        return _share(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def specificity(self) -> float | None:
        """The share that was not called of what was not planted; None where everything was."""
        return _share(self.true_negatives, self.true_negatives + self.false_positives)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
