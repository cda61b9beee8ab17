"""Damaged films end in a film or a sentence, and one that holds its decoder holds nobody else.

Small forms of `benchmarks/hostile.py` and `benchmarks/held_decoder.py`.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import hostile
import numpy as np
import pytest

from ensemble_cam.errors import RadiographError
from ensemble_cam.film import decoding
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.machine.children import Children
from support import films, misbehaving

COUNT = 300


@pytest.fixture(scope="module")
def sources() -> list[hostile.Source]:
    return hostile.sources(scale=0.25)


def test_sources_are_read_and_are_of_every_kind(sources):
    read = [read_radiograph(each.data) for each in sources]
    assert {each.format for each in read} == {"PNG", "JPEG", "TIFF", "BMP", "DICOM"}
    assert {each.bits for each in read} >= {8, 10, 12, 16}
    assert len({each.facts["Transfer syntax"] for each in read if each.format == "DICOM"}) >= 10
    assert all(0 < each.head < len(each.data) for each in sources)


def test_a_damaged_film_depends_on_seed_and_number_alone(sources):
    made = [hostile.film_of(sources, number, seed=5)[1] for number in range(40)]
    again = [hostile.film_of(sources, number, seed=5)[1] for number in reversed(range(40))]
    assert made == again[::-1]
    assert made != [hostile.film_of(sources, number, seed=6)[1] for number in range(40)]
    assert all(data != sources[number % len(sources)].data for number, data in enumerate(made))


@pytest.mark.slow
def test_damaged_films_are_read_or_refused_in_a_sentence_that_quotes_nothing(sources):
    outcome = hostile.read_all(sources, count=COUNT, seed=11)
    assert outcome.others == []
    assert outcome.quoted == []
    assert outcome.read + outcome.refused == COUNT
    assert min(outcome.read, outcome.refused) > COUNT // 10
    assert all(sentence.endswith(".") for sentence in outcome.sentences)


@pytest.mark.parametrize("harm", ["raises", "quotes"])
def test_what_is_looked_for_is_found(sources, monkeypatch, harm):
    def read(data: bytes) -> object:
        if harm == "raises":
            raise KeyError
        raise RadiographError(f"{films.IDENTITY[0]}.")

    monkeypatch.setattr(hostile, "_usual_seconds", lambda data: 1.0)
    monkeypatch.setattr(hostile, "read_radiograph", read)
    outcome = hostile.read_all(sources, count=3, seed=0)
    assert (len(outcome.others), len(outcome.quoted)) == ((3, 0) if harm == "raises" else (0, 3))


@pytest.fixture
def misbehaving_children(monkeypatch) -> Iterator[Children]:
    children = Children(misbehaving.__name__, most=2, seconds=60, most_seconds=60)
    monkeypatch.setattr(decoding, "_children", children)
    yield children
    children.close()


@pytest.mark.slow
def test_a_decoder_that_is_held_holds_nobody_else(misbehaving_children):
    pixels = films.film()
    with ThreadPoolExecutor(1) as thread:
        held = thread.submit(read_radiograph, misbehaving.film_that("holds"))
        for _ in range(5):
            np.testing.assert_array_equal(read_radiograph(films.png(pixels)).source, pixels)
        assert not held.done()
        with pytest.raises(RadiographError, match="took far longer than a film of its size takes"):
            held.result(timeout=60)
