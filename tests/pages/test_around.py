"""Around the film: light or dark by our own switch, no menus of Streamlit, a word where the server is gone."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from support.browsing import PATIENCE, expect, needs_chromium, settled
from support.viewing import Live, assert_is_accessible

pytestmark = needs_chromium

SCHEME = "getComputedStyle(document.querySelector('.stApp')).colorScheme"


def example(open_page, prepare=None) -> Live:
    page = open_page(prepare)
    viewer = Live(page)
    expect(viewer.one(".finding").first).to_be_visible(timeout=PATIENCE)
    settled(page)
    return viewer


def is_now(page, scheme: str) -> None:
    expect(page.locator(".stApp")).to_have_css("color-scheme", scheme)


def test_the_page_is_light_or_dark_by_its_own_switch_and_stays_so_in_this_browser(open_page):
    viewer = example(open_page)
    page = viewer.page
    is_now(page, "dark")
    viewer.press(".", ".")
    page.get_by_role("button", name="Light page").click()
    is_now(page, "light")
    expect(page.get_by_role("button", name="Dark page")).to_be_visible()
    expect(viewer.one(".top")).to_have_css("color", re.compile(r"rgb\((\d|[1-7]\d), "))  # dark letters
    assert viewer.outputs()["threshold"] == "0.44"  # what was set stays
    page.reload()
    expect(viewer.one(".finding").first).to_be_visible(timeout=PATIENCE)
    is_now(page, "light")
    page.evaluate("document.querySelector('[data-testid=stExpandSidebarButton]')?.click()")
    page.get_by_role("button", name="Dark page").click()
    is_now(page, "dark")


def test_axe_finds_no_serious_violation_on_a_light_page(open_page):
    viewer = example(open_page)
    viewer.page.get_by_role("button", name="Light page").click()
    is_now(viewer.page, "light")
    viewer.side_by_side()
    assert_is_accessible(viewer.page)


def test_nothing_of_streamlits_own_menus_is_on_the_page(open_page):
    page = example(open_page).page
    for part in ("stMainMenu", "stToolbarActions", "stStatusWidget", "stAppDeployButton"):
        expect(page.get_by_test_id(part)).to_be_hidden()
    assert page.get_by_text("Record").count() == 0


class Line:
    """A page's way to its server, which can be cut and mended."""

    def __init__(self):
        self.cut, self.sockets = False, []

    def lay(self, page) -> None:
        page.route_web_socket(re.compile("stream"), self._connect)
        page.route(re.compile("_stcore/(health|host-config)"), self._ask)

    def _connect(self, socket) -> None:
        if self.cut:
            socket.close()
        else:
            self.sockets.append(socket)
            socket.connect_to_server()

    def _ask(self, route) -> None:
        if self.cut:
            route.fulfill(status=503, body="")
        else:
            route.continue_()

    def is_cut(self, *, cut: bool) -> None:
        self.cut = cut
        for socket in self.sockets if cut else ():
            socket.close()


@pytest.fixture
def quiet(browser, server):
    """A function that opens the app where a server that is gone may be complained of in the browser's log."""
    contexts = []

    def open_one(prepare):
        context = browser.new_context(viewport={"width": 1366, "height": 768})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        prepare(page)
        page.goto(server)
        return page

    yield open_one
    for context in contexts:
        context.close()


def test_a_server_that_is_gone_is_said_in_a_sentence_beside_the_film_which_can_still_be_looked_at(quiet):
    line = Line()
    viewer = example(quiet, line.lay)
    page = viewer.page
    gone = page.get_by_role("alert").filter(has_text="The app's server does not answer.")
    line.is_cut(cut=True)
    expect(gone).to_be_visible(timeout=PATIENCE)
    page.wait_for_timeout(4000)  # Streamlit's own message comes within four seconds
    expect(page.get_by_test_id("stDialog")).to_have_count(0)
    expect(page.get_by_text("Streamlit", exact=False)).to_have_count(0)
    said, film = gone.bounding_box(), viewer.one(".panel canvas").bounding_box()
    assert said["x"] + said["width"] <= film["x"]
    viewer.press(".", "+")
    found = Axe().run(page).response["violations"]
    assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
    line.is_cut(cut=False)
    expect(gone).to_have_count(0, timeout=PATIENCE)
