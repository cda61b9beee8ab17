"""`ensemble-cam readers list`: films are put on a session's work list."""

import argparse
import hashlib
import sys
from pathlib import Path

from ensemble_cam.cli.arguments import Commands, whole
from ensemble_cam.cli.exit_codes import FILMS, OK
from ensemble_cam.errors import ConfigError, RadiographError
from ensemble_cam.machine.files import read_file, why_unreadable
from ensemble_cam.machine.names import escaped

_ORDERS = ("given", "split", "overlap", "called")


def add(actions: Commands) -> None:
    """Add the action."""
    made = actions.add_parser(
        "list",
        help="put a folder of films on a session's work list, those that disagree most first",
        description="Put films on the work list of a session, as `ensemble-cam app --session DIR` shows it. With "
        "--known they come in the order of what review or archive said of them. Films are kept as they were decoded, "
        "without their headers and names.",
    )
    made.add_argument("films", nargs="+", metavar="FILM", help="a film, or a folder of films with its subfolders")
    made.add_argument(
        "--session", type=Path, required=True, metavar="DIR", help="the session's folder; made if need be"
    )
    made.add_argument("--known", type=Path, metavar="DIR", help="what review or archive wrote of these films")
    made.add_argument(
        "--order",
        choices=_ORDERS,
        default="given",
        help="most split findings first, least overlap of maps, most called findings (%(default)s)",
    )
    made.add_argument("--most", type=whole(least=1), metavar="N", help="how many at most")
    made.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Put films on the list.

    Raises:
        ConfigError: if nothing that was given is there, or an order needs what is not known.
        SessionError: if the session cannot be had.
    """
    if options.order != "given" and options.known is None:
        raise ConfigError(f"--order {options.order}: nothing is known of the films. Add --known DIR.")
    from ensemble_cam.archive.places import find_places
    from ensemble_cam.film.decoding import decode_apart
    from ensemble_cam.film.intake import MAX_FILE_BYTES
    from ensemble_cam.readers.pixels import keep_pixels
    from ensemble_cam.readers.store import Store
    from ensemble_cam.readers.verdicts import keep_film
    from ensemble_cam.readers.work_list import Order, arranged, known_films

    found, failed = find_places(options.films).films, 0
    known = {} if options.known is None else known_films(options.known)
    places: dict[str, Path] = {}
    for film in found:
        try:
            places.setdefault(hashlib.sha256(read_file(film.path, most=MAX_FILE_BYTES)).hexdigest(), film.path)
        except OSError as error:
            failed += 1
            print(f"{escaped(film.shown)}: {why_unreadable(error)}.", file=sys.stderr)
    wanted = arranged(list(places), known, Order(options.order), options.most)
    with Store.open(options.session) as store:
        for done, sha256 in enumerate(wanted, start=1):
            path = places[sha256]
            try:
                stored = decode_apart(read_file(path, most=MAX_FILE_BYTES))
                keep_pixels(store, keep_film(store, sha256), stored)
                print(f"{done} of {len(wanted)} on the list", file=sys.stdout)
            except (OSError, RadiographError) as error:
                failed += 1
                why = why_unreadable(error) if isinstance(error, OSError) else error
                print(f"{escaped(path.name)}: {why}", file=sys.stderr)
    return FILMS if failed else OK
