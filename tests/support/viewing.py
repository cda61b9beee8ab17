"""The live viewer under a test's hands: in the app, or alone on a page with a review that the test made."""

import base64
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

from ensemble_cam.film.radiograph import Radiograph
from ensemble_cam.ui.scripts import linked, read
from ensemble_cam.ui.viewer.payload import Payload
from support.browsing import PATIENCE, expect, open_drawer, reviewed, settled, upload

_FRAME = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
_DRAWN = """(box, before) => new Promise((done, fail) => {
  if (box.dataset.drawn !== before) done()
  box.addEventListener("drawn", done, { once: true })
  setTimeout(() => fail(new Error("nothing was drawn")), 20_000)
})"""


class Live:
    """A viewer on a page."""

    def __init__(self, page):
        self.page = page
        self.box = page.locator(".viewer")

    def one(self, selector: str):
        return self.box.locator(selector)

    def panel(self, id: str):
        return self.one(f'.panel[data-panel="{id}"]')

    def canvas(self, id: str):
        return self.panel(id).locator("canvas")

    def ids(self) -> list[str]:
        return self.one(".panel").evaluate_all("panels => panels.map((panel) => panel.dataset.panel)")

    def first_drawn(self) -> None:
        """Wait until there is a picture."""
        expect(self.box).to_have_attribute("data-drawn", re.compile(r"\d"), timeout=PATIENCE)
        self.still()

    def drawn(self) -> str:
        return self.box.get_attribute("data-drawn")

    def still(self) -> None:
        """Wait until what was asked for has been drawn."""
        self.page.evaluate(_FRAME)

    @contextmanager
    def redrawn(self) -> Iterator[None]:
        """Do something, and wait until it is on the screen."""
        before = self.drawn()
        yield
        self.box.evaluate(_DRAWN, before)
        self.still()

    def press(self, *keys: str) -> None:
        for key in keys:
            with self.redrawn():
                self.page.keyboard.press(key)

    def finding(self, place: int) -> None:
        """Choose a finding by its place in the list, from 1 on; the focus leaves it, as after any mouse's click."""
        with self.redrawn():
            self.one(".finding").nth(place - 1).click()

    def choose_finding(self, place: int) -> None:
        """Choose a finding by its place in the list, from 1 on, without a look at where the list stands."""
        self.one(".finding").nth(place - 1).evaluate("row => row.click()")
        self.still()

    def side_by_side(self) -> None:
        """Have all maps stand side by side where there are some and one of them stands large."""
        large = self.one("#large")
        if large.is_visible() and large.get_attribute("aria-pressed") == "true":
            with self.redrawn():
                large.evaluate("button => button.click()")

    def click(self, selector: str) -> None:
        with self.redrawn():
            self.one(selector).click()

    def choose(self, selector: str, value: str) -> None:
        """Bring a slider, or a choice, to a value."""
        target = self.one(selector)
        if target.input_value() == value:
            return
        with self.redrawn():
            (target.select_option if target.evaluate("e => e.tagName") == "SELECT" else target.fill)(value)

    def outputs(self) -> dict[str, str]:
        """Each slider's value as it is written beside it."""
        return {name: self.one(f"output[for={name}]").inner_text() for name in ("threshold", "opacity")} | {
            name: self.one(f"output[for={name}]").text_content() for name in ("center", "width")
        }

    def pictures(self) -> dict[str, np.ndarray]:
        """Each panel's pixels, (h, w, 3) uint8 RGB."""
        found = self.one(".panel").evaluate_all(
            'panels => panels.map((p) => [p.dataset.panel, p.querySelector("canvas").toDataURL()])'
        )
        return {id: decoded(base64.b64decode(url.partition(",")[2])) for id, url in found}

    def focus(self, id: str) -> None:
        self.panel(id).focus()

    def at(self, id: str, x: float, y: float) -> tuple[int, int]:
        """Where a panel's picture has its (x, y), shares of its size, on the page, in whole pixels."""
        box = self.canvas(id).bounding_box()
        return math.ceil(box["x"] + x * box["width"]), math.ceil(box["y"] + y * box["height"])

    def point_at(self, id: str, x: float = 0.5, y: float = 0.5) -> tuple[int, int]:
        """Move the pointer there, and return the film's pixel that the viewer says is under it."""
        self.page.mouse.move(*self.at(id, x, y))
        told = re.match(r"x (\d+) · y (\d+)", self.readout())
        assert told, self.readout()
        return int(told[1]), int(told[2])

    def readout(self) -> str:
        return self.one(".readout").inner_text()

    def scale(self, id: str) -> float:
        """Screen pixels for a pixel of the film, over the film's middle as it is shown."""
        (left, _), (right, _) = self.point_at(id, 0.35), self.point_at(id, 0.65)
        (start, _), (end, _) = self.at(id, 0.35, 0.5), self.at(id, 0.65, 0.5)
        return (end - start) / (right - left)

    def restore(self) -> None:
        """Set everything as it was at the beginning."""
        self.page.keyboard.press("Escape")
        self.page.keyboard.up("Space")
        if len(self.ids()) == 1:
            self.click("#large")
        if self.one("#hide").get_attribute("aria-pressed") == "true":
            self.click("#hide")
        self.click("#reset")
        for selector, value in {"#threshold": "0.4", "#opacity": "0.45", "#colormap": "inferno"}.items():
            self.choose(selector, value)
        for slider in self.one(".weights input").all():
            self.choose(f"#{slider.get_attribute('id')}", "1")
        if not self.one('#style input[value="both"]').is_checked():
            self.click('#style input[value="both"]')
        if self.one(".finding").first.get_attribute("aria-current") != "true":
            self.finding(1)
        self.still()


def on_screen(page, data: bytes, name: str = "secret_name.png") -> Live:
    """Open a film, and wait for its maps."""
    opened_with_its_phantom(page)
    reviewed(page)
    upload(page, (name, data))
    return shown(page, name)


def opened_with_its_phantom(page) -> None:
    """Wait for the findings of the phantom that is there at first.

    It was seen once, on a machine that did other work, that Streamlit had put the components' markup on the page and
    never begun their scripts, without an error. A reader reloads the page then, and so does this, once.
    """
    findings = Live(page).one(".finding").first
    try:
        expect(findings).to_be_visible(timeout=PATIENCE / 2)
    except AssertionError:
        page.reload()
        open_drawer(page)
        expect(findings).to_be_visible(timeout=PATIENCE)


def shown(page, name: str) -> Live:
    viewer = Live(page)
    expect(viewer.one(".set")).to_contain_text(name, timeout=PATIENCE)
    reviewed(page)
    expect(viewer.one(".finding").first).to_be_visible()
    viewer.still()
    return viewer


def decoded(data: bytes) -> np.ndarray:
    """Return a picture file as (h, w, 3) uint8 RGB."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def coloured(picture: np.ndarray) -> int:
    """Count the pixels that are no grey."""
    return int((np.ptp(picture.astype(int), axis=2) > 0).sum())


def close(one: np.ndarray, other: np.ndarray, *, levels: int = 2, share: float = 0.99) -> bool:
    """Tell whether two pictures are the same within so many grey levels on that share of their pixels."""
    assert one.shape == other.shape
    return float((np.abs(one.astype(int) - other).max(axis=-1) <= levels).mean()) >= share


_CONTRASTS = """(elements) => elements.map((element) => {
  const style = getComputedStyle(element)
  const luminance = (colour) => {
    const [r, g, b] = colour.match(/[0-9.]+/g).map((each) => each / 255)
      .map((each) => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const [dark, light] = [luminance(style.color), luminance(style.backgroundColor)].sort((a, b) => a - b)
  return (light + 0.05) / (dark + 0.05)  // WCAG 2.2, contrast ratio
})"""


def assert_is_accessible(page) -> None:
    """Let axe look at a page with a review, all of its parts open, side by side, one large, and under its help."""
    viewer = Live(page)
    for details in (".weights", ".window"):
        viewer.one(details).evaluate("details => { details.open = true }")
    page.get_by_text("Classifiers", exact=True).click()
    settled(page)
    for prepare in (lambda: None, lambda: viewer.press("l"), lambda: page.keyboard.press("?")):
        prepare()
        found = Axe().run(page).response["violations"]
        serious = [
            (each["id"], [node["html"][:200] for node in each["nodes"]])
            for each in found
            if each["impact"] in ("serious", "critical")
        ]
        assert serious == []
    # axe cannot tell what is behind a badge in a button.
    ratios = viewer.one(".badge").evaluate_all(_CONTRASTS)
    assert len(ratios) == 8
    assert min(ratios) >= 4.5


# Alone on a page ---------------------------------------------------------------------------------------------------

_ADDRESS = "http://localhost/viewer"  # a browser checks hashes where it trusts the address
_INNER = {
    "maps": ("readMaps", "readPoint", "readSamples"),
    "greys": ("greyTable",),
    "film": ("unpack",),
    "viewer": ("VIEWERS", "appear"),
}
_STYLE = ":host { --st-text-color: #eee; --st-background-color: #111; --st-secondary-background-color: #222; }"


def script() -> str:
    """Return the viewer's module with its inner functions within a test's reach, and a way to show it."""
    imports = [f'import {{ {", ".join(names)} }} from "./{module}.js"' for module, names in _INNER.items()]
    reached = ", ".join(name for names in _INNER.values() for name in names)
    viewer = read("viewer/viewer.js").replace("export default function (", "export function appear(")
    own = {
        "viewer/test.js": "\n".join([*imports, f"Object.assign(window, {{ {reached} }})"]),
        "viewer/viewer.js": viewer.replace("const VIEWERS", "export const VIEWERS"),
    }
    return linked("viewer/test.js", read=lambda path: own.get(path) or read(path))


_SHOW = """async ([html, css, payloads]) => {
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
  const table = (blobs) => {
    const columns = {
      name: blobs.map(([name]) => name), sha256: blobs.map(([, sha256]) => sha256),
      bytes: blobs.map(([, , data]) => bytes(data)),
    }
    return { numRows: blobs.length, getChild: (name) => ({ get: (row) => columns[name][row] }) }
  }
  if (!window.root) {
    window.root = document.body.appendChild(document.createElement("div")).attachShadow({ mode: "open" })
    window.root.innerHTML = `<style>${css}</style>${html}`
    window.told = []
  }
  for (const [header, blobs] of payloads) appear({
    data: { header, blobs: table(blobs) }, parentElement: window.root,
    setStateValue: (name, value) => window.told.push([name, value]),
  })
}"""


@contextmanager
def blank_page(browser, *, width: int = 1600, height: int = 1100):
    """A page without the app, with the viewer's script; at the end nothing may have erred."""
    context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(20_000)
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.route("**/*", lambda route: route.fulfill(body="<title>Viewer</title>", content_type="text/html"))
    page.goto(_ADDRESS)
    page.add_script_tag(content=script(), type="module")
    page.wait_for_function("Boolean(window.appear)")
    try:
        yield page
    finally:
        context.close()
    assert errors == [], errors


def show(
    page,
    sent: Payload,
    *,
    spoilt: str | None = None,
    again: bool = False,
    before_it: Sequence[Payload] = (),
    stage: bool = False,
) -> Live:
    """Show what is sent on a blank page, or feed it to the viewer that is there.

    All maps stand side by side, but where `stage` leaves one of them large, as a viewer begins.

    `spoilt` names a blob to damage; `again` says that it is there already, so that nothing will be drawn;
    `before_it` comes at the same moment, before it.
    """
    html, css = read("viewer/viewer.html"), f"{_STYLE} {read('viewer/viewer.css')}"
    viewer, shown = Live(page), page.locator(".viewer").count()
    before = viewer.drawn() if shown else None
    page.evaluate(_SHOW, [html, css, [_as_sent(each, spoilt) for each in (*before_it, sent)]])
    if spoilt is None and not again:
        viewer.box.evaluate(_DRAWN, before) if before else viewer.first_drawn()
        viewer.still()
        if not stage:
            viewer.side_by_side()
    return viewer


def _as_sent(payload: Payload, spoilt: str | None) -> list:
    rows = zip(*(payload.table[name].to_pylist() for name in ("name", "sha256", "bytes")), strict=True)
    blobs = [
        (name, sha256, base64.b64encode(data if name != spoilt else data[:-1] + b"?").decode())
        for name, sha256, data in rows
    ]
    return [dict(payload.header), blobs]


def place(page) -> Mapping[str, float]:
    """Return what part of the film the viewer that is alone on a page shows."""
    return page.evaluate("VIEWERS.get(window.root).reading.panels.place")


def told(page) -> Sequence[Mapping]:
    """Return the messages that a viewer that is alone on a page has sent."""
    return page.evaluate("window.told")


def greys_of(film: Radiograph) -> np.ndarray:
    """Return a film's greys as (h, w, 3)."""
    return np.repeat(film.display[..., None], 3, axis=2)


def looked_at(picture: np.ndarray, where: Mapping[str, float]) -> tuple[np.ndarray, tuple[slice, slice]]:
    """Cut what a place at 1:1 shows out of a picture in source pixels; and where the panel has it."""
    assert where["scale"] == 1
    left, top = int(where["left"]), int(where["top"])
    height, width = picture.shape[:2]
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + int(where["width"]), width), min(top + int(where["height"]), height)
    return picture[y0:y1, x0:x1], (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
