"""The colour maps, and the colours of all lines that are drawn over a film; (r, g, b) in 0 … 255."""

from functools import cache
from importlib.resources import files

import cv2
import numpy as np

from ensemble_cam.settings.vocabulary import COLORMAPS

# What lies inside the outline was seen by the networks; a blue that no film and none of the colour maps' ends has.
CROP_COLOUR = (86, 180, 233)
# Of what was planted, which a phantom alone can tell: green with a dark rim, by which it also stands apart from the
# white contour of a map for those who tell the two colours badly.
TRUTH_COLOUR = (70, 240, 130)
CONTOUR_GREY = 255
RIM_COLOUR = (0, 0, 0)


def colour_table(colormap: str) -> np.ndarray:
    """Return the (256, 3) uint8 RGB colours of relative activation 0 to 1."""
    return _colour_tables()[COLORMAPS.index(colormap)]


@cache
def _colour_tables() -> np.ndarray:
    """Return the (colour maps, 256, 3) uint8 RGB colours: matplotlib's, without the time that its import takes."""
    stored = np.frombuffer(files("ensemble_cam.rendering").joinpath("colormaps.png").read_bytes(), dtype=np.uint8)
    blue_first = cv2.imdecode(stored, cv2.IMREAD_COLOR)
    if blue_first is None:
        raise OSError("colormaps.png in the package is broken. Install this program again.")
    tables = np.ascontiguousarray(blue_first[:, :, ::-1])
    tables.setflags(write=False)
    return tables
