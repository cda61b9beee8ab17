"""What a reader says of a film: before scores and maps were shown, the first read; behind that, the verdicts.

All of it is appended. A first read is locked at its reveal, no verdict is older than its reveal, a film that was
revealed is never unread again, and a change of mind is a new row; the file itself refuses anything else (`schema`).
"""

import sqlite3
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from ensemble_cam.errors import SessionError
from ensemble_cam.readers.store import Store
from ensemble_cam.reviewing.scores import Call

_NEXT = "(SELECT coalesce(max(place), 0) + 1 FROM films)"
_MOST_CHARACTERS = {"name": 64, "note": 2000}


class Verdict(StrEnum):
    """What a reader says of a finding once scores and maps are shown; never the networks' call."""

    AGREE = "agree"
    DISAGREE = "disagree"
    UNSURE = "unsure"


ASSESSMENTS: Mapping[Verdict, str] = {Verdict.AGREE: "accepted", Verdict.DISAGREE: "rejected"}
"""Verdict → how IHE's profile for the assessment of AI results calls it; *unsure* assesses nothing."""

SUPPLEMENTED = "supplemented"
"""How it calls a finding that a reader adds."""


@dataclass(frozen=True)
class Mark:
    """A finding that a reader saw, and where.

    Attributes:
        finding: its label, by upstream's name.
        place: (x, y) in source pixels; None where none was marked.
        confidence: how sure the reader is, from 1 (hardly) to 5 (certain); None where it was not said.
        id: its row; None before it is kept.
        at: when it was kept; empty before.
    """

    finding: str
    place: tuple[float, float] | None = None
    confidence: int | None = None
    id: int | None = None
    at: str = ""


@dataclass(frozen=True)
class Said:
    """A verdict.

    Attributes:
        verdict: agree, disagree or unsure.
        review: the row of the networks' review that was on the screen; None where it is not kept.
        at: when it was given.
        changes: how often the reader had said something else of this finding before.
    """

    verdict: Verdict
    review: int | None
    at: str
    changes: int


@dataclass(frozen=True)
class FilmState:
    """All that a reader has said of a film.

    Attributes:
        opened: when the film was first before the reader; None before.
        revealed: when scores and maps were; None before.
        review: the row of the review that was revealed; None where there was none.
        first_read: whether they were hidden until then, so that `first` is a first read.
        done: when the reader was last done with it; None before.
        first: what was marked before the reveal, without what was taken back.
        after: what was marked behind it: findings that the networks missed, and places of others.
        verdicts: finding → the last verdict.
        notes: finding, or None for the film → the last note that is not empty.
    """

    opened: str | None = None
    revealed: str | None = None
    review: int | None = None
    first_read: bool = False
    done: str | None = None
    first: tuple[Mark, ...] = ()
    after: tuple[Mark, ...] = ()
    verdicts: Mapping[str, Said] = field(default_factory=dict)
    notes: Mapping[str | None, str] = field(default_factory=dict)


def opinion(call: Call | None, verdict: Verdict | None, *, missed: bool) -> bool | None:
    """Return whether a reader holds that a finding is there, after its reveal; None where that was not said.

    A verdict is of the networks' call: who agrees with *called*, or disagrees with *not called*, holds that it is
    there. Where the networks call nothing, agreeing with the finding as it is shown says that it is there.

    Args:
        call: what the networks together said; None where none knows the finding.
        verdict: the reader's last one.
        missed: whether the reader marked it as a finding that the networks missed.
    """
    if verdict is Verdict.UNSURE or (verdict is None and not missed):
        return None
    if verdict is None:
        return True
    return (verdict is Verdict.AGREE) is not (call is Call.NOT_CALLED)


def assessments(state: FilmState, called: Container[str]) -> dict[str, tuple[str, ...]]:
    """Return what a reader's words come to in IHE's: finding → "accepted", "rejected" or "supplemented".

    Args:
        state: all that the reader has said of a film.
        called: the findings that the networks together call: one of them that the reader marks adds nothing.
    """
    found = {finding: ASSESSMENTS.get(said.verdict) for finding, said in state.verdicts.items()}
    for mark in state.after:
        if mark.finding not in called:
            found.setdefault(mark.finding, SUPPLEMENTED)
    return {finding: (said,) for finding, said in found.items() if said is not None}


class Reader:
    """One of a session's readers, by name.

    Attributes:
        id: the reader's row.
        name: as it was given.
    """

    def __init__(self, store: Store, id: int, name: str) -> None:
        self._store = store
        self.id = id
        self.name = name

    @classmethod
    def named(cls, store: Store, name: str) -> "Reader":
        """Return the reader of this name, who is new where the session has none.

        Raises:
            SessionError: if it is no name, or cannot be kept.
        """
        name = _checked(name, "name")
        with store.write() as file:
            known = file.execute("SELECT id FROM readers WHERE name = ?", (name,)).fetchone()
            if known is None:
                known = file.execute(
                    "INSERT INTO readers (name, at) VALUES (?, ?) RETURNING id", (name, store.now())
                ).fetchone()
        return cls(store, known[0], name)

    def open(self, film: int) -> None:
        """Note that a film is before the reader; only the first time counts."""
        self._event(film, "opened")

    def mark(self, film: int, mark: Mark) -> Mark:
        """Keep a mark: of the first read before the reveal, else of what came behind it.

        Raises:
            SessionError: if it is no mark, or cannot be kept.
        """
        if mark.confidence is not None and mark.confidence not in range(1, 6):
            raise SessionError(f"confidence: got {mark.confidence}; allowed: a whole number from 1 to 5.")
        x, y = mark.place or (None, None)
        with self._store.write() as file:
            now = self._store.now()
            phase = "after" if self._revealed(file, film) else "first"
            (id,) = file.execute(
                "INSERT INTO marks (reader, film, phase, finding, x, y, confidence, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                " RETURNING id",
                (self.id, film, phase, mark.finding, x, y, mark.confidence, now),
            ).fetchone()
        return Mark(mark.finding, mark.place, mark.confidence, id, now)

    def withdraw(self, film: int, mark: int) -> None:
        """Take a mark back: it stays in the file, with a row behind it that says so.

        Raises:
            SessionError: if it is none of this reader's of this film, is of a first read that is locked, or it cannot
                be kept.
        """
        with self._store.write() as file:
            found = file.execute(
                "SELECT phase, finding FROM marks WHERE id = ? AND reader = ? AND film = ? AND withdraws IS NULL",
                (mark, self.id, film),
            ).fetchone()
            if found is None:
                raise SessionError("This mark is none of this reader's of this film. Reload the page.")
            file.execute(
                "INSERT INTO marks (reader, film, phase, finding, withdraws, at) VALUES (?, ?, ?, ?, ?, ?)",
                (self.id, film, *found, mark, self._store.now()),
            )

    def reveal(self, film: int, *, review: int | None = None, first_read: bool) -> None:
        """Lock the first read, as scores and maps are shown from here on; only the first time counts.

        Args:
            film: its row.
            review: the row of the networks' review.
            first_read: whether scores and maps were hidden until now.
        """
        self._event(film, "revealed", review=review, first_read=first_read)

    def judge(self, film: int, finding: str, verdict: Verdict, *, review: int | None = None) -> None:
        """Keep a verdict of a finding; one that says what the last one said changes nothing.

        Raises:
            SessionError: if nothing was revealed before, or it cannot be kept.
        """
        with self._store.write() as file:
            last = file.execute(
                "SELECT verdict, review FROM verdicts WHERE reader = ? AND film = ? AND finding = ?"
                " ORDER BY id DESC LIMIT 1",
                (self.id, film, finding),
            ).fetchone()
            if last is None or tuple(last) != (verdict.value, review):
                file.execute(
                    "INSERT INTO verdicts (reader, film, finding, verdict, review, at) VALUES (?, ?, ?, ?, ?, ?)",
                    (self.id, film, finding, verdict.value, review, self._store.now()),
                )

    def note(self, film: int, text: str, *, finding: str | None = None) -> None:
        """Keep a note of a film or a finding; an empty one takes the one before back.

        Raises:
            SessionError: if it is too long, or cannot be kept.
        """
        text = _checked(text, "note") if text.strip() else ""
        with self._store.write() as file:
            file.execute(
                "INSERT INTO notes (reader, film, finding, text, at) VALUES (?, ?, ?, ?, ?)",
                (self.id, film, finding, text, self._store.now()),
            )

    def finish(self, film: int) -> None:
        """Note that the reader is done with a film."""
        with self._store.write() as file:
            file.execute(
                "INSERT INTO reads (reader, film, event, at) VALUES (?, ?, 'done', ?)",
                (self.id, film, self._store.now()),
            )

    def state(self, film: int) -> FilmState:
        """Return all that the reader has said of a film."""
        return state_of(self._store, self.id, film)

    def _event(self, film: int, event: str, *, review: int | None = None, first_read: bool = False) -> None:
        with self._store.write() as file:
            if not file.execute(
                "SELECT 1 FROM reads WHERE reader = ? AND film = ? AND event = ?", (self.id, film, event)
            ).fetchone():
                file.execute(
                    "INSERT INTO reads (reader, film, event, first_read, review, at) VALUES (?, ?, ?, ?, ?, ?)",
                    (self.id, film, event, int(first_read), review, self._store.now()),
                )

    def _revealed(self, file: sqlite3.Connection, film: int) -> bool:
        found = file.execute(
            "SELECT 1 FROM reads WHERE reader = ? AND film = ? AND event = 'revealed'", (self.id, film)
        ).fetchone()
        return found is not None


def state_of(store: Store, reader: int, film: int) -> FilmState:
    """Return all that a reader has said of a film, by their rows."""
    of = (reader, film)
    reads = {
        row["event"]: row for row in store.rows("SELECT * FROM reads WHERE reader = ? AND film = ? ORDER BY id", of)
    }
    marks = store.rows(
        "SELECT * FROM marks WHERE reader = ? AND film = ? AND withdraws IS NULL"
        " AND id NOT IN (SELECT withdraws FROM marks WHERE withdraws IS NOT NULL) ORDER BY id",
        of,
    )
    verdicts: dict[str, Said] = {}
    for row in store.rows("SELECT * FROM verdicts WHERE reader = ? AND film = ? ORDER BY id", of):
        before = verdicts.get(row["finding"])
        verdict = Verdict(row["verdict"])
        changes = 0 if before is None else before.changes + (before.verdict is not verdict)
        verdicts[row["finding"]] = Said(verdict, row["review"], row["at"], changes)
    notes = {
        row["finding"]: row["text"]
        for row in store.rows("SELECT * FROM notes WHERE reader = ? AND film = ? ORDER BY id", of)
    }
    revealed = reads.get("revealed")
    return FilmState(
        opened=reads["opened"]["at"] if "opened" in reads else None,
        revealed=None if revealed is None else revealed["at"],
        review=None if revealed is None else revealed["review"],
        first_read=revealed is not None and bool(revealed["first_read"]),
        done=reads["done"]["at"] if "done" in reads else None,
        first=_marks(marks, "first"),
        after=_marks(marks, "after"),
        verdicts=verdicts,
        notes={finding: text for finding, text in notes.items() if text},
    )


def keep_film(
    store: Store,
    sha256: str,
    *,
    path: Path | None = None,
    planted: Sequence[str] | None = None,
    owner: "Reader | None" = None,
) -> int:
    """Return the row of a film, which goes to the end of the list where it is not in it.

    Args:
        store: the session's file.
        sha256: of the film's file, by which it is known.
        path: where it lies, if the reader allows that to be kept.
        planted: what was drawn into a phantom; None for any other film.
        owner: whose list it goes to, unless it is on the work list; None for the work list, which all readers see.
    """
    with store.write() as file:
        known = file.execute("SELECT id, place FROM films WHERE sha256 = ?", (sha256,)).fetchone()
        if known is None:
            known = file.execute(
                "INSERT INTO films (sha256, at, path, planted) VALUES (?, ?, ?, ?) RETURNING id, place",
                (sha256, store.now(), path and str(path), None if planted is None else "\n".join(planted)),
            ).fetchone()
        if known["place"] is None and owner is None:
            file.execute(f"UPDATE films SET place = {_NEXT} WHERE id = ?", (known["id"],))
        elif known["place"] is None and owner is not None:
            file.execute("INSERT OR IGNORE INTO own_films (reader, film) VALUES (?, ?)", (owner.id, known["id"]))
        return int(known["id"])


def _marks(rows: Sequence[sqlite3.Row], phase: str) -> tuple[Mark, ...]:
    return tuple(
        Mark(
            row["finding"],
            None if row["x"] is None else (row["x"], row["y"]),
            row["confidence"],
            row["id"],
            row["at"],
        )
        for row in rows
        if row["phase"] == phase
    )


def _checked(text: str, what: str) -> str:
    text, most = " ".join(text.split()) if what == "name" else text.strip(), _MOST_CHARACTERS[what]
    if not text or len(text) > most or not text.replace("\n", "").isprintable():
        raise SessionError(f"{what}: got {len(text)} characters; allowed: 1 to {most}, each of them printable.")
    return text
