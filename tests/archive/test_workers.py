"""Processes that make records of films: whatever a film does to its process, the others are done, in their order."""

import hashlib
import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from ensemble_cam.archive import workers as module
from ensemble_cam.archive.asked import Asked
from ensemble_cam.archive.workers import Shares, Workers, refusal
from ensemble_cam.errors import ClassifierError, ConfigError, WeightsMissing
from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import write_phantom
from ensemble_cam.reviewing.options import ReviewOptions
from ensemble_cam.reviewing.preparing import Choice
from ensemble_cam.settings.config import load_config
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.settings import Settings
from support.own_networks import own_module, write_own


@pytest.fixture(scope="module")
def asked() -> Asked:
    return Asked(load_config(), Choice("teaching"), ReviewOptions(Settings(), Display()), "scores")


@pytest.fixture
def workers(asked) -> Iterator[Workers]:
    with closing(Workers(asked.to_text(), 2, module="support.deadly")) as made:
        yield made


def another_one(weights: Path) -> None:
    """Put other values into a file of weights."""
    save_file({name: value + value for name, value in load_file(weights).items()}, weights)


def places(folder: Path, *contents: str) -> list[str]:
    paths = [folder / f"film{number}" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_text(content)
    return list(map(str, paths))


def test_request_comes_whole_to_another_process(asked):
    assert Asked.from_text(asked.to_text()) == asked


def test_films_that_end_their_process_are_rows_and_the_others_are_done(workers, tmp_path):
    contents = ["fine"] * 40
    contents[5], contents[6], contents[17], contents[30] = "crash", "killed", "broken", "killed once"

    with closing(workers.records(places(tmp_path, *contents))) as records:
        reasons = [record.reason for record in records]

    assert {number: reason for number, reason in enumerate(reasons) if reason} == {
        5: "The film made the process crash that was reviewing it. Export or copy the film again.",
        6: "The process that was reviewing the film was ended from outside, perhaps for want of memory.",
        17: "It would not.",
    }


def test_film_whose_process_died_is_known_by_its_hash(workers, tmp_path):
    (record,) = workers.share(places(tmp_path, "crash"))
    assert record.sha256 == hashlib.sha256(b"crash").hexdigest()


def test_closed_iterator_leaves_no_thread(workers, tmp_path):
    records = workers.records(places(tmp_path, *["fine"] * 20))
    next(records)
    records.close()
    assert [thread.name for thread in threading.enumerate() if not thread.daemon] == ["MainThread"]


def test_what_was_refused_when_networks_were_loaded_is_raised_here(asked, monkeypatch):
    monkeypatch.setenv("DEADLY_REFUSAL", json.dumps(["WeightsMissing", "They are not there."]))
    with (
        closing(Workers(asked.to_text(), 1, module="support.deadly")) as workers,
        pytest.raises(WeightsMissing, match=r"^They are not there\.$"),
    ):
        workers.describe()


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("change", [another_one, Path.unlink], ids=["other weights", "none any more"])
def test_process_that_starts_after_weights_were_changed_makes_no_record(change, tmp_path):
    config = load_config(write_own(tmp_path, own_module()))
    write_phantom(draw_phantom(seed=1, size=256), tmp_path, 0)
    film = str(tmp_path / "phantom_000.png")
    options = ReviewOptions(Settings(), Display())
    asked = Asked(config, Choice("site"), options, "scores")
    with closing(Workers(asked.to_text(), 1)) as workers:
        workers.describe()
        (before,) = workers.share([film])
        assert before.reason is None
        change(tmp_path / "own.safetensors")
        for process in workers._processes._children.pids():
            os.kill(process, signal.SIGKILL)
        with pytest.raises(ClassifierError, match="have other weights, versions or runtimes than the first one"):
            workers.share([film])


def test_films_wait_for_the_process_that_has_the_first_ones_networks(asked, monkeypatch, tmp_path):
    monkeypatch.setenv("DEADLY_KEY", str(tmp_path / "first"))
    with closing(Workers(asked.to_text(), 3, module="support.deadly")) as workers:
        workers.describe()
        with closing(workers.records(places(tmp_path, *["fine"] * 30))) as records:
            assert [record.reason for record in records] == [None] * 30
        assert len(workers._processes._children.pids()) == 1


def test_process_that_does_not_start_is_said(asked, monkeypatch, tmp_path):
    monkeypatch.setenv("DEADLY_START", "no")
    with closing(Workers(asked.to_text(), 1, module="support.deadly")) as workers:
        with pytest.raises(ClassifierError, match="could not be started"):
            workers.describe()
        with pytest.raises(ClassifierError, match="could not be started"):
            list(workers.records(places(tmp_path, "fine")))


def test_shares_have_all_films_in_their_order_and_become_small_at_the_end():
    films = [str(number) for number in range(1000)]
    shares = Shares(films, 4)
    quick = shares.timed(lambda places: [])
    for _ in range(20):
        quick(films[:1])
    made = list(shares)
    assert [place for share in made for place in share] == films
    assert len(made[20]) == 16
    assert [len(share) for share in made[-8:]] == [1] * 8


def test_slow_films_go_in_small_shares(monkeypatch):
    clock = iter(range(0, 1000, 100))
    monkeypatch.setattr(module, "monotonic", lambda: next(clock))
    shares = Shares([str(number) for number in range(100)], 2)
    shares.timed(lambda places: [])(["0"])
    assert max(map(len, shares)) == 2


def test_refusals_of_any_other_kind_stay_sentences():
    assert isinstance(refusal("ConfigError", "So."), ConfigError)
    assert isinstance(refusal("annotations", "So."), ClassifierError)


def test_ctrl_c_while_what_is_under_way_comes_to_its_end_reaches_the_caller(workers, monkeypatch):
    def interrupted_at_its_end(*_, **__):
        try:
            yield ["a record"]
        finally:
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "in_threads", interrupted_at_its_end)
    found = workers.records(["film"])
    assert next(found) == "a record"
    with pytest.raises(KeyboardInterrupt):
        found.close()
