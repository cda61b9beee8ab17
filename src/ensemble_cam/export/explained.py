"""An explanation of any network as it leaves: overlays and figures with their words below them, and a folder.

Nothing of a picture's name is in any file, and the words say which network, weights, layer and method a map is of.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ensemble_cam.errors import ExportError
from ensemble_cam.explanation.result import UNTRAINED_LINE, Explained, Explainer
from ensemble_cam.export.drafts import draft
from ensemble_cam.export.folder import move_to_free_name
from ensemble_cam.export.provenance import software
from ensemble_cam.maps.heatmap import relative
from ensemble_cam.purpose import MEANINGLESS_MAP_LINE, PURPOSE
from ensemble_cam.rendering.colours import colour_table
from ensemble_cam.rendering.footer import Wordings, footer
from ensemble_cam.rendering.overlay import paint
from ensemble_cam.rendering.page import LIGHT_FAINT, LIGHT_INK, LIGHT_WARN, Lettering, Page, Run, shortened
from ensemble_cam.rendering.png import png
from ensemble_cam.settings.display import Display

RECORD = "explanation.json"
SCHEMA = 1
_DIGITS = 12
# Pixels of a figure: its panels' longer side, the space between them, and the letters.
_PANEL, _LEAST_PANEL, _LEAST_COLUMN, _GAP, _EM = 512, 256, 240, 12, 22
_NO_NAME = re.compile(r"[^\w .+-]")
_DEVICE_NAMES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # Windows opens no file of the name


def drawn_over(explained: Explained, name: str, display: Display) -> np.ndarray:
    """Return a class's map over the picture, (h, w, 3) uint8 RGB; the picture alone where the map is empty."""
    width, height = explained.picture.size
    drawn, values = explained.picture.shown, explained.in_picture(name)
    if values.any():
        paint(drawn, (0, 0, width, height), [(slice(0, height), values)], display)
    return drawn


def explained_overlay(explained: Explained, name: str, display: Display) -> bytes:
    """Return a class's map over the picture in its own pixels as a PNG, with its words below unless it is bare."""
    width, height = explained.picture.size
    below = [] if display.bare else footer(_words(explained, name, display), width, height)
    return png([drawn_over(explained, name, display), *below], _origin(explained, name, display))


def explained_figure(explained: Explained, name: str, display: Display) -> bytes:
    """Return picture, bare map and overlay side by side, class and probability above, words below, as a PNG."""
    panels = _panels(explained, name, display)
    height, width, _ = panels[0][1].shape
    line, bold, pitch = Lettering.of_pixels(_EM), Lettering.of_pixels(_EM, bold=True), round(1.6 * _EM)
    column = max(width, _LEAST_COLUMN)
    page = Page(3 * column + 4 * _GAP, height + 2 * pitch + 2 * _GAP, dark=True)
    room = page.pixels.shape[1] - 2 * _GAP - round(bold.width("predicted"))
    page.runs(_GAP, _GAP, _score_runs(explained, name, shortened(f"{name}:", bold, room // 2)), bold)
    top = _GAP + pitch
    for index, (label, pixels) in enumerate(panels):
        left = _GAP + index * (column + _GAP)
        page.text(left, top, label, line, LIGHT_FAINT)
        page.picture(left, top + pitch, pixels)
    below = footer(_words(explained, name, display), page.pixels.shape[1], page.pixels.shape[0])
    return png([page.strip(), *below], _origin(explained, name, display))


def _panels(explained: Explained, name: str, display: Display) -> list[tuple[str, np.ndarray]]:
    width, height = explained.picture.size
    longer = min(max(width, height, _LEAST_PANEL), _PANEL)
    size = (max(1, round(width * longer / max(width, height))), max(1, round(height * longer / max(width, height))))
    grid = relative(explained.maps[name])
    rows, columns = grid.shape
    cells = colour_table(display.colormap)[np.rint(grid * 255).astype(np.uint8)]
    bare = cv2.resize(cells, size, interpolation=cv2.INTER_NEAREST)
    smaller = cv2.INTER_AREA if longer < max(width, height) else cv2.INTER_LINEAR
    seen, over = (
        cv2.resize(each, size, interpolation=smaller)
        for each in (explained.picture.shown, drawn_over(explained, name, display))
    )
    empty = "" if grid.any() else ", empty"
    return [("picture", seen), (f"map, {rows}×{columns} cells{empty}", bare), ("overlay", over)]


def score_line(explained: Explained, name: str) -> str:
    """Return what the network says of a class, in words."""
    return f"{name}: {explained.by.output} {explained.probabilities[name]:.3f} {_rank(explained, name)}"


def _score_runs(explained: Explained, name: str, called: str) -> list[Run]:
    """Return `score_line`, the number grey and struck where it means nothing."""
    by, share = explained.by, explained.probabilities[name]
    ink = LIGHT_FAINT if by.untrained else LIGHT_INK
    score = Run(f"{by.output} {share:.3f}", ink, struck=by.untrained)
    return [Run(called, LIGHT_INK), score, Run(_rank(explained, name), ink)]


def _rank(explained: Explained, name: str) -> str:
    return "(predicted)" if name == explained.predicted else f"(predicted: {explained.predicted})"


def _words(explained: Explained, name: str, display: Display) -> Wordings:
    by = explained.by
    digits = f", SHA-256 {by.weights_sha256[:_DIGITS]}…" if by.weights_sha256 else ""
    warning = [[Run(MEANINGLESS_MAP_LINE, LIGHT_WARN)]] if by.untrained else []
    is_empty = not explained.maps[name].any()
    ink = LIGHT_FAINT if by.untrained else LIGHT_INK
    score = [*_score_runs(explained, name, f"{name}:"), *([Run("· the map is empty", ink)] if is_empty else [])]
    network = [Run(f"{by.network} · weights {by.weights}{digits}", LIGHT_INK)]
    how = [Run(f"{by.method_line} · threshold {display.threshold:.2f}", LIGHT_INK)]
    purpose = [Run(PURPOSE, LIGHT_WARN)]
    cautions = [[Run(each, LIGHT_WARN)] for each in explained.cautions if each != UNTRAINED_LINE]  # said already
    short = [[Run("Meaningless.", LIGHT_WARN)]] if by.untrained else []
    return Wordings(
        whole=[*warning, score, network, how, *cautions, purpose],
        terse=[*warning, purpose, score, network, how],
        abridged=[*short, purpose],
    )


def _origin(explained: Explained, name: str, display: Display) -> dict[str, str]:
    """Return what every picture carries in its text chunks."""
    by = explained.by
    return {
        "Disclaimer": PURPOSE,
        **({"Warning": " ".join(explained.cautions)} if explained.cautions else {}),
        "Software": ", ".join(f"{package} {number}" for package, number in _software(by).items()),
        "Picture SHA-256": explained.picture.sha256,
        "Network": f"{by.network}; weights {by.weights}; SHA-256 {by.weights_sha256 or 'unknown'}",
        "Method": f"{by.method_line}; {by.cut_line}",
        "Class": name,
        "Score": score_line(explained, name),
        "Threshold": repr(display.threshold),
    }


def explanation_record(explained: Explained, files: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return what `explanation.json` holds.

    Args:
        explained: the explanation.
        files: class → what its files are called, without their endings; without, by its name.
    """
    by, (width, height) = explained.by, explained.picture.size
    names = file_names(explained) if files is None else files
    return {
        "schema": SCHEMA,
        "purpose": PURPOSE,
        "software": _software(by),
        "picture": {"sha256": explained.picture.sha256, "width": width, "height": height},
        "network": by.network,
        "weights": by.weights,
        "weights_sha256": by.weights_sha256,
        "untrained": by.untrained,
        "input": {**by.input, "framing": "the whole picture, stretched to a square"},
        "cut": by.cut_line,
        "layer": by.layer,
        "channels": by.channels,
        "method": by.method,
        "rollout": None if by.rollout is None else asdict(by.rollout),
        "output": by.output,
        "predicted": explained.predicted,
        "probabilities": {name: round(share, 6) for name, share in explained.probabilities.items()},
        "logits": {name: round(logit, 6) for name, logit in explained.logits.items()},
        "maps": {name: _map_record(explained, name, names[name]) for name in explained.maps},
        "cautions": list(explained.cautions),
    }


def _software(by: Explainer) -> dict[str, str]:
    """Return the versions that an explanation depends on; timm's where the network is its."""
    found = dict(software())
    if by.network.startswith("timm:"):
        found["timm"] = version("timm")
    return found


def _map_record(explained: Explained, name: str, file: str) -> dict[str, Any]:
    grid = explained.maps[name]
    values = explained.in_picture(name)
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    return {
        "grid": list(grid.shape),
        "highest": round(float(grid.max()), 6),
        "empty": not grid.any(),
        "hottest": [int(column), int(row)] if grid.any() else None,
        "picture": f"{file}.png",
        "values": f"{file}.npy",
    }


def file_names(explained: Explained) -> dict[str, str]:
    """Return what the files of each class's map are called, without their endings; no two alike on any system."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in explained.maps:
        plain = _NO_NAME.sub("_", name)[:100].strip(" .") or "class"
        plain = f"{plain}_" if _DEVICE_NAMES.fullmatch(plain) else plain
        number, own = 1, plain
        while own.casefold() in taken:
            number += 1
            own = f"{plain}_{number}"
        taken.add(own.casefold())
        found[name] = own
    return found


def write_explanation(explained: Explained, out: Path, name: str, display: Display) -> Path:
    """Write an explanation's folder, whole or not at all, under the first free one of `name`, `name_2`, … in `out`.

    Returns:
        The folder.

    Raises:
        ExportError: if it cannot be written.
    """
    files = file_names(explained)
    record = json.dumps(explanation_record(explained, files), ensure_ascii=False, indent=2)
    try:
        with draft(out) as unfinished:
            unfinished.mkdir()
            for each, grid in explained.maps.items():
                (unfinished / f"{files[each]}.png").write_bytes(explained_figure(explained, each, display))
                np.save(unfinished / f"{files[each]}.npy", grid, allow_pickle=False)
            (unfinished / RECORD).write_text(f"{record}\n", encoding="utf-8")
            return move_to_free_name(unfinished, out, name)
    except (OSError, cv2.error) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else type(error).__name__
        raise ExportError(
            f"The explanation could not be written ({reason}). Free space, or choose another folder."
        ) from None
