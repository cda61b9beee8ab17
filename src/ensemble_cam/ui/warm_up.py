"""Importing what takes seconds, and starting what decodes, while the reader is still looking for a film.

One thread imports all of it, and work that needs it waits for that thread: packages whose modules import one another
in a circle, such as narwhals below altair and scikit-learn, can fail with a KeyError where two threads import them.
"""

import atexit
import gc
from collections.abc import Callable
from functools import cache
from importlib import import_module
from threading import Event, Thread

from ensemble_cam.machine.terminal import LOADING
from ensemble_cam.ui.start import START

# The networks, then what draws and exports. None of these puts a component on a page.
_HEAVY = (
    "ensemble_cam.reviewing.pipeline",
    "ensemble_cam.classifiers.loading",
    "ensemble_cam.ui.review.stills",
    "ensemble_cam.ui.review.downloads",
)

_begun, _imported = Event(), Event()


@cache
def warm_up() -> None:
    """Begin, once for each start, to import what the networks need: the reader has the second that it takes."""
    _begun.set()
    importing = Thread(target=_import_all, name="warm-up", daemon=True)
    importing.start()
    Thread(target=_keep_out_of_collections, args=(importing,), name="warm-up watch", daemon=True).start()


def wait_until_imported(report: Callable[[str], None] | None = None) -> None:
    """Wait until it has ended, where it has begun at all.

    Args:
        report: told what is waited for, where that is not there yet.
    """
    if not _begun.is_set() or _imported.is_set():
        return
    if report is not None:
        report(LOADING)
    _imported.wait()


def _import_all() -> None:
    try:
        from ensemble_cam.film import decoding

        decoding.start()
        for each in _HEAVY:
            import_module(each)
    finally:
        _imported.set()  # what could not be imported says so where it is needed
        START.ready()


def _keep_out_of_collections(importing: Thread) -> None:
    """Keep what is being imported out of the garbage collector's sight, from the beginning.

    A collection walks through all objects that it sees: those of the libraries would take a tenth of a second each
    time, while a page is running or a review computing.
    """
    while importing.is_alive():
        importing.join(0.2)
        gc.freeze()
    atexit.register(gc.unfreeze)
