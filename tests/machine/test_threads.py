"""What the environment tells libraries of their threads."""

import os

import pytest

from ensemble_cam.machine import threads as module
from ensemble_cam.machine.threads import multiply_in_one_thread, wait_briefly


def test_numpy_multiplies_in_one_thread_unless_the_user_says_otherwise(monkeypatch):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    multiply_in_one_thread()
    assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    multiply_in_one_thread()
    assert os.environ["OPENBLAS_NUM_THREADS"] == "3"


@pytest.mark.parametrize(("allotted", "given", "threads"), [(2, None, "2"), (2, "3", "3"), (8, None, None)])
def test_openmp_has_no_more_threads_than_there_is_time_for(allotted, given, threads, monkeypatch):
    monkeypatch.setattr(module, "cores", lambda: allotted)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "environ", {} if given is None else {"OMP_NUM_THREADS": given})
    wait_briefly()
    assert os.environ.get("OMP_NUM_THREADS") == threads
    assert os.environ["GOMP_SPINCOUNT"] == "1000"
