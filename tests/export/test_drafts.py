"""Drafts of runs that were killed go with the next run; those of runs that go on stay."""

import subprocess
import sys
from pathlib import Path

import pytest

from ensemble_cam.export.drafts import draft, remove_dead_drafts
from ensemble_cam.machine import locks

WRITER = """
import sys
from pathlib import Path
from ensemble_cam.export.drafts import draft
with draft(Path(sys.argv[1])) as unfinished:
    unfinished.mkdir()
    (unfinished / "overlay.png").write_bytes(b"half")
    print(unfinished.name, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "out"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def started(out: Path) -> tuple["subprocess.Popen[str]", str]:
    """Start a process that writes a draft and waits; return it with the draft's name."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(out)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_draft_of_a_process_that_was_killed_is_removed_and_that_of_a_living_one_stays(out):
    killed, its_draft = started(out)
    living, other = started(out)
    with killed, living:
        assert remove_dead_drafts(out) == 0
        killed.kill()
        killed.wait()
        assert its_draft in names(out), "nobody tidies up behind who is killed"

        assert remove_dead_drafts(out) == 1

        assert names(out) == [other, f"{other}.lock"]
        assert (out / other / "overlay.png").read_bytes() == b"half"
        assert living.stdin is not None
        living.stdin.close()  # it ends as it should
        assert living.wait() == 0
    assert names(out) == []


def test_draft_of_this_process_stays_while_it_is_written_and_goes_when_that_ends_early(out):
    def broken_off() -> None:
        with draft(out) as unfinished:
            unfinished.mkdir()
            assert remove_dead_drafts(out) == 0
            assert unfinished.is_dir()
            raise ValueError("drawing")

    with pytest.raises(ValueError, match="drawing"):
        broken_off()
    assert names(out) == []


def test_what_was_moved_into_its_place_stays_there(out):
    with draft(out) as unfinished:
        unfinished.write_text("whole")
        unfinished.rename(out / "table")
    assert names(out) == ["table"]


def test_nothing_is_removed_that_is_no_draft(out, tmp_path):
    (out / ".unfinished-thesis").mkdir(parents=True)
    (out / f".unfinished-{'a' * 31}").touch()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    link = f".unfinished-{'b' * 32}"
    try:
        (out / link).symlink_to(tmp_path / "mine")
    except OSError:
        link = ""
    left = names(out)

    assert remove_dead_drafts(out) == 0
    assert names(out) == left
    assert (tmp_path / "mine" / "file").exists()


def test_drafts_without_a_lock_and_locks_without_a_draft_go(out):
    (out / f".unfinished-{'a' * 32}").mkdir(parents=True)
    (out / f".unfinished-{'b' * 32}").touch()
    (out / f".unfinished-{'c' * 32}.lock").touch()

    assert remove_dead_drafts(out) == 2
    assert names(out) == []


def test_folder_that_is_not_there_has_no_drafts(out):
    assert remove_dead_drafts(out) == 0
    assert not out.exists()


def test_a_draft_whose_lock_is_asked_for_by_another_run_gets_another_name(out, monkeypatch):
    tries = []
    real = locks._try_lock

    def taken_first(file) -> bool:
        tries.append(file.name)
        return len(tries) > 1 and real(file)

    monkeypatch.setattr(locks, "_try_lock", taken_first)
    with draft(out) as unfinished:
        assert len(set(tries)) == 2
        assert tries[-1] == f"{unfinished}.lock"


def test_where_the_file_system_knows_no_locks_drafts_are_written_and_none_is_removed(out, monkeypatch):
    def refuse(file) -> bool:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(locks, "_try_lock", refuse)
    with draft(out) as unfinished:
        unfinished.mkdir()
        assert remove_dead_drafts(out) == 0
        assert unfinished.is_dir()
        assert names(out) == [unfinished.name]
    assert names(out) == []
