"""Holds the page to one film: list, heading, stage, scores and downloads, at every repaint, in slow browsers.

    python benchmarks/uploads.py                      # all conditions: some 40 minutes
    python benchmarks/uploads.py --rates 12 --films 3 --seconds 5 --ways singly

The app is served to this machine alone, with the teaching set and an empty home folder. Films are phantoms that bear
their number in their pixels, so that the picture on the stage tells whose it is without the page's words. They are
uploaded one after the other (`singly`) and all at once (`together`, where the reader then goes through the list), in
Chromium whose processor is slowed so many times (`Emulation.setCPUThrottlingRate`), and, as `busy`, with a loop on each
of the machine's cores beside it.

From each upload or choice on, every repaint is looked at for so many seconds: which film the list marks, which names
the heading and the viewer's own line bear, whose number is in the canvases' pixels, and whose scores stand in the list
of findings. What is not there, hidden or black says nothing; all that is said has to be of one film. `Data (JSON)` is
pressed meanwhile, and the film in the file has to be the one that the list marked. At the end all of it, the file too,
has to be there and to be of the film that was asked for last.

It prints a line for each condition, and exits with 1 where anything differed.
"""

import argparse
import io
import json
import multiprocessing
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError
from served import serving

from ensemble_cam.phantom import draw_phantom
from ensemble_cam.purpose import PHANTOM_MARK

PATIENCE = 120_000  # ms
_BITS = 8
_SIDE = 512
_BLOCK = 24  # pixels; what tells a film's number lies along its upper rim, where maps are low
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

# Notes what the page says at every repaint, once for each change; components live in shadow roots.
_WATCH = """(bits) => {
  const roots = function* (root) {
    yield root
    for (const each of root.querySelectorAll("*")) if (each.shadowRoot) yield* roots(each.shadowRoot)
  }
  const all = (selector) => [...roots(document)].flatMap((root) => [...root.querySelectorAll(selector)])
  const seen = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true })
  const text = (element) => (element && seen(element) ? element.textContent.trim() : null)
  const small = Object.assign(document.createElement("canvas"), { width: bits, height: 1 })
  const context = small.getContext("2d", { willReadFrequently: true })
  /** The number in a canvas' upper rim; null where it is black. */
  const number = (canvas) => {
    if (!seen(canvas)) return null
    const side = Math.min(canvas.width, canvas.height)
    const [left, top] = [(canvas.width - side) / 2, (canvas.height - side) / 2]
    context.clearRect(0, 0, bits, 1) // a canvas that was not drawn yet leaves what is there
    for (let bit = 0; bit < bits; bit++) {
      const [x, y] = [left + side * (bit + 1.5) * %(share)f, top + side * 1.5 * %(share)f]
      context.drawImage(canvas, x - 1, y - 1, 2, 2, bit, 0, 1, 1)
    }
    const lit = []
    const { data } = context.getImageData(0, 0, bits, 1)
    for (let bit = 0; bit < bits; bit++) lit.push(data[4 * bit] + data[4 * bit + 1] + data[4 * bit + 2] > 380)
    if (!lit.includes(true)) return null
    let value = 0
    for (let bit = 0; bit < bits / 2; bit++) {
      if (lit[bit] === lit[bit + bits / 2]) return -1 // the second half is the first one's complement
      value += lit[bit] ? 2 ** bit : 0
    }
    return value
  }
  const list = () => {
    const own = all('[role="radiogroup"][aria-label="Films"] [role="radio"][aria-checked="true"]')
    if (own.length) return own.map(text).find(Boolean) ?? null
    const native = all('.stSidebar [role="radiogroup"][aria-label="Films"] input:checked')
    return native.map((input) => text(input.closest("label"))).find(Boolean) ?? null
  }
  window.film_log = []
  let last = ""
  let before = performance.now()
  const look = () => {
    const now = {
      list: list(),
      heading: all(".stApp strong").map(text).find((name) => name && /film_\\d+/.test(name)) ?? null,
      line: all(".viewer .set").map(text).find(Boolean) ?? null,
      stage: [...new Set(all(".viewer .panel canvas").map(number).filter((each) => each !== null))],
      scores: all(".viewer .finding").map((row) =>
        [".label", ".score"].map((part) => text(row.querySelector(part))).join(" ")),
    }
    if (!now.scores.some((row) => /\\d/.test(row))) now.scores = []
    if (!all(".viewer .findings").some(seen)) now.scores = []
    const told = JSON.stringify(now)
    if (told !== last) window.film_log.push([performance.now(), told])
    last = told
    window.film_frames = (window.film_frames ?? 0) + 1
    before = performance.now()
    requestAnimationFrame(look)
  }
  requestAnimationFrame(look)
}""" % {"share": _BLOCK / _SIDE}  # noqa: UP031 (braces are JavaScript's)


@dataclass(frozen=True)
class Film:
    """A film to upload.

    Attributes:
        number: in its pixels and in its name.
        name: its file's.
        data: its file's bytes.
        sha256: of them.
    """

    number: int
    name: str
    data: bytes
    sha256: str


@dataclass
class Findings:
    """What was seen under one condition."""

    looks: int = 0
    frames: int = 0
    downloads: int = 0
    differ: list[str] = field(default_factory=list)


def numbered_films(count: int) -> list[Film]:
    """Draw phantoms that bear their numbers, from 1, in their pixels."""
    import hashlib

    mark = PngInfo()
    mark.add_text("Software", PHANTOM_MARK)
    films = []
    for number in range(1, count + 1):
        pixels = np.array(draw_phantom(3_000 + number, size=_SIDE).pixels)
        white = np.iinfo(pixels.dtype).max
        lit = [bool(number >> bit & 1) for bit in range(_BITS // 2)]
        pixels[: 3 * _BLOCK, : (_BITS + 2) * _BLOCK] = 0
        for bit, on in enumerate(lit + [not each for each in lit]):
            left = (bit + 1) * _BLOCK
            pixels[_BLOCK : 2 * _BLOCK, left : left + _BLOCK] = white if on else 0
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG", pnginfo=mark)  # without it the maps would have to be asked for
        data = stream.getvalue()
        films.append(Film(number, f"film_{number}.png", data, hashlib.sha256(data).hexdigest()))
    return films


def start_watching(page: Page) -> None:
    """Note from now on what the page says at every repaint."""
    page.evaluate(_WATCH, _BITS)


def film_of(name: str | None) -> int | None:
    """Return the number in a film's name, None where nothing is said."""
    found = re.search(r"film_(\d+)", name or "")
    return int(found[1]) if found else None


def films_told(look: dict, signatures: dict[str, int]) -> dict[str, int]:
    """Return part of the page → the film that it speaks of, of one repaint; -1 where that cannot be told.

    `signatures` gathers whose scores are whose: a list of scores that was never seen before is the named film's.
    """
    told = {part: film_of(look[part]) for part in ("list", "heading", "line")}
    if look["stage"]:
        told["stage"] = look["stage"][0] if len(look["stage"]) == 1 else -1
    if look["scores"]:
        key = "|".join(look["scores"])
        known = signatures.get(key)
        named = {each for each in told.values() if each is not None}
        if known is None and len(named) == 1:
            known = signatures[key] = named.pop()
        told["scores"] = known
    return {part: film for part, film in told.items() if film is not None}


def look_through(page: Page, found: Findings, signatures: dict[str, int]) -> dict[str, int]:
    """Judge what was noted since the last time; return what the page says now."""
    log = page.evaluate("() => { const log = window.film_log; window.film_log = log.slice(-1); return log }")
    frames = page.evaluate("window.film_frames")
    told: dict[str, int] = {}
    for at, look in log:
        told = films_told(json.loads(look), signatures)
        found.looks += 1
        if len(set(told.values())) > 1 or -1 in told.values():
            found.differ.append(f"{at / 1000:.2f} s: {told}")
    found.frames = frames
    return told


def downloaded_film(page: Page) -> str | None:
    """Press `Data (JSON)` and return the SHA-256 of the film in the file; None where the button is not there."""
    button = page.get_by_role("button", name="Data (JSON)")
    if not button.is_visible():
        return None
    try:
        page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for(timeout=30_000)
        with page.expect_download(timeout=60_000) as waiting:
            button.click(timeout=30_000)
        return json.loads(Path(waiting.value.path()).read_text())["input"]["sha256"]
    except PlaywrightError:
        return None  # it was replaced under the hand


def marked(page: Page) -> int | None:
    """Return the number of the film that the list marks."""
    row = page.locator('[role="radiogroup"][aria-label="Films"] [role="radio"][aria-checked="true"]')
    return film_of(row.first.text_content()) if row.count() else None


def watch(
    page: Page,
    wanted: Film,
    films: Sequence[Film],
    found: Findings,
    signatures: dict[str, int],
    seconds: float,
    *,
    downloads: bool = True,
) -> None:
    """Look at every repaint for so long, download meanwhile, and hold the end to the film that was asked for."""
    by_hash = {film.sha256: film.number for film in films}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        page.wait_for_timeout(min(2_000, 1_000 * seconds / 3))
        look_through(page, found, signatures)
        before = marked(page)
        sha256 = downloaded_film(page) if downloads else None
        if sha256 is not None and before is not None and before == marked(page):
            found.downloads += 1
            if by_hash.get(sha256) != before:
                found.differ.append(f"the list marks {before}, the JSON file is of {by_hash.get(sha256)}")
    deadline = time.monotonic() + 60  # a slow browser may need longer than that to show everything
    while True:
        told = look_through(page, found, signatures)
        parts = {"heading", "line", "stage", "scores"} | ({"list"} if len(films) > 1 else set())
        if set(told) >= parts or time.monotonic() > deadline:
            break
        page.wait_for_timeout(500)
    if set(told.values()) != {wanted.number} or not set(told) >= parts:
        found.differ.append(f"at the end, of film {wanted.number}: {told}")
    sha256 = downloaded_film(page)
    found.downloads += sha256 is not None
    if sha256 != wanted.sha256:
        found.differ.append(f"at the end, of film {wanted.number}: the JSON file is of {by_hash.get(sha256)}")


def upload(page: Page, films: Sequence[Film]) -> None:
    """Hand films to the page."""
    hand_over(page, [{"name": film.name, "mimeType": "image/png", "buffer": film.data} for film in films])


def hand_over(page: Page, files: Sequence[Mapping[str, object]]) -> None:
    """Put files into the uploader; again where the page has just appeared and does not listen yet, as no hand could."""
    for _ in range(5):
        try:
            with page.expect_request(lambda request: "upload_file" in request.url, timeout=20_000):
                page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(files)
            return
        except PlaywrightTimeoutError:
            continue
    raise AssertionError("the uploader took no file")


def choose(page: Page, film: Film) -> None:
    """Choose a film in the list."""
    rows = page.locator('[role="radiogroup"][aria-label="Films"]')
    rows.get_by_text(film.name, exact=True).click()


def opened(page: Page, address: str, rate: float) -> None:
    """Open the app, wait for its phantom's review, remove it, and slow the browser down."""
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.get_by_role("button", name="Data (JSON)").wait_for()
    page.evaluate("document.querySelector('[data-testid=stExpandSidebarButton]')?.click()")  # the drawer
    page.get_by_role("button", name="Remove this film").click()
    page.get_by_text("Open a chest radiograph").wait_for()
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": rate})
    start_watching(page)


def run(page: Page, films: Sequence[Film], way: str, seconds: float) -> Findings:
    """Upload films and look on."""
    found, signatures = Findings(), {}
    if way == "singly":
        for count, film in enumerate(films):
            upload(page, [film])
            page.get_by_text(film.name).first.wait_for(state="attached")
            watch(page, film, films[: count + 1], found, signatures, seconds)
    else:
        upload(page, films)
        page.get_by_text(films[-1].name).first.wait_for(state="attached")
        watch(page, films[0], films, found, signatures, seconds)
        for film in films[1:]:
            choose(page, film)
            watch(page, film, films, found, signatures, seconds)
    return found


def _spin() -> None:
    while True:
        pass


@contextmanager
def busy_cores(wanted: bool) -> Iterator[None]:
    """Keep every core busy with a loop of its own."""
    count = os.cpu_count() or 1
    loops = [multiprocessing.Process(target=_spin, daemon=True) for _ in range(count if wanted else 0)]
    for loop in loops:
        loop.start()
    try:
        yield
    finally:
        for loop in loops:
            loop.terminate()
            loop.join()


def main() -> int:
    """Run the conditions; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--films", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rates", type=float, nargs="*", default=[1, 4, 12, 20])
    parser.add_argument("--busy", action=argparse.BooleanOptionalAction, default=True, help="a round with busy cores")
    parser.add_argument("--ways", nargs="*", choices=["singly", "together"], default=["singly", "together"])
    parser.add_argument("--show", type=int, default=3, help="how many differences of a condition are printed")
    options = parser.parse_args()
    films = numbered_films(options.films)
    conditions = [(rate, False) for rate in options.rates] + ([(1, True)] if options.busy else [])
    bad = 0
    print(f"{len(films)} films, {options.seconds:g} s each")
    print(f"{'browser':>12}  {'uploads':10} {'repaints':>8} {'changes':>8} {'downloads':>9} {'differ':>6}")
    with tempfile.TemporaryDirectory() as home, serving(Path(home)) as served, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=_ARGUMENTS)
        for rate, busy in conditions:
            for way in options.ways:
                context = browser.new_context(viewport={"width": 1366, "height": 768}, accept_downloads=True)
                page = context.new_page()
                opened(page, served.address, rate)
                with busy_cores(busy):
                    found = run(page, films, way, options.seconds)
                context.close()
                name = "busy cores" if busy else f"slowed {rate:g}×"
                counts = f"{found.frames:8} {found.looks:8} {found.downloads:9} {len(found.differ):6}"
                print(f"{name:>12}  {way:10} {counts}", flush=True)
                for line in found.differ[: options.show]:
                    print(f"{'':14}{line}", flush=True)
                bad += len(found.differ)
        browser.close()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
