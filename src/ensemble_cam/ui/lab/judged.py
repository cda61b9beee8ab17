"""What the phantom lab says of a film once its truth may be seen: answer, maps and scores beside what was planted."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import streamlit as st

from ensemble_cam.phantom import FINDINGS
from ensemble_cam.reviewing import sentences
from ensemble_cam.reviewing.scores import Call
from ensemble_cam.settings.settings import displayed
from ensemble_cam.ui.lab.tally import ENSEMBLE, Answer
from ensemble_cam.ui.lab.work import LabFilm
from ensemble_cam.ui.table import Mark, Marked, show_table
from ensemble_cam.ui.trust.panel import Truth
from ensemble_cam.ui.viewer.planted import Planted
from ensemble_cam.ui.words import plain
from ensemble_cam.validation.localisation import judge, points_at

if TYPE_CHECKING:
    from ensemble_cam.reviewing.analysis import Analysis, Finding

_SAYS_YES_OR_NO = (Call.CALLED, Call.NOT_CALLED)
_LINES = "Green: planted. White ring: where the map is hottest. Yellow: your marks."


def show_answer(film: LabFilm, answer: Answer) -> None:
    """Say what was right and wrong in the learner's answer."""
    said = []
    for label in answer.findings:
        text = f":green-badge[{displayed(label)}: right" if label in film.masks else f":red-badge[{displayed(label)}: "
        if label not in film.masks:
            text += "not there"
        elif label in answer.marks:
            text += f", mark {'hit' if points_at(answer.marks[label], film.masks[label]) else 'missed'}"
        said.append(f"{text}]")
    said += [f":red-badge[{displayed(label)}: overlooked]" for label in film.masks if label not in answer.findings]
    if not answer.findings and not film.masks:
        said = [":green-badge[Normal: right]"]
    st.markdown("Your answer: " + " ".join(said))


def show_verdicts(film: LabFilm, analysis: "Analysis", label: str, threshold: float) -> None:
    """Show how each map of a finding stands to what was planted; struck where it means nothing."""
    finding = next(each for each in analysis.findings if each.label == label)
    rows = []
    for id, name in _names(analysis).items():
        score, call = _call(analysis, label, id)
        rows.append(
            [name, _score_cell(score, call, planted=label in film.masks), *_judged(film, finding, id, threshold)]
        )
    planted = "" if label in film.masks else " (not planted)"
    show_table([displayed(label) + planted, "Score", "Hottest point", f"IoU from {threshold:.2f} on"], rows)


def _judged(film: LabFilm, finding: "Finding", id: str, threshold: float) -> list[str | Marked]:
    heatmap, mask = finding.heatmaps().get(id), film.masks.get(finding.label)
    if heatmap is None:
        return [sentences.no_map(finding, id), "–"]
    if mask is None or (found := judge(heatmap, mask, threshold=threshold)) is None:
        return ["empty map" if heatmap.empty else "–", "–"]
    if finding.call is Call.MEANINGLESS:
        return [Marked("hit" if found.hit else "miss", Mark.MEANINGLESS), Marked(f"{found.iou:.2f}", Mark.MEANINGLESS)]
    said = Marked("hit", Mark.RIGHT) if found.hit else Marked("miss", Mark.WRONG)
    return [said, "empty map" if found.empty else f"{found.iou:.2f}"]


def truth(film: LabFilm, analysis: "Analysis", label: str) -> Truth:
    """Return how each network's map of a finding stands to what was planted."""
    finding, mask = next(each for each in analysis.findings if each.label == label), film.masks.get(label)
    judged = {} if mask is None else {id: judge(heatmap, mask) for id, heatmap in finding.maps.items()}
    return Truth(mask is not None, judged)


def planted(
    film: LabFilm, analysis: "Analysis | None", marks: Mapping[str, tuple[int, int]], *, truth: bool
) -> Planted:
    """Return what lies over a film once its truth may be seen.

    Args:
        film: the film.
        analysis: its review; None where there is none, or its maps are kept back.
        marks: the learner's: finding → source pixel (x, y).
        truth: whether the contours of what was planted are to be seen.
    """
    hottest, judged = {}, {}
    for finding in analysis.findings if analysis is not None else ():
        mask = film.masks.get(finding.label)
        for id, heatmap in finding.heatmaps().items():
            if heatmap.hottest is not None:
                hottest[finding.label, id] = heatmap.hottest
            if mask is not None and heatmap.hottest is not None and finding.call is not Call.MEANINGLESS:
                judged[finding.label, id] = "hit" if points_at(heatmap.hottest, mask) else "miss"
    return Planted(
        masks=list(film.masks.values()) if truth else [],
        marks={displayed(label): point for label, point in marks.items()},
        hottest=hottest,
        judged=judged,
    )


def show_scores(film: LabFilm, analysis: "Analysis") -> None:
    """Show every score of every finding, and whether to call it or not was right."""
    labels = [label for label in FINDINGS if any(finding.label == label for finding in analysis.findings)]
    rows = []
    for id, name in _names(analysis).items():
        calls = {label: _call(analysis, label, id) for label in labels}
        rows.append([name, *(_score_cell(*calls[label], planted=label in film.masks) for label in labels)])
    show_table(["Scores", *(displayed(label) + (" ●" if label in film.masks else "") for label in labels)], rows)


def _names(analysis: "Analysis") -> dict[str, str]:
    """Return "ensemble" and every classifier's id → name, in the order in which they are shown."""
    return {ENSEMBLE: "Ensemble"} | {each.id: each.classifier.config.name for each in analysis.results}


def _call(analysis: "Analysis", label: str, id: str) -> tuple[float | None, Call | None]:
    """Return a score and what it says of the finding, both None where there is none."""
    if id == ENSEMBLE:
        finding = next(each for each in analysis.findings if each.label == label)
        return finding.ranked.score.value, finding.call
    result = analysis.result(id)
    return result.scores.get(label), result.call(label)


def _score_cell(score: float | None, call: Call | None, *, planted: bool) -> str | Marked:
    if score is None:
        return "–"
    text = f"{score:.2f}"
    if call is Call.MEANINGLESS:
        return Marked(text, Mark.MEANINGLESS)
    if call not in _SAYS_YES_OR_NO:
        return text
    return Marked(text, Mark.RIGHT if (call is Call.CALLED) == planted else Mark.WRONG)


def show_legend(film: LabFilm) -> None:
    """Say what the film's lines mean, and what of it can be told in numbers."""
    facts = {"difficulty": film.difficulty, **film.measures}
    numbers = " · ".join(f"{name} {value:.2f}" for name, value in facts.items())
    st.caption(plain(f"{_LINES} {numbers}"))
