"""`ensemble-cam train`: a network of one's own, from pictures in folders by class."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensemble_cam.cli.arguments import Commands, whole
from ensemble_cam.cli.exit_codes import OK
from ensemble_cam.cli.explain import add_network
from ensemble_cam.cli.review_options import add_quiet, check_out, wrapped
from ensemble_cam.machine.names import escaped
from ensemble_cam.machine.terminal import LOADING, TerminalLine, bar, ticking, time_left

if TYPE_CHECKING:
    from ensemble_cam.training.torch_loop import Epoch

_EPOCHS, _SEED = 30, 0


def add(commands: Commands) -> None:
    """Add the command."""
    train = commands.add_parser(
        "train",
        help="train a network of your own on pictures in folders by class",
        description=wrapped(
            "Train a network on pictures that lie in a folder for each class. Of each class 70 % are learned from, 15 "
            "% say when to stop, and 15 % are kept for the test. Written are the weights, their classes in "
            "<stem>.classes.json, and <stem>_training/: training.json, classes.png, curves.png, confusion.png and "
            ".csv, wrong.png and .csv; where MLflow is installed a run of it in mlruns/ beside the weights, too. What "
            "comes out can be explained by `explain --checkpoint`, and put into a set."
        ),
    )
    train.add_argument("folder", type=Path, metavar="FOLDER", help="holds a folder of pictures for each class")
    add_network(train, spec="torchvision:NAME, timm:NAME (where timm is installed), or file:PATH.toml, as for explain")
    train.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors", help="where the weights go")
    train.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="weights to begin with, of other classes too; without, seeded values",
    )
    train.add_argument(
        "--patients",
        type=Path,
        metavar="FILE.csv",
        help="whose each picture is: the columns file (its path below FOLDER) and patient. No patient is on two sides",
    )
    train.add_argument(
        "--epochs", type=whole(least=1, most=10_000), default=_EPOCHS, metavar="N", help="at most (%(default)s)"
    )
    train.add_argument(
        "--seed", type=whole(least=0), default=_SEED, metavar="S", help="of the split and the order (%(default)s)"
    )
    add_quiet(train)
    train.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Train; whatever is wrong with the folders comes before the network is built.

    Raises:
        ConfigError: if something that was given is not allowed or not there, or pictures cannot be read.
        WeightsError: if the checkpoint is missing or unusable.
        ClassifierError: if the network cannot be trained.
        ExportError: if what came out cannot be written.
    """
    from ensemble_cam.training.folders import find_samples, load_pixels, split
    from ensemble_cam.training.places import check_free

    check_free(options.out)
    check_out(options.out.parent)
    folders = find_samples(options.folder, options.patients)
    parts = split(folders, seed=options.seed)
    line = TerminalLine(None if options.quiet else sys.stdout)
    with ticking(line, LOADING):
        from ensemble_cam.classifiers.runtime import choose_device
        from ensemble_cam.training.report import Training, write_training
        from ensemble_cam.training.torch_loop import Plan, start_network, train

        asked: dict[str, Any] = {} if options.input_size is None else {"input_size": options.input_size}
        start = start_network(options.network, folders.classes, options.checkpoint, **asked)
    plan = Plan(options.epochs, options.seed, choose_device("auto"), transfers=options.checkpoint is not None)
    line.line(f"{len(folders.samples)} pictures: {', '.join(map(escaped, folders.classes))}")
    line.line(f"Network: {escaped(start.network.name)}, from {start.told}; layer {start.network.layer.name}")
    if start.new:
        line.line(f"  Begun anew, as the checkpoint is for other classes: {', '.join(start.new)}")
    total = len(folders.samples)
    pixels = load_pixels(
        folders.samples,
        size=start.network.input.size,
        channels=start.network.input.channels,
        report=lambda done: line.transient(f"Reading [{bar(done, total)}] {done}/{total}"),
    )
    trained = train(start.network, pixels, folders.labels, parts, plan, report=lambda *told: _tell(line, *told))
    training = Training(options.network, start, plan, folders, parts, pixels, trained)
    write_training(training, options.out)
    kept = f"epoch {trained.best} of {len(trained.epochs)} kept"
    line.line(f"Trained: {kept}{', as the loss fell no more' if trained.stopped_early else ''}")
    line.line(f"{training.line}.")
    line.line(f"→ {escaped(str(options.out))}")
    _log_run(line, options.out)
    return OK


def _log_run(line: TerminalLine, out: Path) -> None:
    """Write a run of MLflow, where that is installed; a training is whole without."""
    from ensemble_cam.training import mlflow_run
    from ensemble_cam.training.places import RECORD, places

    if not mlflow_run.is_installed():
        return
    _, _, folder = places(out)
    runs = out.parent / mlflow_run.FOLDER
    try:
        run = mlflow_run.log_run(json.loads((folder / RECORD).read_text(encoding="utf-8")), out.stem, folder, runs)
    except OSError as error:
        line.line(f"No run of MLflow could be written ({escaped(str(error))}); all else is there.")
        return
    line.line(f"MLflow: run {run} in {escaped(str(runs))}")


def _tell(line: TerminalLine, epoch: "Epoch", epochs: int) -> None:
    """Show how far the training is."""
    left = time_left(epoch.seconds / epoch.number * (epochs - epoch.number))
    line.transient(
        f"[{bar(epoch.number, epochs)}] epoch {epoch.number}/{epochs} · loss {epoch.loss:.3f} · "
        f"accuracy {epoch.accuracy:.3f} · {left} at most"
    )
