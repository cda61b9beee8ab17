"""A film's scores: each classifier's, the findings' mean of them, the ranking, and what the scores call.

A score is in [0, 1], 0.5 at the classifier's operating point, and no calibrated probability. Where there are no
operating points the sigmoid stands as the score, and nothing is called by it. Nor is anything by the scores of networks
that cannot know a film, see `Classifier.is_meaningless_on`: they stay what they are, and are said to mean nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ensemble_cam.errors import ConfigError

if TYPE_CHECKING:
    from ensemble_cam.classifiers.classifier import Classifier

OPERATING_POINT = 0.5
"""The score at which a classifier that has operating points calls a finding, whatever the finding."""


class Call(StrEnum):
    """What the networks say of a finding; its value is how figure, screen, files and command line spell it."""

    CALLED = "called"
    NOT_CALLED = "not called"
    UNCALIBRATED = "uncalibrated"
    MEANINGLESS = "meaningless"


def call_of(score: float, *, calibrated: bool, meaningless: bool) -> Call:
    """Return what a score in [0, 1] says: the only place that compares it with the operating point.

    Args:
        score: a classifier's, or several classifiers' mean.
        calibrated: whether 0.5 is an operating point rather than a sigmoid's middle.
        meaningless: whether a network behind it cannot know this film.
    """
    if meaningless:
        return Call.MEANINGLESS
    if not calibrated:
        return Call.UNCALIBRATED
    return Call.CALLED if score >= OPERATING_POINT else Call.NOT_CALLED


def is_split(calls: Iterable[Call | None]) -> bool:
    """Return whether some classifiers call a finding and others do not; those that say neither take no side."""
    return {Call.CALLED, Call.NOT_CALLED} <= set(calls)


@dataclass(frozen=True)
class Score:
    """A score of one finding: one classifier's, or several classifiers' mean.

    Attributes:
        value: in [0, 1].
        calibrated: whether 0.5 is the classifier's operating point rather than its sigmoid's middle.
        meaningless: whether a network behind it cannot know this film.
    """

    value: float
    calibrated: bool
    meaningless: bool = False

    @property
    def call(self) -> Call:
        """What it says of the finding."""
        return call_of(self.value, calibrated=self.calibrated, meaningless=self.meaningless)


@dataclass(frozen=True)
class ClassifierResult:
    """What one classifier made of a film.

    Attributes:
        classifier: the classifier itself.
        scores: known label → score, see `Classifier.scores`; empty where it failed.
        seconds: from its input tensor to its last map.
        meaningless: whether its scores and maps of this film mean nothing, see `Classifier.is_meaningless_on`.
        failure: why there is nothing from it, or None.
        below_0: whether the activation that it pooled has values below 0, as none of the program's own families has.
    """

    classifier: "Classifier"
    scores: Mapping[str, float]
    seconds: float
    meaningless: bool
    failure: str | None = None
    below_0: bool = False

    @property
    def id(self) -> str:
        """The classifier's id."""
        return self.classifier.id

    def score(self, label: str) -> Score | None:
        """Return the classifier's score of a finding; None where it has none."""
        value = self.scores.get(label)
        return None if value is None else Score(value, self.classifier.calibrated, self.meaningless)

    def call(self, label: str) -> Call | None:
        """Return what the classifier says of a finding; None where it has no score of it."""
        score = self.score(label)
        return None if score is None else score.call


@dataclass(frozen=True)
class RankedFinding:
    """A finding's place among all that the classifiers know.

    Attributes:
        label: upstream's name.
        score: the classifiers' mean, see `ensemble_score`.
        scores: classifier id → score, of every classifier that knows the label.
    """

    label: str
    score: Score
    scores: Mapping[str, float]


def ensemble_score(scores: Mapping[str, Score], weights: Mapping[str, float]) -> Score | None:
    """Return the mean of the calibrated scores by ensemble weight, or of the uncalibrated ones where no other counts.

    One that means nothing makes the mean, and the ensemble's map in which it has its part, mean nothing; without a
    weight it has no part.

    Args:
        scores: classifier id → score, of the classifiers that know the label.
        weights: classifier id → ensemble weight, at least 0.

    Returns:
        None where no classifier with a weight above 0 knows the label.
    """
    meaningless = any(score.meaningless and weights[id] > 0 for id, score in scores.items())
    for calibrated in (True, False):
        counted = {id: s.value for id, s in scores.items() if s.calibrated is calibrated and weights[id] > 0}
        if counted:
            total = sum(weights[id] for id in counted)
            mean = sum(weights[id] * value for id, value in counted.items()) / total
            return Score(mean, calibrated, meaningless)
    return None


def rank_findings(results: Sequence[ClassifierResult], weights: Mapping[str, float]) -> tuple[RankedFinding, ...]:
    """Return every finding that has a score by these ensemble weights, the highest first, then by name."""
    by_label: dict[str, dict[str, Score]] = {}
    for result in results:
        for label, value in result.scores.items():
            score = Score(value, result.classifier.calibrated, result.meaningless)
            by_label.setdefault(label, {})[result.id] = score
    ranked = []
    for label, scores in by_label.items():
        mean = ensemble_score(scores, weights)
        if mean is not None:
            ranked.append(RankedFinding(label, mean, {id: score.value for id, score in scores.items()}))
    return tuple(sorted(ranked, key=lambda finding: (-finding.score.value, finding.label)))


def choose(ranking: Sequence[RankedFinding], labels: Sequence[str] | None, top_k: int) -> list[RankedFinding]:
    """Return the findings of these labels, or the first of the ranking.

    Raises:
        ConfigError: if a label has no score.
    """
    if labels is None:
        return list(ranking[:top_k])
    absent = set(labels) - {finding.label for finding in ranking}
    if absent:
        raise ConfigError(
            f"labels: only classifiers that failed or have an ensemble weight of 0 know {', '.join(sorted(absent))}. "
            "Give one of them a weight, or leave the label out."
        )
    return [finding for finding in ranking if finding.label in labels]
