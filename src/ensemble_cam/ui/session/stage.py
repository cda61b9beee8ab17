"""The film on the stage, for the page: the list of films, and the containers of all that is of one film."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ensemble_cam.ui.scripts import linked
from ensemble_cam.ui.session.films import OpenFilm, session_films

_LIST_CSS = """
.films { display: flex; flex-direction: column; gap: 1px; max-height: 14rem; overflow-y: auto;
  font: 0.86rem/1.35 var(--st-font); color: var(--st-text-color); }
.films[hidden] { display: none; }
.films [role="radio"] { flex: none; padding: 0.18rem 0.5rem; border-left: 3px solid transparent; cursor: pointer;
  white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.films [role="radio"]:hover { background: color-mix(in srgb, var(--st-text-color) 9%, transparent); }
.films [role="radio"][aria-checked="true"] { border-left-color: #56b4e9; font-weight: 600;
  background: color-mix(in srgb, var(--st-text-color) 15%, transparent); }
.films [role="radio"][aria-busy="true"] { border-left-style: dotted; border-left-color: #56b4e9; }
.films [role="radio"][aria-busy="true"]::after { content: " …"; }
.films [role="radio"].failed::before { content: "⚠ "; }
.films [role="radio"]:focus-visible { outline: 2px solid #56b4e9; outline-offset: -2px; }
"""
_LIST_KEY = "film list"


_list = st.components.v2.component(
    "ensemble_cam_film_list",
    html='<div class="films" role="radiogroup" aria-label="Films"></div>',
    css=_LIST_CSS,
    js=linked("session/film_list.js"),
)
_note = st.components.v2.component("ensemble_cam_stage_note", html="<span></span>", js=linked("session/stage_note.js"))


def show_film_list() -> None:
    """Show the session's films, and let the reader ask for another one; nothing is seen of a single one."""
    films = session_films()
    shown = films.on_stage
    if shown is None:
        return
    listed = [_told(film) | {"failure": film.failure} for film in films.values()]
    _list(
        key=_LIST_KEY,
        data={"films": listed, "on_stage": _told(shown), "revision": films.revision},
        on_request_change=_take_request,
    )


def _take_request() -> None:
    session_films().request(st.session_state[_LIST_KEY].get("request"))


def _told(film: OpenFilm) -> dict[str, object]:
    return {"number": film.id.number, "sha256": film.id.sha256, "name": film.name}


def of_film(film: OpenFilm, part: str) -> DeltaGenerator:
    """Return a container for what is of one film: the browser hides it while another film is on the stage.

    Args:
        film: whose it is.
        part: of the page, told apart from the other parts.
    """
    return emptied(part, f"of-film-{film.id.key}-{part}")


def emptied(part: str, key: str) -> DeltaGenerator:
    """Return a container with this key, which is empty at first where the part had another key before.

    A container takes over what one in its place held, whatever their keys, until it is overwritten piece by piece: the
    old film's pictures would stand in the new film's container. So each part has two places, and the next film's is the
    one that was empty.
    """
    drawn = session_films().drawn
    places = st.empty(), st.empty()
    last, turn = drawn.get(part, ("", 0))
    turn = turn if last == key else 1 - turn
    drawn[part] = key, turn
    return places[turn].container(key=key, gap="small")


def note_film(film: OpenFilm) -> None:
    """Say on the page that a film is shown; where the live viewer is, that says so itself."""
    _note(key="film on the stage", data={"film": {"number": film.id.number, "sha256": film.id.sha256}})
