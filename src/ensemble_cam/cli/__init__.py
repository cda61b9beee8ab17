"""The command line: `ensemble-cam app`, `review`, `weights`, `phantom` and `bench`.

Exit codes: 0 all done; 2 wrong usage or configuration; 3 some film could not be read or reviewed (the others are done,
each failure is one line on standard error); 4 weights missing or unusable.

What a command needs is imported when it runs, so that `--help` answers at once.
"""

import argparse
import contextlib
import json
import logging
import re
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from ensemble_cam import __version__
from ensemble_cam.errors import ConfigError, EnsembleCamError, WeightsError
from ensemble_cam.machine.memory import keep_few_arenas
from ensemble_cam.machine.threads import wait_briefly
from ensemble_cam.settings.config import Config, load_config
from ensemble_cam.settings.methods import AUG_SMOOTH, EIGEN_SMOOTH, LAYERS, METHODS, SEVERAL_LAYERS
from ensemble_cam.settings.sets import SETS
from ensemble_cam.settings.vocabulary import COLORMAPS, FRAMINGS, INTENSITIES

OK, USAGE, FILMS, WEIGHTS = 0, 2, 3, 4
_DEVICES = ("auto", "cpu", "cuda", "mps")
_RUNTIMES = ("auto", "torch", "openvino")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        arguments: without the program's name; None for the process's own.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # Film names and arrows must not stop a review where the output's encoding lacks them, as in a Windows pipe.
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    wait_briefly()
    try:
        return options.command(options)
    except WeightsError as error:
        return _say(error, WEIGHTS)
    except EnsembleCamError as error:
        return _say(error, USAGE)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


def _say(error: EnsembleCamError, code: int) -> int:
    print(f"ensemble-cam: {error}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ensemble-cam",
        description="Clinical review of chest radiographs: three classifiers' Grad-CAM++ maps and their ensemble. "
        "Research and teaching use. Not for diagnosis.",
    )
    parser.add_argument("--version", action="version", version=f"ensemble-cam {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_app(commands)
    _add_review(commands)
    _add_weights(commands)
    _add_phantom(commands)
    _add_bench(commands)
    return parser


def _add_app(commands: argparse._SubParsersAction) -> None:
    app = commands.add_parser("app", help="open the browser app", description="Open the browser app on this machine.")
    app.add_argument(
        "--port", type=int, metavar="N", help="the port to serve on; Streamlit's 8501 or the next free one"
    )
    app.add_argument("--no-browser", action="store_true", help="do not open a browser window")
    _add_common(app)
    app.set_defaults(command=_app)


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", type=Path, metavar="FILE", help="a configuration instead of the default one")
    command.add_argument("--weights-dir", type=Path, metavar="DIR", help="look for weights here first")


def _add_review(commands: argparse._SubParsersAction) -> None:
    review = commands.add_parser(
        "review",
        help="review films into folders of overlays, a figure and review.json",
        description="Review films. Each gets a folder of its own in DIR: overlays, a figure and review.json. "
        "A film whose finished review lies there already is passed over.",
        epilog=_methods_told(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    review.add_argument("films", nargs="+", type=Path, metavar="FILE", help="a film, or a folder of films")
    review.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the films' folders go")
    _add_common(review)
    networks = review.add_argument_group("classifiers")
    networks.add_argument("--set", choices=SETS, default="clinical", help="the set of classifiers (%(default)s)")
    networks.add_argument(
        "--classifiers", metavar="ID,ID", help="exactly these of the set; without, all but the optional ones"
    )
    networks.add_argument(
        "--weights",
        action="append",
        default=[],
        metavar="ID=NAME",
        help='weights other than the default, or "untrained" for seeded values; may be repeated',
    )
    networks.add_argument("--ensemble-weight", action="append", default=[], metavar="ID=W", help="may be repeated")
    networks.add_argument("--device", choices=_DEVICES, default="auto", help="(%(default)s)")
    networks.add_argument(
        "--runtime", choices=_RUNTIMES, default="auto", help="auto: OpenVINO on the processor where it is installed"
    )
    maps = review.add_argument_group("maps (defaults are the configuration's)")
    what = maps.add_mutually_exclusive_group()
    what.add_argument("--top-k", type=int, metavar="N", help="explain the N findings with the highest scores")
    what.add_argument("--labels", metavar="A,B", help="explain these findings")
    maps.add_argument("--method", choices=METHODS, help="what each shows, costs and hides stands below")
    maps.add_argument("--layers", choices=LAYERS, help=f"several: {SEVERAL_LAYERS}")
    maps.add_argument("--aug-smooth", action="store_true", default=None, help=AUG_SMOOTH)
    maps.add_argument("--eigen-smooth", action="store_true", default=None, help=EIGEN_SMOOTH)
    maps.add_argument("--framing", choices=FRAMINGS, help="the centre square as upstream, or the whole film")
    maps.add_argument("--intensity", choices=INTENSITIES, help="which pixels of a DICOM the networks see")
    maps.add_argument("--rescale", action="store_true", help="stretch films that use a quarter of their range or less")
    drawing = review.add_argument_group("drawing (defaults are the configuration's)")
    drawing.add_argument("--threshold", type=float, metavar="T", help="draw relative activation from here on, 0 to 1")
    drawing.add_argument("--opacity", type=float, metavar="O", help="of the overlay, 0 to 1")
    drawing.add_argument("--colormap", choices=COLORMAPS)
    files = review.add_argument_group("files")
    files.add_argument("--save-maps", action="store_true", help="write maps.npz, every map on the source grid")
    files.add_argument("--log", type=Path, metavar="FILE", help="write the details of failures to this file")
    files.add_argument("--anonymous-names", action="store_true", help="name folders by the film's hash")
    review.set_defaults(command=_review)


def _methods_told() -> str:
    """Return a paragraph for each method, wrapped as argparse wraps."""
    width = max(shutil.get_terminal_size().columns - 2, 40)
    told = [
        textwrap.fill(f"{method.name}: {method.line}", width, subsequent_indent="  ") for method in METHODS.values()
    ]
    return "\n".join(["methods:", *told])


def _add_weights(commands: argparse._SubParsersAction) -> None:
    weights = commands.add_parser("weights", help="list, fetch or verify the networks' weights")
    actions = weights.add_subparsers(title="actions", required=True, metavar="ACTION")
    for name, help_text in (("list", "say what is there"), ("verify", "check every file's hash")):
        action = actions.add_parser(name, help=help_text)
        _add_common(action)
        action.set_defaults(command=_weights_status, verify=name == "verify")
    fetch = actions.add_parser("fetch", help="fetch the configured defaults, or those named")
    fetch.add_argument("names", nargs="*", metavar="NAME", help="weights as `weights list` names them")
    fetch.add_argument("--from", dest="source", metavar="URL", help="a mirror's address, or a folder")
    _add_common(fetch)
    fetch.set_defaults(command=_weights_fetch)


def _add_phantom(commands: argparse._SubParsersAction) -> None:
    phantom = commands.add_parser(
        "phantom",
        help="draw chest films with findings planted at known places",
        description="Draw synthetic chest films, each with its truth (JSON) and a mask for each planted finding. "
        "The same seed gives the same film; one that lies in DIR already is passed over, and nothing is overwritten.",
    )
    phantom.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the files go")
    phantom.add_argument("--count", type=int, default=1, metavar="N", help="how many films (%(default)s)")
    phantom.add_argument("--seed", type=int, default=0, metavar="S", help="of the first film; the next has S + 1")
    what = phantom.add_mutually_exclusive_group()
    what.add_argument(
        "--finding",
        action="append",
        metavar="NAME",
        help="plant this one in every film instead of findings drawn at random; may be repeated",
    )
    what.add_argument("--normal", action="store_true", help="plant nothing")
    phantom.add_argument("--size", default="1024", metavar="N|WxH", help="in pixels (%(default)s)")
    phantom.add_argument("--bits", type=int, choices=(8, 16), default=8, help="(%(default)s)")
    phantom.add_argument("--difficulty", type=float, metavar="D", help="0, plain, to 1, borderline; else at random")
    phantom.add_argument("--format", choices=("png", "dicom"), default="png", help="(%(default)s)")
    phantom.set_defaults(command=_phantom)


def _add_bench(commands: argparse._SubParsersAction) -> None:
    bench = commands.add_parser(
        "bench",
        help="measure the speed on this machine, beside the grad-cam package",
        description="Measure reading, networks, maps and writing on this machine, and the same maps by the grad-cam "
        "package hooked on the whole networks, in turns in one run. Takes a minute or more.",
    )
    bench.add_argument("--set", choices=SETS, help="the set of classifiers (clinical)")
    bench.add_argument("--untrained", action="store_true", help="with seeded values, for which nothing is fetched")
    bench.add_argument("--top-k", metavar="N|all", help="maps of each classifier (3)")
    bench.add_argument(
        "--viewer",
        action="store_true",
        help="the app's live viewer instead: frames, keys and the first view, with the teaching set in Chromium",
    )
    bench.add_argument("--runs", type=int, default=5, metavar="N", help="of which medians are told (%(default)s)")
    bench.add_argument("--json", action="store_true", help="for machines")
    _add_common(bench)
    bench.set_defaults(command=_bench)


def _bench(options: argparse.Namespace) -> int:
    top_k = options.top_k or "3"
    if top_k != "all" and not (top_k.isascii() and top_k.isdigit() and int(top_k)):
        raise ConfigError(f"--top-k: got {top_k!r}, allowed is a number of at least 1, or all.")
    if options.runs < 1:
        raise ConfigError(f"--runs: got {options.runs}, allowed is a number of at least 1.")
    from ensemble_cam.machine.terminal import Progress

    progress = Progress(sys.stderr)

    def tell(what: str) -> None:
        progress.transient(f"Measuring: {what}")

    if options.viewer:
        for name in ("set", "untrained", "top_k", "config", "weights_dir"):
            if getattr(options, name):
                raise ConfigError(f"--{name.replace('_', '-')} does not go with --viewer, which has the teaching set.")
        from ensemble_cam.benchmark.viewer import bench_viewer, told

        record = bench_viewer(views=options.runs, progress=tell)
    else:
        config = load_config(options.config)
        from ensemble_cam.benchmark.speed import bench, told

        record = bench(
            config,
            set=options.set or "clinical",
            untrained=options.untrained,
            labels=None if top_k == "all" else int(top_k),
            runs=options.runs,
            weights_dir=options.weights_dir,
            progress=tell,
        )
    progress.transient("")
    print(json.dumps(record, indent=1) if options.json else told(record))
    return OK


def _app(options: argparse.Namespace) -> int:
    from ensemble_cam.ui.launch import run_app

    load_config(options.config)  # a broken one is better told of here than in the browser
    return run_app(
        config=options.config, weights_dir=options.weights_dir, port=options.port, browser=not options.no_browser
    )


def _review(options: argparse.Namespace) -> int:
    config = load_config(options.config)
    pairs = _pairs(options.weights, "--weights")
    changed = _pairs(options.ensemble_weight, "--ensemble-weight")
    changed = {id: _number(value, f"--ensemble-weight {id}") for id, value in changed.items()}
    keep_few_arenas()
    from ensemble_cam.archive.batch import Batch, find_films
    from ensemble_cam.machine.terminal import Progress

    batch = Batch.prepare(
        config,
        set=options.set,
        classifiers=None if options.classifiers is None else _ids(options.classifiers),
        weights=pairs,
        weights_dir=options.weights_dir,
        device=options.device,
        runtime=options.runtime,
        settings=_given(options, "top_k", "method", "layers", "aug_smooth", "eigen_smooth", "framing")
        | {"ensemble_weights": changed}
        | ({} if options.labels is None else {"labels": tuple(options.labels.split(","))}),
        display=_given(options, "threshold", "opacity", "colormap"),
        intensity=options.intensity or config.review.intensity,
        rescale=options.rescale,
        progress=Progress(sys.stdout),
    )
    films = find_films(options.films)
    if options.log is not None:
        _log_to(options.log)
    failed = batch.review(
        films, options.out, save_maps=options.save_maps, anonymous_names=options.anonymous_names, errors=sys.stderr
    )
    return FILMS if failed else OK


def _log_to(path: Path) -> None:
    try:
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--log: {path.name} cannot be written ({error.strerror}).") from None
    logging.getLogger("ensemble_cam").addHandler(handler)


def _given(options: argparse.Namespace, *names: str) -> dict[str, object]:
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}


def _pairs(given: Sequence[str], option: str) -> Mapping[str, str]:
    pairs = {}
    for text in given:
        id, equals, value = text.partition("=")
        if not (id and equals and value):
            raise ConfigError(f"{option}: got {text!r}, allowed is a classifier's id, = and a value.")
        pairs[id] = value
    return pairs


def _ids(text: str) -> list[str]:
    return [id for part in text.split(",") if (id := part.strip())]


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"{where}: got {text!r}, allowed is a number of at least 0.") from None


def _weights_status(options: argparse.Namespace) -> int:
    from ensemble_cam.weights.released import search_folders
    from ensemble_cam.weights.store import status

    states = status(load_config(options.config), weights_dir=options.weights_dir, verify=options.verify)
    print("Looked in", ", then ".join(str(folder) for folder in search_folders(options.weights_dir)))
    wide = max((len(state.name) for state in states), default=0)
    for state in states:
        size = f"{state.size / 1e6:6.1f} MB" if state.size is not None else " " * 9
        where = "  in the package" if state.packaged and state.path else f"  {state.path}" if state.path else ""
        print(f"{state.name:<{wide}}  {state.state:<13}  {size}{where}")
        if options.verify and state.path:
            print(f"{'':<{wide}}  {state.detail}")
    broken = [state for state in states if state.state == "wrong hash"]
    for state in broken if not options.verify else ():
        print(f"ensemble-cam: {state.detail}", file=sys.stderr)
    return WEIGHTS if broken else OK


def _weights_fetch(options: argparse.Namespace) -> int:
    from ensemble_cam.machine.terminal import Progress
    from ensemble_cam.weights.released import weights_file
    from ensemble_cam.weights.store import fetch

    wanted = _wanted_weights(load_config(options.config), options.names)
    progress = Progress(sys.stdout)
    for classifier, name in wanted:
        located = fetch(
            classifier,
            name,
            weights_dir=options.weights_dir,
            source=options.source,
            progress=lambda done, total, name=name: progress.transient(f"{name}: {megabytes(done, total)}"),
        )
        already = "in the package already, " if weights_file(name).packaged else ""
        progress.line(f"{name}: {already}{located.path} (SHA-256 {located.sha256})")
    return OK


def megabytes(done: int, total: int | None) -> str:
    """Say how much of a download is there, as "12.3 of 28.4 MB, 43 %"."""
    return f"{done / 1e6:.1f} MB" if not total else f"{done / 1e6:.1f} of {total / 1e6:.1f} MB, {done / total:.0%}"


def _wanted_weights(config: Config, names: Sequence[str]) -> list[tuple]:
    if not names:
        return [(c, c.default_weight) for c in config.in_set("clinical") if c.default_weight != "untrained"]
    by_name = {name: classifier for classifier in config.classifiers for name in classifier.weights}
    strangers = [name for name in names if name not in by_name]
    if strangers:
        raise ConfigError(f"weights: got {strangers[0]!r}, known are {', '.join(by_name)}.")
    return [(by_name[name], name) for name in names]


def _phantom(options: argparse.Namespace) -> int:
    if options.count < 1:
        raise ConfigError(f"--count: got {options.count}, allowed is a number of at least 1.")
    size = _size(options.size)
    from ensemble_cam.machine.terminal import Progress
    from ensemble_cam.phantom import were_learned_from
    from ensemble_cam.phantom.series import Series, find_findings

    series = Series(
        options.out,
        seed=options.seed,
        findings=() if options.normal else find_findings(options.finding) if options.finding else None,
        size=size,
        bits=options.bits,
        difficulty=options.difficulty,
        format=options.format,
    )
    progress, drawn = Progress(sys.stdout), []
    with contextlib.closing(series.write_all(options.count)) as films:
        for film in films:
            drawn.append(film)
            progress.transient(f"[{len(drawn)}/{options.count}] {film.name}")
    normal, new = sum(not film.findings for film in drawn), sum(film.new for film in drawn)
    names = drawn[0].name if len(drawn) == 1 else f"{drawn[0].name} to {drawn[-1].name}"
    count = f"{len(drawn)} phantom{'s' * (len(drawn) > 1)}" + (f" ({normal} normal)" if normal else "")
    there = f", {len(drawn) - new} of them there already" if new < len(drawn) else ""
    progress.line(f"{count} with truth and masks in {options.out}: {names}{there}")
    if were_learned_from(options.seed, options.count):
        progress.line("The teaching networks know some of these films: judge them by films of other seeds.")
    return OK


def _size(text: str) -> tuple[int, int]:
    """Return (width, height) of "1024" or "1024x1280"."""
    match = re.fullmatch(r"(\d{1,6})(?:[x×](\d{1,6}))?", text.strip().lower(), re.ASCII)
    if match is None:
        raise ConfigError(f"--size: got {text!r}, allowed is a side in pixels, such as 1024, or WIDTHxHEIGHT.")
    return int(match[1]), int(match[2] or match[1])
