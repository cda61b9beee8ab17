"""Files arrive whole or not at all, and a broken-off download goes on where it stopped."""

import errno
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ensemble_cam.errors import Cancelled, DownloadError, WeightsError
from ensemble_cam.machine import locks
from ensemble_cam.weights import download
from ensemble_cam.weights.download import fetch_file, join
from support.servers import CONTENT, Mirror, serving, without_proxies

NEW_CONTENT = CONTENT[::-1]


@pytest.fixture
def mirror(monkeypatch) -> Iterator[Mirror]:
    without_proxies(monkeypatch)
    with serving(Mirror()) as mirror:
        yield mirror


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "made on the way" / "w.pt"


def must_be(*allowed: bytes):
    def check(part: Path) -> None:
        if part.read_bytes() not in allowed:
            raise WeightsError("the wrong file")

    return check


def fetched(mirror: Mirror, target: Path, **options) -> bytes:
    fetch_file(mirror.url, target, check=options.pop("check", must_be(CONTENT, NEW_CONTENT)), **options)
    return target.read_bytes()


def break_off(mirror: Mirror, target: Path, at: int = 300_000) -> None:
    """Leave a part of `at` bytes."""
    mirror.break_after = at
    with pytest.raises(DownloadError, match=rf"broke off.*; {at:,} of {len(CONTENT):,} bytes .*go on from there"):
        fetched(mirror, target)
    mirror.break_after = None
    assert not target.exists()
    assert target.with_name("w.pt.part").read_bytes() == CONTENT[:at]


def names_beside(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def test_file_arrives_and_nothing_else_is_left(mirror, target):
    assert fetched(mirror, target) == CONTENT
    assert names_beside(target) == ["w.pt"]
    assert mirror.ranges == [None]


def test_progress_never_falls_and_ends_at_the_true_total(mirror, target):
    seen: list[tuple[int, int | None]] = []
    fetched(mirror, target, progress=lambda done, total: seen.append((done, total)))

    counts = [done for done, _ in seen]
    assert counts == sorted(counts)
    assert len(counts) > 2
    assert (counts[0], counts[-1]) == (0, len(CONTENT))
    assert {total for _, total in seen} == {len(CONTENT)}


@pytest.mark.parametrize("version", [{"etag": '"a"'}, {"etag": None, "last_modified": "Sat, 01 Feb 2020 10:00:00 GMT"}])
def test_broken_off_download_goes_on_from_the_byte_where_it_stopped(mirror, target, version):
    for name, value in version.items():
        setattr(mirror, name, value)
    break_off(mirror, target)
    seen: list[tuple[int, int | None]] = []

    assert fetched(mirror, target, progress=lambda done, total: seen.append((done, total))) == CONTENT

    assert mirror.ranges == [None, "bytes=300000-"]
    assert mirror.requests[1]["If-Range"] == (mirror.etag or mirror.last_modified)
    assert (seen[0], seen[-1]) == ((300_000, len(CONTENT)), (len(CONTENT), len(CONTENT)))
    assert names_beside(target) == ["w.pt"]


def test_download_broken_off_twice_goes_on_twice(mirror, target):
    break_off(mirror, target, at=100_000)
    mirror.break_after = 50_000
    with pytest.raises(DownloadError, match="150,000 of"):
        fetched(mirror, target)
    mirror.break_after = None

    assert fetched(mirror, target) == CONTENT
    assert mirror.ranges == [None, "bytes=100000-", "bytes=150000-"]


def test_server_that_ignores_range_sends_all_again(mirror, target):
    break_off(mirror, target)
    mirror.knows_range = False

    assert fetched(mirror, target) == CONTENT
    assert mirror.ranges == [None, "bytes=300000-"]


@pytest.mark.parametrize("knows_if_range", [True, False])
def test_file_that_changed_on_the_server_is_never_mixed_with_the_old_one(mirror, target, knows_if_range):
    break_off(mirror, target)
    mirror.content, mirror.etag, mirror.knows_if_range = NEW_CONTENT, '"second"', knows_if_range

    # no check would catch the mixture: a file without a pin has none
    assert fetched(mirror, target, check=lambda part: None) == NEW_CONTENT
    assert mirror.ranges == [None, "bytes=300000-"] + ([] if knows_if_range else [None])


def test_weak_etag_is_no_version_to_go_on_from(mirror, target):
    mirror.etag, mirror.break_after = 'W/"a"', 1000
    with pytest.raises(DownloadError, match=r"1,000 of 1,048,576 bytes are there\. Fetch again\.$"):
        fetched(mirror, target)
    mirror.break_after = None

    assert fetched(mirror, target) == CONTENT
    assert mirror.ranges == [None, None]


def test_part_of_another_address_is_not_continued(mirror, target):
    break_off(mirror, target)
    mirror.url += "?elsewhere"

    assert fetched(mirror, target) == CONTENT
    assert mirror.ranges == [None, None]


def test_part_that_turns_out_wrong_when_complete_is_fetched_once_from_the_start(mirror, target):
    break_off(mirror, target)
    target.with_name("w.pt.part").write_bytes(b"?" * 300_000)

    assert fetched(mirror, target) == CONTENT
    assert mirror.ranges == [None, "bytes=300000-", None]


def test_part_as_long_as_the_file_starts_over(mirror, target):
    break_off(mirror, target)
    target.with_name("w.pt.part").write_bytes(CONTENT)  # as if stopped between the last byte and the renaming

    assert fetched(mirror, target) == CONTENT
    assert mirror.ranges == [None, "bytes=1048576-", None]


def test_wrong_file_leaves_nothing_behind_and_is_asked_for_once(mirror, target):
    mirror.content = b"something else"

    with pytest.raises(WeightsError, match="the wrong file"):
        fetched(mirror, target)

    assert names_beside(target) == []
    assert len(mirror.requests) == 1


def test_length_that_is_not_announced_is_no_fault(mirror, target):
    mirror.says_length = False
    totals = set()

    assert fetched(mirror, target, progress=lambda done, total: totals.add(total)) == CONTENT
    assert totals == {None}


@pytest.mark.parametrize(
    ("status", "words"), [(404, "404 Not Found"), (500, "500 Internal Server Error"), (403, "403")]
)
def test_refusal_of_the_server_is_one_sentence_with_the_address(mirror, target, status, words):
    mirror.status = status

    with pytest.raises(DownloadError, match=rf"^{re.escape(mirror.url)}: the server answered {words}"):
        fetched(mirror, target)
    assert names_beside(target) == []


def test_refusal_keeps_the_part_for_the_next_time(mirror, target):
    break_off(mirror, target)
    mirror.status = 503
    with pytest.raises(DownloadError, match="503"):
        fetched(mirror, target)
    mirror.status = None

    assert fetched(mirror, target) == CONTENT
    assert mirror.ranges[-1] == "bytes=300000-"


def test_closed_port_and_bad_address_are_named_with_a_remedy(tmp_path):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        closed = listener.getsockname()[1]  # bound, and nobody listens
        with pytest.raises(DownloadError, match=rf"127\.0\.0\.1:{closed}/w\.pt: cannot be reached .*--from"):
            fetch_file(f"http://127.0.0.1:{closed}/w.pt", tmp_path / "w.pt", check=must_be())
    with pytest.raises(DownloadError, match="cannot be reached"):
        fetch_file("http://127.0.0.1:port/w.pt", tmp_path / "w.pt", check=must_be())


def test_silent_server_is_given_up_and_the_part_kept(mirror, target, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    mirror.pause = 1.0

    with pytest.raises(DownloadError, match=r"broke off \(timed out\); 524,288 of 1,048,576 bytes"):
        fetched(mirror, target)


@pytest.mark.parametrize("address", ["ftp://127.0.0.1/w.pt", "file:///etc/hostname", "data://x"])
def test_other_kinds_of_address_are_refused(target, address):
    with pytest.raises(DownloadError, match=r"allowed: http, https, or a folder's path"):
        fetch_file(address, target, check=must_be())


@pytest.mark.parametrize("elsewhere", ["ftp://127.0.0.1/w.pt", "file:///etc/hostname"])
def test_redirection_to_another_kind_of_address_is_refused(mirror, target, elsewhere):
    mirror.redirect = elsewhere

    with pytest.raises(DownloadError):
        fetched(mirror, target)
    assert names_beside(target) == []


def test_redirection_from_https_to_http_is_refused():
    request = download.urllib.request.Request("https://example.org/w.pt")
    follow = download._SafeRedirects().redirect_request

    with pytest.raises(DownloadError, match=r"redirects to http://example\.org/w\.pt, which is not secure"):
        follow(request, None, 302, "Found", {}, "http://example.org/w.pt")
    assert follow(request, None, 302, "Found", {}, "https://example.net/w.pt").full_url == "https://example.net/w.pt"


def test_redirected_request_keeps_its_range(mirror, target):
    with serving(Mirror()) as other:
        mirror.redirect = f"{other.url}/stored"
        other.break_after = 5000
        with pytest.raises(DownloadError, match="5,000 of"):
            fetched(mirror, target)
        other.break_after = None
        assert fetched(mirror, target) == CONTENT
    assert other.ranges == [None, "bytes=5000-"]


def test_cancelled_download_is_kept_and_goes_on(mirror, target):
    counts = []
    with pytest.raises(Cancelled):
        fetched(mirror, target, progress=lambda done, _: counts.append(done), cancelled=lambda: counts[-1] > 100_000)
    assert not target.exists()

    assert fetched(mirror, target) == CONTENT
    assert mirror.ranges == [None, f"bytes={counts[-1]}-"]


def test_full_disk_is_said_before_the_download_and_during_it(mirror, target, monkeypatch):
    usage = download.shutil.disk_usage(Path("/"))
    with monkeypatch.context() as patch:
        patch.setattr(download.shutil, "disk_usage", lambda folder: usage._replace(free=1000))
        with pytest.raises(DownloadError, match=r"1,048,576 bytes are needed and 1,000 are free\. Make room"):
            fetched(mirror, target)
    assert names_beside(target) == []

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download.os, "fsync", full)
    with pytest.raises(DownloadError, match=r"w\.pt: cannot be written to .*No space left on device.*Make room"):
        fetched(mirror, target)
    assert not target.exists()


def test_file_has_its_name_only_after_the_check(mirror, target):
    seen = []

    def check(part: Path) -> None:
        seen.append((part.read_bytes() == CONTENT, target.exists()))

    fetched(mirror, target, check=check)

    assert seen == [(True, False)]


def test_existing_file_is_left_alone(mirror, target):
    target.parent.mkdir()
    target.write_bytes(b"mine")

    assert fetched(mirror, target) == b"mine"
    assert mirror.requests == []


def test_two_fetches_at_once_download_once(mirror, target):
    mirror.pause = 0.3
    results = []
    threads = [threading.Thread(target=lambda: results.append(fetched(mirror, target))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert results == [CONTENT] * 4
    assert len(mirror.requests) == 1
    assert names_beside(target) == ["w.pt"]


def test_waiting_for_another_fetch_can_be_cancelled(tmp_path):
    lock = tmp_path / "w.pt.lock"
    with download._locked(lock, lambda: False), pytest.raises(Cancelled):
        fetch_file("http://127.0.0.1:1/w.pt", tmp_path / "w.pt", check=must_be(), cancelled=lambda: True)
    assert not lock.exists()


def test_lock_on_a_file_that_its_owner_has_just_removed_is_no_lock(tmp_path, monkeypatch):
    lock = tmp_path / "w.pt.lock"
    tries = []
    real = locks._try_lock

    def owner_leaves_first(file) -> bool:
        tries.append(file)
        if len(tries) == 1:
            lock.unlink()
        return real(file)

    monkeypatch.setattr(locks, "_try_lock", owner_leaves_first)
    with download._locked(lock, lambda: False):
        assert len(tries) == 2
        assert lock.exists(), "another process must be able to find it held"


def test_lock_file_of_a_process_that_died_holds_nobody_up(mirror, target):
    target.parent.mkdir()
    target.with_name("w.pt.lock").touch()

    assert fetched(mirror, target) == CONTENT


def test_folder_is_a_mirror_too(tmp_path, target):
    source = tmp_path / "mirror" / "w.pt"
    source.parent.mkdir()
    source.write_bytes(CONTENT)
    seen = []

    fetch_file(str(source), target, check=must_be(CONTENT), progress=lambda done, total: seen.append((done, total)))

    assert target.read_bytes() == CONTENT
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == ((0, len(CONTENT)), (len(CONTENT), len(CONTENT)))
    assert names_beside(target) == ["w.pt"]


def test_folder_without_the_file_and_wrong_copy_leave_nothing(tmp_path, target):
    with pytest.raises(DownloadError, match=r"absent\.pt: the file cannot be read \(No such file"):
        fetch_file(str(tmp_path / "absent.pt"), target, check=must_be())
    (tmp_path / "wrong.pt").write_bytes(b"wrong")
    with pytest.raises(WeightsError, match="the wrong file"):
        fetch_file(str(tmp_path / "wrong.pt"), target, check=must_be(CONTENT))

    assert names_beside(target) == []


@pytest.mark.parametrize(
    ("base", "joined"),
    [
        ("https://mirror.example/xrv", "https://mirror.example/xrv/a%20b.pt"),
        ("https://mirror.example/xrv/", "https://mirror.example/xrv/a%20b.pt"),
        ("/media/stick", str(Path("/media/stick/a b.pt"))),
    ],
)
def test_join_escapes_for_addresses_only(base, joined):
    assert join(base, "a b.pt") == joined
