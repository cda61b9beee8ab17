"""From choices to loaded classifiers: what is wrong with a choice is said before any weights are looked for."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.classifiers.runtime import PRECISION, choose_device, choose_runtime, runtimes
from ensemble_cam.errors import ConfigError, WeightsMissing, did_you_mean
from ensemble_cam.machine.report import Report, unheard
from ensemble_cam.reviewing.options import ReviewOptions
from ensemble_cam.reviewing.request import check_stages, resolve
from ensemble_cam.reviewing.review import RunInfo
from ensemble_cam.settings.config import ClassifierConfig, Config, known_labels
from ensemble_cam.settings.sets import SETS, TEACHING, WITHOUT_DOWNLOAD
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


def checked(config: Config, choice: Choice, options: ReviewOptions) -> ReviewOptions:
    """Return the options with the labels and ensemble weights of the chosen classifiers, none of which is loaded.

    Raises:
        ConfigError: if something is not allowed, or the device or runtime is not there.
    """
    choose_runtime(options.runtime, choose_device(options.device))
    configured = config.for_review(choice.set, choice.ids)
    weights = choice.weights or {}
    _check_ids("weights: got some", weights, config, configured)
    _check_ids("ensemble weight: got one", options.settings.ensemble_weights, config, configured)
    check_stages(options.settings.recipe, configured)
    settings = resolve(options.settings, [_unloaded(classifier, weights) for classifier in configured])
    return replace(options, settings=settings)


def load_classifiers(
    config: Config, choice: Choice, options: ReviewOptions, *, progress: Report = unheard, at_once: int = 1
) -> tuple[Classifier, ...]:
    """Load the chosen classifiers, in the order of the configuration, and make them ready for their runtime.

    Args:
        config: where they are described.
        choice: which of them.
        options: as `checked` returned them.
        progress: told of each step, from the threads that load where there are several.
        at_once: how many are loaded side by side.

    Raises:
        WeightsMissing: if files are not on this machine; it names all of them, a line each.
        WeightsError: if a file cannot be used.
        ConfigError: if a layer that the settings name is none of theirs.
    """
    device = choose_device(options.device)
    runtime = choose_runtime(options.runtime, device)
    configured = config.for_review(choice.set, choice.ids)

    def load(numbered: tuple[int, ClassifierConfig]) -> Classifier | WeightsMissing:
        number, classifier = numbered
        share = number / len(configured)
        progress(f"Loading {classifier.name}", share)
        try:
            return load_classifier(
                classifier,
                weights=(choice.weights or {}).get(classifier.id),
                weights_dir=choice.weights_dir,
                device=device,
                runtime=runtime,
                report=partial(_at, progress, share),
            )
        except WeightsMissing as error:
            return error

    if at_once == 1:
        found = [*map(load, enumerate(configured))]
    else:
        with ThreadPoolExecutor(at_once, thread_name_prefix="loading") as threads:
            found = [*threads.map(load, enumerate(configured))]
    loaded = [each for each in found if isinstance(each, Classifier)]
    missing = [str(each) for each in found if isinstance(each, WeightsMissing)]
    if len(missing) > 1:
        missing.append("All of them are fetched by `ensemble-cam weights fetch`.")
    if missing:
        raise WeightsMissing("\n".join(missing))
    recipe = options.settings.recipe
    if recipe.names:
        from ensemble_cam.maps.torch_named_layers import check_named_layers  # here, as any cut takes PyTorch

        check_named_layers(recipe, loaded)
    return tuple(loaded)


@contextmanager
def remedied(config: Config, choice: Choice) -> Iterator[None]:
    """Say of weights that are missing which set needs no download, where the configuration has one."""
    try:
        yield
    except WeightsMissing as error:
        if not (SETS[choice.set].needs_download and config.in_set(TEACHING.name)):
            raise
        raise WeightsMissing(f"{error}\n{WITHOUT_DOWNLOAD}") from None


def _at(progress: Report, share: float, what: str) -> None:
    progress(what, share)


def run_info(choice: Choice, options: ReviewOptions, loaded: Sequence[Classifier]) -> RunInfo:
    """Return what reviews by loaded classifiers say of how they were run."""
    pixels = options.pixels
    return RunInfo(
        choice.set,
        pixels.intensity,
        pixels.rescale,
        choose_device(options.device),
        runtimes(loaded),
        PRECISION,
        negative=pixels.negative,
    )


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
    allowed = dict.fromkeys((*config.weights, *config.family.weights, UNTRAINED))
    if name not in allowed:
        raise ConfigError(
            f"weights of {config.id}: got {name!r}; allowed: one of {', '.join(allowed)}.{did_you_mean(name, allowed)}"
        )
    return _Unloaded(config, known_labels(config, name))
