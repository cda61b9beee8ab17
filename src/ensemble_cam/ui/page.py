"""The whole app: what is done once for all sessions, and the pages."""

import logging
from functools import cache
from typing import Literal

import streamlit as st
from streamlit import config
from streamlit.navigation.page import StreamlitPage

from ensemble_cam.errors import ConfigError, SessionError
from ensemble_cam.machine.threads import wait_briefly
from ensemble_cam.ui.archive.offered import offers_archive
from ensemble_cam.ui.around import show_look_switch
from ensemble_cam.ui.review.page import show_review_page
from ensemble_cam.ui.scripts import read
from ensemble_cam.ui.session import networks
from ensemble_cam.ui.session.answers import keep_answers
from ensemble_cam.ui.session.films import session_films
from ensemble_cam.ui.session.garbage import collect_at_rest
from ensemble_cam.ui.session.keeping import study_sitting
from ensemble_cam.ui.session.person import may_come_in
from ensemble_cam.ui.session.tab import show_kept, show_readers, show_tab
from ensemble_cam.ui.session.turns import TURNS
from ensemble_cam.ui.sets import is_without_weights
from ensemble_cam.ui.warm_up import warm_up
from ensemble_cam.ui.words import plain

_DRAWER = "drawer"


def show_page() -> None:
    """Show the app; Streamlit calls this anew at every change."""
    with TURNS.turn(session_films().urgency):
        _show()


def _show() -> None:
    st.set_page_config(page_title="Ensemble-CAM", page_icon="🩻", layout="wide", initial_sidebar_state=_drawer())
    st.html(f"<style>{read('style.css')}</style>")
    _prepare_process()
    try:
        networks.configuration()
    except ConfigError as error:
        st.error(plain(str(error)))
        return
    if not may_come_in():
        return
    try:
        show_tab()
    except SessionError as error:
        st.error(plain(str(error)))
        return
    pages = _pages()
    page = st.navigation(pages, position="hidden")
    with st.sidebar, st.container(horizontal=True, gap="small"):
        for each in pages:
            st.page_link(each)
        show_look_switch()
    with st.sidebar:
        show_readers()
    page.run()
    show_kept()


def _drawer() -> Literal["auto", "collapsed"]:
    """Return how the drawer of films and settings stands at a session's first page: closed where a film is there."""
    if _DRAWER not in st.session_state:
        try:
            film = is_without_weights(networks.configuration())  # a phantom, under the teaching set
        except ConfigError:
            film = False
        st.session_state[_DRAWER] = "collapsed" if film else "auto"
    return st.session_state[_DRAWER]


def _pages() -> list[StreamlitPage]:
    review = st.Page(show_review_page, title="Review", icon=":material/radiology:", default=True)
    if study_sitting() is not None:
        return [review]  # whoever is led through a study sees nothing beside it
    archive = [st.Page(_show_archive, title="Archive", icon=":material/dns:", url_path="archive")]
    return [
        review,
        *(archive if offers_archive() else []),
        st.Page(_show_lab, title="Phantom lab", icon=":material/science:", url_path="phantom-lab"),
        st.Page(_show_class, title="Class", icon=":material/school:", url_path="class"),
        st.Page(_show_trust, title="Trust", icon=":material/fact_check:", url_path="trust"),
        st.Page(_show_validation, title="Validate", icon=":material/rule:", url_path="validate"),
        st.Page(_show_own, title="Your network", icon=":material/hub:", url_path="your-network"),
        st.Page(_show_making, title="How a map is made", icon=":material/grid_on:", url_path="how-a-map-is-made"),
    ]


def _show_archive() -> None:
    from ensemble_cam.ui.archive.page import show_archive  # as below

    show_archive()


def _show_lab() -> None:
    from ensemble_cam.ui.lab.page import show_lab  # here, as most sessions never go there

    show_lab()


def _show_class() -> None:
    from ensemble_cam.ui.classes.page import show_class  # as above

    show_class()


def _show_trust() -> None:
    from ensemble_cam.ui.trust.page import show_trust_page  # as above

    show_trust_page()


def _show_validation() -> None:
    from ensemble_cam.ui.trust.validation_page import show_validation_page  # as above

    show_validation_page()


def _show_own() -> None:
    from ensemble_cam.ui.own.page import show_own  # as above

    show_own()


def _show_making() -> None:
    from ensemble_cam.ui.making.page import show_making  # as above

    show_making()


@cache
def _prepare_process() -> None:
    """Do what has to be done once for all sessions: the first page does it."""
    wait_briefly()
    logging.getLogger("ensemble_cam").addHandler(logging.StreamHandler())
    keep_answers()
    config.set_option("global.disableWidgetStateDuplicationWarning", True)  # widgets are set as their reader left them
    collect_at_rest(lambda: TURNS.idle)
    warm_up()
