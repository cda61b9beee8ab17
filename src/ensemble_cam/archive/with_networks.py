"""A child process that loads networks once, tells what it loaded, and answers about films until no more come.

What a film does to it (a crash, no end, no memory) ends this process, and whoever asked makes a line of that. Films are
decoded in a process of their own behind it, as everywhere. Every answer begins with a hash of what was loaded: of
several processes, one may have been started after weights were changed.
"""

import hashlib
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
    def key(self) -> dict[str, Any]:
        """What makes two processes the same: settings, versions and weights, as JSON has them."""

    @property
    def description(self) -> dict[str, Any]:
        """What was loaded, for `Processes.describe`."""

    def films(self, request: bytes) -> int:
        """Return how many films a request asks about."""

    def answer(self, request: bytes) -> Sequence[memoryview]:
        """Return the answer to a request, in parts."""


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
        self._key = b""

    def prepare(self) -> None:
        wait_briefly()
        compute_in(self._threads)
        draw_in(self._threads)
        decoding.start()
        try:
            self._loaded = self._load()
            self._key = hashlib.sha256(json.dumps(self._loaded.key, sort_keys=True).encode()).digest()
        except EnsembleCamError as error:
            self._failure = error

    def allowance(self, request: bytes) -> Allowance:
        films = 1 if self._loaded is None or request == DESCRIBE else self._loaded.films(request)
        is_quick = self._loaded is None or METHODS[self._loaded.method].kind in _QUICK
        seconds = films * (_SECONDS_OF_A_FILM if is_quick else _SECONDS_OF_A_SLOW_METHOD)
        return Allowance(processor=64 * seconds, seconds=seconds, memory=_MEMORY)

    def answer(self, request: bytes, grant: Grant) -> Answer:
        if self._failure is not None:
            told: dict[str, Any] = {"refused": [type(self._failure).__name__, str(self._failure)]}
        elif self._loaded is None:
            raise RuntimeError("nothing was loaded")
        elif request == DESCRIBE:
            told = self._loaded.description
        else:
            return self._key, self._loaded.answer(request)
        return self._key, [memoryview(json.dumps(told).encode())]
