"""Measures this program on the machine at hand, beside the `grad-cam` package that is hooked on the whole networks.

The peer does what people do with it: for each label one call, which runs the network forwards and backwards. Ours does
the same work, from input tensors to maps and their ensemble, once in each runtime. All of them take turns in one run,
so that their ratio holds where the machine's own speed drifts; what is told are medians. The labels are the last ones
of each network: any others cost the peer the same, and JF Healthcare's chain of attentions less.

Source of the peer: https://github.com/jacobgil/pytorch-grad-cam, `GradCAMPlusPlus(model, [layer])(film, [target])`.
"""

import io
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.classifiers.compilation import is_installed
from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.classifiers.runtime import PRECISION, runtimes
from ensemble_cam.classifiers.sources import find_source
from ensemble_cam.classifiers.torch_families import TORCH_ARCHITECTURES
from ensemble_cam.classifiers.torch_networks import load_network
from ensemble_cam.errors import ConfigError
from ensemble_cam.export.figure import figure_png
from ensemble_cam.export.folder import write_review
from ensemble_cam.export.overlays import overlays
from ensemble_cam.film.geometry import Geometry
from ensemble_cam.film.radiograph import Radiograph, read_radiograph
from ensemble_cam.machine.facts import machine_facts, machine_line
from ensemble_cam.machine.report import Report, unheard
from ensemble_cam.maps.cams import CamMap, Exposure, cam_grids
from ensemble_cam.maps.ensemble import ensemble_map
from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import phantom_files
from ensemble_cam.reviewing.pipeline import analyse, model_input
from ensemble_cam.reviewing.review import Review, RunInfo
from ensemble_cam.settings.config import ClassifierConfig, Config
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.methods import METHODS, Recipe
from ensemble_cam.settings.settings import Settings
from ensemble_cam.settings.vocabulary import UNTRAINED

DEFAULT = Recipe().method
SIDE = 2500
"""Pixels along each side of the film that is read, drawn over and written."""

_LARGE = (3000, 2500)
_MATRIX = 3000
# The share of all work that is done before the runs begin, roughly.
_PREPARED = 0.2
_STAGES = ("backbones", "heads", "maps", "ensemble")


@dataclass(frozen=True, eq=False)
class ComparedClassifier:
    """One classifier of ours in every runtime, and the whole network that the peer is hooked on.

    Attributes:
        ours: runtime → the classifier.
        whole: (n, 1, side, side) pixels → (n, outputs) logits.
        layer: of `whole`, what the peer explains by.
        outputs: the logits that both explain.
    """

    ours: Mapping[str, Classifier]
    whole: nn.Module
    layer: nn.Module
    outputs: tuple[int, ...]

    @classmethod
    def load(
        cls, config: ClassifierConfig, *, weights: str | None, weights_dir: Path | None, labels: int | None
    ) -> "ComparedClassifier":
        """Load a classifier twice, cut and whole.

        Args:
            config: its table.
            weights: see `load_classifier`.
            weights_dir: see `load_classifier`.
            labels: how many of its labels are explained, the last ones; None for all of them.
        """
        classifier = load_classifier(config, weights=weights, weights_dir=weights_dir)
        ours = {"torch": classifier}
        if is_installed():
            ours["openvino"] = load_classifier(config, weights=weights, weights_dir=weights_dir, runtime="openvino")
        network = load_network(find_source(config, weights=weights, weights_dir=weights_dir))
        whole, layer = TORCH_ARCHITECTURES[config.model_type].peer(network)
        outputs = tuple(classifier.outputs.values())
        return cls(ours, whole.eval(), layer, outputs if labels is None else outputs[-labels:])

    @property
    def config(self) -> ClassifierConfig:
        """Its table of the configuration."""
        return self.ours["torch"].config

    @property
    def labels(self) -> tuple[str, ...]:
        """What both explain, by name."""
        names = {output: label for label, output in self.ours["torch"].outputs.items()}
        return tuple(names[output] for output in self.outputs)

    def run_peer(self, pixels: np.ndarray, method: str = DEFAULT) -> list[np.ndarray]:
        """Let the package make a method's maps, one after the other."""
        import pytorch_grad_cam  # here, as importing it takes a second
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

        with getattr(pytorch_grad_cam, METHODS[method].package_class)(self.whole, [self.layer]) as cam:
            return [cam(torch.as_tensor(pixels), [ClassifierOutputTarget(output)])[0] for output in self.outputs]


def bench(
    config: Config,
    *,
    set: str = "clinical",
    untrained: bool = False,
    labels: int | None = 3,
    method: str = DEFAULT,
    runs: int = 5,
    weights_dir: Path | None = None,
    report: Report = unheard,
) -> dict[str, Any]:
    """Measure, and return what `bench --json` prints.

    Args:
        config: the classifiers.
        set: which of them.
        untrained: with seeded values, for which nothing has to be fetched.
        labels: how many labels of each classifier are explained, its last ones; None for all that it knows.
        method: of the maps, whose memory is measured, too.
        runs: how often everything is measured, after one run that warms up.
        weights_dir: see `load_classifier`.
        report: takes what is being measured.

    Raises:
        WeightsMissing, WeightsError: see `load_classifier`.
        ConfigError: if there is no such set, or the method is none that the package is hooked for.
    """
    if METHODS[method].kind == "guided":
        raise ConfigError(
            f"--method: the package has no hooked class for {method} to be measured beside. Take another."
        )
    compared = []
    for table in config.for_review(set):
        report(f"loading {table.name}", 0.0)
        weights = UNTRAINED if untrained else None
        compared.append(ComparedClassifier.load(table, weights=weights, weights_dir=weights_dir, labels=labels))
    names = tuple(compared[0].ours)
    report("drawing films", _PREPARED / 3)
    files = _films()
    report("a review's memory", _PREPARED / 2)
    fastest = [each.ours[names[-1]] for each in compared]
    memory = _peak_memory(fastest, set, method)
    report("reading, drawing and writing", _PREPARED * 3 / 4)
    film = read_radiograph(files["png"])
    seconds = {"reading": _reading(files, fastest, runs), **_leaving(film, fastest, set, runs)}
    inputs = {size: model_input(film, framing="crop", size=size) for size in _sizes(fastest)}
    shares, peaks = [], []
    for number in range(runs + 1):
        done = _PREPARED + (1 - _PREPARED) * number / (runs + 1)
        report(f"run {number} of {runs}: the peer", done)
        peer = {each.config.id: _timed(partial(each.run_peer, _pixels(each, inputs), method)) for each in compared}
        ours = {}
        for name in names:
            report(f"run {number} of {runs}: {name}", done)
            ours[name] = _run_ours([(each.ours[name], each.outputs) for each in compared], inputs, film, Recipe(method))
        peak = _matrix_product()
        if number:  # the first one warms up
            shares.append({"peer": peer, **ours})
            peaks.append(peak)
    work = sum(_operations(each.ours["torch"], _pixels(each, inputs)) for each in compared)
    return _record(compared, shares, peaks, work) | {
        "set": set,
        "untrained": untrained,
        "method": method,
        "runs": runs,
        "seconds": seconds | _medians(shares, names) | {"import": {what: _importing(runs, what) for what in _IMPORTS}},
        "peak_memory_mb": memory,
        "machine": machine_facts(_software()),
    }


def as_text(record: Mapping[str, Any]) -> str:
    """Return what was measured as lines for people."""
    seconds, names = record["seconds"], list(record["speedup"])
    weights = "seeded values" if record["untrained"] else "its weights"
    count = sum(map(len, record["labels"].values()))
    lines = [
        machine_line(record["machine"]),
        f"{record['set']} set with {weights}, {count} maps by {METHODS[record['method']].title}, "
        f"medians of {record['runs']} runs",
        "",
        f"{'from input tensors to maps':<28}" + "".join(f"{name:>11}" for name in names) + f"{'peer':>11}",
    ]
    for stage in _STAGES:
        lines.append(f"  {stage:<26}" + "".join(f"{seconds[name][stage]:>9.3f} s" for name in names))
    totals = "".join(f"{sum(seconds[name].values()):>9.3f} s" for name in names)
    lines.append(f"  {'all':<26}{totals}{sum(seconds['peer'].values()):>9.3f} s")
    lines.append(
        f"  {'times as fast as the peer':<26}" + "".join(f"{record['speedup'][name]:>11.1f}" for name in names)
    )
    for key, what in (("share_behind_backbones", "behind the backbones"), ("peak_share", "of the peak, backbones")):
        lines.append(f"  {what:<26}" + "".join(f"{record[key][name]:>11.0%}" for name in names))
    lines += [
        f"  peak: {record['peak_gflops']} GFLOP/s, a matrix product; backbones: {record['backbones_gflop']} GFLOP",
        "",
        "imports, beyond Python's own start: "
        + ", ".join(f"{what} {value:.2f} s" for what, value in seconds["import"].items()),
        f"reading a film of {SIDE}×{SIDE}, bytes to input tensors: "
        + ", ".join(f"{name.upper()} {value:.3f} s" for name, value in seconds["reading"].items()),
        f"drawing: overlays {seconds['rendering']['overlays']:.2f} s, figure {seconds['rendering']['figure']:.2f} s; "
        f"writing a whole review: {seconds['writing']:.2f} s",
    ]
    if record["peak_memory_mb"] is not None:
        lines.append(
            f"a review of {_LARGE[0]}×{_LARGE[1]} in 16 bits, maps of all labels: at most "
            f"{record['peak_memory_mb']:.0f} MB over what loading took"
        )
    return "\n".join(lines)


def as_table(record: Mapping[str, Any]) -> str:
    """Return what was measured as a table in Markdown, with the machine's processor named below it: the README's."""
    seconds, names = record["seconds"], list(record["speedup"])
    count = sum(map(len, record["labels"].values()))
    titles = {"torch": "PyTorch", "openvino": "OpenVINO"}
    whole = [f"{sum(seconds[name].values()):.2f} s, {record['speedup'][name]:.0f}×" for name in names]
    rows = [
        ["", *(titles[name] for name in names), "`grad-cam`"],
        ["---"] * (len(names) + 2),
        [f"{count} maps by {METHODS[record['method']].title}", *whole, f"{sum(seconds['peer'].values()):.2f} s"],
        ["what is not the backbones", *(f"{record['share_behind_backbones'][name]:.0%}" for name in names), ""],
        ["imports", *(f"{seconds['import'][_IMPORTED_BY[name]]:.1f} s" for name in names), ""],
    ]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"{table}\n\n{machine_line(record['machine'])}."


def _record(
    compared: Sequence[ComparedClassifier], shares: list[dict[str, Any]], peaks: list[float], work: float
) -> dict[str, Any]:
    names = tuple(compared[0].ours)
    speedup, behind, peak_share = {}, {}, {}
    for name in names:
        totals = [sum(run[name].values()) for run in shares]
        ratios = [sum(run["peer"].values()) / total for run, total in zip(shares, totals, strict=True)]
        speedup[name] = round(statistics.median(ratios), 2)
        rest = [1 - run[name]["backbones"] / total for run, total in zip(shares, totals, strict=True)]
        behind[name] = round(statistics.median(rest), 3)
        reached = [work / run[name]["backbones"] / peak for run, peak in zip(shares, peaks, strict=True)]
        peak_share[name] = round(statistics.median(reached), 3)
    return {
        "schema": 1,
        "labels": {each.config.id: list(each.labels) for each in compared},
        "speedup": speedup,
        "share_behind_backbones": behind,
        "peak_share": peak_share,
        "peak_gflops": round(statistics.median(peaks) / 1e9, 1),
        "backbones_gflop": round(work / 1e9, 1),
    }


def _medians(shares: list[dict[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    found = {
        name: {stage: round(statistics.median(run[name][stage] for run in shares), 4) for stage in _STAGES}
        for name in names
    }
    peer = {id: round(statistics.median(run["peer"][id] for run in shares), 4) for id in shares[0]["peer"]}
    return {**found, "peer": peer}


_IMPORTS = {
    "ensemble_cam": "import ensemble_cam",
    "all that a review needs": "import ensemble_cam.archive.batch; "
    "from ensemble_cam.classifiers.compilation import openvino; openvino()",
    "PyTorch": "import ensemble_cam.classifiers.torch_networks",
}


_IMPORTED_BY = {"torch": "PyTorch", "openvino": "all that a review needs"}


def _importing(runs: int, what: str) -> float:
    """Return the seconds that a process of its own takes for one of `_IMPORTS`."""
    code = f"import time; began = time.perf_counter(); {_IMPORTS[what]}; print(time.perf_counter() - began)"
    command = [sys.executable, "-c", code]
    told = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(runs)]
    return round(statistics.median(map(float, told)), 4)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _pixels(classifier: ComparedClassifier, inputs: Mapping[int, np.ndarray]) -> np.ndarray:
    return inputs[classifier.config.input_size]


def _sizes(classifiers: Sequence[Classifier]) -> list[int]:
    return list(dict.fromkeys(classifier.config.input_size for classifier in classifiers))


def _run_ours(
    asked: Sequence[tuple[Classifier, Sequence[int]]],
    inputs: Mapping[int, np.ndarray],
    film: Radiograph,
    recipe: Recipe,
) -> dict[str, float]:
    """Do what a review does between its input tensors and its ensemble maps; return seconds by stage."""
    seconds = dict.fromkeys(_STAGES, 0.0)
    geometry = Geometry.framed((film.width, film.height), framing="crop", cells=1)
    maps: dict[str, list[CamMap]] = {}
    for classifier, outputs in asked:
        pixels = inputs[classifier.config.input_size]
        began = time.perf_counter()
        activation = classifier.backbone(pixels)
        seconds["backbones"] += time.perf_counter() - began
        began = time.perf_counter()
        run = classifier.head.run(activation)
        seconds["heads"] += time.perf_counter() - began
        began = time.perf_counter()
        grids = cam_grids(recipe, Exposure(classifier, pixels, activation, run), outputs)
        named = {output: label for label, output in classifier.outputs.items()}
        for output, grid in zip(outputs, grids, strict=True):
            cam = CamMap.of(grid, label=named[output], classifier=classifier.id, geometry=geometry.on(grid.shape[0]))
            maps.setdefault(named[output], []).append(cam)
        seconds["maps"] += time.perf_counter() - began
    weights = {classifier.id: 1.0 for classifier, _ in asked}
    seconds["ensemble"] = _timed(lambda: [ensemble_map(each, weights) for each in maps.values()])
    return seconds


def _matrix_product() -> float:
    """Return the floating-point operations a second of one large matrix product, PyTorch's best of three."""
    matrix = torch.ones(_MATRIX, _MATRIX)
    return 2 * _MATRIX**3 / min(_timed(lambda: matrix @ matrix) for _ in range(3))


def _operations(classifier: Classifier, pixels: np.ndarray) -> float:
    """Return the floating-point operations of a backbone's convolutions for one film; an addition counts as one."""
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        classifier.network().backbone(torch.from_numpy(pixels))
    return counter.get_total_flops()


def _films() -> dict[str, bytes]:
    """Return a phantom of `SIDE` pixels as an 8-bit PNG and as an uncompressed DICOM of 12 bits."""
    png = phantom_files(draw_phantom(1, size=SIDE), 0)
    dataset = pydicom.dcmread(io.BytesIO(_only(phantom_files(draw_phantom(1, size=SIDE, bits=16), 0, format="dicom"))))
    dataset.PixelData = (dataset.pixel_array >> 4).tobytes()
    dataset.BitsStored, dataset.HighBit = 12, 11
    dataset.WindowCenter, dataset.WindowWidth = 2048, 4096
    stream = io.BytesIO()
    dataset.save_as(stream)
    return {"png": _only(png), "dicom": stream.getvalue()}


def _only(files: Mapping[str, bytes]) -> bytes:
    """Return the film among a phantom's files."""
    return next(data for name, data in files.items() if name.endswith((".dcm", "000.png")))


def _reading(files: Mapping[str, bytes], classifiers: Sequence[Classifier], runs: int) -> dict[str, float]:
    """Return, by format, the seconds from a file's bytes to the input tensors of all networks."""

    def read(data: bytes) -> None:
        film = read_radiograph(data)
        for size in _sizes(classifiers):
            model_input(film, framing="crop", size=size)

    return {
        name: round(statistics.median([_timed(partial(read, data)) for _ in range(runs + 1)][1:]), 4)
        for name, data in files.items()
    }


def _leaving(film: Radiograph, classifiers: Sequence[Classifier], set: str, runs: int) -> dict[str, object]:
    """Return the seconds of drawing and encoding a review's overlays and its figure, and of writing all of it."""
    review = _review(film, classifiers, Settings(), set)
    rendering: dict[str, list[float]] = {"overlays": [], "figure": []}
    writing: list[float] = []
    for _ in range(runs + 1):
        rendering["overlays"].append(_timed(lambda: sum(1 for _ in overlays(review))))
        rendering["figure"].append(_timed(lambda: figure_png(review)))
        with tempfile.TemporaryDirectory() as folder:
            writing.append(_timed(partial(write_review, review, Path(folder), "film")))
    return {
        "rendering": {name: round(statistics.median(times[1:]), 4) for name, times in rendering.items()},
        "writing": round(statistics.median(writing[1:]), 4),
    }


def _review(film: Radiograph, classifiers: Sequence[Classifier], settings: Settings, set: str) -> Review:
    analysis = analyse(film, classifiers, settings)
    run = RunInfo(set, "stored", False, "cpu", runtimes(classifiers), PRECISION)
    return Review(analysis, Display(), run)


def _peak_memory(classifiers: Sequence[Classifier], set: str, method: str) -> float | None:
    """Return by how many MB a whole review of a large 16-bit film raises the process's memory at most.

    The review has the maps of all labels, and writes the overlays and the figure of the first three. None where
    the system does not tell.
    """
    width, height = _LARGE
    film = _only(phantom_files(draw_phantom(2, size=(width, height), bits=16), 0))
    labels = tuple(dict.fromkeys(label for classifier in classifiers for label in classifier.labels))
    with _Peak() as peak, tempfile.TemporaryDirectory() as folder:
        radiograph = read_radiograph(film)
        every = _review(
            radiograph, classifiers, Settings(labels=labels, method=method), set
        )  # held while the other one is written
        write_review(_review(radiograph, classifiers, Settings(method=method), set), Path(folder), "film")
        del every
    return None if peak.bytes is None else round(peak.bytes / 1e6, 1)


class _Peak:
    """The most memory that the process holds meanwhile, over what it held before; known on Linux."""

    bytes: int | None = None

    def __enter__(self) -> "_Peak":
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # the highest mark begins anew (proc(5))
        self._before = _status("VmRSS")
        return self

    def __exit__(self, *_: object) -> None:
        highest = _status("VmHWM")
        if highest is not None and self._before is not None:
            self.bytes = highest - self._before


def _status(name: str) -> int | None:
    """Return a figure of Linux's /proc/self/status in bytes; None elsewhere."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), None)


def _software() -> dict[str, str]:
    names = ("torch", "grad-cam", "openvino")
    return {name: version(name) for name in names if name != "openvino" or is_installed()}
