"""How right classifiers are on a site's own films, as a caller gets it."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Unpack

import pandas as pd

from ensemble_cam.api.networks import asked_for
from ensemble_cam.api.options import NetworkOptions, path
from ensemble_cam.archive.places import find_places
from ensemble_cam.errors import ClassifierError, ConfigError
from ensemble_cam.reviewing.preparing import load_classifiers
from ensemble_cam.settings.settings import displayed
from ensemble_cam.validation.labels import labels_of, read_labels
from ensemble_cam.validation.published_boxes import read_boxes
from ensemble_cam.validation.published_masks import read_masks
from ensemble_cam.validation.report import check_free, page, write
from ensemble_cam.validation.scoring import Refused, ScoredFilm
from ensemble_cam.validation.site import Question, Rule
from ensemble_cam.validation.validating import NOBODY, Outcome
from ensemble_cam.validation.validating import Validation as Asked

_COLUMNS = ("n", "positives", "auc", "sensitivity", "specificity", "alerts_per_100", "operating_point")


class Validation:
    """A site's figures, as `validate` returns them. They are never changed."""

    def __init__(self, outcome: Outcome, failures: tuple[tuple[str, str], ...]):
        self._outcome, self._failures = outcome, failures

    @property
    def record(self) -> Mapping[str, Any]:
        """What `validation.json` holds: no film's name, no patient and no reader."""
        return self._outcome.record

    @property
    def table(self) -> pd.DataFrame:
        """The figures in a row for each finding and classifier, and for the ensemble.

        Columns are n, positives, auc with auc_low and auc_high (its interval of 95 %), and sensitivity, specificity
        and alerts_per_100 at the operating_point of today.
        """
        rows = []
        for finding, of in self.record["findings"].items():
            for classifier, each in of.items():
                low, high = each["auc_interval"] or (None, None)
                figures = {column: each.get(column) for column in _COLUMNS}
                rows.append({"finding": finding, "classifier": classifier, **figures, "auc_low": low, "auc_high": high})
        return pd.DataFrame(rows)

    @property
    def points(self) -> Mapping[str, Mapping[str, float]]:
        """Classifier id → finding → the probability that was chosen on one half of the patients."""
        return self._outcome.points

    @property
    def failures(self) -> tuple[tuple[str, str], ...]:
        """The films that have no part in the figures, each with the reason."""
        return self._failures

    def save(self, out: str | os.PathLike[str]) -> Path:
        """Write what `ensemble-cam validate` writes into a folder, and return it.

        Raises:
            ConfigError: if the folder holds a validation.
            ExportError: if the files cannot be written.
        """
        folder = Path(out)
        check_free(folder)
        write(self.record, self.points, folder)
        return folder

    def _repr_html_(self) -> str:
        """The report."""
        return page(self.record)

    def __repr__(self) -> str:
        films = self.record["films"]
        return f"Validation({films['n']} films, {len(self.record['findings'])} findings)"


def validate(
    films: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    labels: str | os.PathLike[str] | pd.DataFrame,
    *,
    boxes: str | os.PathLike[str] | None = None,
    masks: str | os.PathLike[str] | None = None,
    sensitivity: float | None = None,
    alert_rate: float | None = None,
    prevalence: Mapping[str, float] | None = None,
    seed: int = 0,
    by: str | None = None,
    **options: Unpack[NetworkOptions],
) -> Validation:
    """Measure classifiers on labelled films of one's own, and choose operating points.

    Args:
        films: a path, or several: films, or folders with their subfolders.
        labels: the path of a table, or a data frame: columns file, finding, label (0 or 1) and, as they are known,
            patient, reader, view, device, sex, age; a path may be a public set's file, too.
        boxes: a file of boxes by which maps are judged; not with `masks`.
        masks: a folder of masks, or a public set's file of them.
        sensitivity: choose the highest point that reaches it, in (0, 1]. Without it and `alert_rate`, Youden's index.
        alert_rate: choose the lowest point that calls at most this share of the films, in (0, 1).
        prevalence: finding → how often it is where the classifiers are used, in (0, 1), for PPV and NPV.
        seed: of the halves, and of the patients drawn again.
        by: who validates, for the report.
        **options: which networks are asked, and what they are shown: set, classifiers, weights, weights_dir, config,
            framing, ensemble_weights, intensity, rescale, negative, device, runtime, each as of `review`.

    Raises:
        ConfigError: if something is not allowed or not there, or a line of a table is not as it should be.
        ClassifierError: if no film could be used.
        WeightsError: if weights are missing or unusable.
    """
    _check(sensitivity, alert_rate, boxes, masks)
    config, choice, asked_options = asked_for(options)
    asked = Asked.of(config, choice, asked_options, Question(Rule(sensitivity, alert_rate), seed=seed))
    asked = asked.at(_prevalences(prevalence or {}, asked.known))
    given = [films] if isinstance(films, str | os.PathLike) else list(films)
    found = find_places([os.fspath(each) for each in given]).films
    if isinstance(labels, pd.DataFrame):
        known = labels_of(labels.to_csv(index=False).encode(), Path("labels"), found, asked.known)
    else:
        known = read_labels(Path(labels), found, asked.known)
    places = None
    if boxes is not None or masks is not None:
        marks = (read_boxes, boxes) if boxes is not None else (read_masks, masks)
        places = marks[0](path("boxes" if boxes is not None else "masks", marks[1]) or Path(), found, asked.known)
    classifiers = load_classifiers(config, choice, asked.options)
    failures: list[tuple[str, str]] = []

    def told(film: ScoredFilm | Refused) -> None:
        if isinstance(film, Refused):
            failures.append((film.labelled.film.shown, film.reason))

    outcome = asked.outcome(known, classifiers, places=places, by=by, told=told)
    if outcome is None:
        raise ClassifierError(" ".join([NOBODY, *(reason for _, reason in failures[:1])]))
    return Validation(outcome, tuple(failures))


def _check(sensitivity: float | None, alert_rate: float | None, boxes: object, masks: object) -> None:
    if sensitivity is not None and alert_rate is not None:
        raise ConfigError("sensitivity, alert_rate: got both; hand over one of them.")
    if boxes is not None and masks is not None:
        raise ConfigError("boxes, masks: got both; hand over one of them.")
    if sensitivity is not None and not 0 < sensitivity <= 1:
        raise ConfigError(f"sensitivity: got {sensitivity!r}; allowed: a number above 0, at most 1.")
    if alert_rate is not None and not 0 < alert_rate < 1:
        raise ConfigError(f"alert_rate: got {alert_rate!r}; allowed: a share between 0 and 1.")


def _prevalences(given: Mapping[str, float], known: Iterable[str]) -> dict[str, float]:
    by_name = {displayed(label).casefold(): label for label in known}
    found = {}
    for name, share in given.items():
        label = by_name.get(displayed(name).casefold())
        if label is None or not 0 < share < 1:
            raise ConfigError(
                f"prevalence: got {name!r}: {share!r}; allowed: a finding that a classifier knows, and a share between "
                "0 and 1."
            )
        found[label] = share
    return found
