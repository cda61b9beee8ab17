"""A film's scores: each classifier's, the findings' mean of them, and the ranking.

A score is in [0, 1], 0.5 at the classifier's operating point, and no calibrated probability. Where there are no
operating points the sigmoid stands as the score.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ensemble_cam.errors import ConfigError

if TYPE_CHECKING:
    from ensemble_cam.classifiers.classifier import Classifier


@dataclass(frozen=True)
class KnownScore:
    """One classifier's score of one finding.

    Attributes:
        value: in [0, 1].
        calibrated: whether 0.5 is the classifier's operating point rather than its sigmoid's middle.
    """

    value: float
    calibrated: bool


@dataclass(frozen=True)
class ClassifierResult:
    """What one classifier made of a film.

    Attributes:
        classifier: the classifier itself.
        scores: known label → score, see `Classifier.scores`; empty where it failed.
        seconds: from its input tensor to its last map.
        failure: why there is nothing from it, or None.
    """

    classifier: "Classifier"
    scores: Mapping[str, float]
    seconds: float
    failure: str | None = None

    @property
    def id(self) -> str:
        """The classifier's id."""
        return self.classifier.id

    def called(self, label: str) -> bool | None:
        """Whether the score is at or above the operating point; None where there is none to compare with."""
        if not self.classifier.calibrated or label not in self.scores:
            return None
        return self.scores[label] >= 0.5


@dataclass(frozen=True)
class RankedFinding:
    """A finding's place among all that the classifiers know.

    Attributes:
        label: upstream's name.
        score: the classifiers' mean, see `ensemble_score`.
        scores: classifier id → score, of every classifier that knows the label.
    """

    label: str
    score: KnownScore
    scores: Mapping[str, float]

    @property
    def called(self) -> bool:
        """Whether the score is at least 0.5."""
        return self.score.value >= 0.5


def ensemble_score(scores: Mapping[str, KnownScore], weights: Mapping[str, float]) -> KnownScore | None:
    """Return the mean of the calibrated scores by ensemble weight, or of the uncalibrated ones where no other counts.

    Args:
        scores: classifier id → score, of the classifiers that know the label.
        weights: classifier id → ensemble weight, at least 0.

    Returns:
        None where no classifier with a weight above 0 knows the label.
    """
    for calibrated in (True, False):
        counted = {id: s.value for id, s in scores.items() if s.calibrated is calibrated and weights[id] > 0}
        if counted:
            total = sum(weights[id] for id in counted)
            return KnownScore(sum(weights[id] * value for id, value in counted.items()) / total, calibrated)
    return None


def rank_findings(results: Sequence[ClassifierResult], weights: Mapping[str, float]) -> tuple[RankedFinding, ...]:
    """Return every finding that has a score by these ensemble weights, the highest first, then by name."""
    by_label: dict[str, dict[str, KnownScore]] = {}
    for result in results:
        for label, value in result.scores.items():
            by_label.setdefault(label, {})[result.id] = KnownScore(value, result.classifier.calibrated)
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
