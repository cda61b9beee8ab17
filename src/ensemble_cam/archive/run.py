"""One run of `ensemble-cam review`: what is said before, of each film and at the end, whoever reviews them."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TextIO

from ensemble_cam.archive.films import Film, FoundFilms
from ensemble_cam.archive.outcome import Outcome
from ensemble_cam.archive.report import RunReport
from ensemble_cam.archive.summary import Summary
from ensemble_cam.export.drafts import remove_dead_drafts
from ensemble_cam.machine.names import escaped
from ensemble_cam.machine.report import Report
from ensemble_cam.machine.terminal import TerminalLine
from ensemble_cam.settings.sets import SETS


def tell_classifiers(line: TerminalLine, classifiers: Sequence[str], classifier_set: str) -> None:
    """Say which classifiers review, see `Classifier.told`, and what has to be known of their set."""
    line.line("Classifiers: " + "; ".join(classifiers))
    if words := SETS[classifier_set].notice:
        line.line(f"{words}.")


def run_through(
    review: Callable[[Sequence[Film], Callable[[int, Film], Report]], Generator[Outcome, None, None]],
    found: FoundFilms,
    out: Path,
    *,
    line: TerminalLine,
    errors: TextIO,
    summary: bool,
) -> int:
    """Let a flow review films, and tell what becomes of them; return how many failed.

    Raises:
        ExportError: if the summary cannot be written.
    """
    report = RunReport(line, errors, found)
    sheet = Summary(found, out) if summary else None
    if removed := remove_dead_drafts(out):
        line.line(f"Removed from {escaped(str(out))} what a run that was broken off had begun: {removed}.")
    report.report_on(1, found.films[0])("reading", 0.0)
    try:
        with closing(review(found.films, report.report_on)) as outcomes:
            for outcome in outcomes:
                report.tell(outcome)
                if sheet is not None:
                    sheet.add(outcome)
    except KeyboardInterrupt:
        line.line("What is finished stays; the same command goes on from there.")
        raise
    report.end(out)
    if sheet is not None:
        written = " and ".join(escaped(str(path)) for path in sheet.write())
        line.line(f"Summary: {written}")
    return report.failed
