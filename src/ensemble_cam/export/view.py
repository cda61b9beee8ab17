"""*This view*: the part of a film that a reader looks at, with the map over it, drawn anew at print size.

The greys are the review's, windowed and inverted as on the screen; threshold, colours and style are its display's.
"""

from dataclasses import dataclass

from ensemble_cam.errors import ConfigError
from ensemble_cam.export.provenance import origin, window_line
from ensemble_cam.export.words import words_below
from ensemble_cam.film.geometry import PixelBox
from ensemble_cam.rendering.footer import Wordings, footer
from ensemble_cam.rendering.page import LIGHT_INK, LIGHT_WARN, Run
from ensemble_cam.rendering.png import png
from ensemble_cam.rendering.view import Enlarged, draw_view
from ensemble_cam.reviewing.analysis import Finding
from ensemble_cam.reviewing.review import Review
from ensemble_cam.reviewing.sentences import purpose_line, score_line
from ensemble_cam.settings.vocabulary import ENSEMBLE

LONGEST = 2000
"""Pixels that the longer side of a view has at least."""


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


def view_png(review: Review, view: View) -> bytes:
    """Draw a view as PNG: its longer side has at least `LONGEST` pixels, its words stand below.

    Raises:
        ConfigError: if nothing of the film is in the box, or there is no such map.
    """
    film, geometry = review.analysis.radiograph.display, review.analysis.geometry
    part = Enlarged.to(LONGEST, _on_the_film(view.box, geometry.source_size))
    finding = None if view.label is None else _found(review, view.label, view.id)
    heatmap = None if finding is None else finding.heatmaps()[view.id]
    picture = draw_view(film, geometry, part, heatmap, review.display)
    words = _words(review, finding, view.id, _view_line(review, part))
    text = {**origin(review), "View": f"source pixels {', '.join(map(str, part.box))}, enlarged {part.times} times"}
    if finding is not None:
        text |= {"Finding": finding.label, "Map": view.id}
        score = review.analysis.score(finding, view.id)
        if score is not None:
            text["Score"] = score_line(score, digits=3)
    return png([picture, *footer(words, *part.size)], text)


def _on_the_film(box: PixelBox, size: tuple[int, int]) -> PixelBox:
    x0, y0, x1, y1 = max(box[0], 0), max(box[1], 0), min(box[2], size[0]), min(box[3], size[1])
    if x0 >= x1 or y0 >= y1:
        raise ConfigError(
            f"box: got {', '.join(map(str, box))}; the film has {size[0]}×{size[1]} pixels. Show some of them."
        )
    return x0, y0, x1, y1


def _found(review: Review, label: str, id: str) -> Finding:
    for finding in review.analysis.findings:
        if finding.label == label and id in finding.heatmaps():
            return finding
    raise ConfigError(f"There is no map of {label} by {id} in this review. Choose another one.")


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


def _words(review: Review, finding: Finding | None, id: str, view: str) -> Wordings:
    line, purpose = [Run(view, LIGHT_INK)], [Run(purpose_line(review), LIGHT_WARN)]
    if finding is None:
        alone = [[Run("The film alone, without a map.", LIGHT_INK)], line, purpose]
        return Wordings(whole=alone, terse=alone, abridged=[purpose])
    words = words_below(review, finding, id)
    return Wordings(
        whole=[*words.whole[:-1], line, words.whole[-1]], terse=[*words.terse, line], abridged=words.abridged
    )
