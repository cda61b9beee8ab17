"""torchxrayvision's resize, as one small matrix for each axis.

`torchxrayvision.datasets.XRayResizer` calls `skimage.transform.resize(mode="constant")`: a Gaussian against aliasing,
then linear interpolation, with zeros beyond the rim for both. That is linear and separable, so with R the
operator of one axis the resized picture is R · X · Rᵀ: the same numbers (to about 1e-7 of the range) for a tenth of
the work. Networks were trained behind this resize, so its zeros beyond the rim (a middle grey on [-1024, 1024]) are
kept.

A row of R reads a few neighbouring samples: R is kept as blocks of some rows over what these read together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

# scipy.ndimage.gaussian_filter1d cuts its kernel off at this many standard deviations.
_TRUNCATE = 4.0
_ROWS = 4  # of a block
# Multiplications of one product: OpenBLAS shares larger ones out among threads of its own, which cost more than they
# save here, and where anything else runs ten times as much.
_MOST_WORK = 2**18


@dataclass(frozen=True, eq=False)
class Operator:
    """What resizes one axis.

    Attributes:
        length, size: samples before and after.
        blocks: (rows of the result, samples that they read, (rows, samples) float32).
    """

    length: int
    size: int
    blocks: tuple[tuple[slice, slice, np.ndarray], ...]

    def down(self, pixels: np.ndarray) -> np.ndarray:
        """Resize the first axis of (length, n) float32."""
        result = np.empty((self.size, pixels.shape[1]), dtype=np.float32)
        for rows, read, block in self.blocks:
            for columns in _pieces(pixels.shape[1], block.size):
                np.matmul(block, pixels[read, columns], out=result[rows, columns])
        return result

    def across(self, pixels: np.ndarray) -> np.ndarray:
        """Resize the second axis of (n, length) float32."""
        result = np.empty((pixels.shape[0], self.size), dtype=np.float32)
        for columns, read, block in self.blocks:
            for rows in _pieces(pixels.shape[0], block.size):
                np.matmul(pixels[rows, read], block.T, out=result[rows, columns])
        return result


def _pieces(length: int, work: int) -> Iterator[slice]:
    """Yield parts of so many lines that a product stays small, where each line takes so many multiplications."""
    step = max(1, _MOST_WORK // max(work, 1))
    return (slice(first, min(first + step, length)) for first in range(0, length, step))


@lru_cache(maxsize=32)
def resize_operator(length: int, size: int) -> Operator:
    """Return what resizes one axis of `length` samples to `size`.

    Source: `skimage.transform.resize`: σ = max(0, (length/size − 1)/2), `scipy.ndimage.gaussian_filter1d` with
    mode "constant", then `scipy.ndimage.zoom(order=1, mode="grid-constant", grid_mode=True)`.
    """
    centres = (np.arange(size) + 0.5) * (length / size) - 0.5
    first = np.floor(centres).astype(np.int64)
    fraction = centres - first
    kernel = _gaussian(max(0.0, (length / size - 1) / 2))
    radius = len(kernel) // 2
    # Interpolation between two samples, each smoothed; of samples beyond the rim nothing is there to be smoothed.
    weights = np.zeros((size, len(kernel) + 1))
    for shift, share in ((0, 1 - fraction), (1, fraction)):
        is_inside = (first + shift >= 0) & (first + shift < length)
        weights[:, shift : shift + len(kernel)] += np.where(is_inside, share, 0)[:, None] * kernel
    start = first - radius
    read = start[:, None] + np.arange(weights.shape[1])
    weights[(read < 0) | (read >= length)] = 0
    blocks = []
    for top in range(0, size, _ROWS):
        rows = slice(top, min(top + _ROWS, size))
        samples = slice(max(int(start[rows][0]), 0), min(int(start[rows][-1]) + weights.shape[1], length))
        block = np.zeros((rows.stop - rows.start, samples.stop - samples.start), dtype=np.float32)
        for line in range(rows.start, rows.stop):
            inside = slice(max(samples.start - start[line], 0), max(samples.stop - start[line], 0))
            part = weights[line, inside]
            at = max(start[line] - samples.start, 0)
            block[line - top, at : at + len(part)] = part[: block.shape[1] - at]
        blocks.append((rows, samples, block))
    return Operator(length, size, tuple(blocks))


def _gaussian(sigma: float) -> np.ndarray:
    """Return scipy's kernel for a standard deviation, of odd length; of one sample where it does nothing."""
    radius = int(_TRUNCATE * sigma + 0.5)
    if radius == 0:
        return np.ones(1)
    kernel: np.ndarray = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return kernel / kernel.sum()


def resize(pixels: np.ndarray, size: int) -> np.ndarray:
    """Resize a square picture as torchxrayvision does.

    Args:
        pixels: (n, n) float32.
        size: side of the result in pixels.

    Returns:
        (size, size) float32, clipped to the range of `pixels` as skimage clips it.
    """
    if pixels.shape[0] == size:
        return pixels.copy()
    operator = resize_operator(pixels.shape[0], size)
    resized = operator.across(operator.down(pixels))
    return np.clip(resized, pixels.min(), pixels.max(), out=resized)
