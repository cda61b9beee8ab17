"""What the live viewer was sent of a film."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ensemble_cam.film.geometry import Geometry
from ensemble_cam.film.radiograph import Radiograph
from ensemble_cam.ui.session.controls import Controls
from ensemble_cam.ui.viewer.payload import Payload

if TYPE_CHECKING:
    from ensemble_cam.reviewing.analysis import Analysis


@dataclass(frozen=True, eq=False)
class Shown:
    """What the viewer shows of a film.

    Attributes:
        radiograph: the film, as it was read.
        geometry: the square that the networks see.
        analysis: its review, None where the film is shown without maps.
        controls: what is set in the sidebar.
        whole: whether the film is sent with all of its pixels.
        payload: all of that, as it is sent.
    """

    radiograph: Radiograph
    geometry: Geometry
    analysis: "Analysis | None"
    controls: Controls
    whole: bool
    payload: Payload
