"""Where a classifier's values come from, and what is known of them before a network is built."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ensemble_cam.classifiers.classifier import WeightsInfo
from ensemble_cam.classifiers.teaching_weights import TeachingWeights, load_teaching_weights
from ensemble_cam.errors import ClassifierError
from ensemble_cam.settings.config import ClassifierConfig
from ensemble_cam.settings.site_points import SitePoints
from ensemble_cam.settings.vocabulary import UNTRAINED
from ensemble_cam.weights.released import weights_file
from ensemble_cam.weights.store import LocatedWeights, Published, locate, pin

TEACHING_REMEDY = "Install this program again."


@dataclass(frozen=True, eq=False)
class Source:
    """Where a classifier's values come from.

    Attributes:
        config: its table.
        located: the weights' file; None for untrained networks.
        teaching: what a teaching network's file holds; None for others, which are not read yet.
    """

    config: ClassifierConfig
    located: LocatedWeights | None
    teaching: TeachingWeights | None

    @property
    def info(self) -> WeightsInfo:
        """Which weights these are."""
        if self.located is None:
            return WeightsInfo(UNTRAINED, sha256=None, published=Published.NO)
        return WeightsInfo(self.located.name, sha256=self.located.sha256, published=self.located.published)

    @property
    def points(self) -> Mapping[str, float] | None:
        """The operating points that came with the weights, if any did."""
        return None if self.teaching is None else self.teaching.operating_points

    @property
    def file_name(self) -> str:
        """The file's name; empty for untrained networks."""
        return "" if self.located is None else self.located.path.name

    def pin(self) -> None:
        """Hold a file that nothing holds yet to its hash, once it has filled its network."""
        if self.located is not None:
            pin(self.located)


def find_source(config: ClassifierConfig, *, weights: str | None = None, weights_dir: Path | None = None) -> Source:
    """Find a classifier's weights; see `loading.load_classifier`."""
    name = weights or config.default_weight
    if name == UNTRAINED:
        return Source(config, None, None)
    located = locate(config, name, weights_dir=weights_dir)
    return of_file(config, located)


def of_file(config: ClassifierConfig, located: LocatedWeights) -> Source:
    """Return the source that a file is, read where it is a teaching network's.

    Raises:
        WeightsError: if it cannot be read, or is not what was promised.
    """
    if not config.family.points_in_file:
        return Source(config, located, None)
    most, sha256 = weights_file(located.name).most_bytes, located.sha256
    teaching = load_teaching_weights(located.path, expected_sha256=sha256, model_type=config.model_type, most=most)
    return Source(config, located, teaching)


def operating_points_of(
    config: ClassifierConfig, weights: WeightsInfo, came_with_them: Mapping[str, float] | None
) -> Mapping[str, float] | None:
    """Return label → the probability at which it is called; None where there are none.

    Args:
        config: whose points go before all others: those of its table, or those of the site's films where they are of
            these weights; the findings that these have no point for keep theirs.
        weights: what the network was filled with; no operating point was ever found for seeded values.
        came_with_them: the points in the weights' file, behind upstream's published ones.

    Raises:
        ClassifierError: if the configuration's points are not those of the labels that the network knows.
    """
    known, published = config.family.outputs(weights.name), config.family.operating_points(weights.name)
    if config.operating_points is not None and set(config.operating_points) != set(known):
        raise ClassifierError(
            f"{config.name}: operating points are given for {', '.join(config.operating_points)}. "
            f"Give one for each label it knows and for no other: {', '.join(known)}."
        )
    if weights.untrained:
        return None
    if config.operating_points is not None:
        return dict(config.operating_points)
    points = came_with_them if published is None else published
    return points if (own := site_points_of(config, weights)) is None else {**(points or {}), **own.points}


def outputs_of(config: ClassifierConfig, weights: WeightsInfo, points: Mapping[str, float] | None) -> Mapping[str, int]:
    """Return label → index of its logit, of what a classifier knows: with points, what it has one for."""
    known = config.family.outputs(weights.name)
    return known if points is None else {label: output for label, output in known.items() if label in points}


def site_points_of(config: ClassifierConfig, weights: WeightsInfo) -> SitePoints | None:
    """Return the points from films of the site's own, where they are of these weights; None without any.

    Raises:
        ClassifierError: if they name a finding that the network does not know.
    """
    site = config.site_points
    if site is None or site.weights_sha256 != weights.sha256:
        return None
    known = config.family.outputs(weights.name)
    if strange := sorted(set(site.points) - set(known)):
        raise ClassifierError(
            f"{config.name}: the site's operating points are given for {', '.join(strange)}, which it does not know. "
            f"Leave them out; it knows {', '.join(known)}."
        )
    return site
