"""Many films in one run: in their order, each once, few in memory, and whole whatever fails or stops."""

import _thread
import io
import json
import re
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import numpy as np
import pytest

from ensemble_cam import cli
from ensemble_cam.archive import finished as places
from ensemble_cam.archive import flow
from ensemble_cam.archive import report as reports
from ensemble_cam.archive.batch import Batch
from ensemble_cam.archive.films import Film, FoundFilms
from ensemble_cam.archive.outcome import failed, reviewed
from ensemble_cam.errors import ClassifierError, ExportError, RadiographError
from ensemble_cam.export import folder as export
from ensemble_cam.export.drafts import draft
from ensemble_cam.machine.terminal import TerminalLine
from ensemble_cam.reviewing.options import ReviewOptions
from ensemble_cam.reviewing.request import resolve
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.settings import Settings
from support import films
from support.networks import Failing, bright_classifier
from support.reviews import RUN

# How long a test waits for what must never happen, and for what must.
BRIEFLY, LONG = 0.3, 30


@pytest.fixture(autouse=True)
def blank_figure(monkeypatch):
    """Spare these tests the drawing of the figure, which test_figure.py looks at."""
    monkeypatch.setattr(export, "figure_png", lambda review: films.png(np.zeros((8, 8), np.uint8)))


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def paths(tmp_path) -> list[Path]:
    """Six films."""
    return [made(tmp_path / "films" / f"film{number}.png", seed=number) for number in range(1, 7)]


def made(path: Path, *, seed: int = 0, data: bytes | None = None) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(films.png(films.film(seed=seed)) if data is None else data)
    return path


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def review(films: Sequence[Path], out: Path, *, stream: io.StringIO | None = None, broken: bool = False) -> str:
    """Review films by a small network, and return all that was printed, failures with it."""
    stream = io.StringIO() if stream is None else stream
    classifiers = [bright_classifier()]
    if broken:
        classifiers.append(bright_classifier("broken", backbone=Failing(RuntimeError("broken"))))
    settings = resolve(Settings(top_k=1), classifiers)
    batch = Batch(tuple(classifiers), ReviewOptions(settings, Display()), RUN, TerminalLine(stream))
    failed = batch.review(FoundFilms(tuple(map(Film.of, films))), out, errors=stream)
    assert failed == len([line for line in stream.getvalue().splitlines() if "ensemble-cam: " in line])
    return stream.getvalue()


def ends(printed: str) -> list[str]:
    """Return the last line of each film, without the output folder and seconds."""
    lines = [line for line in printed.splitlines() if re.search(r"^ensemble-cam: |→|reviewed before", line)]
    return [re.sub(r" \(\d+\.\d s\)", "", re.sub(r"\S*/out/", "", line)) for line in lines]


def names(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir())


def film_of(folder: Path) -> str:
    return json.loads((folder / "review.json").read_text(encoding="utf-8"))["input"]["sha256"]


def patched(monkeypatch, stage: str, before: Callable[[int], None]) -> None:
    """Have `before` called with the count of calls, from 1, before each call of a stage of `flow`."""
    real, calls, lock = getattr(flow, stage), [], threading.Lock()

    def call(*arguments, **named):
        with lock:
            calls.append(None)
            count = len(calls)
        before(count)
        return real(*arguments, **named)

    monkeypatch.setattr(flow, stage, call)


STAGES = {"read_radiograph": RadiographError, "analyse": ClassifierError, "write_review": ExportError}


# Order and names


def test_films_are_told_of_in_their_order_whichever_is_written_first(paths, out, monkeypatch):
    second, real = Event(), export.write_review

    def write(review, out, name, **named):
        assert name != "film1" or second.wait(LONG)
        folder = real(review, out, name, **named)
        if name == "film2":
            second.set()
        return folder

    monkeypatch.setattr(flow, "write_review", write)

    printed = review(paths, out)

    assert [line.partition("]")[0] for line in ends(printed)] == [f"[{number}/6" for number in range(1, 7)]
    assert [line.partition("→ ")[2] for line in ends(printed)] == [path.stem for path in paths]
    numbers = [int(line[1]) for line in printed.splitlines() if line.startswith("[")]
    assert numbers == sorted(numbers)


def test_film_is_told_of_once_it_is_written_and_not_when_others_follow(paths, out, monkeypatch):
    written, stream, told, real = Event(), io.StringIO(), [], export.write_review

    def write(*arguments, **named):
        folder = real(*arguments, **named)
        written.set()
        return folder

    monkeypatch.setattr(flow, "write_review", write)

    def before(call: int) -> None:
        assert call == 1 or written.wait(LONG)
        until = time.monotonic() + LONG
        while call == 4 and "film1" not in stream.getvalue() and time.monotonic() < until:
            time.sleep(0.01)
        told.append("film1" in stream.getvalue())

    patched(monkeypatch, "analyse", before)

    review(paths, out, stream=stream)

    assert told[3]  # three may be written or wait for it, and the first of them was there before the second's networks


def test_films_of_the_same_stem_on_their_way_at_once_are_numbered_in_their_order(tmp_path, out, monkeypatch):
    given = [made(tmp_path / str(seed) / "film.png", seed=seed) for seed in range(6)]
    others = Event()
    patched(monkeypatch, "write_review", lambda call: call > 1 and others.set())
    real = flow.write_review
    first = []

    def write(review, *arguments, **named):
        if not first:
            first.append(review)
            assert not others.wait(BRIEFLY), "another one of the name is written at the same time"
        return real(review, *arguments, **named)

    monkeypatch.setattr(flow, "write_review", write)

    printed = review(given, out)

    assert [line.partition("→ ")[2] for line in ends(printed)] == ["film", *(f"film_{n}" for n in range(2, 7))]
    hashes = [flow.hashlib.sha256(path.read_bytes()).hexdigest() for path in given]
    assert [film_of(out / name) for name in ["film", *(f"film_{n}" for n in range(2, 7))]] == hashes


def test_film_given_twice_is_reviewed_once_although_its_writing_lags_behind(paths, out, monkeypatch):
    again = Event()
    patched(monkeypatch, "read_radiograph", lambda call: call > 1 and again.set())
    patched(monkeypatch, "write_review", lambda call: again.wait(BRIEFLY))

    printed = review([paths[0], paths[0], paths[0]], out)

    assert not again.is_set()
    assert names(out) == ["film1"]
    assert [line.partition(": ")[2] for line in ends(printed)[1:]] == ["reviewed before, see film1"] * 2
    assert "3 of 3 films reviewed" in printed
    assert "2 of them before" in printed


def test_copy_of_a_film_under_another_name_has_a_folder_of_its_own(paths, out):
    copy = made(paths[0].with_name("copy.png"), data=paths[0].read_bytes())
    review([paths[0], copy, paths[0]], out)
    assert names(out) == ["copy", "film1"]


def test_film_given_twice_is_tried_again_where_it_could_not_be_written(paths, out, monkeypatch):
    def fail_once(call: int) -> None:
        if call == 1:
            raise ExportError("The disk is full.")

    patched(monkeypatch, "write_review", fail_once)

    printed = review([paths[0], paths[0], paths[1]], out)

    assert ends(printed)[0] == "ensemble-cam: film1.png: The disk is full."
    assert names(out) == ["film1", "film2"]


# Failures


@pytest.mark.parametrize("kind", ["a sentence of its own", "memory"])
@pytest.mark.parametrize("stage", STAGES)
def test_film_that_fails_at_any_stage_is_one_line_in_its_turn_and_the_rest_is_reviewed(
    paths, out, monkeypatch, stage, kind
):
    def fail(call: int) -> None:
        if call == 3:
            raise MemoryError if kind == "memory" else STAGES[stage]("It would not.")

    patched(monkeypatch, stage, fail)
    if stage == "write_review":
        monkeypatch.setattr(flow, "WRITERS", 1)  # so that the third film is the third to be written

    printed = review(paths, out)

    reason = "This machine ran out of memory for it." if kind == "memory" else "It would not."
    assert ends(printed)[2] == f"ensemble-cam: film3.png: {reason}"
    assert [line.partition("→ ")[2] for line in ends(printed)] == ["film1", "film2", "", "film4", "film5", "film6"]
    assert names(out) == ["film1", "film2", "film4", "film5", "film6"]
    assert re.search(r"^5 of 6 films reviewed into .*, 1 failed, [\d.]+ films/(s|min)$", printed, re.MULTILINE)


@pytest.mark.parametrize("stage", STAGES)
def test_film_given_twice_that_fails_is_said_twice(paths, out, monkeypatch, stage):
    def fail(call: int) -> None:
        raise STAGES[stage]("It would not.")

    patched(monkeypatch, stage, fail)
    assert ends(review([paths[0], paths[0]], out)) == ["ensemble-cam: film1.png: It would not."] * 2


def test_what_cannot_be_looked_at_is_one_line(paths, out, monkeypatch):
    def refuse(self) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "exists", refuse)
    with monkeypatch.context():
        printed = review(paths[:1], out)
    assert ends(printed)[0].startswith("ensemble-cam: film1.png: The place of its review cannot be looked at (Permis")


# Stopping


def whole(out: Path) -> list[str]:
    """Return the folders' names; each has to be a whole review."""
    for folder in out.iterdir() if out.exists() else ():
        assert len(list(folder.iterdir())) == 4, folder.name
        film_of(folder)
    return names(out) if out.exists() else []


@pytest.mark.parametrize("stage", [*STAGES, "findings_line"])
def test_ctrl_c_at_any_stage_leaves_whole_folders_alone_and_the_next_run_goes_on(paths, out, monkeypatch, stage):
    def interrupt(call: int) -> None:
        if call == 3:
            raise KeyboardInterrupt

    # More than may have been written before the third one's turn came.
    given = [*paths, *(made(paths[0].with_name(f"film{number}.png"), seed=number) for number in (7, 8, 9))]
    with monkeypatch.context() as patch:
        patched(patch, stage, interrupt)
        with pytest.raises(KeyboardInterrupt):
            review(given, out)
    finished = whole(out)
    assert len(finished) < 9

    printed = review(given, out)

    assert whole(out) == [path.stem for path in given]
    assert [line.count("reviewed before") for line in ends(printed)] == [path.stem in finished for path in given]


def test_ctrl_c_while_a_review_is_drawn_leaves_no_draft(paths, out, monkeypatch):
    def interrupt(review):
        raise KeyboardInterrupt

    monkeypatch.setattr(export, "figure_png", interrupt)

    with pytest.raises(KeyboardInterrupt):
        review(paths, out)

    assert whole(out) == []


@pytest.mark.parametrize("call", range(1, 6))
@pytest.mark.parametrize("stage", STAGES)
def test_a_signal_while_other_threads_work_stops_the_run(paths, out, monkeypatch, stage, call):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background
    try:
        patched(monkeypatch, stage, lambda count: count == call and _thread.interrupt_main())
        with pytest.raises(KeyboardInterrupt):
            review(paths, out)
    finally:
        signal.signal(signal.SIGINT, before)
    whole(out)


def test_the_command_says_that_it_stopped_and_ends_with_130(paths, out, monkeypatch, tmp_path, capsys):
    config = tmp_path / "one.toml"
    config.write_text(
        '[classifiers.one]\nname = "one"\ndescription = ""\nmodel_type = "densenet"\nset = "clinical"\n'
        'input_size = 64\ndefault_weight = "untrained"\nweights = ["untrained"]\n'
    )

    def interrupt(call: int) -> None:
        raise KeyboardInterrupt

    patched(monkeypatch, "analyse", interrupt)
    given = ["review", *map(str, paths), "--config", str(config), "--out", str(out), "--runtime", "torch"]

    assert cli.main(given) == 130

    captured = capsys.readouterr()
    assert captured.err == "\nStopped.\n"
    assert captured.out.splitlines()[-1] == "What is finished stays; the same command goes on from there."


def test_draft_of_a_killed_run_is_removed_by_the_next_one_which_says_so(paths, out, monkeypatch):
    with draft(out) as left:  # as a run leaves it that was killed: test_drafts.py kills one
        name = left.name
    (out / name).mkdir()
    with draft(out) as other:  # another run's
        other.mkdir()
        printed = review(paths[:2], out)
        assert names(out) == sorted([other.name, f"{other.name}.lock", "film1", "film2"])
    assert printed.splitlines()[0] == f"Removed from {out} what a run that was broken off had begun: 1."


# Few films at a time


def test_no_more_films_are_in_memory_than_the_bounds_say(tmp_path, out, monkeypatch):
    given = [made(tmp_path / "films" / f"{seed:02}.png", seed=seed) for seed in range(24)]
    alive, most, bound = weakref.WeakSet(), [], flow.AHEAD + 1 + flow.BEHIND
    read = [Event() for _ in given]
    real = flow.read_radiograph

    def decode(data, **named):
        radiograph = real(data, **named)
        alive.add(radiograph)
        most.append(len(alive))
        read[len(most) - 1].set()
        return radiograph

    def wait_for_all_that_may_be_read(call: int) -> None:
        assert read[min(call - 1 + flow.BEHIND - (flow.WRITERS - 1) + flow.AHEAD, 23)].wait(LONG)

    monkeypatch.setattr(flow, "read_radiograph", decode)
    patched(monkeypatch, "write_review", wait_for_all_that_may_be_read)

    review(given, out)

    assert len(names(out)) == 24
    # A writer that has told of its film lets go of it a moment later.
    assert bound - 1 <= max(most) <= bound + flow.WRITERS
    assert not alive


def test_huge_films_go_one_by_one(paths, out, monkeypatch):
    steps = []
    monkeypatch.setattr(flow, "MOST_PIXELS", 1)
    patched(monkeypatch, "read_radiograph", lambda call: steps.append(f"read {call}"))
    decoded = Event()
    patched(monkeypatch, "read_radiograph", lambda call: call > 1 and decoded.set())
    patched(monkeypatch, "write_review", lambda call: (decoded.wait(BRIEFLY if call == 1 else 0), steps.append(call)))

    review(paths[:3], out)

    assert steps == ["read 1", 1, "read 2", 2, "read 3", 3]


def test_films_that_are_finished_are_neither_decoded_nor_shown_to_the_networks(paths, out, monkeypatch):
    review(paths, out)
    for stage in STAGES:
        patched(monkeypatch, stage, lambda call: pytest.fail("a finished film was worked on"))

    printed = review(paths, out)

    assert printed.count("reviewed before") == 6
    assert printed.splitlines()[-1] == f"6 of 6 films reviewed into {out}, 6 of them before"


def test_a_review_without_the_keys_that_came_later_is_not_taken_for_todays(paths, out):
    review(paths[:1], out)
    record = out / "film1" / "review.json"
    told = json.loads(record.read_text(encoding="utf-8"))
    del told["meaningless"]
    for classifier in told["classifiers"]:
        del classifier["operating_points_source"]
    record.write_text(json.dumps(told), encoding="utf-8")

    assert review(paths[:1], out).count("reviewed before") == 0
    assert review(paths[:1], out).count("reviewed before") == 1


def test_folders_of_one_name_are_read_once_each_however_many_films_have_it(tmp_path, out, monkeypatch):
    given = [made(tmp_path / str(seed) / "film.png", seed=seed) for seed in range(12)]
    review(given, out)
    read, real = [], places.key_of_folder
    monkeypatch.setattr(places, "key_of_folder", lambda folder: (read.append(folder.name), real(folder))[1])

    assert review(given[::-1], out).count("reviewed before") == 12

    assert sorted(read) == names(out)


# What is printed


def test_of_few_films_each_classifiers_time_is_said_and_of_many_failures_alone(tmp_path, out):
    given = [made(tmp_path / "films" / f"{seed:02}.png", seed=seed) for seed in range(11)]

    few = review(given[:10], out / "few", broken=True)
    many = review(given, out / "many", broken=True)

    assert len(re.findall(r"^\[\d+/10\] \d\d\.png: Bright \d\.\d\d s$", few, re.MULTILINE)) == 10
    assert many.count("Bright") == 0
    assert few.count("Broken failed with RuntimeError") == 10
    assert many.count("Broken failed with RuntimeError") == 11
    assert len(many.splitlines()) == 2 * 11 + 1
    assert not re.search(r"[\x00-\x09\x0b-\x1f█]", few + many)


def test_terminal_shows_a_bar_with_count_rate_time_left_and_what_is_done_now(paths, out, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    passing = review(paths, out, stream=Terminal()).split("\r\x1b[2K")

    assert passing[1] == f"[{' ' * 20}] 0/6 · film1.png: reading"
    shown = re.compile(r"\[█+ +\] [1-5]/6 · [\d.]+ films/s · about \d+ s left · film[2-6]\.png: (Bright: |writing)")
    assert any(map(shown.match, passing))
    assert re.match(r"6 of 6 films reviewed into \S+, [\d.]+ films/s\n$", passing[-1])


def test_time_of_films_that_failed_is_in_the_rate(tmp_path, monkeypatch):
    clock, said = [0.0], io.StringIO()
    monkeypatch.setattr(reports, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    films_of_run = FoundFilms(tuple(Film.of(tmp_path / f"{number}.png") for number in range(1, 3)))
    report = reports.RunReport(TerminalLine(said), said, films_of_run)
    for number, film in enumerate(films_of_run.films, 1):
        clock[0] = 2 + number / 1000
        report.tell(failed(1, film, "It would not.") if number == 1 else reviewed(2, film, "", tmp_path, 1.0, ()))
    report.end(tmp_path)
    assert said.getvalue().endswith(f"1 of 2 films reviewed into {tmp_path}, 1 failed, 0.50 films/s\n")


def test_one_film_has_no_bar_and_no_summary(paths, out):
    passing = review(paths[:1], out, stream=Terminal()).split("\r\x1b[2K")
    assert passing[1] == "[1/1] film1.png: reading"
    assert "█" not in "".join(passing)
    assert "→" in passing[-1]
