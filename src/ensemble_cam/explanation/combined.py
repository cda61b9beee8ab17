"""One map of several layers' maps."""

from collections.abc import Sequence

import cv2
import numpy as np

from ensemble_cam.maps.heatmap import relative


def combined(grids: Sequence[np.ndarray], how: str) -> np.ndarray:
    """Return one map of several layers', on the finest of their grids, (h, w) float32 in [0, 1].

    Of each the relative activation is taken, as layers' activations have scales of their own, and enlarged, bilinear
    between the cells' centres. An empty map counts as 0.

    Args:
        grids: (h, w) float32, at least 0, the earliest layer's first.
        how: one of `vocabulary.COMBINATIONS`: the mean, the maximum, or the mean weighted by 1, 2, 3 …
    """
    rows, columns = (max(each.shape[axis] for each in grids) for axis in (0, 1))
    maps = np.stack([cv2.resize(relative(each), (columns, rows), interpolation=cv2.INTER_LINEAR) for each in grids])
    if how == "max":
        return maps.max(axis=0)
    weights = np.arange(1, len(grids) + 1) if how == "weighted" else np.ones(len(grids))
    return np.average(maps, axis=0, weights=weights).astype(np.float32)
