"""Several classifiers' maps of one finding brought together: their mean, and who stands behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ensemble_cam.maps.heatmap import Heatmap

if TYPE_CHECKING:
    from ensemble_cam.maps.cams import CamMap


@dataclass(frozen=True, eq=False)
class EnsembleMap(Heatmap):
    """The mean of several classifiers' relative activations, by ensemble weight.

    It is not divided by its own maximum again: where classifiers disagree it stays low, and that is seen.

    Attributes:
        classifiers: ids of those that stand behind it, in the given order.
        empty_classifiers: ids of those among them whose map was empty and counted as zero.
    """

    classifiers: tuple[str, ...]
    empty_classifiers: tuple[str, ...]


def ensemble_map(maps: Sequence["CamMap"], weights: Mapping[str, float]) -> EnsembleMap | None:
    """Average one finding's maps, each over its own maximum, by ensemble weight.

    Args:
        maps: one for each classifier that knows the label, on any grids, all of one film and framing.
        weights: classifier id → ensemble weight, at least 0; relative to one another.

    Returns:
        None where no map has a weight above 0.
    """
    counted = [cam for cam in maps if weights[cam.classifier] > 0]
    if not counted:
        return None
    total = sum(weights[cam.classifier] for cam in counted)
    return EnsembleMap(
        label=counted[0].label,
        geometry=counted[0].geometry,
        grids=tuple(cam.grids[0] for cam in counted),
        weights=tuple(weights[cam.classifier] / total for cam in counted),
        classifiers=tuple(cam.classifier for cam in counted),
        empty_classifiers=tuple(cam.classifier for cam in counted if cam.empty),
    )
