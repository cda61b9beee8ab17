"""A validation's report as pages of A4, to be printed and filed: who, when, what films, versions, figures, limits."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ensemble_cam.export.blocks import HAIR, HEIGHT, MARGIN, ROOM, WIDTH, Block, Space, Text, lines, paged
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.rendering.page import BOLD, FAINT, INK, NORMAL, SMALL, WARN, Canvas, Lettering
from ensemble_cam.settings.settings import displayed
from ensemble_cam.validation.report_words import located_words, marked_alone, names_of, untold
from ensemble_cam.validation.site import decimal

TITLE = "Validation on the site's own films"

_HEAD = Lettering(13, bold=True)
_TOP, _BOTTOM, _GAP, _CELL = 100, 200, 40, 8
_HASHES = 2  # in a line


class Row(Block):
    """A row of a table, its cells as wide as they are told."""

    def __init__(self, cells: Sequence[str], widths: Sequence[float], *, head: bool = False):
        lettering = Lettering(SMALL.points, bold=head)
        rooms = [share * ROOM - 2 * _CELL for share in widths]
        self._texts = [Text.of(cell, lettering, room) for cell, room in zip(cells, rooms, strict=True)]
        self._lefts = [MARGIN + round(sum(widths[:number]) * ROOM) + _CELL for number in range(len(widths))]
        self.height = max(text.height for text in self._texts) + 2 * _CELL

    def draw(self, canvas: Canvas, top: int) -> None:
        """Draw it with a hair line below."""
        for text, left in zip(self._texts, self._lefts, strict=True):
            text.draw(canvas, left, top + _CELL)
        canvas.bar(MARGIN, top + self.height - 2, ROOM, 1, HAIR)


def report_pdf(record: Mapping[str, Any]) -> bytes:
    """Return a validation's report as PDF; the same record gives the same bytes."""
    from ensemble_cam.rendering.pdf import Pdf

    room = HEIGHT - _TOP - _BOTTOM
    pages = paged(list(_blocks(record)), first=room, later=room)
    about = {"Disclaimer": PURPOSE, "Software": ", ".join(f"{n} {v}" for n, v in record["software"].items())}
    pdf = Pdf(TITLE, about)
    purpose = " ".join([PURPOSE, *([f"{record['notice']}."] if record["notice"] else [])])
    for number, each in enumerate(pages, start=1):
        page, top = pdf.page(), _TOP
        for block in each:
            block.draw(page, top)
            top += block.height
        _draw_foot(page, f"page {number} of {len(pages)}", purpose)
        pdf.turn()
    return pdf.finished()


def _blocks(record: Mapping[str, Any]) -> Iterator[Block]:
    yield from lines(TITLE, _HEAD)
    yield Space(16)
    for text in (PURPOSE, *([f"{record['notice']}."] if record["notice"] else []), *record["cautions"]):
        yield from lines(text, NORMAL, WARN)
    yield Space(_GAP)
    yield from _about(record)
    for label in record["findings"]:
        yield from _finding(label, record)
    for label in marked_alone(record):
        yield Space(_GAP)
        yield from lines(displayed(label), BOLD)
        yield from _located(label, record)
    yield from _end(record)


def _about(record: Mapping[str, Any]) -> Iterator[Block]:
    films, choice = record["films"], record["choice"]
    pairs = [
        ("Who", record["by"] or "not said"),
        ("When", record["date"]),
        ("Films", f"{films['n']} of {films['patients']} patients; {films['failed']} could not be used"),
        ("Which films", f"SHA-256 of their sorted SHA-256: {films['digest']}; each one's at the end"),
        ("Operating points", f"{choice['rule']}, on {choice['chosen_on']['n']} films; reported on "
                             f"{choice['reported_on']['n']} of other patients"),
        ("Versions", ", ".join(f"{name} {number}" for name, number in record["software"].items())),
        ("Packages", ", ".join(f"{name} {number}" for name, number in record["packages"].items())),
    ]  # fmt: skip
    yield from lines("What it is of", BOLD)
    for pair in pairs:
        yield Row(pair, (0.18, 0.82))
    for each in record["classifiers"]:
        weights = f"{each['weights']}, SHA-256 {each['weights_sha256']}"
        yield Row(
            (each["name"], f"{weights}; operating points: {each['operating_points_source'] or 'none'}"), (0.18, 0.82)
        )
    for text in record["remarks"]:
        yield from lines(text, NORMAL, FAINT)


def _finding(label: str, record: Mapping[str, Any]) -> Iterator[Block]:
    names = names_of(record)
    widths = (0.2, 0.08, 0.08, 0.16, 0.24, 0.24)
    yield Space(_GAP)
    yield from lines(displayed(label), BOLD)
    yield Row(("classifier", "n", "positives", "AUC", "sensitivity, today", "specificity, today"), widths, head=True)
    for id, each in record["findings"][label].items():
        auc = f"{decimal(each['auc'])} {_span(each['auc_interval'])}"
        today = (_share(each, "sensitivity"), _share(each, "specificity"))
        yield Row((names[id], str(each["n"]), str(each["positives"]), auc, *today), widths)
    chosen = [(id, each["site"]) for id, each in record["findings"][label].items() if "reported_on" in each["site"]]
    if chosen:
        yield Row(("at chosen points", "n", "positives", "point", "sensitivity", "specificity"), widths, head=True)
    for id, site in chosen:
        on = site["reported_on"]
        figures = (_share(on, "sensitivity"), _share(on, "specificity"))
        point = "–" if site["operating_point"] is None else f"{site['operating_point']:.3g}"
        yield Row((names[id], str(on["n"]), str(on["positives"]), point, *figures), widths)
    for id, each in record["findings"][label].items():
        yield from lines(f"{names[id]}: {each['sentence']}", SMALL, FAINT)
    yield from _located(label, record)


def _located(label: str, record: Mapping[str, Any]) -> Iterator[Block]:
    names = names_of(record)
    places = {} if record["places"] is None else record["places"]["findings"].get(label, {})
    for id, each in places.items():
        hit = f"hottest point inside on {decimal(each['hit'])} of {each['n']} films"
        yield from lines(f"{names[id]}, map: {hit}, IoU {decimal(each['iou'])} from {each['threshold']:.2f} on.", SMALL)
    if places:
        for who, each in (record["places"]["published"]["findings"][label] or {}).items():
            hit = "" if each["hit"] is None else f"point inside on {decimal(each['hit'])} of the films, "
            yield from lines(f"{who}: {hit}IoU {decimal(each['iou'])}.", SMALL, FAINT)
        for text in located_words(label, record["places"])[1:]:
            yield from lines(text, SMALL, FAINT)


def _end(record: Mapping[str, Any]) -> Iterator[Block]:
    yield Space(_GAP)
    yield from lines("What this does not tell", BOLD)
    for text in untold(record):
        yield from lines(text, NORMAL, INK)
    yield Space(_GAP)
    yield from lines("Which films: SHA-256 of each file", BOLD)
    hashes = record["films"]["sha256"]
    for first in range(0, len(hashes), _HASHES):
        cells = list(hashes[first : first + _HASHES])
        yield Row(cells + [""] * (_HASHES - len(cells)), (1 / _HASHES,) * _HASHES)


def _share(each: Mapping[str, Any], name: str) -> str:
    return "–" if each[name] is None else f"{decimal(each[name])} {_span(each[f'{name}_wilson'])}"


def _span(interval: Sequence[float] | None) -> str:
    return "" if interval is None else f"({'–'.join(map(decimal, interval))})"


def _draw_foot(canvas: Canvas, page: str, purpose: str) -> None:
    top = HEIGHT - _BOTTOM + 40
    canvas.bar(MARGIN, top, ROOM, 2, HAIR)
    canvas.text(WIDTH - MARGIN - round(SMALL.width(page)), top + 16, page, SMALL, FAINT)
    Text.of(purpose, SMALL, ROOM - 300, WARN).draw(canvas, MARGIN, top + 16)
