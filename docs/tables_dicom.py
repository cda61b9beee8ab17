"""The tables of the conformance statement: objects, codes and attributes, from what writes them."""

from collections.abc import Iterable

from markdown_tables import code, table
from pydicom.uid import UID

from ensemble_cam.export.dicom import attributes, codes, objects
from ensemble_cam.export.dicom.reading import SOP_CLASSES
from ensemble_cam.export.dicom.source import DESCRIPTIONS

_FILES = {
    "sc": f"<rank>_<label>_sc.dcm, {objects.FIGURE}",
    "sr": objects.REPORT,
    "seg": objects.REGIONS,
    "gsps": objects.OUTLINES,
}
_SYNTAXES = {"sc": "explicit little endian; JPEG baseline with `--sc-jpeg`"}
_SERIES = {"sc": "SC", "sr": "SR", "seg": "SEG", "gsps": "PR"}


def dicom_objects() -> str:
    """Return the kinds of objects with their SOP classes."""
    rows = (
        (
            code(kind),
            code(_FILES[kind]),
            f"{UID(sop_class).name} ({code(sop_class)})",
            _SYNTAXES.get(kind, "explicit little endian"),
            code(f"Ensemble-CAM {DESCRIPTIONS[_SERIES[kind]]}, film <12 digits>"),
        )
        for sop_class, kind in SOP_CLASSES.items()
    )
    return table(["kind", "file", "SOP class", "transfer syntax", "series description"], rows)


def dicom_findings() -> str:
    """Return the code of each finding, with where it is from."""
    return table(["label", *_HEAD], ((code(label), *_row(each)) for label, each in codes.FINDINGS.items()))


def dicom_codes() -> str:
    """Return the codes of our own scheme that are no findings'."""
    return table(_HEAD, map(_row, codes.OTHERS))


def dicom_attributes() -> str:
    """Return the attributes that are copied from the film."""
    patient = {**attributes.PATIENT, **attributes.PATIENT_SEQUENCES}
    study = {**attributes.STUDY, **attributes.STUDY_SEQUENCES}
    modules = (("Patient, Clinical Trial Subject", patient), ("Study, Patient Study", study))
    return table(["module", "attributes"], ((name, _keywords(read)) for name, read in modules))


def _keywords(names: Iterable[str]) -> str:
    return ", ".join(map(code, names))


_HEAD = ["code", "scheme", "meaning", "source"]


def _row(each: codes.Code) -> tuple[str, ...]:
    return code(each.value), code(each.scheme), each.meaning, each.source


TABLES = {
    "dicom objects": dicom_objects,
    "dicom findings": dicom_findings,
    "dicom codes": dicom_codes,
    "dicom attributes": dicom_attributes,
}
