"""What a training leaves: the weights, the classes beside them, and a folder that says how good they are."""

import csv
import hashlib
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save

from ensemble_cam.errors import ExportError
from ensemble_cam.export.drafts import draft
from ensemble_cam.export.provenance import software
from ensemble_cam.machine.names import cell
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.training import sheets
from ensemble_cam.training.folders import PARTS, TEST, TRAIN, Folders
from ensemble_cam.training.places import RECORD, places
from ensemble_cam.training.torch_loop import Plan, Start, Trained
from ensemble_cam.validation.statistics import CONFIDENCE, Share

SCHEMA = 1
_MOST_WRONG = 64  # on the sheet; the table has all


@dataclass(frozen=True, eq=False)
class Training:
    """A training and all that it was made of.

    Attributes:
        spec: the network, by name.
        start: what it began with.
        plan: how it was trained.
        folders: the pictures.
        parts: of `folders.split`.
        pixels: (n, channels, size, size) uint8, of all pictures.
        trained: what came out.
    """

    spec: str
    start: Start
    plan: Plan
    folders: Folders
    parts: Mapping[str, np.ndarray]
    pixels: np.ndarray
    trained: Trained

    @property
    def confusion(self) -> np.ndarray:
        """How many pictures of the test there are of each class that were called each, (true, called)."""
        counts = np.zeros((len(self.folders.classes),) * 2, dtype=np.int64)
        np.add.at(counts, (self.folders.labels[self.parts[TEST]], self.trained.probabilities.argmax(1)), 1)
        return counts

    @property
    def accuracy(self) -> Share:
        """The share of the test's pictures that are called right."""
        return Share(int(self.confusion.trace()), int(self.confusion.sum()))

    @property
    def line(self) -> str:
        """How good it is, in words."""
        right, (low, high) = self.accuracy, self.accuracy.wilson or (0.0, 1.0)
        return (
            f"{right.part} of {right.whole} pictures of the test are called right: accuracy {right.value:.3f}, "
            f"{CONFIDENCE:.0%} interval {low:.3f} to {high:.3f}"
        )


def write_training(training: Training, out: Path) -> str:
    """Write the weights, the classes and the folder: all of them or none; the weights come last.

    Returns:
        The weights' SHA-256.

    Raises:
        ExportError: if they cannot be written.
    """
    weights, classes, folder = places(out)
    try:
        with draft(out.parent) as unfinished:
            (made := unfinished / "training").mkdir(parents=True)
            data = save(dict(training.trained.values))
            (unfinished / "weights").write_bytes(data)
            sha256 = hashlib.sha256(data).hexdigest()
            _write(unfinished / "classes", list(training.folders.classes))
            _write(made / RECORD, _record(training, sha256))
            _fill(made, training)
            os.replace(made, folder)
            os.replace(unfinished / "classes", classes)
            os.replace(unfinished / "weights", weights)
            return sha256
    except OSError as error:
        raise ExportError(
            f"The training could not be written ({os.strerror(error.errno) if error.errno else type(error).__name__}). "
            "Free space, or choose another place."
        ) from None


def _write(path: Path, told: object) -> None:
    path.write_text(f"{json.dumps(told, ensure_ascii=False, indent=2)}\n", encoding="utf-8")


def _fill(folder: Path, training: Training) -> None:
    trained, classes = training.trained, training.folders.classes
    labels = training.folders.labels
    rows = []
    for label, name in enumerate(classes):
        of_class = [index for index in training.parts[TRAIN] if labels[index] == label]
        rows.append((name, [training.pixels[index] for index in of_class[: sheets.SAMPLES]]))
    (folder / "classes.png").write_bytes(sheets.class_sheet(rows))
    losses = [(epoch.train_loss, epoch.loss) for epoch in trained.epochs]
    accuracies = [epoch.accuracy for epoch in trained.epochs]
    (folder / "curves.png").write_bytes(sheets.curves(losses, accuracies, best=trained.best))
    counts = training.confusion
    (folder / "confusion.png").write_bytes(sheets.confusion_picture(classes, counts))
    head = ["true", *map(cell, classes)]
    _table(folder / "confusion.csv", head, [[cell(classes[row]), *counts[row].tolist()] for row in range(len(classes))])
    wrong = _wrong(training)
    shown = [(training.pixels[index], classes[true], classes[called], share) for index, true, called, share in wrong]
    (folder / "wrong.png").write_bytes(sheets.wrong_sheet(shown[:_MOST_WRONG]))
    samples = training.folders.samples
    _table(
        folder / "wrong.csv",
        ["file", "true", "called", "softmax"],
        [
            [cell(samples[index].shown), cell(classes[true]), cell(classes[called]), f"{share:.4f}"]
            for index, true, called, share in wrong
        ],
    )


def _wrong(training: Training) -> list[tuple[int, int, int, float]]:
    """Return (index, true, called, softmax) of the test's pictures that are called wrong, the surest first."""
    shares, test = training.trained.probabilities, training.parts[TEST]
    called, truth = shares.argmax(1), training.folders.labels[test]
    found = [
        (int(test[row]), int(truth[row]), int(called[row]), float(shares[row].max()))
        for row in np.flatnonzero(called != truth)
    ]
    return sorted(found, key=lambda each: -each[3])


def _table(path: Path, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([head, *rows])
    path.write_text(text.getvalue(), encoding="utf-8")


def _record(training: Training, sha256: str) -> dict[str, Any]:
    """Return what `training.json` holds; whose pictures they are is not in it."""
    network, trained, plan = training.start.network, training.trained, training.plan
    classes, counts = training.folders.classes, training.confusion
    by_class = {name: _share(Share(int(counts[row, row]), int(counts[row].sum()))) for row, name in enumerate(classes)}
    return {
        "schema": SCHEMA,
        "purpose": PURPOSE,
        "software": dict(software()),
        "network": training.spec,
        "classes": list(classes),
        "output": network.output,
        "weights_sha256": sha256,
        "start": {
            "weights": training.start.told,
            "weights_sha256": training.start.sha256,
            "new": list(training.start.new),
        },
        "input": {
            "size": network.input.size,
            "channels": network.input.channels,
            "mean": list(network.input.mean),
            "std": list(network.input.std),
            "framing": "the whole picture, stretched to a square",
        },
        "seed": plan.seed,
        "device": plan.device,
        "split": "by patient" if training.folders.by_patient else "by file",
        "pictures": {part: _counts(training, part) for part in PARTS},
        "epochs": [asdict(epoch) for epoch in trained.epochs],
        "best_epoch": trained.best,
        "stopped_early": trained.stopped_early,
        "accuracy": _share(training.accuracy),
        "accuracy_by_class": by_class,
        "confusion": counts.tolist(),
        "wrong": len(_wrong(training)),
    }


def _counts(training: Training, part: str) -> dict[str, int]:
    labels = training.folders.labels[training.parts[part]]
    return {name: int((labels == label).sum()) for label, name in enumerate(training.folders.classes)}


def _share(share: Share) -> dict[str, Any]:
    interval = share.wilson
    return {
        "right": share.part,
        "of": share.whole,
        "value": None if share.value is None else round(share.value, 6),
        "interval": None if interval is None else [round(each, 6) for each in interval],
    }
