"""What a student answers to a class set, and the file that is handed in.

The file is JSON of a few kilobytes, made to be sent by whatever way a class has: the set's code, the name that the
student goes by, and of each film what was named, how sure, where, and how long it took. It is read as what it is:
something that anybody can have written. Answers to a teacher's own films are read beside the file of their set.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ensemble_cam.errors import ConfigError
from ensemble_cam.readers.classes import SIZE, ClassSet
from ensemble_cam.readers.film_sets import CODE, AnySet, FilmSet

SCHEMA = 1
KIND = "class answers"

CONFIDENCES = (50, 65, 80, 90, 99)
"""How sure a student is that a finding is there, in percent: from *as likely as not* to *certain*."""

MOST_BYTES = 1 << 20
"""Of a file that is handed in."""

MOST_CHARACTERS = 64
"""Of a student's name."""

WINDOW = 5
"""Films that a learner's curve is averaged over."""

_MOST_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Named:
    """A finding that a student named.

    Attributes:
        confidence: how sure, one of `CONFIDENCES`.
        at: (x, y), the source pixel where it was marked; None where it was not.
    """

    confidence: int
    at: tuple[int, int] | None = None


@dataclass(frozen=True)
class FilmAnswer:
    """What a student said of a film.

    Attributes:
        number: the film's in its set, from 1 on.
        named: finding → how it was named; none for a normal film.
        seconds: that it took.
    """

    number: int
    named: Mapping[str, Named] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class Answers:
    """What a student hands in.

    Attributes:
        set: that was answered.
        student: the name that the student goes by.
        films: the answers, one to each film from the first on; fewer than the set has where the student stopped.
        began: when, in UTC, as ISO 8601 has it; empty where it is not known.
    """

    set: AnySet
    student: str
    films: tuple[FilmAnswer, ...] = ()
    began: str = ""


def is_right(planted: Sequence[str], answer: FilmAnswer) -> bool:
    """Whether an answer names all that is planted in a film, and nothing else."""
    return set(planted) == set(answer.named)


def rights(answers: Answers) -> list[bool]:
    """Return whether each film was answered right."""
    films = answers.set.films
    return [is_right(films[each.number - 1].findings, each) for each in answers.films]


def over_time(handed_in: Sequence[Answers], student: str) -> list[bool]:
    """Return whether each film that a student answered was right, over several sets in the order in which they began.

    Of two files of one set the one with more answers counts.
    """
    by_set: dict[AnySet, Answers] = {}
    for each in handed_in:
        before = by_set.get(each.set)
        if each.student == student and (before is None or len(each.films) > len(before.films)):
            by_set[each.set] = each
    return [right for each in sorted(by_set.values(), key=lambda each: each.began) for right in rights(each)]


def learning(right: Sequence[bool]) -> tuple[float, ...]:
    """Return a learner's curve: after each film, the share of the last `WINDOW` films that were right."""
    return tuple(sum(right[max(0, at - WINDOW) : at]) / min(at, WINDOW) for at in range(1, len(right) + 1))


def checked_name(name: str) -> str:
    """Return a student's name without what surrounds it.

    Raises:
        ConfigError: if it is empty, too long, or holds what is no printable character.
    """
    name = name.strip()
    if not 0 < len(name) <= MOST_CHARACTERS or not name.isprintable():
        raise ConfigError(f"The name has 1 to {MOST_CHARACTERS} characters that can be printed. Choose another one.")
    return name


def answers_file(answers: Answers) -> bytes:
    """Return the file that is handed in."""
    record = {
        "schema": SCHEMA,
        "kind": KIND,
        "code": answers.set.code,
        "student": answers.student,
        "began": answers.began,
        "films": [
            {
                "film": each.number,
                "seconds": round(each.seconds, 1),
                "named": [
                    {
                        "finding": label,
                        "confidence": named.confidence,
                        "at": None if named.at is None else list(named.at),
                    }
                    for label, named in each.named.items()
                ],
            }
            for each in answers.films
        ],
    }
    return (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode()


def read_answers(data: bytes, film_sets: Iterable[FilmSet] = ()) -> Answers:
    """Read a file that was handed in.

    Args:
        data: the file.
        film_sets: sets of own films that it may be of.

    Raises:
        ConfigError: if it is none, or of a set that is not here or that this program does not draw.
    """
    if len(data) > MOST_BYTES:
        raise ConfigError(f"This is no file of answers: it has more than {MOST_BYTES >> 20} MB. {_ASK}")
    try:
        record: Any = json.loads(data)
        if record["kind"] != KIND or record["schema"] != SCHEMA:
            raise ValueError
        code, student, began = record["code"], record["student"], record["began"]
        if not all(isinstance(each, str) for each in (code, student, began)):
            raise TypeError
        of = _set_of(code, film_sets)
        films = tuple(_answer(each, place, of) for place, each in enumerate(record["films"], start=1))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise ConfigError(f"This is no file of answers that is read here. {_ASK}") from None
    return Answers(of, checked_name(student), films, began[:40] if began.isprintable() else "")


_ASK = "Ask the student for the file that the page gave them."


def _set_of(code: str, film_sets: Iterable[FilmSet]) -> AnySet:
    if not code.startswith(CODE):
        return ClassSet.of(code)
    found = next((each for each in film_sets if each.code == code), None)
    if found is None:
        raise ConfigError("These answers are to a set of own films. Open the file of that set with them.")
    return found


def _answer(told: Any, place: int, of: AnySet) -> FilmAnswer:
    """Return a film's answer; films come in their order, none left out."""
    number, seconds = told["film"], float(told["seconds"])
    if type(number) is not int or number != place or place > of.count or not 0 <= seconds <= _MOST_SECONDS:
        raise ValueError
    size = size_of(of, number)
    named = {each["finding"]: _named(each, size) for each in told["named"]}
    if len(named) != len(told["named"]) or not set(named) <= set(of.findings):
        raise ValueError
    return FilmAnswer(number, {label: named[label] for label in of.findings if label in named}, seconds)


def size_of(of: AnySet, number: int) -> tuple[int, int]:
    """Return (width, height) of a film of a set, in source pixels."""
    return of.films[number - 1].size if isinstance(of, FilmSet) else (SIZE, SIZE)


def _named(told: Any, size: tuple[int, int]) -> Named:
    confidence, at = told["confidence"], told["at"]
    if type(confidence) is not int or confidence not in CONFIDENCES:
        raise ValueError
    if at is None:
        return Named(confidence)
    x, y = at
    if type(x) is not int or type(y) is not int or not (0 <= x < size[0] and 0 <= y < size[1]):
        raise ValueError
    return Named(confidence, (x, y))
