"""Boxes as public sets publish them, and those of one's own.

| set | file | quirks |
|---|---|---|
| NIH ChestX-ray14 | BBox_List_2017.csv | a head with commas in it over rows of six, Infiltrate, 1024 × 1024 pixels |
| VinDr-CXR | annotations_train.csv, train.csv | several readers a film; lines of no finding have no box |
| RSNA pneumonia | stage_2_train_labels.csv | x, y, width, height on 1024 × 1024; lines without a box |
| one's own | CSV `file,finding,x0,y0,x1,y1` | in source pixels |
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ensemble_cam.archive.films import Film
from ensemble_cam.errors import ConfigError
from ensemble_cam.machine.names import escaped
from ensemble_cam.validation.places import SIDE, Boxes, Found, Place, Places, checked, file_bytes, rows_of

OWN_HEAD = ("file", "finding", "x0", "y0", "x1", "y1")


def read_boxes(path: Path, films: Sequence[Film], known: Sequence[str]) -> Places:
    """Read boxes; see `boxes_of`.

    Raises:
        ConfigError: if the file cannot be read, or has no box of a film and a finding that are here.
    """
    return boxes_of(file_bytes(path, "--boxes"), path.name, films, known)


def boxes_of(data: bytes, name: str, films: Sequence[Film], known: Sequence[str]) -> Places:
    """Return the boxes that a file holds.

    Args:
        data: a CSV of NIH's, VinDr-CXR's, the RSNA challenge's, or of one's own.
        name: what it is called.
        films: those that were given; boxes of others are passed over.
        known: the findings of the classifiers; others are passed over.

    Raises:
        ConfigError: if it is none, or has no box of a film and a finding that are here.
    """
    name = escaped(name)
    rows = list(rows_of(data, name, "--boxes"))
    heads = [each.strip().casefold() for each in rows[0]] if rows else []
    readers = {
        ("image index", "finding label"): _nih_boxes,
        ("image_id", "x_min"): _vindr_boxes,
        ("patientid", "target"): _rsna_boxes,
        OWN_HEAD: _own_boxes,
    }
    read = next((each for wanted, each in readers.items() if set(wanted) <= set(heads)), None)
    if read is None:
        raise ConfigError(
            f"--boxes: {name} has a head that is not known. Known are the boxes of NIH ChestX-ray14, VinDr-CXR and the "
            f"RSNA challenge, and {','.join(OWN_HEAD)}."
        )
    title, side, found = read(heads, rows[1:], name)
    names = Found(films, known)
    gathered: dict[tuple[str, str], dict[str, list[tuple[float, float, float, float]]]] = {}
    for film, finding, reader, box in found:
        if (key := names.of(film, finding)) is not None:
            gathered.setdefault(key, {}).setdefault(reader, []).append(box)
    by_film: dict[str, dict[str, Place]] = {}
    for (place, label), by_reader in gathered.items():
        by_film.setdefault(place, {})[label] = Boxes(tuple(map(tuple, by_reader.values())), side)
    return checked(Places(title, by_film, "boxes"), f"--boxes: {name}")


_Box = tuple[str, str, str, tuple[float, float, float, float]]
"""Film, finding, reader and box."""


def _nih_boxes(heads: Sequence[str], rows: Sequence[Sequence[str]], name: str) -> tuple[str, int | None, list[_Box]]:
    found = []
    for line, cells in enumerate(rows, start=2):
        if len(cells) < 6 or any(each.strip() for each in cells[6:]):
            raise ConfigError(f"--boxes: {name}, line {line}: it has not six cells. Fetch the file anew.")
        x, y, width, height = _four(cells[2:6], name, line)
        found.append((cells[0], cells[1].strip(), "", (x, y, x + width, y + height)))
    return "NIH ChestX-ray14", SIDE, found


def _vindr_boxes(heads: Sequence[str], rows: Sequence[Sequence[str]], name: str) -> tuple[str, int | None, list[_Box]]:
    found = []
    for line, cells in enumerate(rows, start=2):
        row = dict(zip(heads, cells, strict=False))
        if not row.get("x_min"):
            continue  # a reader who found nothing
        box = _four([row.get(each, "") for each in ("x_min", "y_min", "x_max", "y_max")], name, line)
        found.append((row["image_id"], row.get("class_name", ""), row.get("rad_id", ""), box))
    return "VinDr-CXR", None, found


def _rsna_boxes(heads: Sequence[str], rows: Sequence[Sequence[str]], name: str) -> tuple[str, int | None, list[_Box]]:
    found = []
    for line, cells in enumerate(rows, start=2):
        row = dict(zip(heads, cells, strict=False))
        if not row.get("x"):
            continue
        x, y, width, height = _four([row.get(each, "") for each in ("x", "y", "width", "height")], name, line)
        found.append((row["patientid"], "Pneumonia", "", (x, y, x + width, y + height)))
    return "RSNA pneumonia", SIDE, found


def _own_boxes(heads: Sequence[str], rows: Sequence[Sequence[str]], name: str) -> tuple[str, int | None, list[_Box]]:
    found = []
    for line, cells in enumerate(rows, start=2):
        row = dict(zip(heads, cells, strict=False))
        x0, y0, x1, y1 = _four([row.get(each, "") for each in ("x0", "y0", "x1", "y1")], name, line)
        if not (x0 < x1 and y0 < y1):
            raise ConfigError(f"--boxes: {name}, line {line}: x0 has to be below x1, and y0 below y1.")
        found.append((row["file"], row["finding"], "", (x0, y0, x1, y1)))
    return "the site's own", None, found


def _four(cells: Sequence[str], name: str, line: int) -> tuple[float, float, float, float]:
    try:
        one, two, three, four = (float(each) for each in cells)
    except ValueError:
        raise ConfigError(f"--boxes: {name}, line {line}: a box has no four numbers. Correct it.") from None
    if not np.isfinite([one, two, three, four]).all():
        raise ConfigError(f"--boxes: {name}, line {line}: a box has no four numbers. Correct it.")
    return one, two, three, four
