"""Which maps a review makes: the reader's choices, checked, and findings' names."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ensemble_cam.settings.methods import Recipe
from ensemble_cam.settings.rules import check_setting

if TYPE_CHECKING:
    from ensemble_cam.film.geometry import Framing


@dataclass(frozen=True)
class Settings:
    """What decides which maps are made; what they are drawn like is `display.Display`.

    Attributes:
        top_k: how many findings to explain, those with the highest scores.
        labels: the findings to explain instead, by upstream name or as displayed; None for the top-K.
        method: a key of `methods.METHODS`.
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
    framing: "Framing" = "crop"
    ensemble_weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("top_k", "method", "layers", "aug_smooth", "eigen_smooth", "framing"):
            check_setting(name, getattr(self, name))
        _ = self.recipe  # which refuses what does not go together

    @property
    def recipe(self) -> Recipe:
        """How each map is made."""
        return Recipe(self.method, layers=self.layers, aug_smooth=self.aug_smooth, eigen_smooth=self.eigen_smooth)


def displayed(label: str) -> str:
    """Return a label as people read it: `Pleural_Thickening` → "Pleural thickening"."""
    return label.replace("_", " ").capitalize()
