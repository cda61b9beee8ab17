"""A review without the live viewer: every classifier's scores, and a row of panels for each finding."""

from textwrap import wrap

import altair
import streamlit as st

from ensemble_cam.maps.heatmap import Heatmap
from ensemble_cam.maps.regions import extent_of
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.rendering.screen import Screen
from ensemble_cam.reviewing import sentences
from ensemble_cam.reviewing.analysis import Analysis, Finding
from ensemble_cam.reviewing.scores import Call, ClassifierResult, Score
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.settings import displayed
from ensemble_cam.settings.vocabulary import ENSEMBLE
from ensemble_cam.ui.film_view import show_picture
from ensemble_cam.ui.session.networks import colour
from ensemble_cam.ui.words import SCORE, plain

# Panels are drawn larger than they stand on a small screen, so that a click enlarges them to something worth it.
_PANEL = 640
_CHARACTERS, _LINE, _DIGITS = 80, 14, 12  # a line of the chart's words, its height in pixels, digits of a hash
_GREY = "#a8a8a8"  # of the chart's words, and of what means nothing: read on the page's ground
_CALIBRATED = "has an operating point"
_SHAPES = {_CALIBRATED: "circle", str(Call.UNCALIBRATED): "diamond", str(Call.MEANINGLESS): "cross"}
_ACROSS = 2  # names in a line of the legend: what stands behind one is not to be cut off
_AROUND_CHART = 120  # pixels of legend, axis and title


def show_scores(analysis: Analysis) -> None:
    """Show every classifier's score of every finding, with the operating point marked."""
    st.markdown(":small[**Scores** of every classifier]", help=SCORE)
    names = {result.id: result.classifier.config.name for result in analysis.results}
    if analysis.meaningless:  # a chart would be read as one that means something
        for ranked in analysis.ranking:
            each = " · ".join(
                f":gray[~~{plain(text)}~~]" if analysis.result(id).meaningless else plain(text)
                for id, score in ranked.scores.items()
                for text in (f"{names[id]} {score:.2f}",)
            )
            st.markdown(f":small[{displayed(ranked.label)} {each}]")
        return
    kinds = {result.id: _kind(result) for result in analysis.results}
    named = {id: f"{name} (meaningless)" if kinds[id] == Call.MEANINGLESS else name for id, name in names.items()}
    rows = [
        {
            "finding": displayed(ranked.label),
            "classifier": named[id],
            "score": round(score, 3),
            "kind": kinds[id],
        }
        for ranked in analysis.ranking
        for id, score in ranked.scores.items()
    ]
    base = altair.Chart(altair.Data(values=rows))
    order = [displayed(ranked.label) for ranked in analysis.ranking]
    legend = altair.Legend(orient="top", title=None, labelLimit=0, columns=_ACROSS)
    points = base.mark_point(size=55, filled=True, opacity=0.9).encode(
        x=altair.X(
            "score:Q",
            scale=altair.Scale(domain=[0, 1]),
            title="score (0.5: operating point)",
            axis=altair.Axis(values=[0, 0.25, 0.5, 0.75, 1], format=".2~f", grid=True),
        ),
        y=altair.Y(
            "finding:N",
            sort=order,
            title=None,
            axis=altair.Axis(labelLimit=190, labelFontSize=11, labelOverlap=False, grid=True),
        ),
        color=altair.Color(
            "classifier:N",
            scale=altair.Scale(
                domain=list(named.values()),
                range=[_GREY if kinds[id] == Call.MEANINGLESS else colour(id) for id in named],
            ),
            legend=legend,
        ),
        shape=altair.Shape(  # of the same field, so that the legend shows both
            "classifier:N",
            scale=altair.Scale(domain=list(named.values()), range=[_SHAPES[kinds[id]] for id in named]),
            legend=legend,
        ),
        tooltip=["finding:N", "classifier:N", "score:Q", "kind:N"],
    )
    rule = altair.Chart(altair.Data(values=[{"score": 0.5}])).mark_rule(color="#d0d0d0", size=1.5).encode(x="score:Q")
    words = _words_of_chart(analysis)
    height = 14 * len(order) + _AROUND_CHART + _LINE * (len(words) + (len(names) - 1) // _ACROSS)
    # Its picture leaves with these words: the chart's menu offers it.
    title = altair.TitleParams(
        words[0],
        subtitle=words[1:],
        anchor="start",
        fontSize=12,
        subtitleFontSize=11,
        subtitleColor=_GREY,
        limit=0,
        frame="bounds",
    )
    st.altair_chart(
        (rule + points).properties(height=height, title=title),
        width="stretch",
        alt="Scores of all classifiers for all findings",
    )
    said = {
        Call.UNCALIBRATED: "Diamonds: uncalibrated, a bare sigmoid without an operating point.",
        Call.MEANINGLESS: f"Grey crosses: {sentences.call_at_length(Call.MEANINGLESS)}.",
    }
    if lines := [line for kind, line in said.items() if kind in kinds.values()]:
        st.caption(" ".join(lines))


def _kind(result: ClassifierResult) -> str:
    """Return what a classifier's scores are, as the chart tells it by a point's shape."""
    if result.meaningless:
        return Call.MEANINGLESS
    return _CALIBRATED if result.classifier.calibrated else Call.UNCALIBRATED


def _words_of_chart(analysis: Analysis) -> list[str]:
    """Return what the chart's scores are for and whose they are, in lines that fit beside a film."""
    notice = analysis.classifier_set.notice
    lines = [PURPOSE, *([f"{notice}."] if notice else [])]
    lines += [sentences.weighted_line(analysis, result, digits=_DIGITS) for result in analysis.results]
    return [part for line in lines for part in wrap(line, _CHARACTERS)]


def show_findings(analysis: Analysis, display: Display) -> None:
    """Show a row for each finding: a panel for each classifier, then the ensemble."""
    screen = Screen.of(analysis.radiograph.display, analysis.geometry, longest=_PANEL)
    for finding in analysis.findings:
        _show_finding(finding, analysis, screen, display)


def _show_finding(finding: Finding, analysis: Analysis, screen: Screen, display: Display) -> None:
    st.markdown(
        f"**{finding.rank}. {displayed(finding.label)}** · score {_number(finding.ranked.score)} "
        f"{_badge(finding.call, at_length=True)} :small[{_behind(finding, analysis, display)}]"
    )
    columns = st.columns(len(analysis.results) + 1, gap="small")
    for column, result in zip(columns, analysis.results, strict=False):
        with column:
            _show_panel(analysis, screen, display, finding, result.id)
    with columns[-1]:
        _show_panel(analysis, screen, display, finding, ENSEMBLE)


def _behind(finding: Finding, analysis: Analysis, display: Display) -> str:
    said = sentences.disagreement(analysis, finding, display.threshold)
    return plain(" · ".join(filter(None, (said, sentences.support(analysis, finding, display.threshold)))))


def _show_panel(analysis: Analysis, screen: Screen, display: Display, finding: Finding, id: str) -> None:
    heatmap = finding.heatmaps().get(id)
    name = "Ensemble" if id == ENSEMBLE else plain(analysis.result(id).classifier.config.name)
    score = _score_text(analysis.score(finding, id))
    with st.container(key=f"panel {finding.rank} {id}", gap=None):
        st.markdown(f"**{name}**")
        st.markdown(score or "&nbsp;")
    if heatmap is None:
        st.info(plain(sentences.capitalised(sentences.no_map(finding, id))), icon=":material/block:")
        return
    show_picture(screen.panel(heatmap, display), alt=f"{displayed(finding.label)}: map of {name}")
    st.caption(_area_text(heatmap, display))


def _score_text(score: Score | None) -> str:
    return "" if score is None else f"{_number(score)} {_badge(score.call)}"


def _number(score: Score) -> str:
    number = f"{score.value:.2f}"
    return f":gray[~~{number}~~]" if score.call is Call.MEANINGLESS else number


_BADGES = {Call.CALLED: "orange", Call.NOT_CALLED: "gray", Call.UNCALIBRATED: "blue", Call.MEANINGLESS: "gray"}


def _badge(call: Call, *, at_length: bool = False) -> str:
    return f":{_BADGES[call]}-badge[{sentences.call_at_length(call) if at_length else call}]"


def _area_text(heatmap: Heatmap, display: Display) -> str:
    found = extent_of(heatmap, display.threshold)
    return sentences.capitalised(sentences.extent(heatmap, found, display.threshold, at_length=True))
