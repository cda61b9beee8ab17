"""The methods: what each map is called, where it comes from, what it shows, costs and hides. `maps.cams` computes them.

What a method costs is told beside a review's own work, one run of each network. All words are for readers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ensemble_cam.errors import ConfigError, did_you_mean

Kind = Literal["gradient", "activation", "ablation", "score", "guided", "rollout", "pixels"]
Fusion = Literal["mean", "max", "min"]

FUSIONS: tuple[Fusion, ...] = ("mean", "max", "min")
"""What makes one map of an attention layer's heads in a rollout."""

LAYERS = ("last", "several")
"""Which activations a map is made of: the one that the head pools, or that and the stage before it."""


@dataclass(frozen=True)
class Method:
    """A way to make a map.

    Attributes:
        name: as in settings and files.
        title: as people write it.
        kind: what it needs: the activation and its gradients; the activation alone; the head again for every channel;
            the whole network again for every channel; or the gradients through the whole network.
        package_class: the `grad-cam` package's class of the same method, which ours is held to.
        source: the paper.
        shows: what the map shows, in half a sentence.
        costs: what it takes, in half a sentence.
        beware: when not to trust it, in half a sentence.
        by_label: False where the map is the same for every label.
    """

    name: str
    title: str
    kind: Kind
    package_class: str
    source: str
    shows: str
    costs: str
    beware: str
    by_label: bool = True

    @property
    def line(self) -> str:
        """All that a reader has to know of it."""
        return f"{self.title}: {self.shows}. Costs {self.costs}. {self.beware[0].upper()}{self.beware[1:]}."


_NEXT_TO_NOTHING = "next to nothing"

METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method(
            "gradcam++",
            "Grad-CAM++",
            "gradient",
            "GradCAMPlusPlus",
            "arXiv:1710.11063",
            shows="channels that raise the finding's logit, each by its gradient where that is positive",
            costs=_NEXT_TO_NOTHING,
            beware="what speaks against the finding is left out, so it lights up for absent findings too",
        ),
        Method(
            "gradcam",
            "Grad-CAM",
            "gradient",
            "GradCAM",
            "arXiv:1610.02391",
            shows="channels weighted by their mean gradient, for and against the finding",
            costs=_NEXT_TO_NOTHING,
            beware="often empty for findings that are not called, and blurs several places into one",
        ),
        Method(
            "hirescam",
            "HiResCAM",
            "gradient",
            "HiResCAM",
            "arXiv:2011.08891",
            shows="cell by cell, what adds to the logit: exact where the head is an average and a linear layer",
            costs=_NEXT_TO_NOTHING,
            beware="behind JF Healthcare's attention it is exact no longer",
        ),
        Method(
            "elementwise",
            "Grad-CAM element-wise",
            "gradient",
            "GradCAMElementWise",
            "arXiv:2011.08891 (HiResCAM, its positive part for each channel)",
            shows="cell by cell, what adds to the logit, each channel's positive part alone",
            costs=_NEXT_TO_NOTHING,
            beware="what speaks against the finding is left out, so it lights up for absent findings too",
        ),
        Method(
            "layercam",
            "LayerCAM",
            "gradient",
            "LayerCAM",
            "doi:10.1109/TIP.2021.3089943",
            shows="cell by cell, activation times positive gradient; made for early, finer layers",
            costs=_NEXT_TO_NOTHING,
            beware="what speaks against the finding is left out, so it lights up for absent findings too",
        ),
        Method(
            "xgradcam",
            "XGrad-CAM",
            "gradient",
            "XGradCAM",
            "arXiv:2008.02312",
            shows="channels weighted by gradient times their share of the activation",
            costs=_NEXT_TO_NOTHING,
            beware="behind an average and a linear layer it is Grad-CAM again",
        ),
        Method(
            "ablationcam",
            "Ablation-CAM",
            "ablation",
            "AblationCAM",
            "doi:10.1109/WACV45572.2020.9093360",
            shows="channels by how far the logit falls when each is taken away; no gradient is used",
            costs="next to nothing, but half a minute for JF Healthcare, whose attention runs anew for every channel",
            beware="channels that stand in for one another all count as nothing",
        ),
        Method(
            "scorecam",
            "Score-CAM",
            "score",
            "ScoreCAM",
            "arXiv:1910.01279",
            shows="channels by the logit of the film seen through each of them; no gradient is used",
            costs="one run of the network for each channel, a thousand or two: minutes",
            beware="a film behind a mask is unlike any film that the network was trained on",
        ),
        Method(
            "eigencam",
            "Eigen-CAM",
            "activation",
            "EigenCAM",
            "arXiv:2008.00299",
            shows="where the network is active at all, by the first principal component of its channels",
            costs=_NEXT_TO_NOTHING,
            beware="it is the same for every finding, so it explains none of them",
            by_label=False,
        ),
        Method(
            "eigengradcam",
            "Eigen-Grad-CAM",
            "gradient",
            "EigenGradCAM",
            "arXiv:2008.00299",
            shows="the first principal component of activation times gradient",
            costs="little: a decomposition for each map",
            beware="a component has no sign of its own; its larger half is taken for the positive one",
        ),
        Method(
            "guidedgradcam",
            "Guided Grad-CAM",
            "guided",
            "GuidedBackpropReLUModel",
            "arXiv:1610.02391, section 3.2",
            shows="the pixels that Grad-CAM's region was read from, at the network's own resolution",
            costs="a run and a way back through the whole network for each map: about three times a review",
            beware="guided backpropagation draws edges much alike for every finding, and for untrained networks, too",
        ),
    )
}

ROLLOUT = Method(
    "rollout",
    "Attention rollout",
    "rollout",
    "",
    "arXiv:2005.00928",
    shows="which patches a vision transformer's attention goes back to, through all of its layers",
    costs=_NEXT_TO_NOTHING,
    beware="it is the same for every class, so it explains none of them; no value that is attended to is looked at",
    by_label=False,
)
"""Of vision transformers alone."""

INTEGRATED_GRADIENTS = Method(
    "integratedgradients",
    "Integrated gradients",
    "pixels",
    "",
    "arXiv:1703.01365",
    shows="pixel by pixel, what the way from a black picture to this one adds to the class",
    costs="50 runs of the network and ways back",
    beware="it is speckled, and what is black in the picture counts for nothing",
)

SMOOTHGRAD = Method(
    "smoothgrad",
    "SmoothGrad",
    "pixels",
    "",
    "arXiv:1706.03825",
    shows="pixel by pixel, how far the class would move, over pictures with noise",
    costs="50 runs of the network and ways back",
    beware="a gradient's size says not whether a pixel speaks for the class or against it",
)
"""For comparison: both are maps of pixels, of any network, and have no layer."""

METHODS_OF_ANY_NETWORK: Mapping[str, Method] = {
    **{name: method for name, method in METHODS.items() if method.kind != "guided"},
    ROLLOUT.name: ROLLOUT,
    INTEGRATED_GRADIENTS.name: INTEGRATED_GRADIENTS,
    SMOOTHGRAD.name: SMOOTHGRAD,
}
"""Those that need no more of a network than its activation and what comes behind it; rollout; and those of pixels."""

UNSTABLE_BELOW_0 = ("gradcam++", "xgradcam")
"""Methods whose denominators cross 0 where an activation has values below 0."""

_PRINCIPAL = ("eigencam", "eigengradcam")
# Sign: Chung and Ying 2025, Seg-Eigen-CAM, doi:10.3390/app15137562, equation 13.

AUG_SMOOTH = "the mean over the film and its mirror image at 0.9, 1 and 1.1 times the contrast. Costs six reviews"
EIGEN_SMOOTH = "the first principal component of the weighted channels instead of their sum. Costs little"
SEVERAL_LAYERS = "the mean with the map of the stage before, on its finer grid. Costs one more run of each network"


@dataclass(frozen=True)
class RolloutOptions:
    """How attention is rolled out.

    Attributes:
        fusion: one of `FUSIONS`.
        discard: the share of patches, the least attended ones of each row, that are set to 0; from 0 to below 1.

    Raises:
        ConfigError: if a value is not allowed.
    """

    fusion: Fusion = "mean"
    discard: float = 0.0

    def __post_init__(self) -> None:
        if self.fusion not in FUSIONS:
            meant, allowed = did_you_mean(str(self.fusion), FUSIONS), ", ".join(FUSIONS)
            raise ConfigError(f"fusion: got {self.fusion!r}; allowed: one of {allowed}.{meant}")
        if isinstance(self.discard, bool) or not isinstance(self.discard, int | float) or not 0 <= self.discard < 1:
            raise ConfigError(f"discard: got {self.discard!r}; allowed: a number from 0 to below 1.")

    @classmethod
    def asked(cls, method: object, **given: object) -> "RolloutOptions":
        """Return the options that were given by name, None for those that were not.

        Raises:
            ConfigError: if a value is not allowed, or the method is another.
        """
        there = {name: value for name, value in given.items() if value is not None}
        if there and method != ROLLOUT.name:
            raise ConfigError(f"{next(iter(there))}: it is of method rollout alone. Leave it out, or take rollout.")
        return cls(**there)  # type: ignore[arg-type]  # checked as it is made

    @property
    def line(self) -> str:
        """What was done, in words."""
        left_out = f", the least {self.discard:.0%} of patches discarded" if self.discard else ""
        return f"{self.fusion} of the heads{left_out}"


@dataclass(frozen=True)
class Recipe:
    """How a map is made.

    Attributes:
        method: a key of `METHODS`.
        layers: one of `LAYERS`; or names of layers, with commas between, of which each classifier takes its own.
        aug_smooth: average over six changed films, see `AUG_SMOOTH`; the package's `aug_smooth`.
        eigen_smooth: see `EIGEN_SMOOTH`; the package's `eigen_smooth`.

    Raises:
        ConfigError: if the parts do not go together.
    """

    method: str = "gradcam++"
    layers: str = "last"
    aug_smooth: bool = False
    eigen_smooth: bool = False

    def __post_init__(self) -> None:
        for reason in self.conflicts(self.method, self.layers, self.aug_smooth, self.eigen_smooth):
            raise ConfigError(reason)

    @staticmethod
    def conflicts(method: str, layers: str = "last", aug_smooth: bool = False, eigen_smooth: bool = False) -> list[str]:
        """Return why the parts of a recipe do not go together, a sentence each; none where they do."""
        told, found = METHODS[method], []
        if layers != "last" and told.kind not in ("gradient", "activation"):
            found.append(f"layers: {told.title} is made of the last layer alone. Take 'last', or another method.")
        if eigen_smooth and (method in _PRINCIPAL or told.kind == "guided"):
            found.append(f"eigen_smooth: {told.title} sums no channels, so there is nothing to smooth. Leave it out.")
        if aug_smooth and told.kind == "guided":
            found.append(f"aug_smooth: {told.title} is a picture of pixels, which an average blurs. Leave it out.")
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """The layers that are asked for by name, each once; none where the last or several are."""
        return () if self.layers in LAYERS else tuple(dict.fromkeys(self.layers.split(",")))

    @property
    def by_the_label(self) -> bool:
        """Whether every further label costs about as much as the first: a review then makes as few maps as it can."""
        return self.method in ("eigengradcam", "guidedgradcam") or self.eigen_smooth

    @property
    def line(self) -> str:
        """How the map was made, for people: the method's name and what was done besides."""
        parts = [METHODS[self.method].title]
        parts += ["last two stages averaged"] if self.layers == "several" else []
        parts += [f"of layer {self.names[0]}"] if len(self.names) == 1 else []
        parts += [f"of each network's own among {', '.join(self.names)}"] if len(self.names) > 1 else []
        parts += ["averaged over six changed films"] if self.aug_smooth else []
        parts += ["principal component of the channels"] if self.eigen_smooth else []
        return ", ".join(parts)
