"""The round trip through Debian's Orthanc: stored, found, fetched, reviewed, results sent, and read back."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from dicomweb_client.api import DICOMwebClient
from PIL import Image
from pydicom import dcmread

from ensemble_cam import cli
from ensemble_cam.archive.finished import read_record
from ensemble_cam.export.dicom.reading import read_object
from support.archives import Orthanc, running_orthanc
from support.dicom_films import PLANTED, phantom_dx, with_header

pytestmark = pytest.mark.slow
STUDY = "1.2.826.0.1.3680043.8.498.1"


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory):
    with running_orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@pytest.fixture(scope="module")
def films(orthanc) -> list[bytes]:
    """Two films of one study in the archive, and one of another."""
    of_one = [
        with_header(phantom_dx(), **PLANTED, StudyInstanceUID=STUDY, SOPInstanceUID=f"{STUDY}.{number}")
        for number in (1, 2)
    ]
    other = with_header(
        phantom_dx(), PatientName="Müller^Jörg", SpecificCharacterSet="ISO_IR 100", PatientID="ZZ-UMLAUT-Ü"
    )
    for film in (*of_one, other):
        orthanc.put(film)
    return of_one


@pytest.fixture(scope="module")
def reviewed(orthanc, films, tmp_path_factory) -> Path:
    """The folder of the fetched films' reviews, results among them, which are in the archive."""
    folder = tmp_path_factory.mktemp("round")
    assert pacs("fetch", orthanc, "--study", STUDY, "--out", folder / "films") == 0
    options = ["--set", "teaching", "--dicom", "sc,sr,seg,gsps", "--quiet"]
    assert cli.main(["review", str(folder / "films"), "--out", str(folder / "reviews"), *options]) == 0
    assert pacs("send", orthanc, folder / "reviews", "--quiet") == 0
    return folder


def pacs(action: str, orthanc: Orthanc, *arguments: object) -> int:
    return cli.main(["pacs", action, "--url", orthanc.url, *map(str, arguments)])


def test_studies_are_found_by_each_of_the_keys_and_no_identity_but_theirs_is_printed(orthanc, films, capsys):
    for query in (
        ["--patient-id", PLANTED["PatientID"]],
        ["--date", "20010101-20011231"],
        ["--accession", PLANTED["AccessionNumber"]],
        ["--modality", "DX", "--date", PLANTED["StudyDate"]],
    ):
        assert pacs("find", orthanc, *query, "--json") == 0
        (line,) = capsys.readouterr().out.splitlines()
        found = json.loads(line)
        assert (found["study"], found["modalities"], found["date"]) == (STUDY, ["DX"], PLANTED["StudyDate"])
    assert pacs("find", orthanc, "--patient-id", "NOBODY") == 0
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "The archive has no such study.\n")
    assert pacs("find", orthanc, "--date", "20010203") == 0
    assert STUDY in capsys.readouterr().out


@pytest.mark.usefixtures("films")
def test_an_identifier_with_an_umlaut_is_found_or_said_not_to_be(orthanc, capsys):
    assert pacs("find", orthanc, "--patient-id", "ZZ-UMLAUT-Ü") == 0
    told = capsys.readouterr()
    assert told.out.count("\n") <= 1
    assert told.out or told.err == "The archive has no such study.\n"


def test_films_come_as_the_bytes_that_were_stored(orthanc, films, reviewed):
    for number, film in enumerate(films, start=1):
        assert (reviewed / "films" / f"{STUDY}.{number}.dcm").read_bytes() == film


def test_fetching_again_takes_none_of_its_own_results_and_leaves_what_is_there(orthanc, reviewed, capsys):
    kept = {path: path.stat().st_mtime_ns for path in (reviewed / "films").iterdir()}
    (reviewed / "films" / f"{STUDY}.2.dcm").unlink()

    assert pacs("fetch", orthanc, "--study", STUDY, "--out", reviewed / "films") == 0
    assert "of the study in" in capsys.readouterr().out
    now = {path: path.stat().st_mtime_ns for path in (reviewed / "films").iterdir()}
    assert set(now) == set(kept)
    assert sum(now[path] == kept[path] for path in kept) == 1


def test_results_in_the_archive_are_the_pictures_scores_and_regions_of_the_folder(orthanc, reviewed):
    peer = DICOMwebClient(orthanc.url)
    stored = {}
    for each in peer.search_for_instances(STUDY):
        uids = [each[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018")]
        buffer = io.BytesIO()
        peer.retrieve_instance(*uids).save_as(buffer)
        stored[uids[-1]] = buffer.getvalue()
    for folder in (reviewed / "reviews").iterdir():
        written = {path.name: path.read_bytes() for path in folder.glob("*.dcm")}
        back = {name: stored[dcmread(io.BytesIO(data)).SOPInstanceUID] for name, data in written.items()}
        record = read_record(folder)
        findings = record["findings"]
        for name in back:
            if not name.endswith("_sc.dcm"):
                continue
            picture = "review.png" if name == "review_sc.dcm" else f"{name.removesuffix('_sc.dcm')}_ensemble.png"
            with Image.open(folder / picture) as exported:
                np.testing.assert_array_equal(read_object(back[name]).frames, np.array(exported.convert("RGB")))
        report = read_object(back["report_sr.dcm"])
        assert [finding.score for finding in report.findings] == [finding["score"] for finding in findings]
        for read, kept in zip(report.findings, findings, strict=True):
            outlines = [region["outline"] for region in kept["maps"]["ensemble"]["regions"]]
            assert [line[:-1].tolist() for line in read.outlines] == outlines
        frames = read_object(back["regions_seg.dcm"]).frames
        assert frames.shape[1:] == (record["input"]["height"], record["input"]["width"])
        np.testing.assert_array_equal(frames, read_object(written["regions_seg.dcm"]).frames)


def test_results_lie_in_the_films_own_study_with_its_patient(orthanc, reviewed):
    instances = json.loads(orthanc.ask("/studies?expand"))
    (study,) = (each for each in instances if each["MainDicomTags"]["StudyInstanceUID"] == STUDY)
    assert study["PatientMainDicomTags"]["PatientID"] == PLANTED["PatientID"]
    assert len(study["Series"]) == 1 + 2 * 4


def test_the_same_review_sent_twice_is_one_object_each(orthanc, reviewed, capsys):
    before = len(orthanc.instances())

    assert pacs("send", orthanc, reviewed / "reviews") == 0
    assert len(orthanc.instances()) == before
    assert "stored" in capsys.readouterr().out


def test_another_object_under_a_known_uid_is_not_said_to_be_stored(orthanc, reviewed, tmp_path, capsys):
    report = next((reviewed / "reviews").rglob("report_sr.dcm"))
    forged = report.read_bytes().replace(b"Plain X-ray of chest", b"Plain X-ray of ankle")
    (tmp_path / "report_sr.dcm").write_bytes(forged)

    assert pacs("send", orthanc, tmp_path / "report_sr.dcm") == 3
    told = capsys.readouterr()
    assert "report_sr.dcm: not stored: the archive holds another object under this UID" in told.err
    assert "stored" not in told.out.replace("sending", "")
