"""Loaded classifiers and options for any number of films: `ensemble-cam review`."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from ensemble_cam.archive.films import FoundFilms
from ensemble_cam.archive.flow import Flow
from ensemble_cam.archive.report import RunReport
from ensemble_cam.archive.summary import Summary
from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.classifiers.runtime import PRECISION, choose_device, choose_runtime, prepare, runtimes
from ensemble_cam.errors import ConfigError, WeightsMissing, did_you_mean
from ensemble_cam.export.drafts import remove_dead_drafts
from ensemble_cam.machine.names import escaped
from ensemble_cam.machine.terminal import TerminalLine
from ensemble_cam.reviewing.options import ReviewOptions
from ensemble_cam.reviewing.request import resolve
from ensemble_cam.reviewing.review import RunInfo
from ensemble_cam.settings.config import ClassifierConfig, Config, known_labels
from ensemble_cam.settings.families import FAMILIES
from ensemble_cam.settings.sets import SETS, TEACHING
from ensemble_cam.settings.vocabulary import UNTRAINED


@dataclass(frozen=True)
class Choice:
    """Which classifiers review.

    Attributes:
        set: the set of classifiers.
        ids: those of the set; None for all but the optional ones.
        weights: classifier id → weights other than its default.
        weights_dir: see `weights.store.search_folders`.
    """

    set: str
    ids: Sequence[str] | None = None
    weights: Mapping[str, str] | None = None
    weights_dir: Path | None = None


@dataclass(frozen=True, eq=False)
class Batch:
    """Loaded classifiers and options, ready for any number of films.

    Attributes:
        classifiers: in the order of the configuration.
        options: with the labels and ensemble weights of these classifiers.
        run: what the reviews say of how they were run.
        line: where all is said but failures.
    """

    classifiers: tuple[Classifier, ...]
    options: ReviewOptions
    run: RunInfo
    line: TerminalLine

    @classmethod
    def prepare(cls, config: Config, choice: Choice, options: ReviewOptions, line: TerminalLine) -> "Batch":
        """Check every choice, then load the classifiers.

        Raises:
            ConfigError: if something is not allowed; it comes before anything that is wrong with the weights.
            WeightsMissing: if files are not on this machine; it names all of them.
            WeightsError: if a file cannot be used.
        """
        device = choose_device(options.device)
        runtime = choose_runtime(options.runtime, device)
        configured = config.for_review(choice.set, choice.ids)
        weights = choice.weights or {}
        _check_ids("weights: got some", weights, config, configured)
        _check_ids("ensemble weight: got one", options.settings.ensemble_weights, config, configured)
        settings = resolve(options.settings, [_unloaded(classifier, weights) for classifier in configured])
        loaded, missing = [], []
        for classifier in configured:
            line.transient(f"Loading {classifier.name}")
            try:
                built = load_classifier(
                    classifier, weights=weights.get(classifier.id), weights_dir=choice.weights_dir, device=device
                )
                if runtime != "torch":
                    line.transient(f"Preparing {classifier.name} for this processor; it takes longer only once")
                loaded.append(prepare(built, runtime))
            except WeightsMissing as error:
                missing.append(str(error))
        if missing:
            if SETS[choice.set].needs_download and config.in_set(TEACHING.name):
                missing.append(
                    "Until then, `--set teaching` needs no download: small networks, for drawn phantoms alone."
                )
            raise WeightsMissing("\n".join(missing))
        line.line("Classifiers: " + "; ".join(_named(classifier) for classifier in loaded))
        if words := SETS[choice.set].notice:
            line.line(f"{words}.")
        pixels = options.pixels
        run = RunInfo(
            choice.set,
            pixels.intensity,
            pixels.rescale,
            device.type,
            runtimes(loaded),
            PRECISION,
            negative=pixels.negative,
        )
        return cls(tuple(loaded), replace(options, settings=settings), run, line)

    def review(
        self, found: FoundFilms, out: Path, *, errors: TextIO, save_maps: bool = False, summary: bool = False
    ) -> int:
        """Review films into folders of their own; return how many failed, each with a line in `errors`.

        Args:
            found: the films.
            out: where their folders go; it need not be there.
            errors: where a failure is a line.
            save_maps: whether every map is written on the source grid.
            summary: whether a table and a contact sheet of these films are written beside the folders.

        Raises:
            ExportError: if the summary cannot be written.
        """
        flow = Flow(self.classifiers, self.options, self.run, out=out, save_maps=save_maps)
        report = RunReport(self.line, errors, found)
        sheet = Summary(found, out) if summary else None
        if removed := remove_dead_drafts(out):
            self.line.line(f"Removed from {escaped(str(out))} what a run that was broken off had begun: {removed}.")
        report.report_on(1, found.films[0])("reading", 0.0)
        try:
            with closing(flow.review(found.films, report.report_on)) as outcomes:
                for outcome in outcomes:
                    report.tell(outcome)
                    if sheet is not None:
                        sheet.add(outcome)
        except KeyboardInterrupt:
            self.line.line("What is finished stays; the same command goes on from there.")
            raise
        report.end(out)
        if sheet is not None:
            written = " and ".join(escaped(str(path)) for path in sheet.write())
            self.line.line(f"Summary: {written}")
        return report.failed


def _check_ids(what: str, given: Iterable[str], config: Config, chosen: Sequence[ClassifierConfig]) -> None:
    ids = [classifier.id for classifier in chosen]
    for id in given:
        if id not in ids:
            offered = any(classifier.id == id and classifier.set == chosen[0].set for classifier in config.classifiers)
            remedy = f" To have it among them, say --classifiers {','.join((*ids, id))}." if offered else ""
            remedy = remedy or did_you_mean(id, ids)
            raise ConfigError(f"{what} for {id!r}; the classifiers are {', '.join(ids)}.{remedy}")


@dataclass(frozen=True)
class _Unloaded:
    """What is known of a classifier before its weights are looked for."""

    config: ClassifierConfig
    labels: tuple[str, ...]

    @property
    def id(self) -> str:
        return self.config.id


def _unloaded(config: ClassifierConfig, weights: Mapping[str, str]) -> _Unloaded:
    """Return a classifier with the labels that it knows by its weights' name.

    Raises:
        ConfigError: if it has no such weights.
    """
    name = weights.get(config.id, config.default_weight)
    allowed = dict.fromkeys((*config.weights, *FAMILIES[config.model_type].weights, UNTRAINED))
    if name not in allowed:
        raise ConfigError(
            f"weights of {config.id}: got {name!r}; allowed: one of {', '.join(allowed)}.{did_you_mean(name, allowed)}"
        )
    return _Unloaded(config, known_labels(config, name))


def _named(classifier: Classifier) -> str:
    remark = classifier.weights.remark
    return f"{classifier.config.name} ({classifier.weights.name}{', ' + remark if remark else ''})"
