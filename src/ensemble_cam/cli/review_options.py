"""The options that every command which reviews films has: which classifiers, and which maps of what."""

import argparse
import os
import shutil
import tempfile
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensemble_cam.cli.arguments import names, pairs, weights_by_id, whole
from ensemble_cam.errors import ConfigError, did_you_mean
from ensemble_cam.machine.names import escaped
from ensemble_cam.settings.config import Config, load_config
from ensemble_cam.settings.methods import AUG_SMOOTH, EIGEN_SMOOTH, METHODS, SEVERAL_LAYERS
from ensemble_cam.settings.sets import SETS
from ensemble_cam.settings.vocabulary import DEVICES, DICOM_OBJECTS, FRAMINGS, INTENSITIES, RUNTIMES

if TYPE_CHECKING:
    from ensemble_cam.reviewing.options import ReviewOptions
    from ensemble_cam.reviewing.preparing import Choice


def add_classifiers(command: argparse.ArgumentParser) -> None:
    """Add which classifiers review, and where they run."""
    networks = command.add_argument_group("classifiers")
    networks.add_argument("--set", choices=SETS, default="clinical", help="the set of classifiers (%(default)s)")
    networks.add_argument(
        "--classifiers",
        metavar="ID,ID",
        type=names,
        help="these of the set; without, all but the optional ones",
    )
    networks.add_argument(
        "--weights",
        action="append",
        default=[],
        metavar="ID=NAME",
        help='weights other than the default, or "untrained" for seeded values; may be repeated',
    )
    networks.add_argument(
        "--ensemble-weight",
        action="append",
        default=[],
        metavar="ID=W",
        help="a classifier's share of ensemble maps and scores, instead of the configuration's; may be repeated",
    )
    networks.add_argument("--device", choices=DEVICES, default="auto", help="where the networks run (%(default)s)")
    networks.add_argument(
        "--runtime",
        choices=RUNTIMES,
        default="auto",
        help="what runs them; auto: OpenVINO on the processor, PyTorch on a card",
    )


def add_maps(command: argparse.ArgumentParser) -> "argparse._ArgumentGroup":
    """Add what is explained, how, and what of a film the networks see; return the group of these options."""
    maps = command.add_argument_group("maps (defaults are the configuration's)")
    what = maps.add_mutually_exclusive_group()
    what.add_argument("--top-k", type=whole(), metavar="N", help="explain the N findings with the highest scores")
    what.add_argument("--labels", metavar="A,B", type=_labels, help="explain these findings")
    maps.add_argument("--method", choices=METHODS, help="what each shows, costs and hides stands below")
    maps.add_argument(
        "--layers",
        metavar="last|several|NAME,…",
        help=f"several: {SEVERAL_LAYERS}; or layers by name (denseblock3,layer3), of which each network takes its own",
    )
    maps.add_argument("--aug-smooth", action="store_true", default=None, help=AUG_SMOOTH)
    maps.add_argument("--eigen-smooth", action="store_true", default=None, help=EIGEN_SMOOTH)
    maps.add_argument("--framing", choices=FRAMINGS, help="the centre square as upstream, or the whole film")
    maps.add_argument("--intensity", choices=INTENSITIES, help="which pixels of a DICOM the networks see")
    maps.add_argument("--rescale", action="store_true", help="stretch films that use less than a third of their range")
    maps.add_argument(
        "--negative",
        action="store_true",
        help="turn the grey values of films that were saved as negatives, for screen and networks alike",
    )
    return maps


def add_seen(command: argparse.ArgumentParser) -> None:
    """Add what the networks see of a film, to a command that draws no maps of its own."""
    seen = command.add_argument_group("what the networks see (defaults are the configuration's)")
    seen.add_argument("--framing", choices=FRAMINGS, help="the centre square as upstream, or the whole film")
    seen.add_argument("--intensity", choices=INTENSITIES, help="which pixels of a DICOM the networks see")
    seen.add_argument("--rescale", action="store_true", help="stretch films that use less than a third of their range")
    seen.add_argument(
        "--negative", action="store_true", help="turn the grey values of films that were saved as negatives"
    )


def add_quiet(files: "argparse._ActionsContainer") -> None:
    """Add that nothing is said but what went wrong."""
    files.add_argument("--quiet", action="store_true", help="say nothing but errors")


def add_anonymous_names(files: "argparse._ActionsContainer", called: str) -> None:
    """Add that no film's file name is shown.

    Args:
        files: what it is added to.
        called: how films are called instead.
    """
    files.add_argument("--anonymous-names", action="store_true", help=f"call films {called}")


@dataclass(frozen=True)
class Given:
    """What was given of these options, and the configuration that has the rest.

    Attributes:
        config: the configuration.
        weights: classifier id → weights other than its default.
        values: name of an option → its value, or None.
    """

    config: Config
    weights: Mapping[str, str]
    values: Mapping[str, Any]

    @classmethod
    def of(cls, options: argparse.Namespace) -> "Given":
        """Read the configuration, and what was given in pairs.

        Raises:
            ConfigError: if something of it is not allowed.
        """
        return cls(
            load_config(options.config),
            pairs(options.weights, "--weights"),
            vars(options) | {"ensemble_weights": weights_by_id(options.ensemble_weight, "--ensemble-weight")},
        )

    def chosen(self) -> "ReviewOptions":
        """Return how films are reviewed.

        Raises:
            ConfigError: if a value is not allowed.
        """
        from ensemble_cam.reviewing.options import ReviewOptions

        device, runtime = self.values["device"], self.values["runtime"]
        return ReviewOptions.of(self.values, self.config.review, device=device, runtime=runtime)

    def choice(self) -> "Choice":
        """Return which classifiers review."""
        from ensemble_cam.reviewing.preparing import Choice

        return Choice(self.values["set"], self.values["classifiers"], self.weights, self.values["weights_dir"])


def dicom_kinds(given: list[str]) -> tuple[str, ...]:
    """Return the kinds of DICOM objects that were asked for, in their own order.

    Raises:
        ConfigError: if none was, or one that there is not.
    """
    for kind in given:
        if kind not in DICOM_OBJECTS:
            meant = did_you_mean(kind, DICOM_OBJECTS)
            raise ConfigError(f'--dicom: got "{escaped(kind)}"; allowed: some of {", ".join(DICOM_OBJECTS)}.{meant}')
    if not given:
        raise ConfigError(f"--dicom: got nothing; allowed: some of {', '.join(DICOM_OBJECTS)}.")
    return tuple(kind for kind in DICOM_OBJECTS if kind in given)


def methods() -> str:
    """Return a paragraph for each method."""
    return "\n".join(
        ["methods:", *(wrapped(f"{method.name}: {method.line}", indent="  ") for method in METHODS.values())]
    )


def wrapped(text: str, *, indent: str = "") -> str:
    """Wrap a paragraph as argparse wraps, all lines but the first with an indent."""
    width = max(shutil.get_terminal_size().columns - 2, 40)
    return textwrap.fill(text, width, subsequent_indent=indent)


def _labels(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def check_out(out: Path) -> None:
    """Refuse an output folder that cannot be one, and leave nothing of the trial behind."""
    folder = out
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise ConfigError(f"--out: {escaped(str(folder))} is no folder. Choose another place for the reviews.")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigError(
            f"--out: nothing can be written to {escaped(str(folder))} ({error.strerror}). Choose another folder, or "
            "change its permissions."
        ) from None
