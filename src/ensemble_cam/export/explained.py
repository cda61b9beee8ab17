"""An explanation of any network as it leaves: overlays and figures with their words below them, and a folder.

Nothing of a picture's name is in any file, and the words say which network, weights, layer and method a map is of.
"""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ensemble_cam.errors import ExportError
from ensemble_cam.explanation.result import UNTRAINED_LINE, ClassMap, Explained, Explainer, Place
from ensemble_cam.export.drafts import draft, move_to_free_name
from ensemble_cam.export.provenance import software
from ensemble_cam.film.picture import Picture
from ensemble_cam.purpose import MEANINGLESS_MAP_LINE, PURPOSE
from ensemble_cam.rendering.colours import colour_table
from ensemble_cam.rendering.footer import Wordings, footer
from ensemble_cam.rendering.overlay import paint
from ensemble_cam.rendering.page import LIGHT_FAINT, LIGHT_INK, LIGHT_WARN, Lettering, Page, Run, shortened
from ensemble_cam.rendering.png import png
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.explain_options import RULES as OPTIONS
from ensemble_cam.settings.explain_options import ExplainOptions

RECORD = "explanation.json"
SCHEMA = 1
_DIGITS = 12
# Pixels of a figure: its panels' longer side, the space between them, and the letters.
_PANEL, _LEAST_PANEL, _LEAST_COLUMN, _GAP, _EM = 512, 256, 240, 12, 22
_NO_NAME = re.compile(r"[^\w .+-]")
_DEVICE_NAMES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # Windows opens no file of the name


def drawn_over(explained: Explained, one: ClassMap, display: Display) -> np.ndarray:
    """Return a map over its picture, (h, w, 3) uint8 RGB; the picture alone where the map is empty."""
    picture = explained.picture_of(one)
    width, height = picture.size
    drawn, values = picture.shown, explained.in_picture(one)
    if values.any():
        paint(drawn, (0, 0, width, height), [(slice(0, height), values)], display)
    return drawn


def explained_overlay(explained: Explained, one: ClassMap, display: Display) -> bytes:
    """Return a map over its picture in that one's own pixels as a PNG, with its words below unless it is bare."""
    width, height = explained.picture_of(one).size
    below = [] if display.bare else footer(_words(explained, [one], display), width, height)
    return png([drawn_over(explained, one, display), *below], _origin(explained, [one], display))


def explained_figure(explained: Explained, maps: Sequence[ClassMap], display: Display) -> bytes:
    """Return picture, bare map and overlay side by side as a PNG, class and probability above, words below.

    Args:
        explained: the explanation.
        maps: of one class, a row for each.
        display: what they are drawn like.
    """
    name, rows = maps[0].name, [_panels(explained, each, display) for each in maps]
    line, bold, pitch = Lettering.of_pixels(_EM), Lettering.of_pixels(_EM, bold=True), round(1.6 * _EM)
    column = max(_LEAST_COLUMN, *(pixels.shape[1] for row in rows for _, pixels in row))
    heights = [row[0][1].shape[0] + pitch + _GAP for row in rows]
    page = Page(3 * column + 4 * _GAP, sum(heights) + pitch + _GAP, dark=True)
    room = page.pixels.shape[1] - 2 * _GAP - round(bold.width("predicted"))
    page.runs(_GAP, _GAP, _score_runs(explained, name, shortened(f"{name}:", bold, room // 2)), bold)
    top = _GAP + pitch
    for row, height in zip(rows, heights, strict=True):
        for index, (label, pixels) in enumerate(row):
            left = _GAP + index * (column + _GAP)
            page.text(left, top, shortened(label, line, column), line, LIGHT_FAINT)
            page.picture(left, top + pitch, pixels)
        top += height
    below = footer(_words(explained, maps, display), page.pixels.shape[1], page.pixels.shape[0])
    return png([page.strip(), *below], _origin(explained, maps, display))


def _panels(explained: Explained, one: ClassMap, display: Display) -> list[tuple[str, np.ndarray]]:
    picture = explained.picture_of(one)
    width, height = picture.size
    longer = min(max(width, height, _LEAST_PANEL), _PANEL)
    size = (max(1, round(width * longer / max(width, height))), max(1, round(height * longer / max(width, height))))
    grid = one.relative
    rows, columns = grid.shape
    cells = colour_table(display.colormap)[np.rint(grid * 255).astype(np.uint8)]
    bare = cv2.resize(cells, size, interpolation=cv2.INTER_NEAREST)
    smaller = cv2.INTER_AREA if longer < max(width, height) else cv2.INTER_LINEAR
    seen, over = (
        cv2.resize(each, size, interpolation=smaller) for each in (picture.shown, drawn_over(explained, one, display))
    )
    empty = "" if grid.any() else ", empty"
    told = f"map at {one.layer}" if one.layer else "map"
    share = "" if one.share is None else f", {one.share:.0%} of all"
    return [
        (f"{one.input or 'picture'}{share}", seen),
        (f"{told}, {rows}×{columns} cells{empty}", bare),
        ("overlay", over),
    ]


def score_line(explained: Explained, name: str) -> str:
    """Return what the network says of a class, or what a function gave, in words."""
    return f"{name}: {_score(explained, name)} {_rank(explained, name)}".rstrip()


def _score_runs(explained: Explained, name: str, called: str) -> list[Run]:
    """Return `score_line`, the number grey and struck where it means nothing."""
    ink = LIGHT_FAINT if explained.by.untrained else LIGHT_INK
    score = Run(_score(explained, name), ink, struck=explained.by.untrained)
    rank = _rank(explained, name)
    return [Run(called, LIGHT_INK), score, *([Run(rank, ink)] if rank else [])]


def _score(explained: Explained, name: str) -> str:
    if explained.value is not None:
        return f"value {explained.value:.4g}"
    return f"{explained.by.output} {explained.probabilities[name]:.3f}"


def _rank(explained: Explained, name: str) -> str:
    if explained.predicted is None:
        return ""
    return "(predicted)" if name == explained.predicted else f"(predicted: {explained.predicted})"


def _words(explained: Explained, maps: Sequence[ClassMap], display: Display) -> Wordings:
    by, name = explained.by, maps[0].name
    digits = f", SHA-256 {by.weights_sha256[:_DIGITS]}…" if by.weights_sha256 else ""
    warning = [[Run(MEANINGLESS_MAP_LINE, LIGHT_WARN)]] if by.untrained else []
    ink = LIGHT_FAINT if by.untrained else LIGHT_INK
    empty = [each.of or "the map" for each in maps if not each.relative.any()]
    is_empty = [Run(f"· empty: {', '.join(empty)}", ink)] if empty else []
    score = [*_score_runs(explained, name, f"{name}:"), *is_empty]
    network = [Run(f"{by.network} · weights {by.weights}{digits}", LIGHT_INK)]
    layer = maps[0].layer if len(maps) == 1 else None
    how = [Run(f"{by.method_line(layer)} · threshold {display.threshold:.2f}", LIGHT_INK)]
    shares = _shares(maps)
    purpose = [Run(PURPOSE, LIGHT_WARN)]
    cautions = [[Run(each, LIGHT_WARN)] for each in explained.cautions if each != UNTRAINED_LINE]  # said already
    short = [[Run("Meaningless.", LIGHT_WARN)]] if by.untrained else []
    return Wordings(
        whole=[*warning, score, *shares, network, how, *cautions, purpose],
        terse=[*warning, purpose, score, *shares, network, how],
        abridged=[*short, purpose],
    )


def sheet_words(explained: Explained, told: Sequence[str], display: Display) -> Wordings:
    """Return the words below many explanations by one network, of which this is one: what is told of them, and how."""
    by = explained.by
    untrained = [[Run(MEANINGLESS_MAP_LINE, LIGHT_WARN)]] if by.untrained else []
    digits = f", SHA-256 {by.weights_sha256[:_DIGITS]}…" if by.weights_sha256 else ""
    lines = [
        *told,
        f"{by.network} · weights {by.weights}{digits}",
        f"{by.method_line()} · threshold {display.threshold:.2f}",
    ]
    words = [*untrained, *([Run(each, LIGHT_INK)] for each in lines), [Run(PURPOSE, LIGHT_WARN)]]
    return Wordings(whole=words, terse=words, abridged=[[Run(PURPOSE, LIGHT_WARN)]])


def _shares(maps: Sequence[ClassMap]) -> list[list[Run]]:
    told = [f"{each.input} {each.share:.1%}" for each in maps if each.share is not None]
    if not told:
        return []
    words = "inputs by their shares of |activation × gradient|, and all maps on the scale of the highest"
    return [[Run(f"{', '.join(told)} ({words})", LIGHT_INK)]]


def _origin(explained: Explained, maps: Sequence[ClassMap], display: Display) -> dict[str, str]:
    """Return what a picture of one class's maps carries in its text chunks."""
    shown = {each.input: explained.picture_of(each) for each in maps}
    return {
        **origin(explained, maps[0].layer if len(maps) == 1 else None, display),
        "Picture SHA-256": ", ".join(each.sha256 for each in shown.values()),
        "Class": maps[0].name,
        "Score": score_line(explained, maps[0].name),
    }


def origin(explained: Explained, layer: str | None, display: Display) -> dict[str, str]:
    """Return what every picture of a network's maps carries in its text chunks."""
    by = explained.by
    return {
        "Disclaimer": PURPOSE,
        **({"Warning": " ".join(explained.cautions)} if explained.cautions else {}),
        "Software": ", ".join(f"{package} {number}" for package, number in _software(by).items()),
        "Network": f"{by.network}; weights {by.weights}; SHA-256 {by.weights_sha256 or 'unknown'}",
        "Method": f"{by.method_line(layer)}; {by.cut_line}",
        "Threshold": repr(display.threshold),
    }


def explanation_record(explained: Explained) -> dict[str, Any]:
    """Return what `explanation.json` holds."""
    by, options = explained.by, explained.by.options
    pictures = {name: _picture_record(each) for name, each in explained.pictures.items()}
    place = by.places[0] if len(by.places) == 1 else None
    return {
        "schema": SCHEMA,
        "purpose": PURPOSE,
        "software": _software(by),
        **({"picture": next(iter(pictures.values()))} if len(pictures) == 1 else {"pictures": pictures}),
        "network": by.network,
        "weights": by.weights,
        "weights_sha256": by.weights_sha256,
        "untrained": by.untrained,
        "input": {**by.input, "framing": "the whole picture, stretched to a square"},
        "cut": by.cut_line,
        "layer": place and place.layer,
        "channels": place and place.channels,
        "layers": [_place_record(each) for each in by.places],
        "options": _options_record(options),
        "method": by.method,
        "rollout": None if options.rollout is None else asdict(options.rollout),
        "output": by.output,
        **({} if explained.value is None else {"target": explained.target, "value": explained.value}),
        "predicted": explained.predicted,
        "probabilities": {name: round(share, 6) for name, share in explained.probabilities.items()},
        "logits": {name: round(logit, 6) for name, logit in explained.logits.items()},
        "maps": {
            title: _map_record(explained, one, file)
            for one, title, file in zip(explained.maps, titles(explained), file_names(explained), strict=True)
        },
        "cautions": list(explained.cautions),
    }


def _place_record(place: Place) -> dict[str, Any]:
    told = {
        "name": place.layer,
        "channels": place.channels,
        "exact": list(place.exact),
        "unstable": list(place.unstable),
    }
    return {**told, **({"input": place.input} if place.input else {})}


def _options_record(options: ExplainOptions) -> dict[str, Any]:
    """Return the options that are no part of the method, the layers or a rollout."""
    return {name: each for name, each in asdict(options).items() if name in OPTIONS}


def _picture_record(picture: Picture) -> dict[str, Any]:
    width, height = picture.size
    return {"sha256": picture.sha256, "width": width, "height": height}


def _software(by: Explainer) -> dict[str, str]:
    """Return the versions that an explanation depends on; timm's where the network is its."""
    found = dict(software())
    if by.network.startswith("timm:"):
        found["timm"] = version("timm")
    return found


def _map_record(explained: Explained, one: ClassMap, file: str) -> dict[str, Any]:
    values = explained.in_picture(one)
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    told = {"class": one.name, "input": one.input, "layer": one.layer, "share": one.share}
    return {
        **({key: each for key, each in told.items() if each is not None} if one.of else {}),
        "grid": list(one.grid.shape),
        "highest": round(float(one.grid.max()), 6),
        "empty": not one.grid.any(),
        "hottest": [int(column), int(row)] if one.grid.any() else None,
        "picture": f"{file}.png",
        "values": f"{file}.npy",
    }


def titles(explained: Explained) -> list[str]:
    """Return what each map is called, in the order of `explained.maps`; no two alike."""
    return _numbered([each.title for each in explained.maps])


def file_names(explained: Explained) -> list[str]:
    """Return what each map's files are called, without their endings; no two alike on any system."""
    plain = [_NO_NAME.sub("_", each.title)[:100].strip(" .") or "class" for each in explained.maps]
    return _numbered([f"{each}_" if _DEVICE_NAMES.fullmatch(each) else each for each in plain])


def _numbered(names: Sequence[str]) -> list[str]:
    """Return names with a number behind those that are there already, whatever their case."""
    found: list[str] = []
    taken: set[str] = set()
    for name in names:
        number, own = 1, name
        while own.casefold() in taken:
            number += 1
            own = f"{name}_{number}"
        taken.add(own.casefold())
        found.append(own)
    return found


def write_explanation(explained: Explained, out: Path, name: str, display: Display) -> Path:
    """Write an explanation's folder, whole or not at all, under the first free one of `name`, `name_2`, … in `out`.

    Returns:
        The folder.

    Raises:
        ExportError: if it cannot be written.
    """
    record = json.dumps(explanation_record(explained), ensure_ascii=False, indent=2)
    try:
        with draft(out) as unfinished:
            unfinished.mkdir()
            for each, file in zip(explained.maps, file_names(explained), strict=True):
                (unfinished / f"{file}.png").write_bytes(explained_figure(explained, [each], display))
                np.save(unfinished / f"{file}.npy", each.grid, allow_pickle=False)
            (unfinished / RECORD).write_text(f"{record}\n", encoding="utf-8")
            return move_to_free_name(unfinished, out, name)
    except (OSError, cv2.error) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else type(error).__name__
        raise ExportError(
            f"The explanation could not be written ({reason}). Free space, or choose another folder."
        ) from None
