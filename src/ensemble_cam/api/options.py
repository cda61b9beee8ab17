"""What is asked of a review, by keyword."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypedDict, TypeVar

import numpy as np

from ensemble_cam.errors import ConfigError
from ensemble_cam.film.radiograph import Intensity


class NetworkOptions(TypedDict, total=False):
    """Which networks are asked, and what they are shown; what is left out is the configuration's, else the default.

    Attributes:
        set: "clinical" (the default; its weights are fetched once, see `ensemble-cam weights`) or "teaching".
        classifiers: ids of the set's classifiers to ask; all but the optional ones without.
        weights: classifier id → name of other weights than its default, or "untrained" for seeded values.
        weights_dir: a folder in which weights are looked for first.
        config: a configuration's file, instead of the one that comes with the package.
        framing: "crop", the centre square that the networks were trained on, or "pad", the whole film.
        ensemble_weights: classifier id → its share of scores and ensemble maps, at least 0.
        intensity: as in `read_film`, where the film is still to be read.
        rescale: the same.
        negative: the same.
        device: "auto", "cpu", "cuda" or "mps".
        runtime: "auto", "torch" or "openvino".
    """

    set: str
    classifiers: Sequence[str] | None
    weights: Mapping[str, str] | None
    weights_dir: str | os.PathLike[str] | None
    config: str | os.PathLike[str] | None
    framing: str
    ensemble_weights: Mapping[str, float]
    intensity: Intensity
    rescale: bool
    negative: bool
    device: str
    runtime: str


class Options(NetworkOptions, total=False):
    """What `review` and `review_films` take beside films, and what `NetworkOptions` has.

    Attributes:
        top_k: how many findings are explained, those with the highest scores: 1 to 18.
        labels: the findings to explain instead.
        method: how maps are made: a name such as "gradcam++", "gradcam", "layercam", "eigencam".
        layers: "last"; "several" for the mean with the stage before; or layers by name with commas between
            ("denseblock3,layer3"), of which each network takes its own.
        aug_smooth: take the mean over the film and its mirror image at three contrasts; six times the cost.
        eigen_smooth: take the first principal component of the weighted channels instead of their sum.
        threshold: relative activation from which on a map is drawn, 0 to 1.
        opacity: of the colours over the film, 0 to 1.
        colormap: "inferno", "viridis", "magma", "cividis", "turbo" or "jet".
        style: "heatmap", "contour" or "both".
    """

    top_k: int
    labels: Sequence[str] | None
    method: str
    layers: str
    aug_smooth: bool
    eigen_smooth: bool
    threshold: float
    opacity: float
    colormap: str
    style: str


Value = TypeVar("Value")


def plain(value: Value) -> Value:
    """Return a number of NumPy's as Python's own, and anything else as it is: settings are written as JSON."""
    return value.item() if isinstance(value, np.generic) else value


def texts(option: str, given: object) -> tuple[str, ...] | None:
    """Return the texts of a list that an option was given; None where it was not.

    Raises:
        ConfigError: if it is no list of texts: one text alone would be taken for its letters.
    """
    if given is None:
        return None
    if isinstance(given, str):
        raise ConfigError(f"{option}: got the text {given!r}; hand over a list, such as [{given!r}].")
    items = tuple(map(plain, given)) if isinstance(given, Iterable) else (given,)
    for each in items:
        if not isinstance(each, str):
            raise ConfigError(f"{option}: got {each!r}; hand over a list of texts.")
    return items


def by_id(option: str, given: object) -> dict[str, object]:
    """Return what an option was given for classifiers, by their ids; nothing where it was not.

    Raises:
        ConfigError: if it is no mapping.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ConfigError(f"{option}: got {given!r}; hand over a dictionary by the classifiers' ids.")
    return {plain(id): plain(value) for id, value in given.items()}


def path(option: str, given: object) -> Path | None:
    """Return the path that an option was given; None where it was not.

    Raises:
        ConfigError: if it is none.
    """
    if given is None:
        return None
    if not isinstance(given, str | os.PathLike):
        raise ConfigError(f"{option}: got {given!r}; hand over a path.")
    return Path(given)
