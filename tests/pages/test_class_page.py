"""A class set in Chromium: answered with the hand, kept over a reload, taken as it stands when time is over."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from ensemble_cam.readers.class_answers import read_answers
from ensemble_cam.readers.classes import ClassSet, Difficulty
from support.browsing import PATIENCE, expect, needs_chromium, pages_of, settled
from support.viewing import Live

pytestmark = needs_chromium


@pytest.fixture
def open_class(browser, server):
    """A function that opens the page of classes, where it begins a set if one is given."""
    with pages_of(browser, server) as open_page:

        def open_one(of: ClassSet, name: str):
            page = open_page()
            page.get_by_role("link", name="Class", exact=True).click()
            page.get_by_label("Code").fill(of.code)
            page.get_by_label("Your name").fill(name)
            page.get_by_role("button", name="Begin").click()
            expect(page.get_by_text(f"Film 1 of {of.count}").first).to_be_visible(timeout=PATIENCE)
            settled(page)
            return page

        yield open_one


def serious(page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [(each["id"], each["nodes"][0]["html"][:150]) for each in found if each["impact"] in ("serious", "critical")]


def test_films_are_marked_with_a_click_kept_over_a_reload_and_saved_as_a_file(open_class, tmp_path):
    page = open_class(ClassSet(4711, 2, Difficulty.MEDIUM), "Ann")
    viewer = Live(page)
    page.get_by_role("button", name="Mass", exact=True).click()
    page.get_by_role("radiogroup", name="Mass: how sure").get_by_role("radio", name="80").click()
    settled(page)
    assert serious(page) == []
    box = viewer.one(".panel canvas").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(viewer.one(".truth text.mark")).to_have_text("Mass", timeout=PATIENCE)
    page.get_by_role("button", name="Answer", exact=True).click()
    expect(page.get_by_text("Film 2 of 2").first).to_be_visible(timeout=PATIENCE)
    settled(page)
    page.on("dialog", lambda dialog: dialog.accept())
    # From the first page: at another one's address Streamlit asks for its server below that first, and is not found.
    page.get_by_role("link", name="Review").click()
    expect(page.get_by_text("Open films").first).to_be_visible(timeout=PATIENCE)
    settled(page)
    page.reload()
    page.get_by_role("link", name="Class", exact=True).click()
    expect(page.get_by_text("Film 2 of 2").first).to_be_visible(timeout=PATIENCE)
    expect(viewer.one(".truth text.mark")).to_have_count(0)
    page.get_by_role("button", name="Answer: nothing").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the file to hand in").click()
    assert saved.value.suggested_filename == "answers_Ann.json"
    saved.value.save_as(tmp_path / "answers.json")
    answers = read_answers((tmp_path / "answers.json").read_bytes())
    assert [list(film.named) for film in answers.films] == [["Mass"], []]
    page.get_by_text("Make a set", exact=True).click()
    page.get_by_role("button", name="Make the code").click()
    expect(page.get_by_text("The code:")).to_be_visible(timeout=PATIENCE)
    assert serious(page) == []
    x, y = answers.films[0].named["Mass"].at
    assert abs(x - 320) < 8
    assert abs(y - 320) < 8


def test_a_film_whose_time_is_over_is_taken_as_it_stands(open_class):
    page = open_class(ClassSet(4712, 2, Difficulty.PLAIN, seconds=15), "Bea")
    expect(page.get_by_role("timer")).to_contain_text("left")
    page.get_by_role("button", name="Edema", exact=True).click()
    expect(page.get_by_text("Film 2 of 2").first).to_be_visible(timeout=PATIENCE)
