"""One map of a review, measured for its reader: its figures beside those of the map moved, and what was removed."""

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import cv2
import numpy as np

from ensemble_cam.classifiers.heads import Step
from ensemble_cam.reviewing.analysis import Analysis
from ensemble_cam.settings.metrics import METRICS
from ensemble_cam.validation.faithfulness import (
    DELETION_BASELINE,
    INSERTION_BASELINE,
    ROAD_SHARES,
    SHARES,
    Curve,
    baseline,
    exchanged,
    go_on,
    imputed,
    on_pixels,
    order,
)
from ensemble_cam.validation.subjects import MapOf, MeasuredMap, measured, subject_of_review

QUICK: tuple[str, ...] = ("deletion", "insertion", "road_most", "road_least", "road", "focus")
"""What a reader is told first: the network runs some fifty times for each map."""

THOROUGH: tuple[str, ...] = (
    *QUICK,
    *(name for name, each in METRICS.items() if each.kind in ("sanity", "stability") and name != "stability_mirror"),
)
"""What they may ask for beside it: networks with their values shuffled, and films changed a little."""

GONE = (0.1, 0.3, 0.5)
"""Shares of the film in the pictures of what was removed."""

_SIDE = 160  # pixels of such a picture
_GAP = 6


@dataclass(frozen=True, eq=False)
class Removed:
    """Small pictures of a film that was changed by a map, with what the network said of each.

    Attributes:
        curve: the curve that they are of: "deletion", "insertion" or "road_most".
        picture: (h, w) uint8, one for each of `GONE`, side by side.
        logits: as many.
    """

    curve: str
    picture: np.ndarray
    logits: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class TrustedMap:
    """What was measured of one map.

    Attributes:
        own: its figures.
        moved: those of the same map at another place of the film; None where it was not measured.
        whole: the logit of the film as it is; NaN where nothing was measured.
        removed: what the film looked like on the way.
        metrics: those that were asked for.
        meaningless: whether the network's scores and maps of this film mean nothing.
    """

    own: MeasuredMap
    moved: MeasuredMap | None
    whole: float
    removed: tuple[Removed, ...]
    metrics: tuple[str, ...]
    meaningless: bool

    def value(self, metric: str) -> float | None:
        """Return a figure of the map; None where it is not defined or was not asked for."""
        return self.own.found.values.get(metric)

    def elsewhere(self, metric: str) -> float | None:
        """Return the figure of the same map at another place."""
        return None if self.moved is None else self.moved.found.values.get(metric)


def maps_of(analysis: Analysis, label: str) -> tuple[str, ...]:
    """Return the classifiers whose map of a finding can be measured: an ensemble's is no network's."""
    return next((tuple(each.maps) for each in analysis.findings if each.label == label), ())


def map_key(analysis: Analysis, label: str, id: str) -> tuple[object, ...]:
    """Return all that a map, and so what is measured of it, follows from."""
    film, weights = analysis.radiograph, analysis.result(id).classifier.weights
    seen = film.sha256, film.intensity, film.rescaled, film.negative, analysis.settings.framing
    return *seen, analysis.settings.recipe, label, id, weights.name, weights.sha256


def trust(
    analysis: Analysis,
    label: str,
    id: str,
    metrics: Collection[str] = QUICK,
    *,
    seed: int = 0,
    told: Step = go_on,
    stop: Callable[[], None] = lambda: None,
) -> TrustedMap:
    """Measure a classifier's map of a finding, and the same map at another place.

    Args:
        analysis: a review that has the map.
        label: the finding.
        id: the classifier's.
        metrics: names of `METRICS`.
        seed: of ties, noise and the other place.
        told: of the share that is done; may raise `Cancelled`.
        stop: asked before the network runs, a few films at a time; raises `Cancelled` where no more is wanted.

    Raises:
        ClassifierError: if the network fails on a changed film.
    """
    subject = subject_of_review(analysis.only([label]))
    one = _stoppable(next(each for each in subject.maps if each.classifier == id), stop)
    subject = replace(subject, maps=[one], pairs=1)
    found = measured(subject, metrics, seed=seed, told=lambda _, share: told(share))
    own, moved = found[0], next(iter(found[1:]), None)
    removed: tuple[Removed, ...] = ()
    if own.reason is None:
        removed = tuple(removals(one, own, seed=seed))
    whole = float(one.shown.whole[0, one.output]) if own.reason is None else math.nan
    return TrustedMap(own, moved, whole, removed, tuple(metrics), analysis.result(id).meaningless)


def _stoppable(one: MapOf, stop: Callable[[], None]) -> MapOf:
    run = one.shown.logits

    def logits(pictures: np.ndarray) -> np.ndarray:
        stop()
        return run(pictures)

    return replace(one, shown=replace(one.shown, logits=logits))


def removals(one: MapOf, own: MeasuredMap, *, seed: int = 0) -> Iterator[Removed]:
    """Yield what a film looked like while it was changed, for each curve that was measured.

    Args:
        one: the map.
        own: what was measured of it, with this seed.
        seed: of ties and noise.
    """
    shown, first = one.shown, order(on_pixels(one.grid, one.shown), one.shown.inside, seed=seed)
    plain = exchanged(first, SHARES, shown.pixels, baseline(shown, DELETION_BASELINE))
    blurred = exchanged(first, SHARES, baseline(shown, INSERTION_BASELINE), shown.pixels)
    makers = {
        "deletion": (SHARES, plain),
        "insertion": (SHARES, blurred),
        "road_most": (ROAD_SHARES, imputed(shown, first, seed=seed)),
    }
    for name, (shares, pictures) in makers.items():
        if (curve := own.found.curves.get(name)) is not None:
            places = [shares.index(share) for share in GONE]
            drawn = [each for number, each in enumerate(islice(pictures, max(places) + 1)) if number in places]
            grey = partial(_as_grey, limits=shown.limits)
            yield Removed(name, _side_by_side([grey(each) for each in drawn]), _logits(curve, places))


def _logits(curve: Curve, places: list[int]) -> tuple[float, ...]:
    return tuple(float(curve.logits[place]) for place in places)


def _as_grey(pixels: np.ndarray, limits: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    low, high = limits
    grey = ((pixels - low) / (high - low)).mean(axis=0)
    small = cv2.resize(grey.astype(np.float32), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return np.rint(small.clip(0, 1) * 255).astype(np.uint8)


def _side_by_side(pictures: list[np.ndarray]) -> np.ndarray:
    gap = np.zeros((_SIDE, _GAP), np.uint8)
    return np.hstack([each for picture in pictures for each in (picture, gap)][:-1])
