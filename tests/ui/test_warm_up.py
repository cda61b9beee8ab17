"""What takes long to load is imported by one thread, and work that needs it waits for that thread."""

from threading import Event, Thread

import pytest

from ensemble_cam.machine.terminal import LOADING
from ensemble_cam.ui import warm_up
from ensemble_cam.ui.session.jobs import PROCESSOR


@pytest.fixture
def slow_import(monkeypatch):
    """An import under way; the event lets it end."""
    begun, release = Event(), Event()
    monkeypatch.setattr(warm_up, "_begun", begun)
    monkeypatch.setattr(warm_up, "_imported", Event())
    monkeypatch.setattr(warm_up, "_HEAVY", ("slow",))
    monkeypatch.setattr(warm_up, "import_module", lambda name: release.wait(20))
    begun.set()
    Thread(target=warm_up._import_all, daemon=True).start()
    yield release
    release.set()


def test_a_review_waits_until_all_is_imported(slow_import):
    imported = []
    job = PROCESSOR.submit(lambda job: imported.append(slow_import.is_set()))
    assert not job.wait(0.1)
    assert job.state.what == LOADING
    slow_import.set()
    assert job.wait(20)
    assert imported == [True]


def test_an_import_that_fails_holds_nobody_up(monkeypatch):
    def fail(name: str) -> None:
        raise ImportError(name)

    imported = Event()
    monkeypatch.setattr(warm_up, "_imported", imported)
    monkeypatch.setattr(warm_up, "import_module", fail)
    with pytest.raises(ImportError):
        warm_up._import_all()
    assert imported.is_set()


def test_where_nothing_was_begun_nobody_waits(monkeypatch):
    monkeypatch.setattr(warm_up, "_begun", Event())
    monkeypatch.setattr(warm_up, "_imported", Event())
    job = PROCESSOR.submit(lambda job: "done")
    assert job.wait(20)
