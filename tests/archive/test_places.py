"""Where an archive's films lie: folders, patterns, lists and object stores, each film once."""

from pathlib import Path

import pytest

from ensemble_cam.archive import places
from ensemble_cam.archive.films import Film
from ensemble_cam.archive.places import find_places, known_by, read_place
from ensemble_cam.errors import ConfigError, RadiographError
from support import films

FILM = films.png(films.film())


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    for name in ("a.png", "b.dcm", "deep/c.png", "deep/deeper/a.png"):
        path = tmp_path / "films" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(FILM)
    (tmp_path / "films" / "notes.txt").write_text("no film")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shown(*given: str, **options) -> list[str]:
    return [film.shown for film in find_places(given, **options).films]


def test_folders_files_and_patterns_come_in_their_order_and_each_film_once(folder):
    found = find_places(["films/deep/c.png", "films/**/*.png", "films"])
    assert [Path(film.place).relative_to(folder / "films").as_posix() for film in found.films] == [
        "deep/c.png",
        "a.png",
        "deep/deeper/a.png",
        "b.dcm",
    ]
    assert ("notes.txt", "neither picture nor DICOM") in found.left_out
    assert [why for _, why in found.left_out].count("given twice") == 4


def test_file_whose_name_looks_like_a_pattern_is_that_file(folder):
    (folder / "odd[1].png").write_bytes(FILM)
    assert shown("odd[1].png") == ["odd[1].png"]


def test_list_names_films_from_its_own_folder_and_keeps_those_that_are_not_there(folder):
    listed = folder / "films" / "list.csv"
    listed.write_text("label,file\n1,a.png\n0,deep/c.png\n1,\n0,absent.png\n1,memory://store/d.png\n", "utf-8-sig")
    found = find_places([str(listed)])
    assert [film.shown for film in found.films] == ["a.png", "c.png", "absent.png", "d.png"]
    assert found.films[1].place == str(folder / "films" / "deep" / "c.png")
    assert found.films[3].place == "memory://store/d.png"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("label,path\n1,a.png\n", r"list\.csv: the list has no column 'file'\. Name the column of paths so\."),
        ("file\n", r"list\.csv: the list names no films\. Fill its column 'file'\."),
        ("file\n\xff".encode("latin-1"), r"list\.csv: the list cannot be read\. Save it as CSV in UTF-8\."),
    ],
)
def test_list_that_names_nothing_is_refused(folder, text, words):
    Path("list.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError, match=words):
        find_places(["list.csv"])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("films/*.bmp", r"films/\*\.bmp: no file matches this pattern\. Check the path\."),
        ("absent.png", r"absent\.png: there is no such file or folder\. Check the path\."),
        ("memory://nowhere/at/all", r"memory://nowhere/at/all: there is no film at this address\. Check it\."),
        ("nonsense://bucket", r"nonsense://bucket: the store cannot be read\. Check the address and your access\."),
    ],
)
def test_what_is_not_there_is_one_sentence_and_hidden_where_names_are(folder, given, words):
    with pytest.raises(ConfigError, match=words):
        find_places(["films", given])
    with pytest.raises(ConfigError) as refused:
        find_places(["films", given], anonymous=True)
    assert str(refused.value).startswith("path 2 of 2: ")


def test_anonymous_films_are_numbered_over_all_that_was_given(folder):
    assert shown("films/deep", "films/a.png", anonymous=True) == ["film 1", "film 2", "film 3"]


@pytest.fixture
def store():
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    for name in ("films/a.png", "films/deep/1.2.840.9", "films/notes.txt"):
        system.pipe(f"/store/{name}", FILM)
    yield system
    system.rm("/store", recursive=True)


def test_object_store_gives_its_films_and_their_bytes(store):
    found = find_places(["memory://store/films"])
    assert [film.shown for film in found.films] == ["a.png", "1.2.840.9"]
    assert found.left_out == (("notes.txt", "no film by its name"),)
    assert read_place(found.films[1].place) == FILM
    assert shown("memory://store/films/*.png") == ["a.png"]
    assert shown("memory://store/films/notes.txt") == ["notes.txt"]


def test_object_that_has_gone_is_a_sentence_without_its_address(store):
    with pytest.raises(RadiographError) as refused:
        read_place("memory://store/films/absent.png")
    assert str(refused.value) == "The file cannot be had from its store. Check its address and your access."


def test_without_fsspec_an_address_is_refused_with_the_remedy(monkeypatch):
    monkeypatch.setattr(places, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"s3://bucket/films: object stores are read by fsspec, which is not inst"):
        find_places(["s3://bucket/films"])


def test_file_is_known_by_place_size_and_time_and_by_no_part_of_its_name(folder):
    film = Film.of(Path("films/a.png"))
    before = known_by(film)
    assert known_by(Film.of(folder / "films" / "a.png")) == before
    assert known_by(Film.of(Path("films/b.dcm"))).partition(":")[0] != before.partition(":")[0]
    film.path.write_bytes(FILM + b"\0")
    assert known_by(film).partition(":")[0] == before.partition(":")[0]
    assert known_by(film) != before
    assert known_by(Film.of(Path("absent.png"))).endswith(":")


def test_object_is_known_by_its_address_and_size(store):
    (first, second) = find_places(["memory://store/films"]).films
    before = known_by(first)
    assert known_by(second) != before
    store.pipe("/store/films/a.png", FILM + b"\0")
    assert known_by(first) != before
