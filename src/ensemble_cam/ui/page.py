"""The page: the sidebar, the chosen film, and its review while it is made and when it is there."""

import logging
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

import streamlit as st

from ensemble_cam.errors import Cancelled, ConfigError, EnsembleCamError, WeightsError
from ensemble_cam.geometry import Geometry
from ensemble_cam.openmp import wait_briefly
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.ui import film_view, films, networks
from ensemble_cam.ui.controls import Controls, plain, show_controls, show_film_picker, toggle_overlays
from ensemble_cam.ui.films import OpenFilm
from ensemble_cam.ui.jobs import PROCESSOR, Job
from ensemble_cam.ui.networks import Choice, Ready
from ensemble_cam.ui.overlay_key import pass_on_overlay_key

if TYPE_CHECKING:
    from ensemble_cam.analysis import Analysis, Examination

logger = logging.getLogger(__name__)

_FETCHING, _FETCH_FAILURE = "fetching", "fetch failure"
# A review of a film that the networks have seen takes this long at most, and then needs no progress bar.
_PATIENCE = 0.6

_STYLE = """
<style>
.stAppHeader { background: transparent; height: 2rem; min-height: 2rem; }
.stAppHeader, .stAppHeader * { pointer-events: none; }
.stAppHeader button, .stAppHeader button * { pointer-events: auto; }
.stMainBlockContainer { padding: 0.7rem 2.6rem 1rem 1.4rem; max-width: none; }
.stSidebar [data-testid="stSidebarHeader"] { height: 1.2rem; }
.stMain [data-testid="stVerticalBlock"] { gap: 0.35rem; }
.stMain [data-testid="stCaptionContainer"] p { font-size: 0.78rem; line-height: 1.25; }
.stMain [data-testid="stImage"] img { border-radius: 0; }
</style>
"""


def show_page() -> None:
    """Show the whole app; Streamlit calls this anew at every change."""
    st.set_page_config(page_title="Ensemble-CAM", page_icon="🩻", layout="wide", initial_sidebar_state="expanded")
    st.html(_STYLE)
    _prepare_process()
    try:
        config = networks.configuration()
    except ConfigError as error:
        st.error(plain(str(error)))
        return
    with st.sidebar:
        show_film_picker()
        film = films.chosen_film()
        narrow = film is not None and film.radiograph is not None and film.radiograph.narrow_range
        controls = show_controls(config, narrow_film=film.number if narrow else None)
        st.caption(PURPOSE)
    ready = _show_weights(controls)
    controls = controls.for_classifiers([each.choice for each in ready])
    if film is None:
        _show_welcome()
        return
    with st.spinner("Reading the film", show_time=True):
        film.read(intensity=controls.intensity, rescale=controls.rescale)
    _show_heading(film)
    if film.radiograph is None:
        st.error(plain(f"{film.name}: {film.failure}"), icon=":material/broken_image:")
        return
    _show_review(film, controls, ready)


@cache
def _prepare_process() -> None:
    """Do what has to be done once for all sessions: the first page does it."""
    wait_briefly()
    logging.getLogger("ensemble_cam").addHandler(logging.StreamHandler())
    networks.warm_up()


def _show_welcome() -> None:
    st.title("Ensemble-CAM")
    st.markdown(
        "Open a chest radiograph on the left: drop a PNG, JPEG, TIFF, BMP or DICOM file there, or several.\n\n"
        "You will see the film, every classifier's score for every finding, and for the first findings each "
        "classifier's map beside the ensemble's. Films stay on this machine: they are held in this browser session's "
        "memory and written nowhere."
    )
    st.info(f"{PURPOSE} A map shows where a network looked, not what is there.")


def _show_weights(controls: Controls) -> list[Ready]:
    """Return the classifiers that can run; say what is missing of the others and offer to fetch it."""
    if not controls.choices:
        st.warning("No classifier is chosen. Choose at least one in the sidebar, under Classifiers.")
    job: Job | None = st.session_state.get(_FETCHING)
    if job is not None and job.done:
        _end_fetching(job)
    ready, absent = networks.find(controls.choices)
    if _FETCHING in st.session_state:
        _show_fetching()
    elif absent:
        _show_absent(absent, expanded=not ready)
    return ready


def _show_absent(absent: Mapping[Choice, WeightsError], *, expanded: bool) -> None:
    names = ", ".join(choice.config.name for choice in absent)
    st.warning(plain(f"No scores and maps from {names}: the weights are not ready."))
    if _FETCH_FAILURE in st.session_state:
        st.error(plain(st.session_state[_FETCH_FAILURE]))
    with st.expander("What is missing, and how to get it", expanded=expanded):
        for choice, error in absent.items():
            st.markdown(f"**{plain(choice.config.name)}** · {plain(str(error))}")
    missing = [choice for choice, error in absent.items() if networks.is_missing(error)]
    if missing and st.button(f"Fetch the weights ({networks.size_to_fetch(missing)})", icon=":material/download:"):
        st.session_state.pop(_FETCH_FAILURE, None)
        st.session_state[_FETCHING] = networks.start_fetching(missing)
        st.rerun()


@st.fragment(run_every=0.6)
def _show_fetching() -> None:
    job: Job | None = st.session_state.get(_FETCHING)
    if job is None or job.done:
        st.rerun()
    st.progress(job.share, text=plain(job.what) if not job.place else "Waiting for another download")
    st.button("Stop fetching", on_click=_cancel_fetching, disabled=job.cancelled)


def _end_fetching(job: Job) -> None:
    del st.session_state[_FETCHING]
    outcome = job.outcome()
    if isinstance(outcome, Cancelled):
        st.session_state[_FETCH_FAILURE] = "Fetching was stopped. The next time it goes on from there."
    elif isinstance(outcome, BaseException):
        st.session_state[_FETCH_FAILURE] = _sentence(outcome)


def _show_heading(film: OpenFilm) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{plain(film.name)}**", width="stretch")
        shown = st.session_state.get("overlays", True)
        st.button(
            "Hide overlays" if shown else "Show overlays",
            key="overlays-button",
            on_click=toggle_overlays,
            shortcut="o",
            help="The film without colours; the O key does the same.",
        )
        pass_on_overlay_key()
        st.button(
            "Remove this film",
            on_click=films.remove_film,
            args=(film.number,),
            icon=":material/delete:",
            help="Drops the film and its results from this session at once.",
        )


def _show_review(film: OpenFilm, controls: Controls, ready: list[Ready]) -> None:
    radiograph = film.radiograph
    size = radiograph.width, radiograph.height
    geometry = Geometry.framed(size, framing=controls.settings.framing, cells=1)
    hidden = controls.read_first and not film.revealed
    left, right = st.columns([2.2, 1] if hidden else [1, 2.1], gap="small")
    with left:
        film_view.show_film(radiograph, geometry)
    with right:
        film_view.show_facts(radiograph)
        if hidden:
            st.info("Read the film first. Scores and maps are hidden.")
            st.button("Show scores and maps", on_click=_reveal, args=(film.number,), type="primary")
        if not ready:
            return
        analysis = _review(film, controls, ready)
        if analysis is None or hidden:
            return
        from ensemble_cam.ui import results  # here, as it loads PyTorch: the film is on the screen before

        if results.show_failures(analysis):
            st.button("Run the failed classifiers again", on_click=_begin_anew, args=(film.number,))
        results.show_remarks(analysis)
        results.show_scores(analysis)
    results.show_findings(film, controls.display)
    results.show_downloads(analysis, controls)
    results.show_origin(analysis)


def _reveal(number: int) -> None:
    if film := films.film(number):
        film.revealed = True


def _review(film: OpenFilm, controls: Controls, ready: list[Ready]) -> "Analysis | None":
    """Return the review for what is set now, or None while it is made or where there is none; shows which."""
    read = film.radiograph
    seen = (read.sha256, read.intensity, read.rescaled, tuple(_networks(ready)))
    seen = (*seen, controls.settings.framing)
    settings = controls.settings
    key = (seen, settings.top_k, settings.labels, settings.method, tuple(settings.ensemble_weights.items()))
    if film.analysis_key == key:
        return film.analysis
    if film.ended_key == key:
        st.warning(plain(film.ended))
        st.button("Review this film", on_click=_begin_anew, args=(film.number,))
        return None
    if film.job_key != key:
        if film.job is not None:
            film.job.cancel()
        work = _work(film, controls, ready, seen)
        film.job, film.job_key = PROCESSOR.submit(work, wanted=films.session_watch()), key
    if not film.job.wait(_PATIENCE):
        _show_waiting()
        return None
    return _collect(film, key, seen)


def _networks(ready: list[Ready]) -> list[tuple]:
    return [(each.choice.config.id, each.choice.weights, each.sha256) for each in ready]


def _work(
    film: OpenFilm, controls: Controls, ready: list[Ready], seen: object
) -> "Callable[[Job], tuple[Examination, Analysis]]":
    """Return the work that reviews a film. It holds the film as it is now and touches no session."""
    radiograph, settings = film.radiograph, controls.settings
    examination = film.examination if film.examination_key == seen else None

    def work(job: Job) -> "tuple[Examination, Analysis]":
        job.report("Starting PyTorch", 0.0)
        from ensemble_cam.analysis import examine, explain

        def report(what: str, share: float) -> None:
            job.report(what, 0.3 + 0.7 * share)

        examined = examination
        if examined is None:
            classifiers = []
            for number, each in enumerate(ready):
                job.report(f"Loading {each.choice.config.name}", 0.3 * number / len(ready))
                if job.stopped():
                    raise Cancelled("Stopped while the networks were loading.")
                classifiers.append(networks.load(each))
            examined = examine(
                radiograph, classifiers, framing=settings.framing, progress=report, cancelled=job.stopped
            )
        return examined, explain(examined, settings, progress=report, cancelled=job.stopped)

    return work


@st.fragment(run_every=0.6)
def _show_waiting() -> None:
    film = films.chosen_film()
    if film is None or film.job is None or film.job.done:
        st.rerun()
    job = film.job
    if job.place:
        before = "one review is" if job.place == 1 else f"{job.place} reviews are"
        st.progress(0.0, text=f"Waiting for the processor: {before} before this one")
    else:
        st.progress(job.share, text=plain(job.what))
    st.button("Cancel", on_click=_cancel_review, disabled=job.cancelled)


def _collect(film: OpenFilm, key: object, seen: object) -> "Analysis | None":
    job, outcome = film.job, film.job.outcome()
    film.job, film.job_key = None, None
    if isinstance(outcome, Cancelled):
        # A page that was away, and so gave up its place, begins anew; only its reader stops a review for good.
        if job.cancelled:
            film.end(key, "The review was stopped.")
        st.rerun()
    if isinstance(outcome, BaseException):
        film.end(key, _sentence(outcome))
        st.rerun()
    for other in films.open_films().values():
        other.forget_examination()  # kept for the film on the screen alone
    examination, analysis = outcome
    if not any(result.failure for result in examination.results):
        film.examination, film.examination_key = examination, seen
    film.show(analysis, key)
    return analysis


def _begin_anew(number: int) -> None:
    """Let a film be reviewed again; the callback of a stopped or failed review's button."""
    if film := films.film(number):
        film.ended_key, film.analysis_key = None, None


def _cancel_review() -> None:
    film = films.chosen_film()
    if film is not None and film.job is not None:
        film.job.cancel()


def _cancel_fetching() -> None:
    job: Job | None = st.session_state.get(_FETCHING)
    if job is not None:
        job.cancel()


def _sentence(error: BaseException) -> str:
    """Return an error as a sentence for the reader; the details of one that was not foreseen go to the log."""
    if isinstance(error, EnsembleCamError):
        return str(error)
    logger.error("the work failed", exc_info=error)
    if isinstance(error, MemoryError):
        return "This machine ran out of memory. Close other programs, or choose fewer classifiers."
    return f"The work failed with {type(error).__name__}. The log has the details."
