"""The child process that makes records of films: `python -m ensemble_cam.archive.worker`, asked by `archive.workers`.

It loads the networks once and answers what it is asked until it is told no more. What a film does to it (a crash, no
end, no memory) ends this process, and whoever asked makes a row of that. Films are decoded in a process of their own
behind it, as everywhere.
"""

import json
import logging
import sys
import warnings
from collections.abc import Sequence

from ensemble_cam.archive.asked import Asked
from ensemble_cam.archive.film_record import message_of
from ensemble_cam.archive.measuring import Examiner
from ensemble_cam.archive.workers import DESCRIBE
from ensemble_cam.classifiers.compilation import compute_in
from ensemble_cam.errors import EnsembleCamError
from ensemble_cam.film import decoding
from ensemble_cam.machine.child import Allowance, Grant, serve
from ensemble_cam.machine.threads import draw_in, wait_briefly
from ensemble_cam.settings.methods import METHODS

# Far more than any machine takes; methods that run a network once for every channel take a hundred times as long.
_SECONDS_OF_A_FILM, _SECONDS_OF_A_SLOW_METHOD = 300.0, 4 * 3600.0
_QUICK = ("gradient", "activation")
# Of address space, of which little is ever filled.
_MEMORY, MOST_GROWN = 2**36, 2**31

_examiner: Examiner | None = None
_failure: EnsembleCamError | None = None


def main(arguments: Sequence[str]) -> None:
    """Answer requests until no more come.

    Args:
        arguments: the request of the whole run, see `Asked.to_text`, and in how many threads networks compute.
    """
    logging.disable()
    warnings.simplefilter("ignore")
    text, threads = arguments
    serve(answer, first=allowance, prepare=lambda: _load(Asked.from_text(text), int(threads)), most_grown=MOST_GROWN)


def allowance(request: bytes) -> Allowance:
    """Return what a request may take."""
    films = 1 if request == DESCRIBE else len(json.loads(request))
    return of_films(films, None if _examiner is None else _examiner.asked.options.settings.method)


def of_films(films: int, method: str | None) -> Allowance:
    """Return what so many films may take by a method; None for networks alone."""
    is_quick = method is None or METHODS[method].kind in _QUICK
    seconds = films * (_SECONDS_OF_A_FILM if is_quick else _SECONDS_OF_A_SLOW_METHOD)
    return Allowance(processor=64 * seconds, seconds=seconds, memory=_MEMORY)


def answer(request: bytes, grant: Grant) -> tuple[bytes, Sequence[memoryview]]:
    """Return the description of what was loaded, why nothing was, or the records of films."""
    if request == DESCRIBE:
        told = {} if _examiner is None else _examiner.description
        refused = {} if _failure is None else {"refused": [type(_failure).__name__, str(_failure)]}
        return b"description", [memoryview(json.dumps({**told, **refused}).encode())]
    if _examiner is None:
        raise RuntimeError("nothing was loaded")
    return b"records", message_of(list(_examiner.records(json.loads(request))))


def _load(asked: Asked, threads: int) -> None:
    global _examiner, _failure
    wait_briefly()
    compute_in(threads)
    draw_in(threads)
    decoding.start()
    try:
        _examiner = Examiner(asked)
    except EnsembleCamError as error:
        _failure = error


if __name__ == "__main__":
    main(sys.argv[1:])
