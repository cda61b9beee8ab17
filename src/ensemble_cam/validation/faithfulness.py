"""Whether a map shows what its network uses: the film is changed by the map, and the network asked again.

A map is faithful if the logit falls when what it shows is taken away, and stays when the rest is. That is another thing
than being right: a network that goes by a marker has a faithful map of the marker.

- Pixels go by the rank of their value, and equal values in an order drawn by a seed. A cut at a value takes the whole
  film away where most of a map is 0 (so does the grad-cam package's ROAD). A map that is the same everywhere has no
  order, and is refused.
- Curves and ROAD are of the logit, which is what a map explains. The score is kept beside it.
- ROAD's noise is a share of the film's own standard deviation, whatever the network's scale.
- The logit of the whole film is computed once for all maps of it, and films are shown in batches.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np

from ensemble_cam.classifiers.heads import Step
from ensemble_cam.errors import ClassifierError
from ensemble_cam.maps.heatmap import relative
from ensemble_cam.settings.metrics import METRICS
from ensemble_cam.validation.imputation import impute
from ensemble_cam.validation.shown import Shown

SHARES = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Of the film that are removed, or given back, along a curve: close where maps are hot, and all of it in the end."""

ROAD_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Of the film that ROAD removes, as its authors and the grad-cam package do."""

NOISE = 0.01
"""Standard deviation of ROAD's noise, as a share of the film's."""

DELETION_BASELINE, INSERTION_BASELINE = "mean", "blurred"
"""As in RISE: deletion goes to a film of one grey, insertion begins with a blurred one."""

NO_ORDER = "The map is the same everywhere: it has no order in which pixels could be removed, and is not measured."

_BLUR = 1 / 16  # of the side, a Gaussian's standard deviation: a lung's width is about five of it
_ROUNDING = 1e-6  # values of float32 that are equal by the formula


@dataclass(frozen=True, eq=False)
class Curve:
    """What a network says of a film while more and more of it is changed.

    Attributes:
        shares: (n,) float64, of the film that is changed, rising.
        logits: (n,) float64.
        scores: (n,) float64 in [0, 1].
        baseline: a name of `settings.metrics.BASELINES`; None for a picture that was handed over.
    """

    shares: np.ndarray
    logits: np.ndarray
    scores: np.ndarray
    baseline: str | None

    @property
    def area(self) -> float:
        """The area under the logits over the shares, by trapezoids."""
        return float(np.trapezoid(self.logits, self.shares))


@dataclass(frozen=True)
class Faithfulness:
    """What was measured of one map.

    Attributes:
        values: a name of `settings.metrics.METRICS` → its value; what is undefined is not there.
        curves: "deletion", "insertion", "road_most" or "road_least" → curve.
        seconds: part of the work → seconds.
        details: metric → what else was found, by name; of `sanity`.
    """

    values: Mapping[str, float]
    curves: Mapping[str, Curve]
    seconds: Mapping[str, float] = field(default_factory=dict)
    details: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)


def go_on(share: float) -> None:
    """Take note of nothing, and let the work go on."""


def measure_map(
    shown: Shown, output: int, grid: np.ndarray, metrics: Collection[str], *, seed: int = 0, step: Step = go_on
) -> Faithfulness:
    """Measure one map.

    Args:
        shown: the film as the map's network sees it.
        output: index of the logit that the map explains.
        grid: (h, w) float32, at least 0, the map on any grid over the square.
        metrics: names of `METRICS`; others are passed over.
        seed: of ties and noise.
        step: told what share is done, before each part; may raise `Cancelled`.

    Raises:
        ClassifierError: if the map is the same everywhere.
    """
    values = on_pixels(grid, shown)
    first = order(values, shown.inside, seed=seed)
    wanted = [name for name in METRICS if name in metrics]
    kinds = {METRICS[name].kind for name in wanted}
    curves: dict[str, Curve] = {}
    found: dict[str, float] = {"focus": focus(values, shown.inside), "entropy": entropy(values, shown.inside)}
    jobs: dict[str, Callable[[], None]] = {}
    if "deletion" in wanted:
        jobs["deletion"] = lambda: curves.update(deletion=deletion(shown, output, first))
    if "insertion" in wanted:
        jobs["insertion"] = lambda: curves.update(insertion=insertion(shown, output, first))
    if "road" in kinds:
        jobs["road_most"] = lambda: curves.update(road_most=road(shown, output, first, seed=seed))
        jobs["road_least"] = lambda: curves.update(road_least=road(shown, output, first[::-1], seed=seed))
    if "through" in kinds:
        jobs["through"] = lambda: found.update(through(shown, output, values))
    seconds: dict[str, float] = {}
    for number, (name, job) in enumerate(jobs.items()):
        step(number / len(jobs))
        began = time.perf_counter()
        job()
        seconds[name] = time.perf_counter() - began
    step(1.0)
    found |= {name: curves[name].area for name in ("deletion", "insertion") if name in curves}
    if "road" in kinds:
        found |= _road_values(curves, float(shown.whole[0, output]))
    return Faithfulness({name: found[name] for name in wanted if name in found}, curves, seconds)


def _road_values(curves: Mapping[str, Curve], whole: float) -> dict[str, float]:
    most, least = (float(curves[name].logits.mean()) - whole for name in ("road_most", "road_least"))
    return {"road_most": most, "road_least": least, "road": (least - most) / 2}


def on_pixels(grid: np.ndarray, shown: Shown) -> np.ndarray:
    """Return a map's relative activation at every pixel that a network sees, (side, side) float32; see `Heatmap`."""
    return cv2.resize(relative(grid), shown.inside.shape[::-1], interpolation=cv2.INTER_LINEAR)


def order(values: np.ndarray, inside: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Return the pixels in the order of their values, the highest first, equal ones as drawn by a seed.

    Args:
        values: (side, side), relative activation.
        inside: (side, side) bool, which pixels count.
        seed: of the ties.

    Returns:
        (n,) places in the flattened square.

    Raises:
        ClassifierError: if all values are the same.
    """
    places = np.flatnonzero(inside)
    steps = np.rint(values.ravel()[places] / _ROUNDING)
    if steps.min() == steps.max():
        raise ClassifierError(NO_ORDER)
    return places[np.lexsort((np.random.default_rng(seed).random(len(places)), -steps))]


def baseline(shown: Shown, name: str) -> np.ndarray:
    """Return what stands for a film that is not there, (channels, side, side) float32: "mean" or "blurred"."""
    if name == "blurred":
        sigma = _BLUR * shown.pixels.shape[-1]
        return np.stack(
            [cv2.GaussianBlur(each, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101) for each in shown.pixels]
        )
    mean = shown.pixels[:, shown.inside].mean(axis=1)[:, None, None]
    return np.broadcast_to(mean, shown.pixels.shape).astype(np.float32)


def deletion(shown: Shown, output: int, first: np.ndarray, *, to: str | np.ndarray = DELETION_BASELINE) -> Curve:
    """Return the curve of a film that loses its pixels.

    Args:
        shown: the film.
        output: index of the logit.
        first: of `order`, the pixels that go first.
        to: what stands in their place, a name of `baseline` or (channels, side, side) float32.
    """
    picture = baseline(shown, to) if isinstance(to, str) else to
    return _exchanged(shown, output, first, (shown.pixels, picture), to if isinstance(to, str) else None)


def insertion(shown: Shown, output: int, first: np.ndarray, *, on: str | np.ndarray = INSERTION_BASELINE) -> Curve:
    """Return the curve of a film that gets its pixels back; arguments are those of `deletion`."""
    picture = baseline(shown, on) if isinstance(on, str) else on
    return _exchanged(shown, output, first, (picture, shown.pixels), on if isinstance(on, str) else None)


def _exchanged(
    shown: Shown, output: int, first: np.ndarray, pictures: tuple[np.ndarray, np.ndarray], name: str | None
) -> Curve:
    return _curve(shown, output, SHARES, exchanged(first, SHARES, *pictures), name)


def exchanged(first: np.ndarray, shares: tuple[float, ...], one: np.ndarray, other: np.ndarray) -> Iterator[np.ndarray]:
    """Yield a picture whose first pixels, of each share of them, are another picture's."""
    flat, others = one.reshape(len(one), -1).copy(), other.reshape(len(other), -1)
    counts = [round(share * len(first)) for share in shares]
    for before, count in pairwise([0, *counts]):
        now = first[before:count]
        flat[:, now] = others[:, now]
        yield flat.reshape(one.shape).copy()


def road(shown: Shown, output: int, first: np.ndarray, *, noise: float = NOISE, seed: int = 0) -> Curve:
    """Return the curve of a film whose first pixels are drawn again from the others (Rong et al. 2022).

    Args:
        shown: the film.
        output: index of the logit.
        first: of `order`; turned round for the least relevant first.
        noise: standard deviation of the noise on what is drawn, as a share of the film's.
        seed: of the noise.
    """
    return _curve(shown, output, ROAD_SHARES, imputed(shown, first, noise=noise, seed=seed), "imputed")


def imputed(shown: Shown, first: np.ndarray, *, noise: float = NOISE, seed: int = 0) -> Iterator[np.ndarray]:
    """Yield the film, (channels, side, side) float32, without its first pixels, for each of `ROAD_SHARES`."""
    random = np.random.default_rng(seed)
    for share in ROAD_SHARES:
        removed = np.zeros(shown.inside.shape, dtype=bool)
        removed.flat[first[: round(share * len(first))]] = True
        drawn = impute(shown.pixels, removed)
        drawn[:, removed] += (
            noise * shown.spread[:, 0] * random.standard_normal((len(drawn), removed.sum()), np.float32)
        )
        yield drawn


def _curve(
    shown: Shown, output: int, shares: tuple[float, ...], pictures: Iterator[np.ndarray], name: str | None
) -> Curve:
    logits = shown.answers(pictures)
    return Curve(np.array(shares), logits[:, output], shown.score(logits, output), name)


def through(shown: Shown, output: int, values: np.ndarray) -> dict[str, float]:
    """Return what changes when the film is seen through the map, and fades to its mean grey where the map is cold.

    The paper multiplies film and map, so that what is cold becomes 0: black on one network's scale, middle grey on
    another's.

    Args:
        shown: the film.
        output: index of the logit.
        values: (side, side) in [0, 1], relative activation.
    """
    mean = baseline(shown, "mean")
    seen = shown.answers([mean + values * (shown.pixels - mean)])
    (before,), (after,) = shown.score(shown.whole, output), shown.score(seen, output)
    found = {
        "drop_logit": float(shown.whole[0, output] - seen[0, output]),
        "drop_score": float(before - after),
        "increase": float(after > before),
    }
    return found | ({"average_drop": float(max(0.0, before - after) / before)} if before > 0 else {})


def focus(values: np.ndarray, inside: np.ndarray) -> float:
    """Return the share of the film on which, hottest first, half of a map's sum lies."""
    falling = np.sort(values[inside].astype(np.float64))[::-1]
    sums = np.cumsum(falling)
    return float((np.searchsorted(sums, sums[-1] / 2) + 1) / len(falling))


def entropy(values: np.ndarray, inside: np.ndarray) -> float:
    """Return Shannon's entropy of a map as a share of its largest, that of a map that is the same everywhere."""
    shares = values[inside].astype(np.float64)
    shares = shares[shares > 0] / shares.sum()
    return float(-(shares * np.log(shares)).sum() / np.log(np.count_nonzero(inside)))
