"""Starts the browser app: finds its script and hands it the command line's choices."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from threading import current_thread, main_thread

from ensemble_cam.machine.compiling import compile_beside

# How the command line's choices reach the app, which Streamlit starts as a process of its own.
CONFIG_VARIABLE = "ENSEMBLE_CAM_CONFIG"
WEIGHTS_VARIABLE = "ENSEMBLE_CAM_WEIGHTS"

SOURCE_VARIABLE = "ENSEMBLE_CAM_WEIGHTS_FROM"
"""Names a mirror's address or a folder that the app's button fetches weights from, instead of the release."""

ALLOW_VARIABLE = "ENSEMBLE_CAM_ALLOW_HOST"
"""Further names that the app answers to, with commas between: those of `--allow-host`, or set by hand."""

EVERYBODY_VARIABLE = "ENSEMBLE_CAM_EVERYBODY_CAN_READ"
"""Where it is 1, the app may listen beyond this machine and ask nobody who they are."""

SESSION_VARIABLE = "ENSEMBLE_CAM_SESSION"
"""Names the folder that films, settings and what readers say are kept in; without it nothing is written."""

EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})
"""A server listens on these for all of its machine's addresses; nobody asks for it by them."""


def app_script() -> Path:
    """Return the app's script: inside an installed package, or at the top of a checkout.

    Streamlit reads `.streamlit/config.toml` beside it, so its settings hold from whatever folder it is started.
    """
    package = Path(str(files("ensemble_cam")))
    packaged = package / "app.py"
    return packaged if packaged.is_file() else package.parents[1] / "app.py"


def config_path() -> Path | None:
    """Return where the app's configuration lies; None for the one that comes with the package."""
    given = os.environ.get(CONFIG_VARIABLE)
    return Path(given) if given else None


def page_script() -> Path:
    """Return the script of the pages, which `AppTest` opens."""
    return Path(str(files("ensemble_cam.ui") / "script.py"))


def run_app(
    *,
    config: Path | None,
    weights_dir: Path | None,
    port: int | None,
    browser: bool,
    address: str | None = None,
    allow_hosts: Sequence[str] = (),
    session: Path | None = None,
    base_path: str | None = None,
    everybody: bool = False,
) -> int:
    """Serve the app until it is stopped; return Streamlit's exit code.

    Args:
        config: the configuration's file; None for the one that comes with the package.
        weights_dir: where weights are looked for first.
        port: None for Streamlit's, or the next free one.
        browser: whether one is opened.
        address: where to listen, IPv6 without brackets; None for this machine alone.
        allow_hosts: further names that it answers to.
        session: the folder that all is kept in; None writes nothing.
        base_path: below which the app lies, as behind a proxy; None for the top.
        everybody: whether everybody may read who reaches the address.
    """
    environment = dict(os.environ)
    if config is not None:
        environment[CONFIG_VARIABLE] = str(config.resolve())
    if weights_dir is not None:
        environment[WEIGHTS_VARIABLE] = str(weights_dir.resolve())
    if allow_hosts:
        environment[ALLOW_VARIABLE] = ",".join(allow_hosts)
    if session is not None:
        environment[SESSION_VARIABLE] = str(session.resolve())
    if everybody:
        environment[EVERYBODY_VARIABLE] = "1"
    command = [sys.executable, "-m", "ensemble_cam.ui.serve", "run", str(app_script())]
    if port is not None:
        command += ["--server.port", str(port)]
    if address is not None:
        command += ["--server.address", address]
        if address not in EVERY_ADDRESS:
            command += ["--browser.serverAddress", f"[{address}]" if ":" in address else address]
    if base_path:
        command += ["--server.baseUrlPath", base_path]
    if not browser:
        command += ["--server.headless", "true"]
    if current_thread() is main_thread():
        # `subprocess.run` ends the server, and with it every film in its memory, when it is interrupted.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    compile_beside(["altair"])  # the pages' charts come last
    try:
        return subprocess.run(command, env=environment, check=False).returncode
    except KeyboardInterrupt:
        kept = SESSION_VARIABLE in environment
        print("\nEnded. The session is kept." if kept else "\nEnded. No film was kept.")
        return 0
