"""A training as a run of MLflow: what is told to it, and what is not. MLflow itself is stood for by a small module."""

import io
import json
import os
import sys

import pytest

from ensemble_cam.cli import train
from ensemble_cam.machine.terminal import TerminalLine
from ensemble_cam.training.mlflow_run import EXPERIMENT, is_installed, log_run

STAND_IN = """
import os
SEEN = {key: os.environ.get(key) for key in ("MLFLOW_DISABLE_TELEMETRY",)}
"""
TRACKING = """
import os
from types import SimpleNamespace as Of
from mlflow.exceptions import MlflowException
TOLD = []
class MlflowClient:
    broken = False
    def __init__(self, tracking_uri):
        TOLD.append(("store", tracking_uri, os.environ.get("MLFLOW_ALLOW_FILE_STORE")))
    def get_experiment_by_name(self, name):
        return None
    def create_run(self, experiment, run_name, tags):
        TOLD.append(("create_run", experiment, run_name, tags))
        return Of(info=Of(run_id="r1"))
    def __getattr__(self, name):
        def told(*given, **named):
            if self.broken and name == "log_metric":
                raise MlflowException("no space\\nof any kind")
            TOLD.append((name, *given, *named.values()))
            return "7"
        return told
"""
RECORD = {
    "network": "torchvision:resnet18",
    "classes": ["a (1)", "b"],
    "output": "softmax",
    "weights_sha256": "ab" * 32,
    "start": {"weights": "seeded values"},
    "input": {"size": 32, "channels": 1, "mean": [0.5], "std": [0.25]},
    "seed": 3,
    "device": "cpu",
    "split": "by patient",
    "pictures": {"train": {"a (1)": 2, "b": 3}, "stop": {"a (1)": 1, "b": 1}, "test": {"a (1)": 0, "b": 2}},
    "epochs": [
        {"number": 1, "train_loss": 2.0, "loss": 1.5, "accuracy": 0.5, "seconds": 1.0},
        {"number": 2, "train_loss": 1.0, "loss": 0.5, "accuracy": 0.75, "seconds": 2.0},
    ],
    "best_epoch": 2,
    "accuracy": {"right": 1, "of": 2, "value": 0.5, "interval": [0.1, 0.9]},
    "accuracy_by_class": {
        "a (1)": {"right": 0, "of": 0, "value": None, "interval": None},
        "b": {"right": 1, "of": 2, "value": 0.5, "interval": [0.1, 0.9]},
    },
}


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    package = tmp_path / "packages" / "mlflow"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(STAND_IN)
    (package / "exceptions.py").write_text("class MlflowException(Exception): pass\n")
    (package / "tracking.py").write_text(TRACKING)
    assert not any(name.partition(".")[0] == "mlflow" for name in sys.modules)
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)
    yield
    for name in [each for each in sys.modules if each.partition(".")[0] == "mlflow"]:
        del sys.modules[name]


def test_a_run_has_settings_epochs_and_accuracy_and_lies_on_this_disk(stand_in, tmp_path):
    assert is_installed()
    assert log_run(RECORD, "ours", tmp_path / "ours_training", tmp_path / "mlruns") == "r1"
    told = sys.modules["mlflow.tracking"].TOLD
    # MLflow reports its use from its import on, and takes a server from the environment.
    assert sys.modules["mlflow"].SEEN == {"MLFLOW_DISABLE_TELEMETRY": "true"}
    assert told[0] == ("store", (tmp_path / "mlruns").as_uri(), "true")
    assert "MLFLOW_ALLOW_FILE_STORE" not in os.environ
    assert told[1:3] == [
        ("create_experiment", EXPERIMENT),
        ("create_run", "7", "ours", {"weights_sha256": "ab" * 32}),
    ]
    settings = {key: value for name, *given in told if name == "log_param" for _, key, value in [given]}
    assert (settings["network"], settings["seed"], settings["split"]) == ("torchvision:resnet18", 3, "by patient")
    assert (settings["class.0"], settings["pictures.train"], settings["pictures.test"]) == ("a (1)", 5, 2)
    figures = [tuple(given[1:]) for name, *given in told if name == "log_metric"]
    assert [each for each in figures if each[0] == "loss"] == [("loss", 1.5, 1), ("loss", 0.5, 2)]
    assert ("test.accuracy", 0.5, 2) in figures
    assert ("test.accuracy.low", 0.1, 2) in figures
    assert not any(key.startswith("test.accuracy.class.0") for key, *_ in figures)  # no picture, no share
    assert told[-1] == ("set_terminated", "r1", "FINISHED")


def test_neither_pictures_nor_their_names_are_in_a_run(stand_in, tmp_path):
    log_run(RECORD, "ours", tmp_path / "ours_training", tmp_path / "mlruns")
    files = [given[2] for given in sys.modules["mlflow.tracking"].TOLD if given[0] == "log_artifact"]
    names = {path.rpartition("/")[2] for path in files}
    assert names == {"training.json", "curves.png", "confusion.png", "confusion.csv"}


def test_what_mlflow_cannot_write_is_an_error_of_the_disk_and_the_run_is_marked(stand_in, tmp_path):
    import mlflow.tracking  # the stand-in

    mlflow.tracking.MlflowClient.broken = True
    with pytest.raises(OSError, match=r"^no space$"):
        log_run(RECORD, "ours", tmp_path / "ours_training", tmp_path / "mlruns")
    assert mlflow.tracking.TOLD[-1] == ("set_terminated", "r1", "FAILED")


@pytest.mark.parametrize(
    ("broken", "said"), [(False, "MLflow: run r1 in "), (True, "No run of MLflow could be written")]
)
def test_the_command_says_where_the_run_is_or_why_there_is_none(stand_in, tmp_path, broken, said):
    import mlflow.tracking  # the stand-in

    mlflow.tracking.MlflowClient.broken = broken
    (tmp_path / "ours_training").mkdir()
    (tmp_path / "ours_training" / "training.json").write_text(json.dumps(RECORD))
    told = io.StringIO()
    train._log_run(TerminalLine(told), tmp_path / "ours.safetensors")
    assert told.getvalue().startswith(said)


def test_without_mlflow_nothing_is_said(tmp_path):
    assert not is_installed()
    told = io.StringIO()
    train._log_run(TerminalLine(told), tmp_path / "ours.safetensors")
    assert told.getvalue() == ""
