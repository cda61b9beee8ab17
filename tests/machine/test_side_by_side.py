"""Threads that work side by side keep to the order, to few items at a time, and leave nothing behind."""

import threading
import weakref
from collections.abc import Iterator
from contextlib import closing
from threading import Event

import pytest

from ensemble_cam.errors import Cancelled
from ensemble_cam.machine.workers import House

# How long a test waits for what must never happen, and for what must.
BRIEFLY, LONG = 0.3, 30


@pytest.fixture
def house() -> House:
    return House(most_pixels=100)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def begun(work, *arguments, **named) -> tuple[Event, threading.Thread]:
    """Start `work` in a thread, and return what is set once it has ended."""
    done = Event()

    def run() -> None:
        try:
            work(*arguments, **named)
        except Cancelled:
            return
        done.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return done, thread


def test_results_come_in_the_order_of_the_items_whichever_is_there_first(house):
    second = Event()

    def work(item: int) -> int:
        assert item != 1 or second.wait(LONG)
        if item == 2:
            second.set()
        return item * 10

    with closing(house.in_threads(work, range(1, 8), ahead=3, threads=2)) as results:
        assert list(results) == [10, 20, 30, 40, 50, 60, 70]


def test_items_are_fetched_in_the_callers_thread_and_no_more_than_so_many_ahead(house):
    fetched, yielded, furthest = [], [], []

    def items() -> Iterator[int]:
        for item in range(20):
            assert threading.current_thread() is threading.main_thread()
            fetched.append(item)
            furthest.append(len(fetched) - len(yielded))
            yield item

    with closing(house.in_threads(lambda item: item, items(), ahead=3, threads=2)) as results:
        for result in results:
            yielded.append(result)

    assert yielded == list(range(20))
    assert max(furthest) == 3 + 1  # the one that is asked for, and three ahead of it


def test_work_goes_on_while_the_caller_looks_at_a_result(house):
    reached = [Event() for _ in range(6)]
    with closing(house.in_threads(lambda item: reached[item].set(), range(6), ahead=2)) as results:
        next(results)
        assert reached[2].wait(LONG)


def test_nothing_holds_an_item_whose_work_is_done(house):
    class Item:
        pass

    gone = Event()

    def items() -> Iterator[Item]:
        item = Item()
        weakref.finalize(item, gone.set)
        yield item
        del item
        assert gone.wait(LONG)
        yield Item()

    with closing(house.in_threads(id, items(), ahead=0)) as results:
        assert len(list(results)) == 2


def test_prompt_result_is_handed_out_before_the_next_item_is_fetched(house):
    done = Event()

    def items() -> Iterator[str]:
        yield "first"
        assert done.wait(LONG)
        yield "second"
        pytest.fail("the first result was there")

    def work(item: str) -> str:
        if item == "first":
            done.set()
        return item

    with closing(house.in_threads(work, items(), ahead=5, prompt=True)) as results:
        assert next(results) == "first"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, MemoryError])
def test_error_comes_in_its_turn_and_ends_all_waiting(house, error):
    def work(item: int) -> int:
        if item == 2:
            raise error
        return item

    results = house.in_threads(work, range(100), ahead=4)
    with closing(results):
        assert [next(results), next(results)] == [0, 1]
        with pytest.raises(error):
            next(results)
    with pytest.raises(Cancelled):
        house.admit(1, sha256="a", name="film")


def test_closing_finishes_what_is_under_way_and_drops_what_waits(house):
    began, ended, caught = Event(), [], []

    def work(item: int) -> int:
        if item:
            began.set()
            try:
                house.admit(item, sha256="a", name="film")  # waits until the house is closed: the same film is inside
            except Cancelled:
                caught.append(item)
        ended.append(item)
        return item

    house.admit(1000, sha256="a", name="film")
    with closing(house.in_threads(work, range(10), ahead=5)) as results:
        assert next(results) == 0
        assert began.wait(LONG)

    assert (ended, caught) == ([0, 1], [1])


def test_house_closes_when_fetching_an_item_is_interrupted(house):
    def items() -> Iterator[int]:
        yield 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), closing(house.in_threads(lambda item: item, items(), ahead=1)) as results:
        list(results)
    with pytest.raises(Cancelled):
        house.admit(1, sha256="a", name="film")


def test_film_waits_until_the_same_film_has_left(house):
    house.admit(1, sha256="a", name="one")
    house.admit(2, sha256="b", name="one")  # another film of the same name does not
    admitted, thread = begun(house.admit, 3, sha256="a", name="three")
    assert not admitted.wait(BRIEFLY)

    house.leave(2)
    assert not admitted.wait(BRIEFLY)
    house.leave(1)
    assert admitted.wait(LONG)
    thread.join()


def test_film_waits_while_those_inside_are_large_together(house):
    for number, pixels in ((1, 60), (2, 39)):
        house.admit(number, sha256=str(number), name="film")
        house.weigh(number, pixels)
    house.admit(3, sha256="3", name="film")
    house.weigh(3, 1)
    admitted, thread = begun(house.admit, 4, sha256="4", name="film")
    assert not admitted.wait(BRIEFLY)

    house.leave(3)
    assert admitted.wait(LONG)
    thread.join()


def test_film_waits_for_its_turn_behind_earlier_films_of_its_name_alone(house):
    for number, name in ((1, "film"), (2, "other"), (3, "film"), (4, "other")):
        house.admit(number, sha256=str(number), name=name)
    house.wait_for_turn(1)
    house.wait_for_turn(2)
    turn, thread = begun(house.wait_for_turn, 3)
    assert not turn.wait(BRIEFLY)

    house.leave(1)
    assert turn.wait(LONG)
    thread.join()


def test_closing_the_house_ends_all_waiting(house):
    house.admit(1, sha256="a", name="film")
    house.admit(2, sha256="b", name="film")
    turn, first = begun(house.wait_for_turn, 2)
    admitted, second = begun(house.admit, 3, sha256="a", name="film")

    house.close()

    assert turn.wait(LONG)
    for thread in (first, second):
        thread.join(LONG)
        assert not thread.is_alive()
    assert not admitted.is_set()
    house.leave(17)  # which never was inside
