"""The phantom lab as its readers meet it, in Chromium."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from ensemble_cam.phantom import draw_phantom
from ensemble_cam.rendering.colours import TRUTH_COLOUR
from ensemble_cam.settings.settings import displayed
from support.browsing import PATIENCE, expect, needs_chromium, pages_of, panels, pick, pictures, settled

pytestmark = needs_chromium


@pytest.fixture
def open_lab(browser, server):
    """A function that opens the lab in a session of its own."""
    with pages_of(browser, server) as open_page:

        def open_one():
            page = open_page()
            page.get_by_role("link", name="Phantom lab").click()
            expect(page.get_by_role("button", name="Draw a film")).to_be_visible(timeout=PATIENCE)
            settled(page)
            return page

        yield open_one


def draw_in(page, seed: int) -> None:
    page.get_by_role("spinbutton", name="Seed").fill(str(seed))
    page.keyboard.press("Enter")
    settled(page)
    page.get_by_role("button", name="Draw", exact=True).click()
    expect(page.get_by_text(f"Phantom {seed}", exact=False).first).to_be_visible(timeout=PATIENCE)


def drawn_in(page, seed: int) -> None:
    draw_in(page, seed)
    expect(page.get_by_text("planted:").first).to_be_visible(timeout=PATIENCE)
    expect(panels(page)).to_have_count(4, timeout=PATIENCE)
    settled(page)


def truth_pixels(data: bytes) -> int:
    """How many pixels have the colour of the truth's contour, whatever JPEG made of it."""
    picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    return int((np.abs(picture - TRUTH_COLOUR).max(axis=2) < 60).sum())


def test_the_truth_is_drawn_on_film_and_maps_and_can_be_taken_off(open_lab):
    seed = next(seed for seed in range(40, 99) if draw_phantom(seed, size=256).findings)
    page = open_lab()
    drawn_in(page, seed)
    planted = draw_phantom(seed, size=256).findings
    expect(page.get_by_text(f"planted: {', '.join(map(displayed, planted))}")).to_be_visible()
    assert len(pictures(page)) == 5
    assert all(truth_pixels(data) > 100 for data in pictures(page))
    assert page.get_by_text("Hit").or_(page.get_by_text("Miss")).count() >= 4
    wide, inner = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= inner
    bottom = panels(page).nth(1).bounding_box()
    assert bottom["y"] + bottom["height"] < 768
    page.get_by_text("Contour of the truth").click()
    expect(page.get_by_alt_text("The film", exact=True)).to_be_visible()
    settled(page)
    assert [truth_pixels(data) for data in pictures(page)] == [0] * 5
    page.get_by_text("Contour of the truth").click()
    expect(page.get_by_alt_text("The film with the planted truth")).to_be_visible()


def test_blind_reading_hides_truth_scores_and_maps_until_the_answer_and_counts_it(open_lab):
    seed = next(seed for seed in range(100, 999) if draw_phantom(seed, size=256).findings == ("Mass",))
    page = open_lab()
    page.get_by_text("Read blind").first.click()
    settled(page)
    draw_in(page, seed)
    main = page.get_by_test_id("stMain")
    expect(main.get_by_role("button", name="Answer: nothing")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0, timeout=PATIENCE)  # the maps are there
    settled(page)
    hidden = main.inner_text()
    assert not any(word in hidden for word in ("planted", "called", "Ensemble", "Hit", "Miss", "difficulty"))
    film = page.locator(".film img")
    data = base64.b64decode(film.get_attribute("src").partition(",")[2])
    assert truth_pixels(data) == 0
    assert len(page.locator("img").all()) == 1

    main.get_by_role("button", name="Mass").click()
    expect(page.get_by_text("A click on the film marks")).to_be_visible()
    settled(page)
    ys, xs = np.nonzero(draw_phantom(seed, size=640).masks["Mass"])
    box = film.bounding_box()
    page.mouse.click(box["x"] + xs.mean() / 640 * box["width"], box["y"] + ys.mean() / 640 * box["height"])
    expect(page.locator(".mark")).to_have_text("Mass")
    settled(page)
    main.get_by_role("button", name="Edema").click()
    expect(main.get_by_role("radio", name="Edema")).to_be_checked()
    settled(page)
    main.get_by_role("button", name="Answer", exact=True).click()
    expect(page.get_by_text("Mass: right, mark hit")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("Edema: not there")).to_be_visible()
    expect(panels(page)).to_have_count(4, timeout=PATIENCE)
    settled(page)
    row = page.locator(".lab-table tr", has_text="You")
    assert row.locator("td").all_inner_texts() == ["You", "1/1", "–", "–", "7/8", "100%", "86%"]
    assert truth_pixels(pictures(page)[0]) > 100


def test_chosen_findings_are_planted_and_film_tally_and_settings_outlive_a_visit_to_the_review(open_lab):
    page = open_lab()
    page.get_by_role("radio", name="Chosen").click()
    settled(page)
    pick(page, "Which", "Effusion", seen="Effusion")
    settled(page)
    drawn_in(page, 7)
    expect(page.get_by_text("planted: Effusion")).to_be_visible()
    page.keyboard.press("o")
    expect(page.get_by_role("button", name="Show overlays")).to_be_visible(timeout=PATIENCE)
    settled(page)
    shown = pictures(page)
    page.get_by_role("link", name="Review").click()
    expect(page.get_by_text("Open films").first).to_be_visible(timeout=PATIENCE)
    settled(page)
    page.get_by_role("link", name="Phantom lab").click()
    expect(page.get_by_text("planted: Effusion")).to_be_visible(timeout=PATIENCE)
    expect(panels(page)).to_have_count(4, timeout=PATIENCE)
    settled(page)
    assert pictures(page) == shown
    expect(page.get_by_role("radio", name="Chosen")).to_be_checked()
    expect(page.locator(".lab-table").first).to_contain_text("1 film")


def test_two_sessions_share_neither_films_nor_tallies(open_lab):
    pages, seeds = [open_lab(), open_lab()], (41, 42)
    for page, seed in zip(pages, seeds, strict=True):
        draw_in(page, seed)
    for page, seed in zip(pages, seeds, strict=True):
        drawn_in(page, seed)
        expect(page.get_by_text("Contour of the truth")).to_be_visible()
    drawn_in(pages[0], 43)
    shown = [pictures(page) for page in pages]
    assert not set(shown[0]) & set(shown[1])
    for images, own, other in ((shown[0], 43, 42), (shown[1], 42, 43)):
        film = np.asarray(Image.open(io.BytesIO(images[0])).convert("L")).astype(float).ravel()
        own, other = (draw_phantom(seed, size=640).pixels.astype(float).ravel() for seed in (own, other))
        assert np.corrcoef(film, own)[0, 1] > 0.95 > np.corrcoef(film, other)[0, 1]
    expect(pages[0].locator(".lab-table").first).to_contain_text("2 films")
    expect(pages[1].locator(".lab-table").first).to_contain_text("1 film")
    pages[0].get_by_role("button", name="Reset", exact=True).click()
    expect(pages[0].get_by_text("No film is counted yet")).to_be_visible()
    expect(pages[1].locator(".lab-table").first).to_contain_text("1 film")
