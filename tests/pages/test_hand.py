"""The reader's hand on the film: measuring, magnifier, named windows, what is taken back, fingers."""

import base64
import re

import numpy as np
import pytest

from support import films
from support.browsing import expect, needs_chromium
from support.payloads import sent
from support.reviews import dotted, made_review
from support.viewing import Live, blank_page, coloured, decoded, place, show

pytestmark = needs_chromium

PIXELS = dotted(400, 400, 120, 150)


@pytest.fixture
def page(browser):
    with blank_page(browser, width=1366, height=768) as opened:
        yield opened


@pytest.fixture
def viewer(page) -> Live:
    return show(page, sent(made_review(PIXELS)), stage=True)


def in_dicom(**attributes) -> bytes:
    return films.dicom(PIXELS, PhotometricInterpretation="MONOCHROME2", **attributes)


def on_page(viewer: Live, x: float, y: float) -> tuple[float, float]:
    """Where a point of the film, in edge coordinates, lies on the page."""
    shown, box = place(viewer.page), viewer.one(".panel canvas").bounding_box()
    return box["x"] + x * shown["scale"] - shown["left"], box["y"] + y * shown["scale"] - shown["top"]


def click(viewer: Live, *points: tuple[float, float]) -> list[tuple[float, float]]:
    """Click at points of the film; return where the clicks, which are on whole pixels of the screen, were on it."""
    shown, box, clicked = place(viewer.page), viewer.one(".panel canvas").bounding_box(), []
    for x, y in points:
        at = [round(each) for each in on_page(viewer, x, y)]
        viewer.page.mouse.click(*at)
        clicked.append(
            ((at[0] - box["x"] + shown["left"]) / shown["scale"], (at[1] - box["y"] + shown["top"]) / shown["scale"])
        )
    return clicked


def said(viewer: Live) -> str:
    return viewer.one(".measured").inner_text()


def number(text: str, before: str = "") -> float:
    found = re.search(before + r"(\d+\.\d+)", text)
    assert found, text
    return float(found[1])


# Measuring -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "unit", "millimetres"),
    [
        ({}, r"px$", 1.0),
        ({"PixelSpacing": [0.2, 0.2]}, r"mm$", 0.2),
        ({"ImagerPixelSpacing": [0.2, 0.2]}, r"mm at the detector$", 0.2),
    ],
    ids=["undeclared", "calibrated", "detector"],
)
def test_a_distance_is_in_millimetres_where_the_file_declares_them(page, attributes, unit, millimetres):
    viewer = show(page, sent(made_review(in_dicom(**attributes))), stage=True)
    page.keyboard.press("t")
    expect(viewer.one("#distance")).to_have_attribute("aria-pressed", "true")
    expect(viewer.one(".measured")).to_have_text("Set one end.")
    (x0, y0), (x1, y1) = click(viewer, (100, 100), (220, 190))
    text = viewer.one(".marks text").text_content()
    assert re.search(unit, text), text
    assert abs(number(text, "1: ") - np.hypot(x1 - x0, y1 - y0) * millimetres) <= 0.051
    assert said(viewer) == f"{text} — Set one end."
    page.keyboard.press("Escape")
    assert said(viewer) == text


def test_a_mark_stays_at_its_place_of_the_film_when_that_is_zoomed_and_moved(viewer):
    viewer.page.keyboard.press("t")
    click(viewer, (100, 100), (200, 100))
    viewer.page.keyboard.press("t")
    viewer.press("+", "+")
    viewer.focus("ensemble")
    viewer.press("ArrowLeft")
    box, (circle, _) = viewer.one(".panel canvas").bounding_box(), viewer.one(".marks circle").all()
    x, y = on_page(viewer, 100, 100)
    assert abs(float(circle.get_attribute("cx")) - (x - box["x"])) <= 1
    assert abs(float(circle.get_attribute("cy")) - (y - box["y"])) <= 1
    viewer.press("l")
    assert viewer.one("svg.marks").count() == viewer.one(".panel").count() > 1
    assert viewer.one(".marks text").count() == viewer.one(".panel").count()


def test_an_angle_is_measured_by_keys_alone(viewer):
    keyboard = viewer.page.keyboard
    keyboard.press("a")
    keyboard.press("ArrowRight")  # from the film's middle
    keyboard.press("Enter")
    for _ in range(3):
        keyboard.press("Shift+ArrowLeft")
    keyboard.press("Enter")
    for _ in range(3):
        keyboard.press("Shift+ArrowRight")
        keyboard.press("Shift+ArrowUp")
    keyboard.press("Enter")
    assert said(viewer).startswith("1: 45.0° — ")
    keyboard.press("Escape")
    before = place(viewer.page)
    viewer.press("ArrowLeft")  # the film's again
    assert place(viewer.page) != before


def test_an_ellipse_says_mean_and_standard_deviation_of_the_stored_values(viewer):
    viewer.page.keyboard.press("s")
    (x0, y0), (x1, y1) = click(viewer, (90, 130), (170, 180))
    ys, xs = np.mgrid[0:400, 0:400] + 0.5
    a, b = abs(x1 - x0) / 2, abs(y1 - y0) / 2
    inside = ((xs - (x0 + x1) / 2) / a) ** 2 + ((ys - (y0 + y1) / 2) / b) ** 2 <= 1
    values = PIXELS[inside].astype(float)
    assert said(viewer).startswith(f"1: mean {values.mean():.1f} · SD {values.std():.1f} · {inside.sum()} px")
    assert values.std() > 1


@pytest.mark.parametrize(
    ("view", "remark"),
    [("PA", ""), ("AP", " · over-estimates (AP)"), (None, " · over-estimates (view unknown)")],
)
def test_the_cardiothoracic_ratio_says_where_it_over_estimates(page, view, remark):
    viewer = show(page, sent(made_review(in_dicom(**({} if view is None else {"ViewPosition": view})))), stage=True)
    page.keyboard.press("h")
    heart0, heart1, thorax0, thorax1 = click(viewer, (150, 200), (250, 220), (100, 240), (300, 200))
    expected = (heart1[0] - heart0[0]) / (thorax1[0] - thorax0[0])
    text = said(viewer).partition(" — ")[0]
    assert abs(number(text, "thorax ") - expected) <= 0.0051
    assert text.partition("thorax ")[2][4:] == remark


def test_another_film_begins_without_marks(viewer):
    viewer.page.keyboard.press("t")
    click(viewer, (100, 100), (200, 100))
    assert viewer.one(".marks text").count() == 1
    show(viewer.page, sent(made_review(dotted(300, 300, 100, 100))), stage=True)
    assert viewer.one(".marks text").count() == 0
    assert said(viewer) == ""
    viewer.page.keyboard.press("z")
    assert viewer.one(".marks text").count() == 0


# Back ----------------------------------------------------------------------------------------------------------------


def test_what_was_set_or_measured_last_is_taken_back_step_by_step(viewer):
    page = viewer.page
    viewer.press(".", ".", "i")
    page.keyboard.press("t")
    click(viewer, (100, 100), (200, 100))
    page.keyboard.press("t")
    viewer.one(".measure").evaluate("details => { details.open = true }")
    viewer.one("#clear").click()
    assert viewer.one(".marks text").count() == 0
    viewer.one("#undo").click()
    assert viewer.one(".marks text").count() == 1
    page.keyboard.press("z")
    assert viewer.one(".marks text").count() == 0
    assert viewer.outputs()["threshold"] == "0.44"
    viewer.press("z")
    assert viewer.one("#invert").get_attribute("aria-pressed") == "false"
    viewer.press("z")
    assert viewer.outputs()["threshold"] == "0.42"
    viewer.press("z")
    assert viewer.outputs()["threshold"] == "0.40"
    page.keyboard.press("z")  # nothing is left
    viewer.still()
    assert viewer.outputs()["threshold"] == "0.40"
    told = page.evaluate("window.told.filter(([name]) => name === 'committed').at(-1)[1]")
    assert told["threshold"] == 0.4
    assert told["inverted"] is False


# Magnifier and windows -----------------------------------------------------------------------------------------------


def test_the_magnifier_shows_what_is_under_the_pointer_closer(viewer):
    page = viewer.page
    viewer.press("o")  # without maps, greys alone
    page.keyboard.press("g")
    expect(viewer.one(".magnifier")).to_have_count(0)  # the pointer is nowhere
    page.mouse.move(*on_page(viewer, 120.5, 150.5))
    lens = viewer.one(".magnifier canvas")
    expect(lens).to_be_visible()
    picture = decoded(base64.b64decode(lens.evaluate("canvas => canvas.toDataURL()").partition(",")[2]))
    middle = len(picture) // 2
    bright = np.abs(picture[middle, :, 0].astype(int) - picture[middle, middle, 0]) <= 40
    around = 40 / 2 * place(page)["scale"] * 2.5  # the film falls by two levels a pixel
    assert picture[middle, middle, 0] == picture.max()
    assert abs(bright.sum() - 2 * around) <= 0.15 * 2 * around
    page.keyboard.press("g")
    expect(viewer.one(".magnifier")).to_have_count(0)


def test_named_windows_are_percentiles_of_the_films_own_values(viewer):
    viewer.one(".window").evaluate("details => { details.open = true }")
    assert viewer.one("#preset").input_value() == ""
    viewer.choose("#preset", "5 – 95 %")
    low, high = np.percentile(PIXELS, [5, 95], method="inverted_cdf")
    told = viewer.page.evaluate("window.told.filter(([name]) => name === 'committed').at(-1)[1]")
    assert told["window"] == {"center": (low + high) / 2, "width": high - low}
    assert high - low > 10
    viewer.focus("ensemble")
    viewer.press("Shift+ArrowUp")
    assert viewer.one("#preset").input_value() == "other"
    viewer.choose("#preset", "")
    assert viewer.page.evaluate("window.told.filter(([name]) => name === 'committed').at(-1)[1]")["window"] is None


# Fingers -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def touch(page):
    """Have fingers come down, move or leave at points of the page."""
    session = page.context.new_cdp_session(page)

    def send(kind: str, *points: tuple[float, float]) -> None:
        fingers = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    return send


def test_two_fingers_apart_zoom_and_two_along_set_the_window(viewer, touch):
    x, y = on_page(viewer, 200, 200)
    before = place(viewer.page)["scale"]
    with viewer.redrawn():
        touch("touchStart", (x - 40, y), (x + 40, y))
        touch("touchMove", (x - 60, y), (x + 60, y))
        touch("touchMove", (x - 80, y), (x + 80, y))
        touch("touchEnd")
    assert abs(place(viewer.page)["scale"] / before - 2) < 0.05
    assert viewer.page.evaluate("window.told.filter(([name]) => name === 'committed').every(([, t]) => !t.window)")

    before = place(viewer.page)
    with viewer.redrawn():
        touch("touchStart", (x - 40, y), (x + 40, y))
        touch("touchMove", (x, y), (x + 80, y))
        touch("touchMove", (x + 60, y), (x + 140, y))
        touch("touchEnd")
    assert place(viewer.page) == before
    told = viewer.page.evaluate("window.told.filter(([name]) => name === 'committed').at(-1)[1]")
    assert told["window"]["width"] > 0


def test_a_finger_that_rests_shows_the_film_alone(viewer, touch):
    x, y = on_page(viewer, 120, 150)
    (seen,) = viewer.pictures().values()
    assert coloured(seen)
    with viewer.redrawn():
        touch("touchStart", (x, y))
    (alone,) = viewer.pictures().values()
    assert not coloured(alone)
    with viewer.redrawn():
        touch("touchEnd")
    (again,) = viewer.pictures().values()
    assert coloured(again)
