"""What of a page is kept, and by whom: its films, the reader's settings, first reads and verdicts.

With `ensemble-cam app --session DIR` it is kept in that folder's file, which all pages of the server share. Without it
each page has a file in memory, so that a reader's words are treated alike, and nothing is written.

Where the app knows who opens it, a page's reader is that person, and what they open is theirs alone: the work list is
what all readers of a session see, and teachers decide what is on it.
"""

import atexit
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import streamlit as st

from ensemble_cam import __version__
from ensemble_cam.errors import SessionError
from ensemble_cam.film.decoding import decode_apart
from ensemble_cam.readers.audit import Event, note
from ensemble_cam.readers.lists import films_of, forget_film, is_shared, number_case, share_film
from ensemble_cam.readers.pixels import has_pixels, keep_pixels, read_pixels
from ensemble_cam.readers.sitting import StudySitting, read_sitting
from ensemble_cam.readers.store import Store
from ensemble_cam.readers.verdicts import FilmState, Reader, Verdict, assessments, keep_film
from ensemble_cam.reviewing.scores import Call
from ensemble_cam.ui.launch import SESSION_VARIABLE
from ensemble_cam.ui.session import choices, networks
from ensemble_cam.ui.session.films import OpenFilm, SessionFilms, session_films
from ensemble_cam.ui.session.person import Person, login, person
from ensemble_cam.ui.session.sitting import SITTING
from ensemble_cam.ui.session.told import last_committed, put
from ensemble_cam.ui.session.turns import TURNS
from ensemble_cam.ui.viewer.committed import Committed

if TYPE_CHECKING:
    from ensemble_cam.reviewing.analysis import Analysis

_KEEPING = "keeping"
_FIRST_READER = "Reader"
_SETTINGS = "page"
_PLAIN = {"read first", "set", "still pictures", "findings", "top k", "labels", "method", "layers", "aug smooth"} | {
    *("eigen smooth", "framing", "intensity", "threshold", "opacity", "colormap")
}
_SERVERS = {"set", "still pictures"}  # which the server may change, too
_BY_CLASSIFIER = ("use ", "weights ", "ensemble weight ")


@dataclass(eq=False)
class Keeping:
    """What one page keeps.

    Attributes:
        store: the session's file.
        lasting: whether it outlives the process.
        reader: who reads here.
        person: who has logged in; None where the app asks nobody.
        rows: number of a film on this page → its row.
        known: the rows of the films that this page has had, those among them that were removed on it.
        settings: the page's settings as they were last kept.
        cases: number of a film → its case number as it was last kept.
        reviewed: number of a film → the review of it that was last kept, whose row is in `reviews`.
        judged: number of a film → reader, review and shapes of which it was last kept how maps stand to these.
        heard: the number of the last message of the browser's that was dealt with.
        looked: numbers of the films that were shown on this page.
        lock: held while messages are: two runs of a page can overlap.
    """

    store: Store
    lasting: bool
    reader: Reader
    person: Person | None = None
    rows: dict[int, int] = field(default_factory=dict)
    known: set[int] = field(default_factory=set)
    settings: str = ""
    cases: dict[int, str | None] = field(default_factory=dict)
    reviewed: "dict[int, Analysis]" = field(default_factory=dict, repr=False)
    reviews: dict[int, int] = field(default_factory=dict)
    judged: dict[int, tuple[object, ...]] = field(default_factory=dict)
    heard: float = 0
    looked: set[int] = field(default_factory=set)
    lock: Lock = field(default_factory=Lock, repr=False)
    _states: dict[tuple[int, int], FilmState] = field(default_factory=dict, repr=False)

    def state(self, film: OpenFilm) -> FilmState:
        """Return all that the reader has said of a film."""
        row = self.rows.get(film.id.number)
        if row is None:
            return FilmState()
        key = self.reader.id, row
        if key not in self._states:
            self._states[key] = self.reader.state(row)
        return self._states[key]

    def assessments(self, film: OpenFilm, analysis: "Analysis") -> dict[str, tuple[str, ...]]:
        """Return what this page's reader, and nobody else, says of a film's findings, in IHE's words."""
        called = [ranked.label for ranked in analysis.ranking if ranked.score.call is Call.CALLED]
        return assessments(self.state(film), called)

    def changed(self) -> None:
        """Look anew at what the reader has said, the next time that it is asked for."""
        self._states.clear()

    def row(self, film: OpenFilm) -> int:
        """Return a film's row, which it gets here if it has none."""
        number = film.id.number
        if number not in self.rows:
            self.rows[number] = keep_film(self.store, film.id.sha256, planted=film.planted, owner=self._owner)
            self.known.add(self.rows[number])
            self.audit(Event.ADDED, film.id.sha256)
        return self.rows[number]

    def audit(self, event: Event, film: str | None = None, *, count: int | None = None) -> None:
        """Note what this page's reader does, where the app knows who that is and what is kept outlives it.

        Raises:
            SessionError: if it cannot be kept.
        """
        asked = login()
        if self.person is not None and self.lasting and asked is not None:
            note(self.store, self.person.name, event, film=film, count=count, days=asked.audit_days)

    def shown(self, film: OpenFilm) -> None:
        """Note that a film is before the reader, once for each page.

        Raises:
            SessionError: if it cannot be kept.
        """
        if film.id.number not in self.looked and not film.example:
            self.audit(Event.LOOKED, film.id.sha256)
            self.looked.add(film.id.number)

    @property
    def _owner(self) -> Reader | None:
        """Whose the films are that are opened on this page; None for the session's."""
        return None if self.person is None else self.reader

    def may_share(self, film: OpenFilm) -> bool:
        """Return whether this page's reader may put a film on the work list, where it is not yet."""
        if not self.lasting or self.person is None or not self.person.teacher:
            return False
        return film.failure is None and not film.example and not is_shared(self.store, film.id.sha256)

    def share(self, film: OpenFilm) -> None:
        """Put a film on the work list, which all readers of the session see.

        Raises:
            SessionError: if it cannot be kept.
        """
        if self.may_share(film):
            share_film(self.store, self.row(film))
            self.audit(Event.SHARED, film.id.sha256)
            self.cases.pop(film.id.number, None)
            SITTING.tell()

    def take_up(self, films: SessionFilms) -> bool:
        """Put films at the end of the list that are the session's or this reader's, and new to this page.

        The stage stays as it is. Nothing comes back that was removed on this page.

        Returns:
            Whether there were any.

        Raises:
            SessionError: if they cannot be had.
        """
        with self.lock:
            rows = films_of(self.store, None if self.person is None else self.reader) if self.lasting else []
            new = [row for row in rows if row["id"] not in self.known]
            for row in new:
                planted = None if row["planted"] is None else tuple(filter(None, row["planted"].split("\n")))
                name = f"Film {row['id']}" if planted is None else f"Phantom {row['id']}"
                if study_sitting() is not None:
                    name = row["case_number"] or name
                stored = partial(read_pixels, self.store, row["id"])
                film = films.add_kept(row["sha256"], name, stored, planted=planted, case=row["case_number"])
                self.known.add(row["id"])
                self.rows[film.id.number] = row["id"]
                self.cases[film.id.number] = row["case_number"]
                film.revealed = self.state(film).revealed is not None
        return bool(new)

    def _forget(self, row: int) -> None:
        """Take a film out of the list that it is on; of the work list, where that is this reader's to decide."""
        (film,) = self.store.rows("SELECT sha256 FROM films WHERE id = ?", (row,))
        own = self.person is not None and not is_shared(self.store, film["sha256"])
        if own or self.person is None or self.person.teacher:
            self.audit(Event.REMOVED, film["sha256"])
            forget_film(self.store, row, owner=self.reader if own else None)

    def _number(self, film: OpenFilm, row: int) -> None:
        if self.person is not None and not is_shared(self.store, film.id.sha256):
            number_case(self.store, row, film.case, owner=self.reader)
        elif self.person is None or self.person.teacher:
            number_case(self.store, row, film.case)

    def keep(self, films: SessionFilms) -> None:
        """Keep the films that are new, and forget those that were removed on this page.

        Raises:
            SessionError: if something cannot be kept.
        """
        for number in [number for number in self.rows if number not in films]:
            self._forget(self.rows.pop(number))
            self.reviewed.pop(number, None)
        for film in films.values():
            if film.radiograph is None or (film.example and film.id.number not in self.rows):
                continue
            row = self.row(film)
            if self.lasting and film.data and not has_pixels(self.store, row):
                with TURNS.aside():
                    keep_pixels(self.store, row, decode_apart(film.data))
            if self.cases.get(film.id.number) != film.case:
                self._number(film, row)
                self.cases[film.id.number] = film.case

    def keep_settings(self) -> None:
        """Keep what is set on the page, and which film is on the stage, for this reader.

        Raises:
            SessionError: if it cannot be kept.
        """
        film, committed = session_films().on_stage, last_committed()
        told = None if committed is None else {**committed.start(), "detail": None, "serial": committed.serial}
        values = {name: value for name, value in settings_now().items() if _is_plain(value)}
        stage = None if film is None else film.id.sha256
        now = json.dumps({"of": _fingerprint(), "values": values, "viewer": told, "stage": stage}, sort_keys=True)
        if now != self.settings:
            with self.store.write() as file:
                file.execute(
                    "INSERT INTO settings (reader, name, value) VALUES (?, ?, ?)"
                    " ON CONFLICT (reader, name) DO UPDATE SET value = excluded.value",
                    (self.reader.id, _SETTINGS, now),
                )
            self.settings = now

    def renew_reveals(self, films: SessionFilms) -> None:
        """Let each film be hidden or not as this reader has left it."""
        for film in films.values():
            film.revealed = self.state(film).revealed is not None


def keeping() -> Keeping:
    """Return what this page keeps; at the first time, with the films and settings that the session's file has.

    Raises:
        SessionError: if the file cannot be had.
    """
    found: Keeping | None = st.session_state.get(_KEEPING)
    if found is None:
        store = _file()
        study_sitting()  # if it cannot be read, nobody is to read on as if there were none
        lasting = store is not None
        store = store or Store.in_memory()
        here = person()
        name = here.name if here is not None else _last_reader(store)
        found = Keeping(store, lasting, Reader.named(store, name), here)
        found.take_up(session_films())
        st.session_state[_KEEPING] = found
        if lasting:
            _set_kept(found, session_films())
        found.audit(Event.CAME)
    return found


def begin_with(found: Keeping) -> None:
    """Let this page go on with what another one has kept."""
    st.session_state[_KEEPING] = found


def read_as(name: str) -> None:
    """Let another reader read here, with their own settings, place and verdicts.

    Raises:
        SessionError: if it is no name, or cannot be kept.
    """
    here = keeping()
    if here.person is not None:
        raise SessionError("Who reads here is said by your login. Log in as the other reader.")
    here.reader = Reader.named(here.store, name)
    here.settings = ""
    films = session_films()
    here.renew_reveals(films)
    films.begin_page(films.owner)
    _set_kept(here, films)


def readers(store: Store) -> list[str]:
    """Return the readers' names, in the order in which they came."""
    return [row["name"] for row in store.rows("SELECT name FROM readers ORDER BY id")]


def progress() -> str:
    """Return how far the reader is with the films: "7/40 · 3 disagreements"; empty without a film of their own."""
    here, films = keeping(), session_films()
    own = [film for film in films.values() if not film.example or film.id.number in here.rows]
    states = [here.state(film) for film in own if film.failure is None]
    done = sum(state.done is not None for state in states)
    apart = sum(map(_disagreements, states))
    told = f"{done}/{len(states)}" if states else ""
    return f"{told} · {apart} {'disagreement' if apart == 1 else 'disagreements'}" if apart else told


def others_done(here: Keeping) -> dict[int, int]:
    """Return number of a film on the work list → how many other readers are done with it; never what they said."""
    rows = here.store.rows(
        "SELECT film, count(DISTINCT reader) AS others FROM reads JOIN films ON films.id = film"
        " WHERE event = 'done' AND reader <> ? AND place IS NOT NULL GROUP BY film",
        (here.reader.id,),
    )
    by_row = {row["film"]: row["others"] for row in rows}
    return {number: by_row[row] for number, row in here.rows.items() if row in by_row}


def said_of(here: Keeping, film: OpenFilm, others: int) -> dict[str, object]:
    """Return what the list of films tells of the readers' work on one.

    Args:
        here: what the reader's page keeps.
        film: one of the session's.
        others: how many other readers are done with it.

    Returns:
        `said` (in words; empty where there is nothing), `done`, `apart` (how many findings the reader disagrees on) and
        `noted`.
    """
    state = here.state(film)
    parts = ["✓ done"] if state.done else ["first read kept"] if state.first_read else []
    if apart := _disagreements(state):
        parts.append(f"{apart} disagreed")
    if state.notes:
        parts.append("note")
    if others:
        parts.append(f"{others} other {'reader' if others == 1 else 'readers'} done")
    return {
        "said": " · ".join(parts),
        "done": state.done is not None,
        "apart": apart,
        "noted": bool(state.notes),
    }


def _disagreements(state: FilmState) -> int:
    return sum(said.verdict is Verdict.DISAGREE for said in state.verdicts.values())


def settings_now() -> dict[str, Any]:
    """Return name → value of what is set in the drawer."""
    state = st.session_state
    return {
        name: state[name] for name in (str(key) for key in state) if name in _PLAIN or name.startswith(_BY_CLASSIFIER)
    }


@cache
def _file() -> Store | None:
    folder = os.environ.get(SESSION_VARIABLE)
    if not folder:
        return None
    store = Store.open(Path(folder))
    atexit.register(store.close)
    return store


@cache
def study_sitting() -> StudySitting | None:
    """Return the sitting of a readers' study that this server leads through; None where its session is no study's.

    Raises:
        SessionError: if its file cannot be read.
    """
    folder = os.environ.get(SESSION_VARIABLE)
    return read_sitting(Path(folder)) if folder else None


def _last_reader(store: Store) -> str:
    rows = store.rows(
        "SELECT name FROM readers LEFT JOIN reads ON readers.id = reader GROUP BY readers.id"
        " ORDER BY max(coalesce(reads.at, readers.at)) DESC LIMIT 1"
    )
    return rows[0]["name"] if rows else _FIRST_READER


def _set_kept(here: Keeping, films: SessionFilms) -> None:
    """Set the page as this reader has left it, and put their film on the stage."""
    rows = here.store.rows("SELECT value FROM settings WHERE reader = ? AND name = ?", (here.reader.id, _SETTINGS))
    told: dict[str, Any] = json.loads(rows[0]["value"]) if rows else {}
    if told.get("of") == _fingerprint():
        put_settings(told["values"])
    if (committed := Committed.of(told.get("viewer"))) is not None:
        put(committed)
    found = next((film for film in films.values() if film.id.sha256 == told.get("stage")), None)
    if found is None and films.on_stage is None:
        found = next(iter(films.values()), None)
    if found is not None:
        films.phantom_opened = True
        films.put_on_stage(found)


def put_settings(values: dict[str, Any]) -> None:
    """Set what is to be set in the drawer, before it is drawn."""
    for name, value in values.items():
        if name in _SERVERS:
            choices.chosen(name, value)
            choices.put(name, value)
        else:
            st.session_state[name] = value


def _fingerprint() -> str:
    """Return what settings go with: of another program or configuration, some might not be allowed."""
    return f"{__version__} {hash_of(networks.configuration().classifiers)}"


def hash_of(parts: Iterable[object]) -> str:
    """Return a short name of parts by their texts."""
    return hashlib.sha256("\n".join(map(repr, parts)).encode()).hexdigest()[:16]


def _is_plain(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (str, bool, int, float))
