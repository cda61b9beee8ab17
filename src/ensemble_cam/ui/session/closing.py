"""Letting go of what a closed page holds, within the time that the configuration says: `server.disconnectedSessionTTL`.

Streamlit keeps the session of a page that was closed for so long, in case its connection was only broken. But it looks
at the time when another page is opened or closed, and not before: on a quiet server a film would stay for days.
"""

import logging
from asyncio import AbstractEventLoop
from collections.abc import Callable
from contextlib import suppress
from threading import Lock

from streamlit import config, runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ensemble_cam.ui.session.wake import server_loop

_LOG = logging.getLogger(__name__)

LOOK = 1.0
"""Seconds between two looks at which pages are open; a page that was closed is let go of by so much sooner."""


class Closing:
    """What the sessions of pages hold, until they are closed."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._held: dict[str, dict[str, Callable[[], None]]] = {}
        self._seen: dict[str, float] = {}  # when a page was last seen open, in the loop's seconds

    def let_go_by(self, session: str, part: str, let_go: Callable[[], None], loop: AbstractEventLoop) -> None:
        """Remember how to let go of a part of what a session holds; `let_go` is called on the server's loop."""
        with self._lock:
            begin = not self._held
            self._held.setdefault(session, {})[part] = let_go
        if begin:
            with suppress(RuntimeError):  # the server has ended, and its loop is closed
                loop.call_soon_threadsafe(self._look, loop)

    def _look(self, loop: AbstractEventLoop) -> None:
        """See which pages are open, and let go of those that have not been for the time; on the server's loop."""
        with self._lock:
            sessions = list(self._held)
        server, keep = runtime.get_instance(), config.get_option("server.disconnectedSessionTTL")
        try:
            for session in sessions:
                seen = self._seen.setdefault(session, loop.time())
                if server.is_active_session(session):
                    self._seen[session] = loop.time()
                elif loop.time() + LOOK - seen > keep:
                    server.close_session(session)
                    self._let_go(session)
        finally:  # whatever fails here: the pages that are left are looked after all the same
            with self._lock:
                if self._held:
                    loop.call_later(LOOK, self._look, loop)

    def _let_go(self, session: str) -> None:
        with self._lock:
            held = self._held.pop(session, {})
        self._seen.pop(session, None)
        for part, let_go in held.items():
            try:
                let_go()
            except Exception as error:  # of whatever kind: the other parts and pages are let go of all the same
                # Its kind alone: its words may be of a film.
                _LOG.error("A closed page's %s could not be let go of (%s).", part, type(error).__name__)


_CLOSING = Closing()  # of all sessions


def when_closed(part: str, let_go: Callable[[], None]) -> None:
    """Let go of a part of what this session holds once its page has been closed for the time."""
    context, loop = get_script_run_ctx(), server_loop()
    if context is not None and loop is not None:
        _CLOSING.let_go_by(context.session_id, part, let_go, loop)
