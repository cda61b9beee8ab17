"""Runs of pages take turns."""

import time
from contextlib import contextmanager
from threading import Event, Thread

import pytest

from ensemble_cam.ui.session import turns
from ensemble_cam.ui.session.films import SessionFilms
from ensemble_cam.ui.session.turns import FILM, OPENING, RESULT, Turns

LONG = 20


def wait_for_waiting(all: Turns, count: int) -> None:
    """Wait until so many wait for a turn."""
    for _ in range(2000):
        with all._changed:
            if len(all._waiting) >= count:
                return
        time.sleep(0.01)
    pytest.fail("they do not wait")


@contextmanager
def runs(all: Turns, ranks: list[int], order: list[int]):
    """Runs of pages that wait while the block has the turn; each notes its rank."""

    def run(rank: int) -> None:
        with all.turn(rank):
            order.append(rank)

    threads = []
    with all.turn(OPENING):
        for rank in ranks:
            threads.append(Thread(target=run, args=(rank,), daemon=True))
            threads[-1].start()
            wait_for_waiting(all, len(threads))
        yield
    for thread in threads:
        thread.join(LONG)
        assert not thread.is_alive()


def test_the_most_urgent_goes_first_and_none_goes_beside_another():
    all, order = Turns(), []
    with runs(all, [OPENING, FILM, OPENING, RESULT, FILM], order):
        assert order == []
    assert order == [RESULT, FILM, FILM, OPENING, OPENING]


def test_who_steps_aside_lets_others_go_and_goes_on_with_a_turn():
    all, order = Turns(), []

    def other() -> None:
        with all.turn(OPENING):
            order.append("other")

    with all.turn(FILM):
        with all.aside():
            thread = Thread(target=other, daemon=True)
            thread.start()
            thread.join(LONG)
            assert order == ["other"]
        assert all._taken == 1
    assert all._taken == 0


def test_who_is_soon_back_is_not_kept_waiting_by_a_less_urgent_one(monkeypatch):
    monkeypatch.setattr(turns, "PATIENCE", 3 * LONG)
    monkeypatch.setattr(turns, "BRIEF", LONG)
    all, order, threads = Turns(), [], []

    def run(rank: int) -> None:
        with all.turn(rank):
            order.append(rank)

    with all.turn(FILM):
        with all.aside():
            for waiting, rank in enumerate((OPENING, FILM)):
                threads.append(Thread(target=run, args=(rank,), daemon=True))
                threads[-1].start()
                if rank == OPENING:
                    wait_for_waiting(all, waiting + 1)
            threads[-1].join(LONG)  # as urgent, so it goes ahead
            assert order == [FILM]
        order.append("back")
    threads[0].join(LONG)
    assert order == [FILM, "back", OPENING]


def test_stepping_aside_without_a_turn_takes_none():
    all = Turns()
    with all.aside():
        pass
    assert (all._taken, all._waiting) == (0, [])


def test_no_run_waits_for_one_that_hangs(monkeypatch):
    monkeypatch.setattr(turns, "PATIENCE", 0.0)
    all, order = Turns(), []
    with all.turn(OPENING):
        thread = Thread(target=lambda: all.turn(FILM).__enter__() or order.append("other"), daemon=True)
        thread.start()
        thread.join(LONG)
        assert order == ["other"]


def test_a_run_that_is_broken_off_gives_its_turn_back():
    all = Turns()
    with pytest.raises(KeyError), all.turn(FILM):
        raise KeyError
    assert all._taken == 0


def test_a_result_is_more_urgent_than_a_film_and_a_film_than_an_example():
    films = SessionFilms()
    assert films.urgency == OPENING
    example = films.add("example.png", b"example", example=True)
    assert films.urgency == OPENING
    film = films.add("film.png", b"film")
    films.put_on_stage(film)
    assert films.urgency == FILM
    go_on = Event()
    film.reviewing.get("key", lambda job: go_on.wait(LONG), patience=0)
    assert films.urgency == FILM
    go_on.set()
    assert film.reviewing.job.wait(LONG)
    assert films.urgency == RESULT
    films.put_on_stage(example)
    assert films.urgency == OPENING


def test_who_comes_back_goes_before_those_that_came_later():
    all, order, aside, back = Turns(), [], Event(), Event()

    def first() -> None:
        with all.turn(FILM):
            with all.aside():
                aside.set()
                back.wait(LONG)
            order.append("first")

    def later() -> None:
        with all.turn(FILM):
            order.append("later")

    threads = [Thread(target=first, daemon=True), Thread(target=later, daemon=True)]
    threads[0].start()
    assert aside.wait(LONG)
    with all.turn(RESULT):
        threads[1].start()
        wait_for_waiting(all, 1)
        back.set()
        wait_for_waiting(all, 2)
    for thread in threads:
        thread.join(LONG)
    assert order == ["first", "later"]
