"""`ensemble-cam app`: the browser app on this machine."""

import argparse
import errno
import os
import re
import socket
from pathlib import Path

from ensemble_cam.cli.arguments import Commands, add_common, whole
from ensemble_cam.errors import ConfigError
from ensemble_cam.settings.config import load_config

_ADDRESS = "127.0.0.1"  # where the app listens, see `.streamlit/config.toml`
_EVERYBODY = "--i-know-that-everybody-can-read"
_BASE_PATH = re.compile(r"/?(?P<path>[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*)/?")


def add(commands: Commands) -> None:
    """Add the command."""
    app = commands.add_parser("app", help="open the browser app", description="Open the browser app on this machine.")
    app.add_argument(
        "--port",
        type=whole(least=1, most=65535),
        metavar="N",
        help="the port to serve on; Streamlit's 8501 or the next free one",
    )
    app.add_argument(
        "--address",
        metavar="A",
        help=f"the address to serve on; {_ADDRESS}, which this machine alone reaches. Any other needs a login in the "
        f"configuration, or {_EVERYBODY}",
    )
    app.add_argument(
        _EVERYBODY,
        action="store_true",
        help="the app asks for no password: whoever reaches the address can open it",
    )
    app.add_argument(
        "--base-path",
        metavar="P",
        help="the path that the app lies below, as behind a proxy: films for https://reading.example/films",
    )
    app.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a further name that the app is opened by, as a proxy's; may be repeated",
    )
    app.add_argument(
        "--session",
        type=Path,
        metavar="DIR",
        help="keep films, settings, first reads and verdicts in this folder, so that the next start finds them; "
        "without it nothing is written",
    )
    app.add_argument("--no-browser", action="store_true", help="do not open a browser window")
    add_common(app)
    app.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Serve the app until it is stopped.

    Raises:
        ConfigError: if the configuration is not usable, a name is none, or the address or port cannot be had: better
            told here than in the browser.
        SessionError: if the session cannot be kept.
    """
    from ensemble_cam.ui.launch import run_app
    from ensemble_cam.ui.web.hosts import check_readable, checked_name

    login = load_config(options.config).login
    names = [checked_name(name, of="--allow-host") for name in options.allow_host]
    address = None
    if options.address is not None:
        address = checked_name(options.address, of="--address")
        check_readable(address, login, told=options.i_know_that_everybody_can_read)
    if address is not None or options.port is not None:
        _check_place(address or _ADDRESS, options.port)
    if options.session is not None:
        from ensemble_cam.readers.store import Store

        with Store.open(options.session) as store:
            print(f"The session is {store.kept}.", flush=True)
    return run_app(
        config=options.config,
        weights_dir=options.weights_dir,
        port=options.port,
        browser=not options.no_browser,
        address=address,
        allow_hosts=names,
        session=options.session,
        base_path=_checked_path(options.base_path),
        everybody=options.i_know_that_everybody_can_read,
    )


def _checked_path(given: str | None) -> str | None:
    if given is None:
        return None
    found = _BASE_PATH.fullmatch(given)
    if found is None or {".", ".."} & set(found["path"].split("/")):
        raise ConfigError(f"--base-path: got {given!r}; allowed: letters, digits, ., _, ~ and -, with / between.")
    return found["path"]


def _check_place(address: str, port: int | None) -> None:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        if os.name == "posix":  # as the server does: a port that was left a moment ago is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port or 0))
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
                raise ConfigError(f"--address: {address} is no address of this machine. Choose another one.") from None
            if error.errno == errno.EADDRINUSE:
                fact = f"--port: {port} is taken by another program, perhaps by an app that is open already."
            else:
                fact = f"--port: {port} cannot be used ({error.strerror})."
            raise ConfigError(f"{fact} Choose another one, or leave --port out.") from None
