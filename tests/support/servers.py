"""A loopback server that serves one file, and misbehaves as it is told."""

import http.server
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

CONTENT = bytes(range(256)) * 4096  # 1 MiB, longer than what the kernel keeps in its buffers


@dataclass
class Mirror:
    """A loopback server's behaviour, and the requests that it got."""

    url: str = ""
    content: bytes = CONTENT
    etag: str | None = '"first"'
    last_modified: str | None = None
    break_after: int | None = None  # bytes of the body
    status: int | None = None  # answered instead of the file
    redirect: str | None = None
    knows_range: bool = True
    knows_if_range: bool = True
    says_length: bool = True
    pause: float = 0.0  # seconds within the body
    gate: threading.Event | None = None  # the second half comes once it is set
    requests: list[dict[str, str]] = field(default_factory=list)

    @property
    def ranges(self) -> list[str | None]:
        return [request.get("Range") for request in self.requests]


class _Handler(http.server.BaseHTTPRequestHandler):
    mirror: Mirror

    def log_message(self, *args):
        pass

    def do_GET(self):
        mirror = self.mirror
        mirror.requests.append(dict(self.headers))
        if mirror.status is not None:
            return self.send_error(mirror.status)
        if mirror.redirect is not None:
            self.send_response(302)
            self.send_header("Location", mirror.redirect)
            return self.end_headers()

        start = 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = not mirror.knows_if_range or self.headers.get("If-Range") in (mirror.etag, mirror.last_modified)
        if asked and mirror.knows_range and same:
            start = int(asked[1])
            if start >= len(mirror.content):
                return self.send_error(416)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(mirror.content) - 1}/{len(mirror.content)}")
        else:
            self.send_response(200)
        body = mirror.content[start:]
        if mirror.says_length:
            self.send_header("Content-Length", str(len(body)))
        if mirror.etag:
            self.send_header("ETag", mirror.etag)
        if mirror.last_modified:
            self.send_header("Last-Modified", mirror.last_modified)
        self.end_headers()
        sent = body if mirror.break_after is None else body[: mirror.break_after]
        half = len(sent) // 2
        self.wfile.write(sent[:half])
        time.sleep(mirror.pause)
        if mirror.gate is not None:
            mirror.gate.wait(60)
        self.wfile.write(sent[half:])


@contextmanager
def serving(mirror: Mirror) -> Iterator[Mirror]:
    """Serve a mirror's file at its `url`, which is set here, until the block ends."""
    handler = type("_HandlerOfOne", (_Handler,), {"mirror": mirror})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    mirror.url = f"http://127.0.0.1:{server.server_port}/w.pt"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield mirror
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the environment's proxies out of the way to the loopback server."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
