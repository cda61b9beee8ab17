"""`ensemble-cam readers study`: a readers' study is planned, and its sessions come out as scores."""

import argparse
import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ensemble_cam.cli.arguments import Commands, whole
from ensemble_cam.cli.exit_codes import OK
from ensemble_cam.errors import ConfigError, SessionError, did_you_mean
from ensemble_cam.machine.files import read_file, why_unreadable
from ensemble_cam.machine.names import escaped
from ensemble_cam.settings.settings import displayed

if TYPE_CHECKING:
    from ensemble_cam.archive.films import Film

_MOST_BYTES = 64 * 2**20


def add(actions: Commands) -> None:
    """Add the action and its own."""
    study = actions.add_parser(
        "study",
        help="plan a readers' study with and without networks, and hand its scores on to iMRMC",
        description="A readers' study: each reader reads every case without and with networks, in two sittings.",
    )
    steps = study.add_subparsers(title="actions", required=True, metavar="ACTION")
    plan = steps.add_parser(
        "plan",
        help="draw each reader's order in both sittings",
        description="Write STUDY.json, which holds the truth and is for who leads the study, and STUDY_schedule.csv, "
        "each reader's order, which readers may see. Films stand in both by their SHA-256.",
    )
    plan.add_argument("films", nargs="+", metavar="FILM", help="a film, or a folder of films with its subfolders")
    plan.add_argument(
        "--labels",
        dest="table",
        type=Path,
        required=True,
        metavar="FILE",
        help="a CSV with the columns file, finding, label (0 or 1), as for validate",
    )
    plan.add_argument("--finding", required=True, metavar="NAME", help="the finding that the study asks for")
    plan.add_argument("--readers", required=True, metavar="A,B,…", help="the readers, by their names in the app")
    plan.add_argument("--out", type=Path, required=True, metavar="STUDY.json", help="where the plan goes")
    plan.add_argument("--seed", type=whole(least=0), default=0, metavar="N", help="of halves and orders (%(default)s)")
    plan.add_argument(
        "--washout",
        type=whole(least=0),
        default=28,
        metavar="DAYS",
        help="between the sittings; a case that is read again sooner is told (%(default)s)",
    )
    plan.set_defaults(command=run_plan)
    begin = steps.add_parser(
        "begin",
        help="make a session of a sitting, through which the app leads each reader",
        description="Put the study's films and its plan, without the truth, into a session. With `ensemble-cam app "
        "--session DIR` each reader is then led through their cases in their order, and nothing of networks is shown "
        "where a case is read without them.",
    )
    begin.add_argument("films", nargs="+", metavar="FILM", help="the study's films, or folders with them")
    begin.add_argument("--study", type=Path, required=True, metavar="STUDY.json", help="the plan")
    begin.add_argument(
        "--sitting", type=int, choices=(1, 2), required=True, metavar="N", help="which of the two, 1 or 2"
    )
    begin.add_argument("--session", type=Path, required=True, metavar="DIR", help="a new folder, for this sitting")
    begin.add_argument(
        "--after",
        type=Path,
        metavar="DIR",
        help="the first sitting's session: the app then says of each case when its washout is over",
    )
    begin.set_defaults(command=run_begin)
    export = steps.add_parser(
        "export",
        help="write the scores of both sittings as iMRMC reads them",
        description="Write FILE.csv (readerID, caseID, modalityID, score, truth), FILE_imrmc.csv for iMRMC's doIMRMC, "
        "FILE_summary.csv with each reader's area under the ROC curve, and FILE_deviations.csv with what was not as it "
        "was planned.",
    )
    export.add_argument("--study", type=Path, required=True, metavar="STUDY.json", help="the plan")
    export.add_argument(
        "--session",
        type=Path,
        action="append",
        required=True,
        metavar="DIR",
        help="the folder that the app kept a sitting in; give it twice, the first sitting's first",
    )
    export.add_argument("--out", type=Path, required=True, metavar="FILE.csv", help="where the table goes")
    export.set_defaults(command=run_export)


def run_plan(options: argparse.Namespace) -> int:
    """Plan a study.

    Raises:
        ConfigError: if films, labels or readers make none.
        ExportError: if it cannot be written.
    """
    _check_ending(options.out, ".json")
    from ensemble_cam.archive.places import find_places
    from ensemble_cam.export.drafts import write_whole
    from ensemble_cam.readers.study import SCHEDULE_COLUMNS, planned
    from ensemble_cam.readers.table import csv_of
    from ensemble_cam.settings.config import known_labels, load_config
    from ensemble_cam.validation.labels import read_labels

    known = tuple(
        dict.fromkeys(label for each in load_config().classifiers for label in known_labels(each, each.default_weight))
    )
    finding = _finding(options.finding, known)
    labels = read_labels(options.table, find_places(options.films).films, known)
    films = {_sha256(each.film): each.truth[finding] for each in labels.films if finding in each.truth}
    readers = tuple(name.strip() for name in options.readers.split(","))
    study = planned(finding, films, readers, seed=options.seed, washout=options.washout)
    schedule = options.out.with_name(f"{options.out.stem}_schedule.csv")
    reads = [[r.reader, r.sitting, r.place, r.case.name, r.arm.value, r.case.sha256] for r in study.reads()]
    write_whole(options.out, study.file())
    write_whole(schedule, csv_of(SCHEDULE_COLUMNS, reads))
    print(options.out, schedule, sep="\n", file=sys.stdout)
    return OK


def run_begin(options: argparse.Namespace) -> int:
    """Make a session of a sitting.

    Raises:
        ConfigError: if the plan is none, or a film of it is not there.
        SessionError: if a session cannot be had, or holds another sitting.
        RadiographError: if a film cannot be read.
        ExportError: if the plan cannot be written there.
    """
    from contextlib import ExitStack

    from ensemble_cam.archive.places import find_places
    from ensemble_cam.export.drafts import write_whole
    from ensemble_cam.film.decoding import decode_apart
    from ensemble_cam.readers import sitting
    from ensemble_cam.readers.lists import number_case
    from ensemble_cam.readers.pixels import keep_pixels
    from ensemble_cam.readers.store import Store
    from ensemble_cam.readers.study import read_study
    from ensemble_cam.readers.verdicts import keep_film

    study = read_study(_read(options.study))
    places = {_sha256(film): film.path for film in find_places(options.films).films}
    sitting.check_films(study, places)
    with ExitStack() as stack:
        before = None if options.after is None else stack.enter_context(Store.open(options.after, create=False))
        begun = sitting.StudySitting.of(study, options.sitting, before=before)
        file = options.session / sitting.NAME
        if file.exists() and file.read_bytes() != begun.file():
            raise SessionError("This session is of another sitting. Name a new folder.")
        store = stack.enter_context(Store.open(options.session))
        for done, case in enumerate(study.cases, start=1):
            row = keep_film(store, case.sha256)
            keep_pixels(store, row, decode_apart(_read(places[case.sha256])))
            number_case(store, row, case.name)
            print(f"{done} of {len(study.cases)} cases", file=sys.stdout)
        write_whole(file, begun.file())
    return OK


def run_export(options: argparse.Namespace) -> int:
    """Write the scores.

    Raises:
        ConfigError: if the plan is none, or there are not two sittings.
        SessionError: if a session cannot be had.
        ExportError: if a table cannot be written.
    """
    _check_ending(options.out, ".csv")
    from contextlib import ExitStack

    from ensemble_cam.export.drafts import write_whole
    from ensemble_cam.readers import study_scores as scores
    from ensemble_cam.readers.store import Store
    from ensemble_cam.readers.study import SITTINGS, read_study
    from ensemble_cam.readers.table import csv_of

    if len(options.session) != SITTINGS:
        raise ConfigError(f"--session: got {len(options.session)}; a study has {SITTINGS} sittings. Give it twice.")
    study = read_study(_read(options.study))
    with ExitStack() as stack:
        sittings = [stack.enter_context(Store.open(folder, create=False)) for folder in options.session]
        found = scores.scored(study, sittings)
    tables = {
        "": (scores.SCORE_COLUMNS, scores.score_rows(found)),
        "_imrmc": (scores.IMRMC_COLUMNS, scores.imrmc_rows(study, found)),
        "_summary": (scores.SUMMARY_COLUMNS, scores.summary_rows(study, found)),
        "_deviations": (scores.DEVIATION_COLUMNS, scores.deviation_rows(found)),
    }
    for ending, (columns, rows) in tables.items():
        path = options.out.with_name(f"{options.out.stem}{ending}.csv")
        write_whole(path, csv_of(columns, rows))
        print(path, file=sys.stdout)
    apart = sum(bool(each.deviations) for each in found)
    if apart:
        print(f"{apart} of {len(found)} readings were not as planned.", file=sys.stderr)
    return OK


def _finding(name: str, known: tuple[str, ...]) -> str:
    by_name = {displayed(label).casefold(): label for label in known}
    found = by_name.get(displayed(name.strip()).casefold())
    if found is None:
        meant = did_you_mean(name, map(displayed, known))
        raise ConfigError(f"--finding: no classifier here knows {name!r}.{meant}")
    return found


def _sha256(film: "Film") -> str:
    return hashlib.sha256(_read(film.path)).hexdigest()


def _read(path: Path) -> bytes:
    from ensemble_cam.film.intake import MAX_FILE_BYTES

    try:
        return read_file(path, most=max(_MOST_BYTES, MAX_FILE_BYTES))
    except OSError as error:
        raise ConfigError(f"{escaped(path.name)}: {why_unreadable(error)}. Check its path.") from None


def _check_ending(out: Path, ending: str) -> None:
    if out.suffix.lower() != ending:
        raise ConfigError(f"--out: got a name that ends in {out.suffix or 'nothing'!r}; allowed: FILE{ending}.")
