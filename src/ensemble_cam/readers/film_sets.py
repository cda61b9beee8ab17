"""A class set of a teacher's own films: a file that names them by SHA-256, with questions and the expected answers.

The films stay where they are: whoever answers has them at hand already, and the file holds no pixel, no file's name and
nothing of a header. Like a code of drawn films it holds the truth, so it is for learning, and no examination.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ensemble_cam.errors import ConfigError
from ensemble_cam.film.intake import MAX_PIXELS
from ensemble_cam.readers.classes import MOST_FILMS, SECONDS, ClassSet
from ensemble_cam.readers.truth import MOST_POINTS, Kind, Shape, union

SCHEMA = 1
KIND = "film set"
MOST_BYTES = 8 << 20
"""Of a set's file."""

MOST_CHARACTERS = {"title": 64, "question": 200}
MOST_FINDINGS = 40

CODE = "films-"
"""What a set's code begins with; behind it stands the beginning of the SHA-256 of all that the set holds."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9 _-]{0,39}")
_MOST_SHAPES = 100  # of a film
_ASK = "Ask the teacher for the file that the page made."


@dataclass(frozen=True)
class OwnFilm:
    """A film of a set.

    Attributes:
        number: from 1 on.
        sha256: of the film's file.
        size: (width, height), in source pixels.
        findings: what is there, in the set's order; none in a normal film.
        shapes: where, as the teacher drew it; a finding that was not drawn is asked for all the same.
        question: what is asked; empty for what the page asks of every film.
    """

    number: int
    sha256: str
    size: tuple[int, int]
    findings: tuple[str, ...] = ()
    shapes: tuple[Shape, ...] = ()
    question: str = ""


@dataclass(frozen=True)
class FilmSet:
    """A set of a teacher's own films; what pages and tables ask of a set it has as `ClassSet` has it.

    Attributes:
        title: what the set is called.
        findings: that are asked for.
        films: numbered from 1 on.
        seconds: for a film, one of `classes.SECONDS`.

    Raises:
        ConfigError: if a value is not allowed, or a film is there twice.
    """

    title: str
    findings: tuple[str, ...]
    films: tuple[OwnFilm, ...]
    seconds: int | None = None
    follows = False
    """Whether the difficulty follows the learner: films are as they are."""

    def __post_init__(self) -> None:
        _check_text("title", self.title, least=1)
        if not 0 < len(self.films) <= MOST_FILMS:
            raise ConfigError(f"films: got {len(self.films)}; a set has 1 to {MOST_FILMS}. Choose others.")
        if len({film.sha256 for film in self.films}) < len(self.films):
            raise ConfigError("films: two files are the same film. Leave one of them out.")
        good = all(_LABEL.fullmatch(label) for label in self.findings)
        if not good or not 0 < len(set(self.findings)) == len(self.findings) <= MOST_FINDINGS:
            raise ConfigError(f"findings: a set asks for 1 to {MOST_FINDINGS}, each once. Choose what is asked for.")
        if self.seconds not in SECONDS:
            raise ConfigError(f"seconds: got {self.seconds}; allowed: None, {', '.join(map(str, SECONDS[1:]))}.")
        for place, film in enumerate(self.films, start=1):
            if film.number != place or not _SHA256.fullmatch(film.sha256):
                raise ConfigError(f"film {place}: it has not its number and the SHA-256 of its file.")
            if min(film.size) < 1 or math.prod(film.size) > MAX_PIXELS:
                raise ConfigError(f"film {place}: no film has {film.size[0]}×{film.size[1]} pixels.")
            if film.findings != tuple(label for label in self.findings if label in film.findings):
                raise ConfigError(f"film {place}: a finding is there that the set does not ask for.")
            if {shape.finding for shape in film.shapes} - set(film.findings) or len(film.shapes) > _MOST_SHAPES:
                raise ConfigError(f"film {place}: something is drawn that is not among its findings.")
            _check_text("question", film.question)

    @property
    def code(self) -> str:
        """What the set is known by in the files that are handed in."""
        return CODE + hashlib.sha256(set_file(self)).hexdigest()[:16]

    @property
    def count(self) -> int:
        """How many films it has."""
        return len(self.films)

    def difficulty_of(self, number: int, right: Sequence[bool]) -> None:
        """Return None, as films are as hard as they are."""

    def masks(self, number: int) -> dict[str, np.ndarray]:
        """Return finding → (h, w) bool, in source pixels, of what is drawn on a film."""
        film = self.films[number - 1]
        drawn = dict.fromkeys(shape.finding for shape in film.shapes)
        return {label: union((s for s in film.shapes if s.finding == label), *film.size) for label in drawn}


AnySet = ClassSet | FilmSet


def film_set(title: str, films: Iterable[OwnFilm], *, asked: Iterable[str] = (), seconds: int | None = None) -> FilmSet:
    """Return a set of these films, numbered in their order.

    Args:
        title: what it is called.
        films: their numbers and the order of their findings are made here.
        asked: findings that are asked for beside those that are there.
        seconds: for a film.

    Raises:
        ConfigError: see `FilmSet`.
    """
    given = list(films)
    findings = tuple(sorted({*asked, *(label for film in given for label in film.findings)}))
    numbered = tuple(
        OwnFilm(
            number,
            film.sha256,
            film.size,
            tuple(label for label in findings if label in film.findings),
            tuple(Shape(each.finding, each.kind, each.points) for each in film.shapes),
            film.question.strip(),
        )
        for number, film in enumerate(given, start=1)
    )
    return FilmSet(title.strip(), findings, numbered, seconds)


def set_file(of: FilmSet) -> bytes:
    """Return the file of a set; the same set gives the same bytes."""
    record = {
        "schema": SCHEMA,
        "kind": KIND,
        "title": of.title,
        "findings": list(of.findings),
        "seconds": of.seconds,
        "films": [
            {
                "sha256": film.sha256,
                "width": film.size[0],
                "height": film.size[1],
                "question": film.question,
                "findings": list(film.findings),
                "shapes": [
                    {
                        "finding": shape.finding,
                        "kind": shape.kind.value,
                        "points": [[round(float(x), 2), round(float(y), 2)] for x, y in shape.points],
                    }
                    for shape in film.shapes
                ],
            }
            for film in of.films
        ],
    }
    return (json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def is_set_file(data: bytes) -> bool:
    """Return whether a file says that it is a set's, whether or not it can be read."""
    return f'"kind": "{KIND}"'.encode() in data[:200]


def read_set(data: bytes) -> FilmSet:
    """Read a set's file.

    Raises:
        ConfigError: if it is none.
    """
    if len(data) > MOST_BYTES:
        raise ConfigError(f"This is no file of a class set: it has more than {MOST_BYTES >> 20} MB. {_ASK}")
    try:
        told: Any = json.loads(data)
        if told["kind"] != KIND or told["schema"] != SCHEMA:
            raise ValueError
        title, findings, seconds = told["title"], tuple(told["findings"]), told["seconds"]
        if not all(isinstance(each, str) for each in (title, *findings)) or type(seconds) not in (int, type(None)):
            raise TypeError
        films = tuple(_film(each, place) for place, each in enumerate(told["films"], start=1))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise ConfigError(f"This is no file of a class set that is read here. {_ASK}") from None
    return FilmSet(title, findings, films, seconds)


def missing(of: FilmSet, there: Iterable[str]) -> str:
    """Return a sentence that names the films of a set that are not at hand; empty where all are.

    Args:
        of: the set.
        there: SHA-256 of the films that are.
    """
    known = set(there)
    left = [film for film in of.films if film.sha256 not in known]
    if not left:
        return ""
    told = ", ".join(f"{film.number} ({film.sha256[:8]}…)" for film in left[:10])
    more = f" and {len(left) - 10} more" if len(left) > 10 else ""
    return f"{len(left)} of {of.count} films are not open here: number {told}{more}. Open their files."


def _film(told: Any, place: int) -> OwnFilm:
    width, height, question, findings = told["width"], told["height"], told["question"], tuple(told["findings"])
    if type(width) is not int or type(height) is not int:
        raise TypeError
    if not all(isinstance(each, str) for each in (told["sha256"], question, *findings)):
        raise TypeError
    shapes = tuple(_shape(each, (width, height)) for each in told["shapes"])
    return OwnFilm(place, told["sha256"], (width, height), findings, shapes, question)


def _shape(told: Mapping[str, Any], size: tuple[int, int]) -> Shape:
    points = tuple((float(x), float(y)) for x, y in told["points"])
    kind = Kind(told["kind"])
    least, most = (2, 2) if kind is Kind.BOX else (3, MOST_POINTS)
    within = all(0 <= at <= most for point in points for at, most in zip(point, size, strict=True))
    if not least <= len(points) <= most or not within or not isinstance(told["finding"], str):
        raise ValueError
    return Shape(told["finding"], kind, points)


def _check_text(what: str, text: str, *, least: int = 0) -> None:
    most = MOST_CHARACTERS[what]
    if not least <= len(text) <= most or not (text.isprintable() or not text):
        raise ConfigError(f"{what}: got {len(text)} characters; allowed: {least} to {most}, each of them printable.")
