"""The app, served to this machine alone by a process of its own, for what is measured from outside."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from support.apps import RUN, started


@dataclass(frozen=True)
class Served:
    """The app under its address.

    Attributes:
        address: "http://127.0.0.1:PORT".
        pid: of the server's process.
    """

    address: str
    pid: int


@contextmanager
def serving(home: Path, *, command: Sequence[str] = ("-m", "ensemble_cam.ui.serve")) -> Iterator[Served]:
    """Serve the app with an empty home folder, in which its log is written.

    `command` is what Python runs, and takes the words of Streamlit's own command line.
    """
    with started([*command, *RUN], folder=home, log=home / "log") as (address, process):
        yield Served(address, process.pid)
