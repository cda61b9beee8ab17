"""Print where the seconds of a warm review go, stage by stage, with the real architectures and seeded values.

    uv run python benchmarks/stages.py [FILM] [--runs 5] [--top-k 3]

Without a film, one of noise is made: 2500×2048, 12 bits. The medians of several runs are printed, and the share of the
heads, maps and ensemble in the time of the backbones.
"""

import argparse
import io
import statistics
import time
from pathlib import Path

import numpy as np
from PIL import Image

from ensemble_cam.openmp import wait_briefly

wait_briefly()

from ensemble_cam.analysis import analyse
from ensemble_cam.classifiers import load_classifier
from ensemble_cam.config import load_config
from ensemble_cam.export import overlays
from ensemble_cam.figure import figure_png
from ensemble_cam.provenance import Review, RunInfo
from ensemble_cam.radiograph import read_radiograph
from ensemble_cam.rendering import Display
from ensemble_cam.settings import Settings


def noise_film() -> bytes:
    """Return a 2500×2048 PNG of 16 bits that uses 12 of them."""
    noise = np.random.default_rng(0).integers(0, 4096, (2048, 2500), dtype=np.uint16)
    stream = io.BytesIO()
    Image.fromarray(noise * 16).save(stream, "PNG")
    return stream.getvalue()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("film", nargs="?", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--top-k", type=int, default=3)
    options = parser.parse_args()
    data = options.film.read_bytes() if options.film else noise_film()
    classifiers = [load_classifier(config, weights="untrained") for config in load_config().in_set("clinical")]
    settings = Settings(top_k=options.top_k)
    run = RunInfo("clinical", "stored", False, "cpu", "torch", "float32")
    runs = []
    for number in range(options.runs + 1):
        seconds = {}
        began = time.perf_counter()
        radiograph = read_radiograph(data)
        seconds["reading"] = time.perf_counter() - began
        analysis = analyse(radiograph, classifiers, settings)
        seconds |= analysis.seconds
        review = Review(analysis, Display(), run)
        for stage, work in (
            ("overlays", lambda review=review: list(overlays(review))),
            ("figure", lambda r=review: figure_png(r)),
        ):
            began = time.perf_counter()
            work()
            seconds[stage] = time.perf_counter() - began
        if number:  # the first one warms up
            runs.append(seconds)
    medians = {stage: statistics.median(seconds[stage] for seconds in runs) for stage in runs[0]}
    print(f"{radiograph.width}×{radiograph.height}, top {options.top_k}, median of {options.runs} warm runs")
    for stage, median in medians.items():
        print(f"{stage:>10}  {median:7.3f} s")
    behind = sum(medians[stage] for stage in ("heads", "maps", "ensemble"))
    print(f"heads, maps and ensemble: {behind:.3f} s, {behind / medians['backbones']:.2f} of the backbones' time")


if __name__ == "__main__":
    main()
