"""Doing something again and again while something else is measured."""

import threading
from collections.abc import Callable


class Meanwhile:
    """Calls a function from a thread of its own for as long as it is entered, with a pause after each call.

    Args:
        do: what is called.
        pause: in seconds.
    """

    def __init__(self, do: Callable[[], None], *, pause: float) -> None:
        self._do, self._pause = do, pause
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Meanwhile":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(self._pause):
            self._do()
