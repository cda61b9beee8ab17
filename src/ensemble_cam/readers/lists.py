"""Whose a film is, where a group shares a session: on the work list, which all readers see, or one reader's own.

A film is kept once, however many readers have opened the same file, and none of them learns that others have.
"""

import sqlite3

from ensemble_cam.readers.store import Store
from ensemble_cam.readers.verdicts import Reader, keep_film


def films_of(store: Store, reader: Reader | None) -> list[sqlite3.Row]:
    """Return the films of a reader's list: the work list in its order, then their own.

    Args:
        store: the session's file.
        reader: None for the work list alone.

    Returns:
        `id`, `sha256`, `planted`, `case_number` and `shared`, whether it is on the work list.
    """
    return store.rows(
        "SELECT films.id, sha256, planted, place IS NOT NULL AS shared,"
        " CASE WHEN place IS NULL THEN own_films.case_number ELSE films.case_number END AS case_number"
        " FROM films JOIN pixels ON pixels.film = films.id"
        " LEFT JOIN own_films ON own_films.film = films.id AND own_films.reader = ?"
        " WHERE place IS NOT NULL OR own_films.reader IS NOT NULL"
        " ORDER BY place IS NULL, place, own_films.rowid",
        (None if reader is None else reader.id,),
    )


def is_shared(store: Store, sha256: str) -> bool:
    """Return whether the film of this file is on the work list."""
    return bool(store.rows("SELECT 1 FROM films WHERE sha256 = ? AND place IS NOT NULL", (sha256,)))


def share_film(store: Store, film: int) -> None:
    """Put a film on the work list; whoever had opened it finds it there instead of among their own."""
    (row,) = store.rows("SELECT sha256 FROM films WHERE id = ?", (film,))
    keep_film(store, row["sha256"])
    with store.write() as file:
        file.execute("DELETE FROM own_films WHERE film = ?", (film,))


def forget_film(store: Store, film: int, *, owner: Reader | None = None) -> None:
    """Take a film out of a list, and its pixels out of the file unless another list has it.

    What was said of it stays, under its hash.

    Args:
        store: the session's file.
        film: its row.
        owner: out of whose; None for the work list.
    """
    with store.write() as file:
        if owner is None:
            file.execute("UPDATE films SET place = NULL WHERE id = ?", (film,))
        else:
            file.execute("DELETE FROM own_films WHERE reader = ? AND film = ?", (owner.id, film))
        file.execute(
            "DELETE FROM pixels WHERE film = ?1 AND NOT EXISTS (SELECT 1 FROM own_films WHERE film = ?1)"
            " AND (SELECT place FROM films WHERE id = ?1) IS NULL",
            (film,),
        )


def number_case(store: Store, film: int, case: str | None, *, owner: Reader | None = None) -> None:
    """Keep what a film is called in what leaves the program: by all readers, or by its owner alone."""
    with store.write() as file:
        if owner is None:
            file.execute("UPDATE films SET case_number = ? WHERE id = ?", (case, film))
        else:
            file.execute("UPDATE own_films SET case_number = ? WHERE film = ? AND reader = ?", (case, film, owner.id))
