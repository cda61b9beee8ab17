"""What the terminal is told while the app starts: that it goes on, where the app is, how it ends, where films go."""

import os
import sys
from threading import Lock

from ensemble_cam import __version__
from ensemble_cam.machine.terminal import LOADING, TerminalLine, Ticker
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.ui.launch import SESSION_VARIABLE

# Shorter starts are not worth a word.
_WORTH_A_WORD = 3.0  # seconds


class Start:
    """One start of the server, from the command to the networks that are ready."""

    def __init__(self) -> None:
        self._ticker: Ticker | None = None
        self._lock = Lock()

    def begin(self) -> None:
        """Say that the app is starting, and go on saying so."""
        line = TerminalLine(sys.stdout)
        line.line(f"Ensemble-CAM {__version__}. {PURPOSE}")
        self._ticker = Ticker(line, "Starting the server")

    def served(self, address: str) -> None:
        """Say where the app is, how it is ended and where films go, whoever started it."""
        text = f"\n  Open     {address}\n  End      Ctrl-C here\n  Films    {_films()}\n"
        if self._ticker is None:
            TerminalLine(sys.stdout).line(text)
            return
        self._ticker.say(text)
        self._ticker.now(LOADING)

    def ready(self) -> None:
        """Say that reviews can begin, where that took long."""
        if self._ticker is not None:
            seconds = self._ticker.seconds
            self._ticker.end(f"Ready for films after {seconds:.0f} s." if seconds >= _WORTH_A_WORD else "")


def _films() -> str:
    if os.environ.get(SESSION_VARIABLE):
        return "stay on this machine, with what readers say of them, in the session's folder; none is sent"
    return "stay in this machine's memory until a minute after their tab was closed; none is sent or kept"


START = Start()
"""Of this process."""
