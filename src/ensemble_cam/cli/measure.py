"""`ensemble-cam measure`: whether maps show what their networks use, in figures and curves."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ensemble_cam.cli.arguments import Commands, add_common, names, whole
from ensemble_cam.cli.exit_codes import FILMS, OK
from ensemble_cam.cli.review_options import Given, add_classifiers, add_quiet, add_seen, check_out, wrapped
from ensemble_cam.errors import ConfigError, did_you_mean
from ensemble_cam.machine.memory import keep_few_arenas
from ensemble_cam.machine.terminal import LOADING, TerminalLine, ticking
from ensemble_cam.settings.methods import METHODS, METHODS_OF_ANY_NETWORK
from ensemble_cam.settings.metrics import FAITHFULNESS, METRICS, checked_metrics

if TYPE_CHECKING:
    from ensemble_cam.validation.subjects import Maker

_EVERY = "all"


def add(commands: Commands) -> None:
    """Add the command."""
    measure = commands.add_parser(
        "measure",
        help="measure whether maps show what their networks use: deletion, insertion, ROAD and more",
        description=wrapped(
            "Measure maps of films: the film is changed by the map, and its network asked again. Writes measures.csv, "
            "measures.json, and a picture of the curves for each finding and network. Beside every map stands the same "
            "map, moved to another place of the film: what a map of this shape does by chance."
        ),
        epilog="\n".join(
            ["measures:", *(wrapped(f"{name}: {each.line}", indent="  ") for name, each in METRICS.items())]
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    measure.add_argument(
        "films", nargs="+", metavar="FILM", help="a film, or a folder of films with its subfolders, as for archive"
    )
    measure.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the files go")
    add_common(measure)
    measure.add_argument(
        "--metrics",
        type=names,
        metavar="NAME,…",
        help="these measures of those below, or all; without, those from deletion to entropy",
    )
    measure.add_argument(
        "--network",
        metavar="SPEC",
        help="any network instead of a set's classifiers, as of explain: torchvision:NAME, timm:NAME, file:PATH.toml",
    )
    maps = measure.add_argument_group("maps (defaults are the configuration's)")
    what = maps.add_mutually_exclusive_group()
    what.add_argument("--top-k", type=whole(), metavar="N", help="of the N findings with the highest scores")
    what.add_argument("--labels", metavar="A,B", type=names, help="of these findings; of a network, of these classes")
    maps.add_argument(
        "--methods",
        metavar="NAME,…",
        type=names,
        help=f"made by these methods, side by side; {_EVERY}: by every one; without, by the configuration's",
    )
    maps.add_argument(
        "--seed", type=whole(least=0), default=0, metavar="N", help="of equal values, noise and the moved map (0)"
    )
    add_classifiers(measure)
    add_seen(measure)
    add_quiet(measure.add_argument_group("files"))
    measure.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Measure; whatever is wrong with arguments and films comes before the weights are looked for.

    Raises:
        ConfigError: if something that was given is not allowed or not there.
        ExportError: if the files cannot be written.
        WeightsError: if weights are missing or unusable.
    """
    metrics = checked_metrics(_metrics(options.metrics))
    given = Given.of(options)
    methods = _methods(options, given)
    from ensemble_cam.archive.places import find_places

    found = find_places(options.films, out=options.out)
    check_out(options.out)
    from ensemble_cam.film import decoding

    decoding.start()  # while this process imports what the networks need
    keep_few_arenas()
    line = TerminalLine(None if options.quiet else sys.stdout)
    with ticking(line, LOADING):
        from ensemble_cam.validation.measures import check_free
        from ensemble_cam.validation.measuring import Measuring

        check_free(options.out)
        maker = _of_network(options, methods) if options.network else _of_set(given, methods, line)
    if found.left_out_line:
        line.line(found.left_out_line)
    failed = Measuring(maker, metrics, line, sys.stderr, options.seed).run(found.films, options.out)
    return FILMS if failed else OK


def _metrics(given: list[str] | None) -> list[str]:
    if given is None:
        return list(FAITHFULNESS)
    return list(METRICS) if given == [_EVERY] else given


def _methods(options: argparse.Namespace, given: Given) -> list[str]:
    known = METHODS_OF_ANY_NETWORK if options.network else METHODS  # a name → its words
    wanted = options.methods or [given.config.review.method]
    if wanted == [_EVERY]:
        return [name for name in known if name in METHODS]
    for each in wanted:
        if each not in known:
            raise ConfigError(
                f"--methods: got {each!r}; allowed: {_EVERY}, or some of {', '.join(known)}.{did_you_mean(each, known)}"
            )
    return list(dict.fromkeys(wanted))


def _of_set(given: Given, methods: list[str], line: TerminalLine) -> "Maker":
    from ensemble_cam.archive.batch import Batch
    from ensemble_cam.settings.methods import Recipe
    from ensemble_cam.validation.subjects import OfClassifiers

    batch = Batch.prepare(given.config, given.choice(), given.chosen(), line)
    return OfClassifiers(batch.classifiers, batch.options, [Recipe(each) for each in methods])


def _of_network(options: argparse.Namespace, methods: list[str]) -> "Maker":
    if options.top_k is not None:
        raise ConfigError("--top-k: does not go with --network. Name its classes with --labels.")
    from ensemble_cam.classifiers.torch_named_networks import load_network
    from ensemble_cam.explanation.torch_explain import check_target
    from ensemble_cam.explanation.torch_rollout import check_attention
    from ensemble_cam.validation.torch_subjects import OfNetwork

    network = load_network(options.network)
    for each in options.labels or ():
        check_target(network, each)
    if "rollout" in methods:
        check_attention(network.module)
    return OfNetwork(network, options.labels or (), methods)
