"""What `ensemble-cam measure` leaves behind: `measures.csv`, `measures.json` and curves as PNG, whole or not at all."""

import csv
import io
import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t

from ensemble_cam.errors import ConfigError, ExportError
from ensemble_cam.export.curves import Panel, Series, Words, curves_png
from ensemble_cam.export.drafts import draft
from ensemble_cam.export.provenance import packages, software
from ensemble_cam.machine.names import cell, escaped
from ensemble_cam.purpose import MEANINGLESS_LINE, PURPOSE
from ensemble_cam.settings.methods import METHODS, METHODS_OF_ANY_NETWORK
from ensemble_cam.settings.metrics import BASELINES, METRICS, MOVED
from ensemble_cam.settings.settings import displayed
from ensemble_cam.validation.faithfulness import DELETION_BASELINE, INSERTION_BASELINE, NOISE, Curve
from ensemble_cam.validation.statistics import Share
from ensemble_cam.validation.subjects import Maker, MeasuredMap, Subject, seconds_of

SCHEMA = 1
TABLE, RECORD, CURVES = "measures.csv", "measures.json", "curves"
COLUMNS = ("film", "finding", "classifier", "method", "metric", "value")
ALL_FINDINGS = "all"

_NO_NAME = re.compile(r"[^\w.+-]")
_DIGITS = 6
_FEWEST = 3  # films of which a mean has an interval
_PANELS = (
    ("deletion", "Deletion: hottest first → mean grey"),
    ("insertion", "Insertion: hottest first, on a blurred film"),
    ("road_most", "ROAD: hottest first"),
    ("road_least", "ROAD: coldest first"),
)


@dataclass(frozen=True, eq=False)
class MeasuredFilm:
    """One film's figures.

    Attributes:
        name: what files call it.
        subject: the film.
        maps: what was measured of each of its maps.
    """

    name: str
    subject: Subject
    maps: Sequence[MeasuredMap]


@dataclass
class Measures:
    """The files of a run, in the making.

    Args:
        maker: who made the maps.
        metrics: names of `METRICS` that were asked for.
        seed: of ties, noise and the moved maps.
    """

    maker: Maker
    metrics: Sequence[str]
    seed: int
    films: list[dict[str, Any]] = field(default_factory=list)
    rows: list[tuple[str, str, str, str, str, float]] = field(default_factory=list)

    def add(self, film: MeasuredFilm, folder: Path) -> None:
        """Take a film in, and draw its curves into a folder."""
        for each in film.maps:
            head = film.name, each.finding, each.classifier, each.method
            self.rows += [(*head, metric, value) for metric, value in each.found.values.items()]
        self.films.append(_film_record(film))
        for name, picture in pictures(film, self.maker):
            (folder / name).write_bytes(picture)

    def record(self) -> dict[str, Any]:
        """Return what `measures.json` holds."""
        return {
            "schema": SCHEMA,
            "purpose": PURPOSE,
            "notice": self.maker.notice or None,
            "software": dict(software()),
            "packages": dict(packages()),
            "settings": {
                **self.maker.settings,
                "metrics": list(self.metrics),
                "seed": self.seed,
                "deletion_baseline": DELETION_BASELINE,
                "insertion_baseline": INSERTION_BASELINE,
                "road_noise": NOISE,
            },
            "metrics": {
                name: {"title": each.title, "unit": each.unit, "better": each.better, "says": each.says,
                       "hides": each.hides, "source": each.source}
                for name in self.metrics if (each := METRICS[name])
            },
            "baselines": {name: {"is": each.what, "hides": each.hides} for name, each in BASELINES.items()},
            "classifiers": self.maker.records,
            "films": self.films,
            "summary": summary(self.rows),
        }  # fmt: skip

    def table(self) -> str:
        """Return `measures.csv`."""
        text = io.StringIO()
        writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([*map(cell, texts), round(value, _DIGITS)] for *texts, value in self.rows)
        return text.getvalue()


def check_free(out: Path) -> None:
    """Refuse a folder that holds measures: nothing is overwritten.

    Raises:
        ConfigError: if one of the files is there.
    """
    if there := [name for name in (TABLE, RECORD, CURVES) if os.path.lexists(out / name)]:
        raise ConfigError(f"--out: {escaped(str(out))} has {there[0]} already. Choose another folder.")


def write(measures: Measures, films: Iterable[MeasuredFilm], out: Path) -> None:
    """Write the files of films as they are measured; none is there if something goes wrong, or no film comes.

    Raises:
        ExportError: if they cannot be written.
    """
    placed: list[Path] = []
    try:
        with draft(out) as folder:
            (folder / CURVES).mkdir(parents=True)
            for film in films:
                measures.add(film, folder / CURVES)
            if not measures.films:
                return
            record = json.dumps(measures.record(), indent=1, ensure_ascii=False, allow_nan=False)
            (folder / RECORD).write_text(f"{record}\n", encoding="utf-8", newline="\n")
            (folder / TABLE).write_text(measures.table(), encoding="utf-8", newline="\n")
            for name in (TABLE, CURVES, RECORD):
                os.replace(folder / name, out / name)
                placed.append(out / name)
        placed.clear()  # they are whole, and stay
    except OSError as error:
        raise ExportError(
            f"The measures could not be written ({error.strerror}). Free space, or choose another folder."
        ) from None
    finally:
        for path in placed:
            if not path.is_dir():
                path.unlink(missing_ok=True)


def summary(rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    """Return means over films, of each finding and of all, with an interval of 95 % where three films or more have one.

    Args:
        rows: of `measures.csv`.
    """
    values: dict[tuple[str, ...], dict[str, list[float]]] = {}
    for film, finding, *rest, value in rows:
        for each in (finding, ALL_FINDINGS):
            values.setdefault((each, *rest), {}).setdefault(film, []).append(value)
    found = []
    for (finding, classifier, method, metric), by_film in values.items():
        # Findings of one film have the film in common: it counts once.
        means = np.array([math.fsum(each) / len(each) for each in by_film.values()])
        interval = _interval(means, is_share=metric == "increase" and finding != ALL_FINDINGS)
        found.append(
            {"finding": finding, "classifier": classifier, "method": method, "metric": metric, "films": len(means),
             "mean": round(float(means.mean()), _DIGITS), "interval": interval}
        )  # fmt: skip
    return found


def _interval(means: np.ndarray, *, is_share: bool) -> list[float] | None:
    count = len(means)
    if count < _FEWEST:
        return None
    if is_share:
        return [round(each, _DIGITS) for each in Share(int(means.sum()), count).wilson or ()]
    reach = float(t.ppf(0.975, count - 1) * means.std(ddof=1) / math.sqrt(count))
    return [round(float(means.mean()) + each, _DIGITS) for each in (-reach, reach)]


def _film_record(film: MeasuredFilm) -> dict[str, Any]:
    return {
        "film": film.name,
        "sha256": film.subject.sha256,
        "meaningless": film.subject.meaningless,
        "cautions": list(film.subject.cautions),
        "seconds": {name: round(value, 3) for name, value in seconds_of(film.maps).items()},
        "maps": [
            {
                "finding": each.finding,
                "classifier": each.classifier,
                "method": each.method,
                "values": {name: round(value, _DIGITS) for name, value in each.found.values.items()},
                "details": {
                    name: {key: None if value is None else round(value, _DIGITS) for key, value in of.items()}
                    for name, of in each.found.details.items()
                },
                "curves": {name: _curve_record(curve) for name, curve in each.found.curves.items()},
                "reason": each.reason,
            }
            for each in film.maps
        ],
    }


def _curve_record(curve: Curve) -> dict[str, Any]:
    return {
        "baseline": curve.baseline,
        "shares": curve.shares.tolist(),
        "logits": [round(each, _DIGITS) for each in curve.logits.tolist()],
        "scores": [round(each, _DIGITS) for each in curve.scores.tolist()],
    }


def pictures(film: MeasuredFilm, maker: Maker) -> Iterable[tuple[str, bytes]]:
    """Yield (file name, PNG) of each finding and network that has curves."""
    described = {each["id"]: each for each in maker.records}
    keys = dict.fromkeys((each.finding, each.classifier) for each in film.maps if each.found.curves)
    for finding, classifier in keys:
        maps = [each for each in film.maps if (each.finding, each.classifier) == (finding, classifier)]
        name = "_".join(_NO_NAME.sub("_", each) for each in (film.name, finding, classifier))
        yield f"{name}.png", picture(maps, described[classifier], film.subject, maker.notice)


def picture(maps: Sequence[MeasuredMap], network: Mapping[str, Any], subject: Subject, notice: str) -> bytes:
    """Return the curves of one finding's maps by one network as a PNG.

    Args:
        maps: all of them, in the order of the legend; those without curves are left out.
        network: of `Maker.records`.
        subject: the film.
        notice: see `Maker`.
    """
    panels = panels_of(maps)
    digits = f", SHA-256 {network['weights_sha256'][:12]}…" if network["weights_sha256"] else ""
    line = f"{network['name']} · weights {network['weights']}{digits}"
    how = f"Relative activation, cut by rank; no threshold. Film {subject.sha256[:12]}…"
    warnings = ([f"{notice}."] if notice else []) + ([MEANINGLESS_LINE] if subject.meaningless else [])
    head = f"{displayed(maps[0].finding)} · {network['name']}"
    origin = {"Disclaimer": PURPOSE, "Film SHA-256": subject.sha256, "Network": line, "Finding": maps[0].finding}
    return curves_png(panels, Words(head, [line, how], warnings), origin)


def panels_of(maps: Sequence[MeasuredMap]) -> list[Panel]:
    """Return the curves of one finding's maps by one network, a panel for each kind that was measured."""
    panels = []
    for key, title in _PANELS:
        series = [
            Series(method_title(each.method), curve.shares.tolist(), curve.logits.tolist(), each.method == MOVED)
            for each in maps
            if (curve := each.found.curves.get(key)) is not None
        ]
        panels += [Panel(title, series)] if series else []
    return panels


def method_title(method: str) -> str:
    """Return how people write a method; the control's words are its own."""
    if method == MOVED:
        return "the map, moved (control)"
    known = METHODS.get(method) or METHODS_OF_ANY_NETWORK.get(method)
    return method if known is None else known.title
