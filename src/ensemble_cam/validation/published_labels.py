"""Labels as public sets of films publish them, with their quirks, brought to what `labels` reads.

| set | file | quirks |
|---|---|---|
| NIH ChestX-ray14 | Data_Entry_2017.csv | commas in heads of columns, a comma at each end, ages such as 058Y or 414 |
| CheXpert | train.csv, valid.csv | a blank is no 0, −1 is unsure, laterals among them, the patient in the path |
| VinDr-CXR | image_labels_train.csv, …_test.csv | several readers a film, classes that no classifier knows |
| RSNA pneumonia | stage_2_train_labels.csv | a line for each box, so that a film has several |
| SIIM-ACR pneumothorax | train-rle.csv | a blank before a column's head, −1 for none, a line for each region |
| a session of this program | of `readers export` | films by SHA-256, a line for each network; verdicts are no truth |

Other public names of a finding are brought to upstream's. Films and findings that were not given are passed over: such
files are of many more.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

OTHER_NAMES: Mapping[str, str] = {
    "infiltrate": "Infiltration",
    "pleural effusion": "Effusion",
    "pleural thickening": "Pleural_Thickening",
    "pulmonary fibrosis": "Fibrosis",
    "airspace opacity": "Lung Opacity",
}
"""What public sets call a finding, in small letters → upstream's name."""

_NO_FINDING = "no finding"
_CHEXPERT_IS_NO_FINDING = ("no finding", "support devices")
_OLDEST = 130
_PATIENT = re.compile(r"patient\d+")

Row = Mapping[str, str]


@dataclass(frozen=True)
class Entry:
    """What a line says of a film and a finding.

    Attributes:
        film: the film's key, see `film_key`.
        finding: as the set calls it.
        present: whether it is there.
        about: of `labels.OPTIONAL`, what is known of the film.
    """

    film: str
    finding: str
    present: bool
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PublishedLabels:
    """How one set publishes its labels.

    Attributes:
        title: of the set.
        heads: columns by which its file is known, in small letters.
        entries: a line by its columns' heads → what it says.
        remark: what was made of its quirks, in a sentence for the report.
        several: whether a film may have several lines that say the same.
        by_hash: whether films are known by the SHA-256 of their files, in hex, and not by name.
    """

    title: str
    heads: tuple[str, ...]
    entries: Callable[[Row], Iterable[Entry]]
    remark: str
    several: bool = False
    by_hash: bool = False


def film_key(name: str) -> str:
    """Return what a public set calls a film: its file's name without ending, or CheXpert's path as one name."""
    path = PurePosixPath(name.replace("\\", "/"))
    stem = path.name[: -len(path.suffix)] if path.suffix else path.name
    parts = path.parts
    if len(parts) >= 3 and _PATIENT.fullmatch(parts[-3]):
        return f"{parts[-3]}_{parts[-2]}_{stem}"
    return stem


def recognised(cells: Sequence[str]) -> PublishedLabels | None:
    """Return whose labels a file has, by the heads of its columns; None for a table of one's own."""
    heads = [cell.strip().casefold() for cell in cells]
    return next((each for each in SETS if all(head in heads for head in each.heads)), None)


def by_head(heads: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """Return a line's cells by their columns' heads in small letters; what stands behind the heads is passed over."""
    return {head.strip().casefold(): cell.strip() for head, cell in zip(heads, cells, strict=False) if head.strip()}


NIH = (
    *("Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia", "Pneumothorax"),
    *("Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening", "Hernia"),
)


def _nih(row: Row) -> Iterator[Entry]:
    named = {each.strip() for each in row["finding labels"].split("|")}
    about = {"patient": row.get("patient id", ""), "view": row.get("view position", "")}
    about |= {"age": _age(row.get("patient age", "")), "sex": row.get("patient gender", "")[:1].upper()}
    for finding in NIH:
        yield Entry(film_key(row["image index"]), finding, finding in named, about)


def _age(text: str) -> str:
    """Return whole years; NIH's first edition writes 058Y, 009M and 011D, and some ages are typing errors."""
    if text[-1:].upper() in ("M", "D"):
        return "0"
    digits = text.removesuffix("Y").removesuffix("y")
    try:
        years = int(float(digits))
    except ValueError:
        return ""
    return str(years) if 0 <= years <= _OLDEST else ""


def _chexpert(row: Row) -> Iterator[Entry]:
    if row["frontal/lateral"].casefold() != "frontal":
        return
    path = row["path"]
    patient = _PATIENT.search(path)
    sex = row.get("sex", "")[:1].upper()
    about = {"patient": patient.group() if patient else "", "sex": sex if sex in ("F", "M") else ""}
    about |= {"view": row.get("ap/pa", ""), "age": _age(row.get("age", ""))}
    nothing = _number(row["no finding"]) == 1
    for finding in list(row)[list(row).index("no finding") + 1 :]:
        value = _number(row[finding])
        if value is None and nothing and finding not in _CHEXPERT_IS_NO_FINDING:
            value = 0.0
        if value in (0.0, 1.0):
            yield Entry(film_key(path), finding, value == 1, about)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _vindr(row: Row) -> Iterator[Entry]:
    about = {"reader": row.get("rad_id", "")}
    for finding, text in row.items():
        if finding not in ("image_id", "rad_id", _NO_FINDING) and (value := _number(text)) in (0.0, 1.0):
            yield Entry(film_key(row["image_id"]), finding, value == 1, about)


def _rsna(row: Row) -> Iterator[Entry]:
    film = film_key(row["patientid"])
    yield Entry(film, "Pneumonia", row["target"] == "1", {"patient": film})


def _siim(row: Row) -> Iterator[Entry]:
    yield Entry(film_key(row["imageid"]), "Pneumothorax", row["encodedpixels"] not in ("-1", ""))


def _readers(row: Row) -> Iterator[Entry]:
    """Take what was said before the networks were seen, and what they had missed.

    A verdict was given in sight of the scores: a classifier that is measured by it is measured by itself.
    """
    present = row["first_read"] == "marked" or row["missed"] == "true"
    if present or row["first_read"] == "not marked":
        yield Entry(row["film"], row["finding"], present, {"reader": row["reader"]})


SETS = (
    PublishedLabels(
        "NIH ChestX-ray14",
        ("image index", "finding labels", "patient id"),
        _nih,
        "Labels are NIH ChestX-ray14's, taken from reports by a program: a finding that is not named counts as absent.",
    ),
    PublishedLabels(
        "CheXpert",
        ("path", "frontal/lateral", "no finding"),
        _chexpert,
        "Labels are CheXpert's: unsure ones (−1) and findings that are not mentioned are left out, but for films of no "
        "finding, which have none; laterals are left out.",
    ),
    PublishedLabels(
        "VinDr-CXR",
        ("image_id", _NO_FINDING),
        _vindr,
        "Labels are VinDr-CXR's: several readers a film, of whom more than half decide.",
    ),
    PublishedLabels(
        "RSNA pneumonia",
        ("patientid", "x", "y", "width", "height", "target"),
        _rsna,
        "Labels are the RSNA pneumonia challenge's: opacities suspicious for pneumonia, which count as Pneumonia.",
        several=True,
    ),
    PublishedLabels(
        "SIIM-ACR pneumothorax",
        ("imageid", "encodedpixels"),
        _siim,
        "Labels are the SIIM-ACR pneumothorax challenge's: a film with a region has a pneumothorax.",
        several=True,
    ),
    PublishedLabels(
        "this program's readers",
        ("reader", "film", "finding", "network", "first_read", "missed"),
        _readers,
        "Labels are readers': first reads, before any score was shown, and findings that they added afterwards; of "
        "several readers more than half decide. Verdicts, given in sight of the scores, are not among them.",
        several=True,
        by_hash=True,
    ),
)
"""The sets whose labels are read as they are published."""
