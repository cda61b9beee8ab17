"""Which files of a folder are films, what is said of the others, and what the reviews' folders are called."""

import os
from pathlib import Path

import pytest

from ensemble_cam.archive.films import Film, FoundFilms, find_films, folder_name
from ensemble_cam.errors import ConfigError
from support import films
from support.bad_films import BAD_FILMS

PNG, DICOM = films.png(films.film()), films.dicom(films.film(bits=12), bits=12)
BAD = {name: data for name, data, _ in BAD_FILMS}


def put(folder: Path, name: str, data: bytes = PNG) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def shown(found: FoundFilms) -> list[str]:
    return [film.shown for film in found.films]


def test_own_films_of_a_folder_come_first_and_then_its_subfolders_each_by_name(tmp_path):
    for name in ("b/2.png", "b/1.png", "a/deep/x.dcm", "z.png", "c.jpg"):
        put(tmp_path, name)

    found = find_films([tmp_path])

    assert shown(found) == ["c.jpg", "z.png", "a/deep/x.dcm", "b/1.png", "b/2.png"]
    assert [film.name for film in found.films] == ["c", "z", "x", "1", "2"]
    assert found.left_out == ()
    assert found.left_out_line == ""


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("DICOMDIR", DICOM, "no film by its name"),
        ("dicomdir", b"", "no film by its name"),
        ("AUTORUN.INF", b"[autorun]", "no film by its name"),
        ("Thumbs.db", b"\xd0\xcf\x11\xe0", "no film by its name"),
        ("notes.txt", b"seen, normal", "neither picture nor DICOM"),
        ("report.pdf", b"%PDF-1.7", "neither picture nor DICOM"),
        ("films.zip", b"PK\x03\x04", "neither picture nor DICOM"),
        ("IM0001", b"\0" * 400, "neither picture nor DICOM"),
        ("data", b"\x08\0\x16\0" + b"\x07" * 400, "neither picture nor DICOM"),  # begins as a dataset may, and is none
        ("empty", b"", "neither picture nor DICOM"),
        (".DS_Store", PNG, "hidden"),
        (".git/film.png", PNG, "hidden"),
        ("DIRFILE", b"\0" * 128 + b"DICM\2\0\2\0UI\x14\x001.2.840.10008.1.3.10\0", "a disc's table of contents"),
    ],
)
def test_what_is_no_film_is_left_out_with_its_reason(tmp_path, name, data, why):
    put(tmp_path, "film.png")
    put(tmp_path, name, data)

    found = find_films([tmp_path])

    assert shown(found) == ["film.png"]
    assert found.left_out == ((name.split("/")[0], why),)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("1.2.840.1.15", DICOM),  # named by its UID
        ("IM0001", PNG),
        ("notes.txt", PNG),  # whatever it is called, it begins as a picture
        ("text.png", b"no picture"),  # a film by its name is one that failed, and not to be missed in silence
        ("EMPTY.DCM", b""),
        ("ct", BAD["ct"]),
        ("IM0001", DICOM[132:]),  # DICOM without preamble
        ("IM0001", DICOM[len(films.with_dataset(DICOM, b"")) :]),  # and without meta information
        ("scan.gif", BAD["gif"]),
    ],
)
def test_what_is_a_film_by_name_or_by_its_first_bytes_is_tried(tmp_path, name, data):
    put(tmp_path, name, data)
    assert shown(find_films([tmp_path])) == [name]


def test_file_that_is_named_is_always_tried(tmp_path):
    given = [put(tmp_path, name, b"x") for name in ("DICOMDIR", ".hidden", "notes.txt")]
    assert shown(find_films(given)) == ["DICOMDIR", ".hidden", "notes.txt"]


def test_links_to_folders_are_not_followed_unless_they_are_named_and_links_to_nothing_are_left_out(tmp_path):
    put(tmp_path, "a/film.png")
    try:
        (tmp_path / "a" / "loop").symlink_to(tmp_path / "a")
        (tmp_path / "a" / "nothing.png").symlink_to(tmp_path / "absent")
        (tmp_path / "a" / "other.png").symlink_to(tmp_path / "a" / "film.png")
    except OSError:
        pytest.skip("this system makes no links here")

    assert shown(find_films([tmp_path / "a" / "loop"])) == ["film.png", "other.png"]
    assert find_films([tmp_path]).left_out == (
        ("a/nothing.png", "no file to open"),
        ("a/loop", "a link to a folder, which is not followed"),
    )


def test_reviews_and_the_output_folder_are_no_films(tmp_path):
    put(tmp_path, "film.png")
    put(tmp_path, "out/fresh.png")
    put(tmp_path, "film/review.png")
    put(tmp_path, "film/review.json", b"{}")

    found = find_films([tmp_path], out=tmp_path / "sub" / ".." / "out")
    assert shown(found) == ["film.png", "out/fresh.png"]  # a folder that is not there yet is none of its folders
    found = find_films([tmp_path], out=tmp_path / "out")
    assert shown(found) == ["film.png"]
    assert found.left_out == (("film", "reviews"), ("out", "reviews"))


def test_masks_of_phantoms_are_left_out_beside_their_truth(tmp_path):
    for name in ("phantom_000.png", "phantom_000_Effusion.png", "phantom_001_Mass.png"):
        put(tmp_path, name)
    put(tmp_path, "phantom_000.json", b"{}")
    assert shown(find_films([tmp_path])) == ["phantom_000.png", "phantom_001_Mass.png"]


def test_left_out_files_are_counted_and_the_first_of_each_reason_named(tmp_path):
    for name in ("film.png", "1.txt", "2.txt", "3.txt", "4.txt", "5.txt", "DICOMDIR"):
        put(tmp_path, name, PNG if name == "film.png" else b"x")
    line = "6 left out (neither picture nor DICOM: 1.txt, 2.txt, 3.txt and 2 more; no film by its name: DICOMDIR)"
    assert find_films([tmp_path]).left_out_line == line


def test_subfolder_that_may_not_be_read_is_told_of_and_costs_the_others_nothing(tmp_path, monkeypatch):
    put(tmp_path, "a/film.png")
    put(tmp_path, "b/film.png")
    # Asked of the system, as nothing is forbidden to root.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "a")
    found = find_films([tmp_path])
    assert shown(found) == ["b/film.png"]
    assert found.left_out_line == "1 left out (a folder that may not be read: a)"


@pytest.mark.parametrize(
    ("file", "folder"),
    [
        ("film.png", "film"),
        ("Film.JPEG", "Film"),
        ("film.tar.dicom", "film.tar"),
        ("film.dic", "film"),
        ("film.png.png", "film.png"),
        ("1.2.840.1.15", "1.2.840.1.15"),
        ("1.2.840.1.15.dcm", "1.2.840.1.15"),
        ("Müller v2.1", "Müller v2.1"),
        ("film.txt", "film.txt"),
        ("film. .png", "film"),
        ("..png", "film"),
        ("...", "film"),
        ("CON.dcm", "CON_"),
        ("lpt1.2.dcm", "lpt1.2_"),
        ("console.dcm", "console"),
    ],
)
def test_folder_has_the_files_name_without_a_known_ending_and_is_one_on_every_system(file, folder):
    assert folder_name(file) == folder


def test_two_dicoms_of_a_series_named_by_uid_have_folders_of_their_own():
    assert folder_name("1.2.840.1.15") != folder_name("1.2.840.1.16")


@pytest.mark.skipif(os.name == "nt", reason="no file has such a name there")
def test_a_films_name_is_shown_with_its_control_characters_escaped_and_its_folder_has_them(tmp_path):
    name = "a\nb\x1b[2J\u202e\\x1b"
    put(tmp_path, f"{name}.png")
    (film,) = find_films([tmp_path]).films
    assert (film.shown, film.name) == (r"a\nb\x1b[2J\u202e\\x1b.png", name)


def test_anonymous_films_are_called_by_their_numbers_and_nothing_that_is_left_out_is_named(tmp_path):
    for name in ("ZZ1.png", "ZZ2.png", "ZZ.txt", ".ZZ", "ZZ.doc"):
        put(tmp_path, name, PNG if name.endswith(".png") else b"x")
    found = find_films([tmp_path, tmp_path / "ZZ1.png"], anonymous=True)
    assert [(film.shown, film.name) for film in found.films] == [("film 1", None), ("film 2", None), ("film 3", None)]
    assert found.left_out_line == "3 left out (hidden: 1; neither picture nor DICOM: 2)"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("ZZ.png", "ZZabsent"), r"^path 2 of 2: there is no such file or folder\. Check the path\.$"),
        (("ZZnone", "ZZ.png", "ZZabsent"), r"^path 1 of 3, path 3 of 3: there is no such"),
        (("ZZ.png", "ZZempty"), r"^path 2 of 2: the folder holds no files\."),
        (("ZZtexts",), r"^path 1 of 1: the folder holds no film, 1 left out \(neither picture nor DICOM: 1\)\."),
    ],
)
def test_no_name_is_in_what_is_said_of_paths_either_where_films_are_anonymous(tmp_path, given, message):
    put(tmp_path, "ZZ.png")
    put(tmp_path, "ZZtexts/ZZ.txt", b"x")
    (tmp_path / "ZZempty").mkdir()
    with pytest.raises(ConfigError, match=message):
        find_films([tmp_path / name for name in given], anonymous=True)


@pytest.mark.parametrize(("anonymous", "called"), [(False, "ZZdeep"), (True, "path 1 of 1")])
def test_folder_that_cannot_be_read_is_said_by_its_name_unless_films_are_anonymous(
    tmp_path, monkeypatch, anonymous, called
):
    put(tmp_path, "ZZ/ZZdeep/ZZ.png")
    real = Path.iterdir

    def listed(folder: Path):
        if folder.name == "ZZdeep":
            raise OSError(5, "Input/output error", str(folder))
        return real(folder)

    monkeypatch.setattr(Path, "iterdir", listed)
    with pytest.raises(ConfigError, match=rf"^{called}: the folder cannot be read \(Input/output error\)\."):
        find_films([tmp_path / "ZZ"], anonymous=anonymous)


def test_case_names_one_film_and_numbers_several(tmp_path):
    given = [put(tmp_path, name) for name in ("a.png", "b.png")]

    (one,) = find_films(given[:1]).as_case("17 b.2").films
    assert one == Film(given[0], "a.png", "17 b.2", "17 b.2")
    assert [film.name for film in find_films(given).as_case("17").films] == ["17_1", "17_2"]


@pytest.mark.parametrize(
    "case", ["", " ", ".", "..", "a/b", "a\\b", "a\n", "-a", ".a", "a.", "a ", "a:b", "CON", "nul.1", "x" * 65]
)
def test_case_that_is_no_folder_on_some_system_is_refused(tmp_path, case):
    with pytest.raises(ConfigError, match="--case: got"):
        find_films([put(tmp_path, "a.png")]).as_case(case)
