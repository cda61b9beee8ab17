"""A closed page's films are let go of within the time that the configuration says, on a server that is left alone."""

import hashlib
import time
import weakref
from types import SimpleNamespace

import pytest
from bare_client import BareSession
from streamlit import config, runtime

from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import film_name, phantom_files
from ensemble_cam.ui.session import closing
from ensemble_cam.ui.session.closing import Closing
from ensemble_cam.ui.session.films import OpenFilm
from support.served_here import serving_here

PATIENCE = 140  # seconds: a cold start imports PyTorch


def test_the_memory_of_a_closed_pages_film_comes_back(own_home, tmp_path):
    film = phantom_files(draw_phantom(5, size=256), 0)[film_name(0, "png")]
    with serving_here(tmp_path, disconnectedSessionTTL=2) as address:
        with BareSession(address) as session:
            session.upload("film.png", film)
            session.wait_for_scores(hashlib.sha256(film).hexdigest(), PATIENCE)
            session.wait(lambda: not session.running, PATIENCE)
            films, left = held_of(session.id)
            assert all(film.data for film in films)
            assert all(each() is not None for each in left.values())
        until = time.monotonic() + PATIENCE
        while any(each() is not None for each in left.values()) and time.monotonic() < until:
            time.sleep(0.1)  # and nothing else: no page is opened or closed, and nobody collects garbage
        assert [name for name, each in left.items() if each() is not None] == []
        assert not any(film.data or film.name or film.radiograph for film in films)  # whoever holds them, as this does


def held_of(session: str) -> tuple[list[OpenFilm], dict[str, weakref.ref]]:
    """A session's films, and what weighs of them, so that it can be seen whether it is still there."""
    page = runtime.get_instance().get_app_session(session)
    films, held = [], {}
    for number, film in page.session_state["films"].items():
        if film.example:  # whose pixels all sessions share
            continue
        films.append(film)
        held |= {f"{number} pixels": film.radiograph.source}
        if (analysis := film.reviewing.value) is not None:
            maps = [heatmap for finding in analysis.findings for heatmap in finding.maps.values()]
            held |= {f"{number} map {place}": heatmap for place, heatmap in enumerate(maps)}
            held |= {f"{number} analysis": analysis}
    assert any("map" in name for name in held)
    return films, {name: weakref.ref(each) for name, each in held.items()}


class Loop:
    """A server's loop whose time the test sets."""

    def __init__(self):
        self.now, self.later = 0.0, []

    def time(self):
        return self.now

    def call_soon_threadsafe(self, act, *given):
        act(*given)

    def call_later(self, seconds, act, *given):
        self.later.append((act, given))

    def look(self, at):
        self.now = at
        acts, self.later = self.later, []
        for act, given in acts:
            act(*given)


@pytest.fixture
def server(monkeypatch):
    """Which sessions are open, and which were closed for good."""
    server = SimpleNamespace(open={"one", "other"}, closed=[])
    server.is_active_session = server.open.__contains__
    server.close_session = server.closed.append
    monkeypatch.setattr(runtime, "get_instance", lambda: server)
    monkeypatch.setattr(closing, "LOOK", 1.0)
    before = config.get_option("server.disconnectedSessionTTL")
    config.set_option("server.disconnectedSessionTTL", 10)
    yield server
    config.set_option("server.disconnectedSessionTTL", before)


def test_a_page_is_let_go_of_in_the_time_after_it_was_last_seen_and_not_one_that_is_back(server):
    loop, held, gone = Loop(), Closing(), []
    for session in ("one", "other"):
        held.let_go_by(session, "films", lambda session=session: gone.append(session), loop)
    loop.look(5)
    server.open.clear()
    loop.look(13)
    server.open.add("other")
    loop.look(13.5)
    server.open.clear()
    assert (gone, server.closed) == ([], [])
    loop.look(14.5)
    assert (gone, server.closed) == (["one"], ["one"])
    loop.look(22)
    assert gone == ["one"]
    loop.look(23)
    assert (gone, server.closed) == (["one", "other"], ["one", "other"])
    assert loop.later == []  # no page is left to look after


def test_each_part_is_let_go_of_once_and_looking_begins_anew_with_the_next_page(server):
    loop, held, gone = Loop(), Closing(), []
    for part in ("films", "lab", "films"):
        held.let_go_by("one", part, lambda part=part: gone.append(part), loop)
    server.open.clear()
    loop.look(20)
    assert gone == ["films", "lab"]
    server.open.add("one")
    held.let_go_by("one", "films", lambda: gone.append("again"), loop)
    assert len(loop.later) == 1


def test_what_cannot_be_let_go_of_is_told_of_and_keeps_nothing_else(server, caplog):
    loop, held, gone = Loop(), Closing(), []

    def fail():
        raise KeyError("name of a film")

    held.let_go_by("one", "films", fail, loop)
    held.let_go_by("one", "lab", lambda: gone.append("lab of one"), loop)
    held.let_go_by("other", "films", lambda: gone.append("films of other"), loop)
    loop.look(5)
    server.open.clear()
    loop.look(20)
    assert gone == ["lab of one", "films of other"]
    assert caplog.messages == ["A closed page's films could not be let go of (KeyError)."]
    held.let_go_by("third", "films", lambda: gone.append("films of third"), loop)
    loop.look(40)
    loop.look(60)
    assert gone[-1] == "films of third"


def test_pages_are_looked_after_though_a_look_fails(server, monkeypatch):
    loop, held, gone = Loop(), Closing(), []
    held.let_go_by("one", "films", lambda: gone.append("one"), loop)
    server.open.clear()
    close = server.close_session
    monkeypatch.setattr(server, "close_session", lambda session: {}[session])
    with pytest.raises(KeyError):
        loop.look(20)
    monkeypatch.setattr(server, "close_session", close)
    loop.look(21)
    assert gone == ["one"]
