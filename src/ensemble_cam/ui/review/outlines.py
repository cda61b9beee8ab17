"""What stands over a film once its first read is over: each network's outlines of what it calls, all at once."""

from typing import TYPE_CHECKING

from ensemble_cam.maps.regions import extent_of
from ensemble_cam.reviewing.scores import Call
from ensemble_cam.settings.settings import displayed
from ensemble_cam.settings.vocabulary import ENSEMBLE
from ensemble_cam.ui.session import networks
from ensemble_cam.ui.session.films import OpenFilm
from ensemble_cam.validation.localisation import THRESHOLD

if TYPE_CHECKING:
    from ensemble_cam.reviewing.analysis import Analysis


def outlines(film: OpenFilm, analysis: "Analysis") -> list[dict[str, object]]:
    """Return, for the browser, the outlines of each finding that the networks together call; made once for a review.

    Of a network that does not call the finding there is none: its map shows where it looked all the same.

    Args:
        film: the one on the stage.
        analysis: its review.

    Returns:
        For each finding and network `finding`, `name`, `colour`, and `lines`: the outlines of its map's regions at or
        above `localisation.THRESHOLD`, edge coordinates of source pixels.
    """
    return film.kept("outlines", analysis, _outlines)


def _outlines(analysis: "Analysis") -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for finding in analysis.findings:
        if finding.call is not Call.CALLED:
            continue
        for id, heatmap in finding.heatmaps().items():
            if id == ENSEMBLE or analysis.result(id).call(finding.label) is not Call.CALLED:
                continue
            extent = extent_of(heatmap, THRESHOLD)
            found.append(
                {
                    "finding": finding.label,
                    "name": displayed(finding.label),
                    "colour": networks.colour(id),
                    "lines": [] if extent is None else [[*region.outline] for region in extent.regions],
                }
            )
    return found
