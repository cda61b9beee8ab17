"""What every report of a validation says, on a page or printed."""

from collections.abc import Mapping, Sequence
from typing import Any

from ensemble_cam.settings.vocabulary import ENSEMBLE
from ensemble_cam.validation.calibration import WHY_NOT_THE_SCORE
from ensemble_cam.validation.site import decimal

NOTHING_OF_PLACES = "Where maps lie is not judged here: labels of films say nothing of places."
NOT_HERE = (
    WHY_NOT_THE_SCORE,
    NOTHING_OF_PLACES,
    "Figures hold for films like these. Other devices, patients and prevalences have their own.",
    "Nothing takes the points up by itself: a classifier's operating_points in the configuration names their file.",
)
"""What a validation does not tell, a sentence each."""


def untold(record: Mapping[str, Any]) -> list[str]:
    """Return what a validation does not tell, a sentence each."""
    return [each for each in NOT_HERE if record["places"] is None or each != NOTHING_OF_PLACES]


def names_of(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the id of each classifier, and the ensemble's, → name."""
    return {each["id"]: each["name"] for each in record["classifiers"]} | {ENSEMBLE: "Ensemble"}


def marked_alone(record: Mapping[str, Any]) -> list[str]:
    """Return the findings that have marks and no labels: nothing is said of them but where their maps lie."""
    places = record["places"]
    return [] if places is None else [label for label in places["findings"] if label not in record["findings"]]


def located_table(label: str, record: Mapping[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return head and rows of where a finding's maps lie, with what was published of others below; maybe no rows.

    Args:
        label: the finding.
        record: `validation.json`.
    """
    names = names_of(record)
    head = ("map of", "films", "hottest point inside", "from", "IoU", "Dice", "best from", "IoU, other half",
            "Dice, other half")  # fmt: skip
    places = record["places"]
    of = {} if places is None else places["findings"].get(label, {})
    rows: list[tuple[str, ...]] = []
    for id, each in of.items():
        best = each["best"]
        chosen = ("too few films", "–", "–") if best is None else (
            f"{best['threshold']:.2f}", decimal(best["iou"]), decimal(best["dice"])
        )  # fmt: skip
        rows.append(
            (names[id], str(each["n"]), _with_span(each["hit"], each["hit_wilson"]), f"{each['threshold']:.2f}",
             decimal(each["iou"]), decimal(each["dice"]), *chosen)
        )  # fmt: skip
    if rows:
        for who, each in (places["published"]["findings"][label] or {}).items():
            hit = _with_span(each["hit"], each["hit_interval"]) if each["hit"] is not None else "not given"
            rows.append((who, "", hit, "", _with_span(each["iou"], each["iou_interval"]), "not given", "", "", ""))
    return head, rows


def located_words(label: str, places: Mapping[str, Any]) -> list[str]:
    """Return what has to be said below that table."""
    published = places["published"]
    of = f"Marks: {places['kind']}, {places['of']}; cut to what the networks see. Means over the films that have it."
    if published["findings"][label] is None:
        return [of, "Of this finding no published figures of people or other programs are given."]
    return [of, f"Published: {published['note']} Source: {published['source']}."]


def _with_span(value: float, interval: Sequence[float] | None) -> str:
    return decimal(value) if interval is None else f"{decimal(value)} ({'–'.join(map(decimal, interval))})"
