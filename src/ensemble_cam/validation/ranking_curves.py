"""ROC and precision-recall curves: how films are ranked, whatever the operating point.

Films that share a score are called together, so that a curve has one point for all of them. Nothing is smoothed, and
precision is not interpolated, which would be too hopeful (Davis and Goadrich 2006).
"""

from collections.abc import Mapping, Sequence
from html import escape
from types import MappingProxyType
from typing import Any

import numpy as np

from ensemble_cam.validation.statistics import called_counts

APART = 0.005
"""Of points that are kept: less than the width of a drawn line."""

_COLOURS = ("#0072b2", "#d55e00", "#00785a", "#a8497d", "#333333")
_DASHES = ("", "6 2", "2 2", "8 2 2 2", "")
_SIDE, _LEFT, _BELOW, _ABOVE = 260, 44, 40, 24
_TICKS = (0.0, 0.5, 1.0)

Points = list[list[float]]
Line = Sequence[Sequence[float]]


def roc(scores: np.ndarray, positive: np.ndarray, *, apart: float = APART) -> Points | None:
    """Return points (1 − specificity, sensitivity) from (0, 0) to (1, 1); None without films of both kinds."""
    if not len(scores) or positive.all() or not positive.any():
        return None
    counts = called_counts(scores, positive)
    return _thinned(np.stack([counts[:, 1] / counts[-1, 1], counts[:, 0] / counts[-1, 0]], axis=1), apart)


def precision_recall(scores: np.ndarray, positive: np.ndarray, *, apart: float = APART) -> Points | None:
    """Return points (sensitivity, share of the called that have it) from the first call on; None without a positive."""
    if not positive.any():
        return None
    counts = called_counts(scores, positive)[1:]
    return _thinned(np.stack([counts[:, 0] / counts[-1, 0], counts[:, 0] / counts.sum(axis=1)], axis=1), apart)


def _thinned(points: np.ndarray, apart: float) -> Points:
    """Return the ends, and of the points between those that are so far apart."""
    kept = [points[0]]
    for point in points[1:-1]:
        if np.abs(point - kept[-1]).max() >= apart:
            kept.append(point)
    if len(points) > 1:
        kept.append(points[-1])
    return [[round(float(value), 4) for value in point] for point in kept]


def curves_html(figures: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Return a finding's curves as two drawings side by side, with a legend in words; empty where there is none.

    Args:
        figures: classifier id → its figures, with `roc` and `precision_recall`, and sensitivity and specificity at the
            operating point of today, which is drawn as a dot.
        names: classifier id → name.
    """
    if not any(each["roc"] for each in figures.values()):
        return ""
    ids = list(figures)
    looks = {id: (_COLOURS[number % len(_COLOURS)], _DASHES[number % len(_DASHES)]) for number, id in enumerate(ids)}
    dots = {
        id: (1 - each["specificity"], each["sensitivity"])
        for id, each in figures.items()
        if each["sensitivity"] is not None and each["specificity"] is not None
    }
    share = next(each["positives"] / each["n"] for each in figures.values())
    roc_of, precision_of = ({id: figures[id][name] for id in ids} for name in ("roc", "precision_recall"))
    drawn = [
        _drawing(("ROC", "1 − specificity", "sensitivity"), roc_of, looks, chance=((0, 0), (1, 1)), dots=dots),
        _drawing(
            ("Precision and recall", "sensitivity (recall)", "precision"),
            precision_of,
            looks,
            chance=((0, share), (1, share)),
        ),
    ]
    legend = "".join(
        f'<li><svg width="34" height="8" aria-hidden="true">{_line([(0, 4), (34, 4)], *looks[id])}</svg> '
        f"{escape(names[id])}</li>"
        for id in ids
        if figures[id]["roc"]
    )
    return (
        f'<h3>How films are ranked</h3><div class="scroll curves">{"".join(drawn)}</div>'
        f'<ul class="legend">{legend}</ul>'
        "<p>Dots: at the operating points of today. Grey: what a coin would do. Precision is that of these films' "
        "share of positives, and no other site's.</p>"
    )


def _drawing(
    words: tuple[str, str, str],
    curves: Mapping[str, Points | None],
    looks: Mapping[str, tuple[str, str]],
    *,
    chance: Line,
    dots: Mapping[str, tuple[float, float]] = MappingProxyType({}),
) -> str:
    """Return one drawing; `words` are its title and what is told across and up."""
    title, across, up = map(escape, words)
    width, height = _SIDE + _LEFT + 12, _SIDE + _ABOVE + _BELOW
    parts = [
        f'<svg width="{width}" height="{height}" role="img" aria-label="{title}: {up} by {across}">',
        f'<text x="{_LEFT}" y="15" font-weight="600">{title}</text>',
        f'<rect x="{_LEFT}" y="{_ABOVE}" width="{_SIDE}" height="{_SIDE}" fill="none" stroke="#b9c0c7"/>',
    ]
    for tick in _TICKS:
        x, y = _at(tick, tick)
        parts.append(f'<text x="{x:.1f}" y="{_ABOVE + _SIDE + 14}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text x="{_LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    parts.append(f'<text x="{_LEFT + _SIDE / 2}" y="{height - 8}" text-anchor="middle">{across}</text>')
    middle = _ABOVE + _SIDE / 2
    parts.append(f'<text x="12" y="{middle}" text-anchor="middle" transform="rotate(-90 12 {middle})">{up}</text>')
    parts.append(_line([_at(*point) for point in chance], "#b9c0c7", ""))
    for id, points in curves.items():
        if points:
            parts.append(_line([_at(*point) for point in points], *looks[id]))
    for id, point in dots.items():
        x, y = _at(*point)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{looks[id][0]}"/>')
    return "".join((*parts, "</svg>"))


def _at(across: float, up: float) -> tuple[float, float]:
    return _LEFT + across * _SIDE, _ABOVE + (1 - up) * _SIDE


def _line(points: Sequence[tuple[float, float]], colour: str, dashes: str) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dashed}/>'
