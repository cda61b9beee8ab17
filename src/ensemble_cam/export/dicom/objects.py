"""The DICOM objects of one review, and what is said where one of them cannot be."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from ensemble_cam.errors import ExportError
from ensemble_cam.export.figure import figure_png
from ensemble_cam.export.overlays import overlay_png
from ensemble_cam.export.record import overlay_name
from ensemble_cam.maps.regions import Region
from ensemble_cam.reviewing.analysis import Finding
from ensemble_cam.reviewing.review import Review
from ensemble_cam.reviewing.scores import Call
from ensemble_cam.reviewing.sentences import behind, brief
from ensemble_cam.settings.settings import displayed
from ensemble_cam.settings.vocabulary import DICOM_OBJECTS, ENSEMBLE

if TYPE_CHECKING:
    from ensemble_cam.export.dicom.source import Source

FIGURE, REPORT, REGIONS, OUTLINES = "review_sc.dcm", "report_sr.dcm", "regions_seg.dcm", "outlines_gsps.dcm"

MOST_SEGMENTS = 60
"""Regions that are written, the hottest of each finding first: each is a frame as large as the film."""

FRACTIONAL_WARNING = "A fractional segmentation is for programs: no viewer tried shows it."
"""What is said where one is asked for."""


@dataclass(frozen=True)
class DicomOptions:
    """Which objects are written, and how.

    Attributes:
        kinds: some of `vocabulary.DICOM_OBJECTS`.
        jpeg: whether Secondary Captures are compressed as JPEG, with loss.
        fractional: whether the segmentation holds the maps' values instead of their regions.
        of_all: whether overlays and regions of all explained findings are written, as they were asked for by name or
            number, and not of the called ones alone.
    """

    kinds: tuple[str, ...] = DICOM_OBJECTS
    jpeg: bool = False
    fractional: bool = False
    of_all: bool = False

    @property
    def record(self) -> dict[str, object]:
        """What `settings` of `review.json` says of it."""
        return {"kinds": list(self.kinds), "jpeg": self.jpeg, "fractional": self.fractional, "of_all": self.of_all}


@dataclass(frozen=True, eq=False)
class DicomObjects:
    """A review's objects.

    Attributes:
        options: what was asked for.
        files: (name, the file's bytes), made one by one as they are asked for.
        remarks: a sentence for each kind that is missing, and what else has to be known.
    """

    options: DicomOptions
    files: Iterator[tuple[str, bytes]] = field(default_factory=lambda: iter(()))
    remarks: tuple[str, ...] = ()


def dicom_objects(
    review: Review, film: bytes, options: DicomOptions, *, verdicts: Mapping[str, Sequence[str]] | None = None
) -> DicomObjects:
    """Return a review's objects for the film's own study.

    The film's header is read again from its bytes, and nothing of it stays: see `film_header`.

    Args:
        review: the film's.
        film: its file's bytes, those that were reviewed.
        options: which objects.
        verdicts: label → what readers said of the finding: "accepted", "rejected" or "supplemented".

    Raises:
        ExportError: if the film's header cannot be read, has no UIDs, or is another film's.
    """
    if refusal := why_none(review):
        return DicomObjects(options, remarks=(refusal,))
    from ensemble_cam.export.dicom.film_header import read_header
    from ensemble_cam.export.dicom.identifiers import Identifiers
    from ensemble_cam.export.dicom.source import Source

    review = replace(review, display=replace(review.display, bare=False, overlays=True))
    header = read_header(film)
    if (header.whole("Columns"), header.whole("Rows")) != review.analysis.radiograph.stored_size:
        raise ExportError("The film's file is no longer the one that was reviewed. Review it again.")
    said = verdicts or {}
    identifiers = Identifiers.of(review, header.uid("SOPInstanceUID"), [sorted(said.items()), options.of_all])
    source = Source(review, header, identifiers, _written_findings(review, options))
    _ = source.film  # its UIDs are asked for before anything is written
    making = _Making(source, options, said)
    return DicomObjects(options, making.files(), making.remarks())


def why_none(review: Review) -> str | None:
    """Return why a review has no DICOM objects, in a sentence; None where it has."""
    analysis = review.analysis
    if analysis.radiograph.format != "DICOM":
        return "No DICOM objects: the film came as a picture, and has no study that they could stand in."
    if any(result.meaningless for result in analysis.results):
        return "No DICOM objects: a score that means nothing on this film is never written as DICOM."
    return None


def _written_findings(review: Review, options: DicomOptions) -> tuple[Finding, ...]:
    return tuple(finding for finding in review.analysis.findings if options.of_all or finding.call is Call.CALLED)


class _Making:
    """The making of one review's objects."""

    def __init__(self, source: "Source", options: DicomOptions, verdicts: Mapping[str, Sequence[str]]):
        self._source, self._options, self._verdicts = source, options, verdicts
        self._regions, self._left_out = _regions(source)

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield each object, made when it is asked for; what pydicom and highdicom say of headers is dropped."""
        from ensemble_cam.film.intake import silence

        for name, make in self._makers():
            with silence():
                data = make()
            yield name, data

    def _makers(self) -> Iterator[tuple[str, Callable[[], bytes]]]:
        # Here, as highdicom takes longer to load than a film to be reviewed.
        from ensemble_cam.export.dicom import presentation_state, segmentation, structured_report

        source, kinds = self._source, self._options.kinds
        if "sc" in kinds:
            yield from self._pictures()
        if "sr" in kinds:
            yield REPORT, partial(structured_report.structured_report, source, self._verdicts)
        if "seg" in kinds and not self._without_seg():
            if self._options.fractional:
                yield REGIONS, partial(segmentation.fractional_segmentation, source)
            else:
                yield REGIONS, partial(segmentation.binary_segmentation, source, self._regions)
        if "gsps" in kinds and not self._without_gsps():
            yield OUTLINES, partial(presentation_state.presentation_state, source, self._regions)

    def _pictures(self) -> Iterator[tuple[str, Callable[[], bytes]]]:
        from ensemble_cam.export.dicom.secondary_capture import secondary_capture

        review = self._source.review
        drawn = [(finding, finding.ensemble) for finding in self._source.findings if finding.ensemble is not None]

        def made(draw: Callable[[], bytes], what: str, number: int) -> bytes:
            return secondary_capture(self._source, draw(), what=what, number=number, jpeg=self._options.jpeg)

        for number, (finding, heatmap) in enumerate(drawn, start=1):
            what = f"{brief(finding)}, {behind(review.analysis, finding)}"
            name = overlay_name(finding, ENSEMBLE).removesuffix(f"_{ENSEMBLE}.png")
            draw = partial(overlay_png, review, finding, ENSEMBLE, heatmap)
            yield f"{name}_sc.dcm", partial(made, draw, what, number)
        yield FIGURE, partial(made, partial(figure_png, review), "The review's figure", len(drawn) + 1)

    def _without_seg(self) -> str:
        if self._options.fractional:
            maps = [finding.ensemble for finding in self._source.findings]
            return "" if any(each and not each.empty for each in maps) else self._nothing()
        return "" if any(self._regions.values()) else self._nothing()

    def _without_gsps(self) -> str:
        if (self._source.header.whole("SamplesPerPixel") or 1) != 1:
            return "the film is stored in colours"
        return "" if any(self._regions.values()) else self._nothing()

    def _nothing(self) -> str:
        if not self._source.findings:
            return "no finding is called"
        return f"no region at or above {self._source.review.display.threshold:.2f} stands"

    def remarks(self) -> tuple[str, ...]:
        kinds, found = self._options.kinds, []
        without_maps = [displayed(finding.label) for finding in self._source.findings if finding.ensemble is None]
        if "sc" in kinds and without_maps:
            found.append(f"No overlay as DICOM of {', '.join(without_maps)}: there is no ensemble map.")
        if "seg" in kinds:
            found += self._of_segmentation()
        if "gsps" in kinds and (why := self._without_gsps()):
            found.append(f"No presentation state: {why}.")
        if self._left_out and {"seg", "gsps"} & set(kinds):
            found.append(f"Regions left out of the DICOM objects, as they are the coolest of many: {self._left_out}.")
        return tuple(found)

    def _of_segmentation(self) -> list[str]:
        if why := self._without_seg():
            return [f"No segmentation: {why}."]
        found = [FRACTIONAL_WARNING] if self._options.fractional else []
        header = self._source.header
        if not (header.numbers("PixelSpacing") or header.numbers("ImagerPixelSpacing")):
            found.append(
                "The film declares no pixel spacing and none is invented: OHIF will not draw the segmentation."
            )
        return found


def _regions(source: "Source") -> tuple[dict[str, tuple[Region, ...]], int]:
    """Return label → the regions that are written, and how many are left out."""
    extents = {finding.label: source.review.extents[finding.label].get(ENSEMBLE) for finding in source.findings}
    share = MOST_SEGMENTS // max(len(extents), 1)
    regions = {label: extent.regions[:share] if extent else () for label, extent in extents.items()}
    count = sum(extent.count for extent in extents.values() if extent)
    return regions, count - sum(map(len, regions.values()))
