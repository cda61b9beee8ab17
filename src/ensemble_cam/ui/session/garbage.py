"""Collecting garbage while the pages are at rest, and not after every run of one.

Streamlit collects it after each run, which walks through all objects there are: 10 to 20 ms that hold the interpreter,
a sixth of all that a session needs until its film has scores, for some two hundred small objects.
`.streamlit/config.toml` tells it not to.
"""

import gc
import time
from collections.abc import Callable
from threading import Thread

PAUSE = 5.0
"""Seconds between two looks at whether there is anything to collect."""


def collect_at_rest(resting: Callable[[], bool], *, pause: float = PAUSE) -> None:
    """Begin to collect garbage in a thread of its own, whenever pages have run and none is running.

    Args:
        resting: whether no page is running.
        pause: seconds between two looks.
    """
    Thread(target=_keep_collecting, args=(resting, pause), name="garbage", daemon=True).start()


def collect_if_due(resting: Callable[[], bool]) -> bool:
    """Collect garbage, if pages have run since the last time and none is running; return whether it was done.

    A server on which nothing happens does nothing: pages have run where more objects came than the youngest generation
    holds.
    """
    due = any(gc.get_count()[1:]) and resting()
    if due:
        gc.collect()
    return due


def _keep_collecting(resting: Callable[[], bool], pause: float) -> None:
    while True:
        time.sleep(pause)
        collect_if_due(resting)
