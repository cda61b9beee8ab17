"""An archive over TLS: whose certificate is trusted, and with whose it is asked."""

import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ensemble_cam.errors import PacsError
from ensemble_cam.pacs.access import AUTHORITY, CERTIFICATE, KEY, TOKEN, Access
from ensemble_cam.pacs.dicomweb import DicomWeb
from ensemble_cam.pacs.query import Query
from support.certificates import Authority, Certificate

QUERY = Query.of({"modality": "DX"})
SECRET = "zz-secret-token"


class _Archive(http.server.BaseHTTPRequestHandler):
    asked: list[str | None]

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.asked.append(self.headers.get("Authorization"))
        self.send_response(200)
        self.send_header("Content-Type", "application/dicom+json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")


@contextmanager
def archive(certificate: Certificate, *, trusts: Authority | None = None, version=None) -> Iterator[tuple[str, list]]:
    """Serve an archive that has nothing; with `trusts` it asks for a certificate of that authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.pem, certificate.key)
    if version is not None:
        context.maximum_version = version
    if trusts is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(trusts.pem)
    handler = type("_ArchiveOfOne", (_Archive,), {"asked": []})

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, request, client_address):
            pass  # a handshake that failed

        def get_request(self):
            request, address = super().get_request()
            return context.wrap_socket(request, server_side=True, do_handshake_on_connect=False), address

    server = Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}/dicom-web", handler.asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("other"), "Another authority")


def ask(url: str, **told: object) -> list:
    return DicomWeb(Access.of(url, {name: str(value) for name, value in told.items()})).studies(QUERY)


def test_a_hospitals_own_authority_is_trusted_where_it_is_named(authority):
    with archive(authority.vouch("127.0.0.1")) as (url, asked):
        assert ask(url, **{AUTHORITY: authority.pem, TOKEN: SECRET}) == []
        assert asked == [f"Bearer {SECRET}"]


def test_whoever_is_not_trusted_is_sent_nothing(authority, other):
    for named in ({}, {AUTHORITY: other.pem}):
        with archive(authority.vouch("127.0.0.1")) as (url, asked):
            with pytest.raises(PacsError, match="certificate is not trusted") as refused:
                ask(url, **named, **{TOKEN: SECRET})
            assert asked == []
            assert SECRET not in str(refused.value)


def test_a_certificate_of_another_host_is_none(authority):
    with archive(authority.vouch("pacs.example")) as (url, asked):
        with pytest.raises(PacsError, match="certificate is not trusted"):
            ask(url, **{AUTHORITY: authority.pem})
        assert asked == []


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_an_archive_that_asks_for_a_certificate_gets_this_machines(authority, version, tmp_path):
    own = authority.vouch("reading.example")
    both = tmp_path / "both.pem"
    both.write_bytes(own.pem.read_bytes() + own.key.read_bytes())
    with archive(authority.vouch("127.0.0.1"), trusts=authority, version=version) as (url, asked):
        assert ask(url, **{AUTHORITY: authority.pem, CERTIFICATE: own.pem, KEY: own.key}) == []
        assert ask(url, **{AUTHORITY: authority.pem, CERTIFICATE: both}) == []
        assert len(asked) == 2


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_without_one_or_with_anothers_it_says_so(authority, other, version):
    stranger = other.vouch("reading.example")
    for own in ({}, {CERTIFICATE: stranger.pem, KEY: stranger.key}):
        with archive(authority.vouch("127.0.0.1"), trusts=authority, version=version) as (url, asked):
            with pytest.raises(PacsError, match="does not trust this machine's"):
                ask(url, **own, **{AUTHORITY: authority.pem})
            assert asked == []
