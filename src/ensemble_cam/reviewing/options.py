"""All that a reader chooses for a review, whatever the film and the classifiers."""

from dataclasses import dataclass, field

from ensemble_cam.settings.display import Display
from ensemble_cam.settings.pixels import Pixels
from ensemble_cam.settings.settings import Settings


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
