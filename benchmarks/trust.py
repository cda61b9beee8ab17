"""Print whether measures of maps tell right from wrong where the truth is planted: the teaching set on fresh phantoms.

    uv run python benchmarks/trust.py [--pairs 300] [--seed 9500000] [--json FILE]

Each pair is a drawn film with one finding planted and one of the three teaching networks, in turns. Measured are

- the planted mask, taken for a map, beside the same mask at another place of the film: equal area, equal shape;
- the network's Grad-CAM map beside itself at another place;
- the logit's fall when the mask is drawn over by ROAD's imputation, and when the moved mask is;
- for a network of the family with seeded values, which has learned nothing, its own map and the mask, likewise;
- for every third pair the shortcut network's map beside the mask, and the rank correlation of Grad-CAM, Guided Grad-CAM
  and Eigen-CAM with their maps of a network whose values are shuffled.

A row is the mean over pairs of a difference that is above 0 where the measure is right, its interval of 95 % (Student's
t, paired), and the share of pairs in which it is.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from scipy.stats import t

from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.errors import ClassifierError
from ensemble_cam.film.geometry import Geometry
from ensemble_cam.film.radiograph import Radiograph, read_radiograph
from ensemble_cam.machine.terminal import TerminalLine
from ensemble_cam.machine.threads import multiply_in_one_thread
from ensemble_cam.maps.cams import cam_grids, expose
from ensemble_cam.phantom import FINDINGS, draw_phantom
from ensemble_cam.phantom.files import film_name, phantom_files
from ensemble_cam.reviewing.pipeline import model_input
from ensemble_cam.settings.config import load_config
from ensemble_cam.settings.methods import Recipe
from ensemble_cam.settings.metrics import METRICS
from ensemble_cam.settings.sets import TEACHING
from ensemble_cam.settings.vocabulary import UNTRAINED
from ensemble_cam.validation.faithfulness import measure_map
from ensemble_cam.validation.imputation import impute
from ensemble_cam.validation.sanity import check_map
from ensemble_cam.validation.shown import Shown
from ensemble_cam.validation.subjects import MapOf, peer_of, shown_film

FIRST_SEED, SIZE = 9_500_000, 256
CURVES = ("deletion", "insertion", "road")
SHUFFLED = ("gradcam", "guidedgradcam", "eigencam")
SHORTCUT = "teaching-shortcut"
EVERY = 3  # pairs, of which one has the rows that take long

Row = dict[str, float]


def pairs(count: int, seed: int = FIRST_SEED, *, slow: bool = True) -> Iterator[Row]:
    """Yield name of a row → difference, of each film–finding pair; names are those of `TITLES`."""
    networks = [each.id for each in load_config().for_review(TEACHING.name)]
    for number in range(count):
        finding = FINDINGS[number % len(FINDINGS)]
        phantom = draw_phantom(seed + number, size=SIZE, findings=[finding])
        film = read_radiograph(phantom_files(phantom, 0)[film_name(0, "png")])
        id = networks[number // len(FINDINGS) % len(networks)]
        yield pair(film, phantom.masks[finding], finding, id, slow=slow and number % EVERY == 0)


def pair(film: Radiograph, mask: np.ndarray, finding: str, id: str, *, slow: bool) -> Row:
    """Return the differences of one pair."""
    one = map_of(film, finding, loaded(id), "gradcam")
    planted = mask_map(one, film, mask)
    row = {f"mask {name}": value for name, value in gains(planted).items()}
    row |= {f"map {name}": value for name, value in gains(one).items()}
    row |= falls(planted)
    nobody = map_of(film, finding, loaded(id, UNTRAINED))
    row |= {f"untrained {name}": value for name, value in gains(nobody).items() if name == "road"}
    row |= {f"untrained mask {name}": value for name, value in gains(mask_map(nobody, film, mask)).items()}
    if slow:
        shortcut = map_of(film, finding, loaded(SHORTCUT), "gradcam")
        if figures := figures_of(shortcut):
            of_mask = figures_of(mask_map(shortcut, film, mask))
            row |= {f"shortcut {name}": oriented(name, figures[name] - of_mask[name]) for name in CURVES}
        row |= shuffled(film, finding, loaded(id))
    return row


@cache
def loaded(id: str, weights: str | None = None) -> Classifier:
    """Return a classifier, loaded once."""
    return load_classifier(load_config().classifier(id), weights=weights, runtime="openvino")


def map_of(film: Radiograph, finding: str, classifier: Classifier, method: str = "gradcam") -> MapOf:
    """Return a network's map of a finding."""
    pixels = model_input(film, framing="crop", size=classifier.config.input_size)
    output = classifier.outputs[finding]
    (grid,) = cam_grids(Recipe(method), expose(classifier, pixels), [output])
    return MapOf(finding, classifier.id, method, shown_film(classifier, film, "crop", pixels), output, grid)


def mask_map(one: MapOf, film: Radiograph, mask: np.ndarray) -> MapOf:
    """Return the planted mask as a map on the network's pixels, 0 or 1."""
    side = len(one.shown.inside)
    x0, y0, x1, y1 = Geometry.framed((film.width, film.height), framing="crop", cells=side).crop
    small = cv2.resize(mask[y0:y1, x0:x1].astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
    return MapOf(one.finding, one.classifier, "mask", one.shown, one.output, (small >= 0.5).astype(np.float32))


def figures_of(one: MapOf) -> Mapping[str, float]:
    """Return a map's figures; none where it is the same everywhere."""
    try:
        return measure_map(one.shown, one.output, one.grid, CURVES).values
    except ClassifierError:
        return {}


def gains(one: MapOf) -> Row:
    """Return how much better a map does than itself at another place."""
    own, other = figures_of(one), figures_of(one.moved(seed=int(one.grid.size)))
    return {name: oriented(name, own[name] - other[name]) for name in own}


def oriented(name: str, difference: float) -> float:
    """Return a difference, turned round where lower is better."""
    return difference if METRICS[name].better == "higher" else -difference


def falls(planted: MapOf) -> Row:
    """Return how far the logit falls when the mask is drawn over, and how far when as much elsewhere is."""
    inside, moved = planted.grid > 0, planted.moved(seed=1).grid > 0
    outside = moved & ~inside
    if not inside.any() or not outside.any():
        return {}
    shown: Shown = planted.shown
    before, within, elsewhere = shown.answers(
        [shown.pixels, impute(shown.pixels, inside), impute(shown.pixels, outside)]
    )[:, planted.output]
    return {"fall inside": float(before - within), "fall outside": float(before - elsewhere)}


def shuffled(film: Radiograph, finding: str, classifier: Classifier) -> Row:
    """Return the rank correlations of maps with those of networks whose values are shuffled."""
    kept: dict = {}
    row: Row = {}
    for method in SHUFFLED:
        one = map_of(film, finding, classifier, method)
        peer = peer_of(classifier, Recipe(method), kept)
        names = ("randomisation_head", "randomisation_all")
        values, _ = check_map(one.shown, one.output, one.grid, peer, names)
        row |= {f"{method} {name}": value for name, value in values.items()}
    return row


TITLES: Mapping[str, str] = {
    **{f"mask {name}": f"planted mask over the mask moved: {name}" for name in CURVES},
    **{f"map {name}": f"Grad-CAM over itself moved: {name}" for name in CURVES},
    "fall inside": "fall of the logit, the mask drawn over",
    "fall outside": "fall of the logit, as much elsewhere drawn over",
    "untrained road": "untrained network's Grad-CAM over itself moved: road",
    **{f"untrained mask {name}": f"untrained network, mask over the mask moved: {name}" for name in CURVES},
    **{f"shortcut {name}": f"shortcut network's Grad-CAM over the planted mask: {name}" for name in CURVES},
    **{
        f"{method} randomisation_{depth}": f"{title}: rank correlation, {what} shuffled"
        for method, title in (
            ("gradcam", "Grad-CAM"),
            ("guidedgradcam", "Guided Grad-CAM"),
            ("eigencam", "Eigen-CAM"),
        )
        for depth, what in (("head", "head"), ("all", "everything"))
    },
}
"""Name of a row → what readers see."""


def summary(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Return name → n, mean, low, high, and the share of pairs above 0."""
    found = {}
    for name in TITLES:
        values = np.array([row[name] for row in rows if name in row])
        if len(values) < 2:
            continue
        reach = float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values)))
        mean = float(values.mean())
        found[name] = {
            "n": len(values),
            "mean": mean,
            "low": mean - reach,
            "high": mean + reach,
            "above": float((values > 0).mean()),
        }
    return found


def table(found: Mapping[str, Mapping[str, float]]) -> str:
    """Return the summary as Markdown."""
    lines = ["| | n | mean | interval | above 0 |", "| --- | --- | --- | --- | --- |"]
    for name, each in found.items():
        span = f"{each['low']:.2f} to {each['high']:.2f}"
        lines.append(f"| {TITLES[name]} | {each['n']} | {each['mean']:.2f} | {span} | {each['above']:.0%} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=FIRST_SEED)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    multiply_in_one_thread()
    line, rows = TerminalLine(sys.stderr), []
    for row in pairs(asked.pairs, asked.seed):
        rows.append(row)
        line.transient(f"{len(rows)} of {asked.pairs}")
    line.transient("")
    found = summary(rows)
    print(table(found))
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
