"""A session's report: what was read, called and judged, on pages that say no more than was asked for."""

import re

import pypdfium2
import pytest

from ensemble_cam import cli
from ensemble_cam.errors import SessionError
from ensemble_cam.film.decoding import decode_apart
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.readers.pixels import keep_pixels
from ensemble_cam.readers.report import Asked, report_pdf
from ensemble_cam.readers.store import Store
from support import films
from support.sessions import read_by_two


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("session")
    store, reviews = read_by_two(folder, count=9)
    for number in range(8):  # the last one's pixels are not kept
        keep_pixels(store, number + 1, decode_apart(films.png(films.film(seed=number))))
    with store:
        yield folder, store, reviews


def text_of(data: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(data)
    return [" ".join(page.get_textpage().get_text_bounded().split()) for page in document]


def test_every_film_stands_in_it_with_what_was_said(session):
    _, store, reviews = session
    pages = text_of(report_pdf(store, Asked()))
    whole = " ".join(pages)
    assert len(pages) > 1
    for number, review in enumerate(reviews, start=1):
        assert f"Film {number} SHA-256 {review.analysis.radiograph.sha256}" in whole
    assert (
        "9 films, 9 of them with a first read, 9 done; Reader 1, Reader 2; 4 disagreements with the networks." in whole
    )
    assert whole.count("Reader 1, first read: Mass (") == 6
    assert whole.count("Reader 1, first read: nothing") == 3
    assert whole.count("Reader 1, agree: Mass") == 5
    assert whole.count("Reader 1, disagree: Mass") == 4
    assert "Reader 2, missed by the networks: Hernia" in whole
    assert "note on Hernia: =SUM(A1)" in whole
    listed = whole.partition("Where readers disagree with the networks")[2]
    assert re.findall(r"Film (\d) · Mass: called · Reader 1", listed) == ["2", "4", "6", "8"]
    for number, page in enumerate(pages, start=1):
        assert f"page {number} of {len(pages)}" in page
        assert PURPOSE in page


def test_readers_and_times_stand_in_it_only_if_asked_for(session):
    _, store, _ = session
    plain, asked = (" ".join(text_of(report_pdf(store, how))) for how in (Asked(), Asked(named=True, dated=True)))
    assert "UTC" not in plain
    assert "A, first read" not in plain
    assert len(re.findall(r"A, first read, \d{4}-\d\d-\d\d \d\d:\d\d UTC: ", asked)) == 9


def test_one_film_alone_goes_by_its_case_number_or_the_beginning_of_its_hash(session, tmp_path):
    folder, store, reviews = session
    sha256 = reviews[3].analysis.radiograph.sha256
    with store.write() as file:
        file.execute("UPDATE films SET case_number = '12' WHERE sha256 = ?", (sha256,))
    out = tmp_path / "one.pdf"
    command = ["readers", "report", "--session", str(folder), "--out", str(out)]
    assert cli.main([*command, "--film", sha256[:10].upper()]) == 0
    one = report_pdf(store, Asked(film="12"))
    assert one == out.read_bytes()
    (page,) = text_of(one)
    assert "Reading of a film" in page
    assert "1 film, 1 of them with a first read, 1 done; Reader 1; 1 disagreement" in page
    others = {review.analysis.radiograph.sha256 for review in reviews} - {sha256}
    assert sha256 in page
    assert not any(other in page for other in others)
    for name, told in (
        ("13", "no film that was read goes"),
        (sha256[:7], "no film that was read goes"),
        ("", "no film"),
    ):
        with pytest.raises(SessionError, match=told):
            report_pdf(store, Asked(film=name))
    with store.write() as file:
        file.execute("UPDATE films SET case_number = NULL")


def test_same_session_gives_the_same_bytes(session):
    _, store, _ = session
    assert report_pdf(store, Asked()) == report_pdf(store, Asked())


def test_films_stand_in_it_where_their_pixels_are_kept(session):
    _, store, _ = session
    document = pypdfium2.PdfDocument(report_pdf(store, Asked()))
    pictures = sum(len(list(page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE]))) for page in document)
    assert pictures == 8


def test_session_in_which_nothing_was_read_is_said(tmp_path):
    with Store.open(tmp_path) as store, pytest.raises(SessionError, match="Nothing was read in this session"):
        report_pdf(store, Asked())


def test_the_command_writes_it(session, tmp_path, capsys):
    folder, store, _ = session
    out = tmp_path / "out.pdf"
    assert cli.main(["readers", "report", "--session", str(folder), "--out", str(out), "--with-readers"]) == 0
    assert out.read_bytes() == report_pdf(store, Asked(named=True))
    assert capsys.readouterr().out == f"{out}\n"
