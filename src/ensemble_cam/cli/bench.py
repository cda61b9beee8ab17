"""`ensemble-cam bench`: how fast this machine is."""

import argparse
import json
import sys

from ensemble_cam.cli.arguments import Commands, add_common, whole
from ensemble_cam.cli.exit_codes import OK
from ensemble_cam.errors import ConfigError
from ensemble_cam.machine.terminal import TerminalLine
from ensemble_cam.settings.config import load_config
from ensemble_cam.settings.methods import METHODS
from ensemble_cam.settings.sets import SETS


def add(commands: Commands) -> None:
    """Add the command."""
    bench = commands.add_parser(
        "bench",
        help="measure the speed on this machine, beside the grad-cam package",
        description="Measure reading, networks, maps and writing on this machine, and the same maps by the grad-cam "
        "package hooked on the whole networks, in turns in one run. Takes a minute or more.",
    )
    bench.add_argument("--set", choices=SETS, help="the set of classifiers (clinical)")
    bench.add_argument("--untrained", action="store_true", help="with seeded values, for which nothing is fetched")
    bench.add_argument("--top-k", type=_top_k, metavar="N|all", help="maps of each classifier (3)")
    bench.add_argument(
        "--viewer",
        action="store_true",
        help="the app's live viewer instead: frames, keys and the first view, with the teaching set in Chromium",
    )
    bench.add_argument(
        "--runs", type=whole(least=1), default=5, metavar="N", help="of which medians are told (%(default)s)"
    )
    bench.add_argument("--method", choices=METHODS, help="of the maps, and of a review's memory (gradcam++)")
    form = bench.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for machines")
    form.add_argument("--table", action="store_true", help="the README's table, in Markdown")
    add_common(bench)
    bench.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Measure, and print what was measured.

    Raises:
        ConfigError: if options do not go together, or something that is measured is not here.
        WeightsError: if weights are missing or unusable.
    """
    line = TerminalLine(sys.stderr)

    def report(what: str, share: float) -> None:
        line.transient(f"Measuring ({share:.0%}): {what}")

    if options.viewer:
        for name in ("set", "untrained", "top_k", "method", "table", "config", "weights_dir"):
            if getattr(options, name):
                raise ConfigError(f"--{name.replace('_', '-')} does not go with --viewer, which has the teaching set.")
        from ensemble_cam.benchmark.viewer import as_text, bench_viewer

        record, text = bench_viewer(views=options.runs, report=report), as_text
    else:
        config = load_config(options.config)
        from ensemble_cam.benchmark.speed import DEFAULT, as_table, as_text, bench

        record, text = (
            bench(
                config,
                set=options.set or "clinical",
                untrained=options.untrained,
                labels=None if options.top_k == "all" else options.top_k or 3,
                method=options.method or DEFAULT,
                runs=options.runs,
                weights_dir=options.weights_dir,
                report=report,
            ),
            as_table if options.table else as_text,
        )
    line.transient("")
    print(json.dumps(record, indent=1) if options.json else text(record))
    return OK


def _top_k(text: str) -> int | str:
    if text == "all":
        return text
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"got {text!r}; allowed: a number of at least 1, or all.")
    return int(text)
