"""One film large: how much of the screen it takes, what is swapped in its place, what stands in its corners."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import film_name, phantom_files
from ensemble_cam.purpose import MEANINGLESS_LINE
from ensemble_cam.rendering.colours import colour_table
from ensemble_cam.reviewing import sentences
from ensemble_cam.ui.viewer.payload import Words
from support import films
from support.browsing import PATIENCE, SHOW_ANYWAY, expect, needs_chromium, pages_of, settled, upload
from support.networks import Brightness, bright_classifier
from support.payloads import sent
from support.reviews import dotted, made_review
from support.viewing import Live, blank_page, close, coloured, decoded, greys_of, looked_at, place, show, told

pytestmark = needs_chromium

PHANTOM = phantom_files(draw_phantom(3, size=512), 0)[film_name(0, "png")]
BRIGHT = films.png(np.full((600, 600), 120, np.uint8))  # no pixel of it is as black as the screen beside it
IDS = ["film", "fine", "coarse", "ensemble", "disagreement"]
SIZES = {(1366, 768): 0.46, (1920, 1080): 0.50}
BIG_NAME = "secret_" + "long name " * 40 + ".png"


@pytest.fixture
def page(browser):
    with blank_page(browser, width=1366, height=768) as opened:
        yield opened


@pytest.fixture
def viewer(page) -> Live:
    return show(page, sent(two_apart()), stage=True)


class Turned(Brightness):
    """Answers where the film would be brightest if it were turned round."""

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        return super().__call__(pixels)[..., ::-1, ::-1].copy()


def two_apart():
    """A review by two networks that look at different places, both of which know Mass."""
    networks = [
        bright_classifier("fine", logits={"Mass": 1.0, "Effusion": 0.4}, cells=16),
        bright_classifier("coarse", logits={"Mass": -0.5, "Effusion": 0.3}, cells=7, backbone=Turned(7)),
    ]
    return made_review(dotted(400, 400, 120, 150), classifiers=networks)


def large(viewer: Live) -> np.ndarray:
    (picture,) = viewer.pictures().values()
    return picture


def thumb(viewer: Live, id: str):
    return viewer.one(f'.thumb[data-of="{id}"]')


def small(viewer: Live) -> dict[str, np.ndarray]:
    """Each picture of the strip."""
    import base64

    found = viewer.one(".thumb").evaluate_all(
        'all => all.map((each) => [each.dataset.of, each.querySelector("canvas").toDataURL()])'
    )
    return {id: decoded(base64.b64decode(url.partition(",")[2])) for id, url in found}


def boxed(viewer: Live) -> dict[str, float]:
    return viewer.one(".panel canvas").bounding_box()


def opened(open_page, data: bytes, name: str, **size: int) -> Live:
    """A film of the app's on the stage, its drawer closed as at the opening; maps that mean nothing are kept back."""
    page = open_page(drawer=False, **size)
    viewer = Live(page)
    expect(viewer.one(".finding").first).to_be_visible(timeout=PATIENCE)
    upload(page, (name, data))
    expect(viewer.one(".set")).to_contain_text(name[:20], timeout=PATIENCE)
    expect(viewer.one(".badge").first).to_be_visible(timeout=PATIENCE)
    settled(page)
    viewer.still()
    return viewer


# The screen ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "share"), SIZES.items(), ids=str)
def test_a_square_film_alone_takes_half_of_the_screen(open_page, size, share):
    width, height = size
    viewer = opened(open_page, BRIGHT, "secret_square.png", width=width, height=height)
    expect(viewer.page.get_by_test_id("stSidebar")).to_have_attribute("data-collapsed", "true")
    assert viewer.ids() == ["film"]
    picture, box = large(viewer), boxed(viewer)
    assert_allclose(picture.shape[1::-1], (box["width"], box["height"]), atol=1)  # a pixel for each of the screen's
    assert box["x"] >= 0
    assert box["y"] >= 0
    assert box["x"] + box["width"] <= width
    assert box["y"] + box["height"] <= height
    drawn = picture.any(axis=2)
    side = int(drawn.any(axis=0).sum())
    assert abs(side - int(drawn.any(axis=1).sum())) <= 1
    assert drawn.sum() == side * int(drawn.any(axis=1).sum())  # a square, whole
    assert drawn.sum() >= share * width * height


def test_nothing_stands_on_the_film_of_a_phone_at_its_opening(open_page):
    page = open_page(drawer=False, width=390, height=844)
    viewer = Live(page)
    expect(viewer.one(".thumb").first).to_be_visible(timeout=PATIENCE)
    settled(page)
    viewer.still()
    box = boxed(viewer)
    assert 0 <= box["x"] <= box["x"] + box["width"] <= 390
    assert box["y"] + box["width"] < 844
    drawn = large(viewer).any(axis=2)
    assert drawn.any(axis=0).sum() > 350
    top = box["y"] + int(np.argmax(drawn.any(axis=1)))
    for x in range(20, 380, 40):
        for y in range(int(top) + 5, int(top + 350), 40):
            met = page.evaluate(
                """([x, y]) => {
                  let met = document.elementFromPoint(x, y)
                  while (met.shadowRoot?.elementFromPoint(x, y)) met = met.shadowRoot.elementFromPoint(x, y)
                  return met.tagName
                }""",
                [x, y],
            )
            assert met == "CANVAS", (x, y)
    assert viewer.one(".corner:visible").count() == 0
    words = viewer.one(".words").bounding_box()
    assert words["y"] + words["height"] <= top
    wide, inner = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= inner


def test_the_drawer_is_closed_at_the_opening_and_comes_and_goes_by_button_and_by_key(open_page):
    page = open_page(drawer=False)
    viewer, drawer = Live(page), page.get_by_test_id("stSidebar")
    expect(viewer.one(".finding").first).to_be_visible(timeout=PATIENCE)
    expect(drawer).to_have_attribute("data-collapsed", "true")
    viewer.one("#drawer").click()
    expect(drawer).to_have_attribute("data-collapsed", "false")
    expect(page.get_by_text("Read first")).to_be_in_viewport()
    page.keyboard.press("d")
    expect(drawer).to_have_attribute("data-collapsed", "true")


def test_neither_messages_nor_long_names_move_the_film(open_page):
    with_short_name = opened(open_page, PHANTOM, "secret_short.png")
    box = boxed(with_short_name)
    page = with_short_name.page
    page.locator(".st-key-read-first input").evaluate("input => input.click()")
    expect(page.get_by_role("button", name="Show scores and maps")).to_be_in_viewport(ratio=1, timeout=PATIENCE)
    settled(page)
    with_short_name.still()
    assert boxed(with_short_name) == box
    said = page.locator(".st-key-said").bounding_box()
    assert said["x"] + said["width"] <= box["x"]
    rail = with_short_name.one(".side").bounding_box()
    assert rail["x"] <= said["x"]
    with_long_name = opened(open_page, PHANTOM, BIG_NAME)
    assert boxed(with_long_name) == box
    wide, inner = with_long_name.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= inner


def test_a_frame_says_that_a_film_is_for_teaching_or_means_nothing(open_page):
    page = open_page(drawer=False)
    viewer = Live(page)
    expect(viewer.one(".thumb").first).to_be_visible(timeout=PATIENCE)
    expect(viewer.box).to_have_attribute("data-frame", "teaching")
    expect(viewer.one(".panel")).to_have_css("border-color", "rgb(255, 176, 0)")
    expect(viewer.one(".whose")).to_contain_text("for drawn phantoms alone")
    upload(page, ("secret_name.png", BRIGHT))
    expect(viewer.one(".set")).to_contain_text("secret_name.png", timeout=PATIENCE)
    expect(viewer.box).to_have_attribute("data-frame", "meaningless")
    expect(viewer.one(".panel")).to_have_css("border-color", "rgb(255, 138, 112)")
    expect(viewer.one(".whose")).to_contain_text(MEANINGLESS_LINE)
    expect(viewer.one(".whose")).to_contain_text("Film 2 of 2 · Teaching set · secret_name.png")
    page.get_by_role("button", name=SHOW_ANYWAY).click()
    expect(viewer.one(".thumb").first).to_be_visible(timeout=PATIENCE)
    expect(viewer.box).to_have_attribute("data-frame", "meaningless")
    assert re.fullmatch(r"\w+ 0\.\d\d, meaningless", viewer.one(".title").inner_text())  # no word of places or calls
    expect(viewer.one(".thumb s")).to_have_count(4)  # every score is struck


# What is swapped in its place ----------------------------------------------------------------------------------------


def test_one_overlay_is_swapped_for_another_in_its_place_by_mouse_by_digit_and_by_tab(viewer):
    page = viewer.page
    assert viewer.one(".thumb").evaluate_all("all => all.map((each) => each.dataset.of)") == IDS
    assert viewer.ids() == ["ensemble"]
    viewer.press("+", "+")
    viewer.one(".panel canvas").evaluate("canvas => { canvas.mine = true }")
    box, readout = boxed(viewer), viewer.one(".how").inner_text()
    seen = {}
    for digit, id in enumerate(IDS, start=1):
        if viewer.ids() != [id]:
            viewer.press(str(digit))
        assert viewer.ids() == [id]
        seen[id] = large(viewer)
    assert coloured(seen["film"]) == 0 < min(coloured(seen[id]) for id in IDS[1:])
    assert len({picture.tobytes() for picture in seen.values()}) == 5
    for id in ("coarse", "film", "ensemble", "fine"):
        with viewer.redrawn():
            thumb(viewer, id).click()
        assert_array_equal(large(viewer), seen[id])
        expect(thumb(viewer, id)).to_have_attribute("aria-pressed", "true")
        expect(viewer.one('.thumb[aria-pressed="true"]')).to_have_count(1)
    with viewer.redrawn():
        thumb(viewer, "film").click()
    for id in IDS[1:]:
        with viewer.redrawn():
            page.keyboard.press("Tab")
        expect(thumb(viewer, id)).to_be_focused()
        assert_array_equal(large(viewer), seen[id])
    with viewer.redrawn():
        page.keyboard.press("Shift+Tab")
    assert_array_equal(large(viewer), seen["ensemble"])
    assert boxed(viewer) == box
    assert viewer.one(".how").inner_text() == readout
    assert viewer.one(".panel canvas").evaluate("canvas => canvas.mine")  # the very canvas: nothing flashed between
    before = viewer.drawn()
    page.keyboard.press("9")  # there are fewer
    viewer.still()
    assert viewer.drawn() == before
    assert told(page) == []  # and the server hears nothing of it


def test_all_side_by_side_is_a_key_away_and_back(viewer):
    viewer.press("2")
    viewer.press("l")
    assert viewer.ids() == IDS[1:4]
    expect(viewer.one(".thumbs")).to_be_hidden()
    expect(viewer.one("#large")).to_have_attribute("aria-pressed", "false")
    viewer.press("3")
    assert viewer.ids() == ["coarse"]
    viewer.click("#large")
    assert viewer.ids() == IDS[1:4]
    viewer.click("#large")
    assert viewer.ids() == ["ensemble"]


def test_the_strip_shows_each_map_whole_and_follows_what_is_set_but_not_the_zoom(viewer):
    at_first = small(viewer)
    assert list(at_first) == IDS
    assert coloured(at_first["film"]) == 0 < min(coloured(at_first[id]) for id in IDS[1:])
    assert all(len(picture) == picture.shape[1] > 60 for picture in at_first.values())
    viewer.focus("ensemble")
    viewer.press("+", "+", "ArrowLeft")
    assert all((picture == at_first[id]).all() for id, picture in small(viewer).items())
    viewer.choose("#threshold", "0.45")
    after = small(viewer)
    assert all(0 < coloured(after[id]) < coloured(at_first[id]) for id in IDS[1:])
    viewer.press("i")
    inverted = small(viewer)["film"]
    assert_allclose(inverted.astype(int), 255 - at_first["film"].astype(int), atol=1)
    viewer.press("i", "j")
    names = viewer.one(".thumb span").all_inner_texts()
    assert [name.split(" ")[1] for name in names] == ["Film", "Fine", "Coarse", "Ensemble", "Disagreement"]
    assert [name.split(" ")[0] for name in names] == ["1", "2", "3", "4", "5"]
    expect(thumb(viewer, "fine")).to_have_attribute("aria-label", re.compile(r"^Mass: Fine · 0\.\d\d\. called"))


HELD = """(slider, values) => { for (const value of values) {
  slider.value = value
  slider.dispatchEvent(new Event("input"))
} }"""


def test_while_a_hand_moves_a_picture_of_the_strip_follows_in_each_frame_and_all_when_it_lets_go(viewer):
    before = small(viewer)
    with viewer.redrawn():
        viewer.one("#threshold").evaluate(HELD, ["0.7"])
    moved = small(viewer)
    assert sum((moved[id] != before[id]).any() for id in IDS) <= 1
    expect(viewer.one(".thumbs")).to_have_attribute("data-due", "")
    with viewer.redrawn():
        viewer.one("#threshold").evaluate("slider => slider.dispatchEvent(new Event('change'))")
    expect(viewer.one(".thumbs[data-due]")).to_have_count(0)
    let_go = small(viewer)
    assert sum((let_go[id] != before[id]).any() for id in IDS) >= 3
    viewer.choose("#threshold", "0.5")
    viewer.choose("#threshold", "0.7")
    for id, picture in small(viewer).items():
        assert_array_equal(picture, let_go[id])


def test_what_is_said_already_is_not_written_anew(viewer):
    """Every text that is written lays the page out anew, in each frame of a drag."""
    viewer.box.evaluate("""box => { window.written = []
      new MutationObserver((all) => window.written.push(...all.filter(({ type }) => type !== "attributes")))
        .observe(box, { subtree: true, childList: true, characterData: true }) }""")
    for opacity in ("0.5", "0.6", "0.7"):
        viewer.choose("#opacity", opacity)
    assert viewer.page.evaluate("window.written.length") <= 3  # the number beside the slider


def test_what_lies_beside_the_film_is_black_however_it_was_zoomed_moved_and_windowed(viewer):
    viewer.focus("ensemble")
    for keys in ("x", "+", "+"), ("ArrowRight", "ArrowDown"), ("-",) * 6, ("ArrowLeft", "i", "m"), ("0", "."), ("m",):
        viewer.press(*keys)
        where, picture = place(viewer.page), large(viewer)
        x0, y0 = (max(0, int(np.floor(-where[side]))) for side in ("left", "top"))
        x1, y1 = (int(np.ceil(400 * where["scale"] - where[side])) for side in ("left", "top"))
        beside = np.ones(picture.shape[:2], bool)
        beside[y0:y1, x0:x1] = False
        assert not picture[beside].any(), keys
        assert picture[y0:y1, x0:x1].any()


# The corners ---------------------------------------------------------------------------------------------------------


def test_the_corners_say_which_film_which_map_and_its_window_and_zoom_live(page):
    viewer = show(page, sent(two_apart(), words=Words(set="Clinical set · film_one.png")), stage=True)
    expect(viewer.one(".whose")).to_have_text("Clinical set · film_one.png")
    expect(viewer.panel("ensemble").locator(".caption")).to_have_text(re.compile(r"^Effusion · Ensemble · 0\.\d\d$"))
    expect(viewer.one(".how")).to_contain_text(re.compile(r"C \d+ W \d+"))
    before = viewer.one(".how").inner_text()
    x, y = viewer.at("ensemble", 0.5, 0.5)
    page.mouse.move(x, y)
    page.mouse.down(button="right")
    with viewer.redrawn():
        page.mouse.move(x + 60, y - 60, steps=3)
    dragged = viewer.one(".how").inner_text()  # while the button is down
    assert dragged.split("\n")[0] != before.split("\n")[0]
    assert dragged.split("\n")[1] == before.split("\n")[1]
    page.mouse.up(button="right")
    center, width = (viewer.outputs()[name] for name in ("center", "width"))
    assert dragged.split("\n")[0] == f"C {center} W {width}"
    viewer.press("x")
    assert viewer.one(".how").inner_text().split("\n")[1] == "zoom 1.00"
    viewer.press("i")
    expect(viewer.one(".how")).to_contain_text("inverted")
    viewer.press("1")
    expect(viewer.panel("film").locator(".caption")).to_have_text("Film alone")
    expect(viewer.canvas("film")).to_have_attribute("aria-label", "Film alone")


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"ViewPosition": "AP"}, ["AP by its header"]),
        ({"PatientOrientation": ["R", "F"]}, ["L at the left edge by its header"]),
        ({"ViewPosition": "PA", "PatientOrientation": ["L", "F"]}, ["PA, R at the left edge by its header"]),
        ({"PatientOrientation": ["A", "F"]}, []),
        ({}, []),
    ],
    ids=str,
)
def test_a_corner_says_how_the_film_was_taken_and_lies_where_its_header_does(page, declared, said):
    film = films.dicom(films.film(400, 400, bits=12), **declared)
    networks = [bright_classifier("fine", logits={"Mass": 1.0}, cells=16)]
    viewer = show(page, sent(made_review(film, classifiers=networks)), stage=True)
    assert viewer.one(".how div").all_inner_texts()[2:] == said


def test_a_film_knows_its_place_among_the_others_as_soon_as_they_come(page):
    payload = sent(two_apart(), words=Words(set="Clinical set"))
    viewer = show(page, payload, stage=True)
    sha256 = payload.header["film"]["sha256"]
    listed = [
        {"number": number, "sha256": sha256 if number == 1 else "0" * 64, "name": f"{number}", "failure": None}
        for number in (3, 1, 2)
    ]
    page.evaluate("([film, all]) => window[Symbol.for('ensemble-cam stage')].expect(film, all)", [listed[1], listed])
    expect(viewer.one(".whose")).to_have_text("Film 2 of 3 · Clinical set")


# What a viewer is left with ------------------------------------------------------------------------------------------


def test_a_viewer_that_comes_later_on_the_page_begins_as_the_last_one_was_left(browser, server):
    with pages_of(browser, server) as open_one:
        page = open_one()
        viewer = Live(page)
        expect(viewer.one(".thumb").first).to_be_visible(timeout=PATIENCE)
        viewer.press("l")
        settled(page)
        page.get_by_role("link", name="Phantom lab").click()
        expect(page.locator(".viewer")).to_have_count(0, timeout=PATIENCE)
        settled(page)
        page.get_by_role("link", name="Review").click()
        expect(viewer.panel("ensemble")).to_be_visible(timeout=PATIENCE)
        assert len(viewer.ids()) == 4


# Disagreement --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def apart():
    """A review by three networks with equal scores of Mass; one looks elsewhere, and one alone calls Effusion."""
    scores = {"fine": 1.0, "coarse": -1.5, "turned": -1.5}
    networks = [
        bright_classifier(
            id,
            logits={"Mass": 1.0, "Effusion": effusion},
            cells=7 if id == "coarse" else 16,
            backbone=Turned(16) if id == "turned" else None,
        )
        for id, effusion in scores.items()
    ]
    return made_review(dotted(400, 400, 120, 150), classifiers=networks)


def test_above_the_film_stands_who_calls_and_whether_they_look_at_one_place(page, apart):
    viewer = show(page, sent(apart), stage=True)
    said = set()
    viewer.one(".weights").evaluate("details => { details.open = true }")
    for weights in ({}, {"turned": 0.0}, {"coarse": 0.0}):
        analysis = apart.analysis.reweighted({"fine": 1.0, "coarse": 1.0, "turned": 1.0, **weights})
        for id in ("fine", "coarse", "turned"):
            viewer.choose(f"#weight-{id}", str(analysis.settings.ensemble_weights[id]))
        for threshold in (0.3, 0.9):
            viewer.choose("#threshold", str(threshold))
            for rank, finding in enumerate(analysis.findings, start=1):
                viewer.choose_finding(rank)
                sentence = sentences.disagreement(analysis, finding, threshold)
                head = f"{finding.label} {sentences.score_line(finding.ranked.score)}"
                expect(viewer.one(".title")).to_have_text(f"{head} · {sentence}")
                expect(viewer.one(".behind")).to_have_text(sentences.support(analysis, finding, threshold))
                said |= set(re.sub(r"\d\.\d\d", "#", sentence).split("; "))
    assert {"all 3 call it", "1 of 3 call it", "they look at different places, overlap #"} <= said
    assert "they look at the same place, overlap #" in said


def test_the_disagreement_is_the_largest_less_the_smallest_of_the_maps_in_colours_of_its_own(page, apart):
    viewer = show(page, sent(apart), stage=True)
    viewer.choose("#opacity", "1")
    viewer.focus("ensemble")
    viewer.press("6", "x")
    assert viewer.ids() == ["disagreement"]
    note = viewer.panel("disagreement").locator(".note").inner_text()
    said, _, reached = note.partition(": ")
    assert said == "largest minus smallest relative activation of 3 maps, cividis"
    share = re.fullmatch(r"about (\d+)% of what was seen is at or above 0.40", reached)
    expect(viewer.one(".bar")).to_have_attribute("aria-label", "cividis: disagreement 0 to 1, drawn from 0.40 on")
    finding, where = apart.analysis.findings[0], place(page)
    edges = np.arange(400)
    maps = np.stack([heatmap.raster(edges, edges) for heatmap in finding.maps.values()])
    spread = maps.max(axis=0) - maps.min(axis=0)
    table = colour_table("cividis")[np.clip((np.minimum(spread, 1) * 255 + 0.5).astype(int), 0, 255)]
    film = greys_of(apart.analysis.radiograph)
    expected, panel = looked_at(np.where((spread >= 0.4)[..., None], table, film), where)
    assert 0.05 < (spread >= 0.4).mean() < 0.95
    assert_allclose(float(share[1]) / 100, (spread >= 0.4).mean(), atol=0.01)
    assert close(large(viewer)[panel], expected, levels=1, share=0.999)
    viewer.choose("#threshold", "1")
    expect(viewer.panel("disagreement").locator(".note")).to_contain_text("cividis: nothing at or above 1.00")
    viewer.choose("#colormap", "cividis")
    expect(viewer.panel("disagreement").locator(".note")).to_contain_text("viridis")
    x, y = viewer.point_at("disagreement", 0.5, 0.4)
    assert viewer.readout().endswith(f"Disagreement {spread[y, x]:.2f}")
    viewer.one(".weights").evaluate("details => { details.open = true }")
    for id in ("coarse", "turned"):
        viewer.choose(f"#weight-{id}", "0")
    expect(viewer.panel("disagreement").locator(".note")).to_have_text("nothing to compare: fewer than two maps")
    assert coloured(large(viewer)) == 0


def test_equal_scores_stay_several_dots_and_a_network_of_weight_0_looks_it(page, apart):
    viewer = show(page, sent(apart), stage=True)
    dots = viewer.one('.finding[aria-current="true"] .strip ellipse')
    expect(dots).to_have_count(3)
    places = dots.evaluate_all("all => all.map((e) => ['cx', 'cy', 'ry'].map((name) => Number(e.getAttribute(name))))")
    assert len({round(x, 1) for x, _, _ in places}) == 1
    ys = sorted(y for _, y, _ in places)
    assert min(np.diff(ys)) >= 2 * max(half for *_, half in places)
    fills = dots.evaluate_all("all => all.map((each) => getComputedStyle(each).fill)")
    viewer.one(".weights").evaluate("details => { details.open = true }")
    viewer.choose("#weight-coarse", "0")
    hollow = dots.evaluate_all("all => all.map((each) => getComputedStyle(each).fill)")
    assert [one == other for one, other in zip(fills, hollow, strict=True)] == [True, False, True]
    expect(viewer.one(".legend .weightless")).to_have_text("Coarse")
    expect(thumb(viewer, "coarse").locator("span")).to_contain_text("Coarse (weight 0)")
    viewer.press("3")
    expect(viewer.panel("coarse").locator(".caption")).to_contain_text("Coarse (weight 0)")
    expect(viewer.panel("coarse")).to_have_class(re.compile("weightless"))
    viewer.press("2")
    expect(viewer.one(".panel")).not_to_have_class(re.compile("weightless"))
