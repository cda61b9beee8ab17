"""Whether a teacher's table holds the truth: `python benchmarks/classes.py`, 100 classes of thirty drawn students.

A student is drawn by the binormal model: to each finding of each film belongs a number x = d·planted + b + e, where d
is how well the student tells this finding, b the film's own ease (of standard deviation 0.5, the same for all students,
which is why thirty answers to a film are not thirty films), and e is standard normal. The finding is named where x is
over the student's criterion. The confidence is the chance that it is there, by Bayes' rule, with the odds raised to a
power for who is too sure, and rounded to what the page offers. A mark of what is there hits it with a known chance.

So everything that the table says has a known value, in closed form: what each class and each student finds, spares and
hits on further films of this kind, how much too sure they are, and how often each confidence is right. The answers go
through the file that is handed in. Told is, of each statement, in how many classes its interval holds the truth.
"""

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np

from ensemble_cam.phantom import FINDINGS
from ensemble_cam.readers.class_answers import (
    CONFIDENCES,
    Answers,
    FilmAnswer,
    Named,
    answers_file,
    read_answers,
)
from ensemble_cam.readers.class_table import ClassTable, Masks, class_table, masks_of
from ensemble_cam.readers.classes import SEEDS, SIZE, ClassSet, Difficulty
from ensemble_cam.validation.localisation import points_at

EASE = 0.5  # standard deviation of films' own ease
SPREAD = math.sqrt(1 + EASE**2)  # of x, over films


@dataclass(frozen=True)
class Student:
    """A drawn student.

    Attributes:
        name: the student's.
        tells: finding → d.
        criterion: from which x on a finding is named.
        aims: the chance that a mark hits.
        sure: the power that odds are raised to; above 1 for who is too sure.
    """

    name: str
    tells: dict[str, float]
    criterion: float
    aims: float
    sure: float

    @classmethod
    def drawn(cls, number: int, random: np.random.Generator) -> "Student":
        """Draw a student."""
        skill = random.normal(1.9, 0.4)
        return cls(
            name=f"Student {number:02d}",
            tells={label: skill + random.normal(0, 0.3) for label in FINDINGS},
            criterion=random.normal(1.1, 0.2),
            aims=random.uniform(0.5, 0.95),
            sure=random.uniform(0.6, 2.0),
        )

    def finds(self, label: str) -> float:
        """Return the chance that a finding which is there is named."""
        return _normal((self.tells[label] - self.criterion) / SPREAD)

    def spares(self) -> float:
        """Return the chance that a finding which is not there is not named."""
        return _normal(self.criterion / SPREAD)

    def confidence(self, label: str, x: float) -> int:
        """Return how sure the student is, in percent as the page offers it."""
        logit = self.sure * (self._slope(label) * x + self._offset(label))
        stated = 100 / (1 + math.exp(-min(50, max(-50, logit))))
        return min(CONFIDENCES, key=lambda each: abs(each - stated))

    def steps(self, label: str) -> list[tuple[int, float, float]]:
        """Return each confidence, with the chance that a finding is named with it where it is there, and where not."""
        middles = [-math.inf, *((low + high) / 2 for low, high in pairwise(CONFIDENCES)), math.inf]
        ends = [self._x_of(label, each) for each in middles]
        found = []
        for confidence, (low, high) in zip(CONFIDENCES, pairwise(ends), strict=True):
            low, high = max(low, self.criterion), max(high, self.criterion)
            there, not_there = (
                _normal((high - mean) / SPREAD) - _normal((low - mean) / SPREAD) for mean in (self.tells[label], 0.0)
            )
            found.append((confidence, there, not_there))
        return found

    def _slope(self, label: str) -> float:
        return self.tells[label] / SPREAD**2

    def _offset(self, label: str) -> float:
        planted = prevalence()
        return math.log(planted / (1 - planted)) - self.tells[label] ** 2 / (2 * SPREAD**2)

    def _x_of(self, label: str, stated: float) -> float:
        if math.isinf(stated):
            return stated
        logit = math.log(stated / (100 - stated)) / self.sure
        return (logit - self._offset(label)) / self._slope(label)


@cache
def prevalence() -> float:
    """Return how often a finding is planted, over many sets of all findings."""
    films = [film for seed in range(400) for film in ClassSet(seed, count=20).films]
    return sum(len(film.findings) for film in films) / (len(films) * len(FINDINGS))


def discs(of: ClassSet, number: int, difficulty: float | None) -> Masks:
    """Return masks in place of a drawn film's: a disc to each finding, of another place in each film."""
    y, x = np.ogrid[:SIZE, :SIZE]
    random = np.random.default_rng((of.seed, number))
    return {
        label: (x - cx) ** 2 + (y - cy) ** 2 < 40**2
        for label in of.films[number - 1].findings
        for cx, cy in [random.uniform(60, SIZE - 60, 2)]
    }


def answered(
    of: ClassSet, students: list[Student], random: np.random.Generator, *, truth: Callable[..., Masks]
) -> Iterator[bytes]:
    """Yield the file that each student hands in."""
    masks = {film.number: truth(of, film.number, of.difficulty_of(film.number, ())) for film in of.films}
    ease = {(film.number, label): random.normal(0, EASE) for film in of.films for label in FINDINGS}
    for student in students:
        films = []
        for film in of.films:
            named = {}
            for label in FINDINGS:
                planted = label in film.findings
                x = student.tells[label] * planted + ease[film.number, label] + random.normal()
                if x > student.criterion:
                    at = _mark(masks[film.number].get(label), hits=random.random() < student.aims, random=random)
                    named[label] = Named(student.confidence(label, x), at)
            films.append(FilmAnswer(film.number, named, seconds=random.uniform(5, 60)))
        yield answers_file(Answers(of, student.name, tuple(films)))


def _mark(mask: np.ndarray | None, *, hits: bool, random: np.random.Generator) -> tuple[int, int]:
    if mask is not None and hits:
        ys, xs = np.nonzero(mask)
        at = int(random.integers(len(xs)))
        return int(xs[at]), int(ys[at])
    while True:
        x, y = (int(each) for each in random.integers(0, SIZE, 2))
        if mask is None or not points_at((x, y), mask):
            return x, y


def statements(table: ClassTable, students: list[Student]) -> Iterator[tuple[str, bool]]:
    """Yield what the table says with an interval, by kind, and whether the interval holds the truth."""
    spares = float(np.mean([student.spares() for student in students]))
    for label in FINDINGS:
        skill = table.skill(finding=label)
        finds = float(np.mean([student.finds(label) for student in students]))
        yield f"class finds {label}", _holds(skill.found.interval, finds)
        yield f"class spares {label}", _holds(skill.spared.interval, spares)
    skill = table.skill()
    yield "class finds", _holds(skill.found.interval, _finds(students))
    yield "class spares", _holds(skill.spared.interval, spares)
    yield "class hits", _holds(skill.hits.interval, _hits(students))
    yield "class too sure", skill.excess is not None and _holds(skill.excess.interval, _excess(students))
    for level in table.levels():
        yield f"class at {level.confidence} %", _holds(level.right.interval, _right_at(students, level.confidence))
    for student in students:
        skill, one = table.skill(student=student.name), [student]
        yield "student finds", _holds(skill.found.interval, _finds(one))
        yield "student spares", _holds(skill.spared.interval, student.spares())
        if skill.hits.whole:
            yield "student hits", _holds(skill.hits.interval, student.aims)
        if skill.excess is not None and skill.excess.interval is not None:
            yield "student too sure", _holds(skill.excess.interval, _excess(one))


def _finds(students: list[Student]) -> float:
    return float(np.mean([student.finds(label) for student in students for label in FINDINGS]))


def _hits(students: list[Student]) -> float:
    finds = [np.mean([student.finds(label) for label in FINDINGS]) for student in students]
    return float(np.average([student.aims for student in students], weights=finds))


def _excess(students: list[Student]) -> float:
    planted, total, named = prevalence(), 0.0, 0.0
    for confidence, there, not_there in (s for student in students for label in FINDINGS for s in student.steps(label)):
        right, wrong = planted * there, (1 - planted) * not_there
        total += confidence / 100 * (right + wrong) - right
        named += right + wrong
    return total / named


def _right_at(students: list[Student], confidence: int) -> float:
    planted, right, named = prevalence(), 0.0, 0.0
    for level, there, not_there in (s for student in students for label in FINDINGS for s in student.steps(label)):
        if level == confidence:
            right += planted * there
            named += planted * there + (1 - planted) * not_there
    return right / named


def _holds(interval: tuple[float, float] | None, truth: float) -> bool:
    return interval is not None and interval[0] <= truth <= interval[1]


def _normal(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))


def one_class(seed: int, *, drawn: bool = False, size: int = 30, count: int = 20) -> list[tuple[str, bool]]:
    """Draw a class, let it answer and hand in, and return what `statements` yields of the table.

    Args:
        seed: of the class.
        drawn: whether films are drawn for their truth; else discs stand for it, which is quicker.
        size: how many students.
        count: how many films.
    """
    random = np.random.default_rng(seed)
    of = ClassSet(int(random.integers(SEEDS)), count, Difficulty.MEDIUM)
    students = [Student.drawn(number, random) for number in range(1, size + 1)]
    truth = masks_of if drawn else discs
    files = [read_answers(data) for data in answered(of, students, random, truth=truth)]
    return list(statements(class_table(files, truth=truth), students))


def main() -> None:
    """Draw the classes and tell how often the table held the truth."""
    parser = argparse.ArgumentParser(description="Whether a teacher's table holds the truth of drawn classes.")
    parser.add_argument("--classes", type=int, default=100, help="how many (%(default)s)")
    parser.add_argument("--drawn", type=int, default=3, help="of which so many with films drawn (%(default)s)")
    options = parser.parse_args()
    held: dict[str, list[bool]] = {}
    for seed in range(options.classes):
        for what, holds in one_class(seed, drawn=seed < options.drawn):
            held.setdefault(what, []).append(holds)
    for what, each in held.items():
        print(f"{what:28} {sum(each):5} of {len(each):5}  {sum(each) / len(each):.3f}")
    print(f"the fewest: {min(sum(each) / len(each) for each in held.values()):.3f}")


if __name__ == "__main__":
    main()
