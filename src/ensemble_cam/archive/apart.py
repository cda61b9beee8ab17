"""Many films reviewed by processes that each load the networks once: twice as fast on two cores as `flow` in one.

Most of a small film's review is drawing and writing, which Python does one step at a time in a process, however many
threads there are. Here a process for each core does a film from its bytes to the files of its review; this one reads
ahead, gives folders their names, and tells what became of films in the order in which they were given. What a film does
to its process is a line about that film.
"""

import json
import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TextIO

from ensemble_cam.archive.arrivals import Arrivals, Arrived
from ensemble_cam.archive.asked import AskedReviews
from ensemble_cam.archive.films import Film, FoundFilms
from ensemble_cam.archive.outcome import Outcome, Remarks, failed, reason_of, reviewed
from ensemble_cam.archive.run import run_through, tell_classifiers
from ensemble_cam.archive.workers import EndedOver, Processes
from ensemble_cam.errors import EnsembleCamError
from ensemble_cam.export.drafts import draft, move_to_free_name, not_written
from ensemble_cam.machine.report import Report
from ensemble_cam.machine.side_by_side import PixelBudget, in_threads
from ensemble_cam.machine.terminal import TerminalLine, ticking
from ensemble_cam.reviewing.preparing import remedied

MODULE = "ensemble_cam.archive.review_worker"
"""What the processes run."""

# Films whose bytes are here before a process is free for them, and films in work or done beyond the one that was told
# of last: the second process starts while the first has several.
_READ_AHEAD, _AHEAD = 2, 16
_MOST_BYTES = 2**28  # of all these films' files


def request_of(data: bytes, folder: Path, case: str | None) -> bytes:
    """Return the request to review a film, a line of JSON and the bytes; see `review_worker.Reviewer.review`."""
    return json.dumps({"folder": str(folder.absolute()), "case": case}).encode() + b"\n" + data


class ReviewProcesses:
    """Processes of this machine that review films into folders.

    Args:
        asked: what is asked of every film.
        count: how many.
        module: what they run.
    """

    def __init__(self, asked: AskedReviews, count: int, *, module: str = MODULE):
        self.count = count
        self._processes = Processes(module, asked.to_text(), count)

    def describe(self) -> dict[str, Any]:
        """Return what the first of them loaded, see `Reviewer.description` and `Processes.describe`."""
        return _relayed(self._processes.describe())

    def review(
        self, data: bytes, folder: Path, case: str | None, *, cancelled: Callable[[], bool] | None = None
    ) -> dict[str, Any]:
        """Let one of them review a film, see `Reviewer.review`; what it logged is logged here.

        Raises:
            Cancelled: if it was.
            ClassifierError: if no process can be started.
        """
        try:
            return _relayed(json.loads(self._processes.ask(request_of(data, folder, case), cancelled=cancelled)))
        except EndedOver as ended:
            return {"failed": str(ended), "remarks": ()}

    def close(self) -> None:
        """End them."""
        self._processes.close()


def _relayed(told: dict[str, Any]) -> dict[str, Any]:
    """Return what a process told, and log what it logged."""
    for name, level, line in told["logged"]:
        logging.getLogger(name).log(level, "%s", line)
    return told


class FlowApart:
    """One run over films, for one output folder, whose reviews other processes make; see `flow.Flow`.

    Args:
        processes: those that review.
        key: of the reviews, as they describe it.
        out: the output folder, which need not be there.
    """

    def __init__(self, processes: ReviewProcesses, key: Mapping[str, object], out: Path):
        self._processes, self._out = processes, out
        self._budget = PixelBudget(most_pixels=_MOST_BYTES)
        self._arrivals = Arrivals(out, key, self._budget)

    def review(self, films: Sequence[Film], report_on: Callable[[int, Film], Report]) -> Generator[Outcome, None, None]:
        """Review films into folders of their own, and yield what became of each, in their order.

        The iterator has to be closed. Whether that happens early or something is raised in it (Ctrl-C, in the caller's
        thread), what is under way is stopped, and no thread and no unfinished folder is left.

        Args:
            films: in their order.
            report_on: gives, for a film's number and the film, what is told of it, in the caller's thread.
        """
        arrived = in_threads(self._arrive, enumerate(films, start=1), budget=self._budget, ahead=_READ_AHEAD)
        outcomes = in_threads(
            self._review, arrived, budget=self._budget, ahead=_AHEAD, threads=self._processes.count, prompt=True
        )
        with closing(arrived), closing(outcomes):
            for number, film in enumerate(films, start=1):
                report_on(number, film)("reviewing", 0.0)
                yield next(outcomes)

    def _arrive(self, numbered: tuple[int, Film]) -> Arrived | Outcome:
        number, film = numbered
        try:
            arrived = self._arrivals.arrive(number, film)
        except (EnsembleCamError, MemoryError) as error:
            self._budget.release(number)
            return failed(number, film, reason_of(error))
        if isinstance(arrived, Arrived):
            self._budget.charge(number, len(arrived.data))
        return arrived

    def _review(self, arrived: Arrived | Outcome) -> Outcome:
        if isinstance(arrived, Outcome):
            return arrived
        number, film = arrived.number, arrived.film
        remarks: Remarks = ()
        try:
            with draft(self._out) as unfinished:
                unfinished.mkdir()
                told = self._processes.review(arrived.data, unfinished, film.case, cancelled=self._budget.is_closed)
                remarks = tuple((line, is_detail) for line, is_detail in told["remarks"])
                self._budget.wait_for_turn(number)
                if "failed" in told:
                    return failed(number, film, told["failed"], remarks)
                folder = move_to_free_name(unfinished, self._out, arrived.name)
        except (EnsembleCamError, MemoryError) as error:
            return failed(number, film, reason_of(error), remarks)
        except OSError as error:
            return failed(number, film, str(not_written(error)), remarks)
        finally:
            self._budget.release(number)
        return reviewed(number, film, told["findings"], folder, arrived.seconds + told["seconds"], remarks)


def review_apart(
    asked: AskedReviews,
    found: FoundFilms,
    out: Path,
    *,
    processes: int,
    line: TerminalLine,
    errors: TextIO,
    summary: bool = False,
) -> int:
    """Review films as `Batch.review` does, by processes of their own that each load the networks.

    Args:
        asked: what is asked of every film, with options as `checked` returned them.
        found: the films.
        out: where their folders go; it need not be there.
        processes: how many.
        line: where all is said but failures.
        errors: where a failure is a line.
        summary: as in `Batch.review`.

    Raises:
        WeightsMissing, WeightsError, ExportError: as there.
        ClassifierError: if no process can be started.
    """
    with closing(ReviewProcesses(asked, processes)) as pool:
        with ticking(line, "Loading the networks"), remedied(asked.config, asked.choice):
            described = pool.describe()
        tell_classifiers(line, described["classifiers"], asked.choice.set)
        flow = FlowApart(pool, described["key"], out)
        return run_through(flow.review, found, out, line=line, errors=errors, summary=summary)
