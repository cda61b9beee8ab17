"""What a reader meets before any film of their own: a drawn phantom under review, or the welcome."""

from functools import lru_cache

import streamlit as st

from ensemble_cam.purpose import PURPOSE
from ensemble_cam.settings.config import Config
from ensemble_cam.settings.sets import ClassifierSet
from ensemble_cam.ui import sets
from ensemble_cam.ui.session.films import OpenFilm, SessionFilms, session_films
from ensemble_cam.ui.session.keeping import keeping

# A plain film with three findings at three places. The networks were trained on seeds of a million and more.
_SEED, _FINDINGS, _DIFFICULTY = 12, ("Cardiomegaly", "Effusion", "Mass"), 0.15
_SIDE = 640  # pixels: as large as a panel is drawn

_DRAWN = "phantoms drawn"


def open_first_phantom(config: Config, set: ClassifierSet) -> OpenFilm | None:
    """Open a phantom in a session that begins without clinical weights and without a film; once, whatever comes of it.

    A review that works is then the first thing to be seen.
    """
    films = session_films()
    if films.phantom_opened:
        return None
    films.phantom_opened = True  # and no look into the session's state from here on, where the run may be broken off
    if not set.learned_from_phantoms or not sets.is_without_weights(config):
        return None
    return _open_phantom(films, _SEED, _FINDINGS, _DIFFICULTY, example=True)


def show_welcome(set: ClassifierSet) -> None:
    """Say what the app does and how to begin."""
    st.title("Ensemble-CAM")
    st.markdown(
        "Open a chest radiograph on the left: drop a PNG, JPEG, TIFF, BMP or DICOM file there, or several.\n\n"
        "You will see the film, every classifier's score for every finding, and for the first findings each "
        f"classifier's map beside the ensemble's. Films stay on this machine: {_held()}."
    )
    if set.learned_from_phantoms:
        st.markdown(
            "The teaching set knows drawn phantoms and nothing else: begin with one. For films of your own, fetch the "
            "clinical weights."
        )
    show_phantom_button("Show a phantom" if set.learned_from_phantoms else "Try a phantom")
    st.info(f"{PURPOSE} A map shows where a network looked, not what is there.")


def _held() -> str:
    if keeping().lasting:
        return "they are kept, without what their headers say of a patient, in this session's folder"
    return "they are held in this browser session's memory and written nowhere"


def show_phantom_button(label: str) -> None:
    """Offer to draw a phantom, another one each time, and to open it as a film."""
    st.button(
        label,
        on_click=_open_another,
        icon=":material/draw:",
        help="Draws a chest film with findings planted at known places.",
    )


def _open_another() -> None:
    films, drawn = session_films(), st.session_state.get(_DRAWN, 0) + 1
    st.session_state[_DRAWN] = drawn
    films.put_on_stage(_open_phantom(films, _SEED + drawn, None, None))


def _open_phantom(
    films: SessionFilms,
    seed: int,
    findings: tuple[str, ...] | None,
    difficulty: float | None,
    *,
    example: bool = False,
) -> OpenFilm:
    data, planted = _draw(seed, findings, difficulty)
    return films.add(f"Phantom, seed {seed}", data, planted=planted, example=example)


@lru_cache(maxsize=4)
def _draw(seed: int, findings: tuple[str, ...] | None, difficulty: float | None) -> tuple[bytes, tuple[str, ...]]:
    """Return a phantom's file, as it would be uploaded, and what was planted; sessions share it, as it is nobody's."""
    from ensemble_cam.phantom import draw_phantom  # here, as only sessions without a film of their own need it
    from ensemble_cam.phantom.files import film_name, phantom_files

    phantom = draw_phantom(seed, findings=findings, size=_SIDE, difficulty=difficulty)
    return phantom_files(phantom, 0)[film_name(0, "png")], phantom.findings
