"""Whose a film is in a session that several readers share."""

import pytest

from ensemble_cam.film.decoding import decode_apart
from ensemble_cam.readers.lists import films_of, forget_film, number_case, share_film
from ensemble_cam.readers.pixels import has_pixels, keep_pixels
from ensemble_cam.readers.store import Store
from ensemble_cam.readers.verdicts import Reader, keep_film
from support import films

A, B = "a" * 64, "b" * 64


@pytest.fixture(scope="module")
def decoded():
    return decode_apart(films.png(films.film(50, 60)))


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path) as store:
        yield store


def kept(store, sha256, decoded, owner=None) -> int:
    film = keep_film(store, sha256, owner=owner)
    keep_pixels(store, film, decoded)
    return film


def seen(store, reader) -> list[tuple]:
    return [(row["sha256"], bool(row["shared"]), row["case_number"]) for row in films_of(store, reader)]


def test_what_a_reader_opens_is_theirs_until_it_is_shared(store, decoded):
    anna, bert = Reader.named(store, "anna"), Reader.named(store, "bert")
    film = kept(store, A, decoded, anna)
    number_case(store, film, "7", owner=anna)
    assert (seen(store, anna), seen(store, bert), seen(store, None)) == ([(A, False, "7")], [], [])
    share_film(store, film)
    shared = [(A, True, None)]  # her name for it stays hers
    assert (seen(store, anna), seen(store, bert), seen(store, None)) == (shared, shared, shared)


def test_one_file_of_two_readers_is_kept_once_and_neither_learns_of_the_other(store, decoded):
    anna, bert = Reader.named(store, "anna"), Reader.named(store, "bert")
    film = kept(store, A, decoded, anna)
    assert kept(store, A, decoded, bert) == film
    number_case(store, film, "of anna", owner=anna)
    assert seen(store, bert) == [(A, False, None)]
    forget_film(store, film, owner=anna)
    assert (seen(store, anna), seen(store, bert), has_pixels(store, film)) == ([], [(A, False, None)], True)
    forget_film(store, film, owner=bert)
    assert not has_pixels(store, film)


def test_the_work_list_stands_before_ones_own_films_and_keeps_its_order(store, decoded):
    anna = Reader.named(store, "anna")
    kept(store, A, decoded, anna)
    kept(store, B, decoded)
    assert seen(store, anna) == [(B, True, None), (A, False, None)]
    assert kept(store, B, decoded, anna) == 2  # opened again: it is on the work list already
    assert seen(store, anna) == [(B, True, None), (A, False, None)]
    forget_film(store, 2, owner=anna)
    assert has_pixels(store, 2)
    forget_film(store, 2)
    assert (seen(store, anna), has_pixels(store, 2)) == ([(A, False, None)], False)


def test_a_film_without_its_pixels_is_in_no_list(store):
    keep_film(store, A)
    assert seen(store, None) == []
