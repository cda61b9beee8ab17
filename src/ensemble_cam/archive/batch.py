"""Loaded classifiers and settings for any number of films, and what is said of them: `ensemble-cam review`."""

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from ensemble_cam.archive.finished import DRAFTS, count_drafts
from ensemble_cam.archive.flow import Flow, Told
from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.classifiers.runtime import PRECISION, choose_device, choose_runtime, prepare, runtimes
from ensemble_cam.errors import ConfigError, WeightsMissing
from ensemble_cam.export.provenance import RunInfo
from ensemble_cam.machine.terminal import Pace, Progress, films_per_second, status
from ensemble_cam.rendering.overlay import Display
from ensemble_cam.reviewing.cautions import notice
from ensemble_cam.reviewing.request import resolve
from ensemble_cam.settings.config import ClassifierConfig, Config
from ensemble_cam.settings.sets import SETS, TEACHING
from ensemble_cam.settings.settings import Settings

# Of more films than these, each gets one line.
_FEW = 10


def find_films(given: Iterable[Path]) -> list[Path]:
    """Return the files that were given, and for a folder the files in it by name, hidden ones left out.

    Raises:
        ConfigError: if a folder has no files or cannot be read.
    """
    films: list[Path] = []
    for path in given:
        if not path.is_dir():
            films.append(path)
            continue
        try:
            inside = sorted(each for each in path.iterdir() if each.is_file() and not each.name.startswith("."))
        except OSError as error:
            raise ConfigError(f"{path.name}: the folder cannot be read ({error.strerror}).") from None
        if not inside:
            raise ConfigError(f"{path.name}: the folder holds no files. Name a film, or a folder with films in it.")
        films += inside
    return films


@dataclass(frozen=True, eq=False)
class Batch:
    """Loaded classifiers and settings, ready for any number of films."""

    classifiers: tuple[Classifier, ...]
    settings: Settings
    display: Display
    run: RunInfo
    progress: Progress

    @classmethod
    def prepare(
        cls,
        config: Config,
        *,
        set: str,
        classifiers: Sequence[str] | None = None,
        weights: Mapping[str, str],
        weights_dir: Path | None,
        device: str,
        runtime: str,
        settings: Mapping[str, object],
        display: Mapping[str, object],
        intensity: str,
        rescale: bool,
        progress: Progress,
    ) -> "Batch":
        """Check every setting, then load the classifiers.

        Args:
            config: the classifiers and the defaults of `settings` and `display`.
            set: the set of classifiers.
            classifiers: ids of those of the set to review with; None for all but the optional ones.
            weights: classifier id → weights other than its default.
            weights_dir: see `weights.search_folders`.
            device: see `runtime.choose_device`.
            runtime: see `runtime.choose_runtime`.
            settings: fields of `Settings` that differ from the configuration's.
            display: fields of `Display` that differ from the configuration's.
            intensity: what the networks see of a DICOM.
            rescale: whether narrow ranges are stretched.
            progress: told of each classifier.

        Raises:
            ConfigError: if something is not allowed.
            WeightsMissing: if files are not on this machine; it names all of them.
            WeightsError: if a file cannot be used.
        """
        defaults = asdict(config.review)
        made = ("top_k", "method", "layers", "aug_smooth", "eigen_smooth", "framing")
        chosen = Settings(**({key: defaults[key] for key in made} | dict(settings)))
        drawn = Display(**({key: defaults[key] for key in ("threshold", "opacity", "colormap")} | dict(display)))
        where = choose_device(device)
        how = choose_runtime(runtime, where)
        configured = config.for_review(set, classifiers)
        _check_ids("weights: got some", weights, config, configured)
        _check_ids("ensemble weight: got one", chosen.ensemble_weights, config, configured)
        loaded, missing = [], []
        for classifier in configured:
            progress.transient(f"Loading {classifier.name}")
            try:
                built = load_classifier(
                    classifier, weights=weights.get(classifier.id), weights_dir=weights_dir, device=where
                )
                if how != "torch":
                    progress.transient(f"Preparing {classifier.name} for this processor; it takes longer only once")
                loaded.append(prepare(built, how))
            except WeightsMissing as error:
                missing.append(str(error))
        if missing:
            if SETS[set].needs_download and config.in_set(TEACHING.name):
                missing.append(
                    "Until then, `--set teaching` needs no download: small networks, for drawn phantoms alone."
                )
            raise WeightsMissing("\n".join(missing))
        chosen = resolve(chosen, loaded)
        progress.line("Classifiers: " + "; ".join(_named(classifier) for classifier in loaded))
        if told := notice(set):
            progress.line(f"{told}.")
        run = RunInfo(set, intensity, rescale, where.type, runtimes(loaded), PRECISION)
        return cls(tuple(loaded), chosen, drawn, run, progress)

    def review(
        self, films: Sequence[Path], out: Path, *, save_maps: bool, anonymous_names: bool, errors: TextIO
    ) -> int:
        """Review films into folders of their own; return how many failed, each with a line in `errors`."""
        flow = Flow(
            self.classifiers,
            self.settings,
            self.display,
            self.run,
            out=out,
            save_maps=save_maps,
            anonymous_names=anonymous_names,
        )
        report = _Report(self.progress, errors, total=len(films))
        if drafts := count_drafts(out):
            self.progress.line(
                f"{out} holds unfinished folders of a run that was broken off, or of one that goes on now: {drafts}, "
                f"named {DRAFTS}. They count for nothing; delete them when no run writes there."
            )
        report.doing(1, films[0], "reading")
        try:
            with closing(flow.review(films, report.doing)) as told:
                for each in told:
                    report.tell(each)
        except KeyboardInterrupt:
            self.progress.line("What is finished stays; the same command goes on from there.")
            raise
        report.end(out)
        return report.failed


class _Report:
    """Says what is done with films and what became of them."""

    def __init__(self, progress: Progress, errors: TextIO, *, total: int):
        self._progress, self._errors, self._total = progress, errors, total
        self._reviewed, self._before, self.failed = 0, 0, 0
        self._pace = Pace(time.monotonic())

    def doing(self, number: int, path: Path, what: str) -> None:
        """Show what is being done now; see `flow.Doing`."""
        if self._total == 1:
            self._progress.transient(f"[1/1] {path.name}: {what}")
        else:
            done = self._reviewed + self._before + self.failed
            self._progress.transient(f"{status(done, self._total, self._pace.rate)} · {path.name}: {what}")

    def tell(self, told: Told) -> None:
        """Say what became of a film; of many films not how long each classifier took."""
        head = f"[{told.number}/{self._total}] {told.path.name}"
        for remark, is_detail in told.remarks:
            if not (is_detail and self._total > _FEW):
                self._progress.line(f"{head}: {remark}")
        if told.became == "failed":
            self._progress.transient("")
            print(f"ensemble-cam: {told.path.name}: {told.end}", file=self._errors, flush=True)
        else:
            self._progress.line(f"{head}: {told.end}")
        self._count(told)

    def _count(self, told: Told) -> None:
        if told.became == "reviewed":
            self._reviewed += 1
            self._pace.did(time.monotonic())
            return
        # Neither a film that was passed over nor a broken file says how long the next one takes.
        self._pace.passed_over(time.monotonic())
        if told.became == "failed":
            self.failed += 1
        else:
            self._before += 1

    def end(self, out: Path) -> None:
        """Sum up, unless there was one film only."""
        if self._total == 1:
            return
        parts = [f"{self._reviewed + self._before} of {self._total} films reviewed into {out}"]
        if self._before:
            parts.append(f"{self._before} of them before")
        if self.failed:
            parts.append(f"{self.failed} failed")
        if (rate := self._pace.mean_rate) is not None:
            parts.append(films_per_second(rate))
        self._progress.line(", ".join(parts))


def _check_ids(what: str, given: Iterable[str], config: Config, chosen: Sequence[ClassifierConfig]) -> None:
    ids = [classifier.id for classifier in chosen]
    for id in given:
        if id not in ids:
            offered = any(classifier.id == id and classifier.set == chosen[0].set for classifier in config.classifiers)
            remedy = f" To have it among them, say --classifiers {','.join((*ids, id))}." if offered else ""
            raise ConfigError(f"{what} for {id!r}; the classifiers are {', '.join(ids)}.{remedy}")


def _named(classifier: Classifier) -> str:
    remark = classifier.weights.remark
    return f"{classifier.config.name} ({classifier.weights.name}{', ' + remark if remark else ''})"
