"""`ensemble-cam validate`: how right the classifiers are on a site's own films, and operating points of its own."""

import argparse
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ensemble_cam.cli.arguments import Commands, add_common, real, whole
from ensemble_cam.cli.exit_codes import FILMS, OK
from ensemble_cam.cli.review_options import Given, add_classifiers, add_quiet, add_seen, check_out, wrapped
from ensemble_cam.errors import ConfigError, did_you_mean
from ensemble_cam.machine.terminal import LOADING, TerminalLine, ticking
from ensemble_cam.settings.settings import displayed

if TYPE_CHECKING:
    from ensemble_cam.archive.films import Film
    from ensemble_cam.validation.places import Places


def add(commands: Commands) -> None:
    """Add the command."""
    validate = commands.add_parser(
        "validate",
        help="measure the classifiers on labelled films of one's own, and choose operating points",
        description=wrapped(
            "Measure the classifiers on labelled films: for each finding the area under the ROC curve, sensitivity, "
            "specificity and alerts with their intervals, and operating points chosen on one half of the patients and "
            "reported on the other. Writes validation.json, operating_points.toml, report.html, report.pdf and a model "
            "card for each classifier. Neither patients nor readers stand in them."
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    validate.add_argument(
        "films", nargs="+", metavar="FILM", help="a film, or a folder of films with its subfolders, as for archive"
    )
    validate.add_argument(
        "--labels",
        dest="table",  # a review's setting of the name is another thing
        type=Path,
        required=True,
        metavar="FILE",
        help="a CSV with the columns file, finding, label (0 or 1) and, as they are known, patient, reader, view, "
        "device, sex, age; or the labels of NIH ChestX-ray14, CheXpert, VinDr-CXR, RSNA or SIIM-ACR as published",
    )
    marks = validate.add_mutually_exclusive_group()
    marks.add_argument(
        "--boxes",
        type=Path,
        metavar="FILE",
        help="judge where maps lie by boxes: of NIH ChestX-ray14, VinDr-CXR or RSNA as published, or a CSV with the "
        "columns file, finding, x0, y0, x1, y1 in source pixels",
    )
    marks.add_argument(
        "--masks",
        type=Path,
        metavar="DIR",
        help="judge where maps lie by masks: a folder of <film>_<finding>.png, or the file of SIIM-ACR or CheXlocalize",
    )
    validate.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the files go")
    validate.add_argument(
        "--by", metavar="TEXT", help="who validates, for the report; without, it says that nobody said"
    )
    add_common(validate)
    points = validate.add_argument_group("operating points (without, Youden's index)")
    target = points.add_mutually_exclusive_group()
    target.add_argument(
        "--sensitivity", type=real, metavar="S", help="choose the highest point that reaches it, above 0 to 1"
    )
    target.add_argument(
        "--alert-rate", type=real, metavar="A", help="choose the lowest point that calls at most A of 100 films"
    )
    points.add_argument(
        "--prevalence",
        action="append",
        default=[],
        metavar="[FINDING=]P",
        help="state how often a finding is, or each, for PPV and NPV, between 0 and 1; may be repeated",
    )
    points.add_argument(
        "--seed",
        type=whole(least=0),
        default=0,
        metavar="N",
        help="of the halves and of the patients drawn again (%(default)s)",
    )
    add_classifiers(validate)
    add_seen(validate)
    add_quiet(validate.add_argument_group("files"))
    validate.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Measure; whatever is wrong with arguments, films and labels comes before the weights are looked for.

    Raises:
        ConfigError: if something that was given is not allowed or not there.
        ExportError: if the files cannot be written.
        WeightsError: if weights are missing or unusable.
    """
    given = Given.of(options)
    _check_targets(options)
    from ensemble_cam.archive.places import find_places

    found = find_places(options.films, out=options.out)
    check_out(options.out)
    chosen = given.chosen()
    from ensemble_cam.film import decoding

    decoding.start()  # while this process imports what the networks need
    line = TerminalLine(None if options.quiet else sys.stdout)
    with ticking(line, LOADING):
        from ensemble_cam.validation.labels import read_labels
        from ensemble_cam.validation.site import Question, Rule
        from ensemble_cam.validation.validating import Validation

        rate = options.alert_rate
        rule = Rule(options.sensitivity, None if rate is None else rate / 100)
        asked = Validation.of(given.config, given.choice(), chosen, Question(rule, seed=options.seed))
        asked = asked.at(_prevalences(options.prevalence, asked.known))
        labels = read_labels(options.table, found.films, asked.known)
        places = _places(options, found.films, asked.known)
    if found.left_out_line:
        line.line(found.left_out_line)
    failed = asked.run(labels, options.out, line=line, errors=sys.stderr, places=places, by=options.by)
    return FILMS if failed else OK


def _places(options: argparse.Namespace, films: "Sequence[Film]", known: Sequence[str]) -> "Places | None":
    from ensemble_cam.validation.published_boxes import read_boxes
    from ensemble_cam.validation.published_masks import read_masks

    if options.boxes is not None:
        return read_boxes(options.boxes, films, known)
    return None if options.masks is None else read_masks(options.masks, films, known)


def _check_targets(options: argparse.Namespace) -> None:
    sensitivity, rate = options.sensitivity, options.alert_rate
    if sensitivity is not None and not 0 < sensitivity <= 1:
        raise ConfigError(f"--sensitivity: got {sensitivity:g}; allowed: a number above 0, at most 1.")
    if rate is not None and not 0 < rate < 100:
        raise ConfigError(f"--alert-rate: got {rate:g}; allowed: a number between 0 and 100.")


def _prevalences(given: Iterable[str], known: Sequence[str]) -> Mapping[str, float]:
    by_name = {displayed(label).casefold(): label for label in known}
    found: dict[str, float] = {}
    for text in given:
        name, equals, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not 0 < value < 1 or (equals and not name):
            raise ConfigError(f"--prevalence: got {text!r}; allowed: a number between 0 and 1, or FINDING=P.")
        label = by_name.get(displayed(name.strip()).casefold())
        if name and label is None:
            meant = did_you_mean(name, (*known, *map(displayed, known)))
            raise ConfigError(f"--prevalence: no classifier here knows {name!r}.{meant} Known: {', '.join(known)}.")
        # What is said of one finding goes before what is said of each, whichever comes first.
        found = dict.fromkeys(known, value) | found if label is None else found | {label: value}
    return found
