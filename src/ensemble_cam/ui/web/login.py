"""The name that a proxy hands on, and who is believed when they say one.

Anybody who reaches the server can send a header. The one with the name is believed of the proxy alone, by the address
of the socket's own peer: what `X-Forwarded-For` says of addresses is not looked at (`patches`). The pages are told the
name by a header of the server's own, which no request can bring along.
"""

from collections.abc import Mapping
from urllib.parse import quote, unquote

from starlette.types import Scope
from streamlit import runtime

from ensemble_cam.settings.login import PROXY, Login, reader_name

NAME_HEADER = "x-ensemble-cam-reader"
"""By which the server itself tells the pages the name, its letters percent-encoded."""

NAME_KEY = "ensemble_cam_reader"
"""Of `st.user`, under which they find it."""


def without_name(scope: Scope, login: Login | None) -> list[tuple[bytes, bytes]]:
    """Return a request's headers without those that say a name."""
    names = {NAME_HEADER} | ({login.header.lower()} if login is not None else set())
    return [(key, value) for key, value in scope["headers"] if key.decode("latin-1").lower() not in names]


def name_from_proxy(scope: Scope, login: Login) -> str | None:
    """Return who the proxy says is asking; None where it is not the proxy that asks, or it says no name, or two."""
    peer = scope.get("client")
    if not login.is_proxy(peer[0] if peer else None):
        return None
    header = login.header.lower()
    values = [value for key, value in scope["headers"] if key.decode("latin-1").lower() == header]
    if len(values) != 1:
        return None
    try:
        text = values[0].decode("utf-8")
    except UnicodeDecodeError:
        text = values[0].decode("latin-1")
    return reader_name(text)


def named(scope: Scope, login: Login | None, name: str | None) -> Scope:
    """Return a request as the pages get it: with the name that is believed, or none."""
    headers = without_name(scope, login)
    if name is not None:
        headers.append((NAME_HEADER.encode(), quote(name, safe="").encode()))
    return {**scope, "headers": headers}


def reader_of(session: str, login: Login) -> str | None:
    """Return whose page a session of Streamlit's is; None where it is no reader's, or there is none of this id."""
    found = runtime.get_instance().get_app_session(session) if runtime.exists() else None
    name = None if found is None else name_of_user(login, found._user_info)
    return name if name is not None and login.admits(name) else None


def name_of_user(login: Login, user: Mapping[str, object]) -> str | None:
    """Return the name that somebody has logged in by; None where they have not, or it cannot be relied on.

    Args:
        login: how the app knows who opens it.
        user: what Streamlit's server knows of them.
    """
    if login.by == PROXY:
        return read_name(user.get(NAME_KEY))
    if user.get("is_logged_in") is not True:
        return None
    if login.claim == "email" and user.get("email_verified") is False:
        return None  # anybody can write an address into an account of their own
    return reader_name(user.get(login.claim))


def read_name(told: object) -> str | None:
    """Return the name that `named` has told the pages."""
    return reader_name(unquote(told)) if isinstance(told, str) else None
