"""`ensemble-cam archive`: many films to tables in Parquet, without pictures."""

import argparse
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ensemble_cam.cli.arguments import Commands, add_common, real, whole
from ensemble_cam.cli.exit_codes import FILMS, OK
from ensemble_cam.cli.review_options import (
    Given,
    add_anonymous_names,
    add_classifiers,
    add_maps,
    add_quiet,
    check_out,
    methods,
    wrapped,
)
from ensemble_cam.errors import ConfigError, ExportError
from ensemble_cam.machine.terminal import LOADING, TerminalLine, ticking
from ensemble_cam.settings.vocabulary import ENGINES

if TYPE_CHECKING:
    from ensemble_cam.archive.asked import Asked
    from ensemble_cam.archive.workers import Engine


def add(commands: Commands) -> None:
    """Add the command."""
    archive = commands.add_parser(
        "archive",
        help="review many films into tables (Parquet), without pictures",
        description=wrapped(
            "Review many films into tables: films.parquet, scores.parquet, findings.parquet and, with --maps, "
            "maps.parquet. A run that is stopped goes on with the same command. A film that fails is a row."
        ),
        epilog=methods(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    archive.add_argument(
        "films",
        nargs="+",
        metavar="FILM",
        help="a film, a folder of films with its subfolders, a pattern in quotes, a list ending in .csv whose column "
        "file names films, or an address that fsspec reads, such as s3://bucket/films",
    )
    archive.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the tables go")
    add_common(archive)
    kept = archive.add_argument_group("what is kept").add_mutually_exclusive_group()
    kept.add_argument("--scores-only", action="store_true", help="scores alone: no map is made, which is quicker")
    kept.add_argument("--maps", action="store_true", help="write maps.parquet, every map on its model's grid, float16")
    add_classifiers(archive)
    maps = add_maps(archive)
    maps.add_argument("--threshold", type=real, metavar="T", help="measure what is at or above it, 0 to 1")
    engine = archive.add_argument_group("where it runs")
    engine.add_argument("--engine", choices=ENGINES, default="local", help="this machine, or Dask (%(default)s)")
    engine.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a Dask cluster that is there; without, one is made on this machine"
    )
    engine.add_argument(
        "--workers",
        type=whole(least=1),
        metavar="N",
        help="processes, each with the networks in its memory; one for each core, as far as memory goes",
    )
    files = archive.add_argument_group("files")
    add_anonymous_names(files, "by their hashes; no file's name is shown or written")
    add_quiet(files)
    archive.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Make the tables; whatever is wrong with arguments and films comes before the weights are looked for.

    Raises:
        ConfigError: if something that was given is not allowed or not there.
        WeightsError: if weights are missing or unusable.
    """
    given = Given.of(options)
    _check_engine(options)
    from ensemble_cam.archive.places import find_places

    found = find_places(options.films, out=options.out, anonymous=options.anonymous_names)
    check_out(options.out)
    chosen = given.chosen()
    line = TerminalLine(None if options.quiet else sys.stdout)
    with ticking(line, LOADING):
        import pyarrow

        from ensemble_cam.archive.archiving import archive
        from ensemble_cam.archive.asked import Asked
        from ensemble_cam.reviewing.preparing import checked

        # pyarrow's own pool keeps what a part needed: 30 MB more, to the end of the run.
        pyarrow.set_memory_pool(pyarrow.system_memory_pool())
        choice = given.choice()
    asked = Asked(
        given.config,
        choice,
        checked(given.config, choice, chosen),
        detail="scores" if options.scores_only else "maps" if options.maps else "findings",
        anonymous=options.anonymous_names,
    )
    start = partial(_started, engine=options.engine, workers=options.workers, scheduler=options.scheduler)
    try:
        failed = archive(asked, found, options.out, start, line=line, errors=sys.stderr)
    except ExportError as error:  # of a part or of the tables: what is finished stays
        print(f"ensemble-cam: {error}", file=sys.stderr)
        return FILMS
    return FILMS if failed else OK


def _check_engine(options: argparse.Namespace) -> None:
    if options.scheduler is not None and options.engine != "dask":
        raise ConfigError("--scheduler: a scheduler is Dask's. Add --engine dask.")
    if options.scheduler is not None and options.workers is not None:
        raise ConfigError("--workers: a cluster that is there has its own workers. Leave --workers or --scheduler out.")
    if options.engine == "dask" and find_spec("distributed") is None:
        raise ConfigError('--engine: Dask is not installed. Install it with `pip install "ensemble-cam[cluster]"`.')


def _started(asked: "Asked", *, engine: str, workers: int | None, scheduler: str | None) -> "Engine":
    from ensemble_cam.archive.workers import Workers, default_workers

    if engine == "dask":
        from ensemble_cam.archive.cluster import Cluster

        return Cluster(asked.to_text(), workers=workers or default_workers(), scheduler=scheduler)
    return Workers(asked.to_text(), workers or default_workers())
