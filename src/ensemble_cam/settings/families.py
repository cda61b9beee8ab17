"""The families of networks: one record of everything about each that takes no network to say.

What takes one (how it is built and where it is cut) is in `classifiers.families`, under the same keys. The hashes that
files are held to are not here but in the configuration, where each site can set its own.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ensemble_cam.settings.methods import Recipe
from ensemble_cam.settings.sets import CLINICAL, SITE, TEACHING, ClassifierSet
from ensemble_cam.settings.vocabulary import TORCH, UNTRAINED

# A block of a ResNet ends with its ReLU (layer4.2), one of a DenseNet begins with it; so do the layers within.
_NOT_RECTIFIED = re.compile(r"(conv|bn|norm|downsample|denselayer|denseblock|transition)\d*|pool|\d")
_BLOCK = re.compile(r"layer\d\.\d+")

_MOST_PACKAGED_BYTES, _MOST_OWN_BYTES = 64 * 2**20, 16 * 2**30


@dataclass(frozen=True)
class WeightsFile:
    """A released weights file.

    Attributes:
        name: the weights name of the configuration.
        file_name: under which it is released and stored.
        url: where it is released; None for one that comes with the package.
        size: in bytes; None for one that comes with the package.
        approximate: whether `size` is rounded.
        operating_points: label → the probability, in (0, 1), at which it is called, as published for these weights; a
            label without one is not known with them. None where nothing is published, and every label is known.
        path: where it lies, for a file of the site's own, which is released nowhere; None for others.
    """

    name: str
    file_name: str
    url: str | None
    size: int | None
    approximate: bool = True
    operating_points: Mapping[str, float] | None = field(default=None, hash=False)
    path: Path | None = None

    @property
    def most_bytes(self) -> int:
        """How many bytes such a file may have, and may unpack to: a quarter more than the released one.

        That leaves room for other ways of writing the same tensors, and none for a file that fills disk or memory.
        """
        if self.path is not None:
            return _MOST_OWN_BYTES  # reading it is held to its network's size
        return _MOST_PACKAGED_BYTES if self.size is None else self.size * 5 // 4

    @property
    def packaged(self) -> bool:
        """Whether it comes with the package, so that there is nothing to fetch."""
        return self.url is None and self.path is None


@dataclass(frozen=True)
class Family:
    """Networks of one architecture.

    Attributes:
        name: the configuration's `model_type`.
        set: the set that its classifiers belong to.
        labels: what the network's outputs are called, in their order; an empty one is no finding.
        files: its released weights.
        points_in_file: whether operating points come inside the weights' files.
        stages: the names of the network's coarse layers, in its order, as upstream calls them; none where they are not
            known before it is built. A finer layer's name begins with its stage's: `layer4.2`.
    """

    name: str
    set: ClassifierSet
    labels: tuple[str, ...]
    files: tuple[WeightsFile, ...]
    points_in_file: bool = False
    stages: tuple[str, ...] = ()

    def goes_below_0(self, recipe: Recipe) -> bool:
        """Return whether an activation that maps are made of can have values below 0, with no ReLU at the layer's end.

        The last one is rectified in every family here; of a network of the site's own nothing is known.
        """
        if recipe.layers == "several":
            return any(stage.startswith("denseblock") for stage in self.stages)  # the stage before the last is one
        own = [name for name in recipe.names if name.partition(".")[0] in self.stages]
        return any(not _BLOCK.fullmatch(name) and _NOT_RECTIFIED.fullmatch(name.rpartition(".")[2]) for name in own)

    @property
    def weights(self) -> tuple[str, ...]:
        """The names of its released weights; `UNTRAINED` goes with any family."""
        return tuple(file.name for file in self.files)

    @property
    def has_operating_points(self) -> bool:
        """Whether there are operating points without the configuration giving any."""
        return self.points_in_file or any(file.operating_points is not None for file in self.files)

    def outputs(self, weights: str) -> Mapping[str, int]:
        """Return known label → index of its output, in the network's order; see `operating_points`."""
        known = self.operating_points(weights)
        return {label: index for index, label in enumerate(self.labels) if label and (known is None or label in known)}

    def operating_points(self, weights: str) -> Mapping[str, float] | None:
        """Return label → published operating point, None where none are published.

        Args:
            weights: one of `weights`; untrained networks are given the labels of the first of them.

        Raises:
            KeyError: if the family has no such weights.
        """
        by_name = {file.name: file.operating_points for file in self.files}
        return by_name[self.files[0].name if weights == UNTRAINED else weights]


_RELEASE = "https://github.com/mlmed/torchxrayvision/releases/download/v1/"

# torchxrayvision keeps the same in `models.model_urls` and `datasets.default_pathologies`, whose import takes seconds
# and PyTorch; a test compares. The columns: DenseNet121 trained on everything, NIH, PadChest, CheXpert, RSNA,
# MIMIC-CXR by NegBio and by CheXpert; ResNet50. The rows are in the order of the networks' outputs.
_OPERATING_POINTS: Mapping[str, tuple[float | None, ...]] = {
    "Atelectasis": (0.07422872, 0.039117552, 0.031012505, 0.1988969, None, 0.08558747, 0.09121389, 0.51570356),
    "Consolidation": (0.038290843, 0.0034529066, 0.013347598, 0.05710573, None, 0.011884617, 0.010573786, 0.50444704),
    "Infiltration": (0.09814756, 0.11396341, 0.081435576, None, None, None, None, 0.53787947),
    "Pneumothorax": (0.0098118475, 0.0057298196, 0.001262615, 0.0531293, None, 0.0040595434, 0.005023008, 0.50723547),
    "Edema": (0.023601074, 0.00045666535, 0.002587246, 0.1435217, None, 0.010733786, 0.003698257, 0.5025118),
    "Emphysema": (0.0022490358, 0.0018880932, 0.0035944257, None, None, None, None, 0.5035252),
    "Fibrosis": (0.010060724, 0.012037827, 0.0023071, None, None, None, None, 0.5038076),
    "Effusion": (0.103246614, 0.038744126, 0.055412333, 0.27212676, None, 0.118761964, 0.08001232, 0.51862943),
    "Pneumonia": (0.056810737, 0.0037213727, 0.044385884, 0.07749717, 0.13486601, 0.022924708, 0.037242252, 0.5078151),
    "Pleural_Thickening": (0.026791653, 0.014730946, 0.042766232, None, None, None, None, 0.50724894),
    "Cardiomegaly": (0.050318155, 0.016149804, 0.043258056, 0.19712369, None, 0.06358637, 0.05006329, 0.5056339),
    "Nodule": (0.023985857, 0.054241467, 0.037629247, None, None, None, None, 0.510706),
    "Mass": (0.01939503, 0.037198864, 0.005658899, None, None, None, None, 0.5053923),
    "Hernia": (0.042889766, 0.0004403434, 0.0091741895, None, None, None, None, 0.5020846),
    "Lung Lesion": (0.053369623, None, None, 0.09932402, None, 0.022143636, 0.019866971, None),
    "Fracture": (0.035975814, None, 0.026507627, 0.09273402, None, 0.017476924, 0.03823637, 0.5080557),
    "Lung Opacity": (0.20204692, None, None, 0.3270967, 0.13511065, 0.1258702, 0.11303808, 0.5138526),
    "Enlarged Cardiomediastinum": (0.05015312, None, None, 0.10888247, None, 0.014020768, 0.0069147074, None),
}
_LABELS = tuple(_OPERATING_POINTS)


def _released(column: int, name: str, file_name: str, size: int, *, approximate: bool = True) -> WeightsFile:
    points = {label: row[column] for label, row in _OPERATING_POINTS.items()}
    known = {label: point for label, point in points.items() if point is not None}
    return WeightsFile(name, file_name, f"{_RELEASE}{file_name}", size, approximate, known)


def _densenet(column: int, trained_on: str, file_start: str, size: int, *, approximate: bool = True) -> WeightsFile:
    file_name = f"{file_start}-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt"
    return _released(column, f"densenet121-res224-{trained_on}", file_name, size, approximate=approximate)


def _packaged(*names: str) -> tuple[WeightsFile, ...]:
    return tuple(WeightsFile(name, f"{name}.safetensors", url=None, size=None) for name in names)


TEACHING_LABELS = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Effusion",
    "Mass",
    "Nodule",
    "Pneumothorax",
)
"""What a teaching network's outputs are called, in their order: all that a phantom can have."""

_RESNET_STAGES = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")


def _densenet_stages(blocks: int) -> tuple[str, ...]:
    between = [(f"denseblock{number}", f"transition{number}") for number in range(1, blocks)]
    return (
        "conv0",
        "norm0",
        "relu0",
        "pool0",
        *(name for pair in between for name in pair),
        f"denseblock{blocks}",
        "norm5",
    )


_JFHEALTHCARE_FILE = "baseline_models_jfhealthcare-DenseNet121_pre_train.pth"

FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family(
            "densenet",
            CLINICAL,
            _LABELS,
            (
                _densenet(0, "all", "nih-pc-chex-mimic_ch-google-openi-kaggle", 28_382_008, approximate=False),
                _densenet(1, "nih", "nih", 28_400_000),
                _densenet(2, "pc", "pc", 28_400_000),
                _densenet(3, "chex", "chex", 28_400_000),
                _densenet(4, "rsna", "kaggle", 28_400_000),
                _densenet(5, "mimic_nb", "mimic_nb", 28_400_000),
                _densenet(6, "mimic_ch", "mimic_ch", 28_400_000),
            ),
            stages=_densenet_stages(4),
        ),
        Family(
            "resnet",
            CLINICAL,
            _LABELS,
            (_released(7, "resnet50-res512-all", "pc-nih-rsna-siim-vin-resnet50-test512-e400-state.pt", 94_000_000),),
            stages=_RESNET_STAGES,
        ),
        Family(
            "jfhealthcare",
            CLINICAL,
            ("Cardiomegaly", "Edema", "Consolidation", "Atelectasis", "Effusion"),
            (
                WeightsFile(
                    "jfhealthcare-densenet121", _JFHEALTHCARE_FILE, f"{_RELEASE}{_JFHEALTHCARE_FILE}", 51_000_000
                ),
            ),
            stages=_densenet_stages(4),
        ),
        Family(
            "teaching-densenet",
            TEACHING,
            TEACHING_LABELS,
            _packaged("teaching-densenet"),
            points_in_file=True,
            stages=_densenet_stages(2),
        ),
        Family(
            "teaching-resnet",
            TEACHING,
            TEACHING_LABELS,
            _packaged("teaching-resnet", "teaching-shortcut"),
            points_in_file=True,
            stages=_RESNET_STAGES,
        ),
        Family(
            "teaching-jfhealthcare",
            TEACHING,
            TEACHING_LABELS,
            _packaged("teaching-jfhealthcare"),
            points_in_file=True,
            stages=(*_densenet_stages(2), "pyramid_attention"),
        ),
    )
}
"""The configuration's `model_type` → family."""


def family_of_own(labels: tuple[str, ...], checkpoint: Path) -> Family:
    """Return what is known of a network of the site's own: what the configuration says.

    Args:
        labels: as of `Family`.
        checkpoint: the file of its weights, after which these are called.
    """
    file = WeightsFile(checkpoint.name, checkpoint.name, url=None, size=None, path=checkpoint)
    return Family(TORCH, SITE, labels, (file,))
