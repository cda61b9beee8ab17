"""Films are read before their scores and maps are seen, judged behind that, and both by the keyboard alone."""

import sqlite3
import time
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from ensemble_cam import cli
from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import film_name, phantom_files
from ensemble_cam.readers.store import NAME
from support.browsing import PATIENCE, expect, needs_chromium, upload

pytestmark = needs_chromium

FILMS = 4


def phantom(seed: int) -> bytes:
    return phantom_files(draw_phantom(seed, size=300), 0)[film_name(0, "png")]


def rows(session: Path, statement: str) -> list[tuple]:
    with closing(sqlite3.connect(session / NAME)) as file:
        return file.execute(statement).fetchall()


def on_stage(page, name: str) -> None:
    expect(page.locator(".viewer .set")).to_contain_text(name, timeout=PATIENCE)
    expect(page.locator(".verdict #seen")).to_be_visible(timeout=PATIENCE)


def revealed(page) -> None:
    expect(page.locator(".viewer .finding").first).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".verdict #agree")).to_be_visible(timeout=PATIENCE)


def said(page) -> str:
    return page.locator(".verdict").inner_text()


def test_films_are_read_by_the_keyboard_alone(read_first, session, tmp_path):
    page = read_first
    upload(page, *((f"film {number}.png", phantom(number)) for number in range(FILMS)))
    on_stage(page, "film 0.png")
    page.locator(".viewer .panel").first.focus()
    began = time.monotonic()
    for number in range(FILMS):
        on_stage(page, f"film {number}.png")
        page.keyboard.press("j")
        page.keyboard.press("q")  # in the middle of the view, as no pointer is on the film
        expect(page.locator(".verdict")).to_contain_text("Cardiomegaly", timeout=PATIENCE)
        expect(page.locator(".verdict #back")).to_be_enabled(timeout=PATIENCE)
        page.keyboard.press("4")
        expect(page.locator(".verdict #sure-4")).to_have_attribute("aria-pressed", "true", timeout=PATIENCE)
        page.keyboard.press("v")
        revealed(page)
        page.keyboard.press("f" if number % 2 else "y")
        chosen = page.locator('.finding[aria-current="true"]')
        expect(chosen).to_have_attribute("data-verdict", "disagree" if number % 2 else "agree", timeout=PATIENCE)
        page.keyboard.press("w")
        if number < FILMS - 1:
            expect(page.locator(".viewer .set")).not_to_contain_text(f"film {number}.png", timeout=PATIENCE)
    expect(page.locator(".verdict .progress")).to_have_text("4/4 · 2 disagreements", timeout=PATIENCE)
    print(f"{(time.monotonic() - began) / FILMS:.1f} seconds a film")

    reads = rows(session, "SELECT film, event, first_read, at FROM reads ORDER BY film, id")
    assert [event for _, event, *_ in reads] == FILMS * ["opened", "revealed", "done"]
    assert all(first == (event == "revealed") for _, event, first, _ in reads)
    assert all(one[3] < other[3] for one, other in pairwise(reads) if one[0] == other[0])
    marks = rows(session, "SELECT phase, finding, confidence, x FROM marks WHERE withdraws IS NULL AND confidence = 4")
    assert [mark[:3] for mark in marks] == FILMS * [("first", "Cardiomegaly", 4)]
    assert all(pytest.approx(mark[3], abs=2) == 150 for mark in marks)
    out = tmp_path / "out.csv"
    assert cli.main(["readers", "export", "--session", str(session), "--out", str(out)]) == 0  # while the app is open
    assert out.read_text().count('"marked"') >= FILMS


def test_first_read_is_locked_and_compared_with_the_networks(read_first, session):
    page = read_first
    upload(page, ("one.png", phantom_files(draw_phantom(3, findings=["Effusion"], size=300), 0)[film_name(0, "png")]))
    on_stage(page, "one.png")
    for label, at in (("Effusion", (60, 200)), ("Nodule", (120, 90))):
        page.locator(".verdict #seen").select_option(label)
        page.locator(".verdict #mark").click()
        box = page.locator(".viewer .panel canvas").first.bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2 + at[0] - 90, box["y"] + at[1])
        expect(page.locator(".verdict")).to_contain_text(label, timeout=PATIENCE)
        expect(page.locator(".panel svg.said text:not(.network)", has_text=label)).to_have_count(1, timeout=PATIENCE)
    page.get_by_role("button", name="Show scores and maps").click()
    revealed(page)
    text = said(page)
    assert "both: Effusion" in text
    assert "only you: Nodule" in text
    expect(page.locator(".panel svg.said text:not(.network)")).to_have_count(2)

    page.locator(".viewer .panel").first.focus()
    page.keyboard.press("Backspace")  # there is nothing to take back any more
    page.keyboard.press("y")
    expect(page.locator(".finding[data-verdict=agree]")).to_have_count(1, timeout=PATIENCE)
    page.keyboard.press("u")  # a change is a new row
    expect(page.locator(".finding[data-verdict=unsure]")).to_have_count(1, timeout=PATIENCE)
    assert rows(session, "SELECT count(*) FROM marks") == [(2,)]
    assert rows(session, "SELECT verdict FROM verdicts ORDER BY id") == [("agree",), ("unsure",)]

    page.locator(".verdict summary").click()
    page.locator(".verdict #seen").select_option("Mass")
    page.locator(".verdict #named").click()
    note = page.locator(".verdict #note")
    note.fill("behind the heart")
    note.press("Enter")
    note.press("Tab")
    expect(page.locator(".verdict")).to_contain_text("Mass (no place)", timeout=PATIENCE)
    page.reload()  # and on as before
    expect(page.locator('.finding[data-verdict="unsure"]')).to_have_count(1, timeout=PATIENCE)
    expect(page.locator(".panel svg.said text:not(.network)")).to_have_count(2, timeout=PATIENCE)
    assert rows(session, "SELECT phase, finding FROM marks ORDER BY id DESC LIMIT 1") == [("after", "Mass")]
    assert rows(session, "SELECT text FROM notes") == [("behind the heart",)]
    assert rows(session, "SELECT event FROM reads ORDER BY id") == [("opened",), ("revealed",)]  # never unread again
