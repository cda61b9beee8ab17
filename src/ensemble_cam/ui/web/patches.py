"""All that is replaced inside Streamlit, in one place; a test says when one of them is no longer there.

`streamlit run app.py` loads this with the app, `ensemble-cam app` before Streamlit's server begins.
"""

import logging
import re
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import Any

from streamlit import config, net_util
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import backend_operation_handler
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.media_file_storage import MediaFileStorageError
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from ensemble_cam.settings.login import PROXY, Login
from ensemble_cam.ui.launch import app_script
from ensemble_cam.ui.web.hosts import ServedNames
from ensemble_cam.ui.web.login import NAME_HEADER, NAME_KEY

OFFER_GONE = "A download was asked for that its page no longer offers: nothing was sent."

_OFFER_GONE = re.compile(r"Deferred file \S+ not found")


@cache
def patch_streamlit() -> None:
    """Replace what asks outside services, tells a browser where the app lies on the disk, or alarms without a cause."""
    if config._main_script_path is None:  # another server than Streamlit's own: it would miss `.streamlit/config.toml`
        config._main_script_path = str(app_script())

    # Asked for whenever a WebSocket comes from another site, at start, and where the server listens on every address.
    net_util.get_external_ip = _unknown
    net_util.get_internal_ip = _unknown  # it opens a socket to 8.8.8.8, though it sends nothing

    # It would put what `X-Forwarded-For` says in the place of a socket's peer, by which a proxy is known.
    ProxyHeadersMiddleware.__call__ = _hand_on  # type: ignore[method-assign, assignment]

    create = AppSession._create_new_session_message

    @wraps(create)
    def create_without_folder(*arguments: Any, **named: Any) -> ForwardMsg:
        message = create(*arguments, **named)
        message.new_session.main_script_path = Path(message.new_session.main_script_path).name
        return message

    AppSession._create_new_session_message = create_without_folder  # type: ignore[method-assign]
    backend_operation_handler._LOGGER.addFilter(_in_a_sentence)


async def _hand_on(middleware: ProxyHeadersMiddleware, scope: Any, receive: Any, send: Any) -> None:
    await middleware.app(scope, receive, send)


def _in_a_sentence(record: logging.LogRecord) -> bool:
    """Word a download that came too late, as its page had moved on: no fault of anybody's, and no traceback."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, MediaFileStorageError) and _OFFER_GONE.fullmatch(str(error)):
        record.msg, record.args, record.exc_info, record.exc_text = OFFER_GONE, (), None, None
        record.levelno, record.levelname = logging.INFO, "INFO"
    return True


def hold_options(names: ServedNames, login: Login | None = None) -> Callable[[], None]:
    """Set what served names and login decide, also whenever Streamlit reads its configuration anew.

    Returns a function that ends this for the next time.
    """

    def hold() -> None:
        config.set_option("server.allowedHosts", sorted(names.all))
        origins = [f"{scheme}://{_in_address(name)}" for name in sorted(names.allowed) for scheme in ("http", "https")]
        config.set_option("server.corsAllowedOrigins", origins)
        # Anybody can send a header, but not this one: the guard has struck it out of what they sent.
        by_proxy = login is not None and login.by == PROXY
        config.set_option("server.trustedUserHeaders", {NAME_HEADER: NAME_KEY} if by_proxy else {})
        # The page sends itself the message by which its colours change, and takes none of Streamlit's hosts. No other
        # page can stand around it, so that none is listened to.
        own = [f"{scheme}://{_in_address(name)}:*" for name in sorted(names.all) for scheme in ("http", "https")]
        config.set_option("client.allowedOrigins", own)

    hold()
    return config.on_config_parsed(hold, force_connect=True)


def _in_address(name: str) -> str:
    return f"[{name}]" if ":" in name else name


def _unknown() -> None:
    return None
