"""Which files are films to be reviewed, and what the folders of their reviews are called."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ensemble_cam.errors import ConfigError
from ensemble_cam.film.kinds import is_a_picture
from ensemble_cam.machine.files import NotAFile, open_file
from ensemble_cam.machine.names import escaped
from ensemble_cam.purpose import RESULT_MARK

RECORD = "review.json"
"""By which a folder is known to be a review's."""

ENDINGS = (".png", ".jpg", ".jpeg", ".jpe", ".tif", ".tiff", ".bmp", ".dcm", ".dicom", ".dic")
"""Of names: what is cut off for the folder's name. A DICOM named by its UID has none of them, and keeps its numbers."""

# On discs and in exports beside films: whatever they hold, they are none.
_NO_FILMS = frozenset({"dicomdir", "autorun.inf", "thumbs.db", "desktop.ini"})
_MEDIA_DIRECTORY = b"1.2.840.10008.1.3.10"  # SOP class of a DICOMDIR under another name (PS3.4 B.5)
_HEAD_BYTES = 1024
_MASK = re.compile(r"(phantom_\d+)_[A-Za-z]+\.png")
_NO_FILE = "no file to open"  # a link to nothing, a pipe, a device
_NAMED = 3  # files that are named for each reason; the rest is counted

_CASE = re.compile(r"\w(?:[\w .-]{0,62}\w)?")
_DEVICE_NAMES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # Windows opens no file of the name


@dataclass(frozen=True)
class Film:
    """A film to be reviewed.

    Attributes:
        path: its file.
        shown: what lines call it: its file's name, or its path below a folder that was given.
        name: what its folder is to be called; None for a part of its bytes' hash.
        case: a name of the reader's own, which its review carries; None without.
        address: where it lies in an object store, as a URL; None for a file.
    """

    path: Path
    shown: str
    name: str | None
    case: str | None = None
    address: str | None = None

    @property
    def place(self) -> str:
        """Where its bytes are, for whoever reads them: an absolute path, or a URL."""
        return os.path.abspath(self.path) if self.address is None else self.address

    @classmethod
    def of(cls, path: Path, *, below: Path | None = None) -> "Film":
        """Return a film that is called by its file's name."""
        return cls(path, _shown(path, below), folder_name(path.name))


@dataclass(frozen=True)
class FoundFilms:
    """Films in their order, and what of the folders is none.

    Attributes:
        films: those to review.
        left_out: (file or folder as it is shown, why it is left out), in the order of finding.
        anonymous: whether no file's name may be shown.
    """

    films: tuple[Film, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    anonymous: bool = False

    @property
    def left_out_line(self) -> str:
        """How many were left out and why, in words, and which, unless no name may be shown; empty where none was."""
        by_reason: dict[str, list[str]] = {}
        for shown, why in self.left_out:
            by_reason.setdefault(why, []).append(shown)
        parts = []
        for why, names in by_reason.items():
            parts.append(f"{why}: {len(names) if self.anonymous else _few(names)}")
        return f"{len(self.left_out)} left out ({'; '.join(parts)})" if parts else ""

    def as_case(self, case: str) -> "FoundFilms":
        """Return the same with the films called by a name of the reader's own, several by that and their number.

        Raises:
            ConfigError: if it is no name that every system takes for a folder.
        """
        checked_case(case, of="--case")
        names = [case] if len(self.films) == 1 else [f"{case}_{number}" for number in range(1, len(self.films) + 1)]
        named = zip(self.films, names, strict=True)
        return replace(self, films=tuple(replace(film, name=name, case=name) for film, name in named))


def checked_case(case: str, *, of: str) -> str:
    """Return a name of the reader's own for a film.

    Args:
        case: the name.
        of: the option that it was given to.

    Raises:
        ConfigError: if it is no name that every system takes for a folder.
    """
    if not isinstance(case, str) or not _CASE.fullmatch(case) or _DEVICE_NAMES.fullmatch(case):
        raise ConfigError(
            f'{of}: got "{escaped(str(case))}"; allowed: up to 64 letters, digits, blanks and . - _, with a letter or '
            "digit at both ends."
        )
    return case


def find_films(given: Sequence[Path], *, out: Path | None = None, anonymous: bool = False) -> FoundFilms:
    """Return the files that were given, and of a folder the films in it and in its subfolders.

    A folder's own files come first, by name, then its subfolders'. Left out are hidden ones, links to folders, finished
    reviews, and files that are no films: by their name, or since they have neither a film's ending nor begin as a
    picture or a DICOM object does. A file that was given itself is always taken.

    Args:
        given: files and folders.
        out: where the reviews go; it is left out where it lies in a folder that was given.
        anonymous: call films by their number and their folders by the films' hashes, and show no name of a file.

    Raises:
        ConfigError: if something that was given is not there, or a folder has no films in it or cannot be read.
    """
    numbered = [(path, f"path {number} of {len(given)}" if anonymous else "") for number, path in enumerate(given, 1)]
    if absent := [called or escaped(str(path)) for path, called in numbered if not os.path.lexists(path)]:
        raise ConfigError(f"{_few(absent)}: there is no such file or folder. Check the path.")
    films: list[Film] = []
    left_out: list[tuple[str, str]] = []
    for path, called in numbered:
        if not path.is_dir():
            films.append(Film.of(path))
            continue
        before = len(films), len(left_out)
        try:
            for file, why in _walk(path, out):
                if why:
                    left_out.append((_shown(file, path), why))
                else:
                    films.append(Film.of(file, below=path))
        except OSError as error:
            folder = called or _shown(Path(error.filename or path))
            raise ConfigError(
                f"{folder}: the folder cannot be read ({error.strerror}). Check its permissions."
            ) from None
        if len(films) == before[0]:
            told = FoundFilms((), tuple(left_out[before[1] :]), anonymous).left_out_line
            none = f"no film, {told}" if told else "no files"
            raise ConfigError(
                f"{called or _shown(path)}: the folder holds {none}. Name a film, or a folder with films in it."
            )
    if anonymous:
        films = [replace(film, shown=f"film {number}", name=None) for number, film in enumerate(films, 1)]
    return FoundFilms(tuple(films), tuple(left_out), anonymous)


def folder_name(file_name: str) -> str:
    """Return what the folder of a film's review is called: the file's name without a known ending.

    It is a name that every system takes: without blanks and dots at its end, and never empty.
    """
    lower = file_name.lower()
    ending = next((ending for ending in ENDINGS if lower.endswith(ending)), "")
    name = file_name[: len(file_name) - len(ending)].rstrip(" .")
    return "film" if not name else f"{name}_" if _DEVICE_NAMES.fullmatch(name) else name


def _shown(path: Path, below: Path | None = None) -> str:
    """Return what lines call a file or a folder: by its name, or by its path below a folder that was given."""
    return escaped(str(path.relative_to(below)) if below is not None else path.name or str(path))


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def _walk(folder: Path, out: Path | None) -> Iterator[tuple[Path, str | None]]:
    """Yield each file, and each folder that is not entered, with why it is left out; None for a film.

    Raises:
        OSError: if a folder cannot be read.
    """
    inside = sorted(folder.iterdir(), key=lambda path: path.name)
    kinds = [(path, path.is_dir()) for path in inside]
    for path, is_folder in kinds:
        if not is_folder:
            yield path, "hidden" if path.name.startswith(".") else _why_no_film(path)
    for path, is_folder in kinds:
        if not is_folder:
            continue
        if path.name.startswith("."):
            yield path, "hidden"
        elif path.is_symlink():
            yield path, "a link to a folder, which is not followed"
        elif not os.access(path, os.R_OK | os.X_OK):
            yield path, "a folder that may not be read"
        elif _is_same(path, out) or (path / RECORD).is_file():
            yield path, "reviews"
        else:
            yield from _walk(path, out)


def _is_same(path: Path, out: Path | None) -> bool:
    return out is not None and out.exists() and path.samefile(out)


def _why_no_film(path: Path) -> str | None:
    if not path.is_file():
        return _NO_FILE
    if path.name.casefold() in _NO_FILMS:
        return "no film by its name"
    mask = _MASK.fullmatch(path.name)
    if mask and path.with_name(f"{mask[1]}.json").exists():
        return "a phantom's mask"
    try:
        with open_file(path) as file:
            head = file.read(_HEAD_BYTES)
    except NotAFile:
        return _NO_FILE
    except OSError:
        return None  # whoever reads it says why it cannot be
    if head[128:132] == b"DICM" and _MEDIA_DIRECTORY in head:
        return "a disc's table of contents"
    if head[128:132] == b"DICM" and RESULT_MARK.encode() in head:
        return "results of this program"
    if path.name.lower().endswith(ENDINGS) or is_a_picture(head):
        return None
    return "neither picture nor DICOM"
