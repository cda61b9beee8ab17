"""Archives without a web service: the round trip through Orthanc, and peers that refuse, abort and drop."""

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, evt
from pynetdicom.sop_class import (
    ComprehensiveSRStorage,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    Verification,
)

from ensemble_cam import cli
from ensemble_cam.errors import ConfigError
from ensemble_cam.pacs import access
from ensemble_cam.pacs.access import Peer
from ensemble_cam.pacs.opening import archive_at
from ensemble_cam.pacs.query import Query
from support.archives import free_port, running_orthanc
from support.dicom_films import PLANTED, computed_radiography, objects, phantom_dx, spot, with_header

pytestmark = pytest.mark.slow
STUDY = "1.2.826.0.1.3680043.8.498.7"


@pytest.fixture(scope="module")
def listen() -> int:
    return free_port()


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory, listen):
    with running_orthanc(tmp_path_factory.mktemp("orthanc"), sends_to=listen) as running:
        film = with_header(phantom_dx(256), **PLANTED, StudyInstanceUID=STUDY, SOPInstanceUID=f"{STUDY}.1")
        running.put(film)
        running.put(with_header(film, SOPInstanceUID=f"{STUDY}.9", StudyInstanceUID=f"{STUDY}.9", PatientID="ZZOTHER"))
        yield running


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    film = computed_radiography(spot(), **PLANTED, StudyInstanceUID=STUDY)
    path = tmp_path_factory.mktemp("report") / "report_sr.dcm"
    path.write_bytes(objects(film, kinds=("sr",))[0][path.name])
    return path


def pacs(action: str, url: str, *arguments: object) -> int:
    return cli.main(["pacs", action, "--url", url, *map(str, arguments)])


def test_studies_are_found_and_nobody_is_named(orthanc, capsys, caplog):
    with caplog.at_level(logging.DEBUG):
        assert pacs("find", orthanc.dimse, "--patient-id", PLANTED["PatientID"], "--modality", "DX") == 0
        assert pacs("find", orthanc.dimse, "--patient-id", "NOBODY") == 0
    told = capsys.readouterr()
    assert [line.split()[0] for line in told.out.splitlines()] == [STUDY]
    assert told.err == "The archive has no such study.\n"
    assert "ZZ" not in told.out + told.err + caplog.text


@pytest.mark.parametrize("by", ["C-GET", "C-MOVE"])
def test_films_come_with_the_pixels_and_the_header_that_were_stored(orthanc, listen, by, tmp_path, monkeypatch):
    if by == "C-MOVE":
        monkeypatch.setenv(access.LISTEN, str(listen))
    assert pacs("fetch", orthanc.dimse, "--study", STUDY, "--out", tmp_path / "films") == 0

    (path,) = (tmp_path / "films").iterdir()
    film, stored = dcmread(path), dcmread(io.BytesIO(orthanc.file(f"{STUDY}.1")))
    assert film == stored
    np.testing.assert_array_equal(film.pixel_array, stored.pixel_array)


def test_results_are_stored_and_read_back_and_are_one_object_when_sent_twice(orthanc, report, capsys):
    assert pacs("send", orthanc.dimse, report) == 0
    count = len(orthanc.instances())
    assert pacs("send", orthanc.dimse, report) == 0
    assert len(orthanc.instances()) == count
    assert capsys.readouterr().out.count("report_sr.dcm: stored") == 2
    stored = dcmread(io.BytesIO(orthanc.file(dcmread(report).SOPInstanceUID)))
    assert stored == dcmread(report)


def test_an_ae_title_that_is_not_known_is_an_error_and_never_no_studies(orthanc, capsys, monkeypatch):
    monkeypatch.setenv(access.OWN_TITLE, "STRANGER")
    assert pacs("find", orthanc.dimse, "--patient-id", PLANTED["PatientID"]) == 3
    told = capsys.readouterr()
    assert "no such study" not in told.err
    assert "AE title" in told.err


def test_another_archives_title_is_an_error(orthanc, capsys):
    assert pacs("find", orthanc.dimse.replace("ORTHANC", "OTHER"), "--patient-id", "1") == 3
    assert "or is not OTHER" in capsys.readouterr().err


def test_a_refusal_is_heard_however_late_this_thread_wakes(orthanc, capsys, monkeypatch):
    associate, closed = AE.associate, Event()

    def late(self, *arguments, evt_handlers, **named):
        handlers = [(evt.EVT_REQUESTED, lambda _: closed.wait(60)), (evt.EVT_CONN_CLOSE, lambda _: closed.set())]
        return associate(self, *arguments, evt_handlers=[*evt_handlers, *handlers], **named)

    monkeypatch.setattr(AE, "associate", late)
    assert pacs("find", orthanc.dimse.replace("ORTHANC", "OTHER"), "--patient-id", "1") == 3
    assert "or is not OTHER" in capsys.readouterr().err


def test_an_archive_that_is_away_is_a_line(capsys):
    assert pacs("find", f"dicom://ANY@127.0.0.1:{free_port()}", "--patient-id", "1") == 3
    assert "cannot be reached" in capsys.readouterr().err


@contextmanager
def peer(handlers: list[tuple[object, Callable]], *, classes: tuple[str, ...]) -> Iterator[str]:
    """Listen on loopback as an archive that does as the handlers say."""
    entity = AE(ae_title="PEER")
    for each in (*classes, Verification):
        entity.add_supported_context(each, ALL_TRANSFER_SYNTAXES, scu_role=True, scp_role=True)
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    try:
        yield f"dicom://PEER@127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()


def _one_study(event) -> Iterator[tuple[int, Dataset | None]]:
    found = Dataset()
    found.QueryRetrieveLevel, found.StudyInstanceUID = "STUDY", "1.2.3"
    yield 0xFF00, found


def aborts(event):
    yield from _one_study(event)
    event.assoc.abort()
    yield 0xFF00, None


def fails(event):
    yield from _one_study(event)
    yield 0xC001, None


@pytest.mark.parametrize(("answer", "words"), [(aborts, "ended before"), (fails, "status C001")])
def test_a_search_that_is_not_answered_to_its_end_is_an_error(answer, words, capsys):
    handlers = [(evt.EVT_C_FIND, answer)]
    with peer(handlers, classes=(StudyRootQueryRetrieveInformationModelFind,)) as url:
        assert pacs("find", url, "--patient-id", "1") == 3
    told = capsys.readouterr()
    assert told.out == ""
    assert words in told.err


def test_a_name_in_chinese_is_read_without_what_announces_its_characters():
    def answers(event):
        for status, found in _one_study(event):
            found.SpecificCharacterSet = ["", "ISO 2022 IR 58"]
            found.PatientName = b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab"  # PS3.5 K.2
            yield status, found

    handlers = [(evt.EVT_C_FIND, answers)]
    with peer(handlers, classes=(StudyRootQueryRetrieveInformationModelFind,)) as url:
        (study,) = archive_at(url).studies(Query.of_texts(["patient-id=1"]))
    assert study.patient.name == "Zhang^XiaoDong=张^小东"


def test_a_service_that_an_archive_has_not_is_an_error(capsys, report):
    with peer([], classes=()) as url:
        assert pacs("find", url, "--patient-id", "1") == 3
        assert pacs("send", url, report) == 3
    assert capsys.readouterr().err.count("does not do what it is asked for") == 2


def test_what_is_refused_and_what_is_dropped_is_not_said_to_be_stored(report, capsys):
    classes = (ComprehensiveSRStorage, StudyRootQueryRetrieveInformationModelGet)

    def none_there(event):
        yield 0
        yield 0x0000, None

    for status, words in ((0xA700, "refused with status A700"), (0x0000, "cannot be read back")):
        handlers = [(evt.EVT_C_STORE, lambda _, status=status: status), (evt.EVT_C_GET, none_there)]
        with peer(handlers, classes=classes) as url:
            assert pacs("send", url, report) == 3
        told = capsys.readouterr()
        assert words in told.err
        assert ": stored" not in told.out


@pytest.mark.parametrize(
    "url",
    ["dicom://nowhere", "dicom://A@host", "dicom://A@host:0", "dicom://A@host:99999", "dicom://SEVENTEEN-LETTERS@h:1"],
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(ConfigError, match="AE-TITLE@HOST:PORT"):
        Peer.of(url, {})


def test_title_and_port_of_this_program_come_from_the_environment():
    set_here = {access.OWN_TITLE: "READING ROOM", access.LISTEN: "11112"}
    assert Peer.of("dicom://PACS@pacs.example:104", set_here) == Peer(
        "PACS", "pacs.example", 104, "READING ROOM", 11112
    )
    for bad in ({access.OWN_TITLE: "X" * 17}, {access.LISTEN: "none"}):
        with pytest.raises(ConfigError, match="ENSEMBLE_CAM_PACS"):
            Peer.of("dicom://PACS@pacs.example:104", bad)
