"""Every map over its film as a PNG in source pixels, its words below it, drawn on all cores."""

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np

from ensemble_cam.export.provenance import origin
from ensemble_cam.export.record import overlay_name
from ensemble_cam.export.words import words_below
from ensemble_cam.machine.allotted import cores
from ensemble_cam.maps.heatmap import Heatmap
from ensemble_cam.rendering.footer import footer
from ensemble_cam.rendering.overlay import changed_rows
from ensemble_cam.rendering.png import png
from ensemble_cam.rendering.strips import SharedRows
from ensemble_cam.reviewing.analysis import Finding
from ensemble_cam.reviewing.review import Review
from ensemble_cam.reviewing.sentences import score_line

# Pixels of all overlays that are drawn at once: each takes some ten bytes of memory while it is.
_PIXELS_AT_ONCE = 20_000_000


@dataclass(frozen=True, eq=False)
class Shared:
    """What all overlays of a review have; any number of threads may draw with it.

    Attributes:
        plain: the film alone, most of whose rows they have.
        origin: their text chunks but for those of a map.
    """

    plain: SharedRows
    origin: Mapping[str, str]

    @classmethod
    def of(cls, review: Review) -> "Shared":
        """Return what overlays of a review have."""
        film = review.analysis.radiograph.display

        def rows(some: slice) -> np.ndarray:
            return cv2.cvtColor(film[some], cv2.COLOR_GRAY2RGB)

        return cls(SharedRows(rows, film.shape[1], film.shape[0]), origin(review))


def overlays(review: Review) -> Iterator[tuple[str, bytes]]:
    """Yield (file name, PNG) of every map over the film in source pixels, with its words below it.

    Its origin stands in text chunks, too, and there alone where `Display.bare` is asked for.
    They are drawn on all cores, by rank and classifier, and only a few ahead of those that were asked for.
    """
    with drawing_threads(review) as threads:
        yield from overlays_drawn_by(threads, review)


def overlays_drawn_by(threads: ThreadPoolExecutor, review: Review) -> Iterator[tuple[str, bytes]]:
    """Yield what `overlays` does, drawn by threads of `drawing_threads`."""
    drawing: deque[Future[tuple[str, bytes]]] = deque()
    shared = Shared.of(review)
    for finding in review.analysis.findings:
        for id, heatmap in finding.heatmaps().items():
            drawing.append(threads.submit(_overlay, review, finding, id, heatmap, shared))
            if len(drawing) > _threads_for(review):
                yield drawing.popleft().result()
    while drawing:
        yield drawing.popleft().result()


def _overlay(review: Review, finding: Finding, id: str, heatmap: Heatmap, shared: Shared) -> tuple[str, bytes]:
    return overlay_name(finding, id, bare=review.display.bare), overlay_png(review, finding, id, heatmap, shared)


def overlay_png(review: Review, finding: Finding, id: str, heatmap: Heatmap, shared: Shared | None = None) -> bytes:
    """Return one map over the film in source pixels, with its words below it, as a PNG.

    Args:
        review: the film's.
        finding: one of those explained.
        id: a classifier's, or "ensemble".
        heatmap: its map, one of `finding.heatmaps()`.
        shared: what all overlays of the review have, where several are drawn.
    """
    film, shared = review.analysis.radiograph.display, shared or Shared.of(review)
    changes = changed_rows(film, heatmap, review.display, multiple=shared.plain.multiple)
    parts = [*shared.plain.changed(changes)]
    if not review.display.bare:
        parts += footer(words_below(review, finding, id), film.shape[1], film.shape[0])
    score = review.analysis.score(finding, id)
    text = {**shared.origin, "Finding": finding.label, "Map": id}
    if score is not None:
        text["Score"] = score_line(score, digits=3)
    return png(parts, text)


@contextmanager
def drawing_threads(review: Review, most: int | None = None) -> Iterator[ThreadPoolExecutor]:
    """Provide threads for drawing a review; what is left undone at the end is dropped, and all of them have ended.

    Args:
        review: the film's.
        most: how many; None for one on each core.
    """
    count = _threads_for(review) if most is None else most
    threads = ThreadPoolExecutor(count, thread_name_prefix="drawing")
    try:
        yield threads
    finally:
        threads.shutdown(cancel_futures=True)


def _threads_for(review: Review) -> int:
    width, height = review.analysis.geometry.source_size
    return max(1, min(cores(), _PIXELS_AT_ONCE // (width * height)))
