"""The app's pages, served by this process, so that a test can hold its queue up and look at what it keeps."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from unittest import mock

import streamlit as st
import uvicorn
from streamlit import config
from streamlit.runtime import Runtime

import ensemble_cam.ui.page  # noqa: F401  (its components register before the server runs)
from ensemble_cam.ui.session import closing

_SCRIPT = "from ensemble_cam.ui.page import show_page\n\nshow_page()\n"


@contextmanager
def serving_here(folder: Path, **options: object) -> Iterator[str]:
    """Serve the pages from a script in `folder` and give their address; the home is the caller's business.

    Args:
        folder: for the script.
        **options: Streamlit's, of its section `server`, by their names in the configuration.
    """
    script = folder / "pages.py"
    script.write_text(_SCRIPT)
    before = {name: config.get_option(f"server.{name}") for name in options}
    for name, value in options.items():
        config.set_option(f"server.{name}", value)
    # AppTest's sessions, of other tests, never end, and their loop never runs: nobody would look after the next ones.
    with socket.socket() as listening, mock.patch.object(closing, "_CLOSING", closing.Closing()):
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # who comes before the server is there waits for it
        server = uvicorn.Server(uvicorn.Config(st.App(script), log_level="warning"))
        thread = Thread(target=lambda: asyncio.run(server.serve([listening])), name="served here", daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(30)
            Runtime._instance = None  # as before: AppTest, in other tests of this process, counts on that
            for name, value in before.items():
                config.set_option(f"server.{name}", value)
    assert not thread.is_alive()
