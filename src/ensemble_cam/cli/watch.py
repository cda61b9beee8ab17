"""`ensemble-cam watch`: whether the films that come in are still like those that were accepted."""

import argparse
import sys
from pathlib import Path

from ensemble_cam.cli.arguments import Commands, whole
from ensemble_cam.cli.exit_codes import OK
from ensemble_cam.cli.review_options import add_quiet, check_out, wrapped
from ensemble_cam.errors import ConfigError
from ensemble_cam.machine.names import escaped
from ensemble_cam.machine.terminal import LOADING, TerminalLine, ticking


def add(commands: Commands) -> None:
    """Add the command."""
    watch = commands.add_parser(
        "watch",
        help="set the tables of an archive beside those of acceptance, and say what has changed",
        description=wrapped(
            "Set the films of an archive's tables beside a reference that was frozen at acceptance: refusals, devices, "
            "size, greys, and each finding's scores, calls, split calls and agreement, over all films and by device. "
            "Amber and red come with what to do. The rate of false alarms is one over all of them together, and is "
            "said. No network runs, and no film is read."
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    watch.add_argument("tables", nargs="?", type=Path, metavar="TABLES", help="a folder that archive wrote")
    watch.add_argument(
        "--reference", type=Path, required=True, metavar="DIR", help="the folder of the reference, as archive wrote it"
    )
    watch.add_argument(
        "--freeze", action="store_true", help="freeze the reference first: from then on it cannot be changed unseen"
    )
    watch.add_argument("--window", type=whole(least=1), metavar="N", help="of TABLES, the last N films (all)")
    watch.add_argument("--seed", type=whole(least=0), default=0, metavar="N", help="of the random orders (0)")
    files = watch.add_argument_group("files")
    files.add_argument("--out", type=Path, metavar="DIR", help="write watch.json there, too")
    add_quiet(files)
    watch.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Watch.

    Raises:
        ConfigError: if something that was given is not allowed or not there.
        ExportError: if the files cannot be written.
    """
    if options.tables is None and not options.freeze:
        raise ConfigError("TABLES: none given. Name the folder of an archive, or freeze a reference with --freeze.")
    if options.out is not None:
        check_out(options.out)
    line = TerminalLine(None if options.quiet else sys.stdout)
    with ticking(line, LOADING):
        from ensemble_cam.validation.watching import freeze, watch, write_record
    if options.freeze:
        frozen = freeze(options.reference)
        line.line(f"Reference frozen: {len(frozen.films)} films in {escaped(str(options.reference))}")
    if options.tables is None:
        return OK
    record = watch(options.tables, options.reference, films=options.window, seed=options.seed, line=line)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        write_record(record, options.out)
    return OK
