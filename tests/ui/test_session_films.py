"""Which film is on the stage, and what the browser may ask for."""

import contextlib
import hashlib
import inspect
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner_utils.exceptions import StopException
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequests, ScriptRequestType

from ensemble_cam.errors import Cancelled
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.settings.pixels import Pixels
from ensemble_cam.settings.sets import TEACHING
from ensemble_cam.ui.review import page
from ensemble_cam.ui.session import films as module
from ensemble_cam.ui.session import overtaking, reading
from ensemble_cam.ui.session.films import SessionFilms
from support import films


@pytest.fixture
def session() -> SessionFilms:
    """Three films; the second is on the stage."""
    session = SessionFilms()
    for name in ("one", "two", "three"):
        session.add(f"{name}.png", name.encode())
    session.put_on_stage(session[2])
    return session


def asked(session: SessionFilms, number: int, **changed: object) -> dict[str, object]:
    return {"number": number, "sha256": session[number].id.sha256, "revision": session.revision} | changed


def test_the_first_film_goes_on_the_stage_and_later_ones_wait():
    session = SessionFilms()
    assert session.on_stage is None
    first = session.add("one.png", b"one")
    session.add("two.png", b"two")
    assert session.on_stage is first
    assert first.id.sha256 == hashlib.sha256(b"one").hexdigest()


def test_a_films_name_is_shown_with_its_control_characters_written_out(session):
    assert session.add("gnp\u202efcp\n\x1b[2J.png", b"odd").name == r"gnp\u202efcp\n\x1b[2J.png"


def test_a_request_puts_its_film_on_the_stage(session):
    assert session.request(asked(session, 3))
    assert session.on_stage is session[3]


def test_of_two_requests_in_quick_succession_the_later_one_counts(session):
    first, second = asked(session, 1), asked(session, 3)
    assert session.request(first)
    assert session.request(second)
    assert session.on_stage is session[3]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda session: session.put_on_stage(session.add("four.png", b"four")), id="an upload"),
        pytest.param(lambda session: session.remove(2), id="a removal"),
    ],
)
def test_a_request_from_before_the_servers_own_change_is_dropped(session, change):
    stale = asked(session, 1)
    change(session)
    shown = session.on_stage
    assert shown is not session[1]
    assert not session.request(stale)
    assert session.on_stage is shown


@pytest.mark.parametrize(
    "told",
    [
        None,
        "film 1",
        [],
        {},
        {"number": 1},
        {"number": 7, "sha256": "ab" * 32},
        {"number": "1", "sha256": hashlib.sha256(b"one").hexdigest()},
        {"number": [1], "sha256": hashlib.sha256(b"one").hexdigest()},
        {"number": 1, "sha256": hashlib.sha256(b"three").hexdigest()},
    ],
    ids=repr,
)
def test_a_message_that_names_no_film_of_this_session_is_dropped(session, told):
    if isinstance(told, dict):
        told = told | {"revision": session.revision}
    assert not session.request(told)
    assert session.on_stage is session[2]


def test_a_removed_films_place_is_taken_by_the_next_one_and_then_by_the_last(session):
    session.remove(2)
    assert session.on_stage is session[3]
    session.remove(3)
    assert session.on_stage is session[1]
    session.remove(1)
    assert session.on_stage is None
    assert not session


def test_removing_another_film_leaves_the_stage_alone(session):
    shown, revision = session.on_stage, session.revision
    session.remove(1)
    assert session.on_stage is shown
    assert session.revision == revision


def test_numbers_are_never_given_twice(session):
    session.remove(3)
    assert session.add("four.png", b"four").id.number == 4


def test_a_film_that_cannot_be_read_keeps_the_sentence_and_is_read_once(monkeypatch):
    film = SessionFilms().add("text.png", b"no picture")
    film.read()
    sentence, reading = film.failure, film.reading
    assert sentence
    assert film.radiograph is None
    film.read()
    assert film.reading is reading


def test_a_film_that_is_read_otherwise_is_read_anew():
    film = SessionFilms().add("film.png", films.png(films.film(60, 50)))
    film.read()
    stored = film.radiograph
    film.read(Pixels(intensity="windowed"))
    assert film.radiograph is not stored
    assert film.radiograph.intensity == "windowed"


def test_a_run_goes_on_with_its_own_reading_though_one_that_it_has_overtaken_ends_later(monkeypatch):
    film = SessionFilms().add("film.png", films.png(films.film(60, 50)))
    late = module.Reading.of(film.data, Pixels(intensity="windowed"))

    class Turns:
        @contextlib.contextmanager
        def aside(self):
            yield
            film.reading = late  # while this run waits for its turn

    monkeypatch.setattr(module, "TURNS", Turns())
    assert film.read().asked == Pixels()
    assert film.read(late.asked) is late


def test_a_film_that_takes_long_is_given_up_by_a_run_that_a_newer_one_has_overtaken(monkeypatch):
    requests, asked = ScriptRequests(), []

    def decode(data, *, cancelled, **_):
        asked.append(cancelled())
        requests.request_stop()
        asked.append(cancelled())
        monkeypatch.setattr(module.time, "monotonic", lambda: began + 2)
        asked.append(cancelled())
        raise Cancelled("Stopped.")

    def look():
        raise StopException

    began = module.time.monotonic()
    film = SessionFilms().add("film.png", b"film")
    monkeypatch.setattr(overtaking, "get_script_run_ctx", lambda: SimpleNamespace(script_requests=requests))
    monkeypatch.setattr(reading, "read_radiograph", decode)
    monkeypatch.setattr(module, "session_films", look)
    with pytest.raises(StopException):
        film.read()
    assert asked == [False, False, True]  # at once, a decoder would be lost for a film that is nearly there
    assert film.reading is None


def test_streamlit_still_stops_a_run_when_the_next_begins():
    # Where this fails, Streamlit has changed: see how a run can know that it is over, for `overtaking`.
    assert "request_stop()" in inspect.getsource(AppSession.request_rerun)
    requests = ScriptRequests()
    requests.request_stop()
    assert requests._state is ScriptRequestType.STOP


def test_a_part_that_was_packed_of_an_earlier_reading_is_not_sent():
    film = SessionFilms().add("film.png", films.png(films.film(60, 50)))
    film.read()
    earlier = film.radiograph
    film.read(Pixels(intensity="windowed"))
    film.part(earlier, whole=False)  # of a run of the page that another one has overtaken
    assert film.part(film.radiograph, whole=False) is not film.part(earlier, whole=False)


def test_a_removed_film_is_reviewed_no_more(session):
    film = session[1]
    session.remove(1)
    assert film.reviewing.get("key", lambda job: 1, patience=10) is None
    assert film.reviewing.job is None


def test_what_the_networks_made_of_a_film_is_kept_for_the_one_on_the_stage_alone(session):
    film = session[1]
    film.leave_stage()
    film.examining.hold("key", "late")  # by work that was under way
    assert film.examining.held("key") is None
    film.examining.take_values()
    film.examining.hold("key", "again")
    assert film.examining.held("key") == "again"


def test_an_example_that_leaves_the_stage_is_reviewed_no_more_until_it_is_back(session):
    example, other = session.add("four.png", b"four", example=True), session[1]
    go_on = Event()
    for film in (example, other):
        film.reviewing.get("key", lambda job: go_on.wait(20), patience=0)
        film.leave_stage()
    assert example.reviewing.job is None
    assert other.reviewing.job is not None
    go_on.set()
    assert example.reviewing.ended is None
    assert example.reviewing.get("key", lambda job: "reviewed", patience=20) == "reviewed"


def test_maps_that_mean_nothing_are_shown_for_the_networks_for_which_that_was_asked_alone(session, monkeypatch):
    monkeypatch.setattr(page.films, "film", session.get)
    monkeypatch.setattr(page, "offer_meaningless", MagicMock())
    radiograph = SimpleNamespace(phantom=False)
    nothing = SimpleNamespace(meaningless=True, classifier_set=TEACHING, radiograph=radiograph)
    asked, other = (("a", "w", "0" * 64),), (("b", "w", "0" * 64),)
    film = session[2]
    assert page._keeps_back(film, nothing, asked)
    page._show_anyway(2, asked)
    assert not page._keeps_back(film, nothing, asked)
    assert page._keeps_back(film, nothing, other)
    film.leave_stage()
    assert page._keeps_back(film, nothing, asked)


class Upload:
    """As Streamlit hands an uploaded file over."""

    def __init__(self, name: str):
        self.name, self.file_id = name, f"id of {name}"

    def getvalue(self) -> bytes:
        return self.name.encode()


class BrokenOff(Exception):
    """What Streamlit raises inside of a run that it ends."""


class State(dict):
    """A session's state in which a run may be broken off at every look, as in Streamlit's own."""

    def __init__(self) -> None:
        super().__init__()
        self.looks: int | None = None

    def _look(self) -> None:
        if self.looks is not None:
            self.looks -= 1
            if self.looks < 0:
                raise BrokenOff

    def setdefault(self, key, default=None):
        self._look()
        return super().setdefault(key, default)

    def get(self, key, default=None):
        self._look()
        return super().get(key, default)

    def __setitem__(self, key, value):
        self._look()
        super().__setitem__(key, value)


@pytest.mark.parametrize("looks", range(4))
def test_uploads_are_taken_once_wherever_the_run_is_broken_off(looks, monkeypatch):
    state = State()
    monkeypatch.setattr(module.st, "session_state", state)
    before = module.uploader_key()
    uploads = [Upload("one.png"), Upload("two.png")]
    state.looks = looks
    with contextlib.suppress(BrokenOff):
        module.take_uploads(uploads)
    state.looks = None
    while module.uploader_key() == before:  # the next run finds them in the uploader as long as it is the same
        module.take_uploads(uploads)
    session = module.session_films()
    assert [film.name for film in session.values()] == ["one.png", "two.png"]
    assert session.on_stage.name == "one.png"


def test_sessions_share_the_reading_of_the_example_and_of_nothing_else(monkeypatch):
    reads, data = [], films.png(films.film(64, 64))
    shared = reading.Examples()
    monkeypatch.setattr(module, "EXAMPLES", shared)
    monkeypatch.setattr(
        reading, "read_radiograph", lambda *given, **how: reads.append(1) or read_radiograph(*given, **how)
    )
    sessions = [SessionFilms() for _ in range(4)]
    examples = [session.add("example", data, example=True) for session in sessions]
    with ThreadPoolExecutor() as threads:
        readings = list(threads.map(lambda film: film.read(), examples))
    assert len(reads) == 1
    assert len({id(each.radiograph) for each in readings}) == 1
    parts = [film.part(film.read().radiograph, whole=False) for film in examples]
    assert len({id(part) for part in parts}) == 1
    assert sessions[0].on_stage.read(Pixels(negative=True)).radiograph.negative
    assert not examples[1].read().radiograph.negative, "one session's choice is not another's"

    uploaded = sessions[0].add("own.png", data)
    assert uploaded.read().radiograph is not readings[0].radiograph
    assert uploaded.part(uploaded.radiograph, whole=False) is not parts[0]
    own = films.png(films.film(64, 64, seed=5))
    sessions[0].add("other.png", own).read()
    assert {sha256 for sha256, _ in shared._readings} == {hashlib.sha256(data).hexdigest()}


def test_an_example_that_could_not_be_read_is_tried_again(monkeypatch):
    shared = reading.Examples()
    monkeypatch.setattr(module, "EXAMPLES", shared)
    data = films.png(films.film(64, 64))
    with monkeypatch.context() as broken:
        broken.setattr(reading, "read_radiograph", MagicMock(side_effect=MemoryError))
        assert "ran out of memory" in SessionFilms().add("example", data, example=True).read().failure
    assert SessionFilms().add("example", data, example=True).read().failure is None


def test_sessions_share_the_review_of_the_example_but_none_in_which_a_classifier_failed():
    shared, done = reading.Examples(), []

    def work_of(failure: str | None):
        def work(job: object) -> SimpleNamespace:
            done.append(failure)
            return SimpleNamespace(results=[SimpleNamespace(failure=None), SimpleNamespace(failure=failure)])

        return work

    assert shared.reviewing_once("key", work_of("ran out of memory"))(None).results[1].failure == "ran out of memory"
    assert shared.review("key") is None
    first = shared.reviewing_once("key", work_of(None))(None)
    assert shared.review("key") is first
    assert shared.reviewing_once("key", work_of(None))(None) is first, "another session had it done"
    assert done == ["ran out of memory", None]
    assert shared.review("other settings") is None
    other = shared.reviewing_once("other settings", work_of(None))(None)
    assert shared.review("other settings") is other
    assert shared.review("key") is None, "one is kept, however many settings are tried"
