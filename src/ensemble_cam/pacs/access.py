"""How an archive is reached, and as whom: its address, and what it asks for, from environment or keyring.

A token or a password is never given on a command line, where every program of the machine can read it, nor in an
address, which logs keep; and none is sent unencrypted to another machine.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ensemble_cam.errors import ConfigError

TOKEN, USER, PASSWORD = "ENSEMBLE_CAM_PACS_TOKEN", "ENSEMBLE_CAM_PACS_USER", "ENSEMBLE_CAM_PACS_PASSWORD"
CERTIFICATE, KEY, AUTHORITY = "ENSEMBLE_CAM_PACS_CERT", "ENSEMBLE_CAM_PACS_KEY", "ENSEMBLE_CAM_PACS_CA"
OWN_TITLE, LISTEN = "ENSEMBLE_CAM_PACS_AET", "ENSEMBLE_CAM_PACS_LISTEN"
URL = "ENSEMBLE_CAM_PACS_URL"
"""Names the archive whose page the app has."""

KEYRING = "ensemble-cam"
"""The keyring's service; its entries are called by the archive's address, or by user and address: `user@https://…`."""

_PEER = re.compile(r"dicom://(?P<title>[^@/]+)@(?P<host>[^@/:]+):(?P<port>[0-9]{1,5})/?")
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class Access:
    """An archive's address, and what it is asked with.

    Attributes:
        url: of the DICOMweb service, without a slash at its end.
        token: a bearer token; None without.
        user: for basic authentication; None without.
        password: of the user.
        certificate: a client's certificate, and its key where that is a file of its own.
        authority: a file of certificates that are trusted instead of the system's.
    """

    url: str
    token: str | None = field(default=None, repr=False)
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    certificate: tuple[str, ...] = ()
    authority: str | None = None

    @classmethod
    def of(cls, url: str, environment: Mapping[str, str] | None = None) -> "Access":
        """Return how an archive is reached.

        Args:
            url: of its DICOMweb service, such as `https://pacs.example/dicom-web`.
            environment: the process's own, unless another is given.

        Raises:
            ConfigError: if the address is none, or what is set does not go together.
        """
        told = os.environ if environment is None else environment
        url = _checked(url)
        token, user, password = told.get(TOKEN) or None, told.get(USER) or None, told.get(PASSWORD) or None
        if token and user:
            raise ConfigError(f"{TOKEN} and {USER} are both set, and an archive is asked with one of them. Unset one.")
        if user and password is None:
            password = _kept(f"{user}@{url}")
            if password is None:
                raise ConfigError(
                    f"{USER} is set, and there is no password. Set {PASSWORD}, or keep one in the keyring."
                )
        if not (token or user):
            token = _kept(url)
        if (token or user) and urlsplit(url).scheme != "https" and urlsplit(url).hostname not in _LOOPBACK:
            raise ConfigError("--url: a token or password would be sent unencrypted. Use the archive's https address.")
        files = tuple(_file(told, name) for name in (CERTIFICATE, KEY) if told.get(name))
        authority = _file(told, AUTHORITY) if told.get(AUTHORITY) else None
        return cls(url, token, user, password, files, authority)


@dataclass(frozen=True)
class Peer:
    """An archive that speaks DIMSE, and what this program is called there.

    Attributes:
        title: the archive's AE title.
        host, port: where it listens.
        own_title: this program's AE title.
        listen: the port that the archive sends films to (C-MOVE); None where they are taken from it (C-GET).
    """

    title: str
    host: str
    port: int
    own_title: str = "ENSEMBLECAM"
    listen: int | None = None

    @classmethod
    def of(cls, url: str, environment: Mapping[str, str] | None = None) -> "Peer":
        """Return an archive of an address such as `dicom://ORTHANC@127.0.0.1:4242`.

        Raises:
            ConfigError: if it is none, or what is set is no AE title or port.
        """
        told = os.environ if environment is None else environment
        found = _PEER.fullmatch(url)
        if found is None or not _is_title(found["title"]) or not 0 < int(found["port"]) < 2**16:
            raise ConfigError("--url: for DIMSE, write dicom://AE-TITLE@HOST:PORT.")
        own, listen = told.get(OWN_TITLE) or cls.own_title, told.get(LISTEN) or None
        if not _is_title(own):
            raise ConfigError(f"{OWN_TITLE}: allowed: an AE title, up to 16 letters, digits and signs of ASCII.")
        if listen is not None and not (listen.isdecimal() and 0 < int(listen) < 2**16):
            raise ConfigError(f"{LISTEN}: allowed: a port, a number from 1 to 65535.")
        return cls(found["title"], found["host"], int(found["port"]), own, None if listen is None else int(listen))


def _is_title(text: str) -> bool:
    return len(text.strip()) > 0 and len(text) <= 16 and text.isascii() and text.isprintable() and "\\" not in text


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ConfigError("--url: this is no address. Write it as https://pacs.example/dicom-web.") from None
    if parts.username is not None or parts.password is not None:
        raise ConfigError(f"--url: a password stands in the address. Set {USER} and {PASSWORD} instead.")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ConfigError(
            "--url: this is no address of a DICOMweb service. Write it as https://pacs.example/dicom-web."
        )
    return url.rstrip("/")


def _file(told: Mapping[str, str], name: str) -> str:
    if not Path(told[name]).is_file():
        raise ConfigError(f"{name}: there is no such file. Check its path.")
    return told[name]


def _kept(name: str) -> str | None:
    """Return a secret of the keyring; None where there is none, or no keyring on this machine."""
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:  # an extra
        return None
    try:
        return keyring.get_password(KEYRING, name)
    except KeyringError:
        return None
