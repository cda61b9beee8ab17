"""`ensemble-cam explain`: pictures to folders of maps by any network; `ensemble-cam layers`: where they can be made."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensemble_cam.cli.arguments import Commands, names, real, whole
from ensemble_cam.cli.exit_codes import FILMS, OK
from ensemble_cam.cli.explaining import Run, cases_of, check_against, check_inputs, with_classes
from ensemble_cam.cli.review_options import add_quiet, check_out, wrapped
from ensemble_cam.errors import EnsembleCamError
from ensemble_cam.machine.memory import keep_few_arenas
from ensemble_cam.machine.names import escaped
from ensemble_cam.machine.terminal import LOADING, TerminalLine, ticking
from ensemble_cam.settings.explain_options import ExplainOptions
from ensemble_cam.settings.methods import FUSIONS, METHODS_OF_ANY_NETWORK
from ensemble_cam.settings.vocabulary import COMBINATIONS, OUTPUTS, PREDICTED

if TYPE_CHECKING:
    from ensemble_cam.classifiers.torch_any_network import Network

_SPEC = (
    "torchvision:NAME, timm:NAME (where timm is installed), file:PATH.toml, a table [network] of your own, or the id "
    "of a classifier of the configuration"
)


def add(commands: Commands) -> None:
    """Add both commands."""
    explain = commands.add_parser(
        "explain",
        help="explain pictures by any network: torchvision's, timm's, or one of your own",
        description=wrapped(
            "Explain what a network says of pictures. Each gets a folder of its own in DIR: for each class that is "
            "explained a figure and the map on the network's grid, and explanation.json."
        ),
        epilog="\n".join(
            [
                "methods:",
                *(wrapped(f"{name}: {each.line}", indent="  ") for name, each in METHODS_OF_ANY_NETWORK.items()),
            ]
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    explain.add_argument(
        "pictures",
        nargs="*",
        type=Path,
        metavar="PICTURE",
        help="a picture, grey or in colours, or a folder of pictures; its subfolders are searched, too",
    )
    explain.add_argument(
        "--input",
        action="append",
        metavar="NAME=FILE",
        help="a picture for one of several inputs of the network; may be repeated, the first of each belong together",
    )
    explain.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the pictures' folders go")
    add_network(explain)
    explain.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="the network's weights; without, seeded values"
    )
    explain.add_argument(
        "--classes",
        type=_class_names,
        metavar="A,B",
        help="the outputs' names in their order, or the folder of training pictures, whose subfolders bear them; "
        "without, the checkpoint's own",
    )
    explain.add_argument("--output", choices=OUTPUTS, help="what makes probabilities; softmax unless told otherwise")
    maps = explain.add_argument_group("maps")
    maps.add_argument(
        "--layer",
        type=_layer_names,
        metavar="NAME[,NAME]",
        help="where maps are made, see `ensemble-cam layers`; several: a map of each; of several inputs INPUT=NAME for "
        "each; auto: the last spatial stage",
    )
    maps.add_argument(
        "--combine",
        choices=COMBINATIONS,
        help="one map of several layers, on the finest grid: of their relative activations; weighted: later layers "
        "count more",
    )
    maps.add_argument(
        "--method",
        choices=tuple(METHODS_OF_ANY_NETWORK),
        help="what each shows, costs and hides stands below (gradcam++)",
    )
    maps.add_argument("--fusion", choices=FUSIONS, help="of a rollout: what makes one map of a layer's heads (mean)")
    maps.add_argument(
        "--discard",
        type=real,
        metavar="F",
        help="of a rollout: the share of patches, the least attended, that are left out, 0 to below 1 (0)",
    )
    maps.add_argument(
        "--target", metavar="CLASS", default=PREDICTED, help="the class to explain, predicted, or all (%(default)s)"
    )
    maps.add_argument(
        "--batch-size",
        type=whole(least=1, most=1024),
        metavar="N",
        help="changed pictures that the network is shown at once, where a method needs many (32)",
    )
    maps.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="how maps are made, as a table [explain] of ExplainOptions; what is given here goes before it",
    )
    seen = explain.add_argument_group("what the network is shown (without, what is known of the network)")
    seen.add_argument(
        "--mean", type=_numbers, metavar="M", help="subtracted from values of 0 to 1; one, or one a channel"
    )
    seen.add_argument("--std", type=_numbers, metavar="S", help="divided by; one, or one a channel")
    many = explain.add_argument_group("many pictures")
    many.add_argument("--only", type=whole(least=1), metavar="N", help="the first N pictures alone")
    many.add_argument(
        "--expect",
        type=Path,
        metavar="FILE",
        help="where maps are expected, as a table [expect] of a box or a mask by class: how much of them lies there, "
        "at borders and in corners, goes into the summary",
    )
    many.add_argument(
        "--against",
        type=Path,
        metavar="CHECKPOINT",
        help="other weights of the network, for the same pictures: scores and agreement of the maps go into the "
        "summary, the other's maps into DIR/against",
    )
    add_quiet(explain.add_argument_group("files"))
    explain.set_defaults(command=run)

    layers = commands.add_parser(
        "layers",
        help="list the layers of a network that a map can be made at",
        description=wrapped(
            "List every layer of a network that a map can be made at, with the rows and columns of its grid and its "
            "channels. The recommended one, the last spatial stage, is marked *."
        ),
    )
    add_network(layers)
    layers.set_defaults(command=run_layers)


def add_network(command: argparse.ArgumentParser, *, spec: str = _SPEC) -> None:
    """Add what names any network; `spec` says what may."""
    command.add_argument("--network", required=True, metavar="SPEC", help=spec)
    command.add_argument("--input-size", type=whole(), metavar="N", help="sides of the square that it takes, in pixels")


def _numbers(text: str) -> list[float]:
    return [real(each) for each in names(text)]


def _class_names(text: str) -> list[str] | Path:
    """Return classes' names, or the folder that has them."""
    return Path(text) if Path(text).is_dir() else names(text)


def _layer_names(text: str) -> list[str] | dict[str, str]:
    """Return layers' names, or by input where each has one before it."""
    found = names(text)
    if not all("=" in each for each in found):
        return found
    return {name: layer for name, _, layer in (each.partition("=") for each in found)}


def run(options: argparse.Namespace) -> int:
    """Explain the pictures; whatever is wrong with arguments and files comes before the weights are looked for.

    Raises:
        ConfigError: if something that was given is not allowed or not there.
        WeightsError: if the checkpoint is missing or unusable.
        ClassifierError: if the network cannot be explained.
    """
    how = _how(options)
    cases, left_out = cases_of(options.pictures, options.input, out=options.out)
    check_out(options.out)
    from ensemble_cam.film import decoding

    decoding.start(cases[0].first)  # while this process imports what the network needs
    keep_few_arenas()
    line = TerminalLine(None if options.quiet else sys.stdout)
    with ticking(line, LOADING):
        from ensemble_cam.classifiers.torch_named_networks import load_network
        from ensemble_cam.explanation.expected import read_expected
        from ensemble_cam.explanation.torch_explain import check_asked
        from ensemble_cam.export.explained_summary import ExplainedSummary

        given = ("checkpoint", "classes", "output", "layer", "mean", "std", "input_size")
        asked: dict[str, Any] = {name: each for name in given if (each := getattr(options, name)) is not None}
        asked = {**({"layer": how.layers} if how.layers else {}), **asked}
        network, told = with_classes(load_network(options.network, **asked), cases)
        check_asked(network, target := _target(network, options.target), how)
        check_inputs(network, cases[0])
        expected = None if options.expect is None else read_expected(options.expect, network.classes)
        against = None
        if options.against is not None:
            against = load_network(options.network, **{**asked, "checkpoint": options.against})
            against = check_against(network, against)
    line.line(f"Network: {escaped(network.name)}, weights {network.weights}; {_layers(network, how)}")
    for each in (told, left_out):
        if each:
            line.line(each)
    is_summed_up = any(each.is_dir() for each in options.pictures) or against is not None
    summary = ExplainedSummary(expected) if is_summed_up or expected else None
    return (
        FILMS if Run(network, target, how, options.out, line, against, summary).explain(cases[: options.only]) else OK
    )


def _how(options: argparse.Namespace) -> ExplainOptions:
    """Return how maps are made; layers that were not named, and those of several inputs, are the network's."""
    given = ("method", "layer", "combine", "fusion", "discard", "batch_size")
    asked = {name: each for name in given if (each := getattr(options, name)) is not None}
    if isinstance(options.layer, dict):
        del asked["layer"]
    return ExplainOptions(**asked) if options.config is None else ExplainOptions.of_file(options.config, **asked)


def _layers(network: "Network", how: ExplainOptions) -> str:
    if how.rollout is not None:
        return "all attention layers"
    if not how.has_layers:
        return "its pixels"
    names = [f"{each.name} of {each.input}" if each.input else each.name for each in network.chosen]
    return f"layer{'s' * (len(names) > 1)} {', '.join(names)}"


def _target(network: "Network", text: str) -> str | int:
    """Return a class's index where a number was given that is no class's name."""
    is_index = text not in network.classes and text.isascii() and text.isdigit()
    return int(text[:18]) if is_index else text


def run_layers(options: argparse.Namespace) -> int:
    """List the layers.

    Raises:
        ConfigError: if something that was given is not allowed.
        ClassifierError: if the network cannot be run.
    """
    from ensemble_cam.classifiers.torch_named_networks import survey_network

    survey = survey_network(options.network, input_size=options.input_size)
    found = survey.layers()
    width = max((len(each.name) for each in found), default=0)
    for each in found:
        mark = "*" if each.recommended else " "
        rows, columns = each.grid
        input = f"  of {each.input}" if each.input else ""
        cells = f"{f'{rows}×{columns}':>9} cells  {each.channels:>5} channels"
        unstable = "  below 0" if each.unstable else ""
        print(f"{mark} {each.name:{width}}  {cells}  {each.way}{input}{unstable}")
    if unsteady := next((each.unstable for each in found if each.unstable), ()):
        titles = " and ".join(METHODS_OF_ANY_NETWORK[name].title for name in unsteady)
        print(f"below 0: {titles} are unstable there, as their denominators cross 0; all other methods are exact.")
    if not any(each.recommended for each in found):
        try:
            survey.recommended()
        except EnsembleCamError as error:
            print(error)
    return OK
