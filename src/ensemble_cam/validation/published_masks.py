"""Masks as public sets publish them, and those of one's own.

| set | file | quirks |
|---|---|---|
| SIIM-ACR pneumothorax | train-rle.csv | relative runs down the columns, −1 for none, 1024 × 1024, lines by region |
| CheXlocalize | gt_segmentations_….json | COCO's compressed runs; a size that is swapped is refused |
| one's own | a folder of `<film>_<finding>.png` | in source pixels |
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from ensemble_cam.archive.films import Film
from ensemble_cam.errors import ConfigError
from ensemble_cam.machine.files import read_file, why_unreadable
from ensemble_cam.machine.names import escaped
from ensemble_cam.validation.places import (
    MOST_BYTES,
    SIDE,
    Found,
    MaskFile,
    Place,
    Places,
    Runs,
    checked,
    rows_of,
)
from ensemble_cam.validation.published_labels import film_key


def read_masks(path: Path, films: Sequence[Film], known: Sequence[str]) -> Places:
    """Read masks.

    Args:
        path: a folder of `<film>_<finding>.png`, SIIM-ACR's CSV, or CheXlocalize's JSON.
        films: those that were given; masks of others are passed over.
        known: the findings of the classifiers; others are passed over.

    Raises:
        ConfigError: if it cannot be read, or has no mask of a film and a finding that are here.
    """
    name, names = escaped(path.name), Found(films, known)
    by_film: dict[str, dict[str, Place]] = {}
    if path.is_dir():
        title = "the site's own"
        for film in films:
            for label in known:
                file = path / f"{film_key(film.place)}_{label}.png"
                if file.is_file():
                    by_film.setdefault(film.place, {})[label] = MaskFile(file)
    elif path.suffix.lower() == ".json":
        title = "CheXlocalize"
        for film_name, finding, place in _chexlocalize(path):
            if (key := names.of(film_name, finding)) is not None:
                by_film.setdefault(key[0], {})[key[1]] = place
    else:
        title = "SIIM-ACR pneumothorax"
        for film_name, runs in _siim(path).items():
            if (key := names.of(film_name, "Pneumothorax")) is not None:
                by_film.setdefault(key[0], {})[key[1]] = Runs(runs, (SIDE, SIDE), exact=False)
    return checked(Places(title, by_film, "masks"), f"--masks: {name}")


def _siim(path: Path) -> dict[str, tuple[tuple[int, int], ...]]:
    """Return film → runs; starts are from the end of the run before, and a film may have several lines."""
    name = escaped(path.name)
    found: dict[str, list[tuple[int, int]]] = {}
    rows = list(rows_of(path, "--masks"))
    if not rows or [each.strip().casefold() for each in rows[0][:2]] != ["imageid", "encodedpixels"]:
        raise ConfigError(
            f"--masks: {name} is not known. Known are a folder of <film>_<finding>.png, SIIM-ACR's CSV and "
            "CheXlocalize's JSON."
        )
    for line, cells in enumerate(rows[1:], start=2):
        text = cells[1].strip() if len(cells) > 1 else ""
        if text in ("-1", ""):
            continue
        try:
            numbers = [int(each) for each in text.split()]
        except ValueError:
            numbers = [-1]
        if len(numbers) % 2 or min(numbers) < 0:
            raise ConfigError(f"--masks: {name}, line {line}: these are no pairs of a start and a length.")
        at, runs = 0, found.setdefault(cells[0].strip(), [])
        for start, length in zip(numbers[::2], numbers[1::2], strict=True):
            runs.append((at + start, length))
            at += start + length
    return {film: tuple(runs) for film, runs in found.items()}


def _chexlocalize(path: Path) -> Iterator[tuple[str, str, Runs]]:
    name = escaped(path.name)
    try:
        record = json.loads(read_file(path, most=MOST_BYTES))
    except (OSError, ValueError) as error:
        reason = why_unreadable(error) if isinstance(error, OSError) else "it is no JSON"
        raise ConfigError(f"--masks: {name}: {reason}. Fetch the file anew.") from None
    try:
        for film, findings in record.items():
            for finding, each in findings.items():
                height, width = (int(side) for side in each["size"])
                runs = runs_of_coco(each["counts"])
                if runs:
                    yield film, finding, Runs(runs, (height, width), exact=True)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ConfigError(
            f"--masks: {name} is not as CheXlocalize's segmentations are: film → finding → size and counts."
        ) from None


def runs_of_coco(counts: str | Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Return the runs of ones of COCO's run lengths, plain or compressed into letters.

    COCO's `rleToString`: each count is the difference from the one two before, in groups of five bits, the lowest
    first, with 32 where another follows and the sign in the last, and 48 added to make a letter.

    Raises:
        ValueError: if they are none.
    """
    lengths = list(counts) if not isinstance(counts, str) else _decompressed(counts)
    runs, at = [], 0
    for number, length in enumerate(lengths):
        if length < 0:
            raise ValueError("a run of a negative length")
        if number % 2 and length:
            runs.append((at, length))
        at += length
    return tuple(runs)


def _decompressed(text: str) -> list[int]:
    found: list[int] = []
    value, shift = 0, 0
    for letter in text.encode("ascii"):
        group = letter - 48
        if not 0 <= group < 64:
            raise ValueError("no letter of COCO's")
        value |= (group & 31) << shift
        shift += 5
        if not group & 32:
            if group & 16:
                value -= 1 << shift
            found.append(value + (found[-2] if len(found) > 2 else 0))
            value, shift = 0, 0
    if shift:
        raise ValueError("a count that does not end")
    return found
