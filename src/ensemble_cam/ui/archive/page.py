"""The page *Archive*: a search, a list of studies, the films that were opened from there, and their results' states.

Whose a study is stands in the list of studies and nowhere else.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import streamlit as st

from ensemble_cam.errors import ConfigError, PacsError, SessionError
from ensemble_cam.pacs.archive import Study
from ensemble_cam.pacs.send import Sent
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.readers.audit import Event
from ensemble_cam.settings.display import Display
from ensemble_cam.ui.archive.work import MOST_LISTED, Found, Progress, configured, told_of
from ensemble_cam.ui.review.page import show_review_page
from ensemble_cam.ui.session import networks
from ensemble_cam.ui.session.films import OpenFilm, session_films
from ensemble_cam.ui.session.keeping import keeping, settings_now
from ensemble_cam.ui.session.told import last_committed
from ensemble_cam.ui.session.turns import TURNS
from ensemble_cam.ui.words import plain

if TYPE_CHECKING:
    from ensemble_cam.reviewing.review import Review

_FOUND = "archive found"
_ANY = "any"
_MODALITIES = (_ANY, "CR", "DX")
_WIDTHS = [1.1, 2.2, 1.6, 1.0, 2.2, 1.4]


def show_archive() -> None:
    """Show the page."""
    st.title("Archive")
    st.caption(f"Films from the hospital's archive, and results back into their studies. {PURPOSE}")
    found: Found = session_films().beside.setdefault(_FOUND, Found())
    found.forget(session_films())
    _show_search(found)
    _show_studies(found)
    _show_opened(found)


def _show_search(found: Found) -> None:
    with st.form("archive search", border=False):
        patient, accession, date, modality, ask = st.columns([2, 2, 2, 1, 1], vertical_alignment="bottom")
        given = {
            "patient-id": patient.text_input("Patient ID", key="archive patient"),
            "accession": accession.text_input("Accession number", key="archive accession"),
            "date": date.text_input("Study date", key="archive date", placeholder="20260301-20260307 or today"),
            "modality": modality.selectbox("Modality", _MODALITIES, key="archive modality"),
        }
        asked = ask.form_submit_button("Search", type="primary", width="stretch")
    if asked:
        if given["modality"] == _ANY:
            given["modality"] = ""
        with _working(found) as progress:
            if not any(given[key].strip() for key in ("patient-id", "accession", "date")):
                raise ConfigError("Say a patient ID, an accession number or a study date: else all studies would come.")
            found.search(configured(), given, progress)
            keeping().audit(Event.SEARCHED, count=len(found.studies or ()) + found.more)
    if found.failed:
        st.error(plain(found.failed), icon=":material/cloud_off:")


def _show_studies(found: Found) -> None:
    if found.studies is None:
        return
    if not found.studies:
        st.info("The archive has no such study.")
        return
    if found.more:
        st.caption(f"The newest {MOST_LISTED} of {MOST_LISTED + found.more} studies. Search more narrowly for others.")
    with st.container(key="archive-studies"):
        for column, head in zip(
            st.columns(_WIDTHS), ("Date", "Patient", "Patient ID", "Modality", "Films", ""), strict=True
        ):
            column.markdown(f"**{head}**" if head else "")
        for number, study in enumerate(found.studies):
            _show_study(found, study, number)


def _show_study(found: Found, study: Study, number: int) -> None:
    date, patient, id, modality, told, act = st.columns(_WIDTHS, vertical_alignment="center")
    films = found.films(study.uid)
    date.text(_day(study.date))
    patient.text(study.patient.name.replace("^", " ").strip() if study.patient and study.patient.name else "no name")
    id.text(study.patient.id if study.patient and study.patient.id else "no number")
    modality.text(", ".join(study.modalities) or "–")
    told.text(told_of(films))
    waiting = [each for each in films if found.opened.get(each.uid) not in session_films()]
    if not films:
        return
    if not waiting:  # the only place where a film and whose it is stand together
        act.text(f"open as {', '.join(str(found.number(each)) for each in films)}")
    elif act.button(f"Open {len(waiting)}", key=f"archive open {number}", help="Into the list of films, on Review."):
        with _working(found) as progress:
            came = found.open(configured(), study.uid, session_films(), progress)
            for film in came:
                keeping().audit(Event.FETCHED, film.id.sha256)
        st.rerun()


def _show_opened(found: Found) -> None:
    opened = [film for film in session_films().values() if film.id.number in found.opened.values()]
    if not opened:
        return
    st.subheader("Opened from the archive")
    st.caption("They are in the list of films on Review, too, where each is reviewed once it is looked at.")
    for film in opened:
        name, told, look, act = st.columns([1.6, 4.4, 1.0, 1.6], vertical_alignment="center")
        name.text(film.name)
        state = found.sent.get(film.id.number)
        with told:
            _show_state(film, state)
        if look.button("Look", key=f"archive look {film.id.key}", help="On the page Review."):
            session_films().put_on_stage(film)
            st.switch_page(st.Page(show_review_page, title="Review", default=True))
        is_ready = film.reviewing.value is not None and not film.reviewing.value.meaningless
        if act.button(
            "Send results" if state is None else "Send again",
            key=f"archive send {film.id.key}",
            disabled=not is_ready,
            help="Pictures of the called findings and of the figure, a report with what you said, a segmentation and "
            "outlines, into the film's own study. Each is read back and compared before it is said to be stored.",
        ):
            _send(found, film)
            st.rerun()


def _send(found: Found, film: OpenFilm) -> None:
    analysis = film.reviewing.value
    if analysis is None:
        return
    with _working(found) as progress:
        progress("Drawing what is sent", 0.0)
        here = keeping()
        found.send(configured(), film, _review_of(film), progress, here.assessments(film, analysis))
        here.audit(Event.SENT, film.id.sha256)


def _review_of(film: OpenFilm) -> "Review":
    """Return a film's review as its page exports it."""
    from ensemble_cam.ui.review.downloads import as_committed, review_of

    analysis, committed, defaults = film.reviewing.value, last_committed(), networks.configuration().review
    if analysis is None:
        raise ValueError("the film has no review")
    if committed is not None:
        analysis = as_committed(analysis, committed)
    count = settings_now().get("top k", defaults.top_k)
    display = (
        Display(defaults.threshold, defaults.opacity, defaults.colormap) if committed is None else committed.display
    )
    return review_of(analysis.first(min(count, len(analysis.findings))), display, case=film.case)


def _show_state(film: OpenFilm, state: list[Sent] | str | None) -> None:
    if isinstance(state, str):
        st.text(state)
    elif state is not None:
        stored = sum(each.why is None for each in state)
        st.text(f"{stored} of {len(state)} results stored")
        for each in state:
            if each.why is not None:
                st.error(plain(f"{each.shown}: not stored: {each.why}."))
    elif film.failure is not None:
        st.text(film.failure)
    elif film.reviewing.value is None:
        st.text("not reviewed yet: look at it")
    elif film.reviewing.value.meaningless:
        st.text("its scores mean nothing, and are never sent")
    else:
        st.text("reviewed; nothing sent")


@contextmanager
def _working(found: Found) -> Iterator[Progress]:
    """Show how far something is, and keep what goes wrong, in a sentence."""
    found.failed, bar = "", st.empty()

    def progress(what: str, share: float) -> None:
        bar.progress(min(max(share, 0.0), 1.0), text=plain(what))

    try:
        with TURNS.aside():
            yield progress
    except (ConfigError, PacsError, SessionError) as error:
        found.failed = str(error)
    finally:
        bar.empty()


def _day(date: str) -> str:
    return f"{date[:4]}-{date[4:6]}-{date[6:]}" if len(date) == 8 and date.isdecimal() else "no date"
