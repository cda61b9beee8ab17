"""What the networks said of a film, kept beside what readers said of it."""

import hashlib
import json
from dataclasses import dataclass

from ensemble_cam.readers.store import Store
from ensemble_cam.reviewing.review import Review
from ensemble_cam.reviewing.scores import Call, is_split
from ensemble_cam.settings.vocabulary import ENSEMBLE


@dataclass(frozen=True)
class NetworkCall:
    """What a network, or all of them together, said of a finding.

    Attributes:
        finding: its label.
        network: a classifier's id, or "ensemble".
        score: in [0, 1].
        call: what the score says.
        split: whether some networks call the finding and others do not.
        agreement: the mean IoU of the finding's maps at the threshold; None without maps to compare.
        box: "x0,y0,x1,y1" around all that the map has at the threshold; None without.
    """

    finding: str
    network: str
    score: float
    call: Call
    split: bool
    agreement: float | None
    box: str | None


def keep_review(store: Store, film: int, review: Review) -> int:
    """Return the row of a review; one that is there already, of the same networks and settings, is not kept twice."""
    analysis = review.analysis
    weights = {each.id: each.classifier.weights.sha256 for each in analysis.results}
    settings = analysis.settings
    seen = (settings.framing, review.run.intensity, review.run.rescale, review.run.negative, review.run.precision)
    shares, threshold = dict(settings.ensemble_weights), review.display.threshold
    points = {each.id: each.classifier.operating_points_source for each in analysis.results}
    asked = (weights, points, shares, settings.recipe.line, seen, threshold, [each.label for each in analysis.findings])
    key = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    with store.write() as file:
        known = file.execute("SELECT id FROM reviews WHERE film = ? AND key = ?", (film, key)).fetchone()
        if known is not None:
            return int(known["id"])
        (id,) = file.execute(
            "INSERT INTO reviews (film, key, classifier_set, weights, method, threshold, meaningless, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
            (
                *(film, key, review.run.set, json.dumps(weights, sort_keys=True), settings.recipe.line, threshold),
                *(int(analysis.meaningless), store.now()),
            ),
        ).fetchone()
        file.executemany(
            "INSERT INTO calls (review, finding, network, score, call, split, agreement, box)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (id, each.finding, each.network, each.score, each.call, int(each.split), each.agreement, each.box)
                for each in network_calls(review)
            ],
        )
    return int(id)


def network_calls(review: Review) -> list[NetworkCall]:
    """Return what each network, and all together, said of every finding with a score, in the ranking's order."""
    analysis, extents = review.analysis, review.extents
    explained = {finding.label: finding for finding in analysis.findings}
    found = []
    for ranked in analysis.ranking:
        label, finding = ranked.label, explained.get(ranked.label)
        agreed = None if finding is None else finding.agreement(review.display.threshold)
        split = is_split(result.call(label) for result in analysis.results)
        scores = {ENSEMBLE: ranked.score, **{each.id: each.score(label) for each in analysis.results}}
        for id, score in scores.items():
            if score is None:
                continue
            extent = extents[label].get(id) if label in extents else None
            box = None if extent is None else ",".join(map(str, extent.box))
            iou = None if agreed is None else agreed.iou
            found.append(NetworkCall(label, id, score.value, score.call, split, iou, box))
    return found
