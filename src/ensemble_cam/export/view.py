"""*This view*: the part of a film that a reader looks at, with the map over it, drawn anew at print size.

The greys are the review's, windowed and inverted as on the screen; threshold, colours and style are its display's. A
reader who looks at several maps side by side has them so in the picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ensemble_cam.errors import ConfigError
from ensemble_cam.export.provenance import origin, window_line
from ensemble_cam.export.words import words_below, words_below_several
from ensemble_cam.film.geometry import PixelBox
from ensemble_cam.maps.heatmap import Heatmap
from ensemble_cam.maps.spread import Spread
from ensemble_cam.rendering.footer import Wordings, footer
from ensemble_cam.rendering.page import LIGHT_INK, LIGHT_WARN, Run
from ensemble_cam.rendering.png import png
from ensemble_cam.rendering.view import Enlarged, draw_view
from ensemble_cam.reviewing.analysis import Finding
from ensemble_cam.reviewing.review import Review
from ensemble_cam.reviewing.sentences import capitalised, purpose_line, score_line, spread
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.vocabulary import DISAGREEMENT, ENSEMBLE

LONGEST = 2000
"""Pixels that the longer side of a view has at least."""

_SPREAD_COLOURS = ("cividis", "viridis")  # of the disagreement: the first that maps are not drawn in, as on the screen


@dataclass(frozen=True)
class View:
    """What a reader looks at.

    Attributes:
        box: the part of the film in source pixels, half-open; what reaches beyond the film is left out.
        label: the finding whose map lies over it, one of those explained; None for the film alone.
        id: whose map, a classifier's or "ensemble".
    """

    box: PixelBox
    label: str | None = None
    id: str = ENSEMBLE


@dataclass(frozen=True)
class Panels:
    """What a reader looks at on the stage, or side by side.

    Attributes:
        box: the part of the film in source pixels, half-open; what reaches beyond the film is left out.
        label: the finding, one of those explained; None for the film alone.
        ids: whose maps, in rows: classifiers', "ensemble", "disagreement"; where there is no such map, or the id is
            another, the film stands alone. At least one.
        columns: how many panels stand beside one another.
        thickness: of contours, in source pixels; None as overlays have it.
    """

    box: PixelBox
    label: str | None
    ids: tuple[str, ...]
    columns: int = 1
    thickness: float | None = None


def view_png(review: Review, view: View) -> bytes:
    """Draw a view as PNG: its longer side has at least `LONGEST` pixels, its words stand below.

    Raises:
        ConfigError: if nothing of the film is in the box, or there is no such map.
    """
    if view.label is not None:
        finding = _finding(review, view.label)
        if finding is None or view.id not in finding.heatmaps():
            raise ConfigError(f"There is no map of {view.label} by {view.id} in this review. Choose another one.")
    return panels_png(review, Panels(view.box, view.label, (view.id,)))


def panels_png(review: Review, panels: Panels) -> bytes:
    """Draw panels as they stand on a screen, as PNG: the longer side has at least `LONGEST` pixels, words stand below.

    Raises:
        ConfigError: if nothing of the film is in the box.
    """
    box = _on_the_film(panels.box, review.analysis.geometry.source_size)
    rows = -(-len(panels.ids) // panels.columns)
    across, down = (box[2] - box[0]) * panels.columns, (box[3] - box[1]) * rows
    part = Enlarged(box, max(1, -(-LONGEST // max(across, down))))
    finding = None if panels.label is None else _finding(review, panels.label)
    if all(_map(finding, id) is None for id in panels.ids):
        finding = None
    pictures = [_drawn(review, part, finding, id, panels.thickness) for id in panels.ids]
    picture = pictures[0] if len(pictures) == 1 else _in_rows(pictures, panels.columns)
    text = {**origin(review), "View": f"source pixels {', '.join(map(str, part.box))}, enlarged {part.times} times"}
    if finding is not None:
        text |= {"Finding": finding.label, "Map": ", ".join(panels.ids)}
        score = review.analysis.score(finding, panels.ids[0]) if _has_score(review, panels.ids) else None
        if score is not None:
            text["Score"] = score_line(score, digits=3)
    words = _words(review, finding, panels.ids, _view_line(review, part))
    return png([picture, *footer(words, picture.shape[1], picture.shape[0])], text)


def _on_the_film(box: PixelBox, size: tuple[int, int]) -> PixelBox:
    x0, y0, x1, y1 = max(box[0], 0), max(box[1], 0), min(box[2], size[0]), min(box[3], size[1])
    if x0 >= x1 or y0 >= y1:
        raise ConfigError(
            f"box: got {', '.join(map(str, box))}; the film has {size[0]}×{size[1]} pixels. Show some of them."
        )
    return x0, y0, x1, y1


def _finding(review: Review, label: str) -> Finding | None:
    return next((each for each in review.analysis.findings if each.label == label), None)


def _has_score(review: Review, ids: Sequence[str]) -> bool:
    return len(ids) == 1 and ids[0] in (ENSEMBLE, *(each.id for each in review.analysis.results))


def _drawn(review: Review, part: Enlarged, finding: Finding | None, id: str, thickness: float | None) -> np.ndarray:
    film, geometry = review.analysis.radiograph.display, review.analysis.geometry
    wide = None if thickness is None else max(1, round(thickness * part.times))
    heatmap, display = _map(finding, id), review.display
    if isinstance(heatmap, Spread):
        display = _spread_display(display)
    return draw_view(film, geometry, part, heatmap, display, thickness=wide)


def _map(finding: Finding | None, id: str) -> Heatmap | Spread | None:
    if finding is None:
        return None
    return _spread(finding) if id == DISAGREEMENT else finding.heatmaps().get(id)


def _spread(finding: Finding) -> Spread | None:
    """Return how far the maps behind a finding's ensemble differ; None where there are not two of them."""
    ids = () if finding.ensemble is None else finding.ensemble.classifiers
    return Spread(tuple(finding.maps[id] for id in ids)) if len(ids) > 1 else None


def _spread_display(display: Display) -> Display:
    """Return what a disagreement is drawn like: in colours of its own, without a contour, as it has no regions."""
    colours = next(name for name in _SPREAD_COLOURS if name != display.colormap)
    return replace(display, colormap=colours, style="heatmap")


def _in_rows(pictures: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Put pictures of one size into rows, with a black line between them."""
    height, width, _ = pictures[0].shape
    gap = max(2, width // 150)
    rows = -(-len(pictures) // columns)
    whole = np.zeros((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), dtype=np.uint8)
    for place, picture in enumerate(pictures):
        top, left = place // columns * (height + gap), place % columns * (width + gap)
        whole[top : top + height, left : left + width] = picture
    return whole


def _view_line(review: Review, part: Enlarged) -> str:
    """Return which part of the film is shown, how large and in which greys."""
    width, height = review.analysis.geometry.source_size
    x0, y0, x1, y1 = part.box
    whole = f"{width}×{height} source pixels"
    what = (
        f"The whole film, {whole}"
        if part.box == (0, 0, width, height)
        else (f"A part of the film: x {x0} to {x1}, y {y0} to {y1} of {whole}")
    )
    size = "at its own size" if part.times == 1 else f"enlarged {part.times} times"
    return f"{what}, {size} · greys: {window_line(review)}"


def _words(review: Review, finding: Finding | None, ids: Sequence[str], view: str) -> Wordings:
    line, purpose = [Run(view, LIGHT_INK)], [Run(purpose_line(review), LIGHT_WARN)]
    if finding is None:
        alone = [[Run("The film alone, without a map.", LIGHT_INK)], line, purpose]
        return Wordings(whole=alone, terse=alone, abridged=[purpose])
    if len(ids) > 1:
        words = words_below_several(review, finding, ids)
    else:
        words = words_below(review, finding, ENSEMBLE if ids[0] == DISAGREEMENT else ids[0])
    shown = [line] if DISAGREEMENT not in ids else [[Run(_spread_line(review, finding), LIGHT_INK)], line]
    return Wordings(
        whole=[*words.whole[:-1], *shown, words.whole[-1]], terse=[*words.terse, *shown], abridged=words.abridged
    )


def _spread_line(review: Review, finding: Finding) -> str:
    found, threshold = _spread(finding), review.display.threshold
    if found is None:
        return capitalised(spread(0, "", 0.0, threshold))
    colours = _spread_display(review.display).colormap
    return capitalised(spread(len(found.maps), colours, found.share(threshold), threshold))
