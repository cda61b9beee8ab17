"""Print how long measures of maps take, and ROAD beside the grad-cam package's, in one run.

    uv run python benchmarks/faithfulness.py [--findings 3] [--stop-at TIMES] [--without-package] [--all]
                                             [--weights-dir DIR]

One drawn film, the three clinical architectures (seeded values, or the weights in DIR), the findings that each scores
highest, Grad-CAM++ maps. ROAD combined by this program (solved to 1e-4 of the film's spread by conjugate gradients,
films in batches, one run of the whole film) and by `pytorch_grad_cam.metrics.road.ROADCombined` (for a map 18 systems
factorised and 36 films run one by one), each network by the package in PyTorch and here as reviews run it, in turns.
With `--stop-at 15` the package is stopped at a map once it has taken fifteen times as much of the processor's time as
ROAD took here: then the factor is one that it exceeds, and is printed with a `>`.
With `--all` then every measure, in seconds of the processor by part of the work.
"""

import argparse
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pytorch_grad_cam.metrics.road import ROADCombined
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn

from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.film.radiograph import Radiograph, read_radiograph
from ensemble_cam.machine.threads import multiply_in_one_thread
from ensemble_cam.maps.cams import cam_grids, expose
from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import film_name, phantom_files
from ensemble_cam.reviewing.pipeline import model_input
from ensemble_cam.settings.config import load_config
from ensemble_cam.settings.methods import Recipe
from ensemble_cam.settings.metrics import METRICS
from ensemble_cam.settings.sets import CLINICAL
from ensemble_cam.settings.vocabulary import UNTRAINED
from ensemble_cam.validation.faithfulness import measure_map, on_pixels
from ensemble_cam.validation.sanity import check_map
from ensemble_cam.validation.shown import Shown
from ensemble_cam.validation.subjects import peer_of, shown_film

SIDE, SEED = 1024, 7


@dataclass(frozen=True, eq=False)
class Case:
    """One finding's map by one network."""

    classifier: Classifier
    shown: Shown
    output: int
    grid: np.ndarray


def film() -> Radiograph:
    """Return the drawn film."""
    return read_radiograph(phantom_files(draw_phantom(SEED, size=SIDE), 0)[film_name(0, "png")])


def cases(radiograph: Radiograph, findings: int, weights_dir: Path | None) -> Iterator[Case]:
    """Yield the maps of each network's highest findings."""
    for config in load_config().for_review(CLINICAL.name):
        weights = None if weights_dir else UNTRAINED
        classifier = load_classifier(config, weights=weights, weights_dir=weights_dir, runtime="openvino")
        pixels = model_input(radiograph, framing="crop", size=config.input_size)
        exposure = expose(classifier, pixels)
        scores = classifier.scores(exposure.run.logits.tolist())
        outputs = [classifier.outputs[label] for label in sorted(scores, key=scores.__getitem__)[-findings:]]
        for output, grid in zip(outputs, cam_grids(Recipe(), exposure, outputs), strict=True):
            yield Case(classifier, shown_film(classifier, radiograph, "crop", pixels), output, grid)


class _Stopped(Exception):
    """The package has taken as long as it was let."""


def by_the_package(case: Case, most: float) -> bool:
    """Compute the package's ROAD combined of the same map; return whether it was stopped after `most` seconds.

    The seconds are the processor's, and looked at whenever a film goes through the network: twice for each system.
    """
    network = case.classifier.network()
    whole = nn.Sequential(network.backbone, network.head).eval()
    ends = time.process_time() + most

    def asked(pixels: torch.Tensor) -> torch.Tensor:
        if time.process_time() > ends:
            raise _Stopped
        return whole(pixels)

    pixels = torch.from_numpy(case.shown.pixels)[None]
    values = on_pixels(case.grid, case.shown)[None]
    try:
        ROADCombined()(pixels, values, [ClassifierOutputTarget(case.output)], asked)
    except _Stopped:
        return True
    return False


def timed(work: Callable[..., object], *given: object) -> tuple[np.ndarray, object]:
    """Return seconds of the clock and of the processor, (2,), and what came of the work."""
    began = time.perf_counter(), time.process_time()
    result = work(*given)
    return np.array([time.perf_counter() - began[0], time.process_time() - began[1]]), result


def main() -> None:
    """Measure, and print the tables."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--findings", type=int, default=3)
    options.add_argument("--stop-at", type=float, default=math.inf, metavar="TIMES")
    options.add_argument("--without-package", action="store_true")
    options.add_argument("--all", action="store_true")
    options.add_argument("--weights-dir", type=Path)
    asked = options.parse_args()
    multiply_in_one_thread()
    found = list(cases(film(), asked.findings, asked.weights_dir))
    for case in found:
        case.classifier.network()  # loaded before the clock runs, for both
    print("| network, side | maps | ROAD here | ROAD by grad-cam | times | of the processor's time |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    total, all_stopped = np.zeros((2, 2)), 0
    for id in dict.fromkeys(case.classifier.id for case in found):
        own = [case for case in found if case.classifier.id == id]
        seconds, stopped = np.zeros((2, 2)), 0
        for case in own:  # in turns
            ours, _ = timed(measure_map, case.shown, case.output, case.grid, ["road"])
            seconds[0] += ours
            if not asked.without_package:
                theirs, was_stopped = timed(by_the_package, case, asked.stop_at * ours[1])
                seconds[1] += theirs
                stopped += bool(was_stopped)
        total, all_stopped = total + seconds, all_stopped + stopped
        print_row(f"{id}, {own[0].shown.pixels.shape[-1]} px", len(own), seconds, stopped)
    print_row("all", len(found), total, all_stopped)
    if asked.all:
        print_all(found)


def print_row(what: str, maps: int, seconds: np.ndarray, stopped: int) -> None:
    """Print a row of the first table."""
    (ours, theirs), (clock, processor) = seconds[:, 0], seconds[1] / seconds[0]
    more = "> " if stopped else ""
    which = f"{maps}, stopped at {stopped}" if stopped else f"{maps}"
    print(
        f"| {what} | {which} | {ours:.1f} s | {more}{theirs:.1f} s | {more}{clock:.0f}× | {more}{processor:.0f}× |",
        flush=True,
    )


def print_all(found: list[Case]) -> None:
    """Print the processor's seconds by part of the work, of all maps together."""
    parts: dict[str, float] = {}
    kept: dict[str, dict] = {case.classifier.id: {} for case in found}
    for case in found:
        for name in ("deletion", "insertion", "road", "average_drop", "focus"):
            parts[name] = parts.get(name, 0.0) + timed(measure_map, case.shown, case.output, case.grid, [name])[0][1]
        for kind in ("sanity", "stability", "adversarial"):
            names = [name for name, each in METRICS.items() if each.kind == kind]
            peer = peer_of(case.classifier, Recipe(), kept[case.classifier.id])
            took, _ = timed(check_map, case.shown, case.output, case.grid, peer, names)
            parts[kind] = parts.get(kind, 0.0) + took[1]
    print("\n| part of the work | seconds of the processor |\n| --- | --- |")
    for name, seconds in parts.items():
        print(f"| {name} | {seconds:.1f} |")
    print(f"| all | {sum(parts.values()):.1f} |")


if __name__ == "__main__":
    main()
