"""Archives for tests: Debian's Orthanc on loopback, and a small one that misbehaves as it is told."""

import http.server
import json
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

PLUGINS = ("/usr/share/orthanc/plugins", "/usr/lib/orthanc")
PATIENCE = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Orthanc:
    """A running Orthanc.

    Attributes:
        url: of its DICOMweb service.
        rest: of its own interface.
        dimse: as an archive that speaks DIMSE.
    """

    url: str
    rest: str
    dimse: str = ""

    def ask(self, place: str, data: bytes | None = None) -> bytes:
        request = urllib.request.Request(f"{self.rest}{place}", data=data)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.read()

    def put(self, film: bytes) -> None:
        self.ask("/instances", film)

    def instances(self) -> list[dict]:
        return json.loads(self.ask("/instances?expand"))

    def file(self, sop_uid: str) -> bytes:
        (found,) = (each["ID"] for each in self.instances() if each["MainDicomTags"]["SOPInstanceUID"] == sop_uid)
        return self.ask(f"/instances/{found}/file")


def _plugin() -> Path | None:
    return next((found for folder in PLUGINS for found in Path(folder).glob("libOrthancDicomWeb.so*")), None)


@contextmanager
def running_orthanc(folder: Path, *, sends_to: int | None = None) -> Iterator[Orthanc]:
    """Start an Orthanc of the test's own, with nothing in it, and stop it; skip where it is not installed.

    Args:
        folder: an empty one.
        sends_to: the port of ENSEMBLECAM's listener; with it, it speaks DIMSE.
    """
    program, plugin = shutil.which("Orthanc"), _plugin()
    if program is None or plugin is None:
        pytest.skip("Orthanc is not installed (Debian: orthanc, orthanc-dicomweb)")
    port, dicom = free_port(), free_port()
    settings = {
        "Name": "Of a test",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "HttpPort": port,
        "DicomPort": dicom,
        "DicomServerEnabled": sends_to is not None,
        "DicomAet": "ORTHANC",
        "DicomCheckCalledAet": True,
        "DicomModalities": {"ensemble": {"AET": "ENSEMBLECAM", "Host": "127.0.0.1", "Port": sends_to or 1}},
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "HttpsVerifyPeers": False,
        "Plugins": [str(plugin)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (folder / "storage").mkdir()
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "orthanc.log").open("wb") as log:
        process = subprocess.Popen([program, str(folder / "orthanc.json")], stdout=log, stderr=log, cwd=folder)
        try:
            orthanc = Orthanc(
                f"http://127.0.0.1:{port}/dicom-web", f"http://127.0.0.1:{port}", f"dicom://ORTHANC@127.0.0.1:{dicom}"
            )
            _wait_for(orthanc, process)
            yield orthanc
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE)


def _wait_for(orthanc: Orthanc, process: subprocess.Popen) -> None:
    for _ in range(int(PATIENCE / 0.1)):
        assert process.poll() is None, "Orthanc ended at its start"
        with suppress(urllib.error.URLError, ConnectionError):
            orthanc.ask("/dicom-web/studies")
            return
        time.sleep(0.1)
    raise AssertionError("Orthanc did not answer")


# An archive that misbehaves


@dataclass
class FakeArchive:
    """A DICOMweb service in memory.

    Attributes:
        url: of its service.
        stored: SOP Instance UID → file.
        status: answered to everything instead of an answer.
        store_status: answered to what is to be stored, which is kept all the same.
        drops: whether what is to be stored is forgotten, and said to be stored.
        keeps: what of an object is kept: gets and returns a file.
        breaks_after: bytes of an object after which its connection is closed.
        breaks_without_length: whether an object's length is not told.
        single: whether an object is sent by itself, not as the part of a message.
        gate: waited for in the middle of an object.
        says: path with query → status, headers and body of an answer; None for the one that it gives otherwise.
        asked: method, path with query, headers.
    """

    url: str = ""
    stored: dict[str, bytes] = field(default_factory=dict)
    studies: object = field(default_factory=list)
    status: int | None = None
    store_status: int = 200
    drops: bool = False
    keeps: Callable[[bytes], bytes] = lambda data: data
    breaks_after: int | None = None
    breaks_without_length: bool = False
    single: bool = False
    gate: threading.Event | None = None
    says: Callable[[str], tuple[int, dict[str, str], bytes] | None] = lambda path: None
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


_UID_OF = re.compile(rb"\x08\x00\x18\x00UI(..)", re.DOTALL)


def sop_uid(data: bytes) -> str:
    """Return the SOP Instance UID of a file in explicit little endian."""
    found = _UID_OF.search(data)
    length = int.from_bytes(found[1], "little")
    return data[found.end() : found.end() + length].decode().strip("\0")


class _Handler(http.server.BaseHTTPRequestHandler):
    archive: FakeArchive
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def _note(self):
        self.archive.asked.append((self.command, self.path, dict(self.headers)))

    def _answer(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self._note()
        archive = self.archive
        if archive.status is not None:
            return self._answer(archive.status, b"ZZ no", "text/plain", {"Location": "http://127.0.0.1:9/ZZ"})
        said = archive.says(self.path)
        if said is not None:
            status, headers, body = said
            return self._answer(status, body, headers.pop("Content-Type", "application/dicom+json"), headers)
        found = re.search(r"/instances/([\d.]+)$", self.path)
        if found:
            return self._send_instance(found[1])
        study = re.search(r"/studies/([\d.]+)/instances", self.path)
        if study:
            records = [_instance(study[1], uid) for uid in archive.stored]
            return self._answer(200, json.dumps(records).encode(), "application/dicom+json")
        return self._answer(200, json.dumps(archive.studies).encode(), "application/dicom+json")

    def _send_instance(self, uid: str):
        archive = self.archive
        if uid not in archive.stored:
            return self._answer(404, b"", "text/plain")
        data = archive.stored[uid]
        if archive.single:
            return self._answer(200, data, "application/dicom")
        body = b"--b1\r\nContent-Type: application/dicom\r\n\r\n" + data + b"\r\n--b1--"
        self.send_response(200)
        self.send_header("Content-Type", 'multipart/related; type="application/dicom"; boundary=b1')
        if archive.breaks_without_length:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if archive.gate is not None:
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            archive.gate.wait(PATIENCE)
            body = body[len(body) // 2 :]
        self.wfile.write(body if archive.breaks_after is None else body[: archive.breaks_after])
        if archive.breaks_after is not None or archive.breaks_without_length:
            self.close_connection = True

    def do_POST(self):
        self._note()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        archive = self.archive
        if archive.status is not None or archive.store_status == 413:
            return self._answer(archive.status or 413, b"ZZ no", "text/plain")
        boundary = re.search(r"boundary=(\w+)", self.headers["Content-Type"])[1].encode()
        for part in body.split(b"--" + boundary)[1:-1]:
            data = part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
            if not archive.drops:
                archive.stored.setdefault(sop_uid(data), archive.keeps(data))
        answer = {}
        if archive.store_status == 409:
            reason = {"00081197": {"vr": "US", "Value": [272]}}
            answer = {"00081198": {"vr": "SQ", "Value": [reason]}}
        self._answer(archive.store_status, json.dumps(answer).encode(), "application/dicom+json")


def _instance(study: str, uid: str) -> dict:
    return {
        "0020000D": {"vr": "UI", "Value": [study]},
        "0020000E": {"vr": "UI", "Value": ["1.2.3.4.5.3"]},
        "00080018": {"vr": "UI", "Value": [uid]},
        "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.1"]},
    }


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """Say nothing of who went away in the middle of an answer."""


@contextmanager
def fake_archive(**behaviour: object) -> Iterator[FakeArchive]:
    """Serve an archive on loopback."""
    archive = FakeArchive(**behaviour)
    handler = type("Handler", (_Handler,), {"archive": archive})
    server = _Server(("127.0.0.1", 0), handler)
    archive.url = f"http://127.0.0.1:{server.server_port}/dicom-web"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield archive
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
