"""The audit log: what breaks its chain is found, and what is no longer to be kept goes."""

import csv
import hashlib
import io
import json
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from ensemble_cam.errors import SessionError
from ensemble_cam.readers import store as store_module
from ensemble_cam.readers.audit import COLUMNS, Event, check, note, table
from ensemble_cam.readers.store import NAME, Store

FILM = "a" * 64


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path) as store:
        yield store


def filled(store, count: int = 6) -> Store:
    for number in range(count):
        note(store, f"reader {number % 2}", Event.LOOKED, film=FILM, count=number)
    return store


def tamper(folder, *statements: str) -> None:
    """Write to the file as somebody does who does not ask this program, without its triggers."""
    with sqlite3.connect(folder / NAME) as file:
        for (name,) in file.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'audit'"
        ).fetchall():
            file.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            file.execute(statement)
    file.close()


def test_a_rows_hash_is_of_its_words_and_of_the_hash_before(store):
    filled(store, 3)
    before = "0" * 64
    for row in store.rows("SELECT * FROM audit ORDER BY id"):
        words = [row["id"], row["at"], row["reader"], "film shown", FILM, row["id"] - 1, None, None, before]
        before = hashlib.sha256(json.dumps(words, ensure_ascii=False).encode()).hexdigest()
        assert row["hash"] == before
    found = check(store)
    assert (found.count, found.shortened, found.last) == (3, False, before)
    assert check(store, known=before.upper()).last == before


@pytest.mark.parametrize(
    "statements",
    [
        ["UPDATE audit SET reader = 'other' WHERE id = 3"],
        ["UPDATE audit SET film = NULL WHERE id = 6"],
        ["DELETE FROM audit WHERE id = 3"],
        ["DELETE FROM audit WHERE id = 1"],
        ["DELETE FROM audit WHERE id <= 3"],
        ["UPDATE audit SET id = id + 100 WHERE id > 3"],
        ["UPDATE audit SET at = '2000-01-01T00:00:00.000000+00:00' WHERE id = 2"],
        [
            "UPDATE audit SET id = 0 WHERE id = 2",
            "UPDATE audit SET id = 2 WHERE id = 3",
            "UPDATE audit SET id = 3 WHERE id = 0",
        ],
    ],
)
def test_what_was_changed_left_out_or_moved_is_found(tmp_path, statements):
    with Store.open(tmp_path) as store:
        filled(store)
        check(store)
    tamper(tmp_path, *statements)
    with Store.open(tmp_path) as store, pytest.raises(SessionError, match=r"audit log was (changed|cut)"):
        check(store)


def test_what_was_cut_at_the_end_is_found_by_the_hash_that_was_kept_elsewhere(tmp_path):
    with Store.open(tmp_path) as store:
        known = check(filled(store)).last
    tamper(tmp_path, "DELETE FROM audit WHERE id > 4")
    with Store.open(tmp_path) as store:
        assert check(store).count == 4
        with pytest.raises(SessionError, match="cut at its end"):
            check(store, known=known)
    tamper(tmp_path, "DELETE FROM audit")
    with Store.open(tmp_path) as store, pytest.raises(SessionError, match="is empty, and was not"):
        check(store, known=known)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET reader = 'other'",
        "DELETE FROM audit WHERE id = 1",
        "INSERT OR REPLACE INTO audit (id, at, reader, event, before, hash) VALUES (1, '', '', '', '', '')",
    ],
)
def test_the_file_itself_refuses_changes(store, statement):
    filled(store, 2)
    with pytest.raises(SessionError, match="audit: rows "), store.write() as file:
        file.execute(statement)
    assert check(store).count == 2


def test_rows_go_when_they_are_no_longer_to_be_kept_and_the_chain_still_holds(store, monkeypatch):
    now = datetime(2026, 1, 1, tzinfo=UTC)

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return now

    monkeypatch.setattr(store_module, "datetime", Clock)
    store._last = now - timedelta(days=1)
    filled(store, 3)
    old = check(store).last
    now += timedelta(days=20)
    note(store, "anna", Event.CAME, days=30)
    assert check(store).count == 4
    now += timedelta(days=20)
    note(store, "anna", Event.TAKEN, film=FILM, days=30)
    found = check(store, known=old)  # the hash that the rest goes on from
    assert (found.count, found.shortened) == (3, True)
    rows = store.rows("SELECT id, event FROM audit ORDER BY id")
    assert [tuple(row) for row in rows] == [(4, "came in"), (5, "file taken"), (6, "log shortened")]
    now += timedelta(days=300)
    note(store, "anna", Event.CAME, days=30)
    assert [row["event"] for row in store.rows("SELECT event FROM audit ORDER BY id")] == ["came in", "log shortened"]
    assert check(store).count == 2
    note(store, "anna", Event.CAME, days=0)  # for ever
    assert check(store).count == 3


def test_the_table_is_the_log_and_holds_no_formula(store):
    note(store, "=HYPERLINK(1)", Event.CAME)
    filled(store, 2)
    rows = list(csv.DictReader(io.StringIO(table(store))))
    assert tuple(rows[0]) == COLUMNS
    assert [row["event"] for row in rows] == ["came in", "film shown", "film shown"]
    assert rows[0]["reader"].startswith("\\=")
    assert [rows[n + 1]["before"] for n in range(2)] == [rows[n]["hash"] for n in range(2)]


def test_two_programs_append_to_one_chain(tmp_path):
    with Store.open(tmp_path) as one, Store.open(tmp_path) as other:
        for number in range(10):
            note((one, other)[number % 2], "anna", Event.LOOKED, film=FILM)
        assert check(one).count == check(other).count == 10


def test_a_program_that_is_killed_while_it_appends_leaves_a_chain_that_holds_and_goes_on(tmp_path):
    appends = (
        "import sys; from pathlib import Path; from ensemble_cam.readers.audit import Event, note\n"
        "from ensemble_cam.readers.store import Store\n"
        "store = Store.open(Path(sys.argv[1]))\n"
        "while True: note(store, 'anna', Event.LOOKED, film='a' * 64); print('.', end='', flush=True)"
    )
    told = 0
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", appends, tmp_path], stdout=subprocess.PIPE) as process:
            told += len(process.stdout.read(20))
            process.kill()
            told += len(process.stdout.read())
        with Store.open(tmp_path) as store:
            kept = check(store).count
            assert told <= kept <= told + 1  # at most one was on the disk and not told of
            told = kept


def test_a_clock_that_is_set_back_leaves_the_rows_in_their_order(store, monkeypatch):
    filled(store, 2)

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2001, 1, 1, tzinfo=UTC)

    monkeypatch.setattr(store_module, "datetime", Clock)
    note(store, "anna", Event.CAME, days=1)
    assert check(store).count == 3
    times = [row["at"] for row in store.rows("SELECT at FROM audit ORDER BY id")]
    assert times == sorted(set(times))
