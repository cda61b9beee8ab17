"""What has to be said of a set of classifiers, and of a film beside it. Nothing heavy is imported here."""

from ensemble_cam.film.radiograph import Radiograph
from ensemble_cam.settings.sets import SETS


def notice(set: str) -> str | None:
    """Return what stands on every screen and in every export of the named set's, or None."""
    return SETS[set].notice


def cautions(set: str, radiograph: Radiograph) -> tuple[str, ...]:
    """Return what the reader must know before reading the named set's maps of this film, one plain sentence each."""
    return SETS[set].cautions(phantom=radiograph.phantom)
