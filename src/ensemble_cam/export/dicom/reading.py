"""Objects of this program read back: the same regions and words that were written, whatever lay between."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from ensemble_cam.errors import ExportError
from ensemble_cam.export.dicom import codes
from ensemble_cam.film.intake import silence
from ensemble_cam.purpose import RESULT_MARK

SOP_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.7": "sc",
    "1.2.840.10008.5.1.4.1.1.88.33": "sr",
    "1.2.840.10008.5.1.4.1.1.66.4": "seg",
    "1.2.840.10008.5.1.4.1.1.11.1": "gsps",
}
"""SOP class → kind of object, one of `vocabulary.DICOM_OBJECTS`."""


@dataclass(frozen=True, eq=False)
class FindingRead:
    """A finding of a report.

    Attributes:
        code: its code's value.
        words: rank, name, score and call, as they were written.
        score: in [0, 1]; None for a finding that a reader has added, and no network knows.
        call: what the networks say; None likewise.
        verdicts: what readers said of it.
        outlines: of its regions, each (n, 2) float32 columns and rows of stored pixels, the last point the first.
    """

    code: str
    words: str
    score: float | None
    call: str | None
    verdicts: tuple[str, ...]
    outlines: list[np.ndarray] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class ObjectRead:
    """An object of this program.

    Attributes:
        kind: one of `vocabulary.DICOM_OBJECTS`.
        film_uid: the SOP Instance UID of the film that it is of.
        words: what it says, a line each.
        findings: of a report.
        outlines: of a presentation state, each (n, 2) float32.
        frames: of a segmentation, (segments, rows, columns); of a Secondary Capture (rows, columns, 3) uint8.
    """

    kind: str
    film_uid: str
    words: tuple[str, ...]
    findings: tuple[FindingRead, ...] = ()
    outlines: tuple[np.ndarray, ...] = ()
    frames: np.ndarray | None = None


def read_object(data: bytes) -> ObjectRead:
    """Read an object that this program wrote.

    Args:
        data: the file; another program's objects are not looked into.

    Raises:
        ExportError: if it is none of them.
    """
    with silence():
        try:
            dataset = dcmread(BytesIO(data))
        except InvalidDicomError:
            raise ExportError("This is no DICOM object. Choose one that this program wrote.") from None
        kind = SOP_CLASSES.get(dataset.get("SOPClassUID", ""))
        if kind is None or dataset.get("Manufacturer") != RESULT_MARK:
            raise ExportError("This is no object that this program wrote. Choose one of its own.")
        return {"sc": _picture, "sr": _report, "seg": _segmentation, "gsps": _presentation}[kind](dataset)


def _picture(dataset: Dataset) -> ObjectRead:
    film = dataset.SourceImageSequence[0].ReferencedSOPInstanceUID
    words = (dataset.ImageComments, *dataset.DerivationDescription.split("; "))
    return ObjectRead("sc", film, words, frames=dataset.pixel_array)


def _segmentation(dataset: Dataset) -> ObjectRead:
    derivation = dataset.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0]
    film = derivation.SourceImageSequence[0].ReferencedSOPInstanceUID
    frames = dataset.pixel_array
    frames = frames[None] if frames.ndim == 2 else frames
    return ObjectRead("seg", film, tuple(each.SegmentLabel for each in dataset.SegmentSequence), frames=frames)


def _presentation(dataset: Dataset) -> ObjectRead:
    film = dataset.ReferencedSeriesSequence[0].ReferencedImageSequence[0].ReferencedSOPInstanceUID
    (annotation,) = dataset.GraphicAnnotationSequence
    outlines = tuple(_points(each.GraphicData) for each in annotation.GraphicObjectSequence)
    return ObjectRead(
        "gsps", film, tuple(each.UnformattedTextValue for each in annotation.TextObjectSequence), outlines=outlines
    )


def _report(dataset: Dataset) -> ObjectRead:
    evidence = dataset.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    film = evidence.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    findings: list[FindingRead] = []
    for container in _named(dataset, "126010"):  # Imaging Measurements
        for group in _named(container, "125007"):  # Measurement Group
            words = _named(group, "112039")[0].TextValue  # Tracking Identifier
            regions = [item for item in _all(group) if item.ValueType == "SCOORD"]
            if regions:
                findings[-1].outlines.extend(_points(item.GraphicData) for item in regions)
            else:
                findings.append(_finding(group, words))
    return ObjectRead("sr", film, tuple(each.words for each in findings), tuple(findings))


def _finding(group: Dataset, words: str) -> FindingRead:
    scores = [*_named(group, codes.SCORE.value), *_named(group, codes.SIGMOID.value)]
    calls = _named(group, codes.CALL.value)
    return FindingRead(
        code=_named(group, "121071")[0].ConceptCodeSequence[0].CodeValue,
        words=words,
        score=float(scores[0].MeasuredValueSequence[0].NumericValue) if scores else None,
        call=calls[0].ConceptCodeSequence[0].CodeMeaning if calls else None,
        verdicts=tuple(said.ConceptCodeSequence[0].CodeValue.lower() for said in _named(group, codes.VERDICT.value)),
    )


def _named(item: Dataset, code: str) -> list[Dataset]:
    """Return the items of a content item that a code names, in their order."""
    return [
        each
        for each in item.get("ContentSequence", ())
        if "ConceptNameCodeSequence" in each and each.ConceptNameCodeSequence[0].CodeValue == code
    ]


def _all(item: Dataset) -> list[Dataset]:
    return list(item.get("ContentSequence", ()))


def _points(values: Sequence[float]) -> np.ndarray:
    return np.array(values, dtype=np.float32).reshape(-1, 2)
