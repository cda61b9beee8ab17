"""What is asked of a review, by keyword."""

import os
from collections.abc import Mapping, Sequence
from typing import TypedDict

from ensemble_cam.film.radiograph import Intensity


class Options(TypedDict, total=False):
    """What `review` and `review_films` take beside films; what is left out is the configuration's, else the default.

    Attributes:
        set: "clinical" (the default; its weights are fetched once, see `ensemble-cam weights`) or "teaching".
        classifiers: ids of the set's classifiers to ask; all but the optional ones without.
        weights: classifier id → name of other weights than its default, or "untrained" for seeded values.
        weights_dir: a folder in which weights are looked for first.
        config: a configuration's file, instead of the one that comes with the package.
        top_k: how many findings are explained, those with the highest scores: 1 to 18.
        labels: the findings to explain instead.
        method: how maps are made: a name such as "gradcam++", "gradcam", "layercam", "eigencam".
        layers: "last", or "several" for the mean with the stage before.
        aug_smooth: average maps over turned and scaled inputs.
        eigen_smooth: take the map's first principal component.
        framing: "crop", the centre square that the networks were trained on, or "pad", the whole film.
        ensemble_weights: classifier id → its share of scores and ensemble maps, at least 0.
        threshold: relative activation from which on a map is drawn, 0 to 1.
        opacity: of the colours over the film, 0 to 1.
        colormap: "inferno", "viridis", "magma", "cividis", "turbo" or "jet".
        style: "heatmap", "contour" or "both".
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
    top_k: int
    labels: Sequence[str] | None
    method: str
    layers: str
    aug_smooth: bool
    eigen_smooth: bool
    framing: str
    ensemble_weights: Mapping[str, float]
    threshold: float
    opacity: float
    colormap: str
    style: str
    intensity: Intensity
    rescale: bool
    negative: bool
    device: str
    runtime: str
