"""Where a result comes from: what every export has to say of itself."""

import platform
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from ensemble_cam import __version__
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.reviewing.review import Review
from ensemble_cam.reviewing.sentences import exact, method_line, weighted_line
from ensemble_cam.settings.display import Display


@cache
def software() -> Mapping[str, str]:
    """Return the versions that a result depends on."""
    return {"ensemble-cam": __version__, **_versions(("torch", "torchvision", "torchxrayvision", "openvino"))}


@cache
def packages() -> Mapping[str, str]:
    """Return the versions of what decodes films and brings them to a network's size.

    Another one may read a lossy picture a grey value otherwise, or round otherwise; a finished review stays finished.
    """
    decoders = ("pillow", "pydicom", "pylibjpeg-openjpeg", "pyjpegls", "python-gdcm")
    return {"python": platform.python_version(), **_versions(("numpy", "scipy", "opencv-python-headless", *decoders))}


def _versions(names: Iterable[str]) -> dict[str, str]:
    found = {}
    for name in names:
        with suppress(PackageNotFoundError):  # OpenVINO is an extra, and OpenCV may be there under another name
            found[name] = version(name)
    return found


def origin(review: Review) -> dict[str, str]:
    """Return what every picture carries in its text chunks.

    They stand before the pixels, and what decides on a picture stands in them to the last digit: a browser or a cache
    that tells pictures apart by their heads alone never takes one review's for another's.
    """
    return {
        "Disclaimer": PURPOSE,
        **({"Case": review.case} if review.case is not None else {}),
        **({"Notice": review.notice} if review.notice else {}),
        **({"Warning": " ".join(review.warnings)} if review.warnings else {}),
        "Software": ", ".join(f"{name} {number}" for name, number in software().items()),
        "Film SHA-256": review.analysis.radiograph.sha256,
        "Classifiers": "; ".join(weighted_line(review.analysis, result) for result in review.analysis.results),
        "Method": method_line(review),
        "Findings": ", ".join(finding.label for finding in review.analysis.findings),
        "Window": window_line(review),
        "Threshold": exact(review.display.threshold),
        "Drawing": _drawing_line(review.display),
    }


def window_line(review: Review) -> str:
    """Return how the film's stored values became the greys of its pictures, in one line."""
    greys = review.analysis.radiograph.greys
    line = "as the file declares"
    if greys.window is not None:
        center, width = map(exact, greys.window)
        line = f"center {center}, width {width}"
    return f"{line}, inverted for the reader alone" if greys.inverted else line


def _drawing_line(display: Display) -> str:
    if not display.overlays:
        return "film alone"
    if display.style == "contour":
        return "contour alone"
    line = f"{display.colormap}, opacity {exact(display.opacity)}"
    return f"{line}, without contour" if display.style == "heatmap" else line
