"""`review.json`: a review in numbers, with all that made them."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ensemble_cam.export.provenance import packages, software
from ensemble_cam.film.greyscale import Greys
from ensemble_cam.maps.heatmap import Heatmap
from ensemble_cam.maps.regions import Region
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.reviewing.analysis import Finding
from ensemble_cam.reviewing.review import Review, RunInfo
from ensemble_cam.reviewing.scores import Call, ClassifierResult, call_of
from ensemble_cam.reviewing.sentences import why_no_map
from ensemble_cam.settings.config import OwnNetwork
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.settings import Settings
from ensemble_cam.settings.vocabulary import ENSEMBLE

if TYPE_CHECKING:
    from ensemble_cam.classifiers.classifier import Classifier

SCHEMA = 1
_ENCODED = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
# A text, a dictionary, `null`, `true` or `false`.
_NOT_A_NUMBER = re.compile('["{lr]')


def overlay_name(finding: Finding, id: str, *, bare: bool = False) -> str:
    """Return `<rank>_<label>_<classifier id or ensemble>.png`, in lower case, `_` for blanks; `…_bare.png` if bare."""
    return f"{finding.rank}_{finding.label.replace(' ', '_').lower()}_{id}{'_bare' if bare else ''}.png"


def download_stem(review: Review) -> str:
    """Return what the names of a review's downloads begin with: the reader's case, if any, and a part of the hash."""
    case = "" if review.case is None else f"{review.case.replace(' ', '_')}_"
    return f"review_{case}{review.analysis.radiograph.sha256[:12]}"


def review_record(
    review: Review, *, save_maps: bool = False, pdf: bool = False, dicom: Mapping[str, object] | None = None
) -> dict[str, Any]:
    """Return `review.json` as a dictionary; what its keys mean changes with `SCHEMA`."""
    analysis = review.analysis
    film = analysis.radiograph
    return {
        "schema": SCHEMA,
        "purpose": PURPOSE,
        "notice": review.notice,
        "software": dict(software()),
        "packages": dict(packages()),
        "case": review.case,
        "reviewed_at": analysis.reviewed_at.isoformat(),
        # Whether no finding here means anything, by the networks with a weight above 0: each score stays what it is,
        # and no call is made of it.
        "meaningless": analysis.meaningless,
        "input": {
            "sha256": film.sha256,
            "format": film.format,
            "width": film.width,
            "height": film.height,
            "stored_width": film.stored_size[0],
            "stored_height": film.stored_size[1],
            "bits": film.bits,
            "crop": list(analysis.geometry.crop),
            "rescaled": film.rescaled,
            **greys_record(film.greys),
            "warnings": list(review.warnings),
        },
        "settings": settings_record(
            analysis.settings, review.display, review.run, save_maps=save_maps, pdf=pdf, dicom=dicom
        ),
        "classifiers": [_classifier_record(result) for result in analysis.results],
        "findings": [_finding_record(finding, review) for finding in analysis.findings],
    }


def review_json(
    review: Review, *, save_maps: bool = False, pdf: bool = False, dicom: Mapping[str, object] | None = None
) -> str:
    """Return the text of `review.json`, with boxes and outlines each on a line of its own."""
    return _written(review_record(review, save_maps=save_maps, pdf=pdf, dicom=dicom), "\n") + "\n"


def _written(value: Any, line: str) -> str:
    """Return a value as JSON, a line for each member and element but where numbers alone are listed.

    `json` breaks lines in Python, element by element; here its encoder in C is given what stands in one line.

    Args:
        value: of dictionaries, lists and plain values.
        line: a line's end with the blanks before the value's closing bracket.
    """
    further = line + " "
    if isinstance(value, dict) and value:
        members = (f"{_ENCODED(key)}: {_written(each, further)}" for key, each in value.items())
        return f"{{{further}{f',{further}'.join(members)}{line}}}"
    text = _ENCODED(value)
    if isinstance(value, list) and _NOT_A_NUMBER.search(text):
        return f"[{further}{f',{further}'.join(_written(each, further) for each in value)}{line}]"
    return text


def settings_record(
    settings: Settings,
    display: Display,
    run: RunInfo,
    *,
    save_maps: bool,
    pdf: bool = False,
    dicom: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    """Return `settings` of the record; `dicom` is `DicomOptions.record`."""
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
        "style": display.style,
        "bare": display.bare,
        "framing": settings.framing,
        "intensity": run.intensity,
        "rescale": run.rescale,
        "negative": run.negative,
        "ensemble_weights": dict(settings.ensemble_weights),
        "device": run.device,
        "runtime": run.runtime,
        "precision": run.precision,
        "save_maps": save_maps,
        "pdf": pdf,
        "dicom": None if dicom is None else dict(dicom),
    }


def greys_record(greys: Greys) -> dict[str, Any]:
    """Return what `input` of the record says of the film's greys; a window of null is the file's own."""
    window = None if greys.window is None else dict(zip(("center", "width"), map(float, greys.window), strict=True))
    return {"window": window, "inverted": greys.inverted}


def weights_record(classifier: "Classifier") -> dict[str, Any]:
    """Return what the record says of a classifier before it has seen a film."""
    return {
        "id": classifier.id,
        "name": classifier.config.name,
        "model_type": classifier.config.model_type,
        "weights": classifier.weights.name,
        "weights_sha256": classifier.weights.sha256,
        "published": classifier.weights.published.value,
        "untrained": classifier.weights.untrained,
        "calibrated": classifier.calibrated,
        "input_size": classifier.config.input_size,
        "operating_points": _points_given(classifier),
        "operating_points_source": classifier.operating_points_source,
        **_site_points_record(classifier),
        **({} if classifier.config.own is None else {"network": _own_record(classifier.config.own)}),
    }


def _points_given(classifier: "Classifier") -> dict[str, float] | None:
    given = classifier.site_points.points if classifier.site_points else classifier.config.operating_points
    return None if given is None else dict(given)


def _site_points_record(classifier: "Classifier") -> dict[str, Any]:
    """Return what the record says of points from films of the site's own; nothing where none are configured."""
    site = classifier.config.site_points
    if site is None:
        return {}
    return {"site_points": {"date": site.date, "n": site.n, "films": site.films, "weights_sha256": site.weights_sha256,
                            "expired": classifier.site_points is None}}  # fmt: skip


def _own_record(own: OwnNetwork) -> dict[str, Any]:
    """Return what the record says of a network of the site's own; of its checkpoint the hash, and no folder."""
    architecture = Path(own.architecture).name if own.architecture.startswith("file:") else own.architecture
    return {
        "architecture": architecture,
        "classes": list(own.classes),
        "output": own.output,
        "layer": own.layer,
        "channels": own.channels,
        "mean": None if own.mean is None else list(own.mean),
        "std": None if own.std is None else list(own.std),
    }


def _classifier_record(result: ClassifierResult) -> dict[str, Any]:
    record = weights_record(result.classifier)
    record["scores"] = {label: round(score, 6) for label, score in result.scores.items()}
    record["seconds"] = round(result.seconds, 4)
    if result.failure is not None:
        record["failure"] = result.failure
    return record


def _finding_record(finding: Finding, review: Review) -> dict[str, Any]:
    heatmaps = finding.heatmaps()
    maps: dict[str, dict[str, Any]] = {}
    for id in (*(result.id for result in review.analysis.results), ENSEMBLE):
        score = review.analysis.score(finding, id)
        if id in heatmaps:
            maps[id] = _map_record(review, finding, id, heatmaps[id])
        else:
            maps[id] = {"missing": why_no_map(finding, id)}
        maps[id]["call"] = None if score is None else score.call.value
    if finding.ensemble is not None:
        maps[ENSEMBLE]["classifiers"] = list(finding.ensemble.classifiers)
        maps[ENSEMBLE]["empty_classifiers"] = list(finding.ensemble.empty_classifiers)
    agreement = finding.agreement(review.display.threshold)
    return {
        "label": finding.label,
        "rank": finding.rank,
        "score": round(finding.ranked.score.value, 6),
        # Whether the score is at least 0.5, be that an operating point or not, and whatever it means; `call` tells.
        "called": call_of(finding.ranked.score.value, calibrated=True, meaningless=False) is Call.CALLED,
        "call": finding.call.value,
        "split": review.analysis.is_split(finding),
        "calibrated": finding.ranked.score.calibrated,
        "scores": {id: round(score, 6) for id, score in finding.ranked.scores.items()},
        "agreement": None
        if agreement is None
        else {"iou": _rounded(agreement.iou), "rank_correlation": _rounded(agreement.rank_correlation)},
        "maps": maps,
    }


def _map_record(review: Review, finding: Finding, id: str, heatmap: Heatmap) -> dict[str, Any]:
    found = review.extents[finding.label][id]
    return {
        "file": overlay_name(finding, id, bare=review.display.bare),
        "empty": heatmap.empty,
        "hottest": None if heatmap.hottest is None else _point(heatmap.hottest),
        # Of all regions together: the hull, and the sum.
        "box": None if found is None else list(found.box),
        "area": 0.0 if found is None else round(found.area, 6),
        "region_count": 0 if found is None else found.count,
        "regions": [] if found is None else [_region_record(region) for region in found.regions],
    }


def _region_record(region: Region) -> dict[str, Any]:
    return {
        "box": list(region.box),
        "area": round(region.area, 6),
        "hottest": _point(region.hottest),
        "outline": [list(corner) for corner in region.outline],
    }


def _point(pixel: tuple[int, int]) -> dict[str, int]:
    return {"x": pixel[0], "y": pixel[1]}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
