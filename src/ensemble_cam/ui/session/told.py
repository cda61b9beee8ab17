"""What the live viewer told last: everything that an export needs to look as the screen does."""

from dataclasses import replace

import streamlit as st

from ensemble_cam.ui.session.films import session_films
from ensemble_cam.ui.viewer.committed import Committed

_COMMITTED = "viewer committed"


def take(told: Committed | None) -> None:
    """Remember what the viewer told, unless something newer is known: the browser sends it with every message."""
    known: Committed | None = st.session_state.get(_COMMITTED)
    if told is not None and (known is None or told.serial > known.serial):
        st.session_state[_COMMITTED] = told


def put(told: Committed) -> None:
    """Set what the viewer begins anew with: it counts more than all that was told before."""
    known: Committed | None = st.session_state.get(_COMMITTED)
    serial = told.serial if known is None else max(told.serial, known.serial)
    st.session_state[_COMMITTED] = replace(told, serial=serial)


def last_committed() -> Committed | None:
    """Return what the viewer last told; of a film that was removed, nothing is remembered."""
    committed = st.session_state.get(_COMMITTED)
    if committed is None or committed.film is None:
        return committed
    if committed.film not in [film.id.sha256 for film in session_films().values()]:
        committed = st.session_state[_COMMITTED] = committed.without_film()
    return committed
