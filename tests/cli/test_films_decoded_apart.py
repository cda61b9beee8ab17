"""A film that harms its decoder is one line of a review; the other films are reviewed."""

import json
from collections.abc import Iterator

import pytest

from ensemble_cam.cli import main
from ensemble_cam.cli.exit_codes import FILMS
from ensemble_cam.film import decoding
from ensemble_cam.machine.children import Children
from support import films, misbehaving


@pytest.fixture(autouse=True)
def children(monkeypatch) -> Iterator[Children]:
    pool = Children(misbehaving.__name__, most=2, seconds=60, most_seconds=60)
    monkeypatch.setattr(decoding, "_children", pool)
    yield pool
    pool.close()


def test_films_that_harm_their_decoder_are_a_line_each_and_the_others_are_reviewed(tmp_path, capfd):
    given = {
        "a.png": films.phantom_png(films.film(seed=1)),
        "b.png": misbehaving.film_that("crashes"),
        "c.png": misbehaving.film_that("raises"),
        "d.png": misbehaving.film_that("spins"),
        "e.png": films.phantom_png(films.film(seed=2)),
    }
    for name, data in given.items():
        (tmp_path / name).write_bytes(data)
    out = tmp_path / "out"
    paths = [str(tmp_path / name) for name in given]
    assert main(["review", *paths, "--out", str(out), "--set", "teaching", "--top-k", "1", "--quiet"]) == FILMS
    assert {path.name for path in out.iterdir()} == {"a", "e"}
    assert all(json.loads((out / name / "review.json").read_text())["findings"] for name in ("a", "e"))
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 3
    for line, name, words in zip(lines, "bcd", ("made its decoder crash", "not made for", "far longer"), strict=True):
        assert f"{name}.png" in line
        assert words in line
        assert "ZZ" not in line


def test_the_first_decoder_is_started_for_the_first_film_and_not_for_wrong_usage(tmp_path, monkeypatch, capfd):
    started = []
    monkeypatch.setattr(decoding, "start", lambda first: started.append(first))
    film = tmp_path / "film.png"
    film.write_bytes(films.png(films.film()))
    assert main(["review", str(tmp_path / "no.png"), "--out", str(tmp_path / "out"), "--set", "teaching"]) == 2
    assert not started
    assert main(["review", str(film), "--out", str(tmp_path / "out"), "--set", "teaching", "--top-k", "1"]) == 0
    assert started == [film]
