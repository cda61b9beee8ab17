"""The live viewer in the app, as its readers use it: every control, what is sent when, and what the exports say."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import film_name, phantom_files
from ensemble_cam.settings.vocabulary import COLORMAPS
from support import films
from support.browsing import expect, needs_chromium, pages_of, settled
from support.viewing import Live, coloured, on_screen

pytestmark = needs_chromium

DENSENET, RESNET, HEALTHCARE = "teaching-densenet", "teaching-resnet", "teaching-jfhealthcare"
IDS = [DENSENET, RESNET, HEALTHCARE, "ensemble"]
PHANTOM = phantom_files(draw_phantom(3, size=512), 0)[film_name(0, "png")]
LANDSCAPE = films.film(480, 400, bits=12)


@pytest.fixture(scope="module")
def one_page(browser, server):
    """A page with a phantom under review, for all tests of single controls; the viewer outlives them all."""
    with pages_of(browser, server) as open_one:
        page = open_one()
        yield on_screen(page, PHANTOM)


@pytest.fixture
def viewer(one_page) -> Live:
    one_page.restore()
    return one_page


def opened(viewer: Live, details: str) -> None:
    viewer.one(details).evaluate("details => { details.open = true }")


def number(viewer: Live, name: str) -> float:
    return float(viewer.outputs()[name])


def in_step(viewer: Live) -> None:
    """All panels show the same part of the film in the same greys: without maps they are one picture."""
    viewer.press("o")
    first, *others = viewer.pictures().values()
    assert len(others) == 3
    assert coloured(first) == 0
    for other in others:
        assert_array_equal(other, first)
    viewer.press("o")


# Maps ---------------------------------------------------------------------------------------------------------------


def test_threshold_and_opacity_follow_the_sliders_by_mouse_and_by_key(viewer):
    before = viewer.pictures()
    for name in ("threshold", "opacity"):
        slider = viewer.one(f"#{name}")
        box = slider.bounding_box()
        with viewer.redrawn():
            viewer.page.mouse.click(box["x"] + 0.8 * box["width"], box["y"] + box["height"] / 2)
        assert 0.75 < number(viewer, name) < 0.85
        moved = number(viewer, name)
        viewer.press("ArrowLeft")
        assert_allclose(number(viewer, name), moved - float(slider.get_attribute("step")), atol=1e-9)
        after = viewer.pictures()
        assert all((after[id] != before[id]).any() for id in IDS)
        before = after
    threshold = viewer.outputs()["threshold"]
    expect(viewer.panel(RESNET).locator(".note")).to_contain_text(f"at or above {threshold}")
    expect(viewer.one(".bar")).to_have_attribute("aria-label", re.compile(f"drawn from {threshold}"))


@pytest.mark.parametrize(
    ("key", "name", "by"),
    [
        (".", "threshold", 0.02),
        (",", "threshold", -0.02),
        ("Shift+Period", "opacity", 0.05),
        ("Shift+Comma", "opacity", -0.05),
    ],
)
def test_threshold_and_opacity_follow_their_keys_wherever_the_focus_is(viewer, key, name, by):
    start = number(viewer, name)
    places = (viewer.panel(RESNET), viewer.one("#threshold"), viewer.one("#hide"), viewer.one(".finding").nth(1))
    for count, place in enumerate(places, start=1):
        place.focus()
        viewer.press(key)
        assert_allclose(number(viewer, name), start + count * by, atol=1e-9)
    viewer.page.locator("body").evaluate("() => document.activeElement.blur()")
    viewer.press(key)
    assert_allclose(number(viewer, name), start + 5 * by, atol=1e-9)


def test_maps_are_drawn_as_heatmap_as_contour_or_as_both_by_choice_and_by_key(viewer):
    def chosen() -> str:
        return viewer.one("#style input:checked").input_value()

    def contour(picture) -> int:
        return int((picture == 255).all(axis=2).sum())

    both = viewer.pictures()["ensemble"]
    seen = {}
    for style in ("heatmap", "contour", "both"):
        viewer.focus("ensemble")
        viewer.press("m")
        assert chosen() == style
        seen[style] = viewer.pictures()["ensemble"]
    assert_array_equal(seen["both"], both)
    assert coloured(seen["contour"]) == 0 < coloured(seen["heatmap"])
    assert contour(seen["heatmap"]) < contour(seen["contour"]) == contour(seen["both"])
    for style in ("contour", "heatmap"):
        viewer.click(f'#style input[value="{style}"]')
        assert_array_equal(viewer.pictures()["ensemble"], seen[style])
    viewer.press("ArrowDown")  # a radio has the focus
    assert chosen() == "contour"


def test_colours_change_in_every_panel_and_in_the_bar(viewer):
    before = viewer.pictures()
    expect(viewer.one("#colormap option")).to_have_count(len(COLORMAPS))
    viewer.choose("#colormap", "viridis")
    expect(viewer.one(".bar")).to_have_attribute("aria-label", re.compile("^viridis"))
    after = viewer.pictures()
    assert all((after[id] != before[id]).any() for id in IDS)
    viewer.one("#colormap").press("j")  # its list is worked by its own keys
    expect(viewer.one("#colormap")).to_have_value("jet")
    viewer.still()
    assert (viewer.pictures()["ensemble"] != after["ensemble"]).any()


def test_findings_are_chosen_by_click_and_by_the_keys_for_next_and_previous(viewer):
    names = viewer.one(".finding .label").all_inner_texts()
    seen = [viewer.pictures()["ensemble"]]
    for place in (1, 2):
        viewer.one(".finding").nth(place).click()
        expect(viewer.one(".title")).to_contain_text(names[place])
        viewer.still()
        seen.append(viewer.pictures()["ensemble"])
        expect(viewer.canvas("ensemble")).to_have_attribute("aria-label", re.compile(f"^{names[place]}: map of Ens"))
    for key, place in (("k", 1), ("k", 0), ("j", 1), ("j", 2)):
        viewer.press(key)
        expect(viewer.one('.finding[aria-current="true"] .label')).to_have_text(names[place])
        assert_array_equal(viewer.pictures()["ensemble"], seen[place])
    assert (seen[0] != seen[1]).any()
    assert len(names) == 8
    last = viewer.one(".finding").nth(len(names) - 1)
    last.focus()
    viewer.press("Enter")
    expect(last).to_have_attribute("aria-current", "true")
    before = viewer.drawn()
    viewer.page.keyboard.press("j")  # there is none behind it
    viewer.still()
    assert viewer.drawn() == before


@pytest.mark.parametrize("place", ["panel", "slider", "page"])
def test_space_held_shows_the_film_alone_and_let_go_the_maps_again(viewer, place):
    before = viewer.pictures()
    assert all(coloured(picture) for picture in before.values())
    if place == "page":
        viewer.page.evaluate("document.activeElement.blur()")
    else:
        viewer.one({"panel": f'.panel[data-panel="{RESNET}"]', "slider": "#opacity"}[place]).focus()
    with viewer.redrawn():
        viewer.page.keyboard.down("Space")
    held = viewer.pictures()
    assert [coloured(picture) for picture in held.values()] == [0, 0, 0, 0]
    viewer.page.keyboard.down("Space")  # it repeats
    with viewer.redrawn():
        viewer.page.keyboard.up("Space")
    after = viewer.pictures()
    assert all((after[id] == before[id]).all() for id in IDS)


def test_o_and_its_button_hide_the_maps_and_show_them_again(viewer):
    before = viewer.pictures()
    for act in (lambda: viewer.press("o"), lambda: viewer.click("#hide")):
        act()
        expect(viewer.one("#hide")).to_have_attribute("aria-pressed", "true")
        assert not any(map(coloured, viewer.pictures().values()))
        act()
        expect(viewer.one("#hide")).to_have_attribute("aria-pressed", "false")
        assert all((picture == before[id]).all() for id, picture in viewer.pictures().items())


def test_ensemble_weights_change_its_picture_score_and_the_list_at_once(viewer):
    opened(viewer, ".weights")
    before, row = viewer.pictures(), viewer.one(".finding").nth(1)
    viewer.finding(2)
    scores = dict(re.findall(r"Teaching (\w+)[^,]*? (\d\.\d\d)", row.get_attribute("title")))
    for id in (RESNET, HEALTHCARE):
        viewer.choose(f"#weight-{id}", "0")
    after = viewer.pictures()
    assert_array_equal(after["ensemble"], after[DENSENET])
    expect(viewer.one(".behind")).to_contain_text("ensemble of Teaching DenseNet alone")
    expect(viewer.panel("ensemble").locator(".caption")).to_have_text(f"Ensemble · {scores['DenseNet']}")
    expect(row.locator(".score")).to_have_text(scores["DenseNet"])
    viewer.choose(f"#weight-{DENSENET}", "0")
    expect(viewer.panel("ensemble").locator(".note")).to_contain_text("no classifier with a weight above 0")
    assert coloured(viewer.pictures()["ensemble"]) == 0
    expect(row.locator(".badge")).to_have_text("no weight")
    slider = viewer.one(f"#weight-{HEALTHCARE}")
    slider.focus()
    viewer.press("ArrowRight")
    expect(slider).to_have_value("0.05")
    assert_array_equal(viewer.pictures()["ensemble"], viewer.pictures()[HEALTHCARE])
    for id in (DENSENET, RESNET, HEALTHCARE):
        viewer.choose(f"#weight-{id}", "1")
    viewer.finding(1)
    assert_array_equal(viewer.pictures()["ensemble"], before["ensemble"])


# Panels and view ----------------------------------------------------------------------------------------------------


def test_one_panel_large_or_all_side_by_side_by_key_and_by_button(viewer):
    assert viewer.ids() == IDS
    small = viewer.canvas(RESNET).bounding_box()
    viewer.focus(RESNET)
    viewer.press("l")
    assert viewer.ids() == [RESNET]
    assert viewer.canvas(RESNET).bounding_box()["height"] > 1.5 * small["height"]
    expect(viewer.panel(RESNET)).to_be_focused()  # so that the arrows go on
    viewer.press("l")
    assert viewer.ids() == IDS
    expect(viewer.panel(RESNET)).to_be_focused()
    viewer.click("#large")
    assert viewer.ids() == ["ensemble"]
    expect(viewer.one("#large")).to_have_attribute("aria-pressed", "true")
    viewer.click("#large")
    assert viewer.ids() == IDS
    in_step(viewer)


def test_the_wheel_zooms_at_the_pointer(viewer):
    at = (0.4, 0.35)
    before, point = viewer.scale(DENSENET), viewer.point_at(DENSENET, *at)
    for _ in range(6):
        with viewer.redrawn():
            viewer.page.mouse.wheel(0, -100)
    assert_allclose(viewer.point_at(DENSENET, *at), point, atol=1)
    assert viewer.scale(DENSENET) > 3 * before
    in_step(viewer)
    viewer.point_at(HEALTHCARE, *at)
    for _ in range(6):
        with viewer.redrawn():
            viewer.page.mouse.wheel(0, 100)
    assert_allclose(viewer.point_at(HEALTHCARE, *at), point, atol=2)
    assert_allclose(viewer.scale(DENSENET), before, rtol=0.05)


def test_plus_minus_and_x_zoom_by_key_and_by_button(viewer):
    viewer.focus("ensemble")
    viewer.press("x")
    assert viewer.scale("ensemble") == 1
    point = viewer.point_at("ensemble")
    for closer, farther in (("+", "-"), ("=", "_")):
        viewer.press(closer, closer)
        assert_allclose(viewer.scale("ensemble"), 1.25**2, rtol=0.03)
        viewer.press(farther, farther)
        assert_allclose(viewer.scale("ensemble"), 1, rtol=0.01)
    viewer.click("#closer")
    assert_allclose(viewer.scale("ensemble"), 1.25, rtol=0.03)
    viewer.click("#farther")
    viewer.click("#farther")
    assert_allclose(viewer.scale("ensemble"), 0.8, rtol=0.03)
    viewer.click("#actual")
    assert viewer.scale("ensemble") == 1
    assert_allclose(viewer.point_at("ensemble"), point, atol=1)
    in_step(viewer)


def test_the_film_is_moved_by_drag_and_by_arrows(viewer):
    viewer.focus(RESNET)
    viewer.press("x")
    page, start = viewer.page, viewer.point_at(RESNET)
    x, y = viewer.at(RESNET, 0.5, 0.5)
    page.mouse.down()
    with viewer.redrawn():
        page.mouse.move(x + 40, y - 25, steps=4)
    page.mouse.up()
    assert viewer.point_at(RESNET) == (start[0] - 40, start[1] + 25)
    expect(viewer.panel(RESNET)).to_be_focused()
    in_step(viewer)
    page.mouse.move(x + 90, y)  # not dragged any more
    size = viewer.canvas(RESNET).evaluate("canvas => [canvas.width, canvas.height]")
    for key, along, sign in (("ArrowRight", 0, 1), ("ArrowLeft", 0, -1), ("ArrowDown", 1, 1), ("ArrowUp", 1, -1)):
        before = viewer.point_at(RESNET)
        viewer.press(key)
        moved = np.subtract(viewer.point_at(RESNET), before)
        assert_allclose(moved[along], sign * 0.08 * size[along], atol=1)
        assert moved[1 - along] == 0
    in_step(viewer)


def test_window_follows_the_right_drag_its_sliders_and_shift_with_arrows(viewer):
    page = viewer.page
    before = viewer.pictures()[DENSENET]
    center, width = number(viewer, "center"), number(viewer, "width")
    x, y = viewer.at(DENSENET, 0.4, 0.6)
    point = viewer.point_at(DENSENET, 0.4, 0.6)
    page.mouse.down(button="right")
    with viewer.redrawn():
        page.mouse.move(x + 60, y - 80, steps=4)
    page.mouse.up(button="right")
    assert number(viewer, "width") > width  # to the right: wider
    assert number(viewer, "center") < center  # upwards: brighter
    assert viewer.point_at(DENSENET, 0.4, 0.6) == point  # nothing moved
    assert (viewer.pictures()[DENSENET] != before).any()
    in_step(viewer)
    viewer.press("0")
    assert_array_equal(viewer.pictures()[DENSENET], before)

    viewer.focus(RESNET)
    for key, name, sign in (
        ("Shift+ArrowRight", "width", 1),
        ("Shift+ArrowLeft", "width", -1),
        ("Shift+ArrowUp", "center", 1),
        ("Shift+ArrowDown", "center", -1),
    ):
        start = number(viewer, name)
        viewer.press(key)
        assert sign * (number(viewer, name) - start) > 1
    opened(viewer, ".window")
    viewer.choose("#center", "90")
    viewer.choose("#width", "40")
    assert viewer.outputs()["center"] == "90"
    assert viewer.outputs()["width"] == "40"
    # By the formula: 70 and all below it is black, 110 and all above it white.
    viewer.press("o")
    viewer.click("#actual")
    source = read_radiograph(PHANTOM).source
    x, y = viewer.point_at(DENSENET, 0, 0)
    picture = viewer.pictures()[DENSENET]
    film = source[y : y + picture.shape[0], x : x + picture.shape[1]].astype(float)
    expected = np.floor(np.clip((film - 70) / 40, 0, 1) * 255 + 0.5)
    assert np.abs(picture[: film.shape[0], : film.shape[1], 0] - expected).max() <= 1
    viewer.press("o")


def test_i_and_its_button_invert_the_film(viewer):
    viewer.press("o", "x")
    before = viewer.pictures()["ensemble"]
    viewer.press("i")
    expect(viewer.one("#invert")).to_have_attribute("aria-pressed", "true")
    x, y = viewer.point_at("ensemble", 0, 0)
    inside = slice(0, min(before.shape[0], 512 - y)), slice(0, min(before.shape[1], 512 - x))
    assert_array_equal(viewer.pictures()["ensemble"][inside], 255 - before[inside])
    viewer.click("#invert")
    expect(viewer.one("#invert")).to_have_attribute("aria-pressed", "false")
    assert_array_equal(viewer.pictures()["ensemble"], before)


@pytest.mark.parametrize("how", ["key", "double click", "button"])
def test_reset_shows_the_whole_film_in_its_own_window(viewer, how):
    before, outputs = viewer.pictures(), viewer.outputs()
    viewer.focus("ensemble")
    viewer.press("x", "ArrowRight", "Shift+ArrowRight", "i")
    assert viewer.outputs() != outputs
    with viewer.redrawn():
        if how == "key":
            viewer.page.keyboard.press("0")
        elif how == "button":
            viewer.one("#reset").click()
        else:
            viewer.page.mouse.dblclick(*viewer.at("ensemble", 0.5, 0.5))
    assert viewer.outputs() == outputs
    assert all((picture == before[id]).all() for id, picture in viewer.pictures().items())


def test_question_mark_shows_the_keys_and_escape_closes_them(viewer):
    keys = viewer.one("dialog")
    for act in (lambda: viewer.page.keyboard.press("?"), lambda: viewer.one("#help").click()):
        viewer.focus("ensemble")
        act()
        expect(keys).to_be_visible()
        expect(keys).to_contain_text("heatmap, contour, both")
        before = viewer.outputs()
        viewer.page.keyboard.press(".")  # other keys wait until it is closed
        viewer.page.keyboard.press("Escape")
        expect(keys).to_be_hidden()
        viewer.still()
        assert viewer.outputs() == before
    expect(viewer.one("#help")).to_be_focused()


def test_keys_typed_into_a_field_or_meant_for_the_browser_do_nothing_here(viewer):
    page, before = viewer.page, viewer.drawn()
    page.get_by_text("Findings and method").click()
    field = page.get_by_role("spinbutton", name="How many")
    field.focus()
    for key in ("i", "o", ".", "?"):
        page.keyboard.press(key)
    viewer.focus("ensemble")
    for key in ("Control+i", "Alt+o", "Meta+x", "r", "c"):  # the last two are Streamlit's own where it hears them
        page.keyboard.press(key)
    viewer.still()
    assert viewer.drawn() == before
    expect(viewer.one("dialog")).to_be_hidden()
    expect(page.get_by_role("dialog")).to_have_count(0)
    field.press("Escape")
    page.get_by_text("Findings and method").click()
    settled(page)


def test_what_is_under_the_pointer_is_read_out_as_the_review_has_it(viewer):
    x, y = viewer.point_at(RESNET, 0.55, 0.6)
    source = read_radiograph(PHANTOM).source
    told = viewer.readout()
    assert told.startswith(f"x {x} · y {y} · value {source[y, x]} · Teaching DenseNet ")
    assert re.search(r"Ensemble [01]\.\d\d$", told)
    viewer.page.mouse.move(5, 5)
    assert not viewer.readout().startswith("x ")


def test_the_films_name_and_the_colours_meaning_are_whole_however_much_is_opened_beside_them(viewer):
    before = {name: viewer.one(name).bounding_box()["height"] for name in (".set", ".legend")}
    for details in (".weights", ".window"):
        opened(viewer, details)
    viewer.page.set_viewport_size({"width": 1366, "height": 480})
    viewer.still()
    for name, height in before.items():
        box = viewer.one(name).bounding_box()
        assert box["height"] == height
        assert viewer.one(name).evaluate("e => e.scrollHeight <= e.clientHeight + 1")
    viewer.page.set_viewport_size({"width": 1366, "height": 768})
