"""Many films, one after the other: what `ensemble-cam review` does."""

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from ensemble_cam.analysis import Analysis, analyse
from ensemble_cam.cautions import cautions, notice
from ensemble_cam.classifiers import Classifier, load_classifier
from ensemble_cam.config import ClassifierConfig, Config
from ensemble_cam.errors import ConfigError, EnsembleCamError, RadiographError, WeightsMissing
from ensemble_cam.export import find_place, review_key, write_review
from ensemble_cam.intake import MAX_FILE_BYTES
from ensemble_cam.progress import Progress
from ensemble_cam.provenance import Review, RunInfo, verdict
from ensemble_cam.radiograph import read_radiograph
from ensemble_cam.rendering import Display
from ensemble_cam.runtime import PRECISION, choose_device, choose_runtime, prepare, runtimes
from ensemble_cam.settings import Settings, displayed


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
            if set != "teaching" and config.in_set("teaching"):
                missing.append(
                    "Until then, `--set teaching` needs no download: small networks, for drawn phantoms alone."
                )
            raise WeightsMissing("\n".join(missing))
        chosen = chosen.resolved(loaded)
        progress.line("Classifiers: " + "; ".join(_named(classifier) for classifier in loaded))
        if told := notice(set):
            progress.line(f"{told}.")
        run = RunInfo(set, intensity, rescale, where.type, runtimes(loaded), PRECISION)
        return cls(tuple(loaded), chosen, drawn, run, progress)

    def review(
        self, films: Sequence[Path], out: Path, *, save_maps: bool, anonymous_names: bool, errors: TextIO
    ) -> int:
        """Review films into folders of their own; return how many failed, each with a line in `errors`."""
        failed = 0
        for number, path in enumerate(films, start=1):
            head = f"[{number}/{len(films)}] {path.name}"
            try:
                self._review_one(path, out, head, save_maps=save_maps, anonymous_names=anonymous_names)
            except (EnsembleCamError, MemoryError) as error:
                reason = str(error) if isinstance(error, EnsembleCamError) else "This machine ran out of memory for it."
                self.progress.transient("")
                print(f"ensemble-cam: {path.name}: {reason}", file=errors, flush=True)
                failed += 1
        if len(films) > 1:
            self.progress.line(f"{len(films) - failed} of {len(films)} films reviewed into {out}")
        return failed

    def _review_one(self, path: Path, out: Path, head: str, *, save_maps: bool, anonymous_names: bool) -> None:
        began = time.perf_counter()
        self.progress.transient(f"{head}: reading")
        data = read_file(path)
        sha256 = hashlib.sha256(data).hexdigest()
        name = sha256[:16] if anonymous_names else path.stem
        key = review_key(sha256, self.classifiers, self.settings, self.display, self.run, save_maps=save_maps)
        place = find_place(out, name, key)
        if place.finished:
            self.progress.line(f"{head}: reviewed before, see {place.folder}")
            return
        radiograph = read_radiograph(data, intensity=self.run.intensity, rescale=self.run.rescale)
        for warning in (*cautions(self.run.set, radiograph), *radiograph.warnings):
            self.progress.line(f"{head}: {warning}")
        analysis = analyse(
            radiograph,
            self.classifiers,
            self.settings,
            progress=lambda what, share: self.progress.transient(f"{head}: {what} ({share:.0%})"),
        )
        for result in analysis.results:
            outcome = f"{result.seconds:.2f} s" if result.failure is None else result.failure
            self.progress.line(f"{head}: {result.classifier.config.name} {outcome}")
        self.progress.transient(f"{head}: writing")
        folder = write_review(Review(analysis, self.display, self.run), out, name, save_maps=save_maps)
        self.progress.line(f"{head}: {_summary(analysis)} → {folder} ({time.perf_counter() - began:.1f} s)")


def read_file(path: Path) -> bytes:
    """Return a film's bytes.

    Raises:
        RadiographError: if the file cannot be read or is too large for a film.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise RadiographError(f"The file has more than {MAX_FILE_BYTES >> 20} MB, which no single film has.")
        return path.read_bytes()
    except OSError as error:
        raise RadiographError(f"The file cannot be read ({error.strerror}). Check its name and permissions.") from None


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


def _summary(analysis: Analysis) -> str:
    return ", ".join(
        f"{displayed(finding.label)} {finding.ranked.score.value:.2f} ({verdict(finding.called)})"
        for finding in analysis.findings
    )
