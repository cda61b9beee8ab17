"""Who may open an app that a group shares, as the configuration's table `[login]` says it.

Without that table the app asks nobody who they are, and is for whoever reaches it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from ensemble_cam.errors import ConfigError
from ensemble_cam.settings.rules import Rule, check_keys, one_of

PROXY, OIDC = "proxy", "oidc"

EVERYBODY = "*"
"""Stands in `readers` for whoever has logged in."""

_HEADER = re.compile("[A-Za-z][A-Za-z0-9-]{0,63}")
_TAKEN = frozenset({"host", "origin", "cookie", "connection", "upgrade", "authorization"})  # they say something else
_MOST = 64  # characters of a reader's name, see `readers.schema`
_CENTURY = 36525  # days


@dataclass(frozen=True)
class Login:
    """How the app knows who opens it.

    Attributes:
        by: "proxy", one before the app that asks who somebody is, or "oidc", OpenID Connect by Streamlit's own login.
        readers: who may read; `EVERYBODY` among them for whoever has logged in.
        teachers: who may read, and also decides what is on the work list and sees the audit log.
        proxy: the addresses that the proxy asks from; its socket's own, whatever a header says.
        header: in which the proxy hands on the name.
        claim: of the identity token that is the name.
        audit_days: how long the audit log is kept; 0 for ever.
    """

    by: str
    readers: tuple[str, ...] = (EVERYBODY,)
    teachers: tuple[str, ...] = ()
    proxy: tuple[IPv4Network | IPv6Network, ...] = ()
    header: str = "X-Remote-User"
    claim: str = "email"
    audit_days: int = 365

    def admits(self, name: str) -> bool:
        """Return whether somebody of this name may read."""
        return name in self.teachers or name in self.readers or EVERYBODY in self.readers

    def is_proxy(self, peer: str | None) -> bool:
        """Return whether a socket's peer is the proxy; an IPv4 address may come as IPv6 writes it."""
        try:
            address = ip_address(peer or "")
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self.proxy)


def reader_name(given: object) -> str | None:
    """Return a name as readers are known by it, None where it is none: empty, too long, not printable."""
    name = " ".join(given.split()) if isinstance(given, str) and given.isprintable() else ""
    return name if 0 < len(name) <= _MOST and name != EVERYBODY else None


def login_of(table: Mapping[str, Any]) -> Login:
    """Return what the table says.

    Raises:
        ConfigError: for a key that is not known, goes with another kind of login or is missing, or a value that is not
            allowed.
    """
    check_keys("[login]", table, known=LOGIN_KEYS)
    values = {key: LOGIN_KEYS[key].check(f"[login] {key}", value) for key, value in table.items()}
    by = values.get("by")
    if by is None:
        raise ConfigError(f"[login] by: the key is missing; allowed: {LOGIN_KEYS['by'].allowed}.")
    for key in ("claim",) if by == PROXY else ("proxy", "header"):
        if key in values:
            raise ConfigError(f"[login] {key}: got it for a login by {by}, which has none; take it out.")
    # Whoever has an account at a public provider would be a reader, if nobody were named.
    required = "proxy" if by == PROXY else "readers"
    if required not in values:
        raise ConfigError(f"[login] {required}: the key is missing; allowed: {LOGIN_KEYS[required].allowed}.")
    return Login(**values)


def _is_names(value: object, *, most: tuple[str, ...] = ()) -> bool:
    return isinstance(value, list) and all(each in most or reader_name(each) == each for each in value)


def _networks(value: Any) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(each) for each in value)


def _is_networks(value: object) -> bool:
    if not isinstance(value, list) or not value or not all(isinstance(each, str) for each in value):
        return False
    try:
        return all(network.prefixlen > 0 for network in _networks(value))
    except ValueError:
        return False


LOGIN_KEYS: Mapping[str, Rule] = {
    "by": one_of((PROXY, OIDC)),
    "readers": Rule(
        'a list of names, each printable and of 1 to 64 characters; "*" for whoever has logged in',
        lambda value: _is_names(value, most=(EVERYBODY,)),
        tuple,
    ),
    "teachers": Rule("a list of names, each printable and of 1 to 64 characters", _is_names, tuple),
    "proxy": Rule(
        "a list of one address or network or more, as 127.0.0.1 or 10.1.0.0/24, and none that is everybody's",
        _is_networks,
        _networks,
    ),
    "header": Rule(
        "a header's name of letters, digits and -, which says nothing else",
        lambda value: isinstance(value, str) and _HEADER.fullmatch(value) and value.lower() not in _TAKEN,
    ),
    "claim": Rule(
        "a claim's name, as email or preferred_username",
        lambda value: isinstance(value, str) and re.fullmatch(r"[A-Za-z][\w.:/-]{0,99}", value),
    ),
    "audit_days": Rule(
        "a whole number of days, at least 0",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _CENTURY,
    ),
}
"""Key of the table `[login]` → its rule."""
