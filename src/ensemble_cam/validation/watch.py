"""Whether films that come in are still like those that the networks were accepted on: many streams of numbers at once.

Each *stream* is one number of each film: a finding's score, whether it is called, a percentile of the film's greys. A
window of films is set beside the reference by two statistics of each stream, on normal scores of the ranks of both
together (van der Waerden 1952), so that no distribution is assumed:

- the *rank test*: how far the window's mean lies from the reference's, in its standard deviations under permutation;
- the *CUSUM* (Page 1954): how far the sum of the deviations beyond `SLACK`, begun anew wherever it falls below 0, has
  risen at most, upwards or downwards, film by film in their order.

All statistics of all streams are put on one scale, and the largest of each of many random orders of reference and
window together gives what chance makes of the largest (Westfall and Young 1993). So the rate of false alarms is one
for all streams and both tests together, however many there are and however they depend on one another: it is stated,
and not hoped for. It holds for each window by itself; windows that share a reference are not independent.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

AMBER, RED = 0.02, 0.002
"""Shares of windows without any change in which something is amber or red, and in which something is red."""

SLACK = 0.25
"""Of a CUSUM, in standard deviations: half of the smallest lasting shift that it is meant for."""

ORDERS = 1999
"""Random orders of reference and window: the smallest rate that can be told is one of so many and one."""

FEWEST_REFERENCE, FEWEST_WINDOW = 100, 30
"""Films, below which nothing can be said."""

_FEWEST_VALUES = 20  # of a stream, on either side
_CLIP = 3.0  # a rare event alone is no drift
_AT_ONCE = 2**22  # numbers of permuted windows in memory

Test = Literal["rank", "cusum"]


class Level(StrEnum):
    """How loud an alarm is."""

    RED = "red"
    AMBER = "amber"


@dataclass(frozen=True)
class Alarm:
    """A stream that is otherwise than in the reference.

    Attributes:
        stream: its place among the streams.
        test: which of the two found it, the louder one.
        p: the share of windows without any change in which any stream would be as far away by either test.
        level: of the alarm.
        since: number of the window's film at which the CUSUM's rise began; None for a rank test.
    """

    stream: int
    test: Test
    p: float
    level: Level
    since: int | None


def compare(
    reference: np.ndarray,
    window: np.ndarray,
    *,
    seed: int = 0,
    orders: int = ORDERS,
    told: Callable[[float], None] = lambda share: None,
) -> list[Alarm]:
    """Return the streams of a window that are otherwise than in the reference, the clearest first.

    Args:
        reference: (films, streams) float64; NaN where a stream has no value of a film.
        window: the same streams of other films, in the order in which they came.
        seed: of the random orders.
        orders: how many.
        told: of the share that is done.

    Raises:
        ValueError: if the streams are not as many, or the films too few.
    """
    _check(reference, window)
    scores, there = normal_scores(np.concatenate([reference, window]))
    usable = _usable(reference, window, scores)
    if not usable.any():
        return []
    scores, there = scores[:, usable], there[:, usable]
    films, count = len(scores), len(window)
    own = _statistics(scores[None, -count:], there[None, -count:])[0]
    random = np.random.default_rng(seed)
    chunk = max(1, _AT_ONCE // (count * scores.shape[1]))
    drawn = []
    for first in range(0, orders, chunk):
        told(first / orders)
        many = min(chunk, orders - first)
        order = np.argsort(random.random((many, films), dtype=np.float32), axis=1)[:, :count]
        drawn.append(_statistics(scores[order], there[order]))
    by_chance = np.concatenate(drawn)
    middle, spread = by_chance.mean(axis=0), by_chance.std(axis=0)
    spread[spread == 0] = np.inf
    largest = np.sort(((by_chance - middle) / spread).max(axis=1))
    far = (own - middle) / spread
    p = (1 + orders - np.searchsorted(largest, far, side="left")) / (orders + 1)
    return _alarms(p, np.flatnonzero(usable), scores[-count:], there[-count:])


def _check(reference: np.ndarray, window: np.ndarray) -> None:
    if reference.shape[1] != window.shape[1]:
        raise ValueError(f"The reference has {reference.shape[1]} streams, the window {window.shape[1]}.")
    if len(reference) < FEWEST_REFERENCE or len(window) < FEWEST_WINDOW:
        raise ValueError(f"There are {len(reference)} and {len(window)} films.")


def _usable(reference: np.ndarray, window: np.ndarray, scores: np.ndarray) -> np.ndarray:
    enough = [np.count_nonzero(~np.isnan(each), axis=0) >= _FEWEST_VALUES for each in (reference, window)]
    return enough[0] & enough[1] & (np.ptp(scores, axis=0) > 0)


def normal_scores(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the normal scores of each column's ranks, of mean 0 and variance 1, and where there are any.

    Args:
        values: (films, streams) float64, NaN where there is none.

    Returns:
        (films, streams) float64, 0 where there is none and where a column is constant; and bool.
    """
    there = ~np.isnan(values)
    scores = np.zeros_like(values)
    for column in range(values.shape[1]):
        here = there[:, column]
        if np.count_nonzero(here) < 2:
            continue
        found = ndtri(rankdata(values[here, column]) / (np.count_nonzero(here) + 1))
        spread = found.std()
        scores[here, column] = (found - found.mean()) / spread if spread > 1e-12 else 0.0
    return scores, there


def _statistics(scores: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return (orders, 2 × streams): the rank statistics, then the CUSUMs', of windows (orders, films, streams)."""
    counts = np.maximum(there.sum(axis=1), 1)
    rank = np.abs(scores.sum(axis=1)) / np.sqrt(counts)
    return np.concatenate([rank, cusum(scores, there)], axis=1)


def cusum(scores: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return how far each CUSUM rises at most, upwards or downwards, (orders, streams).

    Args:
        scores: (orders, films, streams), normal scores.
        there: the same, bool; a film without a value changes nothing.
    """
    up = np.zeros((len(scores), scores.shape[2]))
    down, most = up.copy(), up.copy()
    for film in range(scores.shape[1]):
        step, slack = np.clip(scores[:, film], -_CLIP, _CLIP), SLACK * there[:, film]
        np.maximum(up + step - slack, 0, out=up)
        np.maximum(down - step - slack, 0, out=down)
        np.maximum(most, np.maximum(up, down), out=most)
    return most


def _alarms(p: np.ndarray, streams: np.ndarray, scores: np.ndarray, there: np.ndarray) -> list[Alarm]:
    rank, sums = p[: len(streams)], p[len(streams) :]
    found = []
    for place, stream in enumerate(streams.tolist()):
        least = float(min(rank[place], sums[place]))
        if least > AMBER:
            continue
        test: Test = "rank" if rank[place] <= sums[place] else "cusum"
        level = Level.RED if least <= RED else Level.AMBER
        since = rise_began(scores[:, place], there[:, place]) if test == "cusum" else None
        found.append(Alarm(stream, test, least, level, since))
    return sorted(found, key=lambda alarm: alarm.p)


def rise_began(scores: np.ndarray, there: np.ndarray) -> int:
    """Return the number of the film, from 1, at which the highest rise of a stream's CUSUM began."""
    best, since = 0.0, 1
    for sign in (1, -1):
        total, begun = 0.0, 1
        for number, (score, has) in enumerate(zip(scores.tolist(), there.tolist(), strict=True), start=1):
            if total <= 0:
                total, begun = 0.0, number
            total += (sign * min(max(score, -_CLIP), _CLIP) - SLACK) if has else 0.0
            if total > best:
                best, since = total, begun
    return since


def middle_of(values: Sequence[float] | np.ndarray) -> float:
    """Return the median of a stream's values, or the share of ones where it has nothing else than 0 and 1."""
    known = np.asarray(values, dtype=np.float64)
    known = known[~np.isnan(known)]
    if not len(known):
        return float("nan")
    return float(known.mean() if np.isin(known, (0, 1)).all() else np.median(known))
