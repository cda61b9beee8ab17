"""`ensemble-cam readers`: what the readers of a session said, as tables."""

import argparse
import sys
from pathlib import Path

from ensemble_cam.cli.arguments import Commands
from ensemble_cam.cli.exit_codes import OK
from ensemble_cam.errors import ConfigError


def add(commands: Commands) -> None:
    """Add the command and its actions."""
    readers = commands.add_parser(
        "readers",
        help="hand on what the readers of a session said",
        description="What the readers of a session said of films and of networks' maps, to be handed on.",
    )
    actions = readers.add_subparsers(title="actions", required=True, metavar="ACTION")
    export = actions.add_parser(
        "export",
        help="write tables: first reads and verdicts beside scores and calls, and how far all agree",
        description="Write a row for each finding, network and reader into FILE.csv; FILE_agreement.csv has kappa, "
        "sensitivity and specificity of readers and networks, FILE_assessment.csv what was accepted, rejected and "
        "supplemented. Films stand in them by their SHA-256 and the reader's own case numbers.",
    )
    export.add_argument("--session", type=Path, required=True, metavar="DIR", help="the folder that the app kept it in")
    export.add_argument("--out", type=Path, required=True, metavar="FILE.csv", help="where the table goes")
    export.set_defaults(command=run_export)


def run_export(options: argparse.Namespace) -> int:
    """Write the tables.

    Raises:
        ConfigError: if the file's name is none of a table.
        SessionError: if the session cannot be had.
        ExportError: if a table cannot be written.
    """
    if options.out.suffix.lower() != ".csv":
        raise ConfigError(f"--out: got a name that ends in {options.out.suffix or 'nothing'!r}; allowed: FILE.csv.")
    from ensemble_cam.readers.store import Store
    from ensemble_cam.readers.table import write_tables

    with Store.open(options.session, create=False) as store:
        for path in write_tables(store, options.out):
            print(path, file=sys.stdout)
    return OK
