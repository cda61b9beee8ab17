"""The examples for nginx and Caddy, run as they stand, before what the app's server does with a name."""

import asyncio
import base64
import http.client
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
import uvicorn

from ensemble_cam.settings.login import login_of
from ensemble_cam.ui.web.guard import Guard
from ensemble_cam.ui.web.headers import security_headers
from ensemble_cam.ui.web.hosts import ServedNames
from ensemble_cam.ui.web.login import NAME_HEADER
from ensemble_cam.ui.web.patches import patch_streamlit
from support.asking import HANDSHAKE, STREAM
from support.certificates import Authority
from support.installed import replaced_for_a_while

DEPLOY = Path(__file__).parents[2] / "examples" / "deploy"
NAME = "reading.hospital.example"
PASSWORD = "open sesame"
LOGIN = login_of({"by": "proxy", "proxy": ["127.0.0.1"], "header": "X-Remote-User"})

pytestmark = pytest.mark.slow


async def tell_name(scope, receive, send):
    """An app that answers with the name and the headers that it was told."""
    if scope["type"] == "lifespan":
        return
    told = {key.decode(): value.decode("latin-1") for key, value in scope["headers"]}
    body = f"{told.get(NAME_HEADER)}\n{'authorization' in told} {'x-remote-user' in told}".encode()
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept", "headers": [(b"x-told", body.split()[0])]})
        await send({"type": "websocket.close"})
    else:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def app_port() -> Iterator[int]:
    """The port of an app's server behind its guard."""
    with replaced_for_a_while():
        patch_streamlit()
        yield from _served()


def _served() -> Iterator[int]:
    names = ServedNames(frozenset({"127.0.0.1"}), frozenset({NAME}))
    guard = Guard(tell_name, names=names, headers=security_headers(), login=LOGIN)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(guard, log_level="error", lifespan="off", ws="websockets-sansio"))
        thread = Thread(target=lambda: asyncio.run(server.serve([listening])))
        thread.start()
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[Path, Path, Path]:
    """The certificate of the name, its key, and whose word it is."""
    authority = Authority(tmp_path_factory.mktemp("certificates"))
    made = authority.vouch(NAME)
    return made.pem, made.key, authority.pem


def put_in(text: str, **places: str) -> str:
    """Return an example with this machine's places in it, each of which it has to name."""
    for place, here in places.items():
        assert place in text, place
        text = text.replace(place, here)
    return text


def nginx(folder: Path, pem: Path, key: Path, port: int, app_port: int) -> list[str]:
    (folder / "passwords").write_text(f"anna:{{PLAIN}}{PASSWORD}\n")
    example = put_in(
        (DEPLOY / "nginx.conf").read_text(),
        **{
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "/etc/nginx/reading.pem": str(pem),
            "/etc/nginx/reading.key": str(key),
            "/etc/nginx/reading.passwords": str(folder / "passwords"),
            "127.0.0.1:8501": f"127.0.0.1:{app_port}",
        },
    )
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""  # pytest's folders are their owner's alone
    (folder / "main.conf").write_text(
        f"{user}daemon off;\npid {folder}/pid;\nerror_log {folder}/errors;\nworker_processes 1;\n"
        f"events {{ }}\nhttp {{\n{temporary}{example}\n}}\n"
    )
    return ["nginx", "-p", str(folder), "-e", str(folder / "errors"), "-c", str(folder / "main.conf")]


def caddy(folder: Path, pem: Path, key: Path, port: int, app_port: int) -> list[str]:
    hashed = subprocess.run(
        ["caddy", "hash-password", "--plaintext", PASSWORD], capture_output=True, text=True, check=True
    ).stdout.strip()
    (folder / "passwords").write_text(f"anna {hashed}\n")
    example = put_in(
        (DEPLOY / "Caddyfile").read_text(),
        **{
            f"\n{NAME} {{\n": f"\nhttps://{NAME}:{port} {{\n\tbind 127.0.0.1\n\ttls {pem} {key}\n",
            "/etc/caddy/reading.passwords": str(folder / "passwords"),
            "127.0.0.1:8501": f"127.0.0.1:{app_port}",
        },
    )
    (folder / "Caddyfile").write_text("{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + example)
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


@pytest.fixture(scope="module", params=[nginx, caddy], ids=lambda make: make.__name__)
def proxy(request, tmp_path_factory, certificate, app_port) -> Iterator[tuple[int, ssl.SSLContext]]:
    """A proxy's port, and who vouches for it."""
    if shutil.which(request.param.__name__) is None:
        pytest.skip(f"{request.param.__name__} is not installed")
    folder = tmp_path_factory.mktemp(request.param.__name__)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = request.param(folder, *certificate[:2], port, app_port)
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=os.environ | home, stdout=log, stderr=log)
    try:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.02)
        yield port, ssl.create_default_context(cafile=str(certificate[2]))
    finally:
        process.terminate()
        process.wait(20)


def ask(proxy: tuple[int, ssl.SSLContext], path: str = "/", **headers: str) -> http.client.HTTPResponse:
    """Ask the proxy as a browser does that was sent to its name."""
    port, context = proxy
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.sock = context.wrap_socket(socket.create_connection(("127.0.0.1", port), 20), server_hostname=NAME)
    connection.request("GET", path, headers={"Host": NAME} | headers)
    return connection.getresponse()


def as_anna(password: str = PASSWORD) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'anna:{password}'.encode()).decode()}"}


@pytest.mark.parametrize(
    "forged", [{}, {"X-Remote-User": "tea"}, {"x-remote-user": "tea", "X-Forwarded-For": "127.0.0.1"}]
)
def test_the_app_is_told_who_has_given_a_password_and_nobody_elses_name(proxy, forged):
    assert ask(proxy, **as_anna(), **forged).read().decode() == "anna\nFalse False"


@pytest.mark.parametrize("given", [{}, as_anna("wrong"), {"X-Remote-User": "anna"}])
def test_without_a_password_nothing_reaches_the_app(proxy, given):
    answer = ask(proxy, **given)
    assert (answer.status, "anna" in answer.read().decode()) == (401, False)


def test_a_pages_websocket_opens_and_has_the_name(proxy):
    key = {"Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(), "Origin": f"https://{NAME}"}
    answer = ask(proxy, STREAM, **HANDSHAKE, **key, **as_anna())
    assert (answer.status, answer.getheader("x-told")) == (101, "anna")


def test_a_browser_stays_with_encryption(proxy):
    assert "max-age=" in ask(proxy, **as_anna()).getheader("strict-transport-security")
