"""The names that the app answers to, and whether a request asks for one of them.

A page of another site can let its own name lead to 127.0.0.1 (DNS rebinding). Its scripts then reach a server there as
if it were their own, with that name in the header Host, which a script cannot change.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from ensemble_cam.errors import ConfigError
from ensemble_cam.settings.login import Login
from ensemble_cam.ui.launch import ALLOW_VARIABLE, EVERY_ADDRESS, EVERYBODY_VARIABLE

EVERYBODY_OPTION = "--i-know-that-everybody-can-read"
"""Of `ensemble-cam app`; `EVERYBODY_VARIABLE` says the same."""

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""What this machine calls itself."""

# RFC 3986 3.2: a host and a port, without user information.
_AUTHORITY = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[^\s:/?#@\[\]\\,]+)(?P<port>:[0-9]*)?")
_ORIGIN = re.compile(r"https?://(?P<authority>[^/?#]+)", re.IGNORECASE)


@dataclass(frozen=True)
class ServedNames:
    """The names that the app answers to.

    Attributes:
        own: this machine's, and the address it listens on; lower case, IPv6 without brackets.
        allowed: others that lead to it, as a proxy's.
    """

    own: frozenset[str]
    allowed: frozenset[str]

    @property
    def all(self) -> frozenset[str]:
        """Every one of them."""
        return self.own | self.allowed

    def answers(self, host: str) -> bool:
        """Return whether a header Host names the app; its port may be any, as a tunnel has one of its own."""
        return name_of(host) in self.all

    def trusts(self, origin: str, host: str) -> bool:
        """Return whether a header Origin is a page of the app.

        It is one of the same name and port as the Host that it asks for, or of an allowed name: a proxy may hand on a
        Host of its own.
        """
        found = _ORIGIN.fullmatch(origin)
        if found is None:
            return False
        authority = found["authority"].lower()
        return authority == host.lower() or name_of(authority) in self.allowed


def served_names(address: str | None, environment: Mapping[str, str] = os.environ) -> ServedNames:
    """Return the names of an app that listens on `address`.

    Raises:
        ConfigError: if `ALLOW_VARIABLE` holds something that is no name.
    """
    given = [text.strip() for text in environment.get(ALLOW_VARIABLE, "").split(",")]
    allowed = frozenset(checked_name(text, of=ALLOW_VARIABLE) for text in given if text)
    own = set(LOOPBACK)
    if address and address not in EVERY_ADDRESS:
        own.add(_plain(address))
    return ServedNames(frozenset(own), allowed)


def name_of(authority: str) -> str | None:
    """Return the name in a Host header or an origin, in lower case and without its port; None if there is none."""
    found = _AUTHORITY.fullmatch(authority)
    return _plain(found["name"]) if found else None


def checked_name(text: str, *, of: str) -> str:
    """Return a name as browsers send it: lower case, beyond ASCII as in IDNA, IPv6 without brackets.

    Args:
        text: what was given.
        of: where, for the message.

    Raises:
        ConfigError: if it is no name, or more than one.
    """
    found = _AUTHORITY.fullmatch(f"[{text}]" if text.count(":") > 1 and not text.startswith("[") else text)
    try:
        if found is None or found["port"] is not None or "*" in text:
            raise ValueError(text)
        return _plain(found["name"].encode("idna").decode("ascii"))
    except ValueError:  # UnicodeError is one
        raise ConfigError(
            f"{of}: got {text!r}; allowed: a name or an address alone, as films.example.org, without http://, port, "
            "path or *."
        ) from None


def is_loopback(address: str) -> bool:
    """Return whether only this machine can reach a server on that address."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address.lower() == "localhost"


def check_readable(
    address: str | None, login: Login | None, environment: Mapping[str, str] = os.environ, *, told: bool = False
) -> None:
    """Refuse to let everybody read unasked: by an address beyond this machine, without a login.

    Args:
        address: where the app is to listen; None for every address.
        login: how the app knows who opens it; None where it asks nobody.
        environment: in which `EVERYBODY_VARIABLE` may allow it.
        told: whether it was allowed.

    Raises:
        ConfigError: if it was not.
    """
    beyond = address is None or not is_loopback(address)
    if beyond and login is None and not told and environment.get(EVERYBODY_VARIABLE) != "1":
        raise ConfigError(
            f"--address: on {address or 'every address'} everybody who reaches this machine can open the app, which "
            "asks for no password. Leave --address out, say in the configuration's table [login] who may read, or add "
            f"{EVERYBODY_OPTION}."
        )


def _plain(name: str) -> str:
    name = name.strip("[]").lower().rstrip(".")
    try:
        return ip_address(name).compressed
    except ValueError:
        return name
