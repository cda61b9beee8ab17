"""What a reader says of the film on the stage: the first read, the reveal, the verdicts; and what is seen of it.

The viewer has the keys and the places (`viewer/verdict.js`). What is said there comes as an outbox of numbered
messages, each with the film that it is of, which the browser sends until it hears that they were kept. Of what it sends
twice, the second is passed over.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from ensemble_cam.errors import SessionError
from ensemble_cam.readers.reviews import keep_review
from ensemble_cam.readers.truth import (
    MOST_POINTS,
    Kind,
    Shape,
    against,
    keep_against,
    keep_shape,
    shapes_of,
    withdraw_last_shape,
)
from ensemble_cam.readers.verdicts import FilmState, Mark, Verdict
from ensemble_cam.reviewing.scores import Call
from ensemble_cam.settings.config import known_labels
from ensemble_cam.settings.settings import displayed
from ensemble_cam.ui.review.outlines import outlines
from ensemble_cam.ui.scripts import linked
from ensemble_cam.ui.session import films
from ensemble_cam.ui.session.controls import Controls
from ensemble_cam.ui.session.films import OpenFilm, SessionFilms
from ensemble_cam.ui.session.keeping import Keeping, keeping, progress, study_sitting
from ensemble_cam.ui.session.led import led, reads_alone

if TYPE_CHECKING:
    from ensemble_cam.reviewing.analysis import Analysis

_KEY = "what is said"
_FAILED = "saying failed"

_component = st.components.v2.component("ensemble_cam_said", html="<span></span>", js=linked("review/said.js"))


def show_said(film: OpenFilm, analysis: "Analysis | None", controls: Controls, *, hidden: bool) -> None:
    """Note what the reader gets to see of a film, and tell the viewer what they have said of it.

    Args:
        film: the one on the stage.
        analysis: its review, if it is there.
        controls: what is set.
        hidden: whether scores and maps are to be hidden yet.
    """
    here = keeping()
    failed = st.session_state.get(_FAILED, "")
    try:
        here.shown(film)
        _note(here, film, analysis, controls, hidden=hidden)
        state = here.state(film)
    except SessionError as error:
        failed, state = str(error), FilmState()
    seen, study = None if hidden else analysis, led()
    labels = dict.fromkeys(label for each in controls.choices for label in known_labels(each.config, each.weights))
    labels = labels if study is None else {study.sitting.finding: None}
    _component(
        key=_KEY,
        data={
            "film": {"number": film.id.number, "sha256": film.id.sha256},
            "phase": _phase(seen, state, hidden=hidden),
            "alone": study is not None and study.alone,
            "labels": [{"label": label, "name": displayed(label)} for label in sorted(labels, key=displayed)],
            "marks": [_mark(mark, "first") for mark in state.first] + [_mark(mark, "after") for mark in state.after],
            "shapes": _shapes(here, film),
            "verdicts": {finding: said.verdict.value for finding, said in state.verdicts.items()},
            "notes": [{"finding": finding, "text": text} for finding, text in state.notes.items()],
            "compared": (compared := _compared(seen, state)),
            "outlines": [] if seen is None or compared is None else outlines(film, seen),
            "done": state.done is not None,
            "progress": progress() if study is None else study.progress,
            "heard": here.heard,
            "failed": failed,
        },
        on_outbox_change=_take_outbox,
    )


def _note(here: Keeping, film: OpenFilm, analysis: "Analysis | None", controls: Controls, *, hidden: bool) -> None:
    """Note that a film is before the reader, and when its scores and maps are; of an example once something is said."""
    number = film.id.number
    if film.example and number not in here.rows:
        return
    row, state = here.row(film), here.state(film)
    if state.opened is None:
        here.reader.open(row)
        here.changed()
    if hidden or analysis is None:
        return
    if here.lasting and here.reviewed.get(number) is not analysis:
        from ensemble_cam.ui.review import downloads  # here, as it loads much: the film is on the screen before

        explained = analysis.first(min(controls.settings.top_k, len(analysis.findings)))
        kept = keep_review(here.store, row, downloads.review_of(explained, controls.display, case=film.case))
        here.reviewed[number], here.reviews[number] = analysis, kept
    if here.lasting and not analysis.meaningless:
        _keep_against(here, film, analysis, controls.display.threshold)
    if state.revealed is None:
        here.reader.reveal(row, review=here.reviews.get(number), first_read=controls.read_first)
        here.changed()


def _keep_against(here: Keeping, film: OpenFilm, analysis: "Analysis", threshold: float) -> None:
    """Keep how the review's maps stand to what the reader drew, once for each review and all that is drawn."""
    number = film.id.number
    row, review = here.rows[number], here.reviews[number]
    shapes = shapes_of(here.store, row, here.reader)
    now = (here.reader.id, review, *(each.id for each in shapes))
    if shapes and here.judged.get(number) != now:
        found = against(analysis, shapes, threshold=threshold)
        keep_against(here.store, here.reader, row, review, found, shapes)
        here.judged[number] = now


def _phase(seen: "Analysis | None", state: FilmState, *, hidden: bool) -> str:
    if hidden:
        return "first" if state.revealed is None else "again"
    return "after" if seen is not None and not seen.meaningless else "none"


def _mark(mark: Mark, phase: str) -> dict[str, object]:
    return {
        "finding": mark.finding,
        "name": displayed(mark.finding),
        "place": None if mark.place is None else list(mark.place),
        "confidence": mark.confidence,
        "phase": phase,
    }


def _compared(seen: "Analysis | None", state: FilmState) -> dict[str, list[str]] | None:
    """Return which findings the first read and the networks have in common, and which one of them has alone."""
    if seen is None or seen.meaningless or not state.first_read:
        return None
    you = list(dict.fromkeys(mark.finding for mark in state.first))
    networks = [ranked.label for ranked in seen.ranking if ranked.score.call is Call.CALLED]
    return {
        "both": _names(label for label in you if label in networks),
        "you": _names(label for label in you if label not in networks),
        "networks": _names(label for label in networks if label not in you),
    }


def _shapes(here: Keeping, film: OpenFilm) -> list[dict[str, object]]:
    """Return what this reader has drawn on a film."""
    row = here.rows.get(film.id.number)
    return [
        {
            "finding": each.finding,
            "name": displayed(each.finding),
            "kind": each.kind.value,
            "points": [list(point) for point in each.points],
            "phase": "first" if each.first else "after",
        }
        for each in (shapes_of(here.store, row, here.reader) if row is not None else [])
    ]


def _names(labels: Iterable[str]) -> list[str]:
    return [displayed(label) for label in labels]


def _take_outbox() -> None:
    """Keep what the browser sends that was not heard yet; the callback of the component, before the page runs."""
    here, told = keeping(), st.session_state[_KEY].get("outbox")
    st.session_state[_FAILED] = ""
    # From here on no look into the session's state, where a run may be broken off: what was kept was heard.
    session, failed = films.session_films(), ""
    with here.lock:
        for message in _messages(told):
            if message["id"] <= here.heard:
                continue
            try:
                _do(here, session, message)
            except SessionError as error:
                failed = str(error)
            here.heard = message["id"]
            here.changed()
    if failed:
        st.session_state[_FAILED] = failed


def _messages(told: object) -> list[Mapping[str, Any]]:
    """Return a browser's messages in their order; what is none is passed over, whoever wrote it."""
    found = told if isinstance(told, Sequence) and not isinstance(told, str) else []
    whole = [each for each in found if isinstance(each, Mapping) and type(each.get("id")) in (int, float)]
    return sorted(whole, key=lambda each: each["id"])


def _do(here: Keeping, session: SessionFilms, message: Mapping[str, Any]) -> None:
    of, kind = message.get("film"), message.get("kind")
    number = of.get("number") if isinstance(of, Mapping) else None
    film = session.get(number) if isinstance(number, int) else None
    if film is None or not isinstance(of, Mapping) or film.id.sha256 != of.get("sha256"):
        return  # it was of a film that is gone
    row = here.row(film)
    here.reader.open(row)
    finding, reader = _text(message.get("finding")), here.reader
    if kind == "mark" and finding:
        reader.mark(row, Mark(finding, _place(message.get("place"), film), _whole(message.get("confidence"))))
    elif kind in ("sure", "back"):
        _change_last(here, row, _whole(message.get("confidence")) if kind == "sure" else None)
    elif kind == "shape" and finding and (shape := _shape(message, finding, film)) is not None:
        keep_shape(here.store, reader, row, shape)
        _mark_drawn(here, row, shape)
    elif kind == "unshape":
        withdraw_last_shape(here.store, reader, row)
    elif kind == "verdict" and finding and message.get("verdict") in set(Verdict):
        _reveal_example(here, film, row)
        reader.judge(row, finding, Verdict(message["verdict"]), review=here.reviews.get(film.id.number))
    elif kind == "note":
        reader.note(row, _text(message.get("text")) or "", finding=finding)
    elif kind == "reveal" and not reads_alone(film):
        film.revealed = True
    elif kind == "done":
        reader.finish(row)
        _go_on(here, session, film)


def _reveal_example(here: Keeping, film: OpenFilm, row: int) -> None:
    """Note that the app's own example was revealed: nothing is kept of it before something is said."""
    if film.example:
        here.reader.reveal(row, first_read=False)


def _mark_drawn(here: Keeping, row: int, shape: Shape) -> None:
    """Mark what was drawn, in its middle, unless this finding is marked: who draws around it has seen it."""
    state = here.reader.state(row)
    marks = state.first if state.revealed is None else state.after
    if not any(mark.finding == shape.finding for mark in marks):
        x0, y0, x1, y1 = shape.box
        here.reader.mark(row, Mark(shape.finding, ((x0 + x1) / 2, (y0 + y1) / 2)))


def _change_last(here: Keeping, row: int, confidence: int | None) -> None:
    """Take the reader's last mark back; with a confidence, for the same mark with that."""
    state = here.reader.state(row)
    marks = state.first if state.revealed is None else state.after
    if not marks:
        return
    last = marks[-1]
    if last.id is not None:
        here.reader.withdraw(row, last.id)
    if confidence is not None:
        here.reader.mark(row, Mark(last.finding, last.place, confidence))


def _go_on(here: Keeping, session: SessionFilms, film: OpenFilm) -> None:
    """Put the next film on the stage that the reader is not done with; none where there is none, or a study leads."""
    if study_sitting() is not None:
        return
    order = list(session.values())
    at = order.index(film)
    for other in (*order[at + 1 :], *order[:at]):
        if other.failure is None and not other.example and here.state(other).done is None:
            session.put_on_stage(other)
            return


def _place(told: object, film: OpenFilm) -> tuple[float, float] | None:
    read = film.radiograph
    if not isinstance(told, Sequence) or len(told) != 2 or read is None:
        return None
    x, y = (float(each) if type(each) in (int, float) else -1.0 for each in told)
    return (x, y) if 0 <= x <= read.width and 0 <= y <= read.height else None


def _shape(message: Mapping[str, Any], finding: str, film: OpenFilm) -> Shape | None:
    """Return what a hand has drawn; None for what is no such message.

    Raises:
        SessionError: if it encloses no pixel.
    """
    told, kind, read = message.get("points"), message.get("shape"), film.radiograph
    if not isinstance(told, Sequence) or isinstance(told, str) or kind not in set(Kind) or read is None:
        return None
    points = [_place(each, film) for each in told[: MOST_POINTS + 1]]
    if None in points:
        return None
    return Shape.drawn(finding, Kind(kind), [each for each in points if each], width=read.width, height=read.height)


def _whole(told: object) -> int | None:
    return int(told) if type(told) in (int, float) and 1 <= told <= 5 else None  # type: ignore[operator, call-overload]


def _text(told: object) -> str | None:
    return told if isinstance(told, str) and told else None
