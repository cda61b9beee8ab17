"""All that a reader chooses for a review, whatever the film and the classifiers."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from ensemble_cam.settings.config import ReviewDefaults
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.pixels import Pixels
from ensemble_cam.settings.settings import Settings

Chosen = TypeVar("Chosen", Settings, Display, Pixels)


@dataclass(frozen=True)
class ReviewOptions:
    """What is explained, what it is drawn like, what the networks are shown, and where they run.

    Attributes:
        settings: which maps are made.
        display: what they are drawn like.
        pixels: what of a film the networks are shown.
        device: one of `runtime.DEVICES`, see `runtime.choose_device`.
        runtime: one of `runtime.RUNTIMES`, see `runtime.choose_runtime`.
    """

    settings: Settings
    display: Display
    pixels: Pixels = field(default_factory=Pixels)
    device: str = "auto"
    runtime: str = "auto"

    @classmethod
    def of(
        cls, given: Mapping[str, object], defaults: ReviewDefaults, *, device: str = "auto", runtime: str = "auto"
    ) -> "ReviewOptions":
        """Return options as they were given, each else as the configuration has it, else the program's own.

        Args:
            given: name of a field of `Settings`, `Display` or `Pixels` → its value, or None; other names are left
                alone.
            defaults: the configuration's.
            device, runtime: as in `ReviewOptions`.

        Raises:
            ConfigError: if a value is not allowed.
        """
        return cls(
            settings=_chosen(Settings, given, defaults),
            display=_chosen(Display, given, defaults),
            pixels=_chosen(Pixels, given, defaults),
            device=device,
            runtime=runtime,
        )


def _chosen(kind: type[Chosen], given: Mapping[str, object], defaults: ReviewDefaults) -> Chosen:
    values: dict[str, Any] = {}
    for each in fields(kind):
        value = given.get(each.name)
        value = getattr(defaults, each.name, None) if value is None else value
        if value is not None:
            values[each.name] = value
    return kind(**values)
