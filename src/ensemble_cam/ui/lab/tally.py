"""The phantom lab's running tally: what networks, ensemble and learner got right over the films of this session."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

import streamlit as st

from ensemble_cam.phantom import FINDINGS
from ensemble_cam.reviewing.scores import Call
from ensemble_cam.ui.lab.work import LabFilm
from ensemble_cam.ui.table import show_table
from ensemble_cam.validation.localisation import THRESHOLD, TOLERANCE, Calls, Judgement, judge, points_at

if TYPE_CHECKING:
    from ensemble_cam.reviewing.analysis import Analysis
    from ensemble_cam.reviewing.scores import ClassifierResult

ENSEMBLE, LEARNER = "ensemble", "learner"


@dataclass(frozen=True)
class Answer:
    """What a learner said of a film before its truth was shown.

    Attributes:
        findings: those said to be there.
        marks: finding → the source pixel (x, y) it was marked at; not every finding need be marked.
    """

    findings: tuple[str, ...]
    marks: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Outcome:
    """How one reader, a network or a learner, did on one film.

    Attributes:
        name: the reader's.
        hits: for each planted finding that has a map or was marked, whether it was hit.
        ious: for each planted finding that has a map, the IoU.
        empty: how many of those maps were empty.
        calls: right and wrong, over all findings that the reader knows and has an operating point for.
    """

    name: str
    hits: tuple[bool, ...]
    ious: tuple[float, ...]
    empty: int
    calls: Calls


def outcomes(film: LabFilm, analysis: "Analysis") -> dict[str, Outcome]:
    """Return classifier id or "ensemble" → how it did, of all that did not fail and whose answers mean something."""
    found = {}
    for result in counted(analysis):
        calls = {label: result.call(label) for label in result.scores}
        found[result.id] = _outcome(film, analysis, result.id, result.classifier.config.name, calls)
    calls = {finding.label: finding.call for finding in analysis.findings}
    if not set(calls.values()) <= {Call.MEANINGLESS}:
        found[ENSEMBLE] = _outcome(film, analysis, ENSEMBLE, "Ensemble", calls)
    return found


def counted(analysis: "Analysis") -> list["ClassifierResult"]:
    """Return the results that a tally counts: a hit of a network that was never trained is none."""
    return [result for result in analysis.results if result.failure is None and not result.meaningless]


def _outcome(film: LabFilm, analysis: "Analysis", id: str, name: str, calls: Mapping[str, Call | None]) -> Outcome:
    maps = {
        finding.label: finding.heatmaps().get(id)
        for finding in analysis.findings
        if calls.get(finding.label) is not Call.MEANINGLESS
    }
    judged: list[Judgement] = []
    for label, mask in film.masks.items():
        heatmap = maps.get(label)
        judgement = None if heatmap is None else judge(heatmap, mask)
        judged += [] if judgement is None else [judgement]
    known = {
        label: call is Call.CALLED
        for label, call in calls.items()
        if label in FINDINGS and call in (Call.CALLED, Call.NOT_CALLED)
    }
    return Outcome(
        name=name,
        hits=tuple(each.hit for each in judged),
        ious=tuple(each.iou for each in judged),
        empty=sum(each.empty for each in judged),
        calls=_calls(film, known),
    )


def answered(film: LabFilm, answer: Answer) -> Outcome:
    """Return how a learner did."""
    called = {label: label in answer.findings for label in FINDINGS}
    hits = [points_at(point, film.masks[label]) for label, point in answer.marks.items() if label in film.masks]
    return Outcome("You", tuple(hits), (), 0, _calls(film, called))


def _calls(film: LabFilm, called: Mapping[str, bool]) -> Calls:
    each = (Calls.of(called=call, planted=label in film.masks) for label, call in called.items())
    return reduce(add, each, Calls())


@dataclass
class Tally:
    """Every film counts once, for each set of classifiers; counting begins anew when the reader says so.

    Attributes:
        films: (film's hash, set) → reader's id → outcome.
    """

    films: dict[tuple[str, str], dict[str, Outcome]] = field(default_factory=dict)
    _passed: tuple[str, str] | None = None

    def wants(self, key: tuple[str, str], readers: Sequence[str]) -> bool:
        """Whether a film on the screen has readers that are not counted yet."""
        return key != self._passed and not set(readers) <= set(self.films.get(key, {}))

    def take(self, key: tuple[str, str], found: Mapping[str, Outcome]) -> None:
        """Count a film's readers, each once: networks as they are now, the learner's first answer."""
        before = self.films.get(key, {})
        self.films[key] = {**before, **found, **({LEARNER: before[LEARNER]} if LEARNER in before else {})}
        self._passed = None

    def reset(self, shown: tuple[str, str] | None) -> None:
        """Begin anew; the film on the screen has been counted, and is not counted again."""
        self.films.clear()
        self._passed = shown

    def of(self, set: str, *, answered_only: bool) -> dict[str, list[Outcome]]:
        """Return reader's id → outcomes in a set, over all films or over those that the learner answered."""
        found: dict[str, list[Outcome]] = {}
        for (_, its_set), readers in self.films.items():
            if its_set == set and (LEARNER in readers or not answered_only):
                for id, outcome in readers.items():
                    found.setdefault(id, []).append(outcome)
        return found


def show_tally(tally: Tally, set: str, order: Sequence[str], *, answered_only: bool) -> None:
    """Show the tally as a table, the learner first, the ensemble next and then the classifiers.

    Args:
        tally: this session's.
        set: the set of classifiers in use.
        order: classifier ids as they are shown.
        answered_only: only the films that the learner answered, so that all rows are of the same films.
    """
    found = tally.of(set, answered_only=answered_only)
    ids = [id for id in (LEARNER, ENSEMBLE, *order) if id in found and (answered_only or id != LEARNER)]
    if not ids:
        st.caption("No film is counted yet.")
        return
    films = max(len(found[id]) for id in ids)
    head = (f"{films} film{'s' * (films > 1)}", "hits", "IoU", "empty", "calls right", "sens.", "spec.")
    show_table(head, [_row(found[id], films) for id in ids])


TALLY_HELP = (
    "**Hits:** of the planted findings, those whose map is hottest in the truth or at most "
    f"{TOLERANCE:.0%} of the film's width beside it; for you, of those you marked. **IoU:** mean overlap of the truth "
    f"with the region at or above {THRESHOLD:g}, whatever the slider says. **Empty:** maps that show nothing; they are "
    "misses. **Calls:** of every finding on every film; sensitivity and specificity are theirs. What is said to be "
    "meaningless counts nowhere."
)


def _row(found: Sequence[Outcome], films: int) -> list[str]:
    hits, ious = [hit for each in found for hit in each.hits], [iou for each in found for iou in each.ious]
    calls = reduce(add, (each.calls for each in found))
    return [
        found[0].name + (f" ({len(found)} of them)" if len(found) < films else ""),
        f"{sum(hits)}/{len(hits)}" if hits else "–",
        f"{sum(ious) / len(ious):.2f}" if ious else "–",
        str(sum(each.empty for each in found)) if ious else "–",
        f"{calls.right}/{calls.count}" if calls.count else "–",
        _percent(calls.sensitivity),
        _percent(calls.specificity),
    ]


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"
