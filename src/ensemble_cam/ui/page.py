"""The whole app: what is done once for all sessions, and the pages."""

import logging
from functools import cache

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from ensemble_cam.errors import ConfigError
from ensemble_cam.machine.threads import wait_briefly
from ensemble_cam.ui import networks
from ensemble_cam.ui.review import show_review_page
from ensemble_cam.ui.words import plain

_STYLE = """
<style>
.stAppHeader { background: transparent; height: 2rem; min-height: 2rem; }
.stAppHeader, .stAppHeader * { pointer-events: none; }
.stAppHeader button, .stAppHeader button * { pointer-events: auto; }
.stMainBlockContainer { padding: 0.7rem 2.6rem 1rem 1.4rem; max-width: none; }
.stSidebar [data-testid="stSidebarHeader"] { height: 1.2rem; }
.stMain [data-testid="stVerticalBlock"] { gap: 0.35rem; }
.stMain [data-testid="stButton"] button, .stMain [data-testid="stDownloadButton"] button { min-height: 2rem;
  padding: 0.1rem 0.7rem; }
.stMain [data-testid="stCaptionContainer"] p { font-size: 0.78rem; line-height: 1.25; }
/* Streamlit's own greys and its tinted choice stay below a contrast of 4.5:1 in one theme or the other. */
[data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] p { opacity: 1; }
[data-testid="stCaptionContainer"] p { color: color-mix(in srgb, CanvasText 78%, transparent); }
[data-variant="segmented_control"] p { color: CanvasText; }
.stMain [data-testid="stImage"] img { border-radius: 0; }
.stMain [data-testid="stAlertContainer"] { padding: 0.25rem 0.7rem; min-height: 0; }
/* The teaching set's line. Its wrapper sticks, as the element itself has no room to move in there. */
.stMain [data-testid="stLayoutWrapper"]:has(> [class*="st-key-teaching-line"]) {
  position: sticky; top: 0; z-index: 90;
}
.stMain [class*="st-key-teaching-line"] {
  background: #6b4300; border-left: 5px solid #ffb000; padding: 0.15rem 0.7rem;
}
.stMain [class*="st-key-teaching-line"] p { color: #ffe2a8; font-weight: 600; font-size: 0.9rem; line-height: 1.4; }
.stMain .st-key-teaching-line-warned { background: #8a1f11; border-color: #ff8a70; }
.stMain .st-key-teaching-line-warned p { color: #ffffff; }
/* Why that set is in use, or what is missing, with the ways to get it: one low row, so that the film has the screen. */
.stMain :is(.st-key-teaching-set, .st-key-weights-absent) {
  background: #2b2111; border-left: 5px solid #ffb000; padding: 0.2rem 0.7rem;
}
.stMain :is(.st-key-teaching-set, .st-key-weights-absent) p { font-size: 0.85rem; line-height: 1.3; }
.stMain :is(.st-key-teaching-set, .st-key-weights-absent) > div > [data-testid="stMarkdown"] p { color: #ffe2a8; }
.stMain :is(.st-key-teaching-set, .st-key-weights-absent) button { min-height: 1.9rem; padding: 0.1rem 0.6rem; }
@media (min-width: 1000px) {
  .stMain :is(.st-key-teaching-set, .st-key-weights-absent) { flex-wrap: nowrap; }
}
/* Two lines over each panel, however long the name: panels of a row stand side by side at one height. */
.stMain [class*="st-key-panel-"] p { font-size: 0.9rem; line-height: 1.4; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; }
</style>
"""


def show_page() -> None:
    """Show the app; Streamlit calls this anew at every change."""
    st.set_page_config(page_title="Ensemble-CAM", page_icon="🩻", layout="wide", initial_sidebar_state="expanded")
    st.html(_STYLE)
    _prepare_process()
    try:
        networks.configuration()
    except ConfigError as error:
        st.error(plain(str(error)))
        return
    pages = _pages()
    page = st.navigation(pages, position="hidden")
    with st.sidebar, st.container(horizontal=True, gap="small"):
        for each in pages:
            st.page_link(each)
    page.run()


def _pages() -> list[StreamlitPage]:
    return [
        st.Page(show_review_page, title="Review", icon=":material/radiology:", default=True),
        st.Page(_show_lab, title="Phantom lab", icon=":material/science:", url_path="phantom-lab"),
    ]


def _show_lab() -> None:
    from ensemble_cam.ui.lab.page import show_lab  # here, as most sessions never go there

    show_lab()


@cache
def _prepare_process() -> None:
    """Do what has to be done once for all sessions: the first page does it."""
    wait_briefly()
    logging.getLogger("ensemble_cam").addHandler(logging.StreamHandler())
    networks.warm_up()
