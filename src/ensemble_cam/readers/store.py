"""A session's file: `DIR/session.sqlite`, in which what readers said outlives the process that wrote it.

On a disk of this machine the file has SQLite's write-ahead log, and several programs may have it open. On a network
file system, whose shared memory and locks the log could not trust, and wherever locks cannot be proved, it has the
rollback journal and one program that writes. What `write` has left is on the disk (`synchronous = FULL`), whatever
ends the process then.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import RLock
from typing import Any

from ensemble_cam.errors import SessionError
from ensemble_cam.machine.disks import file_system, is_local, locks_hold
from ensemble_cam.machine.locks import lock
from ensemble_cam.readers.schema import APPEND_ONLY, MIGRATIONS, VERSION

NAME = "session.sqlite"
"""Of the file in its folder."""

_WRITER = "session.writer"  # who may write, where there is one
_OURS = 0x45434D52  # SQLite's application_id: "ECMR"
_PATIENCE = 10.0  # seconds for another program's writing
_TICK = timedelta(microseconds=1)


class Store:
    """An open session's file; any thread may use it.

    Attributes:
        several: whether several programs may have the file open.
        kept: how it is kept and why, a sentence for whoever starts a program with it.
    """

    def __init__(self, connection: sqlite3.Connection, ending: ExitStack, *, several: bool, kept: str) -> None:
        self._connection = connection
        self._ending = ending
        self._lock = RLock()
        self._last = self._newest()
        self.several = several
        self.kept = kept

    @classmethod
    def open(cls, folder: Path, *, create: bool = True) -> "Store":
        """Open the session in a folder, and bring a file of an earlier version up to this one's.

        Args:
            folder: made if need be, readable by its owner alone.
            create: whether a session is begun where there is none.

        Raises:
            SessionError: if it cannot be had, is of a newer program, or another one writes where one may.
        """
        path = folder / NAME
        if not create and not path.is_file():
            raise SessionError(f"There is no {NAME} in this folder. Name the folder of `ensemble-cam app --session`.")
        ending = ExitStack()
        with ExitStack() as undo:
            undo.push(ending)
            try:
                several, kept = _prepare(folder, path, ending)
                connection = sqlite3.connect(path, _PATIENCE, isolation_level=None, check_same_thread=False)
                ending.callback(connection.close)
                _set_up(connection, several=several)
                _migrate(connection)
                store = cls(connection, ending, several=several, kept=kept)
            except OSError as error:
                why = error.strerror or type(error).__name__
                raise SessionError(f"The session cannot be kept there ({why}). Choose another folder.") from None
            except sqlite3.Error as error:
                raise _failed(error) from None
            undo.pop_all()
        return store

    @classmethod
    def in_memory(cls) -> "Store":
        """Return a session that nothing is written of, and that ends with its process."""
        ending = ExitStack()
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        ending.callback(connection.close)
        _set_up(connection, several=False)
        _migrate(connection)
        return cls(connection, ending, several=False, kept="not kept")

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._ending.close()

    def now(self) -> str:
        """Return the time in UTC to the microsecond, later than every one that the file has: clocks are set back."""
        with self._lock:
            self._last = max(datetime.now(UTC), self._last + _TICK)
            return self._last.isoformat(timespec="microseconds")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Write all that is done in the block, or nothing of it; behind the block it is on the disk.

        Raises:
            SessionError: if it cannot be written, or the file refuses it.
        """
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    self._last = max(self._last, self._newest())
                    yield self._connection
                    self._connection.execute("COMMIT")
                finally:
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                raise _failed(error) from None

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Return what a SELECT finds.

        Raises:
            SessionError: if the file cannot be read.
        """
        with self._lock:
            try:
                return self._connection.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise _failed(error) from None

    def _newest(self) -> datetime:
        timed = [*(table for table in APPEND_ONLY if table != "calls"), "audit"]
        parts = " UNION ALL ".join(f"SELECT max(at) AS at FROM {table}" for table in timed)
        (newest,) = self._connection.execute(f"SELECT max(at) FROM ({parts})").fetchone()
        return datetime.fromisoformat(newest) if newest else datetime.min.replace(tzinfo=UTC)


def _prepare(folder: Path, path: Path, ending: ExitStack) -> tuple[bool, str]:
    """Make the folder and the file, and take the right to write where one program has it; say how it is kept."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = file_system(folder)
    several = is_local(name) and locks_hold(folder)
    if several:
        kept = f"kept with a write-ahead log on a disk of this machine ({name})"
    else:
        where = f"on {name}, where locks cannot be proved" if name else "where the kind of disk is not known"
        kept = f"kept with a rollback journal, by this program alone, as it lies {where}"
        _take_writing(folder / _WRITER, ending)
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    return several, kept


def _take_writing(path: Path, ending: ExitStack) -> None:
    other = "Another program has this session open, and on this kind of disk one alone may. End that one"
    try:
        held = ending.enter_context(lock(path))
    except OSError:  # no locks at all: then the file itself is the lock, and outlives who crashes
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            raise SessionError(f"{other}; if it crashed, delete {path.name} in the folder.") from None
        ending.callback(path.unlink, missing_ok=True)
        return
    if not held:
        raise SessionError(f"{other}.")


def _set_up(connection: sqlite3.Connection, *, several: bool) -> None:
    connection.row_factory = sqlite3.Row
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != _OURS and (application or tables):
        raise SessionError(f"{NAME} is no session of this program. Choose another folder.")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA recursive_triggers = ON")
    connection.execute(f"PRAGMA journal_mode = {'WAL' if several else 'DELETE'}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")  # a film that is removed is gone from the disk


def _migrate(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")  # of two programs that come at once, the second finds it done
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise SessionError(
                f"The session is of version {version}, and this program knows up to {VERSION}. Use the newer program."
            )
        for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
            for statement in _statements(script):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute(f"PRAGMA application_id = {_OURS}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _statements(script: str) -> Iterator[str]:
    """Yield a script's statements; `executescript` would end the transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _failed(error: sqlite3.Error) -> SessionError:
    """Return what has happened, in words that hold nothing of what was to be written."""
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_CONSTRAINT_TRIGGER:  # our own words
        return SessionError(f"This cannot be kept: {error}. What was kept before stands.")
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return SessionError(f"{NAME} is damaged or no session of this program. Take an earlier copy or another folder.")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return SessionError("Another program holds the session's file. Try again.")
    if code == sqlite3.SQLITE_FULL:
        return SessionError("The disk of the session is full. Make room, then try again.")
    name = getattr(error, "sqlite_errorname", "") or type(error).__name__
    return SessionError(f"The session's file cannot be read or written ({name}). Look at its folder and its disk.")
