"""A readers' study: who reads which case in which order, once without networks and once with them.

Every reader reads every case in both arms, in two sittings with a washout between them (fully crossed). In a sitting
half of the cases are read without networks and then the other half with them, or the other way round; the halves, which
have positives alike, change their arms in the second sitting. Over readers both halves and both arms begin equally
often, one more for an odd number. Each reader has an order of their own. All of it follows from the seed.

Sources: Obuchowski 2003 (AJR 180:299) on designs; Gallas et al. 2012 (Acad. Radiol. 19:463) on readers and cases.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ensemble_cam.errors import ConfigError
from ensemble_cam.readers.draws import Draws

SCHEMA = 1
KIND = "reader study"
SITTINGS = 2
WASHOUT = 28
"""Days between the sittings, unless it is said otherwise."""

SCHEDULE_COLUMNS = ("reader", "sitting", "place", "case", "arm", "film")

_MOST_READERS, _LONGEST = 100, 64
_TAKEN = ("truth", "-1")  # iMRMC's names for the truth
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Arm(StrEnum):
    """How a case is read."""

    WITHOUT = "without networks"
    WITH = "with networks"


@dataclass(frozen=True)
class Case:
    """A case of a study, which is one film.

    Attributes:
        name: "case 001" and so on: no film's file is named in a study.
        sha256: of the film's file, by which sessions know it.
        truth: whether the finding is there.
    """

    name: str
    sha256: str
    truth: bool


@dataclass(frozen=True)
class Read:
    """One reading that is planned.

    Attributes:
        reader: who reads.
        sitting: 1 or 2.
        place: in the reader's order in this sitting, from 1 on.
        case: what is read.
        arm: how.
    """

    reader: str
    sitting: int
    place: int
    case: Case
    arm: Arm


@dataclass(frozen=True)
class Study:
    """A study as it is planned.

    Attributes:
        finding: that is asked for.
        cases: all of them.
        readers: by the names that they go by in the sessions.
        seed: that orders follow from.
        washout: days between the sittings.

    Raises:
        ConfigError: if there are not two cases of each kind, a film or a reader is named twice, or a value is not
            allowed.
    """

    finding: str
    cases: tuple[Case, ...]
    readers: tuple[str, ...]
    seed: int = 0
    washout: int = WASHOUT

    def __post_init__(self) -> None:
        positives = sum(case.truth for case in self.cases)
        if min(positives, len(self.cases) - positives) < SITTINGS:
            raise ConfigError(
                f"cases: got {positives} with {self.finding} and {len(self.cases) - positives} without; a study has "
                "two of each at least. Add films or labels."
            )
        if len({case.sha256 for case in self.cases}) < len(self.cases):
            raise ConfigError("cases: two files are the same film. Leave one of them out.")
        names = [name.strip() for name in self.readers]
        good = all(0 < len(name) <= _LONGEST and name.isprintable() and name not in _TAKEN for name in names)
        if not 0 < len(names) <= _MOST_READERS or not good or len(set(names)) < len(names):
            raise ConfigError(
                f"readers: got {len(names)}; allowed: 1 to {_MOST_READERS} names, each once, of 1 to {_LONGEST} "
                f"characters that can be printed; none of {', '.join(_TAKEN)}."
            )
        if self.washout < 0:
            raise ConfigError(f"washout: got {self.washout}; allowed: a number of days, at least 0.")

    def reads(self) -> list[Read]:
        """Return all readings: by reader, sitting and place."""
        halves = self._halves()
        groups = Draws(f"study {self.seed} readers").shuffled(range(len(self.readers)))
        found = []
        for number, reader in enumerate(self.readers):
            group = groups.index(number) % 4
            swapped, later = group % 2, group in (1, 2)  # which half is without networks first; which arm begins
            for sitting in range(1, SITTINGS + 1):
                draws = Draws(f"study {self.seed} {reader} {sitting}")
                turn = (swapped + sitting) % 2
                blocks = [(Arm.WITHOUT, halves[turn]), (Arm.WITH, halves[1 - turn])]
                ordered = [(arm, case) for arm, half in blocks[:: -1 if later else 1] for case in draws.shuffled(half)]
                found += [Read(reader, sitting, place, case, arm) for place, (arm, case) in enumerate(ordered, start=1)]
        return found

    def _halves(self) -> tuple[list[Case], list[Case]]:
        draws = Draws(f"study {self.seed} cases")
        ordered = [
            *draws.shuffled([c for c in self.cases if c.truth]),
            *draws.shuffled([c for c in self.cases if not c.truth]),
        ]
        return ordered[::2], ordered[1::2]

    def file(self) -> bytes:
        """Return the study's file. It holds the truth: it is for who leads the study, and no reader."""
        record = {
            "schema": SCHEMA,
            "kind": KIND,
            "finding": self.finding,
            "seed": self.seed,
            "washout_days": self.washout,
            "readers": list(self.readers),
            "cases": [{"case": each.name, "film": each.sha256, "truth": each.truth} for each in self.cases],
        }
        return (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode()


def planned(finding: str, films: Mapping[str, bool], readers: Sequence[str], *, seed: int, washout: int) -> Study:
    """Plan a study.

    Args:
        finding: that is asked for.
        films: SHA-256 of a film's file → whether the finding is there. Cases are numbered in an order that the seed
            draws, so that their numbers say nothing.
        readers: see `Study`.
        seed: likewise.
        washout: likewise.

    Raises:
        ConfigError: see `Study`.
    """
    ordered = Draws(f"study {seed} numbers").shuffled(sorted(films))
    digits = max(3, len(str(len(ordered))))
    cases = tuple(Case(f"case {n:0{digits}}", sha256, films[sha256]) for n, sha256 in enumerate(ordered, start=1))
    return Study(finding, cases, tuple(readers), seed, washout)


def read_study(data: bytes) -> Study:
    """Read a study's file.

    Raises:
        ConfigError: if it is none, or no study that could be planned.
    """
    try:
        told: Any = json.loads(data)
        if told["kind"] != KIND or told["schema"] != SCHEMA:
            raise ValueError
        cases = tuple(_case(each) for each in told["cases"])
        readers = tuple(told["readers"])
        numbers = told["seed"], told["washout_days"]
        if not all(isinstance(each, str) for each in (told["finding"], *readers)):
            raise TypeError
        if not all(type(each) is int for each in numbers):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ConfigError(
            "This is no study that is read here. Make one with `ensemble-cam readers study plan`."
        ) from None
    return Study(told["finding"], cases, readers, *numbers)


def _case(told: Any) -> Case:
    name, sha256, truth = told["case"], told["film"], told["truth"]
    if not isinstance(name, str) or not _SHA256.fullmatch(sha256) or type(truth) is not bool:
        raise ValueError
    return Case(name, sha256, truth)
