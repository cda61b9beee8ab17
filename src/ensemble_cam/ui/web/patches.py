"""All that is replaced inside Streamlit, in one place; a test says when one of them is no longer there.

`streamlit run app.py` loads this with the app, `ensemble-cam app` before Streamlit's server begins.
"""

from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import Any

from streamlit import config, net_util
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.app_session import AppSession

from ensemble_cam.ui.launch import app_script
from ensemble_cam.ui.web.hosts import ServedNames


@cache
def patch_streamlit() -> None:
    """Replace what asks outside services and what tells a browser where the app lies on the disk."""
    if config._main_script_path is None:  # another server than Streamlit's own: it would miss `.streamlit/config.toml`
        config._main_script_path = str(app_script())

    # Asked for whenever a WebSocket comes from another site, at start, and where the server listens on every address.
    net_util.get_external_ip = _unknown
    net_util.get_internal_ip = _unknown  # it opens a socket to 8.8.8.8, though it sends nothing

    create = AppSession._create_new_session_message

    @wraps(create)
    def create_without_folder(*arguments: Any, **named: Any) -> ForwardMsg:
        message = create(*arguments, **named)
        message.new_session.main_script_path = Path(message.new_session.main_script_path).name
        return message

    AppSession._create_new_session_message = create_without_folder  # type: ignore[method-assign]


def hold_options(names: ServedNames) -> Callable[[], None]:
    """Set what the served names decide, also whenever Streamlit reads its configuration anew.

    Returns a function that ends this for the next time.
    """

    def hold() -> None:
        config.set_option("server.allowedHosts", sorted(names.all))
        origins = [f"{scheme}://{_in_address(name)}" for name in sorted(names.allowed) for scheme in ("http", "https")]
        config.set_option("server.corsAllowedOrigins", origins)
        config.set_option("server.trustedUserHeaders", {})  # anybody can send a header

    hold()
    return config.on_config_parsed(hold, force_connect=True)


def _in_address(name: str) -> str:
    return f"[{name}]" if ":" in name else name


def _unknown() -> None:
    return None
