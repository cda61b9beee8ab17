"""What the live viewer is sent, and what is taken from it: without a browser."""

import json
import zlib
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ensemble_cam.film.greyscale import Greys
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.reviewing.review import Review
from ensemble_cam.settings.display import Display
from ensemble_cam.ui.viewer.committed import Committed
from ensemble_cam.ui.viewer.payload import LEVEL, FilmPart, Words, ordered, packed
from ensemble_cam.ui.viewer.wanted import Wanted
from support import films
from support.networks import bright_classifier
from support.payloads import sent
from support.reviews import dotted, made_review, with_cell_changed

HEAD = 64 * 2**10  # bytes at the head, in the middle and at the end by which Streamlit tells large files apart

TOLD = {
    "film": "ab" * 32,
    "finding": "Mass",
    "threshold": 0.5,
    "opacity": 0.3,
    "colormap": "viridis",
    "style": "contour",
    "window": {"center": 100, "width": 50.5},
    "inverted": True,
    "weights": {"fine": 1, "coarse": 0.25},
    "hidden": False,
    "detail": None,
    "serial": 1,
}


@pytest.fixture(scope="module")
def review() -> Review:
    return made_review(dotted(200, 160, 90, 60))


# What is sent


@pytest.mark.parametrize(("width", "height"), [(1, 1), (7, 3), (64, 1), (1, 64), (123, 45)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_packed_pixels_are_differences_along_a_row_with_low_bytes_before_high_ones(width, height, dtype):
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (height, width), endpoint=True, dtype=dtype)
    planes = np.frombuffer(zlib.decompress(packed(pixels)), np.uint8).reshape(-1, height, width).astype(np.uint16)
    differences = sum(plane << (8 * place) for place, plane in enumerate(planes))
    assert_array_equal(np.cumsum(differences.astype(dtype), axis=1, dtype=dtype), pixels)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.uint8, np.uint16])
def test_indices_rise_with_the_stored_values_from_the_lowest_of_their_type(dtype):
    values = np.sort(np.random.default_rng(1).integers(np.iinfo(dtype).min, np.iinfo(dtype).max, (4, 500), dtype=dtype))
    values[0, :2] = np.iinfo(dtype).min, np.iinfo(dtype).max
    found = ordered(values)
    assert found.dtype.kind == "u"
    assert_array_equal(found.astype(int) + np.iinfo(dtype).min, values)


def test_a_large_film_is_sent_smaller_at_first_and_whole_when_asked_for():
    film = read_radiograph(films.png(films.film(2 * LEVEL, LEVEL)))
    first, whole = FilmPart.of(film), FilmPart.of(film, whole=True)
    assert first.facts["sent"] == [LEVEL, LEVEL // 2]
    assert not first.facts["detailed"]
    assert whole.facts["sent"] == [2 * LEVEL, LEVEL]
    assert whole.facts["detailed"]
    assert len(whole.blobs["film"]) > len(first.blobs["film"])
    small = read_radiograph(films.png(films.film(LEVEL, 300)))
    assert FilmPart.of(small).facts == FilmPart.of(small, whole=True).facts
    assert not FilmPart.of(small).facts["detailed"]


def test_the_header_is_json_and_names_nobody():
    film = films.dicom(films.film(200, 160, bits=12), PatientName=films.IDENTITY[0], PatientID=films.IDENTITY[1])
    made = sent(made_review(film))
    everything = json.dumps(dict(made.header), allow_nan=False).encode() + b"".join(made.blobs.values())
    assert not any(identity.encode() in everything for identity in films.IDENTITY)
    assert {row["name"] for row in made.table.to_pylist()} == {"film", "greys", "maps", "colours"}


def test_films_that_differ_only_where_streamlit_does_not_look_are_sent_as_two():
    pixels = films.film(1240, 1240)
    other = pixels.copy()
    other[300:380, 500:700] = 255 - other[300:380, 500:700]
    files = [films.tiff(each) for each in (pixels, other)]
    middle = len(files[0]) // 2
    looked_at = (slice(HEAD), slice(middle - HEAD // 2, middle + HEAD // 2), slice(-HEAD, None))
    assert len(files[0]) == len(files[1]) > 2**20
    assert all(files[0][part] == files[1][part] for part in looked_at)
    made = [sent(made_review(file)) for file in files]
    assert made[0].header["sha256"] != made[1].header["sha256"]
    hashes = [{row["name"]: row["sha256"] for row in each.table.to_pylist()} for each in made]
    assert hashes[0]["film"] != hashes[1]["film"]
    assert hashes[0]["colours"] == hashes[1]["colours"]


@pytest.mark.parametrize("classifiers", [None, [bright_classifier()]], ids=["two classifiers", "one"])
def test_reviews_that_differ_in_one_cell_of_one_map_are_sent_as_two(classifiers):
    review = made_review(dotted(200, 160, 90, 60), classifiers=classifiers)  # of one, no correlation tells them apart
    changed = replace(review, analysis=with_cell_changed(review.analysis))
    made = [sent(each) for each in (review, changed)]
    assert made[0].header["film"] == made[1].header["film"]
    assert made[0].header["sha256"] != made[1].header["sha256"]
    assert made[0].blobs["maps"] != made[1].blobs["maps"]
    assert sum(a != b for a, b in zip(*(np.frombuffer(each.blobs["maps"], "<f4") for each in made), strict=True)) == 1


def test_what_is_sent_is_the_same_whatever_the_reader_set(review):
    plain = sent(review)
    set_otherwise = sent(review, committed=Committed.of(TOLD))
    assert plain.header["sha256"] == set_otherwise.header["sha256"]
    assert plain.header["start"] != set_otherwise.header["start"]
    assert plain.header["sha256"] != sent(review, words=Words(set="Other set")).header["sha256"]


def test_maps_are_named_by_their_places_and_findings_without_any_come_last(review):
    header = sent(review).header
    maps = [finding["maps"] for finding in header["findings"]]
    assert sorted(place for each in maps for place in each.values()) == list(range(len(header["grids"])))
    assert [bool(each) for each in maps] == sorted((bool(each) for each in maps), reverse=True)
    top = sent(replace(review, analysis=review.analysis.first(1))).header["findings"]
    assert [bool(each["maps"]) for each in top] == [True] + [False] * (len(top) - 1)


# What comes back


def test_what_the_reader_set_comes_back_whole():
    committed = Committed.of(TOLD)
    assert committed == Committed(
        film="ab" * 32,
        finding="Mass",
        display=Display(0.5, 0.3, "viridis", style="contour"),
        greys=Greys(100, 50.5, inverted=True),
        weights={"fine": 1.0, "coarse": 0.25},
        serial=1,
    )
    assert Committed.of({**TOLD, "window": None}).greys == Greys(inverted=True)
    assert committed.start() == {name: value for name, value in TOLD.items() if name not in ("detail", "serial")}


@pytest.mark.parametrize("told", [None, [], "text", 3, {}, {"finding": "Mass"}, [TOLD], float("nan")], ids=repr)
def test_what_is_no_message_is_taken_as_none(told):
    assert Committed.of(told) is None


@pytest.mark.parametrize("missing", TOLD)
def test_a_message_with_a_part_missing_is_taken_as_none(missing):
    assert Committed.of({name: value for name, value in TOLD.items() if name != missing}) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("film", 3),
        ("film", ["ab"]),
        ("finding", {"label": "Mass"}),
        ("finding", True),
        ("threshold", None),
        ("threshold", "0.5"),
        ("threshold", True),
        ("threshold", float("nan")),
        ("threshold", 1.5),
        ("threshold", -0.1),
        ("threshold", [0.5]),
        ("opacity", float("inf")),
        ("opacity", 10**400),
        ("opacity", 7),
        ("colormap", "no such"),
        ("colormap", None),
        ("colormap", ["inferno"]),
        ("colormap", {}),
        ("style", "heat"),
        ("style", None),
        ("style", []),
        ("window", "wide"),
        ("window", 5),
        ("window", {}),
        ("window", {"center": 5}),
        ("window", {"center": None, "width": None}),
        ("window", {"center": 5, "width": 0}),
        ("window", {"center": 5, "width": -3}),
        ("window", {"center": float("nan"), "width": 3}),
        ("window", {"center": 5, "width": float("inf")}),
        ("inverted", "no"),
        ("inverted", None),
        ("weights", None),
        ("weights", [1, 2]),
        ("weights", {"fine": -0.5}),
        ("weights", {"fine": "1"}),
        ("weights", {"fine": float("nan")}),
        ("weights", {"fine": None}),
        ("hidden", 0.5),
        ("hidden", None),
        ("detail", 1),
        ("detail", {}),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_message_with_a_wrong_value_is_taken_as_none(name, value):
    assert Committed.of({**TOLD, name: value}) is None


WANTED = {**TOLD, "box": [-3.5, 0.0, 99.1, 100], "ids": ["fine", "ensemble"], "columns": 2, "thickness": 0.5}


def test_a_view_that_is_asked_for_is_read_whole_with_every_pixel_that_is_on_the_screen_in_part():
    wanted = Wanted.of(WANTED)
    assert wanted == Wanted(Committed.of(TOLD), (-4, 0, 100, 100), ("fine", "ensemble"), 2, 0.5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("film", 3),
        ("threshold", 2),
        ("box", None),
        ("box", [0, 0, 1]),
        ("box", [0, 0, 1, float("inf")]),
        ("box", [0, 0, 1, "9"]),
        ("ids", None),
        ("ids", []),
        ("ids", [3]),
        ("ids", ["fine"] * 65),
        ("columns", 0),
        ("columns", 3),
        ("columns", float("nan")),
        ("thickness", 0),
        ("thickness", None),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_view_that_is_asked_for_wrongly_is_taken_as_none(name, value):
    assert Wanted.of({**WANTED, name: value}) is None
    assert Wanted.of({key: held for key, held in WANTED.items() if key != name}) is None
