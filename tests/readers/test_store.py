"""A session's file keeps what was said, in the order in which it was said, whoever tries to change it."""

import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from kills import FILM, killed_once

from ensemble_cam.errors import SessionError
from ensemble_cam.machine import disks, mounts
from ensemble_cam.readers import store as store_module
from ensemble_cam.readers.schema import APPEND_ONLY, MIGRATIONS, VERSION
from ensemble_cam.readers.store import NAME, Store

SESSIONS = Path(__file__).parent / "sessions"
ROWS = {
    "readers": "INSERT INTO readers (name, at) VALUES ('A', :at)",
    "films": "INSERT INTO films (sha256, at, place) VALUES (:film, :at, 1)",
    "reviews": "INSERT INTO reviews (film, key, classifier_set, weights, method, threshold, meaningless, at) "
    "VALUES (1, 'k', 'teaching', '{}', 'gradcam++', 0.5, 0, :at)",
    "calls": "INSERT INTO calls (review, finding, network, score, call, split) "
    "VALUES (1, 'Mass', 'a', 0.7, 'called', 0)",
    "reads": "INSERT INTO reads (reader, film, event, review, at) VALUES (1, 1, 'revealed', 1, :at)",
    "marks": "INSERT INTO marks (reader, film, phase, finding, x, y, at) VALUES (1, 1, 'after', 'Mass', 1, 2, :at)",
    "verdicts": "INSERT INTO verdicts (reader, film, finding, verdict, at) VALUES (1, 1, 'Mass', 'agree', :at)",
    "notes": "INSERT INTO notes (reader, film, text, at) VALUES (1, 1, 'n', :at)",
    "shapes": "INSERT INTO shapes (reader, film, phase, finding, kind, points, at) "
    "VALUES (1, 1, 'after', 'Mass', 'box', '[[1.0, 2.0], [3.0, 4.0]]', :at)",
    "judgements": "INSERT INTO judgements (reader, film, review, finding, network, shapes, hit, iou, dice, at) "
    "VALUES (1, 1, 1, 'Mass', 'a', '1', 1, 0.5, 0.6, :at)",
    "exports": "INSERT INTO exports (kind, sha256, lines, at) VALUES ('csv', 'x', 3, :at)",
}


def filled(folder: Path) -> Store:
    store = Store.open(folder)
    for statement in ROWS.values():
        with store.write() as file:
            file.execute(statement, {"at": store.now(), "film": FILM})
    return store


def write_as(store: Store, reader: int, at: str) -> None:
    with store.write() as file:
        file.execute("INSERT OR IGNORE INTO readers (id, name, at) VALUES (2, 'B', ?)", (store.now(),))
        file.execute(ROWS["verdicts"].replace("VALUES (1", f"VALUES ({reader}"), {"at": at})


def test_what_was_written_is_there_when_it_is_opened_again(tmp_path):
    filled(tmp_path / "new" / "session").close()

    with Store.open(tmp_path / "new" / "session", create=False) as store:
        assert [tuple(row) for row in store.rows("SELECT finding, verdict FROM verdicts")] == [("Mass", "agree")]
    assert (tmp_path / "new" / "session" / NAME).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_rows_can_be_changed_by_nobody(table, tmp_path):
    filled(tmp_path).close()
    # Another program, which sets no pragma of ours.
    with closing(sqlite3.connect(tmp_path / NAME)) as other:
        before = other.execute(f"SELECT * FROM {table}").fetchall()
        columns = [row[1] for row in other.execute(f"PRAGMA table_info ({table})")]
        (values,) = before
        for statement, given in (
            (f"UPDATE {table} SET {columns[-1]} = {columns[-1]}", ()),
            (f"DELETE FROM {table}", ()),
            (f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * len(values))})", values),
        ):
            with pytest.raises(sqlite3.IntegrityError, match=f"{table}: rows are appended, never"):
                other.execute(statement, given)
        assert other.execute(f"SELECT * FROM {table}").fetchall() == before


def test_first_read_is_locked_at_the_reveal(tmp_path):
    with filled(tmp_path) as store:
        refused = pytest.raises(SessionError, match=r"This cannot be kept: the first read is locked\.")
        with refused, store.write() as file:
            file.execute(ROWS["marks"].replace("'after'", "'first'"), {"at": store.now()})
        with store.write() as file:
            file.execute(ROWS["marks"], {"at": store.now()})
        assert len(store.rows("SELECT 1 FROM marks")) == 2


def test_no_verdict_is_older_than_its_reveal(tmp_path):
    with filled(tmp_path) as store:
        for reader, at in ((1, "2000-01-01T00:00:00.000000+00:00"), (2, store.now())):
            with pytest.raises(SessionError, match="no verdict is older than its reveal"):
                write_as(store, reader, at)
        assert len(store.rows("SELECT 1 FROM verdicts")) == 1
        assert len(store.rows("SELECT 1 FROM readers")) == 1  # all of a transaction, or nothing


def test_time_goes_on_where_the_clock_is_set_back(tmp_path):
    with filled(tmp_path) as store, store.write() as file:
        file.execute(ROWS["notes"], {"at": "2999-01-01T00:00:00.000000+00:00"})
    with Store.open(tmp_path) as store:
        assert store.now() == "2999-01-01T00:00:00.000001+00:00"
        assert store.now() == "2999-01-01T00:00:00.000002+00:00"


def test_killed_writer_loses_nothing_that_it_confirmed(tmp_path):
    chance = random.Random(16)
    confirmed = [killed_once(tmp_path, chance)[0] for _ in range(10)]
    assert max(confirmed) > 0


def test_on_a_local_disk_several_programs_may_write(tmp_path):
    with Store.open(tmp_path) as one, Store.open(tmp_path) as other:
        assert one.several
        assert one.kept == f"kept with a write-ahead log on a disk of this machine ({disks.file_system(tmp_path)})"
        for store in (one, other):
            assert store.rows("PRAGMA journal_mode")[0][0] == "wal"
            assert store.rows("PRAGMA synchronous")[0][0] == 2  # FULL
        with one.write() as file:
            file.execute(ROWS["readers"], {"at": one.now()})
        assert len(other.rows("SELECT 1 FROM readers")) == 1


@pytest.mark.parametrize(("name", "local", "why"), [("nfs4", False, "on nfs4, where locks"), ("ext4", True, "on ext4")])
def test_where_locks_cannot_be_proved_one_program_writes(name, local, why, tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "file_system", lambda _: name)
    monkeypatch.setattr(store_module, "locks_hold", lambda _: not local)
    with Store.open(tmp_path) as store:
        assert not store.several
        assert store.kept.startswith("kept with a rollback journal, by this program alone, as it lies " + why)
        assert store.rows("PRAGMA journal_mode")[0][0] == "delete"
        assert store.rows("PRAGMA synchronous")[0][0] == 2
        with pytest.raises(SessionError, match="Another program has this session open"):
            Store.open(tmp_path)
    Store.open(tmp_path).close()  # whoever closed it has let go


def test_without_any_locks_the_writers_file_is_the_lock(tmp_path, monkeypatch):
    def no_locks(path):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(store_module, "file_system", lambda _: "")
    monkeypatch.setattr(store_module, "lock", no_locks)
    with Store.open(tmp_path) as store:
        assert store.kept.endswith("where the kind of disk is not known")
        with pytest.raises(SessionError, match=r"if it crashed, delete session\.writer in the folder\."):
            Store.open(tmp_path)
    Store.open(tmp_path).close()


def test_locks_are_tried_with_another_process(tmp_path, monkeypatch):
    assert disks.locks_hold(tmp_path)
    monkeypatch.setattr(disks, "_HOLD", "SELECT 1")  # nothing is held here: the other one is not kept out
    assert not disks.locks_hold(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_file_system_is_that_of_the_longest_mount(tmp_path, monkeypatch):
    told = tmp_path / "mountinfo"
    folder = tmp_path / "a b"
    folder.mkdir()
    escaped = str(folder).replace(" ", "\\040")
    told.write_text(
        "1 0 8:1 / / rw - ext4 /dev/x rw\n"
        f"2 1 0:5 / {escaped} rw,relatime shared:7 - xfs old rw\n"
        f"3 2 0:6 / {escaped} rw - nfs4 server:/x rw\n"
        f"4 1 0:7 / {escaped}c rw - cifs //y rw\n"
    )
    monkeypatch.setattr(mounts, "_TOLD", told)
    assert [disks.file_system(each) for each in (folder, tmp_path)] == ["nfs4", "ext4"]
    assert [disks.is_local(name) for name in ("ext4", "nfs4", "cifs", "fuse.sshfs", "9p", "")] == [True] + 5 * [False]
    monkeypatch.setattr(mounts, "_TOLD", tmp_path / "absent")
    assert disks.file_system(folder) == ""


def test_every_version_has_its_fixture():
    assert sorted(path.stem for path in SESSIONS.glob("*.sql")) == [f"version_{n + 1}" for n in range(VERSION)]


@pytest.mark.parametrize("version", range(1, VERSION + 1))
def test_file_of_an_earlier_version_is_brought_up_with_all_that_it_holds(version, tmp_path):
    with closing(sqlite3.connect(tmp_path / NAME)) as old:
        old.executescript((SESSIONS / f"version_{version}.sql").read_text())
        there = {name for (name,) in old.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        tables = [table for table in (*APPEND_ONLY, "films") if table in there]
        held = {table: old.execute(f"SELECT * FROM {table}").fetchall() for table in tables}
    assert all(held.values())

    with Store.open(tmp_path) as store, Store.open(tmp_path / "new") as new:
        assert store.rows("PRAGMA user_version")[0][0] == VERSION
        tables = "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name"
        assert [tuple(row) for row in store.rows(tables)] == [tuple(row) for row in new.rows(tables)]
        for table, rows in held.items():
            assert [tuple(row)[: len(rows[0])] for row in store.rows(f"SELECT * FROM {table}")] == rows


def test_migration_that_breaks_off_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    filled(tmp_path).close()
    broken = "CREATE TABLE one (x);\nINSERT INTO absent VALUES (1);"
    monkeypatch.setattr(store_module, "MIGRATIONS", (*MIGRATIONS, broken))
    monkeypatch.setattr(store_module, "VERSION", VERSION + 1)
    with pytest.raises(SessionError, match="cannot be read or written"):
        Store.open(tmp_path)
    monkeypatch.undo()
    with Store.open(tmp_path) as store:
        assert store.rows("SELECT count(*) FROM sqlite_schema WHERE name = 'one'")[0][0] == 0


def test_other_files_are_left_alone(tmp_path):
    cases = {"newer": "of version 99, and this", "foreign": "no session of this program", "text": "is damaged or"}
    for name in cases:
        (tmp_path / name).mkdir()
    filled(tmp_path / "newer").close()
    with closing(sqlite3.connect(tmp_path / "newer" / NAME)) as file:
        file.execute("PRAGMA user_version = 99")
    with closing(sqlite3.connect(tmp_path / "foreign" / NAME)) as file:
        file.execute("CREATE TABLE mine (x)")
    (tmp_path / "text" / NAME).write_text("no database, but text " * 100)
    for name, words in cases.items():
        before = (tmp_path / name / NAME).read_bytes()
        with pytest.raises(SessionError, match=words):
            Store.open(tmp_path / name)
        assert (tmp_path / name / NAME).read_bytes() == before
    with pytest.raises(SessionError, match=r"There is no session\.sqlite in this folder"):
        Store.open(tmp_path / "absent", create=False)
    assert not (tmp_path / "absent").exists()
    with pytest.raises(SessionError, match=r"cannot be kept there \(File exists\)"):
        Store.open(tmp_path / "text" / NAME)


def test_store_is_opened_without_arrays(tmp_path):
    code = (
        "import sys; from pathlib import Path; from ensemble_cam.readers.store import Store; "
        "Store.open(Path(sys.argv[1])).close(); print({'numpy', 'cv2', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
