"""A study's readings out of its sessions, as scores: for iMRMC, and what of them is not as it was planned.

Scores are on one scale for both arms: how sure a reader is that the finding is there, 0 where it was not marked, 1
(hardly) to 5 (certain) where it was.

- *Without networks* it is that of the first read's mark.
- *With networks* it is that of a mark made after the reveal; else 0 where the last verdict says that it is not there;
  where it says that it is, that of the first read's mark; else of the first read as it stands. A mark or a verdict that
  does not say how sure is counted as `PLAIN`, *unsure* as `UNSURE`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ensemble_cam.machine.names import cell
from ensemble_cam.readers.store import Store
from ensemble_cam.readers.study import Arm, Case, Read, Study
from ensemble_cam.readers.table import Line, lines
from ensemble_cam.readers.verdicts import FilmState, Mark, Verdict, state_of
from ensemble_cam.validation.statistics import Area, area, delong_difference

SCORE_COLUMNS = ("readerID", "caseID", "modalityID", "score", "truth")
"""As iMRMC's `undoIMRMCdf` gives them; its `createIMRMCdf` takes them, too."""

IMRMC_COLUMNS = SCORE_COLUMNS[:-1]
"""As iMRMC's `doIMRMC` takes them, with the truth in rows of the reader `TRUTH`."""

TRUTH = "truth"
DEVIATION_COLUMNS = ("reader", "case", "sitting", "arm", "deviation")
SUMMARY_COLUMNS = (
    *("reader", "arm", "cases", "positives", "auc", "auc_low", "auc_high", "auc_with_less_without", "p_paired"),
)

PLAIN, UNSURE = 3, 2

NOT_READ = "not read"
REVEALED = "scores and maps were shown before the first read"
NOT_REVEALED = "scores and maps were not shown"
WASHOUT = "read again before the washout was over"
ORDER = "not read at its place in the order"


@dataclass(frozen=True)
class Scored:
    """A reading with its score.

    Attributes:
        read: as it was planned.
        score: 0 to 5; None where there is none that belongs to this arm.
        deviations: what was not as planned.
    """

    read: Read
    score: int | None
    deviations: tuple[str, ...]


def scored(study: Study, sittings: Sequence[Store]) -> list[Scored]:
    """Return every planned reading with its score.

    Args:
        study: as it was planned.
        sittings: the session of each sitting, in their order.
    """
    said = [_said(store, study) for store in sittings]
    found = []
    order = [_order(study, each, sitting) for sitting, each in enumerate(said, start=1)]
    for read in study.reads():
        state, line = said[read.sitting - 1].get((read.reader, read.case.sha256), (FilmState(), None))
        score, why = _score(read.arm, state, line, study.finding)
        deviations = [why] if why else []
        if read.sitting > 1 and _too_early(study, said, read):
            deviations.append(WASHOUT)
        if state.opened and order[read.sitting - 1].get((read.reader, read.case.sha256)) != read.place:
            deviations.append(ORDER)
        found.append(Scored(read, score, tuple(deviations)))
    return found


_Said = dict[tuple[str, str], tuple[FilmState, Line | None]]


def _said(store: Store, study: Study) -> _Said:
    readers = {row["name"]: row["id"] for row in store.rows("SELECT id, name FROM readers")}
    films = {row["sha256"]: row["id"] for row in store.rows("SELECT id, sha256 FROM films")}
    of = {(line.reader, line.film): line for line in lines(store) if line.finding == study.finding}
    found: _Said = {}
    for reader in study.readers:
        for case in study.cases:
            if reader in readers and case.sha256 in films:
                state = state_of(store, readers[reader], films[case.sha256])
                found[reader, case.sha256] = state, of.get((reader, case.sha256))
    return found


def _score(arm: Arm, state: FilmState, line: Line | None, finding: str) -> tuple[int | None, str]:
    """Return a reading's score, and why there is none or it is not as planned; empty where all is well."""
    if state.opened is None:
        return None, NOT_READ
    first = _sure(line.first if line is not None else None)
    if arm is Arm.WITHOUT:
        if state.revealed is not None and not state.first_read:
            return None, REVEALED
        if state.revealed is None and state.done is None and not state.first:
            return None, NOT_READ
        return first, ""
    if state.revealed is None:
        return None, NOT_REVEALED
    if line is not None and line.after is not None:
        return _sure(line.after), ""
    said = state.verdicts.get(finding)
    if said is not None and said.verdict is Verdict.UNSURE:
        return UNSURE, ""
    if line is not None and line.opinion is not None:
        return (first or PLAIN) if line.opinion else 0, ""
    return (first, "") if state.first_read or state.done else (None, NOT_READ)


def _sure(mark: Mark | None) -> int:
    return 0 if mark is None else mark.confidence or PLAIN


def _order(study: Study, said: _Said, sitting: int) -> dict[tuple[str, str], int]:
    """Return (reader, film) → its place among the reader's films of this sitting, by when they were opened."""
    found: dict[tuple[str, str], int] = {}
    for reader in study.readers:
        opened = [
            (state.opened, case.sha256)
            for case in study.cases
            if (state := said.get((reader, case.sha256), (FilmState(), None))[0]).opened
        ]
        found |= {(reader, film): place for place, (_, film) in enumerate(sorted(opened), start=1)}
    return found


def _too_early(study: Study, said: Sequence[_Said], read: Read) -> bool:
    times = [each.get((read.reader, read.case.sha256), (FilmState(), None))[0].opened for each in said]
    before, now = times[read.sitting - 2], times[read.sitting - 1]
    if before is None or now is None:
        return False
    return datetime.fromisoformat(now) - datetime.fromisoformat(before) < timedelta(days=study.washout)


def score_rows(of: Sequence[Scored]) -> Iterator[list[object]]:
    """Yield the rows of `SCORE_COLUMNS`: one for each reading that has a score."""
    for each in of:
        if each.score is not None:
            truth = int(each.read.case.truth)
            yield [cell(each.read.reader), each.read.case.name, each.read.arm.value, each.score, truth]


def imrmc_rows(study: Study, of: Sequence[Scored]) -> Iterator[list[object]]:
    """Yield the rows of `IMRMC_COLUMNS`: the truth of each case first, then one for each reading."""
    for case in study.cases:
        yield [TRUTH, case.name, TRUTH, int(case.truth)]
    for row in score_rows(of):
        yield row[:-1]


def deviation_rows(of: Sequence[Scored]) -> Iterator[list[object]]:
    """Yield a row for each thing that was not as planned."""
    for each in of:
        for deviation in each.deviations:
            yield [cell(each.read.reader), each.read.case.name, each.read.sitting, each.read.arm.value, deviation]


def summary_rows(study: Study, of: Sequence[Scored]) -> Iterator[list[object]]:
    """Yield each reader's area under the ROC curve in both arms, and their difference with DeLong's paired p."""
    import numpy as np

    for reader in study.readers:
        by_arm: dict[Arm, dict[Case, int]] = {arm: {} for arm in Arm}
        for each in of:
            if each.read.reader == reader and each.score is not None:
                by_arm[each.read.arm][each.read.case] = each.score
        both = [case for case in study.cases if all(case in scores for scores in by_arm.values())]
        positive = np.array([case.truth for case in both], dtype=bool)
        one, other = (np.array([by_arm[arm][case] for case in both], dtype=float) for arm in (Arm.WITH, Arm.WITHOUT))
        compared = delong_difference(one, other, positive) if len(both) else None
        for arm, scores in by_arm.items():
            cases = list(scores)
            there = np.array([case.truth for case in cases], dtype=bool)
            found: Area | None = area(np.array(list(scores.values()), dtype=float), there) if cases else None
            ends = ("", "") if found is None or found.interval is None else found.interval
            difference = ("", "") if compared is None or arm is Arm.WITHOUT else compared
            yield [
                cell(reader),
                arm.value,
                len(cases),
                int(there.sum()),
                "" if found is None else found.auc,
                *ends,
                *difference,
            ]
