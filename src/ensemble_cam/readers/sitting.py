"""A sitting of a readers' study in a session's folder: what the app leads its readers by. It holds no truth.

`readers study begin` writes it beside the session's file, and the app that is started with that folder leads each
reader through their cases in their own order, with networks where the plan says so, and without them where it does not.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ensemble_cam.errors import ConfigError, SessionError
from ensemble_cam.readers.store import Store
from ensemble_cam.readers.study import SITTINGS, Arm, Study
from ensemble_cam.readers.verdicts import state_of

NAME = "sitting.json"
"""Of the file in a session's folder."""

SCHEMA = 1
KIND = "reader study sitting"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BROKEN = f"{NAME} in the session's folder is no sitting that is read here. Begin it with `readers study begin`."


@dataclass(frozen=True)
class Turn:
    """A case in a reader's order.

    Attributes:
        case: its name.
        sha256: of the film's file.
        arm: how it is read.
        rested: when the washout since the reader read it last is over, in UTC as ISO 8601 has it; empty where that is
            not known.
    """

    case: str
    sha256: str
    arm: Arm
    rested: str = ""


@dataclass(frozen=True)
class StudySitting:
    """A sitting.

    Attributes:
        finding: that is asked for.
        number: 1 or 2.
        washout: days between the sittings.
        orders: reader → their cases, in their order.
    """

    finding: str
    number: int
    washout: int
    orders: Mapping[str, tuple[Turn, ...]]

    @classmethod
    def of(cls, study: Study, number: int, *, before: Store | None = None) -> "StudySitting":
        """Return a study's sitting.

        Args:
            study: as it is planned.
            number: 1 or 2.
            before: the session of the sitting before, from which is known when the washout is over.
        """
        orders: dict[str, tuple[Turn, ...]] = {reader: () for reader in study.readers}
        for read in study.reads():
            if read.sitting == number:
                rested = "" if before is None else _rested(before, read.reader, read.case.sha256, study.washout)
                orders[read.reader] += (Turn(read.case.name, read.case.sha256, read.arm, rested),)
        return cls(study.finding, number, study.washout, orders)

    def file(self) -> bytes:
        """Return the sitting's file."""
        record = {
            "schema": SCHEMA,
            "kind": KIND,
            "finding": self.finding,
            "sitting": self.number,
            "washout_days": self.washout,
            "readers": {
                reader: [{"case": t.case, "film": t.sha256, "arm": t.arm.value, "rested": t.rested} for t in turns]
                for reader, turns in self.orders.items()
            },
        }
        return (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode()


def read_sitting(folder: Path) -> StudySitting | None:
    """Return the sitting that a session's folder has; None where it has none.

    Raises:
        SessionError: if its file cannot be read.
    """
    try:
        told: Any = json.loads((folder / NAME).read_bytes())
        if told["kind"] != KIND or told["schema"] != SCHEMA or told["sitting"] not in range(1, SITTINGS + 1):
            raise ValueError
        orders = {str(reader): tuple(map(_turn, turns)) for reader, turns in told["readers"].items()}
        return StudySitting(str(told["finding"]), int(told["sitting"]), int(told["washout_days"]), orders)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SessionError(_BROKEN) from None


def check_films(study: Study, there: Mapping[str, object]) -> None:
    """Check that all films of a study are there, by their SHA-256.

    Raises:
        ConfigError: if one is not; it names them by their cases.
    """
    left = [case.name for case in study.cases if case.sha256 not in there]
    if left:
        more = f" and {len(left) - 10} more" if len(left) > 10 else ""
        raise ConfigError(f"These films of the study are not there: {', '.join(left[:10])}{more}. Add their files.")


def _rested(store: Store, reader: str, sha256: str, days: int) -> str:
    rows = store.rows(
        "SELECT readers.id AS reader, films.id AS film FROM readers, films WHERE name = ? AND sha256 = ?",
        (reader, sha256),
    )
    opened = state_of(store, rows[0]["reader"], rows[0]["film"]).opened if rows else None
    return "" if opened is None else (datetime.fromisoformat(opened) + timedelta(days=days)).isoformat("T", "minutes")


def _turn(told: Any) -> Turn:
    if not _SHA256.fullmatch(told["film"]):
        raise ValueError
    if told["rested"]:
        datetime.fromisoformat(told["rested"])
    return Turn(str(told["case"]), told["film"], Arm(told["arm"]), told["rested"])
