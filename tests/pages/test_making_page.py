"""The page that shows how a map is made, as its readers meet it, in Chromium."""

import re

import pytest

from support.browsing import PATIENCE, expect, needs_chromium, pages_of, pick, pictures, settled

pytestmark = needs_chromium

PICTURES = 11  # eight steps, and three to compare


@pytest.fixture
def open_making(browser, server):
    """A function that opens the page in a session of its own."""
    with pages_of(browser, server) as open_page:

        def open_one(**of_window):
            page = open_page(**of_window)
            page.get_by_role("link", name="How a map is made").click()
            shown(page, "Mass is explained")
            return page

        yield open_one


def shown(page, text: str) -> None:
    expect(page.get_by_text(text).first).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".stMain img")).to_have_count(PICTURES, timeout=PATIENCE)
    settled(page)


def test_each_step_stands_beside_its_formula_and_the_finding_changes_the_gradient(open_making):
    page = open_making()
    main = page.get_by_test_id("stMain")
    for title in ("The film", "Activation", "Gradients", "Channel weights", "Weighted sum", "ReLU", "Enlargement"):
        expect(main.get_by_text(re.compile(rf"^\d · {title}"))).to_be_visible()
    expect(main.get_by_text("The 24×24 cells")).to_be_visible()
    expect(main.locator(".katex-display")).to_have_count(PICTURES)
    expect(main.get_by_text("It is the same map for every finding").first).to_be_visible()
    before = pictures(page)
    pick(page, "Finding", "Effusion", seen="Effusion is explained")
    shown(page, "Effusion is explained")
    after = pictures(page)
    # The same film, as both are planted either way; its enlarged map is another one.
    assert after[0] == before[0]
    assert after[7] != before[7]


def test_it_fits_a_telephone(open_making):
    page = open_making(width=390, height=844, drawer=True)
    wide, inner = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= inner


def test_a_phantom_that_is_read_blind_is_not_given_away(open_making):
    page = open_making()
    page.get_by_role("link", name="Phantom lab").click()
    expect(page.get_by_role("button", name="Read a film blind")).to_be_visible(timeout=PATIENCE)
    settled(page)
    page.get_by_text("Read blind").first.click()
    settled(page)
    seed = page.get_by_role("spinbutton", name="Seed")
    seed.fill("77")
    page.keyboard.press("Enter")
    settled(page)
    page.get_by_role("button", name="Draw", exact=True).click()
    expect(page.get_by_role("button", name="Answer: nothing")).to_be_visible(timeout=PATIENCE)
    settled(page)
    page.get_by_role("link", name="How a map is made").click()
    shown(page, "Mass is explained")
    seed = page.get_by_role("spinbutton", name="Seed")
    seed.fill("77")
    page.keyboard.press("Enter")
    expect(page.get_by_text("being read blind in the lab")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".stMain img")).to_have_count(0)
