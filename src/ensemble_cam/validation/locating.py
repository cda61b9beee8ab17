"""Whether maps lie where findings were marked: hit, IoU and Dice over a site's films, and the best threshold.

A map is judged on films that have the finding, cut to what the networks see. A threshold is chosen on one half of the
patients and reported on the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ensemble_cam.maps.heatmap import Heatmap, at_or_above
from ensemble_cam.reviewing.analysis import Analysis
from ensemble_cam.validation.localisation import points_at, seen_part
from ensemble_cam.validation.places import Place
from ensemble_cam.validation.statistics import Share

THRESHOLDS = tuple(number / 20 for number in range(1, 20))
"""Of the region that is set beside a mark, in relative activation."""

_FEWEST = 5  # films of a half, from which on a threshold is chosen
_DIGITS = 6


@dataclass(frozen=True)
class Located:
    """How one map stands to a marked finding.

    Attributes:
        finding: the label.
        id: the classifier's, or "ensemble".
        hit: whether its hottest pixel lies in the mark.
        iou: of its region and the mark, one for each of `THRESHOLDS`.
        dice: the same, twice the intersection over the sum of both.
    """

    finding: str
    id: str
    hit: bool
    iou: tuple[float, ...]
    dice: tuple[float, ...]


def located(analysis: Analysis, marks: Mapping[str, Place]) -> list[Located]:
    """Judge a film's maps.

    Args:
        analysis: its review, with maps of the marked findings.
        marks: finding → where it is.

    Raises:
        ConfigError: if a mark is of a film of another size.
    """
    width, height = analysis.geometry.source_size
    found = []
    for finding in analysis.findings:
        if finding.label not in marks:
            continue
        mask = marks[finding.label].mask(width, height)
        for id, heatmap in finding.heatmaps().items():
            if (one := judged(heatmap, mask, finding.label, id)) is not None:
                found.append(one)
    return found


def judged(heatmap: Heatmap, mask: np.ndarray, label: str, id: str) -> Located | None:
    """Compare a map with a mark, (height, width) bool; None where no pixel of it lies in the crop."""
    seen = seen_part(heatmap, mask)
    if not seen.any():
        return None
    if heatmap.hottest is None:
        nothing = (0.0,) * len(THRESHOLDS)
        return Located(label, id, hit=False, iou=nothing, dice=nothing)
    x0, y0, x1, y1 = heatmap.geometry.crop
    values, truth = heatmap.in_source()[y0:y1, x0:x1], seen[y0:y1, x0:x1]
    iou, dice, size = [], [], np.count_nonzero(truth)
    for threshold in THRESHOLDS:
        region = at_or_above(values, threshold)
        both, own = np.count_nonzero(region & truth), np.count_nonzero(region)
        iou.append(both / (own + size - both))
        dice.append(2 * both / (own + size))
    return Located(label, id, points_at(heatmap.hottest, seen, tolerance=0.0), tuple(iou), tuple(dice))


def places_record(found: Sequence[Sequence[Located]], first_half: np.ndarray, threshold: float) -> dict[str, Any]:
    """Return finding → classifier → what `validation.json` says of where its maps lie.

    Args:
        found: of each film what was judged.
        first_half: (films,) bool, on which thresholds are chosen.
        threshold: that a review draws with.
    """
    by_map: dict[tuple[str, str], list[tuple[bool, Located]]] = {}
    for half, film in zip(first_half.tolist(), found, strict=True):
        for each in film:
            by_map.setdefault((each.finding, each.id), []).append((half, each))
    record: dict[str, Any] = {}
    for (finding, id), of in by_map.items():
        record.setdefault(finding, {})[id] = _record(of, threshold)
    return record


def _record(of: Sequence[tuple[bool, Located]], threshold: float) -> dict[str, Any]:
    ious = np.array([each.iou for _, each in of])
    dices = np.array([each.dice for _, each in of])
    first = np.array([half for half, _ in of])
    hits = Share(sum(each.hit for _, each in of), len(of))
    drawn = min(range(len(THRESHOLDS)), key=lambda place: abs(THRESHOLDS[place] - threshold))
    best = None
    if min(first.sum(), (~first).sum()) >= _FEWEST:
        place = int(ious[first].mean(axis=0).argmax())
        best = {
            "threshold": THRESHOLDS[place],
            "chosen_on": int(first.sum()),
            "reported_on": int((~first).sum()),
            "iou": _mean(ious[~first, place]),
            "dice": _mean(dices[~first, place]),
        }
    return {
        "n": len(of),
        "hit": round(hits.part / hits.whole, _DIGITS),
        "hit_wilson": None if hits.wilson is None else [round(each, _DIGITS) for each in hits.wilson],
        "threshold": THRESHOLDS[drawn],
        "iou": _mean(ious[:, drawn]),
        "dice": _mean(dices[:, drawn]),
        "best": best,
    }


def _mean(values: np.ndarray) -> float:
    return round(float(values.mean()), _DIGITS)
