"""What the reader set for looking at films."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ensemble_cam.settings.display import Display
from ensemble_cam.settings.pixels import Pixels
from ensemble_cam.settings.sets import ClassifierSet
from ensemble_cam.settings.settings import Settings
from ensemble_cam.ui.session.networks import Choice


@dataclass(frozen=True)
class Controls:
    """What the reader set.

    Attributes:
        set: the set of classifiers.
        display: what maps are drawn like.
        settings: which maps are made.
        choices: the classifiers.
        pixels: what of a film the networks are shown.
        read_first: whether scores and maps stay hidden until asked for.
        live: whether the live viewer shows the film, which has its own controls for `display` and the weights.
    """

    set: ClassifierSet
    display: Display
    settings: Settings
    choices: tuple[Choice, ...]
    pixels: Pixels
    read_first: bool
    live: bool = True

    def for_classifiers(self, choices: Sequence[Choice]) -> "Controls":
        """Return the same for some of the chosen classifiers, those whose weights are there."""
        shares = {choice.config.id: choice.ensemble_weight for choice in choices}
        return replace(self, settings=replace(self.settings, ensemble_weights=shares), choices=tuple(choices))
