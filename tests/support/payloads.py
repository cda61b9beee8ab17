"""What the live viewer is sent of a review."""

from ensemble_cam.export.provenance import Review
from ensemble_cam.ui.viewer.committed import Committed
from ensemble_cam.ui.viewer.payload import FilmPart, Payload, Words, payload


def sent(
    review: Review, *, committed: Committed | None = None, words: Words | None = None, whole: bool = False
) -> Payload:
    """Return what the app would send of a review."""
    analysis = review.analysis
    return payload(
        1,
        FilmPart.of(analysis.radiograph, whole=whole),
        analysis.geometry,
        words or Words(),
        analysis=analysis,
        start=(committed or Committed(display=review.display)).start(),
    )
