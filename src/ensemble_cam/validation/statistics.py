"""How well scores tell films with a finding from those without, and how sure that is.

Everything is NumPy's; SciPy is imported when a quantile is asked for. `positive` is an (n,) array of truth values, one
for each film; `clusters` an (n,) array of whole numbers from 0 that tells which films belong to one patient. Intervals
are two-sided at `CONFIDENCE` unless it is said otherwise.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
"""Of every interval."""

RESAMPLES = 1000
"""Of a bootstrap."""

_RESAMPLES_AT_ONCE = 100  # whose weights are in memory together

Interval = tuple[float, float]


@dataclass(frozen=True)
class Area:
    """An area under the ROC curve.

    Attributes:
        auc: in [0, 1]: the chance that a positive film scores higher than a negative one, a tie counted half.
        interval: where it is likely to lie; None where the films do not tell, see `area`.
        method: what the interval is by, in words; empty without one.
    """

    auc: float
    interval: Interval | None
    method: str


@dataclass(frozen=True)
class Share:
    """A share of films, `part` of `whole`; `value` and both intervals are None where there are no such films."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        """The share."""
        return self.part / self.whole if self.whole else None

    @property
    def wilson(self) -> Interval | None:
        """Wilson's interval, see `wilson`."""
        return wilson(self.part, self.whole) if self.whole else None

    @property
    def exact(self) -> Interval | None:
        """Clopper's and Pearson's interval, see `clopper_pearson`."""
        return clopper_pearson(self.part, self.whole) if self.whole else None


# Shares


def wilson(part: int, whole: int, *, confidence: float = CONFIDENCE) -> Interval:
    """Return the score interval of a share (Wilson 1927, JASA 22:209).

    Its coverage is right on average over all shares, and can lie below `confidence` for a single one.

    Raises:
        ValueError: if `part` is not of `whole`, or `whole` is 0.
    """
    _check_share(part, whole)
    z = _normal_quantile(0.5 + confidence / 2)
    share, spread = part / whole, z * z / whole
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / whole + spread / (4 * whole)) / (1 + spread)
    # At the ends it is 0 and 1 exactly, which rounding would miss.
    return (0.0 if part == 0 else max(0.0, centre - half)), (1.0 if part == whole else min(1.0, centre + half))


def clopper_pearson(part: int, whole: int, *, confidence: float = CONFIDENCE) -> Interval:
    """Return the exact interval of a share, which covers at least so often.

    Source: Clopper and Pearson 1934, Biometrika 26:404.

    Raises:
        ValueError: as `wilson`.
    """
    from scipy.special import betaincinv

    _check_share(part, whole)
    tail = (1 - confidence) / 2
    low = 0.0 if part == 0 else float(betaincinv(part, whole - part + 1, tail))
    high = 1.0 if part == whole else float(betaincinv(part + 1, whole - part, 1 - tail))
    return low, high


def clustered_share(parts: Sequence[int], wholes: Sequence[int]) -> Interval | None:
    """Return the interval of a share over clusters, such as one film that many readers answer; None without any.

    Answers to one film are not independent: a film that is hard is missed by many. So the number of answers is made
    smaller until a plain share of that many would vary as this one does from cluster to cluster, and smaller still for
    few clusters; with it, the interval is Clopper's and Pearson's. Source: Korn and Graubard 1998 (Survey Methodology
    24:193). Where all answers are alike nothing varies, and the clusters are what is counted.

    Args:
        parts: of each cluster, how many answers are counted.
        wholes: of how many; clusters without answers are left out.

    Raises:
        ValueError: if a part is not of its whole.
    """
    from scipy.special import betaincinv, stdtrit

    inside = [(part, whole) for part, whole in zip(parts, wholes, strict=True) if whole]
    if not inside:
        return None
    part, whole = np.array(inside, dtype=float).T
    if (part < 0).any() or (part > whole).any():
        raise ValueError("A part is not of its whole.")
    clusters, answers = len(inside), float(whole.sum())
    share = float(part.sum()) / answers
    if clusters == 1:
        return (0.0, 1.0)  # of one film nobody can tell what the next one would be
    tail = (1 - CONFIDENCE) / 2
    variance = clusters / (clusters - 1) * float(((part - share * whole) ** 2).sum()) / answers**2
    count = float(clusters)
    if 0 < share < 1 and variance > 0:
        count = min(share * (1 - share) / variance, answers)
        count = min(count * (stdtrit(answers - 1, tail) / stdtrit(clusters - 1, tail)) ** 2, answers)
    hit = share * count
    low = 0.0 if share == 0 else float(betaincinv(hit, count - hit + 1, tail))
    high = 1.0 if share == 1 else float(betaincinv(hit + 1, count - hit, 1 - tail))
    return low, high


def predictive_values(sensitivity: float, specificity: float, prevalence: float) -> tuple[float | None, float | None]:
    """Return the chance that a called film has the finding, and that one not called has not, where so many have it.

    By Bayes' rule, at a stated prevalence in (0, 1): the share of positives among films that were chosen for a test
    says nothing of it. None where no film would be called, or every one.
    """
    true_positive, false_positive = sensitivity * prevalence, (1 - specificity) * (1 - prevalence)
    true_negative, false_negative = specificity * (1 - prevalence), (1 - sensitivity) * prevalence
    called, others = true_positive + false_positive, true_negative + false_negative
    return (true_positive / called if called else None), (true_negative / others if others else None)


# Curves


def roc_auc(scores: np.ndarray, positive: np.ndarray) -> float | None:
    """Return the area under the ROC curve, a tie counted half (Mann and Whitney 1947); None without both kinds."""
    if positive.all() or not positive.any():
        return None
    of_positives, _ = placements(scores, positive)
    return float(of_positives.mean())


def called_counts(scores: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Return how many positives and negatives are called as the point falls, (k, 2) whole numbers from (0, 0) to all.

    Films that share a score are called together.

    Args:
        scores: (n,) of any scale, higher for the finding; n is at least 1.
        positive: (n,) bool.
    """
    order = np.argsort(-scores, kind="stable")
    falling, truth = scores[order], positive[order]
    ends = np.append(np.flatnonzero(np.diff(falling)), len(falling) - 1)  # of films that share a score
    found = np.cumsum(np.stack([truth, ~truth], axis=1), axis=0)[ends]
    return np.concatenate([np.zeros((1, 2), dtype=found.dtype), found])


def average_precision(scores: np.ndarray, positive: np.ndarray) -> float | None:
    """Return the area under the precision-recall steps, Σ (Rᵢ − Rᵢ₋₁) Pᵢ over falling scores; None without a positive.

    Without interpolation, which is too hopeful (Davis and Goadrich 2006). A useless score's is the share of positives.
    """
    if not positive.any():
        return None
    found = called_counts(scores, positive)[1:]
    recall, precision = found[:, 0] / found[-1, 0], found[:, 0] / found.sum(axis=1)
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def placements(scores: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each positive, the share of negatives below it, and for each negative that of positives above it.

    A tie counts half. Both means are the area under the ROC curve (DeLong, DeLong and Clarke-Pearson 1988,
    Biometrics 44:837); by ranks, as Sun and Xu 2014 (IEEE Signal Process. Lett. 21:1389).
    """
    high, low = scores[positive], scores[~positive]
    sorted_high, sorted_low = np.sort(high), np.sort(low)
    below = np.searchsorted(sorted_low, high, "left") + np.searchsorted(sorted_low, high, "right")
    under = np.searchsorted(sorted_high, low, "left") + np.searchsorted(sorted_high, low, "right")
    return below / (2 * len(low)), 1 - under / (2 * len(high))


def delong_variance(scores: np.ndarray, positive: np.ndarray, clusters: np.ndarray | None = None) -> float | None:
    """Return the variance of the area under the ROC curve.

    Without clusters it is DeLong's; with them that of Obuchowski 1997 (Biometrics 53:567), where the films of one
    patient are not taken as independent. Both are one where every patient has one film. None with fewer than two
    positives or negatives, or two patients with each.
    """
    if positive.all() or not positive.any():
        return None
    return _placement_variance(*placements(scores, positive), positive, clusters)


def delong_difference(
    one: np.ndarray, other: np.ndarray, positive: np.ndarray, clusters: np.ndarray | None = None
) -> tuple[float, float] | None:
    """Compare two scores of the same films: their areas' difference, and the p of none (two-sided, DeLong, paired).

    None where there is no variance of it, as where both rank all films alike.
    """
    if positive.all() or not positive.any():
        return None
    first, second = placements(one, positive), placements(other, positive)
    differences = first[0] - second[0], first[1] - second[1]
    variance = _placement_variance(*differences, positive, clusters)
    if not variance or variance < 0:
        return None
    difference = float(differences[0].mean())
    return difference, math.erfc(abs(difference) / math.sqrt(2 * variance))


def area(scores: np.ndarray, positive: np.ndarray, clusters: np.ndarray | None = None) -> Area | None:
    """Return the area under the ROC curve with its interval; None without films of both kinds.

    The interval is DeLong's on the scale of the area's logit, on which it stays within 0 and 1 (Pepe 2003, 5.2.5). An
    area of 1 has a variance of 0, and what DeLong says of it is false; there the interval begins at the one-sided exact
    bound: of k pairs of different patients that have nobody in common, all are in order with a chance of at most
    AUCᵏ, so that AUC ≥ (1 − `CONFIDENCE`)^(1/k). An area of 0 is its mirror. Where the variance cannot be had, as with
    one positive alone, or is 0 since all scores are tied, there is none.
    """
    auc = roc_auc(scores, positive)
    if auc is None:
        return None
    if auc in (0.0, 1.0):
        bound = (1 - CONFIDENCE) ** (1 / _independent_pairs(positive, clusters))
        return Area(auc, (bound, 1.0) if auc else (0.0, 1 - bound), "exact, one-sided")
    variance = delong_variance(scores, positive, clusters)
    if variance is None or variance <= 0:
        return Area(auc, None, "")
    logit = math.log(auc / (1 - auc))
    half = _normal_quantile(0.5 + CONFIDENCE / 2) * math.sqrt(variance) / (auc * (1 - auc))
    ends = [1 / (1 + math.exp(min(700.0, -end))) for end in (logit - half, logit + half)]
    repeated = clusters is not None and len(np.unique(clusters)) < len(clusters)
    return Area(auc, (ends[0], ends[1]), "DeLong for clustered films, logit" if repeated else "DeLong, logit")


def bootstrap_interval(
    scores: np.ndarray, positive: np.ndarray, clusters: np.ndarray, *, seed: int, resamples: int = RESAMPLES
) -> Interval | None:
    """Return the area's percentile interval when patients are drawn again, each with all of their films.

    Draws without films of both kinds are left out; None where fewer than nine in ten are left, or the area is 0 or 1,
    which every draw repeats (Efron and Tibshirani 1993, 13).
    """
    if roc_auc(scores, positive) in (None, 0.0, 1.0):
        return None
    random = np.random.default_rng(seed)
    _, members = np.unique(clusters, return_inverse=True)
    count = int(members.max()) + 1
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=np.nan) != 0)  # of films that share a score
    drawn: list[np.ndarray] = []
    for first in range(0, resamples, _RESAMPLES_AT_ONCE):
        times = random.multinomial(count, np.full(count, 1 / count), size=min(_RESAMPLES_AT_ONCE, resamples - first))
        weights = times[:, members[order]]
        high = np.add.reduceat(weights * positive[order], starts, axis=1)
        low = np.add.reduceat(weights * ~positive[order], starts, axis=1)
        pairs = high.sum(axis=1) * low.sum(axis=1)
        won = (high * (np.cumsum(low, axis=1) - low / 2)).sum(axis=1)
        drawn.append(won[pairs > 0] / pairs[pairs > 0])
    areas = np.concatenate(drawn)
    if len(areas) < 0.9 * resamples:
        return None
    low_end, high_end = np.quantile(areas, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low_end), float(high_end)


# Operating points


def thresholds(scores: np.ndarray) -> np.ndarray:
    """Return every value that calls other films than its neighbours do, rising: midway between scores that differ.

    A film is called at or above the value. The ends, at which all are called or none, have no score beyond them and are
    left out.
    """
    values = np.unique(scores)
    return (values[:-1] + values[1:]) / 2


def youden_point(scores: np.ndarray, positive: np.ndarray) -> float | None:
    """Return the threshold with the largest sensitivity + specificity − 1, the lowest of several (Youden 1950).

    None without films of both kinds, or where all scores are one.
    """
    cuts = thresholds(scores)
    if positive.all() or not positive.any() or not len(cuts):
        return None
    return float(cuts[np.argmax(_share_called(scores[positive], cuts) - _share_called(scores[~positive], cuts))])


def sensitivity_point(scores: np.ndarray, positive: np.ndarray, sensitivity: float) -> float | None:
    """Return the highest threshold that calls at least this share of the positives; None if only calling all does."""
    cuts = thresholds(scores)
    if not positive.any() or not len(cuts):
        return None
    reached = cuts[_share_called(scores[positive], cuts) >= sensitivity]
    return float(reached[-1]) if len(reached) else None


def alert_rate_point(scores: np.ndarray, rate: float) -> float | None:
    """Return the lowest threshold that calls at most this share of all films; None if only calling none does."""
    cuts = thresholds(scores)
    if not len(cuts):
        return None
    kept = cuts[_share_called(scores, cuts) <= rate]
    return float(kept[0]) if len(kept) else None


# Several questions


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected for being several, in their order (Holm 1979, Scand. J. Stat. 6:65)."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    corrected, highest = [0.0] * len(p_values), 0.0
    for place, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[index]))
        corrected[index] = highest
    return corrected


def _placement_variance(
    of_positives: np.ndarray, of_negatives: np.ndarray, positive: np.ndarray, clusters: np.ndarray | None
) -> float | None:
    high, low = len(of_positives), len(of_negatives)
    mean = of_positives.mean()
    _, members = np.unique(np.arange(len(positive)) if clusters is None else clusters, return_inverse=True)
    count = int(members.max()) + 1
    up = np.bincount(members[positive], of_positives - mean, minlength=count)
    down = np.bincount(members[~positive], of_negatives - mean, minlength=count)
    with_high = len(np.unique(members[positive]))
    with_low = len(np.unique(members[~positive]))
    if with_high < 2 or with_low < 2:
        return None
    first = with_high / (with_high - 1) * (up**2).sum() / high**2
    second = with_low / (with_low - 1) * (down**2).sum() / low**2
    both = 2 * count / (count - 1) * (up * down).sum() / (high * low)
    return float(first + second + both)


def _independent_pairs(positive: np.ndarray, clusters: np.ndarray | None) -> int:
    """Return how many pairs of a positive and a negative there are of which no two have a patient in common.

    Films of one patient alone make one pair: what it is worth nobody can tell.
    """
    if clusters is None:
        return int(min(positive.sum(), (~positive).sum()))
    high, low = set(clusters[positive].tolist()), set(clusters[~positive].tolist())
    return max(1, min(len(high), len(low), len(high | low) // 2))


def _share_called(scores: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    return 1 - np.searchsorted(np.sort(scores), cuts, "left") / len(scores)


def _check_share(part: int, whole: int) -> None:
    if not 0 <= part <= whole or whole == 0:
        raise ValueError(f"{part} of {whole} is no share.")


def _normal_quantile(share: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(share))
