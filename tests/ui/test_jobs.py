"""The queue that all browser sessions share: one job at a time, each with its place, and a way out of it."""

from threading import Event

import pytest

from ensemble_cam.errors import Cancelled
from ensemble_cam.ui.session import jobs
from ensemble_cam.ui.session.jobs import Job, JobQueue, State


@pytest.fixture
def busy():
    """A queue, and what lets go of the job that occupies it."""
    queue, release, begun = JobQueue("test"), Event(), Event()

    def occupy(job: Job) -> str:
        begun.set()
        assert release.wait(20)
        return "first"

    first = queue.submit(occupy)
    assert begun.wait(20)
    yield queue, first, release
    release.set()


def test_jobs_run_one_at_a_time_in_the_order_in_which_they_came(busy):
    queue, first, release = busy
    order = []
    others = [queue.submit(lambda job, n=n: order.append(n)) for n in range(5)]
    assert not any(job.done for job in others)
    release.set()
    assert all(job.wait(20) for job in others)
    assert order == [0, 1, 2, 3, 4]
    assert first.outcome() == "first"


def test_a_waiting_job_sees_how_many_are_before_it_and_not_those_that_were_cancelled(busy):
    queue, first, _ = busy
    second, third = queue.submit(lambda job: None), queue.submit(lambda job: None)
    assert (first.state.place, second.state.place, third.state.place) == (0, 1, 2)
    second.cancel()
    assert third.state.place == 1


def test_a_cancelled_waiting_job_ends_at_once_and_never_starts(busy):
    queue, _, release = busy
    ran = []
    waiting = queue.submit(lambda job: ran.append(1))
    waiting.cancel()
    assert waiting.done  # although the queue is still busy
    assert isinstance(waiting.outcome(), Cancelled)
    release.set()
    assert queue.submit(lambda job: None).wait(20)
    assert ran == []


def test_cancelling_twice_is_cancelling_once(busy):
    queue, first, _ = busy
    waiting = queue.submit(lambda job: None)
    waiting.cancel()
    waiting.cancel()
    assert waiting.done
    assert first.state.place == 0


def test_a_job_whose_reader_has_left_makes_way_for_the_others(busy):
    queue, _, release = busy
    ran = []
    left = queue.submit(lambda job: ran.append("left"), wanted=lambda: False)
    stayed = queue.submit(lambda job: ran.append("stayed"))
    assert stayed.state.place == 1
    release.set()
    assert stayed.wait(20)
    assert ran == ["stayed"]
    assert isinstance(left.outcome(), Cancelled)
    assert not left.cancelled


def test_a_running_job_can_ask_whether_to_stop_and_others_go_on():
    queue, begun = JobQueue("test"), Event()

    def work(job: Job) -> None:
        begun.set()
        while not job.stopped():
            job.report("working", 0.5)
        raise Cancelled("Stopped.")

    running, after = queue.submit(work), queue.submit(lambda job: "after")
    assert begun.wait(20)
    running.cancel()
    assert after.wait(20)
    assert (after.outcome(), running.state.what, running.state.share) == ("after", "working", 0.5)
    assert isinstance(running.outcome(), Cancelled)


def test_a_job_that_fails_hands_on_what_it_raised_and_leaves_the_queue():
    queue = JobQueue("test")
    failing, after = queue.submit(lambda job: 1 / 0), queue.submit(lambda job: job.state.place)
    assert after.wait(20)
    assert isinstance(failing.outcome(), ZeroDivisionError)
    assert after.outcome() == 0


def test_an_ended_job_is_kept_by_its_owner_alone():
    queue = JobQueue("test")
    job = queue.submit(lambda job: None)
    assert job.wait(20)
    assert (queue._running, queue._waiting) == (None, [])


def test_a_job_that_gives_way_waits_behind_all_others_and_they_do_not_see_it(busy):
    queue, _, release = busy
    order = []
    example = queue.submit(lambda job: order.append("example"), gives_way=True)
    one = queue.submit(lambda job: order.append("one"))
    assert (example.state.place, one.state.place) == (2, 1)
    another = queue.submit(lambda job: order.append("another"))
    assert (example.state.place, another.state.place) == (3, 2)
    release.set()
    assert all(job.wait(20) for job in (example, one, another))
    assert order == ["one", "another", "example"]


def test_a_running_job_that_gives_way_is_stopped_by_one_that_does_not_and_begins_anew_after_it():
    queue, begun, order = JobQueue("test"), Event(), []

    def endless_at_first(job: Job) -> str:
        order.append("example")
        begun.set()
        while order == ["example"]:
            if job.stopped():
                raise Cancelled("Stopped.")
        return "done"

    example = queue.submit(endless_at_first, gives_way=True)
    assert begun.wait(20)
    also = queue.submit(lambda job: "also", gives_way=True)
    one = queue.submit(lambda job: order.append("one"))
    assert all(job.wait(20) for job in (example, also, one))
    assert order == ["example", "one", "example"]
    assert (example.outcome(), also.outcome()) == ("done", "also")


def test_a_running_job_that_gives_way_and_was_cancelled_does_not_begin_anew():
    queue, begun, runs = JobQueue("test"), Event(), []

    def endless(job: Job) -> None:
        runs.append(1)
        begun.set()
        while not job.stopped():
            pass
        raise Cancelled("Stopped.")

    example = queue.submit(endless, gives_way=True)
    assert begun.wait(20)
    example.cancel()
    assert example.wait(20)
    assert queue.submit(lambda job: None).wait(20)
    assert runs == [1]


class Looking:
    """Notes when it is to look again."""

    def __init__(self):
        self.told = []

    def after(self, seconds):
        self.told.append(seconds)

    def now(self):
        self.told.append("now")

    def cancel(self):
        self.told.append("cancelled")


def test_who_watches_a_job_is_told_of_its_place_rarely_of_its_work_more_often_and_of_its_end_at_once(busy):
    queue, _, release = busy
    working, go_on = Event(), Event()

    def work(job: Job) -> None:
        job.report("working", 0.5)
        working.set()
        assert go_on.wait(20)

    second, job = queue.submit(lambda job: None), queue.submit(work)
    looking = Looking()
    job.watch(job.state, looking)
    assert looking.told == []
    second.cancel()
    assert looking.told == [jobs.PLACE_PAUSE]
    release.set()
    assert working.wait(20)
    assert looking.told[-1] == jobs.PROGRESS_PAUSE
    other = Looking()
    job.watch(job.state, other)
    assert (looking.told[-1], other.told) == ("cancelled", [])
    go_on.set()
    assert job.wait(20)
    assert queue.submit(lambda job: None).wait(20)
    assert "now" in other.told
    assert "now" not in looking.told


def test_who_watches_a_job_that_has_moved_on_since_they_looked_is_told_at_once():
    queue = JobQueue("test")
    job = queue.submit(lambda job: None)
    assert job.wait(20)
    looking = Looking()
    job.watch(State(1, "Waiting", 0.0, False), looking)
    assert looking.told == ["now"]


def test_what_is_left_is_told_by_what_is_behind_once_there_is_enough_of_it(busy, monkeypatch):
    queue, first, release = busy
    clock = [1000.0]
    monkeypatch.setattr(jobs.time, "monotonic", lambda: clock[0])
    told, steps = [], [(2.0, 0.5), (8.0, 0.02), (8.0, 0.2), (30.0, 0.75)]  # seconds since the beginning, share

    def work(job: Job) -> None:
        for passed, share in steps:
            clock[0] = 1000.0 + passed
            job.report("Making maps", share)
            told.append(job.seconds_left)

    waiting = queue.submit(work)
    assert first.seconds_left is None
    assert waiting.seconds_left is None  # nobody knows how long those before it take
    release.set()
    assert waiting.wait(20)
    assert told == [None, None, pytest.approx(32.0), pytest.approx(10.0)]
    assert waiting.seconds_left is None
