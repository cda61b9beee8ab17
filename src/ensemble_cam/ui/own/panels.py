"""What a network says of a picture, and its maps: a row for each layer, a column for each method; and what leaves."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import cv2
import numpy as np
import streamlit as st

from ensemble_cam.export.explained import drawn_over, explained_figure, write_explanation
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.rendering.cells import cells_picture
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.methods import METHODS_OF_ANY_NETWORK
from ensemble_cam.ui.film_view import show_picture
from ensemble_cam.ui.table import Mark, Marked, show_table
from ensemble_cam.ui.words import plain

if TYPE_CHECKING:
    from ensemble_cam.explanation.result import ClassMap, Explained

_LONGEST = 640  # pixels of a picture
_MOST_CLASSES = 8
_DIGITS = 12


def show_classes(explained: "Explained") -> None:
    """Show the predicted class and what the network says of the first classes; struck where it means nothing."""
    meaningless = explained.by.untrained
    shares = sorted(explained.probabilities.items(), key=lambda each: -each[1])
    output = explained.by.output
    first, share = shares[0]
    said = f"{output} {share:.3f}"
    said = f":gray[~~{said}~~] :gray-badge[meaningless]" if meaningless else said
    st.markdown(f"Predicted: **{plain(first)}** · {said}")
    rows = [
        [name, Marked(f"{value:.3f}", Mark.MEANINGLESS) if meaningless else f"{value:.3f}"]
        for name, value in shares[:_MOST_CLASSES]
    ]
    show_table(["Class", f"{output}, not calibrated"], rows)
    if len(shares) > _MOST_CLASSES:
        st.caption(f"The first {_MOST_CLASSES} of {len(shares)} classes; all are in the data.")


def show_picture_alone(explained: "Explained") -> None:
    """Show the picture as it is."""
    (picture,) = explained.pictures.values()
    show_picture(_shrunk(picture.shown), alt="The picture")


def show_maps(answers: "Sequence[Explained | str]", target: str, display: Display, *, bare: bool) -> None:
    """Show the maps of one class: a row for each layer, a column for each method.

    Args:
        answers: one by each method.
        target: the class.
        display: what maps are drawn like.
        bare: whether the grid's own cells are shown instead, without the picture.
    """
    found = [each for each in answers if not isinstance(each, str)]
    for sentence in (each for each in answers if isinstance(each, str)):
        st.warning(plain(sentence), icon=":material/block:")
    if not found:
        return
    rows = max(len(each.of_class(target)) for each in found)
    for row in range(rows):
        for column, explained in zip(st.columns(max(2, len(found)), gap="small"), found, strict=False):
            maps = explained.of_class(target)
            if row < len(maps):
                with column:
                    _show_map(explained, maps[row], display, bare=bare)


def _show_map(explained: "Explained", one: "ClassMap", display: Display, *, bare: bool) -> None:
    title, rows = METHODS_OF_ANY_NETWORK[explained.by.method].title, one.grid.shape
    layer = one.layer or ("all attention layers" if not explained.by.places else explained.by.places[0].layer)
    picture = _cells(explained, one, display) if bare else _shrunk(drawn_over(explained, one, display))
    st.markdown(f":small[**{title}** · {plain(layer)}]")
    show_picture(picture, alt=f"{one.name}: map of {title} at {layer}")
    empty = "" if one.relative.any() else " · the map is empty"
    meaningless = " · means nothing" if explained.by.untrained else ""
    st.caption(f"{rows[0]}×{rows[1]} cells{empty}{meaningless}")


def _cells(explained: "Explained", one: "ClassMap", display: Display) -> np.ndarray:
    width, height = explained.picture_of(one).size
    scale = _LONGEST / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cells_picture(one.relative, display.colormap, size)


def _shrunk(picture: np.ndarray) -> np.ndarray:
    height, width, _ = picture.shape
    scale = _LONGEST / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def show_cautions(answers: "Sequence[Explained | str]") -> None:
    """Say what has to be known first, each once."""
    said = dict.fromkeys(line for each in answers if not isinstance(each, str) for line in each.cautions)
    if said:
        st.warning("  \n".join(map(plain, said)), icon=":material/warning:")


def show_origin(explained: "Explained") -> None:
    """Show whose maps these are."""
    by = explained.by
    digits = f", SHA-256 {by.weights_sha256[:_DIGITS]}…" if by.weights_sha256 else ""
    st.caption(plain(f"{by.network} · weights {by.weights}{digits} · {by.cut_line} · {PURPOSE}"))


def show_downloads(answers: "Sequence[Explained | str]", target: str, display: Display) -> None:
    """Offer the first method's figure, and a ZIP with all that `explain` writes, a folder for each method."""
    found = [each for each in answers if not isinstance(each, str)]
    if not found:
        return
    name = f"explanation_{next(iter(found[0].pictures.values())).sha256[:_DIGITS]}"
    with st.container(horizontal=True):
        st.download_button(
            "Figure (PNG)",
            lambda: explained_figure(found[0], found[0].of_class(target), display),
            f"{name}.png",
            "image/png",
            on_click="ignore",
            icon=":material/image:",
            help="The first method's: picture, bare map and overlay, with all words below.",
        )
        st.download_button(
            "Everything (ZIP)",
            lambda: zipped(found, display),
            f"{name}.zip",
            "application/zip",
            on_click="ignore",
            icon=":material/folder_zip:",
            help="A folder for each method: a figure and the values of each map, and explanation.json.",
        )


def zipped(found: "Sequence[Explained]", display: Display) -> bytes:
    """Return the folders that `explain` writes, one for each method, as a ZIP."""
    packed = io.BytesIO()
    with TemporaryDirectory() as folder, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for explained in found:
            made = write_explanation(explained, Path(folder), explained.by.method.replace("+", "p"), display)
            for path in sorted(made.iterdir()):
                archive.write(path, f"{made.name}/{path.name}")
    return packed.getvalue()
