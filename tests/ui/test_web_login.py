"""A proxy's word for who asks: whom it is believed of, and what the pages get to see of it."""

import asyncio
from types import SimpleNamespace
from urllib.parse import quote

import pytest

from ensemble_cam.errors import ConfigError
from ensemble_cam.settings.login import login_of
from ensemble_cam.ui.launch import EVERYBODY_VARIABLE
from ensemble_cam.ui.web import login
from ensemble_cam.ui.web.guard import NO_READER, NOBODY, NOTHING_HERE, OTHER_NAME, Guard
from ensemble_cam.ui.web.hosts import ServedNames, check_readable
from ensemble_cam.ui.web.login import NAME_HEADER, NAME_KEY, read_name

NAMES = ServedNames(frozenset({"localhost"}), frozenset())
HERE = [(b"host", b"localhost:8501")]
LOGIN = login_of({"by": "proxy", "proxy": ["192.0.2.1"], "header": "X-Remote-User", "readers": ["anna", "Jürgen"]})


def asked(headers, peer="192.0.2.1", *, kind="http", path="/", method="GET", login=LOGIN, host=HERE):
    """Return the refusal's sentence, or the name that the pages are told, and the headers that they get."""
    seen, sent = [], []

    async def behind(scope, receive, send):
        seen.append(scope["headers"])

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    scope = {"type": kind, "path": path, "headers": [*host, *headers], "extensions": {"websocket.http.response": {}}}
    scope["method"] = method
    scope["client"] = None if peer is None else (peer, 50000)
    asyncio.run(Guard(behind, names=NAMES, headers=[], login=login)(scope, receive, send))
    if sent:
        assert not seen
        return sent[1]["body"].decode().strip()
    ((told, headers),) = [([v for k, v in each if k == NAME_HEADER.encode()], each) for each in seen]
    assert len(told) <= 1
    return read_name(told[0].decode()) if told else None, headers


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("path", ["/", "/films/_stcore/stream", "/_stcore/stream"])
def test_the_proxys_word_is_told_to_the_pages_and_its_header_is_not(kind, path):
    path = "/_stcore/stream" if kind == "websocket" else path
    name, headers = asked([(b"x-remote-user", b"anna")], kind=kind, path=path)
    assert name == "anna"
    assert b"x-remote-user" not in [key for key, _ in headers]


@pytest.mark.parametrize("written", ["Jürgen".encode(), "Jürgen".encode("latin-1")])
def test_a_name_comes_as_utf8_or_latin1(written):
    name, headers = asked([(b"x-remote-user", written)])
    assert name == "Jürgen"
    assert all(value.isascii() for _, value in headers)  # others read them as they like


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("peer", ["192.0.2.2", "127.0.0.1", "::1", None])
@pytest.mark.parametrize(
    "more",
    [
        [],
        [(b"x-forwarded-for", b"192.0.2.1")],
        [(b"forwarded", b"for=192.0.2.1")],
        [(b"x-real-ip", b"192.0.2.1")],
        [(NAME_HEADER.encode(), b"anna")],
    ],
)
def test_a_header_from_another_address_is_refused(kind, peer, more):
    assert asked([(b"x-remote-user", b"anna"), *more], peer, kind=kind, path="/_stcore/stream") == NOBODY.sentence


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"x-remote-user", b"")],
        [(b"x_remote_user", b"anna")],  # as some gateways make of it, and some of them of this
        [(b"x-remote-user", b"anna"), (b"X-Remote-User", b"bert")],  # the reader's own beside the proxy's
        [(b"x-remote-user", b"anna\x1b[2J")],
        [(NAME_HEADER.encode(), b"anna")],
        [(b"x-remote_user", b"anna")],
    ],
)
def test_no_name_and_two_names_are_nobody(headers):
    assert asked(headers) == NOBODY.sentence


def test_who_is_no_reader_is_refused():
    assert asked([(b"x-remote-user", b"bert")]) == NO_READER.sentence


def test_the_servers_own_header_cannot_be_brought_along():
    forged = (NAME_HEADER.encode(), b"bert")
    assert asked([forged, (b"x-remote-user", b"anna")])[0] == "anna"
    assert asked([forged, (b"X-Ensemble-Cam-Reader", b"bert")], login=None)[0] is None
    assert asked([forged], login=login_of({"by": "oidc", "readers": ["*"]}))[0] is None


def test_the_machines_own_look_is_answered_and_no_other_host_is():
    assert asked([], "127.0.0.1", path="/films/_stcore/health")[0] is None
    assert asked([], "127.0.0.1", path="/films/_stcore/health", method="PUT") == NOBODY.sentence
    other = [(b"host", b"evil.example")]
    assert asked([(b"x-remote-user", b"anna")], host=other) == OTHER_NAME.sentence


@pytest.mark.parametrize("base", ["", "/films"])
def test_uploads_are_taken_for_a_readers_own_page_and_for_nobodys_else(base, monkeypatch):
    oidc = login_of({"by": "oidc", "readers": ["anna@hospital.example"]})
    users = {
        "anna": {NAME_KEY: "anna"},
        "jürgen": {NAME_KEY: quote("Jürgen")},
        "in": {"is_logged_in": True, "email": "anna@hospital.example"},
        "other": {"is_logged_in": True, "email": "mallory@elsewhere.example"},
        "out": {"is_logged_in": False, "email": "anna@hospital.example"},
        "nobody": {},
    }
    pages = {name: SimpleNamespace(_user_info=user) for name, user in users.items()}
    server = SimpleNamespace(exists=lambda: True, get_instance=lambda: SimpleNamespace(get_app_session=pages.get))
    monkeypatch.setattr(login, "runtime", server)

    def taken(page: str, headers=(), **given) -> bool:
        path = f"{base}/_stcore/upload_file/{page}/1"
        return asked(list(headers), path=path, method="PUT", **given) != NOTHING_HERE.sentence

    anna = [(b"x-remote-user", b"anna")]
    assert [page for page in [*users, "gone"] if taken(page, anna)] == ["anna"]
    assert [page for page in [*users, "gone"] if taken(page, login=oidc)] == ["in"]


@pytest.mark.parametrize("address", ["192.0.2.7", "0.0.0.0", "::", "films.example", None])
def test_nobody_is_let_in_unasked_from_beyond_this_machine(address):
    with pytest.raises(ConfigError, match=r"asks for no password.+\[login\].+--i-know-that-everybody-can-read"):
        check_readable(address, None, {})
    check_readable(address, LOGIN, {})
    check_readable(address, None, {EVERYBODY_VARIABLE: "1"})
    check_readable(address, None, {}, told=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_this_machine_alone_needs_no_login(address):
    check_readable(address, None, {})
