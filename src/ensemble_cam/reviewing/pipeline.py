"""One film's review: the only place that puts the pipeline together.

`examine` runs the networks over a film; `explain` ranks the findings and makes their maps from what `examine` kept;
`analyse` is one after the other. Explaining anew, with other labels or another method, needs no network again; other
ensemble weights need not even that, see `analysis.Analysis.reweighted`.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from ensemble_cam.classifiers.arrays import as_numpy, not_numbers_allowed
from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.classifiers.heads import Step
from ensemble_cam.errors import Cancelled, ClassifierError, EnsembleCamError, is_out_of_memory
from ensemble_cam.film.geometry import Framing, Geometry
from ensemble_cam.film.radiograph import Radiograph
from ensemble_cam.machine.report import Report
from ensemble_cam.maps.cams import CamMap, Exposure, cam_grids
from ensemble_cam.reviewing.analysis import UNKNOWN_LABEL, Analysis, put_together
from ensemble_cam.reviewing.request import resolve
from ensemble_cam.reviewing.scores import ClassifierResult, RankedFinding, choose, rank_findings
from ensemble_cam.settings.methods import Recipe
from ensemble_cam.settings.settings import Settings

logger = logging.getLogger(__name__)

Ran = TypeVar("Ran")


@dataclass(frozen=True, eq=False)
class Examination:
    """A film that the networks have seen, kept open for explaining.

    Attributes:
        radiograph: the film.
        framing: how it was cut or padded.
        results: one for each classifier, in the given order.
        exposures: classifier id → what it saw, kept open for maps, of those that did not fail.
        seconds: stage → seconds.
    """

    radiograph: Radiograph
    framing: Framing
    results: tuple[ClassifierResult, ...]
    exposures: Mapping[str, Exposure]
    seconds: Mapping[str, float]


def analyse(
    radiograph: Radiograph,
    classifiers: Sequence[Classifier],
    settings: Settings,
    *,
    progress: Report | None = None,
    cancelled: Callable[[], bool] | None = None,
    at_once: int = 1,
) -> Analysis:
    """Review one film: run the classifiers, rank the findings, map and average the first of them.

    A classifier that fails is named in its result, and the others go on.

    Args:
        radiograph: the film.
        classifiers: those to ask, in the order in which they are to be shown.
        settings: what to explain, and how.
        progress: called before each step.
        cancelled: asked before each step.
        at_once: how many classifiers run side by side, where each computes in a share of the cores.

    Raises:
        Cancelled: if `cancelled` said so.
        ClassifierError: if every classifier failed.
        ConfigError: if a label is asked for that none of the classifiers knows, or all ensemble weights are 0.
    """
    examination = examine(
        radiograph, classifiers, framing=settings.framing, progress=progress, cancelled=cancelled, at_once=at_once
    )
    return explain(examination, settings, progress=progress, cancelled=cancelled)


def examine(
    radiograph: Radiograph,
    classifiers: Sequence[Classifier],
    *,
    framing: Framing = "crop",
    progress: Report | None = None,
    cancelled: Callable[[], bool] | None = None,
    at_once: int = 1,
) -> Examination:
    """Run every classifier's backbone and head over a film; see `analyse`."""
    report = _Reporter(progress, cancelled, first=0.0, last=0.85, steps=len(classifiers) + 1)
    watch = _Stopwatch()
    report("Preparing the film")
    sizes = dict.fromkeys(classifier.config.input_size for classifier in classifiers)
    with watch("input"):
        inputs = {size: model_input(radiograph, framing=framing, size=size) for size in sizes}

    def run(classifier: Classifier) -> tuple[ClassifierResult, Exposure | None, _Stopwatch]:
        return _run(classifier, inputs[classifier.config.input_size], phantom=radiograph.phantom)

    results, exposures = [], {}
    for classifier, (result, exposure, seconds) in zip(
        classifiers, _each(run, classifiers, report, at_once=at_once), strict=True
    ):
        results.append(result)
        watch.add(seconds)
        if exposure is not None:
            exposures[classifier.id] = exposure
    if not exposures:
        reasons = "; ".join(f"{result.classifier.config.name}: {result.failure}" for result in results)
        raise ClassifierError(f"No classifier could be run on this film. {reasons}.")
    return Examination(radiograph, framing, tuple(results), exposures, watch.seconds)


def _each(
    run: Callable[[Classifier], Ran], classifiers: Sequence[Classifier], report: "_Reporter", *, at_once: int
) -> Iterator[Ran]:
    """Yield what `run` makes of each classifier, in their order, so many at once."""
    if at_once == 1:
        for classifier in classifiers:
            report(f"{classifier.config.name}: running")
            yield run(classifier)
        return
    # The largest inputs first: what takes longest does not begin last.
    by_time = sorted(classifiers, key=lambda classifier: classifier.config.input_size, reverse=True)
    with ThreadPoolExecutor(at_once, thread_name_prefix="network") as threads:
        running = {classifier.id: threads.submit(run, classifier) for classifier in by_time}
        for classifier in classifiers:
            report(f"{classifier.config.name}: running")
            yield running[classifier.id].result()


def _run(
    classifier: Classifier, pixels: np.ndarray, *, phantom: bool
) -> tuple[ClassifierResult, Exposure | None, "_Stopwatch"]:
    """Return what a classifier says of a film, what it saw, kept open for maps, and how long that took."""
    began, watch = time.perf_counter(), _Stopwatch()
    scores, failure, below_0, exposure = {}, None, False, None
    try:
        with watch("backbones"):
            activation = classifier.backbone(pixels)
        with watch("heads"), not_numbers_allowed():
            run = classifier.head.run(activation)
            logits = run.logits.tolist()
        if not all(map(math.isfinite, logits)):
            raise ClassifierError("its network gave values that are not numbers for this film")
        scores = classifier.scores(logits)
        exposure = Exposure(classifier, pixels, activation, run)
        below_0 = classifier.config.own is not None and bool((as_numpy(activation) < 0).any())
    except Exception as error:  # one classifier may fail in any way its network or device can; the others stand
        failure = _failure(classifier, error)
    meaningless = classifier.is_meaningless_on(phantom=phantom)
    seconds = time.perf_counter() - began
    return ClassifierResult(classifier, scores, seconds, meaningless, failure, below_0), exposure, watch


def explain(
    examination: Examination,
    settings: Settings,
    *,
    progress: Report | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Analysis:
    """Rank the findings of an examined film and make the maps of those asked for; see `analyse`."""
    classifiers = [result.classifier for result in examination.results]
    settings = resolve(settings, classifiers)
    ranking = rank_findings(examination.results, settings.ensemble_weights)
    chosen = choose(ranking, settings.labels, settings.top_k)
    report = _Reporter(progress, cancelled, first=0.85, last=1.0, steps=len(classifiers))
    watch = _Stopwatch(examination.seconds)
    side = examination.radiograph.width, examination.radiograph.height
    geometry = Geometry.framed(side, framing=examination.framing, cells=1)
    results, maps, missing = [], {}, {}
    for result in examination.results:
        step = report.within(f"{result.classifier.config.name}: maps")
        began = time.perf_counter()
        failure = result.failure
        if failure is None:
            try:
                with watch("maps"):
                    maps[result.id] = _maps(examination, result.classifier, chosen, settings.recipe, geometry, step)
            except Cancelled:
                raise
            except Exception as error:  # as in `examine`
                failure = _failure(result.classifier, error)
        missing[result.id] = UNKNOWN_LABEL if failure is None else failure
        seconds = result.seconds + time.perf_counter() - began
        results.append(replace(result, seconds=seconds, failure=failure))
    with watch("ensemble"):
        own = {
            ranked.label: {id: by_label[ranked.label] for id, by_label in maps.items() if ranked.label in by_label}
            for ranked in chosen
        }
        absent = {
            label: {
                result.id: missing[result.id] if label in result.classifier.outputs else UNKNOWN_LABEL
                for result in results
                if result.id not in found
            }
            for label, found in own.items()
        }
        findings = put_together(chosen, own, absent, settings.ensemble_weights)
    return Analysis(
        radiograph=examination.radiograph,
        geometry=geometry,
        settings=settings,
        results=tuple(results),
        ranking=ranking,
        findings=findings,
        seconds=watch.seconds,
    )


def model_input(radiograph: Radiograph, *, framing: Framing, size: int) -> np.ndarray:
    """Return what the networks see of a film: (1, 1, size, size) float32 in [-1024, 1024]."""
    geometry = Geometry.framed((radiograph.width, radiograph.height), framing=framing, cells=size)
    return geometry.to_model_pixels(radiograph.model)[None, None]


def _maps(
    examination: Examination,
    classifier: Classifier,
    chosen: Sequence[RankedFinding],
    recipe: Recipe,
    geometry: Geometry,
    step: Step,
) -> dict[str, CamMap]:
    labels = [finding.label for finding in chosen if finding.label in classifier.outputs]
    if not labels:
        return {}
    outputs = [classifier.outputs[label] for label in labels]
    grids = cam_grids(recipe, examination.exposures[classifier.id], outputs, step=step)
    if not np.isfinite(grids).all():
        raise ClassifierError("its maps have values that are not numbers for this film")
    return {
        label: CamMap.of(grid, label=label, classifier=classifier.id, geometry=geometry.on(grid.shape[0]))
        for label, grid in zip(labels, grids, strict=True)
    }


def _failure(classifier: Classifier, error: Exception) -> str:
    """Log what went wrong, and return it as half a sentence for the classifier's panel."""
    logger.error("%s failed", classifier.id, exc_info=error)
    if is_out_of_memory(error):
        return "ran out of memory; close other programs, or choose fewer classifiers"
    if isinstance(error, EnsembleCamError):
        return str(error)
    return f"failed with {type(error).__name__}; the log has the details"


class _Reporter:
    """Says what comes next and how far the work is, and stops it where the reader asked for that."""

    def __init__(
        self,
        progress: Report | None,
        cancelled: Callable[[], bool] | None,
        *,
        first: float,
        last: float,
        steps: int,
    ):
        self._progress, self._cancelled = progress, cancelled
        self._first, self._step, self._done = first, (last - first) / max(steps, 1), 0

    def __call__(self, what: str) -> None:
        if self._cancelled is not None and self._cancelled():
            raise Cancelled("Stopped before the film was done.")
        if self._progress is not None:
            self._progress(what, self._first + self._step * self._done)
        self._done += 1

    def within(self, what: str) -> Step:
        """Say what comes next, and return what tells how far that is, as a share of it."""
        self(what)
        began = self._first + self._step * (self._done - 1)

        def step(share: float) -> None:
            if self._cancelled is not None and self._cancelled():
                raise Cancelled("Stopped before the maps were done.")
            if self._progress is not None and share:
                self._progress(f"{what} ({share:.0%})", began + self._step * share)

        return step


class _Stopwatch:
    """Adds up the seconds of each stage."""

    def __init__(self, seconds: Mapping[str, float] | None = None):
        self.seconds: dict[str, float] = dict(seconds or {})

    def add(self, other: "_Stopwatch") -> None:
        """Add another one's seconds."""
        for stage, seconds in other.seconds.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - began
