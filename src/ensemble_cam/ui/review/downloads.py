"""What leaves the page: the figure, every overlay, and the data of what is on the screen."""

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import streamlit as st

from ensemble_cam.classifiers.runtime import PRECISION, runtimes
from ensemble_cam.errors import ExportError
from ensemble_cam.export.dicom.objects import DicomOptions, dicom_objects, why_none
from ensemble_cam.export.figure import WIDTH, figure_pdf, figure_png
from ensemble_cam.export.overlays import overlays
from ensemble_cam.export.record import download_stem, review_json
from ensemble_cam.readers.audit import Event
from ensemble_cam.reviewing.analysis import Analysis
from ensemble_cam.reviewing.review import Review, RunInfo
from ensemble_cam.settings.display import Display
from ensemble_cam.ui.session.films import OpenFilm
from ensemble_cam.ui.session.keeping import keeping
from ensemble_cam.ui.viewer.committed import Committed

_SAID = "what_is_missing.txt"
_A4 = f"at 300 pixels an inch across A4, {WIDTH} pixels wide"


@dataclass(frozen=True)
class _Offer:
    """A file that a button makes when it is pressed."""

    label: str
    make: Callable[[], bytes]
    file: str
    mime: str
    icon: str
    help: str


def review_of(analysis: Analysis, display: Display, *, case: str | None = None) -> Review:
    """Return what an export of an analysis needs, the reader's own name for the film among it."""
    film = analysis.radiograph
    asked = [result.classifier for result in analysis.results]
    run = RunInfo(
        analysis.classifier_set.name,
        film.intensity,
        film.rescaled,
        asked[0].device,
        runtimes(asked),
        PRECISION,
        negative=film.negative,
    )
    # What is hidden on the screen for a look at the film is in the files all the same: they are named after the maps.
    return Review(analysis, replace(display, overlays=True), run, case=case)


def as_committed(analysis: "Analysis", committed: Committed) -> "Analysis":
    """Return a review with the weights and greys that the reader set.

    Raises:
        ConfigError: if nothing ranks the findings any more.
    """
    own = analysis.settings.ensemble_weights
    weighted = analysis.reweighted({id: committed.weights.get(id, weight) for id, weight in own.items()})
    if committed.film != analysis.radiograph.sha256:
        return weighted
    return replace(weighted, radiograph=analysis.radiograph.with_greys(committed.greys))


def show_downloads(review: Review, *, film: OpenFilm, of_finding: Review | None = None) -> None:
    """Offer the figure, every overlay, `review.json` and DICOM objects; each is made, and noted, when it is asked for.

    Args:
        review: all that is exported.
        film: the film, with whose file's header DICOM objects are made, and with what the reader says of it.
        of_finding: the finding on the screen, whose figure is offered by itself.
    """
    here, sha256 = keeping(), review.analysis.radiograph.sha256
    offers = _offers(review, of_finding, lambda: _dicom_zip(review, film.data, here.assessments(film, review.analysis)))

    def noted(make: Callable[[], bytes]) -> Callable[[], bytes]:
        def make_noted() -> bytes:
            here.audit(Event.TAKEN, sha256)
            return make()

        return make_noted

    with st.container(horizontal=True):
        for each in offers:
            st.download_button(
                each.label, noted(each.make), each.file, each.mime, on_click="ignore", icon=each.icon, help=each.help
            )


def _offers(review: Review, of_finding: Review | None, dicom_zip: Callable[[], bytes]) -> list[_Offer]:
    name = download_stem(review)
    offers = []
    if of_finding is not None:
        offers.append(
            _Offer(
                "Figure of this finding",
                lambda: figure_png(of_finding),
                f"{name}_{of_finding.analysis.findings[0].label.lower()}.png",
                "image/png",
                ":material/image:",
                f"The whole film and this finding's maps, annotated, {_A4}; drawn as on the screen.",
            )
        )
    offers += [
        _Offer(
            "Figure (PNG)",
            lambda: figure_png(review),
            f"{name}.png",
            "image/png",
            ":material/image:",
            f"The film and every row, annotated, {_A4}.",
        ),
        _Offer(
            "Pages to print (PDF)",
            lambda: figure_pdf(review),
            f"{name}.pdf",
            "application/pdf",
            ":material/print:",
            "The same pages, A4, their text as text.",
        ),
        _Offer(
            "Overlays (ZIP)",
            lambda: _overlays_zip(review),
            f"{name}_overlays.zip",
            "application/zip",
            ":material/folder_zip:",
            "Every map over the film as a PNG in the film's own pixels.",
        ),
        _Offer(
            "Data (JSON)",
            lambda: review_json(review).encode(),
            f"{name}.json",
            "application/json",
            ":material/data_object:",
            "Scores, regions, settings, weights and versions: review.json.",
        ),
    ]
    if why_none(review) is None:
        offers.append(
            _Offer(
                "DICOM objects (ZIP)",
                dicom_zip,
                f"{name}_dicom.zip",
                "application/zip",
                ":material/lan:",
                "For the film's own study, with its patient: pictures of the called findings and of the figure, a "
                "report, a segmentation, outlines.",
            )
        )
    return offers


def _dicom_zip(review: Review, film: bytes, verdicts: Mapping[str, Sequence[str]]) -> bytes:
    """Return the film's objects, and what is said of those that are missing."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("review.json", review_json(review))  # first, as above
        try:
            objects = dicom_objects(review, film, DicomOptions(), verdicts=verdicts)
            for name, data in objects.files:
                archive.writestr(name, data)
            said = objects.remarks
        except ExportError as error:
            said = (f"No DICOM objects. {error}",)
        if said:
            archive.writestr(_SAID, "".join(f"{line}\n" for line in said))
    return stream.getvalue()


def _overlays_zip(review: Review) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        # First, as it differs between any two reviews: Streamlit tells large files apart by their ends and middle only.
        archive.writestr("review.json", review_json(review))
        for name, data in overlays(review):
            archive.writestr(name, data)
    return stream.getvalue()
