"""Films reviewed by processes of their own: in their order, each once, whole whatever a film does to its process."""

import hashlib
import json
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from ensemble_cam.archive.apart import FlowApart, ReviewProcesses
from ensemble_cam.archive.asked import AskedReviews
from ensemble_cam.archive.films import Film
from ensemble_cam.archive.outcome import Outcome
from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import write_phantom
from ensemble_cam.reviewing.options import ReviewOptions
from ensemble_cam.reviewing.preparing import Choice
from ensemble_cam.settings.config import load_config
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.settings import Settings

ASKED = AskedReviews(load_config(), Choice("teaching"), ReviewOptions(Settings(), Display()))


@pytest.fixture
def processes() -> Iterator[ReviewProcesses]:
    with closing(ReviewProcesses(ASKED, 2, module="support.deadly_reviews")) as made:
        yield made


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "out"


def films(folder: Path, *contents: str, name: str | None = None) -> list[Film]:
    """Return films of these contents: called by their number, or all by one name in folders of their own."""
    paths = []
    for number, content in enumerate(contents):
        path = folder / f"film{number}.png" if name is None else folder / str(number) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        paths.append(path)
    return list(map(Film.of, paths))


def went(processes: ReviewProcesses, given: Sequence[Film], out: Path) -> list[Outcome]:
    flow = FlowApart(processes, processes.describe()["key"], out)
    with closing(flow.review(given, lambda number, film: lambda what, share: None)) as outcomes:
        return list(outcomes)


def contents_of(out: Path) -> dict[str, str]:
    """Return folder → the SHA-256 of its film; nothing else may lie in `out`."""
    return {
        folder.name: json.loads((folder / "review.json").read_text())["input"]["sha256"]
        for folder in sorted(out.iterdir())
    }


def sha256_of(film: Film) -> str:
    return hashlib.sha256(film.path.read_bytes()).hexdigest()


def test_request_comes_whole_to_another_process():
    assert AskedReviews.from_text(ASKED.to_text()) == ASKED


def test_films_are_told_of_in_their_order_whichever_is_done_first(processes, tmp_path, out):
    given = films(tmp_path, "slow 0", *(f"fine {number}" for number in range(1, 12)))
    outcomes = went(processes, given, out)
    assert [outcome.number for outcome in outcomes] == list(range(1, 13))
    assert [outcome.folder.name for outcome in outcomes] == [film.name for film in given]
    assert outcomes[0].sentence.startswith("Mass .9 → ")
    assert outcomes[0].remarks == (("A detail.", True),)


def test_films_of_one_name_are_numbered_in_their_order_whichever_is_done_first(processes, tmp_path, out):
    given = films(tmp_path, "slow 0", *(f"fine {number}" for number in range(1, 8)), name="IM0001.dcm")
    went(processes, given, out)
    names = ["IM0001", *(f"IM0001_{number}" for number in range(2, 9))]
    assert contents_of(out) == {name: sha256_of(film) for name, film in zip(names, given, strict=True)}


def test_film_given_twice_is_reviewed_once_although_its_review_takes_time(processes, tmp_path, out):
    slow, fine = films(tmp_path, "slow", "fine")
    outcomes = went(processes, [slow, slow, fine, slow], out)
    assert [outcome.state for outcome in outcomes] == ["reviewed", "passed over", "reviewed", "passed over"]
    assert list(contents_of(out)) == ["film0", "film1"]


def test_finished_films_are_passed_over_by_the_next_run(processes, tmp_path, out):
    given = films(tmp_path, *(f"fine {number}" for number in range(5)))
    went(processes, given[:3], out)
    assert [each.state for each in went(processes, given, out)] == ["passed over"] * 3 + ["reviewed"] * 2


def test_what_a_film_does_to_its_process_is_a_line_about_that_film(processes, tmp_path, out, caplog):
    contents = [f"fine {number}" for number in range(20)]
    contents[3], contents[4], contents[9] = "crash", "killed", "broken"
    with caplog.at_level(logging.ERROR, logger="ensemble_cam"):
        outcomes = went(processes, films(tmp_path, *contents), out)
    assert {outcome.number - 1: outcome.sentence for outcome in outcomes if outcome.state == "failed"} == {
        3: "The film made the process crash that was reviewing it. Export or copy the film again.",
        4: "The process that was reviewing the film was ended from outside, perhaps for want of memory.",
        9: "It would not.",
    }
    assert outcomes[9].remarks == (("A warning.", False),)
    assert [(each.name, each.message) for each in caplog.records] == [
        ("ensemble_cam.some", "what a log has\nTraceback")
    ]
    assert len(contents_of(out)) == 17


def test_an_unreadable_file_is_a_line_in_its_turn(processes, tmp_path, out):
    given = films(tmp_path, "fine 0", "fine 1", "fine 2")
    given[1].path.unlink()
    assert [outcome.state for outcome in went(processes, given, out)] == ["reviewed", "failed", "reviewed"]


def test_a_folder_that_cannot_be_written_is_a_line_for_each_film(processes, tmp_path, out):
    out.write_text("no folder")
    outcomes = went(processes, films(tmp_path, "fine 0", "fine 1"), out)
    assert {outcome.sentence for outcome in outcomes} == {
        "The review could not be written (File exists). Free space, or choose another folder."
    }


@pytest.mark.parametrize("stop", ["closed", "Ctrl-C"])
def test_a_run_that_is_stopped_stops_what_is_under_way_and_leaves_whole_reviews_alone(processes, tmp_path, out, stop):
    given = films(tmp_path, "fine", *(f"endless {number}" for number in range(6)))
    outcomes = FlowApart(processes, processes.describe()["key"], out).review(
        given, lambda number, film: lambda what, share: None
    )
    next(outcomes)
    if stop == "closed":
        outcomes.close()
    else:
        with pytest.raises(KeyboardInterrupt):
            outcomes.throw(KeyboardInterrupt)
    assert list(contents_of(out)) == ["film0"]
    assert [thread.name for thread in threading.enumerate() if not thread.daemon] == ["MainThread"]


def test_what_another_process_had_begun_is_in_no_review(tmp_path):
    write_phantom(draw_phantom(seed=1, size=256), tmp_path, 0)
    folder = tmp_path / "unfinished"
    folder.mkdir()
    (folder / "1_Mass_of_other_networks.png").touch()
    with closing(ReviewProcesses(ASKED, 1)) as processes:
        told = processes.review((tmp_path / "phantom_000.png").read_bytes(), folder, None)
    assert "failed" not in told
    names = {path.name for path in folder.iterdir()}
    assert "review.json" in names
    assert "1_Mass_of_other_networks.png" not in names
