"""What Python processes ask of the network: every name that they look up, every address that they connect or send to.

Python's own audit events tell of it, whichever module asks; a library's native code would not be seen.
"""

import ipaddress
import os
from pathlib import Path

_VARIABLE = "RECORDED_SOCKETS"
_HOOK = f'''
import os, sys

def note(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        asked = arguments[1]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        asked = arguments[:1]
    else:
        return
    if isinstance(asked, tuple) and asked[0] is not None:  # else a socket of files, or one to listen on
        with open(os.environ["{_VARIABLE}"], "a") as file:
            file.write(f"{{event}} {{asked[0]}}\\n")

open(os.environ["{_VARIABLE}"], "a").close()  # a file that is there tells that this has run
sys.addaudithook(note)
'''


def recorded(folder: Path) -> dict[str, str]:
    """Return surroundings in which every Python process adds a line to `folder`/sockets whenever it asks."""
    (folder / "sitecustomize.py").write_text(_HOOK)
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    return {"PYTHONPATH": path, _VARIABLE: str(folder / "sockets")}


def asked(folder: Path) -> list[str]:
    """Return what was looked up or connected to, in order."""
    return [line.split(" ", 1)[1] for line in (folder / "sockets").read_text().splitlines()]


def outside(names: list[str]) -> list[str]:
    """Return those that are not this machine."""
    return [name for name in names if not _is_here(name)]


def _is_here(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
