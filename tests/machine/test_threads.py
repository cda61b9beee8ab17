"""What the environment tells libraries of their threads."""

import os

from ensemble_cam.machine.threads import multiply_in_one_thread


def test_numpy_multiplies_in_one_thread_unless_the_user_says_otherwise(monkeypatch):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    multiply_in_one_thread()
    assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    multiply_in_one_thread()
    assert os.environ["OPENBLAS_NUM_THREADS"] == "3"
