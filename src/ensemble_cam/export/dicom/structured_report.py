"""The report: every explained finding in codes and numbers, as a Comprehensive SR by TID 1500.

A finding is a group of measurements (TID 1501): its score with the operating point and each network's own, what the
networks say, how far they agree, what a reader said. Each of its regions is a group with a polyline (TID 1410). Nobody
has verified it, and it says so. Source: DICOM PS3.16 TID 1500, PS3.3 C.18.6 (coordinates).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from highdicom import sr
from highdicom.sr import (
    ComprehensiveSR,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
)
from pydicom.sr.codedict import codes as standard

from ensemble_cam import __version__
from ensemble_cam.export.dicom import codes
from ensemble_cam.export.dicom.identifiers import IMPLEMENTATION, uid
from ensemble_cam.export.dicom.regions import stored_outline
from ensemble_cam.export.dicom.source import Source, concept, finished, words_of
from ensemble_cam.maps.regions import Region
from ensemble_cam.purpose import RESULT_MARK
from ensemble_cam.reviewing.analysis import Finding
from ensemble_cam.reviewing.scores import OPERATING_POINT, Score
from ensemble_cam.settings.settings import displayed
from ensemble_cam.settings.vocabulary import ENSEMBLE

_PROCEDURE = ("399208008", "SCT", "Plain X-ray of chest")
_DIGITS = 6  # of a score, as in review.json


def structured_report(source: Source, verdicts: Mapping[str, Sequence[str]]) -> bytes:
    """Return the report of a review.

    Args:
        source: the review's.
        verdicts: label → what readers said of it, each one of `codes.VERDICTS`, in their order.
    """
    groups: list[MeasurementsAndQualitativeEvaluations | PlanarROIMeasurementsAndQualitativeEvaluations] = []
    for finding in source.review.analysis.findings:
        groups.append(_finding_group(source, finding, verdicts.get(finding.label, ())))
        extent = source.review.extents[finding.label].get(ENSEMBLE)
        for number, region in enumerate(extent.regions if extent else (), start=1):
            groups.append(_region_group(source, finding, region, number))
    shown = {finding.label for finding in source.review.analysis.findings}
    groups += [_added_group(source, label, said) for label, said in verdicts.items() if label not in shown]
    device = sr.DeviceObserverIdentifyingAttributes(
        uid(IMPLEMENTATION, __version__), "Ensemble-CAM", RESULT_MARK, "Ensemble-CAM"
    )
    context = sr.ObservationContext(observer_device_context=sr.ObserverContext(standard.DCM.Device, device))
    report = MeasurementReport(
        context, sr.CodedConcept(*_PROCEDURE), groups, title=standard.DCM.ImagingMeasurementReport
    )
    document = ComprehensiveSR(
        [source.film],
        report[0],
        is_complete=True,
        is_final=False,
        is_verified=False,
        **source.numbers("SR"),
        **source.equipment,
    )
    return finished(document, source)


def _algorithm(source: Source) -> sr.AlgorithmIdentification:
    return sr.AlgorithmIdentification("Ensemble-CAM", __version__, source.algorithm)


def _finding_group(source: Source, finding: Finding, verdicts: Sequence[str]) -> MeasurementsAndQualitativeEvaluations:
    ranked = finding.ranked
    measurements = [_score(ranked.score)]
    if ranked.score.calibrated:
        measurements.append(_number(codes.OPERATING_POINT, OPERATING_POINT))
    for result in source.review.analysis.results:
        score = result.score(finding.label)
        if score is not None:
            measurements.append(_score(score, by=_network(source, result.id)))
    agreement = finding.agreement(source.review.display.threshold)
    for code, value in (
        (codes.OVERLAP, agreement.iou if agreement else None),
        (codes.RANK_CORRELATION, agreement.rank_correlation if agreement else None),
    ):
        if value is not None:
            measurements.append(_number(code, value))
    split = codes.YES if source.review.analysis.is_split(finding) else codes.NO
    said = [(codes.CALL, codes.CALLS[finding.call]), (codes.SPLIT, split)]
    said += [(codes.VERDICT, codes.VERDICTS[verdict]) for verdict in verdicts]
    return MeasurementsAndQualitativeEvaluations(
        sr.TrackingIdentifier(source.identifiers.tracking(finding.label), words_of(finding)),
        finding_type=concept(codes.finding_code(finding.label)),
        algorithm_id=_algorithm(source),
        measurements=measurements,
        qualitative_evaluations=[QualitativeEvaluation(concept(name), concept(value)) for name, value in said],
        source_images=[sr.SourceImageForMeasurementGroup.from_source_image(source.film)],
    )


def _added_group(source: Source, label: str, verdicts: Sequence[str]) -> MeasurementsAndQualitativeEvaluations:
    """Return the group of a finding that a reader has spoken of, and the review explains nothing of."""
    score = next((ranked.score for ranked in source.review.analysis.ranking if ranked.label == label), None)
    said = [] if score is None else [(codes.CALL, codes.CALLS[score.call])]
    said += [(codes.VERDICT, codes.VERDICTS[verdict]) for verdict in verdicts]
    return MeasurementsAndQualitativeEvaluations(
        sr.TrackingIdentifier(source.identifiers.tracking(label), codes.plain(displayed(label))),
        finding_type=concept(codes.finding_code(label)),
        measurements=None if score is None else [_score(score)],
        qualitative_evaluations=[QualitativeEvaluation(concept(name), concept(value)) for name, value in said],
        source_images=[sr.SourceImageForMeasurementGroup.from_source_image(source.film)],
    )


def _region_group(
    source: Source, finding: Finding, region: Region, number: int
) -> PlanarROIMeasurementsAndQualitativeEvaluations:
    geometry = source.review.analysis.geometry
    line = stored_outline(region.outline, geometry.source_size, source.stored_size)
    return PlanarROIMeasurementsAndQualitativeEvaluations(
        sr.TrackingIdentifier(source.identifiers.tracking(finding.label, str(number)), region_name(finding, number)),
        referenced_region=sr.ImageRegion("POLYLINE", line, sr.SourceImageForRegion.from_source_image(source.film)),
        finding_type=concept(codes.finding_code(finding.label)),
        algorithm_id=sr.AlgorithmIdentification("Ensemble-CAM", __version__),
        measurements=[
            _number(codes.THRESHOLD, source.review.display.threshold),
            _number(codes.SHARE, region.area),
        ],
        qualitative_evaluations=[QualitativeEvaluation(concept(codes.CALL), concept(codes.CALLS[finding.call]))],
    )


def region_name(finding: Finding, number: int) -> str:
    """Return what a region of a finding is called in report, segmentation and presentation state."""
    return f"{words_of(finding)}, region {number}"


def _network(source: Source, id: str) -> sr.AlgorithmIdentification:
    classifier = source.review.analysis.result(id).classifier
    parameters = [
        f"weights SHA-256 {classifier.weights.sha256 or 'unknown'}",
        f"operating points: {classifier.operating_points_source or 'none'}",
        *([classifier.points_remark] if classifier.points_remark else []),
    ]
    name, weights = classifier.config.name, classifier.weights.name
    return sr.AlgorithmIdentification(codes.plain(name), codes.plain(weights), list(map(codes.plain, parameters)))


def _score(score: Score, *, by: sr.AlgorithmIdentification | None = None) -> Measurement:
    code = codes.SCORE if score.calibrated else codes.SIGMOID
    return _number(code, score.value, by=by)


def _number(code: codes.Code, value: float, *, by: sr.AlgorithmIdentification | None = None) -> Measurement:
    # A decimal string has 16 characters, and NumPy's floats are none to highdicom.
    return Measurement(concept(code), float(np.round(value, _DIGITS)), standard.UCUM.NoUnits, algorithm_id=by)
