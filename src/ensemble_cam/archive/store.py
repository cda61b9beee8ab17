"""An archive's folder: what it was made with, the parts that are done, and the tables that they become.

    DIR/archive.json        what every film was asked, by which networks
    DIR/parts/000001/…      blocks of films that are done, each moved into place whole
    DIR/merged/…            the tables, whole, on their way to their places
    DIR/films.parquet …     the tables

A run that is killed leaves parts; the next one goes on behind them. Tables are put together in a draft, which is
renamed to `merged` once it is whole: from then on moving its files into place is all that is left, by whoever comes
next.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ensemble_cam.archive.asked import Detail
from ensemble_cam.archive.film_record import FilmRecord
from ensemble_cam.archive.table import (
    DONE,
    Block,
    BlockReader,
    BlockWriter,
    block_of,
    file_of,
    joined,
    part_of,
    size_of,
    tables_of,
)
from ensemble_cam.errors import ConfigError, ExportError
from ensemble_cam.export.drafts import draft, remove_dead_drafts
from ensemble_cam.machine.files import read_file
from ensemble_cam.machine.locks import lock
from ensemble_cam.machine.names import escaped
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.settings.vocabulary import FILMS

SETTINGS_FILE = "archive.json"
_PARTS, _MERGED, _LOCK = "parts", "merged", ".archive.lock"
_MOST_SETTINGS_BYTES = 2**24
# Of a block of the finished tables: enough for a reader to be quick, few enough to be held several times.
_FILMS_OF_BLOCK, _BYTES_OF_BLOCK = 512, 32 * 2**20
_OPEN_BLOCKS = 4


@dataclass(frozen=True, slots=True)
class _Kept:
    """A film's rows: in which folder, in which block of it, which of its films, and whether it is done."""

    source: Path
    block: int
    row: int
    done: bool


class ArchiveStore:
    """An archive's folder that this run holds; see `opened_archive`.

    Args:
        folder: the place of the tables.
        detail: which tables there are.
        about: what every file says of itself.

    Raises:
        OSError: if something in it cannot be read.
    """

    def __init__(self, folder: Path, detail: Detail, about: Mapping[str, Any]):
        self._folder, self._tables, self._about = folder, tables_of(detail), about
        self._finish_moving()
        self.removed = remove_dead_drafts(folder)
        self._kept: dict[str, _Kept] = {}
        self._names: dict[str, str] = {}
        sources = list(self._sources())
        for source in sources:
            self._take_in(source)
        self._parts = [int(source.name) for source in sources if source != folder]

    @property
    def names(self) -> Mapping[str, str]:
        """Of films that have rows: the place that their file is known by → what they are called."""
        return self._names

    def is_done(self, known_by: str) -> bool:
        """Whether a film is kept, by what its file is known by; one that failed is not."""
        kept = self._kept.get(known_by)
        return kept is not None and kept.done

    def is_merged(self, known: Sequence[str]) -> bool:
        """Whether the tables are of these films, and nothing else is there."""
        return not self._parts and len(self._kept) == len(known)

    def strangers(self, known: Sequence[str]) -> int:
        """Return how many films are done whose files are none of these, whatever has become of the files since."""
        given = set(map(place_of, known))
        return len({place_of(each) for each, kept in self._kept.items() if kept.done} - given)

    def add(self, records: Sequence[tuple[str, str, FilmRecord]]) -> None:
        """Keep films for good: of each its name, what its file is known by, and what is kept of it.

        Raises:
            ExportError: if they cannot be written.
        """
        number = max(self._parts, default=0) + 1
        part = self._folder / _PARTS / f"{number:06d}"
        try:
            part.parent.mkdir(exist_ok=True)
            with draft(self._folder) as unfinished:
                unfinished.mkdir()
                with BlockWriter(unfinished, self._tables, self._about) as writer:
                    writer.write(block_of(records, self._tables))
                _to_disk(unfinished)
                os.rename(unfinished, part)
        except OSError as error:
            raise _unwritable(error) from None
        self._parts.append(number)
        for row, (name, known_by, record) in enumerate(records):
            self._enter(known_by, name, _Kept(part, 0, row, record.reason is None))

    def merge(self, known: Sequence[str]) -> None:
        """Make the tables of these films, in this order, in the place of parts and earlier tables.

        Args:
            known: what each film's file is known by; each of them has rows.

        Raises:
            ExportError: if they cannot be read or written.
        """
        try:
            with draft(self._folder) as unfinished:
                unfinished.mkdir()
                with BlockWriter(unfinished, self._tables, self._about) as writer:
                    for block in _gathered(self._runs(known)):
                        writer.write(block)
                _to_disk(unfinished)
                os.rename(unfinished, self._folder / _MERGED)
            self._finish_moving()
        except OSError as error:
            raise _unwritable(error) from None
        self._parts = []

    def _sources(self) -> Iterator[Path]:
        """Yield the folders with rows, the latest last."""
        if (self._folder / file_of(FILMS)).exists():
            yield self._folder
        with suppress(FileNotFoundError):
            yield from sorted(path for path in (self._folder / _PARTS).iterdir() if path.name.isdigit())

    def _take_in(self, source: Path) -> None:
        with BlockReader(source, self._tables) as reader:
            for number, films in enumerate(reader.films(("film", "state", "known_by"))):
                rows = zip(*(films[column].to_pylist() for column in films.column_names), strict=True)
                for row, (name, state, known_by) in enumerate(rows):
                    self._enter(known_by, name, _Kept(source, number, row, state == DONE))

    def _enter(self, known_by: str, name: str, kept: _Kept) -> None:
        self._kept[known_by] = kept
        self._names[place_of(known_by)] = name

    def _runs(self, known: Sequence[str]) -> Iterator[Block]:
        """Yield the films' rows in their order, in blocks of films that lie behind one another in one block."""
        with ExitStack() as stack:
            opened: dict[Path, ExitStack] = {}
            readers: dict[Path, BlockReader] = {}
            blocks: dict[tuple[Path, int], Block] = {}

            def block(source: Path, number: int) -> Block:
                key = (source, number)
                if key not in blocks:
                    if len(blocks) == _OPEN_BLOCKS:
                        del blocks[next(iter(blocks))]
                    if source not in readers:
                        if len(readers) == _OPEN_BLOCKS:
                            oldest = next(iter(readers))
                            del readers[oldest]
                            opened.pop(oldest).close()
                        opened[source] = stack.enter_context(ExitStack())
                        readers[source] = opened[source].enter_context(BlockReader(source, self._tables))
                    blocks[key] = readers[source].block(number)
                return blocks[key]

            first, count = None, 0
            for kept in (self._kept[each] for each in known):
                if first is not None and kept == replace(first, row=first.row + count, done=kept.done):
                    count += 1
                    continue
                if first is not None:
                    yield part_of(block(first.source, first.block), first.row, count)
                first, count = kept, 1
            if first is not None:
                yield part_of(block(first.source, first.block), first.row, count)

    def _finish_moving(self) -> None:
        """Bring tables that are whole to their place, and drop the parts that they were made of."""
        merged = self._folder / _MERGED
        if not merged.is_dir():
            return
        for path in merged.iterdir():
            os.replace(path, self._folder / path.name)
        with suppress(FileNotFoundError):
            shutil.rmtree(self._folder / _PARTS)
        merged.rmdir()


def place_of(known_by: str) -> str:
    """Return the part of what a file is known by that stays when the file changes."""
    return known_by.partition(":")[0]


@contextmanager
def opened_archive(
    folder: Path, key: Mapping[str, Any], about: Mapping[str, Any], detail: Detail
) -> Iterator[ArchiveStore]:
    """Hold an archive's folder until the block ends; it is made if need be.

    Args:
        folder: the place of the tables.
        key: what makes two archives of the same films the same, see `measuring.archive_key`.
        about: what every file says of itself.
        detail: which tables there are.

    Raises:
        ConfigError: if another run holds it, or it is an archive by another key.
        ExportError: if it cannot be read or written.
    """
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not _is_held(stack, folder / _LOCK):
                raise ConfigError(
                    f"--out: another run is writing into {escaped(str(folder))}. Wait for its end, or choose another "
                    "folder."
                )
            _check_key(folder, key, about)
            store = ArchiveStore(folder, detail, about)
        except OSError as error:
            raise ExportError(
                f"{escaped(str(folder))}: the archive cannot be read or written ({error.strerror}). Choose another "
                "folder, or make room."
            ) from None
        yield store


def _is_held(stack: ExitStack, path: Path) -> bool:
    try:
        return stack.enter_context(lock(path))
    except OSError:  # no locks on this file system: then nobody is told of another run
        return True


def _check_key(folder: Path, key: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """Refuse a folder that is an archive by another key; write the key where there is none.

    Raises:
        ConfigError: if it is.
        OSError: if it cannot be read or written.
    """
    path, wanted = folder / SETTINGS_FILE, json.loads(json.dumps(key))
    try:
        found = json.loads(read_file(path, most=_MOST_SETTINGS_BYTES))["key"]
    except FileNotFoundError:
        with draft(folder) as unfinished:
            text = json.dumps({"purpose": PURPOSE, **about, "key": wanted}, indent=1, ensure_ascii=False)
            unfinished.write_text(text + "\n", encoding="utf-8")
            os.replace(unfinished, path)
        return
    except (ValueError, KeyError, TypeError):
        found = None
    if found != wanted:
        raise ConfigError(
            f"--out: {escaped(str(folder))} holds an archive by other {_what_differs(found, wanted)}. Run it with "
            "those, or choose another folder."
        )


# Settings of an archive whose options have other names.
_OPTIONS = {"detail": "--scores-only, --maps", "anonymous": "--anonymous-names"}


def _what_differs(found: Any, wanted: Mapping[str, Any]) -> str:
    """Return in words in what two keys differ."""
    if not isinstance(found, dict) or found.keys() != wanted.keys():
        return "versions"
    names = {"schema": "versions", "software": "versions", "classifiers": "classifiers or weights"}
    parts = []
    for name, value in wanted.items():
        if found[name] == value:
            continue
        if name == "settings" and isinstance(found[name], dict):
            differing = [_OPTIONS.get(each, each) for each in value if found[name].get(each) != value[each]]
            parts.append(f"settings ({', '.join(differing)})")
        else:
            parts.append(names.get(name, name))
    return " and ".join(dict.fromkeys(parts))


def _gathered(runs: Iterator[Block]) -> Iterator[Block]:
    """Yield blocks of many films, made of blocks of few."""
    waiting: list[Block] = []
    films = size = 0
    for run in runs:
        if waiting and (films + len(run[FILMS]) > _FILMS_OF_BLOCK or size + size_of(run) > _BYTES_OF_BLOCK):
            yield joined(waiting)
            waiting, films, size = [], 0, 0
        waiting.append(run)
        films, size = films + len(run[FILMS]), size + size_of(run)
    if waiting:
        yield joined(waiting)


def _to_disk(folder: Path) -> None:
    """Have a folder's files on the disk before the folder is moved: a name must not outlive what it stands for."""
    for path in folder.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())


def _unwritable(error: OSError) -> ExportError:
    return ExportError(
        f"The archive cannot be written ({error.strerror or type(error).__name__}). Free space; the same command goes "
        "on from there."
    )
