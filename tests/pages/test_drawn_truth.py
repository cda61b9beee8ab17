"""A reader draws around a finding, in Chromium: it is kept, stays on the film, and stands beside each network's map."""

import json
import sqlite3
from contextlib import closing

import pytest

from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import film_name, phantom_files
from ensemble_cam.readers.store import NAME
from support.browsing import PATIENCE, expect, needs_chromium, settled, upload

pytestmark = needs_chromium

SIDE = 300


def stroke(page, *shares: tuple[float, float]) -> None:
    """Press, draw along these places, shares of the film, and let go."""
    box = page.locator(".panel canvas").first.bounding_box()
    side = min(box["width"], box["height"])
    left, top = box["x"] + (box["width"] - side) / 2, box["y"] + (box["height"] - side) / 2
    places = [(left + x * side, top + y * side) for x, y in shares]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()


def test_boxes_and_outlines_are_drawn_kept_taken_back_and_stand_beside_the_maps(read_first, session):
    page = read_first
    film = phantom_files(draw_phantom(5, findings=["Effusion"], size=SIDE, difficulty=0.1), 0)[film_name(0, "png")]
    upload(page, ("film.png", film))
    expect(page.locator(".viewer .set")).to_contain_text("film.png", timeout=PATIENCE)
    verdict, shapes = page.locator(".verdict"), page.locator("svg.said polygon:not(.rim):not(.network)")
    expect(verdict.locator("#seen")).to_be_visible(timeout=PATIENCE)
    verdict.locator("#seen").select_option("Effusion")
    verdict.locator("#draw-box").click()
    expect(verdict.locator("#draw-box")).to_have_attribute("aria-pressed", "true")
    stroke(page, (0.2, 0.6), (0.4, 0.8))
    expect(shapes).to_have_count(1, timeout=PATIENCE)
    expect(verdict.locator("#draw-box")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("svg.said circle.first")).to_have_count(1)  # who draws around it has seen it
    verdict.locator("#draw-outline").click()
    stroke(page, (0.6, 0.6), (0.8, 0.6), (0.8, 0.8), (0.6, 0.8))
    expect(shapes).to_have_count(2, timeout=PATIENCE)
    verdict.locator("#undraw").click()
    expect(shapes).to_have_count(1, timeout=PATIENCE)
    # By keys alone: from the middle of the film, ten pixels a step with Shift.
    settled(page)
    verdict.locator("#draw-box").press("Enter")
    right, down, left = (f"Shift+Arrow{way}" for way in ("Right", "Down", "Left"))
    for key in ("Enter", right, right, right, "Backspace", "Enter", down, down, down, "ArrowUp"):
        page.keyboard.press(key)
    expect(shapes).to_have_count(2)  # the kept one, and what is begun
    for key in (*[left] * 6, "Enter"):
        page.keyboard.press(key)
    expect(verdict.locator("#draw-box")).to_have_attribute("aria-pressed", "false", timeout=PATIENCE)
    expect(shapes).to_have_count(2, timeout=PATIENCE)
    settled(page)
    verdict.locator("#draw-outline").press("Enter")
    for key in ("Enter", right, "Enter", down, "Enter", "Enter"):
        page.keyboard.press(key)
    expect(shapes).to_have_count(3, timeout=PATIENCE)
    page.locator(".viewer .panel").first.focus()
    page.keyboard.press("v")
    expect(page.locator(".verdict #agree")).to_be_visible(timeout=PATIENCE)
    drawn = page.locator("svg.said").first.locator("polygon")
    expect(drawn.and_(page.locator(".first"))).to_have_count(3, timeout=PATIENCE)
    networks = drawn.and_(page.locator(".network"))
    expect(networks.nth(2)).to_be_attached()  # each network calls it, in a region or more
    assert len(set(networks.evaluate_all("all => all.map((each) => each.style.stroke)"))) == 3
    expect(page.locator("svg.said text.network").first).to_have_text("Effusion · both")
    page.keyboard.press("o")  # they go with the maps
    expect(networks).to_have_count(0)
    page.keyboard.press("o")
    expect(networks.nth(2)).to_be_attached()
    verdict.locator("#outlines").click()
    expect(networks).to_have_count(0)
    table = page.locator(".lab-table", has_text="Dice")
    expect(table).to_contain_text("Effusion · Ensemble", timeout=PATIENCE)
    expect(verdict).to_contain_text("both: Effusion")
    expect(page.get_by_text("Beside what you drew")).to_be_attached()
    settled(page)
    with closing(sqlite3.connect(session / NAME)) as file:
        rows = file.execute("SELECT phase, finding, kind, points, withdraws FROM shapes ORDER BY id").fetchall()
        judged = file.execute("SELECT network, shapes FROM judgements WHERE finding = 'Effusion'").fetchall()
    assert [(phase, finding, kind) for phase, finding, kind, *_ in rows] == [
        ("first", "Effusion", "box"),
        ("first", "Effusion", "outline"),
        ("first", "Effusion", "outline"),
        ("first", "Effusion", "box"),
        ("first", "Effusion", "outline"),
    ]
    assert json.loads(rows[3][3]) == [[120, 150], [180, 179]]
    assert json.loads(rows[4][3]) == [[150, 150], [160, 150], [160, 160]]
    assert rows[2][4] == 2
    assert {shapes for _, shapes in judged} == {"1,4,5"}
    assert len(judged) == 4  # three networks and the ensemble
    (x0, y0), (x1, y1) = json.loads(rows[0][3])
    assert (x0, y0, x1, y1) == pytest.approx((0.2 * SIDE, 0.6 * SIDE, 0.4 * SIDE, 0.8 * SIDE), abs=3)
    assert len(json.loads(rows[1][3])) > 10
