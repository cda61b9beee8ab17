"""What leaves the program: overlays in source pixels, `review.json`, maps, and a review's folder.

Every export carries which classifiers and weights, method, threshold, version and film (by its hash) it comes from, and
what it is for. Nothing that a header says of a patient, and no file's name, is in any of them. A folder appears whole
or not at all, and nothing is ever overwritten.
"""

import os
import shutil
import uuid
import zipfile
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from ensemble_cam.errors import ExportError
from ensemble_cam.export.figure import figure_png
from ensemble_cam.export.provenance import Review, origin
from ensemble_cam.export.record import ENSEMBLE, overlay_name, review_json
from ensemble_cam.maps.heatmap import Heatmap
from ensemble_cam.rendering.overlay import source_overlay
from ensemble_cam.rendering.png import png
from ensemble_cam.reviewing.analysis import Analysis, Finding

_RECORD, _FIGURE, _MAPS = "review.json", "review.png", "maps.npz"
# Pixels of all overlays that are drawn at once: each takes some ten bytes of memory while it is.
_PIXELS_AT_ONCE = 20_000_000


def overlays(review: Review) -> Iterator[tuple[str, bytes]]:
    """Yield (file name, PNG in source pixels) of every map, with its origin in text chunks.

    They are drawn on all cores, by rank and classifier, and only a few ahead of those that were asked for.
    """
    with _threads(review) as threads:
        yield from _overlays(review, threads)


def _overlays(review: Review, threads: ThreadPoolExecutor) -> Iterator[tuple[str, bytes]]:
    drawing = deque()
    for finding in review.analysis.findings:
        for id, heatmap in finding.heatmaps().items():
            drawing.append(threads.submit(_overlay, review, finding, id, heatmap))
            if len(drawing) > _threads_for(review):
                yield drawing.popleft().result()
    while drawing:
        yield drawing.popleft().result()


def _overlay(review: Review, finding: Finding, id: str, heatmap: Heatmap) -> tuple[str, bytes]:
    picture = source_overlay(review.analysis.radiograph.display, heatmap, review.display)
    text = {**origin(review), "Finding": finding.label, "Map": id, "Score": _score_line(review, finding, id)}
    return overlay_name(finding, id), png(picture, text)


@contextmanager
def _threads(review: Review) -> Iterator[ThreadPoolExecutor]:
    """Provide threads for drawing a review; what is left undone at the end is dropped, and all of them have ended."""
    threads = ThreadPoolExecutor(_threads_for(review), thread_name_prefix="drawing")
    try:
        yield threads
    finally:
        threads.shutdown(cancel_futures=True)


def _threads_for(review: Review) -> int:
    width, height = review.analysis.geometry.source_size
    return max(1, min(_cores(), _PIXELS_AT_ONCE // (width * height)))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _score_line(review: Review, finding: Finding, id: str) -> str:
    """Return the score behind a map and how it stands to its operating point, in words."""
    if id == ENSEMBLE:
        return f"{finding.ranked.score.value:.3f}, {finding.call}"
    result = review.analysis.result(id)
    return f"{result.scores[finding.label]:.3f}, {result.call(finding.label)}"


def _write_maps(path: Path, analysis: Analysis) -> None:
    """Write `<label>/<classifier id or ensemble>` → relative activation on the source grid, float16, as NPZ.

    Outside the crop, where there is no map, it is 0. One map is in memory at a time.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
        for finding in analysis.findings:
            for id, heatmap in finding.heatmaps().items():
                with archive.open(f"{finding.label}/{id}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, heatmap.in_source(np.float16), allow_pickle=False)


def write_review(review: Review, out: Path, name: str, *, save_maps: bool = False) -> Path:
    """Write a review's folder, whole or not at all, under the first free one of `name`, `name_2`, … in `out`.

    Returns:
        The folder.

    Raises:
        ExportError: if it cannot be written.
    """
    draft = out / f".unfinished-{uuid.uuid4().hex}"
    try:
        draft.mkdir(parents=True)
        try:
            with _threads(review) as threads:
                figure = threads.submit(figure_png, review)
                maps = threads.submit(_write_maps, draft / _MAPS, review.analysis) if save_maps else None
                for file, data in _overlays(review, threads):
                    (draft / file).write_bytes(data)
                (draft / _FIGURE).write_bytes(figure.result())
                if maps:
                    maps.result()
            (draft / _RECORD).write_text(review_json(review, save_maps=save_maps), encoding="utf-8")
            return _move_to_free_name(draft, out, name)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except (OSError, cv2.error) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ExportError(
            f"The review could not be written ({reason}). Free space, or choose another folder."
        ) from None


def _move_to_free_name(draft: Path, out: Path, name: str) -> Path:
    number, folder = 1, out / name
    while True:
        if not folder.exists():
            try:
                os.rename(draft, folder)
            except OSError:
                if not folder.exists():
                    raise
            else:
                return folder
        number += 1
        folder = out / f"{name}_{number}"
