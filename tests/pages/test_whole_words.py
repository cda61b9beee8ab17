"""What is said on the stage is whole: no corner, note or pointer's line is cut, and none of them moves the film."""

import pytest

from ensemble_cam.purpose import MEANINGLESS_LINE
from ensemble_cam.ui.viewer.payload import Words
from support.browsing import expect, needs_chromium
from support.networks import as_untrained, bright_classifier
from support.payloads import sent
from support.reviews import dotted, made_review
from support.viewing import blank_page, show

pytestmark = needs_chromium

SIZES = [(1366, 768), (390, 844)]
OUTLINED = "Outlined: what the networks see. What lies outside is not looked at."
MEANING = "Colours: where a network looked, each map over its own maximum; not what is there, and not how much."
WORDS = Words(
    set="Teaching set · secret.png",
    outside=OUTLINED,
    meaning=MEANING,
    frame=("meaningless", MEANINGLESS_LINE),
)
# Whatever is cut, in the line or in the height, is longer than what is seen of it.
CUT = """(all) => all.filter((each) => each.checkVisibility() && each.textContent)
  .filter((each) => each.scrollWidth > each.clientWidth + 1 || each.scrollHeight > each.clientHeight + 1)
  .map((each) => each.textContent)"""


@pytest.fixture(params=SIZES, ids=str)
def page(request, browser):
    width, height = request.param
    with blank_page(browser, width=width, height=height) as opened:
        yield opened


def meaningless():
    """A review by untrained networks with long names, whose maps have small regions."""
    networks = [
        as_untrained(bright_classifier(f"{name}-densenet-of-a-long-name", logits={"Pleural_Thickening": 1.0}, cells=16))
        for name in ("first", "second", "third")
    ]
    return made_review(dotted(440, 400, 120, 150), classifiers=networks)


@pytest.mark.parametrize("stage", [True, False], ids=["one large", "side by side"])
def test_words_of_a_film_that_means_nothing_are_whole(page, stage):
    viewer = show(page, sent(meaningless(), words=WORDS), stage=stage)
    expect(viewer.one(".panel .note").first).to_contain_text("meaningless: not trained on such films · ")
    expect(viewer.one(".panel .note").first).to_contain_text("is at or above 0.40")
    for words in (".panel .note", ".panel .caption", ".corner div", ".behind", ".readout", ".readout > span"):
        assert viewer.one(words).evaluate_all(CUT) == []
    expect(viewer.one(".behind")).to_contain_text(OUTLINED)


def test_the_line_of_the_pointer_is_whole_and_moves_nothing(page):
    viewer = show(page, sent(meaningless(), words=WORDS))
    film, idle = viewer.one(".panels").bounding_box(), viewer.one(".readout > span").bounding_box()
    expect(viewer.one(".readout")).to_have_text(MEANING)
    viewer.point_at("ensemble")
    expect(viewer.one(".readout")).to_contain_text("Ensemble ")
    line = viewer.one(".readout > span").bounding_box()
    width = page.viewport_size["width"]
    for box in (idle, line):
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    assert viewer.one(".readout > span").evaluate_all(CUT) == []
    assert viewer.one(".panels").bounding_box() == film
