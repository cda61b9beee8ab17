"""One run of `ensemble-cam watch`: a reference frozen at acceptance, and a window of films beside it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ensemble_cam.errors import ConfigError, ExportError
from ensemble_cam.export.drafts import draft
from ensemble_cam.export.provenance import software
from ensemble_cam.machine.files import read_file, why_unreadable
from ensemble_cam.machine.names import escaped
from ensemble_cam.machine.terminal import TerminalLine
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.validation.watch import (
    AMBER,
    FEWEST_REFERENCE,
    FEWEST_WINDOW,
    ORDERS,
    RED,
    Alarm,
    Level,
    compare,
    middle_of,
)
from ensemble_cam.validation.watched import DECIDES, Stream, Tables, digest_of, read_tables, streams_of

SCHEMA = 1
FROZEN, RECORD = "watch_reference.json", "watch.json"

_MOST_BYTES = 2**24
_SHOWN = 12  # alarms on the terminal; all are in the record

WHAT_TO_DO: Mapping[str, str] = {
    "refused": "Look at the reasons in films.parquet: a new export, compression or kind of object is likely.",
    "devices": "The mix of devices has changed. Validate the networks on the device that there is more of.",
    "size": "Films are cut, scaled or exported otherwise. Lay ten of them beside ten of the reference.",
    "grey": "Exposure, detector or processing has changed. Lay ten films beside ten of the reference, and ask who "
    "set the device up.",
    "score": "Either the patients have changed or the networks see films otherwise. Read twenty of these films; where "
    "greys or size are named too, begin there.",
    "call": "More or fewer films are called. Read twenty called and twenty not called ones, and validate anew before "
    "the operating points are used on.",
    "split": "The networks contradict one another more or less often than they did. Read the split films first.",
    "agreement": "Maps agree otherwise than they did. Look at ten of them side by side.",
}
"""Kind of stream → what to do."""

_ON_RED = (
    "Red: rely on no call until it is known what has changed; then validate on films of now, and freeze a new "
    "reference."
)
_ON_AMBER = "Amber: look at it, and at the next window. Twice the same stream is no chance."


@dataclass(frozen=True)
class Finding:
    """An alarm with its words.

    Attributes:
        alarm: what was found.
        stream: of which stream.
        before, now: its median, or share, in the reference and in the window.
    """

    alarm: Alarm
    stream: Stream
    before: float
    now: float

    @property
    def line(self) -> str:
        """What people read."""
        since = "" if self.alarm.since is None else f", rising since film {self.alarm.since}"
        return f"{self.stream.title}: {self.before:.3g} → {self.now:.3g}{since} (p {self.alarm.p:.4f})"


def freeze(folder: Path) -> Tables:
    """Freeze the tables of an archive as the reference: from then on a change of theirs is refused.

    Raises:
        ConfigError: if it is frozen, has too few films, or cannot be read.
        ExportError: if it cannot be written.
    """
    path = folder / FROZEN
    if path.exists():
        raise ConfigError(
            f"--freeze: {escaped(str(folder))} is frozen already, on {_frozen(folder)['date']}. Archive another folder "
            "to accept anew."
        )
    tables = read_tables(folder)
    if len(tables.films) < FEWEST_REFERENCE:
        raise ConfigError(
            f"--freeze: {len(tables.films)} films are no reference; {FEWEST_REFERENCE} are the least, and some "
            "hundreds are better."
        )
    record = {
        "schema": SCHEMA,
        "purpose": PURPOSE,
        "date": datetime.now(UTC).date().isoformat(),
        "software": dict(software()),
        "films": len(tables.films),
        "devices": tables.devices,
        "classifiers": [dict(each) for each in tables.classifiers],
        "settings": dict(tables.settings),
        "sha256": digest_of(folder),
    }
    _write(path, record)
    return tables


def watch(
    window: Path, reference: Path, *, films: int | None, seed: int, orders: int = ORDERS, line: TerminalLine
) -> dict[str, Any]:
    """Set a window beside the reference, say what is otherwise, and return the record of it.

    Args:
        window: folder of an archive's tables.
        reference: folder of the frozen ones.
        films: how many of the window's last films are taken; None for all.
        seed: of the random orders.
        orders: how many.
        line: where it is said.

    Raises:
        ConfigError: if the reference is not frozen, was changed, or is of other networks; or there are too few films.
    """
    frozen = _frozen(reference)
    if digest_of(reference) != frozen["sha256"]:
        raise ConfigError(
            f"--reference: the tables in {escaped(str(reference))} are not those that were frozen on {frozen['date']}. "
            "Put them back, or accept anew in another folder."
        )
    before, now = read_tables(reference), read_tables(window)
    _check_same(before, now)
    now = now if films is None else now.last(films)
    if len(now.films) < FEWEST_WINDOW:
        raise ConfigError(f"TABLES: {len(now.films)} films are too few to be watched; {FEWEST_WINDOW} are the least.")
    streams, one, other = streams_of(before, now)
    alarms = compare(
        one, other, seed=seed, orders=orders, told=lambda share: line.transient(f"Comparing ({share:.0%})")
    )
    line.transient("")
    found = [
        Finding(each, streams[each.stream], middle_of(one[:, each.stream]), middle_of(other[:, each.stream]))
        for each in alarms
    ]
    strange = [each for each in now.devices if each not in before.devices]
    record = _record(frozen, before, now, streams, found, strange, seed)
    for text in lines_of(record, found):
        line.line(text)
    return record


def _check_same(before: Tables, now: Tables) -> None:
    networks = [{each["id"]: each["weights_sha256"] for each in tables.classifiers} for tables in (before, now)]
    if networks[0] != networks[1]:
        raise ConfigError(
            "TABLES: they are of other networks or weights than the reference. Validate the new ones, and freeze a "
            "reference of theirs."
        )
    for name in DECIDES:
        if before.settings.get(name) != now.settings.get(name):
            raise ConfigError(
                f"TABLES: {name} was {now.settings.get(name)!r}, and {before.settings.get(name)!r} in the reference. "
                "Archive with the same settings."
            )


def _record(
    frozen: Mapping[str, Any],
    before: Tables,
    now: Tables,
    streams: Sequence[Stream],
    found: Sequence[Finding],
    strange: Sequence[str],
    seed: int,
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "purpose": PURPOSE,
        "date": datetime.now(UTC).date().isoformat(),
        "software": dict(software()),
        "level": level_of(found, strange),
        "reference": {"frozen": frozen["date"], "films": len(before.films), "sha256": frozen["sha256"]},
        "window": {"films": len(now.films)},
        "streams": len(streams),
        "false_alarms_per_1000_windows": {"amber": 1000 * AMBER, "red": 1000 * RED},
        "seed": seed,
        "new_devices": list(strange),
        "alarms": [
            {
                "level": each.alarm.level.value,
                "kind": each.stream.kind,
                "name": each.stream.name,
                "finding": each.stream.finding,
                "device": each.stream.device,
                "test": each.alarm.test,
                "p": round(each.alarm.p, 6),
                "reference": _rounded(each.before),
                "window": _rounded(each.now),
                "since": each.alarm.since,
                "what_to_do": WHAT_TO_DO[each.stream.kind],
            }
            for each in found
        ],
    }


def level_of(found: Sequence[Finding], strange: Sequence[str]) -> str:
    """Return "red", "amber" or "quiet"."""
    if any(each.alarm.level is Level.RED for each in found):
        return Level.RED.value
    return Level.AMBER.value if found or strange else "quiet"


def lines_of(record: Mapping[str, Any], found: Sequence[Finding]) -> list[str]:
    """Return what is said of a window."""
    level = record["level"]
    rates = record["false_alarms_per_1000_windows"]
    lines = [
        f"{level.upper()}: {record['window']['films']} films beside {record['reference']['films']} of the reference of "
        f"{record['reference']['frozen']}, {record['streams']} streams",
        f"Without any change, {rates['amber']:g} windows of 1,000 are amber or red, {rates['red']:g} red, over all "
        "streams together",
    ]
    if record["new_devices"]:
        lines.append(
            f"Devices that the reference has no film of: {', '.join(map(escaped, record['new_devices']))}. Nothing is "
            "known of the networks on them: validate before they are used."
        )
    for level_name in Level:
        here = [each for each in found if each.alarm.level is level_name]
        lines += [f"  {level_name.value}: {escaped(each.line)}" for each in here[:_SHOWN]]
        if len(here) > _SHOWN:
            lines.append(f"  {level_name.value}: and {len(here) - _SHOWN} more")
    lines += [f"- {WHAT_TO_DO[kind]}" for kind in WHAT_TO_DO if kind in {each.stream.kind for each in found}]
    if level == Level.RED.value:
        lines.append(_ON_RED)
    elif level == Level.AMBER.value:
        lines.append(_ON_AMBER)
    return lines


def write_record(record: Mapping[str, Any], out: Path) -> None:
    """Write what was found into a folder.

    Raises:
        ConfigError: if one is there.
        ExportError: if it cannot be written.
    """
    path = out / RECORD
    if path.exists():
        raise ConfigError(f"--out: {escaped(str(out))} has {RECORD} already. Choose another folder.")
    _write(path, record)


def _write(path: Path, record: Mapping[str, Any]) -> None:
    try:
        with draft(path.parent) as unfinished:
            text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
            unfinished.write_text(f"{text}\n", encoding="utf-8", newline="\n")
            unfinished.replace(path)
    except OSError as error:
        raise ExportError(
            f"{path.name} could not be written ({error.strerror}). Free space, or choose another folder."
        ) from None


def _frozen(folder: Path) -> dict[str, Any]:
    path = folder / FROZEN
    try:
        record = json.loads(read_file(path, most=_MOST_BYTES))
    except FileNotFoundError:
        raise ConfigError(
            f"--reference: {escaped(str(folder))} is no frozen reference. Freeze it at acceptance with `ensemble-cam "
            "watch --reference DIR --freeze`."
        ) from None
    except (OSError, ValueError) as error:
        reason = why_unreadable(error) if isinstance(error, OSError) else "it is no JSON"
        raise ConfigError(f"--reference: {FROZEN}: {reason}. Put the file back.") from None
    if not isinstance(record, dict) or record.get("schema") != SCHEMA or not isinstance(record.get("sha256"), dict):
        raise ConfigError(f"--reference: {FROZEN} is not of this version. Freeze the reference anew.")
    return record


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 6)
