"""A film's review, as a caller gets it."""

import io
import operator
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, cast

import numpy as np
import pandas as pd
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ensemble_cam.api.options import by_id
from ensemble_cam.archive.films import checked_case
from ensemble_cam.errors import ConfigError, did_you_mean
from ensemble_cam.export.figure import figure_png
from ensemble_cam.export.folder import write_review
from ensemble_cam.export.notebook import review_html
from ensemble_cam.export.overlays import overlay_png
from ensemble_cam.export.record import review_record
from ensemble_cam.export.view import View, view_png
from ensemble_cam.film.radiograph import Radiograph
from ensemble_cam.maps.agreement import Agreement
from ensemble_cam.maps.heatmap import Heatmap
from ensemble_cam.maps.regions import Region
from ensemble_cam.reviewing.analysis import Finding
from ensemble_cam.reviewing.review import Review as Reviewed
from ensemble_cam.reviewing.scores import Score
from ensemble_cam.reviewing.sentences import remarks_line, why_no_map
from ensemble_cam.settings.settings import displayed
from ensemble_cam.settings.vocabulary import ENSEMBLE

_WIDTH_IN_A_NOTEBOOK = 1400  # pixels: the figure's text can be read, and a cell stays below a megabyte


class Review:
    """One film's review, as `review` returns it: scores, maps, figure and files. It is never changed.

    Findings are named as torchxrayvision names them ("Pleural_Thickening"), in any case, or as they are displayed
    ("Pleural thickening").
    """

    def __init__(self, reviewed: Reviewed, *, name: str | None = None):
        self._reviewed, self._name = reviewed, name

    @property
    def film(self) -> Radiograph:
        """The film."""
        return self._reviewed.analysis.radiograph

    @property
    def findings(self) -> tuple[str, ...]:
        """The explained findings, the first of the ranking first; of these there are maps."""
        return tuple(finding.label for finding in self._reviewed.analysis.findings)

    @property
    def classifiers(self) -> tuple[str, ...]:
        """The classifiers' ids, in the order of the configuration."""
        return tuple(result.id for result in self._reviewed.analysis.results)

    @property
    def scores(self) -> pd.DataFrame:
        """Every finding's scores, float in [0, 1], 0.5 at the operating point where there is one; no probabilities.

        A row a finding, in the order of the ranking; a column a classifier, and "ensemble", their mean by ensemble
        weight. NaN where a classifier does not know the finding or failed. What a score says stands in `calls`.
        """
        return self._table(lambda score: score.value).astype(float)

    @property
    def calls(self) -> pd.DataFrame:
        """What the scores say, "called", "not called", "uncalibrated" or "meaningless"; None where there is no score.

        Rows and columns are those of `scores`.
        """
        return self._table(lambda score: score.call.value)

    @property
    def meaningless(self) -> bool:
        """Whether nothing here means anything, as no network with a weight above 0 can know the film."""
        return self._reviewed.analysis.meaningless

    @property
    def cautions(self) -> tuple[str, ...]:
        """What a reader must know first, a sentence or two each; about the weights, the classifiers, then the film."""
        weights = remarks_line(self._reviewed.analysis)
        return (*([weights] if weights else []), *self._reviewed.warnings)

    @property
    def record(self) -> dict[str, Any]:
        """What `review.json` holds; the manual describes every key."""
        return review_record(self._reviewed)

    def map(self, finding: str, *, classifier: str = ENSEMBLE) -> np.ndarray:
        """Return a finding's map on the film.

        Args:
            finding: one of `findings`.
            classifier: an id, or "ensemble".

        Returns:
            (height, width) float32: the relative activation at every source pixel, in [0, 1], and NaN outside of the
            square that the networks saw. One classifier's map is 1 at the centre of its hottest cell, which need not be
            a pixel's, and an empty one 0 throughout; the ensemble's is a mean, near 1 only where all agree.

        Raises:
            ConfigError: if there is no such map; the message says why.
        """
        heatmap = self._heatmap(finding, classifier)[1]
        values = heatmap.in_source()
        x0, y0, x1, y1 = heatmap.geometry.crop
        outside = np.ones(values.shape, dtype=bool)
        outside[y0:y1, x0:x1] = False
        values[outside] = np.nan
        return values

    def regions(self, finding: str, *, classifier: str = ENSEMBLE) -> list[Region]:
        """Return the connected parts of a map at or above the threshold, the hottest first, at most 100.

        Each has `box` (x0, y0, x1, y1), half-open, `area`, a share of what the networks saw, `hottest` (x, y) and
        `outline`, in source pixels.

        Raises:
            ConfigError: if there is no such map.
        """
        found = self._reviewed.extents[self._heatmap(finding, classifier)[0].label][classifier]
        return [] if found is None else list(found.regions)

    def agreement(self, finding: str) -> Agreement | None:
        """Return how far the maps behind a finding's ensemble agree: mean IoU and rank correlation over their pairs.

        None where there are not two of them.

        Raises:
            ConfigError: if the finding is not among those explained.
        """
        return self._finding(finding).agreement(self._reviewed.display.threshold)

    def overlay(self, finding: str, *, classifier: str = ENSEMBLE, bare: bool = False) -> Image.Image:
        """Return a map over the film in source pixels, RGB, with its words below it.

        Args:
            finding: one of `findings`.
            classifier: an id, or "ensemble".
            bare: without the words, for programs; they stand in the picture's `info` alone.

        Raises:
            ConfigError: if there is no such map.
        """
        found, heatmap = self._heatmap(finding, classifier)
        return _picture(overlay_png(self._drawn(bare=bare), found, classifier, heatmap))

    def view(
        self, box: tuple[int, int, int, int], finding: str | None = None, *, classifier: str = ENSEMBLE
    ) -> Image.Image:
        """Return a part of the film, enlarged to at least 2000 pixels on its longer side, RGB, with its words below it.

        Args:
            box: (x0, y0, x1, y1) in source pixels, half-open; what reaches beyond the film is left out.
            finding: one of `findings`, whose map lies over the film; None for the film alone.
            classifier: an id, or "ensemble".

        Raises:
            ConfigError: if the box is none, or holds nothing of the film, or there is no such map.
        """
        try:
            x0, y0, x1, y1 = map(operator.index, box)
        except (TypeError, ValueError):
            raise ConfigError(f"box: got {box!r}; it is four whole numbers: x0, y0, x1, y1.") from None
        label = None if finding is None else self._heatmap(finding, classifier)[0].label
        return _picture(view_png(self._drawn(bare=False), View((x0, y0, x1, y1), label, classifier)))

    def figure(self) -> Image.Image:
        """Return the annotated figure, RGB at 300 dots per inch: sheets of A4, one below the other.

        The film with all findings' scores, then a row of maps for each finding, those called first.
        """
        return _picture(figure_png(self._reviewed))

    def reweighted(self, ensemble_weights: Mapping[str, float]) -> "Review":
        """Return the same review by other ensemble weights; no network is run, and every classifier's map stays.

        Args:
            ensemble_weights: classifier id → weight, at least 0; the configuration's for those not named.

        Raises:
            ConfigError: if a weight is not allowed, or none of the findings has a score by them.
        """
        weights = cast("dict[str, float]", by_id("ensemble_weights", ensemble_weights))  # and every weight is checked
        analysis = self._reviewed.analysis.reweighted(weights)
        return Review(replace(self._reviewed, analysis=analysis), name=self._name)

    def save(
        self,
        out: str | os.PathLike[str],
        *,
        name: str | None = None,
        save_maps: bool = False,
        bare: bool = False,
        pdf: bool = False,
    ) -> Path:
        """Write the review's folder, as the command line does: figure, overlays and `review.json`.

        Nothing is overwritten: where a folder of the name is there, a number is added. It appears whole or not at all.

        Args:
            out: the folder in which the review's is made; it need not be there.
            name: what the review's folder is called; without, by the case, else by the film's file, else by its hash.
            save_maps: also write `maps.npz`, every map on the source grid.
            bare: write overlays without the words below them.
            pdf: also write `review.pdf`, the figure's pages to print.

        Returns:
            The review's folder.

        Raises:
            ExportError: if it cannot be written.
            ConfigError: if the name is none for a folder.
        """
        name = self._folder_name if name is None else checked_case(name, of="name")
        return write_review(self._drawn(bare=bare), Path(out), name, save_maps=save_maps, pdf=pdf)

    def __copy__(self) -> "Review":
        """Return itself: it is never changed."""
        return self

    def __deepcopy__(self, memo: object) -> "Review":
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "A Review holds its networks and is not pickled. Hand on scores, calls, map(…) and record, which are plain "
            "values, or save it."
        )

    def __repr__(self) -> str:
        found = self._reviewed.analysis.findings
        told = ", ".join(
            f"{displayed(finding.label)} {finding.ranked.score.value:.2f} ({finding.call})" for finding in found
        )
        return f"Review({told or 'no finding'}; {self._reviewed.run.set}, film {self.film.sha256[:12]}…)"

    def _repr_png_(self) -> bytes:
        """The figure, as wide as a notebook shows it, with its origin in text chunks."""
        small, origin = self._small_figure(), PngInfo()
        for key, value in small.info.items():
            if isinstance(key, str) and isinstance(value, str):
                origin.add_itxt(key, value)
        return _encoded(small, "PNG", pnginfo=origin)

    def _repr_html_(self) -> str:
        """The cautions, the explained findings' scores, and the figure."""
        return review_html(self._reviewed, _encoded(self._small_figure(), "JPEG", quality=90))

    def _small_figure(self) -> Image.Image:
        figure = self.figure()
        height = round(figure.height * _WIDTH_IN_A_NOTEBOOK / figure.width)
        return figure.resize((_WIDTH_IN_A_NOTEBOOK, height), reducing_gap=2.0)

    @property
    def _folder_name(self) -> str:
        return self._reviewed.case or self._name or self.film.sha256[:16]

    def _drawn(self, *, bare: bool) -> Reviewed:
        return replace(self._reviewed, display=replace(self._reviewed.display, bare=bare)) if bare else self._reviewed

    def _finding(self, name: str) -> Finding:
        explained = {finding.label: finding for finding in self._reviewed.analysis.findings}
        by_name = {displayed(label).casefold(): label for label in explained}
        label = by_name.get(displayed(name.strip()).casefold()) if isinstance(name, str) else None
        if label is None:
            raise ConfigError(
                f"finding: got {name!r}; this review has maps of {', '.join(explained)}."
                f"{did_you_mean(name, explained)} Ask for others by labels=[…], or for more by top_k=…."
            )
        return explained[label]

    def _heatmap(self, name: str, classifier: str) -> tuple[Finding, Heatmap]:
        finding = self._finding(name)
        ids = (*self.classifiers, ENSEMBLE)
        if classifier not in ids:
            raise ConfigError(
                f"classifier: got {classifier!r}; allowed: one of {', '.join(ids)}.{did_you_mean(classifier, ids)}"
            )
        heatmap = finding.heatmaps().get(classifier)
        if heatmap is None:
            raise ConfigError(f"There is no map of {finding.label} by {classifier}: {why_no_map(finding, classifier)}.")
        return finding, heatmap

    def _table(self, value: Callable[[Score], object]) -> pd.DataFrame:
        analysis = self._reviewed.analysis
        ranked = {finding.label: finding.score for finding in analysis.ranking}
        unranked = sorted({label for result in analysis.results for label in result.scores} - set(ranked))
        rows = [*ranked, *unranked]
        columns: dict[str, list[object]] = {}
        for result in analysis.results:
            columns[result.id] = [None if (score := result.score(label)) is None else value(score) for label in rows]
        columns[ENSEMBLE] = [value(ranked[label]) if label in ranked else None for label in rows]
        return pd.DataFrame(columns, index=pd.Index(rows, name="finding"), dtype=object)


def _picture(png: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(png))
    picture.load()
    return picture


def _encoded(picture: Image.Image, format: str, **how: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **how)
    return buffer.getvalue()
