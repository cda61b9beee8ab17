"""What the list of films tells of each: a small picture, how far it is, and what the networks say of it."""

import base64
from typing import TYPE_CHECKING

import cv2

from ensemble_cam.film.radiograph import Radiograph
from ensemble_cam.reviewing.scores import Call, is_split
from ensemble_cam.settings.settings import displayed
from ensemble_cam.ui.session.films import OpenFilm

if TYPE_CHECKING:
    from ensemble_cam.reviewing.analysis import Analysis

_SIDE = 56  # pixels of a small picture, whose longer side it is
_QUALITY = 70  # JPEG


def listed(film: OpenFilm, *, hidden: bool, threshold: float) -> dict[str, object]:
    """Return what the list tells of a film, for the browser.

    Args:
        film: one of the session's.
        hidden: whether nothing of its review is to be seen yet.
        threshold: of the regions whose overlap is told, in relative activation.

    Returns:
        `number`, `sha256`, `name`, `failure` (a sentence, or None), `picture` (an address that holds it, or None),
        `state` (one of "failed", "unread", "hidden", "not reviewed", "meaningless", "reviewed"), and of a review that
        means something `called` and `split` (findings' names), `distance` (of the score nearest to an operating point
        from it, in [0, 0.5], or None) and `overlap` (the least mean IoU of a called finding's regions, or None).
    """
    told: dict[str, object] = {
        "number": film.id.number,
        "sha256": film.id.sha256,
        "name": film.name,
        "failure": film.failure,
        "picture": None,
        **_SAYS_NOTHING,
    }
    read, analysis = film.radiograph, film.reviewing.value
    if read is None:
        return told | {"state": "failed" if film.failure else "unread"}
    told["picture"] = film.kept("picture", read, picture_of)
    if hidden:
        return told | {"state": "hidden"}
    if analysis is None or analysis.radiograph.sha256 != read.sha256:
        return told | {"state": "not reviewed"}
    if analysis.meaningless:
        return told | {"state": "meaningless"}
    return told | film.kept(f"findings at {threshold}", analysis, lambda made: _findings(made, threshold))


_SAYS_NOTHING: dict[str, object] = {"called": [], "split": [], "distance": None, "overlap": None}


def picture_of(read: Radiograph) -> str:
    """Return a small picture of a film, as an address that holds it."""
    scale = _SIDE / max(read.width, read.height)
    size = max(1, round(read.width * scale)), max(1, round(read.height * scale))
    small = cv2.resize(read.display, size, interpolation=cv2.INTER_AREA)
    encoded, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not encoded:
        raise ValueError(f"cv2 could not encode a picture of shape {small.shape}")
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode('ascii')}"


def _findings(analysis: "Analysis", threshold: float) -> dict[str, object]:
    weights = analysis.settings.ensemble_weights
    siding = [each for each in analysis.results if weights[each.id] > 0 and each.classifier.calibrated]
    siding = [each for each in siding if not each.meaningless]
    called = [ranked.label for ranked in analysis.ranking if ranked.score.call is Call.CALLED]
    split = [ranked.label for ranked in analysis.ranking if is_split(result.call(ranked.label) for result in siding)]
    distances = [abs(score - 0.5) for result in siding for score in result.scores.values()]
    agreed = [finding.agreement(threshold) for finding in analysis.findings if finding.label in called]
    overlaps = [each.iou for each in agreed if each is not None and each.iou is not None]
    return {
        "state": "reviewed",
        "called": [displayed(label) for label in called],
        "split": [displayed(label) for label in split],
        "distance": min(distances, default=None),
        "overlap": min(overlaps, default=None),
    }
