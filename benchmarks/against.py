"""This build beside an earlier one: wall time, processor time, memory, and whether their files are the same.

    python benchmarks/against.py v0.1.0                                     # all cases: some half an hour
    python benchmarks/against.py HEAD~1 --cases one app --weights-dir DIR --json against.json
    python benchmarks/against.py HEAD~1 --python .venv/bin/python           # where no package can be fetched

"Before" is REVISION, in a worktree of its own; "now" is this checkout as it lies there, uncommitted changes included.
`uv` gives each an environment of its own, without this project's tools and with OpenVINO where the revision knows the
extra; both begin with this checkout's `uv.lock`, so that they differ by what their `pyproject.toml` ask for. With
`--python` one interpreter's packages serve both, each with its own `src` before them. All of it lies in a temporary
folder and goes at the end, and so do the caches, one for each build.

The cases, all of them without `--cases`:

| name | what runs |
|---|---|
| `one` | `review` of one phantom of 1024 pixels with the teaching set, in a new process |
| `clinical` | the same with the clinical set, whose files lie in `--weights-dir` |
| `many` | `review` of `--films` phantoms of 512 pixels with the teaching set, start included |
| `archive` | `archive` now beside `review` before, of `--films` phantoms of 512 pixels; films/s behind the start |
| `app` | the app, and Chromium opening its page as soon as it is served, until the example has its maps |

In every case a run that is not counted fills the caches of compiled networks and byte code. Then the builds run in
turn, and every second round in reverse. A command's processor seconds are its own and those of all processes that it
waited for. Its memory is looked at in further runs, as looking takes time from it: the most that it and its descendants
held, shared pages once, every 20 ms. The app's figures are those of its server and the server's children, and its
memory is what they hold two seconds after the maps have come. Medians stand in the table with their ratios: below 1 is
less than before. What both builds wrote is compared pixel by pixel and score by score.

On a machine that does other work meanwhile, ratios near 1 mean little.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from processes import Cost, cost_of, memory, processor_seconds

CHECKOUT = Path(__file__).resolve().parents[1]
CASES = ("one", "clinical", "many", "archive", "app")
_FEW = 20  # films of which a run is subtracted from that of all, as what it takes to start
RUNS, LOOKS = 5, 3  # of each build: timed, and with an eye on memory
_SETTLED = 2.0  # seconds after the app's maps
_PATIENCE = 180_000  # ms
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
_MAP = 'canvas[aria-label*=": map of"]'
_NOT_INHERITED = {"VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "UV_PROJECT_ENVIRONMENT"}

Figures = Mapping[str, float]
"""What is measured, with its unit → one run's figure, or a median."""


@dataclass(frozen=True)
class Build:
    """A build of the program.

    Attributes:
        name: "before" or "now".
        source: its checkout.
        python: its interpreter.
        home: its home folder, where its caches are.
    """

    name: str
    source: Path
    python: Path
    home: Path

    @property
    def own(self) -> dict[str, str]:
        """The variables that make a process one of this build's."""
        return {
            "HOME": str(self.home),
            "USERPROFILE": str(self.home),
            "PYTHONPATH": str(self.source / "src"),
            "ENSEMBLE_CAM_CACHE": str(self.home / "cache"),
        }

    @property
    def environment(self) -> dict[str, str]:
        """All variables of its processes."""
        ours = {name for name in os.environ if name.startswith("ENSEMBLE_CAM_")}
        return {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED | ours} | self.own


@contextmanager
def builds(revision: str, folder: Path, *, python: Path | None = None) -> Iterator[tuple[Build, Build]]:
    """Make the build of a revision and this one ready to run.

    Args:
        revision: as git knows it.
        folder: for worktree, environments and homes.
        python: an interpreter whose packages serve both; None gives each an environment by `uv`.

    Raises:
        SystemExit: if git does not know the revision, or an environment cannot be made.
    """
    known = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
    )
    if known.returncode:
        raise SystemExit(f"git knows no revision {revision} here. Give a commit, a tag or a branch.")
    worktree = folder / "source"
    _said(["git", "worktree", "add", "--quiet", "--detach", str(worktree), known.stdout.strip()])
    try:
        made = []
        # This one first: where it had no lock file, it has one now.
        for name, source in (("now", CHECKOUT), ("before", worktree)):
            home = folder / name
            home.mkdir()
            if python is None and source != CHECKOUT and (CHECKOUT / "uv.lock").exists():
                shutil.copy(CHECKOUT / "uv.lock", source / "uv.lock")
            made.append(Build(name, source, python or _environment(source, folder / f"{name}-environment"), home))
        yield made[1], made[0]
    finally:
        _said(["git", "worktree", "remove", "--force", str(worktree)])


def _environment(source: Path, folder: Path) -> Path:
    """Install a checkout's packages into a folder and return its interpreter."""
    project = tomllib.loads((source / "pyproject.toml").read_text())["project"]
    extra = ["--extra", "openvino"] if "openvino" in project.get("optional-dependencies", {}) else []
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    try:
        _said(
            ["uv", "sync", "--quiet", "--project", str(source), "--no-dev", *extra, "--compile-bytecode"],
            environment=environment | {"UV_PROJECT_ENVIRONMENT": str(folder)},
        )
    except (OSError, SystemExit) as error:
        raise SystemExit(
            f"{error}\nNo environment could be made for {source}. Give an interpreter that has its packages: --python."
        ) from error
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _said(command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr.strip())


@dataclass
class Outcome:
    """What came of a case.

    Attributes:
        figures: "before" and "now" → what is measured → the figures of all runs.
        same: what is the same of what both wrote, and what is not, in sentences.
    """

    figures: dict[str, dict[str, list[float]]] = field(default_factory=lambda: {"before": {}, "now": {}})
    same: list[str] = field(default_factory=list)

    def add(self, build: str, figures: Figures) -> None:
        """Take note of a run."""
        for what, figure in figures.items():
            self.figures[build].setdefault(what, []).append(figure)

    def medians(self) -> dict[str, tuple[float, float, float]]:
        """Return what is measured → median before, median now, and the ratio of now to before."""
        before, now = self.figures["before"], self.figures["now"]
        pairs = {what: (statistics.median(before[what]), statistics.median(now[what])) for what in now}
        return {what: (one, other, other / one) for what, (one, other) in pairs.items()}


def in_turn(
    pair: Sequence[Build], run: Callable[[Build], Figures], runs: int, outcome: Outcome, *, told: str = ""
) -> None:
    """Run both builds so many times, the order reversed from round to round."""
    for number in range(runs):
        for build in pair if number % 2 == 0 else pair[::-1]:
            print(f"{told} {number + 1}/{runs}, {build.name}", file=sys.stderr, flush=True)
            outcome.add(build.name, run(build))


def reviewed(pair: Sequence[Build], films: Path, words: Sequence[str], *, runs: int, told: str) -> Outcome:
    """Let `ensemble-cam review` review a folder of films by both builds.

    Args:
        pair: before and now.
        films: the folder.
        words: further words on its command line.
        runs: of each, timed.
        told: the case's name, in what is told meanwhile.
    """
    outcome, count = Outcome(), len(list(films.iterdir()))
    first = min(films.iterdir())

    def command(build: Build, what: Path) -> list[str]:
        shutil.rmtree(build.home / "reviews", ignore_errors=True)
        reviews = ["--out", str(build.home / "reviews"), "--quiet"]
        return [str(build.python), "-m", "ensemble_cam.cli", "review", str(what), *reviews, *words]

    def timed(build: Build) -> Figures:
        cost = cost_of(command(build, films), folder=build.home, environment=build.environment)
        speed = {"films/s": count / cost.seconds} if count > 1 else {}
        return {"wall time, s": cost.seconds, **speed, "processor time, s": cost.processor}

    def looked_at(build: Build) -> Figures:
        cost = cost_of(command(build, films), folder=build.home, environment=build.environment, look=True)
        return {} if cost.peak is None else {"peak memory, MiB": cost.peak / 2**20}

    for build in pair:
        cost_of(command(build, first), folder=build.home, environment=build.environment)
    in_turn(pair, timed, runs, outcome, told=f"{told}: timed")
    in_turn(pair, looked_at, min(runs, LOOKS), outcome, told=f"{told}: memory")
    outcome.same = compared(pair[0].home / "reviews", pair[1].home / "reviews")
    return outcome


def archived(pair: Sequence[Build], films: Path, *, runs: int, told: str) -> Outcome:
    """Let this build's `archive` and the one before's `review` go through a folder of films."""
    outcome, count = Outcome(), len(list(films.iterdir()))
    few = films.parent / "few"
    few.mkdir()
    for film in sorted(films.iterdir())[:_FEW]:
        shutil.copy(film, few)

    def cost(build: Build, what: Path) -> Cost:
        out = build.home / "archived"
        shutil.rmtree(out, ignore_errors=True)
        word = "review" if build.name == "before" else "archive"
        command = [str(build.python), "-m", "ensemble_cam.cli", word, str(what), "--out", str(out), "--quiet"]
        return cost_of([*command, "--set", "teaching"], folder=build.home, environment=build.environment)

    def timed(build: Build) -> Figures:
        start, all_of_them = cost(build, few), cost(build, films)
        return {
            "films/s": (count - _FEW) / (all_of_them.seconds - start.seconds),
            "processor, ms/film": 1000 * (all_of_them.processor - start.processor) / (count - _FEW),
        }

    for build in pair:
        cost(build, few)
    in_turn(pair, timed, runs, outcome, told=told)
    return outcome


def opened(pair: Sequence[Build], *, runs: int, told: str) -> Outcome:
    """Open the app of both builds in Chromium."""
    from playwright.sync_api import sync_playwright  # here, as the other cases need no browser
    from served import serving

    outcome = Outcome()
    command = ("-m", "ensemble_cam.cli", "app", "--port", "{port}", "--no-browser")

    def open_page(build: Build) -> Figures:
        # Python takes an empty variable for one that is not there.
        own = build.own | {"PYTHONDONTWRITEBYTECODE": ""}
        started = time.perf_counter()
        with serving(build.home, command=command, python=build.python, **own) as served:
            answered = time.perf_counter()
            page = browser.new_page(viewport={"width": 1366, "height": 768})
            began = time.perf_counter()
            page.goto(served.address)
            page.locator(_MAP).first.wait_for(timeout=_PATIENCE)
            figures = {"start to page, s": answered - started, "page to maps, s": time.perf_counter() - began}
            time.sleep(_SETTLED)
            processor, held = processor_seconds(served.pid), memory(served.pid)
            page.close()
        if processor is not None and held is not None:
            figures |= {"processor time, s": processor, "resident memory, MiB": held / 2**20}
        return figures

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        for build in pair:
            open_page(build)
        in_turn(pair, open_page, runs, outcome, told=told)
        browser.close()
    return outcome


def compared(before: Path, now: Path) -> list[str]:
    """Say in sentences how two folders of reviews differ, in their pictures' pixels and in scores."""
    names = {path.relative_to(before) for path in before.rglob("*") if path.is_file()}
    others = {path.relative_to(now) for path in now.rglob("*") if path.is_file()}
    both = sorted(names & others)
    said = [f"Files: {len(names ^ others)} were written by one build alone."] if names ^ others else []
    return [
        *said,
        _pixels_compared([(before / name, now / name) for name in both if name.suffix == ".png"]),
        _scores_compared([(before / name, now / name) for name in both if name.name == "review.json"]),
    ]


def _pixels_compared(pairs: Sequence[tuple[Path, Path]]) -> str:
    pictures, sizes, pixels, different, levels = 0, 0, 0, 0, 0
    for pair in pairs:
        one, other = map(_picture, pair)
        if one.shape != other.shape:
            sizes += 1
            continue
        gaps = np.abs(one - other).max(axis=2)
        pixels += gaps.size
        if gaps.any():
            pictures, different = pictures + 1, different + int(np.count_nonzero(gaps))
            levels = max(levels, int(gaps.max()))
    told = f"PNGs: {sizes} of {len(pairs)} have another size; " if sizes else "PNGs: "
    if not different:
        return f"{told}{len(pairs) - sizes} are equal in all of {pixels} pixels."
    return f"{told}{pictures} of {len(pairs)} differ, in {different} of {pixels} pixels, by {levels} levels at most."


def _picture(path: Path) -> np.ndarray:
    """Return a picture's levels, (height, width, channels) int32."""
    with Image.open(path) as picture:
        levels = np.asarray(picture if picture.mode != "P" else picture.convert("RGBA")).astype(np.int32)
    return levels if levels.ndim == 3 else levels[..., None]


def _scores_compared(pairs: Sequence[tuple[Path, Path]]) -> str:
    count, missing, largest = 0, 0, 0.0
    for pair in pairs:
        one, other = (dict(_scores(json.loads(path.read_text(encoding="utf-8")))) for path in pair)
        missing += len(one.keys() ^ other.keys())
        count += len(one.keys() & other.keys())
        largest = max([largest, *(abs(one[place] - other[place]) for place in one.keys() & other.keys())])
    told = f"; {missing} are in the record of one build alone" if missing else ""
    return f"Scores: {count} differ by {largest:.2g} at most{told}."


def _scores(value: object, place: str = "", *, within: bool = False) -> Iterator[tuple[str, float]]:
    """Yield every number that stands under `score` or `scores`, with its place in a record."""
    if isinstance(value, dict | list):
        # What has a name keeps its place where another one comes before it.
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            name = each.get("label") or each.get("id") or key if isinstance(each, dict) else key
            yield from _scores(each, f"{place}/{name}", within=within or key in ("score", "scores"))
    elif within and isinstance(value, int | float):
        yield place, float(value)


def table(outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    """Yield the lines of the table, and below each case what is the same."""
    yield f"{'':10}{'median of':24}{'before':>10}{'now':>10}{'ratio':>8}"
    for case, outcome in outcomes.items():
        for number, (what, (before, now, ratio)) in enumerate(outcome.medians().items()):
            digits = 0 if what.endswith("MiB") else 2
            yield f"{case if not number else '':10}{what:24}{before:10.{digits}f}{now:10.{digits}f}{ratio:8.2f}"
        yield from (f"{'':10}{sentence}" for sentence in outcome.same)


def draw_films(folder: Path, count: int, side: int) -> Path:
    """Draw phantoms, none like another, as PNG files into a new folder."""
    from ensemble_cam.phantom import draw_phantom
    from ensemble_cam.phantom.files import film_bytes, film_name

    folder.mkdir()
    for number in range(count):
        (folder / film_name(number, "png")).write_bytes(film_bytes(draw_phantom(9_000 + number, size=side)))
    return folder


def measured(pair: Sequence[Build], folder: Path, options: argparse.Namespace) -> Iterator[tuple[str, Outcome]]:
    """Yield each case that was asked for, with what came of it."""
    one = draw_films(folder / "one", 1, 1024)
    for case in options.cases:
        if case == "app":
            yield case, opened(pair, runs=options.runs, told=case)
        elif case == "many":
            films = draw_films(folder / "many", options.films, 512)
            yield case, reviewed(pair, films, ["--set", "teaching"], runs=options.runs, told=case)
        elif case == "archive":
            films = draw_films(folder / "archive", options.films, 512)
            yield case, archived(pair, films, runs=options.runs, told=case)
        elif case == "one":
            yield case, reviewed(pair, one, ["--set", "teaching"], runs=options.runs, told=case)
        elif options.weights_dir is None:
            print("clinical was left out: name the folder of its weights by --weights-dir.")
        else:
            words = ["--set", "clinical", "--weights-dir", str(options.weights_dir.resolve())]
            yield case, reviewed(pair, one, words, runs=options.runs, told=case)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("revision", metavar="REVISION", help="what this checkout is compared with")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=CASES, metavar="CASE", help="one, clinical, …")
    parser.add_argument("--runs", type=int, default=RUNS, help="of each build (%(default)s)")
    parser.add_argument("--films", type=int, default=200, help="of the cases many and archive (%(default)s)")
    parser.add_argument("--weights-dir", type=Path, metavar="DIR", help="where the clinical set's files are")
    parser.add_argument("--python", type=Path, metavar="PATH", help="an interpreter whose packages serve both builds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every run's figures here")
    options = parser.parse_args(arguments)
    if options.runs < 1 or options.films < 1:
        parser.error("--runs and --films are at least 1")
    python = options.python.absolute() if options.python else None  # resolved, it would leave its environment
    with tempfile.TemporaryDirectory(prefix="against-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        with builds(options.revision, folder, python=python) as pair:
            kind = f"{python} serves both" if python else "each its own, by uv"
            print(f"before: {options.revision}; now: {CHECKOUT.name}; environment: {kind}", flush=True)
            outcomes = dict(measured(pair, folder, options))
    print("\n".join(table(outcomes)))
    if options.json:
        record = {"before": options.revision, "cases": {case: asdict(each) for case, each in outcomes.items()}}
        options.json.write_text(json.dumps(record, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
