"""What leaves the program: overlays in source pixels, `review.json`, maps, and a review's folder.

Every export carries which classifiers and weights, method, threshold, version and film (by its hash) it comes from, and
what it is for. Nothing that a header says of a patient, and no file's name, is in any of them. A folder appears whole
or not at all, and nothing is ever overwritten.
"""

import json
import os
import shutil
import struct
import uuid
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ensemble_cam.analysis import Analysis, ClassifierResult, Finding
from ensemble_cam.classifiers import Classifier
from ensemble_cam.errors import ExportError
from ensemble_cam.figure import figure_png
from ensemble_cam.heatmaps import Heatmap
from ensemble_cam.provenance import Review, RunInfo, origin, software, verdict
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.rendering import Display, png, source_overlay
from ensemble_cam.settings import Settings

SCHEMA = 1
ENSEMBLE = "ensemble"
_RECORD, _FIGURE, _MAPS = "review.json", "review.png", "maps.npz"
# What a classifier's record says of the film rather than of the classifier.
_OF_ONE_FILM = ("scores", "seconds", "failure")


def overlay_name(finding: Finding, id: str) -> str:
    """Return `<rank>_<label>_<classifier id or ensemble>.png`, in lower case, `_` for blanks."""
    return f"{finding.rank}_{finding.label.replace(' ', '_').lower()}_{id}.png"


def overlays(review: Review) -> Iterator[tuple[str, bytes]]:
    """Yield (file name, PNG in source pixels) of every map, with its origin in text chunks."""
    film = review.analysis.radiograph.display
    for finding in review.analysis.findings:
        for id, heatmap in finding.heatmaps().items():
            text = {**origin(review), "Finding": finding.label, "Map": id, "Score": _score_line(review, finding, id)}
            yield overlay_name(finding, id), with_text(png(source_overlay(film, heatmap, review.display)), text)


def _score_line(review: Review, finding: Finding, id: str) -> str:
    """Return the score behind a map and how it stands to its operating point, in words."""
    if id == ENSEMBLE:
        return f"{finding.ranked.score.value:.3f}, {verdict(finding.called)}"
    result = review.analysis.result(id)
    return f"{result.scores[finding.label]:.3f}, {verdict(result.called(finding.label))}"


def with_text(data: bytes, text: Mapping[str, str]) -> bytes:
    """Return a PNG with texts added as iTXt chunks behind its header (PNG, third edition, 11.3.3.4)."""
    end_of_header = 8 + 25
    chunks = b""
    for key, value in text.items():
        body = b"iTXt" + key.encode("latin-1") + b"\0\0\0\0\0" + value.encode()
        chunks += struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return data[:end_of_header] + chunks + data[end_of_header:]


def maps_npz(analysis: Analysis) -> dict[str, np.ndarray]:
    """Return `<label>/<classifier id or ensemble>` → relative activation on the source grid, float16.

    Outside the crop, where there is no map, it is 0.
    """
    return {
        f"{finding.label}/{id}": heatmap.in_source().astype(np.float16)
        for finding in analysis.findings
        for id, heatmap in finding.heatmaps().items()
    }


def review_record(review: Review, *, save_maps: bool = False) -> dict:
    """Return `review.json` as a dictionary; DESIGN's contract, schema 1."""
    analysis = review.analysis
    film = analysis.radiograph
    return {
        "schema": SCHEMA,
        "purpose": PURPOSE,
        "notice": review.notice,
        "software": dict(software()),
        "input": {
            "sha256": film.sha256,
            "format": film.format,
            "width": film.width,
            "height": film.height,
            "bits": film.bits,
            "crop": list(analysis.geometry.crop),
            "rescaled": film.rescaled,
            "warnings": list(review.warnings),
        },
        "settings": _settings_record(analysis.settings, review.display, review.run, save_maps=save_maps),
        "classifiers": [_classifier_record(result) for result in analysis.results],
        "findings": [_finding_record(finding, review) for finding in analysis.findings],
    }


def review_json(review: Review, *, save_maps: bool = False) -> str:
    """Return the text of `review.json`."""
    record = review_record(review, save_maps=save_maps)
    return json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _settings_record(settings: Settings, display: Display, run: RunInfo, *, save_maps: bool) -> dict:
    return {
        "set": run.set,
        "method": settings.method,
        "layers": settings.layers,
        "aug_smooth": settings.aug_smooth,
        "eigen_smooth": settings.eigen_smooth,
        "top_k": settings.top_k,
        "labels": None if settings.labels is None else list(settings.labels),
        "threshold": display.threshold,
        "opacity": display.opacity,
        "colormap": display.colormap,
        "framing": settings.framing,
        "intensity": run.intensity,
        "rescale": run.rescale,
        "ensemble_weights": dict(settings.ensemble_weights),
        "device": run.device,
        "runtime": run.runtime,
        "precision": run.precision,
        "save_maps": save_maps,
    }


def _weights_record(classifier: Classifier) -> dict:
    return {
        "id": classifier.id,
        "name": classifier.config.name,
        "weights": classifier.weights.name,
        "weights_sha256": classifier.weights.sha256,
        "published": classifier.weights.published,
        "untrained": classifier.weights.untrained,
        "calibrated": classifier.calibrated,
        "input_size": classifier.config.input_size,
        "operating_points": classifier.config.operating_points,
    }


def _classifier_record(result: ClassifierResult) -> dict:
    record = _weights_record(result.classifier)
    record["scores"] = {label: round(score, 6) for label, score in result.scores.items()}
    record["seconds"] = round(result.seconds, 4)
    if result.failure is not None:
        record["failure"] = result.failure
    return record


def _finding_record(finding: Finding, review: Review) -> dict:
    threshold = review.display.threshold
    maps: dict[str, dict] = {}
    for result in review.analysis.results:
        if result.id in finding.maps:
            maps[result.id] = _map_record(finding, result.id, finding.maps[result.id], threshold)
        else:
            maps[result.id] = {"missing": finding.missing[result.id]}
    if finding.ensemble is None:
        maps[ENSEMBLE] = {"missing": "no classifier with a weight above 0 has a map"}
    else:
        maps[ENSEMBLE] = _map_record(finding, ENSEMBLE, finding.ensemble, threshold)
        maps[ENSEMBLE]["classifiers"] = list(finding.ensemble.classifiers)
        maps[ENSEMBLE]["empty_classifiers"] = list(finding.ensemble.empty_classifiers)
    agreement = finding.agreement(threshold)
    return {
        "label": finding.label,
        "rank": finding.rank,
        "score": round(finding.ranked.score.value, 6),
        "called": finding.ranked.called,
        "calibrated": finding.ranked.score.calibrated,
        "scores": {id: round(score, 6) for id, score in finding.ranked.scores.items()},
        "agreement": None
        if agreement is None
        else {"iou": _rounded(agreement.iou), "rank_correlation": _rounded(agreement.rank_correlation)},
        "maps": maps,
    }


def _map_record(finding: Finding, id: str, heatmap: Heatmap, threshold: float) -> dict:
    region, hottest = heatmap.region(threshold), heatmap.hottest
    return {
        "file": overlay_name(finding, id),
        "empty": heatmap.empty,
        "hottest": None if hottest is None else {"x": hottest[0], "y": hottest[1]},
        "box": None if region is None else list(region.box),
        "area": 0.0 if region is None else round(region.area, 6),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


# What makes two reviews the same: the film, the weights, the settings and the versions.
def review_key(
    film_sha256: str,
    classifiers: Sequence[Classifier],
    settings: Settings,
    display: Display,
    run: RunInfo,
    *,
    save_maps: bool = False,
) -> dict:
    """Return what tells a review from others before it is made, in the words of its `review.json`."""
    return {
        "schema": SCHEMA,
        "software": dict(software()),
        "film": film_sha256,
        "settings": _settings_record(settings.resolved(classifiers), display, run, save_maps=save_maps),
        "classifiers": [_weights_record(classifier) for classifier in classifiers],
    }


def _key_of_folder(folder: Path) -> dict | None:
    """Return the key of the review in a folder; None where there is none that can be read or a classifier failed."""
    try:
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        if any("failure" in classifier for classifier in record["classifiers"]):
            return None
        return {
            "schema": record["schema"],
            "software": record["software"],
            "film": record["input"]["sha256"],
            "settings": record["settings"],
            "classifiers": [
                {key: value for key, value in classifier.items() if key not in _OF_ONE_FILM}
                for classifier in record["classifiers"]
            ],
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


@dataclass(frozen=True)
class Place:
    """Where a review belongs: its folder, and whether the same review lies there already."""

    folder: Path
    finished: bool


def find_place(out: Path, name: str, key: Mapping) -> Place:
    """Return the folder of the same review if it is finished, else the first free one of `name`, `name_2`, …"""
    number, folder = 1, out / name
    while folder.exists():
        if _key_of_folder(folder) == key:
            return Place(folder, finished=True)
        number += 1
        folder = out / f"{name}_{number}"
    return Place(folder, finished=False)


def write_review(review: Review, out: Path, name: str, *, save_maps: bool = False) -> Path:
    """Write a review's folder, whole or not at all, under the first free one of `name`, `name_2`, … in `out`.

    Returns:
        The folder.

    Raises:
        ExportError: if it cannot be written.
    """
    draft = out / f".unfinished-{uuid.uuid4().hex}"
    try:
        draft.mkdir(parents=True)
        try:
            for file, data in overlays(review):
                (draft / file).write_bytes(data)
            (draft / _FIGURE).write_bytes(figure_png(review))
            if save_maps:
                np.savez_compressed(draft / _MAPS, **maps_npz(review.analysis))
            (draft / _RECORD).write_text(review_json(review, save_maps=save_maps), encoding="utf-8")
            return _move_to_free_name(draft, out, name)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except (OSError, cv2.error) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ExportError(
            f"The review could not be written ({reason}). Free space, or choose another folder."
        ) from None


def _move_to_free_name(draft: Path, out: Path, name: str) -> Path:
    number, folder = 1, out / name
    while True:
        if not folder.exists():
            try:
                os.rename(draft, folder)
            except OSError:
                if not folder.exists():
                    raise
            else:
                return folder
        number += 1
        folder = out / f"{name}_{number}"
