"""What `app.py` hands to Streamlit beside the pages."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from streamlit import cli_util, config
from streamlit.web.server import server_util

from ensemble_cam.errors import ConfigError
from ensemble_cam.settings.config import load_config
from ensemble_cam.settings.login import OIDC
from ensemble_cam.ui.launch import config_path
from ensemble_cam.ui.start import START
from ensemble_cam.ui.web.guard import Guard
from ensemble_cam.ui.web.headers import security_headers
from ensemble_cam.ui.web.hosts import check_readable, served_names
from ensemble_cam.ui.web.oidc import check_provider
from ensemble_cam.ui.web.patches import hold_options, patch_streamlit

_FAULT = "The app could not answer this. Its log on the machine that serves it says why.\n"


def guards() -> list[Middleware]:
    """Return what stands before Streamlit, which is made ready for it.

    Ends the program if a name is none, or everybody could read unasked.
    """
    patch_streamlit()
    address = config.get_option("server.address")
    try:
        names = served_names(address)
        login = load_config(config_path()).login
        check_readable(address, login)
        if login is not None and login.by == OIDC:
            check_provider(names)
    except ConfigError as error:
        sys.exit(f"ensemble-cam: {error}")
    hold_options(names, login)
    return [Middleware(Guard, names=names, headers=security_headers(), login=login)]


@asynccontextmanager
async def browser_opened(app: st.App) -> AsyncIterator[None]:
    """Say where the app is once it can answer, and open the reader's browser, as Streamlit does without an `st.App`."""
    address = server_util.get_url(config.get_option("browser.serverAddress"))
    START.served(address)
    if not config.get_option("server.headless"):
        cli_util.open_browser(address)
    yield


async def say_fault(request: Request, error: Exception) -> PlainTextResponse:
    """Answer where Streamlit failed, outside of all middleware: with the same headers, and nothing of the failure."""
    return PlainTextResponse(
        _FAULT, status_code=500, headers={name.decode(): value.decode() for name, value in security_headers()}
    )
