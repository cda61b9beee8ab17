"""Masks as public sets publish them, and those of one's own.

| set | file | quirks |
|---|---|---|
| SIIM-ACR pneumothorax | train-rle.csv | relative runs down the columns, −1 for none, 1024 × 1024, lines by region |
| CheXlocalize | gt_segmentations_….json | COCO's compressed runs; a size that is swapped is refused |
| one's own | a folder of `<film>_<finding>.png` | in source pixels |
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from ensemble_cam.archive.films import Film
from ensemble_cam.errors import ConfigError
from ensemble_cam.machine.names import escaped
from ensemble_cam.validation.places import (
    SIDE,
    Found,
    MaskPicture,
    Place,
    Places,
    Runs,
    checked,
    file_bytes,
    rows_of,
)
from ensemble_cam.validation.published_boxes import boxes_of
from ensemble_cam.validation.published_labels import film_key

_OPTION = "--masks"  # what faults are told under
_HEAD = 1000  # bytes, in which a table's first line ends


def read_masks(path: Path, films: Sequence[Film], known: Sequence[str]) -> Places:
    """Read masks.

    Args:
        path: a folder of `<film>_<finding>.png`, SIIM-ACR's CSV, or CheXlocalize's JSON.
        films: those that were given; masks of others are passed over.
        known: the findings of the classifiers; others are passed over.

    Raises:
        ConfigError: if it cannot be read, or has no mask of a film and a finding that are here.
    """
    if not path.is_dir():
        return masks_of(file_bytes(path, _OPTION), path.name, films, known)
    pictures = {each.name: partial(file_bytes, each, _OPTION) for each in path.iterdir() if each.is_file()}
    return pictures_of(pictures, path.name, films, known)


def pictures_of(
    pictures: Mapping[str, Callable[[], bytes]], name: str, films: Sequence[Film], known: Sequence[str]
) -> Places:
    """Return masks that are pictures by the names `<film>_<finding>.png`, each with what gives its bytes.

    Raises:
        ConfigError: if none is of a film and a finding that are here; `name` is said then.
    """
    names = Found(films, known)
    by_film: dict[str, dict[str, Place]] = {}
    for stem in dict.fromkeys(film_key(film.place) for film in films):
        for label in known:
            read = pictures.get(each := f"{stem}_{label}.png")
            if read is not None and (key := names.of(f"{stem}.png", label)) is not None:
                by_film.setdefault(key[0], {})[label] = MaskPicture(each, read)
    return checked(Places("the site's own", by_film, "masks"), f"{_OPTION}: {escaped(name)}")


def masks_of(data: bytes, name: str, films: Sequence[Film], known: Sequence[str]) -> Places:
    """Return the masks that a file holds: CheXlocalize's JSON by its ending, else SIIM-ACR's CSV.

    Raises:
        ConfigError: if it is neither, or has no mask of a film and a finding that are here.
    """
    names, name = Found(films, known), escaped(name)
    by_film: dict[str, dict[str, Place]] = {}
    if name.lower().endswith(".json"):
        title = "CheXlocalize"
        for film_name, finding, place in _chexlocalize(data, name):
            if (key := names.of(film_name, finding)) is not None:
                by_film.setdefault(key[0], {})[key[1]] = place
    else:
        title = "SIIM-ACR pneumothorax"
        for film_name, runs in _siim(data, name).items():
            if (key := names.of(film_name, "Pneumothorax")) is not None:
                by_film.setdefault(key[0], {})[key[1]] = Runs(runs, (SIDE, SIDE), exact=False)
    return checked(Places(title, by_film, "masks"), f"{_OPTION}: {name}")


def places_of(files: Sequence[tuple[str, bytes]], films: Sequence[Film], known: Sequence[str]) -> Places:
    """Return the boxes or masks that files hold, each by its name and bytes: pictures, or one CSV or JSON.

    Raises:
        ConfigError: if they are none, are of several kinds, or have none of a film and a finding that are here.
    """
    (name, data), *others = files
    if all(each.lower().endswith(".png") for each, _ in files):
        return pictures_of({each: partial(bytes, held) for each, held in files}, name, films, known)
    if others:
        raise ConfigError("Boxes and masks: take either one CSV or JSON, or pictures <film>_<finding>.png alone.")
    head = data[:_HEAD].decode("utf-8-sig", "replace").partition("\n")[0].casefold()
    is_masks = name.lower().endswith(".json") or "encodedpixels" in head
    return (masks_of if is_masks else boxes_of)(data, name, films, known)


def _siim(data: bytes, name: str) -> dict[str, tuple[tuple[int, int], ...]]:
    """Return film → runs; starts are from the end of the run before, and a film may have several lines."""
    found: dict[str, list[tuple[int, int]]] = {}
    rows = list(rows_of(data, name, _OPTION))
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


def _chexlocalize(data: bytes, name: str) -> Iterator[tuple[str, str, Runs]]:
    try:
        record = json.loads(data)
    except ValueError:
        raise ConfigError(f"--masks: {name}: it is no JSON. Fetch the file anew.") from None
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
