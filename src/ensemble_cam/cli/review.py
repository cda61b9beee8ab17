"""`ensemble-cam review`: films to folders of overlays, a figure and `review.json`."""

import argparse
import errno
import logging
import os
import stat
import sys
from contextlib import suppress
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from ensemble_cam.cli.arguments import Commands, add_common, names, real
from ensemble_cam.cli.exit_codes import FILMS, OK
from ensemble_cam.cli.review_options import (
    Given,
    add_anonymous_names,
    add_classifiers,
    add_maps,
    add_quiet,
    check_out,
    dicom_kinds,
    methods,
    wrapped,
)
from ensemble_cam.errors import ConfigError, ExportError
from ensemble_cam.machine.allotted import cores
from ensemble_cam.machine.memory import keep_few_arenas
from ensemble_cam.machine.names import escaped
from ensemble_cam.machine.terminal import LOADING, TerminalLine, ticking
from ensemble_cam.machine.threads import draw_in
from ensemble_cam.settings.vocabulary import COLORMAPS, DICOM_OBJECTS

if TYPE_CHECKING:
    from ensemble_cam.archive.films import FoundFilms
    from ensemble_cam.export.dicom.objects import DicomOptions
    from ensemble_cam.reviewing.options import ReviewOptions
    from ensemble_cam.reviewing.preparing import Choice

# Films from which on processes of their own save more than their start takes.
_MANY = 12


def add(commands: Commands) -> None:
    """Add the command."""
    review = commands.add_parser(
        "review",
        help="review films into folders of overlays, a figure and review.json",
        description=wrapped(
            "Review films. Each gets a folder of its own in DIR: overlays, a figure and review.json. A film whose "
            "finished review lies there already is passed over."
        ),
        epilog=methods(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    review.add_argument(
        "films",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="a film, or a folder of films; its subfolders are searched, too, and files that are no films left out",
    )
    review.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the films' folders go")
    add_common(review)
    add_classifiers(review)
    add_maps(review)
    drawing = review.add_argument_group("drawing (defaults are the configuration's)")
    drawing.add_argument("--threshold", type=real, metavar="T", help="draw relative activation from here on, 0 to 1")
    drawing.add_argument("--opacity", type=real, metavar="O", help="of the overlay, 0 to 1")
    drawing.add_argument("--colormap", choices=COLORMAPS, help="the colours of relative activation")
    drawing.add_argument(
        "--bare",
        action="store_true",
        help="for programs: overlays without the words below them, which then stand in the file's text chunks alone; "
        "their names end in _bare",
    )
    files = review.add_argument_group("files")
    files.add_argument(
        "--summary",
        action="store_true",
        help="write summary.csv, a row for every map, and index.html, a contact sheet, of all these films into DIR, "
        "in the place of those of an earlier run",
    )
    files.add_argument(
        "--pdf", action="store_true", help="write review.pdf, the pages of review.png with text as text, to print"
    )
    files.add_argument(
        "--dicom",
        metavar="KIND,KIND",
        type=names,
        help=f"write objects for the film's own study, of films that came as DICOM: {','.join(DICOM_OBJECTS)} "
        "(Secondary Captures of the called findings' overlays and of the figure, a report, a segmentation of the "
        "regions, a presentation state with their outlines); with --top-k or --labels of all findings explained",
    )
    files.add_argument("--sc-jpeg", action="store_true", help="compress Secondary Captures as JPEG, with loss")
    files.add_argument(
        "--seg-fractional",
        action="store_true",
        help="let the segmentation hold the maps' values, for programs: no viewer tried shows it",
    )
    files.add_argument("--save-maps", action="store_true", help="write maps.npz, every map on the source grid")
    called = files.add_mutually_exclusive_group()
    called.add_argument(
        "--case",
        metavar="NUMBER",
        help="call the film so in its files, on its page and its folder, instead of by the file's name; several films "
        "NUMBER_1, NUMBER_2 …",
    )
    add_anonymous_names(called, "by their number, and their folders by the films' hashes; no file's name is shown")
    files.add_argument("--log", type=Path, metavar="FILE", help="write the details of failures to this file")
    add_quiet(files)
    review.set_defaults(command=run)


@dataclass(frozen=True, eq=False)
class _Wanted:
    """What was asked for, checked as far as it can be before the weights are looked for.

    Attributes:
        options: as they were given.
        given: those of classifiers and maps, with the configuration.
        chosen: how films are reviewed.
        found: the films.
        dicom: which DICOM objects are written; None for none.
        line: where all is said but failures.
    """

    options: argparse.Namespace
    given: Given
    chosen: "ReviewOptions"
    found: "FoundFilms"
    dicom: "DicomOptions | None"
    line: TerminalLine


def run(options: argparse.Namespace) -> int:
    """Review the films; whatever is wrong with arguments and files comes before the weights are looked for.

    Raises:
        ConfigError: if something that was given is not allowed or not there.
        WeightsError: if weights are missing or unusable.
    """
    given = Given.of(options)
    from ensemble_cam.archive.films import find_films

    found = find_films(options.films, out=options.out, anonymous=options.anonymous_names)
    if options.case is not None:
        found = found.as_case(options.case)
    check_out(options.out)
    if options.log is not None:
        _log_to(options.log)
    dicom = _dicom(options)
    wanted = _Wanted(options, given, given.chosen(), found, dicom, TerminalLine(None if options.quiet else sys.stdout))
    processes = _processes(given, len(found.films))
    try:
        failed = _here(wanted) if processes == 1 else _apart(wanted, processes)
    except ExportError as error:  # of the summary: the films are done
        print(f"ensemble-cam: {error}", file=sys.stderr)
        return FILMS
    return FILMS if failed else OK


def _processes(given: Given, films: int) -> int:
    """Return how many processes review so many films: this one, or one on each core where that is worth their start."""
    if films < _MANY or not _is_in_openvino(given):
        return 1  # PyTorch takes a gigabyte in each of them, and a card serves one
    from ensemble_cam.archive.workers import default_workers

    return default_workers()


def _is_in_openvino(given: Given) -> bool:
    from ensemble_cam.classifiers.runtime import choose_device, choose_runtime

    return choose_runtime(given.values["runtime"], choose_device(given.values["device"])) == "openvino"


def _at_once(given: Given, choice: "Choice") -> int:
    """Return how many networks are loaded and run side by side, and have each compute in its share of the cores.

    One by one on all cores they are run as fast, but loaded with threads that wait for one another: on two cores a
    single film by the clinical set took 2.1 s so and takes 1.7 s.
    """
    if not _is_in_openvino(given):
        return 1
    from ensemble_cam.classifiers.compilation import compute_in

    at_once = min(cores(), len(given.config.for_review(choice.set, choice.ids)))
    compute_in(max(1, cores() // at_once))
    return at_once


def _here(wanted: _Wanted) -> int:
    """Review the films in this process; return how many failed."""
    options, given, line = wanted.options, wanted.given, wanted.line
    from ensemble_cam.film import decoding

    decoding.start(wanted.found.films[0].path)  # while this process imports what the networks need
    keep_few_arenas()
    with ticking(line, LOADING):
        from ensemble_cam.archive.batch import Batch

        choice = given.choice()
    draw_in(max(1, cores() // 2))  # as a large film's pictures are drawn two at a time
    batch = Batch.prepare(given.config, choice, wanted.chosen, line, at_once=_at_once(given, choice))
    return batch.review(
        wanted.found,
        options.out,
        errors=sys.stderr,
        save_maps=options.save_maps,
        pdf=options.pdf,
        dicom=wanted.dicom,
        summary=options.summary,
    )


def _apart(wanted: _Wanted, processes: int) -> int:
    """Review the films in so many processes of their own; return how many failed."""
    options, given, line = wanted.options, wanted.given, wanted.line
    with ticking(line, LOADING):
        from ensemble_cam.archive.apart import review_apart
        from ensemble_cam.archive.asked import AskedReviews
        from ensemble_cam.reviewing.preparing import checked

        choice = given.choice()
    asked = AskedReviews(
        given.config,
        choice,
        checked(given.config, choice, wanted.chosen),
        save_maps=options.save_maps,
        pdf=options.pdf,
        dicom=wanted.dicom,
        logged=options.log is not None,
    )
    return review_apart(
        asked, wanted.found, options.out, processes=processes, line=line, errors=sys.stderr, summary=options.summary
    )


def _dicom(options: argparse.Namespace) -> "DicomOptions | None":
    """Return which DICOM objects were asked for."""
    from ensemble_cam.export.dicom.objects import DicomOptions

    kinds = None if options.dicom is None else dicom_kinds(options.dicom)
    for option, given, kind in (
        ("--sc-jpeg", options.sc_jpeg, "sc"),
        ("--seg-fractional", options.seg_fractional, "seg"),
    ):
        if given and kind not in (kinds or ()):
            raise ConfigError(f"{option}: it is of an object that is not written. Add --dicom {kind}, or leave it out.")
    if kinds is None:
        return None
    return DicomOptions(
        kinds,
        jpeg=options.sc_jpeg,
        fractional=options.seg_fractional,
        of_all=options.top_k is not None or options.labels is not None,
    )


class _Log(logging.FileHandler):
    """A log in a file, or on what takes text at once: a terminal, or a pipe that somebody reads."""

    def _open(self) -> TextIOWrapper:
        """Open it without waiting: a pipe's other end may never come, and a disk is no place for a text.

        Raises:
            OSError: if it is a disk, a pipe that nobody reads, or nothing that may be written to.
        """
        with suppress(FileNotFoundError):
            if stat.S_ISBLK(os.stat(self.baseFilename).st_mode):
                raise OSError(errno.EINVAL, "a disk")
        return open(self.baseFilename, "a", encoding=self.encoding, opener=_without_waiting)


def _without_waiting(path: str, flags: int) -> int:
    if not hasattr(os, "O_NONBLOCK"):  # Windows has no such pipes
        return os.open(path, flags, 0o666)
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY, 0o666)
    os.set_blocking(descriptor, True)  # a line waits until there is room for it, as any program's does
    return descriptor


def _log_to(path: Path) -> None:
    try:
        handler = _Log(path, encoding="utf-8")
    except OSError as error:
        why = "a pipe that nobody reads" if error.errno == errno.ENXIO else error.strerror
        raise ConfigError(f"--log: {escaped(path.name)} cannot be written ({why}). Choose another file.") from None
    logging.getLogger("ensemble_cam").addHandler(handler)
