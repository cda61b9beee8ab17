"""Pixels that are not square → a film in true proportions.

Detectors and plates are read out in square pixels; a film digitised or binned along one axis is not, and a screen or a
network that took its pixels for square ones would see a heart twice as wide. The shorter side is enlarged, so that no
pixel is lost.
"""

import numpy as np

from ensemble_cam.errors import RadiographError
from ensemble_cam.film.greyscale import is_padding
from ensemble_cam.film.intake import MAX_PIXELS

_SQUARE = 0.01  # nearer to 1 is a device's own inaccuracy: no eye sees it, and every pixel would be blurred
_MOST = 8  # times as long as wide: no film's pixels are longer, and numbers that say so are wrong
_BLOCK = 2**20  # pixels


def true_size(width: int, height: int, aspect: float) -> tuple[int, int]:
    """Return width and height of a film in square pixels, each as small as the shorter side of a stored one.

    Args:
        width, height: of the stored film.
        aspect: a stored pixel's height over its width.

    Raises:
        RadiographError: if pixels are more than eight times as long as wide, or the film then has over 64 megapixels.
    """
    if abs(aspect - 1) <= _SQUARE:
        return width, height
    longer, shape = (aspect, "high as wide") if aspect > 1 else (1 / aspect, "wide as high")
    if not longer <= _MOST:
        raise RadiographError(
            f"The film's pixels are said to be {longer:.3g} times as {shape}, which no radiograph's are. "
            "Export the film with square pixels."
        )
    size = (width, round(height * aspect)) if aspect > 1 else (round(width / aspect), height)
    if size[0] * size[1] > MAX_PIXELS:
        raise RadiographError(
            f"The film's pixels are {longer:.3g} times as {shape}: in true proportions it has {size[0]}×{size[1]}, and "
            f"at most {MAX_PIXELS // 1_000_000} megapixels are read. Export it smaller."
        )
    return size


def enlarge(pixels: np.ndarray, size: tuple[int, int], *, padding: tuple[int, int] | None) -> np.ndarray:
    """Return a film enlarged along one axis, linearly between the centres of its pixels, as if they were areas.

    Padding is not the film's: beside it, and where a mean of two pixels happens to mean padding, the nearer of both
    pixels stands.

    Args:
        pixels: (h, w) stored values.
        size: width and height of the result; one of them is the film's own.
        padding: the stored values, first and last, that are padding; None for none.

    Returns:
        Stored values of the same type, between the lowest and the highest of `pixels`.
    """
    width, height = size
    if pixels.shape[0] == height:
        return _higher(pixels.T, width, padding).T
    return _higher(pixels, height, padding)


def _higher(pixels: np.ndarray, height: int, padding: tuple[int, int] | None) -> np.ndarray:
    """Enlarge along the first axis."""
    rows, width = pixels.shape
    places = np.clip((np.arange(height) + 0.5) * (rows / height) - 0.5, 0, rows - 1)
    above = np.floor(places).astype(np.intp)
    below = np.minimum(above + 1, rows - 1)
    share = (places - above).astype(np.float32)[:, None]
    enlarged = np.empty((height, width), pixels.dtype)
    step = max(1, _BLOCK // width)
    for start in range(0, height, step):
        part = slice(start, start + step)
        one, other = pixels[above[part]], pixels[below[part]]
        # Exact for 16 bits: float32 has 24.
        mean = np.rint(one + (other.astype(np.float32) - one) * share[part]).astype(pixels.dtype)
        if padding is not None:
            unclear = is_padding(one, padding) | is_padding(other, padding) | is_padding(mean, padding)
            mean = np.where(unclear, np.where(share[part] < 0.5, one, other), mean)
        enlarged[part] = mean
    return enlarged
