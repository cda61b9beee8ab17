"""What an archive costs beside a review, and whether its tables say the same, whatever runs it or dies meanwhile.

    uv run python benchmarks/archive.py speed [--films 1000] [--reviews 60] [--rounds 3]
    uv run python benchmarks/archive.py clinical [--films 100] [--weights-dir DIR]
    uv run python benchmarks/archive.py memory [--films 1000]
    uv run python benchmarks/archive.py same [--films 50]

`speed`: films per second of `archive` and `review` with the teaching set on drawn phantoms of 512 pixels, in turns, the
best round of each; and how much of the processor each takes for a film, its start left out.
`clinical`: 100 phantoms of 1024 pixels by the clinical architectures, scores alone and with the maps of three findings,
beside the same backbones back to back in one process, without anything else, in turns. Without `--weights-dir` their
values are seeded, which takes as long.
`memory`: of all processes of an archive together, at most up to its fiftieth film and in each fifth of its films.
`same`: the tables of both engines, of one worker and of four, with and without `kill -9` of a worker and of the
command, beside reviews of the same films: every score, call, box and area equal, and every map as far as float16 goes.

What is drawn lies in the system's folder for temporary files and is drawn once.
"""

import argparse
import json
import os
import re
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import processes
import pyarrow.parquet as pq

from ensemble_cam.film.geometry import Geometry
from ensemble_cam.maps.heatmap import Heatmap

HERE = Path(tempfile.gettempdir()) / "ensemble-cam-archive-benchmark"
SEED = 600_000  # of films that no teaching network has seen
_RATE = re.compile(r"([\d.]+) films/(s|min)")


@dataclass(frozen=True)
class Run:
    """A command that has ended.

    Attributes:
        rate: films in a second by its own words, its start left out.
        processor: seconds of the processor, of all of its processes.
    """

    rate: float
    processor: float


def command(*arguments: object) -> list[str]:
    """Return a command of this program by this interpreter."""
    return [sys.executable, "-m", "ensemble_cam", *map(str, arguments)]


def ran(*arguments: object) -> Run:
    """Run a command to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command(*arguments), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{arguments[0]} ended with {done.returncode}: {done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = _RATE.findall(done.stdout)
    value, unit = found[-1] if found else ("nan", "s")
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(float(value) / (60 if unit == "min" else 1), spent)


def phantoms(count: int, size: int) -> Path:
    """Return a folder of phantoms, drawn if they are not there."""
    folder = HERE / f"phantoms_{size}_{count}"
    subprocess.run(
        command("phantom", "--out", folder, "--count", count, "--size", size, "--seed", SEED),
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return folder


def listed(folder: Path, count: int) -> Path:
    """Return a list of the first films of a folder."""
    paths = sorted(path for path in folder.iterdir() if re.fullmatch(r"phantom_\d+\.png", path.name))[:count]
    path = HERE / f"{folder.name}_first_{count}.csv"
    path.write_text("file\n" + "".join(f"{each}\n" for each in paths))
    return path


def films_of(path: Path) -> list[str]:
    """Return the films of a list."""
    return path.read_text().splitlines()[1:]


def fresh() -> Path:
    """Return a folder that is not there yet."""
    return Path(tempfile.mkdtemp(dir=HERE)) / "out"


def speed(options: argparse.Namespace) -> None:
    """Measure both commands in turns."""
    folder = phantoms(options.films, 512)
    films, few = listed(folder, options.films), listed(folder, options.reviews)
    one = listed(folder, 1)
    starts = {
        "review": ran("review", *films_of(one), "--set", "teaching", "--out", fresh()).processor,
        "archive": ran("archive", one, "--set", "teaching", "--out", fresh()).processor,
    }
    best: dict[str, Run] = {}
    counts = {"review": options.reviews, "archive": options.films, "archive --scores-only": options.films}
    for _ in range(options.rounds):
        for name in counts:
            verb, *rest = name.split()
            given = films_of(few) if verb == "review" else [films]
            found = ran(verb, *given, *rest, "--set", "teaching", "--out", fresh())
            best[name] = max(best.get(name, found), found, key=lambda each: each.rate)
    for name, run in best.items():
        start = starts[name.split()[0]] * _workers()  # each process starts by itself
        each = (run.processor - start) / counts[name]
        ratio = run.rate / best["review"].rate
        print(
            f"{name}: {run.rate:.1f} films/s, {ratio:.1f} times review's; {each * 1000:.0f} ms of the processor a film"
        )


def _workers() -> int:
    from ensemble_cam.archive.workers import default_workers

    return default_workers()


BACKBONES = """
import sys, time
from pathlib import Path
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.reviewing.options import ReviewOptions
from ensemble_cam.reviewing.pipeline import examine, model_input
from ensemble_cam.reviewing.preparing import Choice, checked, load_classifiers
from ensemble_cam.settings.config import load_config
config = load_config()
weights = {} if sys.argv[1] else {each.id: "untrained" for each in config.for_review("clinical", None)}
choice = Choice("clinical", None, weights, Path(sys.argv[1]) if sys.argv[1] else None)
options = checked(config, choice, ReviewOptions.of({}, config.review))
classifiers = load_classifiers(config, choice, options)
film = read_radiograph(Path(sys.argv[2]).read_bytes())
inputs = [(each, model_input(film, framing="crop", size=each.config.input_size)) for each in classifiers]
for each, pixels in inputs:
    each.backbone(pixels)
began = time.perf_counter()
for _ in range(int(sys.argv[3])):
    for each, pixels in inputs:
        each.backbone(pixels)
print(int(sys.argv[3]) / (time.perf_counter() - began))
"""


def clinical(options: argparse.Namespace) -> None:
    """Measure the clinical architectures beside their backbones alone, in turns."""
    folder = phantoms(options.films, 1024)
    films = listed(folder, options.films)
    ids = ("densenet121", "resnet50", "jfhealthcare")
    weights = ["--weights-dir", options.weights_dir] if options.weights_dir else []
    if not weights:
        weights = [part for id in ids for part in ("--weights", f"{id}=untrained")]
    best: dict[str, float] = {}
    for _ in range(options.rounds):
        given = [BACKBONES, str(options.weights_dir or ""), films_of(films)[0], str(options.films)]
        alone = subprocess.run([sys.executable, "-c", *given], capture_output=True, text=True, check=True)
        best["backbones"] = max(best.get("backbones", 0), float(alone.stdout))
        for name, kept in (("scores", ["--scores-only"]), ("maps of three findings", ["--maps", "--top-k", 3])):
            best[name] = max(best.get(name, 0), ran("archive", films, "--out", fresh(), *weights, *kept).rate)
    for name, rate in best.items():
        print(f"{name}: {rate:.2f} films/s, {rate / best['backbones']:.0%} of the backbones back to back")


def memory(options: argparse.Namespace) -> None:
    """Measure all processes of an archive together, by what its own line says of how far it is."""
    films = listed(phantoms(options.films, 512), options.films)
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        command("archive", films, "--set", "teaching", "--maps", "--out", fresh()), stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    samples, done = [], 0
    while process.poll() is None:
        if select.select([ours], [], [], 0.5)[0]:
            with suppress(OSError):  # as its other end is closed
                for found in re.finditer(rb"\] (\d+)/\d+", os.read(ours, 2**16)):
                    done = int(found[1])
        samples.append((done, processes.memory(process.pid) or 0))
    bounds = sorted({0, options.early, *(options.films * tenths // 10 for tenths in (2, 4, 6, 8, 10))})
    told = [
        f"{max(sizes) >> 20} MB to film {last}"
        for first, last in pairwise(bounds)
        if (sizes := [size for done, size in samples if first <= done < last or done == last == options.films])
    ]
    print(f"{options.films} films, at most {', '.join(told)}")


def same(options: argparse.Namespace) -> None:
    """Compare the tables of both engines, undisturbed and disturbed, with reviews of the same films."""
    films = listed(phantoms(max(options.films, 200), 512), options.films)
    reviews = fresh()
    ran("review", *films_of(films), "--set", "teaching", "--save-maps", "--out", reviews)
    common = (films, "--set", "teaching", "--maps")
    for name, engine in {
        "local, one process": ("--workers", 1),
        "local, four": ("--workers", 4),
        "Dask, one worker": ("--engine", "dask", "--workers", 1),
        "Dask, four": ("--engine", "dask", "--workers", 4),
    }.items():
        out = fresh()
        ran("archive", *common, *engine, "--out", out)
        print(f"{name}: {compared(reviews, out)}")
    for name, engine in {"local": ("--workers", 2), "Dask": ("--engine", "dask", "--workers", 2)}.items():
        for what in ("a process of it", "the command"):
            print(f"{name}, kill -9 of {what}: {_disturbed(what, reviews, (*common, *engine), name)}")


def _disturbed(what: str, reviews: Path, arguments: Sequence[object], name: str) -> str:
    out = fresh()
    process = subprocess.Popen(command("archive", *arguments, "--out", out), stdout=subprocess.PIPE, text=True)
    while not (out / "archive.json").exists():
        time.sleep(0.1)
    time.sleep(2)
    if what == "the command":
        process.send_signal(signal.SIGKILL)
    else:
        wanted = "distributed" if name == "Dask" else "ensemble_cam.archive.worker"
        for pid in sorted(processes.Family(process.pid).members() - {process.pid}):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
            if wanted in words or (name == "Dask" and "spawn_main" in words):
                os.kill(pid, signal.SIGKILL)
                break
    process.wait()
    if what == "the command":
        process = subprocess.Popen(command("archive", *arguments, "--out", out), stdout=subprocess.DEVNULL, text=True)
        process.wait()
    return f"exit code {process.returncode}, {compared(reviews, out)}"


def compared(reviews: Path, out: Path) -> str:
    """Return in words how far tables hold what reviews say.

    Raises:
        SystemExit: if a number differs.
    """
    read = {row["film"]: row for row in _rows(out, "films")}
    scores = {(row["film"], row["classifier"], row["finding"]): row["score"] for row in _rows(out, "scores")}
    measured = {(row["film"], row["finding"], row["classifier"]): row for row in _rows(out, "findings")}
    maps = {(row["film"], row["finding"], row["classifier"]): row for row in _rows(out, "maps")}
    numbers, differing, furthest = 0, [], 0.0
    folders = sorted(path.parent for path in reviews.glob("*/review.json"))
    if list(read) != [folder.name for folder in folders]:
        sys.exit(f"{out}: other films, or in another order")
    for folder in folders:
        record = json.loads((folder / "review.json").read_text())
        pairs: list[tuple[object, object]] = [(read[folder.name]["sha256"], record["input"]["sha256"])]
        for classifier in record["classifiers"]:
            for label, score in classifier["scores"].items():
                pairs.append((scores[folder.name, classifier["id"], label], score))
        for finding in record["findings"]:
            for id, told in finding["maps"].items():
                row = measured[folder.name, finding["label"], id]
                pairs += [(row["call"], told["call"]), (row["box"], told.get("box")), (row["area"], told.get("area"))]
        numbers += len(pairs)
        differing += [(folder.name, *pair) for pair in pairs if pair[0] != pair[1]]
        with np.load(folder / "maps.npz") as saved:
            for (film, label, id), row in maps.items():
                if film == folder.name:
                    there = saved[f"{label}/{id}"].astype(np.float32)
                    here = enlarged(row, read[film]).astype(np.float32)
                    furthest = max(furthest, float(np.abs(there - here).max()))
    if differing:
        sys.exit(f"{out}: {len(differing)} of {numbers} values differ, the first {differing[0]}")
    return f"{len(folders)} films, {numbers} values equal, maps at most {furthest:.5f} apart"


def enlarged(row: Mapping[str, object], film: Mapping[str, object]) -> np.ndarray:
    """Return a map of the tables on the film, float16, by the program's own rule."""
    geometry = Geometry.framed((film["width"], film["height"]), framing="crop", cells=1)  # type: ignore[arg-type]
    grid = np.array(row["grid"], np.float32).reshape(row["rows"], row["columns"])  # type: ignore[call-overload]
    return Heatmap(str(row["finding"]), geometry, (grid,), (1.0,)).in_source(np.float16)


def _rows(out: Path, table: str) -> list[dict[str, object]]:
    return pq.read_table(out / f"{table}.parquet").to_pylist()


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    measures = parser.add_subparsers(required=True)
    for measure, films in ((speed, 1000), (clinical, 100), (memory, 1000), (same, 50)):
        each = measures.add_parser(measure.__name__)
        each.add_argument("--films", type=int, default=films)
        each.add_argument("--reviews", type=int, default=60)
        each.add_argument("--rounds", type=int, default=3)
        each.add_argument("--early", type=int, default=50)
        each.add_argument("--weights-dir", type=Path)
        each.set_defaults(measure=measure)
    options = parser.parse_args()
    HERE.mkdir(exist_ok=True)
    options.measure(options)


if __name__ == "__main__":
    main()
