"""Print how often `watch` cries wolf, and how soon it sees what was changed.

    uv run python benchmarks/watch.py [--films 600] [--windows 1000] [--repeats 60] [--folder DIR]

Drawn films go through the teaching set by `ensemble-cam archive`: a base of two devices, of which the second has a grey
curve of its own, and four changes of it. From the base references of 300 films and windows of 60 others are drawn anew,
again and again: every alarm there is a false one. Then windows follow one another in which, from a film of the first
window on, the films are changed ones: counted is how many of these have come when the first window is amber, and red.

- exposure: greys to the power .9
- size: 5 % more pixels along each side
- device: the second device's share 30 → 70 %
- prevalence: an effusion, and nothing else, on 30 % of the films; the others as they are drawn anyway
"""

import argparse
import contextlib
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ensemble_cam.cli import main as ensemble_cam
from ensemble_cam.machine.terminal import TerminalLine
from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import film_bytes
from ensemble_cam.validation.watch import AMBER, RED, Level, compare
from ensemble_cam.validation.watched import read_tables, streams_of

FIRST_SEED = 9_500_000
SIZE, REFERENCE, WINDOW = 256, 300, 60
CHANGES = ("exposure", "size", "device", "prevalence")
SECOND = 0.3
"""Share of the second device's films, and of those with an effusion more where prevalence is changed."""


def drawn(seed: int, group: str, *, second: bool, effusion: bool) -> bytes:
    """Return a film's file, with the mark by which phantoms are told."""
    findings = ["Effusion"] if effusion else None
    size = round(SIZE * 1.05) if group == "size" else SIZE
    phantom = draw_phantom(seed, findings=findings, size=size)
    grey = phantom.pixels.astype(np.float64) / 255
    if second:
        grey = 0.04 + 0.92 * grey**1.1
    if group == "exposure":
        grey = grey**0.9
    return film_bytes(replace(phantom, pixels=np.rint(grey * 255).astype(np.uint8)))


def write_films(folder: Path, films: int, line: TerminalLine) -> None:
    """Write base and changed films; a film's name says its group and its device."""
    random = np.random.default_rng(0)
    groups = ["base"] * films + [each for each in CHANGES for _ in range(films // 5)]
    for number, group in enumerate(groups):
        line.transient(f"Drawing {number + 1} of {len(groups)}")
        second = bool(random.random() < (0.7 if group == "device" else SECOND))
        effusion = group == "prevalence" and bool(random.random() < SECOND)
        film = drawn(FIRST_SEED + number, group, second=second, effusion=effusion)
        (folder / f"{group}_{'B' if second else 'A'}_{number:05d}.png").write_bytes(film)


def values_of(tables_folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return (films, streams) values and each film's group."""
    tables = read_tables(tables_folder)
    parts = tables.films["film"].str.split("_", expand=True)
    tables.films["device"] = "Drawn " + parts[1]
    _, values, _ = streams_of(tables, tables)
    return values, parts[0].to_numpy()


def false_alarms(values: np.ndarray, windows: int, line: TerminalLine) -> tuple[int, int]:
    """Return how many windows of unchanged films are amber or red, and red."""
    random, amber, red = np.random.default_rng(1), 0, 0
    for number in range(windows):
        line.transient(f"In control: {number} of {windows} windows")
        order = random.permutation(len(values))[: REFERENCE + WINDOW]
        found = compare(values[order[:REFERENCE]], values[order[REFERENCE:]], seed=number)
        amber += bool(found)
        red += any(each.level is Level.RED for each in found)
    return amber, red


def delay(base: np.ndarray, changed: np.ndarray, seed: int, *, most: int = 10) -> tuple[int | None, int | None]:
    """Return how many changed films have come when a window is amber or red, and red; None within so many windows."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(base))
    reference, rest = base[order[:REFERENCE]], base[order[REFERENCE:]]
    begins, came = int(random.integers(0, WINDOW)), 0
    seen: dict[str, int | None] = {"amber": None, "red": None}
    for number in range(most):
        new = changed[random.choice(len(changed), WINDOW, replace=len(changed) < WINDOW)]
        films = np.concatenate([rest[:begins], new[begins:]]) if number == 0 else new
        came += WINDOW - begins if number == 0 else WINDOW
        found = compare(reference, films, seed=seed * most + number)
        if found and seen["amber"] is None:
            seen["amber"] = came
        if any(each.level is Level.RED for each in found):
            seen["red"] = came
            break
    return seen["amber"], seen["red"]


def said(delays: list[int | None]) -> str:
    """Return a median, a ninth tenth and how many were never seen."""
    known = sorted(each for each in delays if each is not None)
    if not known:
        return "never"
    text = f"{np.median(known):.0f} ({np.quantile(known, 0.9):.0f})"
    return text if len(known) == len(delays) else f"{text}, {len(delays) - len(known)} never"


def main() -> None:
    """Draw, archive, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, default=600)
    parser.add_argument("--windows", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=60)
    parser.add_argument("--folder", type=Path, help="where films and tables are kept, to be used again")
    given, line = parser.parse_args(), TerminalLine(sys.stderr)
    with contextlib.ExitStack() as stack:
        folder = given.folder or Path(stack.enter_context(TemporaryDirectory()))
        films, tables = folder / "films", folder / "tables"
        if not (tables / "films.parquet").exists():
            films.mkdir(parents=True, exist_ok=True)
            write_films(films, given.films, line)
            asked = ["archive", str(films), "--set", "teaching", "--out", str(tables), "--scores-only", "--quiet"]
            if ensemble_cam(asked) != 0:
                raise SystemExit("The films could not be archived.")
        values, groups = values_of(tables)
    base = values[groups == "base"]
    amber, red = false_alarms(base, given.windows, line)
    line.transient("")
    print(f"{len(base)} films of the base, references of {REFERENCE}, windows of {WINDOW}, {values.shape[1]} streams\n")
    print("| of 1,000 windows without any change | stated | found |")
    print("| --- | --- | --- |")
    print(f"| amber or red | {1000 * AMBER:g} | {1000 * amber / given.windows:.0f} |")
    print(f"| red | {1000 * RED:g} | {1000 * red / given.windows:.0f} |\n")
    print("| change | changed films until amber or red: median (90 %) | until red |")
    print("| --- | --- | --- |")
    for change in CHANGES:
        found = []
        for number in range(given.repeats):
            line.transient(f"{change}: {number} of {given.repeats}")
            found.append(delay(base, values[groups == change], number))
        line.transient("")
        print(f"| {change} | {said([each[0] for each in found])} | {said([each[1] for each in found])} |")


if __name__ == "__main__":
    main()
