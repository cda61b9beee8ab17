"""Several sessions at once get the results that each of them gets alone."""

import os
import subprocess
import sys

import pytest
from sessions import at_once, drawn_films, in_series, processor_seconds

from support.apps import NO_WAY_OUT, serving_app


@pytest.mark.slow
def test_sessions_at_once_get_the_scores_that_they_get_one_after_the_other(tmp_path):
    films = drawn_films(4, side=256)
    with serving_app(tmp_path, **NO_WAY_OUT) as address:
        serial = in_series(address, films)
        together = at_once(address, films)
    assert together.scores == serial.scores
    assert [len(each) > 0 for each in serial.scores] == [True] * 4
    assert all(serial.scores[place] != serial.scores[place + 1] for place in range(3))


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="the system does not say what a process uses")
def test_processor_seconds_are_those_of_a_process_and_of_what_it_started():
    work = "import time\nwhile time.process_time() < .3: pass\nprint(flush=True); input()"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}])"
    with subprocess.Popen([sys.executable, "-c", start], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        used = processor_seconds(process.pid)
        process.communicate(b"\n")
    assert used >= 0.3


def test_processor_seconds_of_no_process_are_not_known():
    assert processor_seconds(None) is None
