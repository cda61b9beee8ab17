"""What all kinds of objects of one review have in common: what they are made of, and the modules they share."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cached_property
from io import BytesIO
from typing import Any

import highdicom as hd
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import CodedConcept
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes as standard
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRLittleEndian

from ensemble_cam import __version__
from ensemble_cam.export.dicom.attributes import COPIED, REQUIRED
from ensemble_cam.export.dicom.codes import SCHEME, SCHEME_NAME, SCHEME_ORGANISATION, Code, plain
from ensemble_cam.export.dicom.film_header import FilmHeader
from ensemble_cam.export.dicom.identifiers import IMPLEMENTATION, Identifiers, uid
from ensemble_cam.purpose import RESULT_MARK
from ensemble_cam.reviewing.analysis import Finding
from ensemble_cam.reviewing.review import Review
from ensemble_cam.reviewing.sentences import brief, method_line, purpose_line, weights_line

NATIVE = str(ExplicitVRLittleEndian)
# The first of a few numbers far behind those of modalities; a viewer lists series by it.
_SERIES = {"SC": 9101, "SR": 9102, "SEG": 9103, "PR": 9104}
# Films whose pixels lost something when they were compressed: transfer syntax → method (PS3.3 C.7.6.1.1.5.1).
_LOSSY = {
    "1.2.840.10008.1.2.4.50": "ISO_10918_1",
    "1.2.840.10008.1.2.4.51": "ISO_10918_1",
    "1.2.840.10008.1.2.4.81": "ISO_14495_1",
    "1.2.840.10008.1.2.4.91": "ISO_15444_1",
    "1.2.840.10008.1.2.4.203": "ISO_15444_15",
}

_DIRECTION = re.compile("[LRAPHF]{1,3}")
_METHOD = re.compile(r"[A-Z0-9_]{1,16}", re.ASCII)


@dataclass(frozen=True, eq=False)
class Source:
    """What a review's objects are made of.

    Attributes:
        review: the film's.
        header: of the film.
        identifiers: of the objects.
        findings: those whose overlays and regions are written, of the explained ones.
    """

    review: Review
    header: FilmHeader
    identifiers: Identifiers
    findings: tuple[Finding, ...]

    @cached_property
    def film(self) -> Dataset:
        """What highdicom has to know of the film; of the patient it is told nothing, as it logs what it is told."""
        film = Dataset()
        for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
            setattr(film, keyword, self.header.uid(keyword))
        for keyword in REQUIRED:
            setattr(film, keyword, "")
        film.Modality = self.header.code("Modality") or "OT"
        film.Columns, film.Rows = self.stored_size
        film.SamplesPerPixel = self.header.whole("SamplesPerPixel") or 1
        film.PhotometricInterpretation = self.header.code("PhotometricInterpretation")
        return film

    @property
    def stored_size(self) -> tuple[int, int]:
        """The film's columns and rows, as the file holds them."""
        return self.review.analysis.radiograph.stored_size

    @property
    def algorithm(self) -> list[str]:
        """What made the maps, a sentence each: weights with their hashes, method, threshold, purpose."""
        review = self.review
        lines = [weights_line(result) for result in review.analysis.results]
        lines += [method_line(review), f"threshold {review.display.threshold:.2f} of relative activation"]
        lines += [f"film SHA-256 {review.analysis.radiograph.sha256}", purpose_line(review), *review.warnings]
        return [plain(line) for line in lines]

    @property
    def equipment(self) -> dict[str, Any]:
        """Arguments that tell highdicom what made an object."""
        return {
            "manufacturer": RESULT_MARK,
            "manufacturer_model_name": "Ensemble-CAM",
            "software_versions": __version__,
            "device_serial_number": "none",
        }

    def numbers(self, kind: str, encoding: str = NATIVE, number: int = 1) -> dict[str, Any]:
        """Return the arguments that tell highdicom UIDs and numbers of an object."""
        return {
            "series_instance_uid": self.identifiers.series(kind, encoding),
            "series_number": _SERIES[kind],
            "sop_instance_uid": self.identifiers.instance(kind, encoding, number),
            "instance_number": number,
            "series_description": self.description(kind),
        }

    def description(self, kind: str) -> str:
        """Return a series' description, by which a result is known again: what it is, and of which film."""
        return f"Ensemble-CAM {DESCRIPTIONS[kind]}, film {self.review.analysis.radiograph.sha256[:12]}"


DESCRIPTIONS: Mapping[str, str] = {
    "SC": "overlays",
    "SR": "findings",
    "SEG": "regions",
    "PR": "outlines",
}
"""What the series of each kind is called."""


def concept(code: Code) -> CodedConcept:
    """Return a code as highdicom takes it."""
    return CodedConcept(code.value, code.scheme, code.meaning)


def algorithm_sequence(source: Source) -> hd.AlgorithmIdentificationSequence:
    """Return the algorithm as images' modules identify it."""
    parameters = {f"Line {number}": line for number, line in enumerate(source.algorithm, start=1)}
    return hd.AlgorithmIdentificationSequence(
        "Ensemble-CAM", standard.DCM.ArtificialIntelligence, __version__, source=RESULT_MARK, parameters=parameters
    )


def words_of(finding: Finding) -> str:
    """Return a finding with its rank, score and call."""
    return plain(f"{finding.rank}. {brief(finding)}")


def finished(dataset: Dataset, source: Source) -> bytes:
    """Return an object as a file: what highdicom leaves out or takes from the clock is put right.

    The patient's and the study's modules are the film's, byte by byte.
    """
    _set_dates(dataset, source)
    _set_image(dataset, source)
    _identify_scheme(dataset)
    _copy_patient_and_study(dataset, source.header)
    meta = dataset.file_meta
    meta.ImplementationClassUID = UID(uid(IMPLEMENTATION))
    meta.ImplementationVersionName = f"ENSCAM_{__version__}"[:16]
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _set_dates(dataset: Dataset, source: Source) -> None:
    """Date an object by its review, in the film's own zone where that is told and else on this machine's clock."""
    at = source.review.analysis.reviewed_at
    zone = source.header.text("TimezoneOffsetFromUTC")
    if (offset := _offset(zone)) is not None:
        at = at.astimezone(offset)
        dataset.TimezoneOffsetFromUTC = zone
    day, clock = at.strftime("%Y%m%d"), at.strftime("%H%M%S")
    names = ("InstanceCreation", "Content", "PresentationCreation", "Series")
    for date, time in ((f"{name}Date", f"{name}Time") for name in names):
        if date in dataset or date == "SeriesDate":
            setattr(dataset, date, day)
            setattr(dataset, time, clock)
    for item in dataset.get("ContributingEquipmentSequence", ()):
        item.ContributionDateTime = day + clock
    if "DateOfSecondaryCapture" in dataset:
        dataset.DateOfSecondaryCapture, dataset.TimeOfSecondaryCapture = day, clock


def _offset(zone: str) -> tzinfo | None:
    try:
        return datetime.strptime(zone, "%z").tzinfo
    except ValueError:
        return None


def _set_image(dataset: Dataset, source: Source) -> None:
    """Set orientation, body part and lossy compression as the film has them."""
    header = source.header
    if "Rows" in dataset:
        directions = header.texts("PatientOrientation")
        known = len(directions) == 2 and all(map(_DIRECTION.fullmatch, directions))
        dataset.PatientOrientation = list(directions) if known else None  # type 2C; highdicom wants a value
    if dataset.Modality != "SR":  # which has no General Series module
        if part := header.code("BodyPartExamined"):
            dataset.BodyPartExamined = part
        elif dataset.Modality != "SEG":
            side = header.code("Laterality")
            dataset.Laterality = side if side in ("R", "L") else ""  # type 2C without a body part
    if "Rows" in dataset and (lossy := lossy_film(header, source.stored_size)):
        ratio, method = lossy
        before = dataset.get("LossyImageCompression") == "01"
        dataset.LossyImageCompression = "01"
        dataset.LossyImageCompressionRatio = [ratio, *([dataset.LossyImageCompressionRatio] if before else [])]
        dataset.LossyImageCompressionMethod = [method, *([dataset.LossyImageCompressionMethod] if before else [])]


def lossy_film(header: FilmHeader, size: tuple[int, int]) -> tuple[str, str] | None:
    """Return ratio and method of a film that was compressed with loss; None of any other.

    Where the header does not say by how much, the ratio is that of the file.
    """
    method = _LOSSY.get(header.transfer_syntax)
    if method is None and header.text("LossyImageCompression") != "01":
        return None
    ratios, methods = header.numbers("LossyImageCompressionRatio"), header.texts("LossyImageCompressionMethod")
    ratio = ratios[0] if ratios else 2 * size[0] * size[1] / max(header.pixel_bytes, 1)
    return f"{max(ratio, 1):.4g}", methods[0] if methods and _METHOD.fullmatch(methods[0]) else method or "ISO_10918_1"


def _identify_scheme(dataset: Dataset) -> None:
    """Say what the scheme of our own codes is, where one of them is used (PS3.3 C.12.1.1.2)."""
    if not any(
        element.keyword == "CodingSchemeDesignator" and element.value == SCHEME for element in dataset.iterall()
    ):
        return
    item = CodingSchemeIdentificationItem(
        SCHEME,
        name=SCHEME_NAME,
        version=__version__,
        uid=uid(IMPLEMENTATION, "coding scheme"),
        responsible_organization=SCHEME_ORGANISATION,
    )
    dataset.CodingSchemeIdentificationSequence = [item]


def _copy_patient_and_study(dataset: Dataset, header: FilmHeader) -> None:
    for tag, _ in COPIED.values():
        if tag in dataset:
            del dataset[tag]
    for keyword in REQUIRED:
        setattr(dataset, keyword, "")
    for keyword, value in header.copied().items():
        tag, vr = COPIED[keyword]
        dataset[Tag(tag)] = RawDataElement(Tag(tag), vr, len(value), value, 0, False, True, True)
