"""A class set: drawn films that a teacher's group answers blind, all of it in a code of twelve letters.

The code holds the version of the phantoms and everything that the films follow from, so that it can be read out, and no
file is handed around. Whoever has it can draw the truth from it: it is for learning, and no examination. A film of a
set is known by code and number; its file's hash would differ between machines whose libraries round another way.

Nothing here depends on a library's random numbers: what is planted where follows from SHA-256.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from ensemble_cam.errors import ConfigError
from ensemble_cam.phantom import FINDINGS, VERSION
from ensemble_cam.readers.draws import Draws

SIZE = 640
"""Pixels of a film's side, as in the lab."""

MOST_FILMS = 50
SEEDS = 1_000_000
"""Films have seeds below it: the networks learned from films of higher ones."""

SECONDS = (None, 15, 30, 45, 60, 90, 120, 180)
"""What can be chosen as the time for a film; None for as long as it takes."""

START, RISE, FALL = 3, 1, 3
"""Of a difficulty that follows the learner, in tenths: its first, what a right film adds, and what a wrong one takes.

It settles where `FALL` / (`RISE` + `FALL`) of the films are right: three in four (Kaernbach 1991, Percept. Psychophys.
49:227).
"""

LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
"""Of a code: without I, O and Q, which are misread. They are 23, a prime, and count in the field of that order."""

_DATA, _CHECKS = 10, 2
_STEP = 618_033  # between films' seeds; it has no factor in common with SEEDS, so that no two films of a set are one
_VERSIONS = 64
_NORMAL = 0.2  # share of normal films
_SEVERAL = (0.65, 0.25, 0.10)  # one, two, three findings on a film that is not normal


class Difficulty(StrEnum):
    """How hard the films of a set are."""

    ANY = "any"
    PLAIN = "plain"
    MEDIUM = "medium"
    BORDERLINE = "borderline"
    FOLLOWS = "follows the learner"


FIXED = {Difficulty.PLAIN: 0.0, Difficulty.MEDIUM: 0.5, Difficulty.BORDERLINE: 1.0}
"""Difficulty → that of every film."""


@dataclass(frozen=True)
class Planned:
    """A film of a set, as it is to be drawn.

    Attributes:
        number: from 1 on.
        seed: what the chest is drawn from.
        findings: what is planted, in the order of `FINDINGS`; none in a normal film.
    """

    number: int
    seed: int
    findings: tuple[str, ...]


@dataclass(frozen=True)
class ClassSet:
    """What a code stands for.

    Attributes:
        seed: from 0 to `SEEDS` - 1; sets that differ in nothing else have other films.
        count: how many films, from 1 to `MOST_FILMS`.
        difficulty: of the films.
        findings: those that may be planted, in the order of `FINDINGS`.
        seconds: for a film, one of `SECONDS`.

    Raises:
        ConfigError: if a value is not allowed.
    """

    seed: int
    count: int = 20
    difficulty: Difficulty = Difficulty.ANY
    findings: tuple[str, ...] = FINDINGS
    seconds: int | None = None

    def __post_init__(self) -> None:
        if self.seed not in range(SEEDS):
            raise ConfigError(f"seed: got {self.seed}; allowed: a whole number from 0 to {SEEDS - 1}.")
        if self.count not in range(1, MOST_FILMS + 1):
            raise ConfigError(f"count: got {self.count}; allowed: a whole number from 1 to {MOST_FILMS}.")
        if self.findings != tuple(label for label in FINDINGS if label in self.findings) or not self.findings:
            raise ConfigError(f"findings: one at least, each once, in this order: {', '.join(FINDINGS)}.")
        if self.seconds not in SECONDS:
            allowed = ", ".join(map(str, SECONDS[1:]))
            raise ConfigError(f"seconds: got {self.seconds}; allowed: None, {allowed}.")

    @property
    def code(self) -> str:
        """The twelve letters, in three groups."""
        chosen = sum(1 << FINDINGS.index(label) for label in self.findings)
        places = (
            (VERSION, _VERSIONS),
            (self.seed, SEEDS),
            (self.count - 1, MOST_FILMS),
            (list(Difficulty).index(self.difficulty), len(Difficulty)),
            (chosen - 1, 2 ** len(FINDINGS) - 1),
            (SECONDS.index(self.seconds), len(SECONDS)),
        )
        value = 0
        for digit, base in places:
            value = value * base + digit
        data = [value // len(LETTERS) ** place % len(LETTERS) for place in reversed(range(_DATA))]
        letters = "".join(LETTERS[each] for each in (*data, *_checks(data)))
        return "-".join(letters[start : start + 4] for start in range(0, len(letters), 4))

    @classmethod
    def of(cls, code: str) -> "ClassSet":
        """Read a code, in any case, with or without what stands between its letters.

        Raises:
            ConfigError: if a letter is wrong, or it is of phantoms that this program does not draw.
        """
        value = _value_of(code)
        sizes = (SEEDS, MOST_FILMS, len(Difficulty), 2 ** len(FINDINGS) - 1, len(SECONDS))
        digits = []
        for base in reversed(sizes):
            value, digit = divmod(value, base)
            digits.append(digit)
        time, chosen, difficulty, count, seed = digits
        if value != VERSION:
            raise ConfigError(
                f"This code is of phantoms of version {value}, and this program draws version {VERSION}: its films "
                "would be others. Use the program that the code was made with, or make a new set."
            )
        return cls(
            seed=seed,
            count=count + 1,
            difficulty=list(Difficulty)[difficulty],
            findings=tuple(label for place, label in enumerate(FINDINGS) if chosen + 1 >> place & 1),
            seconds=SECONDS[time],
        )

    @classmethod
    def new(cls, *, count: int, difficulty: Difficulty, findings: Sequence[str], seconds: int | None) -> "ClassSet":
        """Return a set with a seed at random.

        Raises:
            ConfigError: if a value is not allowed.
        """
        ordered = tuple(label for label in FINDINGS if label in findings)
        return cls(secrets.randbelow(SEEDS), count, difficulty, ordered, seconds)

    @property
    def follows(self) -> bool:
        """Whether the difficulty follows the learner."""
        return self.difficulty is Difficulty.FOLLOWS

    @property
    def films(self) -> tuple[Planned, ...]:
        """The set's films, in their order.

        One in five is normal, and more where few findings may be planted; the others have one, two or three. Findings
        are dealt like cards, so that each comes about as often as any other.
        """
        return _films(self)

    def difficulty_of(self, number: int, right: Sequence[bool]) -> float | None:
        """Return how hard a film is drawn; None for as hard as its seed has it.

        Args:
            number: the film's.
            right: whether each film before it was answered right.
        """
        if not self.follows:
            return FIXED.get(self.difficulty)
        tenths = START
        for each in right[: number - 1]:
            tenths = min(10, tenths + RISE) if each else max(0, tenths - FALL)
        return tenths / 10


@lru_cache(maxsize=64)
def _films(of: ClassSet) -> tuple[Planned, ...]:
    draws, dealt = Draws(f"class set {of.seed}"), []
    deck: list[str] = []
    for number in range(1, of.count + 1):
        wanted = 0
        if draws.share() >= max(_NORMAL, 1 / (len(of.findings) + 1)):
            wanted = min(1 + draws.choice(_SEVERAL), len(of.findings))
        planted: list[str] = []
        while len(planted) < wanted:
            left = [label for label in deck if label not in planted]
            if not left:
                deck += of.findings
                continue
            planted.append(left[int(draws.share() * len(left))])
            deck.remove(planted[-1])
        ordered = tuple(label for label in FINDINGS if label in planted)
        dealt.append(Planned(number, (of.seed + (number - 1) * _STEP) % SEEDS, ordered))
    return tuple(dealt)


def _checks(data: Sequence[int]) -> tuple[int, int]:
    """Return the two letters that make Σ v and Σ i·v 0 modulo 23, i counting the letters from 0.

    It is a Reed-Solomon code of distance 3: any two wrong letters are seen, and so are any two that changed places.
    """
    plain, weighted = _sums(data)
    last = (_DATA * plain - weighted) % len(LETTERS)
    return (-plain - last) % len(LETTERS), last


def _sums(values: Sequence[int]) -> tuple[int, int]:
    prime = len(LETTERS)
    return sum(values) % prime, sum(place * each for place, each in enumerate(values)) % prime


def _value_of(code: str) -> int:
    """Return what a code's letters count, once its check letters agree with them."""
    letters = "".join(each for each in code.upper() if not (each.isspace() or each in "-–."))
    whole = _DATA + _CHECKS
    if len(letters) != whole:
        raise ConfigError(f"A code has {whole} letters, and this has {len(letters)}. Type it again.")
    if strange := next((each for each in letters if each not in LETTERS), None):
        raise ConfigError(f"No code has a “{strange}” in it: its letters are {LETTERS}. Type it again.")
    values = [LETTERS.index(each) for each in letters]
    plain, weighted = _sums(values)
    if plain or weighted:
        raise ConfigError(f"There is a slip in this code{_where(plain, weighted)}. Compare it letter by letter.")
    value = 0
    for each in values[:_DATA]:
        value = value * len(LETTERS) + each
    return value


def _where(plain: int, weighted: int) -> str:
    """Return where the slip is, should one letter alone be wrong."""
    place = weighted * pow(plain, -1, len(LETTERS)) % len(LETTERS) if plain else len(LETTERS)
    return f"; if one letter alone is wrong, it is number {place + 1}" if place < _DATA + _CHECKS else ""
