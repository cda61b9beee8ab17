"""Pictures as readers of PNGs see them."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from ensemble_cam.rendering.png import png
from ensemble_cam.rendering.strips import Part


def decoded(data: bytes) -> np.ndarray:
    """Return a PNG's pixels."""
    return np.asarray(Image.open(io.BytesIO(data)))


def put_together(parts: Sequence[Part]) -> np.ndarray:
    """Return the (h, w, 3) uint8 pixels of a picture's parts, from top to bottom."""
    return decoded(png(parts))
