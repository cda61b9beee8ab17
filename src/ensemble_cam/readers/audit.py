"""Who looked at which film and took what: a session's audit log, each row bound to the one before.

It knows readers by the name that their login says, and films by the SHA-256 of their files; nothing of a patient is in
it. Rows are appended. A row's hash is of its own words and of the hash before it, so that none can be changed, left out
or put in between without changing every one behind it; who keeps the last hash elsewhere can tell that, too. What is
older than it is kept goes from the beginning, with a row that says so and has the hash that the rest goes on from.
"""

import csv
import hashlib
import io
import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ensemble_cam.errors import SessionError
from ensemble_cam.machine.names import cell
from ensemble_cam.readers.store import Store

COLUMNS = ("id", "at", "reader", "event", "film", "count", "until", "forgot", "before", "hash")
"""Of the exported log: a row for each event."""

_BEGINNING = "0" * 64  # before the first row of all


class Event(StrEnum):
    """What is noted, and of whom."""

    CAME = "came in"
    ADDED = "film opened"
    LOOKED = "film shown"
    SHARED = "film on the work list"
    REMOVED = "film removed"
    TAKEN = "file taken"
    SEARCHED = "archive searched"
    FETCHED = "film from the archive"
    SENT = "results to the archive"
    EXPORTED = "log exported"
    SHORTENED = "log shortened"


@dataclass(frozen=True)
class Checked:
    """A log whose chain holds.

    Attributes:
        count: its rows.
        shortened: whether older ones went as they were no longer to be kept.
        last: the last row's hash; that of the beginning where there is none.
    """

    count: int
    shortened: bool
    last: str


def note(
    store: Store, reader: str, event: Event, *, film: str | None = None, count: int | None = None, days: int = 0
) -> None:
    """Append a row, and let go of those that are no longer to be kept.

    Args:
        store: the session's file.
        reader: who, by name.
        event: what.
        film: the SHA-256 of the film's file, where it is of one.
        count: of how many things, where that says something.
        days: how long rows are kept; 0 for ever.

    Raises:
        SessionError: if it cannot be kept.
    """
    with store.write() as file:
        _append(store, file, reader, event, film=film, count=count)
        if days:
            _shorten(store, file, days)


def check(store: Store, *, known: str | None = None) -> Checked:
    """Return what a log holds, once its chain was followed from end to end.

    Args:
        store: the session's file.
        known: a hash that was its last one at some time, and was kept elsewhere.

    Raises:
        SessionError: if a row is not what it was, is missing or was put in between, or none has the known hash.
    """
    rows = store.rows("SELECT * FROM audit ORDER BY id")
    if not rows:
        if known is None:
            return Checked(0, False, _BEGINNING)
        raise SessionError("The audit log is empty, and was not.")
    first = rows[0]
    begins = first["id"] == 1 and first["before"] == _BEGINNING
    shortened = [row for row in rows if row["event"] == Event.SHORTENED]
    if not begins and (first["id"] - 1, first["before"]) not in {(row["until"], row["forgot"]) for row in shortened}:
        raise SessionError("The audit log was cut at its beginning by something else than this program.")
    before = first["before"]
    for number, row in enumerate(rows, start=first["id"]):
        if row["id"] != number or row["before"] != before or row["hash"] != _hash(row):
            raise SessionError(f"The audit log was changed at or before row {row['id']}: its chain does not hold.")
        before = row["hash"]
    if known is not None and known.lower() not in {row[name] for row in rows for name in ("hash", "before")}:
        older = "" if begins else ", or the hash is of a row that is no longer kept"
        raise SessionError(f"No row of the audit log has this hash: it was cut at its end or written anew{older}.")
    return Checked(len(rows), not begins, before)


def table(store: Store) -> str:
    """Return the log as CSV, which no spreadsheet takes for formulas."""
    stream = io.StringIO()
    written = csv.writer(stream, lineterminator="\n")
    written.writerow(COLUMNS)
    for row in store.rows("SELECT * FROM audit ORDER BY id"):
        written.writerow(["" if row[name] is None else cell(str(row[name])) for name in COLUMNS])
    return stream.getvalue()


def _append(
    store: Store,
    file: sqlite3.Connection,
    reader: str,
    event: Event,
    *,
    film: str | None = None,
    count: int | None = None,
    until: int | None = None,
    forgot: str | None = None,
) -> None:
    last = file.execute("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1").fetchone()
    row = {
        "id": 1 if last is None else last["id"] + 1,
        "at": store.now(),
        "reader": reader,
        "event": event.value,
        "film": film,
        "count": count,
        "until": until,
        "forgot": forgot,
        "before": _BEGINNING if last is None else last["hash"],
    }
    row["hash"] = _hash(row)
    names = ", ".join(row)
    file.execute(f"INSERT INTO audit ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))


def _shorten(store: Store, file: sqlite3.Connection, days: int) -> None:
    oldest = (datetime.fromisoformat(store.now()) - timedelta(days=days)).isoformat(timespec="microseconds")
    gone = file.execute("SELECT id, hash FROM audit WHERE at < ? ORDER BY id DESC LIMIT 1", (oldest,)).fetchone()
    if gone is not None:
        _append(store, file, "", Event.SHORTENED, until=gone["id"], forgot=gone["hash"])
        file.execute("DELETE FROM audit WHERE id <= ?", (gone["id"],))


def _hash(row: sqlite3.Row | dict[str, object]) -> str:
    words = [row[name] for name in ("id", "at", "reader", "event", "film", "count", "until", "forgot", "before")]
    return hashlib.sha256(json.dumps(words, ensure_ascii=False).encode()).hexdigest()
