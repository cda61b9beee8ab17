"""The classifiers of the app: which are there, fetching the others, and loading them once for all sessions."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ensemble_cam.errors import WeightsError, WeightsMissing
from ensemble_cam.settings.config import ClassifierConfig, Config, load_config
from ensemble_cam.settings.vocabulary import UNTRAINED
from ensemble_cam.ui.launch import SOURCE_VARIABLE, config_path
from ensemble_cam.ui.session.jobs import DOWNLOADS, Job
from ensemble_cam.ui.warm_up import wait_until_imported
from ensemble_cam.weights.released import search_folders, weights_file
from ensemble_cam.weights.store import fetch, locate

if TYPE_CHECKING:
    from ensemble_cam.classifiers.classifier import Classifier


_COLOURS = ("#56B4E9", "#E69F00", "#CC79A7", "#009E73", "#F0E442", "#D55E00")  # Okabe and Ito, 2008


@lru_cache(maxsize=1)
def configuration() -> Config:
    """Return the app's configuration, read once for each start.

    Raises:
        ConfigError: if it cannot be used.
    """
    return load_config(config_path())


def colour(id: str) -> str:
    """Return the colour of a classifier's marks, its own in its set whichever others are chosen beside it."""
    config = configuration()
    place = [each.id for each in config.in_set(config.classifier(id).set)].index(id)
    return _COLOURS[place % len(_COLOURS)]


@dataclass(frozen=True)
class Choice:
    """A classifier as the reader chose it.

    Attributes:
        config: its table.
        weights: the name of its weights.
        ensemble_weight: its share.
    """

    config: ClassifierConfig
    weights: str
    ensemble_weight: float


@dataclass(frozen=True)
class Ready:
    """A choice whose weights are on this machine; `sha256` is the file's hash now, None for untrained."""

    choice: Choice
    sha256: str | None


Identities = tuple[tuple[str, str, str | None], ...]
"""Id, weights and SHA-256 of each of some networks, by which they are told from any others."""


def identities(ready: Sequence[Ready]) -> Identities:
    """Return what tells these networks from any others: part of the key of all that they made."""
    return tuple((each.choice.config.id, each.choice.weights, each.sha256) for each in ready)


def default_choices(config: Config, set: str) -> tuple[Choice, ...]:
    """Return a set's classifiers as a review starts with them, without the optional ones."""
    return tuple(
        Choice(each, each.default_weight, each.ensemble_weight) for each in config.in_set(set) if not each.optional
    )


def find(choices: Sequence[Choice]) -> tuple[list[Ready], Mapping[Choice, WeightsError]]:
    """Return the choices whose weights can be used, and why the others' cannot.

    Asked on every rerun, so that a file put in place by hand is found and a changed one is loaded anew.
    """
    ready, absent = [], {}
    for choice in choices:
        try:
            known = choice.weights == UNTRAINED
            ready.append(
                Ready(choice, None if known else locate(choice.config, choice.weights, weights_dir=None).sha256)
            )
        except WeightsError as error:
            absent[choice] = error
    return ready, absent


def load(ready: Ready) -> "Classifier":
    """Return the classifier, loaded once for all sessions as long as its file stays the same."""
    return _load(ready.choice.config, ready.choice.weights, ready.sha256)


@lru_cache(maxsize=8)
def _load(config: ClassifierConfig, weights: str, sha256: str | None) -> "Classifier":
    from ensemble_cam.classifiers.loading import load_classifier
    from ensemble_cam.classifiers.runtime import choose_device, choose_runtime

    device = choose_device("auto")
    return load_classifier(config, weights=weights, device=device, runtime=choose_runtime("auto", device))


def size_to_fetch(choices: Sequence[Choice]) -> str:
    """Return how much there is to fetch for these choices, as "174 MB"."""
    return f"{sum(weights_file(choice.weights).size or 0 for choice in choices) / 1e6:.0f} MB"


def source() -> str | None:
    """Return the mirror's address or the folder that weights are fetched from, None for the release itself."""
    return os.environ.get(SOURCE_VARIABLE) or None


def is_begun(choice: Choice) -> bool:
    """Whether a part of its file has come already, so that fetching goes on from there."""
    return (search_folders(None)[0] / f"{weights_file(choice.weights).file_name}.part").exists()


def start_fetching(choices: Sequence[Choice]) -> Job[None]:
    """Fetch these choices' weights, one after the other, in a thread of their own."""
    mirror = source()

    def work(job: Job[None]) -> None:
        for number, choice in enumerate(choices):

            def report(done: int, total: int | None, number: int = number, name: str = choice.config.name) -> None:
                share = done / total if total else 0.0
                of = f" of {total / 1e6:.1f}" if total else ""
                job.report(f"{name}: {done / 1e6:.1f}{of} MB", (number + share) / len(choices))

            job.report(f"{choice.config.name}: connecting", number / len(choices))
            fetch(
                choice.config,
                choice.weights,
                weights_dir=None,
                fits=_check_fits,
                source=mirror,
                progress=report,
                cancelled=job.stopped,
            )

    return DOWNLOADS.submit(work)


def _check_fits(config: ClassifierConfig, name: str, path: Path, sha256: str) -> None:
    wait_until_imported()
    from ensemble_cam.classifiers.loading import check_fits

    check_fits(config, name, path, sha256)


def is_missing(error: WeightsError) -> bool:
    """Whether a file is absent rather than unusable, so that fetching it helps."""
    return isinstance(error, WeightsMissing)
