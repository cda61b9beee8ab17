"""A watch reviews each film once, sends its results, goes on where it was killed, and never reviews its own."""

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ensemble_cam import cli
from ensemble_cam.errors import ExportError
from ensemble_cam.pacs.watch import DONE, FILMS, REVIEWS, Ledger
from support.archives import FakeArchive, fake_archive, sop_uid
from support.dicom_films import PLANTED, computed_radiography, phantom_dx, spot, with_header

pytestmark = pytest.mark.slow
STUDY = {"0020000D": {"vr": "UI", "Value": ["1.2.3.4.5.2"]}}
PATIENCE = 120


def arguments(archive: FakeArchive, out: Path, *more: str) -> list[str]:
    options = ["--query", "modality=DX", "--set", "teaching", "--dicom", "sr,gsps", "--once"]
    return ["pacs", "watch", "--url", archive.url, "--out", str(out), *options, *more]


def film(number: int, **header: object) -> bytes:
    return with_header(phantom_dx(256), SOPInstanceUID=f"1.2.3.{number}", StudyInstanceUID="1.2.3.4.5.2", **header)


def in_archive(*films: bytes, **behaviour: object):
    return fake_archive(studies=[STUDY], stored={sop_uid(each): each for each in films}, **behaviour)


def done(out: Path) -> dict[str, str]:
    return {line["film"]: line["state"] for line in map(json.loads, (out / DONE).read_text().splitlines())}


def posts(archive: FakeArchive) -> int:
    return sum(method == "POST" for method, _, _ in archive.asked)


def test_each_film_is_reviewed_and_sent_once_and_its_results_are_not_reviewed(tmp_path, capsys):
    with in_archive(film(1, **PLANTED), film(2)) as archive:
        assert cli.main(arguments(archive, tmp_path)) == 0
        assert done(tmp_path) == {"1.2.3.1": "sent", "1.2.3.2": "sent"}
        assert len(archive.stored) == 2 + posts(archive) == 6
        told = capsys.readouterr()

        assert cli.main(arguments(archive, tmp_path)) == 0
        assert posts(archive) == 4
        assert sorted(done(tmp_path).values()) == ["own"] * 4 + ["sent"] * 2
        looked_at = len(archive.asked)
        assert cli.main(arguments(archive, tmp_path)) == 0
        assert len(archive.asked) == looked_at + 2  # which studies, and which instances
    assert told.out.count(": stored") == 4
    assert "ZZ" not in told.out + told.err + (tmp_path / DONE).read_text()
    assert list((tmp_path / FILMS).iterdir()) == []
    assert sorted(path.name for path in (tmp_path / REVIEWS).iterdir()) == ["1.2.3.1", "1.2.3.2"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system kills in another way")
def test_a_study_that_the_archive_does_not_tell_of_is_a_line_and_the_others_are_reviewed(tmp_path, capsys):
    gone, none = ({"0020000D": {"vr": "UI", "Value": [uid]}} for uid in ("1.2.3.9", "no UID"))
    with in_archive(film(1), says=lambda path: (404, {}, b"") if "/1.2.3.9/" in path else None) as archive:
        archive.studies = [gone, none, STUDY]
        assert cli.main(arguments(archive, tmp_path)) == 3
    assert done(tmp_path) == {"1.2.3.1": "sent"}
    assert "1.2.3.9: The archive has nothing there (HTTP 404)" in capsys.readouterr().err


def test_a_watch_that_is_killed_while_it_sends_goes_on_with_the_same_objects(tmp_path):
    at_work, go_on = threading.Event(), threading.Event()

    def waits(data: bytes) -> bytes:
        at_work.set()
        go_on.wait(PATIENCE)
        return data

    with in_archive(film(1), keeps=waits) as archive:
        process = subprocess.Popen([sys.executable, "-m", "ensemble_cam", *arguments(archive, tmp_path)])
        try:
            assert at_work.wait(PATIENCE)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(PATIENCE)
        assert not (tmp_path / DONE).exists()
        (written,) = (tmp_path / REVIEWS).iterdir()
        before = {path.name: path.read_bytes() for path in written.glob("*.dcm")}
        go_on.set()

        assert cli.main(arguments(archive, tmp_path)) == 0
        assert done(tmp_path)["1.2.3.1"] == "sent"
        assert list((tmp_path / REVIEWS).iterdir()) == [written]
        assert {sop_uid(data) for data in before.values()} | {"1.2.3.1"} == set(archive.stored)
        assert all(archive.stored[sop_uid(data)] == data for data in before.values())


def test_an_archive_that_stores_nothing_is_told_and_one_that_is_away_is_asked_again(tmp_path, capsys):
    with in_archive(film(1), drops=True) as archive:
        assert cli.main(arguments(archive, tmp_path / "a")) == 3
        assert done(tmp_path / "a") == {"1.2.3.1": "refused"}
        archive.status = 500
        assert cli.main(arguments(archive, tmp_path / "b")) == 3
        archive.status, archive.drops = None, False
        assert cli.main(arguments(archive, tmp_path / "b")) == 0
        assert done(tmp_path / "b") == {"1.2.3.1": "sent"}
    told = capsys.readouterr().err
    assert "not stored" in told
    assert "HTTP 500" in told


def test_what_means_nothing_and_what_is_no_film_is_done_and_nothing_is_sent(tmp_path):
    patient = computed_radiography(spot(), SOPInstanceUID="1.2.3.7", **PLANTED)
    with in_archive(patient, film(8).replace(b"MONOCHROME2", b"PALETTE\0\0\0\0")) as archive:
        assert cli.main(arguments(archive, tmp_path)) == 3
        assert posts(archive) == 0
    assert done(tmp_path) == {"1.2.3.7": "nothing to send", "1.2.3.8": "failed"}


def test_two_watches_do_not_share_a_folder(tmp_path, capsys):
    from ensemble_cam.machine.locks import lock

    with in_archive(film(1)) as archive, lock(tmp_path / ".watch.lock"):
        assert cli.main(arguments(archive, tmp_path)) == 2
        assert archive.asked == []
    assert "another watch has this folder" in capsys.readouterr().err


@pytest.mark.parametrize("query", ["modality=", "modalty=DX", "modality=*", "DX"])
def test_a_query_that_would_watch_everything_ends_with_2(query, tmp_path):
    with fake_archive() as archive:
        assert cli.main([*arguments(archive, tmp_path), "--query", query]) == 2
        assert archive.asked == []


def test_a_line_that_was_not_written_whole_counts_for_nothing(tmp_path):
    path = tmp_path / DONE
    first = Ledger(path)
    first.add("1.2.1", "sent")
    path.write_text(path.read_text() + '{"film": "1.2.2", "sta')

    again = Ledger(path)
    assert ("1.2.1" in again, "1.2.2" in again) == (True, False)
    again.add("1.2.3", "sent")
    assert "1.2.3" in Ledger(path)
    assert "1.2.1" in Ledger(path)


def test_a_list_that_cannot_be_read_is_not_taken_for_an_empty_one(tmp_path):
    (tmp_path / DONE).write_bytes(b"\xff\xfe\xff")

    with pytest.raises(ExportError, match="cannot be read"):
        Ledger(tmp_path / DONE)
