"""The film alone: what the reader sees before, and without, any network."""

import base64

import numpy as np
import streamlit as st

from ensemble_cam.film.geometry import Geometry
from ensemble_cam.film.radiograph import Radiograph
from ensemble_cam.rendering.screen import Screen, jpeg
from ensemble_cam.settings.display import Display
from ensemble_cam.ui.words import plain

# Larger than it stands on a small screen, so that a click enlarges it to something worth it.
_LONGEST = 1024


def show_film(radiograph: Radiograph, geometry: Geometry) -> None:
    """Show the film alone, with what the networks see outlined."""
    screen = Screen.of(radiograph.display, geometry, longest=_LONGEST)
    show_picture(screen.panel(None, Display()), alt="The film")
    if geometry.crop != (0, 0, radiograph.width, radiograph.height):
        st.caption("Outlined: what the networks see. What lies outside is not looked at.")
    elif radiograph.width != radiograph.height:
        st.caption("The networks see the whole film, padded to a square; they were trained on the centre square.")


def show_picture(picture: np.ndarray, *, alt: str) -> None:
    """Show an (h, w, 3) uint8 RGB picture.

    It travels inside the page. Behind an address of its own, as `st.image` puts it, it would lie in the server's media
    store, where files are told apart by a part of their content and are gone before a browser in a hurry has come.
    """
    encoded = base64.b64encode(jpeg(picture)).decode("ascii")
    st.image(f"data:image/jpeg;base64,{encoded}", width="stretch", alt=alt)


def show_facts(radiograph: Radiograph) -> None:
    """Show the film's format and header facts in a line."""
    facts = [radiograph.format, f"{radiograph.width}×{radiograph.height}", f"{radiograph.bits} bits"]
    facts += [f"{name}: {value}" for name, value in radiograph.facts.items()]
    st.caption(plain(" · ".join(facts)))


def show_warnings(radiograph: Radiograph) -> None:
    """Show what a reader has to know of how the film was read."""
    if radiograph.warnings:
        st.warning("  \n".join(plain(warning) for warning in radiograph.warnings), icon=":material/warning:")
