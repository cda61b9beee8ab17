"""An archive's tables: every film once, in the films' order, whatever stops a run and whenever."""

import io
import json
import os
from collections.abc import Generator, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest

from ensemble_cam.archive import archiving, store, table
from ensemble_cam.archive.archiving import archive
from ensemble_cam.archive.asked import Asked
from ensemble_cam.archive.film_record import FilmRecord, Grid, message_of, records_of
from ensemble_cam.archive.films import Film, FoundFilms
from ensemble_cam.errors import ClassifierError, ConfigError, ExportError
from ensemble_cam.machine.terminal import TerminalLine
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.reviewing.options import ReviewOptions
from ensemble_cam.reviewing.preparing import Choice
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.settings import Settings
from ensemble_cam.settings.vocabulary import ARCHIVE_COLUMNS, FILMS, FINDINGS, MAPS, SCORES

KEY = {"schema": 1, "software": {"ensemble-cam": "1"}, "settings": {"top_k": 1}, "classifiers": []}


class Stop(BaseException):
    """A process that ends here: nobody catches it."""


class Drawn:
    """An engine that makes up its records: a film's score is its name's number, and one that says so fails.

    Args:
        stop: the number of films after which it stops, as a killed run does.
    """

    def __init__(self, key: dict = KEY, *, stop: int | None = None):
        self._key, self._stop = key, stop
        self.asked_for: list[str] = []
        self.is_closed = False

    def describe(self) -> dict:
        return {"key": self._key, "notice": None, "classifiers": ["Made up"]}

    def records(self, places: Sequence[str]) -> Generator[FilmRecord, None, None]:
        for number, place in enumerate(places):
            if number == self._stop:
                raise Stop
            self.asked_for.append(Path(place).name)
            yield record(place)

    def close(self) -> None:
        self.is_closed = True


def record(place: str) -> FilmRecord:
    data = Path(place).read_bytes()
    if data == b"broken":
        return FilmRecord("ff", "It would not.")
    score = float(data)
    grid = np.full((2, 3), score / 1000, np.float16)
    return FilmRecord(
        f"{data.decode():>064}",
        facts={"width": 3, "height": 2, "bits": 8, "view": "PA", "meaningless": False, "warnings": "", "grey_p50": 7},
        scores=[["net", "Mass", score, None], ["ensemble", "Mass", score, None]],
        findings=[["Mass", "net", 1, "called", False, None, 1, 0, [0, 0, 2, 1], 0.25]],
        maps=(Grid("Mass", "net", grid),),
    )


@pytest.fixture
def films(tmp_path) -> list[Path]:
    """Seven films, of which the fourth is broken."""
    return [made(tmp_path, number, b"broken" if number == 4 else None) for number in range(1, 8)]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(archiving, "_FILMS_OF_PART", 2)
    monkeypatch.setattr(store, "_FILMS_OF_BLOCK", 3)


def made(folder: Path, number: int, data: bytes | None = None) -> Path:
    path = folder / f"film{number}.png"
    path.write_bytes(str(number).encode() if data is None else data)
    return path


def asked(detail: str = "maps", *, anonymous: bool = False) -> Asked:
    options = ReviewOptions(Settings(), Display())
    return Asked(None, Choice("clinical"), options, detail, anonymous)  # type: ignore[arg-type]  # nothing is loaded


def found(paths: Sequence[Path], *, anonymous: bool = False) -> FoundFilms:
    films = [Film(path, f"film {number}", None) if anonymous else Film.of(path) for number, path in enumerate(paths, 1)]
    return FoundFilms(tuple(films), anonymous=anonymous)


def run(paths: Sequence[Path], out: Path, engine: Drawn | None = None, **options: object) -> str:
    engine = Drawn() if engine is None else engine
    said = io.StringIO()
    request = asked(**options)
    given = found(paths, anonymous=request.anonymous)
    archive(request, given, out, lambda _: engine, line=TerminalLine(said), errors=said)
    assert engine.is_closed
    return said.getvalue()


def rows(out: Path, name: str, *columns: str) -> list:
    read = pq.read_table(out / f"{name}.parquet", columns=list(columns) or None).to_pydict()
    return list(zip(*read.values(), strict=True)) if len(columns) != 1 else read[columns[0]]


ALL = [f"film{number}" for number in range(1, 8)]
DONE = [name for name in ALL if name != "film4"]


def assert_whole(out: Path) -> None:
    """Assert that the tables have every film once, each with its own rows, and that nothing else is left."""
    assert rows(out, FILMS, "film") == ALL
    assert rows(out, FILMS, "state") == ["failed" if name == "film4" else "done" for name in ALL]
    wanted = []
    for number, name in enumerate(ALL, 1):
        both = [(name, "net", "Mass", float(number), None), (name, "ensemble", "Mass", float(number), None)]
        wanted += [(name, None, None, None, "It would not.")] if name == "film4" else both
    assert rows(out, SCORES) == wanted
    assert rows(out, FINDINGS, "film") == DONE
    assert [(name, grid[0]) for name, grid in rows(out, MAPS, "film", "grid")] == [
        (name, np.float16(int(name[-1]) / 1000)) for name in DONE
    ]
    names = {"archive.json", *(f"{name}.parquet" for name in ARCHIVE_COLUMNS)}
    assert {path.name for path in out.iterdir()} == names


def test_every_film_is_a_row_in_the_order_of_films_and_a_failed_one_says_why(films, tmp_path):
    printed = run(films, tmp_path / "out")

    assert_whole(tmp_path / "out")
    assert rows(tmp_path / "out", FILMS, "reason")[3] == "It would not."
    assert "ensemble-cam: film4.png: It would not.\n" in printed
    assert "6 of 7 films in " in printed
    assert ", 1 failed, " in printed


def test_columns_are_the_contract_s_and_files_say_what_they_are(films, tmp_path):
    run(films, tmp_path / "out")

    for name, columns in ARCHIVE_COLUMNS.items():
        schema = pq.read_schema(tmp_path / "out" / f"{name}.parquet")
        assert tuple(schema.names) == columns
        assert json.loads(schema.metadata[table.METADATA.encode()])["purpose"] == PURPOSE


def test_scores_only_have_no_other_tables(films, tmp_path):
    run(films, tmp_path / "out", detail="scores")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"archive.json", "films.parquet", "scores.parquet"}


@pytest.mark.parametrize("stop", range(8))
def test_what_a_killed_run_finished_is_not_done_again(films, tmp_path, stop):
    out, again = tmp_path / "out", Drawn()
    with pytest.raises(Stop):
        run([*films, made(tmp_path, 8)], out, Drawn(stop=stop))

    run(films, out, again) if stop < 8 else None

    kept = [f"film{number}.png" for number in range(1, stop // 2 * 2 + 1) if number != 4]
    assert again.asked_for == [f"{name}.png" for name in ALL if f"{name}.png" not in kept]
    assert_whole(out)


@pytest.mark.parametrize("call", range(1, 5))
@pytest.mark.parametrize("name", ["os.replace", "os.rename", "shutil.rmtree"])
def test_run_that_is_killed_while_tables_are_put_in_their_place_is_finished_by_the_next(
    films, tmp_path, monkeypatch, name, call
):
    out, calls = tmp_path / "out", []
    module, function = name.split(".")
    real = getattr(getattr(store, module), function)

    def stopping(*arguments, **options):
        calls.append(arguments)
        if len(calls) == call:
            raise Stop
        return real(*arguments, **options)

    run(films[:3], out)  # tables of an earlier run, which must not be lost
    with monkeypatch.context() as patch:
        patch.setattr(getattr(store, module), function, stopping)
        try:
            run(films, out)
        except Stop:
            pass
        else:
            assert len(calls) < call

    run(films, out)

    assert_whole(out)


def test_finished_archive_is_left_alone_and_a_failed_film_is_tried_again(films, tmp_path):
    out, again = tmp_path / "out", Drawn()
    run(films, out)
    assert "6 of them before, 1 failed" in run(films, out, again)
    assert again.asked_for == ["film4.png"]
    assert_whole(out)

    films[3].write_bytes(b"4")
    again = Drawn()
    run(films, out, again)
    assert again.asked_for == ["film4.png"]
    assert rows(out, FILMS, "film", "state") == [(name, "done") for name in ALL]

    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    again = Drawn()
    run(films, out, again)
    assert again.asked_for == []
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before


def test_films_that_come_later_stand_in_their_place(films, tmp_path):
    out, again = tmp_path / "out", Drawn()
    run(films[1::2], out)
    run(films, out, again)
    assert again.asked_for == ["film1.png", "film3.png", "film4.png", "film5.png", "film7.png"]
    assert_whole(out)


def test_film_whose_file_has_changed_is_done_again_under_its_name(films, tmp_path):
    run(films, tmp_path / "out")
    films[0].write_bytes(b"100")
    again = Drawn()
    run(films, tmp_path / "out", again)
    assert again.asked_for == ["film1.png", "film4.png"]
    assert rows(tmp_path / "out", FILMS, "film") == ALL
    assert rows(tmp_path / "out", SCORES, "score")[0] == 100


def test_films_of_one_name_are_told_apart_by_numbers_that_stay(films, tmp_path):
    others = tmp_path / "others"
    others.mkdir()
    second, third = made(others, 1), made(tmp_path / "others", 3)
    out = tmp_path / "out"
    run([films[0], second], out)
    assert rows(out, FILMS, "film") == ["film1", "film1_2"]

    run([second, third, films[0], films[2]], out)

    assert rows(out, FILMS, "film") == ["film1_2", "film3", "film1", "film3_2"]


def test_anonymous_films_are_called_by_their_hashes(films, tmp_path):
    out = tmp_path / "out"
    said = run([*films, made(tmp_path, 9, b"1")], out, anonymous=True)
    names = rows(out, FILMS, "film")
    assert names[:2] == ["0" * 16, "0" * 16 + "_2"]
    written = "".join(str(rows(out, name)) for name in ARCHIVE_COLUMNS)
    assert "film4.png" not in said + written
    assert str(tmp_path) not in said.replace(str(out), "") + written


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"settings": {"top_k": 2}}, r"other settings \(top_k\)\."),
        ({"settings": {"top_k": 1, "detail": "maps"}}, r"other settings \(--scores-only, --maps\)\."),
        ({"classifiers": [{"id": "net"}]}, "other classifiers or weights"),
        ({"software": {"ensemble-cam": "2"}}, "other versions"),
    ],
)
def test_other_settings_in_the_same_folder_are_refused_before_any_film(films, tmp_path, changed, words):
    run(films, tmp_path / "out")
    engine = Drawn({**KEY, **changed})
    with pytest.raises(ConfigError, match=words):
        run(films, tmp_path / "out", engine)
    assert engine.asked_for == []
    assert_whole(tmp_path / "out")


def test_other_films_in_the_same_folder_are_refused(films, tmp_path):
    run(films[:3], tmp_path / "out")
    with pytest.raises(ConfigError, match=r"holds 2 films that this command does not name\. Name them, too, or"):
        run(films[2:], tmp_path / "out")


def test_second_run_at_once_is_refused_and_a_dead_one_holds_nothing(films, tmp_path):
    out = tmp_path / "out"

    class Nosy(Drawn):
        def records(self, places):
            with pytest.raises(ConfigError, match="another run is writing into"):
                run(films, out)
            yield from super().records(places)

    run(films, out, Nosy())

    assert_whole(out)


def test_folder_that_is_no_archive_is_said_to_be_none(films, tmp_path):
    out = tmp_path / "out"
    run(films, out)
    (out / "scores.parquet").write_bytes(b"no table")
    with pytest.raises(ExportError, match="cannot be read or written"):
        run(films, out)


def test_time_of_films_that_failed_is_in_the_rate(tmp_path, monkeypatch):
    paths = [made(tmp_path, number, b"broken" if number % 2 else None) for number in range(1, 9)]
    clock = [0.0]

    class TwoAtOnce(Drawn):
        def records(self, places):
            for number, each in enumerate(super().records(places)):
                clock[0] += 0.999 if number % 2 == 0 else 0.001
                yield each

    monkeypatch.setattr(archiving, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    assert "4 of 8 films in " in (said := run(paths, tmp_path / "out", TwoAtOnce()))
    assert said.endswith(", 4 failed, 1.0 films/s\n")


@pytest.mark.parametrize("error", [KeyboardInterrupt, ClassifierError], ids=["Ctrl-C", "no process starts any more"])
def test_what_is_done_is_kept_where_a_run_comes_to_no_end(error, films, tmp_path):
    class Interrupted(Drawn):
        def records(self, places):
            yield from super().records(places[:5])
            raise error

    said, out = io.StringIO(), tmp_path / "out"
    with pytest.raises(error):
        archive(asked(), found(films), out, lambda _: Interrupted(), line=TerminalLine(said), errors=said)
    is_told = said.getvalue().endswith("What is finished stays; the same command goes on from there.\n")
    assert is_told == (error is KeyboardInterrupt)
    again = Drawn()
    run(films, out, again)
    assert again.asked_for == ["film4.png", "film6.png", "film7.png"]
    assert_whole(out)


def test_nothing_but_blocks_is_held_while_tables_are_put_together(tmp_path, monkeypatch):
    many = [made(tmp_path, number) for number in range(100, 160)]
    most, alive = 0, []
    real = table.BlockReader.block

    def block(self, number):
        nonlocal most
        made_now = real(self, number)
        alive.append(made_now)
        return made_now

    monkeypatch.setattr(table.BlockReader, "block", block)
    run(many, tmp_path / "out")
    # Each block is read once, and in the order of the films.
    assert len(alive) == 30
    assert [each[FILMS]["film"][0].as_py() for each in alive] == [f"film{number}" for number in range(100, 160, 2)]


def test_records_survive_their_way_between_processes():
    given = [
        FilmRecord("ab", facts={"width": 3}, scores=[["net", "Mass", 0.1 + 0.2, None]], findings=[["Mass", None]]),
        FilmRecord(None, "It would not."),
        FilmRecord("cd", maps=(Grid("A", "net", np.arange(6, dtype=np.float16).reshape(2, 3)),) * 2),
    ]
    got = records_of(b"".join(map(bytes, message_of(given))))
    assert got[:2] == given[:2]
    assert [grid.values.tolist() for grid in got[2].maps] == [[[0, 1, 2], [3, 4, 5]]] * 2


def test_unwritable_folder_ends_the_run_with_a_remedy(films, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(store, "_to_disk", refuse)
    with pytest.raises(ExportError, match=r"cannot be written \(No space left on device\)\. Free space; the same"):
        run(films, tmp_path / "out")
