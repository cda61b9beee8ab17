"""Measures the live viewer as its readers meet it: the app on this machine, in Chromium, with a mouse and with keys.

The app is served to this machine alone, with the teaching set and a home folder of its own that is empty. The films are
phantoms of 16 bits in PNG, the heavier kind: two bytes a pixel, and grain down to the last bit. For each size a page is
opened, which reviews the phantom that it begins with, so that the networks are loaded; that film is removed and a film
of the size is uploaded, and this again with other films, as Streamlit does not send a page twice what it has. What is
told of each size:

- `first_view_s`: from the end of the review's work on the server to the first frame with its maps, by the clock of the
  machine. It has the page's own waiting in it: it looks for the end of a review every 0.6 s. The median of the uploads.
- `bytes_sent`: what the page's web sockets received from the upload to that frame, unpacked: the film, which is shown
  before its maps, the film once more with its maps, and all else of the page. The most of all uploads. (The teaching
  networks would be done before the page shows the film alone, and it would come once; `viewer_server` holds them up, so
  that the film goes the longer way that it goes with the clinical ones.)
- `frame_ms_median`, `frame_ms_p95`: between one drawn frame and the next while the mouse drags the threshold to and
  fro. Chromium draws at most 60 a second; a frame is drawn when the threshold has another value. `frames` says how many
  there were, and `moves_per_frame` how many moves of the mouse each of them took in: with less than 1.5 it would be the
  mouse that is measured.
- `stage`: the same of one film large, with its strip; all else is of all maps side by side.
- `key_to_paint_ms`: from the press of the key `.`, which raises the threshold, to the beginning of the frame after the
  one that shows it, by when the page is done with that one. The median of the presses.

Chromium draws with the processor alone, whatever the graphics card.
"""

import asyncio
import http.client
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ensemble_cam.classifiers.compilation import CACHE_VARIABLE
from ensemble_cam.errors import ConfigError, EnsembleCamError
from ensemble_cam.machine.facts import machine_facts, machine_line
from ensemble_cam.machine.report import Report, unheard
from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import film_name, phantom_files
from ensemble_cam.ui.launch import app_script

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

SIDES = (512, 1024, 2048)
SCREEN = (1920, 1080)
AIMS = {
    "frame_ms_median": 33,
    "frame_ms_p95": 100,
    "key_to_paint_ms": 60,
    "first_view_s": 1.5,
    "bytes_sent": 6_000_000,
}

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
# The pages are this program's own, from this machine; the sandbox does not start in many containers.
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--no-proxy-server", "--disable-background-networking")
_FINDINGS = ("Cardiomegaly", "Effusion", "Mass")
_BITS, _SEED = 16, 100
_PATIENCE = 120  # seconds: a cold start imports PyTorch
_EVERY = 0.008  # seconds between moves, as of a mouse with 125 reports a second
_SWEEP = 1.0  # seconds that the mouse takes over the whole slider
_THUMB = 8  # CSS pixels at either end of a slider that its value does not change in
_PRESSES = 20
_PAUSE = 0.3  # seconds after each key: the server is told of the new threshold meanwhile


def bench_viewer(
    *,
    sides: Sequence[int] = SIDES,
    views: int = 5,
    drag_seconds: float = 6.0,
    report: Report = unheard,
) -> dict[str, Any]:
    """Measure the live viewer, and return what `bench --viewer --json` prints.

    Args:
        sides: of the square films, in pixels.
        views: how many films of each size are uploaded.
        drag_seconds: how long the mouse drags the threshold.
        report: takes what is being measured.

    Raises:
        ConfigError: if Chromium or Playwright is not here; the message says how to get it.
        EnsembleCamError: if the app or its page does not work.
    """
    chromium = _chromium()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    report("drawing films", 0.0)
    films = {side: [_film(side, seed) for seed in range(_SEED, _SEED + views)] for side in sides}
    report("starting the app", 0.05)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home, _serving(Path(home)) as (address, notes):
        launch = {"executable_path": chromium, "args": list(_ARGUMENTS), "env": _environment(Path(home))}
        measured, browser = asyncio.run(
            _measure(launch, address, notes, films, drag_seconds=drag_seconds, report=report)
        )
    software = {"streamlit": version("streamlit"), "playwright": version("playwright"), "chromium": browser}
    return {
        "schema": 1,
        "set": "teaching",
        "runs": views,
        "viewer": measured,
        "film_bits": _BITS,
        "screen": list(SCREEN),
        "load": None if load is None else round(load, 2),
        "machine": machine_facts(software),
    }


def as_text(record: Mapping[str, Any]) -> str:
    """Return what was measured as lines for people, the aims beside."""
    viewer = record["viewer"]
    width, height = record["screen"]
    panels = " or ".join(sorted({str(each["panels"]) for each in viewer.values()}))
    load = "" if record["load"] is None else f", whose load was {record['load']:.1f} before"
    rows: dict[str, tuple[str, Callable[[float], str]]] = {
        "frame_ms_median": ("a frame while dragging, median", lambda value: f"{value:.1f} ms"),
        "frame_ms_p95": ("  95 of 100 within", lambda value: f"{value:.1f} ms"),
        "key_to_paint_ms": ("key to paint, median", lambda value: f"{value:.1f} ms"),
        "first_view_s": ("first view after the analysis", lambda value: f"{value:.2f} s"),
        "bytes_sent": ("sent until then", lambda value: f"{value / 1e6:.2f} MB"),
    }
    lines = [
        machine_line(record["machine"]),
        f"live viewer, {record['set']} set, {panels} panels in a window of {width}×{height}, films in "
        f"{record['film_bits']} bits; drawn by the processor alone{load}",
        "",
        f"{'source pixels':<32}" + "".join(f"{side:>11}" for side in viewer) + f"{'aim':>14}",
    ]
    for key, (what, shown) in rows.items():
        values = "".join(f"{shown(each[key]):>11}" for each in viewer.values())
        lines.append(f"{what:<32}{values}{'at most ' + shown(AIMS[key]).replace('.0 ', ' ').replace('.00 ', ' '):>17}")
    for key, what in {
        "frame_ms_median": "one film large: a frame, median",
        "key_to_paint_ms": "  key to paint",
    }.items():
        lines.append(f"{what:<32}" + "".join(f"{each['stage'][key]:>8.1f} ms" for each in viewer.values()))
    slow = [side for side, each in viewer.items() if each["moves_per_frame"] < 1.5]
    if slow:
        lines.append(f"The mouse was no faster than the frames at {', '.join(slow)}: those may be shorter than told.")
    return "\n".join(lines)


def frame_figures(times: Sequence[float]) -> dict[str, float]:
    """Return median and 95th percentile of the intervals between frames drawn at `times`, milliseconds.

    Raises:
        EnsembleCamError: if there are too few.
    """
    if len(times) < 3:
        raise EnsembleCamError(f"The viewer drew {len(times)} frames while the threshold was dragged.")
    intervals = np.diff(times)
    return {
        "frame_ms_median": round(float(np.median(intervals)), 1),
        "frame_ms_p95": round(float(np.percentile(intervals, 95)), 1),
    }


def _chromium() -> str:
    if find_spec("playwright") is None:
        raise ConfigError("--viewer: Playwright, which drives Chromium, is not installed: pip install playwright.")
    found = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if found is None:
        raise ConfigError(
            f"--viewer: no Chromium was found as {', '.join(_CHROMIUM)}. Install one, as with apt-get install chromium."
        )
    return found


def _film(side: int, seed: int) -> bytes:
    phantom = draw_phantom(seed, findings=_FINDINGS, size=side, bits=_BITS, difficulty=0.15)
    return phantom_files(phantom, 0)[film_name(0, "png")]


@contextmanager
def _serving(folder: Path) -> Iterator[tuple[str, Path]]:
    """Serve the app with `folder` as its home; give its address and the file of `viewer_server`'s notes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    notes = folder / "notes"
    notes.touch()
    options = ["--server.address", "127.0.0.1", "--server.port", str(port), "--server.headless", "true"]
    command = [
        sys.executable,
        "-m",
        "ensemble_cam.benchmark.viewer_server",
        str(notes),
        "run",
        str(app_script()),
        *options,
    ]
    server = subprocess.Popen(
        command, cwd=folder, env=_environment(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(server, port)
        yield f"http://127.0.0.1:{port}", notes
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _environment(home: Path) -> dict[str, str]:
    """Return this process's environment without what leads to the user's own files and settings."""
    strange = ("ENSEMBLE_CAM_", "STREAMLIT_", "XDG_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(strange)}
    return kept | {"HOME": str(home), "USERPROFILE": str(home), CACHE_VARIABLE: str(home / "compiled")}


def _wait_for(server: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and server.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            connection.request("GET", "/_stcore/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise EnsembleCamError("The app did not start. `ensemble-cam app` says why.")


async def _measure(
    launch: Mapping[str, Any],
    address: str,
    notes: Path,
    films: Mapping[int, Sequence[bytes]],
    *,
    drag_seconds: float,
    report: Report,
) -> tuple[dict[str, dict[str, Any]], str]:
    """Return the figures by size, and the browser's version."""
    from playwright.async_api import Error, async_playwright  # here, as it need not be installed

    measured = {}
    try:
        async with async_playwright() as driver:
            browser = await driver.chromium.launch(**launch)
            for count, (side, of_size) in enumerate(films.items()):

                def measuring(what: str, side: int = side, done: float = 0.1 + 0.9 * count / len(films)) -> None:
                    report(f"{side} pixels: {what}", done)

                async with _page(browser, address) as page:
                    measuring("a first review")
                    await _reviewed(page)
                    seen = []
                    for number, film in enumerate(of_size, start=1):
                        measuring(f"view {number} of {len(of_size)}")
                        seen.append(await _first_view(page, film, notes))
                    panels = await page.locator(".panel").count()
                    measuring("dragging the threshold")
                    frames = await _drag(page, drag_seconds)
                    measuring("pressing keys")
                    key = await _press(page)
                    measuring("the same with one film large")
                    await _lay(page, large=True)
                    stage = {**await _drag(page, drag_seconds), "key_to_paint_ms": await _press(page)}
                seconds, counts = zip(*seen, strict=True)
                measured[str(side)] = {
                    **frames,
                    "key_to_paint_ms": key,
                    "first_view_s": round(statistics.median(seconds), 3),
                    "bytes_sent": max(counts),
                    "panels": panels,
                    "stage": stage,
                }
            return measured, browser.version
    except Error as error:
        raise EnsembleCamError(f"The page could not be measured: {error.message.splitlines()[0]}") from None


@asynccontextmanager
async def _page(browser: "Browser", address: str) -> AsyncIterator["Page"]:
    width, height = SCREEN
    # The page's policy forbids eval, by which Playwright waits.
    context = await browser.new_context(viewport={"width": width, "height": height}, bypass_csp=True)
    try:
        page = await context.new_page()
        page.set_default_timeout(1000 * _PATIENCE)
        await page.add_init_script(path=Path(__file__).with_suffix(".js"))
        await page.goto(address)
        await page.get_by_test_id("stSidebar").wait_for(state="attached")
        await page.evaluate("document.querySelector('[data-testid=stExpandSidebarButton]')?.click()")  # the drawer
        yield page
    finally:
        await context.close()


async def _reviewed(page: "Page") -> None:
    """Wait until a view with maps is drawn, and the page and the server are at rest."""
    await page.wait_for_function("watch.view", polling=100)
    await _rest(page)
    await _lay(page, large=False)


async def _lay(page: "Page", *, large: bool) -> None:
    """Have one film stand large, or all maps side by side."""
    button = page.locator("#large")
    if await button.get_attribute("aria-pressed") != str(large).lower():
        await button.evaluate("button => button.click()")
        await asyncio.sleep(_PAUSE)


async def _rest(page: "Page") -> None:
    await page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()
    await asyncio.sleep(1)


async def _first_view(page: "Page", film: bytes, notes: Path) -> tuple[float, int]:
    """Put a film in the place of the one that is there.

    Returns:
        Seconds from the end of the review's work to the first frame with maps; bytes that came since the upload.
    """
    await page.get_by_role("button", name="Remove this film").click()
    await page.get_by_role("button", name="Show a phantom").wait_for()  # the page without a film, and without a viewer
    await page.locator(".viewer").wait_for(state="detached")
    await _rest(page)
    await page.evaluate("Object.assign(watch, { bytes: 0, view: null })")
    uploader = page.get_by_test_id("stFileUploaderDropzoneInput")
    await uploader.set_input_files({"name": "film.png", "mimeType": "image/png", "buffer": film})
    await _reviewed(page)
    view = await page.evaluate("watch.view")
    ended = [float(line) for line in notes.read_text().split()]
    return view["at"] / 1000 - ended[-1], view["bytes"]


async def _drag(page: "Page", seconds: float) -> dict[str, float]:
    """Drag the threshold to and fro with the mouse, and return what its frames say."""
    box = await page.locator("#threshold").bounding_box()
    if box is None:
        raise EnsembleCamError("The viewer shows no threshold to drag.")
    left, width, y = box["x"] + _THUMB, box["width"] - 2 * _THUMB, box["y"] + box["height"] / 2
    session = await page.context.new_cdp_session(page)

    def send(kind: str, x: float) -> asyncio.Future[Any]:
        button = {"button": "left", "buttons": 1, "clickCount": 1}
        return asyncio.ensure_future(session.send("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y} | button))

    await send("mousePressed", left)
    await asyncio.sleep(0.3)
    await page.evaluate("Object.assign(watch, { frames: [], moves: 0, told: 0 })")
    # A move is answered when the page has taken it in, and a mouse does not wait for that.
    began, sent = time.monotonic(), []
    while (passed := time.monotonic() - began) < seconds:
        sweeps = passed / _SWEEP
        share = sweeps % 1 if int(sweeps) % 2 == 0 else 1 - sweeps % 1
        sent.append(send("mouseMoved", left + share * width))
        await asyncio.sleep(_EVERY)
    await asyncio.gather(*sent)
    seen = await page.evaluate("({ frames: watch.frames, moves: watch.moves })")
    await page.evaluate("watch.frames = null")
    await send("mouseMoved", left + 0.3 * width)
    await send("mouseReleased", left + 0.3 * width)
    await _rest(page)
    frames = seen["frames"]
    return {
        **frame_figures(frames),
        "frames": len(frames),
        "moves_per_frame": round(seen["moves"] / len(frames), 2),
    }


async def _press(page: "Page") -> float:
    """Return the median milliseconds from pressing `.` to the frame after the one that shows it."""
    await page.evaluate("watch.paints = []")
    for _ in range(_PRESSES):
        await page.keyboard.press(".")
        await asyncio.sleep(_PAUSE)
    paints = await page.evaluate("watch.paints")
    if len(paints) < _PRESSES:
        raise EnsembleCamError(f"The viewer drew after {len(paints)} of {_PRESSES} keys.")
    return round(statistics.median(paints), 1)
