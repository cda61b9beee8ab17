"""`ensemble-cam pacs`: films from an archive, and a review's objects into it, by DICOMweb."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ensemble_cam.cli.arguments import Commands
from ensemble_cam.cli.exit_codes import FILMS, OK
from ensemble_cam.cli.review_options import add_quiet, check_out, wrapped
from ensemble_cam.errors import ConfigError, ExportError, PacsError
from ensemble_cam.machine.names import escaped, one_line
from ensemble_cam.machine.terminal import TerminalLine

if TYPE_CHECKING:
    from ensemble_cam.pacs.dicomweb import Archive, Study


def add(commands: Commands) -> None:
    """Add the command and its actions."""
    pacs = commands.add_parser("pacs", help="find and fetch films in an archive, and send results there")
    actions = pacs.add_subparsers(title="actions", required=True, metavar="ACTION")
    find = actions.add_parser(
        "find",
        help="list studies, one a line",
        description=wrapped("List the studies that match, one a line. A query that would match everything is refused."),
    )
    _add_url(find)
    find.add_argument("--patient-id", metavar="ID", help="of the patient")
    find.add_argument("--date", metavar="DATE", help="of the study: YYYYMMDD, a range of two with - between, or today")
    find.add_argument("--accession", metavar="NUMBER", help="the accession number")
    find.add_argument("--modality", metavar="CODE", help="of a series in it, such as CR or DX")
    find.add_argument("--json", action="store_true", help="one JSON object a line")
    find.set_defaults(command=_find)
    fetch = actions.add_parser(
        "fetch",
        help="fetch the films of a study",
        description=wrapped(
            "Fetch the films of studies into a folder, each named by its SOP Instance UID. Films that are there "
            "already stay, so that the same command goes on where one was broken off."
        ),
    )
    _add_url(fetch)
    fetch.add_argument("--study", action="append", required=True, metavar="UID", help="its UID; may be repeated")
    fetch.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the films go")
    add_quiet(fetch)
    fetch.set_defaults(command=_fetch)
    send = actions.add_parser(
        "send",
        help="store objects that review --dicom wrote",
        description=wrapped(
            "Store objects that review --dicom wrote in the archive. Each is read back and compared before it is said "
            "to be stored. Nothing but objects of this program is sent."
        ),
    )
    _add_url(send)
    send.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="an object, or a folder with objects below it"
    )
    add_quiet(send)
    send.set_defaults(command=_send)


def _add_url(action: argparse.ArgumentParser) -> None:
    action.add_argument(
        "--url",
        required=True,
        metavar="URL",
        help="of the archive's DICOMweb service; token, password and certificates are set in the environment",
    )


def _archive(options: argparse.Namespace) -> "Archive":
    """Return the archive; what is wrong with arguments is said before anything is loaded that asks it."""
    from ensemble_cam.pacs.access import Access

    access = Access.of(options.url)
    from ensemble_cam.pacs.dicomweb import Archive

    return Archive(access)


def _find(options: argparse.Namespace) -> int:
    from ensemble_cam.pacs.query import KEYS, Query

    query = Query.of({key: getattr(options, key.replace("-", "_"), None) for key in KEYS})
    try:
        studies = _archive(options).studies(query)
    except PacsError as error:
        return _failed(error)
    for study in studies:
        print(json.dumps(asdict(study)) if options.json else _line(study))
    if not studies and not options.json:
        print("The archive has no such study.", file=sys.stderr)
    return OK


def _line(study: "Study") -> str:
    counts = [f"{count} {what}" for count, what in ((study.series, "series"), (study.instances, "instances")) if count]
    return one_line("  ".join([study.uid, study.date or "no date", "/".join(study.modalities) or "-", *counts]))


def _fetch(options: argparse.Namespace) -> int:
    from ensemble_cam.pacs.query import checked_uid

    studies = [checked_uid(uid, of="--study") for uid in options.study]
    check_out(options.out)
    archive = _archive(options)
    from ensemble_cam.pacs.fetch import fetch, films_of

    line, failed = TerminalLine(None if options.quiet else sys.stdout), False

    def progress(number: int, count: int, size: int) -> None:
        line.transient(f"[{number}/{count}] {size / 1e6:.1f} MB")

    for study in studies:
        try:
            films, others = films_of(archive, study)
            came = there = 0
            for each in fetch(archive, films, options.out, progress):
                came += each.path is not None
                there += each.before
                if each.failed:
                    line.transient("")
                    failed = bool(_failed(each.why))
        except (PacsError, ExportError) as error:
            line.transient("")
            return _failed(error)
        said = [f"{came} of {len(films)} films of the study in {escaped(str(options.out))}"]
        said += [f"{there} of them before"] * bool(there) + [f"{others} other objects left there"] * bool(others)
        line.line(", ".join(said))
    return FILMS if failed else OK


def _send(options: argparse.Namespace) -> int:
    archive = _archive(options)
    from ensemble_cam.pacs.send import outgoing, send

    line, failed = TerminalLine(None if options.quiet else sys.stdout), False
    files = [outgoing(path) for path in _objects(options.files)]
    for number, each in enumerate(files, start=1):
        line.transient(f"[{number}/{len(files)}] {each.shown}: sending")
        try:
            sent = send(archive, each)
        except PacsError as error:
            line.transient("")
            return _failed(f"{each.shown}: not stored. {error}")
        if sent.why is None:
            line.line(f"[{number}/{len(files)}] {each.shown}: stored")
        else:
            line.transient("")
            failed = bool(_failed(f"{each.shown}: not stored: {sent.why}."))
    return FILMS if failed else OK


def _objects(given: list[Path]) -> list[Path]:
    """Return the files that were given, and of folders the objects below them, by name."""
    found: list[Path] = []
    for path in given:
        below = sorted(path.rglob("*.dcm")) if path.is_dir() else [path]
        if not below or not path.exists():
            why = "the folder has no DICOM objects" if path.exists() else "there is no such file or folder"
            raise ConfigError(f"{escaped(path.name)}: {why}. Check the path.")
        found += below
    return found


def _failed(error: object) -> int:
    print(f"ensemble-cam: {one_line(str(error))}", file=sys.stderr)
    return FILMS
