"""One film on the stage: no two parts of the page are of two films, in a slow browser or with late messages."""

import re
import time

import pytest
from uploads import (
    Findings,
    downloaded_film,
    films_told,
    numbered_films,
    start_watching,
    upload,
    watch,
)

from support.browsing import PATIENCE, expect, needs_chromium, reviewed, settled

pytestmark = needs_chromium

HELD = re.compile(rb"film_list.*request|request.*revision", re.DOTALL)


# Notes at every repaint which pictures are to be seen beside which heading.
STILLS = """() => {
  window.stills = []
  const seen = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true })
  const look = () => {
    const name = [...document.querySelectorAll(".stMain strong")].filter(seen).map((each) => each.textContent)
      .find((text) => /film_\\d+/.test(text))
    for (const each of document.querySelectorAll(".stMain img")) {
      if (name && seen(each)) window.stills.push([name, each.src])
    }
    if (window.stills.length > 4000) window.stills.splice(40, 2000)
    requestAnimationFrame(look)
  }
  look()
}"""


@pytest.fixture(scope="module")
def numbered():
    return numbered_films(3)


def row(page, film):
    return page.get_by_role("radio", name=film.name)


def without_phantom(page) -> None:
    reviewed(page)
    page.get_by_role("button", name="Remove this film").click()
    expect(page.get_by_text("Open a chest radiograph")).to_be_visible(timeout=PATIENCE)
    settled(page)


def slowed(page, rate: float) -> None:
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": rate})


def test_in_a_slow_browser_every_repaint_is_of_one_film(open_page, numbered):
    page = open_page()
    without_phantom(page)
    slowed(page, 12)
    start_watching(page)
    found, signatures = Findings(), {}
    for count, film in enumerate(numbered):
        upload(page, [film])
        watch(page, film, numbered[: count + 1], found, signatures, seconds=3, downloads=False)
    assert found.differ == []
    assert found.downloads >= 3
    assert len(signatures) == 3  # the scores tell the films apart
    assert found.looks >= 10


class Held:
    """A page's messages to the server: the first that `pattern` finds is held back while `holding`."""

    def __init__(self, pattern: re.Pattern[bytes]):
        self.pattern, self.holding = pattern, False
        self.message, self.server = None, None

    def watch(self, page) -> None:
        page.route_web_socket(re.compile("stream"), self._connect)

    def _connect(self, socket) -> None:
        self.server = socket.connect_to_server()
        socket.on_message(self._pass_on)

    def _pass_on(self, message) -> None:
        data = message if isinstance(message, bytes) else message.encode()
        if self.holding and self.message is None and self.pattern.search(data):
            self.message = message
        else:
            self.server.send(message)

    def let_go(self) -> None:
        self.server.send(self.message)


def test_a_choice_that_arrives_after_a_newer_film_is_dropped(open_page, numbered):
    held = Held(HELD)
    page = open_page(held.watch)
    without_phantom(page)
    start_watching(page)
    found, signatures = Findings(), {}
    first, second, third = numbered
    upload(page, [first, second])
    watch(page, first, numbered[:2], found, signatures, seconds=1, downloads=False)
    row(page, second).click()
    watch(page, second, numbered[:2], found, signatures, seconds=1, downloads=False)
    held.holding = True
    row(page, first).click()
    page.wait_for_timeout(300)
    assert held.message is not None  # the reader's choice is on its way, and the newer film comes before it
    expect(row(page, first)).to_have_attribute("aria-busy", "true")
    upload(page, [third])
    watch(page, third, numbered, found, signatures, seconds=1, downloads=False)
    held.let_go()
    watch(page, third, numbered, found, signatures, seconds=3, downloads=False)
    expect(row(page, third)).to_be_checked()
    assert downloaded_film(page) == third.sha256
    assert found.differ == []
    row(page, first).click()  # and the list is not deaf now
    watch(page, first, numbered, found, signatures, seconds=1, downloads=False)
    assert found.differ == []


def test_a_late_click_on_a_films_button_does_not_act_on_the_next_film(open_page, numbered):
    held = Held(re.compile(rb"remove"))
    page = open_page(held.watch)
    without_phantom(page)
    first, second, _ = numbered
    upload(page, [first])
    reviewed(page)
    held.holding = True
    page.get_by_role("button", name="Remove this film").click()
    page.wait_for_timeout(300)
    assert held.message is not None
    upload(page, [second])
    expect(row(page, second)).to_be_checked(timeout=PATIENCE)
    reviewed(page)
    held.let_go()
    page.wait_for_timeout(2000)
    settled(page)
    expect(page.locator(".viewer .set")).to_contain_text(second.name)
    assert downloaded_film(page) == second.sha256


def test_still_pictures_of_another_film_never_stand_under_a_films_name(open_page, numbered):
    page = open_page()
    without_phantom(page)
    first, second, _ = numbered
    upload(page, [first, second])
    reviewed(page)
    page.get_by_text("Still pictures", exact=True).click()
    expect(page.locator('img[alt*=": map of"]').first).to_be_visible(timeout=PATIENCE)
    settled(page)
    before = set(page.locator("img").evaluate_all("all => all.map((each) => each.src)"))
    slowed(page, 6)
    page.evaluate(STILLS)
    row(page, second).click()
    expect(page.get_by_text(second.name).last).to_be_visible(timeout=PATIENCE)
    until = time.monotonic() + PATIENCE / 1000
    while second.name not in (named := {name for name, _ in page.evaluate("window.stills")}):
        assert time.monotonic() < until, named
        time.sleep(0.2)
    settled(page)
    seen = page.evaluate("window.stills")
    assert {name for name, _ in seen} >= {first.name, second.name}
    assert not [name for name, source in seen if name == second.name and source in before]


def test_the_list_is_worked_with_keys(open_page, numbered):
    page = open_page()
    without_phantom(page)
    upload(page, numbered)
    expect(row(page, numbered[0])).to_be_checked(timeout=PATIENCE)
    reviewed(page)
    row(page, numbered[0]).focus()
    page.keyboard.press("ArrowDown")
    expect(row(page, numbered[1])).to_be_checked(timeout=PATIENCE)
    expect(row(page, numbered[1])).to_be_focused()
    page.keyboard.press("End")
    expect(row(page, numbered[2])).to_be_checked(timeout=PATIENCE)
    page.keyboard.press("ArrowDown")
    expect(row(page, numbered[2])).to_be_focused()


def test_what_is_said_of_two_films_at_once_is_noticed():
    look = {"list": "film_1.png", "heading": "film_2.png", "line": None, "stage": [1], "scores": []}
    assert films_told(look, {}) == {"list": 1, "heading": 2, "stage": 1}
    signatures = {"Mass 0.90": 2}
    look = {"list": "film_1.png", "heading": None, "line": None, "stage": [1, 2], "scores": ["Mass 0.90"]}
    assert films_told(look, signatures) == {"list": 1, "stage": -1, "scores": 2}
