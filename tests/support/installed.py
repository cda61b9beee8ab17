"""Streamlit as it is installed, for the tests of what the app replaces in it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from streamlit import config, net_util
from streamlit.runtime import backend_operation_handler
from streamlit.runtime.app_session import AppSession
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from ensemble_cam.ui.web.patches import patch_streamlit


@contextmanager
def replaced_for_a_while() -> Iterator[None]:
    """Take back at the end what is replaced within: tests that come later in this process begin as it is installed."""
    patch_streamlit.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in (
            (net_util, "get_external_ip"),
            (net_util, "get_internal_ip"),
            (AppSession, "_create_new_session_message"),
            (config, "_main_script_path"),
            (ProxyHeadersMiddleware, "__call__"),
        ):
            patch.setattr(owner, name, getattr(owner, name))
        patch.setattr(backend_operation_handler._LOGGER, "filters", [])
        yield
    patch_streamlit.cache_clear()
