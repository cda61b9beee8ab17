"""The film on the stage, for the page: the list of films, and the containers of all that is of one film."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ensemble_cam.ui.scripts import linked
from ensemble_cam.ui.session import keeping
from ensemble_cam.ui.session.films import OpenFilm, session_films
from ensemble_cam.ui.session.listed import listed

_LIST_CSS = """
.films, .order { font: 0.86rem/1.35 var(--st-font); color: var(--st-text-color); }
.films { display: flex; flex-direction: column; gap: 1px; max-height: 17rem; overflow-y: auto; }
:is(.films, .order)[hidden] { display: none; }
.order { display: flex; align-items: center; gap: 0.5rem; padding-bottom: 0.25rem; font-size: 0.8rem; }
.order select { flex: 1 1 0; min-width: 0; font: inherit; color: inherit; padding: 0.1rem 0.3rem; border-radius: 4px;
  background: var(--st-secondary-background-color);
  border: 1px solid color-mix(in srgb, var(--st-text-color) 25%, transparent); }
.films [role="radio"] { flex: none; display: grid; grid-template-columns: 2.5rem minmax(0, 1fr); gap: 0 0.4rem;
  padding: 0.12rem 0.3rem; border-left: 3px solid transparent; cursor: pointer; }
.films .picture { grid-row: 1 / 3; width: 2.5rem; height: 2.5rem; object-fit: contain; background: #000; }
.films :is(.name, .state) { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.progress { margin: 0; font-size: 0.8rem; font-variant-numeric: tabular-nums; }
.progress:empty { display: none; }
.films .said { color: #7cf5a5; }
.films .state { font-size: 0.76rem; font-weight: 400; }
.films .split { padding: 0 0.3rem; border-radius: 3px; background: #5b2a6e; color: #fff; }
.films [role="radio"]:hover { background: color-mix(in srgb, var(--st-text-color) 9%, transparent); }
.films [role="radio"][aria-checked="true"] { border-left-color: #56b4e9; font-weight: 600;
  background: color-mix(in srgb, var(--st-text-color) 15%, transparent); }
.films [role="radio"][aria-busy="true"] { border-left-style: dotted; border-left-color: #56b4e9; }
.films [role="radio"][aria-busy="true"] .name::after { content: " …"; }
.films .failed .name::before { content: "⚠ "; }
.films [role="radio"]:focus-visible { outline: 2px solid #56b4e9; outline-offset: -2px; }
"""
_LIST_HTML = """
<label class="order">Order <select aria-label="Order of the films">
  <option value="opened">as opened</option>
  <option value="split">split findings first</option>
  <option value="distance">nearest to an operating point first</option>
  <option value="overlap">least overlap first</option>
  <option value="todo">not done first</option>
</select></label>
<label class="only order">Only <select aria-label="Which films are listed">
  <option value="all">all films</option>
  <option value="todo">not done</option>
  <option value="apart">where you disagree</option>
  <option value="split">split findings</option>
  <option value="called">something called</option>
  <option value="noted">with a note</option>
</select></label>
<p class="progress"></p>
<div class="films" role="radiogroup" aria-label="Films"></div>
"""
_LIST_KEY = "film list"


_list = st.components.v2.component(
    "ensemble_cam_film_list",
    html=_LIST_HTML,
    css=_LIST_CSS,
    js=linked("session/film_list.js"),
)
_list_note = st.components.v2.component(
    "ensemble_cam_list_note", html="<span></span>", js=linked("session/list_note.js")
)
_note = st.components.v2.component("ensemble_cam_stage_note", html="<span></span>", js=linked("session/stage_note.js"))


def listed_films(*, read_first: bool, threshold: float) -> list[dict[str, object]]:
    """Return what the list tells of the session's films now.

    Args:
        read_first: whether nothing is told of the review of a film that was not revealed.
        threshold: of the regions whose overlap films can be ordered by, in relative activation.
    """
    here = keeping.keeping()
    others = keeping.others_done(here)
    return [
        listed(film, hidden=read_first and not film.revealed, threshold=threshold)
        | keeping.said_of(here, film, others.get(film.id.number, 0))
        for film in session_films().values()
    ]


def show_film_list(told: list[dict[str, object]]) -> None:
    """Show the session's films, and let the reader ask for another one; nothing is seen of a single one.

    Args:
        told: see `listed_films`.
    """
    films = session_films()
    shown = films.on_stage
    if shown is None:
        return
    films.listed = frozenset(films)
    _list(
        key=_LIST_KEY,
        data={"films": told, "on_stage": _told(shown), "revision": films.revision, "progress": keeping.progress()},
        on_request_change=_take_request,
    )


def note_films(told: list[dict[str, object]]) -> None:
    """Say on the page what is known of the films now, which the list, drawn before, takes in.

    Another run of the page would say it, too; but what the browser sends while a run asks for the next is lost.

    Args:
        told: see `listed_films`.
    """
    if len(told) > 1:
        drawn = session_films().listed
        films = [{**film, "picture": None} if film["number"] in drawn else film for film in told]
        _list_note(key="film list note", data={"films": films, "progress": keeping.progress()})


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
