"""Where classifiers vote apart, and where all of them contradict the label: a monitor, and lessons."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ensemble_cam.validation.statistics import Share

_DIGITS = 6


def votes_record(called: Mapping[str, np.ndarray], mean: np.ndarray | None, positive: np.ndarray) -> dict[str, Any]:
    """Return how often the ensemble is wrong where the classifiers split, and where they are of one mind.

    Args:
        called: classifier id → which films it calls, (n,) bool, of those that have an operating point.
        mean: which films the ensemble calls, (n,) bool; None where it has no point.
        positive: (n,) bool, which films have the finding.
    """
    if len(called) < 2 or mean is None:
        return {"classifiers": sorted(called), "split": None, "unanimous": None}
    votes = np.stack(list(called.values()))
    split = np.asarray(votes.any(axis=0) & ~votes.all(axis=0))
    wrong = np.asarray(mean != positive)
    return {"classifiers": sorted(called), "split": _part(wrong, split), "unanimous": _part(wrong, ~split)}


def contradicted(called: Mapping[str, np.ndarray], positive: np.ndarray) -> np.ndarray:
    """Return the films on which two classifiers or more all say other than the label, (n,) bool."""
    if len(called) < 2:
        return np.zeros(len(positive), dtype=bool)
    return np.all(np.stack(list(called.values())) != positive, axis=0)


def _part(wrong: np.ndarray, here: np.ndarray) -> dict[str, Any]:
    share = Share(int(wrong[here].sum()), int(here.sum()))
    interval = share.wilson
    return {
        "n": share.whole,
        "wrong": share.part,
        "interval": None if interval is None else [round(end, _DIGITS) for end in interval],
    }
