"""An archive's tables as streams of numbers, one of each film; see `watch`."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ensemble_cam.archive.table import DONE, METADATA, file_of
from ensemble_cam.errors import ConfigError
from ensemble_cam.machine.files import why_unreadable
from ensemble_cam.machine.names import escaped
from ensemble_cam.reviewing.scores import OPERATING_POINT
from ensemble_cam.settings.settings import displayed
from ensemble_cam.settings.vocabulary import ENSEMBLE, FILMS, FINDINGS, GREY_PERCENTILES, SCORES

_FEWEST_OF_DEVICE = 30  # films of the reference, from which on a device is looked at by itself
_FEWEST_IN_WINDOW = 20
_LARGEST = 2**32
DECIDES = ("framing", "intensity", "rescale", "negative", "ensemble_weights")
"""Settings that a score follows from."""


@dataclass(frozen=True)
class Stream:
    """One number of each film.

    Attributes:
        kind: what it is of: "refused", "devices", "size", "grey", "score", "call", "split" or "agreement".
        name: what it is, for people.
        finding: whose it is; None where it is the film's.
        device: the only one that it is of; None for all.
    """

    kind: str
    name: str
    finding: str | None = None
    device: str | None = None

    @property
    def title(self) -> str:
        """What people read."""
        parts = [displayed(self.finding)] if self.finding else []
        return " · ".join([*parts, self.name, *([self.device] if self.device else [])])


@dataclass(frozen=True, eq=False)
class Tables:
    """An archive's tables.

    Attributes:
        films: a row for each film, in the order in which they were given.
        scores: film × (classifier, finding).
        findings: the ensemble's rows of `findings`; empty for an archive of scores alone.
        settings: the archive's.
        classifiers: the archive's, as of `export.record.weights_record`.
    """

    films: pd.DataFrame
    scores: pd.DataFrame
    findings: pd.DataFrame
    settings: Mapping[str, Any]
    classifiers: Sequence[Mapping[str, Any]]

    def last(self, count: int) -> "Tables":
        """Return the same of the last films alone."""
        return Tables(self.films.tail(count), self.scores, self.findings, self.settings, self.classifiers)

    @property
    def devices(self) -> list[str]:
        """The devices that films name, the most frequent first."""
        return [str(each) for each in self.films["device"].value_counts().index]


def read_tables(folder: Path) -> Tables:
    """Read the tables of an archive.

    Raises:
        ConfigError: if they are not there, cannot be read, or are of scores that mean nothing.
    """
    shown = escaped(str(folder))
    try:
        table = pq.read_table(folder / file_of(FILMS))
        scores = pq.read_table(folder / file_of(SCORES)).to_pandas()
        found = folder / file_of(FINDINGS)
        findings = pq.read_table(found).to_pandas() if found.exists() else pd.DataFrame()
    except FileNotFoundError:
        raise ConfigError(f"{shown}: no archive's tables are here. Make them with `ensemble-cam archive`.") from None
    except (OSError, pa.ArrowInvalid) as error:
        reason = why_unreadable(error) if isinstance(error, OSError) else "a file is no table of an archive"
        raise ConfigError(f"{shown}: {reason}. Make the archive anew.") from None
    about = json.loads((table.schema.metadata or {}).get(METADATA.encode(), b"{}"))
    films = table.to_pandas()
    if bool(films["meaningless"].fillna(False).any()):
        raise ConfigError(
            f"{shown}: it has films whose scores mean nothing: the teaching set's of films that are no phantoms, or of "
            "networks that were never trained. Archive them with networks that know such films."
        )
    scores = scores[scores["classifier"].notna()]
    wide = scores.pivot_table(index="film", columns=["classifier", "finding"], values="score", aggfunc="first")
    if len(findings):
        findings = findings[findings["classifier"] == ENSEMBLE]
    return Tables(films, wide, findings, about.get("settings", {}), about.get("classifiers", []))


def digest_of(folder: Path) -> dict[str, str]:
    """Return each table's file → the SHA-256 of its bytes."""
    found = {}
    for table in (FILMS, SCORES, FINDINGS):
        path = folder / file_of(table)
        if path.exists():
            with path.open("rb") as file:
                found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def streams_of(reference: Tables, window: Tables) -> tuple[list[Stream], np.ndarray, np.ndarray]:
    """Return the streams that two archives have in common, and their values, each (films, streams) float64."""
    known = reference.devices
    made = [dict(_streams(each, reference, known)) for each in (reference, window)]
    streams = list(made[0])
    for device in known if len(known) > 1 else []:
        here = [(each.films["device"] == device).to_numpy() for each in (reference, window)]
        if here[0].sum() < _FEWEST_OF_DEVICE or here[1].sum() < _FEWEST_IN_WINDOW:
            continue
        for stream in [each for each in made[0] if each.device is None and each.kind not in ("refused", "devices")]:
            own = Stream(stream.kind, stream.name, stream.finding, device)
            streams.append(own)
            for values, films in zip(made, here, strict=True):
                values[own] = np.where(films, values[stream], np.nan)
    one, other = (np.stack([values[each] for each in streams], axis=1) for values in made)
    return streams, one, other


def _streams(tables: Tables, reference: Tables, known: Sequence[str]) -> Iterator[tuple[Stream, np.ndarray]]:
    films = tables.films
    yield Stream("refused", "films refused"), (films["state"] != DONE).to_numpy(np.float64)
    if len(known) > 1:
        for device in known:
            is_its = films["device"] == device
            yield (
                Stream("devices", f"share of {device}"),
                is_its.where(films["state"] == DONE).to_numpy(np.float64, na_value=np.nan),
            )
    yield Stream("size", "pixels of the film"), np.log2(_numbers(films, "width") * _numbers(films, "height"))
    yield Stream("size", "width to height"), _numbers(films, "width") / _numbers(films, "height")
    largest = np.minimum(2 ** _numbers(films, "bits") - 1, _LARGEST)
    for percentile in GREY_PERCENTILES:
        values = _numbers(films, f"grey_p{percentile:02d}") / largest
        yield Stream("grey", f"grey, percentile {percentile}"), values
    rows = tables.scores.reindex(films["film"])
    called = [each["id"] for each in tables.classifiers if each.get("calibrated")]
    for finding in sorted({finding for _, finding in reference.scores.columns}):
        yield from _of_finding(finding, rows, called, tables)


def _of_finding(
    finding: str, rows: pd.DataFrame, calibrated: Sequence[str], tables: Tables
) -> Iterator[tuple[Stream, np.ndarray]]:
    nothing = np.full(len(rows), np.nan)
    score = rows[ENSEMBLE, finding].to_numpy(np.float64) if (ENSEMBLE, finding) in rows.columns else nothing
    yield Stream("score", "score", finding), score
    own = [rows[id, finding].to_numpy(np.float64) for id in calibrated if (id, finding) in rows.columns]
    calls = np.array([np.where(np.isnan(each), np.nan, each >= OPERATING_POINT) for each in own])
    if len(own):
        yield Stream("call", "call rate", finding), np.where(np.isnan(score), np.nan, score >= OPERATING_POINT)
    if len(own) > 1:
        yield Stream("split", "split calls", finding), calls.max(axis=0) - calls.min(axis=0)
    if len(tables.findings):
        found = tables.findings[tables.findings["finding"] == finding].set_index("film")["agreement"]
        yield Stream("agreement", "agreement of maps", finding), found.reindex(rows.index).to_numpy(np.float64)


def _numbers(films: pd.DataFrame, column: str) -> np.ndarray:
    return films[column].to_numpy(np.float64, na_value=np.nan)
