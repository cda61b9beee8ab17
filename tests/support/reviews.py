"""Reviews of made films by the small networks of `networks.py`, ready to be drawn and written."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.reviewing.analysis import Analysis
from ensemble_cam.reviewing.pipeline import analyse
from ensemble_cam.reviewing.review import Review, RunInfo
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.settings import Settings
from support import films
from support.networks import bright_classifier

RUN = RunInfo("clinical", "stored", False, "cpu", "torch", "float32")


def dotted(width: int, height: int, x: int, y: int) -> np.ndarray:
    """Return (h, w) uint8: a dark film, brightest at one pixel and darker evenly around it."""
    ys, xs = np.mgrid[0:height, 0:width]
    return np.clip(250 - 2 * np.hypot(xs - x, ys - y), 20, 250).astype(np.uint8)


def two_classifiers() -> list[Classifier]:
    """Return two classifiers of different grids that share one label of three; the second is uncalibrated."""
    return [
        bright_classifier("fine", logits={"Mass": 1.0, "Pleural_Thickening": -0.2}, cells=16),
        bright_classifier("coarse", logits={"Mass": -0.5, "Lung Lesion": 0.1}, cells=8, calibrated=False),
    ]


def made_review(
    pixels: np.ndarray | bytes | None = None,
    *,
    classifiers: Sequence[Classifier] | None = None,
    display: Display | None = None,
    **settings: object,
) -> Review:
    """Return the review of a film, given as pixels or as a file; `settings` are those of `Settings`."""
    data = pixels if isinstance(pixels, bytes) else films.png(films.film() if pixels is None else pixels)
    radiograph = read_radiograph(data)
    analysis = analyse(radiograph, two_classifiers() if classifiers is None else classifiers, Settings(**settings))
    return Review(analysis, Display() if display is None else display, RUN)


def bits(analysis: Analysis) -> dict:
    """Return everything that was computed, as bytes: of classifiers that did not fail."""
    return {
        "ranking": [(ranked.label, ranked.score, dict(ranked.scores)) for ranked in analysis.ranking],
        "scores": {result.id: dict(result.scores) for result in analysis.results if not result.failure},
        "maps": {
            (finding.label, id): [grid.tobytes() for grid in heatmap.grids]
            for finding in analysis.findings
            for id, heatmap in finding.heatmaps().items()
        },
        "raw": {(f.label, id): cam.grid.tobytes() for f in analysis.findings for id, cam in f.maps.items()},
        "weights": [finding.ensemble and finding.ensemble.weights for finding in analysis.findings],
    }


def with_cell_changed(analysis: Analysis) -> Analysis:
    """Return the same review with another value in one cell, in the middle of one map."""
    finding = max(analysis.findings, key=lambda each: len(each.maps))
    id, cam = next(iter(finding.maps.items()))
    grid = cam.grids[0].copy()
    middle = len(grid) // 2, len(grid) // 2
    grid[middle] = 0.9 if grid[middle] < 0.5 else 0.1
    behind = [grid if each is cam.grids[0] else each for each in finding.ensemble.grids]
    changed = replace(
        finding,
        maps={**finding.maps, id: replace(cam, grids=(grid,))},
        ensemble=replace(finding.ensemble, grids=tuple(behind)),
    )
    return replace(analysis, findings=tuple(changed if each is finding else each for each in analysis.findings))
