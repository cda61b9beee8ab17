"""What has to be said of a review: what failed, whose weights these are, and where its pictures come from."""

from collections.abc import Callable

import streamlit as st

from ensemble_cam.purpose import MEANINGLESS_LINE, PURPOSE
from ensemble_cam.reviewing import sentences
from ensemble_cam.reviewing.analysis import Analysis
from ensemble_cam.reviewing.scores import ClassifierResult
from ensemble_cam.ui.words import plain
from ensemble_cam.weights.store import Published


def show_failures(analysis: Analysis) -> bool:
    """Say which classifiers failed, and why; return whether any did."""
    failed = [result for result in analysis.results if result.failure is not None]
    for result in failed:
        st.error(plain(f"{result.classifier.config.name} {result.failure}."))
    return bool(failed)


def show_remarks(analysis: Analysis) -> None:
    """Say, where it cannot be missed, whose weights are not the published ones, whose points or maps do not hold."""
    for result in analysis.results:
        weights = result.classifier.weights
        if weights.published is not Published.YES:
            st.warning(plain(f"{result.classifier.config.name}: {weights.remark}"), icon=":material/warning:")
    for line in (*sentences.expired_lines(analysis), *sentences.unstable_lines(analysis)):
        st.warning(plain(line), icon=":material/warning:")


def offer_meaningless(show: Callable[..., None], *of: object, key: str, said: bool = False) -> None:
    """Say that the maps of a review that means nothing are kept back, and offer them all the same.

    Args:
        show: shows them; a button's callback.
        of: what it is called with, which Streamlit keeps for long.
        key: of the button.
        said: whether the page says already that the review means nothing, and why.
    """
    headline = "" if said else f":orange[**{plain(MEANINGLESS_LINE)}**] "
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"{headline}The maps are kept back.")
        st.button(
            "Show anyway: maps that mean nothing",
            on_click=show,
            args=of,
            key=key,
            help="For this film and these classifiers alone, until another film is on the screen.",
        )


def show_origin(analysis: Analysis) -> None:
    """Say which set and weights are behind the maps, in particular where they are not the published ones."""
    if line := analysis.classifier_set.notice:
        st.markdown(f":small[**{plain(line)}**]")
    lines = " · ".join(map(_weights_line, analysis.results))
    seconds = sum(result.seconds for result in analysis.results)
    st.caption(plain(f"{lines} · {seconds:.1f} s for the networks and maps · {PURPOSE}"))


def _weights_line(result: ClassifierResult) -> str:
    """Return a classifier's weights, with as much of their hash as tells them apart."""
    return sentences.weights_line(result, digits=12)
