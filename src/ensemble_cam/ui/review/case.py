"""What a reader calls a film in what leaves the program, instead of its file's name, which never leaves."""

import streamlit as st

from ensemble_cam.archive.films import checked_case
from ensemble_cam.errors import ConfigError
from ensemble_cam.ui.session.films import OpenFilm
from ensemble_cam.ui.words import plain


def show_case(film: OpenFilm) -> None:
    """Ask for a film's case number; one that is not allowed is said, and the one before it holds."""
    given = st.text_input(
        "Case number",
        value=film.case or "",
        key=f"case {film.id.key}",
        max_chars=64,
        help="Of your own, never the patient's: it stands on the figure, in the data and in the names of downloads. "
        "It is kept for this session alone.",
    ).strip()
    try:
        film.case = checked_case(given, of="Case number") if given else None
    except ConfigError as error:
        st.error(plain(str(error)), icon=":material/edit_off:")
