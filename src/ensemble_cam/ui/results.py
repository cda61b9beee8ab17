"""What a review shows: every classifier's scores, a row of panels for each finding, and the downloads."""

import io
import zipfile
from dataclasses import replace

import altair
import streamlit as st

from ensemble_cam import __version__
from ensemble_cam.classifiers.runtime import PRECISION, runtimes
from ensemble_cam.export.figure import figure_png, figure_size
from ensemble_cam.export.overlays import overlays
from ensemble_cam.export.provenance import origin
from ensemble_cam.export.record import review_json
from ensemble_cam.maps.heatmap import Heatmap
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.rendering.screen import Screen
from ensemble_cam.reviewing import sentences
from ensemble_cam.reviewing.analysis import Analysis, Finding
from ensemble_cam.reviewing.cautions import notice
from ensemble_cam.reviewing.review import Review, RunInfo
from ensemble_cam.reviewing.scores import Call, ClassifierResult, Score
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.settings import displayed
from ensemble_cam.settings.vocabulary import ENSEMBLE
from ensemble_cam.ui.film_view import show_picture
from ensemble_cam.ui.networks import colour
from ensemble_cam.ui.words import SCORE, plain
from ensemble_cam.weights.store import Published

# Panels are drawn larger than they stand on a small screen, so that a click enlarges them to something worth it.
_PANEL = 640
_AROUND_CHART = 120  # pixels of legend, axis and title


def show_scores(analysis: Analysis) -> None:
    """Show every classifier's score of every finding, with the operating point marked."""
    st.markdown(":small[**Scores** of every classifier]", help=SCORE)
    names = {result.id: result.classifier.config.name for result in analysis.results}
    rows = [
        {
            "finding": displayed(ranked.label),
            "classifier": names[id],
            "score": round(score, 3),
            "kind": "has an operating point" if analysis.result(id).classifier.calibrated else "uncalibrated",
        }
        for ranked in analysis.ranking
        for id, score in ranked.scores.items()
    ]
    base = altair.Chart(altair.Data(values=rows))
    order = [displayed(ranked.label) for ranked in analysis.ranking]
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
            scale=altair.Scale(domain=list(names.values()), range=[colour(id) for id in names]),
            legend=altair.Legend(orient="top", title=None),
        ),
        shape=altair.Shape(
            "kind:N",
            scale=altair.Scale(domain=["has an operating point", "uncalibrated"], range=["circle", "diamond"]),
            legend=None,
        ),
        tooltip=["finding:N", "classifier:N", "score:Q", "kind:N"],
    )
    rule = altair.Chart(altair.Data(values=[{"score": 0.5}])).mark_rule(color="#d0d0d0", size=1.5).encode(x="score:Q")
    height = 14 * len(order) + _AROUND_CHART
    st.altair_chart(
        (rule + points).properties(height=height), width="stretch", alt="Scores of all classifiers for all findings"
    )
    if not all(result.classifier.calibrated for result in analysis.results):
        st.caption("Diamonds: uncalibrated, a bare sigmoid without an operating point.")


def show_findings(analysis: Analysis, display: Display) -> None:
    """Show a row for each finding: a panel for each classifier, then the ensemble."""
    screen = Screen.of(analysis.radiograph.display, analysis.geometry, longest=_PANEL)
    for finding in analysis.findings:
        _show_finding(finding, analysis, screen, display)


def _show_finding(finding: Finding, analysis: Analysis, screen: Screen, display: Display) -> None:
    st.markdown(
        f"**{finding.rank}. {displayed(finding.label)}** · score {finding.ranked.score.value:.2f} "
        f"{_badge(finding.call, at_length=True)} :small[{_behind(finding, analysis, display)}]"
    )
    columns = st.columns(len(analysis.results) + 1, gap="small")
    for column, result in zip(columns, analysis.results, strict=False):
        with column:
            _show_panel(analysis, screen, display, finding, result.id)
    with columns[-1]:
        _show_panel(analysis, screen, display, finding, ENSEMBLE)


def _behind(finding: Finding, analysis: Analysis, display: Display) -> str:
    return plain(sentences.support(analysis, finding, display.threshold))


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
    return "" if score is None else f"{score.value:.2f} {_badge(score.call)}"


_BADGES = {Call.CALLED: "orange", Call.NOT_CALLED: "gray", Call.UNCALIBRATED: "blue"}


def _badge(call: Call, *, at_length: bool = False) -> str:
    return f":{_BADGES[call]}-badge[{sentences.call_at_length(call) if at_length else call}]"


def _area_text(heatmap: Heatmap, display: Display) -> str:
    region = heatmap.region(display.threshold)
    return sentences.capitalised(sentences.extent(heatmap, region, display.threshold, at_length=True))


def review_of(analysis: Analysis, display: Display) -> Review:
    """Return what an export of an analysis needs."""
    film = analysis.radiograph
    asked = [result.classifier for result in analysis.results]
    run = RunInfo(_set_of(analysis), film.intensity, film.rescaled, asked[0].device.type, runtimes(asked), PRECISION)
    # What is hidden on the screen for a look at the film is in the files all the same: they are named after the maps.
    return Review(analysis, replace(display, overlays=True), run)


def file_name(review: Review) -> str:
    """Return what a downloaded file's name begins with: the film's hash, never its name."""
    return f"review_{review.analysis.radiograph.sha256[:12]}"


def origin_of_view(review: Review) -> dict[str, str]:
    """Return what an exported view says of its origin; the viewer adds what it alone knows, the weights among it."""
    known = origin(review)
    known["Classifiers"] = "; ".join(map(sentences.weights_line, review.analysis.results))
    return known


def foot_of(review: Review) -> tuple[str, ...]:
    """Return the lines under an exported view."""
    film = review.analysis.radiograph
    lines = [" · ".join(map(_weights_line, review.analysis.results))]
    lines.append(f"Film SHA-256 {film.sha256[:16]}… · ensemble-cam {__version__} · {sentences.method_line(review)}")
    lines.append(sentences.purpose_line(review))
    return (*lines, *review.warnings)


def show_downloads(review: Review, *, of_finding: Review | None = None) -> None:
    """Offer the figure, every overlay and `review.json`; each is made when it is asked for.

    Args:
        review: all that is exported.
        of_finding: the finding on the screen, whose figure is offered by itself.
    """
    name = file_name(review)
    width, height = figure_size(review)
    offers = () if of_finding is None else (_figure_of(of_finding),)
    offers += (
        (
            f"Figure (PNG, {width}×{height})",
            lambda: figure_png(review),
            (f"{name}.png", "image/png", ":material/image:"),
            "The film and every row, annotated, at 300 pixels an inch across A4.",
        ),
        (
            "Overlays (ZIP)",
            lambda: _overlays_zip(review),
            (f"{name}_overlays.zip", "application/zip", ":material/folder_zip:"),
            "Every map over the film as a PNG in the film's own pixels.",
        ),
        (
            "Data (JSON)",
            lambda: review_json(review),
            (f"{name}.json", "application/json", ":material/data_object:"),
            "Scores, regions, settings, weights and versions: review.json.",
        ),
    )
    with st.container(horizontal=True):
        for label, make, (file, mime, icon), text in offers:
            st.download_button(label, make, file, mime, on_click="ignore", icon=icon, help=text)


def _figure_of(review: Review) -> tuple:
    label = review.analysis.findings[0].label
    return (
        "Figure of this finding",
        lambda: figure_png(review),
        (f"{file_name(review)}_{label.lower()}.png", "image/png", ":material/image:"),
        "The whole film and this finding's maps, annotated, at 300 pixels an inch across A4; drawn as on the screen.",
    )


def _set_of(analysis: Analysis) -> str:
    """Return the set of the classifiers that were really asked."""
    return analysis.results[0].classifier.config.set


def _overlays_zip(review: Review) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        # First, as it differs between any two reviews: Streamlit tells large files apart by their ends and middle only.
        archive.writestr("review.json", review_json(review))
        for name, data in overlays(review):
            archive.writestr(name, data)
    return stream.getvalue()


def show_failures(analysis: Analysis) -> bool:
    """Say which classifiers failed, and why; return whether any did."""
    failed = [result for result in analysis.results if result.failure is not None]
    for result in failed:
        st.error(plain(f"{result.classifier.config.name} {result.failure}."))
    return bool(failed)


def show_remarks(analysis: Analysis) -> None:
    """Say, where it cannot be missed, whose weights are untrained or not the published ones."""
    for result in analysis.results:
        weights = result.classifier.weights
        if weights.published is Published.NO:
            st.warning(plain(f"{result.classifier.config.name}: {weights.remark}"), icon=":material/warning:")


def show_origin(analysis: Analysis) -> None:
    """Say which set and weights are behind the maps, in particular where they are not the published ones."""
    if line := notice(_set_of(analysis)):
        st.markdown(f":small[**{plain(line)}**]")
    lines = " · ".join(map(_weights_line, analysis.results))
    seconds = sum(result.seconds for result in analysis.results)
    st.caption(plain(f"{lines} · {seconds:.1f} s for the networks and maps · {PURPOSE}"))


def _weights_line(result: ClassifierResult) -> str:
    """Return a classifier's weights, with as much of their hash as tells them apart."""
    return sentences.weights_line(result, digits=12)
