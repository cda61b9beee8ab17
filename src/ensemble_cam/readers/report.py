"""A session's report: pages of A4 with every film, what was read, called and judged, and where readers disagree."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ensemble_cam.errors import SessionError
from ensemble_cam.export.blocks import HAIR, HEIGHT, MARGIN, ROOM, WIDTH, Block, Space, Text, lines, paged
from ensemble_cam.export.provenance import software
from ensemble_cam.film.radiograph import radiograph_of
from ensemble_cam.purpose import MEANINGLESS_LINE, PURPOSE
from ensemble_cam.readers.pixels import has_pixels, read_pixels
from ensemble_cam.readers.store import Store
from ensemble_cam.readers.table import Line
from ensemble_cam.readers.table import lines as lines_of
from ensemble_cam.readers.verdicts import Mark, Verdict
from ensemble_cam.rendering.page import BOLD, FAINT, INK, NORMAL, SMALL, WARN, Canvas, Lettering, Run
from ensemble_cam.reviewing.scores import Call
from ensemble_cam.settings.sets import SETS
from ensemble_cam.settings.settings import displayed

_HEAD = Lettering(13, bold=True)
_TOP, _BOTTOM, _SIDE, _GAP = 100, 200, 420, 40
_LEAST_OF_A_HASH = 8
_MARK = 9  # half the side of a reader's mark on a small film


@dataclass(frozen=True)
class Asked:
    """What a report says beside what every report does.

    Attributes:
        named: whether readers stand in it by their names; else they are numbered.
        dated: whether it says when films were read.
        film: the one film that it is of, by its SHA-256 or a beginning of that, or by its case number; None for all.
    """

    named: bool = False
    dated: bool = False
    film: str | None = None


def report_pdf(store: Store, asked: Asked) -> bytes:
    """Return a session's report as PDF; the same session gives the same bytes.

    Raises:
        SessionError: if nothing was read in it, no film or several go by the name that was asked for, or it cannot be
            read.
    """
    from ensemble_cam.rendering.pdf import Pdf

    blocks = _body(store, asked)
    pages = paged(blocks, first=HEIGHT - _TOP - _BOTTOM, later=HEIGHT - _TOP - _BOTTOM)
    pdf = Pdf(_title(asked), {"Disclaimer": PURPOSE, "Software": _software()})
    for number, each in enumerate(pages, start=1):
        page, top = pdf.page(), _TOP
        for block in each:
            block.draw(page, top)
            top += block.height
        _draw_foot(page, f"page {number} of {len(pages)}", _purpose(store))
        pdf.turn()
    return pdf.finished()


def _body(store: Store, asked: Asked) -> list[Block]:
    by_film: dict[str, list[Line]] = {}
    for line in lines_of(store):
        by_film.setdefault(line.film, []).append(line)
    if by_film and asked.film is not None:
        by_film = _only(by_film, asked.film)
    if not by_film:
        raise SessionError("Nothing was read in this session. Open films in `ensemble-cam app --session` first.")
    readers = list(dict.fromkeys(line.reader for each in by_film.values() for line in each))
    names = {name: name if asked.named else f"Reader {number}" for number, name in enumerate(readers, start=1)}
    apart = [(film, line) for film, each in by_film.items() for line in _once(each) if _disagrees(line)]
    order = {film: number for number, film in enumerate(by_film, start=1)}
    blocks: list[Block] = [
        *lines(_title(asked), _HEAD),
        Space(16),
        *lines(_purpose(store), NORMAL, WARN),
        *lines(_counts(by_film, names, len(apart)), NORMAL),
        Space(_GAP),
    ]
    for film, each in by_film.items():
        blocks += [_Film(store, film, order[film], each, names, asked), Space(_GAP)]
    blocks += lines("Where readers disagree with the networks", BOLD)
    for film, line in apart:
        call = "" if line.together is None else f": {line.together.value}"
        blocks += lines(f"Film {order[film]} · {displayed(line.finding)}{call} · {names[line.reader]}", NORMAL)
    if not apart:
        blocks += lines("Nowhere.", NORMAL)
    return [*blocks, Space(_GAP), *_provenance(store, by_film)]


def _title(asked: Asked) -> str:
    return "Reading session" if asked.film is None else "Reading of a film"


def _only(by_film: dict[str, list[Line]], name: str) -> dict[str, list[Line]]:
    """Return the one film that goes by a name."""
    found = {
        film: each
        for film, each in by_film.items()
        if each[0].case == name or (len(name) >= _LEAST_OF_A_HASH and film.startswith(name.lower()))
    }
    if len(found) != 1:
        how = "no film that was read goes" if not found else f"{len(found)} films go"
        raise SessionError(
            f"In this session {how} by that name. Give a case number, or {_LEAST_OF_A_HASH} or more of the first "
            "letters of a film's SHA-256, as `readers export` has them."
        )
    return found


def _counts(by_film: dict[str, list[Line]], names: dict[str, str], apart: int) -> str:
    done = sum(any(line.state.done for line in each) for each in by_film.values())
    first = sum(any(line.state.first_read for line in each) for each in by_film.values())
    count = f"{len(by_film)} {'film' if len(by_film) == 1 else 'films'}"
    told = f"{count}, {first} of them with a first read, {done} done; {', '.join(names.values())}"
    return f"{told}; {apart} {'disagreement' if apart == 1 else 'disagreements'} with the networks."


def _provenance(store: Store, films: Collection[str]) -> Iterator[Block]:
    yield from lines("Networks, maps and software", BOLD)
    said = dict.fromkeys(
        f"{row['classifier_set']} set · {row['method']}, threshold {row['threshold']:g} · {_weights(row['weights'])}"
        for row in store.rows("SELECT reviews.*, sha256 FROM reviews JOIN films ON films.id = film ORDER BY reviews.id")
        if row["sha256"] in films
    )
    for each in [*said, _software()]:
        yield from lines(each, SMALL, FAINT)


def _weights(told: str) -> str:
    return ", ".join(
        f"{id} {'untrained' if sha256 is None else sha256[:12]}" for id, sha256 in json.loads(told).items()
    )


def _software() -> str:
    return ", ".join(f"{name} {number}" for name, number in software().items())


def _purpose(store: Store) -> str:
    sets = [row["classifier_set"] for row in store.rows("SELECT DISTINCT classifier_set FROM reviews")]
    notices = [found.notice for name in sets if (found := SETS.get(name)) is not None and found.notice]
    return " ".join([PURPOSE, *(f"{notice}." for notice in notices)])


def _once(of: Sequence[Line]) -> list[Line]:
    """Return a line for each reader and finding."""
    return list({(line.reader, line.finding): line for line in of}.values())


def _disagrees(line: Line) -> bool:
    said = line.state.verdicts.get(line.finding)
    return said is not None and said.verdict is Verdict.DISAGREE


class _Film(Block):
    """A film, small, with the readers' marks, beside what readers and networks said of it."""

    def __init__(
        self, store: Store, film: str, number: int, of: Sequence[Line], names: dict[str, str], asked: Asked
    ) -> None:
        case = next((f" · case {line.case}" for line in of if line.case), "")
        room = ROOM - _SIDE - _GAP
        self._texts = [Text.of(f"Film {number}{case}", BOLD, room), Text.of(f"SHA-256 {film}", SMALL, room, FAINT)]
        meaningless = any(line.together is Call.MEANINGLESS for line in of)
        if meaningless:
            self._texts.append(Text.of(MEANINGLESS_LINE, NORMAL, room, WARN))
        called = dict.fromkeys(displayed(line.finding) for line in of if line.together is Call.CALLED)
        if any(line.together is not None for line in of) and not meaningless:
            self._texts.append(Text.of(f"Networks: {', '.join(called) or 'nothing called'}", NORMAL, room))
        for reader in dict.fromkeys(line.reader for line in of):
            own = [line for line in _once(of) if line.reader == reader]
            self._texts += [Text.of(runs, NORMAL, room) for runs in _said(own, names[reader], asked)]
        marks = {mark.id: mark for line in of for mark in (*line.state.first, *line.state.after)}
        self._picture = _small(store, film, list(marks.values()))
        self.height = max(0 if self._picture is None else len(self._picture), sum(text.height for text in self._texts))

    def draw(self, canvas: Canvas, top: int) -> None:
        """Draw it from row `top` of a page on."""
        if self._picture is not None:
            canvas.picture(MARGIN, top, self._picture)
        y = top
        for text in self._texts:
            text.draw(canvas, MARGIN + _SIDE + _GAP, y)
            y += text.height


def _said(own: Sequence[Line], name: str, asked: Asked) -> Iterator[list[Run]]:
    state = own[0].state
    marked = [f"{displayed(m.finding)}{f' ({m.confidence} of 5)' if m.confidence else ''}" for m in state.first]
    if state.first_read or state.first:
        when = f", {state.revealed[:16].replace('T', ' ')} UTC" if asked.dated and state.revealed else ""
        yield [Run(f"{name}, first read{when}: {', '.join(marked) or 'nothing'}")]
    for verdict in Verdict:
        found = [line for line in own if (v := line.state.verdicts.get(line.finding)) and v.verdict is verdict]
        if found:
            colour = WARN if verdict is Verdict.DISAGREE else INK
            yield [Run(f"{name}, {verdict.value}: {', '.join(displayed(line.finding) for line in found)}", colour)]
    if missed := [displayed(line.finding) for line in own if line.missed]:
        yield [Run(f"{name}, missed by the networks: {', '.join(missed)}", WARN)]
    for finding, note in state.notes.items():
        about = "" if finding is None else f" on {displayed(finding)}"
        yield [Run(f"{name}, note{about}: {' '.join(note.split())}", FAINT)]


def _small(store: Store, sha256: str, marks: Sequence[Mark]) -> np.ndarray | None:
    """Return a film with the readers' marks, (h, w, 3) uint8; None where its pixels are not kept."""
    row = store.rows("SELECT id FROM films WHERE sha256 = ?", (sha256,))[0]["id"]
    if not has_pixels(store, row):
        return None
    display = radiograph_of(read_pixels(store, row), sha256).display
    height, width = display.shape
    scale = _SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.cvtColor(cv2.resize(display, size, interpolation=cv2.INTER_AREA), cv2.COLOR_GRAY2RGB)
    for mark in marks:
        if mark.place is not None:
            x, y = (round(each * scale) for each in mark.place)
            cv2.circle(small, (x, y), _MARK, (0, 0, 0), 5, cv2.LINE_AA)
            cv2.circle(small, (x, y), _MARK, (255, 208, 0), 2, cv2.LINE_AA)
    return small


def _draw_foot(canvas: Canvas, page: str, purpose: str) -> None:
    top = HEIGHT - _BOTTOM + 40
    canvas.bar(MARGIN, top, ROOM, 2, HAIR)
    canvas.text(WIDTH - MARGIN - round(SMALL.width(page)), top + 16, page, SMALL, FAINT)
    Text.of(purpose, SMALL, ROOM - 300, WARN).draw(canvas, MARGIN, top + 16)
