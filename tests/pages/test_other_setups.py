"""The app as it may be set up elsewhere: started by Streamlit, light, with odd names, with a mirror to fetch from."""

import hashlib
import re
import shutil
from pathlib import Path
from threading import Event

import pytest

from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import film_name, phantom_files
from ensemble_cam.purpose import TEACHING_LINE
from ensemble_cam.settings.config import default_config_path
from ensemble_cam.weights.released import weights_file
from support.apps import serving_app
from support.browsing import (
    FETCH,
    PATIENCE,
    expect,
    in_use,
    line,
    maps,
    needs_chromium,
    reviewed,
)
from support.servers import Mirror, serving
from support.viewing import assert_is_accessible, on_screen, shown

pytestmark = needs_chromium

DENSENET = weights_file("densenet121-res224-all").file_name
ODD_NAME = "<img src=x onerror=alert(2)><b>Dense</b>"
ODD_FILE = "<img src=x onerror=alert(1)>secret_name.png"
PHANTOM = phantom_files(draw_phantom(3, size=512), 0)[film_name(0, "png")]


@pytest.fixture(scope="module")
def mirror(weights_dir):
    """A loopback server that has DenseNet121's stand-in."""
    with serving(Mirror(content=(weights_dir / DENSENET).read_bytes())) as started:
        yield started


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def server(mirror, home):
    """An app of DenseNet121 and the teaching set, one of them under an odd name, which fetches from `mirror`."""
    text = default_config_path().read_text(encoding="utf-8")
    pin = re.search(r'densenet121-res224-all = "(\w+)"', text)[1]
    text = text.replace(pin, hashlib.sha256(mirror.content).hexdigest())
    others = slice(text.index("[classifiers.resnet50]"), text.index("[classifiers.teaching-densenet]"))
    text = text.replace(text[others], "").replace('name = "Teaching DenseNet"', f'name = "{ODD_NAME}"')
    config = home / "one.toml"
    config.write_text(text, encoding="utf-8")
    source = mirror.url.rpartition("/")[0]
    with serving_app(
        home,
        by="streamlit",
        ENSEMBLE_CAM_CONFIG=str(config),
        ENSEMBLE_CAM_WEIGHTS_FROM=source,
        STREAMLIT_THEME_BASE="light",
    ) as address:
        yield address


@pytest.fixture(autouse=True)
def nothing_is_fetched_yet(mirror, home) -> None:
    shutil.rmtree(home / ".torchxrayvision", ignore_errors=True)
    mirror.requests.clear()
    mirror.gate = None


def test_names_with_html_in_them_are_text_and_nothing_else(open_page):
    page = open_page()
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    viewer = on_screen(page, PHANTOM, ODD_FILE)
    expect(viewer.panel("teaching-densenet").locator(".caption")).to_contain_text("<b>Dense</b>")
    viewer.one(".weights").evaluate("details => { details.open = true }")
    assert viewer.one("img, b").count() == 0
    assert page.locator('img[src="x"]').count() == 0
    assert dialogs == []


def test_axe_finds_no_serious_violation_of_a_light_page(open_page):
    page = open_page()
    shown(page, "Phantom, seed")
    assert_is_accessible(page)


def test_fetched_weights_are_offered_and_not_swapped_in(open_page, mirror):
    page, other = open_page(), open_page()
    for each in (page, other):
        reviewed(each)
    mirror.gate = Event()
    page.get_by_role("button", name=FETCH).click()
    expect(page.get_by_text(re.compile(r"DenseNet121: \d+\.\d of \d+\.\d MB"))).to_be_visible(timeout=PATIENCE)
    mirror.gate.set()
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
    expect(open_page().get_by_role("button", name="Try a phantom")).to_be_visible(timeout=PATIENCE)


def test_a_fetch_that_is_stopped_goes_on_where_it_was(open_page, mirror):
    mirror.gate = Event()
    page = open_page()
    reviewed(page)
    page.get_by_role("button", name=FETCH).click()
    expect(page.get_by_text(re.compile(r"DenseNet121: 1\d\.\d of \d+\.\d MB"))).to_be_visible(timeout=PATIENCE)
    stop = page.get_by_role("button", name="Stop fetching")
    stop.click()
    expect(stop).to_be_disabled(timeout=PATIENCE)
    mirror.gate.set()
    expect(page.get_by_text("Fetching was stopped")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name=re.compile("Go on fetching the clinical weights")).click()
    expect(page.get_by_role("button", name="Use the clinical set")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("Fetching was stopped")).to_have_count(0)
    assert mirror.ranges[0] is None
    assert mirror.ranges[1].startswith("bytes=1")
