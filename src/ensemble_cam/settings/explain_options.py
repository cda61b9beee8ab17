"""How any network's maps are made: one frozen record of it, checked, from Python, the command line or a TOML file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from ensemble_cam.errors import ConfigError, did_you_mean
from ensemble_cam.settings.methods import METHODS, METHODS_OF_ANY_NETWORK, ROLLOUT, Fusion, RolloutOptions
from ensemble_cam.settings.rules import check_keys, one_of
from ensemble_cam.settings.vocabulary import COMBINATIONS


@dataclass(frozen=True)
class ExplainOptions:
    """How maps are made, whatever the network and the picture; any number of explanations may share one.

    Attributes:
        method: "gradcam++", "gradcam", "hirescam", "elementwise", "layercam", "xgradcam", "ablationcam", "scorecam",
            "eigencam" or "eigengradcam"; of vision transformers "rollout", one map for all classes.
        layer: names of layers instead of the network's own, one or several; a text or a list.
        combine: what makes one map of several layers': "mean", "max" or "weighted" (later layers count more) of their
            relative activations, on the finest of their grids; without, each has a map of its own.
        fusion: of a rollout: what makes one map of a layer's heads, "mean" (which it is without), "max" or "min".
        discard: of a rollout: the share of patches, the least attended of each row, that are set to 0, from 0 (which it
            is without) to below 1.

    Raises:
        ConfigError: if a value is not allowed, or two do not go together.
    """

    method: str = "gradcam++"
    layer: str | Sequence[str] | None = None
    combine: str | None = None
    fusion: Fusion | None = None
    discard: float | None = None

    def __post_init__(self) -> None:
        _check_method(self.method)
        object.__setattr__(self, "layer", layer_names(self.layer))
        if self.combine is not None:
            one_of(COMBINATIONS).check("combine", self.combine)
        if self.method == ROLLOUT.name and (self.combine is not None or self.layers):
            named = "combine" if self.combine is not None else "layer"
            raise ConfigError(
                f"{named}: a rollout is made of all attention layers. Leave it out, or take another method."
            )
        _ = self.rollout  # which refuses what does not go with the method

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
    def of_table(cls, where: str, table: Mapping[str, Any]) -> "ExplainOptions":
        """Return the options of a TOML table.

        Raises:
            ConfigError: if a key or a value is not allowed.
        """
        check_keys(where, table, known=[each.name for each in fields(cls)])
        return cls(**table)


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
