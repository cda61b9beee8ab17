"""One run of `ensemble-cam archive`: films through an engine into an archive's folder, and what is said meanwhile."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TextIO

from ensemble_cam.archive.asked import Asked
from ensemble_cam.archive.film_record import FilmRecord
from ensemble_cam.archive.films import Film, FoundFilms
from ensemble_cam.archive.places import known_by
from ensemble_cam.archive.store import ArchiveStore, opened_archive, place_of
from ensemble_cam.archive.table import file_of, tables_of
from ensemble_cam.archive.workers import Engine
from ensemble_cam.errors import ClassifierError, ConfigError
from ensemble_cam.machine.names import escaped
from ensemble_cam.machine.terminal import Pace, TerminalLine, films_per_second, status, ticking
from ensemble_cam.reviewing.preparing import remedied
from ensemble_cam.settings.sets import SETS

# What a run that is killed loses at most: so many films, or the films of so many seconds. What waits for its part and
# what turns it into columns is held by this process: with four times as many films 60 MB more.
_FILMS_OF_PART, _SECONDS_OF_PART, _BYTES_OF_PART = 128, 30.0, 16 * 2**20
_ANONYMOUS_DIGITS = 16

Waiting = list[tuple[str, str, FilmRecord]]


def archive(
    asked: Asked,
    found: FoundFilms,
    out: Path,
    start: Callable[[Asked], Engine],
    *,
    line: TerminalLine,
    errors: TextIO,
) -> int:
    """Make the tables of films; return how many failed, each with a line in `errors`.

    Args:
        asked: what is asked of every film.
        found: the films.
        out: where the tables go; it need not be there.
        start: starts what makes the records.
        line: where all is said but failures.
        errors: where a failure is a line.

    Raises:
        ConfigError: if the folder holds an archive of other films, by other settings, or another run writes into it.
        ExportError: if the tables cannot be written.
        WeightsError: if weights are missing or unusable.
        ClassifierError: if no process can be started, or none any more; what is finished is kept.
    """
    with closing(start(asked)) as engine:
        with ticking(line, "Loading the networks"), remedied(asked.config, asked.choice):
            described = engine.describe()
        line.line("Classifiers: " + "; ".join(described["classifiers"]))
        if words := SETS[asked.choice.set].notice:
            line.line(f"{words}.")
        key = described["key"]
        about = {"notice": described["notice"], "settings": key["settings"], "classifiers": key["classifiers"]}
        with opened_archive(out, key, about, asked.detail) as store:
            return _Run(store, found, out, asked, line, errors).go(engine)


class _Run:
    """The way of films into a folder that is held."""

    def __init__(
        self, store: ArchiveStore, found: FoundFilms, out: Path, asked: Asked, line: TerminalLine, errors: TextIO
    ):
        self._store, self._found, self._out, self._asked = store, found, out, asked
        self._line, self._errors = line, errors
        self._known = [known_by(film) for film in found.films]
        self._failed, self._done = 0, 0
        if strangers := store.strangers(self._known):
            raise ConfigError(
                f"--out: {escaped(str(out))} holds {strangers} film{'s' * (strangers > 1)} that this command does not "
                "name. Name them, too, or choose another folder."
            )

    def go(self, engine: Engine) -> int:
        """Do the films that are not done, put the tables together, and return how many failed."""
        if self._store.removed:
            self._line.line(f"Removed what a run that was broken off had begun: {self._store.removed}.")
        todo = [number for number, known in enumerate(self._known) if not self._store.is_done(known)]
        before = len(self._known) - len(todo)
        pace = Pace(time.monotonic())
        try:
            if todo:
                self._line.transient(status(before, len(self._known), None))
                self._do(engine, todo, pace, before)
            if todo or not self._store.is_merged(self._known):
                with ticking(self._line, "Putting the tables together"):
                    self._store.merge(self._known)
        except KeyboardInterrupt:
            self._line.line("What is finished stays; the same command goes on from there.")
            raise
        self._end(before, pace)
        return self._failed

    def _do(self, engine: Engine, todo: Sequence[int], pace: Pace, before: int) -> None:
        named = _Names(self._store.names)
        waiting: Waiting = []
        began, size = time.monotonic(), 0
        films = self._found.films
        with closing(engine.records([films[number].place for number in todo])) as records:
            try:
                for number, record in zip(todo, records, strict=True):
                    film = films[number]
                    waiting.append((named.name(film, self._known[number], record), self._known[number], record))
                    size += sum(grid.values.nbytes for grid in record.maps)
                    self._tell(film, record, pace, before)
                    late = time.monotonic() - began > _SECONDS_OF_PART
                    if late or len(waiting) == _FILMS_OF_PART or size > _BYTES_OF_PART:
                        self._store.add(waiting)
                        waiting, began, size = [], time.monotonic(), 0
            except (KeyboardInterrupt, ClassifierError):  # Ctrl-C, or no process makes records any more
                if waiting:
                    self._store.add(waiting)
                raise
        if waiting:
            self._store.add(waiting)

    def _tell(self, film: Film, record: FilmRecord, pace: Pace, before: int) -> None:
        if record.reason is None:
            self._done += 1
            pace.did(time.monotonic())
        else:
            self._failed += 1
            self._line.transient("")
            print(f"ensemble-cam: {film.shown}: {record.reason}", file=self._errors, flush=True)
        self._line.transient(status(before + self._done + self._failed, len(self._known), pace.rate))

    def _end(self, before: int, pace: Pace) -> None:
        total = len(self._known)
        tables = ", ".join(file_of(table) for table in tables_of(self._asked.detail))
        parts = [f"{before + self._done} of {total} film{'s' * (total > 1)} in {escaped(str(self._out))} ({tables})"]
        if before:
            parts.append(f"{before} of them before")
        if self._failed:
            parts.append(f"{self._failed} failed")
        if (rate := pace.mean_rate) is not None:
            parts.append(films_per_second(rate))
        text = ", ".join(parts)
        self._line.line(f"{text}; {self._found.left_out_line}" if self._found.left_out else text)


class _Names:
    """What films are called in the tables: as their review's folders are, and no two alike.

    A film that has rows keeps its name.

    Args:
        names: place that a file is known by → name, of the films that have rows.
    """

    def __init__(self, names: Mapping[str, str]):
        self._names = dict(names)
        self._taken = set(self._names.values())
        self._numbers: Counter[str] = Counter()

    def name(self, film: Film, known: str, record: FilmRecord) -> str:
        """Return a film's name."""
        place = place_of(known)
        if place not in self._names:
            self._names[place] = self._free(_wanted(film, record))
        return self._names[place]

    def _free(self, wanted: str) -> str:
        for name in self._candidates(wanted):
            if name not in self._taken:
                self._taken.add(name)
                return name
        raise AssertionError

    def _candidates(self, wanted: str) -> Iterator[str]:
        while True:
            self._numbers[wanted] += 1
            number = self._numbers[wanted]
            yield wanted if number == 1 else f"{wanted}_{number}"


def _wanted(film: Film, record: FilmRecord) -> str:
    if film.name is not None:
        return escaped(film.name)
    return film.shown if record.sha256 is None else record.sha256[:_ANONYMOUS_DIGITS]
