"""Garbage is collected while the pages rest."""

import gc
from threading import Event
from weakref import ref

import pytest

from ensemble_cam.ui.session import garbage
from ensemble_cam.ui.session.garbage import collect_at_rest, collect_if_due


class Ring:
    """An object that holds itself, so that nothing but a collection frees it."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture
def collected():
    """A process in which only the test collects, from now on."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def make_many() -> list[object]:
    """Make as many objects as a run of a page does: the youngest generations are collected meanwhile, as ever."""
    gc.enable()
    made: list[object] = [[each] for each in range(20_000)]
    gc.disable()
    return made


def test_a_running_page_is_not_held_up_and_a_resting_server_collects_once(collected):
    held = make_many()
    ring = ref(Ring())
    assert not collect_if_due(lambda: False)
    assert ring() is not None
    assert collect_if_due(lambda: True)
    assert ring() is None
    assert not collect_if_due(lambda: True), "nothing has happened since"
    assert held


def test_it_is_looked_again_and_again(monkeypatch):
    looks, done = [], Event()

    def look(resting) -> bool:
        looks.append(resting())
        if len(looks) == 3:
            done.set()
            Event().wait()  # the thread ends with the process
        return True

    monkeypatch.setattr(garbage, "collect_if_due", look)
    collect_at_rest(lambda: True, pause=0)
    assert done.wait(60)
    assert looks == [True, True, True]
