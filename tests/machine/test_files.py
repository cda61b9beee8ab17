"""Files of others are read whole or refused: what is no file is never waited for, and none is read without an end."""

import os
import socket
import stat
from pathlib import Path

import pytest

from ensemble_cam.machine import files
from ensemble_cam.machine.files import Changed, NotAFile, TooLarge, Unsized, open_file, read_file, why_unreadable

posix = pytest.mark.skipif(os.name != "posix", reason="this system has no such files")


def made_pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def test_a_file_and_a_link_to_one_are_read_whole(tmp_path):
    path = tmp_path / "film"
    path.write_bytes(b"0123")
    assert read_file(path, most=4) == b"0123"
    (tmp_path / "empty").touch()
    assert read_file(tmp_path / "empty", most=4) == b""
    try:
        (tmp_path / "link").symlink_to(path)
    except OSError:
        pytest.skip("this system makes no links here")
    assert read_file(tmp_path / "link", most=4) == b"0123"


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(NotAFile) as refused:
        read_file(tmp_path, most=4)
    assert why_unreadable(refused.value) == "this is a folder and no file"


@posix
@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("kind", ["pipe", "device", "socket"])
def test_what_is_no_file_is_refused_without_being_opened(tmp_path, monkeypatch, kind, linked):
    path = tmp_path / "odd"
    bound = socket.socket(socket.AF_UNIX)
    if kind == "pipe":
        made_pipe(path)
    elif kind == "device":
        path = Path("/dev/zero")
    else:
        monkeypatch.chdir(tmp_path)  # a socket's path has a hundred bytes at most
        bound.bind("odd")
    if linked:
        (tmp_path / "link").symlink_to(path)
        path = tmp_path / "link"
    monkeypatch.setattr(files.os, "open", lambda *_: pytest.fail("it was opened"))

    with bound, pytest.raises(NotAFile) as refused:
        open_file(path)

    assert why_unreadable(refused.value) == f"this is a {kind} and no file"


@posix
def test_a_pipe_that_took_the_files_place_after_the_look_is_not_waited_for(tmp_path, monkeypatch):
    path = made_pipe(tmp_path / "film")
    file = os.stat_result((stat.S_IFREG | 0o600, *range(9)))
    monkeypatch.setattr(files.os, "stat", lambda _: file)
    before = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else None

    with pytest.raises(NotAFile):
        open_file(path)  # would wait for a writer

    assert before is None or len(os.listdir("/proc/self/fd")) == before


def test_a_file_that_is_too_large_is_refused_before_a_byte_is_read(tmp_path):
    path = tmp_path / "film"
    with path.open("wb") as file:
        file.truncate(2**40)  # of holes
    with pytest.raises(TooLarge) as refused:
        read_file(path, most=512 * 2**20)
    assert why_unreadable(refused.value) == "the file has more than 512 MB"


@pytest.mark.parametrize("change", ["grows", "shrinks", "is written to"])
def test_a_file_that_changes_while_it_is_read_is_refused_and_read_no_further(tmp_path, monkeypatch, change):
    path = tmp_path / "film"
    path.write_bytes(bytes(1000))
    looked = []
    real = os.fstat

    def look(descriptor: int) -> os.stat_result:
        found = real(descriptor)
        looked.append(descriptor)
        if len(looked) == 2:  # after its size was noted
            if change == "grows":
                with path.open("ab") as file:
                    file.write(bytes(10**6))
            elif change == "shrinks":
                os.truncate(path, 10)
            else:
                path.write_bytes(b"1" * 1000)
                os.utime(path, ns=(1, 1))
        return found

    monkeypatch.setattr(files.os, "fstat", look)
    with pytest.raises(Changed) as refused:
        read_file(path, most=1000)
    assert why_unreadable(refused.value) == "the file was written to while it was read"


@pytest.mark.skipif(not os.path.exists("/proc/version"), reason="this system has no such files")
def test_a_file_that_the_system_makes_up_as_it_is_read_is_called_so():
    with pytest.raises(Unsized) as refused:
        read_file(Path("/proc/version"), most=100)
    assert "says that it is empty and is not, as it is made up by the system" in why_unreadable(refused.value)


def test_what_the_system_says_stands_in_the_sentence(tmp_path):
    with pytest.raises(FileNotFoundError) as refused:
        read_file(tmp_path / "absent", most=4)
    assert why_unreadable(refused.value) == "the file cannot be read (No such file or directory)"
