"""Dask: records are the same whatever makes them; films that end a process, and workers that are ended, cost no other.

The workers' processes load no network: what a film does to them is what these tests are about.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import distributed
import pytest

from ensemble_cam.archive import cluster
from ensemble_cam.archive.cluster import Cluster
from ensemble_cam.archive.film_record import FilmRecord
from ensemble_cam.archive.workers import DIED, KILLED
from ensemble_cam.errors import ClassifierError, ConfigError, WeightsMissing

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")]
REQUEST = "a request that nobody reads"


def made(workers: int = 2, *, scheduler: str | None = None) -> Cluster:
    return Cluster(REQUEST, workers=workers, scheduler=scheduler, module="support.deadly")


def places(folder: Path, *contents: str) -> list[str]:
    paths = [folder / f"film{number}" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_text(content)
    return list(map(str, paths))


def records(engine: Cluster, given: list[str]) -> list[FilmRecord]:
    engine.describe()
    with closing(engine.records(given)) as found:
        return list(found)


@pytest.fixture(scope="module")
def pair() -> Iterator[Cluster]:
    with closing(made()) as engine:
        yield engine


def test_films_that_fail_or_end_their_process_are_rows_and_the_others_are_done_in_their_order(pair, tmp_path):
    contents = ["x" * number for number in range(30)]
    contents[4], contents[9], contents[20] = "crash", "broken", "killed"

    found = records(pair, places(tmp_path, *contents))

    assert {number: each.reason for number, each in enumerate(found) if each.reason} == {
        4: DIED,
        9: "It would not.",
        20: KILLED,
    }
    done = [number for number in range(30) if number not in (4, 9, 20)]
    assert [found[number].scores[0][2] for number in done] == [number / 7 for number in done]


def test_worker_that_is_ended_is_replaced_and_the_film_that_ends_each_one_is_a_row(tmp_path):
    contents = ["x" * number for number in range(12)]
    contents[2], contents[7] = "worker", "worker once"

    with closing(made()) as engine:
        found = records(engine, places(tmp_path, *contents))

    assert {number: each.reason for number, each in enumerate(found) if each.reason} == {2: KILLED}
    assert found[7].scores[0][2] == len("worker once") / 7
    assert Path(tmp_path / "film7.mark").exists()


def test_records_do_not_depend_on_the_number_of_workers(pair, tmp_path):
    given = places(tmp_path, *["x" * number for number in range(20)], "broken")
    with closing(made(4)) as engine:
        assert records(engine, given) == records(pair, given)


def test_cluster_that_is_there_is_used_and_left_running(tmp_path):
    with distributed.LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address="127.0.0.1:0") as there:
        with closing(made(scheduler=there.scheduler_address)) as engine:
            assert len(records(engine, places(tmp_path, *["x"] * 9))) == 9
        with closing(made(scheduler=there.scheduler_address)) as engine:
            assert len(records(engine, places(tmp_path, "x"))) == 1


def test_nobody_at_the_scheduler_s_address_is_a_sentence(monkeypatch):
    monkeypatch.setattr(cluster, "_SECONDS_TO_CONNECT", 1)
    for address in ("tcp://127.0.0.1:1", "nonsense://there"):
        with pytest.raises(ConfigError, match=r"--scheduler: nobody answers at this address\."):
            made(scheduler=address)


def test_what_was_refused_on_a_worker_is_raised_here(monkeypatch):
    monkeypatch.setenv("DEADLY_REFUSAL", json.dumps(["WeightsMissing", "They are not there."]))
    with closing(made(1)) as engine, pytest.raises(WeightsMissing, match=r"^They are not there\.$"):
        engine.describe()


def test_worker_with_other_weights_ends_the_run(pair, tmp_path, monkeypatch):
    pair.describe()
    monkeypatch.setattr(pair, "_key", {"classifiers": "others"})
    with (
        closing(pair.records(places(tmp_path, "x"))) as found,
        pytest.raises(ClassifierError, match="A worker has other weights or other versions than the first one"),
    ):
        list(found)


def test_records_that_were_lost_on_their_way_are_asked_for_once_more(pair, tmp_path, monkeypatch):
    class Lost:
        key = "of a task that no scheduler knows"

        def result(self, timeout: float) -> bytes:
            assert timeout == cluster._SECONDS_OF_A_WAIT
            raise TimeoutError

    pair.describe()
    (record,) = pair._result(places(tmp_path, "xx"), Lost())
    assert record.scores[0][2] == 2 / 7


def test_ctrl_c_in_a_terminal_ends_the_workers_without_a_word(tmp_path):
    code = """
import sys, time
from contextlib import closing
from ensemble_cam.archive.cluster import Cluster

try:
    with closing(Cluster("a request", workers=2, scheduler=None)):
        print("there", flush=True)
        time.sleep(600)
except KeyboardInterrupt:
    sys.exit(130)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # all of whose processes hear it, as those of a terminal do
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert process.stdout.readline() == "there\n"
        os.killpg(process.pid, signal.SIGINT)
        error = process.communicate(timeout=240)[1]
    finally:
        process.kill()
    assert (process.returncode, error) == (130, "")
