"""A training in pictures: eight of each class, the learning curves, the confusion matrix, the wrong ones."""

from collections.abc import Sequence

import cv2
import numpy as np

from ensemble_cam.purpose import PURPOSE
from ensemble_cam.rendering.page import FAINT, INK, WARN, Lettering, Page, Run, shortened
from ensemble_cam.rendering.png import png

SAMPLES = 8
"""Pictures of each class on the sheet."""

_EM, _PITCH, _GAP, _MARGIN = 18, 28, 8, 24
_TILE, _CELL, _PLOT = 144, 96, (560, 300)
_DEEPEST = 0.55  # of a colour, for dark ink to be read on it
_BLUE, _ORANGE = (0, 114, 178), (213, 94, 0)  # Okabe and Ito, 2008
_LINE = Lettering.of_pixels(_EM)
_BOLD = Lettering.of_pixels(_EM, bold=True)


def class_sheet(rows: Sequence[tuple[str, Sequence[np.ndarray]]]) -> bytes:
    """Return a PNG with a row of pictures for each class.

    Args:
        rows: (class, (channels, size, size) uint8 pictures), at most `SAMPLES` of each.
    """
    page = _page(
        2 * _MARGIN + SAMPLES * (_TILE + _GAP), _MARGIN + len(rows) * (_PITCH + _TILE + _GAP), "What was learned from"
    )
    for number, (name, pictures) in enumerate(rows):
        top = _MARGIN + _PITCH + number * (_PITCH + _TILE + _GAP)
        page.text(_MARGIN, top, shortened(name, _BOLD, page.pixels.shape[1] - 2 * _MARGIN), _BOLD, INK)
        for place, picture in enumerate(pictures):
            page.picture(_MARGIN + place * (_TILE + _GAP), top + _PITCH, _tile(picture))
    return _encoded(page)


def wrong_sheet(wrong: Sequence[tuple[np.ndarray, str, str, float]]) -> bytes:
    """Return a PNG with pictures that were called wrong, their class, what they were called, and how surely.

    Args:
        wrong: ((channels, size, size) uint8, true class, predicted class, its softmax).
    """
    rows = -(-len(wrong) // SAMPLES)
    height = rows * (_TILE + 3 * _PITCH + _GAP) + _PITCH
    page = _page(2 * _MARGIN + SAMPLES * (_TILE + _GAP), _MARGIN + height, "Called wrong: true → called, its softmax")
    for number, (picture, true, called, share) in enumerate(wrong):
        x = _MARGIN + number % SAMPLES * (_TILE + _GAP)
        y = _MARGIN + _PITCH + number // SAMPLES * (_TILE + 3 * _PITCH + _GAP)
        page.picture(x, y, _tile(picture))
        page.text(x, y + _TILE + 6, shortened(true, _LINE, _TILE), _LINE, INK)
        page.text(x, y + _TILE + _PITCH, shortened(f"→ {called}", _LINE, _TILE), _LINE, WARN)
        page.text(x, y + _TILE + 2 * _PITCH - 6, f"{share:.2f}", _LINE, FAINT)
    if not wrong:
        page.text(_MARGIN, _MARGIN + _PITCH, "None.", _LINE, INK)
    return _encoded(page)


def curves(losses: Sequence[tuple[float, float]], accuracies: Sequence[float], *, best: int) -> bytes:
    """Return a PNG with the learning curves.

    Args:
        losses: of each epoch (of what was learned from, of what it was stopped by).
        accuracies: of each epoch, of what it was stopped by.
        best: the number of the epoch whose weights were kept, from 1.
    """
    width, height = _PLOT
    page = _page(2 * (width + 3 * _MARGIN) + _MARGIN, height + 6 * _PITCH, "Learning curves")
    highest = max(max(pair) for pair in losses)
    left = _plot(page, 3 * _MARGIN, "loss", highest, best, len(losses))
    _curve(page, left, [pair[0] / highest for pair in losses], _BLUE)
    _curve(page, left, [pair[1] / highest for pair in losses], _ORANGE)
    right = _plot(page, width + 6 * _MARGIN, "accuracy of what it was stopped by", 1.0, best, len(losses))
    _curve(page, right, list(accuracies), _ORANGE)
    key = [Run("learned from", "#0072b2"), Run("   stopped by", "#d55e00"), Run("   | kept", FAINT)]
    page.runs(3 * _MARGIN, _MARGIN + height + 3 * _PITCH, key, _LINE)
    return _encoded(page)


def confusion_picture(classes: Sequence[str], counts: np.ndarray) -> bytes:
    """Return a PNG of the confusion matrix.

    Args:
        classes: in their order.
        counts: (true, called).
    """
    names = [shortened(name, _LINE, 220) for name in classes]
    room = round(max(_LINE.width(name) for name in names)) + 2 * _GAP
    side = max(_CELL, room)
    page = _page(_MARGIN * 2 + room + len(classes) * side, 4 * _PITCH + len(classes) * _CELL, "True ↓   called →")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    for column, name in enumerate(names):
        _centred(page, _MARGIN + room + column * side, _MARGIN + _PITCH, side, name, INK)
    for row, name in enumerate(names):
        top = _MARGIN + 2 * _PITCH + row * _CELL
        page.text(_MARGIN, top + _CELL // 2 - _EM // 2, name, _LINE, INK)
        for column in range(len(classes)):
            share = shares[row, column]
            deep = _DEEPEST * share
            shade = np.array(_BLUE if row == column else _ORANGE) * deep + 255 * (1 - deep)
            x = _MARGIN + room + column * side
            page.picture(x, top, np.full((_CELL - 2, side - 2, 3), np.rint(shade), dtype=np.uint8))
            _centred(page, x, top + _CELL // 2 - _EM // 2, side, str(counts[row, column]), INK)
    return _encoded(page)


def _page(width: int, height: int, title: str) -> Page:
    page = Page(max(width, 420), height + 3 * _PITCH)
    page.text(_MARGIN, _MARGIN - 8, title, _BOLD, INK)
    return page


def _encoded(page: Page) -> bytes:
    page.text(_MARGIN, page.pixels.shape[0] - _PITCH, PURPOSE, _LINE, WARN)
    return png([page.strip()], {"Disclaimer": PURPOSE})


def _tile(picture: np.ndarray) -> np.ndarray:
    colours = np.repeat(picture, 3, axis=0) if len(picture) == 1 else picture
    how = cv2.INTER_AREA if picture.shape[-1] > _TILE else cv2.INTER_LINEAR
    return cv2.resize(np.ascontiguousarray(colours.transpose(1, 2, 0)), (_TILE, _TILE), interpolation=how)


def _centred(page: Page, x: int, y: int, room: int, text: str, colour: str) -> None:
    page.text(round(x + (room - _LINE.width(text)) / 2), y, text, _LINE, colour)


def _plot(page: Page, x: int, title: str, highest: float, best: int, epochs: int) -> tuple[int, int, int]:
    """Draw a plot's frame, and return (x, y, epochs) of its corner."""
    width, height = _PLOT
    y = _MARGIN + 2 * _PITCH
    page.text(x, y - _PITCH, title, _LINE, INK)
    page.bar(x, y + height, width, 2, INK)
    page.bar(x, y, 2, height, INK)
    for share in (0.0, 0.5, 1.0):
        page.text(x - 2 * _MARGIN, round(y + height * (1 - share)) - _EM // 2, f"{share * highest:.2g}", _LINE, FAINT)
    page.text(x, y + height + 10, "epoch 1", _LINE, FAINT)
    last = str(epochs)
    page.text(round(x + width - _LINE.width(last)), y + height + 10, last, _LINE, FAINT)
    page.bar(_at(x, best - 1, epochs), y, 1, height, FAINT)
    return x, y, epochs


def _at(x: int, index: int, epochs: int) -> int:
    return x + round(index / max(1, epochs - 1) * _PLOT[0])


def _curve(page: Page, corner: tuple[int, int, int], shares: Sequence[float], colour: tuple[int, int, int]) -> None:
    x, y, epochs = corner
    points = [(_at(x, index, epochs), round(y + _PLOT[1] * (1 - share))) for index, share in enumerate(shares)]
    for one, other in zip(points, points[1:] or points, strict=False):
        left, top = min(one[0], other[0]) - 4, min(one[1], other[1]) - 4
        part = page.pixels[top : max(one[1], other[1]) + 5, left : max(one[0], other[0]) + 5].copy()
        ends = [(each[0] - left, each[1] - top) for each in (one, other)]
        cv2.line(part, ends[0], ends[1], colour, 2, cv2.LINE_AA)
        page.picture(left, top, part)
