"""What a reader set on the screen is in every export: drawn, and said in the record, the pictures and the figure."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from ensemble_cam.export.figure import figure_png
from ensemble_cam.export.overlays import overlays
from ensemble_cam.export.record import review_json, review_record
from ensemble_cam.film.greyscale import Greys
from ensemble_cam.rendering.overlay import source_overlay
from ensemble_cam.rendering.page import Page
from ensemble_cam.reviewing.review import Review
from ensemble_cam.settings.display import Display
from support.reviews import dotted, made_review


@pytest.fixture(scope="module")
def review() -> Review:
    """Four maps and three ensembles on a film that is wider than high."""
    return made_review(dotted(301, 240, 190, 80), labels=("Mass", "Lung Lesion", "Pleural_Thickening"))


def with_greys(review: Review, greys: Greys) -> Review:
    radiograph = review.analysis.radiograph.with_greys(greys)
    return replace(review, analysis=replace(review.analysis, radiograph=radiograph))


@pytest.mark.parametrize(
    ("greys", "window", "line"),
    [
        (Greys(), None, "as the file declares"),
        (Greys(inverted=True), None, "as the file declares, inverted for the reader alone"),
        (Greys(1200, 800), {"center": 1200.0, "width": 800.0}, "center 1200, width 800"),
        (
            Greys(-3.25, 0.1, True),
            {"center": -3.25, "width": 0.1},
            "center -3.25, width 0.1, inverted for the reader alone",
        ),
    ],
)
def test_greys_that_the_reader_set_are_drawn_and_said_in_record_and_pictures(review, greys, window, line):
    changed = with_greys(review, greys)

    record = json.loads(review_json(changed))
    drawn = {name: Image.open(io.BytesIO(data)) for name, data in overlays(changed)}

    assert (record["input"]["window"], record["input"]["inverted"]) == (window, greys.inverted)
    assert {type(value) for value in (record["input"]["window"] or {}).values()} <= {float}
    assert {picture.text["Window"] for picture in drawn.values()} == {line}
    # Left of the crop there is the film alone.
    shown = review.analysis.radiograph.with_greys(greys).display[:, :25]
    for picture in drawn.values():
        assert_array_equal(np.asarray(picture)[:240, :25], np.repeat(shown[..., None], 3, axis=2))


@pytest.mark.parametrize(
    ("style", "line"),
    [
        ("both", "inferno, opacity 0.45"),
        ("heatmap", "inferno, opacity 0.45, without contour"),
        ("contour", "contour alone"),
    ],
)
def test_style_is_drawn_and_said_in_record_and_pictures(review, style, line):
    changed = replace(review, display=Display(style=style))

    assert review_record(changed)["settings"]["style"] == style
    film, finding = review.analysis.radiograph.display, review.analysis.findings[0]
    _, data = next(overlays(changed))
    picture = Image.open(io.BytesIO(data))
    assert picture.text["Drawing"] == line
    assert_array_equal(np.asarray(picture)[:240], source_overlay(film, finding.maps["fine"], Display(style=style)))


# A server may name a picture by its length and parts of its bytes: what is different is different from its head on.

HEAD = 2**16
CHANGES = {
    "window": lambda review: with_greys(review, Greys(120, 60)),
    "nearly the same window": lambda review: with_greys(review, Greys(120.0000001, 60)),
    "window as wide elsewhere": lambda review: with_greys(review, Greys(121, 60)),
    "inverted": lambda review: with_greys(review, Greys(inverted=True)),
    "window and inverted": lambda review: with_greys(review, Greys(120, 60, inverted=True)),
    "weight": lambda review: replace(review, analysis=review.analysis.reweighted({"fine": 0.5})),
    "nearly the same weight": lambda review: replace(review, analysis=review.analysis.reweighted({"fine": 0.50000001})),
    "heatmap": lambda review: replace(review, display=Display(style="heatmap")),
    "contour": lambda review: replace(review, display=Display(style="contour")),
    "hidden": lambda review: replace(review, display=Display(overlays=False)),
    "threshold": lambda review: replace(review, display=Display(threshold=0.5)),
    "nearly the same threshold": lambda review: replace(review, display=Display(threshold=0.50000001)),
    "one finding": lambda review: replace(review, analysis=review.analysis.only(["Mass"])),
    "another finding": lambda review: replace(review, analysis=review.analysis.only(["Lung Lesion"])),
    "two findings": lambda review: replace(review, analysis=review.analysis.first(2)),
}


def head(picture: bytes) -> bytes:
    """Return what stands before a PNG's pixels, well within the part of the file that a server looks at."""
    before = picture[: picture.index(b"IDAT")]
    assert len(before) < HEAD / 8
    return before


def test_pictures_of_different_reviews_differ_in_their_heads_before_a_pixel(review):
    reviews = {"as it is": review} | {what: change(review) for what, change in CHANGES.items()}

    figures = {what: head(figure_png(changed)) for what, changed in reviews.items()}
    drawn = {(what, name): head(data) for what, changed in reviews.items() for name, data in overlays(changed)}

    assert len(set(figures.values())) == len(CHANGES) + 1
    assert len(drawn) > 6 * len(CHANGES)
    assert len(set(drawn.values())) == len(drawn)


def test_figure_says_beside_the_film_what_greys_the_reader_set_and_nothing_of_the_films_own(review, monkeypatch):
    written, real = [], Page.text
    monkeypatch.setattr(
        Page, "text", lambda page, x, y, text, *style: written.append(text) or real(page, x, y, text, *style)
    )

    figure_png(review)
    assert not any("Greys" in text for text in written)
    figure_png(with_greys(review, Greys(120, 60, inverted=True)))
    assert "Greys set by the reader: center 120, width 60, inverted for the reader alone" in " ".join(written)
