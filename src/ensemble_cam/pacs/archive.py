"""What an archive is to this program, whatever way it is asked: studies and instances, and four things it does."""

from collections.abc import Callable
from dataclasses import dataclass, field
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


OWN_SERIES = "Ensemble-CAM "
"""What the descriptions of this program's series begin with."""

CHEST = frozenset({"CHEST", "THORAX", "LUNG", "RIB", "RIBS", "CHESTABDOMEN", "HEART"})
"""Body parts of films of the chest (PS3.16 Annex L), as they are written in capitals."""


@dataclass(frozen=True, repr=False)
class Patient:
    """Whose a study is: for one list on a page, and for nothing else; it says nothing of itself."""

    name: str
    id: str


@dataclass(frozen=True)
class Study:
    """A study as the archive tells of it.

    Attributes:
        uid: its Study Instance UID.
        date: YYYYMMDD, or empty.
        modalities: of its series.
        series: how many; None where the archive does not say.
        instances: the same.
        patient: whose it is; no part of what is printed or compared.
    """

    uid: str
    date: str
    modalities: tuple[str, ...]
    series: int | None
    instances: int | None
    patient: Patient | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Instance:
    """An instance in the archive: where it lies, of which SOP class it is, and what its series says of it.

    Attributes:
        study, series, uid: where it lies.
        sop_class: of which class it is.
        body_part: in capitals; empty where the archive does not say.
        description: of its series; empty likewise.
    """

    study: str
    series: str
    uid: str
    sop_class: str
    body_part: str = field(default="", compare=False)
    description: str = field(default="", repr=False, compare=False)

    @property
    def is_chest(self) -> bool | None:
        """Whether it is a film of the chest; None where that is not said."""
        if not self.is_film or self.description.startswith(OWN_SERIES):
            return False
        return self.body_part in CHEST if self.body_part else None

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
