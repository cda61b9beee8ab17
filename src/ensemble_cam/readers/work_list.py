"""A session's work list made of a folder of films, in the order of what `review` or `archive` said of them before.

Films are matched by their files' SHA-256, and by nothing else: a table names them, and the films themselves come from
where they lie. "The twenty that disagree most" is an order and a number.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ensemble_cam.archive.films import RECORD
from ensemble_cam.archive.finished import read_record
from ensemble_cam.archive.table import file_of
from ensemble_cam.errors import ConfigError
from ensemble_cam.machine.files import why_unreadable
from ensemble_cam.machine.names import escaped
from ensemble_cam.reviewing.scores import Call
from ensemble_cam.settings.vocabulary import ENSEMBLE, FILMS, FINDINGS


class Order(StrEnum):
    """What films are ordered by."""

    GIVEN = "given"
    SPLIT = "split"
    OVERLAP = "overlap"
    CALLED = "called"


@dataclass(frozen=True)
class Known:
    """What was said of a film before.

    Attributes:
        split: how many findings some networks call and others do not.
        called: how many findings the networks together call.
        overlap: the least mean IoU of a called finding's maps; None where none was called or there was nothing to
            compare.
    """

    split: int
    called: int
    overlap: float | None


_RANKS: Mapping[Order, Callable[[Known], float]] = {
    Order.SPLIT: lambda known: -known.split,
    Order.OVERLAP: lambda known: 2.0 if known.overlap is None else known.overlap,
    Order.CALLED: lambda known: -known.called,
}


def known_films(folder: Path) -> dict[str, Known]:
    """Return SHA-256 → what a folder of `review`'s or `archive`'s says of the film.

    Raises:
        ConfigError: if it is neither, or cannot be read.
    """
    if (folder / file_of(FILMS)).is_file():
        return _of_archive(folder)
    found: dict[str, Known] = {}
    for path in sorted(folder.glob(f"*/{RECORD}")) if folder.is_dir() else []:
        try:
            record = read_record(path.parent)
            found[record["input"]["sha256"]] = _known(
                (each["split"], each["call"], (each["agreement"] or {}).get("iou")) for each in record["findings"]
            )
        except OSError as error:
            raise ConfigError(f"{_shown(path)}: {why_unreadable(error)}. Check its rights.") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ConfigError(f"{_shown(path)}: this is no review that is read here. Review the film again.") from None
    if not found:
        raise ConfigError(f"{escaped(folder.name)}: neither `review` nor `archive` has written there. Check the path.")
    return found


def arranged(films: Sequence[str], known: Mapping[str, Known], order: Order, most: int | None = None) -> list[str]:
    """Return films in an order, each once.

    Args:
        films: SHA-256 of each, as they were given.
        known: what was said of them; those of which nothing is known come last, and as they were given.
        order: what by; ties stay as they were given.
        most: how many at most; None for all.
    """
    once = list(dict.fromkeys(films))
    if order is not Order.GIVEN:
        rank = _RANKS[order]
        once.sort(key=lambda film: (film not in known, rank(known[film]) if film in known else 0.0))
    return once[:most]


def _known(findings: Iterable[tuple[bool, str, float | None]]) -> Known:
    of = list(findings)
    overlaps = [iou for _, call, iou in of if call == Call.CALLED and iou is not None]
    return Known(
        split=sum(bool(split) for split, _, _ in of),
        called=sum(call == Call.CALLED for _, call, _ in of),
        overlap=min(overlaps, default=None),
    )


def _of_archive(folder: Path) -> dict[str, Known]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        films = pq.read_table(folder / file_of(FILMS), columns=["film", "sha256"]).to_pylist()
        columns = ["film", "finding", "classifier", "call", "split", "agreement"]
        there = (folder / file_of(FINDINGS)).is_file()
        rows = pq.read_table(folder / file_of(FINDINGS), columns=columns).to_pylist() if there else []
    except (OSError, pa.ArrowException):
        raise ConfigError(f"{escaped(folder.name)}: the archive's tables cannot be read. Make them again.") from None
    said: dict[str, list[tuple[bool, str, float | None]]] = {}
    for row in rows:
        if row["classifier"] == ENSEMBLE:
            said.setdefault(row["film"], []).append((row["split"], row["call"], row["agreement"]))
    return {film["sha256"]: _known(said.get(film["film"], [])) for film in films if film["sha256"]}


def _shown(path: Path) -> str:
    return escaped(f"{path.parent.name}/{path.name}")
