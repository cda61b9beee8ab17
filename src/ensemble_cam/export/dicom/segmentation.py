"""Segmentation: each region's pixels as a segment, or each map's values, over the film's stored pixels.

A BINARY one is drawn by viewers where the film declares a spacing; without, none is invented. A FRACTIONAL one is for
programs: no viewer tried shows it. Source: DICOM PS3.3 A.51 (object), C.8.20 (modules).
"""

from collections.abc import Mapping

import highdicom as hd
import numpy as np
from highdicom.seg import Segmentation, SegmentDescription
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes as standard

from ensemble_cam.export.dicom import codes
from ensemble_cam.export.dicom.regions import as_stored, region_masks
from ensemble_cam.export.dicom.source import NATIVE, Source, algorithm_sequence, concept, finished, words_of
from ensemble_cam.export.dicom.structured_report import region_name
from ensemble_cam.maps.regions import Region
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.reviewing.analysis import Finding

_ORANGE = hd.color.CIELabColor.from_rgb(255, 80, 0)


def binary_segmentation(source: Source, regions: Mapping[str, tuple[Region, ...]]) -> bytes:
    """Return each region as a segment: 1 in its pixels.

    Args:
        source: the review's.
        regions: label → regions of the finding's ensemble map, together at least one.
    """
    segments: list[SegmentDescription] = []
    frames: list[np.ndarray] = []
    for finding in source.findings:
        wanted = regions[finding.label]
        if not wanted or finding.ensemble is None:
            continue
        threshold = source.review.display.threshold
        masks = region_masks(finding.ensemble, threshold, wanted, source.stored_size)
        for number, mask in enumerate(masks, start=1):
            tracking = source.identifiers.tracking(finding.label, str(number))
            segments.append(_segment(source, len(segments) + 1, finding, region_name(finding, number), tracking))
            frames.append(mask)
    return _segmentation(source, np.stack(frames, axis=-1)[None].astype(np.uint8), segments, "BINARY")


def fractional_segmentation(source: Source) -> bytes:
    """Return each finding's ensemble map as a segment: relative activation from 0 to 255."""
    segments: list[SegmentDescription] = []
    frames: list[np.ndarray] = []
    for finding in source.findings:
        if finding.ensemble is None or finding.ensemble.empty:
            continue
        tracking = source.identifiers.tracking(finding.label)
        segments.append(_segment(source, len(segments) + 1, finding, words_of(finding), tracking))
        frames.append(as_stored(np.clip(finding.ensemble.in_source(), 0, 1), source.stored_size))
    return _segmentation(source, np.stack(frames, axis=-1)[None], segments, "FRACTIONAL")


def _segment(source: Source, number: int, finding: Finding, name: str, tracking: str) -> SegmentDescription:
    segment = SegmentDescription(
        number,
        name[:64],
        # Where the networks looked, which is no claim that anything there is abnormal (CID 7150).
        standard.SCT.SpatialAndRelationalConcept,
        concept(codes.finding_code(finding.label)),
        "AUTOMATIC",
        algorithm_sequence(source),
        tracking_uid=tracking,
        tracking_id=name[:64],
        display_color=_ORANGE,
    )
    segment.SegmentDescription = codes.plain(f"{name}. {'; '.join(source.algorithm)}")[:1024]
    return segment


def _segmentation(source: Source, frames: np.ndarray, segments: list[SegmentDescription], kind: str) -> bytes:
    spacing = source.header.numbers("PixelSpacing") or source.header.numbers("ImagerPixelSpacing")
    usable = len(spacing) == 2 and min(spacing) > 0
    dataset = Segmentation(
        [source.film],
        frames,
        kind,
        segments,
        fractional_type="OCCUPANCY",  # of the two there are the one that is no probability
        content_label="REGIONS" if kind == "BINARY" else "ACTIVATION",
        content_description=PURPOSE,
        pixel_measures=hd.PixelMeasuresSequence(list(spacing), 1.0) if usable else None,
        omit_empty_frames=False,
        **source.numbers("SEG", f"{NATIVE} {kind}"),
        **source.equipment,
    )
    _settle(dataset, source, with_orientation=usable)
    return finished(dataset, source)


def _settle(dataset: Dataset, source: Source, *, with_orientation: bool) -> None:
    """Put right what highdicom makes at random, and what OHIF has to find to draw a segmentation of a plain film."""
    organisation = source.identifiers.tracking("dimensions")
    dataset.DimensionOrganizationSequence[0].DimensionOrganizationUID = organisation
    for item in dataset.DimensionIndexSequence:
        item.DimensionOrganizationUID = organisation
    shared = dataset.SharedFunctionalGroupsSequence[0]
    if with_orientation and "PlaneOrientationSequence" not in shared:
        item = Dataset()
        item.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        shared.PlaneOrientationSequence = [item]
