"""The phantom lab's pictures: the film and every map beside the planted truth."""

from html import escape
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ensemble_cam.phantom import FINDINGS
from ensemble_cam.rendering.colours import TRUTH_COLOUR
from ensemble_cam.rendering.screen import Screen, draw_point, draw_truth
from ensemble_cam.reviewing import sentences
from ensemble_cam.reviewing.scores import Call
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.settings import displayed
from ensemble_cam.ui.film_view import show_picture
from ensemble_cam.ui.lab.table import Mark, Marked, show_table
from ensemble_cam.ui.lab.tally import ENSEMBLE, Answer
from ensemble_cam.ui.lab.work import LabFilm
from ensemble_cam.ui.words import plain
from ensemble_cam.validation.localisation import Judgement, judge, points_at

if TYPE_CHECKING:
    from ensemble_cam.reviewing.analysis import Analysis, Finding

_HOTTEST_COLOUR, _LEARNERS_COLOUR = (255, 255, 255), (255, 176, 0)
_SAYS_YES_OR_NO = (Call.CALLED, Call.NOT_CALLED)
_MANY = 5  # maps; fewer stand larger


def columns(maps: int) -> list[DeltaGenerator]:
    """Return two columns, for the film and for so many maps beside it: two rows of maps fit on a small screen."""
    return st.columns([1.15, 1.9] if maps >= _MANY else [0.9, 1.0], gap="small")


def show_film(film: LabFilm, screen: Screen, answer: Answer | None, *, truth: bool) -> None:
    """Show the film with the contours of all that was planted, and the learner's marks."""
    picture = screen.panel(None, Display())
    if truth:
        for mask in film.masks.values():
            picture = draw_truth(picture, screen.mask(mask))
    for point in (answer.marks if answer else {}).values():
        picture = draw_point(picture, screen.point(point), colour=_LEARNERS_COLOUR)
    show_picture(picture, alt="The film with the planted truth" if truth and film.masks else "The film")


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


def show_maps(
    film: LabFilm, analysis: "Analysis", label: str, screen: Screen, display: Display, *, truth: bool
) -> None:
    """Show the ensemble's and every classifier's map of one finding, and how each stands to the truth."""
    finding = next(each for each in analysis.findings if each.label == label)
    names = _names(analysis)
    ids, across = list(names), 3 if len(names) >= _MANY else 2
    for start in range(0, len(ids), across):
        for column, id in zip(st.columns(across, gap="small"), ids[start : start + across], strict=False):
            with column:
                st.markdown(f":small[**{plain(names[id])}**]")
                score, call = _call(analysis, label, id)
                meaningless = call is Call.MEANINGLESS
                verdict = _show_map(film, finding, id, names[id], screen, display, truth=truth, meaningless=meaningless)
                st.markdown(f":small[{_call_text(score, call, planted=label in film.masks)} {verdict}]")


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


def _show_map(
    film: LabFilm,
    finding: "Finding",
    id: str,
    name: str,
    screen: Screen,
    display: Display,
    *,
    truth: bool,
    meaningless: bool,
) -> str:
    """Show a map, and return how it stands to the truth; struck where it means nothing."""
    heatmap = finding.heatmaps().get(id)
    if heatmap is None:
        st.info(plain(sentences.capitalised(sentences.no_map(finding, id))), icon=":material/block:")
        return ""
    picture, mask = screen.panel(heatmap, display), film.masks.get(finding.label)
    if truth and mask is not None:
        picture = draw_truth(picture, screen.mask(mask))
    if display.overlays and heatmap.hottest is not None:
        picture = draw_point(picture, screen.point(heatmap.hottest), colour=_HOTTEST_COLOUR)
    show_picture(picture, alt=f"{displayed(finding.label)}: map of {name}")
    judgement = None if mask is None else judge(heatmap, mask, threshold=display.threshold)
    if judgement is None:
        return "Empty map" if heatmap.empty else "not planted"
    return _verdict(judgement, meaningless=meaningless)


def _verdict(judgement: Judgement, *, meaningless: bool) -> str:
    word, overlap = "Hit" if judgement.hit else "Miss", f" · IoU {judgement.iou:.2f}"
    if meaningless:
        return f":gray[~~{word}{overlap}~~]"
    return f":{'green' if judgement.hit else 'red'}[**{word}**]{', empty map' if judgement.empty else overlap}"


def _call(analysis: "Analysis", label: str, id: str) -> tuple[float | None, Call | None]:
    """Return a score and what it says of the finding, both None where there is none."""
    if id == ENSEMBLE:
        finding = next(each for each in analysis.findings if each.label == label)
        return finding.ranked.score.value, finding.call
    result = analysis.result(id)
    return result.scores.get(label), result.call(label)


def _call_text(score: float | None, call: Call | None, *, planted: bool) -> str:
    if score is None:
        return ""
    if call is Call.MEANINGLESS:
        return f":gray[~~{score:.2f}~~] :gray-badge[{call}]"
    if call not in _SAYS_YES_OR_NO:
        return f"{score:.2f} :blue-badge[{call}]"
    return f"{score:.2f} :{'green' if (call is Call.CALLED) == planted else 'red'}-badge[{call}]"


def _score_cell(score: float | None, call: Call | None, *, planted: bool) -> str | Marked:
    if score is None:
        return "–"
    text = f"{score:.2f}"
    if call is Call.MEANINGLESS:
        return Marked(text, Mark.MEANINGLESS)
    if call not in _SAYS_YES_OR_NO:
        return text
    return Marked(text, Mark.RIGHT if (call is Call.CALLED) == planted else Mark.WRONG)


def show_legend(film: LabFilm, answer: Answer | None, *, truth: bool) -> None:
    """Say what the pictures' lines mean, and what of the film can be told in numbers."""
    parts = [_swatch(TRUTH_COLOUR, "planted truth")] if truth else []
    parts.append(_swatch(_HOTTEST_COLOUR, "at the threshold; ring: hottest"))
    if answer is not None and answer.marks:
        parts.append(_swatch(_LEARNERS_COLOUR, "your marks"))
    facts = {"difficulty": film.difficulty, **film.measures}
    numbers = " · ".join(f"{escape(name)} {value:.2f}" for name, value in facts.items())
    st.html(f'<div style="font-size:.75rem;line-height:1.5;opacity:.85">{" ".join(parts)}<br>{numbers}</div>')


def _swatch(colour: tuple[int, int, int], text: str) -> str:
    return (
        f'<span style="display:inline-block;width:1.2em;height:.25em;background:rgb{colour};outline:1px solid #000;'
        f'margin:0 .35em .2em 0"></span>{text}&ensp;'
    )
