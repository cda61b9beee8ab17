"""Where findings are: boxes and masks, brought to a film's source pixels.

What public sets publish is read by `published_boxes` and `published_masks`.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from ensemble_cam.archive.films import Film
from ensemble_cam.errors import ConfigError
from ensemble_cam.machine.files import read_file, why_unreadable
from ensemble_cam.machine.names import escaped
from ensemble_cam.settings.settings import displayed
from ensemble_cam.validation.published_labels import OTHER_NAMES, film_key

MOST_BYTES = 2**30
SIDE = 1024  # of the films of NIH, RSNA and SIIM, to which their places refer


class Place(Protocol):
    """Where a finding is."""

    def mask(self, width: int, height: int) -> np.ndarray:
        """Return (height, width) bool, in a film's source pixels.

        Raises:
            ConfigError: if it is of a film of another size.
        """


@dataclass(frozen=True)
class Boxes:
    """Boxes of one finding, by several readers where there are.

    Attributes:
        by_reader: each reader's boxes, (x0, y0, x1, y1).
        side: of the square film that they refer to; None for the film's own pixels.
    """

    by_reader: tuple[tuple[tuple[float, float, float, float], ...], ...]
    side: int | None

    def mask(self, width: int, height: int) -> np.ndarray:
        """See `Place`; of several readers, what at least half of those enclose who drew a box of it."""
        across, down = (1.0, 1.0) if self.side is None else (width / self.side, height / self.side)
        votes = np.zeros((height, width), np.int32)
        for boxes in self.by_reader:
            own = np.zeros((height, width), bool)
            for x0, y0, x1, y1 in boxes:
                if x1 * across > width + 1 or y1 * down > height + 1 or x0 < 0 or y0 < 0:
                    raise ConfigError(
                        f"A box reaches beyond its film of {width}×{height} pixels: it is of a film of another size."
                    )
                columns = slice(round(x0 * across), max(round(x1 * across), round(x0 * across) + 1))
                own[round(y0 * down) : max(round(y1 * down), round(y0 * down) + 1), columns] = True
            votes += own
        return 2 * votes >= len(self.by_reader)


@dataclass(frozen=True)
class Runs:
    """A mask as runs down the columns.

    Attributes:
        runs: (start, length) of each, from 0, in the order of columns.
        size: height and width of the film that they refer to.
        exact: whether the film has to be of that size; else the mask is brought to the film's.
    """

    runs: tuple[tuple[int, int], ...]
    size: tuple[int, int]
    exact: bool

    def mask(self, width: int, height: int) -> np.ndarray:
        """See `Place`."""
        rows, columns = self.size
        if self.exact and (rows, columns) != (height, width):
            turned = " Height and width are swapped." if (columns, rows) == (height, width) else ""
            raise ConfigError(
                f"A mask is of {columns}×{rows} pixels, and its film of {width}×{height}.{turned} It would be read as "
                "another mask: correct its size."
            )
        flat = np.zeros(rows * columns, np.uint8)
        for start, length in self.runs:
            if start < 0 or start + length > len(flat):
                raise ConfigError(f"A mask's runs reach beyond its {columns}×{rows} pixels: the file is damaged.")
            flat[start : start + length] = 1
        found = np.ascontiguousarray(flat.reshape(columns, rows).T)
        return cv2.resize(found, (width, height), interpolation=cv2.INTER_NEAREST).astype(bool)


@dataclass(frozen=True)
class MaskPicture:
    """A mask as a grey picture: what is brighter than half is the finding.

    Attributes:
        name: of its file.
        read: gives its bytes.
    """

    name: str
    read: Callable[[], bytes]

    def mask(self, width: int, height: int) -> np.ndarray:
        """See `Place`."""
        data = np.frombuffer(self.read(), np.uint8)
        found = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if data.size else None
        if found is None or found.shape != (height, width):
            what = "is no picture" if found is None else f"is of {found.shape[1]}×{found.shape[0]} pixels"
            raise ConfigError(f"--masks: {escaped(self.name)} {what}; its film is of {width}×{height}.")
        return np.asarray(found > 127)


@dataclass(frozen=True)
class Places:
    """All places of films.

    Attributes:
        title: whose they are.
        by_film: a film's place on disk → finding → where it is.
        kind: "boxes" or "masks".
    """

    title: str
    by_film: Mapping[str, Mapping[str, Place]]
    kind: str


class Found:
    """Films and findings that are here, by the names of a set."""

    def __init__(self, films: Sequence[Film], known: Sequence[str]):
        self._films: dict[str, list[str]] = {}
        for film in films:
            self._films.setdefault(film_key(film.place), []).append(film.place)
        self._known = {displayed(label).casefold(): label for label in known}

    def of(self, film: str, finding: str) -> tuple[str, str] | None:
        """Return a film's place and upstream's name of a finding; None where one of them is not here.

        Raises:
            ConfigError: if two films have that name.
        """
        places = self._films.get(film_key(film.strip()), ())
        name = OTHER_NAMES.get(finding.strip().casefold(), finding.strip())
        label = self._known.get(displayed(name).casefold())
        if not places or label is None:
            return None
        if len(places) > 1:
            raise ConfigError(
                f"Boxes and masks: {len(places)} films are called {escaped(film_key(film.strip()))}, and nobody knows "
                "which one is meant. Rename them, or give one alone."
            )
        return places[0], label


def file_bytes(path: Path, option: str) -> bytes:
    """Return a file's bytes; `option` is what its faults are told under.

    Raises:
        ConfigError: if it cannot be read.
    """
    try:
        return read_file(path, most=MOST_BYTES)
    except OSError as error:
        raise ConfigError(f"{option}: {escaped(path.name)}: {why_unreadable(error)}. Check its path.") from None


def rows_of(data: bytes, name: str, option: str) -> Iterator[list[str]]:
    """Yield a CSV's rows; `option` is what its faults are told under.

    Raises:
        ConfigError: if it is none.
    """
    try:
        text = data.decode("utf-8-sig")
        yield from (row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if any(row))
    except (UnicodeDecodeError, csv.Error):
        raise ConfigError(f"{option}: {escaped(name)} is no CSV in UTF-8. Save it anew.") from None


def checked(places: Places, where: str) -> Places:
    """Return places as they are.

    Raises:
        ConfigError: if there are none.
    """
    if not places.by_film:
        raise ConfigError(
            f"{where} has the {places.kind} of {places.title}, and none of a film and a finding that are here. Name "
            "films by their published names, and choose classifiers that know its findings."
        )
    return places
