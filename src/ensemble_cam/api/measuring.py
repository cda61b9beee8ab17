"""Whether a map shows what its network uses, as a caller gets it."""

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
from PIL import Image

from ensemble_cam.api.explaining import Explanation
from ensemble_cam.api.result import Review
from ensemble_cam.errors import ClassifierError
from ensemble_cam.export.record import weights_record
from ensemble_cam.settings.metrics import FAITHFULNESS, MOVED, checked_metrics
from ensemble_cam.validation.measures import COLUMNS, picture
from ensemble_cam.validation.subjects import MeasuredMap, Subject, measured, subject_of_review


class Measures:
    """What was measured of maps, as `measure` returns it. It is never changed."""

    def __init__(
        self, maps: Sequence[MeasuredMap], subject: Subject, records: Sequence[Mapping[str, Any]], notice: str
    ):
        self._maps, self._subject, self._records, self._notice = maps, subject, records, notice

    @property
    def table(self) -> pd.DataFrame:
        """Every figure in a row with its finding, classifier, method, metric and value. What is undefined has no row.

        The method "moved" is the first method's map at another place of the film: what a map of this shape does by
        chance.
        """
        rows = [
            (each.finding, each.classifier, each.method, metric, value)
            for each in self._maps
            for metric, value in each.found.values.items()
        ]
        return pd.DataFrame(rows, columns=list(COLUMNS[1:]))

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why some maps have no figures, a sentence each."""
        return tuple(
            f"{each.finding}, {each.classifier}, {each.method}: {each.reason}" for each in self._maps if each.reason
        )

    @property
    def cautions(self) -> tuple[str, ...]:
        """What has to be known first, one plain sentence each."""
        return self._subject.cautions

    def curve(
        self, name: str, finding: str, *, classifier: str | None = None, method: str | None = None
    ) -> pd.DataFrame:
        """Return a curve: columns share (of the film that is changed), logit and score.

        Args:
            name: "deletion", "insertion", "road_most" or "road_least".
            finding: the label or class.
            classifier: whose; the first without.
            method: of which map; the first without.

        Raises:
            KeyError: if there is none such.
        """
        for each in self._maps:
            asked = each.finding == finding and classifier in (None, each.classifier) and method in (None, each.method)
            if asked and name in each.found.curves:
                curve = each.found.curves[name]
                return pd.DataFrame({"share": curve.shares, "logit": curve.logits, "score": curve.scores})
        raise KeyError(name)

    def figure(self) -> Image.Image:
        """Return the curves of the first finding and network that has any, RGB, with words below.

        Raises:
            ClassifierError: if nothing that has a curve was measured.
        """
        drawn = Image.open(io.BytesIO(self._repr_png_()))
        drawn.load()
        return drawn

    def _repr_png_(self) -> bytes:
        """The figure."""
        first = next((each for each in self._maps if each.found.curves), None)
        if first is None:
            raise ClassifierError("No curve was measured: deletion, insertion and road have one.")
        maps = [e for e in self._maps if (e.finding, e.classifier) == (first.finding, first.classifier)]
        record = next(each for each in self._records if each["id"] == first.classifier)
        return picture(maps, record, self._subject, self._notice)

    def __repr__(self) -> str:
        own = [each for each in self._maps if each.method != MOVED]
        return f"Measures({len(own)} maps, {len(self.table)} figures)"


def measure(explained: Explanation | Review, metrics: Iterable[str] | None = None, *, seed: int = 0) -> Measures:
    """Measure whether the maps of an explanation, or of a review, show what their networks use.

    The film is changed by each map, and its network asked again; see the manual's *Whether a map is faithful*.

    Args:
        explained: of `explain`, or of `review`, whose classifiers' maps are measured and not the ensemble's, which is
            no network's.
        metrics: "deletion", "insertion", "road_most", "road_least", "road", "drop_logit", "drop_score",
            "average_drop", "increase", "focus", "entropy", which all are measured without; and "randomisation_head",
            "randomisation_stage", "randomisation_all", "contrast", "stability_mirror", "stability_shift",
            "stability_rotation", "stability_brightness", "stability_noise", "stability_jpeg", "adversarial".
        seed: of equal values, noise and the moved map.

    Raises:
        ConfigError: if there is no such measure.
        ClassifierError: if a network fails on a changed film, or an explanation's map is the same everywhere.
        TypeError: if `explained` is neither.
    """
    wanted = checked_metrics(FAITHFULNESS if metrics is None else metrics)
    if isinstance(explained, Review):
        analysis = explained._reviewed.analysis
        subject = subject_of_review(analysis)
        records = [weights_record(each.classifier) for each in analysis.results]
        return Measures(measured(subject, wanted, seed=seed), subject, records, analysis.classifier_set.notice or "")
    if not isinstance(explained, Explanation):
        raise TypeError(f"measure: got {type(explained).__name__}; hand over what explain or review returned.")
    from ensemble_cam.validation.torch_subjects import OfNetwork, subject_of_explained

    network = explained._network
    subject = subject_of_explained(network, explained._explained)
    found = measured(subject, wanted, seed=seed)
    if reasons := [each.reason for each in found if each.reason]:
        raise ClassifierError(reasons[0])
    maker = OfNetwork(network, (), (explained._explained.by.method,))
    return Measures(found, subject, maker.records, maker.notice)
