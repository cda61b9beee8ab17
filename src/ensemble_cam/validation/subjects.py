"""A film with the maps that are to be measured, and what became of each."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np

from ensemble_cam.classifiers.arrays import as_numpy
from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.classifiers.heads import Step
from ensemble_cam.errors import ClassifierError
from ensemble_cam.export.record import weights_record
from ensemble_cam.film.geometry import Framing, Geometry
from ensemble_cam.film.radiograph import Radiograph, read_radiograph
from ensemble_cam.maps.cams import cam_grids
from ensemble_cam.reviewing.analysis import Analysis
from ensemble_cam.reviewing.options import ReviewOptions
from ensemble_cam.reviewing.pipeline import Examination, examine, model_input
from ensemble_cam.reviewing.request import resolve
from ensemble_cam.reviewing.scores import ClassifierResult, choose, rank_findings
from ensemble_cam.settings.methods import Recipe
from ensemble_cam.settings.metrics import FAITHFULNESS, MOVED
from ensemble_cam.settings.sets import answering_for
from ensemble_cam.validation.faithfulness import Faithfulness, measure_map
from ensemble_cam.validation.sanity import Peer, check_map
from ensemble_cam.validation.shown import Shown, shown_to

_FIRST_PART = 0.5  # of the way: what needs no other network, where others follow

Told = Callable[[str, float], None]
"""Told what is done next, and which share of all is done; raises `Cancelled` where no more is wanted."""


@dataclass(frozen=True, eq=False)
class MapOf:
    """One map, ready to be measured.

    Attributes:
        finding: the label, or the class.
        classifier: whose map it is, an id or a network's name.
        method: how it was made, a name of `settings.methods`, or `MOVED`.
        shown: the film as the network sees it.
        output: index of the logit that it explains.
        grid: (h, w) float32, at least 0.
        peer: gives its network for maps made anew; None where none can be.
    """

    finding: str
    classifier: str
    method: str
    shown: Shown
    output: int
    grid: np.ndarray
    peer: Callable[[], Peer] | None = None

    def moved(self, seed: int) -> "MapOf":
        """Return the same map at another place: turned over, and moved round by a quarter of the film to three."""
        random = np.random.default_rng(seed)
        turned = self.grid[:: random.choice((-1, 1)), :: random.choice((-1, 1))]
        steps = [int(side * random.uniform(0.25, 0.75)) for side in turned.shape]
        return replace(self, method=MOVED, peer=None, grid=np.ascontiguousarray(np.roll(turned, steps, axis=(0, 1))))


@dataclass(frozen=True, eq=False)
class Subject:
    """One film with all its maps.

    Attributes:
        sha256: of the film's bytes.
        meaningless: whether what some network says of it, and its maps, mean nothing.
        cautions: what has to be said first, one plain sentence each.
        maps: those to measure, in the order in which readers see them; made when they are asked for.
        pairs: findings and networks that they are of.
        methods: how many maps there are of each.
    """

    sha256: str
    meaningless: bool
    cautions: tuple[str, ...]
    maps: Iterable[MapOf]
    pairs: int
    methods: int


class Maker(Protocol):
    """What makes maps of films: classifiers, or any network."""

    @property
    def notice(self) -> str:
        """What all files say of these networks; empty where there is nothing."""

    @property
    def records(self) -> list[dict[str, Any]]:
        """What `measures.json` says of each network: `id`, `name`, `weights`, `weights_sha256` and more."""

    @property
    def settings(self) -> dict[str, Any]:
        """What `measures.json` says of how maps were made."""

    def subject(self, data: bytes) -> Subject:
        """Return a film with its maps.

        Raises:
            EnsembleCamError: if it cannot be read or shown to the networks.
        """


@dataclass(frozen=True, eq=False)
class OfClassifiers:
    """Makes the maps of classifiers' findings.

    Attributes:
        classifiers: those to ask.
        options: what is explained, and of what; its method is passed over.
        recipes: how, each by itself.
    """

    classifiers: Sequence[Classifier]
    options: ReviewOptions
    recipes: Sequence[Recipe]

    @property
    def notice(self) -> str:
        """See `Maker`."""
        return answering_for(each.classifier_set for each in self.classifiers).notice or ""

    @property
    def records(self) -> list[dict[str, Any]]:
        """See `Maker`."""
        return [weights_record(each) for each in self.classifiers]

    @property
    def settings(self) -> dict[str, Any]:
        """See `Maker`."""
        pixels, settings = self.options.pixels, self.options.settings
        return {
            "methods": [each.method for each in self.recipes],
            "framing": settings.framing,
            "intensity": pixels.intensity,
            "rescale": pixels.rescale,
            "negative": pixels.negative,
        }

    def subject(self, data: bytes) -> Subject:
        """See `Maker`."""
        pixels = self.options.pixels
        film = read_radiograph(data, intensity=pixels.intensity, rescale=pixels.rescale, negative=pixels.negative)
        return self.of_film(film)

    def of_film(self, film: Radiograph) -> Subject:
        """Return a film that was read with its maps."""
        examination = examine(film, self.classifiers, framing=self.options.settings.framing)
        failed = [each for each in examination.results if each.failure is not None]
        if failed:
            raise ClassifierError("; ".join(f"{each.classifier.config.name}: {each.failure}" for each in failed) + ".")
        responsible = answering_for(each.classifier_set for each in self.classifiers)
        meaningless = any(each.is_meaningless_on(phantom=film.phantom) for each in self.classifiers)
        cautions = (*responsible.cautions(phantom=film.phantom), *film.warnings)
        labels = self._labels(examination)
        pairs = sum(label in each.outputs for label in labels for each in self.classifiers)
        maps = self._maps(examination, labels)
        return Subject(film.sha256, meaningless, cautions, maps, pairs, len(self.recipes))

    def _labels(self, examination: Examination) -> list[str]:
        settings = resolve(self.options.settings, self.classifiers)
        ranking = rank_findings(examination.results, settings.ensemble_weights)
        return [each.label for each in choose(ranking, settings.labels, settings.top_k)]

    def _maps(self, examination: Examination, labels: Sequence[str]) -> Iterator[MapOf]:
        film, framing = examination.radiograph, examination.framing
        shown = {
            id: shown_film(each.classifier, film, framing, as_numpy(each.pixels))
            for id, each in examination.exposures.items()
        }
        kept: dict[str, dict[tuple[str, int], Classifier]] = {id: {} for id in examination.exposures}
        for label in labels:
            for classifier in self.classifiers:
                if label not in classifier.outputs:
                    continue
                output, exposure = classifier.outputs[label], examination.exposures[classifier.id]
                for recipe in self.recipes:
                    (grid,) = cam_grids(recipe, exposure, [output])
                    peer = _peer(classifier, recipe, kept[classifier.id])
                    yield MapOf(label, classifier.id, recipe.method, shown[classifier.id], output, grid, peer)


def subject_of_review(analysis: Analysis) -> Subject:
    """Return a reviewed film with the maps that its review has of single classifiers."""
    used = {id for finding in analysis.findings for id in finding.maps}
    results = [each for each in analysis.results if each.id in used]
    cautions = analysis.classifier_set.cautions(phantom=analysis.radiograph.phantom)
    pairs = sum(len(finding.maps) for finding in analysis.findings)
    meaningless = any(each.meaningless for each in results)
    return Subject(analysis.radiograph.sha256, meaningless, cautions, _maps_of_review(analysis, results), pairs, 1)


def _maps_of_review(analysis: Analysis, results: Sequence[ClassifierResult]) -> Iterator[MapOf]:
    film, framing = analysis.radiograph, analysis.settings.framing
    shown = {}
    for each in results:
        pixels = model_input(film, framing=framing, size=each.classifier.config.input_size)
        shown[each.id] = shown_film(each.classifier, film, framing, pixels)
    recipe = analysis.settings.recipe
    kept: dict[str, dict[tuple[str, int], Classifier]] = {each.id: {} for each in results}
    for finding in analysis.findings:
        for id, cam in finding.maps.items():
            classifier = analysis.result(id).classifier
            peer = _peer(classifier, recipe, kept[id])
            output = classifier.outputs[finding.label]
            yield MapOf(finding.label, id, recipe.method, shown[id], output, cam.grid, peer)


def shown_film(classifier: Classifier, film: Radiograph, framing: Framing, pixels: np.ndarray) -> Shown:
    """Return a film as a classifier sees it.

    Args:
        classifier: the classifier.
        film: the film.
        framing: how it was cut or padded.
        pixels: of `pipeline.model_input`.
    """
    framed = Geometry.framed((film.width, film.height), framing=framing, cells=pixels.shape[-1])
    inside = np.zeros(pixels.shape[2:], dtype=bool)
    x0, y0, x1, y1 = (round(each) for each in framed.box_to_model(framed.crop))
    inside[y0:y1, x0:x1] = True
    return shown_to(classifier, pixels, inside)


@dataclass(frozen=True, eq=False)
class MeasuredMap:
    """What was measured of one map.

    Attributes:
        finding, classifier, method: as of `MapOf`.
        found: the figures; without any where nothing could be measured.
        reason: why that is so, in a sentence; None where something was.
    """

    finding: str
    classifier: str
    method: str
    found: Faithfulness
    reason: str | None = None


def measured(
    subject: Subject, metrics: Collection[str], *, seed: int = 0, told: Told = lambda what, share: None
) -> list[MeasuredMap]:
    """Measure a film's maps, and for each finding and network its first map at another place.

    Args:
        subject: the film with its maps.
        metrics: names of `METRICS`.
        seed: of ties, noise and the other place.
        told: of each map, and of its parts.

    Raises:
        Cancelled: if `told` raises it.
    """
    found: list[MeasuredMap] = []
    total = subject.pairs * (subject.methods + 1)
    for number, each in enumerate(_with_controls(subject.maps, seed)):
        step = partial(_told, told, f"{each.finding}, {each.classifier}, {each.method}", number, total)
        figures, reason = Faithfulness({}, {}), None
        try:
            figures = _figures(each, metrics, seed, step)
        except ClassifierError as error:
            reason = str(error)
        found.append(MeasuredMap(each.finding, each.classifier, each.method, figures, reason))
    return found


def _figures(one: MapOf, metrics: Collection[str], seed: int, step: Step) -> Faithfulness:
    is_checked = one.peer is not None and bool(set(metrics) - set(FAITHFULNESS))
    shares = (_FIRST_PART, 1 - _FIRST_PART) if is_checked else (1.0, 0.0)
    figures = measure_map(
        one.shown, one.output, one.grid, metrics, seed=seed, step=lambda share: step(share * shares[0])
    )
    if one.peer is None or not is_checked:
        return figures
    began = time.perf_counter()
    values, details = check_map(
        one.shown,
        one.output,
        one.grid,
        one.peer(),
        metrics,
        seed=seed,
        step=lambda share: step(shares[0] + share * shares[1]),
    )
    seconds = {**figures.seconds, "sanity": time.perf_counter() - began}
    return replace(figures, values={**figures.values, **values}, details=details, seconds=seconds)


def _peer(classifier: Classifier, recipe: Recipe, kept: dict[tuple[str, int], Classifier]) -> Callable[[], Peer] | None:
    """Return what gives `peer_of`; a network of the site's own has no two parts that could be shuffled apart."""
    return partial(peer_of, classifier, recipe, kept) if classifier.config.own is None else None


def peer_of(classifier: Classifier, recipe: Recipe, kept: dict[tuple[str, int], Classifier] | None = None) -> Peer:
    """Return a classifier whose maps are made anew; it takes PyTorch."""
    from ensemble_cam.validation.torch_sanity import PeerOfClassifier  # here, as its import takes seconds

    return PeerOfClassifier(classifier, recipe, kept)


def _told(told: Told, what: str, number: int, total: int, share: float) -> None:
    told(what, min((number + share) / total, 1.0))


def _with_controls(maps: Iterable[MapOf], seed: int) -> Iterator[MapOf]:
    seen: set[tuple[str, str]] = set()
    for each in maps:
        yield each
        if (key := (each.finding, each.classifier)) not in seen and np.ptp(each.grid) > 0:
            seen.add(key)
            yield each.moved(seed)


def seconds_of(found: Sequence[MeasuredMap]) -> Mapping[str, float]:
    """Return part of the work → seconds over all maps."""
    total: dict[str, float] = {}
    for each in found:
        for name, seconds in each.found.seconds.items():
            total[name] = total.get(name, 0.0) + seconds
    return total
