"""One film on the stage: no two parts of the page are of two films, in a slow browser or with late messages."""

import re

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
        watch(page, film, numbered[: count + 1], found, signatures, seconds=3)
    assert found.differ == []
    assert found.downloads >= 3
    assert len(signatures) == 3  # the scores tell the films apart
    assert found.looks >= 10


def test_a_choice_that_arrives_after_a_newer_film_is_dropped(open_page, numbered):
    sockets, held, hold = [], [], []

    def keep_back(socket):
        server = socket.connect_to_server()
        sockets.append(server)

        def pass_on(message):
            if hold and HELD.search(message if isinstance(message, bytes) else message.encode()):
                held.append(message)
            else:
                server.send(message)

        socket.on_message(pass_on)

    page = open_page(lambda page: page.route_web_socket(re.compile("stream"), keep_back))
    without_phantom(page)
    start_watching(page)
    found, signatures = Findings(), {}
    first, second, third = numbered
    upload(page, [first, second])
    watch(page, first, numbered[:2], found, signatures, seconds=1)
    row(page, second).click()
    watch(page, second, numbered[:2], found, signatures, seconds=1)
    hold.append(True)
    row(page, first).click()
    page.wait_for_timeout(300)
    assert len(held) == 1  # the reader's choice is on its way, and the newer film comes before it
    expect(row(page, first)).to_have_attribute("aria-busy", "true")
    upload(page, [third])
    watch(page, third, numbered, found, signatures, seconds=1)
    hold.clear()
    sockets[-1].send(held[0])
    watch(page, third, numbered, found, signatures, seconds=3)
    expect(row(page, third)).to_be_checked()
    assert downloaded_film(page) == third.sha256
    assert found.differ == []
    row(page, first).click()  # and the list is not deaf now
    watch(page, first, numbered, found, signatures, seconds=1)
    assert found.differ == []


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
