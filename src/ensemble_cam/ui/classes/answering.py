"""Answering a set: the films one after the other, blind, and the file that is handed in."""

import re

import streamlit as st

from ensemble_cam.errors import ConfigError
from ensemble_cam.film.geometry import Geometry
from ensemble_cam.film.radiograph import Radiograph
from ensemble_cam.readers.class_answers import CONFIDENCES, answers_file, checked_name, rights
from ensemble_cam.readers.classes import ClassSet
from ensemble_cam.readers.film_sets import FilmSet, OwnFilm, missing, read_set
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.settings import displayed
from ensemble_cam.ui.classes.charts import curve
from ensemble_cam.ui.classes.sitting import ClassPage, Sitting, at_hand, film_work, session_class
from ensemble_cam.ui.lab.blind import show_target
from ensemble_cam.ui.scripts import linked
from ensemble_cam.ui.session.films import show_uploader
from ensemble_cam.ui.session.reviewing import show_work
from ensemble_cam.ui.session.slot import Slot
from ensemble_cam.ui.session.stage import emptied
from ensemble_cam.ui.table import Mark, Marked, show_table
from ensemble_cam.ui.viewer.committed import Committed
from ensemble_cam.ui.viewer.live import show_viewer
from ensemble_cam.ui.viewer.payload import FilmPart, Payload, Words, payload
from ensemble_cam.ui.viewer.planted import Planted
from ensemble_cam.ui.viewer.pointed import Pointed
from ensemble_cam.ui.words import plain
from ensemble_cam.validation.localisation import THRESHOLD

_CODE, _NAME, _FILE = "class code", "class student", "class set file"
_VIEWER = "lab-viewer"  # the page gives it the room that the lab's has

_CLOCK_CSS = """
.clock { margin: 0; font: 600 0.86rem/1.3 var(--st-font); font-variant-numeric: tabular-nums;
  color: var(--st-text-color); }
.clock[data-low] { color: light-dark(#b3261e, #f0808a); }
"""
_clock = st.components.v2.component(
    "ensemble_cam_class_clock",
    html='<p class="clock" role="timer"></p>',
    css=_CLOCK_CSS,
    js=linked("classes/clock.js"),
)


def show_answering(held: ClassPage) -> None:
    """Show the set that is being answered, or ask for its code."""
    sitting = held.sitting
    if sitting is None:
        _show_beginning(held)
    elif sitting.over:
        _show_end(sitting)
    else:
        _show_film(sitting)


def _show_beginning(held: ClassPage) -> None:
    st.title("Answer a class set")
    st.markdown(
        "Your teacher has a code of twelve letters for you, which stands for chest films that are drawn by code, or a "
        "file that names films of your own. You name what is there, say how sure you are, and mark it; nothing tells "
        "whether you are right before the end. Then you get a file to hand in."
    )
    st.session_state.setdefault(_CODE, st.query_params.get("code", ""))
    with st.container(width=420):
        of, left = _opened(), ""
        form = st.container()
        st.file_uploader("Or a file, where the set is of films of your own", type="json", key=_FILE)
        if of is not None and (left := missing(of, at_hand())):
            _ask_for_films(left)
    with form, st.form("class begin", border=False):
        if of is None:
            st.text_input("Code", key=_CODE, placeholder="ABCD-EFGH-JKLM", max_chars=40)
        else:
            st.markdown(f"**{plain(of.title)}** · {of.count} films")
        st.text_input("Your name, or one that your teacher knows you by", key=_NAME, max_chars=64)
        st.form_submit_button("Begin", type="primary", on_click=_begin, disabled=bool(left), key="class begin now")
    if held.failed:
        st.error(plain(held.failed))


def _ask_for_films(missing: str) -> None:
    st.warning(plain(missing))
    show_uploader("Open the set's films", "They are known by their files' SHA-256, whatever they are called.")


def _opened() -> FilmSet | None:
    """Return the set whose file is opened; None where none is, or after saying why it cannot be."""
    file = st.session_state.get(_FILE)
    try:
        return None if file is None else read_set(file.getvalue())
    except ConfigError as error:
        st.error(plain(str(error)))
        return None


def _begin() -> None:
    held, state = session_class(), st.session_state
    try:
        held.sitting = Sitting(_opened() or ClassSet.of(state[_CODE]), checked_name(state[_NAME]))
        held.failed = ""
    except ConfigError as error:
        held.failed = str(error)


def _show_film(sitting: Sitting) -> None:
    said, stage = st.container(key="said"), st.container()
    film = sitting.drawing.get(sitting.number, film_work(sitting.wish()))
    with said:
        st.markdown(f"**Film {sitting.number} of {sitting.set.count}** · {plain(sitting.student)}")
        if film is None:
            show_work(_slot, again="Try again", key="class drawing")
            if isinstance(sitting.set, FilmSet) and (told := missing(sitting.set, at_hand())):
                _ask_for_films(told)
            return
        if sitting.set.seconds is not None:
            left = max(0.0, sitting.set.seconds - sitting.seconds())
            _clock(key="class clock", data={"film": sitting.number, "left": left}, on_over_change=_time_is_over)
        sitting.seconds()
        with emptied("class", f"class-{sitting.number}-{film.sha256[:12]}"):
            over = _show_questions(sitting)
    with stage:
        _show_stage(sitting.number, _sent(sitting, film, over))


def _slot() -> Slot[Radiograph] | None:
    sitting = session_class().sitting
    return None if sitting is None else sitting.drawing


def _show_questions(sitting: Sitting) -> Planted:
    number, marks, asked = sitting.number, sitting.marks, sitting.set.films[sitting.number - 1]
    named = st.pills(
        plain(asked.question) if isinstance(asked, OwnFilm) and asked.question else "What is there?",
        sitting.set.findings,
        selection_mode="multi",
        format_func=displayed,
        key=f"class findings {number}",
        wrap=True,
    )
    sure = [
        st.segmented_control(
            f"{displayed(label)}: how sure, in percent",
            CONFIDENCES,
            key=f"class sure {number} {label}",
            help="50: it is as likely to be there as not. 99: certain.",
        )
        for label in named
    ]
    target = show_target(named, list(marks), key=f"class target {number}") if named else None
    ready = None not in sure
    st.button(
        "Answer" if named else "Answer: nothing, a normal film",
        on_click=_answer,
        args=(number,),
        type="primary",
        disabled=not ready,
        key=f"class answer {number}",
        help=None if ready else "Say first how sure you are.",
    )
    return Planted(
        marks={displayed(label): point for label, point in marks.items() if label in named},
        target=target,
        asks=None if target is None else displayed(target),
    )


def _answer(number: int) -> None:
    """Take the answer that stands at this moment."""
    sitting, state = session_class().sitting, st.session_state
    if sitting is not None and number == sitting.number:
        named = state.get(f"class findings {number}") or ()
        sitting.answer(number, {label: state.get(f"class sure {number} {label}") for label in named})


def _time_is_over() -> None:
    """Take the answer that stands, where the browser says that a film's time is over and it is."""
    sitting = session_class().sitting
    told = st.session_state["class clock"].get("over")
    if sitting is None or sitting.set.seconds is None or told != sitting.number:
        return
    if sitting.seconds() > sitting.set.seconds - 1:
        _answer(sitting.number)


def _sent(sitting: Sitting, read: Radiograph, over: Planted) -> Payload:
    if sitting.part is None or sitting.part[0] is not read:
        sitting.part = read, FilmPart.of(read)
    start = sitting.committed or Committed(display=Display(THRESHOLD, 0.5))
    return payload(
        sitting.number,
        sitting.part[1],
        Geometry.framed((read.width, read.height), framing="pad", cells=1),
        Words(set=f"Class set · Film {sitting.number} of {sitting.set.count}"),
        planted=over,
        start=start.start(),
    )


@st.fragment
def _show_stage(number: int, made: Payload) -> None:
    sitting = session_class().sitting
    if sitting is None or sitting.number != number:
        st.rerun()
    told = show_viewer(made, key=_VIEWER)
    if told.failed is not None:
        st.error(plain(f"The film cannot be shown in this browser ({told.failed})."))
        return
    if told.committed is not None:
        sitting.committed = told.committed
    if told.pointed is not None and _take_point(sitting, told.pointed):
        st.rerun()


def _take_point(sitting: Sitting, pointed: Pointed) -> bool:
    """Put a mark on the film, where it is meant for the one on the screen and was not taken before; whether it was."""
    film = sitting.drawing.value
    if film is None or pointed.film != film.sha256 or pointed.serial <= sitting.pointed:
        return False
    sitting.pointed = pointed.serial
    if pointed.target not in sitting.set.findings:  # it comes from the browser
        return False
    size = film.width, film.height
    x, y = (min(max(int(at), 0), most - 1) for at, most in zip(pointed.at, size, strict=True))
    sitting.marks[pointed.target] = x, y
    return True


def _show_end(sitting: Sitting) -> None:
    st.title("All films are answered")
    st.markdown(f"Save the file and hand it in. It holds your answers under this name: **{plain(sitting.student)}**")
    st.download_button(
        "Save the file to hand in",
        answers_file(sitting.answers),
        file_name=f"answers_{re.sub(r'[^A-Za-z0-9]+', '_', sitting.student).strip('_') or 'student'}.json",
        mime="application/json",
        type="primary",
        on_click="ignore",
        key="class save",
    )
    if st.toggle(f"Show what {_there(sitting)}", key="class truth"):
        _show_own(sitting)
    st.button("Answer another set", on_click=_begin_anew, key="class anew", type="tertiary")


def _show_own(sitting: Sitting) -> None:
    """Show the student's own answers beside the truth, and the curve over the films."""
    right = rights(sitting.answers)
    rows: list[list[str | Marked]] = []
    for each, fits in zip(sitting.films, right, strict=True):
        planned = sitting.set.films[each.number - 1]
        said = ", ".join(f"{displayed(label)} {named.confidence} %" for label, named in each.named.items())
        mark = Mark.RIGHT if fits else Mark.WRONG
        planted = ", ".join(map(displayed, planned.findings)) or "normal"
        rows.append([str(each.number), planted, Marked(said or "normal", mark), f"{each.seconds:.0f} s"])
    st.markdown(f"**{sum(right)} of {len(right)} films right.** Over the last five films each:")
    st.html(curve(right))
    show_table(["Film", _there(sitting).removeprefix("was ").capitalize(), "You said", "Time"], rows)


def _there(sitting: Sitting) -> str:
    return "is there" if isinstance(sitting.set, FilmSet) else "was planted"


def _begin_anew() -> None:
    held = session_class()
    if held.sitting is not None:
        held.sitting.drawing.close()
    held.sitting = None
    for key in (_CODE, _FILE):
        st.session_state.pop(key, None)
