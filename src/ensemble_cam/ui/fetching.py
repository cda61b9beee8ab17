"""Fetching weights from the page: the offer, the progress, the way by hand, and what came of it."""

from collections.abc import Mapping, Sequence

import streamlit as st

from ensemble_cam.errors import Cancelled, WeightsError
from ensemble_cam.ui.session import networks, wake
from ensemble_cam.ui.session.jobs import Job, sentence
from ensemble_cam.ui.session.networks import Choice, Ready
from ensemble_cam.ui.words import plain, without_folders
from ensemble_cam.weights.released import search_folders, weights_file

_FETCHING, _WANTED, _FAILURE = "fetching", "fetch wanted", "fetch failure"


def show_weights(choices: Sequence[Choice]) -> list[Ready]:
    """Return the chosen classifiers that can run; say what is missing of the others and offer to fetch it."""
    if not choices:
        st.warning("No classifier is chosen. Choose at least one in the sidebar, under Classifiers.")
    ready, absent = networks.find(choices)
    if absent and not is_fetching():
        names = ", ".join(choice.config.name for choice in absent)
        with st.container(key="weights-absent", horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(plain(f"No scores and maps from {names}: the weights are not ready."), width="stretch")
            show_offer(absent, key="chosen")
    return ready


def show_offer(absent: Mapping[Choice, WeightsError], *, key: str) -> None:
    """Offer to fetch what is missing, and say how to put files in place by hand; nothing while it is being fetched.

    `key` tells several offers on one page apart.
    """
    if is_fetching():
        return
    missing = [choice for choice, error in absent.items() if networks.is_missing(error)]
    verb = "Go on fetching" if any(map(networks.is_begun, missing)) else "Fetch"
    if missing and st.button(
        f"{verb} the clinical weights ({networks.size_to_fetch(missing)})",
        icon=":material/download:",
        key=f"fetch weights {key}",
        help=plain(
            f"From {networks.source() or 'their releases on github.com'}. It can be stopped, and goes on from there. "
            "No film leaves this machine."
        ),
    ):
        st.session_state.pop(_FAILURE, None)
        st.session_state[_FETCHING], st.session_state[_WANTED] = networks.start_fetching(missing), missing
        st.rerun()
    with st.popover("Other ways" if missing else "What is wrong", icon=":material/folder_open:"):
        _show_other_ways(absent, missing, key)


def _show_other_ways(absent: Mapping[Choice, WeightsError], missing: Sequence[Choice], key: str) -> None:
    for choice, error in absent.items():
        if choice not in missing:
            st.markdown(f"**{plain(choice.config.name)}** · {plain(str(error))}")
    if missing:
        files = [weights_file(choice.weights) for choice in missing]
        rows = "\n".join(f"- [{plain(file.file_name)}]({file.url}){_size(file.size)}" for file in files)
        folder = without_folders(str(search_folders(None)[0]))
        st.markdown(f"**By hand.** Bring these files into the folder `{folder}`, under these names:\n\n{rows}\n")
        st.markdown("**On the command line**, also from a mirror or a folder: `ensemble-cam weights fetch --from …`")
    st.button("Look again", key=f"look again {key}", icon=":material/refresh:")  # every run of the page looks


def _size(size: int | None) -> str:
    return "" if size is None else f", {size / 1e6:.0f} MB"


def is_fetching() -> bool:
    """Whether this session is fetching weights."""
    return _FETCHING in st.session_state


def end_fetching() -> None:
    """Take note of what came of fetching, once it has ended."""
    job: Job[None] | None = st.session_state.get(_FETCHING)
    if job is None or not job.done:
        return
    del st.session_state[_FETCHING]
    outcome = job.outcome()
    if isinstance(outcome, Cancelled):
        st.session_state[_FAILURE] = "Fetching was stopped. The next time it goes on from there."
    elif isinstance(outcome, BaseException):
        st.session_state[_FAILURE] = sentence(outcome)


def show_progress() -> None:
    """Show how far fetching is, or why it ended before all was there."""
    if is_fetching():
        _show_fetching()
    elif _FAILURE in st.session_state and networks.find(st.session_state[_WANTED])[1]:
        st.error(plain(st.session_state[_FAILURE]))


@st.fragment
def _show_fetching() -> None:
    job: Job[None] | None = st.session_state.get(_FETCHING)
    if job is None or job.done:
        st.rerun()
    state = job.state
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.progress(state.share, text=plain(state.what) if not state.place else "Waiting for another download")
        st.button("Stop fetching", on_click=_cancel_fetching, disabled=job.cancelled)
    wake.when_changed(job, state)


def _cancel_fetching() -> None:
    job: Job[None] | None = st.session_state.get(_FETCHING)
    if job is not None:
        job.cancel()
