"""Objects of this program into an archive: each is read back and compared before it is said to be stored.

Archives answer that they stored what they dropped, and keep another object that they have under the same UID.
"""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from ensemble_cam.errors import ConfigError, PacsError
from ensemble_cam.film.intake import silence
from ensemble_cam.film.sources import read_film_file
from ensemble_cam.machine.names import escaped
from ensemble_cam.pacs.archive import Archive, Instance
from ensemble_cam.purpose import RESULT_MARK

# What an archive may put right when it stores an object: whose it is, and in which letters (PS3.18 10.5.3.2).
_COERCED = frozenset(
    (
        *("SpecificCharacterSet", "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex"),
        *("StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyID", "StudyDescription"),
        *("OriginalAttributesSequence", "DataSetTrailingPadding"),
    )
)


@dataclass(frozen=True)
class Sent:
    """What became of a file.

    Attributes:
        shown: what lines call it.
        why: it is not stored, in half a sentence; None where it is.
    """

    shown: str
    why: str | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Outgoing:
    """An object that is to be stored.

    Attributes:
        shown: what lines call it.
        data: its file.
        instance: where it belongs.
    """

    shown: str
    data: bytes
    instance: Instance


def outgoing(path: Path) -> Outgoing:
    """Read an object of this program.

    Raises:
        ConfigError: if it is none: an archive is given nothing else.
        RadiographError: if it cannot be read.
    """
    return outgoing_of(escaped(path.name), read_film_file(path))


def outgoing_of(shown: str, data: bytes) -> Outgoing:
    """Return an object of this program as it is sent.

    Raises:
        ConfigError: if it is none.
    """
    with silence():
        try:
            dataset: Dataset = dcmread(BytesIO(data), stop_before_pixels=True)
        except InvalidDicomError:
            dataset = Dataset()
        if dataset.get("Manufacturer") != RESULT_MARK:
            raise ConfigError(f"{shown}: this is no DICOM object that this program wrote, and nothing else is sent.")
        instance = Instance(
            str(dataset.StudyInstanceUID),
            str(dataset.SeriesInstanceUID),
            str(dataset.SOPInstanceUID),
            str(dataset.SOPClassUID),
        )
    return Outgoing(shown, data, instance)


def send(archive: Archive, each: Outgoing) -> Sent:
    """Store an object, read it back, and compare.

    Raises:
        PacsError: if the archive cannot be asked at all.
    """
    refused = archive.store(each.data, each.instance.study)
    try:
        stored = BytesIO()
        archive.retrieve(each.instance, stored.write)
    except PacsError as error:
        if refused:
            return Sent(each.shown, refused)
        return Sent(each.shown, f"the archive said that it stored it, and it cannot be read back. {error}")
    if stored.getvalue() == each.data or _is_same(each.data, stored.getvalue()):
        return Sent(each.shown)  # whatever it said: an object that it had already is one it may refuse
    return Sent(each.shown, refused or "the archive holds another object under this UID, and kept it")


def _is_same(sent: bytes, stored: bytes) -> bool:
    """Whether all that was sent is stored, but for what an archive may put right; what it adds is its own."""
    if len(stored) > 2 * len(sent) + 2**20:
        return False
    with silence():
        try:
            ours, theirs = dcmread(BytesIO(sent)), dcmread(BytesIO(stored))
        except InvalidDicomError:
            return False
        return all(
            element.tag in theirs and theirs[element.tag].value == element.value
            for element in ours
            if element.keyword not in _COERCED
        )
