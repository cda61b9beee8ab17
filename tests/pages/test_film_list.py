"""The list of films: what it tells of each, its orders, its keys, and forty films that push nothing away."""

import numpy as np
import pytest

from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import film_name, phantom_files
from support import films
from support.browsing import PATIENCE, expect, needs_chromium, pages_of, settled, upload
from support.viewing import Live

pytestmark = needs_chromium

PLAIN = phantom_files(draw_phantom(3, size=512), 0)[film_name(0, "png")]
HARD = phantom_files(draw_phantom(14, size=512, difficulty=0.9), 0)[film_name(0, "png")]
NAMES = ["secret_plain.png", "secret_hard.png", "secret_patient.png", "secret_broken.png"]
_TOLD = """rows => rows.map((row) => ({
  name: row.querySelector(".name").textContent,
  state: row.querySelector(".state").textContent,
  split: Boolean(row.querySelector(".split")),
}))"""


@pytest.fixture(scope="module")
def page(browser, server):
    """A page with the phantom that it opens with and four films, each of which has been on the stage."""
    with pages_of(browser, server) as open_one:
        page = open_one()
        expect(Live(page).one(".thumb").first).to_be_visible(timeout=PATIENCE)
        data = [PLAIN, HARD, films.png(films.film(400, 400, seed=1)), PLAIN[:2000]]
        upload(page, *zip(NAMES, data, strict=True))
        for name in NAMES:
            expect(row(page, name)).to_have_count(1, timeout=PATIENCE)
        for name in NAMES[:3]:
            settled(page)
            row(page, name).click()
            expect(row(page, name)).to_be_checked(timeout=PATIENCE)
            expect(row(page, name).locator(".state")).not_to_have_text("not reviewed yet", timeout=PATIENCE)
        yield page


def row(page, name: str):
    return page.get_by_role("radio", name=name)


def told(page) -> dict[str, dict]:
    settled(page)
    return {each["name"]: each for each in page.locator(".films [role=radio]").evaluate_all(_TOLD)}


def order(page, by: str) -> list[str]:
    page.get_by_role("combobox", name="Order of the films").select_option(by)
    return list(told(page))


def shown(page, name: str) -> None:
    expect(page.locator(".viewer .set")).to_contain_text(name, timeout=PATIENCE)
    expect(row(page, name)).to_be_checked(timeout=PATIENCE)
    settled(page)


def test_each_film_has_its_picture_and_says_how_far_it_is_and_what_is_called_and_split(page):
    said = told(page)
    assert len(said) == 5
    assert said["secret_patient.png"]["state"] == "scores mean nothing"
    assert said["secret_broken.png"]["state"] == "cannot be read"
    row(page, "secret_plain.png").click()
    shown(page, "secret_plain.png")
    viewer = Live(page)
    for name in ("secret_plain.png", "secret_hard.png"):
        row(page, name).click()
        shown(page, name)
        expect(viewer.one(".thumb").first).to_be_visible(timeout=PATIENCE)
        rows = viewer.one(".finding").evaluate_all(
            """rows => rows.map((row) => [row.querySelector(".label").textContent,
              row.querySelector(".badge").textContent, row.querySelector(".agree").classList.contains("split")])"""
        )
        on_screen = {label for label, call, _ in rows if call == "called"}
        split = {label for label, _, split in rows if split}
        state = said[name]["state"]
        assert said[name]["split"] == bool(split)
        assert all(label in state for label in on_screen | split)
        assert ("nothing called" in state) == (not on_screen)
    sizes = page.locator(".films img").evaluate_all("all => all.map((img) => [img.naturalWidth, img.naturalHeight])")
    assert sizes == [[56, 56]] * 4  # all but the one that is broken
    assert len(set(page.locator(".films img").evaluate_all("all => all.map((img) => img.src)"))) == 4


def test_films_are_ordered_as_opened_by_split_by_distance_and_by_overlap(page):
    opened = order(page, "opened")
    assert opened[1:] == NAMES
    said = told(page)
    known = [name for name, each in said.items() if "called" in each["state"]]
    assert len(known) == 3
    for by in ("split", "distance", "overlap"):
        ordered = order(page, by)
        assert set(ordered) == set(opened)
        assert not set(ordered[-2:]) & set(known)  # of which nothing is known
    split = [said[name]["split"] for name in order(page, "split")]
    assert any(split)
    assert split == sorted(split, reverse=True)
    assert order(page, "distance")[0] == "secret_hard.png"
    assert order(page, "overlap") != order(page, "opened")
    assert order(page, "opened") == opened


def test_films_can_be_listed_by_what_is_known_of_them_and_the_one_on_the_stage_stays(page):
    row(page, "secret_patient.png").click()
    shown(page, "secret_patient.png")
    said = told(page)
    which = page.get_by_role("combobox", name="Which films are listed")
    for value, expected in {
        "split": [name for name, each in said.items() if each["split"]],
        "called": [name for name, each in said.items() if "called: " in each["state"]],
        "apart": [],
        "todo": list(said),
    }.items():
        which.select_option(value)
        wanted = {*expected, "secret_patient.png"}
        assert set(told(page)) == wanted, value
        expect(page.locator("p.progress")).to_contain_text(f"{len(wanted)} of 5 listed")
    which.select_option("apart")  # one film is listed, and the choice is still there
    expect(which).to_be_visible()
    which.select_option("all")
    assert list(told(page)) == list(said)
    expect(page.locator("p.progress")).not_to_contain_text("listed")
    order(page, "opened")


def test_n_and_p_go_to_the_next_and_the_previous_film_in_the_order_of_the_list(page):
    viewer = Live(page)
    row(page, "secret_plain.png").click()
    shown(page, "secret_plain.png")
    viewer.box.focus()
    page.keyboard.press("n")
    shown(page, "secret_hard.png")
    page.keyboard.press("n")
    shown(page, "secret_patient.png")
    expect(viewer.one(".whose")).to_contain_text("Film 4 of 5")
    page.keyboard.press("p")
    shown(page, "secret_hard.png")
    ordered = order(page, "distance")
    assert ordered[0] == "secret_hard.png"
    expect(viewer.one(".whose")).to_contain_text("Film 1 of 5")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("p")  # there is none before it
    page.keyboard.press("n")
    shown(page, ordered[1])
    order(page, "opened")


def test_nothing_is_told_of_a_film_that_is_to_be_read_first(page):
    page.get_by_text("Read first").click()
    expect(row(page, "secret_plain.png").locator(".state")).to_have_text("read first", timeout=PATIENCE)
    assert {each["state"] for each in told(page).values()} == {"read first", "cannot be read"}
    page.get_by_text("Read first", exact=True).first.click()
    expect(row(page, "secret_patient.png").locator(".state")).to_have_text("scores mean nothing", timeout=PATIENCE)


def test_forty_films_push_nothing_away(open_page):
    page = open_page()
    viewer = Live(page)
    expect(viewer.one(".thumb").first).to_be_visible(timeout=PATIENCE)
    settled(page)
    upload(page, ("secret_0.png", films.png(films.film(200, 200, seed=1))))
    expect(viewer.one(".set")).to_contain_text("secret_0.png", timeout=PATIENCE)
    settled(page)
    box = viewer.one(".panel canvas").bounding_box()
    more = [(f"secret_{n}.png", films.png(np.full((64, 64), 40 + n, np.uint8))) for n in range(1, 39)]
    expect(page.get_by_test_id("stFileUploaderDropzoneInput")).to_have_count(1)  # the one before has gone
    upload(page, *more)
    expect(page.get_by_role("radio")).not_to_have_count(0)
    expect(page.locator(".films [role=radio]")).to_have_count(40, timeout=PATIENCE)
    expect(viewer.one(".whose")).to_contain_text("Film 3 of 40", timeout=PATIENCE)
    settled(page)
    viewer.still()
    assert viewer.one(".panel canvas").bounding_box() == box
    listed = page.locator(".films").bounding_box()
    assert listed["height"] <= 280
    expect(page.get_by_text("Read first")).to_be_in_viewport(ratio=1)
    expect(page.locator(".films [role=radio]").last).not_to_be_in_viewport()
    page.locator(".films [role=radio]").last.click()
    expect(viewer.one(".whose")).to_contain_text("Film 40 of 40", timeout=PATIENCE)
