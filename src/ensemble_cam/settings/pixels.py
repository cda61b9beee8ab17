"""What of a film the networks are shown."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ensemble_cam.settings.rules import TRUE_OR_FALSE, check_setting

if TYPE_CHECKING:
    from ensemble_cam.film.radiograph import Intensity


@dataclass(frozen=True)
class Pixels:
    """What of a film the networks are shown; see `film.radiograph.read_radiograph`.

    Attributes:
        intensity: of a DICOM film the "stored" values over their declared range, or the "windowed" ones of the screen.
        rescale: whether a film of more than 8 bits that uses less than a third of its range is stretched.
        negative: whether films are turned round that were saved as negatives, for screen and networks alike.

    Raises:
        ConfigError: if a value is not allowed: a text such as "no" would turn a film round.
    """

    intensity: "Intensity" = "stored"
    rescale: bool = False
    negative: bool = False

    def __post_init__(self) -> None:
        check_setting("intensity", self.intensity)
        TRUE_OR_FALSE.check("rescale", self.rescale)
        TRUE_OR_FALSE.check("negative", self.negative)
