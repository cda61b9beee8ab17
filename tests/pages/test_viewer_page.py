"""The live viewer as a part of the page: what it sends and keeps, what is exported, who can use it, what stands in."""

import io
import json
import re
import zipfile
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import film_name, phantom_files
from ensemble_cam.purpose import PURPOSE, TEACHING_LINE
from ensemble_cam.settings.sets import NO_PHANTOM
from support import films
from support.browsing import (
    PATIENCE,
    SHOW_ANYWAY,
    expect,
    needs_chromium,
    pages_of,
    panels,
    reviewed,
    settled,
    upload,
    use_still_pictures,
)
from support.dicom_films import PLANTED, phantom_dx, with_header
from support.reducing import part_of, reduced
from support.viewing import Live, assert_is_accessible, close, coloured, decoded, looked_at, on_screen, shown

pytestmark = needs_chromium

DENSENET, ENSEMBLE = "teaching-densenet", "ensemble"
PHANTOM = phantom_files(draw_phantom(3, size=512), 0)[film_name(0, "png")]


class Wire:
    """What a page and its server say to each other, and what the page asks for besides."""

    def __init__(self, page):
        self.page, self.socket, self.sent, self.received, self.asked = page, None, 0, 0, []
        page.on("websocket", self._listen)
        page.on("request", lambda request: self.asked.append(request.url))

    @contextmanager
    def rerun(self):
        """Do something that makes the server run the page, or a part of it, and wait until it has."""
        with self.socket.expect_event("framereceived", _ends_a_run):
            yield
        settled(self.page)

    def _listen(self, socket) -> None:
        self.socket = socket
        socket.on("framesent", lambda _: setattr(self, "sent", self.sent + 1))
        socket.on("framereceived", lambda frame: setattr(self, "received", self.received + len(frame)))


def _ends_a_run(frame: bytes) -> bool:
    return ForwardMsg.FromString(frame).WhichOneof("type") == "script_finished"


@pytest.fixture(scope="module")
def example(browser, server):
    """A page with the example under review, listened to, for the tests that leave it as it is."""
    with pages_of(browser, server) as open_one:
        yield wired(open_one)


@pytest.fixture
def wired_example(example) -> tuple[Live, Wire]:
    viewer, wire = example
    viewer.restore()
    settled(viewer.page)
    return viewer, wire


def wired(open_page, **size: int) -> tuple[Live, Wire]:
    """Open a page with a phantom on it, listened to."""
    wires = []
    page = open_page(lambda page: wires.append(Wire(page)), **size)
    viewer = Live(page)
    shown(page, "Phantom, seed")
    return viewer, wires[0]


def drag(viewer: Live, selector: str, start: float, end: float, *, release: bool = True) -> None:
    box = viewer.one(selector).bounding_box()
    mouse, y = viewer.page.mouse, box["y"] + box["height"] / 2
    mouse.move(box["x"] + start * box["width"], y)
    with viewer.redrawn():
        mouse.down()
        mouse.move(box["x"] + end * box["width"], y, steps=12)
    if release:
        mouse.up()


def closer(viewer: Live) -> str:
    """Zoom in, and return what is now in the middle of the first panel."""
    viewer.press("+", "+", "+")
    return re.match(r"x \d+ · y \d+", point(viewer))[0]


def point(viewer: Live) -> str:
    viewer.point_at(DENSENET, 0.7, 0.3)
    return viewer.readout()


def text_of(data: bytes) -> dict[str, str]:
    return dict(Image.open(io.BytesIO(data)).text)


def downloaded(page, button: str) -> tuple[str, bytes]:
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


# What is sent, and when -----------------------------------------------------------------------------------------------


def test_a_drag_sends_nothing_its_release_one_message_and_nothing_is_computed_or_fed_anew(wired_example):
    viewer, wire = wired_example
    page = viewer.page
    where = closer(viewer)
    viewer.page.mouse.move(5, 5)
    settled(page)
    seconds = page.get_by_text("s for the networks and maps").inner_text()
    before, drawn = wire.sent, int(viewer.drawn())
    drag(viewer, "#threshold", 0.4, 0.7, release=False)
    assert int(viewer.drawn()) > drawn + 3
    assert 0.68 < float(viewer.outputs()["threshold"]) < 0.73
    assert wire.sent == before
    received, drawn = wire.received, int(viewer.drawn())
    with wire.rerun():
        page.mouse.up()
    assert wire.sent == before + 1
    assert wire.received - received < 60_000  # the film alone is more
    assert int(viewer.drawn()) == drawn  # and nothing was painted again
    assert page.get_by_text("s for the networks and maps").inner_text() == seconds
    assert point(viewer).startswith(where)


def test_streamlits_own_keys_are_not_pressed_along_in_the_viewer(wired_example):
    viewer, wire = wired_example
    viewer.focus(ENSEMBLE)
    before = wire.sent
    viewer.page.keyboard.press("r")  # runs the page again, where Streamlit hears it
    viewer.page.keyboard.press("c")
    with wire.rerun():
        viewer.press("i")
    assert wire.sent == before + 1


def test_the_viewers_pictures_never_lie_in_the_servers_media_store(open_page):
    viewer, wire = wired(open_page)
    viewer.finding(2)
    viewer.press("l", "x", "l", "0", "i")
    settled(viewer.page)
    upload(viewer.page, ("secret_name.png", films.png(films.film(1500, 1400, seed=1))))
    shown(viewer.page, "secret_name.png")
    viewer.press("l", "x")
    settled(viewer.page)
    expect(viewer.one(".readout")).to_contain_text("each map over its own maximum")
    viewer.point_at(ENSEMBLE)
    expect(viewer.one(".readout")).to_contain_text(re.compile(r"value \d+"), timeout=PATIENCE)  # the film came whole
    assert wire.asked
    assert [url for url in wire.asked if urlsplit(url).path.startswith("/media")] == []


def test_films_that_differ_only_where_streamlit_does_not_look_are_shown_each_as_itself(open_page):
    page = open_page()
    one = films.film(1240, 1240, seed=3)
    other = one.copy()
    other[440:500, 560:660] = 255 - other[440:500, 560:660]
    files = [films.tiff(film) for film in (one, other)]
    head, middle = 64 * 2**10, len(files[0]) // 2
    assert len(files[0]) > 2**20  # from where on Streamlit names a file by its head, its middle and its end
    for part in (slice(head), slice(middle - head, middle + head), slice(-head, None)):
        assert files[0][part] == files[1][part]
    seen = []
    for name, film in zip(("one.tiff", "other.tiff"), files, strict=True):
        viewer = on_screen(page, film, name) if not seen else shown_after_upload(page, film, name)
        viewer.press("o", "l", "x")
        seen.append(at_rest(viewer, ENSEMBLE))
        viewer.press("l", "0", "o")
    shared = overlap(*(where for _, where in seen))
    pictures = [within(picture, where, shared) for picture, where in seen]
    different, panel = looked_at(one != other, shared)
    assert different.sum() == 60 * 100
    np.testing.assert_array_equal((pictures[0] != pictures[1]).any(axis=2)[panel], different)
    for film, picture in zip((one, other), pictures, strict=True):
        greys = looked_at(film, shared)[0].astype(int)
        assert np.abs(picture[panel][..., 0] - greys).max() <= 1


def at_rest(viewer: Live, id: str) -> tuple[np.ndarray, dict[str, float]]:
    """Return a panel at 1:1 and what part of the film it shows, once lines above it move it no longer."""
    for _ in range(20):
        where = at_one_to_one(viewer, id)
        picture = viewer.pictures()[id]
        if picture.shape[:2] == (where["height"], where["width"]) and at_one_to_one(viewer, id) == where:
            return picture, where
        viewer.page.wait_for_timeout(100)
    raise AssertionError("The panel would not come to rest.")


def overlap(*places: Mapping[str, float]) -> dict[str, float]:
    """Return what part of the film each of these panels at 1:1 shows: lines above a panel change its height."""
    left, top = (max(where[side] for where in places) for side in ("left", "top"))
    right = min(where["left"] + where["width"] for where in places)
    bottom = min(where["top"] + where["height"] for where in places)
    return {"left": left, "top": top, "scale": 1, "width": right - left, "height": bottom - top}


def within(picture: np.ndarray, where: Mapping[str, float], part: Mapping[str, float]) -> np.ndarray:
    """Cut a smaller part of the film out of a panel at 1:1."""
    x, y = int(part["left"] - where["left"]), int(part["top"] - where["top"])
    return picture[y : y + int(part["height"]), x : x + int(part["width"])]


def at_one_to_one(viewer: Live, id: str) -> dict[str, float]:
    """Return what part of the film a panel at 1:1 shows, by what the viewer says is under the pointer."""
    assert viewer.scale(id) == 1
    x, y = viewer.point_at(id)
    box, (across, down) = viewer.canvas(id).bounding_box(), viewer.at(id, 0.5, 0.5)
    width, height = viewer.canvas(id).evaluate("canvas => [canvas.width, canvas.height]")
    left, top = x - int(across - box["x"]), y - int(down - box["y"])
    return {"left": left, "top": top, "scale": 1, "width": width, "height": height}


def shown_after_upload(page, data: bytes, name: str) -> Live:
    upload(page, (name, data))
    return shown(page, name)


# What is kept ---------------------------------------------------------------------------------------------------------


def test_reruns_narrow_windows_and_another_page_keep_what_is_set_and_in_view(open_page):
    viewer, _ = wired(open_page)
    page = viewer.page
    viewer.finding(2)
    viewer.press(".", ".", "i")
    where = closer(viewer)

    def kept() -> None:
        settled(page)
        viewer.still()
        expect(page.locator(".viewer")).to_have_count(1)
        assert viewer.outputs()["threshold"] == "0.44"
        expect(viewer.one("#invert")).to_have_attribute("aria-pressed", "true")
        expect(viewer.one(".finding").nth(1)).to_have_attribute("aria-current", "true")

    page.get_by_text("Findings and method").click()
    page.get_by_role("spinbutton", name="How many").fill("2")
    page.keyboard.press("Enter")
    kept()
    assert point(viewer).startswith(where)
    page.get_by_text("Read first").click()
    expect(page.locator('canvas[aria-label="The film"]')).to_be_visible(timeout=PATIENCE)
    settled(page)
    page.get_by_role("button", name="Show scores and maps").click()
    reviewed(page)
    kept()
    assert point(viewer).startswith(where)
    page.set_viewport_size({"width": 700, "height": 900})
    kept()
    wide, inner = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= inner
    page.set_viewport_size({"width": 1366, "height": 768})
    kept()
    assert point(viewer).startswith(where)
    page.get_by_role("link", name="Phantom lab").click()
    expect(page.locator(".viewer")).to_have_count(0, timeout=PATIENCE)
    settled(page)
    page.get_by_role("link", name="Review").click()
    reviewed(page)
    kept()


def test_another_film_resets_view_window_and_finding_and_keeps_threshold_and_colours(open_page):
    page = open_page()
    viewer = on_screen(page, PHANTOM, "secret_one.png")
    viewer.finding(3)
    viewer.press(".", "i", "+")
    viewer.choose("#colormap", "cividis")
    settled(page)
    shown_after_upload(page, films.png(films.film(512, 512, seed=5)), "secret_two.png")
    expect(viewer.one(".finding").first).to_have_attribute("aria-current", "true")
    expect(viewer.one("#invert")).to_have_attribute("aria-pressed", "false")
    assert viewer.outputs()["threshold"] == "0.42"
    assert viewer.one("#colormap").input_value() == "cividis"
    fitting = viewer.pictures()[DENSENET]
    assert not fitting[:, 0].any() or not fitting[0].any()  # the whole film, with black beside it
    page.get_by_test_id("stSidebar").get_by_text("secret_one.png").click()
    shown(page, "secret_one.png")
    expect(viewer.one("#invert")).to_have_attribute("aria-pressed", "false")


# What is exported -----------------------------------------------------------------------------------------------------


def test_this_view_is_drawn_anew_of_what_the_panels_show_and_says_where_it_comes_from(open_page):
    page = open_page()
    viewer = on_screen(page, PHANTOM)
    viewer.finding(2)
    viewer.press(".", "+", "+", "i")
    viewer.focus(DENSENET)
    viewer.press("ArrowLeft", "ArrowUp")
    page.mouse.move(5, 5)
    name, data = downloaded(page, "This view (PNG)")
    picture, text = decoded(data), text_of(data)
    canvas = viewer.pictures()[DENSENET]
    height, width = canvas.shape[:2]
    scale = min(width, height) / 512 * 1.25**2
    middle = 256 - 0.08 * width / scale, 256 - 0.08 * height / scale  # of the film, moved to the right and downwards
    left, top = middle[0] * scale - width / 2, middle[1] * scale - height / 2
    box, times = part_of(text["View"])
    assert box[2] - box[0] < 512
    first = picture[: (box[3] - box[1]) * times, : (box[2] - box[0]) * times]
    place = {"left": left, "top": top, "scale": scale, "width": width, "height": height}
    found = reduced(first, box, times, place)
    there = np.isfinite(found).all(axis=2)
    assert there.mean() > 0.3
    off = np.abs(found - canvas)[there].max(axis=1)
    assert (off <= 4).mean() > 0.97
    assert coloured(first)
    assert picture.shape[1] >= 2 * first.shape[1]
    assert max(picture.shape[1], 2 * first.shape[0]) >= 2000
    words = picture[2 * first.shape[0] + 20 :].astype(int)
    assert 0 < len(words) <= first.shape[0] + 200
    assert (words.min(axis=2) > 200).sum() > 500
    assert (words - [0xFF, 0xC3, 0x6B] == 0).all(axis=2).sum() > 100  # what it is for
    finding = viewer.one(".finding").nth(1).locator(".label").inner_text()
    assert text["Finding"].replace("_", " ") == text["Findings"].replace("_", " ") == finding
    assert text["Map"].split(", ") == viewer.ids()
    assert text["Threshold"] == "0.42"
    assert text["Window"] == "as the file declares, inverted for the reader alone"
    assert PURPOSE in text["Disclaimer"]
    assert TEACHING_LINE in text["Notice"]
    assert len(re.findall(r"SHA-256 [0-9a-f]{64}", text["Classifiers"])) == 3
    assert re.fullmatch(r"[0-9a-f]{64}", text["Film SHA-256"])
    assert re.fullmatch(r"review_[0-9a-f]{12}_view\.png", name)
    assert "secret_name" not in name + json.dumps(text)
    expect(viewer.one("#save")).not_to_have_attribute("aria-busy", "true")
    with page.expect_download() as again:  # and every time it is asked for
        viewer.one("#save").click()
    assert Path(again.value.path()).read_bytes() == data


def test_a_case_number_of_the_readers_own_stands_in_what_is_downloaded_and_goes_with_its_film(open_page):
    page = open_page()
    viewer = on_screen(page, PHANTOM)
    number = page.get_by_role("textbox", name="Case number")
    number.fill("K/17")
    number.press("Enter")
    expect(page.get_by_text('Case number: got "K/17"')).to_be_visible(timeout=PATIENCE)
    number.fill("K 17")
    number.press("Enter")
    expect(page.get_by_text('Case number: got "K/17"')).to_have_count(0, timeout=PATIENCE)
    reviewed(page)
    name, pages = downloaded(page, "Pages to print (PDF)")
    assert re.fullmatch(r"review_K_17_[0-9a-f]{12}\.pdf", name)
    assert pages.startswith(b"%PDF-")
    assert downloaded(page, "This view (PNG)")[0].startswith("review_K_17_")
    name, record = downloaded(page, "Data (JSON)")
    assert json.loads(record)["case"] == "K 17"
    assert b"secret_name" not in pages + record
    page.get_by_test_id("stSidebar").get_by_text("Phantom, seed").first.click()
    expect(viewer.one(".set")).to_contain_text("Phantom, seed", timeout=PATIENCE)
    reviewed(page)
    expect(page.get_by_role("textbox", name="Case number")).to_have_value("")
    assert json.loads(downloaded(page, "Data (JSON)")[1])["case"] is None
    page.get_by_test_id("stSidebar").get_by_text("secret_name.png").first.click()
    expect(viewer.one(".set")).to_contain_text("secret_name", timeout=PATIENCE)
    expect(page.get_by_role("textbox", name="Case number")).to_have_value("K 17")


def test_at_one_to_one_the_panels_equal_the_overlays_that_are_downloaded(open_page):
    viewer, wire = wired(open_page, width=1600, height=1250)
    page = viewer.page
    pixels = films.film(480, 400, bits=12)
    on_screen(page, films.dicom(pixels, bits=12), "secret_name.dcm")
    viewer.focus(ENSEMBLE)
    viewer.press("x")
    assert min(equal_overlays(viewer, pixels)) > 100  # the contours
    with wire.rerun():
        viewer.click('#style input[value="heatmap"]')
    equal_overlays(viewer, pixels)


def equal_overlays(viewer: Live, pixels: np.ndarray) -> list[int]:
    """Hold each panel at 1:1 to its overlay in the archive; return how many of its pixels are white."""
    page = viewer.page
    _, archive = downloaded(page, "Overlays (ZIP)")
    where = at_one_to_one(viewer, ENSEMBLE)
    page.mouse.move(5, 5)
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        record = json.loads(files.read("review.json"))
        overlays = {
            id: decoded(files.read(made["file"]))
            for id, made in record["findings"][0]["maps"].items()
            if "file" in made
        }
    shown_now = viewer.pictures()
    assert set(overlays) == set(shown_now)
    seen = np.zeros(pixels.shape, bool)
    x0, y0, x1, y1 = record["input"]["crop"]
    seen[y0 + 1 : y1 - 1, x0 + 1 : x1 - 1] = True  # but for the outline of what the networks see
    white = []
    for id, overlay in overlays.items():
        assert overlay.shape[1] == pixels.shape[1]
        expected, panel = looked_at(overlay[: pixels.shape[0]], where)
        inside = looked_at(seen, where)[0]
        assert inside.sum() > 100_000
        assert coloured(expected[inside][None]) > 1000
        drawn = shown_now[id][panel]
        assert close(drawn[inside], expected[inside], share=1.0), id
        white.append(int(((drawn == 255).all(axis=2) & inside).sum()))
    return white


def test_scores_of_a_film_that_the_networks_cannot_know_are_struck_and_its_maps_come_when_they_are_asked_for(open_page):
    page = open_page()
    viewer = Live(page)
    shown(page, "Phantom, seed")
    expect(viewer.one(".finding.meaningless")).to_have_count(0)
    anyway = page.get_by_role("button", name=SHOW_ANYWAY)
    for name in ("secret_one.png", "secret_two.png"):
        upload(page, (name, films.png(films.film(512, 512, seed=len(name)))))
        expect(viewer.one(".set")).to_contain_text(name, timeout=PATIENCE)
        expect(anyway).to_be_visible(timeout=PATIENCE)
        settled(page)

        expect(page.locator('canvas[aria-label="The film"]')).to_be_visible()
        assert viewer.ids() == ["film"]
        assert not coloured(viewer.pictures()["film"])
        for part in ("#save", "#hide", "#large", "#threshold"):
            expect(viewer.one(part)).to_be_hidden()
        for button in ("Figure", "Overlays (ZIP)"):
            expect(page.get_by_role("button", name=button)).to_have_count(0)
        scores = viewer.one(".finding .score")
        assert scores.count() == 8
        struck = scores.evaluate_all("all => all.map((each) => getComputedStyle(each).textDecorationLine)")
        assert struck == ["line-through"] * 8
        assert viewer.one(".badge").all_inner_texts() == ["meaningless"] * 8
        expect(viewer.one(".title s")).to_have_text(re.compile(r"^\d\.\d\d$"))
        expect(page.get_by_text(NO_PHANTOM)).to_have_count(1)
        expect(page.get_by_text(NO_PHANTOM)).to_be_visible()

    anyway.click()
    reviewed(page)
    assert viewer.ids()[-1] == ENSEMBLE
    expect(viewer.panel(ENSEMBLE).locator(".caption s")).to_have_text(re.compile(r"^\d\.\d\d$"))
    assert viewer.one(".badge").all_inner_texts() == ["meaningless"] * 8
    _, archive = downloaded(page, "Overlays (ZIP)")
    with zipfile.ZipFile(io.BytesIO(archive)) as files_in_it:
        pictures = [name for name in files_in_it.namelist() if name.endswith(".png")]
        assert len(pictures) == 12
        assert all(decoded(files_in_it.read(name)).shape[0] > 512 + 100 for name in pictures)
    page.get_by_test_id("stSidebar").get_by_text("secret_one.png").click()
    expect(viewer.one(".set")).to_contain_text("secret_one.png", timeout=PATIENCE)
    expect(anyway).to_be_visible(timeout=PATIENCE)
    expect(page.locator('canvas[aria-label="The film"]')).to_be_visible()


def test_a_film_that_came_as_dicom_has_its_objects_to_download_and_a_picture_has_none(open_page):
    page = open_page()
    upload(page, ("secret_film.dcm", with_header(phantom_dx(), **PLANTED)))
    expect(page.get_by_role("radio", name="secret_film.dcm")).to_be_checked(timeout=PATIENCE)
    reviewed(page)
    name, archive = downloaded(page, "DICOM objects (ZIP)")
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        report = opened.read("report_sr.dcm")
        assert "review_sc.dcm" in opened.namelist()
    assert PLANTED["PatientName"].encode() in report
    assert name.endswith("_dicom.zip")
    assert not [value for value in PLANTED.values() if len(value) > 5 and value in page.content()]

    upload(page, ("picture.png", PHANTOM))
    expect(page.get_by_role("radio", name="picture.png")).to_be_checked(timeout=PATIENCE)
    reviewed(page)
    expect(page.get_by_role("button", name="Overlays (ZIP)")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("button", name="DICOM objects (ZIP)")).to_have_count(0)


def test_the_figure_of_the_finding_and_the_files_follow_what_was_set_in_the_viewer(open_page):
    viewer, wire = wired(open_page)
    page = viewer.page
    on_screen(page, PHANTOM)
    viewer.finding(3)
    viewer.press(".", "i")
    viewer.choose("#colormap", "viridis")
    viewer.one(".weights").evaluate("details => { details.open = true }")
    viewer.choose(f"#weight-{DENSENET}", "0.5")
    viewer.one(".window").evaluate("details => { details.open = true }")
    settled(page)
    with wire.rerun():
        viewer.choose("#width", "100")
    name, data = downloaded(page, "Figure of this finding")
    text = text_of(data)
    finding = viewer.one(".finding").nth(2).locator(".label").inner_text()
    assert text["Findings"].replace("_", " ") == finding
    assert text["Threshold"] == "0.42"
    assert text["Drawing"].startswith("viridis")
    assert "width 100" in text["Window"]
    assert "inverted" in text["Window"]
    assert "ensemble weight 0.5" in text["Classifiers"]
    assert "secret_name" not in name + json.dumps(text)
    record = json.loads(downloaded(page, "Data (JSON)")[1])
    assert record["settings"]["threshold"] == 0.42
    assert record["settings"]["ensemble_weights"][DENSENET] == 0.5
    assert record["input"]["inverted"] is True
    assert record["input"]["window"]["width"] == 100
    for slider in viewer.one(".weights input").all():
        viewer.choose(f"#{slider.get_attribute('id')}", "0")
    expect(page.get_by_text("there is nothing to export")).to_be_visible(timeout=PATIENCE)
    expect(viewer.panel(ENSEMBLE).locator(".note")).to_contain_text("no map")


def test_exports_follow_a_screen_that_other_films_and_reading_first_have_changed(open_page):
    page = open_page()
    viewer = on_screen(page, PHANTOM, "secret_one.png")
    viewer.finding(3)
    viewer.press("i")
    upload(page, ("secret_two.png", films.png(films.film(512, 512, seed=5))))
    shown(page, "secret_two.png")
    for name in ("secret_one.png", "secret_two.png"):
        page.get_by_test_id("stSidebar").get_by_text(name).click()
        shown(page, name)
        page.wait_for_timeout(400)
        settled(page)
        export = text_of(downloaded(page, "Figure of this finding")[1])
        view = text_of(downloaded(page, "This view (PNG)")[1])
        for key in ("Findings", "Film SHA-256", "Threshold", "Window"):
            assert export[key] == view[key], key


def test_a_whole_film_is_sent_again_when_its_reader_comes_back_to_it(open_page):
    page = open_page()
    viewer = on_screen(page, films.png(films.film(1500, 1400, seed=1)), "secret_one.png")
    upload(page, ("secret_two.png", films.png(films.film(512, 512, seed=5))))
    shown(page, "secret_two.png")
    for _ in range(2):
        page.get_by_test_id("stSidebar").get_by_text("secret_one.png").click()
        shown(page, "secret_one.png")
        page.keyboard.press("x")
        page.keyboard.press("m")  # at once, as a second message that must not undo the first
        viewer.still()
        viewer.point_at(ENSEMBLE)
        expect(viewer.one(".readout")).to_contain_text(re.compile(r"value \d+"), timeout=PATIENCE)
        page.get_by_test_id("stSidebar").get_by_text("secret_two.png").click()
        shown(page, "secret_two.png")
        viewer.press("i")
        settled(page)


# Access ---------------------------------------------------------------------------------------------------------------


def test_axe_finds_no_serious_violation(open_page):
    page = open_page()
    shown(page, "Phantom, seed")
    assert_is_accessible(page)


def test_everything_in_the_viewer_is_reached_by_tab_and_shows_the_focus(open_page):
    viewer, _ = wired(open_page)
    page = viewer.page
    viewer.one("#drawer").focus()
    reached, outlined = [], []
    for _ in range(40):
        told = page.evaluate(
            """() => {
              let one = document.activeElement
              while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement
              const name = one.id || one.dataset.panel || one.className || one.tagName
              const { outlineStyle, outlineWidth } = getComputedStyle(one)
              const outline = outlineWidth === "0px" ? "none" : outlineStyle
              return [name, outline, Boolean(one.closest(".viewer"))]
            }"""
        )
        if told[2]:
            reached.append(told[0])
            outlined.append(told[1])
        page.keyboard.press("Tab")
    wanted = {"threshold", "opacity", "colormap", "hide", "large", "invert"}
    wanted |= {"closer", "farther", "actual", "reset", "save", "exports", "help"}
    assert wanted <= set(reached)
    assert {DENSENET, ENSEMBLE} <= set(reached)
    assert reached.count("finding") >= 5
    assert "none" not in outlined


# What stands in -------------------------------------------------------------------------------------------------------


def test_where_the_viewer_cannot_run_still_pictures_stand_in_and_the_page_says_so(open_page):
    page = open_page(lambda page: page.add_init_script("delete window.DecompressionStream"))
    expect(page.get_by_text("The live viewer cannot run in this browser").first).to_be_visible(timeout=PATIENCE)
    expect(panels(page).first).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".viewer")).to_have_count(0)


def test_still_pictures_can_be_chosen_and_left_again(wired_example):
    viewer, _ = wired_example
    page = viewer.page
    use_still_pictures(page)
    reviewed(page)
    expect(panels(page)).to_have_count(3 * 4)
    page.get_by_text("Still pictures", exact=True).click()
    shown(page, "Phantom, seed")
    expect(panels(page)).to_have_count(0)
