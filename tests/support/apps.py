"""The app, served by a process of its own: the one way in which tests start it."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ensemble_cam.ui.launch import app_script
from support import films

_OURS = ("ENSEMBLE_CAM_CONFIG", "ENSEMBLE_CAM_WEIGHTS", "ENSEMBLE_CAM_WEIGHTS_FROM", "ENSEMBLE_CAM_ALLOW_HOST")
_PATIENCE = 90  # seconds: a cold start imports PyTorch

NO_WAY_OUT = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")}
"""Surroundings in which nothing can be fetched from the network."""


@contextmanager
def serving_app(folder: Path, *, by: str = "server", **environment: str) -> Iterator[str]:
    """Serve the app from `folder`, which is its home, too, and give its address.

    Its log is read at the end: it must not name a film, nor hold a traceback.

    Args:
        folder: where it starts; its log lies there afterwards.
        by: what starts it: the "server" that the command starts, the "command" `ensemble-cam app` itself, or plain
            "streamlit".
        **environment: variables of its own.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    inherited = {name: value for name, value in os.environ.items() if name not in _OURS}
    home = {name: str(folder) for name in ("HOME", "USERPROFILE")}
    log = folder / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", *_module(by, port)],
            cwd=folder,
            env=inherited | home | environment,
            stdout=stream,
            stderr=stream,
            start_new_session=True,  # a group of its own, which ends as one
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, process, log)
        yield address
    finally:
        _end(process)
    text = log.read_text()
    assert "secret_name" not in text
    assert not any(identity in text for identity in films.IDENTITY)
    assert "Traceback" not in text, text


def _module(by: str, port: int) -> list[str]:
    run = ["run", str(app_script()), "--server.port", str(port), "--server.headless", "true"]
    return {
        "server": ["ensemble_cam.ui.serve", *run],
        "streamlit": ["streamlit", *run],
        "command": ["ensemble_cam.cli", "app", "--port", str(port), "--no-browser"],
    }[by]


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
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(20)
    finally:
        with suppress(ProcessLookupError):  # none is left
            os.killpg(process.pid, signal.SIGKILL)
