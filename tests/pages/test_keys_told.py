"""Every key that the viewer's help tells does something: the list is read from the help, and none is left out."""

import pytest

from support.browsing import needs_chromium
from support.networks import bright_classifier
from support.payloads import sent
from support.reviews import dotted, made_review
from support.viewing import Live, blank_page, show

pytestmark = needs_chromium

# What lies around a viewer in the app, and notes what the viewer does with it.
_AROUND = """() => {
  window.heard = []
  const drawer = document.body.appendChild(document.createElement("button"))
  drawer.dataset.testid = "stExpandSidebarButton"
  drawer.onclick = () => window.heard.push("drawer")
  const page = document.body.appendChild(document.createElement("div"))
  page.className = "stMain"
  page.scrollTo = () => window.heard.push("files")
  const stage = window[Symbol.for("ensemble-cam stage")]
  stage.addEventListener("step", (event) => window.heard.push(event.detail))
  stage.addEventListener("say", (event) => window.heard.push(event.detail.kind))
}"""
# What the server has kept of what a reader said, before and after the reveal.
_HEAR = """(phase) => {
  const stage = window[Symbol.for("ensemble-cam stage")]
  const labels = [{ label: "Mass", name: "Mass" }, { label: "Effusion", name: "Effusion" }]
  const said = { marks: [], shapes: [], outlines: [], verdicts: {}, notes: [], compared: null }
  const rest = { done: false, progress: "0/1", heard: 0, failed: "" }
  stage.hear({ film: stage.shown, phase, labels, ...said, ...rest })
}"""
SAYING = {"Q": "first", "V": "first", "Backspace": "first", "Y F U": "after", "W": "after"}
_LOOK = """(box) => JSON.stringify([
  [...box.querySelectorAll(".panel")].map((each) => [each.dataset.panel, each.querySelector("canvas").toDataURL()]),
  [...box.querySelectorAll("output, .title, .how")].map((each) => each.textContent),
  [...box.querySelectorAll("[aria-pressed]")].map((each) => each.getAttribute("aria-pressed")),
  box.querySelector("dialog").open, window.heard,
])"""

# What the help tells, and the keys that are pressed for it, each of which has to change something to be seen or heard.
KEYS = {
    "1 – 9": ["1", "2", "3", "4", "5"],
    "Tab": ["Tab"],
    "L": ["l", "l"],
    "J K": ["j", "k"],
    "N P": ["n", "p"],
    ", and .": [".", ","],
    "Shift , and .": ["Shift+Period", "Shift+Comma"],
    "Space held": [],  # held by hand below
    "O": ["o", "o"],
    "M": ["m", "m", "m"],
    "I": ["i", "i"],
    "+ − X 0": ["+", "-", "x", "0"],
    "Arrows": ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"]
    + [f"Shift+{key}" for key in ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown")],
    "Wheel, drag": [],  # by the mouse below
    "T A S H": ["t", "t", "a", "a", "s", "s", "h", "Escape"],
    "G": ["g", "g"],
    "Z": ["i", "z"],
    "Fingers": [],  # in test_hand.py
    "Q": ["q"],
    "V": ["v"],
    "Backspace": ["Backspace"],
    "Y F U": ["y", "f", "u"],
    "W": ["w"],
    "D E": ["d", "e"],
    "?": ["?"],
}


@pytest.fixture
def viewer(browser) -> Live:
    networks = [
        bright_classifier("fine", logits={"Mass": 1.0, "Effusion": 0.4}, cells=16),
        bright_classifier("coarse", logits={"Mass": -0.5, "Effusion": 0.3}, cells=7),
    ]
    with blank_page(browser, width=1366, height=768) as page:
        viewer = show(page, sent(made_review(dotted(400, 400, 120, 150), classifiers=networks)), stage=True)
        page.evaluate(_AROUND)
        yield viewer


def look(viewer: Live) -> str:
    viewer.still()
    return viewer.box.evaluate(_LOOK)


def changed_by(viewer: Live, act) -> bool:
    before = look(viewer)
    act()
    return look(viewer) != before


def test_every_key_that_the_help_tells_does_something(viewer):
    page = viewer.page
    assert viewer.one("dialog th").all_text_contents() == list(KEYS)
    without = []
    for told, keys in KEYS.items():
        viewer.one('.thumb[data-of="film"]').click()
        page.evaluate("document.activeElement.blur()")
        if told == "Tab":
            viewer.one('.thumb[data-of="film"]').click()
        elif told == "1 – 9":
            viewer.one('.thumb[data-of="disagreement"]').click()
        else:
            viewer.one('.thumb[data-of="ensemble"]').click()
            viewer.focus("ensemble")
        page.evaluate(_HEAR, SAYING.get(told, "none"))
        if told == "Arrows":
            viewer.press("x", "+", "+")
        for key in keys:
            if not changed_by(viewer, lambda key=key: page.keyboard.press(key)):
                without.append((told, key))
        if told == "Space held":
            assert changed_by(viewer, lambda: page.keyboard.down("Space"))
            assert changed_by(viewer, lambda: page.keyboard.up("Space"))
        if told == "Wheel, drag":
            x, y = viewer.at("ensemble", 0.5, 0.5)
            page.mouse.move(x, y)
            assert changed_by(viewer, lambda: page.mouse.wheel(0, -300))
            for button in ("left", "right"):
                page.mouse.move(x, y)
                page.mouse.down(button=button)
                assert changed_by(viewer, lambda x=x, y=y: page.mouse.move(x + 50, y - 40, steps=3))
                page.mouse.up(button=button)
        page.keyboard.press("Escape")
        if told != "Space held":
            page.keyboard.press("0")
    assert without == []
    said = ["mark", "reveal", "back", *3 * ["verdict"], "done"]
    assert page.evaluate("window.heard") == [1, -1, *said, "drawer", "files"]


def test_every_button_says_which_key_does_the_same(viewer):
    titles = viewer.one(".top button").evaluate_all("all => all.map((button) => [button.id, button.title])")
    assert all(title for id, title in titles if id != "save")
    letters = {id: title.split(":")[0].split(" ")[0] for id, title in titles}
    assert {letters[id] for id in ("drawer", "large", "invert", "exports", "help")} == {"D", "L", "I", "E", "?"}
