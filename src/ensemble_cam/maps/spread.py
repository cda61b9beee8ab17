"""How far several maps of one finding differ: the largest less the smallest relative activation."""

from dataclasses import dataclass

import numpy as np

from ensemble_cam.film.geometry import Geometry
from ensemble_cam.maps.heatmap import Heatmap, at_or_above

_SAMPLES = 128  # points along each side of the crop at which a share is measured


@dataclass(frozen=True, eq=False)
class Spread:
    """The largest less the smallest of several maps, whatever their weights; in [0, 1].

    Attributes:
        maps: two or more, of one film and framing, each over its own maximum.
    """

    maps: tuple[Heatmap, ...]

    @property
    def geometry(self) -> Geometry:
        """The way from the film to the square that the maps cover."""
        return self.maps[0].geometry

    @property
    def empty(self) -> bool:
        """Whether no map has a positive value, so that there is nothing to draw."""
        return all(each.empty for each in self.maps)

    def raster(self, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
        """Return the values where columns `xs` meet rows `ys` in source pixels, (len(ys), len(xs)) float32."""
        return _range_of([each.raster(xs, ys) for each in self.maps])

    def share(self, threshold: float) -> float:
        """Return about which share of what was seen is at or above a threshold."""
        return float(at_or_above(_range_of([each.samples(_SAMPLES) for each in self.maps]), threshold).mean())


def _range_of(values: list[np.ndarray]) -> np.ndarray:
    largest, smallest = values[0].copy(), values[0].copy()
    for each in values[1:]:
        np.maximum(largest, each, out=largest)
        np.minimum(smallest, each, out=smallest)
    largest -= smallest
    return largest
