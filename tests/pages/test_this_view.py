"""*This view* is the canvas, drawn anew by the program: at the canvas's scale they are the same picture."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from ensemble_cam.export.view import LONGEST
from ensemble_cam.ui.review.views import drawn_view
from ensemble_cam.ui.viewer.wanted import Wanted
from support.browsing import expect, needs_chromium
from support.networks import bright_classifier
from support.payloads import sent
from support.reducing import part_of, reduced
from support.reviews import dotted, made_review
from support.viewing import Live, blank_page, decoded, place, show, told

pytestmark = needs_chromium

LEVELS, SHARE = 3, 0.985  # so many grey levels at most on so many pixels: all but the lines, which are white on grey
MEAN = 1.0  # levels


@pytest.fixture
def page(browser):
    with blank_page(browser, width=1366, height=768) as opened:
        yield opened


@pytest.fixture(scope="module")
def review():
    """A review by two networks of a film that is no square, and of which they do not see all."""
    networks = [
        bright_classifier("fine", logits={"Mass": 1.0, "Effusion": 0.4}, cells=16),
        bright_classifier("coarse", logits={"Mass": -0.5}, cells=7),
    ]
    return made_review(dotted(420, 400, 120, 150), classifiers=networks)


def asked_for(viewer: Live) -> Wanted:
    """Ask for the view, and return what Python is told."""
    viewer.one("#save").click()
    expect(viewer.one("#save")).to_have_attribute("aria-busy", "true")
    return Wanted.of([value for name, value in told(viewer.page) if name == "wanted"][-1])


def drawn(review, wanted: Wanted) -> tuple[np.ndarray, dict[str, str]]:
    data = drawn_view(review.analysis, wanted, None).png["bytes"][0].as_py()
    return decoded(data), dict(Image.open(io.BytesIO(data)).text)


def assert_same(viewer: Live, review, *, mapped: bool = True) -> None:
    """Hold each panel to its part of the picture that the program draws."""
    wanted = asked_for(viewer)
    picture, text = drawn(review, wanted)
    box, times = part_of(text["View"])
    width, height = (box[2] - box[0]) * times, (box[3] - box[1]) * times
    rows = -(-len(wanted.ids) // wanted.columns)
    assert max(width * wanted.columns, height * rows) >= LONGEST
    gap = (picture.shape[1] - wanted.columns * width) // max(wanted.columns - 1, 1)
    panels = viewer.pictures()
    assert tuple(panels) == wanted.ids
    for at, (id, canvas) in enumerate(panels.items()):
        top, left = at // wanted.columns * (height + gap), at % wanted.columns * (width + gap)
        found = reduced(picture[top : top + height, left : left + width], box, times, place(viewer.page))
        there = np.isfinite(found).all(axis=2)
        beside = cv2.erode((~there).astype(np.uint8), np.ones((3, 3))) > 0  # no part of them is the film's
        assert canvas[beside].max(initial=0) == 0, id
        off = np.abs(found[there] - canvas[there]).max(axis=1)
        assert not mapped or np.ptp(canvas[there].astype(int), axis=1).max() > 60, id
        assert (off <= LEVELS).mean() >= SHARE, (id, (off <= LEVELS).mean())
        assert off.mean() <= MEAN, (id, off.mean())


@pytest.mark.parametrize("shown", ["2", "4", "5"], ids=["a network", "ensemble", "disagreement"])
def test_one_large_whole_and_zoomed(page, review, shown):
    viewer = show(page, sent(review), stage=True)
    viewer.one(".panels").focus()
    if shown != "4":
        viewer.press(shown)
    assert_same(viewer, review)
    viewer.focus(viewer.ids()[0])
    viewer.press("+", "+", "+", "+", "ArrowLeft", "ArrowUp")
    assert_same(viewer, review, mapped=shown != "5")  # there the maps are alike


def test_side_by_side_windowed_inverted_with_other_threshold_weights_and_colours(page, review):
    viewer = show(page, sent(review))
    viewer.one(".weights").evaluate("details => { details.open = true }")
    viewer.choose("#weight-coarse", "0.5")
    viewer.choose("#threshold", "0.6")
    viewer.choose("#opacity", "0.7")
    viewer.choose("#colormap", "viridis")
    viewer.one(".window").evaluate("details => { details.open = true }")
    viewer.choose("#width", "180")
    viewer.focus("fine")
    viewer.press("i", "+", "+")
    assert_same(viewer, review)


def test_the_film_alone_has_no_map_and_says_so(page, review):
    viewer = show(page, sent(review), stage=True)
    viewer.press("o")
    hidden = drawn(review, asked_for(viewer))
    viewer.press("o", "1")
    alone = drawn(review, asked_for(viewer))
    for picture, text in (hidden, alone):
        box, times = part_of(text["View"])
        film = picture[: (box[3] - box[1]) * times, 20:-20]
        assert (np.ptp(film.astype(int), axis=2) > 0).mean() < 0.01  # but for the outline of what networks see
        assert "Finding" not in text


def test_a_view_that_cannot_be_drawn_is_a_sentence(page, review):
    viewer = show(page, sent(review), stage=True)
    wanted = asked_for(viewer)
    beside = Wanted(wanted.set, (500, 500, 600, 600), wanted.ids, 1, 1.0)
    refused = drawn_view(review.analysis, beside, None)
    assert refused.png is None
    assert refused.failure.startswith("The view could not be drawn. box: got 500, 500, 600, 600; the film has 420×400")
