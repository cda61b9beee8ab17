"""A review's folder: overlays, figure, `review.json` and, where they are asked for, the figure as PDF and the maps.

Every file carries which classifiers and weights, method, threshold, version and film (by its hash) it comes from, and
what it is for. Nothing that a header says of a patient, and no file's name, is in any of them. A folder appears whole
or not at all, and nothing is ever overwritten.
"""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from ensemble_cam.export.dicom.objects import DicomObjects
from ensemble_cam.export.drafts import draft, move_to_free_name, not_written
from ensemble_cam.export.figure import figure_pdf, figure_png
from ensemble_cam.export.overlays import drawing_threads, overlays_drawn_by
from ensemble_cam.export.record import review_json
from ensemble_cam.reviewing.analysis import Analysis
from ensemble_cam.reviewing.review import Review

_RECORD, _FIGURE, _PDF, _MAPS = "review.json", "review.png", "review.pdf", "maps.npz"


def _write_maps(path: Path, analysis: Analysis) -> None:
    """Write `<label>/<classifier id or ensemble>` → relative activation on the source grid, float16, as NPZ.

    Outside the crop, where there is no map, it is 0. One map is in memory at a time.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
        for finding in analysis.findings:
            for id, heatmap in finding.heatmaps().items():
                with archive.open(f"{finding.label}/{id}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, heatmap.in_source(np.float16), allow_pickle=False)


def write_review(
    review: Review,
    out: Path,
    name: str,
    *,
    save_maps: bool = False,
    pdf: bool = False,
    dicom: DicomObjects | None = None,
) -> Path:
    """Write a review's folder, whole or not at all, under the first free one of `name`, `name_2`, … in `out`.

    Args:
        review: the film's.
        out: where the folder goes.
        name: what it is to be called.
        save_maps: whether every map is written on the source grid.
        pdf: whether the figure is written as a PDF, too.
        dicom: the DICOM objects that are written, too.

    Returns:
        The folder.

    Raises:
        ExportError: if it cannot be written.
    """
    with _told_in_a_sentence(), draft(out) as unfinished:
        unfinished.mkdir()
        write_files(review, unfinished, save_maps=save_maps, pdf=pdf, dicom=dicom)
        return move_to_free_name(unfinished, out, name)


def write_files(
    review: Review,
    folder: Path,
    *,
    save_maps: bool = False,
    pdf: bool = False,
    dicom: DicomObjects | None = None,
    threads: int | None = None,
) -> None:
    """Write a review's files into a folder that is there, and that nobody takes for a review's before all of them are.

    Args:
        review: the film's.
        folder: where they go.
        save_maps, pdf, dicom: as in `write_review`.
        threads: how many draw at once; None for one on each core.

    Raises:
        ExportError: if they cannot be written.
    """
    with _told_in_a_sentence():
        with drawing_threads(review, threads) as drawing:
            figure = drawing.submit(figure_png, review)
            paper = drawing.submit(figure_pdf, review) if pdf else None
            maps = drawing.submit(_write_maps, folder / _MAPS, review.analysis) if save_maps else None
            for file, data in overlays_drawn_by(drawing, review):
                (folder / file).write_bytes(data)
            (folder / _FIGURE).write_bytes(figure.result())
            if paper:
                (folder / _PDF).write_bytes(paper.result())
            if maps:
                maps.result()
        for file, data in dicom.files if dicom else ():
            (folder / file).write_bytes(data)
        record = review_json(review, save_maps=save_maps, pdf=pdf, dicom=dicom.options.record if dicom else None)
        (folder / _RECORD).write_text(record, encoding="utf-8")


@contextmanager
def _told_in_a_sentence() -> Iterator[None]:
    """Say in a sentence what a disk or a picture did not let be written."""
    try:
        yield
    except (OSError, cv2.error) as error:
        raise not_written(error) from None
