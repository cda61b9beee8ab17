"""The app, served to this machine alone by a process of its own, for what is measured from outside."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ensemble_cam.ui.launch import app_script


@dataclass(frozen=True)
class Served:
    """The app under its address.

    Attributes:
        address: "http://127.0.0.1:PORT".
        pid: of the server's process.
    """

    address: str
    pid: int


@contextmanager
def serving(home: Path, *, command: Sequence[str] = ("-m", "ensemble_cam.ui.serve")) -> Iterator[Served]:
    """Serve the app with an empty home folder, in which its log is written.

    `command` is what Python runs, and takes the words of Streamlit's own command line.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ENSEMBLE_CAM_WEIGHTS")}
    environment |= {"HOME": str(home), "USERPROFILE": str(home)}
    options = ["--server.port", str(port), "--server.headless", "true"]
    arguments = [sys.executable, *command, "run", str(app_script()), *options]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(arguments, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=1)
                break
            except OSError:
                time.sleep(0.1)
        yield Served(address, process.pid)
    finally:
        process.terminate()
        process.wait(20)
