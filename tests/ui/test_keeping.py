"""What of a page is kept in a session's file, and what is not."""

import numpy as np
import pytest

from ensemble_cam.errors import SessionError
from ensemble_cam.film.decoding import decode_apart
from ensemble_cam.readers.lists import forget_film
from ensemble_cam.readers.pixels import has_pixels, keep_pixels, read_pixels
from ensemble_cam.readers.store import NAME, Store
from ensemble_cam.readers.verdicts import Reader, keep_film
from ensemble_cam.settings.pixels import Pixels
from ensemble_cam.ui.session.films import SessionFilms
from ensemble_cam.ui.session.keeping import Keeping, others_done, said_of
from ensemble_cam.ui.session.reading import Reading
from support import films as made

NAMED = {"PatientName": "Zzqname^Planted", "PatientID": "ZZQ-4711", "InstitutionName": "Zzqhospital"}


@pytest.fixture
def here(tmp_path):
    with Store.open(tmp_path) as store:
        yield Keeping(store, True, Reader.named(store, "A"))


@pytest.fixture
def films() -> SessionFilms:
    session = SessionFilms()
    pixels = (made.film(260, 300).astype(np.uint16) * 16).astype(np.uint16)
    session.add("secret.dcm", made.dicom(pixels, bits=12, WindowCenter=1000, WindowWidth=1500, **NAMED))
    session.add("plain.png", made.png(made.film(200, 210)))
    session.add("example.png", made.png(made.film(100, 110)), example=True)
    session.add("broken.png", b"\x89PNG\r\n\x1a\n and no more")
    for film in session.values():
        film.read()
    return session


@pytest.mark.parametrize("asked", [Pixels(), Pixels("windowed"), Pixels(rescale=True), Pixels(negative=True)])
@pytest.mark.parametrize("number", [1, 2])
def test_kept_film_is_the_film(here, films, number, asked):
    here.keep(films)
    film = films[number]
    own = Reading.of(film.data, asked).radiograph
    kept = Reading.of_stored(lambda: read_pixels(here.store, here.rows[number]), film.id.sha256, asked).radiograph
    for name in ("source", "shown", "display", "model"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(own, name))
    assert kept.sha256 == own.sha256
    assert dict(kept.facts) == dict(own.facts)
    assert kept.warnings == own.warnings


def test_readers_own_films_that_can_be_read_are_kept(here, films, tmp_path):
    here.keep(films)
    assert list(here.rows) == [1, 2]
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for word in ("secret", "plain", *NAMED.values()):
        assert word.encode() not in kept


def test_a_film_that_is_removed_leaves_the_file_and_what_was_said_of_it_stays(here, films, tmp_path):
    here.keep(films)
    row = here.rows[1]
    here.reader.open(row)
    films.remove(1)
    here.keep(films)
    assert not has_pixels(here.store, row)
    assert [row["place"] for row in here.store.rows("SELECT place FROM films ORDER BY id")] == [None, 2]
    assert len(here.store.rows("SELECT 1 FROM reads")) == 1


def test_case_number_is_kept(here, films):
    films[2].case = "17"
    here.keep(films)
    assert [row["case_number"] for row in here.store.rows("SELECT case_number FROM films ORDER BY id")] == [None, "17"]
    films[2].case = None
    here.keep(films)
    assert here.store.rows("SELECT case_number FROM films WHERE id = 2")[0]["case_number"] is None


def test_without_a_session_no_pixels_are_held(films):
    store = Store.in_memory()
    here = Keeping(store, False, Reader.named(store, "A"))
    here.keep(films)
    assert store.rows("SELECT 1 FROM pixels") == []


@pytest.mark.parametrize("damage", ["UPDATE pixels SET body = x'00'", "UPDATE pixels SET head = x'7b7d'"])
def test_damaged_pixels_are_a_sentence(damage, tmp_path):
    with Store.open(tmp_path) as store:
        film = keep_film(store, "ab" * 32)
        with pytest.raises(SessionError, match="does not have this film's pixels"):
            read_pixels(store, film)
        keep_pixels(store, film, decode_apart(made.png(made.film(50, 60))))
        with store.write() as file:
            file.execute(damage)
        with pytest.raises(SessionError, match="pixels are damaged"):
            read_pixels(store, film)
        assert "damaged" in Reading.of_stored(lambda: read_pixels(store, film), "ab" * 32, Pixels()).failure
    assert (tmp_path / NAME).exists()


def test_the_list_says_how_many_others_are_done_with_a_film_and_of_films_that_are_one_readers_own_nothing(here, films):
    here.keep(films)
    for name, numbers in (("A", [1]), ("B", [1, 2]), ("C", [1])):
        for number in numbers:
            Reader.named(here.store, name).finish(here.rows[number])
            Reader.named(here.store, name).finish(here.rows[number])
    assert others_done(here) == {1: 2, 2: 1}
    forget_film(here.store, here.rows[2])
    assert others_done(here) == {1: 2}
    assert said_of(here, films[1], 2)["said"] == "✓ done · 2 other readers done"
    assert said_of(here, films[2], 1)["said"] == "1 other reader done"
