"""Trust: what was measured of the maps of all films of the session, and measuring those that were not."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from ensemble_cam.machine.names import cell
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.settings.settings import displayed
from ensemble_cam.ui.session import wake
from ensemble_cam.ui.session.films import OpenFilm, session_films
from ensemble_cam.ui.session.trusting import Asked, go_on
from ensemble_cam.ui.table import Mark, Marked, show_table
from ensemble_cam.ui.words import plain

if TYPE_CHECKING:
    from ensemble_cam.reviewing.analysis import Analysis
    from ensemble_cam.validation.trusted import TrustedMap

_SUMMARY = ("road", "deletion", "insertion")


@dataclass(frozen=True, eq=False)
class Row:
    """One measured map of the session.

    Attributes:
        film: what the reader calls the film.
        sha256: of the film.
        network: the classifier's name.
        map: what was measured.
    """

    film: str
    sha256: str
    network: str
    map: "TrustedMap"


def rows_of(films: Sequence[OpenFilm]) -> list[Row]:
    """Return what was measured of films, in their order."""
    return [
        Row(film.name, film.id.sha256, names.get(one.own.classifier, one.own.classifier), one)
        for film in films
        for names in [_names(film)]
        for one in film.trusting.found.values()
    ]


def _names(film: OpenFilm) -> dict[str, str]:
    analysis = film.reviewing.value
    return {} if analysis is None else {each.id: each.classifier.config.name for each in analysis.results}


def to_measure(films: Sequence[OpenFilm]) -> "Iterator[tuple[OpenFilm, Analysis, Asked]]":
    """Yield the reviewed films whose first finding's maps were not measured, with what is to be asked for.

    Films whose scores and maps mean nothing are left out.
    """
    from ensemble_cam.validation.trusted import maps_of

    for film in films:
        analysis = film.reviewing.value
        if analysis is None or analysis.meaningless or not analysis.findings:
            continue
        label = analysis.findings[0].label
        asked = Asked(label, maps_of(analysis, label), False)
        if kept_lacks := film.trusting.lacks(analysis, asked):
            yield film, analysis, Asked(label, tuple(kept_lacks), False)


def show_trust_page() -> None:
    """Show the page."""
    from ensemble_cam.validation.trust_words import NOT_RIGHT

    with st.sidebar:
        st.caption(PURPOSE)
    st.markdown("#### Trust: the maps of this session's films")
    st.caption(plain(NOT_RIGHT))
    films = list(session_films().values())
    busy = _busy(films)
    if busy:
        _show_progress(len(busy))
    _show_offer(films, busy=bool(busy))
    rows = rows_of(films)
    if not rows:
        st.info("Nothing was measured yet. Open *Trust this map?* below a film, or measure all films here.")
        return
    _show_means(rows)
    _show_rows(rows)
    st.download_button(
        "All figures (CSV)",
        lambda: table_of(rows),
        "trust.csv",
        "text/csv",
        on_click="ignore",
        icon=":material/table:",
        help="Films are named by the first digits of their SHA-256; otherwise as `measure` writes measures.csv.",
    )


def _busy(films: Sequence[OpenFilm]) -> list[OpenFilm]:
    """Go on with what was asked for; return the films that it is still to come of."""
    found = []
    for film in films:
        analysis = film.reviewing.value
        if analysis is not None and go_on(film.trusting, analysis, patience=0.0) and film.trusting.measuring.job:
            found.append(film)
    return found


@st.fragment
def _show_progress(count: int) -> None:
    jobs = [job for film in session_films().values() if (job := film.trusting.measuring.job) and not job.done]
    if len(jobs) < count:
        st.rerun()
    first = min(jobs, key=lambda job: job.state.place)
    state = first.state
    text = f"{state.what} · {count} {'film' if count == 1 else 'films'} to go"
    st.progress(0.0 if state.place else state.share, text=plain(text))
    st.button("Cancel", on_click=_cancel, key="trust cancel")
    wake.when_changed(first, state)


def _cancel() -> None:
    for film in session_films().values():
        film.trusting.have()


def _show_offer(films: Sequence[OpenFilm], *, busy: bool) -> None:
    left = len(list(to_measure(films)))
    closed = sum(film.reviewing.value is None for film in films)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if left:
            st.button(
                f"Measure the first finding of {left} {'film' if left == 1 else 'films'}",
                on_click=_measure_all,
                key="trust all",
                type="primary",
                disabled=busy,
            )
        if closed:
            st.caption(f"{closed} of {len(films)} films were not reviewed yet: put them on the stage first.")


def _measure_all() -> None:
    for film, analysis, asked in to_measure(list(session_films().values())):
        film.trusting.ask(asked)
        go_on(film.trusting, analysis, patience=0.0)


def _show_means(rows: Sequence[Row]) -> None:
    """Show each network's figures over the films, beside those of its maps at another place."""
    from ensemble_cam.validation.trust_words import Grade, figure, grade

    head = ["Network", "Maps", "Films", "Faithful", "ROAD beyond elsewhere", "Deletion below", "Insertion beyond"]
    body: list[list[str | Marked]] = []
    meant = [each for each in rows if not each.map.meaningless]
    for network in dict.fromkeys(each.network for each in meant):
        own = [each for each in meant if each.network == network]
        faithful = sum(grade(each.map) is Grade.FAITHFUL for each in own)
        line: list[str | Marked] = [
            network, str(len(own)), str(len({each.sha256 for each in own})), f"{faithful} of {len(own)}"
        ]  # fmt: skip
        for metric in _SUMMARY:
            mean, interval = beyond(own, metric)
            words = "–" if mean is None else figure(mean)
            line.append(words if interval is None else f"{words} ({figure(interval[0])} to {figure(interval[1])})")
        body.append(line)
    if body:
        show_table(head, body)
        st.caption(
            "Means over films, in logits, in brackets the interval of 95 % from three films on. Between two networks "
            "logits are not compared. An interval above 0 speaks for a network's maps."
        )


def beyond(rows: Sequence[Row], metric: str) -> tuple[float | None, tuple[float, float] | None]:
    """Return by how much maps do better than the same maps elsewhere: the mean over films, and its interval."""
    from ensemble_cam.settings.metrics import METRICS
    from ensemble_cam.validation.measures import summary

    sign = -1 if METRICS[metric].better == "lower" else 1
    differences = [
        (each.sha256, "", "", "", metric, sign * (own - elsewhere))
        for each in rows
        if (own := each.map.value(metric)) is not None and (elsewhere := each.map.elsewhere(metric)) is not None
    ]
    if not differences:
        return None, None
    found = next(each for each in summary(differences) if each["finding"] == "all")
    interval = found["interval"]
    return found["mean"], None if interval is None else (interval[0], interval[1])


def _show_rows(rows: Sequence[Row]) -> None:
    from ensemble_cam.validation.trust_words import AGAINST_ELSEWHERE, better_than_elsewhere, figure, grade

    body: list[list[str | Marked]] = []
    for each in rows:
        one = each.map
        line: list[str | Marked] = [
            f"{each.film} · {displayed(one.own.finding)}",
            each.network,
            grade(one).value,
        ]
        for metric in AGAINST_ELSEWHERE:
            own, elsewhere = one.value(metric), one.elsewhere(metric)
            text = "–" if own is None or elsewhere is None else f"{figure(own)} ({figure(elsewhere)})"
            speaks = better_than_elsewhere(one, metric)
            if one.meaningless:
                line.append(Marked(text, Mark.MEANINGLESS))
            else:
                line.append(text if speaks is None else Marked(text, Mark.RIGHT if speaks else Mark.WRONG))
        body.append(line)
    show_table(["Film · finding", "Network", "Uses what it shows", "ROAD ↑", "Deletion ↓", "Insertion ↑"], body)
    st.caption("In brackets: the same map at another place of its film.")


def table_of(rows: Sequence[Row]) -> str:
    """Return all figures as `measure` writes them, films named by their hash."""
    from ensemble_cam.validation.measures import COLUMNS

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, "meaningless"])
    for each in rows:
        for one in filter(None, (each.map.own, each.map.moved)):
            head = each.sha256[:16], one.finding, one.classifier, one.method
            for metric, value in one.found.values.items():
                writer.writerow([*map(cell, (*head, metric)), f"{value:.6g}", int(each.map.meaningless)])
    return text.getvalue()
