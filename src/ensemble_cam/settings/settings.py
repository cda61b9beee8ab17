"""Which maps a review makes: the reader's choices, checked, and findings' names. Nothing heavy is imported here."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ensemble_cam.errors import ConfigError
from ensemble_cam.film.geometry import Framing
from ensemble_cam.settings.config import check_setting
from ensemble_cam.settings.methods import Recipe
from ensemble_cam.settings.nearest import did_you_mean

if TYPE_CHECKING:
    from ensemble_cam.classifiers.classifier import Classifier


@dataclass(frozen=True)
class Settings:
    """What decides which maps are made; what they are drawn like is `rendering.Display`.

    Attributes:
        top_k: how many findings to explain, those with the highest scores.
        labels: the findings to explain instead, by upstream name or as displayed; None for the top-K.
        method: one of `config.METHODS`.
        layers, aug_smooth, eigen_smooth: see `methods.Recipe`.
        framing: "crop" (upstream's centre square) or "pad" (the whole film).
        ensemble_weights: classifier id → weight, at least 0; the configuration's for those not named.

    Raises:
        ConfigError: if a value is not allowed.
    """

    top_k: int = 3
    labels: tuple[str, ...] | None = None
    method: str = "gradcam++"
    layers: str = "last"
    aug_smooth: bool = False
    eigen_smooth: bool = False
    framing: Framing = "crop"
    ensemble_weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("top_k", "method", "layers", "aug_smooth", "eigen_smooth", "framing"):
            check_setting(name, getattr(self, name))
        _ = self.recipe  # which refuses what does not go together

    @property
    def recipe(self) -> Recipe:
        """How each map is made."""
        return Recipe(self.method, layers=self.layers, aug_smooth=self.aug_smooth, eigen_smooth=self.eigen_smooth)

    def resolved(self, classifiers: Sequence["Classifier"]) -> "Settings":
        """Return the same with labels by their upstream names and an ensemble weight for every classifier.

        Raises:
            ConfigError: if none of the classifiers knows a label, a weight is given for a stranger or is below 0, or
                all weights are 0.
        """
        known = sorted({label for classifier in classifiers for label in classifier.labels})
        labels = None if self.labels is None else find_labels(self.labels, known)
        return replace(self, labels=labels, ensemble_weights=_ensemble_weights(classifiers, self.ensemble_weights))


def displayed(label: str) -> str:
    """Return a label as people read it: `Pleural_Thickening` → "Pleural thickening"."""
    return label.replace("_", " ").capitalize()


def find_labels(wanted: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Return the upstream names of labels given by upstream or displayed name, in any case, without repetition.

    Raises:
        ConfigError: if one of them is not known, or none is given.
    """
    if not wanted:
        raise ConfigError("labels: got none. Name at least one finding, or leave the choice to top_k.")
    by_name = {displayed(label).casefold(): label for label in known}
    found = []
    for name in wanted:
        key = displayed(name.strip()).casefold()
        if key not in by_name:
            meant = did_you_mean(name, (*known, *map(displayed, known)))
            raise ConfigError(
                f"labels: got {name!r}, which no classifier here knows.{meant} Known: {', '.join(known)}."
            )
        found.append(by_name[key])
    return tuple(dict.fromkeys(found))


def _ensemble_weights(classifiers: Sequence["Classifier"], changed: Mapping[str, float]) -> dict[str, float]:
    weights = {classifier.id: classifier.config.ensemble_weight for classifier in classifiers}
    for id, weight in changed.items():
        if id not in weights:
            raise ConfigError(f"ensemble weight: got one for {id!r}; the classifiers are {', '.join(weights)}.")
        if not (math.isfinite(weight) and weight >= 0):
            raise ConfigError(f"ensemble weight of {id}: got {weight}, allowed is a number of at least 0.")
        weights[id] = float(weight)
    if not any(weights.values()):
        raise ConfigError("ensemble weights: all are 0. Give at least one classifier a weight above 0.")
    return weights
