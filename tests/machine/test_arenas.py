"""The C library is told of its arenas where it has some, and not over the user's head."""

import pytest

from ensemble_cam.machine import memory as arenas


@pytest.mark.parametrize(("platform", "set_by_user", "calls"), [("linux", "", 1), ("linux", "4", 0), ("darwin", "", 0)])
def test_threads_share_two_arenas_on_linux_unless_the_user_chose(monkeypatch, platform, set_by_user, calls):
    called = []

    class Library:
        def mallopt(self, *arguments: int) -> None:
            called.append(arguments)

    monkeypatch.setattr(arenas.sys, "platform", platform)
    monkeypatch.setattr(arenas.ctypes, "CDLL", lambda name: Library())
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    if set_by_user:
        monkeypatch.setenv("MALLOC_ARENA_MAX", set_by_user)

    arenas.keep_few_arenas()

    assert called == [(-8, 2)] * calls
