"""How each map stands to what the reader drew around its finding, below the film."""

from typing import TYPE_CHECKING

import streamlit as st

from ensemble_cam.errors import SessionError
from ensemble_cam.readers.truth import against, shapes_of
from ensemble_cam.settings.settings import displayed
from ensemble_cam.settings.vocabulary import ENSEMBLE
from ensemble_cam.ui.session.films import OpenFilm
from ensemble_cam.ui.session.keeping import keeping
from ensemble_cam.ui.table import Mark, Marked, show_table
from ensemble_cam.ui.words import plain

if TYPE_CHECKING:
    from ensemble_cam.reviewing.analysis import Analysis


def show_truth(film: OpenFilm, analysis: "Analysis", threshold: float) -> None:
    """Show how each map stands to what this reader drew on the film; nothing where nothing was drawn.

    Args:
        film: the one on the stage.
        analysis: its review, revealed.
        threshold: of the maps' regions, in relative activation.
    """
    here = keeping()
    row = here.rows.get(film.id.number)
    try:
        shapes = [] if row is None else shapes_of(here.store, row, here.reader)
    except SessionError as error:
        st.error(plain(str(error)))
        return
    if not shapes:
        return
    names = {ENSEMBLE: "Ensemble"} | {each.id: each.classifier.config.name for each in analysis.results}
    rows: list[list[str | Marked]] = []
    for each in against(analysis, shapes, threshold=threshold):
        hit = Marked("hit", Mark.RIGHT) if each.hit else Marked("empty map" if each.empty else "miss", Mark.WRONG)
        rows.append([f"{displayed(each.finding)} · {names[each.network]}", hit, f"{each.iou:.2f}", f"{each.dice:.2f}"])
    st.markdown(
        "**Beside what you drew**",
        help="Hit: the map's hottest point lies in what you drew, or at most 5 % of the film's width beside it. IoU "
        "and Dice compare what you drew with the map's region at or above the threshold. What you drew after maps "
        "were shown (dashed) may follow them.",
    )
    if rows:
        show_table(["Map", "Hottest point", f"IoU from {threshold:.2f} on", "Dice"], rows)
    else:
        st.caption("There is no map of what you drew.")
