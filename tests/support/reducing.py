"""A picture that was drawn large, reduced to where a canvas shows the same part of the film."""

import re
from collections.abc import Mapping

import cv2
import numpy as np

_SAMPLES = 4  # along each side of a canvas's pixel


def part_of(view: str) -> tuple[tuple[int, int, int, int], int]:
    """Read the box and the enlargement in the text chunk "View" of a picture."""
    found = re.fullmatch(r"source pixels (\d+), (\d+), (\d+), (\d+), enlarged (\d+) times", view)
    *box, times = map(int, found.groups())
    return tuple(box), times


def reduced(picture: np.ndarray, box: tuple[int, int, int, int], times: int, place: Mapping[str, float]) -> np.ndarray:
    """Return a view of a film at the pixels of a canvas: the mean over each of them.

    Args:
        picture: (h, w, 3) uint8, the part `box` of the film, `times` pixels for each of its own.
        box: in source pixels.
        times: the enlargement.
        place: what the canvas shows, see `Place` in the viewer's `types.js`.

    Returns:
        (height, width, 3) float64; NaN where the canvas shows what is not in the picture.
    """
    (x0, y0, x1, y1), scale = box, place["scale"]
    axes = []
    for first, count, start, end in (
        (place["left"], int(place["width"]), x0, x1),
        (place["top"], int(place["height"]), y0, y1),
    ):
        edges = (first + (np.arange(count * _SAMPLES) + 0.5) / _SAMPLES) / scale
        inside = (edges >= start) & (edges < end)
        axes.append((((edges - start) * times - 0.5).astype(np.float32), inside))
    (xs, in_x), (ys, in_y) = axes
    grid = np.meshgrid(xs, ys)
    fine = cv2.remap(picture.astype(np.float32), *grid, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    fine = fine.astype(np.float64)
    fine[~np.logical_and.outer(in_y, in_x)] = np.nan
    height, width = len(ys) // _SAMPLES, len(xs) // _SAMPLES
    return fine.reshape(height, _SAMPLES, width, _SAMPLES, 3).mean(axis=(1, 3))
