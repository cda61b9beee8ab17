"""Loaded classifiers for a caller's options."""

import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from threading import Lock

from ensemble_cam.api.options import NetworkOptions, Options, by_id, path, plain, texts
from ensemble_cam.api.result import Review
from ensemble_cam.api.source import Source, read
from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.errors import ClassifierError, ConfigError, WeightsError, WeightsMissing, did_you_mean
from ensemble_cam.film.radiograph import Radiograph
from ensemble_cam.reviewing.options import ReviewOptions
from ensemble_cam.reviewing.pipeline import analyse
from ensemble_cam.reviewing.preparing import Choice, checked, load_classifiers, run_info
from ensemble_cam.reviewing.review import Review as Reviewed
from ensemble_cam.settings.config import Config, load_config
from ensemble_cam.settings.pixels import Pixels
from ensemble_cam.settings.sets import CLINICAL, SETS, TEACHING
from ensemble_cam.settings.vocabulary import UNTRAINED
from ensemble_cam.weights.store import locate

# Sets of classifiers that are kept loaded: one that is used, and one that it is compared with.
_KEPT = 2


class Networks:
    """Loaded classifiers, and what is asked of them."""

    def __init__(self, choice: Choice, options: ReviewOptions, classifiers: Sequence[Classifier]):
        self._choice, self._options, self._classifiers = choice, options, classifiers

    @classmethod
    def of(cls, given: Options) -> "Networks":
        """Check every option, then load the classifiers, unless they are there."""
        config, choice, options = asked_for(given)
        return cls(choice, options, _LOADED.classifiers(config, choice, options))

    def read(self, source: Source, *, cancelled: Callable[[], bool] | None = None) -> Radiograph:
        """Read a film as the options say."""
        return read(source, self._options.pixels, cancelled=cancelled)

    def review(self, film: Radiograph, *, name: str | None, case: str | None = None) -> Review:
        """Run the networks over a film."""
        # Every output says how this film was read, which was perhaps before these options were given.
        pixels = Pixels(film.intensity, film.rescaled or self._options.pixels.rescale, film.negative)
        run = run_info(self._choice, replace(self._options, pixels=pixels), self._classifiers)
        analysis = analyse(film, self._classifiers, self._options.settings)
        return Review(Reviewed(analysis, self._options.display, run, case=case), name=name)


def asked_for(given: Options | NetworkOptions) -> tuple[Config, Choice, ReviewOptions]:
    """Check every option; return the configuration, and what is asked for by it.

    Raises:
        ConfigError: if something is not allowed.
        TypeError: if there is no such option.
    """
    known = Options.__annotations__
    for option in given:
        if option not in known:
            raise TypeError(f"There is no option {option!r}.{did_you_mean(option, known)}")
    config = load_config(path("config", given.get("config")))
    asked = {name: plain(value) for name, value in given.items()} | {
        "labels": texts("labels", given.get("labels")),
        "ensemble_weights": by_id("ensemble_weights", given.get("ensemble_weights")),
    }
    options = ReviewOptions.of(
        asked, config.review, device=given.get("device", "auto"), runtime=given.get("runtime", "auto")
    )
    choice = Choice(
        given.get("set", CLINICAL.name),
        texts("classifiers", given.get("classifiers")),
        _named(by_id("weights", given.get("weights"))),
        path("weights_dir", given.get("weights_dir")),
    )
    return config, choice, checked(config, choice, options)


class _Loaded:
    """The classifiers that were used last, for the next call; they are shared by all threads and never changed."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Sequence[Classifier]] = {}
        self._lock = Lock()
        self._is_stuck = False

    def begin_forked(self) -> None:
        """Begin in a process that was forked from this one, where the threads are gone that networks would wait for.

        They are kept all the same: OpenVINO's wait for threads when they end, too.
        """
        self._is_stuck = bool(self._kept)
        self._lock = Lock()

    def classifiers(self, config: Config, choice: Choice, options: ReviewOptions) -> Sequence[Classifier]:
        """Return the chosen classifiers, loaded if they, with the weights that are there now, were not among the last.

        Raises:
            ClassifierError: in a process that was forked once networks had been loaded.
        """
        if self._is_stuck:
            raise ClassifierError(
                "This process was forked from one that had loaded networks, and they would wait here without an end. "
                'Start workers another way: multiprocessing.get_context("spawn"), or threads.'
            )
        with self._lock:
            key = (_weights_now(config, choice), options.device, options.runtime)
            if key in self._kept:
                self._kept[key] = self._kept.pop(key)  # to the end: the one used last
                return self._kept[key]
            try:
                loaded = load_classifiers(config, choice, options)
            except WeightsMissing as error:
                if not SETS[choice.set].needs_download:
                    raise
                raise WeightsMissing(
                    f'{error}\nUntil then, set="{TEACHING.name}" needs no download: small networks, for drawn phantoms '
                    "alone."
                ) from None
            while len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = loaded
            return loaded


_LOADED = _Loaded()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_LOADED.begin_forked)


def _weights_now(config: Config, choice: Choice) -> Hashable:
    """Return each chosen classifier with its weights' name and SHA-256: a file may have changed since it was loaded."""
    found = []
    for classifier in config.for_review(choice.set, choice.ids):
        name = (choice.weights or {}).get(classifier.id, classifier.default_weight)
        sha256 = None
        if name != UNTRAINED:
            with suppress(WeightsError):  # which loading says better, of all classifiers at once
                sha256 = locate(classifier, name, weights_dir=choice.weights_dir).sha256
        found.append((classifier, name, sha256))
    return tuple(found)


def _named(weights: Mapping[str, object]) -> dict[str, str]:
    found = {}
    for id, name in weights.items():
        if not isinstance(name, str):
            raise ConfigError(f"weights of {id}: got {name!r}; allowed: a name.")
        found[id] = name
    return found
