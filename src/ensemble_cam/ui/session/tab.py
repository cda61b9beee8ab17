"""A tab of a browser, known again when its page is loaded anew: its films are found, and it says what is kept.

A reload is a new session to Streamlit. The tab has a random token, in its `sessionStorage` and never in the address, by
which the new page takes over what the old one held, until the time that a closed page's films are kept is over. Nobody
else has the token; of a tab that was duplicated, the copy is told that it is in use, and gets one of its own.
"""

import secrets
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import Any, Protocol

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ensemble_cam.errors import SessionError
from ensemble_cam.ui.scripts import linked
from ensemble_cam.ui.session import keeping
from ensemble_cam.ui.session.closing import when_closed
from ensemble_cam.ui.session.films import SessionFilms, put_films, session_films
from ensemble_cam.ui.session.keeping import Keeping
from ensemble_cam.ui.session.person import person, show_person
from ensemble_cam.ui.session.told import last_committed, put
from ensemble_cam.ui.viewer.committed import Committed
from ensemble_cam.ui.words import plain

_KEY, _TOKEN, _REFUSED, _FAILED = "tab", "tab token", "tab refused", "tab failed"
_MOVABLE = ("class",)
_BYTES = 16  # 128 bits
_PATIENCE = 5.0  # seconds until a page that is left is seen to be
_LOOK = 0.05

_DOT_CSS = """
.kept { position: fixed; right: 0.5rem; bottom: 0.1rem; z-index: 80; margin: 0; font: 0.72rem/1.3 var(--st-font);
  color: color-mix(in srgb, var(--st-text-color) 78%, transparent); background: var(--st-background-color);
  padding: 0 0.3rem; border-radius: 3px; }
.kept::before { content: ""; display: inline-block; width: 0.55rem; height: 0.55rem; margin-right: 0.3rem;
  border-radius: 50%; background: #ffb000; }
.kept[data-kept]::before { background: #3fb68b; }
.kept[data-failed] { color: #fff; background: #8a1f11; }
@media (max-width: 960px) { .kept { position: static; width: fit-content; } }
"""

_tab = st.components.v2.component("ensemble_cam_tab", html="<span></span>", js=linked("session/tab.js"))
_dot = st.components.v2.component(
    "ensemble_cam_kept", html='<p class="kept" role="status"></p>', css=_DOT_CSS, js=linked("session/kept.js")
)


class Movable(Protocol):
    """What a page holds beside films and what is said of them."""

    @property
    def unsaved(self) -> bool:
        """Whether something lies here and nowhere else."""

    def moved(self) -> "Movable":
        """Return what another page can go on with."""


@dataclass(eq=False)
class Held:
    """What the page of a tab holds.

    Attributes:
        session: the session whose page it is.
        films: its films.
        kept: what it keeps.
        settings: what was set in the drawer.
        viewer: what the viewer told last.
        more: what other pages hold that a reload must not lose, by the name under which a session holds it.
    """

    session: str | None
    films: SessionFilms
    kept: Keeping
    settings: dict[str, Any] = field(default_factory=dict)
    viewer: Committed | None = None
    more: "dict[str, Movable]" = field(default_factory=dict)


_HELD: dict[str, Held] = {}  # by token
_LOCK = Lock()


def show_tab() -> None:
    """Let the page's tab be known: at the beginning of each run.

    Raises:
        SessionError: if the session's file cannot be had.
    """
    here, films, session = keeping.keeping(), session_films(), _session()
    if keeping.study_sitting() is None and here.take_up(films) and films.on_stage is None:
        films.put_on_stage(next(iter(films.values())))
    token = st.session_state.setdefault(_TOKEN, secrets.token_hex(_BYTES))
    films.owner = session
    with _LOCK:
        _HELD[token] = Held(session, films, here, keeping.settings_now(), last_committed(), _movable())
    when_closed("films", partial(_let_go, session, token))
    _tab(
        key=_KEY,
        data={"token": token, "refused": st.session_state.get(_REFUSED)},
        on_token_change=_take_token,
    )


def show_kept() -> None:
    """Keep what has changed on the page, and say whether it is: at the end of each run."""
    here, failed = keeping.keeping(), ""
    films = session_films()
    try:
        here.keep(films)
        if here.lasting:
            here.keep_settings()
    except SessionError as error:
        failed = str(error)
    own = [film for film in films.values() if not film.example]
    said = bool(here.store.rows("SELECT 1 FROM marks UNION ALL SELECT 1 FROM verdicts UNION ALL SELECT 1 FROM notes"))
    _dot(
        key="kept",
        data={
            "lasting": here.lasting,
            "reader": here.reader.name if here.lasting else "",
            "failed": failed,
            "warns": bool(failed)
            or (not here.lasting and bool(own or said))
            or any(each.unsaved for each in _movable().values()),
        },
    )


def renew() -> None:
    """Hold, and keep, what the viewer told between two runs of the page."""
    here, token, committed = keeping.keeping(), st.session_state.get(_TOKEN, ""), last_committed()
    with _LOCK:
        if token in _HELD:
            _HELD[token].viewer = committed
    if here.lasting:
        with suppress(SessionError):  # the page's next run says so
            here.keep_settings()


def show_readers() -> None:
    """Let the reader say who they are, where what they say is kept."""
    here = keeping.keeping()
    if here.person is not None:
        show_person()
        _show_sharing(here)
        return
    if not here.lasting:
        return
    study = keeping.study_sitting()
    names = keeping.readers(here.store) if study is None else list(study.orders)
    st.selectbox(
        "Reader",
        names,
        index=names.index(here.reader.name) if here.reader.name in names else None,
        placeholder="Who reads here?",
        key=f"reader {here.reader.id} {len(names)}",
        accept_new_options=study is None,
        on_change=_read_as,
        args=(f"reader {here.reader.id} {len(names)}",),
        help="Who reads here. Each has their own first reads, verdicts and settings."
        + ("" if study is not None else " Type a new name to add one."),
    )
    if failed := st.session_state.pop(_FAILED, ""):
        st.error(plain(failed))


def _show_sharing(here: Keeping) -> None:
    """Let a teacher put films on the work list."""
    count = sum(here.may_share(film) for film in session_films().values())
    if count:
        st.button(
            f"Put {count} {'film' if count == 1 else 'films'} on the work list",
            on_click=_share,
            icon=":material/group_add:",
            help="All readers of this session get them, each with first reads and verdicts of their own. Until then "
            "nobody else sees what you open.",
        )
    if failed := st.session_state.pop(_FAILED, ""):
        st.error(plain(failed))


def _share() -> None:
    here = keeping.keeping()
    try:
        for film in session_films().values():
            here.share(film)
    except SessionError as error:
        st.session_state[_FAILED] = str(error)


def _read_as(key: str) -> None:
    name = st.session_state.get(key)
    try:
        if name:
            keeping.read_as(name)
    except SessionError as error:
        st.session_state[_FAILED] = str(error)


def _take_token() -> None:
    token = st.session_state[_KEY].get("token")
    if isinstance(token, str) and token != st.session_state.get(_TOKEN) and not _take_over(token):
        st.session_state[_REFUSED] = token


def _take_over(token: str) -> bool:
    """Go on with what the page of a token held; False where there is none, or it is still open."""
    with _LOCK:
        held = _HELD.get(token)
    if held is None or held.kept.person != person() or not _is_left(held.session):
        return False  # also where the next reader sits down at a tab that was left open
    with _LOCK:
        if _HELD.get(token) is not held:
            return False
        _HELD.pop(st.session_state.get(_TOKEN, ""), None)
        held.session = held.films.owner = _session()
    if (before := session_films()) is not held.films:
        before.clear()
    put_films(held.films)
    held.films.begin_page(held.session)
    keeping.begin_with(held.kept)
    keeping.put_settings(held.settings)
    if held.viewer is not None:
        put(held.viewer)
    for name, each in held.more.items():
        st.session_state[name] = each.moved()
    st.session_state[_TOKEN] = token
    return True


def _movable() -> "dict[str, Movable]":
    return {name: st.session_state[name] for name in _MOVABLE if name in st.session_state}


def _is_left(session: str | None) -> bool:
    """Return whether nobody has a session's page open; a page that is being left is waited for."""
    until = time.monotonic() + _PATIENCE
    while session is not None and runtime.exists() and runtime.get_instance().is_active_session(session):
        if time.monotonic() > until:
            return False
        time.sleep(_LOOK)
    return True


def _let_go(session: str | None, token: str) -> None:
    """Let go of what a closed page held, unless another page goes on with it."""
    with _LOCK:
        held = _HELD.get(token)
        if held is None or held.session != session:
            return
        del _HELD[token]
    held.films.clear()
    if not held.kept.lasting:
        held.kept.store.close()


def _session() -> str | None:
    context = get_script_run_ctx()
    return None if context is None else context.session_id
