"""What goes wrong between this machine and an archive, a line each, without a word of whom it was about."""

import gzip
import json
import logging
import re
import threading
from pathlib import Path

import pytest

from ensemble_cam import cli
from ensemble_cam.pacs import access, dicomweb
from ensemble_cam.pacs import fetch as fetching
from support.archives import FakeArchive, fake_archive, free_port, sop_uid
from support.dicom_films import PLANTED, computed_radiography, objects, spot, with_header

STUDY = "1.2.3.4.5.2"


@pytest.fixture
def film() -> bytes:
    return computed_radiography(spot(), **PLANTED)


@pytest.fixture(scope="module")
def report() -> bytes:
    film = computed_radiography(spot(), **PLANTED)
    return objects(film, kinds=("sr",))[0]["report_sr.dcm"]


@pytest.fixture
def result(tmp_path, report) -> Path:
    path = tmp_path / "report_sr.dcm"
    path.write_bytes(report)
    return path


def pacs(action: str, archive: FakeArchive | str, *arguments: object) -> int:
    url = archive if isinstance(archive, str) else archive.url
    return cli.main(["pacs", action, "--url", url, *map(str, arguments)])


def test_an_archive_that_is_away_is_a_line_at_once(capsys):
    assert pacs("find", f"http://127.0.0.1:{free_port()}/dicom-web", "--patient-id", "ZZ4711") == 3
    assert "cannot be reached" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "does not take the token or password"), (403, "does not allow"), (404, "nothing there"), (500, "HTTP 500")],
)
def test_a_refusal_is_a_line_with_its_remedy_and_nothing_of_the_query(status, words, result, capsys, caplog):
    with fake_archive(status=status) as archive, caplog.at_level(logging.DEBUG):
        assert pacs("find", archive, "--patient-id", "ZZ4711") == 3
        assert pacs("fetch", archive, "--study", STUDY, "--out", result.parent / "films") == 3
    told = capsys.readouterr()
    assert told.err.count(words) == 2
    assert "ZZ" not in told.out + told.err + caplog.text


def test_whoever_is_not_let_in_stores_nothing(result, capsys):
    with fake_archive(status=401) as archive:
        assert pacs("send", archive, result) == 3
    assert "report_sr.dcm: not stored." in capsys.readouterr().err


def test_another_address_is_not_followed_with_what_is_meant_for_the_archive(capsys, monkeypatch):
    monkeypatch.setenv(access.TOKEN, "ZZTOKEN")
    with fake_archive(status=302) as archive:
        assert pacs("find", archive, "--patient-id", "1") == 3
        assert len(archive.asked) == 1
    assert "points to another address" in capsys.readouterr().err


def test_a_token_and_a_password_go_in_the_head_and_nowhere_else(monkeypatch, capsys, caplog):
    monkeypatch.setenv(access.TOKEN, "ZZTOKEN")
    with fake_archive() as archive, caplog.at_level(logging.DEBUG):
        assert pacs("find", archive, "--patient-id", "1") == 0
        monkeypatch.delenv(access.TOKEN)
        monkeypatch.setenv(access.USER, "Jörg")
        monkeypatch.setenv(access.PASSWORD, "ZZWORD")
        assert pacs("find", archive, "--patient-id", "1") == 0
    heads = [headers["Authorization"] for _, _, headers in archive.asked]
    assert heads == ["Bearer ZZTOKEN", "Basic SsO2cmc6WlpXT1JE"]
    assert "ZZ" not in caplog.text + "".join(capsys.readouterr())
    assert {headers["Host"] for _, _, headers in archive.asked} == {archive.url.split("/")[2]}


def test_stored_that_is_not_there_is_not_said_to_be_stored(result, capsys):
    with fake_archive(drops=True) as archive:
        assert pacs("send", archive, result) == 3
    told = capsys.readouterr()
    assert "the archive said that it stored it, and it cannot be read back" in told.err
    assert ": stored" not in told.out


def test_stored_as_something_else_is_not_said_to_be_stored(result, capsys):
    with fake_archive(keeps=lambda data: data.replace(b"not called", b"not callED")) as archive:
        assert pacs("send", archive, result) == 3
    assert "another object under this UID" in capsys.readouterr().err


def test_what_an_archive_may_put_right_is_stored(result, capsys):
    def coerced(data: bytes) -> bytes:
        return with_header(data, PatientName="Corrected^Name", PatientID="NEW-1", InstitutionName="Added")

    with fake_archive(keeps=coerced) as archive:
        assert pacs("send", archive, result) == 0
    assert "report_sr.dcm: stored" in capsys.readouterr().out


def test_a_conflict_is_a_line_with_its_reason_and_what_is_there_all_the_same_is_stored(result, capsys):
    with fake_archive(store_status=409, drops=True) as archive:
        assert pacs("send", archive, result) == 3
    assert "report_sr.dcm: not stored: refused with reason 272." in capsys.readouterr().err
    with fake_archive(store_status=409) as archive:
        assert pacs("send", archive, result) == 0


def test_of_a_batch_with_one_that_is_refused_the_others_are_stored(tmp_path, report, capsys):
    film = computed_radiography(spot())
    others = objects(film, kinds=("sr", "seg"))[0]
    for name, data in (others | {"z_sr.dcm": report}).items():
        (tmp_path / name).write_bytes(data)
    bad = sop_uid(others["report_sr.dcm"])

    def kept(data: bytes) -> bytes:
        return b"" if sop_uid(data) == bad else data

    with fake_archive(keeps=kept) as archive:
        assert pacs("send", archive, tmp_path) == 3
    told = capsys.readouterr()
    assert told.out.count(": stored") == 2
    assert told.err.count("not stored") == 1
    assert "report_sr.dcm: not stored" in told.err


def test_of_several_films_results_each_line_says_whose_it_is(tmp_path, report, capsys):
    other = objects(computed_radiography(spot(), SOPInstanceUID="1.2.3.77"), kinds=("sr",))[0]["report_sr.dcm"]
    for name, data in (("one", report), ("two", other)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "report_sr.dcm").write_bytes(data)
    with fake_archive() as archive:
        assert pacs("send", archive, tmp_path) == 0
    told = capsys.readouterr().out
    assert "one/report_sr.dcm: stored" in told
    assert "two/report_sr.dcm: stored" in told


def test_nothing_but_objects_of_this_program_is_sent(tmp_path, film, capsys):
    (tmp_path / "film.dcm").write_bytes(film)
    (tmp_path / "text.dcm").write_bytes(b"no DICOM")
    with fake_archive() as archive:
        for name in ("film.dcm", "text.dcm", "absent.dcm"):
            assert pacs("send", archive, tmp_path / name) == 2
        assert archive.asked == []
    assert capsys.readouterr().err.count("nothing else is sent") == 2


@pytest.mark.parametrize(
    "query", [[], ["--patient-id", ""], ["--patient-id", "*"], ["--patientid", "1"], ["--date", "yesterday"]]
)
def test_an_empty_or_misspelt_query_ends_with_2_before_anything_is_asked(query, capsys):
    with fake_archive() as archive:
        try:
            code = pacs("find", archive, *query)
        except SystemExit as stop:
            code = stop.code
        assert code == 2
        assert archive.asked == []
    assert capsys.readouterr().err.startswith("ensemble-cam: ")


@pytest.mark.parametrize("url", ["nonsense", "https://u:p@pacs.example/", "ftp://pacs.example/"])
def test_an_address_that_is_none_ends_with_2(url, capsys):
    assert pacs("find", url, "--patient-id", "1") == 2
    assert "--url" in capsys.readouterr().err


def test_what_answers_and_is_no_archive_is_a_line(capsys):
    for answer in ({"no": "list"}, ["no", "records"]):
        with fake_archive(studies=answer) as archive:
            code = pacs("find", archive, "--patient-id", "1")
            told = capsys.readouterr()
            assert (code == 3 and "none of DICOMweb" in told.err) or (code == 0 and "no date" in told.out)


def a_study(number: int) -> dict:
    return {"0020000D": {"vr": "UI", "Value": [f"1.2.{number}"]}, "00080020": {"vr": "DA", "Value": ["20260102"]}}


def page_of(path: str, most: int) -> list[dict]:
    offset = re.search(r"offset=(\d+)", path)
    first = int(offset[1]) if offset else 0
    return [a_study(number) for number in range(first, min(first + most, 25))]


@pytest.mark.parametrize("most", [10, 20, 25, 1000])
def test_an_archive_that_gives_less_at_once_than_it_has_is_asked_for_the_rest(most, capsys):
    with fake_archive(says=lambda path: (200, {}, json.dumps(page_of(path, most)).encode())) as archive:
        assert pacs("find", archive, "--modality", "CR", "--json") == 0
    uids = [json.loads(line)["study"] for line in capsys.readouterr().out.splitlines()]
    assert uids == [f"1.2.{number}" for number in range(25)]


@pytest.mark.parametrize("beyond", [200, 204, 400, 404, 416])
def test_an_archive_that_knows_no_offset_is_not_asked_for_ever(beyond, capsys):
    def says(path):
        whole = json.dumps([a_study(number) for number in range(25)]).encode()
        return (beyond, {}, b"" if beyond == 204 else whole) if "offset" in path else (200, {}, whole)

    with fake_archive(says=says) as archive:
        assert pacs("find", archive, "--modality", "CR", "--json") == 0
    assert len(capsys.readouterr().out.splitlines()) == 25
    assert len(archive.asked) == 2


def test_an_archive_that_goes_away_between_two_pages_is_an_error_and_no_shorter_list(capsys):
    with fake_archive(
        says=lambda path: (503 if "offset" in path else 200, {}, json.dumps(page_of(path, 10)).encode())
    ) as archive:
        assert pacs("find", archive, "--modality", "CR") == 3
    told = capsys.readouterr()
    assert "too much to do (HTTP 503)" in told.err
    assert told.out == ""


@pytest.mark.parametrize(
    "odd",
    [{"0020000D": "1.2.99"}, {"0020000D": {"vr": "UI"}}, {"0020000D": {"vr": "UI", "Value": [None]}}, {}],
    ids=["bare", "empty", "null", "nothing"],
)
def test_a_record_without_a_uid_is_left_out_and_one_with_odd_values_is_not(odd, capsys):
    strange = a_study(7) | {"00080061": "CR", "00100010": {"Value": ["ZZ"]}, "00201208": {"Value": {"ZZ": 1}}}
    with fake_archive(studies=[odd, strange]) as archive:
        assert pacs("find", archive, "--modality", "CR", "--json") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["study"] == "1.2.7"


@pytest.mark.parametrize("kind", ["text/html", "application/dicom+json"])
def test_the_page_of_a_login_in_place_of_an_answer_is_a_line(kind, film, tmp_path, capsys):
    with fake_archive(says=lambda path: (200, {"Content-Type": kind}, b"<html>ZZ log in</html>")) as archive:
        assert pacs("find", archive, "--modality", "CR") == 3
        assert pacs("fetch", archive, "--study", STUDY, "--out", tmp_path / "films") == 3
    told = capsys.readouterr()
    assert told.err.count("none of DICOMweb") == 2
    assert "ZZ" not in told.err + told.out


def parted(film: bytes, boundary: str, before: bytes = b"") -> bytes:
    mark = f"--{boundary}".encode()
    return before + mark + b"\r\nContent-Type: application/dicom\r\n\r\n" + film + b"\r\n" + mark + b"--\r\n"


@pytest.mark.parametrize(
    ("kind", "boundary", "before"),
    [
        ("multipart/related; boundary=b1", "b1", b"A word first.\r\n\r\nAnd another.\r\n"),
        ("multipart/related; boundary=b1", "b1", b"\r\n\r\n"),
        ('Multipart/Related; Boundary="a b\'()+_,-./:=?"; type="application/dicom"', "a b'()+_,-./:=?", b""),
        ('multipart/related;type="application/dicom";boundary=----=_P.1;start="<1>"', "----=_P.1", b""),
    ],
    ids=["preamble", "empty lines", "odd letters", "dashes"],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_film_comes_whole_in_a_message_of_any_form(kind, boundary, before, packed, film, tmp_path):
    body, head = parted(film, boundary, before), {"Content-Type": kind}
    if packed:
        body, head = gzip.compress(body), head | {"Content-Encoding": "gzip"}
    says = lambda path: (200, dict(head), body) if path.endswith(sop_uid(film)) else None  # noqa: E731
    with fake_archive(stored={sop_uid(film): film}, says=says) as archive:
        assert pacs("fetch", archive, "--study", STUDY, "--out", tmp_path / "films") == 0
    assert (tmp_path / "films" / f"{sop_uid(film)}.dcm").read_bytes() == film


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [(206, b"first half", "broke off"), (204, b"", "holds no DICOM object"), (429, b"", "too much to do (HTTP 429)")],
)
def test_what_is_no_whole_film_is_none(status, body, words, film, tmp_path, capsys):
    kind = {"Content-Type": "application/dicom"} if body else {"Content-Type": "text/plain"}
    says = lambda path: (status, dict(kind), body) if path.endswith(sop_uid(film)) else None  # noqa: E731
    with fake_archive(stored={sop_uid(film): film}, says=says) as archive:
        assert pacs("fetch", archive, "--study", STUDY, "--out", tmp_path / "films") == 3
    assert words in capsys.readouterr().err
    assert list((tmp_path / "films").glob("*.dcm")) == []


def test_a_result_that_is_too_large_for_the_archive_is_said_to_be(result, capsys):
    with fake_archive(store_status=413) as archive:
        assert pacs("send", archive, result) == 3
    assert "not stored: refused as too large (HTTP 413)" in capsys.readouterr().err


def test_an_archive_that_has_too_much_to_do_has_refused_nothing(result, capsys):
    with fake_archive(status=429) as archive:
        assert pacs("send", archive, result) == 3
    told = capsys.readouterr()
    assert "Ask again later" in told.err + told.out
    assert "refused" not in told.err + told.out


def test_a_film_comes_whole_by_either_form_of_an_answer(film, tmp_path):
    for number, form in enumerate(({}, {"single": True})):
        with fake_archive(stored={sop_uid(film): film}, **form) as archive:
            assert pacs("fetch", archive, "--study", STUDY, "--out", tmp_path / str(number)) == 0
        assert (tmp_path / str(number) / f"{sop_uid(film)}.dcm").read_bytes() == film


@pytest.mark.parametrize("without_length", [False, True])
@pytest.mark.parametrize("after", [10, 60, 5000])
def test_a_transfer_that_breaks_off_leaves_no_film_and_the_same_command_fetches_it(
    after, without_length, film, tmp_path, capsys
):
    stored = {sop_uid(film): film}
    out = tmp_path / "films"
    with fake_archive(stored=stored, breaks_after=after, breaks_without_length=without_length) as archive:
        assert pacs("fetch", archive, "--study", STUDY, "--out", out) == 3
        assert list(out.iterdir()) == []
        archive.breaks_after, archive.breaks_without_length = None, False
        assert pacs("fetch", archive, "--study", STUDY, "--out", out) == 0
        assert [path.read_bytes() for path in out.iterdir()] == [film]
    assert "broke off" in capsys.readouterr().err


def test_a_transfer_that_stands_still_is_given_up_and_one_that_pauses_is_not(film, tmp_path, capsys, monkeypatch):
    out = tmp_path / "films"
    with fake_archive(stored={sop_uid(film): film}, gate=threading.Event()) as archive:
        with monkeypatch.context() as patch:
            patch.setattr(dicomweb, "READ", 0.2)
            assert pacs("fetch", archive, "--study", STUDY, "--out", out) == 3
        assert list(out.iterdir()) == []
        archive.gate.set()
        assert pacs("fetch", archive, "--study", STUDY, "--out", out) == 0
    assert [path.read_bytes() for path in out.iterdir()] == [film]
    assert "sent nothing for" in capsys.readouterr().err


def test_a_full_disk_is_a_line_and_what_is_there_stays(tmp_path, capsys, monkeypatch):
    films = {}
    for number in (1, 2):
        film = computed_radiography(spot(), SOPInstanceUID=f"1.2.3.{number}")
        films[f"1.2.3.{number}"] = film
    moved = fetching._Part.move
    monkeypatch.setattr(fetching._Part, "move", lambda part: moved(part) if "1.2.3.1" in str(part._place) else full())

    def full() -> None:
        raise OSError(28, "No space left on device")

    with fake_archive(stored=films) as archive:
        assert pacs("fetch", archive, "--study", STUDY, "--out", tmp_path / "films") == 3
    assert [path.name for path in (tmp_path / "films").iterdir()] == ["1.2.3.1.dcm"]
    assert "No space left on device" in capsys.readouterr().err


def test_a_film_of_a_hostile_name_is_written_nowhere(tmp_path, capsys):
    with fake_archive(stored={"../../evil": b"x"}) as archive:
        assert pacs("fetch", archive, "--study", STUDY, "--out", tmp_path / "films") == 3
    assert "what are no UIDs" in capsys.readouterr().err


def test_results_of_this_program_are_not_fetched_as_films(report, film, tmp_path, capsys):
    capture = objects(film, kinds=("sc",))[0]["1_effusion_sc.dcm"]
    with fake_archive(stored={sop_uid(capture): capture, sop_uid(film): film}) as archive:
        assert pacs("fetch", archive, "--study", STUDY, "--out", tmp_path / "films") == 0
    assert [path.name for path in (tmp_path / "films").iterdir()] == [f"{sop_uid(film)}.dcm"]
    assert "1 of 2 films" in capsys.readouterr().out
