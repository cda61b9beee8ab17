"""A review's folder: overlays, figure, `review.json` and, where they are asked for, the figure as PDF and the maps.

Every file carries which classifiers and weights, method, threshold, version and film (by its hash) it comes from, and
what it is for. Nothing that a header says of a patient, and no file's name, is in any of them. A folder appears whole
or not at all, and nothing is ever overwritten.
"""

import os
import zipfile
from pathlib import Path

import cv2
import numpy as np

from ensemble_cam.errors import ExportError
from ensemble_cam.export.dicom.objects import DicomObjects
from ensemble_cam.export.drafts import draft
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
    try:
        with draft(out) as unfinished:
            unfinished.mkdir()
            with drawing_threads(review) as threads:
                figure = threads.submit(figure_png, review)
                paper = threads.submit(figure_pdf, review) if pdf else None
                maps = threads.submit(_write_maps, unfinished / _MAPS, review.analysis) if save_maps else None
                for file, data in overlays_drawn_by(threads, review):
                    (unfinished / file).write_bytes(data)
                (unfinished / _FIGURE).write_bytes(figure.result())
                if paper:
                    (unfinished / _PDF).write_bytes(paper.result())
                if maps:
                    maps.result()
            for file, data in dicom.files if dicom else ():
                (unfinished / file).write_bytes(data)
            record = review_json(review, save_maps=save_maps, pdf=pdf, dicom=dicom.options.record if dicom else None)
            (unfinished / _RECORD).write_text(record, encoding="utf-8")
            return move_to_free_name(unfinished, out, name)
    except (OSError, cv2.error) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ExportError(
            f"The review could not be written ({reason}). Free space, or choose another folder."
        ) from None


def move_to_free_name(unfinished: Path, out: Path, name: str) -> Path:
    """Move a finished draft to the first free one of `name`, `name_2`, … in a folder, and return its place there.

    Raises:
        OSError: if it cannot be moved.
    """
    number, folder = 1, out / name
    while True:
        if not folder.exists():
            try:
                os.rename(unfinished, folder)
            except OSError:
                if not folder.exists():
                    raise
            else:
                return folder
        number += 1
        folder = out / f"{name}_{number}"
