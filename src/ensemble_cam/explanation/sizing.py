"""Maps in other sizes, on other scales, and several as one."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from ensemble_cam.maps.heatmap import relative
from ensemble_cam.settings.explain_options import ExplainOptions
from ensemble_cam.settings.vocabulary import GRID, PICTURE

_INTERPOLATIONS: Mapping[str, int] = {
    "bilinear": cv2.INTER_LINEAR,
    "nearest": cv2.INTER_NEAREST,
    "bicubic": cv2.INTER_CUBIC,
}


def enlarged(grid: np.ndarray, size: tuple[int, int], interpolation: str) -> np.ndarray:
    """Return a map in another size, (height, width) float32, within the values that it had.

    Args:
        grid: (h, w) float32, at least 0.
        size: width and height.
        interpolation: one of `vocabulary.INTERPOLATIONS`, between centres that lie in the middles of equal parts.
    """
    sized = cv2.resize(grid, size, interpolation=_INTERPOLATIONS[interpolation])
    # A cubic curve overshoots.
    return np.clip(sized, grid.min(), grid.max()) if interpolation == "bicubic" else sized


def sized(grid: np.ndarray, picture: tuple[int, int], options: ExplainOptions) -> np.ndarray:
    """Return a map in the size that was asked for, of a picture of a width and a height."""
    if options.size == GRID:
        return grid
    size = picture if options.size == PICTURE else (int(options.size), int(options.size))
    return enlarged(grid, size, options.interpolation)


def normalised(grids: Sequence[np.ndarray], how: str) -> list[np.ndarray]:
    """Return maps on the scale of all of them together, float32, at least 0; empty ones stay 0.

    Args:
        grids: (h, w) float32, at least 0.
        how: one of `vocabulary.NORMALISATIONS`.
    """
    lowest = min(float(each.min()) for each in grids) if how == "minmax" else 0.0
    highest = max(float(each.max()) for each in grids)
    if how == "none" or highest <= lowest:
        return [each if how == "none" else np.zeros_like(each) for each in grids]
    return [((each - lowest) / (highest - lowest)).astype(np.float32) for each in grids]


def combined(grids: Sequence[np.ndarray], how: str) -> np.ndarray:
    """Return one map of several layers', on the finest of their grids, (h, w) float32 in [0, 1].

    Of each the relative activation is taken, as layers' activations have scales of their own, and enlarged, bilinear
    between the cells' centres. An empty map counts as 0.

    Args:
        grids: (h, w) float32, at least 0, the earliest layer's first.
        how: one of `vocabulary.COMBINATIONS`: the mean, the maximum, or the mean weighted by 1, 2, 3 …
    """
    rows, columns = (max(each.shape[axis] for each in grids) for axis in (0, 1))
    maps = np.stack([enlarged(relative(each), (columns, rows), "bilinear") for each in grids])
    if how == "max":
        return maps.max(axis=0)
    weights = np.arange(1, len(grids) + 1) if how == "weighted" else np.ones(len(grids))
    return np.average(maps, axis=0, weights=weights).astype(np.float32)
