"""A child process that loads networks once, tells what it loaded, and answers about films until no more come.

What a film does to it (a crash, no end, no memory) ends this process, and whoever asked makes a line of that. Films are
decoded in a process of their own behind it, as everywhere.
"""

import json
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ensemble_cam.archive.workers import DESCRIBE
from ensemble_cam.classifiers.compilation import compute_in
from ensemble_cam.errors import EnsembleCamError
from ensemble_cam.film import decoding
from ensemble_cam.machine.child import Allowance, Answer, Grant, serve
from ensemble_cam.machine.threads import draw_in, wait_briefly
from ensemble_cam.settings.methods import METHODS

# Far more than any machine takes; methods that run a network once for every channel take a hundred times as long.
_SECONDS_OF_A_FILM, _SECONDS_OF_A_SLOW_METHOD = 300.0, 4 * 3600.0
_QUICK = ("gradient", "activation")
# Of address space, of which little is ever filled.
_MEMORY, _MOST_GROWN = 2**36, 2**31


class Loaded(Protocol):
    """Networks that are loaded, and what is done with them.

    Attributes:
        method: by which maps are made, a key of `METHODS`.
    """

    method: str

    @property
    def description(self) -> dict[str, Any]:
        """What was loaded, for `Processes.describe`."""

    def films(self, request: bytes) -> int:
        """Return how many films a request asks about."""

    def answer(self, request: bytes) -> tuple[bytes, Sequence[memoryview]]:
        """Return the answer to a request: a head, and the parts of a body."""


def run(load: Callable[[], Loaded], *, threads: int) -> None:
    """Load networks, and answer requests until no more come.

    Args:
        load: called once; an `EnsembleCamError` that it raises is the answer to whoever asks what was loaded.
        threads: in how many networks compute.
    """
    warnings.simplefilter("ignore")
    child = _Child(load, threads)
    serve(child.answer, first=child.allowance, prepare=child.prepare, most_grown=_MOST_GROWN)


class _Child:
    def __init__(self, load: Callable[[], Loaded], threads: int):
        self._load, self._threads = load, threads
        self._loaded: Loaded | None = None
        self._failure: EnsembleCamError | None = None

    def prepare(self) -> None:
        wait_briefly()
        compute_in(self._threads)
        draw_in(self._threads)
        decoding.start()
        try:
            self._loaded = self._load()
        except EnsembleCamError as error:
            self._failure = error

    def allowance(self, request: bytes) -> Allowance:
        films = 1 if self._loaded is None or request == DESCRIBE else self._loaded.films(request)
        is_quick = self._loaded is None or METHODS[self._loaded.method].kind in _QUICK
        seconds = films * (_SECONDS_OF_A_FILM if is_quick else _SECONDS_OF_A_SLOW_METHOD)
        return Allowance(processor=64 * seconds, seconds=seconds, memory=_MEMORY)

    def answer(self, request: bytes, grant: Grant) -> Answer:
        if self._loaded is not None:
            if request != DESCRIBE:
                return self._loaded.answer(request)
            told = self._loaded.description
        elif self._failure is not None and request == DESCRIBE:
            told = {"refused": [type(self._failure).__name__, str(self._failure)]}
        else:
            raise RuntimeError("nothing was loaded")
        return b"description", [memoryview(json.dumps(told).encode())]
