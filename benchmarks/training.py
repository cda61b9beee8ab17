"""Train a small network from scratch on phantoms in three folders, and ask it about phantoms of other seeds.

    uv run python benchmarks/training.py [FOLDER] [--count 1200] [--test 300] [--epochs 30] [--difficulty D] [--json]

The phantoms are drawn into FOLDER (a temporary one without it): normal, consolidation, effusion, a third each. Then
`ensemble-cam train` runs on them, and each of the test's is explained by `ec.explain` with the checkpoint. Printed are
minutes, the confusion matrix and the accuracy with its interval, and for either finding how often the map's hottest
point lies in what was planted or within 5 % of the film's width, beside what the best fixed place hits.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import small_network

import ensemble_cam as ec
from ensemble_cam.cli import main as command
from ensemble_cam.phantom.files import film_bytes
from ensemble_cam.validation.localisation import grown, points_at
from ensemble_cam.validation.statistics import Share

FINDINGS = {"consolidation": "Consolidation", "effusion": "Effusion", "normal": None}
FIRST_SEED, FIRST_OF_TEST = 5_000_000, 7_000_000
SIZE = 256
METHOD = "hirescam"


@dataclass(frozen=True)
class Found:
    """What came out.

    Attributes:
        minutes: of the training alone.
        confusion: (true, called), in the order of `FINDINGS`.
        hits: finding → share of its films whose map of it points at it.
        fixed: finding → the same of the best fixed place.
    """

    minutes: float
    confusion: np.ndarray
    hits: dict[str, Share]
    fixed: dict[str, Share]

    @property
    def accuracy(self) -> Share:
        """Of phantoms of other seeds."""
        return Share(int(self.confusion.trace()), int(self.confusion.sum()))


def draw(folder: Path, count: int, *, difficulty: float | None) -> None:
    """Draw phantoms into a folder for each class."""
    for number in range(count):
        name = list(FINDINGS)[number % len(FINDINGS)]
        path = folder / name / f"{FIRST_SEED + number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_bytes(film_bytes(phantom(FIRST_SEED + number, name, difficulty)))


def phantom(seed: int, name: str, difficulty: float | None) -> ec.Phantom:
    """Draw one with the finding of a class, or none."""
    finding = FINDINGS[name]
    return ec.draw_phantom(seed, findings=[finding] if finding else [], size=SIZE, difficulty=difficulty)


def run(folder: Path, *, count: int, test: int, epochs: int, difficulty: float | None, seed: int = 0) -> Found:
    """Draw, train, and ask; what is there already is drawn and trained again in no case."""
    draw(folder / "pictures", count, difficulty=difficulty)
    shutil.copy(small_network.__file__, folder)
    (folder / "small.toml").write_text(small_network.TOML)
    weights, spec, began = folder / "small.safetensors", f"file:{folder / 'small.toml'}", time.monotonic()
    asked = ["--network", spec, "--out", str(weights), "--epochs", str(epochs), "--seed", str(seed)]
    if command(["train", str(folder / "pictures"), *asked]) != 0:
        sys.exit(1)
    minutes = (time.monotonic() - began) / 60
    return ask(ec.load_network(spec, checkpoint=weights), test, difficulty=difficulty, minutes=minutes)


def ask(network: "ec.Network", test: int, *, difficulty: float | None, minutes: float) -> Found:
    """Explain phantoms of other seeds."""
    names = list(FINDINGS)
    assert list(network.classes) == names
    confusion = np.zeros((len(names),) * 2, dtype=int)
    hits: dict[str, list[bool]] = {name: [] for name in names}
    near: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for number in range(test):
        name = names[number % len(names)]
        drawn = phantom(FIRST_OF_TEST + number, name, difficulty)
        told = ec.explain(network, drawn, target=name, method=METHOD)
        confusion[names.index(name), names.index(told.predicted)] += 1
        if (finding := FINDINGS[name]) is None:
            continue
        mask, values = drawn.masks[finding], told.map_in_picture()
        row, column = np.unravel_index(int(values.argmax()), values.shape)
        hits[name].append(bool(values.any()) and points_at((int(column), int(row)), mask))
        near[name].append(grown(mask))
    found = {name: Share(sum(hits[name]), len(hits[name])) for name in names if hits[name]}
    fixed = {name: Share(int(np.sum(near[name], axis=0).max()), len(near[name])) for name in found}
    return Found(minutes, confusion, found, fixed)


def lines(found: Found) -> list[str]:
    """Return what is printed."""
    width = max(map(len, FINDINGS))
    right, (low, high) = found.accuracy, found.accuracy.wilson or (0, 1)
    text = [
        f"trained in {found.minutes:.1f} min",
        f"accuracy on phantoms of other seeds: {right.value:.3f} ({right.part} of {right.whole}), "
        f"95 % interval {low:.3f} to {high:.3f}",
        f"{'true, called':{width + 4}}" + "".join(f"{name:>15}" for name in FINDINGS),
    ]
    for row, name in enumerate(FINDINGS):
        text.append(f"{name:{width + 4}}" + "".join(f"{count:>15}" for count in found.confusion[row]))
    for name, share in found.hits.items():
        fixed = found.fixed[name]
        text.append(
            f"{name}: the map points at it in {share.part} of {share.whole} ({share.value:.2f}); the best fixed place "
            f"in {fixed.part} ({fixed.value:.2f})"
        )
    return text


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--count", type=int, default=1200)
    parser.add_argument("--test", type=int, default=300)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--difficulty", type=float, help="0 to 1; any without")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        found = run(
            folder, count=options.count, test=options.test, epochs=options.epochs, difficulty=options.difficulty
        )
    if options.json:
        shares = {name: share.value for name, share in found.hits.items()}
        told = {"minutes": found.minutes, "accuracy": found.accuracy.value, "hits": shares}
        print(json.dumps(told | {"confusion": found.confusion.tolist()}))
        return
    print("\n".join(lines(found)))


if __name__ == "__main__":
    main()
