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
def serving(
    home: Path,
    *,
    command: Sequence[str] = ("-m", "ensemble_cam.ui.serve", *RUN),
    python: Path = Path(sys.executable),
    **environment: str,
) -> Iterator[Served]:
    """Serve the app with an empty home folder, in which its log is written.

    Args:
        home: the folder.
        command: what Python runs; "{port}" in it stands for the port.
        python: which one.
        **environment: variables of its own.
    """
    with started(command, folder=home, log=home / "log", python=python, **environment) as (address, process):
        yield Served(address, process.pid)
