"""What the browser sends of a reader's words: kept once, in order, of the film that it names, and nothing else."""

from types import SimpleNamespace

import pytest

from ensemble_cam.readers.store import Store
from ensemble_cam.readers.verdicts import Reader, Verdict
from ensemble_cam.ui.review import verdicts
from ensemble_cam.ui.session.films import SessionFilms
from ensemble_cam.ui.session.keeping import Keeping
from support import films as made


class Page:
    """A page with two films, and what its browser sends."""

    def __init__(self, monkeypatch):
        store = Store.in_memory()
        self.here = Keeping(store, False, Reader.named(store, "A"))
        self.films = SessionFilms()
        self.number = 0
        for seed in range(2):
            self.films.add(f"{seed}.png", made.png(made.film(300, 200, seed=seed))).read()
        self.state: dict = {}
        monkeypatch.setattr(verdicts, "st", SimpleNamespace(session_state=self.state))
        monkeypatch.setattr(verdicts, "keeping", lambda: self.here)
        monkeypatch.setattr(verdicts.films, "session_films", lambda: self.films)

    def message(self, kind: str, film: int = 1, **words) -> dict:
        self.number += 1
        of = {"number": film, "sha256": self.films[film].id.sha256}
        return {"id": self.number, "kind": kind, "film": of, **words}

    def send(self, *messages) -> None:
        self.state[verdicts._KEY] = {"outbox": [*messages, {"sent": 1}]}
        verdicts._take_outbox()

    def said(self, film: int = 1):
        return self.here.state(self.films[film])


@pytest.fixture
def page(monkeypatch) -> Page:
    return Page(monkeypatch)


def test_what_is_sent_again_is_kept_once(page):
    mark = page.message("mark", finding="Mass", place=[10.5, 20])
    page.send(mark)
    page.send(mark, page.message("mark", finding="Nodule", place=None))
    assert [(each.finding, each.place) for each in page.said().first] == [("Mass", (10.5, 20.0)), ("Nodule", None)]
    assert page.here.heard == 2


def test_messages_count_in_their_order_however_they_come(page):
    first, second = page.message("mark", finding="Mass"), page.message("sure", confidence=3)
    page.send(second, first)
    assert [(each.finding, each.confidence) for each in page.said().first] == [("Mass", 3)]


def test_last_mark_is_taken_back_and_its_confidence_changed(page):
    page.send(page.message("mark", finding="Mass", place=[1, 2]), page.message("mark", finding="Edema"))
    page.send(page.message("back"), page.message("sure", confidence=5))
    assert [(each.finding, each.place, each.confidence) for each in page.said().first] == [("Mass", (1.0, 2.0), 5)]
    page.send(page.message("back"), page.message("back"))
    assert page.said().first == ()


def test_words_of_a_film_that_is_gone_reach_no_other(page):
    late = page.message("mark", finding="Mass")
    page.films.remove(1)
    page.send(late)
    other = page.message("mark", film=2, finding="Mass")
    other["film"]["sha256"] = "0" * 64
    page.send(other)
    assert page.said(2).first == ()
    assert page.here.heard == 2


@pytest.mark.parametrize(
    "told",
    [
        None,
        "mark",
        7,
        [None, 3, "x", {}],
        [{"id": "1", "kind": "mark"}],
        [{"id": True, "kind": "mark"}],
        [{"id": 1}],
        [{"id": 1, "kind": "mark", "film": 1}],
        [{"id": 1, "kind": "mark", "film": {"number": [1]}}],
    ],
    ids=repr,
)
def test_what_is_no_message_is_passed_over(page, told):
    page.state[verdicts._KEY] = {"outbox": told}
    verdicts._take_outbox()
    assert page.said().first == ()


@pytest.mark.parametrize("place", [[-1, 5], [301, 5], [5, 201], [5], "ab", [True, 1], [float("nan"), 1], {"x": 1}])
def test_a_place_beside_the_film_is_none(page, place):
    page.send(page.message("mark", finding="Mass", place=place, confidence=9))
    (mark,) = page.said().first
    assert mark.place is None
    assert mark.confidence is None


def test_a_verdict_before_its_reveal_is_refused_and_said(page):
    page.send(page.message("verdict", finding="Mass", verdict="agree"))
    assert "no verdict is older than its reveal" in page.state[verdicts._FAILED]
    assert page.said().verdicts == {}
    page.here.reader.reveal(page.here.row(page.films[1]), first_read=True)
    page.send(page.message("verdict", finding="Mass", verdict="maybe"), page.message("mark", finding="Edema"))
    page.send(page.message("verdict", finding="Mass", verdict="agree"))
    assert page.state[verdicts._FAILED] == ""
    assert page.said().verdicts["Mass"].verdict is Verdict.AGREE
    assert [each.finding for each in page.said().after] == ["Edema"]


def test_done_brings_the_next_film_that_is_not(page):
    page.films.add("2.png", made.png(made.film(300, 200, seed=2))).read()
    page.films.put_on_stage(page.films[1])
    page.here.reader.finish(page.here.row(page.films[2]))
    page.send(page.message("done"))
    assert page.films.on_stage is page.films[3]
    page.send(page.message("done", film=3))  # there is none left: the stage stays
    assert page.films.on_stage is page.films[3]


def test_reveal_shows_the_film(page):
    page.send(page.message("reveal"))
    assert page.films[1].revealed
    assert not page.films[2].revealed


def test_what_was_kept_was_heard_wherever_the_run_is_broken_off(page, monkeypatch):
    asked = iter([page.films])  # another look into the session's state would end this run
    monkeypatch.setattr(verdicts.films, "session_films", lambda: next(asked))
    page.send(page.message("mark", finding="Mass"), page.message("done"))
    assert page.here.heard == 2
    assert page.here.store.rows("SELECT count(*) FROM reads WHERE event = 'done'")[0][0] == 1
