"""torchxrayvision's resize, as one small matrix for each axis.

`torchxrayvision.datasets.XRayResizer` calls `skimage.transform.resize(mode="constant")`: a Gaussian against aliasing,
then linear interpolation, with zeros beyond the rim for both. That is linear and separable, so with R the
operator of one axis the resized picture is R · X · Rᵀ: the same numbers (to about 1e-7 of the range) for a tenth of the
work. Networks were trained behind this resize, so its zeros beyond the rim (a middle grey on [-1024, 1024]) are kept.
"""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy import sparse

# scipy.ndimage.gaussian_filter1d cuts its kernel off at this many standard deviations.
_TRUNCATE = 4.0


@lru_cache(maxsize=32)
def resize_operator(length: int, size: int) -> "sparse.csr_array":
    """Return the (size, length) float32 matrix that resizes one axis of `length` samples to `size`.

    Source: `skimage.transform.resize`: σ = max(0, (length/size − 1)/2), `scipy.ndimage.gaussian_filter1d` with
    mode "constant", then `scipy.ndimage.zoom(order=1, mode="grid-constant", grid_mode=True)`.
    """
    from scipy import sparse  # here, as it takes longer to load than the first page may

    if length == size:
        return sparse.eye_array(size, format="csr", dtype=np.float32)
    centres = (np.arange(size) + 0.5) * (length / size) - 0.5
    first = np.floor(centres).astype(np.int64)
    fraction = centres - first
    rows = np.concatenate([np.arange(size)] * 2)
    columns = np.concatenate([first, first + 1])
    values = np.concatenate([1 - fraction, fraction])
    inside = (columns >= 0) & (columns < length)
    linear = sparse.csr_array((values[inside], (rows[inside], columns[inside])), shape=(size, length))
    return (linear @ _gaussian(length, max(0.0, (length / size - 1) / 2))).astype(np.float32).tocsr()


def _gaussian(length: int, sigma: float) -> "sparse.csr_array":
    from scipy import sparse

    radius = int(_TRUNCATE * sigma + 0.5)
    if radius == 0:
        return sparse.eye_array(length, format="csr")
    offsets = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 * (offsets / sigma) ** 2)
    kernel /= kernel.sum()
    reaching = np.abs(offsets) < length
    return sparse.diags_array(kernel[reaching], offsets=offsets[reaching], shape=(length, length), format="csr")


def resize(pixels: np.ndarray, size: int) -> np.ndarray:
    """Resize a square picture as torchxrayvision does.

    Args:
        pixels: (n, n) float32.
        size: side of the result in pixels.

    Returns:
        (size, size) float32, clipped to the range of `pixels` as skimage clips it.
    """
    operator = resize_operator(pixels.shape[0], size)
    resized = np.ascontiguousarray((operator @ (operator @ pixels).T).T)
    return np.clip(resized, pixels.min(), pixels.max(), out=resized)
