"""The phantom lab as its readers meet it, in Chromium."""

import re

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

from ensemble_cam.phantom import draw_phantom
from ensemble_cam.settings.settings import displayed
from support.browsing import PATIENCE, expect, needs_chromium, pages_of, pick, settled
from support.viewing import Live

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


def drawn_in(page, seed: int) -> Live:
    draw_in(page, seed)
    expect(page.get_by_text("planted:").first).to_be_visible(timeout=PATIENCE)
    return with_maps(page, seed)


def with_maps(page, seed: int) -> Live:
    viewer = Live(page)
    expect(viewer.one(".set")).to_contain_text(f"Phantom {seed}", timeout=PATIENCE)
    expect(viewer.one(".thumb")).to_have_count(6, timeout=PATIENCE)
    expect(page.get_by_text("Tally")).to_be_attached(timeout=PATIENCE)
    settled(page)
    viewer.first_drawn()
    return viewer


def clicked_at(viewer: Live, x: float, y: float) -> None:
    """Click on the film, which fits the panel, at shares of its size."""
    box = viewer.one(".panel canvas").bounding_box()
    side = min(box["width"], box["height"])
    left, top = box["x"] + (box["width"] - side) / 2, box["y"] + (box["height"] - side) / 2
    viewer.page.mouse.click(left + x * side, top + y * side)


def serious(page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [(each["id"], each["nodes"][0]["html"][:150]) for each in found if each["impact"] in ("serious", "critical")]


def test_the_truth_is_drawn_on_film_and_maps_and_can_be_taken_off(open_lab):
    seed = next(seed for seed in range(40, 99) if draw_phantom(seed, size=256).findings)
    page = open_lab()
    viewer = drawn_in(page, seed)
    planted = draw_phantom(seed, size=256).findings
    expect(page.get_by_text(f"planted: {', '.join(map(displayed, planted))}")).to_be_visible()
    assert viewer.one(".truth polygon.line").count() >= len(planted)
    expect(viewer.one(".truth circle.hottest")).to_have_count(1)
    expect(viewer.one(".panel .note")).to_contain_text(re.compile("· (hit|miss) ·"))
    viewer.side_by_side()
    assert len(viewer.ids()) == 4
    assert viewer.one(".truth polygon.line").count() >= 4 * len(planted)
    expect(page.locator(".lab-table").first).to_contain_text(re.compile("hit|miss"))
    wide, inner = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= inner
    page.get_by_text("Contour of the truth").click()
    expect(viewer.one(".truth polygon")).to_have_count(0, timeout=PATIENCE)
    page.get_by_text("Contour of the truth").click()
    expect(viewer.one(".truth polygon").first).to_be_attached(timeout=PATIENCE)


def test_lab_films_zoom_move_and_window_by_the_keys_and_the_hand_of_any_film(open_lab):
    page = open_lab()
    viewer = drawn_in(page, 45)
    before = viewer.one(".how").inner_text()
    outline = viewer.one(".truth polygon.line").first.get_attribute("points")
    viewer.one(".panels").focus()
    viewer.press("+", "i")
    assert viewer.one(".how").inner_text() != before
    assert "inverted" in viewer.one(".how").inner_text()
    assert viewer.one(".truth polygon.line").first.get_attribute("points") != outline  # it goes with the film
    viewer.press("0")
    assert viewer.one(".how").inner_text() == before
    assert viewer.one(".truth polygon.line").first.get_attribute("points") == outline
    threshold = page.locator(".lab-table th").last
    viewer.choose("#threshold", "0.7")
    viewer.one("#threshold").dispatch_event("change")
    expect(page.locator(".lab-table").first).to_contain_text("IoU from 0.70 on", timeout=PATIENCE)
    assert threshold.count() == 1


@pytest.mark.parametrize("look", ["dark", "light"])
def test_axe_finds_no_serious_violation_in_the_lab(open_lab, look):
    page = open_lab()
    if look == "light":
        page.get_by_role("button", name="Light page").click()
        expect(page.locator(".stApp")).to_have_css("color-scheme", "light")
    assert serious(page) == []
    drawn_in(page, 45)
    assert serious(page) == []
    page.get_by_text("Read blind").first.click()
    settled(page)
    page.get_by_role("button", name="Next random film").click()
    expect(page.get_by_test_id("stMain").get_by_role("button", name="Answer: nothing")).to_be_visible(timeout=PATIENCE)
    settled(page)
    assert serious(page) == []


def test_blind_reading_hides_truth_scores_and_maps_until_the_answer_and_counts_it(open_lab):
    seed = next(seed for seed in range(100, 999) if draw_phantom(seed, size=256).findings == ("Mass",))
    page = open_lab()
    page.get_by_text("Read blind").first.click()
    settled(page)
    draw_in(page, seed)
    main, viewer = page.get_by_test_id("stMain"), Live(page)
    expect(main.get_by_role("button", name="Answer: nothing")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0, timeout=PATIENCE)  # the maps are there
    settled(page)
    viewer.first_drawn()
    hidden = main.inner_text()
    assert not any(word in hidden for word in ("planted", "called", "Ensemble", "hit", "miss", "difficulty"))
    assert viewer.ids() == ["film"]
    assert viewer.one(".truth *").count() == viewer.one(".finding").count() == viewer.one(".thumb").count() == 0

    clicked_at(viewer, 0.5, 0.5)  # nothing is asked for yet
    main.get_by_role("button", name="Mass").click()
    expect(page.get_by_text("A click on the film marks")).to_be_visible()
    settled(page)
    expect(viewer.one(".measured")).to_have_text("Set a mark for Mass.")
    assert viewer.one(".truth text").count() == 0
    ys, xs = np.nonzero(draw_phantom(seed, size=640).masks["Mass"])
    clicked_at(viewer, xs.mean() / 640, ys.mean() / 640)
    expect(viewer.one(".truth text")).to_have_text("Mass", timeout=PATIENCE)
    settled(page)
    main.get_by_role("button", name="Edema").click()
    expect(main.get_by_role("radio", name="Edema")).to_be_checked()
    settled(page)
    main.get_by_role("button", name="Answer", exact=True).click()
    expect(page.get_by_text("Mass: right, mark hit")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("Edema: not there")).to_be_visible()
    with_maps(page, seed)
    expect(viewer.one(".truth text")).to_have_text("Mass")  # the mark stays, with its name
    expect(viewer.one(".truth polygon.line").first).to_be_attached()
    expect(viewer.one(".measured")).to_have_text("")
    row = page.locator(".lab-table tr", has_text="You")
    assert row.locator("td").all_inner_texts() == ["You", "1/1", "–", "–", "7/8", "100%", "86%"]


def test_a_mark_is_set_by_keys_alone_and_a_drag_moves_the_film(open_lab):
    page = open_lab()
    page.get_by_text("Read blind").first.click()
    settled(page)
    draw_in(page, 104)
    main, viewer = page.get_by_test_id("stMain"), Live(page)
    main.get_by_role("button", name="Effusion").click()
    expect(viewer.one(".measured")).to_have_text("Set a mark for Effusion.", timeout=PATIENCE)
    settled(page)
    box = viewer.one(".panel canvas").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    with viewer.redrawn():
        page.mouse.move(middle[0] + 40, middle[1] + 30, steps=4)
    page.mouse.up()
    settled(page)
    assert viewer.one(".truth text").count() == 0
    viewer.one(".panel").focus()
    for key in ("ArrowLeft", "Shift+ArrowUp", "Enter"):
        page.keyboard.press(key)
    expect(viewer.one(".truth text")).to_have_text("Effusion", timeout=PATIENCE)


def test_chosen_findings_are_planted_and_film_tally_and_settings_outlive_a_visit_to_the_review(open_lab):
    page = open_lab()
    page.get_by_role("radio", name="Chosen").click()
    settled(page)
    pick(page, "Which", "Effusion", seen="Effusion")
    settled(page)
    drawn_in(page, 7)
    expect(page.get_by_text("planted: Effusion")).to_be_visible()
    viewer = Live(page)
    viewer.choose("#threshold", "0.7")
    viewer.one("#threshold").dispatch_event("change")
    expect(page.locator(".lab-table").first).to_contain_text("IoU from 0.70 on", timeout=PATIENCE)
    settled(page)
    shown = viewer.pictures()["ensemble"]
    page.get_by_role("link", name="Review").click()
    expect(page.get_by_text("Open films").first).to_be_visible(timeout=PATIENCE)
    settled(page)
    page.get_by_role("link", name="Phantom lab").click()
    expect(page.get_by_text("planted: Effusion")).to_be_visible(timeout=PATIENCE)
    with_maps(page, 7)
    assert viewer.outputs()["threshold"] == "0.70"
    np.testing.assert_array_equal(viewer.pictures()["ensemble"], shown)
    expect(page.get_by_role("radio", name="Chosen")).to_be_checked()
    expect(page.locator(".lab-table").last).to_contain_text("1 film")


def test_two_sessions_share_neither_films_nor_tallies(open_lab):
    pages, seeds = [open_lab(), open_lab()], (41, 42)
    for page, seed in zip(pages, seeds, strict=True):
        draw_in(page, seed)
    for page, seed in zip(pages, seeds, strict=True):
        drawn_in(page, seed)
    drawn_in(pages[0], 43)
    films = []
    for page in pages:
        viewer = Live(page)
        viewer.one('.thumb[data-of="film"]').click()
        expect(viewer.one('.panel[data-panel="film"]')).to_be_visible()
        viewer.still()
        (canvas,) = viewer.pictures().values()
        side = min(canvas.shape[:2])  # of the film, in the panel's middle
        top, left = ((length - side) // 2 for length in canvas.shape[:2])
        films.append(canvas[top : top + side, left : left + side, 0].astype(float))
    for film, own, other in ((films[0], 43, 42), (films[1], 42, 43)):
        rows = (np.arange(len(film)) * 640 // len(film)).clip(0, 639)
        own, other = (draw_phantom(seed, size=640).pixels[np.ix_(rows, rows)].astype(float) for seed in (own, other))
        told = np.corrcoef(film.ravel(), own.ravel())[0, 1], np.corrcoef(film.ravel(), other.ravel())[0, 1]
        assert told[0] > 0.95 > told[1]
    expect(pages[0].locator(".lab-table").last).to_contain_text("2 films")
    expect(pages[1].locator(".lab-table").last).to_contain_text("1 film")
    pages[0].get_by_role("button", name="Reset", exact=True).click()
    expect(pages[0].get_by_text("No film is counted yet")).to_be_visible()
    expect(pages[1].locator(".lab-table").last).to_contain_text("1 film")
