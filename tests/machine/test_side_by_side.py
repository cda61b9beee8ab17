"""Threads that work side by side keep to the order, to few items at a time, and leave nothing behind."""

import threading
import weakref
from collections.abc import Iterator
from contextlib import closing
from threading import Event

import pytest

from ensemble_cam.errors import Cancelled
from ensemble_cam.machine.side_by_side import PixelBudget, in_threads

# How long a test waits for what must never happen, and for what must.
BRIEFLY, LONG = 0.3, 30


@pytest.fixture
def budget() -> PixelBudget:
    return PixelBudget(most_pixels=100)


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


def test_results_come_in_the_order_of_the_items_whichever_is_there_first(budget):
    second = Event()

    def work(item: int) -> int:
        assert item != 1 or second.wait(LONG)
        if item == 2:
            second.set()
        return item * 10

    with closing(in_threads(work, range(1, 8), budget=budget, ahead=3, threads=2)) as results:
        assert list(results) == [10, 20, 30, 40, 50, 60, 70]


def test_items_are_fetched_in_the_callers_thread_and_no_more_than_so_many_ahead(budget):
    fetched, yielded, furthest = [], [], []

    def items() -> Iterator[int]:
        for item in range(20):
            assert threading.current_thread() is threading.main_thread()
            fetched.append(item)
            furthest.append(len(fetched) - len(yielded))
            yield item

    with closing(in_threads(lambda item: item, items(), budget=budget, ahead=3, threads=2)) as results:
        for result in results:
            yielded.append(result)

    assert yielded == list(range(20))
    assert max(furthest) == 3 + 1  # the one that is asked for, and three ahead of it


def test_work_goes_on_while_the_caller_looks_at_a_result(budget):
    reached = [Event() for _ in range(6)]
    with closing(in_threads(lambda item: reached[item].set(), range(6), budget=budget, ahead=2)) as results:
        next(results)
        assert reached[2].wait(LONG)


def test_nothing_holds_an_item_whose_work_is_done(budget):
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

    with closing(in_threads(id, items(), budget=budget, ahead=0)) as results:
        assert len(list(results)) == 2


def test_prompt_result_is_handed_out_before_the_next_item_is_fetched(budget):
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

    with closing(in_threads(work, items(), budget=budget, ahead=5, prompt=True)) as results:
        assert next(results) == "first"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, MemoryError])
def test_error_comes_in_its_turn_and_ends_all_waiting(budget, error):
    def work(item: int) -> int:
        if item == 2:
            raise error
        return item

    results = in_threads(work, range(100), budget=budget, ahead=4)
    with closing(results):
        assert [next(results), next(results)] == [0, 1]
        with pytest.raises(error):
            next(results)
    with pytest.raises(Cancelled):
        budget.reserve(1, sha256="a", name="film")


def test_closing_finishes_what_is_under_way_and_drops_what_waits(budget):
    began, ended, caught = Event(), [], []

    def work(item: int) -> int:
        if item:
            began.set()
            try:
                budget.reserve(item, sha256="a", name="film")  # until it is closed: the same film is in work
            except Cancelled:
                caught.append(item)
        ended.append(item)
        return item

    budget.reserve(1000, sha256="a", name="film")
    with closing(in_threads(work, range(10), budget=budget, ahead=5)) as results:
        assert next(results) == 0
        assert began.wait(LONG)

    assert (ended, caught) == ([0, 1], [1])


def test_budget_is_closed_when_fetching_an_item_is_interrupted(budget):
    def items() -> Iterator[int]:
        yield 1
        raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        closing(in_threads(lambda item: item, items(), budget=budget, ahead=1)) as results,
    ):
        list(results)
    with pytest.raises(Cancelled):
        budget.reserve(1, sha256="a", name="film")


def test_film_waits_until_the_same_film_is_released(budget):
    budget.reserve(1, sha256="a", name="one")
    budget.reserve(2, sha256="b", name="one")  # another film of the same name does not
    reserved, thread = begun(budget.reserve, 3, sha256="a", name="three")
    assert not reserved.wait(BRIEFLY)

    budget.release(2)
    assert not reserved.wait(BRIEFLY)
    budget.release(1)
    assert reserved.wait(LONG)
    thread.join()


def test_film_waits_while_those_in_work_are_large_together(budget):
    for number, pixels in ((1, 60), (2, 39)):
        budget.reserve(number, sha256=str(number), name="film")
        budget.charge(number, pixels)
    budget.reserve(3, sha256="3", name="film")
    budget.charge(3, 1)
    reserved, thread = begun(budget.reserve, 4, sha256="4", name="film")
    assert not reserved.wait(BRIEFLY)

    budget.release(3)
    assert reserved.wait(LONG)
    thread.join()


def test_film_waits_for_its_turn_behind_earlier_films_of_its_name_alone(budget):
    for number, name in ((1, "film"), (2, "other"), (3, "film"), (4, "other")):
        budget.reserve(number, sha256=str(number), name=name)
    budget.wait_for_turn(1)
    budget.wait_for_turn(2)
    turn, thread = begun(budget.wait_for_turn, 3)
    assert not turn.wait(BRIEFLY)

    budget.release(1)
    assert turn.wait(LONG)
    thread.join()


def test_closing_the_budget_ends_all_waiting(budget):
    budget.reserve(1, sha256="a", name="film")
    budget.reserve(2, sha256="b", name="film")
    turn, first = begun(budget.wait_for_turn, 2)
    reserved, second = begun(budget.reserve, 3, sha256="a", name="film")

    budget.close()

    assert turn.wait(LONG)
    for thread in (first, second):
        thread.join(LONG)
        assert not thread.is_alive()
    assert not reserved.is_set()
    budget.release(17)  # which never had a share
