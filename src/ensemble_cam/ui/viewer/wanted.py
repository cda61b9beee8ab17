"""*This view*: what a reader asks for, the part of the film on the screen with what stands on it, and what comes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ensemble_cam.film.geometry import PixelBox
from ensemble_cam.ui.viewer.committed import Committed, number, text

if TYPE_CHECKING:
    import pyarrow

_MOST = 64  # panels


@dataclass(frozen=True)
class Wanted:
    """A view that is asked for.

    Attributes:
        set: what the reader has set, with the film's SHA-256 and the message's serial number.
        box: the source pixels that are on the screen, wholly or in part; it may reach beyond the film.
        ids: what stands on each panel, row by row: "film", a classifier's id, "ensemble", "disagreement".
        columns: how many panels stand beside one another.
        thickness: of contours, in source pixels.
    """

    set: Committed
    box: PixelBox
    ids: tuple[str, ...]
    columns: int
    thickness: float

    @classmethod
    def of(cls, told: object) -> "Wanted | None":
        """Read a message of the browser's; None for one that is no such message, whoever wrote it."""
        held = Committed.of(told)
        if held is None or not isinstance(told, Mapping):
            return None
        try:
            left, top, right, bottom = map(number, told["box"])
            ids = tuple(filter(None, map(text, told["ids"])))
            columns, thickness = int(number(told["columns"])), number(told["thickness"])
        except (TypeError, KeyError, ValueError):
            return None
        if not 1 <= columns <= len(ids) <= _MOST or thickness <= 0:
            return None
        box = math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)
        return cls(held, box, ids, columns, thickness)


@dataclass(frozen=True, eq=False)
class Delivered:
    """A view that the reader asked for.

    Attributes:
        serial: of the message that asked for it.
        name: the file's.
        png: a table with the file's `bytes` in its one row; None where it could not be made.
        failure: then why, as a sentence.
    """

    serial: int
    name: str
    png: "pyarrow.Table | None"
    failure: str | None = None
