"""A classifier, cut where its activation is pooled: a backbone and a head.

    A = backbone(x)      (1, 1, side, side) float32 in [-1024, 1024] → (1, channels, cells, cells), after the last ReLU
    logits = head(A)     one for each output of the network

Nothing before `A` matters to a map, so the backbone runs once, without autograd and in any runtime, and every label's
gradient comes from the head alone. No hooks are set on a network, so any number of threads may share one.

The adapters at the end build the three families, the large and the small ones, from torchxrayvision's and torchvision's
own modules. Upstream's habits end here: the sigmoid and the operating points inside `forward`, labels without a name or
an operating point, the resize and the range warning inside the network, JF Healthcare's ImageNet download and its
import of a package named `model`.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import torch
import torchvision
from torch import Tensor, nn

from ensemble_cam.classifiers.heads import AttentionChainHead, AverageMaximumHead, Head, PooledHead
from ensemble_cam.classifiers.teaching_networks import TEACHING_LABELS, TEACHING_NETWORKS
from ensemble_cam.classifiers.teaching_weights import load_teaching_weights
from ensemble_cam.classifiers.untrained import fill_untrained
from ensemble_cam.classifiers.upstream import torchxrayvision
from ensemble_cam.errors import ClassifierError, WeightsError
from ensemble_cam.settings.config import UNTRAINED, WEIGHTS_NAMES, ClassifierConfig
from ensemble_cam.weights.store import LocatedWeights, load_state_dict, locate

# torchxrayvision's pixels run to ±1024; JF Healthcare was trained on (pixel - 128) / 64, which is ±2.
_JFHEALTHCARE_DIVISOR = 512

_JFHEALTHCARE_LABELS = ("Cardiomegaly", "Edema", "Consolidation", "Atelectasis", "Effusion")


@dataclass(frozen=True)
class WeightsInfo:
    """Which weights stand behind a classifier.

    Attributes:
        name: as in the configuration, or "untrained".
        sha256: hex of the file; None for untrained networks, which have no file.
        published: True where the hash is the configured pin; None where there is no pin to compare with.
    """

    name: str
    sha256: str | None
    published: bool | None

    @property
    def untrained(self) -> bool:
        """Whether these are seeded values that never saw a film."""
        return self.name == UNTRAINED

    @property
    def remark(self) -> str | None:
        """What every output must say of these weights, or None for published ones."""
        if self.untrained:
            return "untrained: scores and maps mean nothing"
        return (
            None if self.published else "not the published weights" if self.published is False else "unpinned weights"
        )


@dataclass(frozen=True, eq=False)
class Classifier:
    """A network ready to run: shared by all threads, changed by none.

    Attributes:
        config: its table of the configuration.
        weights: what stands behind it.
        backbone: (n, 1, side, side) float32 in [-1024, 1024] → (n, channels, cells, cells), at least 0.
        head: the activation → (n, outputs) logits.
        outputs: known label → index of its logit, in the network's order. Labels without a name or, among
            operating points, without a value are not known.
        operating_points: label → the probability at which it is called; None where none are published or given.
        device: where the head's parameters lie.
        compiled: the same backbone in a faster runtime, see `runtime.prepare`; None to run `backbone` itself.
    """

    config: ClassifierConfig
    weights: WeightsInfo
    backbone: nn.Module
    head: Head
    outputs: Mapping[str, int]
    operating_points: Mapping[str, float] | None
    device: torch.device
    compiled: Callable[[Tensor], Tensor] | None = None

    @property
    def id(self) -> str:
        """The classifier's name in files and settings."""
        return self.config.id

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels it knows, in the network's order."""
        return tuple(self.outputs)

    @property
    def calibrated(self) -> bool:
        """Whether 0.5 is an operating point rather than a bare sigmoid's middle."""
        return self.operating_points is not None

    def scores(self, logits: Sequence[float]) -> dict[str, float]:
        """Return label → score in [0, 1], 0.5 at the operating point.

        Without operating points the score is the sigmoid. Source: `torchxrayvision.models.op_norm`.

        Args:
            logits: one for each output of the network, as `HeadRun.logits` holds them.
        """
        scores = {}
        for label, output in self.outputs.items():
            probability = 1 / (1 + math.exp(-logits[output])) if logits[output] > -700 else 0.0
            if self.operating_points is None:
                scores[label] = probability
                continue
            point = self.operating_points[label]
            below = probability < point
            scores[label] = probability / (2 * point) if below else 1 - (1 - probability) / (2 * (1 - point))
        return scores


class Backbone(nn.Module):
    """A backbone in two parts, for maps that take the stage before the last in, too.

    Args:
        lower: the pixels → the output of the last stage but one.
        upper: that → the activation.
    """

    def __init__(self, lower: nn.Module, upper: nn.Module):
        super().__init__()
        self.lower, self.upper = lower, upper

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the activation."""
        return self.upper(self.lower(pixels))


@dataclass(frozen=True)
class _Family:
    """How one family is built: the whole upstream network, where it is cut, and what its outputs are called."""

    build: Callable[[], nn.Module]
    cut: Callable[[nn.Module], tuple[Backbone, Head]]
    labels: Callable[[str], Sequence[str]]
    operating_points: Callable[[str], Sequence[float] | None]


class _Scaled(nn.Module):
    """JF Healthcare's way in: three equal channels in ±2."""

    def forward(self, pixels: Tensor) -> Tensor:
        return pixels.repeat(1, 3, 1, 1) / _JFHEALTHCARE_DIVISOR


def _build_densenet() -> nn.Module:
    return torchxrayvision().models.DenseNet(weights=None, num_classes=18)


def _cut_densenet(network: nn.Module) -> tuple[Backbone, Head]:
    lower, upper = _stages(network.features)
    return Backbone(lower, nn.Sequential(upper, nn.ReLU())), PooledHead(network.classifier, rectify=True)


def _stages(features: nn.Sequential) -> tuple[nn.Sequential, nn.Sequential]:
    """Return a DenseNet's features up to its last dense block but one, and the rest."""
    names = [name for name, _ in features.named_children()]
    behind = [names.index(name) for name in names if name.startswith("denseblock")][-2] + 1
    return features[:behind], features[behind:]


def _build_resnet() -> nn.Module:
    network = torchvision.models.resnet50(weights=None, num_classes=18)
    network.conv1 = nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
    return network


def _cut_resnet(network: nn.Module) -> tuple[Backbone, Head]:
    stages = [network.conv1, network.bn1, network.relu, network.maxpool]
    stages += [network.layer1, network.layer2, network.layer3]
    return Backbone(nn.Sequential(*stages), network.layer4), PooledHead(network.fc)


def _build_jfhealthcare() -> nn.Module:
    upstream = torchxrayvision().baseline_models.jfhealthcare
    settings = json.loads((Path(upstream.__file__).parent / "config" / "example.json").read_text())
    # True would download ImageNet weights, only to overwrite them.
    settings["pretrained"] = False
    return upstream.classifier.Classifier(SimpleNamespace(**settings))


def _cut_jfhealthcare(network: nn.Module) -> tuple[Backbone, Head]:
    lower, upper = _stages(network.backbone.features)
    backbone = Backbone(nn.Sequential(_Scaled(), lower), nn.Sequential(upper, nn.ReLU()))
    return backbone, AttentionChainHead(network)


def _cut_teaching_jfhealthcare(network: nn.Module) -> tuple[Backbone, Head]:
    # Behind the attention: there its maps are far better, as the attention is what finds the place.
    lower, upper = _stages(network.backbone.features)
    backbone = Backbone(nn.Sequential(_Scaled(), lower), nn.Sequential(upper, nn.ReLU(), network.attention_map))
    return backbone, AverageMaximumHead(network)


def _teaching(model_type: str, cut: Callable[[nn.Module], tuple[Backbone, Head]]) -> _Family:
    # The operating points come with the weights.
    return _Family(TEACHING_NETWORKS[model_type], cut, lambda weights: TEACHING_LABELS, lambda weights: None)


def _published(key: str) -> Callable[[str], Sequence]:
    return lambda weights: torchxrayvision().models.model_urls[weights][key]


_FAMILIES = {
    "densenet": _Family(_build_densenet, _cut_densenet, _published("labels"), _published("op_threshs")),
    "resnet": _Family(_build_resnet, _cut_resnet, _published("labels"), _published("op_threshs")),
    "jfhealthcare": _Family(
        _build_jfhealthcare, _cut_jfhealthcare, lambda weights: _JFHEALTHCARE_LABELS, lambda weights: None
    ),
    "teaching-densenet": _teaching("teaching-densenet", _cut_densenet),
    "teaching-resnet": _teaching("teaching-resnet", _cut_resnet),
    "teaching-jfhealthcare": _teaching("teaching-jfhealthcare", _cut_teaching_jfhealthcare),
}


def upstream_network(model_type: str) -> nn.Module:
    """Build a family's whole, uncut network as upstream defines it, all values 0, waiting to be filled.

    On the meta device the constructors draw no initial values: that would take a second and move the random state.
    """
    with torch.device("meta"):
        network = _FAMILIES[model_type].build()
    network.to_empty(device="cpu")
    with torch.no_grad():
        for value in (*network.parameters(), *network.buffers()):
            value.zero_()
    return network


def load_classifier(
    config: ClassifierConfig,
    *,
    weights: str | None = None,
    weights_dir: Path | None = None,
    device: torch.device | str = "cpu",
) -> Classifier:
    """Build a classifier and fill it with its weights.

    Args:
        config: its table of the configuration.
        weights: one of the table's weights or "untrained"; None for the table's default.
        weights_dir: a folder to look in before the usual ones, see `weights.store.search_folders`.
        device: where it is to run.

    Raises:
        WeightsMissing: if the file is not on this machine.
        WeightsError: if the file is not what was promised, would run code, or does not fit the network.
    """
    network, info, points = load_network(config, weights=weights, weights_dir=weights_dir)
    return cut_classifier(config, network, info, operating_points=points, device=device)


def load_network(
    config: ClassifierConfig, *, weights: str | None = None, weights_dir: Path | None = None
) -> tuple[nn.Module, WeightsInfo, Mapping[str, float] | None]:
    """Build and fill a classifier's whole, uncut network; see `load_classifier`.

    Returns:
        The network, what it was filled with, and the operating points that came with that, if any did.
    """
    name = weights or config.default_weight
    if name == UNTRAINED:
        network = upstream_network(config.model_type)
        fill_untrained(network)
        return network, WeightsInfo(UNTRAINED, sha256=None, published=False), None
    located = locate(config, name, weights_dir=weights_dir)
    network, points = upstream_network(config.model_type), None
    if config.model_type in TEACHING_NETWORKS:
        file = load_teaching_weights(located.path, expected_sha256=located.sha256, model_type=config.model_type)
        _fill(network, file.tensors, located, remedy="Install this program again")
        points = file.operating_points
    else:
        values = load_state_dict(located.path, expected_sha256=located.sha256)
        _fill(network, values, located, remedy="Fetch the file again, or put these weights under another classifier")
    return network, WeightsInfo(name, sha256=located.sha256, published=located.published), points


def cut_classifier(
    config: ClassifierConfig,
    network: nn.Module,
    weights: WeightsInfo,
    *,
    operating_points: Mapping[str, float] | None = None,
    device: torch.device | str = "cpu",
) -> Classifier:
    """Cut a family's whole network into a `Classifier`; its modules are used, not copied.

    Args:
        config: its table of the configuration.
        network: as `upstream_network` builds it, filled.
        weights: what it was filled with.
        operating_points: label → the probability that came with the weights, if any did; the configuration's and
            upstream's go before them.
        device: where it is to run.

    Raises:
        ClassifierError: if the configuration's operating points are not those of the labels that the network knows.
    """
    family = _FAMILIES[config.model_type]
    network.eval().requires_grad_(False)
    backbone, head = family.cut(network)
    known, points = _known_outputs(config, weights.name)
    if config.operating_points is not None:
        if set(config.operating_points) != set(known):
            raise ClassifierError(
                f"{config.name}: operating points are given for {', '.join(config.operating_points)}. "
                f"Give one for each label it knows and for no other: {', '.join(known)}."
            )
        operating_points = dict(config.operating_points)
    elif points is not None:
        operating_points = {label: float(points[output]) for label, output in known.items()}
    if weights.untrained:
        # No operating point was ever found for seeded values.
        operating_points = None
    return Classifier(
        config=config,
        weights=weights,
        # As the processor's and the card's convolutions want it: the three take .46 instead of .66 s on two cores.
        backbone=backbone.eval().to(device=device, memory_format=torch.channels_last),
        head=head.eval().to(device),
        outputs=known,
        operating_points=operating_points,
        device=torch.device(device),
    )


def known_labels(config: ClassifierConfig, weights: str) -> tuple[str, ...]:
    """Return the labels that a classifier knows with the named weights, in the network's order; loads nothing."""
    return tuple(_known_outputs(config, weights)[0])


def _known_outputs(config: ClassifierConfig, weights: str) -> tuple[dict[str, int], Sequence[float] | None]:
    """Return known label → index of its output, and the published operating points of all outputs."""
    family = _FAMILIES[config.model_type]
    # Untrained networks are given the labels of the family's first released weights.
    name = WEIGHTS_NAMES[config.model_type][0] if weights == UNTRAINED else weights
    labels, points = family.labels(name), family.operating_points(name)
    return {
        label: output
        for output, label in enumerate(labels)
        if label and not (points is not None and math.isnan(points[output]))
    }, points


def _fill(network: nn.Module, values: Mapping[str, Tensor], located: LocatedWeights, *, remedy: str) -> None:
    own = network.state_dict()
    # `num_batches_tracked` came with a later PyTorch than some of the released files; it plays no part in eval mode.
    missing = [key for key in own if key not in values and not key.endswith("num_batches_tracked")]
    strange = [key for key in values if key not in own]
    misshapen = [key for key in values if key in own and values[key].shape != own[key].shape]
    for what, keys in (("lacks", missing), ("has unknown", strange), ("has another shape of", misshapen)):
        if keys:
            raise WeightsError(
                f"{located.path.name} does not fit the {located.name} network: it {what} {keys[0]} "
                f"({len(keys)} such values). {remedy}."
            )
    network.load_state_dict(values, strict=False)
