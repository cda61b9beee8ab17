"""A point on a film that the page asked for, as the browser tells it."""

from collections.abc import Mapping
from dataclasses import dataclass

from ensemble_cam.ui.viewer.committed import number, text


@dataclass(frozen=True)
class Pointed:
    """A point that was marked.

    Attributes:
        film: the film's SHA-256.
        target: what it marks.
        at: (x, y) in the film's edge coordinates; it may lie beside the film.
        serial: of the message.
    """

    film: str
    target: str
    at: tuple[float, float]
    serial: int

    @classmethod
    def of(cls, told: object) -> "Pointed | None":
        """Read a message of the browser's; None for one that is no such message, whoever wrote it."""
        if not isinstance(told, Mapping):
            return None
        try:
            x, y = map(number, told["point"])
            film, target, serial = text(told["film"]), text(told["target"]), int(number(told["serial"]))
        except (TypeError, KeyError, ValueError):
            return None
        return None if film is None or target is None else cls(film, target, (x, y), serial)
