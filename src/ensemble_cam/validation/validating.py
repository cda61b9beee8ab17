"""One run of `ensemble-cam validate`: labelled films through the networks, and the three files of what came of it."""

import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from ensemble_cam.archive.places import read_place
from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.errors import ConfigError, WeightsMissing
from ensemble_cam.export.provenance import packages, software
from ensemble_cam.export.record import weights_record
from ensemble_cam.machine.names import escaped
from ensemble_cam.machine.terminal import Pace, TerminalLine, films_per_second, status
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.reviewing.options import ReviewOptions
from ensemble_cam.reviewing.preparing import Choice, checked, load_classifiers, run_info
from ensemble_cam.reviewing.request import resolve
from ensemble_cam.reviewing.review import RunInfo
from ensemble_cam.settings.config import Config, known_labels
from ensemble_cam.settings.sets import SETS, TEACHING, WITHOUT_DOWNLOAD, answering_for
from ensemble_cam.settings.settings import displayed
from ensemble_cam.settings.vocabulary import UNTRAINED
from ensemble_cam.validation.labels import Labels
from ensemble_cam.validation.locating import places_record
from ensemble_cam.validation.places import Places
from ensemble_cam.validation.published_figures import NOT_COMPARABLE, SOURCE, published_record
from ensemble_cam.validation.report import PAGE, PRINTED, RECORD, SCHEMA, check_free, write
from ensemble_cam.validation.scoring import NOWHERE, Refused, ScoredFilm, score_films
from ensemble_cam.validation.site import Question, Site, films_digest

NO_PATIENTS = (
    "Not every film's patient was named: a film without one is taken as a patient of its own. Films of one patient may "
    "then stand in both halves, and intervals may be too narrow."
)
SEVERAL_FILMS = (
    "Some patients have several films. The area's interval takes account of it; the intervals of sensitivity, "
    "specificity and alerts count every film as one of its own, and may be too narrow."
)
NOBODY = "No film could be used, so nothing is written."


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a validation.

    Attributes:
        record: what `validation.json` holds.
        points: classifier id → label → the probability that was chosen.
        contradictions: label → what films are called whose label all classifiers contradict, for the terminal alone.
    """

    record: Mapping[str, Any]
    points: Mapping[str, Mapping[str, float]]
    contradictions: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Validation:
    """What is asked for, checked as far as it can be before weights are looked for.

    Attributes:
        config: where the classifiers are described.
        choice: which of them are asked.
        options: as `preparing.checked` returned them.
        question: what is asked of the films.
    """

    config: Config
    choice: Choice
    options: ReviewOptions
    question: Question

    @classmethod
    def of(cls, config: Config, choice: Choice, options: ReviewOptions, question: Question) -> "Validation":
        """Check what is asked for.

        Raises:
            ConfigError: if something is not allowed, or networks were never trained.
        """
        options = checked(config, choice, options)
        for classifier in config.for_review(choice.set, choice.ids):
            if _weights(classifier.id, classifier.default_weight, choice) == UNTRAINED:
                raise ConfigError(
                    f"weights of {classifier.id}: networks that were never trained are not validated, as their scores "
                    "mean nothing. Choose other weights, or leave the classifier out."
                )
        return cls(config, choice, options, question)

    @property
    def known(self) -> tuple[str, ...]:
        """The findings that the classifiers know by their weights' names."""
        return _known(self.config, self.choice)

    def at(self, prevalence: Mapping[str, float]) -> "Validation":
        """Return the same at stated prevalences, label → share in (0, 1)."""
        return replace(self, question=replace(self.question, prevalence=prevalence))

    def run(
        self,
        labels: Labels,
        out: Path,
        *,
        line: TerminalLine,
        errors: TextIO,
        places: Places | None = None,
        by: str | None = None,
    ) -> int:
        """Score the films and write the figures; return how many films failed, each with a line in `errors`.

        Args:
            labels: the films with what is known of them.
            out: where the files go.
            line: where all is said but failures.
            errors: where a failure is a line.
            places: where findings were marked; None where nobody has.
            by: who validates, for the report; None where nobody said.

        Raises:
            ConfigError: if the folder holds a validation.
            ExportError: if the files cannot be written.
            WeightsError: if weights are missing or unusable.
        """
        check_free(out)
        classifiers = self._loaded(line)
        total, pace, failed, scored = len(labels.films), Pace(time.monotonic()), 0, 0
        line.transient(status(0, total, None))

        def told(film: ScoredFilm | Refused) -> None:
            nonlocal failed, scored
            if isinstance(film, Refused):
                failed += 1
                line.transient("")
                print(f"ensemble-cam: {film.labelled.film.shown}: {film.reason}", file=errors, flush=True)
            else:
                scored += 1
                pace.did(time.monotonic())
            line.transient(status(scored + failed, total, pace.rate))

        outcome = self.outcome(labels, classifiers, places=places, by=by, told=told)
        parts = [f"{scored} of {total} films scored", *([f"{failed} failed"] if failed else [])]
        if (rate := pace.mean_rate) is not None:
            parts.append(films_per_second(rate))
        line.line(", ".join(parts))
        if outcome is None:
            print(f"ensemble-cam: {NOBODY}", file=errors, flush=True)
            return max(failed, 1)
        write(outcome.record, outcome.points, out)
        for label, shown in outcome.contradictions.items():
            line.line(f"All classifiers contradict the label of {displayed(label)}: {', '.join(shown)}")
        line.line(f"{scored} of {total} labelled films in {escaped(str(out))}: {PAGE}, {PRINTED}, {RECORD} …")
        return failed

    def outcome(
        self,
        labels: Labels,
        classifiers: Sequence[Classifier],
        *,
        places: Places | None = None,
        by: str | None = None,
        told: Callable[[ScoredFilm | Refused], None] = lambda film: None,
        bytes_of: Callable[[str], bytes] = read_place,
        scored: MutableMapping[str, ScoredFilm | Refused] | None = None,
    ) -> Outcome | None:
        """Score films and compute the figures; None where no film could be used.

        Args:
            labels: the films with what is known of them.
            classifiers: loaded.
            places: where findings were marked; None where nobody has.
            by: who validates, for the report; None where nobody said.
            told: of each film, in their order; may raise `Cancelled`.
            bytes_of: gives a film's bytes by its place.
            scored: by their places, films that were scored before, which are not again; and those that now are.
        """
        known = {} if scored is None else scored
        left = [each for each in labels.films if each.film.place not in known]
        marks = NOWHERE if places is None else places.by_film
        with closing(score_films(left, classifiers, self.options, marks, bytes_of=bytes_of)) as found:
            for film in found:
                known[film.labelled.film.place] = film
                told(film)
        every = [known[each.film.place] for each in labels.films]
        films = [film for film in every if not isinstance(film, Refused)]
        failed = len(every) - len(films)
        if not any(film.labelled.truth for film in films):
            return None
        settings = resolve(self.options.settings, classifiers)
        site = Site(films, classifiers, settings.ensemble_weights, self.question)
        run = run_info(self.choice, self.options, classifiers)
        points = site.points()
        contradicted = site.contradictions()
        record = {
            "schema": SCHEMA,
            "purpose": PURPOSE,
            "notice": answering_for(each.classifier_set for each in classifiers).notice,
            "cautions": list(dict.fromkeys(caution for film in films for caution in film.cautions)),
            "remarks": _remarks(site, labels),
            "date": datetime.now(UTC).date().isoformat(),
            "by": by,
            "software": dict(software()),
            "packages": dict(packages()),
            "settings": _settings(run, settings.framing, settings.ensemble_weights),
            "classifiers": [weights_record(classifier) for classifier in classifiers],
            "films": {
                "n": len(films),
                "patients": site.patients,
                "failed": failed,
                "unlabelled": labels.unlabelled,
                "undecided": labels.undecided,
                "passed_over": labels.passed_over,
                "digest": films_digest(films),
                "sha256": sorted(film.sha256 for film in films),
            },
            "choice": self._choice(site),
            "findings": site.findings(points),
            "places": None if places is None else _places(films, site, places, self.config.review.threshold),
            "comparisons": site.comparisons(),
            "contradictions": {label: sorted(film.sha256 for film in each) for label, each in contradicted.items()},
        }
        names = {label: [film.labelled.film.shown for film in each] for label, each in contradicted.items()}
        return Outcome(record, points, names)

    def _loaded(self, line: TerminalLine) -> tuple[Classifier, ...]:
        try:
            loaded = load_classifiers(
                self.config, self.choice, self.options, progress=lambda what, _: line.transient(what)
            )
        except WeightsMissing as error:
            if not (SETS[self.choice.set].needs_download and self.config.in_set(TEACHING.name)):
                raise
            raise WeightsMissing(f"{error}\n{WITHOUT_DOWNLOAD}") from None
        line.line("Classifiers: " + "; ".join(f"{each.config.name} ({each.weights.name})" for each in loaded))
        if words := SETS[self.choice.set].notice:
            line.line(f"{words}.")
        return loaded

    def _choice(self, site: Site) -> dict[str, Any]:
        patients = site.patient_numbers
        on, other = ({"n": int(half.sum()), "patients": len(set(patients[half].tolist()))} for half in site.halves)
        return {
            "rule": self.question.rule.sentence,
            "seed": self.question.seed,
            "chosen_on": on,
            "reported_on": other,
        }


def _places(films: Sequence[ScoredFilm], site: Site, places: Places, threshold: float) -> dict[str, Any]:
    found = places_record([film.located for film in films], site.halves[0], threshold)
    published = {label: published_record(label) for label in found}
    return {
        "of": places.title,
        "kind": places.kind,
        "findings": found,
        "published": {"source": SOURCE, "note": NOT_COMPARABLE, "findings": published},
    }


def _remarks(site: Site, labels: Labels) -> list[str]:
    remarks = [*labels.remarks, *([] if labels.has_patients else [NO_PATIENTS])]
    return remarks + ([SEVERAL_FILMS] if site.patients < len(site.patient_numbers) else [])


def _settings(run: RunInfo, framing: str, weights: Mapping[str, float]) -> dict[str, Any]:
    return {
        "set": run.set,
        "framing": framing,
        "intensity": run.intensity,
        "rescale": run.rescale,
        "negative": run.negative,
        "ensemble_weights": dict(weights),
        "device": run.device,
        "runtime": run.runtime,
        "precision": run.precision,
    }


def _known(config: Config, choice: Choice) -> tuple[str, ...]:
    classifiers = config.for_review(choice.set, choice.ids)
    labels = (known_labels(each, _weights(each.id, each.default_weight, choice)) for each in classifiers)
    return tuple(sorted({label for of in labels for label in of}))


def _weights(id: str, default: str, choice: Choice) -> str:
    return (choice.weights or {}).get(id, default)
