"""How far readers and networks agree with one another, and how right they are where the truth is known.

A rater is a reader, before or after the reveal, a network, or the truth. Of each finding every film that two raters
have both called is a pair of answers; intervals are two-sided at `validation.statistics.CONFIDENCE`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from statistics import NormalDist

import numpy as np

from ensemble_cam.validation.statistics import CONFIDENCE, RESAMPLES, Interval, Share

Answers = Mapping[str, bool]
"""Film → whether a rater holds that a finding is there."""


@dataclass(frozen=True)
class Kappa:
    """Agreement beyond chance.

    Attributes:
        value: 1 where all agree, 0 where they agree as often as chance would have it.
        interval: None where the answers do not tell.
    """

    value: float
    interval: Interval | None


@dataclass(frozen=True)
class Comparison:
    """Two raters of one finding, the second of them taken for the truth.

    Attributes:
        finding: its label.
        rater: who is compared.
        against: whom with.
        films: that both have called.
        agreed: on how many of them they say the same.
        kappa: Cohen's; None where it is not defined, as where both say the same of all films.
        sensitivity: the share of the films on which `against` says that the finding is there.
        specificity: of those on which it says that it is not.
    """

    finding: str
    rater: str
    against: str
    films: int
    agreed: int
    kappa: Kappa | None
    sensitivity: Share
    specificity: Share


def cohen_kappa(one: Sequence[bool], other: Sequence[bool]) -> Kappa | None:
    """Return Cohen's kappa of two raters' answers to the same films; None where chance alone would agree on all.

    The interval is by the large-sample variance of Fleiss, Cohen and Everitt 1969 (Psychol. Bull. 72:323, eq. 13), cut
    at -1 and 1. Where both agree on everything its width would be 0, which so few films do not say: there is none.
    Source: Cohen 1960 (Educ. Psychol. Meas. 20:37).
    """
    table = np.zeros((2, 2))
    np.add.at(table, (np.asarray(one, dtype=int), np.asarray(other, dtype=int)), 1)
    count = table.sum()
    if not count:
        return None
    shares = table / count
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    observed, expected = float(np.trace(shares)), float(rows @ columns)
    if expected >= 1:
        return None
    kappa = (observed - expected) / (1 - expected)
    same = sum(shares[k, k] * (1 - (rows[k] + columns[k]) * (1 - kappa)) ** 2 for k in range(2))
    apart = (1 - kappa) ** 2 * sum(shares[i, j] * (columns[i] + rows[j]) ** 2 for i, j in ((0, 1), (1, 0)))
    variance = (same + apart - (kappa - expected * (1 - kappa)) ** 2) / (count * (1 - expected) ** 2)
    if variance <= 1e-12:
        return Kappa(kappa, None)
    half = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2) * math.sqrt(variance)
    return Kappa(kappa, (max(-1.0, kappa - half), min(1.0, kappa + half)))


def fleiss_kappa(answers: np.ndarray, *, seed: int = 0) -> Kappa | None:
    """Return Fleiss' kappa of several raters' answers; None where chance alone would agree on all.

    The interval is of the percentiles when films are drawn again. Source: Fleiss 1971 (Psychol. Bull. 76:378).

    Args:
        answers: (films, raters) of truth values, two raters or more.
        seed: of the films drawn again.
    """
    there = answers.sum(axis=1)
    value = _fleiss(there[None], answers.shape[1])[0]
    if not np.isfinite(value):
        return None
    drawn = np.random.default_rng(seed).integers(0, len(there), (RESAMPLES, len(there)))
    values = _fleiss(there[drawn], answers.shape[1])
    values = values[np.isfinite(values)]
    if len(values) < 0.9 * RESAMPLES or np.ptp(values) == 0:
        return Kappa(float(value), None)
    low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Kappa(float(value), (float(low), float(high)))


def comparisons(finding: str, raters: Mapping[str, Answers]) -> Iterable[Comparison]:
    """Yield every pair of raters of a finding that have called a film in common, each against the other.

    Args:
        finding: its label.
        raters: rater → film → whether the finding is there.
    """
    for rater, against in permutations(raters, 2):
        common = [film for film in raters[rater] if film in raters[against]]
        if not common:
            continue
        said, true = ([raters[each][film] for film in common] for each in (rater, against))
        pairs = list(zip(said, true, strict=True))
        yield Comparison(
            finding=finding,
            rater=rater,
            against=against,
            films=len(common),
            agreed=sum(one == other for one, other in pairs),
            kappa=cohen_kappa(said, true),
            sensitivity=Share(sum(one and other for one, other in pairs), sum(true)),
            specificity=Share(sum(not (one or other) for one, other in pairs), len(true) - sum(true)),
        )


def _fleiss(there: np.ndarray, raters: int) -> np.ndarray:
    """Return Fleiss' kappa of each row of (samples, films) counts of raters that say that the finding is there."""
    counts = np.stack([there, raters - there]).astype(np.float64)
    agreed = ((counts**2).sum(axis=0) - raters) / (raters * (raters - 1))
    chance = ((counts.mean(axis=2) / raters) ** 2).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (agreed.mean(axis=1) - chance) / (1 - chance)
