"""`ensemble-cam app`: the browser app on this machine."""

import argparse
import errno
import os
import socket

from ensemble_cam.cli.arguments import Commands, add_common, whole
from ensemble_cam.errors import ConfigError
from ensemble_cam.settings.config import load_config

_ADDRESS = "127.0.0.1"  # where the app listens, see `.streamlit/config.toml`


def add(commands: Commands) -> None:
    """Add the command."""
    app = commands.add_parser("app", help="open the browser app", description="Open the browser app on this machine.")
    app.add_argument(
        "--port",
        type=whole(least=1, most=65535),
        metavar="N",
        help="the port to serve on; Streamlit's 8501 or the next free one",
    )
    app.add_argument("--no-browser", action="store_true", help="do not open a browser window")
    add_common(app)
    app.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Serve the app until it is stopped.

    Raises:
        ConfigError: if the configuration is not usable or the port is taken, which is better told here than in the
            browser.
    """
    from ensemble_cam.ui.launch import run_app

    load_config(options.config)
    if options.port is not None:
        _check_port(options.port)
    return run_app(
        config=options.config, weights_dir=options.weights_dir, port=options.port, browser=not options.no_browser
    )


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        if os.name == "posix":  # as the server does: a port that was left a moment ago is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_ADDRESS, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                fact = f"--port: {port} is taken by another program, perhaps by an app that is open already."
            else:
                fact = f"--port: {port} cannot be used ({error.strerror})."
            raise ConfigError(f"{fact} Choose another one, or leave --port out.") from None
