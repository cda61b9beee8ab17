"""An app that a group shares: its real server behind a proxy, and two readers' pages over one session."""

import hashlib

import pytest
from bare_client import BareSession
from streamlit.testing.v1 import AppTest

from ensemble_cam.readers.audit import check
from ensemble_cam.settings.config import default_config_path
from ensemble_cam.ui.launch import CONFIG_VARIABLE, SESSION_VARIABLE, page_script
from ensemble_cam.ui.session import keeping, networks, person
from ensemble_cam.ui.web.guard import NO_READER, NOBODY
from ensemble_cam.ui.web.login import NAME_KEY
from support import films
from support.apps import serving_app
from support.asking import ask, knock

PROXY = "127.0.0.2"  # all of 127.0.0.0/8 is this machine's
LOGIN = f"""
[login]
by = "proxy"
proxy = ["{PROXY}"]
readers = ["anna", "bert"]
teachers = ["tea"]
"""
NAME = "X-Remote-User"


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "shared.toml"
    path.write_text(default_config_path().read_text() + LOGIN)
    return path


@pytest.mark.slow
def test_the_served_app_believes_a_name_of_the_proxys_socket_alone(tmp_path, config):
    options = ["--base-path", "films"]
    with serving_app(tmp_path, by="command", options=options, base="/films", ENSEMBLE_CAM_CONFIG=str(config)) as server:
        stream = "/films/_stcore/stream"
        assert ask(server, "/films/", source=PROXY, **{NAME: "anna"}).status == 200
        moved = ask(server, "/films", source=PROXY, **{NAME: "anna"})
        assert moved.headers["location"] == "/films/"  # whatever the scheme and the name before the proxy are
        assert knock(server, stream, source=PROXY, **{NAME: "anna"}).status == 101
        assert (
            knock(server, stream, source=PROXY, Origin=server, **{NAME: "anna", "X-Forwarded-For": "10.0.0.9"}).status
            == 101
        )
        for forged in ({}, {"X-Forwarded-For": PROXY}, {"X-Real-IP": PROXY, "Forwarded": f"for={PROXY}"}):
            for answer in (
                ask(server, "/films", **{NAME: "anna"} | forged),
                ask(server, "/films/media/1.png", **{NAME: "anna"} | forged),
                knock(server, stream, **{NAME: "anna"} | forged),
            ):
                assert (answer.status, answer.body) == (403, f"{NOBODY.sentence}\n")
        assert ask(server, "/films", source=PROXY, **{NAME: "mallory"}).body == f"{NO_READER.sentence}\n"
        assert ask(server, "/films/_stcore/health").body == "ok"


@pytest.mark.slow
def test_an_address_of_anothers_page_is_worth_nothing(tmp_path, config):
    config.write_text(config.read_text().replace(PROXY, "127.0.0.1"))
    patience = 120

    def page(name: str, resumes: str = "") -> BareSession:
        return BareSession(server, headers={NAME: name}, resumes=resumes)

    def opened(one: BareSession) -> str:
        one.wait(lambda: bool(one.id) and not one.running, patience)
        return one.id

    with serving_app(tmp_path, ENSEMBLE_CAM_CONFIG=str(config)) as server:
        film = films.png(films.film(seed=1))
        with page("anna") as anna:
            mine = opened(anna)
            place = anna.place_for("film.png").upload_url
            with page("bert", resumes=mine) as bert:
                assert opened(bert) != mine  # while her page is open
                with pytest.raises(OSError, match="404"):
                    bert.put(place, "film.png", film)
            anna.put(place, "film.png", film)
        with page("bert", resumes=mine) as bert:
            assert opened(bert) != mine  # once it was closed
        with page("anna", resumes=mine) as anna:
            assert opened(anna) == mine


@pytest.fixture
def session(own_home, config, tmp_path, monkeypatch):
    """A session that all pages share, and a function that opens one as somebody."""
    monkeypatch.setenv(CONFIG_VARIABLE, str(config))
    monkeypatch.setenv(SESSION_VARIABLE, str(tmp_path / "session"))
    networks.configuration.cache_clear()
    keeping._file.cache_clear()
    now = {}
    monkeypatch.setattr(person, "_user", lambda: now)

    def page(name: str, app: AppTest | None = None) -> AppTest:
        now.clear()
        now.update({NAME_KEY: name} if name else {})
        return (app or AppTest.from_file(str(page_script()), default_timeout=60)).run()

    yield page
    keeping._file().close()
    keeping._file.cache_clear()
    networks.configuration.cache_clear()


def open_films(app: AppTest, *seeds: int) -> None:
    for seed in seeds:
        app.file_uploader[0].upload(f"{seed}.png", films.png(films.film(seed=seed)), "image/png").run()


def hashes(app: AppTest) -> list[str]:
    return [film.id.sha256 for film in app.session_state["films"].values() if not film.example]


def press(app: AppTest, label: str) -> None:
    next(button for button in app.button if button.label == label).click().run()


def test_two_readers_do_not_see_each_others_films_and_both_see_the_work_list(session):
    anna = session("anna")
    open_films(anna, 1)
    bert = session("bert")
    assert len(hashes(anna)) == 1
    assert hashes(bert) == []
    assert not [button.label for button in anna.button if "work list" in button.label]  # that is the teachers'

    teacher = session("tea")
    assert hashes(teacher) == []
    open_films(teacher, 2, 3)
    assert hashes(session("bert")) == []
    session("tea", teacher)
    press(teacher, "Put 2 films on the work list")
    assert not [button.label for button in teacher.button if "work list" in button.label]
    assert hashes(session("bert")) == hashes(teacher)
    assert hashes(session("anna")) == hashes(teacher) + hashes(anna)


def test_who_sits_there_gets_what_comes_onto_the_work_list_behind_their_own_films_and_only_once(session):
    anna, bert, teacher = session("anna"), session("bert"), session("tea")
    session("anna", anna)
    open_films(anna, 1)
    own = hashes(anna)
    session("tea", teacher)
    open_films(teacher, 2, 3)
    press(teacher, "Put 2 films on the work list")
    session("anna", anna)
    assert hashes(anna) == own + hashes(teacher)
    assert anna.session_state["films"].on_stage.id.sha256 == own[0]
    session("bert", bert)
    assert hashes(bert) == hashes(teacher)
    here = anna.session_state["films"]
    here.put_on_stage(list(here.values())[-1])
    session("anna", anna)
    press(anna, "Remove this film")
    session("anna", anna)
    assert hashes(anna) == own + hashes(teacher)[:1]


def test_the_audit_log_says_who_did_what_with_which_film(session):
    anna, teacher = session("anna"), session("tea")
    open_films(teacher, 4)
    press(teacher, "Put 1 film on the work list")
    press(teacher, "Remove this film")
    session("anna", anna)
    open_films(anna, 5)
    store = anna.session_state["keeping"].store
    rows = [(row["reader"], row["event"], row["film"]) for row in store.rows("SELECT * FROM audit ORDER BY id")]
    shared = hashlib.sha256(films.png(films.film(seed=4))).hexdigest()
    (own,) = hashes(anna)
    assert rows == [
        ("anna", "came in", None),
        ("tea", "came in", None),
        *(("tea", event, shared) for event in ("film shown", "film opened", "film on the work list", "film removed")),
        ("anna", "film shown", own),
        ("anna", "film opened", own),
    ]
    assert check(store).count == len(rows)


def test_a_reader_takes_nothing_off_the_work_list(session):
    teacher = session("tea")
    open_films(teacher, 4)
    press(teacher, "Put 1 film on the work list")
    anna = session("anna")
    press(anna, "Remove this film")
    assert hashes(anna) == []  # on her page
    store = anna.session_state["keeping"].store
    assert not store.rows("SELECT 1 FROM audit WHERE event = 'film removed'")
    assert hashes(session("anna")) == hashes(teacher)
    session("tea", teacher)
    press(teacher, "Remove this film")
    assert [row["reader"] for row in store.rows("SELECT * FROM audit WHERE event = 'film removed'")] == ["tea"]
    assert hashes(session("anna")) == []


def test_each_readers_words_are_under_their_own_name_and_nobody_can_take_anothers(session):
    anna = session("anna")
    here = anna.session_state["keeping"]
    assert (here.reader.name, here.person.teacher) == ("anna", False)
    assert not [box for box in anna.selectbox if box.label == "Reader"]
    assert session("tea").session_state["keeping"].person.teacher


@pytest.mark.parametrize("name", ["", "mallory"])
def test_nobody_else_gets_a_page(session, name):
    app = session(name)
    assert [error.value for error in app.error] == [
        "The app does not know who you are. Open it by the address that asks for your name."
    ]
    assert not app.session_state["films"]
    assert not app.file_uploader


def test_whoever_sits_down_at_an_open_page_finds_nothing_of_the_one_before(session):
    app = session("anna")
    open_films(app, 1)
    before = app.session_state["films"]
    assert hashes(app)
    session("bert", app)
    assert hashes(app) == []
    assert not before  # its films are gone from memory, too
    assert app.session_state["keeping"].reader.name == "bert"
