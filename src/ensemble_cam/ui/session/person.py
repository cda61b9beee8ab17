"""Who is at a page, where the app asks: by the proxy's word, or by OpenID Connect through Streamlit's own login."""

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from ensemble_cam.settings.login import OIDC, PROXY, Login
from ensemble_cam.ui.session import networks
from ensemble_cam.ui.session.films import SessionFilms, put_films, session_films
from ensemble_cam.ui.web.login import name_of_user
from ensemble_cam.ui.words import plain

_PERSON = "person"


@dataclass(frozen=True)
class Person:
    """Somebody who has logged in and may read.

    Attributes:
        name: by which they are known to the session.
        teacher: whether they decide what is on the work list, and see the audit log.
    """

    name: str
    teacher: bool = False


def login() -> Login | None:
    """Return how the app knows who opens it; None where it asks nobody."""
    return networks.configuration().login


def person() -> Person | None:
    """Return who is at this page; None where nobody is asked, has logged in or may read."""
    asked = login()
    return None if asked is None else person_of(asked, _user())


def _user() -> Mapping[str, object]:
    """Return what Streamlit's server knows of whoever has opened this page."""
    return st.user.to_dict()


def person_of(login: Login, user: Mapping[str, object]) -> Person | None:
    """Return who somebody is by what Streamlit's server knows of them."""
    name = name_of_user(login, user)
    return None if name is None or not login.admits(name) else Person(name, name in login.teachers)


def may_come_in() -> bool:
    """Return whether this page may be shown, after saying what is to be done where it may not.

    A page whose reader has changed, as where the next one sits down at the same screen, begins anew.
    """
    asked = login()
    if asked is None:
        return True
    found = person()
    if st.session_state.get(_PERSON) not in (None, found):
        session_films().clear()
        st.session_state.clear()
        put_films(SessionFilms())
    if found is None:
        _show_door(asked)
        return False
    st.session_state[_PERSON] = found
    return True


def show_person() -> None:
    """Say who reads here, and let them end that where the app can."""
    asked, found = login(), person()
    if asked is None or found is None:
        return
    role = " · teacher" if found.teacher else ""
    st.caption(f"{plain(found.name)}{role}", help="Who reads here, by your login: first reads and verdicts are yours.")
    if asked.by == OIDC:
        st.button("Log out", on_click=st.logout, icon=":material/logout:")


def _show_door(login: Login) -> None:
    st.title("Ensemble-CAM")
    if login.by == PROXY:
        st.error("The app does not know who you are. Open it by the address that asks for your name.")
        return
    user = _user()
    if user.get("is_logged_in") is not True:
        st.button("Log in", on_click=st.login, icon=":material/login:", type="primary")
        return
    if name_of_user(login, user) is None:
        st.error(f"Your login says no {plain(login.claim)} that can be relied on. Ask who runs this app.")
    else:
        st.error("You are logged in, and not among this app's readers. Ask who runs it to add you.")
    st.button("Log out", on_click=st.logout, icon=":material/logout:")
