"""A client that says what it likes: any Host, any Origin, a WebSocket's handshake."""

import base64
import http.client
import os
from dataclasses import dataclass
from urllib.parse import urlsplit

STREAM = "/_stcore/stream"
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "streamlit",
}


@dataclass(frozen=True)
class Answer:
    """What a server answered; `headers` by lower-case name."""

    status: int
    headers: dict[str, str]
    body: str


def ask(address: str, path: str = "/", *, method: str = "GET", source: str = "127.0.0.1", **headers: str) -> Answer:
    """Ask once, with exactly these headers beside a Host, which is the address's own unless it is among them.

    Args:
        address: the server's.
        path: what is asked for.
        method: of HTTP.
        source: the address of this machine that asks.
        **headers: by name.
    """
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30, source_address=(source, 0))
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in ({"Host": parts.netloc} | headers).items():
        connection.putheader(name, value)
    connection.endheaders()
    try:
        answer = connection.getresponse()
        body = b"" if answer.status == 101 else answer.read()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, body.decode())
    finally:
        connection.close()


def knock(address: str, path: str = STREAM, *, source: str = "127.0.0.1", **headers: str) -> Answer:
    """Begin a WebSocket, and leave; see `ask`."""
    key = {"Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode()}
    return ask(address, path, source=source, **HANDSHAKE | key | headers)
