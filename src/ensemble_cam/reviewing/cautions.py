"""What has to be said of a set of classifiers, and of a film beside it. Nothing heavy is imported here."""

from ensemble_cam.film.radiograph import Radiograph
from ensemble_cam.purpose import TEACHING_LINE

NO_PHANTOM = "Not a drawn phantom: the teaching networks' scores and maps of this film mean nothing."
PHANTOM = "A drawn phantom, not a patient: the clinical networks learned from patients' films."


def notice(set: str) -> str | None:
    """Return what stands on every screen and in every export of a set's, or None."""
    return TEACHING_LINE if set == "teaching" else None


def cautions(set: str, radiograph: Radiograph) -> tuple[str, ...]:
    """Return what the reader must know before reading this set's maps of this film, one plain sentence each."""
    if set == "teaching":
        return () if radiograph.phantom else (NO_PHANTOM,)
    return (PHANTOM,) if radiograph.phantom else ()
