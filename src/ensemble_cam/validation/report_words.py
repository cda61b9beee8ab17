"""What every report of a validation says, on a page or printed."""

from collections.abc import Mapping
from typing import Any

from ensemble_cam.validation.calibration import WHY_NOT_THE_SCORE

NOTHING_OF_PLACES = "Where maps lie is not judged here: labels of films say nothing of places."
NOT_HERE = (
    WHY_NOT_THE_SCORE,
    NOTHING_OF_PLACES,
    "Figures hold for films like these. Other devices, patients and prevalences have their own.",
    "Nothing takes the points up by itself: a classifier's operating_points in the configuration names their file.",
)
"""What a validation does not tell, a sentence each."""


def untold(record: Mapping[str, Any]) -> list[str]:
    """Return what a validation does not tell, a sentence each."""
    return [each for each in NOT_HERE if record["places"] is None or each != NOTHING_OF_PLACES]
