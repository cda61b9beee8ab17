"""What the viewer told last: a message that comes back late undoes nothing that is newer."""

from dataclasses import replace

import pytest

from ensemble_cam.settings.display import Display
from ensemble_cam.ui.session import told
from ensemble_cam.ui.session.films import SessionFilms
from ensemble_cam.ui.viewer.committed import Committed


@pytest.fixture
def session(monkeypatch) -> SessionFilms:
    """A session with one film."""
    films = SessionFilms()
    films.add("one.png", b"one")
    monkeypatch.setattr(told.st, "session_state", {"films": films})
    monkeypatch.setattr(told, "session_films", lambda: films)
    return films


def message(session: SessionFilms, serial: int, **changed: object) -> Committed:
    film = next(iter(session.values()))
    return replace(Committed(film=film.id.sha256, finding="Mass", serial=serial), **changed)


def test_the_latest_message_counts_whichever_way_messages_come(session):
    older = message(session, 1, display=Display(0.2), weights={"a": 0.5})
    newer = message(session, 2, display=Display(0.7), weights={"a": 2.0}, finding="Nodule")
    told.take(newer)
    told.take(older)
    told.take(None)
    assert told.last_committed() == newer


def test_a_message_that_is_sent_again_does_not_bring_back_what_was_of_a_removed_film(session):
    said = message(session, 3, display=Display(0.7))
    told.take(said)
    session.remove(1)
    assert told.last_committed() == said.without_film()
    told.take(said)  # the browser sends it with every message
    assert told.last_committed() == said.without_film()
    assert told.last_committed().display == said.display
