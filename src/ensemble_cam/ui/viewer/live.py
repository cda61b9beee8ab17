"""The component on the page."""

from dataclasses import dataclass

import streamlit as st

from ensemble_cam.ui.scripts import linked, read
from ensemble_cam.ui.viewer.committed import Committed
from ensemble_cam.ui.viewer.payload import Payload
from ensemble_cam.ui.viewer.pointed import Pointed
from ensemble_cam.ui.viewer.wanted import Delivered, Wanted

KEY = "viewer"

_component = st.components.v2.component(
    "ensemble_cam_viewer", html=read("viewer/viewer.html"), css=read("viewer/viewer.css"), js=linked("viewer/viewer.js")
)
_delivery = st.components.v2.component(
    "ensemble_cam_view_delivery", html="<span></span>", js=linked("viewer/delivery.js")
)


@dataclass(frozen=True)
class Told:
    """What the viewer tells.

    Attributes:
        committed: what the reader last set; None before they did.
        wanted: the view that they last asked for; None before they did.
        pointed: the point that they last marked, where the page asked for one; None before.
        failed: why the viewer cannot run in this browser; None where it does.
    """

    committed: Committed | None
    wanted: Wanted | None
    pointed: Pointed | None
    failed: str | None


def show_viewer(payload: Payload, *, key: str = KEY) -> Told:
    """Put the viewer on the page, and return what it tells; with another key it is another one."""
    result = _component(
        key=key,
        data={"header": dict(payload.header), "blobs": payload.table},
        on_committed_change=_nothing,
        on_wanted_change=_nothing,
        on_pointed_change=_nothing,
        on_failed_change=_nothing,
    )
    failed = None if result.failed is None else str(result.failed)
    return Told(Committed.of(result.committed), Wanted.of(result.wanted), Pointed.of(result.pointed), failed)


def deliver(delivered: Delivered) -> None:
    """Hand the browser a view that was asked for, which the reader then has as a file, or say why there is none.

    It travels inside the page, as the film does, and stays there until the next one: a browser that draws several runs
    of the page at once would miss it. The browser takes each once.
    """
    data = {"serial": delivered.serial, "name": delivered.name, "failure": delivered.failure, "blobs": delivered.png}
    _delivery(key="delivered view", data=data)


def _nothing() -> None:
    """Streamlit keeps a state of the component's that has a callback; there is nothing else to do."""
