"""A session as tables: `readers export`, with what readers and networks said of each finding side by side."""

import csv
import hashlib
import io
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from ensemble_cam.export.drafts import write_whole
from ensemble_cam.machine.names import cell
from ensemble_cam.readers.agreement import Answers, Comparison, Kappa, comparisons, fleiss_kappa
from ensemble_cam.readers.store import Store
from ensemble_cam.readers.truth import Beside, beside, shapes_of
from ensemble_cam.readers.verdicts import (
    ASSESSMENTS,
    SUPPLEMENTED,
    FilmState,
    Mark,
    Reader,
    opinion,
    state_of,
)
from ensemble_cam.reviewing.scores import Call
from ensemble_cam.settings.vocabulary import ENSEMBLE
from ensemble_cam.validation.statistics import Interval, Share

COLUMNS = (
    *("reader", "film", "case", "finding", "network", "first_read", "confidence", "first_x", "first_y", "first_at"),
    *("opened_at", "revealed_at", "seconds_to_reveal", "verdict", "verdict_at", "seconds_to_verdict"),
    *("verdict_changes", "assessment", "opinion", "missed", "after_x", "after_y", "note", "score", "call", "split"),
    *("agreement", "box", "set", "method", "threshold", "weights_sha256", "truth"),
    *("drawn", "hit", "iou", "dice"),
)
"""Of the table: a row for each finding, network and reader. See the manual for what each holds."""

AGREEMENT_COLUMNS = (
    *("finding", "rater", "against", "films", "agreed", "kappa", "kappa_low", "kappa_high", "sensitivity"),
    *("sensitivity_low", "sensitivity_high", "specificity", "specificity_low", "specificity_high"),
)
ASSESSMENT_COLUMNS = ("film", "case", "finding", "result", "assessment", "assessor", "assessed_at")

TRUTH = "truth"


@dataclass(frozen=True)
class Line:
    """A finding of a film as one reader and one network have it.

    Attributes:
        reader: the reader's name.
        film: its SHA-256.
        case: the reader's own name for the film, if any.
        finding: its label.
        state: all that the reader said of the film.
        together: what the networks together said of the finding; None where none knows it, or nothing was revealed.
        network: the row of what this network said; None likewise.
        truth: whether it was drawn into the film; None where the truth is not known.
        drawn: what the reader drew around it, and how the network's map stands to that; None where nothing is drawn.
    """

    reader: str
    film: str
    case: str | None
    finding: str
    state: FilmState
    together: Call | None
    network: sqlite3.Row | None
    truth: bool | None
    drawn: Beside | None = None

    @property
    def first(self) -> Mark | None:
        """The first read's mark of the finding, the surest of several."""
        marks = [mark for mark in self.state.first if mark.finding == self.finding]
        return max(marks, key=lambda mark: mark.confidence or 0, default=None)

    @property
    def after(self) -> Mark | None:
        """The last mark of the finding behind the reveal."""
        return next((mark for mark in reversed(self.state.after) if mark.finding == self.finding), None)

    @property
    def missed(self) -> bool:
        """Whether the reader added the finding, since the networks did not call it."""
        return self.after is not None and self.together is not Call.CALLED

    @property
    def opinion(self) -> bool | None:
        """Whether the reader, in the end, holds that it is there."""
        said = self.state.verdicts.get(self.finding)
        return opinion(self.together, None if said is None else said.verdict, missed=self.missed)

    @property
    def assessment(self) -> str | None:
        """In IHE's words; None where nothing was assessed."""
        said = self.state.verdicts.get(self.finding)
        if said is None:
            return SUPPLEMENTED if self.missed else None
        return ASSESSMENTS.get(said.verdict)


def lines(store: Store) -> Iterator[Line]:
    """Yield a line for each reader, film, finding and network, in this order."""
    readers, films = (store.rows(f"SELECT * FROM {table} ORDER BY id") for table in ("readers", "films"))
    states = {(r["id"], f["id"]): state_of(store, r["id"], f["id"]) for r in readers for f in films}
    for reader in readers:
        for film in films:
            if (state := states[reader["id"], film["id"]]) != FilmState():
                # What one reader says nothing of, and another does, is an answer, too.
                of_film = [states[each["id"], film["id"]] for each in readers]
                named = [mark.finding for each in of_film for mark in (*each.first, *each.after)]
                named += [finding for each in of_film for finding in each.verdicts]
                yield from _lines_of(store, Reader(store, reader["id"], reader["name"]), film, state, named)


def _lines_of(
    store: Store, reader: Reader, film: sqlite3.Row, state: FilmState, named: Sequence[str]
) -> Iterator[Line]:
    calls: dict[int, dict[str, list[sqlite3.Row]]] = {}

    def calls_of(review: int | None) -> dict[str, list[sqlite3.Row]]:
        if review is None:
            return {}
        if review not in calls:
            rows = store.rows(
                "SELECT calls.*, classifier_set, method, threshold, weights FROM calls"
                " JOIN reviews ON reviews.id = review WHERE review = ? ORDER BY calls.id",
                (review,),
            )
            found: dict[str, list[sqlite3.Row]] = {}
            for row in rows:
                found.setdefault(row["finding"], []).append(row)
            calls[review] = found
        return calls[review]

    shapes = list(dict.fromkeys(each.finding for each in shapes_of(store, film["id"], reader)))
    planted = None if film["planted"] is None else film["planted"].split("\n")
    for finding in dict.fromkeys([*calls_of(state.review), *named, *shapes]):
        said = state.verdicts.get(finding)
        of = calls_of(said.review if said is not None and said.review is not None else state.review).get(finding, [])
        together = next((Call(row["call"]) for row in of if row["network"] == ENSEMBLE), None)
        truth = None if planted is None else finding in planted
        networks: list[sqlite3.Row | None] = [*of]
        for network in networks or [None]:
            drawn = None
            if finding in shapes:
                of_map = ("", None) if network is None else (network["network"], network["review"])
                drawn = beside(store, reader, film["id"], finding, *of_map)
            who = reader.name, film["sha256"], film["case_number"]
            yield Line(*who, finding, state, together, network, truth, drawn)


def row_of(line: Line) -> list[object]:
    """Return a line's cells, in the order of `COLUMNS`."""
    state, network, first, after = line.state, line.network, line.first, line.after
    said = state.verdicts.get(line.finding)
    first_read = None
    if state.first_read or state.revealed is None:
        first_read = "not marked" if first is None else "marked"
    weights = None
    if network is not None:
        weights = json.loads(network["weights"]).get(network["network"])
    first_place, after_place = (first and first.place) or (None, None), (after and after.place) or (None, None)
    cells = (
        *(cell(line.reader), line.film, line.case and cell(line.case), line.finding),
        *(network and network["network"], first_read, first and first.confidence, *first_place, first and first.at),
        *(state.opened, state.revealed, _seconds(state.opened, state.revealed)),
        *(said and said.verdict.value, said and said.at, _seconds(state.revealed, said.at if said else None)),
        *(said and said.changes, line.assessment, _there(line.opinion), str(line.missed).lower(), *after_place),
        *(cell(note) if (note := state.notes.get(line.finding)) else None, network and network["score"]),
        *(network and network["call"], network and str(bool(network["split"])).lower()),
        *(network and network["agreement"], network and network["box"], network and network["classifier_set"]),
        *(network and network["method"], network and network["threshold"], weights, _there(line.truth)),
        *_drawn_cells(line.drawn),
    )
    return ["" if value is None else value for value in cells]


def _drawn_cells(drawn: Beside | None) -> tuple[object, ...]:
    if drawn is None:
        return ("", "", "", "")
    when = "before maps" if drawn.before_reveal else "after maps"
    return (when, "" if drawn.hit is None else str(drawn.hit).lower(), drawn.iou, drawn.dice)


def assessment_rows(of: Sequence[Line]) -> Iterator[list[object]]:
    """Yield what readers accepted, rejected and supplemented, a row for each film, finding and reader."""
    seen = set()
    for line in of:
        if (line.reader, line.film, line.finding) in seen or line.assessment is None:
            continue
        seen.add((line.reader, line.film, line.finding))
        said = line.state.verdicts.get(line.finding)
        at = said.at if said is not None else (line.after.at if line.after is not None else "")
        call = "" if line.together is None else line.together.value
        yield [line.film, cell(line.case or ""), line.finding, call, line.assessment, cell(line.reader), at]


def raters(of: Sequence[Line]) -> dict[str, dict[str, Answers]]:
    """Return finding → rater → film → whether the finding is there, of every rater that can be compared.

    A reader is a rater twice: "first NAME" by the first read, and "NAME" by what they hold in the end. Networks that
    call nothing, since their scores are uncalibrated or mean nothing, are none.
    """
    found: dict[str, dict[str, dict[str, bool]]] = {}

    def add(line: Line, rater: str, answer: bool | None) -> None:
        if answer is not None:
            found.setdefault(line.finding, {}).setdefault(rater, {})[line.film] = answer

    for line in of:
        add(line, TRUTH, line.truth)
        if line.network is not None:
            call = Call(line.network["call"])
            add(line, line.network["network"], _ANSWERS.get(call))
        if line.state.first_read:
            add(line, f"first {line.reader}", line.first is not None)
        add(line, line.reader, line.opinion)
    return {finding: {rater: answers for rater, answers in sorted(each.items())} for finding, each in found.items()}


_ANSWERS = {Call.CALLED: True, Call.NOT_CALLED: False}


def agreement_rows(of: Sequence[Line]) -> Iterator[list[object]]:
    """Yield every pair of raters of each finding, and the first reads of three readers or more together."""
    for finding, answers in raters(of).items():
        for each in comparisons(finding, answers):
            yield _comparison_row(each)
        first = [films for rater, films in answers.items() if rater.startswith("first ")]
        common = sorted(set.intersection(*map(set, first))) if len(first) > 2 else []
        if common:
            table = np.array([[films[film] for films in first] for film in common])
            agreed = int((table == table[:, :1]).all(axis=1).sum())
            head = [finding, f"first reads of {len(first)} readers", "one another", len(common), agreed]
            yield [*head, *_kappa_cells(fleiss_kappa(table)), *[""] * 6]


def _comparison_row(each: Comparison) -> list[object]:
    head = [each.finding, cell(each.rater), cell(each.against), each.films, each.agreed]
    return [*head, *_kappa_cells(each.kappa), *_share_cells(each.sensitivity), *_share_cells(each.specificity)]


def _kappa_cells(kappa: Kappa | None) -> list[object]:
    return ["", "", ""] if kappa is None else [kappa.value, *_ends(kappa.interval)]


def _share_cells(share: Share) -> list[object]:
    return ["" if share.value is None else share.value, *_ends(share.wilson)]


def _ends(interval: Interval | None) -> tuple[object, object]:
    return ("", "") if interval is None else interval


def write_tables(store: Store, out: Path) -> list[Path]:
    """Write `<out>`, and beside it `<stem>_agreement.csv` and `<stem>_assessment.csv`; return their paths.

    Raises:
        ExportError: if one cannot be written.
        SessionError: if the session cannot be read.
    """
    of = list(lines(store))
    tables = (
        (out, COLUMNS, [row_of(line) for line in of]),
        (out.with_name(f"{out.stem}_agreement.csv"), AGREEMENT_COLUMNS, list(agreement_rows(of))),
        (out.with_name(f"{out.stem}_assessment.csv"), ASSESSMENT_COLUMNS, list(assessment_rows(of))),
    )
    for path, columns, rows in tables:
        write_export(store, path, csv_of(columns, rows), count=len(rows))
    return [path for path, _, _ in tables]


def csv_of(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return a table as CSV: texts quoted, numbers bare; a text of a reader's own is to be a `cell` already."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC).writerows([columns, *rows])
    return text.getvalue().encode()


def write_export(store: Store, path: Path, data: bytes, *, count: int = 0) -> None:
    """Write a file whole or not at all, and note in the session that it was.

    Args:
        store: the session.
        path: the file's.
        data: its bytes.
        count: its rows, where it has any.

    Raises:
        ExportError: if it cannot be written.
    """
    write_whole(path, data)
    with store.write() as file:
        file.execute(
            "INSERT INTO exports (kind, sha256, lines, at) VALUES (?, ?, ?, ?)",
            (path.suffix.removeprefix("."), hashlib.sha256(data).hexdigest(), count, store.now()),
        )


def _there(answer: bool | None) -> str | None:
    return None if answer is None else ("present" if answer else "absent")


def _seconds(start: str | None, end: str | None) -> float | None:
    if start is None or end is None:
        return None
    return round((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds(), 3)
