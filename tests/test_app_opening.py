"""The first minute with the app: no weights, no network, a phantom under review, and the way to the clinical set."""

import hashlib
import json
import re

import pytest

import films
from browsing import (
    PATIENCE,
    expect,
    film_views,
    maps,
    needs_chromium,
    pages_of,
    reviewed,
    serving_app,
    settled,
    upload,
    views,
)
from ensemble_cam.purpose import TEACHING_LINE
from ensemble_cam.settings.config import default_config_path
from ensemble_cam.settings.sets import NO_PHANTOM
from ensemble_cam.weights.released import weights_file
from servers import Mirror, serving

pytestmark = needs_chromium

NOWHERE = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")}
DENSENET = weights_file("densenet121-res224-all").file_name
FETCH = re.compile(r"Fetch the clinical weights \(\d+ MB\)")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The app on a machine without weights, whose way out leads nowhere."""
    with serving_app(tmp_path_factory.mktemp("server"), **NOWHERE) as address:
        yield address


@pytest.fixture
def mirror(weights_dir):
    """A loopback server that has DenseNet121's stand-in, and takes a moment in the middle of it."""
    with serving(Mirror(content=(weights_dir / DENSENET).read_bytes(), pause=2.0)) as started:
        yield started


@pytest.fixture
def open_page_beside_mirror(browser, mirror, weights_dir, tmp_path):
    """A function that opens an app of DenseNet121 and the teaching set, which fetches from `mirror`."""
    text = default_config_path().read_text(encoding="utf-8")
    pin = re.search(r'densenet121-res224-all = "(\w+)"', text)[1]
    text = text.replace(pin, hashlib.sha256((weights_dir / DENSENET).read_bytes()).hexdigest())
    others = slice(text.index("[classifiers.resnet50]"), text.index("[classifiers.teaching-densenet]"))
    config = tmp_path / "one.toml"
    config.write_text(text.replace(text[others], ""), encoding="utf-8")
    source = mirror.url.rpartition("/")[0]
    with (
        serving_app(
            tmp_path, by_streamlit=True, ENSEMBLE_CAM_CONFIG=str(config), ENSEMBLE_CAM_WEIGHTS_FROM=source
        ) as address,
        pages_of(browser, address) as open_one,
    ):
        yield open_one


def line(page):
    """The teaching set's line where it stays while the page is scrolled."""
    return page.locator('[class*="st-key-teaching-line"]').get_by_text(TEACHING_LINE)


def in_use(page, name: str) -> None:
    expect(page.get_by_role("radio", name=name)).to_be_checked()


def choose_set(page, name: str) -> None:
    settled(page)
    page.get_by_role("radio", name=name).click()
    in_use(page, name)
    settled(page)


def test_a_page_without_weights_opens_on_the_review_of_a_phantom_under_a_banner(open_page):
    page = open_page()
    reviewed(page)
    in_use(page, "Teaching")
    expect(line(page)).to_be_visible()
    expect(page.get_by_text("the clinical weights are not on this machine")).to_be_visible()
    expect(page.get_by_role("button", name=FETCH)).to_be_visible()
    expect(page.get_by_text("Phantom, seed").first).to_be_visible()
    expect(page.get_by_text("Planted:")).to_be_visible()
    expect(maps(page)).to_have_count(4)
    expect(page.get_by_text(NO_PHANTOM)).to_have_count(0)
    # On a laptop's screen all four panels stand there whole, and the first export below them.
    boxes = [each.bounding_box() for each in maps(page).all()]
    assert all(box["width"] > 250 and box["height"] > 180 for box in boxes)
    assert max(box["y"] + box["height"] for box in boxes) < 768
    assert page.get_by_role("button", name="Figure of this finding").bounding_box()["y"] < 768
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


def test_files_can_be_placed_by_hand_under_the_names_and_in_the_folder_that_the_page_says(open_page):
    page = open_page()
    reviewed(page)
    page.get_by_role("button", name="Other ways").click()
    expect(page.get_by_text(DENSENET)).to_be_visible()
    expect(page.get_by_text(".torchxrayvision/models_data")).to_be_visible()


def test_a_film_that_is_no_phantom_is_warned_of_and_the_phantom_steps_aside(open_page):
    page = open_page()
    reviewed(page)
    phantom = views(page)
    upload(page, ("secret_name.png", films.png(films.film(400, 400, seed=1))))
    warning = page.get_by_test_id("stAlert").get_by_text(NO_PHANTOM)
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
    assert views(page) == phantom


def test_every_screen_of_the_teaching_set_carries_its_line(open_page):
    page = open_page()
    expect(line(page)).to_be_visible(timeout=PATIENCE)
    reviewed(page)
    page.get_by_text("Read first").click()
    expect(page.get_by_role("button", name="Show scores and maps")).to_be_visible(timeout=PATIENCE)
    expect(line(page)).to_be_visible()
    expect(maps(page)).to_have_count(0)
    upload(page, ("secret_name.png", films.png(films.film(400, 400))[:2000]))
    expect(page.get_by_text("The PNG file is broken or ends too early")).to_be_visible(timeout=PATIENCE)
    expect(line(page)).to_be_visible()
    for _ in range(2):
        settled(page)
        page.get_by_role("button", name="Remove this film").click()
    expect(page.get_by_role("button", name="Show a phantom")).to_be_visible(timeout=PATIENCE)
    expect(line(page)).to_be_visible()


def test_the_other_set_is_a_click_away_and_has_no_maps_without_its_weights(open_page):
    page = open_page()
    reviewed(page)
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
    expect(page.get_by_test_id("stAlert").get_by_text(NO_PHANTOM)).to_be_visible(timeout=PATIENCE)
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
    assert views(page) == before


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


def test_fetched_weights_are_offered_and_not_swapped_in(open_page_beside_mirror, mirror):
    page, other = open_page_beside_mirror(), open_page_beside_mirror()
    for each in (page, other):
        reviewed(each)
    page.get_by_role("button", name=FETCH).click()
    expect(page.get_by_text(re.compile(r"DenseNet121: \d+\.\d of \d+\.\d MB"))).to_be_visible(timeout=PATIENCE)
    offer = page.get_by_role("button", name="Use the clinical set")
    expect(offer).to_be_visible(timeout=PATIENCE)
    reviewed(page)
    assert len(mirror.requests) == 1
    in_use(page, "Teaching")
    expect(line(page)).to_be_visible()
    expect(maps(page)).to_have_count(4)

    offer.click()
    in_use(page, "Clinical")
    expect(page.get_by_text(TEACHING_LINE)).to_have_count(0, timeout=PATIENCE)
    reviewed(page)
    expect(maps(page)).to_have_count(2)  # DenseNet121 and the ensemble
    expect(page.get_by_text("A drawn phantom, not a patient").first).to_be_visible()

    other.get_by_text("Read first").click()
    expect(other.get_by_role("button", name="Use the clinical set")).to_be_visible(timeout=PATIENCE)
    in_use(other, "Teaching")
    expect(line(other)).to_be_visible()
    expect(open_page_beside_mirror().get_by_role("button", name="Try a phantom")).to_be_visible(timeout=PATIENCE)


def test_a_fetch_that_is_stopped_goes_on_where_it_was(open_page_beside_mirror, mirror):
    mirror.pause = 7.0  # time to press the button, on a busy machine, too
    page = open_page_beside_mirror()
    reviewed(page)
    page.get_by_role("button", name=FETCH).click()
    expect(page.get_by_text(re.compile(r"DenseNet121: 1\d\.\d of \d+\.\d MB"))).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="Stop fetching").click()
    expect(page.get_by_text("Fetching was stopped")).to_be_visible(timeout=PATIENCE)
    mirror.pause = 0.0
    page.get_by_role("button", name=re.compile("Go on fetching the clinical weights")).click()
    expect(page.get_by_role("button", name="Use the clinical set")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("Fetching was stopped")).to_have_count(0)
    assert mirror.ranges[0] is None
    assert mirror.ranges[1].startswith("bytes=1")
