"""What a reader has opened, set and said is found again: after a reload, a restart and a crash, and for each reader."""

import os
import re
import signal
from pathlib import Path

import pytest

from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import film_name, phantom_files
from ensemble_cam.readers.store import NAME
from support import films
from support.apps import NO_WAY_OUT, started
from support.browsing import PATIENCE, expect, needs_chromium, open_drawer, pages_of, reviewed, settled, upload

pytestmark = needs_chromium


def phantom(seed: int) -> bytes:
    return phantom_files(draw_phantom(seed, size=300), 0)[film_name(0, "png")]


def serving(folder: Path, *options: str):
    command = ["-m", "ensemble_cam.cli", "app", "--port", "{port}", "--no-browser", *options]
    return started(command, folder=folder, log=folder / "log", **NO_WAY_OUT)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("unkept")) as (address, _):
        yield address


def set_page(page) -> None:
    """Set something in the drawer and something in the viewer."""
    page.get_by_text("Read first", exact=True).click()
    settled(page)
    page.get_by_role("button", name="Show scores and maps").click()
    reviewed(page)
    settled(page)
    slider = page.locator(".viewer #threshold")
    slider.focus()
    slider.press("PageUp")
    settled(page)


def told(page) -> tuple[str | None, bool, list[str]]:
    """The threshold, whether Read first is on, and the films of the list with the one on the stage first."""
    open_drawer(page)
    names = page.locator(".films .name")
    shown = page.locator('.films [aria-checked="true"] .name').inner_text()
    threshold = page.locator(".viewer #threshold").input_value()
    return threshold, page.get_by_role("switch", name="Read first").is_checked(), [shown, *names.all_inner_texts()]


def leave_by(page, leave) -> list[str]:
    """Do what leaves a page, agree to whatever is asked, and return that."""
    asked = []

    def agree(dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.once("dialog", agree)
    leave()
    return asked


def test_reload_in_the_same_tab_finds_films_and_settings_and_asks_before(open_page):
    page = open_page()
    expect(page.locator(".kept")).to_have_text("not kept")
    upload(page, ("one.png", phantom(1)), ("two.png", phantom(2)))
    reviewed(page)
    page.locator(".films .name", has_text="two.png").click()
    reviewed(page)
    set_page(page)
    before = told(page)
    assert before[2][0] == "two.png"
    address = page.url

    assert leave_by(page, page.reload) == ["beforeunload"]

    expect(page.locator('.films [aria-checked="true"] .name')).to_have_text("two.png", timeout=PATIENCE)
    expect(page.locator(".viewer #threshold")).to_have_value(before[0], timeout=PATIENCE)
    settled(page)
    assert told(page) == before
    token = page.evaluate("sessionStorage.getItem('ensemble-cam tab')")
    assert re.fullmatch("[0-9a-f]{32}", token)
    assert page.url == address
    assert token not in page.url


def test_page_without_films_of_ones_own_is_left_without_a_question(open_page):
    page = open_page()
    reviewed(page)
    assert leave_by(page, page.reload) == []


def test_tab_that_is_duplicated_begins_anew(open_page):
    page = open_page()
    upload(page, ("one.png", phantom(1)))
    reviewed(page)
    token = page.evaluate("sessionStorage.getItem('ensemble-cam tab')")

    def duplicate(copy) -> None:
        copy.add_init_script(
            f"sessionStorage.getItem('ensemble-cam tab') ?? sessionStorage.setItem('ensemble-cam tab', '{token}')"
        )

    copy = open_page(duplicate)
    expect(copy.locator(".viewer .set")).to_contain_text("Phantom", timeout=PATIENCE)
    for _ in range(100):  # the page's policy forbids waiting by a function
        if copy.evaluate("sessionStorage.getItem('ensemble-cam tab')") != token:
            break
        copy.wait_for_timeout(100)
    assert copy.evaluate("sessionStorage.getItem('ensemble-cam tab')") != token
    settled(copy)
    expect(copy.get_by_text("one.png")).to_have_count(0)
    expect(page.locator(".viewer .set")).to_contain_text("one.png")


def test_without_a_session_nothing_is_written(tmp_path, browser):
    with serving(tmp_path) as (address, _), pages_of(browser, address) as open_one:
        page = open_one()
        upload(page, ("one.png", phantom(1)))
        reviewed(page)
        expect(page.locator(".kept")).to_have_text("not kept")
        written = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert not [name for name in written if NAME in name]


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["restart", "kill"])
def test_next_start_finds_films_settings_and_place(end, tmp_path, browser):
    session = tmp_path / "session"
    header = {"PatientName": films.IDENTITY[0], "PatientID": films.IDENTITY[1]}
    dicom = films.dicom(films.film(300, 260, bits=12), **header)
    with (
        serving(tmp_path, "--session", str(session)) as (address, process),
        pages_of(browser, address, until_it_ends=True) as open_one,
    ):
        page = open_one()
        expect(page.locator(".kept")).to_have_text("kept · Reader", timeout=PATIENCE)
        upload(page, ("one.png", phantom(1)), ("two.png", phantom(2)), ("secret_name.dcm", dicom))
        reviewed(page)
        page.locator(".films .name", has_text="two.png").click()
        reviewed(page)
        set_page(page)
        before = told(page)
        expect(page.locator(".films .name", has_text="secret_name.dcm")).to_be_visible()
        os.killpg(process.pid, end)
        process.wait(60)
    kept = b"".join(path.read_bytes() for path in session.iterdir())
    assert not any(identity.encode() in kept for identity in (*films.IDENTITY, "secret_name"))

    with serving(tmp_path, "--session", str(session)) as (address, _), pages_of(browser, address) as open_one:
        page = open_one()
        expect(page.locator('.films [aria-checked="true"] .name')).to_have_text("Film 2", timeout=PATIENCE)
        reviewed(page)
        threshold, read_first, names = told(page)
        assert (threshold, read_first) == before[:2]
        assert names == ["Film 2", "Film 1", "Film 2", "Film 3"]
        assert leave_by(page, page.reload) == []


def test_two_readers_have_their_own_place_and_settings(tmp_path, browser):
    with (
        serving(tmp_path, "--session", str(tmp_path / "session")) as (address, _),
        pages_of(browser, address) as open_one,
    ):
        page = open_one()
        upload(page, ("one.png", phantom(1)), ("two.png", phantom(2)))
        reviewed(page)
        read_as(page, "Dr. B")
        page.locator(".films .name", has_text="two.png").click()
        reviewed(page)
        set_page(page)
        of_b = told(page)
        read_as(page, "Reader", there=True)
        reviewed(page)
        assert told(page)[2][0] == "one.png"
        assert not told(page)[1]
        read_as(page, "Dr. B", there=True)
        reviewed(page)
        assert told(page) == of_b


def read_as(page, name: str, *, there: bool = False) -> None:
    open_drawer(page)
    box = page.get_by_role("combobox", name="Reader")
    box.click()
    box.fill(name)
    if there:
        page.get_by_role("option", name=name, exact=True).click()
    else:
        page.keyboard.press("Enter")
    expect(page.locator(".kept")).to_have_text(f"kept · {name}", timeout=PATIENCE)
    settled(page)
