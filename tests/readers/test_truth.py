"""What readers draw around findings: its pixels, what is kept of it, its files, and how maps stand to it."""

import csv
import json

import numpy as np
import pytest
from skimage.draw import polygon2mask

from ensemble_cam import cli
from ensemble_cam.errors import SessionError
from ensemble_cam.film.decoding import decode_apart
from ensemble_cam.maps.heatmap import at_or_above
from ensemble_cam.readers.pixels import keep_pixels
from ensemble_cam.readers.reviews import keep_review
from ensemble_cam.readers.store import Store
from ensemble_cam.readers.table import COLUMNS, csv_of, lines, row_of
from ensemble_cam.readers.truth import (
    MOST_POINTS,
    Kind,
    Shape,
    against,
    keep_against,
    keep_shape,
    shapes_of,
    union,
    withdraw_last_shape,
)
from ensemble_cam.readers.verdicts import Reader, keep_film
from ensemble_cam.validation.localisation import points_at
from support import films
from support.reviews import made_review

WIDTH, HEIGHT = 60, 40


def drawn(kind: Kind, *points: tuple[float, float], finding: str = "Mass") -> Shape:
    return Shape.drawn(finding, kind, points, width=WIDTH, height=HEIGHT)


def test_an_outline_encloses_the_pixels_whose_centres_lie_within_it():
    random = np.random.default_rng(2)
    for corners in (3, 4, 9, 40):  # crossing themselves, too
        points = random.uniform(0, 1, (corners, 2)) * (WIDTH, HEIGHT)
        mask = drawn(Kind.OUTLINE, *map(tuple, points)).mask(WIDTH, HEIGHT)
        expected = polygon2mask((HEIGHT, WIDTH), points[:, ::-1] - 0.5)  # skimage counts from pixels' centres
        assert mask.any()
        assert (mask == expected).all()


def test_a_box_is_half_open_whichever_corners_it_is_drawn_by():
    one = drawn(Kind.BOX, (10, 30), (4, 20))
    assert one.box == (4, 20, 10, 30)
    mask = one.mask(WIDTH, HEIGHT)
    assert mask[20:30, 4:10].all()
    assert mask.sum() == 60
    same = drawn(Kind.OUTLINE, (4, 20), (10, 20), (10, 30), (4, 30))
    assert (same.mask(WIDTH, HEIGHT) == mask).all()
    assert drawn(Kind.BOX, (-5, -5), (3, 900)).box == (0, 0, 3, HEIGHT)


@pytest.mark.parametrize(
    ("kind", "points"),
    [
        (Kind.BOX, [(5, 5)]),
        (Kind.BOX, [(5, 5), (5, 9)]),
        (Kind.BOX, [(5.6, 5.6), (6.4, 6.4)]),
        (Kind.OUTLINE, [(5, 5), (9, 9)]),
        (Kind.OUTLINE, [(1, 1), (5, 5), (9, 9)]),
    ],
)
def test_what_encloses_no_pixel_is_refused(kind, points):
    with pytest.raises(SessionError, match="encloses no pixel"):
        drawn(kind, *points)


def test_an_outline_of_too_many_points_is_refused():
    with pytest.raises(SessionError, match=f"allowed are {MOST_POINTS}"):
        drawn(Kind.OUTLINE, *[(n % 50, n // 50) for n in range(MOST_POINTS + 1)])


@pytest.fixture
def store():
    with Store.in_memory() as opened:
        yield opened


def test_shapes_stand_until_they_are_taken_back_each_in_its_phase(store):
    reader, other = Reader.named(store, "A"), Reader.named(store, "B")
    film = keep_film(store, "ab" * 32)
    before = keep_shape(store, reader, film, drawn(Kind.BOX, (1, 2), (9, 9)))
    keep_shape(store, reader, film, drawn(Kind.BOX, (1, 2), (5, 5)))
    withdraw_last_shape(store, reader, film)
    keep_shape(store, other, film, drawn(Kind.OUTLINE, (1, 2), (9, 2), (9, 9.25)))
    reader.reveal(film, first_read=True)
    withdraw_last_shape(store, reader, film)  # nothing was drawn since: the first read stays
    assert shapes_of(store, film, reader) == [before]
    assert before.first
    keep_shape(store, reader, film, drawn(Kind.BOX, (3, 3), (6, 6), finding="Edema"))
    assert [(shape.finding, shape.first) for shape in shapes_of(store, film, reader)] == [
        ("Mass", True),
        ("Edema", False),
    ]
    assert [shape.kind for shape in shapes_of(store, film)] == ["box", "outline", "box"]
    with pytest.raises(SessionError, match="the first read is locked"), store.write() as file:
        file.execute(
            "INSERT INTO shapes (reader, film, phase, finding, kind, points, at)"
            " VALUES (1, 1, 'first', 'Mass', 'box', '[]', ?)",
            (store.now(),),
        )


def test_maps_stand_to_the_truth_by_hit_iou_and_dice():
    analysis = made_review(films.png(films.film(seed=3)), top_k=3).analysis
    width, height = analysis.radiograph.width, analysis.radiograph.height
    box = Shape.drawn("Mass", Kind.BOX, [(width / 4, height / 4), (width / 2, height / 2)], width=width, height=height)
    more = Shape.drawn("Mass", Kind.BOX, [(0, 0), (width / 3, height / 3)], width=width, height=height)
    mask = union([box, more], width, height)
    found = against(analysis, [box, more], threshold=0.4)
    (finding,) = [each for each in analysis.findings if each.label == "Mass"]
    assert {each.network for each in found} == {id for id, each in finding.heatmaps().items() if each is not None}
    assert found[0].network == "ensemble"
    for each in found:
        heatmap = finding.heatmaps()[each.network]
        region = at_or_above(np.nan_to_num(heatmap.in_source()), 0.4)
        seen = np.zeros_like(mask)
        x0, y0, x1, y1 = heatmap.geometry.crop
        seen[y0:y1, x0:x1] = mask[y0:y1, x0:x1]
        both = (region & seen).sum()
        assert each.iou == pytest.approx(both / (region | seen).sum())
        assert each.dice == pytest.approx(2 * both / (region.sum() + seen.sum()))
        assert each.hit == points_at(heatmap.hottest, seen)
    assert against(analysis, []) == []
    assert against(analysis, [Shape("Hernia", Kind.BOX, ((0, 0), (9, 9)))]) == []


def test_the_table_has_how_each_map_stands_to_what_stands_drawn_and_when_that_was_drawn(tmp_path):
    review = made_review(films.png(films.film(seed=3)), top_k=3)
    analysis = review.analysis
    width, height = analysis.radiograph.width, analysis.radiograph.height

    def rows() -> list[dict[str, str]]:
        found = csv.DictReader(csv_of(COLUMNS, map(row_of, lines(store))).decode().splitlines())
        return [row for row in found if row["finding"] == "Mass"]

    with Store.open(tmp_path) as store:
        reader, other = Reader.named(store, "A"), Reader.named(store, "B")
        film = keep_film(store, analysis.radiograph.sha256)
        kept = keep_review(store, film, review)
        for each in (reader, other):
            each.open(film)
        corners = [(width / 4, height / 4), (width / 2, height / 2)]
        box = Shape.drawn("Mass", Kind.BOX, corners, width=width, height=height)
        keep_shape(store, reader, film, box)
        for each in (reader, other):
            each.reveal(film, review=kept, first_read=True)
        assert {(row["drawn"], row["hit"]) for row in rows() if row["reader"] == "A"} == {("before maps", "")}
        found = against(analysis, shapes_of(store, film, reader), threshold=review.display.threshold)
        for _ in range(2):
            keep_against(store, reader, film, kept, found, shapes_of(store, film, reader))
        assert store.rows("SELECT count(*) FROM judgements")[0][0] == len(found) == 3
        own = {row["network"]: row for row in rows() if row["reader"] == "A"}
        for each in found:
            row = own[each.network]
            assert (row["drawn"], row["hit"]) == ("before maps", str(each.hit).lower())
            assert (float(row["iou"]), float(row["dice"])) == pytest.approx((each.iou, each.dice))
        assert {(row["drawn"], row["hit"], row["iou"]) for row in rows() if row["reader"] == "B"} == {("", "", "")}
        keep_shape(store, reader, film, box)  # of what is drawn now, no map was judged yet
        assert {(row["drawn"], row["hit"]) for row in rows() if row["reader"] == "A"} == {("after maps", "")}
        withdraw_last_shape(store, reader, film)
        assert {row["drawn"] for row in rows() if row["reader"] == "A"} == {"before maps"}
        assert rows()[0]["iou"] == own["ensemble"]["iou"]


def test_files_hold_what_was_drawn_and_coco_its_pixels(tmp_path):
    data = films.png(films.film(seed=1))
    stored = decode_apart(data)
    height, width = stored.pixels.shape[:2]
    with Store.open(tmp_path / "session") as store:
        reader = Reader.named(store, "=A")
        film = keep_film(store, "cd" * 32)
        keep_pixels(store, film, stored)
        shapes = [
            Shape.drawn("Mass", Kind.OUTLINE, [(10, 10), (50, 12), (40, 40), (9, 33.5)], width=width, height=height),
            Shape.drawn("Effusion", Kind.BOX, [(10, 60), (30, 90)], width=width, height=height),
        ]
        for shape in shapes:
            keep_shape(store, reader, film, shape)
        reader.reveal(film, first_read=True)
        bare = keep_film(store, "ef" * 32)
        keep_shape(store, reader, bare, shapes[1])
    export = ["readers", "truth", "--session", str(tmp_path / "session"), "--out"]
    assert cli.main([*export, str(tmp_path / "truth.csv")]) == 0
    assert cli.main([*export, str(tmp_path / "truth.json")]) == 0
    assert cli.main([*export, str(tmp_path / "coco.json"), "--coco"]) == 0

    rows = list(csv.DictReader((tmp_path / "truth.csv").read_text().splitlines()))
    assert [(row["film"][:2], row["finding"], row["before_reveal"]) for row in rows] == [
        ("cd", "Mass", "true"),
        ("cd", "Effusion", "true"),
        ("ef", "Effusion", "true"),
    ]
    assert {row["reader"] for row in rows} == {"\\=A"}
    told = json.loads((tmp_path / "truth.json").read_text())
    assert [[tuple(point) for point in each["points"]] for each in told["shapes"][:2]] == [[*s.points] for s in shapes]

    coco = json.loads((tmp_path / "coco.json").read_text())
    assert [(each["file_name"], each["width"], each["height"]) for each in coco["images"]] == [
        ("cd" * 32, width, height),
        ("ef" * 32, 0, 0),
    ]
    names = {each["id"]: each["name"] for each in coco["categories"]}
    for each, shape in zip(coco["annotations"], shapes, strict=False):
        assert names[each["category_id"]] == shape.finding
        (polygon,) = each["segmentation"]
        corners = np.reshape(polygon, (-1, 2))
        mask = polygon2mask((height, width), corners[:, ::-1] - 0.5)
        assert (mask == shape.mask(width, height)).mean() > 0.999  # a centre may lie on an edge
        x, y, wide, high = each["bbox"]
        assert (x, y) == tuple(corners.min(axis=0))
        assert (x + wide, y + high) == pytest.approx(tuple(corners.max(axis=0)))
        assert each["area"] == pytest.approx(mask.sum(), rel=0.05)
    assert len({each["id"] for each in coco["annotations"]}) == 3
