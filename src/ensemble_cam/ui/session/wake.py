"""Running a part of a session's page again once what it shows has changed: all that reaches into Streamlit for it.

Streamlit has no public way to do so. `AppSession.request_rerun` is what its own server calls for a browser's messages;
here it is asked for the run of one fragment, which breaks no other run off and changes no widget's value. It is asked
on the server's own loop, as it is not made for threads, and only while no run is under way or about to begin: the two
requests would become one, and what the browser has sent with its own, an upload say, would be lost.

Where Streamlit has changed so that this does not go any more, the browser looks every now and then instead, and draws
nothing before the end.
"""

from asyncio import AbstractEventLoop, TimerHandle
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from weakref import ref

import streamlit as st
from streamlit import runtime
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils import script_run_context

from ensemble_cam.ui.session.jobs import Job, State

POLL = 3.0
"""Seconds between two looks of the browser's, where there is no other way."""

_AWAY = 1.0
"""Seconds until a session whose connection is broken is looked at again."""

_BUSY = 0.05
"""Seconds until a session that runs its page is looked at again."""


@dataclass(eq=False)
class Wake:
    """One more run of a fragment of a session's page. It holds names only, and may be kept for long.

    Args:
        session: the session's id.
        fragment: the fragment's id.
        page: the hash of the page that the session is on.
        query: the address's query string.
        loop: the server's.
    """

    session: str
    fragment: str
    page: str
    query: str
    loop: AbstractEventLoop = field(repr=False)
    _timer: TimerHandle | None = field(default=None, init=False, repr=False)  # of the loop, and only touched there
    _spent: bool = field(default=False, init=False)

    def after(self, seconds: float) -> None:
        """Let it run after so many seconds, unless it is to run before, or has run; from any thread."""
        with suppress(RuntimeError):  # the server has ended, and its loop is closed
            self.loop.call_soon_threadsafe(self._set_timer, seconds)

    def now(self) -> None:
        """Let it run as soon as may be; from any thread."""
        self.after(0.0)

    def cancel(self) -> None:
        """Let it run no more; from any thread."""
        self._spent = True

    def _set_timer(self, seconds: float) -> None:
        if self._spent or (self._timer is not None and self._timer.when() <= self.loop.time() + seconds):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(seconds, self._request)

    def _request(self) -> None:
        server = runtime.get_instance() if runtime.exists() else None
        if server is None or self._spent:
            return
        session = server.get_app_session(self.session)
        if session is None:
            # A broken connection: the browser takes the session up again, and does not look by itself.
            if server._session_mgr.get_session_info(self.session) is not None:
                self._timer = self.loop.call_later(_AWAY, self._request)
            return
        if session._scriptrunner is not None:
            self._timer = self.loop.call_later(_BUSY, self._request)
            return
        self._spent = True
        if session.has_fragment(self.fragment):  # or else the page has moved on, and has looked itself
            session.request_rerun(
                ClientState(query_string=self.query, page_script_hash=self.page, fragment_id=self.fragment)
            )


def when_changed(job: Job[Any], seen: State) -> None:
    """Let the fragment that asks run again once a job stands otherwise than it has shown."""
    wake = here()
    if wake is not None:
        job.watch(seen, wake)
    else:
        _poll(ref(job))  # Streamlit keeps a fragment's arguments for long, and an ended job has a film


@st.fragment(run_every=POLL)
def _poll(job_of: "ref[Job[Any]]") -> None:
    job = job_of()
    if job is None or job.done:
        st.rerun()


def here() -> Wake | None:
    """Return what runs the fragment again that asks; None where this is no fragment, or Streamlit has no such way."""
    context, loop = get_script_run_ctx(), server_loop()
    if context is None or loop is None:
        return None
    try:
        fragment = script_run_context.ThreadState.get().fragment_id
        server = runtime.get_instance()
        session = server.get_app_session(context.session_id)
        if session is None or fragment is None or session._scriptrunner is None or not callable(session.request_rerun):
            return None
        if server._session_mgr.get_session_info(context.session_id) is None:
            return None
    except AttributeError:
        return None
    return Wake(context.session_id, fragment, context.page_script_hash, context.query_string, loop)


def server_loop() -> AbstractEventLoop | None:
    """Return the loop of the server that runs this page; None where there is none, or it is not to be had."""
    context = get_script_run_ctx()
    if context is None or not runtime.exists():
        return None
    try:
        session = runtime.get_instance().get_app_session(context.session_id)
        return None if session is None else session._event_loop
    except AttributeError:
        return None
