"""*This view*: what the reader asked for in the viewer, drawn anew by the program and handed to the browser."""

import logging
from typing import TYPE_CHECKING

from ensemble_cam.errors import EnsembleCamError, SessionError
from ensemble_cam.readers.audit import Event
from ensemble_cam.settings.vocabulary import DISAGREEMENT, ENSEMBLE
from ensemble_cam.ui.session.films import OpenFilm
from ensemble_cam.ui.session.keeping import keeping
from ensemble_cam.ui.session.shown import Shown
from ensemble_cam.ui.viewer.live import deliver
from ensemble_cam.ui.viewer.wanted import Delivered, Wanted

if TYPE_CHECKING:
    from ensemble_cam.reviewing.analysis import Analysis

logger = logging.getLogger(__name__)


def show_view(film: OpenFilm, shown: Shown, wanted: Wanted | None) -> None:
    """Make the view that was asked for last, once, and leave it on the page for the browser to take."""
    if shown.analysis is None:
        return  # nor is a map handed over that is kept back by now
    held = film.delivered
    asked = wanted is not None and wanted.set.film == shown.radiograph.sha256
    if wanted is not None and asked and (held is None or held.serial < wanted.set.serial):
        held = drawn_view(shown.analysis, wanted, film.case)
        try:
            keeping().audit(Event.TAKEN, film.id.sha256)
        except SessionError as error:  # what is taken unseen is not handed over
            held = Delivered(wanted.set.serial, "", None, f"The view cannot be handed over. {error}")
        film.delivered = held
    if held is not None:
        deliver(held)


def drawn_view(analysis: "Analysis", wanted: Wanted, case: str | None) -> Delivered:
    """Draw a view of a film, whose SHA-256 the request names."""
    import pyarrow  # here, as the first page does not wait for it

    from ensemble_cam.export.record import download_stem
    from ensemble_cam.export.view import Panels, panels_png
    from ensemble_cam.ui.review.downloads import as_committed, review_of

    try:
        seen = as_committed(analysis, wanted.set)
        label = None if wanted.set.hidden else wanted.set.finding
        if label not in {finding.label for finding in seen.findings}:
            label = None
        review = review_of(seen if label is None else seen.only([label]), wanted.set.display, case=case)
        ids = tuple(id for id in wanted.ids if id in _known(seen)) or wanted.ids[:1]
        data = panels_png(review, Panels(wanted.box, label, ids, min(wanted.columns, len(ids)), wanted.thickness))
    except (EnsembleCamError, MemoryError) as error:
        logger.info("a view could not be drawn: %s", type(error).__name__)
        said = str(error) if isinstance(error, EnsembleCamError) else "This machine ran out of memory."
        return Delivered(wanted.set.serial, "", None, f"The view could not be drawn. {said}")
    table = pyarrow.table({"bytes": pyarrow.array([data], pyarrow.large_binary())})
    return Delivered(wanted.set.serial, f"{download_stem(review)}_view.png", table)


def _known(analysis: "Analysis") -> set[str]:
    """Return the ids of all that can be drawn over a film: what the browser sends is a request."""
    return {ENSEMBLE, DISAGREEMENT, *(result.id for result in analysis.results)}
