"""What a teacher's page says of a class: thirty students' answers to one set, against what was planted.

Intervals are two-sided at `validation.statistics.CONFIDENCE`, and over films (`clustered_share`), since thirty answers
to one hard film are not thirty films. They are of these students, on further films of this kind.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ensemble_cam.errors import ConfigError
from ensemble_cam.phantom import draw_phantom
from ensemble_cam.readers.class_answers import CONFIDENCES, Answers, FilmAnswer, is_right, rights
from ensemble_cam.readers.classes import SIZE, Planned
from ensemble_cam.readers.film_sets import AnySet, FilmSet, OwnFilm
from ensemble_cam.validation.localisation import points_at
from ensemble_cam.validation.statistics import CONFIDENCE, Interval, clustered_share

MOST_STUDENTS = 200

Masks = Mapping[str, np.ndarray]
"""Planted finding → (h, w) bool, in source pixels."""


@dataclass(frozen=True)
class Answer:
    """One student's answer to one finding of one film.

    Attributes:
        student: the name.
        film: its number in the set.
        finding: its label.
        planted: whether it is there.
        named: whether the student said so.
        confidence: in percent; None where it was not named.
        hit: whether the mark lies in it or beside it, see `points_at`; None where there is none, or nothing to hit.
    """

    student: str
    film: int
    finding: str
    planted: bool
    named: bool
    confidence: int | None
    hit: bool | None


@dataclass(frozen=True)
class Part:
    """A share of answers, with its interval over films; `value` and `interval` are None where there are no answers.

    Attributes:
        part: how many.
        whole: of how many.
        interval: where the share is likely to lie on further films of this kind.
    """

    part: int
    whole: int
    interval: Interval | None

    @classmethod
    def of(cls, answers: Iterable[tuple[int, bool]]) -> "Part":
        """Count (film, whether it counts) of each answer."""
        parts: dict[int, int] = {}
        wholes: dict[int, int] = {}
        for film, counts in answers:
            parts[film] = parts.get(film, 0) + counts
            wholes[film] = wholes.get(film, 0) + 1
        interval = clustered_share(list(parts.values()), list(wholes.values()))
        return cls(sum(parts.values()), sum(wholes.values()), interval)

    @property
    def value(self) -> float | None:
        """The share."""
        return self.part / self.whole if self.whole else None


@dataclass(frozen=True)
class Mean:
    """A mean with its interval; the interval is None where there are fewer than two films.

    Attributes:
        value: the mean.
        interval: where it is likely to lie on further films of this kind.
        count: of how many answers.
    """

    value: float
    interval: Interval | None
    count: int


@dataclass(frozen=True)
class Skill:
    """How a student, or the class, does; over one finding or several.

    Attributes:
        found: of what was planted, what was named.
        spared: of what was not planted, what was not named.
        hits: of the marks of what was planted, those that hit it.
        excess: mean confidence of what was named, less the share of it that was right: above 0 for who is too sure.
            None where nothing was named.
    """

    found: Part
    spared: Part
    hits: Part
    excess: Mean | None

    @classmethod
    def of(cls, answers: Sequence[Answer]) -> "Skill":
        """Return it from answers."""
        named = [each for each in answers if each.confidence is not None]
        return cls(
            found=Part.of((each.film, each.named) for each in answers if each.planted),
            spared=Part.of((each.film, not each.named) for each in answers if not each.planted),
            hits=Part.of((each.film, each.hit) for each in answers if each.hit is not None),
            excess=_mean((each.film, (each.confidence or 0) / 100 - each.planted) for each in named),
        )


@dataclass(frozen=True)
class Level:
    """How often what was named with one confidence is there.

    Attributes:
        confidence: in percent.
        right: of what was named with it, what is there.
    """

    confidence: int
    right: Part


@dataclass(frozen=True)
class Hardness:
    """How hard a film was.

    Attributes:
        film: as its set has it.
        right: how many students said just that.
        answered: how many said anything of it.
        overlooked: finding that is there → how many did not name it.
        invented: finding that is not there → how many named it.
        seconds: the median time.
    """

    film: Planned | OwnFilm
    right: int
    answered: int
    overlooked: Mapping[str, int]
    invented: Mapping[str, int]
    seconds: float


@dataclass(frozen=True)
class ClassTable:
    """A class: what its students handed in, judged.

    Attributes:
        set: that they answered.
        students: their names, in alphabetical order.
        handed_in: name → file.
        answers: to every finding of every film, all students'.
    """

    set: AnySet
    students: tuple[str, ...]
    handed_in: Mapping[str, Answers]
    answers: tuple[Answer, ...]

    @cached_property
    def _by(self) -> dict[tuple[str | None, str | None], list[Answer]]:
        found: dict[tuple[str | None, str | None], list[Answer]] = {}
        for each in self.answers:
            for key in ((s, f) for s in (None, each.student) for f in (None, each.finding)):
                found.setdefault(key, []).append(each)
        return found

    def of(self, *, student: str | None = None, finding: str | None = None) -> list[Answer]:
        """Return the answers of a student, or of all, to a finding, or to all."""
        return self._by.get((student, finding), [])

    def skill(self, *, student: str | None = None, finding: str | None = None) -> Skill:
        """Return how a student, or the class, does on a finding, or on all."""
        return Skill.of(self.of(student=student, finding=finding))

    def levels(self, *, student: str | None = None) -> tuple[Level, ...]:
        """Return how often what was named is there, for each confidence that was given."""
        answers = self.of(student=student)
        found = []
        for confidence in CONFIDENCES:
            right = Part.of((each.film, each.planted) for each in answers if each.confidence == confidence)
            found += [Level(confidence, right)] if right.whole else []
        return tuple(found)

    def hardest(self) -> tuple[Hardness, ...]:
        """Return the films, the one that fewest students had right first."""
        found = [_hardness(self, number) for number in range(1, self.set.count + 1)]
        return tuple(
            sorted(
                (each for each in found if each.answered),
                key=lambda each: (each.right / each.answered, each.film.number),
            )
        )

    def rights(self, student: str) -> list[bool]:
        """Return whether each of a student's films was answered right: all that is there named, and nothing else."""
        return rights(self.handed_in[student])

    def reached(self, student: str) -> float | None:
        """Return how hard a student's films were at last, the mean of the second half; None where it does not follow.

        Three in four films of that difficulty are right, once it has settled.
        """
        answers = self.handed_in[student]
        if not self.set.follows or not answers.films:
            return None
        right = self.rights(student)
        levels = [self.set.difficulty_of(number, right) or 0.0 for number in range(1, len(right) + 1)]
        return sum(levels[len(levels) // 2 :]) / len(levels[len(levels) // 2 :])


def masks_of(of: AnySet, number: int, difficulty: float | None) -> Masks:
    """Return the truth of a film: a phantom is drawn for it, on a teacher's own film it was drawn by hand."""
    if isinstance(of, FilmSet):
        return of.masks(number)
    planned = of.films[number - 1]
    return draw_phantom(planned.seed, findings=planned.findings, size=SIZE, difficulty=difficulty).masks


def class_table(
    handed_in: Sequence[Answers],
    *,
    truth: Callable[[AnySet, int, float | None], Masks] = masks_of,
    progress: Callable[[str, float], None] | None = None,
) -> ClassTable:
    """Judge what students handed in.

    A film is drawn for its truth where a mark of what is planted has to be judged, once for each difficulty.

    Args:
        handed_in: files of one set; of two with one name, the later is kept where one has all the other has said.
        truth: draws a film; for tests.
        progress: is told what is done, and how far it is.

    Raises:
        ConfigError: if there are none, they are of several sets, too many, or two students have one name.
    """
    by_name = _by_name(handed_in)
    of = handed_in[0].set
    wanted: dict[tuple[int, float | None], list[tuple[str, FilmAnswer]]] = {}
    for name, answers in by_name.items():
        right = rights(answers)
        for each in answers.films:
            wanted.setdefault((each.number, of.difficulty_of(each.number, right)), []).append((name, each))
    judged: list[Answer] = []
    for done, ((number, difficulty), films) in enumerate(sorted(wanted.items(), key=lambda item: str(item[0]))):
        if progress is not None:
            progress(f"Looking at the truth of film {number}", done / len(wanted))
        planted = of.films[number - 1].findings
        marked = any(label in planted and named.at for _, film in films for label, named in film.named.items())
        masks = truth(of, number, difficulty) if marked else {}
        for name, film in films:
            judged += _judged(of, name, film, masks)
    return ClassTable(of, tuple(by_name), by_name, tuple(sorted(judged, key=lambda each: (each.student, each.film))))


def _by_name(handed_in: Sequence[Answers]) -> dict[str, Answers]:
    if not handed_in:
        raise ConfigError("No file of answers was handed in. Open the students' files.")
    if len({each.set for each in handed_in}) > 1:
        codes = ", ".join(sorted({each.set.code for each in handed_in}))
        raise ConfigError(f"The files are of several sets ({codes}). Open those of one.")
    found: dict[str, Answers] = {}
    for each in sorted(handed_in, key=lambda each: (each.student.casefold(), len(each.films))):
        before = found.get(each.student)
        if before is not None and each.films[: len(before.films)] != before.films:
            raise ConfigError(
                f"Two files that differ go by the name {each.student}. Let one of the students take another name."
            )
        found[each.student] = each
    if len(found) > MOST_STUDENTS:
        raise ConfigError(f"There are {len(found)} students; a class has {MOST_STUDENTS} at most. Open fewer files.")
    return found


def _judged(of: AnySet, name: str, film: FilmAnswer, masks: Masks) -> Iterable[Answer]:
    planted = of.films[film.number - 1].findings
    for label in of.findings:
        named = film.named.get(label)
        hit = None
        if named is not None and named.at is not None and label in planted and label in masks:
            hit = points_at(named.at, masks[label])
        yield Answer(
            student=name,
            film=film.number,
            finding=label,
            planted=label in planted,
            named=named is not None,
            confidence=None if named is None else named.confidence,
            hit=hit,
        )


def _hardness(table: ClassTable, number: int) -> Hardness:
    planned = table.set.films[number - 1]
    said = [films[number - 1] for each in table.handed_in.values() if len(films := each.films) >= number]
    counts = {label: sum(label in each.named for each in said) for label in table.set.findings}
    return Hardness(
        film=planned,
        right=sum(is_right(planned.findings, each) for each in said),
        answered=len(said),
        overlooked={label: len(said) - counts[label] for label in planned.findings if counts[label] < len(said)},
        invented={label: count for label, count in counts.items() if count and label not in planned.findings},
        seconds=float(np.median([each.seconds for each in said])) if said else 0.0,
    )


def _mean(values: Iterable[tuple[int, float]]) -> Mean | None:
    """Return the mean of (film, value), values in [-1, 1], with Student's interval over films (Cochran 1977, 2.11)."""
    from scipy.special import stdtrit

    by_film: dict[int, list[float]] = {}
    for film, value in values:
        by_film.setdefault(film, []).append(value)
    count = sum(map(len, by_film.values()))
    if not count:
        return None
    mean = sum(map(sum, by_film.values())) / count
    films = len(by_film)
    if films < 2:
        return Mean(mean, None, count)
    off = sum((sum(each) - mean * len(each)) ** 2 for each in by_film.values())
    half = float(stdtrit(films - 1, 0.5 + CONFIDENCE / 2)) * (films / (films - 1) * off) ** 0.5 / count
    return Mean(mean, (max(-1.0, mean - half), min(1.0, mean + half)), count)
