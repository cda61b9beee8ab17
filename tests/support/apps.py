"""The app, served by a process of its own: the one way in which tests start it."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ensemble_cam.ui.launch import app_script
from support import films

_OURS = ("ENSEMBLE_CAM_CONFIG", "ENSEMBLE_CAM_WEIGHTS", "ENSEMBLE_CAM_WEIGHTS_FROM", "ENSEMBLE_CAM_ALLOW_HOST")
_PATIENCE = 90  # seconds: a cold start imports PyTorch

RUN = ("run", str(app_script()), "--server.port", "{port}", "--server.headless", "true")
"""What Streamlit's own command line is given."""

_MODULES = {
    "server": ("ensemble_cam.ui.serve", *RUN),
    "streamlit": ("streamlit", *RUN),
    "command": ("ensemble_cam.cli", "app", "--port", "{port}", "--no-browser"),
}

NO_WAY_OUT = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")}
"""Surroundings in which nothing can be fetched from the network."""


@contextmanager
def started(
    arguments: Sequence[str],
    *,
    folder: Path,
    log: Path,
    python: Path = Path(sys.executable),
    base: str = "",
    port: int = 0,
    **environment: str,
) -> Iterator[tuple[str, subprocess.Popen]]:
    """Let Python serve the app on a free port of this machine, and give its address and its process.

    Args:
        arguments: of Python; "{port}" in one stands for the port.
        folder: where it starts, and its home.
        log: what it prints.
        python: which one.
        base: the path that the app lies below, "/films".
        port: that it has anyway; 0 for a free one.
        **environment: variables of its own.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", port))
        port = free.getsockname()[1]
    inherited = {name: value for name, value in os.environ.items() if name not in _OURS}
    home = {name: str(folder) for name in ("HOME", "USERPROFILE")}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [str(python), *(each.format(port=port) for each in arguments)],
            cwd=folder,
            env=inherited | home | environment,
            stdout=stream,
            stderr=stream,
            start_new_session=True,  # a group of its own, which ends as one
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address + base, process, log)
        yield address, process
    finally:
        _end(process)


@contextmanager
def serving_app(
    folder: Path, *, by: str = "server", options: Sequence[str] = (), base: str = "", port: int = 0, **environment: str
) -> Iterator[str]:
    """Serve the app from `folder`, which is its home, too, and give its address.

    Its log is read at the end: it must not name a film, nor hold a traceback.

    Args:
        folder: where it starts; its log lies there afterwards.
        by: what starts it: the "server" that the command starts, the "command" `ensemble-cam app` itself, or plain
            "streamlit".
        options: further ones on its command line.
        base: the path that those let it lie below.
        port: the one to serve on; 0 for a free one.
        **environment: variables of its own.
    """
    log = folder / "log"
    with started(["-m", *_MODULES[by], *options], folder=folder, log=log, base=base, port=port, **environment) as (
        address,
        _,
    ):
        yield address
    text = log.read_text()
    assert "secret_name" not in text
    assert not any(identity in text for identity in films.IDENTITY)
    assert "Traceback" not in text, text


def _wait_for(address: str, process: subprocess.Popen, log: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=1)
            return
        except OSError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
    raise AssertionError(f"The app did not answer within {_PATIENCE} seconds.\n{log.read_text()}")


def _end(process: subprocess.Popen) -> None:
    """End a process and all that it has started."""
    if os.name != "posix":
        process.terminate()
        process.wait(20)
        return
    with suppress(ProcessLookupError):  # it has ended by itself
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(20)
    finally:
        with suppress(ProcessLookupError):  # none is left
            os.killpg(process.pid, signal.SIGKILL)
