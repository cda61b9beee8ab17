"""What a session holds of its films: in `st.session_state` and nowhere else, gone at once when a film is removed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from ensemble_cam.errors import RadiographError
from ensemble_cam.film.radiograph import Intensity, Radiograph, read_radiograph
from ensemble_cam.ui.jobs import Job
from ensemble_cam.ui.viewer.payload import FilmPart

if TYPE_CHECKING:
    from ensemble_cam.reviewing.analysis import Analysis
    from ensemble_cam.reviewing.pipeline import Examination
    from ensemble_cam.ui.live_view import Stage

_FILMS, _CHOSEN, _COUNT, _LAST = "films", "chosen film", "upload count", "last film"


@dataclass(eq=False)
class OpenFilm:
    """One film of this session and everything that was made of it.

    Attributes:
        number: by which callbacks name it: Streamlit keeps a callback's arguments long after its button is gone, and
            would keep the film with them.
        name: the file's name, shown to this session only.
        data: the file's bytes.
        asked: the intensity and rescaling with which the film was last read.
        radiograph: the film as it was last read, or None.
        failure: why it could not be read.
        planted: what was drawn into a phantom that this session drew; None for any other film.
        revealed: whether scores and maps may be seen under *Read first*.
        examination, examination_key: what the networks made of it, and for which film and networks.
        analysis, analysis_key: the review on the screen, and for which of all the settings.
        job, job_key: the review that is being made.
        ended_key, ended: the review that was stopped or failed, and the sentence that says so.
        stage: what the live viewer shows of it.
    """

    number: int
    name: str
    data: bytes = field(repr=False)
    asked: tuple[Intensity, bool] | None = None
    radiograph: Radiograph | None = None
    failure: str | None = None
    planted: tuple[str, ...] | None = None
    revealed: bool = False
    examination: "Examination | None" = None
    examination_key: object = None
    analysis: "Analysis | None" = None
    analysis_key: object = None
    job: Job | None = None
    job_key: object = None
    ended_key: object = None
    ended: str = ""
    stage: "Stage | None" = field(default=None, repr=False)
    _parts: dict[bool, FilmPart] = field(default_factory=dict, repr=False)

    def read(self, *, intensity: Intensity, rescale: bool) -> None:
        """Read the film, unless it was read this way before; a failure is kept as a sentence."""
        if self.asked == (intensity, rescale):
            return
        self.asked, self.radiograph, self.failure = (intensity, rescale), None, None
        self._parts.clear()
        try:
            self.radiograph = read_radiograph(self.data, intensity=intensity, rescale=rescale)
        except RadiographError as error:
            self.failure = str(error)
        except MemoryError:
            self.failure = "This machine ran out of memory for the film. Close other programs or remove other films."

    def end(self, key: object, sentence: str) -> None:
        """Remember that a review was stopped or failed, so that it is not begun anew until the reader asks for it."""
        self.ended_key, self.ended = key, sentence

    def clear(self) -> None:
        """Let go of the film and of everything that was made of it, whoever still holds this object."""
        if self.job is not None:
            self.job.cancel()
        self.name, self.data, self.radiograph, self.job = "", b"", None, None
        self.analysis, self.analysis_key = None, None
        self.forget_examination()
        self.leave_stage()

    def part(self, *, whole: bool) -> FilmPart:
        """Return what the viewer is sent of the film itself, packed once."""
        if whole not in self._parts:
            self._parts[whole] = FilmPart.of(self.radiograph, whole=whole)
        return self._parts[whole]

    def leave_stage(self) -> None:
        """Let go of what the viewer was sent: another film is on the screen."""
        self.stage = None
        self._parts.clear()

    def forget_examination(self) -> None:
        """Let go of what the networks keep open for explaining: tens of megabytes a film."""
        self.examination, self.examination_key = None, None

    def show(self, analysis: "Analysis", key: object) -> None:
        """Put a finished review on the screen."""
        self.analysis, self.analysis_key = analysis, key


def open_films() -> dict[int, OpenFilm]:
    """Return this session's films by number, in the order in which they came."""
    return st.session_state.setdefault(_FILMS, {})


def chosen_film() -> OpenFilm | None:
    """Return the film on the screen."""
    films = open_films()
    return films.get(st.session_state.get(_CHOSEN)) or next(iter(films.values()), None)


def choose_film(label: str, names: Mapping[int, str]) -> None:
    """Let the reader choose among several films."""
    st.radio(label, list(names), format_func=names.get, key=_CHOSEN, persist_state="session")


def put_on_screen(film: OpenFilm) -> None:
    """Choose a film; for callbacks, as the reader's own choice must not have been shown yet in this run of the page."""
    st.session_state[_CHOSEN] = film.number


def uploader_key() -> str:
    """Return the key of the uploader, which changes with every upload so that it is empty again."""
    return f"uploader {st.session_state.get(_COUNT, 0)}"


def take_uploads(uploads: list[UploadedFile]) -> None:
    """Move uploaded files into the session's films, and out of Streamlit's own store; read each, showing progress."""
    st.session_state[_COUNT] = st.session_state.get(_COUNT, 0) + 1
    bar = st.progress(0.0)
    for count, upload in enumerate(uploads):
        bar.progress(count / len(uploads), text=f"Reading film {count + 1} of {len(uploads)}")
        film = add_film(upload.name, upload.getvalue())
        if upload is uploads[0]:
            st.session_state[_CHOSEN] = film.number
        _forget_upload(upload)


def add_film(name: str, data: bytes, *, planted: tuple[str, ...] | None = None) -> OpenFilm:
    """Put a film at the end of the session's, and read it."""
    number = st.session_state[_LAST] = st.session_state.get(_LAST, 0) + 1
    film = open_films()[number] = OpenFilm(number, name, data, planted=planted)
    film.read(intensity="stored", rescale=False)
    return film


def film(number: int) -> OpenFilm | None:
    """Return a film of this session by its number, None if it was removed."""
    return open_films().get(number)


def remove_film(number: int) -> None:
    """Drop a film and everything that was made of it."""
    removed = open_films().pop(number, None)
    if removed is not None:
        removed.clear()
    st.session_state[_CHOSEN] = next(iter(open_films()), None)


def session_watch() -> Callable[[], bool]:
    """Return what tells, in any thread, whether this session's page is still open."""
    context = get_script_run_ctx()
    if context is None or not runtime.exists():
        return lambda: True
    return partial(runtime.get_instance().is_active_session, context.session_id)


def _forget_upload(upload: UploadedFile) -> None:
    """Take a file out of Streamlit's memory, where it would stay until the session ends."""
    context = get_script_run_ctx()
    if context is not None:
        context.uploaded_file_mgr.remove_file(context.session_id, upload.file_id)
