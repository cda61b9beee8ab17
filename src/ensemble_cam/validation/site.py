"""How right classifiers are on a site's own films, and operating points of its own.

Figures stand for each finding and classifier, and for the ensemble, over all films that have a label of the finding.
Points are chosen on one half of the patients and reported on the other: on the films that a point was chosen on it
looks better than it is.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.reviewing.scores import OPERATING_POINT, Score, ensemble_score
from ensemble_cam.settings.vocabulary import ENSEMBLE
from ensemble_cam.validation import statistics
from ensemble_cam.validation.calibration import calibration_record
from ensemble_cam.validation.labels import SUBGROUPS
from ensemble_cam.validation.ranking_curves import precision_recall, roc
from ensemble_cam.validation.scoring import ScoredFilm
from ensemble_cam.validation.statistics import Share
from ensemble_cam.validation.votes import contradicted, votes_record

APPROXIMATE_BELOW = 30
"""Positives or negatives, below which DeLong's interval is said to be approximate."""

SMALLEST_GROUP = 5
"""Films of a subgroup that has figures: fewer tell nothing of a group, and may point at somebody."""

_DIGITS = 6
_NO_POINT = (
    "On the half of the patients that points are chosen on no point does what was asked: there are no films of both "
    "kinds, or calling every film, or none, is all that would."
)

Points = Mapping[str, Mapping[str, float]]
"""Classifier id → label → the probability at which it is called."""


@dataclass(frozen=True)
class Rule:
    """How operating points are chosen; by Youden's index without a target.

    Attributes:
        sensitivity: to be reached by the highest point that does, in (0, 1].
        alert_rate: share of films, in (0, 1), to be kept by the lowest point that does.
    """

    sensitivity: float | None = None
    alert_rate: float | None = None

    @property
    def sentence(self) -> str:
        """The rule in words."""
        if self.sensitivity is not None:
            return f"the highest point with a sensitivity of at least {self.sensitivity:g}"
        if self.alert_rate is not None:
            return f"the lowest point that calls at most {100 * self.alert_rate:g} of 100 films"
        return "the point with the largest sensitivity + specificity − 1 (Youden)"

    def choose(self, logits: np.ndarray, positive: np.ndarray) -> float | None:
        """Return the logit at and above which a film is called; None where films and labels give none."""
        if self.sensitivity is not None:
            return statistics.sensitivity_point(logits, positive, self.sensitivity)
        if self.alert_rate is not None:
            return statistics.alert_rate_point(logits, self.alert_rate)
        return statistics.youden_point(logits, positive)


@dataclass(frozen=True)
class Question:
    """What is asked of the films.

    Attributes:
        rule: how operating points are chosen.
        prevalence: label → how often the finding is where the classifiers are to be used, in (0, 1).
        seed: of the halves and of the bootstrap.
    """

    rule: Rule = field(default_factory=Rule)
    prevalence: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0


class Site:
    """A site's scored films.

    Args:
        films: those that were scored, one or more.
        classifiers: all that scored them.
        weights: classifier id → ensemble weight.
        question: what is asked.
    """

    def __init__(
        self,
        films: Sequence[ScoredFilm],
        classifiers: Sequence[Classifier],
        weights: Mapping[str, float],
        question: Question,
    ):
        self._films, self._classifiers, self._weights, self._question = films, classifiers, weights, question
        self._patients = _numbered(_patient(film) for film in films)
        self._first_half = self._patients_of_first_half()[self._patients]
        self._current: Points = {each.id: each.operating_points or {} for each in classifiers}

    @property
    def patients(self) -> int:
        """How many there are."""
        return int(self._patients.max()) + 1

    @property
    def labels(self) -> tuple[str, ...]:
        """The findings that some film has a label of, by name."""
        return tuple(sorted({label for film in self._films for label in film.labelled.truth}))

    @property
    def halves(self) -> tuple[np.ndarray, np.ndarray]:
        """Which films points are chosen on, and which they are reported on, both (n,) bool."""
        return self._first_half, ~self._first_half

    @property
    def patient_numbers(self) -> np.ndarray:
        """Of each film, (n,) whole numbers from 0; a film without a patient is one of its own."""
        return self._patients

    def points(self) -> dict[str, dict[str, float]]:
        """Return classifier id → label → the probability that was chosen, where the first half allows one."""
        chosen: dict[str, dict[str, float]] = {}
        for classifier in self._classifiers:
            chosen[classifier.id] = {}
            for label in self.labels:
                known, positive = self._truth(label)
                here = known & self._first_half
                if label not in classifier.outputs or positive[here].all() or not positive[here].any():
                    continue
                cut = self._question.rule.choose(self._logits(classifier.id, label)[here], positive[here])
                probability = None if cut is None else float(_sigmoid(np.array(cut)))
                if probability is not None and 0 < probability < 1:
                    chosen[classifier.id][label] = probability
        return chosen

    def findings(self, points: Points) -> dict[str, dict[str, Any]]:
        """Return label → classifier id or "ensemble" → figures, as `validation.json` has them.

        Args:
            points: those that were chosen, see `points`.
        """
        return {
            label: {id: self._figures(label, id, points) for id in (*self._ids(label), *self._ensemble_of(label))}
            for label in self.labels
        }

    def comparisons(self) -> list[dict[str, Any]]:
        """Return every two classifiers' areas under the curve compared, finding by finding; p corrected over all."""
        rows: list[dict[str, Any]] = []
        for label in self.labels:
            known, positive = self._truth(label)
            ids = self._ids(label)
            for place, one in enumerate(ids):
                for other in ids[place + 1 :]:
                    first, second = (self._logits(id, label)[known] for id in (one, other))
                    found = statistics.delong_difference(first, second, positive[known], self._patients[known])
                    if found is not None:
                        rows.append(
                            {"finding": label, "one": one, "other": other, "difference": found[0], "p": found[1]}
                        )
        for row, corrected in zip(rows, statistics.holm([row["p"] for row in rows]), strict=True):
            row |= {"difference": _rounded(row["difference"]), "p": row["p"], "p_holm": corrected}
        return rows

    def _figures(self, label: str, id: str, points: Points) -> dict[str, Any]:
        known, positive = self._truth(label)
        ranked = self._ranked(label, id)
        called = self._called(label, id, self._current)
        area = statistics.area(ranked[known], positive[known], self._patients[known])
        figures = {
            **_counts(known, positive, self._patients),
            **_area_record(area),
            "auc_bootstrap": _ends(
                statistics.bootstrap_interval(
                    ranked[known], positive[known], self._patients[known], seed=self._question.seed
                )
            ),
            "average_precision": _rounded(statistics.average_precision(ranked[known], positive[known])),
            "roc": roc(ranked[known], positive[known]),
            "precision_recall": precision_recall(ranked[known], positive[known]),
            **self._at(label, id, self._current),
            **_call_record(called, known, positive, self._question.prevalence.get(label)),
        }
        figures["sentence"] = sentence(figures)
        figures["subgroups"] = self._subgroups(known, positive, ranked, called)
        figures["site"] = self._of_site(label, id, points)
        if id == ENSEMBLE:
            figures["votes"] = votes_record(
                self._calls(label, known), None if called is None else called[known], positive[known]
            )
        else:
            on, other = known & self._first_half, known & ~self._first_half
            figures["calibration"] = calibration_record(ranked, positive, on, other)
        return figures

    def contradictions(self) -> dict[str, list[ScoredFilm]]:
        """Return label → the films on which all classifiers with a point, two or more, contradict it: errors of the
        label, or lessons.
        """
        found: dict[str, list[ScoredFilm]] = {}
        for label in self.labels:
            known, positive = self._truth(label)
            films = np.flatnonzero(known)[contradicted(self._calls(label, known), positive[known])]
            if len(films):
                found[label] = [self._films[number] for number in films]
        return found

    def _calls(self, label: str, known: np.ndarray) -> dict[str, np.ndarray]:
        """Return classifier id → which of the known films it calls today, of those that have a point."""
        calls = {id: self._called(label, id, self._current) for id in self._ids(label)}
        return {id: each[known] for id, each in calls.items() if each is not None}

    def _of_site(self, label: str, id: str, points: Points) -> dict[str, Any]:
        """Return what the chosen points do on the half that they were not chosen on."""
        known, positive = self._truth(label)
        on, other = known & self._first_half, known & ~self._first_half
        record: dict[str, Any] = {"chosen_on": _counts(on, positive, self._patients)}
        having = [each for each in points if label in points[each] and (id in (each, ENSEMBLE))]
        if not having:
            return record | {"operating_point": None, "reason": _NO_POINT}
        merged = {each: {**self._current[each], **points[each]} for each in self._current}
        called = self._called(label, id, merged)
        return {
            **record,
            **self._at(label, id, merged),
            "reported_on": _counts(other, positive, self._patients)
            | _call_record(called, other, positive, self._question.prevalence.get(label)),
        }

    def _subgroups(
        self, known: np.ndarray, positive: np.ndarray, ranked: np.ndarray, called: np.ndarray | None
    ) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for column in SUBGROUPS:
            values = np.array([film.groups.get(column, "") for film in self._films])
            for value in sorted(set(values[known]) - {""}):
                here = known & (values == value)
                if here.sum() < SMALLEST_GROUP:
                    continue
                found.setdefault(column, {})[value] = {
                    **_counts(here, positive, self._patients),
                    **_area_record(statistics.area(ranked[here], positive[here], self._patients[here])),
                    **_call_record(called, here, positive, None),
                }
        return found

    def _ids(self, label: str) -> list[str]:
        return [each.id for each in self._classifiers if label in each.outputs]

    def _ensemble_of(self, label: str) -> tuple[str, ...]:
        """Return the ensemble's id, or nothing where all classifiers that know the finding have a weight of 0."""
        return (ENSEMBLE,) if any(self._weights[id] > 0 for id in self._ids(label)) else ()

    def _truth(self, label: str) -> tuple[np.ndarray, np.ndarray]:
        """Return which films have a label of a finding, and which have the finding, both (n,) bool."""
        truths = [film.labelled.truth.get(label) for film in self._films]
        return np.array([each is not None for each in truths]), np.array([each is True for each in truths])

    def _logits(self, id: str, label: str) -> np.ndarray:
        return np.array([film.logits[id][label] for film in self._films])

    def _ranked(self, label: str, id: str) -> np.ndarray:
        """Return what films are ranked by: a classifier's logits, which scores round off, or the ensemble's scores."""
        return self._ensemble(label, self._current)[0] if id == ENSEMBLE else self._logits(id, label)

    def _ensemble(self, label: str, points: Points) -> tuple[np.ndarray, bool]:
        """Return the ensemble's scores by these points, and whether it calls by them."""
        ids = self._ids(label)
        # The mean is linear: with one score of 1 among zeros it is that classifier's part, by the rule of reviews.
        parts = {
            id: ensemble_score({each: Score(float(each == id), label in points[each]) for each in ids}, self._weights)
            for id in ids
        }
        scores, calibrated = np.zeros(len(self._films)), True
        for id, part in parts.items():
            if part is not None:
                scores += part.value * at_point(_sigmoid(self._logits(id, label)), points[id].get(label))
                calibrated = part.calibrated
        return scores, calibrated

    def _called(self, label: str, id: str, points: Points) -> np.ndarray | None:
        """Return which films are called, (n,) bool; None where nobody has an operating point."""
        if id == ENSEMBLE:
            scores, calibrated = self._ensemble(label, points)
            return scores >= OPERATING_POINT if calibrated else None
        point = points[id].get(label)
        return None if point is None else _sigmoid(self._logits(id, label)) >= point

    def _at(self, label: str, id: str, points: Points) -> dict[str, Any]:
        if id == ENSEMBLE:
            calibrated = self._ensemble(label, points)[1]
            return {"operating_point": OPERATING_POINT if calibrated else None, "operating_point_of": "score"}
        return {"operating_point": points[id].get(label), "operating_point_of": "probability"}

    def _patients_of_first_half(self) -> np.ndarray:
        """Return which patients points are chosen on, drawn by the seed whatever the films' order."""
        first = np.array(["~"] * self.patients, dtype="<U64")
        for film, number in zip(self._films, self._patients, strict=True):
            first[number] = min(str(first[number]), film.sha256)
        order = np.argsort(first, kind="stable")
        drawn = order[np.random.default_rng(self._question.seed).permutation(self.patients)]
        half = np.zeros(self.patients, dtype=bool)
        half[drawn[: (self.patients + 1) // 2]] = True
        return half


def at_point(probabilities: np.ndarray, point: float | None) -> np.ndarray:
    """Return scores as `Classifier.scores` has them: 0.5 at the point; without one they are the probabilities."""
    if point is None:
        return probabilities
    return np.where(probabilities < point, probabilities / (2 * point), 1 - (1 - probabilities) / (2 * (1 - point)))


def films_digest(films: Iterable[ScoredFilm]) -> str:
    """Return the SHA-256 of the films' own, sorted and each on a line: which films they were, without a name."""
    return hashlib.sha256("".join(f"{each}\n" for each in sorted(film.sha256 for film in films)).encode()).hexdigest()


def sentence(figures: Mapping[str, Any]) -> str:
    """Return what the number of films allows to be said of an area under the curve."""
    positives, n = figures["positives"], figures["n"]
    head = f"{_count(positives, 'positive')} among {_count(n, 'film')}"
    if figures["auc"] is None:
        return f"{head}: no area under the curve without films of both kinds."
    if figures["auc_interval"] is None:
        return f"{head}: the area under the curve is {decimal(figures['auc'])}, and so few films give no interval."
    low, high = figures["auc_interval"]
    words = (
        f"{head}: the area under the curve is {decimal(figures['auc'])}, the interval is {decimal(low)}–{decimal(high)}"
    )
    if min(positives, n - positives) < APPROXIMATE_BELOW and "exact" not in figures["auc_method"]:
        words += f", approximate with fewer than {APPROXIMATE_BELOW} films of a kind"
    return f"{words}."


def decimal(value: float | None) -> str:
    """Return a share in two digits, ".43"; "–" for none."""
    if value is None:
        return "–"
    text = f"{value:.2f}"
    return text[1:] if text.startswith("0") else text


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _patient(film: ScoredFilm) -> tuple[str, str]:
    patient = film.labelled.patient
    return ("film", film.sha256) if patient is None else ("patient", patient)


def _numbered(keys: Iterable[tuple[str, str]]) -> np.ndarray:
    numbers: dict[tuple[str, str], int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys])


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.maximum(logits, -700.0)))


def _counts(here: np.ndarray, positive: np.ndarray, patients: np.ndarray) -> dict[str, int]:
    return {
        "n": int(here.sum()),
        "positives": int((here & positive).sum()),
        "patients": len(np.unique(patients[here])),
    }


def _area_record(area: statistics.Area | None) -> dict[str, Any]:
    if area is None:
        return {"auc": None, "auc_interval": None, "auc_method": None}
    return {"auc": _rounded(area.auc), "auc_interval": _ends(area.interval), "auc_method": area.method or None}


def _call_record(
    called: np.ndarray | None, here: np.ndarray, positive: np.ndarray, prevalence: float | None
) -> dict[str, Any]:
    """Return sensitivity, specificity, alert rate and predictive values over some films; null without a point."""
    record: dict[str, Any] = {}
    kinds: Sequence[tuple[str, np.ndarray, Callable[[np.ndarray], np.ndarray]]] = (
        ("sensitivity", here & positive, lambda each: each),
        ("specificity", here & ~positive, np.logical_not),
        ("alert_rate", here, lambda each: each),
    )
    for name, films, right in kinds:
        share = None if called is None else Share(int(right(called[films]).sum()), int(films.sum()))
        record[name] = None if share is None else _rounded(share.value)
        record[f"{name}_wilson"] = None if share is None else _ends(share.wilson)
        record[f"{name}_exact"] = None if share is None else _ends(share.exact)
    record["alerts_per_100"] = None if record["alert_rate"] is None else round(100 * record["alert_rate"], 2)
    both = record["sensitivity"], record["specificity"]
    if prevalence is not None:
        ppv, npv = (None, None) if None in both else statistics.predictive_values(*both, prevalence)
        record |= {"prevalence": prevalence, "ppv": _rounded(ppv), "npv": _rounded(npv)}
    return record


def _ends(interval: statistics.Interval | None) -> list[float] | None:
    return None if interval is None else [round(end, _DIGITS) for end in interval]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
