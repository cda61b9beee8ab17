"""The queue that all browser sessions share: one job at a time, each with its place, and a way out of it."""

from threading import Event

import pytest

from ensemble_cam.errors import Cancelled
from ensemble_cam.ui.session.jobs import Job, JobQueue


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
    assert (first.place, second.place, third.place) == (0, 1, 2)
    second.cancel()
    assert third.place == 1


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
    assert first.place == 0


def test_a_job_whose_reader_has_left_makes_way_for_the_others(busy):
    queue, _, release = busy
    ran = []
    left = queue.submit(lambda job: ran.append("left"), wanted=lambda: False)
    stayed = queue.submit(lambda job: ran.append("stayed"))
    assert stayed.place == 1
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
    assert (after.outcome(), running.what, running.share) == ("after", "working", 0.5)
    assert isinstance(running.outcome(), Cancelled)


def test_a_job_that_fails_hands_on_what_it_raised_and_leaves_the_queue():
    queue = JobQueue("test")
    failing, after = queue.submit(lambda job: 1 / 0), queue.submit(lambda job: job.place)
    assert after.wait(20)
    assert isinstance(failing.outcome(), ZeroDivisionError)
    assert after.outcome() == 0


def test_an_ended_job_is_kept_by_its_owner_alone():
    queue = JobQueue("test")
    job = queue.submit(lambda job: None)
    assert job.wait(20)
    assert queue._jobs == []
