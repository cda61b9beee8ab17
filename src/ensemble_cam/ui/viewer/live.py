"""The component on the page."""

import streamlit as st

from ensemble_cam.ui.scripts import linked, read
from ensemble_cam.ui.viewer.committed import Committed
from ensemble_cam.ui.viewer.payload import Payload

KEY = "viewer"

_component = st.components.v2.component(
    "ensemble_cam_viewer", html=read("viewer/viewer.html"), css=read("viewer/viewer.css"), js=linked("viewer/viewer.js")
)


def show_viewer(payload: Payload) -> tuple[Committed | None, str | None]:
    """Put the viewer on the page.

    Returns:
        What the reader last set, None before they did; and why the viewer cannot run in this browser, or None.
    """
    result = _component(
        key=KEY,
        data={"header": dict(payload.header), "blobs": payload.table},
        on_committed_change=_nothing,
        on_failed_change=_nothing,
    )
    return Committed.of(result.committed), None if result.failed is None else str(result.failed)


def _nothing() -> None:
    """Streamlit keeps a state of the component's that has a callback; there is nothing else to do."""
