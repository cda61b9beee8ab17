"""What readers drew around findings: kept, handed on, and taken for the truth beside each network's map.

Shapes are boxes and outlines in edge coordinates of source pixels: pixel i covers [i, i + 1), so that a box is
half-open as everywhere. All of it is appended: what is taken back stays, with a row behind it that says so. What was
drawn before scores and maps were shown is told from what came behind: who has seen a map may draw what it shows.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from ensemble_cam.errors import SessionError
from ensemble_cam.readers.store import Store
from ensemble_cam.readers.verdicts import Reader
from ensemble_cam.reviewing.scores import Call
from ensemble_cam.settings.vocabulary import ENSEMBLE
from ensemble_cam.validation.localisation import THRESHOLD, judge

if TYPE_CHECKING:
    from ensemble_cam.reviewing.analysis import Analysis

MOST_POINTS = 2000
"""Of an outline."""

Point = tuple[float, float]


class Kind(StrEnum):
    """What was drawn."""

    BOX = "box"
    OUTLINE = "outline"


@dataclass(frozen=True)
class Shape:
    """What a reader drew around a finding.

    Attributes:
        finding: its label, by upstream's name.
        kind: a box or an outline.
        points: (x, y), edge coordinates of source pixels; of a box its upper left and lower right corner, of an outline
            its corners, the last joined to the first.
        first: whether it was drawn before scores and maps were shown.
        id: its row; None before it is kept.
        at: when it was kept; empty before.
    """

    finding: str
    kind: Kind
    points: tuple[Point, ...]
    first: bool = False
    id: int | None = None
    at: str = ""

    @classmethod
    def drawn(cls, finding: str, kind: Kind, points: Sequence[Point], *, width: int, height: int) -> "Shape":
        """Return what a hand has drawn, within the film; a box by any two corners that are opposite.

        Raises:
            SessionError: if it encloses no pixel, or has too many points.
        """
        within = [(min(max(x, 0.0), float(width)), min(max(y, 0.0), float(height))) for x, y in points]
        if len(within) > MOST_POINTS:
            raise SessionError(f"The outline has {len(within)} points; allowed are {MOST_POINTS}. Draw a simpler one.")
        if kind is Kind.BOX and len(within) == 2:
            (x0, y0), (x1, y1) = within
            within = [(min(x0, x1), min(y0, y1)), (max(x0, x1), max(y0, y1))]
        shape = cls(finding, kind, tuple(within))
        if len(within) < (2 if kind is Kind.BOX else 3) or not shape.mask(width, height).any():
            raise SessionError("What was drawn encloses no pixel of the film. Draw it larger.")
        return shape

    @property
    def box(self) -> tuple[float, float, float, float]:
        """x0, y0, x1, y1 around it."""
        xs, ys = zip(*self.points, strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    def mask(self, width: int, height: int) -> np.ndarray:
        """Return the pixels whose centres it encloses, (height, width) bool; an outline by the even-odd rule."""
        if self.kind is Kind.BOX:
            x0, y0, x1, y1 = self.box
            across, down = np.arange(width) + 0.5, np.arange(height) + 0.5
            return ((down >= y0) & (down < y1))[:, None] & ((across >= x0) & (across < x1))[None, :]
        found = np.zeros((height, width), dtype=bool)
        corners = np.array(self.points)
        x0, y0, x1, y1 = *corners.T, *np.roll(corners, -1, axis=0).T
        for row in range(max(0, int(min(y0))), min(height, int(max(y0)) + 1)):
            y = row + 0.5
            crossed = (y0 <= y) != (y1 <= y)
            at = x0[crossed] + (y - y0[crossed]) / (y1[crossed] - y0[crossed]) * (x1[crossed] - x0[crossed])
            left = np.clip(np.ceil(np.sort(at) - 0.5), 0, width).astype(int)  # the first centre that is not left of it
            for start, end in zip(left[::2], left[1::2], strict=True):
                found[row, start:end] = True
        return found


def keep_shape(store: Store, reader: Reader, film: int, shape: Shape) -> Shape:
    """Keep what a reader drew.

    Raises:
        SessionError: if it cannot be kept.
    """
    with store.write() as file:
        first = not file.execute(
            "SELECT 1 FROM reads WHERE reader = ? AND film = ? AND event = 'revealed'", (reader.id, film)
        ).fetchone()
        now = store.now()
        (id,) = file.execute(
            "INSERT INTO shapes (reader, film, phase, finding, kind, points, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
            (
                *(reader.id, film, "first" if first else "after", shape.finding, shape.kind.value),
                *(json.dumps([[round(x, 2), round(y, 2)] for x, y in shape.points]), now),
            ),
        ).fetchone()
    return Shape(shape.finding, shape.kind, shape.points, first=first, id=id, at=now)


def withdraw_last_shape(store: Store, reader: Reader, film: int) -> None:
    """Take the last shape of a film back that the reader drew since the reveal, or before it where it is not over.

    Raises:
        SessionError: if it cannot be.
    """
    with store.write() as file:
        revealed = file.execute(
            "SELECT 1 FROM reads WHERE reader = ? AND film = ? AND event = 'revealed'", (reader.id, film)
        ).fetchone()
        last = file.execute(
            f"SELECT id, phase, finding, kind, points FROM shapes WHERE {_STANDS} AND reader = ? AND film = ?"
            " AND phase = ? ORDER BY id DESC LIMIT 1",
            (reader.id, film, "after" if revealed else "first"),
        ).fetchone()
        if last is not None:
            file.execute(
                "INSERT INTO shapes (reader, film, phase, finding, kind, points, withdraws, at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (reader.id, film, *tuple(last)[1:], last["id"], store.now()),
            )


_STANDS = "withdraws IS NULL AND id NOT IN (SELECT withdraws FROM shapes WHERE withdraws IS NOT NULL)"


def shapes_of(store: Store, film: int, reader: Reader | None = None) -> list[Shape]:
    """Return what stands of a film, one reader's or all, in the order in which it was drawn."""
    rows = store.rows(
        f"SELECT * FROM shapes WHERE {_STANDS} AND film = ?1 AND (?2 IS NULL OR reader = ?2) ORDER BY id",
        (film, None if reader is None else reader.id),
    )
    return [
        Shape(
            row["finding"],
            Kind(row["kind"]),
            tuple((float(x), float(y)) for x, y in json.loads(row["points"])),
            first=row["phase"] == "first",
            id=row["id"],
            at=row["at"],
        )
        for row in rows
    ]


def union(shapes: Iterable[Shape], width: int, height: int) -> np.ndarray:
    """Return the pixels that any of these encloses, (height, width) bool."""
    found = np.zeros((height, width), dtype=bool)
    for shape in shapes:
        found |= shape.mask(width, height)
    return found


@dataclass(frozen=True)
class Against:
    """How one map stands to what was drawn around its finding.

    Attributes:
        finding: its label.
        network: a classifier's id, or "ensemble".
        hit: whether the map's hottest pixel lies in the truth, or no further from it than `localisation.TOLERANCE`.
        iou: of the map's region at or above the threshold and the truth: intersection over union.
        dice: of the same two: twice the intersection over the sum of both.
        empty: whether the map is empty.
    """

    finding: str
    network: str
    hit: bool
    iou: float
    dice: float
    empty: bool


def against(analysis: "Analysis", shapes: Sequence[Shape], *, threshold: float = THRESHOLD) -> list[Against]:
    """Return how each map of each finding that was drawn stands to it; what means nothing is left out.

    Args:
        analysis: the film's review.
        shapes: what was drawn on it; several of one finding are one truth.
        threshold: of the maps' regions, in relative activation.
    """
    width, height = analysis.radiograph.width, analysis.radiograph.height
    found = []
    for finding in analysis.findings:
        own = [shape for shape in shapes if shape.finding == finding.label]
        if not own or finding.call is Call.MEANINGLESS:
            continue
        mask = union(own, width, height)
        maps = finding.heatmaps()
        for network in sorted(maps, key=lambda id: id != ENSEMBLE):
            judged = judge(maps[network], mask, threshold=threshold)
            if judged is not None:
                dice = 2 * judged.iou / (1 + judged.iou)
                found.append(Against(finding.label, network, judged.hit, judged.iou, dice, judged.empty))
    return found


def keep_against(
    store: Store, reader: Reader, film: int, review: int, found: Iterable[Against], shapes: Iterable[Shape]
) -> None:
    """Keep how a review's maps stand to what a reader has drawn; what is kept already is not kept twice.

    Args:
        store: the session's file.
        reader: who drew.
        film: its row.
        review: the row of the review that the maps are of.
        found: see `against`, by the review's threshold.
        shapes: that it is held to.

    Raises:
        SessionError: if it cannot be kept.
    """
    truth = _ids(shapes)
    with store.write() as file:
        file.executemany(
            "INSERT INTO judgements (reader, film, review, finding, network, shapes, hit, iou, dice, at)"
            " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 WHERE NOT EXISTS (SELECT 1 FROM judgements"
            " WHERE reader = ?1 AND review = ?3 AND finding = ?4 AND network = ?5 AND shapes = ?6)",
            [
                (
                    *(reader.id, film, review, each.finding, each.network, truth[each.finding]),
                    *(int(each.hit), each.iou, each.dice, store.now()),
                )
                for each in found
            ],
        )


@dataclass(frozen=True)
class Beside:
    """What a reader drew around a finding, and how a network's map stands to it.

    Attributes:
        before_reveal: whether all of it was drawn before scores and maps were shown.
        hit: see `Against`; None, as the next two, where this was not kept of this map.
        iou: likewise.
        dice: likewise.
    """

    before_reveal: bool
    hit: bool | None = None
    iou: float | None = None
    dice: float | None = None


def beside(store: Store, reader: Reader, film: int, finding: str, network: str, review: int | None) -> Beside | None:
    """Return how a network's map of a review stands to what a reader drew; None where nothing is drawn.

    What was kept beside another truth, as one of the shapes was taken back since, does not count.
    """
    shapes = [each for each in shapes_of(store, film, reader) if each.finding == finding]
    if not shapes:
        return None
    rows = store.rows(
        "SELECT hit, iou, dice FROM judgements"
        " WHERE reader = ? AND review = ? AND finding = ? AND network = ? AND shapes = ?",
        (reader.id, review, finding, network, _ids(shapes)[finding]),
    )
    first = all(each.first for each in shapes)
    return Beside(first, bool(rows[0]["hit"]), rows[0]["iou"], rows[0]["dice"]) if rows else Beside(first)


def _ids(shapes: Iterable[Shape]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for each in shapes:
        found.setdefault(each.finding, []).append(str(each.id))
    return {finding: ",".join(ids) for finding, ids in found.items()}
