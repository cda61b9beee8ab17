"""What was measured of one finding's maps by one network as a picture: curves of the logit, and the figures below."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ensemble_cam.purpose import PURPOSE
from ensemble_cam.rendering.footer import Wordings, footer
from ensemble_cam.rendering.page import LIGHT_FAINT, LIGHT_INK, LIGHT_WARN, SHAPES, Lettering, Mark, Page, Run
from ensemble_cam.rendering.png import png

# Told apart by most eyes: Okabe and Ito 2008, Color universal design, those that are seen on black.
_COLOURS = ("#56b4e9", "#e69f00", "#2fbf92", "#cc79a7", "#f0e442")
_CONTROL, _HAIR = "#8a8a8a", "#3a3a3a"
# Pixels: a panel's curves, what stands beside and around it, letters, and marks.
_WIDE, _HIGH, _LEFT, _TOP, _BELOW, _GAP = 620, 460, 120, 96, 120, 40
_EM, _MARK, _LEGEND = 27, 15, 480
_BARE_TOP = 40  # without a head


@dataclass(frozen=True)
class Series:
    """One map's curve.

    Attributes:
        name: the method, as people write it.
        shares: of the film that is changed, rising, in [0, 1].
        logits: as many.
        is_control: whether it is no method's, but drawn grey beside them.
    """

    name: str
    shares: Sequence[float]
    logits: Sequence[float]
    is_control: bool = False


@dataclass(frozen=True)
class Panel:
    """Curves in one frame.

    Attributes:
        title: what is done to the film.
        series: one for each map.
    """

    title: str
    series: Sequence[Series]


@dataclass(frozen=True)
class Words:
    """What stands around the panels.

    Attributes:
        head: the finding and the network.
        lines: what the curves are of: network and weights, methods, film.
        warnings: what has to be known first.
    """

    head: str
    lines: Sequence[str]
    warnings: Sequence[str] = ()


def curves_png(panels: Sequence[Panel], words: Words, origin: Mapping[str, str]) -> bytes:
    """Draw panels side by side, a legend below, and the words, as a PNG.

    Args:
        panels: one or more; in each the curves of the same maps.
        words: what stands around them.
        origin: for the text chunks.
    """
    page = _page(panels, words.head)
    height, width, _ = page.pixels.shape
    return png([page.strip(), *footer(_wordings(words), width, height)], origin)


def curves_picture(panels: Sequence[Panel]) -> np.ndarray:
    """Draw the same for a page that has the words beside it, (h, w, 3) uint8 RGB."""
    return _page(panels, "").pixels


def _page(panels: Sequence[Panel], head: str) -> Page:
    names = list(dict.fromkeys((each.name, each.is_control) for panel in panels for each in panel.series))
    looks = {name: _look(number, is_control) for number, (name, is_control) in enumerate(names)}
    bold, line = Lettering.of_pixels(_EM, bold=True), Lettering.of_pixels(_EM)
    pitch = round(1.5 * _EM)
    column = _LEFT + _WIDE + _GAP
    across = max(1, (len(panels) * column) // _LEGEND)
    rows = -(-len(names) // across)
    top = _TOP if head else _BARE_TOP
    page = Page(len(panels) * column, top + pitch + _HIGH + _BELOW + rows * pitch + _GAP, dark=True)
    page.text(_GAP, _GAP // 2, head, bold, LIGHT_INK)
    values = np.concatenate([each.logits for panel in panels for each in panel.series])
    margin = 0.05 * float(np.ptp(values)) or 1.0
    reach = float(values.min()) - margin, float(values.max()) + margin
    for number, panel in enumerate(panels):
        _draw_panel(page, (number * column + _LEFT, top + pitch), panel, looks, reach)
    for number, (name, _) in enumerate(names):
        x, y = _GAP + number % across * _LEGEND, top + pitch + _HIGH + _BELOW + number // across * pitch
        mark, colour = looks[name]
        page.line(np.array([[x, y + 10.0], [x + 48, y + 10.0]]), colour)
        page.mark(x + 24, y + 10, mark, colour)
        page.text(x + 62, y, name, line, LIGHT_INK)
    return page


def _look(number: int, is_control: bool) -> tuple[Mark, str]:
    shape = SHAPES[(number // len(_COLOURS) + number) % len(SHAPES)]
    return Mark(shape, _MARK, hollow=is_control), _CONTROL if is_control else _COLOURS[number % len(_COLOURS)]


def _draw_panel(
    page: Page,
    corner: tuple[int, int],
    panel: Panel,
    looks: Mapping[str, tuple[Mark, str]],
    reach: tuple[float, float],
) -> None:
    """Draw a panel whose frame begins at a corner; all panels reach from one logit to another."""
    (x, y), (low, high) = corner, reach
    bold, small = Lettering.of_pixels(_EM, bold=True), Lettering.of_pixels(_EM - 4)
    page.text(x, y - round(1.9 * _EM), panel.title, bold, LIGHT_INK)
    for value in np.linspace(low, high, 5)[1:-1].tolist():
        at = round(y + _HIGH * (high - value) / (high - low))
        page.bar(x, at, _WIDE, 1, _HAIR)
        label = f"{value:.3g}"
        page.text(x - 14 - round(small.width(label)), at - 10, label, small, LIGHT_FAINT)
    page.bar(x, y, 2, _HIGH, LIGHT_FAINT)
    page.bar(x, y + _HIGH, _WIDE, 2, LIGHT_FAINT)
    for share in (0.0, 0.5, 1.0):
        label = f"{share:.0%}"
        page.text(x + round(share * _WIDE - small.width(label) / 2), y + _HIGH + 14, label, small, LIGHT_FAINT)
    page.text(x, y + _HIGH + 54, "of the film changed; up: the logit", small, LIGHT_FAINT)
    for each in panel.series:
        mark, colour = looks[each.name]
        points = np.stack(
            [
                x + _WIDE * np.asarray(each.shares, dtype=np.float64),
                y + _HIGH * (high - np.asarray(each.logits, dtype=np.float64)) / (high - low),
            ],
            axis=1,
        )
        page.line(points, colour, thickness=2 if each.is_control else 4)
        for across, down in points.round().astype(int).tolist():
            page.mark(across, down, mark, colour)


def _wordings(words: Words) -> Wordings:
    warnings = [[Run(each, LIGHT_WARN)] for each in words.warnings]
    lines = [[Run(each, LIGHT_INK)] for each in words.lines]
    purpose = [Run(PURPOSE, LIGHT_WARN)]
    return Wordings(
        whole=[*warnings, *lines, purpose],
        terse=[*warnings, purpose, *lines[:1]],
        abridged=[purpose],
    )
