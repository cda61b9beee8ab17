"""Reviewing a film in the background, and what stands on the page meanwhile: the same for the review and the lab."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from ensemble_cam.errors import Cancelled
from ensemble_cam.film.geometry import Framing
from ensemble_cam.film.radiograph import Radiograph
from ensemble_cam.machine.terminal import time_left
from ensemble_cam.settings.settings import Settings
from ensemble_cam.ui.session import networks, wake
from ensemble_cam.ui.session.jobs import Job
from ensemble_cam.ui.session.networks import Ready, identities
from ensemble_cam.ui.session.slot import Slot
from ensemble_cam.ui.words import plain

if TYPE_CHECKING:
    from ensemble_cam.classifiers.classifier import Classifier
    from ensemble_cam.reviewing.analysis import Analysis
    from ensemble_cam.reviewing.pipeline import Examination

_LOADING = 0.3  # of the way, with a first film


def seen_by(radiograph: Radiograph, ready: Sequence[Ready], framing: Framing) -> tuple[object, ...]:
    """Return what tells what these networks see of a film from all else: the key of what they make of it."""
    shown = radiograph.intensity, radiograph.rescaled, radiograph.negative
    return radiograph.sha256, *shown, identities(ready), framing


def reviewing(
    radiograph: Radiograph,
    ready: Sequence[Ready],
    settings: "Callable[[Examination], Settings]",
    *,
    framing: Framing,
    examining: "Slot[Examination]",
) -> "Callable[[Job[Analysis]], Analysis]":
    """Return the work that reviews a film. It holds the film as it is now and touches no session.

    Args:
        radiograph: the film.
        ready: the networks.
        settings: what is to be explained of what the networks made of the film.
        framing: the part of the film that they see.
        examining: where that lies, or is put, for this film, these networks and this framing.
    """
    seen = seen_by(radiograph, ready, framing)

    def work(job: "Job[Analysis]") -> "Analysis":
        job.report("Loading the networks", 0.0)
        from ensemble_cam.reviewing.pipeline import examine, explain

        def report(what: str, share: float) -> None:
            job.report(what, _LOADING + (1 - _LOADING) * share)

        examined = examining.held(seen)
        if examined is None:
            classifiers = _load(ready, job)
            examined = examine(radiograph, classifiers, framing=framing, progress=report, cancelled=job.stopped)
            if not any(result.failure for result in examined.results):
                examining.hold(seen, examined)
        return explain(examined, settings(examined), progress=report, cancelled=job.stopped)

    return work


def _load(ready: Sequence[Ready], job: Job[Any]) -> "list[Classifier]":
    classifiers = []
    for number, each in enumerate(ready):
        job.report(f"Loading {each.choice.config.name}", _LOADING * number / len(ready))
        if job.stopped():
            raise Cancelled("Stopped while the networks were loading.")
        classifiers.append(networks.load(each))
    return classifiers


def show_work(slot_of: Callable[[], Slot[Any] | None], *, again: str, key: str) -> None:
    """Show how far the work of a slot is, or why it has ended without an outcome.

    Args:
        slot_of: finds the slot in this session, None if it is gone; it must hold no film, as Streamlit keeps it long.
        again: the label of the button that lets ended work begin anew.
        key: tells the buttons of several slots on a page apart.
    """
    slot = slot_of()
    if slot is None:
        return
    if slot.job is not None:
        _show_waiting(slot_of, key)
    elif slot.ended is not None:
        st.warning(plain(slot.ended))
        st.button(again, on_click=_begin_anew, args=(slot_of,), key=f"again {key}")
    else:
        st.rerun()  # another run of the page had asked for something else, or the page was away


@st.fragment
def _show_waiting(slot_of: Callable[[], Slot[Any] | None], key: str) -> None:
    slot = slot_of()
    job = slot.job if slot is not None else None
    if job is None or job.done:
        st.rerun()
    state = job.state
    if state.place:
        before = "one review is" if state.place == 1 else f"{state.place} reviews are"
        st.progress(0.0, text=f"Waiting for the processor: {before} before this one")
    else:
        left = job.seconds_left
        said = state.what if left is None else f"{state.what} · {time_left(left)}"
        st.progress(state.share, text=plain("Stopping …" if job.cancelled else said))
    st.button("Cancel", on_click=_stop, args=(slot_of,), disabled=job.cancelled, key=f"cancel {key}")
    wake.when_changed(job, state)


def _stop(slot_of: Callable[[], Slot[Any] | None]) -> None:
    if (slot := slot_of()) is not None:
        slot.stop()


def _begin_anew(slot_of: Callable[[], Slot[Any] | None]) -> None:
    if (slot := slot_of()) is not None:
        slot.begin_anew()
