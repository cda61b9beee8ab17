"""From logits to probabilities on a site's own films: fitted on one half of the patients, judged on the other.

Of the logit, which a network gives: a score is bent at the operating point so that 0.5 is there, and a probability
fitted to it would be that of another scale. Platt's scaling (1999) is two numbers and holds for few films; isotonic
regression (Zadrozny and Elkan 2002) takes any rising curve, and makes steps of chance out of few films.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

LEAST_FOR_PLATT, LEAST_FOR_ISOTONIC = 5, 50
"""Positives and negatives, each, of the half that is fitted."""

WHY_NOT_THE_SCORE = (
    "A score has 0.5 at the operating point by a bend, so it is no probability and is not calibrated; the logit is."
)

THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.5)
"""Probabilities from which on somebody would act, for the net benefit."""

_BINS, _LEAST_OF_A_BIN = 10, 5
_STEPS, _ENOUGH = 100, 1e-10
_DIGITS = 6


def platt(logits: np.ndarray, positive: np.ndarray) -> tuple[float, float]:
    """Return slope and offset of the probability sigmoid(slope · logit + offset), by Newton's steps.

    The targets are Platt's, a little inside 0 and 1, so that films that are parted wholly have a finite fit.

    Args:
        logits: (n,).
        positive: (n,) bool, films of both kinds.
    """
    count = int(positive.sum())
    targets = np.where(positive, (count + 1) / (count + 2), 1 / (len(positive) - count + 2))
    middle, spread = float(logits.mean()), float(logits.std()) or 1.0
    columns = np.stack([(logits - middle) / spread, np.ones(len(logits))], axis=1)
    found = np.array([0.0, float(np.log((count + 1) / (len(positive) - count + 1)))])
    for _ in range(_STEPS):
        shares = _sigmoid(columns @ found)
        slope = columns.T @ (shares - targets)
        curvature = (columns * (shares * (1 - shares))[:, None]).T @ columns + 1e-9 * np.eye(2)
        step = np.linalg.solve(curvature, slope)
        # Halved until the likelihood does not fall.
        before = _loss(columns @ found, targets)
        while _loss(columns @ (found - step), targets) > before + 1e-12 and np.abs(step).max() > _ENOUGH:
            step = step / 2
        found = found - step
        if np.abs(step).max() <= _ENOUGH:
            break
    return float(found[0] / spread), float(found[1] - found[0] * middle / spread)


def isotonic(logits: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return logits, rising, and the probabilities there, rising (pool adjacent violators); linear between them."""
    values, inverse, counts = np.unique(logits, return_inverse=True, return_counts=True)
    sums = np.bincount(inverse, weights=positive.astype(np.float64))
    blocks: list[list[float]] = []  # sum, films, first value, last value
    for value, total, count in zip(values, sums, counts, strict=True):
        blocks.append([float(total), float(count), float(value), float(value)])
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            total, count, _, last = blocks.pop()
            blocks[-1] = [blocks[-1][0] + total, blocks[-1][1] + count, blocks[-1][2], last]
    places = [place for block in blocks for place in block[2:]]
    shares = [block[0] / block[1] for block in blocks for _ in range(2)]
    return np.array(places), np.array(shares)


def brier(probabilities: np.ndarray, positive: np.ndarray) -> float:
    """Return the mean squared distance of probabilities from what is true, 0 to 1."""
    return float(np.mean((probabilities - positive) ** 2))


def reliability(probabilities: np.ndarray, positive: np.ndarray) -> list[dict[str, Any]]:
    """Return for up to ten parts of equally many films the mean probability and the share of positives."""
    parts = min(_BINS, len(positive) // _LEAST_OF_A_BIN)
    if parts < 1:
        return []
    order = np.array_split(np.argsort(probabilities, kind="stable"), parts)
    return [
        {"n": len(part), "expected": _rounded(probabilities[part].mean()), "observed": _rounded(positive[part].mean())}
        for part in order
    ]


def net_benefit(called: np.ndarray, positive: np.ndarray, threshold: float) -> float:
    """Return true positives less false ones, weighed by the odds of a threshold, per film (Vickers and Elkin 2006)."""
    right, wrong = (called & positive).mean(), (called & ~positive).mean()
    return float(right - wrong * threshold / (1 - threshold))


def calibration_record(logits: np.ndarray, positive: np.ndarray, on: np.ndarray, other: np.ndarray) -> dict[str, Any]:
    """Return what `validation.json` says of a classifier's calibration for a finding.

    Args:
        logits: (n,), of all films.
        positive: (n,) bool.
        on: (n,) bool, the films that are fitted.
        other: (n,) bool, those that judge.
    """
    least = min(int(positive[on].sum()), int((~positive[on]).sum()))
    if least < LEAST_FOR_PLATT or not other.any():
        reason = f"fewer than {LEAST_FOR_PLATT} films of a kind on the half that would be fitted"
        return {"platt": None, "isotonic": None, "reason": reason}
    slope, offset = platt(logits[on], positive[on])
    record: dict[str, Any] = {
        "platt": {"slope": _rounded(slope), "offset": _rounded(offset)}
        | _judged(lambda each: _sigmoid(slope * each + offset), logits[other], positive[other]),
        "isotonic": None,
        "uncalibrated": {"brier": _rounded(brier(_sigmoid(logits[other]), positive[other]))},
        "constant": {"brier": _rounded(brier(np.full(int(other.sum()), positive[on].mean()), positive[other]))},
    }
    if least < LEAST_FOR_ISOTONIC:
        return record | {"reason": f"isotonic: fewer than {LEAST_FOR_ISOTONIC} films of a kind to fit"}
    places, shares = isotonic(logits[on], positive[on])
    fitted = _judged(lambda each: np.interp(each, places, shares), logits[other], positive[other])
    return record | {"isotonic": fitted, "reason": None}


def _judged(fitted: Callable[[np.ndarray], np.ndarray], logits: np.ndarray, positive: np.ndarray) -> dict[str, Any]:
    probabilities = fitted(logits)
    return {
        "brier": _rounded(brier(probabilities, positive)),
        "reliability": reliability(probabilities, positive),
        "net_benefit": [
            {
                "threshold": threshold,
                "called": _rounded(net_benefit(probabilities >= threshold, positive, threshold)),
                "all": _rounded(net_benefit(np.ones(len(positive), bool), positive, threshold)),
            }
            for threshold in THRESHOLDS
        ],
    }


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(values, -700, 700)))


def _loss(values: np.ndarray, targets: np.ndarray) -> float:
    return float((np.logaddexp(0, values) - targets * values).sum())


def _rounded(value: float) -> float:
    return round(float(value), _DIGITS)
