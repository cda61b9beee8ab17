"""`ensemble-cam pacs`: films from an archive, and a review's objects into it, by DICOMweb."""

import argparse
import json
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ensemble_cam.cli.arguments import Commands, add_common, names, whole
from ensemble_cam.cli.exit_codes import FILMS, OK
from ensemble_cam.cli.review_options import Given, add_classifiers, add_quiet, check_out, dicom_kinds, wrapped
from ensemble_cam.errors import ConfigError, ExportError, PacsError
from ensemble_cam.machine.locks import lock
from ensemble_cam.machine.names import escaped, one_line
from ensemble_cam.machine.terminal import LOADING, TerminalLine, ticking
from ensemble_cam.settings.vocabulary import DICOM_OBJECTS

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from ensemble_cam.archive.films import Film
    from ensemble_cam.archive.outcome import Outcome
    from ensemble_cam.machine.report import Report
    from ensemble_cam.pacs.archive import Archive, Study


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
    watch = actions.add_parser(
        "watch",
        help="review what arrives, and send results",
        description=wrapped(
            "Review the films of the studies that match, each once, and store the results in the archive; then look "
            "again. Whatever ends it, the same command goes on where it stopped. Results of this program are not "
            "reviewed."
        ),
    )
    _add_url(watch)
    watch.add_argument(
        "--query",
        action="append",
        required=True,
        metavar="KEY=VALUE",
        help="which studies: patient-id, date (today is each day's own), accession, modality or study; may be repeated",
    )
    watch.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where reviews go, and what is done is kept"
    )
    watch.add_argument(
        "--every", type=whole(least=1), default=60, metavar="N", help="seconds from one look to the next (%(default)s)"
    )
    watch.add_argument("--once", action="store_true", help="look once, and end")
    watch.add_argument(
        "--dicom",
        metavar="KIND,KIND",
        type=names,
        default=list(DICOM_OBJECTS),
        help=f"which objects are sent, of {', '.join(DICOM_OBJECTS)}; all",
    )
    add_common(watch)
    add_classifiers(watch)
    add_quiet(watch)
    watch.set_defaults(command=_watch)


def _add_url(action: argparse.ArgumentParser) -> None:
    action.add_argument(
        "--url",
        required=True,
        metavar="URL",
        help="of the archive's DICOMweb service, token, password and certificates being set in the environment; for "
        "DIMSE dicom://AE-TITLE@HOST:PORT",
    )


def _archive(options: argparse.Namespace) -> "Archive":
    from ensemble_cam.pacs.opening import archive_at

    return archive_at(options.url)


def _find(options: argparse.Namespace) -> int:
    from ensemble_cam.pacs.query import KEYS, Query

    query = Query.of({key: getattr(options, key.replace("-", "_"), None) for key in KEYS})
    try:
        studies = _archive(options).studies(query)
    except PacsError as error:
        return _failed(error)
    for study in studies:
        print(json.dumps(_told(study)) if options.json else _line(study))
    if not studies and not options.json:
        print("The archive has no such study.", file=sys.stderr)
    return OK


def _told(study: "Study") -> dict[str, object]:
    """Return what is told of a study: whose it is, is not."""
    told = {name: value for name, value in asdict(study).items() if name not in ("uid", "patient")}
    return {"study": study.uid, **told}


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
    paths = _objects(options.files)
    files = [outgoing(path) for path in paths]
    if len({path.parent for path in paths}) > 1:  # objects of several films have the same names
        files = [
            replace(each, shown=escaped(f"{path.parent.name}/{path.name}"))
            for each, path in zip(files, paths, strict=True)
        ]
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


def _watch(options: argparse.Namespace) -> int:
    from ensemble_cam.pacs.query import Query

    query, kinds, given = Query.of_texts(options.query), dicom_kinds(options.dicom), Given.of(options)
    check_out(options.out)
    archive, chosen = _archive(options), given.chosen()
    line = TerminalLine(None if options.quiet else sys.stdout)
    with ticking(line, LOADING):
        from ensemble_cam.archive.batch import Batch
        from ensemble_cam.archive.flow import Flow
        from ensemble_cam.export.dicom.objects import DicomOptions
        from ensemble_cam.pacs.watch import REVIEWS, Watch, rounds

    batch = Batch.prepare(given.config, given.choice(), chosen, line)
    failures = []

    def review(films: "Sequence[Film]") -> "Generator[Outcome, None, None]":
        out, dicom = options.out / REVIEWS, DicomOptions(kinds)
        flow = Flow(batch.classifiers, batch.options, batch.run, out=out, save_maps=False, dicom=dicom)
        return flow.review(films, _silent)

    def say(text: str, is_failure: bool) -> None:
        line.transient("")
        if is_failure:
            failures.append(_failed(text))
        else:
            line.line(one_line(text))

    def wait() -> bool:
        if not options.once:
            line.transient("waiting for films")
            time.sleep(options.every)
        return not options.once

    options.out.mkdir(parents=True, exist_ok=True)
    with lock(options.out / ".watch.lock") as is_held:
        if not is_held:
            raise ConfigError("--out: another watch has this folder. End it, or choose another folder.")
        watch = Watch(archive, query, options.out, review, say)
        watch.clean()
        rounds(watch, wait)
    return FILMS if failures else OK


def _silent(number: int, film: "Film") -> "Report":
    return lambda what, share: None


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
