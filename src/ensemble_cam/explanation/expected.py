"""Where a class's map is expected to lie, and how much of it does: a box or a mask for each class.

Beside it stands how much lies at the borders and in the corners, where shortcuts are (side markers, edges of a plate).
A map that is the same everywhere has of each place as much as the place has of the picture: compare with that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ensemble_cam.errors import ConfigError, RadiographError, did_you_mean
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.machine.files import read_file, why_unreadable
from ensemble_cam.machine.names import escaped
from ensemble_cam.settings.config import read_toml

MARGIN = 0.1
"""How deep the borders are, of the picture's width and height; the corners are where two of them meet."""

_MOST_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Shares:
    """How much of a map lies where, of the sum of its relative activation, 0 to 1.

    Attributes:
        expected: at the expected place; None where none is known for the class.
        expected_area: the part of the picture that this place has.
        borders: within a tenth of the picture's width or height of its edges, which have .36 of it.
        corners: where two borders meet, which have .04 of it.
    """

    expected: float | None
    expected_area: float | None
    borders: float
    corners: float


class Expected:
    """Expected places by class.

    Args:
        places: class → (x0, y0, x1, y1) in shares of the picture's width and height, half-open, or an (h, w) bool mask,
            which is stretched to the picture.
    """

    def __init__(self, places: Mapping[str, tuple[float, float, float, float] | np.ndarray]):
        self._places = places

    def shares(self, name: str, values: np.ndarray) -> Shares | None:
        """Return how much of a class's map lies where; None for an empty map.

        Args:
            name: the class.
            values: (height, width) float32, at least 0, the map in the picture.
        """
        total = float(values.sum(dtype=np.float64))
        if total <= 0:
            return None
        place = self._mask(name, values.shape)
        down, across = (_border(side) for side in values.shape)

        def share(mask: np.ndarray) -> float:
            return float(values[mask].sum(dtype=np.float64)) / total

        return Shares(
            expected=None if place is None else share(place),
            expected_area=None if place is None else float(place.mean()),
            borders=share(down[:, None] | across),
            corners=share(down[:, None] & across),
        )

    def _mask(self, name: str, shape: tuple[int, ...]) -> np.ndarray | None:
        """Return the pixels of a class's place, (height, width) bool."""
        place = self._places.get(name)
        height, width = shape
        if place is None:
            return None
        if isinstance(place, np.ndarray):
            return cv2.resize(place.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
        x0, y0, x1, y1 = place
        xs, ys = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
        return ((ys >= y0) & (ys < y1))[:, None] & ((xs >= x0) & (xs < x1))


def _border(side: int) -> np.ndarray:
    centres = (np.arange(side) + 0.5) / side
    return (centres < MARGIN) | (centres > 1 - MARGIN)


def read_expected(path: Path, classes: tuple[str, ...]) -> Expected:
    """Read expected places from a TOML file: a table `[expect]` of boxes, or of mask pictures' paths, by class.

    Args:
        path: the file; masks' paths count from its folder.
        classes: the network's.

    Raises:
        ConfigError: if it cannot be read, or something in it is not allowed.
    """
    shown, document = escaped(path.name), read_toml(path)
    table = document.get("expect")
    if not isinstance(table, dict) or len(document) != 1 or not table:
        raise ConfigError(f"{shown}: allowed: one table, [expect], of places by class.")
    places: dict[str, tuple[float, float, float, float] | np.ndarray] = {}
    for name, given in table.items():
        if name not in classes:
            raise ConfigError(f"{shown}: [expect] has {name!r}, which is no class.{did_you_mean(name, classes)}")
        places[name] = (
            _mask_of(f"{shown}: {name}", path.parent / given) if isinstance(given, str) else _box(shown, name, given)
        )
    return Expected(places)


def _box(shown: str, name: str, given: object) -> tuple[float, float, float, float]:
    numbers = given if isinstance(given, list) else []
    if len(numbers) == 4 and all(isinstance(each, int | float) and 0 <= each <= 1 for each in numbers):
        x0, y0, x1, y1 = map(float, numbers)
        if x0 < x1 and y0 < y1:
            return x0, y0, x1, y1
    raise ConfigError(
        f"{shown}: {name}: got {given!r}; allowed: [x0, y0, x1, y1] in shares of the picture's width and height, "
        "0 to 1, or a mask's path."
    )


def _mask_of(shown: str, path: Path) -> np.ndarray:
    """Return where a picture is brighter than middle grey."""
    try:
        mask: np.ndarray = read_radiograph(read_file(path, most=_MOST_BYTES)).display > 127
    except OSError as error:
        raise ConfigError(f"{shown}: {why_unreadable(error)}. Check its path.") from None
    except RadiographError as error:
        raise ConfigError(f"{shown}: {error}") from None
    if not mask.any():
        raise ConfigError(f"{shown}: the mask is black: nothing is expected. Draw the place in white.")
    return mask
