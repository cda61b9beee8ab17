"""`ensemble-cam weights`: what is there, what is right, and fetching."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ensemble_cam.cli.arguments import Commands, add_common
from ensemble_cam.cli.exit_codes import OK, WEIGHTS
from ensemble_cam.errors import ConfigError, WeightsError, did_you_mean
from ensemble_cam.machine.names import escaped
from ensemble_cam.machine.terminal import TerminalLine
from ensemble_cam.settings.config import ClassifierConfig, Config, load_config
from ensemble_cam.settings.sets import CLINICAL
from ensemble_cam.settings.vocabulary import UNTRAINED


def add(commands: Commands) -> None:
    """Add the command and its actions."""
    weights = commands.add_parser("weights", help="list, fetch or verify the networks' weights")
    actions = weights.add_subparsers(title="actions", required=True, metavar="ACTION")
    for name, help_text in (("list", "say what is there"), ("verify", "the same, with what was found of each file")):
        action = actions.add_parser(name, help=help_text)
        add_common(action)
        action.set_defaults(command=_status, verify=name == "verify", against_upstream=False)
        if name == "verify":
            action.add_argument(
                "--against-upstream",
                action="store_true",
                help="compare logits, scores and maps of the clinical networks on ten phantoms with torchxrayvision's "
                "own, loaded by its own code; takes a few minutes",
            )
    fetch = actions.add_parser("fetch", help="fetch the configured defaults, or those named")
    fetch.add_argument("names", nargs="*", metavar="NAME", help="weights as `weights list` names them")
    fetch.add_argument("--from", dest="source", metavar="URL", help="a mirror's address, or a folder")
    add_common(fetch)
    fetch.set_defaults(command=_fetch)


def _status(options: argparse.Namespace) -> int:
    from ensemble_cam.weights.released import search_folders
    from ensemble_cam.weights.store import status

    states = status(load_config(options.config), weights_dir=options.weights_dir)
    print("Looked in", ", then ".join(escaped(str(folder)) for folder in search_folders(options.weights_dir)))
    wide = max((len(state.name) for state in states), default=0)
    for state in states:
        size = f"{state.size / 1e6:6.1f} MB" if state.size is not None else " " * 9
        where = "" if state.path is None else "in the package" if state.packaged else escaped(str(state.path))
        print(f"{state.name:<{wide}}  {state.state:<13}  {size}  {where}".rstrip())
        if options.verify and state.path:
            print(f"{'':<{wide}}  {state.detail}")
    agree = _agree_with_upstream(options) if options.against_upstream else True
    broken = [state for state in states if state.state in ("wrong hash", "unusable")]
    for state in broken if not options.verify else ():
        print(f"ensemble-cam: {state.detail}", file=sys.stderr)
    return OK if agree and not broken else WEIGHTS


def _agree_with_upstream(options: argparse.Namespace) -> bool:
    """Compare each clinical network to torchxrayvision's, a line each; return whether all are alike."""
    from ensemble_cam.validation.torch_upstream import against_upstream

    agree, line = True, TerminalLine(sys.stdout)
    for classifier in load_config(options.config).in_set(CLINICAL.name):
        if classifier.default_weight == UNTRAINED or classifier.own is not None:
            continue
        called = f"{classifier.id} ({classifier.default_weight})"

        def report(what: str, share: float, called: str = called) -> None:
            line.transient(f"{called}: {share:.0%}, {what}")

        try:
            parity = against_upstream(classifier, weights_dir=options.weights_dir, report=report)
        except WeightsError as error:
            line.transient("")
            print(f"ensemble-cam: {classifier.id}: {error}", file=sys.stderr)
            agree = False
            continue
        line.line(f"{called}: {parity.line}")
        agree = agree and parity.agrees
    return agree


def _fetch(options: argparse.Namespace) -> int:
    from ensemble_cam.weights.released import weights_file
    from ensemble_cam.weights.store import fetch

    def fits(classifier: ClassifierConfig, name: str, path: Path, sha256: str) -> None:
        line.transient(f"{name}: filling its network, as no hash of it is known")
        from ensemble_cam.classifiers.loading import check_fits  # here, as it loads PyTorch

        check_fits(classifier, name, path, sha256)

    wanted = _wanted(load_config(options.config), options.names)
    line = TerminalLine(sys.stdout)
    for classifier, name in wanted:
        located = fetch(
            classifier,
            name,
            weights_dir=options.weights_dir,
            fits=fits,
            source=options.source,
            progress=_shown_at(line, name),
        )
        already = "in the package already, " if weights_file(name).packaged else ""
        line.line(f"{name}: {already}{escaped(str(located.path))} (SHA-256 {located.sha256})")
    return OK


def _shown_at(line: TerminalLine, name: str) -> Callable[[int, int | None], None]:
    return lambda done, total: line.transient(f"{name}: {megabytes(done, total)}")


def megabytes(done: int, total: int | None) -> str:
    """Say how much of a download is there, as "12.3 of 28.4 MB, 43 %"."""
    return f"{done / 1e6:.1f} MB" if not total else f"{done / 1e6:.1f} of {total / 1e6:.1f} MB, {done / total:.0%}"


def _wanted(config: Config, names: Sequence[str]) -> list[tuple[ClassifierConfig, str]]:
    released = [each for each in config.classifiers if each.own is None]
    if not names:
        return [(c, c.default_weight) for c in released if c.set == CLINICAL.name and c.default_weight != UNTRAINED]
    by_name = {name: classifier for classifier in released for name in classifier.weights}
    for name in names:
        if name not in by_name:
            raise ConfigError(f"weights: got {name!r}; known are {', '.join(by_name)}.{did_you_mean(name, by_name)}")
    return [(by_name[name], name) for name in names]
