"""What is known of films: a table in CSV, `file,finding,label[,patient,reader,view,device,sex,age]`, read strictly.

Public sets' own files are read as they are published, too, see `published_labels`.

A table that is read otherwise than it was meant gives figures that look right. So every fault is refused, with its
line. A cell that was put into the wrong column may hold a name: no sentence repeats what a cell holds.
"""

import csv
import io
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from ensemble_cam.archive.films import Film
from ensemble_cam.errors import ConfigError, RadiographError, did_you_mean
from ensemble_cam.film.sources import read_film_file
from ensemble_cam.machine.files import read_file, why_unreadable
from ensemble_cam.machine.names import escaped
from ensemble_cam.settings.settings import displayed
from ensemble_cam.validation.published_labels import OTHER_NAMES, PublishedLabels, by_head, film_key, recognised

REQUIRED = ("file", "finding", "label")
OPTIONAL = ("patient", "reader", "view", "device", "sex", "age")
SUBGROUPS = ("view", "device", "sex", "age")
"""Columns whose values films are told apart by."""

SEXES = ("F", "M", "O")
_AGES = ((0, 17), (18, 39), (40, 64), (65, 130))
_LONGEST = 64  # characters of a view's or a device's name
_MOST_BYTES = 256 * 2**20
_UNKNOWN = ""


@dataclass(frozen=True)
class LabelledFilm:
    """What the table says of one film.

    Attributes:
        film: the film.
        truth: finding → whether it is there, of those that the readers agree on.
        patient: what the table calls the patient; None where it says nothing. It is written nowhere.
        groups: column of `SUBGROUPS` → its value, where there is one; an age as its band, such as "40–64".
    """

    film: Film
    truth: Mapping[str, bool]
    patient: str | None
    groups: Mapping[str, str]


@dataclass(frozen=True)
class Labels:
    """All films of a table, in the order in which they were found.

    Attributes:
        films: those that have a label.
        undecided: film–finding pairs that are left out, as equally many readers say one thing and the other.
        unlabelled: films that were found and have no line.
        has_patients: whether the table says of every film which patient it is of.
        remarks: what has to be said of figures from such labels.
        passed_over: films of a public set's file that were not given.
    """

    films: tuple[LabelledFilm, ...]
    undecided: int
    unlabelled: int
    has_patients: bool
    remarks: tuple[str, ...] = ()
    passed_over: int = 0


def hash_of_file(film: Film) -> str:
    """Return the SHA-256 of a film's file, in hex; empty where it cannot be read, which scoring says."""
    try:
        return sha256(read_film_file(film.path)).hexdigest()
    except RadiographError:
        return ""


def read_labels(path: Path, films: Sequence[Film], known: Sequence[str]) -> Labels:
    """Read a table of labels.

    Args:
        path: the CSV, in UTF-8.
        films: those that its column `file` may name: by their path, from the table's folder where it is not absolute,
            by their path below the folder that was given, or by their file's name where no other film has it.
        known: the findings of the classifiers, by their upstream names; the table may have their displayed names, in
            any case.

    Raises:
        ConfigError: if the file cannot be read, or a line is not as it should be; it says which.
    """
    try:
        data = read_file(path, most=_MOST_BYTES)
    except OSError as error:
        raise ConfigError(f"--labels: {escaped(path.name)}: {why_unreadable(error)}. Check its path.") from None
    return labels_of(data, path, films, known)


def labels_of(
    data: bytes,
    path: Path,
    films: Sequence[Film],
    known: Sequence[str],
    *,
    hash_of: Callable[[Film], str] = hash_of_file,
) -> Labels:
    """Read a table of labels from its bytes.

    Args:
        data: of the CSV.
        path: where it would lie.
        films: as of `read_labels`.
        known: likewise.
        hash_of: a film's SHA-256 in hex, of its file, where the table knows films by that.

    Raises:
        ConfigError: if a line is not as it should be; it says which.
    """
    name = escaped(path.name)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"--labels: {name} is no text in UTF-8. Save it as CSV in UTF-8.") from None
    table = _Table(name, _Names(path, films, hash_of), known)
    table.read(text)
    return table.labels(films)


class _Fault(Exception):
    """What is wrong with a line: a sentence without its number."""


class _Names:
    """How a table may call films."""

    def __init__(self, path: Path, films: Sequence[Film], hash_of: Callable[[Film], str]):
        self._folder, self._films, self._hash_of = path.parent, films, hash_of
        self._by_place = {film.place: number for number, film in enumerate(films)}
        self._by_shown = {film.shown: number for number, film in enumerate(films)}
        self._by_name: dict[str, list[int]] = {}
        self._by_key: dict[str, list[int]] = {}
        for number, film in enumerate(films):
            self._by_name.setdefault(film.place.replace("\\", "/").rpartition("/")[2], []).append(number)
            self._by_key.setdefault(film_key(film.place), []).append(number)

    @cached_property
    def _by_hash(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for number, film in enumerate(self._films):
            found.setdefault(self._hash_of(film), []).append(number)
        return found

    def number_of_key(self, key: str, *, by_hash: bool = False) -> int | None:
        """Return the film that a public set calls so; None where it was not given."""
        numbers = (self._by_hash if by_hash else self._by_key).get(key, [])
        if len(numbers) > 1:
            raise _Fault(f"{len(numbers)} films that were given are called so. Give each once.")
        return numbers[0] if numbers else None

    def number_of(self, text: str) -> int:
        place = os.path.abspath(self._folder / text) if "\0" not in text else text
        for found in (self._by_place.get(place), self._by_place.get(text), self._by_shown.get(escaped(text))):
            if found is not None:
                return found
        numbers = self._by_name.get(text, [])
        if len(numbers) > 1:
            raise _Fault(f"{len(numbers)} films have this file name. Write the path below their folder.")
        if not numbers:
            raise _Fault("no film that was given has this file's name. Correct it, name the film, or drop the line.")
        return numbers[0]


class _Table:
    """A table while it is read."""

    def __init__(self, name: str, names: _Names, known: Sequence[str]):
        self._name, self._names, self._known = name, names, known
        self._by_name = {displayed(label).casefold(): label for label in known}
        self._votes: dict[int, dict[str, Counter[bool]]] = {}
        self._seen: dict[tuple[int, str, str], int] = {}
        self._about: dict[int, dict[str, tuple[str, int]]] = {}
        self._remarks: tuple[str, ...] = ()
        self._others: set[str] = set()

    def read(self, text: str) -> None:
        rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        columns: list[str] | None = None
        published: PublishedLabels | None = None
        before = 0
        try:
            for row in rows:
                line, before = before + 1, rows.line_num
                if not any(cell.strip() for cell in row):
                    continue
                cells = [cell.strip() for cell in row]
                try:
                    if columns is None:
                        published = recognised(cells)
                        columns = cells if published else _columns(cells)
                    elif published is not None:
                        self._take_published(line, published, by_head(columns, cells))
                    else:
                        self._take(line, _by_column(columns, cells))
                except _Fault as fault:
                    raise ConfigError(f"--labels: {self._name}, line {line}: {fault}") from None
        except csv.Error:
            raise ConfigError(
                f"--labels: {self._name}, line {before + 1}: this is no CSV: a quote is not closed, or stands inside a "
                "cell. Save it anew."
            ) from None
        if published is not None:
            self._remarks = (published.remark,)
            if not self._votes:
                raise ConfigError(
                    f"--labels: {self._name} has the labels of {published.title}, and none of a film and a finding "
                    "that are here. Name films by their published names, and choose classifiers that know its findings."
                )
        if columns is None or not self._votes:
            raise ConfigError(f"--labels: {self._name} has no labels. Write a line for each film and finding.")

    def _take(self, line: int, row: Mapping[str, str]) -> None:
        for column in REQUIRED:
            if not row[column]:
                raise _Fault(f"the column {column} is empty. Fill it, or drop the line.")
        number, finding = self._names.number_of(row["file"]), self._finding(row["finding"])
        if row["label"] not in ("0", "1"):
            raise _Fault("the column label holds neither 0 nor 1. Leave lines out whose truth is not known.")
        key = number, finding, row.get("reader", "")
        if key in self._seen:
            raise _Fault(
                f"line {self._seen[key]} has this film, finding{' and reader' if key[2] else ''} already. Drop one of "
                "them."
            )
        self._seen[key] = line
        self._describe(line, number, row)
        self._votes.setdefault(number, {}).setdefault(finding, Counter())[row["label"] == "1"] += 1

    def _take_published(self, line: int, published: PublishedLabels, row: Mapping[str, str]) -> None:
        """Take a line of a public set; what it says of films and findings that are not here is passed over."""
        try:
            entries = list(published.entries(row))
        except KeyError:
            raise _Fault(f"it has fewer cells than a line of {published.title}. Fetch the file anew.") from None
        for entry in entries:
            number = self._names.number_of_key(entry.film, by_hash=published.by_hash)
            name = OTHER_NAMES.get(entry.finding.casefold(), entry.finding)
            finding = self._by_name.get(displayed(name).casefold())
            if number is None:
                self._others.add(entry.film)
            if number is None or finding is None:
                continue
            key = number, finding, entry.about.get("reader", "")
            if key in self._seen and not published.several:
                raise _Fault(f"line {self._seen[key]} has this film already. Drop one of them.")
            votes = self._votes.setdefault(number, {}).setdefault(finding, Counter())
            if key not in self._seen or (entry.present and not votes[True]):
                if key in self._seen:  # a film of several lines has the finding if one of them says so
                    votes[False] -= 1
                votes[entry.present] += 1
            self._seen.setdefault(key, line)
            self._describe(line, number, entry.about)

    def _finding(self, text: str) -> str:
        found = self._by_name.get(displayed(text).casefold())
        if found is None:
            meant = did_you_mean(text, (*self._known, *map(displayed, self._known)))
            raise _Fault(f"no classifier here knows this finding.{meant} Known: {', '.join(self._known)}.")
        return found

    def _describe(self, line: int, number: int, row: Mapping[str, str]) -> None:
        about = self._about.setdefault(number, {})
        for column in ("patient", *SUBGROUPS):
            if value := _checked(column, row.get(column, _UNKNOWN)):
                first, at = about.setdefault(column, (value, line))
                if first != value:
                    raise _Fault(f"line {at} has another {column} for this film. Correct one of them.")

    def labels(self, films: Sequence[Film]) -> Labels:
        labelled, undecided = [], 0
        for number in sorted(self._votes):
            votes = self._votes[number]
            truth = {finding: each[True] > each[False] for finding, each in votes.items() if each[True] != each[False]}
            undecided += len(votes) - len(truth)
            about = {column: value for column, (value, _) in self._about[number].items()}
            groups = {column: about[column] for column in SUBGROUPS if column in about}
            labelled.append(LabelledFilm(films[number], truth, about.get("patient"), groups))
        return Labels(
            tuple(labelled),
            undecided,
            len(films) - len(labelled),
            has_patients=all(each.patient is not None for each in labelled),
            remarks=self._remarks,
            passed_over=len(self._others),
        )


def _columns(cells: Sequence[str]) -> list[str]:
    columns = [cell.casefold() for cell in cells]
    allowed = (*REQUIRED, *OPTIONAL)
    missing = [column for column in REQUIRED if column not in columns]
    unknown = [place for place, column in enumerate(columns, 1) if column not in allowed]
    if missing:
        meant = next((meant for place in unknown if (meant := did_you_mean(columns[place - 1], missing))), "")
        raise _Fault(f"the head of the table lacks {_listed(missing)}.{meant} Allowed: {', '.join(allowed)}.")
    if unknown:
        meant = did_you_mean(columns[unknown[0] - 1], allowed)
        raise _Fault(f"column {unknown[0]} has an unknown head.{meant} Allowed: {', '.join(allowed)}.")
    for column in columns:
        if columns.count(column) > 1:
            raise _Fault(f"{column} heads two columns. Drop one of them.")
    return columns


def _by_column(columns: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    if len(cells) != len(columns):
        raise _Fault(f"it has {len(cells)} cells, and the head has {len(columns)}. Put cells with commas in quotes.")
    return dict(zip(columns, cells, strict=True))


def _checked(column: str, value: str) -> str:
    """Return a cell as it is kept; empty where nothing is known."""
    if column == "patient" or not value:
        return value
    if column == "sex":
        if value.upper() not in SEXES:
            raise _Fault(f"the column sex allows {', '.join(SEXES)}, or nothing.")
        return value.upper()
    if column == "age":
        age = int(value) if value.isascii() and value.isdigit() and len(value) <= 3 else -1
        band = next((f"{low}–{high}" if high < 130 else f"{low}+" for low, high in _AGES if low <= age <= high), None)
        if band is None:
            raise _Fault("the column age allows whole years from 0 to 130, or nothing.")
        return band
    if len(value) > _LONGEST or not value.isprintable():
        raise _Fault(f"the column {column} allows up to {_LONGEST} printable characters.")
    return value.upper() if column == "view" else value


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
