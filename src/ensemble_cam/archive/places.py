"""Where the films of an archive lie: files, folders, patterns, lists in CSV, and object stores by fsspec's URLs."""

import csv
import glob
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from ensemble_cam.archive.films import ENDINGS, Film, FoundFilms, find_films, folder_name
from ensemble_cam.errors import ConfigError, RadiographError
from ensemble_cam.film.intake import MAX_FILE_BYTES
from ensemble_cam.film.radiograph import Radiograph, read_radiograph
from ensemble_cam.film.sources import read_film_file
from ensemble_cam.machine.names import escaped
from ensemble_cam.machine.side_by_side import PixelBudget
from ensemble_cam.settings.pixels import Pixels

FILE_COLUMN = "file"
"""Of a list in CSV: a path, from the list's folder where it is not absolute, or a URL."""

# RFC 3986 3.1; of more letters than a drive of Windows has.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(?:::[A-Za-z][A-Za-z0-9+.-]+)*://.+", re.DOTALL)
_PATTERN = re.compile(r"[*?\[]")
_GIVEN_TWICE = "given twice"

T = TypeVar("T")


def find_places(given: Sequence[str], *, out: Path | None = None, anonymous: bool = False) -> FoundFilms:
    """Return the films of all that was given, in its order, each once.

    Args:
        given: files, folders, patterns such as `films/**/*.dcm`, lists ending in .csv with a column `file`, and URLs of
            object stores, such as `s3://bucket/films`.
        out: as in `films.find_films`.
        anonymous: as there.

    Raises:
        ConfigError: if something that was given is not there, holds no film or cannot be read, or fsspec is wanted and
            is not installed.
    """
    films: list[Film] = []
    left_out: list[tuple[str, str]] = []
    for number, text in enumerate(given, start=1):
        called = f"path {number} of {len(given)}" if anonymous else escaped(text)
        found = _find(text, called, out=out, anonymous=anonymous)
        films += found.films
        left_out += found.left_out
    once: dict[str, Film] = {}
    for film in films:
        if film.place in once:
            left_out.append((film.shown, _GIVEN_TWICE))
        once.setdefault(film.place, film)
    films = list(once.values())
    if anonymous:
        films = [replace(film, shown=f"film {number}", name=None) for number, film in enumerate(films, 1)]
    return FoundFilms(tuple(films), tuple(left_out), anonymous)


def read_place(place: str) -> bytes:
    """Return the bytes of a film.

    Args:
        place: a path or a URL.

    Raises:
        RadiographError: if they cannot be had, or are too many for a film.
    """
    if not _URL.fullmatch(place):
        return read_film_file(Path(place))
    try:
        data = _of_store(place, _first_bytes)
    except (ImportError, _NotHad):
        raise RadiographError("The file cannot be had from its store. Check its address and your access.") from None
    if len(data) > MAX_FILE_BYTES:
        raise RadiographError(f"The file has more than {MAX_FILE_BYTES >> 20} MB, which no single film has.")
    return data


def decode_within(budget: PixelBudget, number: int, data: bytes, pixels: Pixels) -> Radiograph:
    """Decode a film once a budget has room for it, and charge it; whoever asks releases it, of a film that fails, too.

    Args:
        budget: of decoded pixels.
        number: by which the budget knows the film: the same film given twice is two.
        data: the file's bytes.
        pixels: how it is read.

    Raises:
        EnsembleCamError: if it cannot be read, or the budget is closed.
    """
    budget.reserve(number, sha256=str(number), name=str(number))
    radiograph = read_radiograph(
        data,
        intensity=pixels.intensity,
        rescale=pixels.rescale,
        negative=pixels.negative,
        cancelled=budget.is_closed,
    )
    budget.charge(number, radiograph.width * radiograph.height)
    return radiograph


def known_by(film: Film) -> str:
    """Return what a film's file is known by without reading it: hashes of its place, and of its size and time."""
    place = _digest(film.place)
    stamp = _stamp(film)
    return f"{place}:" if stamp is None else f"{place}:{_digest(stamp)}"


def _stamp(film: Film) -> str | None:
    """Return what changes when a film's file does, or None: whoever reads it says why it cannot be had."""
    if film.address is None:
        try:
            status = os.stat(film.path)
        except OSError:
            return None
        return f"{status.st_size} {status.st_mtime_ns}"
    try:
        info = _of_store(film.address, _info)
    except (ImportError, _NotHad):
        return None
    marks = ("ETag", "etag", "LastModified", "last_modified", "mtime", "md5Hash")
    return f"{info.get('size')} {' '.join(str(info[mark]) for mark in marks if mark in info)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]


def _find(text: str, called: str, *, out: Path | None, anonymous: bool) -> FoundFilms:
    if _URL.fullmatch(text):
        return _in_store(text, called)
    path = Path(text)
    if not os.path.lexists(path) and _PATTERN.search(text):
        matching = sorted(glob.glob(text, recursive=True))
        if not matching:
            raise ConfigError(f"{called}: no file matches this pattern. Check the path.")
        # Of `films/**`, folders come with all that is in them, and each film once.
        files = [each for each in map(Path, matching) if not each.is_dir()] or [Path(each) for each in matching]
        return find_films(files, out=out, anonymous=anonymous)
    if path.suffix.lower() == ".csv" and path.is_file():
        return FoundFilms(tuple(_listed(path, called)))
    try:
        return find_films([path], out=out, anonymous=anonymous)
    except ConfigError as error:
        # Named alone, it is the first path of one.
        raise ConfigError(str(error).replace("path 1 of 1", called, 1)) from None


def _listed(path: Path, called: str) -> Iterator[Film]:
    """Yield the films of a list; what is not there is found out by whoever reads it."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if FILE_COLUMN not in (rows.fieldnames or ()):
                raise ConfigError(f"{called}: the list has no column {FILE_COLUMN!r}. Name the column of paths so.")
            named = [name for row in rows if (name := (row[FILE_COLUMN] or "").strip())]
    except (OSError, UnicodeError, csv.Error):
        raise ConfigError(f"{called}: the list cannot be read. Save it as CSV in UTF-8.") from None
    if not named:
        raise ConfigError(f"{called}: the list names no films. Fill its column {FILE_COLUMN!r}.")
    for name in named:
        yield _addressed(name) if _URL.fullmatch(name) else Film.of(path.parent / name)


def _addressed(address: str) -> Film:
    name = PurePosixPath(address.partition("://")[2]).name
    return Film(Path(name), escaped(name), folder_name(name), address=address)


def _in_store(address: str, called: str) -> FoundFilms:
    """Return the films of an object, a pattern of objects, or all that begins with an address."""
    if find_spec("fsspec") is None:
        raise ConfigError(
            f"{called}: object stores are read by fsspec, which is not installed. Install it with its store's package, "
            "such as s3fs, or copy the films to this machine."
        )
    try:
        addresses = _of_store(address, _addresses)
    except ImportError as error:
        raise ConfigError(f"{called}: the store needs another package ({escaped(str(error))}). Install it.") from None
    except _NotHad:
        raise ConfigError(f"{called}: the store cannot be read. Check the address and your access.") from None
    films = [_addressed(each) for each in addresses if len(addresses) == 1 or _may_be_film(each)]
    if not films:
        raise ConfigError(f"{called}: there is no film at this address. Check it.")
    left_out = [(escaped(PurePosixPath(each).name), "no film by its name") for each in _without(addresses, films)]
    return FoundFilms(tuple(films), tuple(left_out))


def _without(addresses: Iterable[str], films: Iterable[Film]) -> list[str]:
    taken = {film.address for film in films}
    return [each for each in addresses if each not in taken]


def _may_be_film(address: str) -> bool:
    name = PurePosixPath(address).name.lower()
    # A DICOM named by its UID has dots and no ending.
    return not name.startswith(".") and (name.endswith(ENDINGS) or not re.search(r"\.[a-z]\w*$", name))


class _NotHad(Exception):
    """What was asked of a store cannot be had from it."""


def _of_store(address: str, asked: Callable[[Any, str], T]) -> T:
    """Ask a store for something.

    Args:
        address: fsspec's URL of an object in it.
        asked: called with fsspec's file system and the path in it.

    Raises:
        ImportError: if fsspec, or the package of this store, is not installed.
        _NotHad: whatever else goes wrong.
    """
    from fsspec.core import url_to_fs

    try:
        return asked(*url_to_fs(address))
    except ImportError:
        raise
    except Exception:  # stores raise what they like, and their words may hold the address
        raise _NotHad from None


def _first_bytes(store: Any, path: str) -> bytes:
    with store.open(path, "rb") as file:
        data: bytes = file.read(MAX_FILE_BYTES + 1)
    return data


def _info(store: Any, path: str) -> Mapping[str, Any]:
    info: Mapping[str, Any] = store.info(path)
    return info


def _addresses(store: Any, path: str) -> list[str]:
    if _PATTERN.search(path):
        found = sorted(store.glob(path))
    else:
        found = [path] if store.isfile(path) else sorted(store.find(path))
    return [store.unstrip_protocol(each) for each in found]
