"""What an archive is to this program, whatever way it is asked: studies and instances, and four things it does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ensemble_cam.pacs.query import Query

FILM_CLASSES = frozenset(
    (
        *("1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.5.1.4.1.1.1.1", "1.2.840.10008.5.1.4.1.1.1.1.1"),
        *("1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.7.2", "1.2.840.10008.5.1.4.1.1.7.3"),
    )
)
"""SOP classes of which an instance may be a film."""

MOST_STUDIES = 1000
"""Studies that are listed at most."""


@dataclass(frozen=True)
class Study:
    """A study as the archive tells of it.

    Attributes:
        uid: its Study Instance UID.
        date: YYYYMMDD, or empty.
        modalities: of its series.
        series: how many; None where the archive does not say.
        instances: the same.
    """

    uid: str
    date: str
    modalities: tuple[str, ...]
    series: int | None
    instances: int | None


@dataclass(frozen=True)
class Instance:
    """An instance in the archive: where it lies, and of which SOP class it is."""

    study: str
    series: str
    uid: str
    sop_class: str

    @property
    def is_film(self) -> bool:
        """Whether it may be a film, by its SOP class."""
        return self.sop_class in FILM_CLASSES


class Archive(Protocol):
    """An archive: `dicomweb.DicomWeb`, or `dimse.Dimse`. What goes wrong on the way is a `PacsError`."""

    def studies(self, query: Query) -> list[Study]:
        """Return the studies that match, at most a thousand."""

    def instances(self, study: str) -> list[Instance]:
        """Return the instances of a study."""

    def retrieve(self, instance: Instance, write: Callable[[bytes], object]) -> int:
        """Hand an instance's file over, piece by piece, and return how many bytes it has."""

    def store(self, data: bytes, study: str) -> str | None:
        """Store one file in a study; return why the archive says that it did not, None where it says that it did."""
