"""Films' reviews side by side: `summary.csv`, a row for every map, and `index.html`, a contact sheet.

Both are made of the films' `review.json`, so that a film that was reviewed before stands in them like any other.
"""

import csv
import io
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ensemble_cam.archive.contact_sheet import FailedFilm, Sheet, SheetFilm, SheetFinding, contact_sheet
from ensemble_cam.archive.films import RECORD, FoundFilms, folder_name
from ensemble_cam.archive.finished import read_record
from ensemble_cam.archive.outcome import Outcome
from ensemble_cam.classifiers.classifier import WeightsInfo
from ensemble_cam.errors import ExportError
from ensemble_cam.export.drafts import draft
from ensemble_cam.machine.names import cell, escaped
from ensemble_cam.reviewing.scores import Call
from ensemble_cam.settings.settings import displayed
from ensemble_cam.settings.vocabulary import ENSEMBLE
from ensemble_cam.weights.store import Published

TABLE, SHEET = "summary.csv", "index.html"

COLUMNS = (
    *("film", "finding", "classifier", "score", "call", "hottest_x", "hottest_y", "box", "area"),
    *("agreement", "split", "regions"),
)
"""Of the table: coordinates are source pixels, x right and y down; a box is "x0,y0,x1,y1", half-open, around all that
is at or above the threshold, the hull of all regions, and `area` the share of that in what the networks saw; agreement
is the mean IoU of the maps; `regions` is their number. A cell is empty where there is no such value."""


@dataclass(frozen=True)
class _Line:
    """A finding's score by one classifier, or by all together."""

    id: str
    name: str
    score: float | None
    call: Call | None


class Summary:
    """The reviews of a run, added one by one; little is kept of each.

    Args:
        found: the films of the run.
        out: their folders' place.
    """

    def __init__(self, found: FoundFilms, out: Path):
        self._found, self._out = found, out
        # Whoever calls films by hashes or by names of their own has files' names nowhere in the reviews.
        self._is_private = any(film.name is None or film.case is not None for film in found.films)
        self._rows: list[list[object]] = []
        self._films: list[SheetFilm] = []
        self._failed: list[FailedFilm] = []
        self._folders: set[Path] = set()
        self._made_by: tuple[str, ...] = ()
        self._notice: str | None = None
        self._unreadable: str | None = None

    def add(self, outcome: Outcome) -> None:
        """Take in what became of a film; one whose review is here already is not taken twice.

        A record that cannot be read is told of by `write`: the other films are reviewed first.
        """
        folder, film = outcome.folder, outcome.film
        if folder is None:
            shown = film.shown
            if self._is_private:
                shown = film.case or f"film {outcome.number} of {len(self._found.films)}"
            self._failed.append(FailedFilm(shown, outcome.sentence))
            return
        if folder in self._folders:
            return
        self._folders.add(folder)
        try:
            record = read_record(folder)
            rows = _rows(cell(folder.name), record)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            self._unreadable = getattr(error, "strerror", None) or "it is no record of a review"
            return
        name = escaped(folder.name)
        self._rows += rows
        # Of films with the same name in several folders, this tells which is which.
        is_told = self._is_private or folder_name(film.shown) == name
        self._films.append(_sheet_film(name, folder, None if is_told else film.shown, record))
        self._made_by, self._notice = _made_by(record), record["notice"]

    def write(self) -> tuple[Path, Path]:
        """Write table and contact sheet, in the place of those of an earlier run.

        Raises:
            ExportError: if they cannot be written, or a film's record could not be read.
        """
        if self._unreadable is not None:
            reason = self._unreadable
            raise ExportError(f"The summary cannot be written: a film's {RECORD} cannot be read ({reason}).")
        text = io.StringIO(newline="")
        # Texts are quoted, so that no part of a name stands by itself where semicolons are taken to part cells.
        writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
        writer.writerows([COLUMNS, *self._rows])
        left_out = f"{len(self._found.left_out)} left out" if self._found.left_out else ""
        sheet = Sheet(
            tuple(self._films),
            tuple(self._failed),
            left_out if self._is_private else self._found.left_out_line,
            self._notice,
            self._made_by,
        )
        table, page = self._out / TABLE, self._out / SHEET
        _write(table, text.getvalue())
        _write(page, contact_sheet(sheet))
        return table, page


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    try:
        with draft(path.parent) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
            os.replace(unfinished, path)
    except OSError as error:
        raise ExportError(
            f"{path.name}: the summary cannot be written ({error.strerror}). Close it in other programs, free "
            "space, or choose another folder."
        ) from None


def _rows(film: str, record: Mapping[str, Any]) -> Iterator[list[object]]:
    for finding in record["findings"]:
        agreement = (finding["agreement"] or {}).get("iou")
        for line in _lines(finding, record):
            found = finding["maps"][line.id]
            hottest, box = found.get("hottest") or {}, found.get("box")
            row = (
                *(film, finding["label"], line.id, line.score, line.call, hottest.get("x"), hottest.get("y")),
                *(None if box is None else ",".join(map(str, box)), found.get("area")),
                *(agreement, str(finding["split"]).lower(), found.get("region_count")),
            )
            yield ["" if value is None else value for value in row]


def _lines(finding: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[_Line]:
    """Yield a finding's score by each classifier, and by all of them together."""
    for classifier in record["classifiers"]:
        id = classifier["id"]
        call = finding["maps"][id]["call"]
        yield _Line(id, classifier["name"], finding["scores"].get(id), None if call is None else Call(call))
    yield _Line(ENSEMBLE, "Ensemble", finding["score"], Call(finding["call"]))


def _sheet_film(name: str, folder: Path, file: str | None, record: Mapping[str, Any]) -> SheetFilm:
    findings = []
    seen = record["input"]
    for finding in record["findings"]:
        *each, together = _lines(finding, record)
        maps = finding["maps"]
        id = next((id for id in (ENSEMBLE, *maps) if "file" in maps[id]), None)
        overlay = None if id is None else maps[id]["file"]
        findings.append(
            SheetFinding(
                label=displayed(finding["label"]),
                score=together.score or 0.0,
                call=finding["call"],
                split=finding["split"],
                agreement=(finding["agreement"] or {}).get("iou"),
                classifiers=tuple((line.name, line.score, line.call) for line in each),
                overlay=overlay,
                size=(overlay and _size(folder / overlay)) or (seen["width"], seen["height"]),
                is_empty=id is not None and maps[id]["empty"],
            )
        )
    untrained = all(classifier["untrained"] for classifier in record["classifiers"])
    warnings = ["Untrained networks: scores and maps mean nothing."] if untrained else []
    return SheetFilm(
        name=name,
        folder=folder.name,
        file=file,
        warnings=(*warnings, *seen["warnings"]),
        meaningless=record["meaningless"],
        findings=tuple(findings),
    )


def _size(png: Path) -> tuple[int, int] | None:
    """Return a PNG's width and height in pixels, which stand in its first chunk; None where it is not there."""
    try:
        with png.open("rb") as file:
            width, height = struct.unpack(">16x2I", file.read(24))
    except (OSError, struct.error):
        return None
    return width, height


def _made_by(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what every export has to say of where its maps come from, in lines."""
    settings, lines = record["settings"], []
    for classifier in record["classifiers"]:
        sha256 = classifier["weights_sha256"]
        parts = [f"{classifier['name']}: {classifier['weights']}"]
        parts += [f"SHA-256 {sha256[:12]}…"] if sha256 else []
        remark = WeightsInfo(classifier["weights"], sha256, Published(classifier["published"])).remark
        parts += [remark] if remark else []
        lines.append(", ".join(parts))
    method = (
        f"Maps of the logit: {settings['method']}, {settings['framing']} framing, {settings['intensity']} intensity"
    )
    lines.append(f"{method}; drawn from a relative activation of {settings['threshold']} on")
    lines.append(", ".join(f"{name} {number}" for name, number in record["software"].items()))
    return tuple(lines)
