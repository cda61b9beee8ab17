"""Films as they come to a run that reviews many: read, known by their hash, and passed over where they are done."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ensemble_cam.archive.films import Film
from ensemble_cam.archive.finished import FinishedReviews
from ensemble_cam.archive.outcome import Outcome, passed_over
from ensemble_cam.film.sources import read_film_file
from ensemble_cam.machine.side_by_side import PixelBudget


@dataclass(frozen=True, eq=False)
class Arrived:
    """A film whose bytes are here, and whose review is not.

    Attributes:
        number: its place among all, from 1.
        film: the film.
        name: what its folder is to be called.
        data: its file's bytes.
        seconds: that reading them took.
    """

    number: int
    film: Film
    name: str
    data: bytes
    seconds: float


class Arrivals:
    """Films as they come to a run: read, entered into its budget by their hash, and passed over where they are done.

    Args:
        out: the output folder, which need not be there.
        key: of the reviews that are written, see `review_key`.
        budget: of the run.
    """

    def __init__(self, out: Path, key: Mapping[str, object], budget: PixelBudget):
        self._finished, self._budget = FinishedReviews(out, key), budget

    def arrive(self, number: int, film: Film) -> Arrived | Outcome:
        """Read a film's file, and wait until it may be decoded; of one that is passed over, return what became of it.

        Raises:
            Cancelled: if the budget was closed.
            RadiographError: if the file cannot be read.
            ExportError: if the output folder cannot be looked into.
        """
        began = time.perf_counter()
        data = read_film_file(film.path)
        sha256 = hashlib.sha256(data).hexdigest()
        name = sha256[:16] if film.name is None else film.name
        seconds = time.perf_counter() - began
        self._budget.reserve(number, sha256=sha256, name=name)
        if folder := self._finished.find(name, sha256, case=film.case):
            self._budget.release(number)
            return passed_over(number, film, folder)
        return Arrived(number, film, name, data, seconds)
