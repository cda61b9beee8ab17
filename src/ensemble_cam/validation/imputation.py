"""ROAD's imputation: what was removed of a film is drawn again from what is left, as a weighted mean of its neighbours.

Rong et al. 2022 (arXiv:2202.00449, appendix): a removed pixel is the mean of its eight neighbours, those that share a
side weighing 1/6 and those at a corner 1/12, over the weights of those that lie in the film. That is a linear system
with one equation for each removed pixel, and its authors factorise it. Here it is solved by conjugate gradients with a
cycle of coarser grids before each step, which takes about ten steps whatever is removed.
"""

import cv2
import numpy as np

TOLERANCE = 1e-4
"""How far a removed pixel may lie from the system's solution, as a share of the film's standard deviation."""

_NEIGHBOURS = np.array([[1, 2, 1], [2, 0, 2], [1, 2, 1]], dtype=np.float32) / 12
_MOST_STEPS = 200
_DAMPING, _COARSEST, _SWEEPS = 0.8, 4, 8
# A coarse cell is unknown where all of its pixels are.
_ALL = 0.999


def impute(pixels: np.ndarray, removed: np.ndarray) -> np.ndarray:
    """Return a film whose removed pixels are drawn from the others.

    Args:
        pixels: (channels, height, width) float32.
        removed: (height, width) bool; where all are, each is the film's mean.

    Returns:
        The same shape; pixels that were not removed are what they were.
    """
    if not removed.any():
        return pixels.copy()
    if removed.all():
        return np.broadcast_to(pixels.mean(axis=(1, 2), keepdims=True), pixels.shape).astype(np.float32)
    system = _System(removed.astype(np.float32))
    return np.stack([np.where(removed, _solved(system, channel, removed), channel) for channel in pixels])


def _solved(system: "_System", channel: np.ndarray, removed: np.ndarray) -> np.ndarray:
    """Solve by flexible conjugate gradients (Notay 2000): the cycle before a step is not quite symmetric."""
    known = np.where(removed, np.float32(0), channel)
    allowed = TOLERANCE * float(channel.std())
    found = system.unknown * _guess(known, 1 - system.unknown)
    left = system.unknown * _from_neighbours(known) - system.applied(found)
    direction, before = np.zeros_like(found), (left, np.inf)
    for _ in range(_MOST_STEPS):
        wanted = system.cycle(left)
        if np.abs(wanted).max() <= allowed:
            return found + wanted
        now, past = float(np.vdot(left, wanted)), float(np.vdot(before[0], wanted))
        direction = wanted + np.float32(max(0.0, (now - past) / before[1])) * direction
        applied = system.applied(direction)
        length, before = np.float32(now / float(np.vdot(direction, applied))), (left, now)
        found, left = found + length * direction, left - length * applied
    return found


class _System:
    """The equations on one grid, and those of the grid of half its size.

    Args:
        unknown: (h, w) float32, 1 where a pixel was removed and 0 elsewhere.
    """

    def __init__(self, unknown: np.ndarray):
        self.unknown = unknown
        self._weights = _from_neighbours(np.ones_like(unknown))
        self._step = np.float32(_DAMPING) * unknown / self._weights
        self._coarser = None
        if min(unknown.shape) > _COARSEST and (coarse := _halved(unknown) >= _ALL).any():
            self._coarser = _System(coarse.astype(np.float32))

    def applied(self, values: np.ndarray) -> np.ndarray:
        """Return the left side of the equations, 0 where nothing was removed."""
        return self.unknown * (self._weights * values - _from_neighbours(values))

    def cycle(self, left: np.ndarray) -> np.ndarray:
        """Return about what has to be added so that nothing is left of the right side."""
        found = self._step * left
        if self._coarser is None:
            for _ in range(_SWEEPS):
                found = self._smoothed(found, left)
            return found
        rest = _halved(left - self.applied(found))
        # The mean of neighbours less the middle is the Laplacian times the square of the cells' distance.
        found += self.unknown * _doubled(self._coarser.cycle(4 * self._coarser.unknown * rest), left.shape)
        return self._smoothed(found, left)

    def _smoothed(self, found: np.ndarray, left: np.ndarray) -> np.ndarray:
        return found + self._step * (left - self.applied(found))


def _from_neighbours(values: np.ndarray) -> np.ndarray:
    """Return the weighted sum of each pixel's neighbours; beyond the rim there is nothing."""
    return cv2.filter2D(values, -1, _NEIGHBOURS, borderType=cv2.BORDER_CONSTANT)


def _guess(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mean of what is known, taken from ever coarser grids where a pixel itself is not."""
    own = values / np.maximum(weights, np.float32(1e-9))
    if min(values.shape) <= 1 or weights.min() > 0:
        return own
    return np.where(weights > 0, own, _doubled(_guess(_halved(values), _halved(weights)), values.shape))


def _halved(values: np.ndarray) -> np.ndarray:
    """Return the mean of every 2×2 values; an odd last line counts twice."""
    height, width = values.shape
    even = cv2.copyMakeBorder(values, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    size = even.shape[1] // 2, even.shape[0] // 2
    return cv2.resize(even, size, interpolation=cv2.INTER_AREA).reshape(size[::-1])


def _doubled(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return values between those of a grid of half the size, bilinear."""
    size = 2 * values.shape[1], 2 * values.shape[0]
    return cv2.resize(values, size, interpolation=cv2.INTER_LINEAR)[: shape[0], : shape[1]]
