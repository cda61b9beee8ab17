"""A part of a film with a map over it, drawn anew at any whole enlargement: what a reader looks at, sharp on paper.

The screen's pixels are not enlarged. Between the film's pixels greys are linear, as on the screen; the map is read at
every pixel of the picture, and the contour and the outline of what the networks saw are as thick as it asks for.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from ensemble_cam.film.geometry import Geometry, PixelBox
from ensemble_cam.maps.heatmap import Heatmap
from ensemble_cam.maps.spread import Spread
from ensemble_cam.rendering.colours import CROP_COLOUR
from ensemble_cam.rendering.overlay import contour_thickness, paint
from ensemble_cam.settings.display import Display


@dataclass(frozen=True)
class Enlarged:
    """A part of a film at a whole enlargement.

    Attributes:
        box: the part in source pixels, half-open, on the film.
        times: pixels of the picture for one of the film's, at least 1.
    """

    box: PixelBox
    times: int

    @classmethod
    def to(cls, longest: int, box: PixelBox) -> "Enlarged":
        """Return a part so enlarged that its longer side has at least `longest` pixels."""
        side = max(box[2] - box[0], box[3] - box[1])
        return cls(box, max(1, -(-longest // side)))

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the picture."""
        x0, y0, x1, y1 = self.box
        return (x1 - x0) * self.times, (y1 - y0) * self.times


def draw_view(
    film: np.ndarray,
    geometry: Geometry,
    view: Enlarged,
    heatmap: Heatmap | Spread | None,
    display: Display,
    *,
    thickness: int | None = None,
) -> np.ndarray:
    """Draw a view.

    Args:
        film: (h, w) uint8, the whole film's greys.
        geometry: the film's, in source pixels.
        view: which part of it, and how large.
        heatmap: the map over it; None for the film alone.
        display: what the map is drawn like.
        thickness: of the contour in the picture's pixels; without, as overlays have it for pictures of this size.

    Returns:
        (h, w, 3) uint8 RGB, `view.size`.
    """
    thickness = contour_thickness(max(view.size)) if thickness is None else thickness
    # A contour beside the view reaches into it, and where the view cuts a region there is no contour.
    columns, rows = (
        _with_margin(view.box[axis] * view.times, view.box[axis + 2] * view.times, 2 * thickness, side * view.times)
        for axis, side in enumerate(geometry.source_size)
    )
    xs, ys = (_centres(pixels, view.times) for pixels in (columns, rows))
    picture = cv2.cvtColor(_greys(film, xs, ys), cv2.COLOR_GRAY2RGB)
    x0, y0, x1, y1 = (edge * view.times for edge in geometry.crop)
    seen = x0 - columns.start, y0 - rows.start, x1 - columns.start, y1 - rows.start
    _dim(picture, seen)
    if heatmap is not None and display.overlays and not heatmap.empty:
        _lay_over(picture, heatmap, xs, ys, display, thickness)
    _outline(picture, seen, max(1, round(max(view.size) / 500)))
    left, top = view.box[0] * view.times - columns.start, view.box[1] * view.times - rows.start
    return picture[top : top + view.size[1], left : left + view.size[0]].copy()


def _with_margin(start: int, stop: int, margin: int, end: int) -> range:
    """Return the pixels from `start` to `stop` and some on both sides, as far as the film reaches."""
    return range(max(start - margin, 0), min(stop + margin, end))


def _centres(pixels: range, times: int) -> np.ndarray:
    """Return where an enlarged film's pixels are centred, in source pixels."""
    return (np.array(pixels) + 0.5) / times - 0.5


def _greys(film: np.ndarray, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
    """Return a film's greys where columns meet rows, linear between its pixels' centres and level at its rim."""
    (left, right, across), (upper, lower, down) = (
        _between(places, size) for places, size in ((xs, film.shape[1]), (ys, film.shape[0]))
    )
    if not across.any() and not down.any():  # at its own size: a large film is not brought to floats for nothing
        return film[upper[0] : upper[-1] + 1, left[0] : left[-1] + 1]
    first = left[0]
    part = film[:, first : right[-1] + 1].astype(np.float32)
    above = part[upper]
    lines = above + (part[lower] - above) * down[:, None]
    before = lines[:, left - first]
    return (before + (lines[:, right - first] - before) * across + 0.5).astype(np.uint8)


def _between(places: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return for each place along an axis the pixels on both sides of it and how far it is from one to the other."""
    within = np.clip(places, 0, size - 1)
    low = within.astype(np.int64)
    return low, np.minimum(low + 1, size - 1), (within - low).astype(np.float32)


def _dim(picture: np.ndarray, seen: PixelBox) -> None:
    """Darken to half what the networks did not see, in place."""
    x0, y0, x1, y1 = (max(edge, 0) for edge in seen)
    lit = picture[y0:y1, x0:x1].copy()
    picture //= 2
    picture[y0:y1, x0:x1] = lit


def _outline(picture: np.ndarray, seen: PixelBox, thickness: int) -> None:
    """Outline what the networks saw where not all of the picture was seen, in place."""
    height, width, _ = picture.shape
    x0, y0, x1, y1 = seen
    if x0 > 0 or y0 > 0 or x1 < width or y1 < height:
        cv2.rectangle(picture, (x0, y0), (x1 - 1, y1 - 1), CROP_COLOUR, thickness)


def _lay_over(
    picture: np.ndarray, heatmap: Heatmap | Spread, xs: np.ndarray, ys: np.ndarray, display: Display, thickness: int
) -> None:
    """Draw a map into a picture of the film at these source pixels, in place."""
    crop = heatmap.geometry.crop
    left, right = np.searchsorted(xs, (crop[0] - 0.5, crop[2] - 0.5)).tolist()
    top, bottom = np.searchsorted(ys, (crop[1] - 0.5, crop[3] - 0.5)).tolist()
    if left < right and top < bottom:
        values = heatmap.raster(xs[left:right], ys[top:bottom])
        paint(picture, (left, top, right, bottom), [(slice(top, bottom), values)], display, thickness=thickness)
