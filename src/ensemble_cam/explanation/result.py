"""What one network says of one picture, or of one for each of its inputs, and the maps of it: numbers, by class."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ensemble_cam.explanation.sizing import enlarged
from ensemble_cam.film.picture import Picture
from ensemble_cam.maps.heatmap import relative
from ensemble_cam.settings.explain_options import ExplainOptions
from ensemble_cam.settings.methods import METHODS_OF_ANY_NETWORK

UNTRAINED_LINE = "Untrained network: what it says of this picture, and its maps, mean nothing."


@dataclass(frozen=True)
class Place:
    """A layer that maps were made at.

    Attributes:
        layer: its name.
        channels: of its activation.
        cut: how the network was cut there: "timm", "traced" or "twin".
        cut_line: the same in words, with the reason.
        input: which of the network's inputs it sees, where there are several.
        exact: methods that are exact there.
        unstable: methods that are not, as its activation has values below 0.
    """

    layer: str
    channels: int
    cut: str
    cut_line: str
    input: str | None = None
    exact: tuple[str, ...] = ()
    unstable: tuple[str, ...] = ()


@dataclass(frozen=True)
class Explainer:
    """Which network made an explanation, and how.

    Attributes:
        network: the network's name.
        weights: where they are from, in words.
        weights_sha256: of their file, in hex; None where they are from none.
        untrained: whether nothing that it says means anything.
        places: the layers, in the network's order; of a rollout none, as all are in it.
        cut_line: how the network was cut, in words.
        output: "softmax" or "sigmoid".
        options: how the maps were made.
        input: what the network was shown: size, channels, mean, std; of several inputs by their names.
    """

    network: str
    weights: str
    weights_sha256: str | None
    untrained: bool
    places: tuple[Place, ...]
    cut_line: str
    output: str
    options: ExplainOptions
    input: Mapping[str, Any]

    @property
    def method(self) -> str:
        """A key of `methods.METHODS_OF_ANY_NETWORK`."""
        return self.options.method

    def method_line(self, layer: str | None = None) -> str:
        """Return the method and the layer in words, or all layers."""
        title = METHODS_OF_ANY_NETWORK[self.method].title
        if self.options.rollout is not None:
            return f"{title}, {self.options.rollout.line}"
        done = f", {self.options.line}" if self.options.line else ""
        if not self.options.has_layers:
            return f"{title}{done}"
        combined = f" ({self.options.combine} of them)" if self.options.combine and layer is None else ""
        return f"{title} at {layer or ', '.join(each.layer for each in self.places)}{combined}{done}"


@dataclass(frozen=True, eq=False)
class ClassMap:
    """One class's map.

    Attributes:
        name: the class.
        grid: (h, w) float32, at least 0, as the method gives it, on the grid of the layer; read-only.
        layer: the layer that it is of, where several stay apart; else None.
        input: the input whose picture it lies in, where there are several; else None.
        highest: what its relative activation is a share of: the grid's maximum; of several inputs the maximum of all.
        share: of several inputs, this one's share of the sums of |activation · gradient|, 0 to 1.
    """

    name: str
    grid: np.ndarray
    layer: str | None = None
    input: str | None = None
    highest: float | None = None
    share: float | None = None

    @property
    def of(self) -> str | None:
        """What tells it from the class's other maps: a layer or an input; None where it has one."""
        return self.input or self.layer

    @property
    def title(self) -> str:
        """The class, with the input before it and the layer behind where there are several."""
        return "_".join(each for each in (self.input, self.name, self.layer) if each)

    @property
    def relative(self) -> np.ndarray:
        """Relative activation on the grid, (h, w) float32 in [0, 1]."""
        if self.highest is None:
            return relative(self.grid)
        return self.grid / np.float32(self.highest) if self.highest > 0 else np.zeros_like(self.grid)


@dataclass(frozen=True, eq=False)
class Explained:
    """One picture, or one for each of a network's inputs, explained.

    Attributes:
        pictures: by the name of the input; where there is one, that is "picture".
        by: which network, and how.
        predicted: the class with the highest probability; None where the network has no classes.
        target: the class that is explained; of several the first, or the predicted one; of a function its name.
        probabilities: class → softmax or sigmoid of its logit, in the network's order.
        logits: class → logit.
        maps: of all classes that were asked for; a class's stand together.
        cautions: what has to be known first, one plain sentence each.
        value: what the function that is explained gave; None for classes.
    """

    pictures: Mapping[str, Picture]
    by: Explainer
    predicted: str | None
    target: str
    probabilities: Mapping[str, float]
    logits: Mapping[str, float]
    maps: tuple[ClassMap, ...]
    cautions: tuple[str, ...]
    value: float | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that were asked for."""
        return tuple(dict.fromkeys(each.name for each in self.maps))

    def of_class(self, name: str) -> tuple[ClassMap, ...]:
        """Return a class's maps."""
        return tuple(each for each in self.maps if each.name == name)

    def picture_of(self, one: ClassMap) -> Picture:
        """Return the picture that a map lies in."""
        return self.pictures[one.input] if one.input else next(iter(self.pictures.values()))

    def in_picture(self, one: ClassMap) -> np.ndarray:
        """Return a map's relative activation at every pixel of its picture, (height, width) float32 in [0, 1].

        Between the cells' centres, which lie in the middles of equal parts of the picture, as the options say.
        """
        return enlarged(one.relative, self.picture_of(one).size, self.by.options.interpolation)
