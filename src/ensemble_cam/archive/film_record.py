"""What an archive keeps of a film, in plain numbers, and as bytes that one process sends another."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ensemble_cam.errors import EnsembleCamError

OUT_OF_MEMORY = "This machine ran out of memory for it."

Row = list[Any]


@dataclass(frozen=True)
class Grid:
    """One classifier's map of a finding on the model's grid, as relative activation.

    Attributes:
        finding: the label.
        classifier: the classifier's id.
        values: (rows, columns) float16 in [0, 1].
    """

    finding: str
    classifier: str
    values: np.ndarray


@dataclass(frozen=True)
class FilmRecord:
    """What is kept of a film; rows are in the columns' order of their table, without the film's name.

    Attributes:
        sha256: of its bytes; None where they could not be read.
        reason: why there is nothing of it, in a sentence; None where there is.
        facts: column of the table of films → value, of what is known.
        scores: rows: classifier, finding, score, error.
        findings: rows: finding, classifier, rank, call, split, agreement, hottest x and y, box, area.
        maps: where they are kept.
    """

    sha256: str | None
    reason: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    scores: list[Row] = field(default_factory=list)
    findings: list[Row] = field(default_factory=list)
    maps: tuple[Grid, ...] = ()


def failed(sha256: str | None, error: Exception) -> FilmRecord:
    """Return the record of a film that could not be done."""
    return FilmRecord(sha256, str(error) if isinstance(error, EnsembleCamError) else OUT_OF_MEMORY)


def message_of(records: Sequence[FilmRecord]) -> list[memoryview]:
    """Return records as bytes: JSON, and behind it the maps' values."""
    plain, arrays = [], []
    for record in records:
        maps = [[grid.finding, grid.classifier, *grid.values.shape] for grid in record.maps]
        plain.append({**vars(record), "facts": dict(record.facts), "maps": maps})
        arrays += [np.ascontiguousarray(grid.values, dtype="<f2") for grid in record.maps]
    head = json.dumps(plain, allow_nan=False).encode()
    return [
        memoryview(len(head).to_bytes(8, "little") + head),
        *(array.data.cast("B") for array in arrays if array.size),
    ]


def records_of(message: bytes) -> list[FilmRecord]:
    """Return the records of `message_of`."""
    length = int.from_bytes(message[:8], "little")
    place, found = 8 + length, []
    for each in json.loads(message[8:place]):
        grids = []
        for finding, classifier, rows, columns in each["maps"]:
            values = np.frombuffer(message, "<f2", count=rows * columns, offset=place).reshape(rows, columns)
            place += 2 * rows * columns
            grids.append(Grid(finding, classifier, values))
        found.append(FilmRecord(**{**each, "maps": tuple(grids)}))
    return found
