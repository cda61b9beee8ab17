"""A plain ASGI middleware before Streamlit: it refuses what is not meant for the app, and heads every answer.

Messages of an accepted WebSocket pass untouched and uncounted.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ensemble_cam.settings.login import PROXY, Login
from ensemble_cam.ui.web.headers import Headers
from ensemble_cam.ui.web.hosts import ServedNames
from ensemble_cam.ui.web.login import name_from_proxy, named, reader_of

# Below any base path. Streamlit answers the first two to everybody, whatever its configuration says.
_CLOSED = ("/_stcore/agent/", "/_stcore/metrics/")
_UPLOAD = re.compile("/_stcore/upload_file/([^/]+)")  # whose page a file is for stands in its address, as logs have it
_STREAM = "/_stcore/stream"
_HEALTH = "/_stcore/health"  # says "ok" and nothing else, to whoever looks after the machine


@dataclass(frozen=True)
class Refusal:
    """An answer in place of Streamlit's.

    Attributes:
        status: of HTTP.
        sentence: what a reader is told.
    """

    status: int
    sentence: str


OTHER_NAME = Refusal(
    421,  # RFC 9110 15.5.20, Misdirected Request
    "The app does not answer to this name. On its own machine open it as http://127.0.0.1 or http://localhost, with "
    "its port; to reach it by another name, start it with --allow-host and that name.",
)
OTHER_SITE = Refusal(
    403,
    "A page of another site asked for this, which is refused. If that page is the app behind a proxy, start the app "
    "with --allow-host and the proxy's name.",
)
NOTHING_HERE = Refusal(404, "There is nothing here.")
NOBODY = Refusal(
    403, "The app does not know who you are. Open it by the address that asks for your name and your password."
)
NO_READER = Refusal(403, "You are logged in, and not among this app's readers. Ask who runs it to add you.")


class Guard:
    """The middleware: `Middleware(Guard, names=…, headers=…)`.

    Args:
        app: what comes behind it.
        names: those that the app answers to.
        headers: of every answer; they take the place of others of the same name.
        login: how the app knows who asks; None where it asks nobody.
    """

    def __init__(self, app: ASGIApp, *, names: ServedNames, headers: Headers, login: Login | None = None) -> None:
        self._app = app
        self._names = names
        self._headers = headers
        self._login = login
        self._ours = {name for name, _ in headers}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        kind = scope["type"]
        refusal = None
        if kind in ("http", "websocket"):
            name = name_from_proxy(scope, self._login) if self._login is not None and self._login.by == PROXY else None
            refusal = self._refusal(scope) or self._refusal_of(name, scope)
            scope = named(scope, self._login, name)
        if refusal is None:
            await self._app(scope, receive, self._headed(send, scope) if kind == "http" else send)
        elif kind == "http":
            await self._refuse(refusal, send, "http.response")
        elif "websocket.http.response" in scope.get("extensions", {}):
            await receive()  # websocket.connect
            await self._refuse(refusal, send, "websocket.http.response")
        else:
            await send({"type": "websocket.close", "code": 1008})  # the server answers 403 and says no more

    def _refusal(self, scope: Scope) -> Refusal | None:
        hosts = _values(scope, b"host")
        if len(hosts) != 1 or not self._names.answers(hosts[0]):
            return OTHER_NAME
        if not all(self._names.trusts(origin, hosts[0]) for origin in _values(scope, b"origin")):
            return OTHER_SITE
        path = scope["path"]
        if any(closed in f"{path}/" for closed in _CLOSED):
            return NOTHING_HERE
        if scope["type"] == "websocket" and not path.endswith(_STREAM):
            return NOTHING_HERE
        return None

    def _refusal_of(self, name: str | None, scope: Scope) -> Refusal | None:
        """Return why somebody may not ask; where they log in on a page, that page is for everybody."""
        if self._login is None:
            return None
        upload = _UPLOAD.search(scope["path"])
        owner = None if upload is None else reader_of(upload[1], self._login)
        if self._login.by != PROXY:
            return NOTHING_HERE if upload is not None and owner is None else None
        if scope["path"].endswith(_HEALTH) and scope.get("method") in ("GET", "HEAD"):
            return None
        if name is None:
            return NOBODY
        if not self._login.admits(name):
            return NO_READER
        return NOTHING_HERE if upload is not None and owner != name else None

    def _headed(self, send: Send, scope: Scope) -> Send:
        own = f"{scope.get('scheme', 'http')}://{_values(scope, b'host')[0]}/".encode("latin-1")

        async def send_headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                theirs = [each for each in message.get("headers", ()) if each[0].lower() not in self._ours]
                # Behind a proxy a browser asks by another scheme, and perhaps by another name.
                theirs = [
                    (name, value[len(own) - 1 :] if name.lower() == b"location" and value.startswith(own) else value)
                    for name, value in theirs
                ]
                message["headers"] = [*theirs, *self._headers]
            await send(message)

        return send_headed

    async def _refuse(self, refusal: Refusal, send: Send, kind: str) -> None:
        body = f"{refusal.sentence}\n".encode()
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            *self._headers,
        ]
        await send({"type": f"{kind}.start", "status": refusal.status, "headers": headers})
        await send({"type": f"{kind}.body", "body": body})


def _values(scope: Scope, name: bytes) -> Sequence[str]:
    """Return all of a header's values; ASGI gives its name in lower case."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]
