"""The page of a network of the reader's own, in Chromium: loaded, explained, and of this session alone."""

import pytest
from safetensors.torch import save

import ensemble_cam as ec
from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import film_bytes
from support.browsing import PATIENCE, expect, needs_chromium, pages_of, settled

pytestmark = needs_chromium

SPEC = "torchvision:shufflenet_v2_x0_5"


@pytest.fixture(scope="module")
def checkpoint() -> bytes:
    return save(ec.load_network(SPEC, classes=["effusion", "normal"]).module.state_dict())


@pytest.fixture
def open_own(browser, server):
    """A function that opens the page in a session of its own."""
    with pages_of(browser, server) as open_page:

        def open_one(**of_window):
            page = open_page(**of_window)
            page.get_by_role("link", name="Your network").click()
            expect(page.get_by_role("button", name="Load the network")).to_be_visible(timeout=PATIENCE)
            settled(page)
            return page

        yield open_one


def load(page, *files: tuple[str, bytes], spec: str = SPEC) -> None:
    page.get_by_role("textbox", name="Network").fill(spec)
    page.keyboard.press("Enter")
    settled(page)
    if files:
        handed = [{"name": name, "mimeType": "application/octet-stream", "buffer": data} for name, data in files]
        page.locator("input[type=file]").nth(-2).set_input_files(handed)
        expect(page.get_by_text(files[-1][0]).first).to_be_visible(timeout=PATIENCE)
        page.wait_for_timeout(1_500)  # the browser names a file before it has handed it on
        settled(page)
    page.get_by_role("button", name="Load the network").click()


def drop(page) -> None:
    data = film_bytes(draw_phantom(4, findings=["Effusion"], size=256))
    page.locator("input[type=file]").nth(-1).set_input_files(
        [{"name": "a_film.png", "mimeType": "image/png", "buffer": data}]
    )


def test_a_network_is_loaded_a_picture_explained_and_its_cells_shown(open_own, checkpoint):
    page = open_own()
    load(page, ("ours.safetensors", checkpoint), ("ours.classes.json", b'["effusion", "normal"]'))
    expect(page.get_by_text("2 classes by softmax")).to_be_visible(timeout=PATIENCE)
    drop(page)
    maps = page.locator('img[alt*=": map of"]')
    expect(maps).to_have_count(2, timeout=PATIENCE)
    expect(page.get_by_text("Predicted:")).to_be_visible()
    expect(page.get_by_text("SHA-256").first).to_be_visible()
    settled(page)
    before = maps.first.get_attribute("src")
    page.get_by_text("Bare grid cells").click()
    expect(maps.first).not_to_have_attribute("src", before, timeout=PATIENCE)
    with page.expect_download() as started:
        page.get_by_role("button", name="Everything (ZIP)").click()
    assert started.value.suggested_filename.endswith(".zip")
    wide, inner = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= inner


def test_a_bad_checkpoint_is_its_sentence_and_another_session_sees_nothing_of_it(open_own, checkpoint):
    page = open_own()
    load(page, ("broken.pt", b"no checkpoint"))
    expect(page.get_by_text("broken.pt").nth(1)).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    other = open_own()
    expect(other.get_by_text("hand over its checkpoint")).to_be_visible()
    assert other.get_by_text("broken.pt").count() == 0


def test_what_an_untrained_network_says_is_struck_and_its_maps_are_kept_back(open_own):
    page = open_own()
    load(page)
    expect(page.get_by_text("untrained: seeded values")).to_be_visible(timeout=PATIENCE)
    drop(page)
    anyway = page.get_by_role("button", name="Show anyway: maps that mean nothing")
    expect(anyway).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".lab-table .meaningless").first).to_be_visible()
    assert page.locator('img[alt*=": map of"]').count() == 0
    settled(page)
    anyway.click()
    expect(page.locator('img[alt*=": map of"]')).to_have_count(2, timeout=PATIENCE)
    page.set_viewport_size({"width": 390, "height": 844})
    settled(page)
    wide, inner = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= inner
