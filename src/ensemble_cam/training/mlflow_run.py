"""A training as a run of MLflow, where that is installed: on this machine's disk alone, and nobody is told of it.

MLflow since 3.2 reports its use to its makers, unasked. Its own switch turns that off, and is set before the import. A
server that the environment names (`MLFLOW_TRACKING_URI`) is not asked: runs lie in a folder beside the weights. Neither
pictures nor their files' names are in a run, nor who trained.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ensemble_cam.training.places import RECORD

FOLDER = "mlruns"
"""Of the runs, beside the weights."""

EXPERIMENT = "ensemble-cam train"
_FILES = (RECORD, "curves.png", "confusion.png", "confusion.csv")
# The first is MLflow's own switch, and stays; since 3.8 a folder of runs is refused without the second.
_UNTOLD, _FOLDERS_ALLOWED = "MLFLOW_DISABLE_TELEMETRY", "MLFLOW_ALLOW_FILE_STORE"


def is_installed() -> bool:
    """Whether MLflow is here; loads nothing."""
    return find_spec("mlflow") is not None


def log_run(record: Mapping[str, Any], name: str, folder: Path, runs: Path) -> str:
    """Write a training as a run, and return the run's id.

    Args:
        record: what `training.json` holds.
        name: of the run.
        folder: holds `training.json` and the pictures of what came out.
        runs: the folder of all runs, which need not be there.

    Raises:
        OSError: if it cannot be written; also where MLflow says so in its own words.
    """
    os.environ[_UNTOLD] = "true"
    with _folders_allowed():
        tracking, errors = import_module("mlflow.tracking"), import_module("mlflow.exceptions")
        try:
            return _log(tracking.MlflowClient(tracking_uri=runs.resolve().as_uri()), record, name, folder)
        except errors.MlflowException as error:
            raise OSError(str(error).partition("\n")[0][:200]) from None


def _log(client: Any, record: Mapping[str, Any], name: str, folder: Path) -> str:
    known = client.get_experiment_by_name(EXPERIMENT)
    experiment = client.create_experiment(EXPERIMENT) if known is None else known.experiment_id
    # By the client, not by `mlflow.start_run`, which adds the user's name, the script's path and its repository.
    run = client.create_run(experiment, run_name=name, tags={"weights_sha256": record["weights_sha256"]}).info.run_id
    ended = "FAILED"
    try:
        for key, value in _parameters(record):
            client.log_param(run, key, value)
        for key, value, step in _metrics(record):
            client.log_metric(run, key, value, step=step)
        for each in _FILES:
            client.log_artifact(run, str(folder / each))
        ended = "FINISHED"
    finally:
        client.set_terminated(run, status=ended)
    return str(run)


def _parameters(record: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for key in ("network", "output", "seed", "device", "split"):
        yield key, record[key]
    yield "start", record["start"]["weights"]
    for key in ("size", "channels", "mean", "std"):
        yield f"input.{key}", record["input"][key]
    for number, each in enumerate(record["classes"]):  # their names may hold letters that MLflow's keys may not
        yield f"class.{number}", each
    for part, counts in record["pictures"].items():
        yield f"pictures.{part}", sum(counts.values())


def _metrics(record: Mapping[str, Any]) -> Iterator[tuple[str, float, int]]:
    for epoch in record["epochs"]:
        for key in ("train_loss", "loss", "accuracy"):
            yield key, epoch[key], epoch["number"]
    best = record["best_epoch"]
    yield "best_epoch", best, best
    for key, share in (
        ("test.accuracy", record["accuracy"]),
        *(
            (f"test.accuracy.class.{number}", record["accuracy_by_class"][each])
            for number, each in enumerate(record["classes"])
        ),
    ):
        if share["value"] is not None:
            yield key, share["value"], best
            for end, value in zip(("low", "high"), share["interval"], strict=True):
                yield f"{key}.{end}", value, best


@contextmanager
def _folders_allowed() -> Iterator[None]:
    before = os.environ.get(_FOLDERS_ALLOWED)
    os.environ[_FOLDERS_ALLOWED] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_FOLDERS_ALLOWED]
        else:
            os.environ[_FOLDERS_ALLOWED] = before
