"""What is asked of these classifiers: a reader's settings, with every label and every weight named."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from ensemble_cam.errors import ConfigError, did_you_mean
from ensemble_cam.settings.methods import LAYERS, Recipe
from ensemble_cam.settings.rules import ENSEMBLE_WEIGHT
from ensemble_cam.settings.settings import Settings, displayed

if TYPE_CHECKING:
    from ensemble_cam.settings.config import ClassifierConfig


class Asked(Protocol):
    """A classifier as far as it is asked for something: a loaded one, or what is known of it before."""

    @property
    def id(self) -> str:
        """Its name in files and settings."""

    @property
    def config(self) -> "ClassifierConfig":
        """Its table of the configuration."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that it knows."""


def resolve(settings: Settings, classifiers: Sequence[Asked]) -> Settings:
    """Return the same settings with labels by their upstream names and an ensemble weight for every classifier.

    Args:
        settings: as the reader gave them.
        classifiers: those that are to be asked.

    Raises:
        ConfigError: if none of the classifiers knows a label, a weight is given for a stranger or is below 0, or
            all weights are 0.
    """
    known = sorted({label for classifier in classifiers for label in classifier.labels})
    labels = None if settings.labels is None else find_labels(settings.labels, known)
    return replace(settings, labels=labels, ensemble_weights=_ensemble_weights(classifiers, settings.ensemble_weights))


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


def check_stages(recipe: Recipe, classifiers: Sequence["ClassifierConfig"]) -> None:
    """Refuse layers by name that are in no stage of a classifier's network, before anything is loaded.

    Raises:
        ConfigError: if a name is of no classifier, or a classifier has none of the names, or no stages to choose from.
    """
    if not recipe.names:
        return
    asked = {name: name.partition(".")[0] for name in recipe.names}
    for name, stage in asked.items():
        known = dict.fromkeys(each for classifier in classifiers for each in classifier.family.stages)
        if stage not in known:
            meant = did_you_mean(stage, (*LAYERS, *known))
            raise ConfigError(f"layers: got {name!r}, and no classifier here has such a layer.{meant}")
    for classifier in classifiers:
        stages = classifier.family.stages
        if not stages:
            raise ConfigError(
                f"layers: {classifier.id} is a network of the site's own, whose layer stands in its table of the "
                "configuration. Take other classifiers, or last."
            )
        if not set(stages) & set(asked.values()):
            raise ConfigError(
                f"layers: none of {', '.join(asked)} is a layer of {classifier.id}. Name one of its own, too: "
                f"{', '.join(stages)}."
            )


def _ensemble_weights(classifiers: Sequence[Asked], changed: Mapping[str, float]) -> dict[str, float]:
    weights = {classifier.id: classifier.config.ensemble_weight for classifier in classifiers}
    for id, weight in changed.items():
        if id not in weights:
            raise ConfigError(f"ensemble weight: got one for {id!r}; the classifiers are {', '.join(weights)}.")
        weights[id] = ENSEMBLE_WEIGHT.check(f"ensemble weight of {id}", weight)
    if not any(weights.values()):
        raise ConfigError("ensemble weights: all are 0. Give at least one classifier a weight above 0.")
    return weights
