"""What readers drew, as files: `readers truth`, in JSON, CSV or COCO's form."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from ensemble_cam.export.provenance import software
from ensemble_cam.machine.names import cell, one_line
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.readers.pixels import has_pixels, read_pixels
from ensemble_cam.readers.store import Store
from ensemble_cam.readers.table import csv_of
from ensemble_cam.readers.truth import Kind, Shape, shapes_of
from ensemble_cam.readers.verdicts import Reader

COLUMNS = ("film", "case", "reader", "finding", "kind", "x0", "y0", "x1", "y1", "points", "before_reveal", "drawn_at")
"""Of the table. See the manual for what each holds."""


@dataclass(frozen=True)
class Drawn:
    """A shape with its film and its reader.

    Attributes:
        film: the film's SHA-256.
        case: the reader's own name for it; empty without.
        reader: the reader's name.
        size: (width, height) of the film in source pixels; None where its pixels are not kept.
        shape: what was drawn.
    """

    film: str
    case: str
    reader: str
    size: tuple[int, int] | None
    shape: Shape


def drawn(store: Store) -> Iterator[Drawn]:
    """Yield all shapes that stand in a session, by film and reader."""
    readers = [Reader(store, row["id"], row["name"]) for row in store.rows("SELECT id, name FROM readers ORDER BY id")]
    for film in store.rows("SELECT * FROM films WHERE id IN (SELECT film FROM shapes) ORDER BY id"):
        size = _size(store, film["id"])
        for reader in readers:
            for shape in shapes_of(store, film["id"], reader):
                yield Drawn(film["sha256"], film["case_number"] or "", reader.name, size, shape)


def truth_csv(store: Store) -> bytes:
    """Return the shapes as CSV."""
    return csv_of(COLUMNS, map(_row, drawn(store)))


def truth_json(store: Store) -> bytes:
    """Return the shapes as JSON, `schema` 1."""
    record = {
        "schema": 1,
        "purpose": PURPOSE,
        "software": software(),
        "coordinates": "edges of source pixels, x to the right, y down; pixel i covers [i, i + 1)",
        "shapes": [
            {
                "film": each.film,
                "case": one_line(each.case) or None,
                "reader": one_line(each.reader),
                "finding": each.shape.finding,
                "kind": each.shape.kind.value,
                "points": [list(point) for point in each.shape.points],
                "box": list(each.shape.box),
                "before_reveal": each.shape.first,
                "drawn_at": each.shape.at,
            }
            for each in drawn(store)
        ],
    }
    return _json(record)


def truth_coco(store: Store) -> bytes:
    """Return the shapes in the form of COCO's object detection; a film's `file_name` is its SHA-256.

    Films whose pixels are not kept have a width and height of 0. The reader is an attribute of each annotation.
    """
    of = list(drawn(store))
    films = list(dict.fromkeys(each.film for each in of))
    findings = list(dict.fromkeys(each.shape.finding for each in of))
    sizes = {each.film: each.size or (0, 0) for each in of}
    record = {
        "info": {"description": PURPOSE},
        "images": [
            {"id": number, "file_name": film, "width": sizes[film][0], "height": sizes[film][1]}
            for number, film in enumerate(films, start=1)
        ],
        "categories": [{"id": number, "name": label} for number, label in enumerate(findings, start=1)],
        "annotations": [
            {
                "id": number,
                "image_id": films.index(each.film) + 1,
                "category_id": findings.index(each.shape.finding) + 1,
                "bbox": _bbox(each.shape),
                "segmentation": [_polygon(each.shape)],
                "area": _area(each.shape),
                "iscrowd": 0,
                "attributes": {"reader": one_line(each.reader), "before_reveal": each.shape.first},
            }
            for number, each in enumerate(of, start=1)
        ],
    }
    return _json(record)


FORMS = {"csv": truth_csv, "json": truth_json, "coco": truth_coco}
"""Name → what writes it."""


def _row(each: Drawn) -> list[object]:
    shape = each.shape
    points = " ".join(f"{x:g},{y:g}" for x, y in shape.points)
    who = [each.film, cell(each.case) if each.case else "", cell(each.reader), shape.finding, shape.kind.value]
    return [*who, *shape.box, points, str(shape.first).lower(), shape.at]


def _bbox(shape: Shape) -> list[float]:
    x0, y0, x1, y1 = shape.box
    return [x0, y0, round(x1 - x0, 2), round(y1 - y0, 2)]


def _polygon(shape: Shape) -> list[float]:
    x0, y0, x1, y1 = shape.box
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)] if shape.kind is Kind.BOX else shape.points
    return [number for point in corners for number in point]


def _area(shape: Shape) -> float:
    """Return the area that a polygon encloses, by the shoelace formula."""
    numbers = _polygon(shape)
    xs, ys = numbers[::2], numbers[1::2]
    turns = zip(xs, ys, [*xs[1:], xs[0]], [*ys[1:], ys[0]], strict=True)
    return round(abs(sum(x0 * y1 - x1 * y0 for x0, y0, x1, y1 in turns)) / 2, 2)


def _size(store: Store, film: int) -> tuple[int, int] | None:
    if not has_pixels(store, film):
        return None
    from ensemble_cam.film.radiograph import radiograph_of

    radiograph = radiograph_of(read_pixels(store, film), "")
    return radiograph.width, radiograph.height


def _json(record: object) -> bytes:
    return (json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
