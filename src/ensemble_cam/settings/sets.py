"""The sets of classifiers, and what each has to say of itself: one record, looked up once and carried from there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ensemble_cam.purpose import TEACHING_LINE

NO_PHANTOM = "Not a drawn phantom: the teaching networks' scores and maps of this film mean nothing."
PHANTOM = "A drawn phantom, not a patient: the clinical networks learned from patients' films."

WITHOUT_DOWNLOAD = "Until then, `--set teaching` needs no download: small networks, for drawn phantoms alone."
"""What the command line adds where a set's weights are missing."""


@dataclass(frozen=True)
class ClassifierSet:
    """Classifiers that are used together, because they learned from films of one kind.

    Attributes:
        name: as in the configuration, on the command line and in `review.json`.
        title: what readers see.
        needs_download: whether the released weights are fetched; those of the other sets come with the package.
        learned_from_phantoms: whether its networks know drawn films and nothing else, so that scores and maps of any
            other film mean nothing.
        learned_from_patients: whether its networks are known to have learned from patients' films.
        notice: what stands on every screen and in every export; None where there is nothing to say.
    """

    name: str
    title: str
    needs_download: bool
    learned_from_phantoms: bool
    learned_from_patients: bool = False
    notice: str | None = None

    def means_nothing_on(self, *, phantom: bool) -> bool:
        """Return whether this set's scores and maps of a film mean nothing, be its networks trained or not.

        Args:
            phantom: whether the film is a drawn phantom.
        """
        return self.learned_from_phantoms and not phantom

    def cautions(self, *, phantom: bool) -> tuple[str, ...]:
        """Return what a reader must know before reading this set's maps of a film, one plain sentence each.

        Args:
            phantom: whether the film is a drawn phantom.
        """
        if self.means_nothing_on(phantom=phantom):
            return (NO_PHANTOM,)
        return (PHANTOM,) if phantom and self.learned_from_patients else ()


CLINICAL = ClassifierSet(
    "clinical", "Clinical", needs_download=True, learned_from_phantoms=False, learned_from_patients=True
)
SITE = ClassifierSet("site", "Site's own", needs_download=False, learned_from_phantoms=False)
TEACHING = ClassifierSet("teaching", "Teaching", needs_download=False, learned_from_phantoms=True, notice=TEACHING_LINE)

SETS: Mapping[str, ClassifierSet] = {each.name: each for each in (CLINICAL, SITE, TEACHING)}
"""Name → set, in the order in which readers are offered them."""


def answering_for(sets: Iterable[ClassifierSet]) -> ClassifierSet:
    """Return the set whose words stand beside what classifiers of these sets gave together.

    That is the first one with a notice: what the least of them cannot know, all of them together do not know.
    """
    given = tuple(sets)
    return next((each for each in given if each.notice is not None), given[0])
