"""Where a result comes from: what every export has to say of itself."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from ensemble_cam import __version__
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.rendering.overlay import Display
from ensemble_cam.reviewing.analysis import Analysis, ClassifierResult, Finding


@dataclass(frozen=True)
class RunInfo:
    """How a review was run, beyond its settings; it stands in every output.

    Attributes:
        set: the set of classifiers.
        intensity: what the networks saw, "stored" or "windowed".
        rescale: whether a narrow range was to be stretched.
        device: "cpu", "cuda" or "mps".
        runtime: what ran the backbones.
        precision: in which the networks computed.
    """

    set: str
    intensity: str
    rescale: bool
    device: str
    runtime: str
    precision: str


@dataclass(frozen=True, eq=False)
class Review:
    """A film's analysis with what it is drawn like and how it was run: all that an export needs."""

    analysis: Analysis
    display: Display
    run: RunInfo

    @property
    def notice(self) -> str | None:
        """What every output says of the set of classifiers; None for the clinical one."""
        return self.analysis.classifier_set.notice

    @property
    def warnings(self) -> tuple[str, ...]:
        """What every output says of the film: beside these classifiers first, then what its file gave cause to."""
        radiograph = self.analysis.radiograph
        cautions = self.analysis.classifier_set.cautions(phantom=radiograph.phantom)
        return (*cautions, *radiograph.warnings)


@cache
def software() -> Mapping[str, str]:
    """Return the versions that a result depends on."""
    others = ("torch", "torchvision", "torchxrayvision", "openvino")
    found = {"ensemble-cam": __version__}
    for name in others:
        with suppress(PackageNotFoundError):  # OpenVINO is an extra
            found[name] = version(name)
    return found


def origin(review: Review) -> dict[str, str]:
    """Return what every picture carries in its text chunks.

    They stand before the pixels, and what decides on a picture stands in them to the last digit: a browser or a cache
    that tells pictures apart by their heads alone never takes one review's for another's.
    """
    weights = review.analysis.settings.ensemble_weights
    return {
        "Disclaimer": PURPOSE,
        **({"Notice": review.notice} if review.notice else {}),
        **({"Warning": " ".join(review.warnings)} if review.warnings else {}),
        "Software": ", ".join(f"{name} {number}" for name, number in software().items()),
        "Film SHA-256": review.analysis.radiograph.sha256,
        "Classifiers": "; ".join(
            f"{describe(result)}, ensemble weight {_exact(weights[result.id])}" for result in review.analysis.results
        ),
        "Method": method_line(review),
        "Findings": ", ".join(finding.label for finding in review.analysis.findings),
        "Window": window_line(review),
        "Threshold": _exact(review.display.threshold),
        "Drawing": _drawing_line(review.display),
    }


def window_line(review: Review) -> str:
    """Return how the film's stored values became the greys of its pictures, in one line."""
    greys = review.analysis.radiograph.greys
    line = "as the file declares"
    if greys.window is not None:
        center, width = map(_exact, greys.window)
        line = f"center {center}, width {width}"
    return f"{line}, inverted" if greys.inverted else line


def _drawing_line(display: Display) -> str:
    if not display.overlays:
        return "film alone"
    if display.style == "contour":
        return "contour alone"
    line = f"{display.colormap}, opacity {_exact(display.opacity)}"
    return f"{line}, without contour" if display.style == "heatmap" else line


def _exact(number: float) -> str:
    """Write a number in as few digits as read back to the same one."""
    return repr(float(number)).removesuffix(".0")


def method_line(review: Review) -> str:
    """Return how the maps were made and what the networks were shown, in one line."""
    parts = [review.analysis.settings.recipe.line, f"{review.analysis.settings.framing} framing"]
    parts.append(f"{review.run.intensity} intensity")
    if review.analysis.radiograph.rescaled:
        parts.append("narrow range stretched")
    return ", ".join(parts)


def verdict(called: bool | None) -> str:
    """Return how a score stands to its operating point in words; None for a score that has none."""
    return {True: "called", False: "not called", None: "uncalibrated"}[called]


def behind(analysis: Analysis, finding: Finding) -> str:
    """Return which classifiers are behind a finding's ensemble map, and behind its score if others are, in words."""
    if finding.ensemble is None:
        return "no ensemble map"

    def names(ids: tuple[str, ...]) -> str:
        return ", ".join(analysis.result(id).classifier.config.name for id in ids)

    text = f"ensemble of {names(finding.ensemble.classifiers)}"
    if len(finding.ensemble.classifiers) == 1:
        text += " alone"
    if finding.ensemble.empty_classifiers:
        text += f" (empty: {names(finding.ensemble.empty_classifiers)})"
    scoring = tuple(
        result.id
        for result in analysis.results
        if result.classifier.calibrated is finding.ranked.score.calibrated
        and finding.label in result.scores
        and analysis.settings.ensemble_weights[result.id] > 0
    )
    return text if scoring == finding.ensemble.classifiers else f"{text}, score of {names(scoring)}"


def describe(result: ClassifierResult) -> str:
    """Return a classifier with its weights and their hash, in one line."""
    weights = result.classifier.weights
    parts = [f"{result.classifier.config.name}: {weights.name}"]
    if weights.sha256:
        parts.append(f"SHA-256 {weights.sha256}")
    if weights.remark:
        parts.append(weights.remark)
    return ", ".join(parts)
