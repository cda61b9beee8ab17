"""The codes that objects say findings, calls and numbers by, each with where it comes from.

A finding has a standard code where one means exactly it. Where none does it has one of the scheme `99ENSEMBLECAM`,
which every object that uses it identifies; never one that nearly fits.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ensemble_cam.reviewing.scores import Call
from ensemble_cam.settings.settings import displayed

SCHEME = "99ENSEMBLECAM"
SCHEME_NAME = "Ensemble-CAM's own codes"
SCHEME_ORGANISATION = "Ensemble-CAM project"

_SNOMED = "SNOMED CT, International Edition"
_PS3_16 = "DICOM PS3.16"


@dataclass(frozen=True)
class Code:
    """A code.

    Attributes:
        value: at most 16 characters.
        scheme: its Coding Scheme Designator.
        meaning: at most 64 characters.
        source: where it is defined.
    """

    value: str
    scheme: str
    meaning: str
    source: str


def _own(value: str, meaning: str) -> Code:
    return Code(value, SCHEME, meaning, "this table")


def _snomed(value: str, meaning: str, source: str = _SNOMED) -> Code:
    return Code(value, "SCT", meaning, source)


FINDINGS: Mapping[str, Code] = MappingProxyType(
    {
        "Atelectasis": _snomed("46621007", "Atelectasis"),
        "Cardiomegaly": _snomed("8186001", "Cardiomegaly"),
        "Consolidation": _snomed("95436008", "Lung consolidation"),
        "Edema": _snomed("19242006", "Pulmonary edema", f"{_PS3_16}, {_SNOMED}"),
        "Effusion": _snomed("60046008", "Pleural effusion", f"{_PS3_16}, {_SNOMED}"),
        "Emphysema": _snomed("87433001", "Pulmonary emphysema"),
        "Enlarged Cardiomediastinum": _own("CARDIOMEDIAST", "Enlarged cardiomediastinum"),
        "Fibrosis": _snomed("51615001", "Fibrosis of lung"),
        "Fracture": _snomed("125605004", "Fracture of bone"),
        "Hernia": _own("HERNIA", "Hernia"),
        "Infiltration": Code("112121", "DCM", "Infiltrate", f"{_PS3_16}, CID 6104"),
        "Lung Lesion": _own("LUNGLESION", "Lung lesion"),
        "Lung Opacity": _own("LUNGOPACITY", "Lung opacity"),
        "Mass": _snomed("309529002", "Lung mass"),
        "Nodule": _snomed("786838002", "Nodule of lung"),
        "Pleural_Thickening": _own("PLEURALTHICK", "Pleural thickening"),
        "Pneumonia": _snomed("233604007", "Pneumonia"),
        "Pneumothorax": _snomed("36118008", "Pneumothorax", f"{_PS3_16}, {_SNOMED}"),
    }
)
"""Label → code."""

SCORE = _own("SCORE", "Score, 0.5 at the operating point, no probability")
SIGMOID = _own("SIGMOID", "Score without operating point, uncalibrated")
OPERATING_POINT = _own("OPERATINGPOINT", "Operating point: called from this score on")
OVERLAP = _own("OVERLAP", "Overlap of the networks' regions (mean IoU)")
RANK_CORRELATION = _own("RANKCORRELATION", "Rank correlation of the networks' maps (mean)")
THRESHOLD = _own("THRESHOLD", "Relative activation from which on a region is")
SHARE = _own("SHARE", "Share of the pixels that the networks saw")
CALL = _own("CALL", "What the networks say")
CALLS: Mapping[Call, Code] = MappingProxyType(
    {
        Call.CALLED: _own("CALLED", "called"),
        Call.NOT_CALLED: _own("NOTCALLED", "not called"),
        Call.UNCALIBRATED: _own("UNCALIBRATED", "uncalibrated: no operating point, nothing is called"),
    }
)
SPLIT = _own("SPLIT", "Whether some networks call it and others do not")
YES, NO = _own("YES", "yes"), _own("NO", "no")
VERDICT = _own("VERDICT", "What a reader says of the networks' finding")
VERDICTS: Mapping[str, Code] = MappingProxyType(
    {
        "accepted": _own("ACCEPTED", "accepted by a reader"),
        "rejected": _own("REJECTED", "rejected by a reader"),
        "supplemented": _own("SUPPLEMENTED", "supplemented by a reader"),
    }
)
OTHERS = (
    *(SCORE, SIGMOID, OPERATING_POINT, OVERLAP, RANK_CORRELATION, THRESHOLD, SHARE),
    *(CALL, *CALLS.values(), SPLIT, YES, NO, VERDICT, *VERDICTS.values()),
)
"""The codes of the scheme that are no findings'."""


def finding_code(label: str) -> Code:
    """Return the code of a finding; one that a site's own network knows has a code made of its name."""
    if label in FINDINGS:
        return FINDINGS[label]
    digits = hashlib.sha256(label.encode()).hexdigest()[:8].upper()
    return _own(f"OWN-{digits}", plain(displayed(label))[:64])


def plain(text: str) -> str:
    """Return a text in ASCII, which every character set of DICOM begins with, without what separates values."""
    replaced = text.replace("\\", "/").replace("…", "...").replace("·", ";").replace("×", "x").replace("–", "-")
    return replaced.encode("ascii", "replace").decode()
