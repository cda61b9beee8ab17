"""Making a set: what its films are like, and the code that stands for them, or the file that names one's own."""

import re

import streamlit as st

from ensemble_cam.errors import ConfigError
from ensemble_cam.film.radiograph import Radiograph
from ensemble_cam.phantom import FINDINGS
from ensemble_cam.readers.classes import MOST_FILMS, SECONDS, ClassSet, Difficulty
from ensemble_cam.readers.film_sets import MOST_CHARACTERS, OwnFilm, film_set, set_file
from ensemble_cam.readers.truth import Shape, shapes_of
from ensemble_cam.settings.config import known_labels
from ensemble_cam.settings.settings import displayed
from ensemble_cam.ui.classes.sitting import ClassPage, at_hand, session_class
from ensemble_cam.ui.session import networks
from ensemble_cam.ui.session.films import OpenFilm, read_in_turn, show_uploader
from ensemble_cam.ui.session.keeping import keeping
from ensemble_cam.ui.session.listed import picture_of
from ensemble_cam.ui.words import plain

_COUNT, _DIFFICULTY, _FINDINGS, _SECONDS = "class count", "class difficulty", "class labels", "class seconds"
_DRAWN, _OWN = "Drawn phantoms", "Films of your own"
_SAID = {
    Difficulty.ANY: "Any",
    Difficulty.PLAIN: "Plain",
    Difficulty.MEDIUM: "Medium",
    Difficulty.BORDERLINE: "Borderline",
    Difficulty.FOLLOWS: "Follows the learner",
}


def show_set_making(held: ClassPage) -> None:
    """Show what can be chosen, and the code of the set that was made last, or the file of one's own films."""
    st.title("Make a class set")
    of = st.segmented_control(
        "Films",
        [_DRAWN, _OWN],
        default=_DRAWN,
        required=True,
        key="class films of",
        persist_state="session",
        label_visibility="collapsed",
    )
    if of == _OWN:
        _show_own_films()
    else:
        _show_code_making(held)


def _show_code_making(held: ClassPage) -> None:
    st.markdown(
        "A set is a number of drawn films. Its code of twelve letters holds all that they follow from: students type "
        "it in, nothing has to be sent around, and all of them see the same films. Whoever has the code can also draw "
        "the truth from it, so a set is for learning, and no examination."
    )
    with st.container(width=560):
        st.slider("Films", 5, MOST_FILMS, 20, key=_COUNT, persist_state="session")
        st.segmented_control(
            "Difficulty",
            list(_SAID),
            default=Difficulty.MEDIUM,
            format_func=_SAID.__getitem__,
            required=True,
            key=_DIFFICULTY,
            persist_state="session",
            help="Follows the learner: films become a little harder after a film that was right, and easier after one "
            "that was not, so that each student comes to the difficulty at which three films in four are right.",
        )
        st.pills(
            "Findings that may be planted",
            FINDINGS,
            selection_mode="multi",
            default=FINDINGS,
            format_func=displayed,
            key=_FINDINGS,
            persist_state="session",
            wrap=True,
            help="Students are asked for these. At least one film in five is normal.",
        )
        _show_seconds()
        st.button("Make the code", type="primary", on_click=_make, key="class make")
    if held.failed:
        st.error(plain(held.failed))
    if held.made is not None:
        _show_made(held.made)


def _show_seconds() -> int | None:
    return st.select_slider(
        "Time for a film",
        SECONDS,
        format_func=lambda seconds: "no limit" if seconds is None else f"{seconds} s",
        key=_SECONDS,
        persist_state="session",
        help="When it is over, the answer that stands is taken.",
    )


def _show_own_films() -> None:
    """Let the teacher say of each film that is open what is there, and save the set as a file."""
    st.markdown(
        "A file names the films that are open here by their SHA-256, with your questions and what is there; it holds "
        "no film. Whoever answers opens the file, and the films, which they have already. What you drew around a "
        "finding on the page *Review* is what marks are held to. The file holds the answers, so a set is for learning, "
        "and no examination."
    )
    films = list(at_hand().values())
    read_in_turn(films)
    there = [(film, film.radiograph) for film in films if film.radiograph is not None]
    with st.container(width=760):
        show_uploader("Open films", "They join the films on the page Review. Nothing but their hashes is in the file.")
        if not there:
            return
        most = MOST_CHARACTERS["title"]
        title = st.text_input("What the set is called", "Class set", max_chars=most, key="class title")
        asked = st.multiselect(
            "Findings that students can name, beside those that are there",
            _known(),
            default=[label for label in FINDINGS if label in _known()],
            format_func=displayed,
            key="class asked",
        )
        seconds = _show_seconds()
        own = [each for film, read in there if (each := _show_own_film(film, read)) is not None]
        try:
            of = film_set(title, own, asked=asked, seconds=seconds)
        except ConfigError as error:
            st.error(plain(str(error)))
            return
        drawn = sum(bool(film.shapes) for film in of.films)
        st.caption(f"{of.count} films, {drawn} of them with a place that was drawn.")
        name = re.sub(r"[^A-Za-z0-9]+", "_", of.title).strip("_") or "class_set"
        st.download_button(
            "Save the set",
            set_file(of),
            file_name=f"{name}.json",
            mime="application/json",
            type="primary",
            on_click="ignore",
            key="class own save",
        )


def _show_own_film(film: OpenFilm, read: Radiograph) -> OwnFilm | None:
    """Ask what is there; None where the film is left out."""
    drawn = _drawn(film)
    labels = [*dict.fromkeys(each.finding for each in drawn)]
    known = tuple(dict.fromkeys([*_known(), *labels, *(film.planted or ())]))
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.html(f'<img alt="" width="56" src="{film.kept("picture", read, picture_of)}">', width="content")
        with st.container(gap=None):
            taken = st.checkbox(plain(film.name), value=True, key=f"class own {film.id.key}")
            there = st.multiselect(
                "What is there",
                known,
                default=[label for label in known if label in labels or label in (film.planted or ())],
                format_func=lambda label: displayed(label) + (" (drawn)" if label in labels else ""),
                placeholder="nothing: a normal film",
                key=f"class own there {film.id.key} {len(labels)}",
                label_visibility="collapsed",
                disabled=not taken,
            )
            question = st.text_input(
                "Question",
                placeholder="Question: What is there?",
                max_chars=MOST_CHARACTERS["question"],
                key=f"class own question {film.id.key}",
                label_visibility="collapsed",
                disabled=not taken,
            )
    if not taken:
        return None
    shapes = tuple(each for each in drawn if each.finding in there)
    return OwnFilm(0, film.id.sha256, (read.width, read.height), tuple(there), shapes, question)


def _drawn(film: OpenFilm) -> list[Shape]:
    here = keeping()
    row = here.rows.get(film.id.number)
    return [] if row is None else shapes_of(here.store, row, here.reader)


def _known() -> tuple[str, ...]:
    """Return every finding that a classifier here knows, or that can be planted."""
    configured = networks.configuration().classifiers
    labels = {label for each in configured for label in known_labels(each, each.default_weight)}
    return tuple(sorted({*labels, *FINDINGS}, key=displayed))


def _show_made(made: ClassSet) -> None:
    time = "no limit of time" if made.seconds is None else f"{made.seconds} s a film"
    findings = ", ".join(map(displayed, made.findings))
    with st.container(key="class made", width=560):
        st.markdown("The code:")
        st.code(made.code, language=None)
        st.markdown(f"{made.count} films, {_SAID[made.difficulty].lower()} difficulty, {time}, with {findings}.")
        link = (st.context.url or "").split("?", 1)[0]
        if link.startswith("http"):
            st.markdown(f"Or this address, which has the code in it: `{link}?code={made.code}`")


def _make() -> None:
    held, state = session_class(), st.session_state
    try:
        held.made = ClassSet.new(
            count=state[_COUNT],
            difficulty=Difficulty(state[_DIFFICULTY]),
            findings=state[_FINDINGS] or (),
            seconds=state[_SECONDS],
        )
        held.failed = ""
    except ConfigError as error:
        held.made, held.failed = None, str(error)
