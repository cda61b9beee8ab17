"""A map's regions: the connected parts of what is at or above a threshold, in source pixels.

A region is what one of the contours that are drawn encloses: of the film's pixels, those whose relative activation
`heatmap.at_or_above` says it of. Pixels are connected that share a side; two that touch at a corner alone are not. What
a region encloses and is below the threshold is none of it.

A map is read row by row as runs, [start, stop) of pixels that follow one another. Between its cells it is smooth, so
the runs are few however many pixels a film has: nothing here is as large as the film.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from ensemble_cam.film.geometry import PixelBox
from ensemble_cam.maps.heatmap import Heatmap, at_or_above

# How far an outline may be off the region's edge, in source pixels: enough to pass along the edge's steps.
_TOLERANCE = 1.0
# A map on a model's grid has a few regions. One on the grid of the pixels, Guided Grad-CAM's, may have ten thousand.
MOST_LISTED = 100
# Values that are equal by the formula differ by this much at most once they are computed, in float64.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Region:
    """A connected part of a map at or above a threshold.

    Attributes:
        box: its bounding box in source pixels, half-open.
        area: its share of the crop's pixels.
        hottest: its pixel (x, y) of the largest value, the first in row order at a tie.
        outline: (x, y) corners of a polygon around it, counterclockwise as seen; pixel (x, y) reaches from there to
            (x + 1, y + 1). Its edges are at most a pixel off the region's own, which has a corner at every step.
    """

    box: PixelBox
    area: float
    hottest: tuple[int, int]
    outline: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Extent:
    """All of a map at or above a threshold.

    Attributes:
        box: the hull: the bounding box of all regions together.
        area: their share of the crop's pixels.
        count: how many regions there are.
        regions: the hottest `MOST_LISTED` of them, the one with the map's hottest point first.
    """

    box: PixelBox
    area: float
    count: int
    regions: tuple[Region, ...]


@dataclass(frozen=True, eq=False)
class _Runs:
    """The pixels at or above a threshold of a film of some width, row by row from the left.

    Attributes:
        rows: of each run.
        starts: the x of each run's first pixel.
        stops: the x behind its last one.
        width: the film's.
    """

    rows: np.ndarray
    starts: np.ndarray
    stops: np.ndarray
    width: int

    def places(self, rows: np.ndarray, xs: np.ndarray) -> np.ndarray:
        """Return a number for each pixel, or left edge of one, that rises from left to right and from row to row."""
        return rows * (self.width + 1) + xs


def extent_of(heatmap: Heatmap, threshold: float) -> Extent | None:
    """Return what of a map is at or above a threshold, in relative activation; None where nothing is.

    An empty map has no region, whatever the threshold. Every pixel of the crop is read, a few milliseconds on a large
    film: what asks again and again keeps the answer, see `review.Review.extents`.
    """
    runs = _runs(heatmap, threshold)
    if not len(runs.rows):
        return None
    x0, y0, x1, y1 = heatmap.geometry.crop
    seen = (x1 - x0) * (y1 - y0)
    labels, firsts = _connected(runs)
    pixels, boxes = np.bincount(labels, weights=runs.stops - runs.starts), _boxes(runs, labels, firsts)
    points, peaks = _hottest(heatmap, runs, labels, firsts)
    are_others = (points != heatmap.hottest).any(axis=1)
    listed = np.lexsort((-peaks, are_others))[:MOST_LISTED]
    outlines = _outlines(runs, firsts[listed])
    found = zip(boxes[listed].tolist(), pixels[listed].tolist(), points[listed].tolist(), outlines, strict=True)
    return Extent(
        box=_hull(boxes),
        area=float(pixels.sum()) / seen,
        count=len(firsts),
        regions=tuple(Region(tuple(box), count / seen, tuple(point), outline) for box, count, point, outline in found),
    )


def _runs(heatmap: Heatmap, threshold: float) -> _Runs:
    found = [np.empty((0, 3), dtype=np.int64)]
    box = heatmap.reach(threshold)
    left = 0 if box is None else box[0]
    for rows, values in () if box is None else heatmap.blocks(box):
        above = at_or_above(values, threshold)
        # Whether something begins or ends left of a pixel; behind the last one, too.
        turns = np.empty((len(above), above.shape[1] + 1), dtype=bool)
        turns[:, 0], turns[:, -1] = above[:, 0], above[:, -1]
        np.not_equal(above[:, 1:], above[:, :-1], out=turns[:, 1:-1])
        row, x = np.divmod(np.flatnonzero(turns), turns.shape[1])
        found.append(np.stack([rows.start + row[::2], left + x[::2], left + x[1::2]], axis=1))
    lines, starts, stops = np.concatenate(found).T
    return _Runs(lines, starts, stops, heatmap.geometry.source_size[0])


def _connected(runs: _Runs) -> tuple[np.ndarray, np.ndarray]:
    """Return the region of each run, numbered in row order, and the first run of each region."""
    count = len(runs.rows)
    # A run is connected with those of the next row that stop right of its start and start left of its stop.
    stops = runs.places(runs.rows, runs.stops)
    first = np.searchsorted(stops, runs.places(runs.rows + 1, runs.starts), side="right")
    starts = runs.places(runs.rows, runs.starts)
    behind = np.searchsorted(starts, runs.places(runs.rows + 1, runs.stops), side="left")
    touching = np.maximum(behind - first, 0)
    above = np.repeat(np.arange(count), touching)
    below = np.arange(len(above)) + np.repeat(first - (np.cumsum(touching) - touching), touching)
    # Each run leads to an earlier one of its region, in the end to the first; where two regions turn out to be one, the
    # later one's first run leads to the earlier one's.
    leads = np.arange(count)
    while True:
        one, other = leads[above], leads[below]
        apart = one != other
        if not apart.any():
            break
        np.minimum.at(leads, np.maximum(one, other)[apart], np.minimum(one, other)[apart])
        while not np.array_equal(further := leads[leads], leads):
            leads = further
    is_first = leads == np.arange(count)
    return (np.cumsum(is_first) - 1)[leads], np.flatnonzero(is_first)


def _hull(boxes: np.ndarray) -> PixelBox:
    (left, top), (right, bottom) = boxes[:, :2].min(axis=0).tolist(), boxes[:, 2:].max(axis=0).tolist()
    return left, top, right, bottom


def _boxes(runs: _Runs, labels: np.ndarray, firsts: np.ndarray) -> np.ndarray:
    """Return the bounding box of each region, (regions, 4)."""
    left, right = runs.starts[firsts], runs.stops[firsts]
    top, bottom = runs.rows[firsts], runs.rows[firsts] + 1
    np.minimum.at(left, labels, runs.starts)
    np.maximum.at(right, labels, runs.stops)
    np.maximum.at(bottom, labels, runs.rows + 1)
    return np.stack([left, top, right, bottom], axis=1)


def _hottest(heatmap: Heatmap, runs: _Runs, labels: np.ndarray, firsts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the hottest pixel of each region, (regions, 2) x and y, and the value there.

    Between the map's turning pixels it rises to one side or the other, and who follows it does not leave the region:
    so a region is hottest at one of these.
    """
    xs, ys, values = heatmap.turning
    places = runs.places(ys[:, None], xs[None, :]).ravel()
    run = np.searchsorted(runs.places(runs.rows, runs.starts), places, side="right") - 1
    inside = np.flatnonzero((run >= 0) & (places < runs.places(runs.rows, runs.stops)[run]))
    label, value = labels[run[inside]], values.ravel()[inside]
    # Where rounding alone makes a region, it may have none of these pixels; then its first one stands for it.
    peaks, points = np.full(len(firsts), -1.0), np.stack([runs.starts[firsts], runs.rows[firsts]], axis=1)
    np.maximum.at(peaks, label, value)
    (near,) = np.nonzero(value >= peaks[label] - _ROUNDING)
    those, first = np.unique(label[near], return_index=True)
    row, column = np.divmod(inside[near[first]], len(xs))
    points[those] = np.stack([xs[column], ys[row]], axis=1)
    return points, peaks


def _outlines(runs: _Runs, firsts: np.ndarray) -> list[tuple[tuple[int, int], ...]]:
    """Return the outlines of the regions with these first runs.

    A run has two sides, a pixel high: 2 · run on the left, which is walked down, and 2 · run + 1 on the right, which
    is walked up; so the region is always on the same hand. On the line between two rows, sides of the upper and of the
    lower one end. From left to right, every two of them are joined by a piece of edge: between them one row is inside
    and the other is not.
    """
    sides = 2 * len(runs.rows)
    xs, rows = np.stack([runs.starts, runs.stops], axis=1).ravel(), np.repeat(runs.rows, 2)
    is_right = np.arange(sides) % 2
    # Each side ends twice: below, numbered as the sides, and above, behind those. At a corner where two regions touch,
    # what is joined is of one region: an upper run that stops there comes first, one that starts there last.
    ends = np.concatenate(
        [
            3 * runs.places(rows + 1, xs) + 2 * (1 - is_right),
            3 * runs.places(rows, xs) + 1,
        ]
    )
    joined = np.argsort(ends, kind="stable").reshape(-1, 2)
    other = np.empty(2 * sides, dtype=np.int64)
    other[joined[:, 0]], other[joined[:, 1]] = joined[:, 1], joined[:, 0]
    following = (other[np.arange(sides) + sides * is_right] % sides).tolist()
    outlines = []
    for first in (2 * firsts).tolist():
        side, walked = first, [first]
        while (side := following[side]) != first:
            walked.append(side)
        along = np.array(walked)
        from_y, to_y = rows[along] + is_right[along], rows[along] + 1 - is_right[along]
        corners = np.stack([np.repeat(xs[along], 2), np.stack([from_y, to_y], axis=1).ravel()], axis=1)
        outlines.append(_simplified(corners.astype(np.int32)))
    return outlines


def _simplified(corners: np.ndarray) -> tuple[tuple[int, int], ...]:
    """Return a closed polygon with fewer corners, (n, 2) int32, at most `_TOLERANCE` off.

    Source: Douglas and Peucker 1973, Algorithms for the reduction of the number of points.
    """
    fewer = cv2.approxPolyDP(corners, _TOLERANCE, closed=True)
    if len(fewer) < 3:  # a region as small as the tolerance
        fewer = cv2.approxPolyDP(corners, 0, closed=True)
    return tuple((x, y) for x, y in fewer[:, 0].tolist())
