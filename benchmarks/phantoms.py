"""Print how well the teaching set calls and locates findings that were planted in phantoms it has never seen.

    uv run python benchmarks/phantoms.py [FOLDER] [--count 900] [--seed 9000000] [--method gradcam++] [--json]
                                         [--classifiers ID,ID] [--processes N]

Without a folder, phantoms of 256 px are drawn from fresh seeds; with one, those that `ensemble-cam phantom` wrote there
are read. Every film goes the way of a review: its file's bytes, `read_radiograph`, `pipeline.analyse`.

For each finding, each network and the ensemble: the area under the ROC curve of the score, over all films; the share of
the films with the finding whose map's hottest pixel hits (the pointing game), and the mean IoU of the map's region at
or above half of its maximum; sensitivity and specificity at the operating point. See
`ensemble_cam.validation.localisation`.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean

# One thread for each process: films, not parts of a film, are what is shared out among the cores.
for library in ("OMP", "OPENBLAS"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import cv2
import numpy as np
import torch

from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.errors import ConfigError, EnsembleCamError
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.machine.terminal import TerminalLine
from ensemble_cam.phantom import FINDINGS, VERSION, draw_phantom, were_learned_from
from ensemble_cam.phantom.files import film_name, phantom_files, read_truth
from ensemble_cam.reviewing.analysis import Analysis
from ensemble_cam.reviewing.pipeline import analyse
from ensemble_cam.settings.config import ClassifierConfig, load_config
from ensemble_cam.settings.methods import METHODS
from ensemble_cam.settings.settings import Settings
from ensemble_cam.settings.vocabulary import ENSEMBLE, UNTRAINED
from ensemble_cam.validation.localisation import (
    THRESHOLD,
    TOLERANCE,
    Calls,
    Judgement,
    area_under_curve,
    grown,
    judge,
    seen_part,
)

FIRST_SEED = 9_000_000
SIZE = 256

_GUESSES = 64  # along each side of the crop: the places that a constant guess is chosen from
_PROVES_LITTLE = 0.8  # from this on a constant guess hits nearly as often as any map could


@dataclass(frozen=True)
class Measured:
    """What was found on one film.

    Attributes:
        planted: the findings.
        scores: classifier id or "ensemble" → label → score.
        judgements: the same → planted label → how its map stands to the truth; where a network can have seen it.
        untrained: the same for networks of the same families with seeded values.
        hits: planted label → (64, 64) bool, which places all over the crop would hit, packed into bytes.
    """

    planted: tuple[str, ...]
    scores: Mapping[str, Mapping[str, float]]
    judgements: Mapping[str, Mapping[str, Judgement]]
    untrained: Mapping[str, Mapping[str, Judgement]]
    hits: Mapping[str, bytes]


class Reviewer:
    """Reviews phantoms in one process, with its own copy of the networks."""

    def __init__(self, configs: Sequence[ClassifierConfig], method: str):
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        self.method = method
        self.trained = [load_classifier(config) for config in configs]
        self.untrained = [load_classifier(config, weights=UNTRAINED) for config in configs]

    def drawn(self, seed: int) -> Measured:
        """Draw a phantom and review it."""
        phantom = draw_phantom(seed, size=SIZE)
        return self.review(phantom_files(phantom, 0)[film_name(0, "png")], phantom.masks)

    def read(self, truth: Path) -> Measured:
        """Review a phantom whose truth lies in a file."""
        (found,) = read_truth(truth)
        return self.review(found.film.read_bytes(), found.masks())

    def review(self, film: bytes, masks: Mapping[str, np.ndarray]) -> Measured:
        """Review a film of known truth."""
        radiograph = read_radiograph(film)
        settings = Settings(labels=tuple(masks) or None, method=self.method)
        analysis = analyse(radiograph, self.trained, settings)
        for result in analysis.results:
            if result.failure is not None:
                raise EnsembleCamError(f"{result.classifier.config.name} {result.failure}.")
        judgements = judged(analysis, masks)
        scores = {result.id: dict(result.scores) for result in analysis.results}
        scores[ENSEMBLE] = {ranked.label: ranked.score.value for ranked in analysis.ranking}
        untrained = judged(analyse(radiograph, self.untrained, settings), masks) if masks else {}
        return Measured(tuple(masks), scores, judgements, untrained, places_that_hit(analysis, masks))


def judged(analysis: Analysis, masks: Mapping[str, np.ndarray]) -> dict[str, dict[str, Judgement]]:
    """Return classifier id or "ensemble" → planted label → judgement."""
    found: dict[str, dict[str, Judgement]] = {}
    for finding in analysis.findings:
        for id, heatmap in finding.heatmaps().items():
            if finding.label in masks and (judgement := judge(heatmap, masks[finding.label])) is not None:
                found.setdefault(id, {})[finding.label] = judgement
    return found


def places_that_hit(analysis: Analysis, masks: Mapping[str, np.ndarray]) -> dict[str, bytes]:
    """Return planted label → which of 64×64 places all over the crop would hit it, packed."""
    x0, y0, x1, y1 = analysis.geometry.crop
    steps = (np.arange(_GUESSES) + 0.5) / _GUESSES
    columns, rows = (x0 + steps * (x1 - x0)).astype(int), (y0 + steps * (y1 - y0)).astype(int)
    found = {}
    for finding in analysis.findings:
        if finding.label in masks:
            heatmap = next(iter(finding.heatmaps().values()))
            seen = seen_part(heatmap, masks[finding.label])
            if seen.any():
                found[finding.label] = np.packbits(grown(seen)[np.ix_(rows, columns)]).tobytes()
    return found


def constant_guess(packed: Sequence[bytes]) -> float | None:
    """Return how many films the best constant place hits: chosen on one half of them, tried on the other, both ways."""
    hits = np.array([np.unpackbits(np.frombuffer(each, np.uint8)) for each in packed], dtype=bool)
    if len(hits) < 2:
        return None
    halves = hits[::2], hits[1::2]
    tried = [other[:, one.mean(axis=0).argmax()] for one, other in (halves, halves[::-1])]
    return float(np.concatenate(tried).mean())


def summary(measured: Sequence[Measured], classifiers: Mapping[str, str]) -> dict:
    """Return the table's numbers.

    Args:
        measured: one for each film.
        classifiers: id → name.
    """
    ids = (*classifiers, ENSEMBLE)
    findings = {}
    for label in FINDINGS:
        with_it = [film for film in measured if label in film.planted]
        entry = {
            "films": len(with_it),
            "constant guess": constant_guess([f.hits[label] for f in with_it if label in f.hits]),
        }
        for id in ids:
            if any(label in film.scores[id] for film in measured):
                entry[id] = _of_one(measured, label, id)
        findings[label] = entry
    means = {}
    for id in ids:
        entries = [entry[id] for entry in findings.values() if id in entry]
        means[id] = {key: _mean([entry[key] for entry in entries]) for key in entries[0]}
    return {"findings": findings, "means": means}


def _of_one(measured: Sequence[Measured], label: str, id: str) -> dict[str, float | None]:
    scores = [film.scores[id][label] for film in measured]
    planted = [label in film.planted for film in measured]
    calls = sum((Calls.of(called=s >= 0.5, planted=p) for s, p in zip(scores, planted, strict=True)), Calls())
    found = [film.judgements[id][label] for film in measured if label in film.judgements.get(id, {})]
    untrained = [film.untrained[id][label] for film in measured if label in film.untrained.get(id, {})]
    return {
        "auc": area_under_curve(scores, planted),
        "hit": _mean([each.hit for each in found]),
        "iou": _mean([each.iou for each in found]),
        "empty": _mean([each.empty for each in found]),
        "sensitivity": calls.sensitivity,
        "specificity": calls.specificity,
        "untrained hit": _mean([each.hit for each in untrained]),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [float(value) for value in values if value is not None]
    return fmean(known) if known else None


def lines(report: Mapping) -> Iterator[str]:
    """Yield the report as text."""
    ids, findings, means = list(report["means"]), report["findings"], report["means"]
    yield from (report["title"], "")
    yield from _table(ids, findings, means, ("auc", "hit", "iou"), ("AUC", "hit", "IoU"), guess=True)
    yield from ("", "At the operating points:", "")
    yield from _table(ids, findings, means, ("sensitivity", "specificity"), ("sens.", "spec."), guess=False)
    yield ""
    for what, key in (("Empty maps", "empty"), ("Hits of untrained networks", "untrained hit")):
        yield f"{what}: " + ", ".join(f"{id} {_share(means[id][key])}" for id in ids)
    guesses = {label: entry["constant guess"] for label, entry in findings.items()}
    always = [label for label, hit in guesses.items() if hit is not None and hit >= _PROVES_LITTLE]
    if always:
        yield f"Pointing proves nothing for {' and '.join(always)}: one place for all films hits there as well."


def _table(ids, findings, means, keys, heads, *, guess: bool) -> Iterator[str]:
    wide = {id: max(len(id), 7 * len(keys) - 1) for id in ids}
    yield f"{'':>22}" + "".join(f"   {id:>{wide[id]}}" for id in ids) + ("   one place" if guess else "")
    cells = " ".join(f"{head:>6}" for head in heads)
    yield f"{'':<15}{'films':>7}" + "".join(f"   {cells:>{wide[id]}}" for id in ids) + ("   for all" if guess else "")
    for label, entry in findings.items():
        yield _row(label, entry["films"], entry, ids, keys, wide, entry["constant guess"] if guess else None)
    yield _row("Mean", "", means, ids, keys, wide, None)


def _row(label, films, entry, ids, keys, wide, guess) -> str:
    text = f"{label:<15}{films:>7}"
    for id in ids:
        cells = " ".join(f"{_number(entry.get(id, {}).get(key)):>6}" for key in keys)
        text += f"   {cells:>{wide[id]}}"
    return text + ("" if guess is None else f"   {_number(guess):>7}")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


_reviewer: Reviewer | None = None


def _begin(configs: Sequence[ClassifierConfig], method: str) -> None:
    global _reviewer
    _reviewer = Reviewer(configs, method)


def _measure(task: int | Path) -> Measured:
    return _reviewer.drawn(task) if isinstance(task, int) else _reviewer.read(task)


def measure_all(
    tasks: Sequence[int | Path], configs: Sequence[ClassifierConfig], *, method: str, processes: int
) -> Iterator[Measured]:
    """Yield what is found on each film, in their order; tasks are seeds, or files of truth."""
    if processes == 1:
        _begin(configs, method)
        yield from map(_measure, tasks)
        return
    with get_context("spawn").Pool(processes, _begin, (configs, method)) as pool:
        yield from pool.imap(_measure, tasks, chunksize=4)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, help="of phantoms and their truth; without, films are drawn")
    parser.add_argument("--count", type=int, default=900, help="films that are drawn (%(default)s)")
    parser.add_argument("--seed", type=int, default=FIRST_SEED, help="of the first film drawn (%(default)s)")
    parser.add_argument("--method", choices=METHODS, default="gradcam++", help="(%(default)s)")
    parser.add_argument("--classifiers", metavar="ID,ID", help="of the teaching set; without, all but the optional")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="(%(default)s)")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    options = parser.parse_args(arguments)
    if not options.folder and (options.count < 1 or options.seed < 0):
        parser.error("--seed and --count: a seed is at least 0, and a count at least 1")
    if not options.folder and were_learned_from(options.seed, options.count):
        parser.error(f"--seed and --count: the networks know some of these films; those from {FIRST_SEED} on are new")
    try:
        report = _report(options)
    except EnsembleCamError as error:
        parser.exit(3, f"{error}\n")
    print(json.dumps(report, indent=1) if options.json else "\n".join(lines(report)))


def _report(options: argparse.Namespace) -> dict:
    ids = options.classifiers.split(",") if options.classifiers else None
    configs = load_config().for_review("teaching", ids)
    networks: list[Classifier] = [load_classifier(config) for config in configs]
    if options.folder:
        truths = read_truth(options.folder)
        if known := [truth.film.name for truth in truths if were_learned_from(truth.seed)]:
            raise ConfigError(
                f"{known[0]} and {len(known) - 1} others: the networks know these films. Draw other seeds."
            )
        tasks = [truth.film.with_suffix(".json") for truth in truths]
        source = f"{len(tasks)} phantoms of a folder"
    else:
        tasks = list(range(options.seed, options.seed + options.count))
        source = f"{len(tasks)} phantoms of {SIZE} px, seeds {tasks[0]} to {tasks[-1]}"
    line, began, measured = TerminalLine(sys.stderr), time.perf_counter(), []
    for film in measure_all(tasks, configs, method=options.method, processes=min(options.processes, len(tasks))):
        measured.append(film)
        line.transient(f"[{len(measured)}/{len(tasks)}] {time.perf_counter() - began:.0f} s")
    seconds = time.perf_counter() - began
    line.line(f"{len(tasks)} films in {seconds:.0f} s")
    normal = sum(not film.planted for film in measured)
    return {
        "title": f"{source} ({normal} normal, version {VERSION} of the drawing); {options.method}; a hit is at most "
        f"{TOLERANCE:.0%} of the film's width away; regions from {THRESHOLD:g} on",
        "films": len(measured),
        "normal": normal,
        "seed": None if options.folder else options.seed,
        "phantom version": VERSION,
        "method": options.method,
        "tolerance": TOLERANCE,
        "threshold": THRESHOLD,
        "classifiers": {each.id: _network(each) for each in networks},
        **summary(measured, {config.id: config.name for config in configs}),
    }


def _network(classifier: Classifier) -> dict:
    weights = classifier.weights
    return {"name": classifier.config.name, **asdict(weights), "published": weights.published.value}


if __name__ == "__main__":
    main()
