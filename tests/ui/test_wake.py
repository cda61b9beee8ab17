"""A page that waits is woken when there is something to see, and does nothing before."""

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from bare_client import BareSession
from streamlit import runtime
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import film_name, phantom_files
from ensemble_cam.ui.session import jobs, wake
from ensemble_cam.ui.session.answers import keep_answers
from ensemble_cam.ui.session.jobs import PROCESSOR
from support.queues import busy
from support.served_here import serving_here

PATIENCE = 120
WAITING = "Waiting for the processor: one review is before this one"


@pytest.fixture(scope="module")
def film() -> bytes:
    return phantom_files(draw_phantom(5, size=256), 0)[film_name(0, "png")]


@pytest.fixture
def address(own_home, tmp_path):
    with serving_here(tmp_path) as address:
        yield address


def open_film(address: str, film: bytes) -> BareSession:
    """A page that waits for the review of a film."""
    session = BareSession(address)
    session.upload("film.png", film)
    session.wait(lambda: session.film == hashlib.sha256(film).hexdigest() and session.said[-1:] == [WAITING], PATIENCE)
    session.wait(lambda: not session.running, PATIENCE)
    return session


def stays_still(session: BareSession) -> bool:
    before = dict(session.runs)
    session.listen(1.5)
    return session.runs == before


def test_a_waiting_page_does_nothing_until_its_result_is_there(address, film):
    with busy() as release, open_film(address, film) as session:
        assert not session.asks  # or else Streamlit has changed, and pages look for themselves again: see wake.here
        assert any(stays_still(session) for _ in range(4))  # what came before may be under way yet; a poll never ends
        release.set()
        assert session.wait_for_scores(hashlib.sha256(film).hexdigest(), PATIENCE)


def test_a_page_sees_that_fewer_are_before_it(address, film, monkeypatch):
    monkeypatch.setattr(jobs, "PLACE_PAUSE", 0.0)
    with busy(), BareSession(address) as session:
        ahead = PROCESSOR.submit(lambda job: None)
        session.upload("film.png", film)
        session.wait(lambda: "2 reviews are before this one" in "".join(session.said[-1:]), PATIENCE)
        ahead.cancel()
        session.wait(lambda: session.said[-1:] == [WAITING], PATIENCE)


def test_where_streamlit_has_changed_the_browser_looks_every_now_and_then(address, film, monkeypatch):
    monkeypatch.setattr(wake, "here", lambda: None)
    with busy() as release, open_film(address, film) as session:
        assert [interval >= 2 for interval in session.asks] == [True]
        drawn = list(session.said)
        session.wait(lambda: session.runs["parts"] > 0, PATIENCE)
        assert session.said == drawn
        release.set()
        assert session.wait_for_scores(hashlib.sha256(film).hexdigest(), PATIENCE)


class Page:
    """A session as `Wake` sees it: `_scriptrunner` is there while the page runs."""

    def __init__(self, *, runs: bool, has: bool = True):
        self._scriptrunner = object() if runs else None
        self.has_fragment = lambda fragment: has
        self.asked: list[str] = []

    def request_rerun(self, state) -> None:
        assert self._scriptrunner is None
        self.asked.append(f"{state.page_script_hash} {state.query_string} {state.fragment_id}")


@pytest.fixture
def woken(monkeypatch):
    """A function that lets something be done with the `Wake` of a page and returns what that was asked for."""
    monkeypatch.setattr(wake, "_BUSY", 0.0)
    monkeypatch.setattr(runtime, "exists", lambda: True)

    def done(page, act):
        monkeypatch.setattr(runtime, "get_instance", lambda: SimpleNamespace(get_app_session=lambda id: page))

        async def run():
            one = wake.Wake("session", "fragment", "page", "query", asyncio.get_running_loop())
            with ThreadPoolExecutor() as elsewhere:
                elsewhere.submit(act, one).result()
            await asyncio.sleep(0.05)
            return one

        asyncio.run(run())
        return page.asked

    return done


def test_a_page_is_asked_once_on_the_page_that_it_is_on(woken):
    def act(one):
        one.after(60)
        one.now()
        one.now()

    assert woken(Page(runs=False), act) == ["page query fragment"]


def test_a_page_that_runs_is_asked_once_it_has_ended(woken):
    page = Page(runs=True)
    assert woken(page, lambda one: (one.now(), one.loop.call_soon_threadsafe(setattr, page, "asked", []))) == []

    def act(one):
        one.now()
        one.loop.call_soon_threadsafe(one.loop.call_later, 0.01, setattr, page, "_scriptrunner", None)

    assert woken(page, act) == ["page query fragment"]


@pytest.mark.parametrize("held", [True, False], ids=["taken up again", "closed"])
def test_a_page_whose_connection_is_broken_is_asked_once_it_is_back(monkeypatch, held):
    page, looks = Page(runs=False), []

    def connected(id):
        looks.append(id)
        return page if len(looks) == 3 else None

    manager = SimpleNamespace(get_session_info=lambda id: object() if held else None)
    server = SimpleNamespace(get_app_session=connected, _session_mgr=manager)
    monkeypatch.setattr(wake, "_AWAY", 0.0)
    monkeypatch.setattr(runtime, "exists", lambda: True)
    monkeypatch.setattr(runtime, "get_instance", lambda: server)

    async def run():
        wake.Wake("session", "fragment", "page", "query", asyncio.get_running_loop()).now()
        await asyncio.sleep(0.05)

    asyncio.run(run())
    assert page.asked == (["page query fragment"] if held else [])
    assert len(looks) == (3 if held else 1)


@pytest.mark.parametrize("gone", [None, "_scriptrunner", "request_rerun", "_session_mgr"])
def test_a_page_is_not_to_be_woken_where_streamlit_has_changed(monkeypatch, gone):
    page = SimpleNamespace(_scriptrunner=object(), request_rerun=lambda state: None)
    manager = SimpleNamespace(get_session_info=lambda id: object())
    server = SimpleNamespace(get_app_session=lambda id: page, _session_mgr=manager)
    for each in (page, server):
        if hasattr(each, gone or ""):
            delattr(each, gone)
    context = SimpleNamespace(session_id="session", page_script_hash="page", query_string="query")
    state = SimpleNamespace(get=lambda: SimpleNamespace(fragment_id="fragment"))
    monkeypatch.setattr(wake, "get_script_run_ctx", lambda: context)
    monkeypatch.setattr(wake, "server_loop", object)
    monkeypatch.setattr(wake.script_run_context, "ThreadState", state)
    monkeypatch.setattr(runtime, "get_instance", lambda: server)
    assert (wake.here() is None) == (gone is not None)


@pytest.mark.parametrize(
    ("page", "act"),
    [
        pytest.param(Page(runs=False), lambda one: (one.now(), one.cancel()), id="cancelled"),
        pytest.param(Page(runs=False, has=False), lambda one: one.now(), id="the page has moved on"),
    ],
)
def test_a_page_is_not_asked_in_vain(woken, page, act):
    assert woken(page, act) == []


def test_a_server_that_has_ended_is_left_alone():
    loop = asyncio.new_event_loop()
    loop.close()
    wake.Wake("session", "fragment", "page", "", loop).now()


def answer() -> ForwardMsg:
    message = ForwardMsg()
    message.file_urls_response.response_id = "asked"
    return message


@pytest.mark.parametrize("fragments", [None, ["fragment"]], ids=["page", "fragment"])
def test_a_run_that_begins_drops_no_answer_to_the_browser_and_it_is_sent_once(fragments):
    keep_answers()
    queue, drawn = ForwardMsgQueue(), ForwardMsg()
    drawn.delta.fragment_id = "fragment"
    queue.enqueue(drawn)
    queue.enqueue(answer())
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=fragments)
    assert [each.WhichOneof("type") for each in queue.flush()] == ["file_urls_response"]
    assert queue.flush() == []
