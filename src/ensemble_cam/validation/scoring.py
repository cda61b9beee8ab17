"""Labelled films → the logits of every classifier: what a validation is computed from."""

import hashlib
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from ensemble_cam.archive.film_record import OUT_OF_MEMORY
from ensemble_cam.archive.places import decode_within, read_place
from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.errors import EnsembleCamError
from ensemble_cam.film.radiograph import Radiograph
from ensemble_cam.machine.side_by_side import PixelBudget, in_threads
from ensemble_cam.reviewing.options import ReviewOptions
from ensemble_cam.reviewing.pipeline import Examination, examine, explain
from ensemble_cam.settings.sets import answering_for
from ensemble_cam.validation.labels import LabelledFilm
from ensemble_cam.validation.locating import Located, located
from ensemble_cam.validation.places import Place

# Films that are decoded before the networks ask for them, and their decoded pixels.
_AHEAD, _MOST_PIXELS = 2, 16_000_000
_LARGEST = 700.0  # a logit whose sigmoid is 1, as near as makes no difference

NOWHERE: Mapping[str, Mapping[str, Place]] = {}
"""No marks on any film."""

TWICE = "This is the same film as one before it, byte for byte. Label it once."


@dataclass(frozen=True)
class ScoredFilm:
    """A film that every classifier has seen.

    Attributes:
        labelled: the film with what is known of it.
        sha256: of its bytes.
        logits: classifier id → label → logit.
        groups: column of `labels.SUBGROUPS` → value: the table's, else view and device as its header has them.
        cautions: what has to be said of figures from such films.
        located: how its maps stand to what was marked on it.
    """

    labelled: LabelledFilm
    sha256: str
    logits: Mapping[str, Mapping[str, float]]
    groups: Mapping[str, str]
    cautions: tuple[str, ...]
    located: tuple[Located, ...] = ()


@dataclass(frozen=True)
class Refused:
    """A film that has no part in the figures, and the sentence that says why."""

    labelled: LabelledFilm
    reason: str


@dataclass(frozen=True, eq=False)
class _Read:
    number: int
    labelled: LabelledFilm
    sha256: str
    radiograph: Radiograph


def score_films(
    films: Sequence[LabelledFilm],
    classifiers: Sequence[Classifier],
    options: ReviewOptions,
    places: Mapping[str, Mapping[str, Place]] = NOWHERE,
    *,
    bytes_of: Callable[[str], bytes] = read_place,
) -> Generator[ScoredFilm | Refused, None, None]:
    """Yield what became of each film, in their order; the next ones are decoded meanwhile.

    Refused are films that cannot be read, that a classifier fails on, whose scores mean nothing, whose marks are of
    another size, and bytes that were there before: they would count twice.

    Args:
        films: the films.
        classifiers: all of them see each film.
        options: how.
        places: a film's place → finding → where it was marked; maps of these are made and judged.
        bytes_of: gives a film's bytes by its place.
    """
    budget = PixelBudget(most_pixels=_MOST_PIXELS)
    seen: set[str] = set()

    def read(numbered: tuple[int, LabelledFilm]) -> _Read | Refused:
        return _read(*numbered, options, budget, bytes_of)

    with closing(in_threads(read, enumerate(films), budget=budget, ahead=_AHEAD)) as found:
        for film in found:
            if isinstance(film, Refused):
                yield film
                continue
            yield Refused(film.labelled, TWICE) if film.sha256 in seen else _scored(film, classifiers, options, places)
            seen.add(film.sha256)
            budget.release(film.number)


def _read(
    number: int,
    labelled: LabelledFilm,
    options: ReviewOptions,
    budget: PixelBudget,
    bytes_of: Callable[[str], bytes],
) -> _Read | Refused:
    try:
        data = bytes_of(labelled.film.place)
        radiograph = decode_within(budget, number, data, options.pixels)
    except (EnsembleCamError, MemoryError) as error:
        budget.release(number)
        return _refused(labelled, error)
    return _Read(number, labelled, hashlib.sha256(data).hexdigest(), radiograph)


def _scored(
    film: _Read,
    classifiers: Sequence[Classifier],
    options: ReviewOptions,
    places: Mapping[str, Mapping[str, Place]],
) -> ScoredFilm | Refused:
    radiograph = film.radiograph
    responsible = answering_for(each.classifier_set for each in classifiers)
    cautions = responsible.cautions(phantom=radiograph.phantom)
    if any(each.is_meaningless_on(phantom=radiograph.phantom) for each in classifiers):
        return Refused(film.labelled, " ".join(cautions) or "Its scores mean nothing.")
    try:
        examination = examine(radiograph, classifiers, framing=options.settings.framing)
    except (EnsembleCamError, MemoryError) as error:
        return _refused(film.labelled, error)
    failed = [result for result in examination.results if result.failure is not None]
    if failed:
        reasons = "; ".join(f"{result.classifier.config.name} {result.failure}" for result in failed)
        return Refused(film.labelled, f"{reasons}. Its figures would be of fewer networks than the others'.")
    logits = {
        id: logits_of(exposure.classifier, exposure.run.logits.tolist())
        for id, exposure in examination.exposures.items()
    }
    view = radiograph.facts.get("View")
    headers = {"view": view if view is not None and view.isupper() else None, "device": radiograph.device}
    groups = {column: value for column, value in headers.items() if value} | dict(film.labelled.groups)
    try:
        marks = places.get(film.labelled.film.place, {})
        judged = _located(examination, marks, options) if marks else ()
    except (EnsembleCamError, MemoryError) as error:
        return _refused(film.labelled, error)
    return ScoredFilm(film.labelled, film.sha256, logits, groups, cautions, judged)


def _located(examination: Examination, marks: Mapping[str, Place], options: ReviewOptions) -> tuple[Located, ...]:
    """Make the maps of what was marked, and judge them."""
    known = {label for each in examination.results for label in each.classifier.outputs}
    labels = tuple(label for label in marks if label in known)
    return tuple(located(explain(examination, replace(options.settings, labels=labels)), marks)) if labels else ()


def logits_of(classifier: Classifier, logits: Sequence[float]) -> dict[str, float]:
    """Return label → the logit whose sigmoid operating points are a cut of: of a softmax its share's log-odds."""
    own = classifier.config.own
    if own is None or own.output != "softmax":
        return {label: float(logits[output]) for label, output in classifier.outputs.items()}
    return {
        label: math.log(share) - math.log1p(-share) if 0 < share < 1 else math.copysign(_LARGEST, share - 0.5)
        for label, share in classifier.probabilities(logits).items()
    }


def _refused(labelled: LabelledFilm, error: Exception) -> Refused:
    return Refused(labelled, str(error) if isinstance(error, EnsembleCamError) else OUT_OF_MEMORY)
