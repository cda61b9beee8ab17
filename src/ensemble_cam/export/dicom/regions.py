"""A map's regions in the film's stored pixels: outlines clipped to the film, and the pixels themselves.

Source pixels are square; where stored ones are not, the film was enlarged along one axis, see `film.proportions`.
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from ensemble_cam.film.geometry import Geometry
from ensemble_cam.maps.heatmap import Heatmap, at_or_above
from ensemble_cam.maps.regions import Region

MOST_POINTS = 8191
"""Of an outline: with more, its VR has no room for its length, and readers drop it (PS3.5 6.2.2)."""


def stored_outline(outline: Sequence[tuple[int, int]], source: tuple[int, int], stored: tuple[int, int]) -> np.ndarray:
    """Return an outline as a closed polyline of stored pixels.

    Args:
        outline: (x, y) corners in source pixels.
        source: the film's width and height in source pixels.
        stored: the same in stored ones.

    Returns:
        (n, 2) float64 columns and rows, of which the last point is the first; the corner of the upper left pixel is
        (0, 0), and no point lies beyond the film.
    """
    corners = np.array([*outline, outline[0]], dtype=np.float64)
    tolerance = 1.0
    while len(corners) > MOST_POINTS:
        fewer = cv2.approxPolyDP(corners[:-1].astype(np.int32), tolerance, closed=True)[:, 0]
        corners, tolerance = np.concatenate([fewer, fewer[:1]]).astype(np.float64), 2 * tolerance
    return np.clip(corners * (np.array(stored) / np.array(source)), 0, stored)


def region_masks(
    heatmap: Heatmap, threshold: float, regions: Sequence[Region], stored: tuple[int, int]
) -> Iterator[np.ndarray]:
    """Yield the pixels of each region, (rows, columns) bool of stored pixels.

    Args:
        heatmap: the map.
        threshold: in relative activation.
        regions: some of its regions at that threshold, each told by its hottest pixel.
        stored: the film's width and height in stored pixels.
    """
    above = at_or_above(heatmap.in_source(), threshold) & _seen(heatmap.geometry)
    _, labels = cv2.connectedComponents(above.astype(np.uint8), connectivity=4)
    for region in regions:
        x, y = region.hottest
        yield as_stored(labels == labels[y, x], stored)


def _seen(geometry: Geometry) -> np.ndarray:
    """Return which source pixels the networks saw."""
    width, height = geometry.source_size
    x0, y0, x1, y1 = geometry.crop
    seen = np.zeros((height, width), dtype=bool)
    seen[y0:y1, x0:x1] = True
    return seen


def as_stored(values: np.ndarray, stored: tuple[int, int]) -> np.ndarray:
    """Return values at source pixels, (height, width), at the stored pixels: each at the pixel below its centre."""
    height, width = values.shape
    columns, rows = stored
    if (columns, rows) == (width, height):
        return values
    ys = ((np.arange(rows) + 0.5) * height / rows).astype(np.intp)
    xs = ((np.arange(columns) + 0.5) * width / columns).astype(np.intp)
    return values[np.ix_(ys, xs)]
