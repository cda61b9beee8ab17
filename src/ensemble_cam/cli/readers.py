"""`ensemble-cam readers`: what the readers of a session said, as tables."""

import argparse
import sys
from pathlib import Path

from ensemble_cam.cli import readers_list, readers_study
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
    report = actions.add_parser(
        "report",
        help="write a session's report as PDF",
        description="Write pages of A4: every film with the readers' marks, what they and the networks said of it, "
        "where they disagree, and what made it. Readers are numbered and times are left out unless asked for.",
    )
    report.add_argument("--session", type=Path, required=True, metavar="DIR", help="the folder that the app kept it in")
    report.add_argument("--out", type=Path, required=True, metavar="FILE.pdf", help="where the report goes")
    report.add_argument("--film", metavar="FILM", help="of one film alone: its case number, or its SHA-256's beginning")
    report.add_argument("--with-readers", action="store_true", help="say readers' names")
    report.add_argument("--with-dates", action="store_true", help="say when films were read")
    report.set_defaults(command=run_report)
    truth = actions.add_parser(
        "truth",
        help="write the boxes and outlines that readers drew",
        description="Write what readers drew around findings into FILE.csv or FILE.json, in edge coordinates of source "
        "pixels. Films stand in it by their SHA-256, readers by their names.",
    )
    truth.add_argument("--session", type=Path, required=True, metavar="DIR", help="the folder that the app kept it in")
    truth.add_argument("--out", type=Path, required=True, metavar="FILE", help="where it goes, .csv or .json")
    truth.add_argument("--coco", action="store_true", help="the JSON in the form of COCO's object detection")
    truth.set_defaults(command=run_truth)
    readers_list.add(actions)
    readers_study.add(actions)
    audit = actions.add_parser(
        "audit",
        help="check the audit log of an app that a group shares, and write it as a table",
        description="Follow the audit log's chain from end to end, print how many rows it has and the last one's hash, "
        "and write it into FILE.csv. Readers stand in it by the names of their logins, films by their SHA-256.",
    )
    audit.add_argument("--session", type=Path, required=True, metavar="DIR", help="the folder that the app kept it in")
    audit.add_argument("--out", type=Path, metavar="FILE.csv", help="where the table goes; without it none is written")
    audit.add_argument("--known", metavar="HASH", help="one that was the last at some time, and must still be there")
    audit.set_defaults(command=run_audit)


def _check_ending(out: Path, ending: str) -> None:
    if out.suffix.lower() != ending:
        raise ConfigError(f"--out: got a name that ends in {out.suffix or 'nothing'!r}; allowed: FILE{ending}.")


def run_report(options: argparse.Namespace) -> int:
    """Write the report.

    Raises:
        ConfigError: if the file's name is none of a PDF.
        SessionError: if the session cannot be had, or nothing was read in it.
        ExportError: if the report cannot be written.
    """
    _check_ending(options.out, ".pdf")
    from ensemble_cam.readers.report import Asked, report_pdf
    from ensemble_cam.readers.store import Store
    from ensemble_cam.readers.table import write_export

    with Store.open(options.session, create=False) as store:
        data = report_pdf(store, Asked(options.with_readers, options.with_dates, options.film))
        write_export(store, options.out, data)
        print(options.out, file=sys.stdout)
    return OK


def run_audit(options: argparse.Namespace) -> int:
    """Check the audit log, and write it.

    Raises:
        ConfigError: if the file's name is none of a table.
        SessionError: if the session cannot be had, or the log's chain does not hold.
        ExportError: if the table cannot be written.
    """
    if options.out is not None:
        _check_ending(options.out, ".csv")
    from ensemble_cam.readers import audit
    from ensemble_cam.readers.store import Store
    from ensemble_cam.readers.table import write_export

    with Store.open(options.session, create=False) as store:
        found = audit.check(store, known=options.known)
        if options.out is not None:
            write_export(store, options.out, audit.table(store).encode(), count=found.count)
            print(options.out, file=sys.stdout)
        more = ", older ones are no longer kept" if found.shortened else ""
        print(f"{found.count} rows{more}; the chain holds; the last hash is {found.last}")
    return OK


def run_truth(options: argparse.Namespace) -> int:
    """Write what readers drew.

    Raises:
        ConfigError: if the file's name is of neither form.
        SessionError: if the session cannot be had.
        ExportError: if the file cannot be written.
    """
    ending = options.out.suffix.lower()
    if ending not in (".csv", ".json") or (options.coco and ending != ".json"):
        allowed = "FILE.json" if options.coco else "FILE.csv, FILE.json"
        raise ConfigError(f"--out: got a name that ends in {ending or 'nothing'!r}; allowed: {allowed}.")
    from ensemble_cam.readers.store import Store
    from ensemble_cam.readers.table import write_export
    from ensemble_cam.readers.truth_files import FORMS

    with Store.open(options.session, create=False) as store:
        write_export(store, options.out, FORMS["coco" if options.coco else ending[1:]](store))
        print(options.out, file=sys.stdout)
    return OK


def run_export(options: argparse.Namespace) -> int:
    """Write the tables.

    Raises:
        ConfigError: if the file's name is none of a table.
        SessionError: if the session cannot be had.
        ExportError: if a table cannot be written.
    """
    _check_ending(options.out, ".csv")
    from ensemble_cam.readers.store import Store
    from ensemble_cam.readers.table import write_tables

    with Store.open(options.session, create=False) as store:
        for path in write_tables(store, options.out):
            print(path, file=sys.stdout)
    return OK
