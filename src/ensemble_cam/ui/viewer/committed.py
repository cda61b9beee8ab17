"""What the viewer tells on release: everything that an export needs to look as the screen does."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ensemble_cam.errors import ConfigError
from ensemble_cam.film.greyscale import Greys
from ensemble_cam.settings.display import Display


@dataclass(frozen=True)
class Committed:
    """What the reader set in the viewer.

    Attributes:
        film: the film's SHA-256 that `finding` and `greys` belong to.
        finding: the chosen finding's upstream name, or None.
        display: threshold, opacity, colours and style.
        greys: window and inversion.
        weights: classifier id → ensemble weight.
        hidden: whether maps are turned off.
        detail: the SHA-256 of the film that is wanted whole, or None.
        serial: of the message: a page's messages are numbered, whichever viewer on it sends them.
    """

    film: str | None = None
    finding: str | None = None
    display: Display = field(default_factory=Display)
    greys: Greys = field(default_factory=Greys)
    weights: Mapping[str, float] = field(default_factory=dict)
    hidden: bool = False
    detail: str | None = None
    serial: int = 0

    @classmethod
    def of(cls, told: object) -> "Committed | None":
        """Read a message of the browser's; None for one that is no such message, whoever wrote it."""
        if not isinstance(told, Mapping):
            return None
        try:
            window = told["window"]
            return cls(
                film=text(told["film"]),
                finding=text(told["finding"]),
                display=Display(
                    threshold=number(told["threshold"]),
                    opacity=number(told["opacity"]),
                    colormap=told["colormap"],
                    style=told["style"],
                ),
                greys=Greys(
                    center=None if window is None else number(window["center"]),
                    width=None if window is None else number(window["width"]),
                    inverted=_truth(told["inverted"]),
                ),
                weights={str(id): _weight(weight) for id, weight in told["weights"].items()},
                hidden=_truth(told["hidden"]),
                detail=text(told["detail"]),
                serial=int(number(told["serial"])),
            )
        except (TypeError, KeyError, ValueError, AttributeError, OverflowError, ConfigError):
            return None

    def without_film(self) -> "Committed":
        """Return the same without what it says of a film, which is not open any more."""
        return replace(self, film=None, finding=None, greys=Greys(), detail=None)

    def start(self) -> dict[str, object]:
        """Return what a viewer that appears anew begins with."""
        window = self.greys.window
        return {
            "film": self.film,
            "finding": self.finding,
            "threshold": self.display.threshold,
            "opacity": self.display.opacity,
            "colormap": self.display.colormap,
            "style": self.display.style,
            "window": None if window is None else {"center": window[0], "width": window[1]},
            "inverted": self.greys.inverted,
            "weights": dict(self.weights),
            "hidden": self.hidden,
        }


def number(value: object) -> float:
    """Return a finite number of a message's; TypeError or ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError("not a number")
    found = float(value)
    if not math.isfinite(found):
        raise ValueError("not a finite number")
    return found


def _weight(value: object) -> float:
    weight = number(value)
    if weight < 0:
        raise ValueError("below 0")
    return weight


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("neither true nor false")
    return value


def text(value: object) -> str | None:
    """Return a text of a message's, or None for none; TypeError for anything else."""
    if value is not None and not isinstance(value, str):
        raise TypeError("not a text")
    return value
