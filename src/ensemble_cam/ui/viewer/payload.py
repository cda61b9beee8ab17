"""What the viewer in the browser is sent: a film, and the maps of a review on their own small grids.

It goes as one Arrow table of named blobs, each with its SHA-256, beside a header of plain values. Nothing of it lies in
the server's media store or in a cache: Streamlit's own keys look at parts of large files only.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import cv2
import numpy as np
from isal import isal_zlib

from ensemble_cam.film.geometry import Geometry
from ensemble_cam.film.greyscale import domain, own_window, to_screen
from ensemble_cam.film.radiograph import Radiograph
from ensemble_cam.rendering.colours import colour_table
from ensemble_cam.reviewing.sentences import CALLS_AT_LENGTH, SAYS
from ensemble_cam.settings.settings import displayed
from ensemble_cam.settings.vocabulary import COLORMAPS
from ensemble_cam.ui.viewer.planted import Planted

if TYPE_CHECKING:
    import pyarrow

    from ensemble_cam.reviewing.analysis import Analysis, Finding

# A film whose longer side is no longer than this is sent whole at once. Of a larger one a smaller level comes first,
# and the whole when the reader looks closer.
LEVEL = 1280
COLORMAP_NOTES = {"turbo": " (not for colour-blind readers)", "jet": " (misleads: uneven steps)"}


@dataclass(frozen=True)
class Words:
    """What the viewer says, but does not know of itself.

    Attributes:
        set: the set of classifiers in use, and the film's name for this reader's own screen; in no export.
        outside: of the part that the networks do not see; empty where they see all of it.
        meaning: what the colours mean, and what does not follow from them.
        frame: why the film stands in a frame, "teaching" or "meaningless", and what is said with it; empty where it
            stands in none.
    """

    set: str = ""
    outside: str = ""
    meaning: str = ""
    frame: tuple[str, str] = ("", "")


@dataclass(frozen=True, eq=False)
class Payload:
    """A film with its maps, as they are sent.

    Attributes:
        header: plain values, for JSON; its `sha256` is over the rest of it and all blobs.
        blobs: name → bytes.
    """

    header: Mapping[str, object]
    blobs: Mapping[str, bytes]

    @property
    def first(self) -> str | None:
        """The finding that a viewer begins with, by upstream name; None where there is none."""
        label = self.header["first"]
        return label if isinstance(label, str) else None

    @cached_property
    def table(self) -> "pyarrow.Table":
        """The blobs as an Arrow table of `name`, `sha256` and `bytes`."""
        import pyarrow  # here, as the first page does not wait for it

        columns = {
            "name": list(self.blobs),
            "sha256": [_sha256(blob) for blob in self.blobs.values()],
            "bytes": pyarrow.array(list(self.blobs.values()), pyarrow.large_binary()),
        }
        return pyarrow.table(columns)


@dataclass(frozen=True, eq=False)
class FilmPart:
    """The part of a payload that a film makes, whatever is found on it.

    Attributes:
        facts: the header's `film`.
        blobs: its level's pixels, packed, and the file's own greys.
    """

    facts: Mapping[str, object]
    blobs: Mapping[str, bytes]

    @classmethod
    def of(cls, radiograph: Radiograph, *, whole: bool = False) -> "FilmPart":
        """Pack a film, or the level of it that is sent first."""
        indices = ordered(radiograph.source)
        low, high = radiograph.used
        values = np.sort(domain(radiograph.source.dtype))
        greys = to_screen(radiograph.shown)[np.argsort(domain(radiograph.source.dtype))]
        center, width, falling = own_window(radiograph.shown, domain(radiograph.source.dtype), radiograph.used)
        level = indices
        if not whole and max(indices.shape) > LEVEL:
            level = _level(indices if radiograph.padding is None else _darkened(radiograph, indices, falling=falling))
        spacing = None
        if radiograph.spacing is not None:
            rows, columns = radiograph.spacing
            spacing = {"row": rows, "column": columns, "detector": radiograph.spacing_at_detector}
        facts = {
            "sha256": radiograph.sha256,
            "width": radiograph.width,
            "height": radiograph.height,
            "sent": [level.shape[1], level.shape[0]],
            "detailed": level is indices and max(level.shape) > LEVEL,
            "wide": level.dtype.itemsize > 1,
            "lowest": int(values[0]),
            "window": {"center": center, "width": width},
            "falling": falling,
            "padding": None if radiograph.padding is None else list(radiograph.padding),
            "range": [low, max(high, low + 1)],
            "spacing": spacing,
            "left": _SIDES.get(radiograph.facts.get("Left edge", "")),
            "view": view if (view := radiograph.facts.get("View")) is not None and view.isupper() else None,
        }
        return cls(facts, {"film": packed(level), "greys": greys.tobytes()})


_SIDES = {"the patient's right": "R", "the patient's left": "L"}


def ordered(source: np.ndarray) -> np.ndarray:
    """Return (h, w) stored values as unsigned indices that rise with them: a value less the lowest of its type."""
    if source.dtype.kind == "u":
        return source
    half = 1 << (8 * source.dtype.itemsize - 1)
    unsigned = np.dtype(f"u{source.dtype.itemsize}")
    return source.view(unsigned) ^ unsigned.type(half)


def packed(pixels: np.ndarray) -> bytes:
    """Pack (h, w) uint8 or uint16 for the way: differences along each row, all low bytes before all high ones, zlib."""
    differences = pixels.copy()
    differences[:, 1:] -= pixels[:, :-1]
    if pixels.dtype.itemsize == 1:
        return isal_zlib.compress(differences.tobytes(), 1)
    planes = np.stack([(differences & 0xFF).astype(np.uint8), (differences >> 8).astype(np.uint8)])
    return isal_zlib.compress(planes.tobytes(), 1)


def _darkened(radiograph: Radiograph, indices: np.ndarray, *, falling: bool) -> np.ndarray:
    """Return `indices` with padding as dark as the film gets: its values mean nothing that could be averaged."""
    lowest = int(domain(radiograph.source.dtype).min())
    first, last = (end - lowest for end in radiograph.padding or (0, -1))
    dark = radiograph.used[1 if falling else 0] - lowest
    return np.where((indices >= first) & (indices <= last), indices.dtype.type(dark), indices)


def _level(indices: np.ndarray) -> np.ndarray:
    height, width = indices.shape
    scale = LEVEL / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(indices, size, interpolation=cv2.INTER_AREA)


def payload(
    number: int,
    film: FilmPart,
    geometry: Geometry,
    words: Words,
    *,
    analysis: "Analysis | None" = None,
    withheld: bool = False,
    wanted: str | None = None,
    colours: Mapping[str, str] | None = None,
    planted: Planted | None = None,
    start: Mapping[str, object],
    anew: str = "",
) -> Payload:
    """Put a film, and its maps where it has been reviewed, into what is sent.

    Args:
        number: the film's in its session, by which the browser asks for it.
        film: see `FilmPart`.
        geometry: the square that the networks see.
        words: what is said beside.
        analysis: the review; None shows the film alone.
        withheld: whether its maps are kept back, and scores sent alone.
        wanted: the finding that the reader asked for by name, by which the viewer begins.
        colours: classifier id → CSS colour of its marks.
        planted: what lies over a film whose truth is known.
        start: what is set where the viewer appears anew; what it holds already counts more.
        anew: changes where the page goes on as another one was left: then `start` counts more.

    Raises:
        ValueError: if the review is of another film.
    """
    if analysis is not None and analysis.radiograph.sha256 != film.facts["sha256"]:
        raise ValueError("the maps are of another film")
    findings, grids = ([], []) if analysis is None else _findings(analysis, withheld=withheld)
    header = {
        "number": number,
        "film": film.facts,
        "maps_of": None if analysis is None else analysis.radiograph.sha256,
        "geometry": {"x": _axis(geometry, 0), "y": _axis(geometry, 1)},
        "whole": geometry.crop == (0, 0, *geometry.source_size),
        "outside": words.outside,
        "meaning": words.meaning,
        "classifiers": [] if analysis is None else _classifiers(analysis, colours or {}),
        "findings": findings,
        "first": wanted or (findings[0]["label"] if findings else None),
        "wanted": wanted,
        "grids": [grid.shape[0] for grid in grids],
        "set": words.set,
        "colormaps": [{"name": name, "note": COLORMAP_NOTES.get(name, "")} for name in COLORMAPS],
        "frame": dict(zip(("kind", "said"), words.frame, strict=True)),
        "withheld": withheld,
        "anew": anew,
        "planted": None if planted is None else planted.header(),
        "says": {**SAYS, "calls": {str(call): said for call, said in CALLS_AT_LENGTH.items()}},
    }
    blobs = {
        **film.blobs,
        "maps": b"".join(np.ascontiguousarray(grid, dtype="<f4").tobytes() for grid in grids),
        "colours": b"".join(colour_table(name).tobytes() for name in COLORMAPS),
    }
    hashes = [_sha256(blob) for blob in blobs.values()]
    sha256 = _sha256(json.dumps([header, hashes], sort_keys=True).encode())
    return Payload({**header, "sha256": sha256, "start": dict(start)}, blobs)


def _axis(geometry: Geometry, axis: int) -> dict[str, int]:
    """Return an axis of the square and the crop, in the film's edge coordinates."""
    square, crop = geometry.square, geometry.crop
    return {
        "start": square[axis],
        "side": square[axis + 2] - square[axis],
        "from": crop[axis],
        "to": crop[axis + 2],
        "size": geometry.source_size[axis],
    }


def _classifiers(analysis: "Analysis", colours: Mapping[str, str]) -> list[dict[str, object]]:
    weights = analysis.settings.ensemble_weights
    return [
        {
            "id": result.id,
            "name": result.classifier.config.name,
            "calibrated": result.classifier.calibrated,
            "meaningless": result.meaningless,
            "weight": weights[result.id],
            "colour": colours.get(result.id, "#ffffff"),
        }
        for result in analysis.results
        if result.scores
    ]


def _findings(analysis: "Analysis", *, withheld: bool) -> tuple[list[dict[str, object]], list[np.ndarray]]:
    """Return every ranked finding, those without maps too, and the grids that they name by their places."""
    explained = {} if withheld else {finding.label: finding for finding in analysis.findings}
    found: list[dict[str, object]] = []
    grids: list[np.ndarray] = []
    for ranked in analysis.ranking:
        finding, maps = explained.get(ranked.label), {}
        for id, heatmap in finding.maps.items() if finding else ():
            maps[id] = len(grids)
            grids.append(heatmap.grids[0])
        found.append(
            {
                "label": ranked.label,
                "name": displayed(ranked.label),
                "scores": dict(ranked.scores),
                "maps": maps,
                "missing": dict(finding.missing) if finding else {},
                "ranks": _rank_correlations(finding) if finding else {},
            }
        )
    # Those with maps first: what the reader asked for by name, or the highest scores.
    return sorted(found, key=lambda each: not each["maps"]), grids


def _rank_correlations(finding: "Finding") -> dict[str, float | None]:
    """Return "<id> <id>" → Spearman correlation of each pair of a finding's maps: no setting changes it."""
    from ensemble_cam.maps.agreement import agreement  # here, as it loads SciPy: the film is on the screen before

    ids = list(finding.maps)
    pairs = [(one, other) for place, one in enumerate(ids) for other in ids[place + 1 :]]
    agreed = {
        f"{one} {other}": agreement([finding.maps[one], finding.maps[other]], threshold=1.0) for one, other in pairs
    }
    return {pair: None if each is None else each.rank_correlation for pair, each in agreed.items()}


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
