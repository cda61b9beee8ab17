"""*Trust this map?* and the page of all films, as readers meet them in Chromium."""

import re

from axe_playwright_python.sync_playwright import Axe

from support.browsing import PATIENCE, expect, needs_chromium, settled

pytestmark = needs_chromium


def serious(page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [(each["id"], each["nodes"][0]["html"][:150]) for each in found if each["impact"] in ("serious", "critical")]


def test_a_finding_is_measured_below_its_film_and_stands_among_all_films(open_page):
    page = open_page()
    panel = page.get_by_test_id("stExpander").filter(has_text="Trust this map?")
    expect(panel).to_be_visible(timeout=PATIENCE)
    settled(page)
    panel.locator("summary").click()
    panel.get_by_role("button", name=re.compile(r"Measure these \d maps")).click()
    table = panel.locator(".lab-table")
    expect(table).to_contain_text("Teaching JF Healthcare", timeout=PATIENCE)
    expect(panel.get_by_role("button", name="Cancel")).to_have_count(0, timeout=PATIENCE)
    settled(page)
    expect(panel.locator('img[alt^="Curve. Deletion"]')).to_be_visible()
    expect(panel.locator('img[alt^="Deleted"]')).to_be_visible()
    wide, inner = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= inner
    assert serious(page) == []
    said = table.locator("tr").nth(1).inner_text()
    page.get_by_role("link", name="Trust", exact=True).click()
    expect(page.get_by_role("heading", name="Trust")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".lab-table").last).to_contain_text(said.split("\t")[0].strip(), timeout=PATIENCE)
    settled(page)
    assert serious(page) == []
