"""Choices of the reader's that the server may change, too.

A browser sends all of its widgets' values with every message, and sends the older value of one that the server has set
meanwhile, if it has not yet seen that: with a key that stays the same, the older value would come back as if the reader
had just chosen it. So the value is held here, and a widget that shows it has a key with the number of the server's last
change. What comes back under an older key was meant for a widget that is not there any more, and reaches nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypedDict, TypeVar, cast

import streamlit as st

T = TypeVar("T")


class Bound(TypedDict):
    """What ties a widget to a choice; see `bound`."""

    key: str
    on_change: Callable[[], None]


@dataclass
class _Shown:
    """How a choice stands on the page: `start` is what the widget of this `revision` began with."""

    start: object
    revision: int = 0


def chosen(name: str, default: T) -> T:
    """Return what is chosen under this name in this session; at first, `default`."""
    return st.session_state.setdefault(name, default)


def put(name: str, value: object) -> None:
    """Change a choice: the server's own doing, after which nothing counts that was chosen on an older page."""
    shown = _shown(name)
    st.session_state[name] = value  # where Streamlit may break the run off, before it is done
    shown.start, shown.revision = value, shown.revision + 1


def start(name: str, now: T) -> T:
    """Return what a widget that shows this choice has to begin with; `now` is what is chosen."""
    shown = _shown(name)
    if _key(name, shown.revision) not in st.session_state:  # the widget is new on this page
        shown.start = now
    return cast("T", shown.start)


def bound(name: str) -> Bound:
    """Return the `key` and the `on_change` of a widget that shows this choice."""
    revision = _shown(name).revision
    return {"key": _key(name, revision), "on_change": partial(_take, name, revision)}


def _shown(name: str) -> _Shown:
    return st.session_state.setdefault(f"{name} shown", _Shown(st.session_state[name]))


def _key(name: str, revision: int) -> str:
    return f"{name} widget {revision}"


def _take(name: str, revision: int) -> None:
    key = _key(name, revision)
    if _shown(name).revision == revision and key in st.session_state:
        st.session_state[name] = st.session_state[key]
