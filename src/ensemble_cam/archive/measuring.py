"""One film → what an archive keeps of it: loaded classifiers, and what is measured of their maps."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from ensemble_cam.archive.asked import Asked
from ensemble_cam.archive.film_record import FilmRecord, Grid, Row, failed
from ensemble_cam.archive.places import decode_within, read_place
from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.errors import EnsembleCamError
from ensemble_cam.export.provenance import software
from ensemble_cam.export.record import SCHEMA, settings_record, weights_record
from ensemble_cam.film.greyscale import domain, histogram, is_padding
from ensemble_cam.film.radiograph import Radiograph
from ensemble_cam.machine.side_by_side import PixelBudget, in_threads
from ensemble_cam.maps.heatmap import Heatmap, at_or_above
from ensemble_cam.reviewing.analysis import Analysis, Finding
from ensemble_cam.reviewing.pipeline import Examination, examine, explain
from ensemble_cam.reviewing.preparing import load_classifiers, run_info
from ensemble_cam.reviewing.request import resolve
from ensemble_cam.reviewing.review import RunInfo
from ensemble_cam.reviewing.scores import ClassifierResult, rank_findings
from ensemble_cam.settings.sets import answering_for
from ensemble_cam.settings.vocabulary import ENSEMBLE, GREY_PERCENTILES

# Films that a worker decodes before its networks ask for them, and their decoded pixels; see `flow`.
_AHEAD, _MOST_PIXELS = 2, 16_000_000
# What of a review's settings changes pictures alone.
_OF_PICTURES = ("opacity", "colormap", "style", "bare", "save_maps", "pdf")
_DIGITS = 6  # as `review.json` has them


@dataclass(frozen=True, eq=False)
class _Read:
    """A film that is decoded, or the record of one that cannot be."""

    number: int
    sha256: str
    radiograph: Radiograph


class Examiner:
    """Loaded classifiers that make records of films.

    Args:
        asked: what is asked of every film.

    Raises:
        WeightsError: if weights are missing or unusable.
    """

    def __init__(self, asked: Asked):
        self.asked = asked
        self._classifiers = load_classifiers(asked.config, asked.choice, asked.options)
        self._run = run_info(asked.choice, asked.options, self._classifiers)

    @property
    def key(self) -> dict[str, Any]:
        """The key of the archive, see `archive_key`."""
        return archive_key(self._classifiers, self.asked, self._run)

    @property
    def description(self) -> dict[str, Any]:
        """What the tables say of themselves, and which classifiers were loaded, in words."""
        return {
            "key": self.key,
            "notice": answering_for(each.classifier_set for each in self._classifiers).notice,
            "classifiers": [classifier.told for classifier in self._classifiers],
        }

    def records(self, places: Sequence[str]) -> Iterator[FilmRecord]:
        """Yield the record of each film, in their order; the next ones are decoded meanwhile.

        Args:
            places: paths and addresses.
        """
        budget = PixelBudget(most_pixels=_MOST_PIXELS)

        def read(numbered: tuple[int, str]) -> _Read | FilmRecord:
            return self._read(*numbered, budget)

        with closing(in_threads(read, enumerate(places), budget=budget, ahead=_AHEAD)) as films:
            for film in films:
                if isinstance(film, FilmRecord):
                    yield film
                    continue
                yield self._record(film)
                budget.release(film.number)

    def _read(self, number: int, place: str, budget: PixelBudget) -> _Read | FilmRecord:
        sha256 = None
        try:
            data = read_place(place)
            sha256 = hashlib.sha256(data).hexdigest()
            radiograph = decode_within(budget, number, data, self.asked.options.pixels)
        except (EnsembleCamError, MemoryError) as error:
            budget.release(number)
            return failed(sha256, error)
        return _Read(number, sha256, radiograph)

    def _record(self, film: _Read) -> FilmRecord:
        options, radiograph = self.asked.options, film.radiograph
        try:
            examination = examine(radiograph, self._classifiers, framing=options.settings.framing)
            if self.asked.detail == "scores":
                return self._scored(film, examination.results)
            return self._explained(film, examination)
        except (EnsembleCamError, MemoryError) as error:
            return failed(film.sha256, error)

    def _scored(self, film: _Read, results: Sequence[ClassifierResult]) -> FilmRecord:
        weights = resolve(self.asked.options.settings, self._classifiers).ensemble_weights
        rows: list[Row] = []
        for result in results:
            rows += [[result.id, label, _rounded(score), None] for label, score in result.scores.items()]
            if result.failure is not None:
                rows.append([result.id, None, None, result.failure])
        for ranked in rank_findings(results, weights):
            rows.append([ENSEMBLE, ranked.label, _rounded(ranked.score.value), None])
        meaningless = all(result.meaningless for result in results if result.scores and weights[result.id] > 0)
        return FilmRecord(film.sha256, facts=self._facts(film.radiograph, meaningless), scores=rows)

    def _explained(self, film: _Read, examination: Examination) -> FilmRecord:
        analysis = explain(examination, self.asked.options.settings)
        scored = self._scored(film, analysis.results)
        rows: list[Row] = []
        grids: list[Grid] = []
        for finding in analysis.findings:
            rows += self._finding_rows(analysis, finding)
            if self.asked.detail == "maps":
                grids += [Grid(finding.label, id, cam.grids[0].astype(np.float16)) for id, cam in finding.maps.items()]
        return FilmRecord(film.sha256, facts=scored.facts, scores=scored.scores, findings=rows, maps=tuple(grids))

    def _finding_rows(self, analysis: Analysis, finding: Finding) -> Iterator[Row]:
        threshold = self.asked.options.display.threshold
        iou = _rounded(finding.overlap(threshold))
        split = analysis.is_split(finding)
        heatmaps = finding.heatmaps()
        for id in (*(result.id for result in analysis.results), ENSEMBLE):
            score = analysis.score(finding, id)
            call = None if score is None else score.call.value
            hottest, box, area = None, None, None
            if id in heatmaps:
                hottest = heatmaps[id].hottest
                box, area = box_and_area(heatmaps[id], threshold)
            yield [finding.label, id, finding.rank, call, split, iou, *(hottest or (None, None)), box, area]

    def _facts(self, radiograph: Radiograph, meaningless: bool) -> dict[str, Any]:
        view = radiograph.facts.get("View")
        cautions = answering_for(each.classifier_set for each in self._classifiers).cautions(phantom=radiograph.phantom)
        return {
            "width": radiograph.width,
            "height": radiograph.height,
            "bits": radiograph.bits,
            "view": view if view is not None and view.isupper() else None,
            "device": radiograph.device,
            "meaningless": meaningless,
            "warnings": " ".join((*cautions, *radiograph.warnings)),
            **grey_percentiles(radiograph),
        }


def archive_key(classifiers: Sequence[Classifier], asked: Asked, run: RunInfo) -> dict[str, Any]:
    """Return what makes two archives of the same films the same, in the words of `review.json`."""
    options = asked.options
    settings = settings_record(resolve(options.settings, classifiers), options.display, run, save_maps=False)
    return {
        "schema": SCHEMA,
        "software": dict(software()),
        "settings": {name: value for name, value in settings.items() if name not in _OF_PICTURES}
        | {"detail": asked.detail, "anonymous": asked.anonymous},
        "classifiers": [weights_record(classifier) for classifier in classifiers],
    }


def grey_percentiles(radiograph: Radiograph) -> dict[str, int | None]:
    """Return column → the stored value that this share of a film's pixels does not exceed; padding counts for none."""
    values = domain(radiograph.source.dtype)
    counts = np.where(is_padding(values, radiograph.padding), 0, histogram(radiograph.source))
    order = np.argsort(values, kind="stable")
    below = np.cumsum(counts[order])
    if below[-1] == 0:
        return {f"grey_p{percentile:02d}": None for percentile in GREY_PERCENTILES}
    places = np.searchsorted(below, np.array(GREY_PERCENTILES) / 100 * below[-1])
    found = values[order][places].tolist()
    return {f"grey_p{percentile:02d}": value for percentile, value in zip(GREY_PERCENTILES, found, strict=True)}


def box_and_area(heatmap: Heatmap, threshold: float) -> tuple[list[int] | None, float]:
    """Return the box of all that is at or above a threshold, and its share of the crop's pixels.

    They are those of `regions.extent_of`, to the bit; regions are not told apart, which takes most of its time.
    """
    x0, y0, x1, y1 = heatmap.geometry.crop
    near = heatmap.reach(threshold)
    if near is None:
        return None, 0.0
    left, top, right, bottom = near
    columns, rows, count = np.zeros(right - left, dtype=bool), np.zeros(bottom - top, dtype=bool), 0
    for lines, values in heatmap.blocks(near):
        above = at_or_above(values, threshold)
        columns |= above.any(axis=0)
        rows[lines.start - top : lines.stop - top] = above.any(axis=1)
        count += int(np.count_nonzero(above))
    if not count:
        return None, 0.0
    (xs,), (ys,) = columns.nonzero(), rows.nonzero()
    box = [left + int(xs[0]), top + int(ys[0]), left + int(xs[-1]) + 1, top + int(ys[-1]) + 1]
    return box, round(float(count) / ((x1 - x0) * (y1 - y0)), _DIGITS)


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, _DIGITS)
