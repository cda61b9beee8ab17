"""How any network's maps are made: one frozen record of it, checked, from Python, the command line or a TOML file."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from ensemble_cam.errors import ConfigError, did_you_mean
from ensemble_cam.machine.names import escaped
from ensemble_cam.settings.config import read_toml
from ensemble_cam.settings.methods import (
    METHODS,
    METHODS_OF_ANY_NETWORK,
    ROLLOUT,
    SMOOTHGRAD,
    Fusion,
    Method,
    Recipe,
    RolloutOptions,
)
from ensemble_cam.settings.rules import TRUE_OR_FALSE, Rule, check_keys, one_of
from ensemble_cam.settings.vocabulary import COMBINATIONS, GRADIENTS, GRID, INTERPOLATIONS, NORMALISATIONS, PICTURE


@dataclass(frozen=True)
class ExplainOptions:
    """How maps are made, whatever the network and the picture; any number of explanations may share one.

    Attributes:
        method: "gradcam++", "gradcam", "hirescam", "elementwise", "layercam", "xgradcam", "ablationcam", "scorecam",
            "eigencam" or "eigengradcam"; of vision transformers "rollout", one map for all classes; for comparison
            "integratedgradients" and "smoothgrad", maps of pixels.
        layer: names of layers instead of the network's own, one or several; a text or a list.
        combine: what makes one map of several layers': "mean", "max" or "weighted" (later layers count more) of their
            relative activations, on the finest of their grids; without, each has a map of its own.
        size: of a map: "grid", the layer's cells; "picture", the picture's pixels; or so many rows and columns.
        interpolation: how it is enlarged: "bilinear", "nearest" or "bicubic" (what falls below 0 is then 0).
        normalisation: of its values: "none", as the method gives them; "max", over the maximum; "minmax", from 0 to 1.
            Of several inputs over all their maps of a class together. Drawn is always the share of the maximum.
        gradients: what of them goes into the map: "signed", as they are; "positive", a ReLU of them; "absolute".
        aug_smooth: take the mean over the picture and its mirror image at 0.9, 1 and 1.1 times the contrast.
        eigen_smooth: take the first principal component of the weighted channels instead of their sum.
        batch_size: how many changed activations or pictures a network is shown at once, where a method needs many.
            Where memory is too small for them, half as many are; where it is for one, the processor goes on.
        fusion: of a rollout: what makes one map of a layer's heads, "mean" (which it is without), "max" or "min".
        discard: of a rollout: the share of patches, the least attended of each row, that are set to 0, from 0 (which it
            is without) to below 1.
        samples: of maps of pixels: how many changed pictures the network is shown, 50 without.
        noise: of SmoothGrad: its spread, as a share of the picture's range, .15 without.
        seed: of that noise, 0 without.

    Raises:
        ConfigError: if a value is not allowed, or two do not go together.
    """

    method: str = "gradcam++"
    layer: str | Sequence[str] | None = None
    combine: str | None = None
    size: int | str = GRID
    interpolation: str = "bilinear"
    normalisation: str = "none"
    gradients: str = "signed"
    aug_smooth: bool = False
    eigen_smooth: bool = False
    batch_size: int = 32
    fusion: Fusion | None = None
    discard: float | None = None
    samples: int | None = None
    noise: float | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        _check_method(self.method)
        object.__setattr__(self, "layer", layer_names(self.layer))
        for name, rule in RULES.items():
            if getattr(self, name) is not None:
                rule.check(name, getattr(self, name))
        if reasons := self._conflicts():
            raise ConfigError(reasons[0])
        if not self.has_layers and (self.combine is not None or self.layers):
            named = "combine" if self.combine is not None else "layer"
            of = "of all attention layers" if self.method == ROLLOUT.name else "of pixels, and of no layer"
            raise ConfigError(f"{named}: {self.told.title} is made {of}. Leave it out, or take another method.")
        _ = self.rollout  # which refuses what does not go with the method

    def _conflicts(self) -> list[str]:
        """Return why the options do not go together, a sentence each; none where they do."""
        told, found = self.told, list[str]()
        of_pixels = {"samples": ("pixels",), "noise": (SMOOTHGRAD.name,), "seed": (SMOOTHGRAD.name,)}
        for name, methods in of_pixels.items():
            if getattr(self, name) is not None and not {told.kind, told.name} & set(methods):
                found.append(f"{name}: {told.title} has none. Leave it out, or take {SMOOTHGRAD.name}.")
        if self.method in METHODS:
            found += Recipe.conflicts(self.method, aug_smooth=self.aug_smooth, eigen_smooth=self.eigen_smooth)
        elif self.aug_smooth or self.eigen_smooth:
            named = "aug_smooth" if self.aug_smooth else "eigen_smooth"
            found.append(f"{named}: it is of methods with channels, and {told.title} has none. Leave it out.")
        if self.gradients != "signed" and told.kind != "gradient":
            found.append(f"gradients: {told.title} has no use for them. Leave it out, or take another method.")
        return found

    @property
    def told(self) -> Method:
        """What is known of the method."""
        return METHODS_OF_ANY_NETWORK[self.method]

    @property
    def has_layers(self) -> bool:
        """Whether the method's maps are of layers."""
        return self.method in METHODS

    @property
    def steps(self) -> int:
        """How many changed pictures a map of pixels is made of."""
        return self.samples or 50

    @property
    def noise_or_default(self) -> float:
        """The spread of SmoothGrad's noise, as a share of the picture's range."""
        return 0.15 if self.noise is None else self.noise

    @property
    def line(self) -> str:
        """What was done beside the method, in words; empty where nothing was."""
        parts = [{"positive": "positive gradients alone", "absolute": "absolute gradients"}.get(self.gradients, "")]
        parts += ["averaged over six changed pictures" * self.aug_smooth]
        parts += [f"{self.steps} pictures" * (self.told.kind == "pixels")]
        parts += [f"noise {self.noise_or_default:g}" * (self.method == SMOOTHGRAD.name)]
        parts += ["principal component of the channels" * self.eigen_smooth]
        return ", ".join(filter(None, parts))

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of `layer`; empty for the network's own."""
        return layer_names(self.layer) or ()

    @property
    def rollout(self) -> RolloutOptions | None:
        """How attention is rolled out; None for other methods."""
        asked = RolloutOptions.asked(self.method, fusion=self.fusion, discard=self.discard)
        return asked if self.method == ROLLOUT.name else None

    @classmethod
    def of(cls, options: "ExplainOptions | None", given: Mapping[str, Any]) -> "ExplainOptions":
        """Return options with those that were given by name in their place.

        Raises:
            ConfigError: if a value is not allowed.
            TypeError: if there is no option of a name.
        """
        known = [each.name for each in fields(cls)]
        for name in given:
            if name not in known:
                raise TypeError(f"There is no option {name!r}.{did_you_mean(name, known)}")
        if options is not None and not isinstance(options, cls):
            raise TypeError(f"options: hand over ExplainOptions; got {type(options).__name__}.")
        return replace(options or cls(), **given) if given or options is None else options

    @classmethod
    def of_file(cls, path: str | os.PathLike[str], **given: Any) -> "ExplainOptions":
        """Return the options of a TOML file, whose only table is `[explain]`; the fields are its keys.

        Args:
            path: the file.
            **given: fields that stand in the place of the file's.

        Raises:
            ConfigError: if it cannot be read, or a key or a value is not allowed.
        """
        shown = escaped(Path(path).name)
        document = read_toml(Path(path))
        table = document.get("explain")
        if not isinstance(table, dict) or len(document) != 1:
            raise ConfigError(f"{shown}: allowed: one table, [explain].")
        known = [each.name for each in fields(cls)]
        check_keys(f"{shown}: [explain]", table, known=known)
        try:
            return cls(**{**table, **given})
        except ConfigError as error:
            raise ConfigError(f"{shown}: {error}") from None


RULES: Mapping[str, Rule] = {
    "combine": one_of(COMBINATIONS),
    "size": Rule(
        f"{GRID}, {PICTURE}, or a whole number from 1 to 4096",
        lambda value: value in (GRID, PICTURE) if isinstance(value, str) else _is_whole(value, 1, 4096),
        names=(GRID, PICTURE),
    ),
    "interpolation": one_of(INTERPOLATIONS),
    "normalisation": one_of(NORMALISATIONS),
    "gradients": one_of(GRADIENTS),
    "aug_smooth": TRUE_OR_FALSE,
    "eigen_smooth": TRUE_OR_FALSE,
    "samples": Rule("a whole number from 2 to 1000", lambda value: _is_whole(value, 2, 1000)),
    "noise": Rule("a number above 0 to 1", lambda value: isinstance(value, int | float) and 0 < value <= 1),
    "seed": Rule("a whole number of at least 0", lambda value: _is_whole(value, 0, 2**63 - 1)),
    "batch_size": Rule("a whole number from 1 to 1024", lambda value: _is_whole(value, 1, 1024)),
}
"""Option → what it may be; `method`, `layer` and those of a rollout have checks of their own."""


def _is_whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _check_method(method: object) -> None:
    if isinstance(method, str) and method in METHODS_OF_ANY_NETWORK:
        return
    why = ""
    if isinstance(method, str) and method in METHODS:
        why = f" {METHODS[method].title} is made of the program's own networks alone."
    allowed = ", ".join(METHODS_OF_ANY_NETWORK)
    raise ConfigError(
        f"method: got {method!r}; allowed: one of {allowed}.{why or did_you_mean(method, METHODS_OF_ANY_NETWORK)}"
    )


def layer_names(given: object) -> tuple[str, ...] | None:
    """Return the names of layers that were given as one text or a list; None for none, or "auto".

    Raises:
        ConfigError: if it is neither, or a name stands there twice.
    """
    if given is None or (isinstance(given, str) and given == "auto"):
        return None
    names = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, Sequence) else (given,)
    if not names or not all(isinstance(each, str) and each for each in names):
        raise ConfigError(f"layer: got {given!r}; allowed: a layer's name, or a list of names.")
    if len(set(names)) != len(names):
        twice = next(each for each in names if names.count(each) > 1)
        raise ConfigError(f"layer: {twice} stands there twice. Name each layer once.")
    return names
