"""A film's review as it stands: what each classifier made of the film, the ranking, the explained findings' maps.

A review is made by `pipeline`. From one that is there, reviews with other ensemble weights or fewer findings are made
here, without a network or a map computed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from ensemble_cam.errors import ConfigError
from ensemble_cam.film.geometry import Geometry
from ensemble_cam.film.radiograph import Radiograph
from ensemble_cam.maps.agreement import Agreement, agreement, overlap
from ensemble_cam.maps.ensemble import EnsembleMap, ensemble_map
from ensemble_cam.maps.heatmap import Heatmap
from ensemble_cam.reviewing.request import resolve
from ensemble_cam.reviewing.scores import Call, ClassifierResult, RankedFinding, Score, choose, is_split, rank_findings
from ensemble_cam.settings.rules import check_setting
from ensemble_cam.settings.sets import ClassifierSet, answering_for
from ensemble_cam.settings.settings import Settings
from ensemble_cam.settings.vocabulary import ENSEMBLE

if TYPE_CHECKING:
    from ensemble_cam.maps.cams import CamMap

UNKNOWN_LABEL = "does not know this label"


@dataclass(frozen=True, eq=False)
class Finding:
    """An explained finding.

    Attributes:
        rank: 1 for the first of those explained.
        ranked: its scores.
        maps: classifier id → map.
        missing: classifier id → why it has no map.
        ensemble: the mean of the maps; None where no classifier with a weight above 0 gave one.
    """

    rank: int
    ranked: RankedFinding
    maps: Mapping[str, "CamMap"]
    missing: Mapping[str, str]
    ensemble: EnsembleMap | None

    @property
    def label(self) -> str:
        """Upstream's name."""
        return self.ranked.label

    @property
    def call(self) -> Call:
        """What the classifiers together say of the finding."""
        return self.ranked.score.call

    def heatmaps(self) -> Mapping[str, Heatmap]:
        """Return classifier id or "ensemble" → map, for every map there is."""
        return {**self.maps, **({ENSEMBLE: self.ensemble} if self.ensemble else {})}

    def agreement(self, threshold: float) -> Agreement | None:
        """How far the maps behind the ensemble agree; None below two of them."""
        if threshold not in self._agreements:
            behind = () if self.ensemble is None else self.ensemble.classifiers
            self._agreements[threshold] = agreement([self.maps[id] for id in behind], threshold=threshold)
        return self._agreements[threshold]

    def overlap(self, threshold: float) -> float | None:
        """Return `Agreement.iou` of `agreement` alone."""
        behind = () if self.ensemble is None else self.ensemble.classifiers
        return overlap([self.maps[id] for id in behind], threshold=threshold)

    @cached_property
    def _agreements(self) -> dict[float, Agreement | None]:
        """Threshold → what `agreement` found: figure and record ask for the same."""
        return {}


@dataclass(frozen=True, eq=False)
class Analysis:
    """A film's whole review, before anything is drawn.

    Attributes:
        radiograph: the film.
        geometry: the square of it that the models saw.
        settings: as used, see `request.resolve`.
        results: one for each classifier, in the given order.
        ranking: every finding with a score, the highest first.
        findings: the explained ones, in the order of their rank.
        seconds: stage → seconds: input, backbones, heads, maps, ensemble.
        reviewed_at: when it was made, to the second, with the offset from UTC of the machine's clock; what is made
            from it without a network keeps it.
    """

    radiograph: Radiograph
    geometry: Geometry
    settings: Settings
    results: tuple[ClassifierResult, ...]
    ranking: tuple[RankedFinding, ...]
    findings: tuple[Finding, ...]
    seconds: Mapping[str, float]
    reviewed_at: datetime = field(default_factory=lambda: datetime.now().astimezone().replace(microsecond=0))

    @property
    def classifier_set(self) -> ClassifierSet:
        """The set whose words stand beside this review: that of its classifiers, which nobody can forget to name."""
        return answering_for(result.classifier.classifier_set for result in self.results)

    @property
    def meaningless(self) -> bool:
        """Whether no finding here means anything, as none of the networks with a weight above 0 can know the film."""
        weights = self.settings.ensemble_weights
        return all(result.meaningless for result in self.results if result.scores and weights[result.id] > 0)

    def result(self, id: str) -> ClassifierResult:
        """Return the result of one classifier."""
        return next(result for result in self.results if result.id == id)

    def score(self, finding: Finding, id: str) -> Score | None:
        """Return the score behind one map of a finding.

        Args:
            finding: one of those explained.
            id: a classifier's, or "ensemble".

        Returns:
            None where the classifier has no score of it.
        """
        return finding.ranked.score if id == ENSEMBLE else self.result(id).score(finding.label)

    def is_split(self, finding: Finding) -> bool:
        """Return whether some classifiers call a finding and others do not, whatever their ensemble weights."""
        return is_split(result.call(finding.label) for result in self.results)

    def reweighted(self, weights: Mapping[str, float]) -> "Analysis":
        """Return the same review by other ensemble weights: ranking, ranks and ensemble maps; every map stays as it is.

        Explained are the findings that have maps here, whatever their place is now; where they are no longer the first
        of the ranking, `settings` names them. One that no classifier with a weight above 0 knows is left out: weigh
        this review again, not the result, to have it back.

        Args:
            weights: classifier id → ensemble weight; the configuration's for those not named, as in `Settings`.

        Raises:
            ConfigError: if `request.resolve` refuses them, a finding that was asked for by name would have no score
                by them, or none of those explained would.
        """
        classifiers = [result.classifier for result in self.results]
        settings = resolve(replace(self.settings, ensemble_weights=weights), classifiers)
        ranking = rank_findings(self.results, settings.ensemble_weights)
        held = {finding.label: finding for finding in self.findings}
        labels = settings.labels or [ranked.label for ranked in ranking if ranked.label in held] or list(held)
        chosen = choose(ranking, labels, settings.top_k)
        findings = put_together(
            chosen,
            {label: finding.maps for label, finding in held.items()},
            {label: finding.missing for label, finding in held.items()},
            settings.ensemble_weights,
        )
        settings = _naming(settings, ranking, findings)
        return replace(self, settings=settings, ranking=ranking, findings=findings)

    def only(self, labels: Sequence[str]) -> "Analysis":
        """Return the same review with the explained findings of these labels (upstream's names) alone.

        Raises:
            ConfigError: if a label has no maps here, or none is given.
        """
        held = [finding.label for finding in self.findings]
        wanted = tuple(dict.fromkeys(labels))
        if not wanted or not set(wanted) <= set(held):
            got = ", ".join(repr(label) for label in wanted if label not in held) or "none"
            raise ConfigError(f"labels: got {got}; this review has maps of {', '.join(held)}.")
        kept = [finding for finding in self.findings if finding.label in wanted]
        return replace(self, settings=replace(self.settings, labels=wanted), findings=_ranked_anew(kept))

    def first(self, count: int) -> "Analysis":
        """Return the same review with the first explained findings alone, at most `count`.

        Raises:
            ConfigError: if `count` is not allowed for `Settings.top_k`.
        """
        findings = _ranked_anew(self.findings[: check_setting("top_k", count)])
        if self.settings.labels is None:
            settings = _naming(replace(self.settings, top_k=count), self.ranking, findings)
        else:
            settings = replace(self.settings, labels=tuple(finding.label for finding in findings))
        return replace(self, settings=settings, findings=findings)


def put_together(
    chosen: Sequence[RankedFinding],
    maps: Mapping[str, Mapping[str, "CamMap"]],
    missing: Mapping[str, Mapping[str, str]],
    weights: Mapping[str, float],
) -> tuple[Finding, ...]:
    """Return findings with their maps and the ensemble of these, ranked from 1.

    Args:
        chosen: the findings, in their order.
        maps: label → classifier id → map.
        missing: label → classifier id → why it has no map.
        weights: classifier id → ensemble weight, at least 0.
    """
    return tuple(
        Finding(
            rank,
            ranked,
            maps[ranked.label],
            missing[ranked.label],
            ensemble_map(list(maps[ranked.label].values()), weights),
        )
        for rank, ranked in enumerate(chosen, start=1)
    )


def _ranked_anew(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(replace(finding, rank=rank) for rank, finding in enumerate(findings, start=1))


def _naming(settings: Settings, ranking: Sequence[RankedFinding], findings: Sequence[Finding]) -> Settings:
    """Return the settings with the findings' labels, unless they are the first of the ranking that were asked for."""
    labels = tuple(finding.label for finding in findings)
    first = tuple(ranked.label for ranked in ranking[: settings.top_k])
    return settings if settings.labels is not None or labels == first else replace(settings, labels=labels)
