"""Where a result comes from: what every export has to say of itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

from ensemble_cam import __version__
from ensemble_cam.analysis import Analysis, ClassifierResult
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.rendering import Display


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


@cache
def software() -> Mapping[str, str]:
    """Return the versions that a result depends on."""
    return {"ensemble-cam": __version__, "torch": version("torch")}


def origin(review: Review) -> dict[str, str]:
    """Return what every picture carries in its text chunks."""
    weights = review.analysis.settings.ensemble_weights
    return {
        "Disclaimer": PURPOSE,
        "Software": ", ".join(f"{name} {number}" for name, number in software().items()),
        "Film SHA-256": review.analysis.radiograph.sha256,
        "Classifiers": "; ".join(
            f"{describe(result)}, ensemble weight {weights[result.id]:g}" for result in review.analysis.results
        ),
        "Method": f"{review.analysis.settings.method}, {review.analysis.settings.framing} framing, "
        f"{review.run.intensity} intensity",
        "Findings": ", ".join(finding.label for finding in review.analysis.findings),
        "Threshold": f"{review.display.threshold:g}",
        "Drawing": f"{review.display.colormap}, opacity {review.display.opacity:g}",
    }


def describe(result: ClassifierResult) -> str:
    """Return a classifier with its weights and their hash, in one line."""
    weights = result.classifier.weights
    parts = [f"{result.classifier.config.name}: {weights.name}"]
    if weights.sha256:
        parts.append(f"SHA-256 {weights.sha256}")
    if weights.remark:
        parts.append(weights.remark)
    return ", ".join(parts)
