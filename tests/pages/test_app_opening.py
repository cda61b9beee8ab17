"""The first minute with the app: no weights, no network, a phantom under review, and the way to the clinical set."""

import json

import pytest

from ensemble_cam.purpose import TEACHING_LINE
from ensemble_cam.settings.sets import NO_PHANTOM
from ensemble_cam.weights.released import weights_file
from support import films
from support.browsing import (
    FETCH,
    PATIENCE,
    come_back,
    expect,
    film_views,
    in_use,
    line,
    maps,
    needs_chromium,
    pages_of,
    reviewed,
    settled,
    upload,
    views,
)

pytestmark = needs_chromium

DENSENET = weights_file("densenet121-res224-all").file_name


@pytest.fixture(scope="module")
def example(browser, server):
    """A page that nobody has touched since the review of its example, for the tests that leave it so."""
    with pages_of(browser, server) as open_one:
        page = open_one()
        reviewed(page)
        yield page


def choose_set(page, name: str) -> None:
    settled(page)
    page.get_by_role("radio", name=name).click()
    in_use(page, name)
    settled(page)


def test_a_page_without_weights_opens_on_the_review_of_a_phantom_under_a_banner(example):
    page = example
    in_use(page, "Teaching")
    expect(line(page)).to_be_visible()
    expect(page.get_by_text("the clinical weights are not on this machine")).to_be_visible()
    expect(page.get_by_role("button", name=FETCH)).to_be_visible()
    expect(page.get_by_text("Phantom, seed").first).to_be_visible()
    expect(page.get_by_text("Planted:")).to_be_visible()
    expect(maps(page)).to_have_count(4)
    expect(page.get_by_text(NO_PHANTOM)).to_have_count(0)
    # On a laptop's screen all four panels stand there whole; the exports come by a key, and go by it.
    boxes = [each.bounding_box() for each in maps(page).all()]
    assert all(box["width"] > 250 and box["height"] > 180 for box in boxes)
    assert max(box["y"] + box["height"] for box in boxes) < 768
    figure = page.get_by_role("button", name="Figure of this finding")
    expect(figure).not_to_be_in_viewport()
    page.keyboard.press("e")
    expect(figure).to_be_in_viewport(ratio=1)
    page.keyboard.press("e")
    expect(figure).not_to_be_in_viewport()
    wide, inner = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= inner

    with page.expect_download() as download:
        page.get_by_role("button", name="Data (JSON)").click()
    record = json.loads(download.value.path().read_text(encoding="utf-8"))
    assert record["settings"]["set"] == "teaching"
    assert TEACHING_LINE in json.dumps(record)
    # Scrolled to the foot, the line is still on the screen, and stands there once more.
    page.get_by_text("s for the networks and maps").scroll_into_view_if_needed()
    expect(line(page)).to_be_in_viewport()
    expect(page.get_by_text(TEACHING_LINE)).to_have_count(2)
    expect(page.get_by_text(TEACHING_LINE).last).to_be_in_viewport()


def test_files_can_be_placed_by_hand_under_the_names_and_in_the_folder_that_the_page_says(example):
    example.get_by_role("button", name="Other ways").click()
    expect(example.get_by_text(DENSENET)).to_be_visible()
    expect(example.get_by_text(".torchxrayvision/models_data")).to_be_visible()
    example.keyboard.press("Escape")
    expect(example.get_by_text(DENSENET)).to_be_hidden()


def test_a_film_that_is_no_phantom_is_warned_of_and_the_phantom_steps_aside(open_page):
    page = open_page()
    reviewed(page)
    phantom = views(page)
    upload(page, ("secret_name.png", films.png(films.film(400, 400, seed=1))))
    warning = page.get_by_text(NO_PHANTOM)
    expect(warning).to_be_visible(timeout=PATIENCE)
    reviewed(page)
    expect(maps(page)).to_have_count(4)
    assert not set(views(page)) & set(phantom)
    page.get_by_text("s for the networks and maps").scroll_into_view_if_needed()
    expect(line(page)).to_be_in_viewport()
    expect(line(page)).to_contain_text(NO_PHANTOM)
    page.get_by_test_id("stSidebar").get_by_text("Phantom, seed").click()
    expect(warning).to_have_count(0, timeout=PATIENCE)
    reviewed(page)
    come_back(page, phantom)


def test_every_screen_of_the_teaching_set_carries_its_line(open_page):
    page = open_page()
    expect(line(page)).to_be_visible(timeout=PATIENCE)
    reviewed(page)
    page.get_by_text("Read first").click()
    expect(page.get_by_role("button", name="Show scores and maps")).to_be_visible(timeout=PATIENCE)
    expect(line(page)).to_be_visible()
    expect(maps(page)).to_have_count(0)
    upload(page, ("secret_name.png", films.png(films.film(400, 400))[:2000]))
    broken = page.get_by_text("The PNG file is broken or ends too early")
    expect(broken).to_be_visible(timeout=PATIENCE)
    expect(line(page)).to_be_visible()
    settled(page)
    page.get_by_role("button", name="Remove this film").click()
    expect(broken).to_have_count(0, timeout=PATIENCE)  # or the next click would be on its button, and be dropped
    expect(page.get_by_text("Phantom, seed").first).to_be_visible(timeout=PATIENCE)  # and its button with it
    settled(page)
    page.get_by_role("button", name="Remove this film").click()
    expect(page.get_by_role("button", name="Show a phantom")).to_be_visible(timeout=PATIENCE)
    expect(line(page)).to_be_visible()


def test_the_other_set_is_a_click_away_and_has_no_maps_without_its_weights(example):
    page = example
    choose_set(page, "Clinical")
    expect(page.get_by_text("No scores and maps from DenseNet121, ResNet50, JF Healthcare")).to_be_visible()
    settled(page)
    expect(page.get_by_role("button", name=FETCH)).to_be_visible()
    expect(maps(page)).to_have_count(0)
    expect(page.get_by_text(TEACHING_LINE)).to_have_count(0)
    expect(page.locator('canvas[aria-label="The film"]')).to_be_visible()
    choose_set(page, "Teaching")
    reviewed(page)
    expect(maps(page)).to_have_count(4)


def test_films_and_settings_outlive_a_visit_to_the_other_page(open_page):
    page = open_page()
    upload(page, ("secret_name.png", films.png(films.film(400, 400, seed=2))))
    expect(line(page)).to_contain_text(NO_PHANTOM, timeout=PATIENCE)
    reviewed(page)
    slider = page.get_by_role("slider", name="Sensitivity threshold")
    slider.focus()
    for _ in range(10):
        slider.press("ArrowRight")
    expect(slider).to_have_value("0.5")
    reviewed(page)
    before = views(page)
    page.get_by_role("link", name="Phantom lab").click()
    expect(page.get_by_text("secret_name.png")).to_have_count(0, timeout=PATIENCE)
    settled(page)
    page.get_by_role("link", name="Review").click()
    reviewed(page)
    expect(slider).to_have_value("0.5")
    come_back(page, before)


def test_sessions_have_phantoms_and_sets_of_their_own(open_page):
    first, second = open_page(), open_page()
    for page in (first, second):
        reviewed(page)
    first.get_by_role("button", name="Remove this film").click()
    first.get_by_role("button", name="Show a phantom").click()
    expect(first.get_by_role("button", name="Figure (PNG")).to_have_count(0, timeout=PATIENCE)
    reviewed(first)
    choose_set(first, "Clinical")
    second.get_by_role("button", name="Hide maps").click()
    expect(second.get_by_role("button", name="Hide maps")).to_have_attribute("aria-pressed", "true")
    settled(second)
    in_use(second, "Teaching")
    expect(maps(second)).to_have_count(4)
    assert not set(film_views(first)) & set(views(second))
