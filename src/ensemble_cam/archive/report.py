"""What is said of films while they are reviewed, and what became of them."""

import logging
import time
from pathlib import Path
from typing import TextIO

from ensemble_cam.archive.films import Film, FoundFilms
from ensemble_cam.archive.outcome import Outcome
from ensemble_cam.machine.names import escaped
from ensemble_cam.machine.report import Report
from ensemble_cam.machine.terminal import Pace, TerminalLine, films_per_second, status

logger = logging.getLogger(__name__)

# Of more films than these, each gets one line.
_FEW = 10


class RunReport:
    """Says of a run over films what is done now, what became of each, and how many there were.

    Args:
        line: where all of it stands but failures.
        errors: where a failure is a line.
        found: the films of the run.
    """

    def __init__(self, line: TerminalLine, errors: TextIO, found: FoundFilms):
        self._line, self._errors, self._found = line, errors, found
        self._total = len(found.films)
        self._reviewed, self._before, self.failed = 0, 0, 0
        self._pace = Pace(time.monotonic())

    def report_on(self, number: int, film: Film) -> Report:
        """Return what tells of the work on one film."""

        def report(what: str, share: float) -> None:
            doing = f"{film.shown}: {what}" + (f" ({share:.0%})" if 0 < share < 1 else "")
            if self._total == 1:
                self._line.transient(f"[1/1] {doing}")
            else:
                done = self._reviewed + self._before + self.failed
                self._line.transient(f"{status(done, self._total, self._pace.rate)} · {doing}")

        return report

    def tell(self, outcome: Outcome) -> None:
        """Say what became of a film; of many films not how long each classifier took."""
        head = f"[{outcome.number}/{self._total}] {outcome.film.shown}"
        for remark, is_detail in outcome.remarks:
            if not (is_detail and self._total > _FEW):
                self._line.line(f"{head}: {remark}")
        if outcome.state == "failed":
            self._line.transient("")
            logger.error("%s: %s", outcome.film.case or outcome.film.shown, outcome.sentence)
            print(f"ensemble-cam: {outcome.film.shown}: {outcome.sentence}", file=self._errors, flush=True)
        else:
            self._line.line(f"{head}: {outcome.sentence}")
        self._count(outcome)

    def _count(self, outcome: Outcome) -> None:
        if outcome.state == "reviewed":
            self._reviewed += 1
            self._pace.did(time.monotonic())
        elif outcome.state == "failed":
            self.failed += 1
        else:
            self._before += 1
            self._pace.passed_over(time.monotonic())

    def end(self, out: Path) -> None:
        """Sum up, unless there was one film only and nothing was left out."""
        if self._total == 1 and not self._found.left_out:
            return
        count = f"{self._reviewed + self._before} of {self._total} film{'s' * (self._total > 1)}"
        parts = [f"{count} reviewed into {escaped(str(out))}"]
        if self._before:
            parts.append(f"{self._before} of them before")
        if self.failed:
            parts.append(f"{self.failed} failed")
        if (rate := self._pace.mean_rate) is not None:
            parts.append(films_per_second(rate))
        line = ", ".join(parts)
        self._line.line(f"{line}; {self._found.left_out_line}" if self._found.left_out else line)
