"""One run of `ensemble-cam measure`: films, their maps, and the files of what was measured."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TextIO

from ensemble_cam.archive.film_record import OUT_OF_MEMORY
from ensemble_cam.archive.films import Film
from ensemble_cam.archive.places import read_place
from ensemble_cam.errors import EnsembleCamError, ExportError
from ensemble_cam.machine.names import escaped
from ensemble_cam.machine.terminal import TerminalLine
from ensemble_cam.settings.metrics import METRICS, MOVED
from ensemble_cam.validation.measures import TABLE, MeasuredFilm, Measures, write
from ensemble_cam.validation.sanity import unchanged
from ensemble_cam.validation.subjects import Maker, MeasuredMap, measured

NOBODY = "No film could be measured, so nothing is written."


@dataclass(frozen=True, eq=False)
class Measuring:
    """What is measured, and how it is told.

    Attributes:
        maker: who makes the maps.
        metrics: names of `METRICS`.
        line: where all is said but failures.
        errors: where a failure is a line.
        seed: of ties, noise and the moved maps.
    """

    maker: Maker
    metrics: Sequence[str]
    line: TerminalLine
    errors: TextIO
    seed: int = 0

    def run(self, films: Sequence[Film], out: Path) -> int:
        """Measure films and write the files; return how many films failed.

        Raises:
            ExportError: if the files cannot be written.
        """
        failures: list[str] = []
        measures = Measures(self.maker, self.metrics, self.seed)
        write(measures, self._measured(films, failures), out)
        if not measures.films:
            print(f"ensemble-cam: {NOBODY}", file=self.errors, flush=True)
            return max(len(failures), 1)
        self.line.line(f"{len(measures.films)} of {len(films)} films in {escaped(str(out))}: {TABLE} …")
        return len(failures)

    def _measured(self, films: Sequence[Film], failures: list[str]) -> Iterator[MeasuredFilm]:
        taken: set[str] = set()
        said: set[str] = set()
        for number, film in enumerate(films, start=1):
            where = f"[{number}/{len(films)}] {film.shown}"
            self.line.transient(f"{where} …")
            try:
                subject = self.maker.subject(read_place(film.place))
                name = _free(film.name or subject.sha256[:16], taken)
                found = measured(subject, self.metrics, seed=self.seed, told=partial(self._told, where))
            except ExportError:
                raise
            except (EnsembleCamError, MemoryError) as error:
                self.line.transient("")
                reason = str(error) if isinstance(error, EnsembleCamError) else OUT_OF_MEMORY
                failures.append(film.shown)
                print(f"ensemble-cam: {film.shown}: {reason}", file=self.errors, flush=True)
                continue
            own = [each for each in found if each.method != MOVED]
            self.line.line(f"{where}: {sum(each.reason is None for each in own)} of {len(own)} maps measured")
            for each in dict.fromkeys(each.reason for each in own if each.reason):
                which = ", ".join(f"{m.finding} by {m.classifier} ({m.method})" for m in own if m.reason == each)
                self.line.line(f"  {which}: {each}")
            for line in _unchanged_lines(own):
                self.line.line(f"  {line}")
            for caution in subject.cautions:
                if caution not in said:
                    said.add(caution)
                    self.line.line(f"  {caution}")
            yield MeasuredFilm(name, subject, found)

    def _told(self, where: str, what: str, share: float) -> None:
        self.line.transient(f"{where}: {what} ({share:.0%})")


def _unchanged_lines(maps: Sequence[MeasuredMap]) -> Iterator[str]:
    for each in maps:
        for name in unchanged(each.found.values):
            title, rank = METRICS[name].title, each.found.values[name]
            yield f"{each.finding} by {each.classifier} ({each.method}) hardly changes: {title}, {rank:.2f}"


def _free(name: str, taken: set[str]) -> str:
    """Return a name that no other film of the run has."""
    number, own = 1, name
    while own.casefold() in taken:
        number += 1
        own = f"{name}_{number}"
    taken.add(own.casefold())
    return own
