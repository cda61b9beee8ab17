"""A grid's own cells as squares of colour: numbers as they are, before anything is enlarged between them."""

from collections.abc import Sequence

import cv2
import numpy as np

from ensemble_cam.rendering.colours import colour_table

# From what speaks against to what speaks for: a blue, nearly white, a red that those who see few reds tell from it.
_AGAINST, _NEITHER, _FOR = (33, 102, 172), (245, 245, 245), (178, 24, 43)
_PAPER = (24, 24, 24)
_LEAST_BAR = 1  # pixels, so that small weights are seen to be there


def cells_picture(grid: np.ndarray, colormap: str, size: int | tuple[int, int]) -> np.ndarray:
    """Draw a grid of values from 0 to 1, (h, w), as (height, width, 3) uint8 RGB.

    Args:
        grid: the values.
        colormap: one of `vocabulary.COLORMAPS`.
        size: of a square's side, or (width, height), in pixels.
    """
    levels = np.rint(np.clip(grid, 0, 1) * 255).astype(np.uint8)
    width, height = size if isinstance(size, tuple) else (size, size)
    return cv2.resize(colour_table(colormap)[levels], (width, height), interpolation=cv2.INTER_NEAREST)


def signed_picture(grid: np.ndarray, side: int, *, most: float | None = None) -> np.ndarray:
    """Draw a grid of values of any sign, (h, w), as (side, side, 3) uint8 RGB: blue below 0, white at 0, red above.

    Args:
        grid: the values.
        side: in pixels.
        most: the size of the value that has the full colour; the grid's own largest without.
    """
    coloured = _signed(grid, np.abs(grid).max() if most is None else most)
    return cv2.resize(coloured, (side, side), interpolation=cv2.INTER_NEAREST)


def mosaic(pictures: Sequence[np.ndarray], across: int, *, gap: int) -> np.ndarray:
    """Set (h, w, 3) uint8 pictures of one size side by side, `across` in a row."""
    height, width, _ = pictures[0].shape
    down = -(-len(pictures) // across)
    drawn = np.full((down * (height + gap) - gap, across * (width + gap) - gap, 3), _PAPER, dtype=np.uint8)
    for number, picture in enumerate(pictures):
        y, x = number // across * (height + gap), number % across * (width + gap)
        drawn[y : y + height, x : x + width] = picture
    return drawn


def bars_picture(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Draw numbers as bars from the largest to the least, (height, width, 3) uint8 RGB, with a line at 0.

    Args:
        values: (n,) of any sign; where there are more than columns, some share one.
        size: (width, height) in pixels.
    """
    width, height = size
    ordered = np.sort(values)[::-1]
    columns = ordered[np.arange(width) * len(ordered) // width]
    highest, lowest = max(float(ordered[0]), 0.0), min(float(ordered[-1]), 0.0)
    scale = (height - 3) / ((highest - lowest) or 1.0)
    zero = 1 + round(highest * scale)
    drawn = np.full((height, width, 3), _PAPER, dtype=np.uint8)
    for column, value in enumerate(columns):
        length = max(round(abs(float(value)) * scale), _LEAST_BAR if value else 0)
        rows = slice(zero - length, zero) if value > 0 else slice(zero + 1, zero + 1 + length)
        drawn[rows, column] = _lighter(_FOR if value > 0 else _AGAINST)
    drawn[zero] = _NEITHER
    return drawn


def _lighter(colour: tuple[int, int, int]) -> np.ndarray:
    return (np.array(colour) + 60).clip(0, 255).astype(np.uint8)


def _signed(values: np.ndarray, most: float) -> np.ndarray:
    shares = np.clip(values / most if most > 0 else np.zeros_like(values), -1, 1)[..., None]
    ends = np.where(shares < 0, np.array(_AGAINST, dtype=np.float32), np.array(_FOR, dtype=np.float32))
    middle = np.array(_NEITHER, dtype=np.float32)
    return np.rint(middle + np.abs(shares) * (ends - middle)).astype(np.uint8)
