"""A work list made of films and of what `review` and `archive` said of them."""

import json

import pytest

from ensemble_cam import cli
from ensemble_cam.errors import ConfigError
from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import film_bytes
from ensemble_cam.readers.store import Store
from ensemble_cam.readers.work_list import Known, Order, arranged, known_films

SEEDS = (3, 14, 15)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Films, and what the teaching set's networks said of them by both commands."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "films").mkdir()
    for seed in SEEDS:
        film = film_bytes(draw_phantom(seed, size=300, difficulty=0.9 if seed > 3 else 0.1))
        (folder / "films" / f"{seed}.png").write_bytes(film)
    films = str(folder / "films")
    assert cli.main(["review", films, "--set", "teaching", "--quiet", "--out", str(folder / "reviews")]) == 0
    assert cli.main(["archive", films, "--set", "teaching", "--out", str(folder / "archive"), "--workers", "1"]) == 0
    return folder


def test_films_are_arranged_by_what_is_known_and_those_of_which_nothing_is_come_last():
    known = {"a": Known(1, 3, 0.9), "b": Known(3, 0, None), "c": Known(3, 1, 0.2)}
    films = ["x", "a", "b", "a", "c", "y"]
    assert arranged(films, known, Order.GIVEN) == ["x", "a", "b", "c", "y"]
    assert arranged(films, known, Order.SPLIT) == ["b", "c", "a", "x", "y"]
    assert arranged(films, known, Order.OVERLAP) == ["c", "a", "b", "x", "y"]
    assert arranged(films, known, Order.CALLED, 2) == ["a", "c"]


def test_reviews_and_tables_say_the_same_of_what_both_explain(folder):
    reviews, archive = known_films(folder / "reviews"), known_films(folder / "archive")
    assert set(reviews) == set(archive)
    assert len(reviews) == len(SEEDS)
    for path in (folder / "reviews").glob("*/review.json"):
        record = json.loads(path.read_text())
        said = reviews[record["input"]["sha256"]]
        assert said.called == sum(each["call"] == "called" for each in record["findings"])
        assert said.split == sum(each["split"] for each in record["findings"])
        # A review explains the first findings alone.
        assert archive[record["input"]["sha256"]].split >= said.split
    assert any(each.called for each in archive.values())


@pytest.mark.parametrize("of", ["reviews", "archive"])
def test_films_come_on_the_work_list_in_the_order_that_was_asked_for(folder, of, tmp_path, capsys):
    words = ["readers", "list", str(folder / "films"), "--session", str(tmp_path / "session")]
    assert cli.main([*words, "--known", str(folder / of), "--order", "called", "--most", "2"]) == 0
    known = known_films(folder / of)
    with Store.open(tmp_path / "session") as store:
        rows = store.rows("SELECT sha256, path FROM films JOIN pixels ON film = id WHERE place NOT NULL ORDER BY place")
    called = [known[row["sha256"]].called for row in rows]
    assert called == sorted((each.called for each in known.values()), reverse=True)[:2]
    assert {row["path"] for row in rows} == {None}
    assert "2 of 2 on the list" in capsys.readouterr().out


def test_a_film_that_cannot_be_read_costs_itself_alone(folder, tmp_path, capsys):
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.png").write_bytes((folder / "films" / "3.png").read_bytes()[:500])
    (tmp_path / "films" / "b.png").write_bytes((folder / "films" / "3.png").read_bytes())
    assert cli.main(["readers", "list", str(tmp_path / "films"), "--session", str(tmp_path / "s")]) == 3
    assert "a.png: " in capsys.readouterr().err
    with Store.open(tmp_path / "s") as store:
        assert [store.rows(f"SELECT count(*) FROM {table}")[0][0] for table in ("films", "pixels")] == [1, 1]


def test_what_was_not_written_by_either_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="neither `review` nor `archive` has written there"):
        known_films(tmp_path)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "review.json").write_text("[]")
    with pytest.raises(ConfigError, match=r"one/review\.json: this is no review"):
        known_films(tmp_path)
    (tmp_path / "films.parquet").write_text("no")
    with pytest.raises(ConfigError, match="the archive's tables cannot be read"):
        known_films(tmp_path)
