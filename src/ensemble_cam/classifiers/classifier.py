"""A classifier, cut where its activation is pooled: a backbone and a head.

    A = backbone(x)      (1, 1, side, side) float32 in [-1024, 1024] → (1, channels, cells, cells), after the last ReLU
    logits = head(A)     one for each output of the network

Nothing before `A` matters to a map, so the backbone runs once, without autograd and in any runtime, and every label's
gradient comes from the head alone. No hooks are set on a network, so any number of threads may share one.

With OpenVINO `A` and the head are NumPy's arrays, and PyTorch is not imported: how each family is drawn and cut is in
`families`, in PyTorch in `torch_families`, and how a classifier is filled with weights in `loading`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ensemble_cam.classifiers.arrays import Array
from ensemble_cam.classifiers.heads import Head
from ensemble_cam.settings.config import ClassifierConfig
from ensemble_cam.settings.sets import ClassifierSet
from ensemble_cam.settings.site_points import SitePoints
from ensemble_cam.settings.vocabulary import UNTRAINED
from ensemble_cam.weights.store import Published

if TYPE_CHECKING:
    from ensemble_cam.classifiers.torch_families import TorchNetwork


@dataclass(frozen=True)
class WeightsInfo:
    """Which weights stand behind a classifier.

    Attributes:
        name: as in the configuration, or `UNTRAINED`.
        sha256: hex of the file; None for untrained networks, which have no file.
        published: whether these are the published weights; seeded values are not.
    """

    name: str
    sha256: str | None
    published: Published

    @property
    def untrained(self) -> bool:
        """Whether these are seeded values that never saw a film."""
        return self.name == UNTRAINED

    @property
    def remark(self) -> str | None:
        """What every output must say of these weights, or None for published ones."""
        if self.untrained:
            return "untrained: scores and maps mean nothing"
        return _REMARKS[self.published]


_REMARKS: Mapping[Published, str | None] = {
    Published.YES: None,
    Published.NO: "not the published weights",
    Published.UNKNOWN: "unpinned weights",
}


@dataclass(frozen=True, eq=False)
class Classifier:
    """A network ready to run: shared by all threads, changed by none.

    Attributes:
        config: its table of the configuration.
        weights: what stands behind it.
        backbone: (n, 1, side, side) float32 in [-1024, 1024] → (n, channels, cells, cells) float32, at least 0, free of
            any autograd graph, where the head's arrays are; any number of threads may call it.
        head: the activation → (n, outputs) logits, with arrays of the activation's kind.
        outputs: known label → index of its logit, in the network's order. Labels without a name or, among
            operating points, without a value are not known.
        operating_points: label → the probability at which it is called; None where none are published or given.
        network: gives the same network in PyTorch, for methods that need autograd; made when first asked for.
        runtime: what runs the backbone, "openvino" or "torch".
        device: where, "cpu", "cuda" or "mps".
    """

    config: ClassifierConfig
    weights: WeightsInfo
    backbone: Callable[[Array], Array]
    head: Head
    outputs: Mapping[str, int]
    operating_points: Mapping[str, float] | None
    network: "Callable[[], TorchNetwork]"
    runtime: Literal["openvino", "torch"]
    device: str = "cpu"

    @property
    def id(self) -> str:
        """The classifier's name in files and settings."""
        return self.config.id

    @property
    def classifier_set(self) -> ClassifierSet:
        """The set it belongs to, with all that is to be said of that."""
        return self.config.classifier_set

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels it knows, in the network's order."""
        return tuple(self.outputs)

    @property
    def calibrated(self) -> bool:
        """Whether 0.5 is an operating point rather than a bare sigmoid's middle."""
        return self.operating_points is not None

    @property
    def site_points(self) -> SitePoints | None:
        """The points from films of the site's own that are in force; None where they are of other weights, or none."""
        site = self.config.site_points
        return site if site is not None and site.weights_sha256 == self.weights.sha256 else None

    @property
    def operating_points_source(self) -> Literal["published", "configuration", "site"] | None:
        """Where its operating points come from: with the weights, from the configuration, or from films of the site.

        None without any. Findings that a site has chosen none for keep those that came with the weights, and where none
        came with them they are not known.
        """
        if self.operating_points is None:
            return None
        if self.site_points is not None:
            return "site"
        return "published" if self.config.operating_points is None else "configuration"

    @property
    def points_remark(self) -> str | None:
        """What every output says of the site's operating points, in force or expired; None where there are none."""
        site = self.config.site_points
        if site is None:
            return None
        if self.site_points is None:
            return f"the site's operating points of {site.date} are of other weights and not used"
        told = f"the site's operating points of {site.date}, n {site.n}"
        missing = [label for label in self.config.family.outputs(self.weights.name) if label not in self.outputs]
        return f"{told}, without one for {', '.join(missing)}, not asked" if missing else told

    @property
    def told(self) -> str:
        """Its name, and which weights and operating points stand behind it, in a line."""
        told = [self.weights.name, self.weights.remark, self.points_remark]
        return f"{self.config.name} ({', '.join(filter(None, told))})"

    def is_meaningless_on(self, *, phantom: bool) -> bool:
        """Return whether its scores and maps of a film mean nothing: the only place that decides it.

        So do those of networks that were never trained, and those of the teaching set on anything but a phantom.

        Args:
            phantom: whether the film is a drawn phantom, see `Radiograph.phantom`.
        """
        return self.weights.untrained or self.classifier_set.means_nothing_on(phantom=phantom)

    def probabilities(self, logits: Sequence[float]) -> dict[str, float]:
        """Return label → what operating points are a cut of: the sigmoid, or an own network's softmax."""
        own = self.config.own
        shares = _softmax(logits) if own is not None and own.output == "softmax" else [*map(_sigmoid, logits)]
        return {label: shares[output] for label, output in self.outputs.items()}

    def scores(self, logits: Sequence[float]) -> dict[str, float]:
        """Return label → score in [0, 1], 0.5 at the operating point.

        Without operating points the score is the sigmoid, or the softmax of a site's own network that was trained for
        one class of all. Source: `torchxrayvision.models.op_norm`.

        Args:
            logits: one for each output of the network, as `HeadRun.logits` holds them.
        """
        scores = {}
        for label, probability in self.probabilities(logits).items():
            if self.operating_points is None:
                scores[label] = probability
                continue
            point = self.operating_points[label]
            below = probability < point
            scores[label] = probability / (2 * point) if below else 1 - (1 - probability) / (2 * (1 - point))
        return scores


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit > -700 else 0.0


def _softmax(logits: Sequence[float]) -> list[float]:
    highest = max(logits)
    exponentials = [math.exp(logit - highest) for logit in logits]
    return [each / math.fsum(exponentials) for each in exponentials]
