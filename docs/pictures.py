"""Makes the pictures of README and manual: the app in Chromium with drawn films, and what the command line writes.

    python docs/pictures.py                # all of them
    python docs/pictures.py app lab        # some, by name

Every film is a phantom and every network one of the teaching set, so nothing is downloaded and nobody's film is shown.
The app is served to this machine alone, from an empty home folder. Pictures are PNG with a palette, in
`docs/pictures/`; `tests/contracts/test_pictures.py` holds that each of them is used, described, and named here.
"""

import argparse
import io
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ensemble_cam.cli import main as command_line
from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import film_name, phantom_files

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

DOCS = Path(__file__).parent
FOLDER = DOCS / "pictures"
SCREEN = 1440, 900
HIGHER = 1440, 960  # the lab's tables are below its maps

_PATIENCE = 120_000  # ms: a cold start imports PyTorch
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars")
_GREYS = 64  # of a palette's 256: every fourth
_GREY = 10  # levels between the channels of what counts as grey
_SIDE = 640  # of the films

_EFFUSION = 3
_BLIND, _SHORTCUT = 34, 105  # a mass; an edema that the shortcut calls and does not look at


@dataclass
class Studio:
    """Where pictures are made.

    Attributes:
        folder: an empty one, for files.
    """

    folder: Path
    _resources: ExitStack = field(default_factory=ExitStack)
    _browser: "Browser | None" = None
    _address: str = ""

    def page(self, screen: tuple[int, int] = SCREEN, *, drawer: bool = False) -> "Page":
        """Open the app in a session of its own, with the phantom that it begins with reviewed; its drawer, if asked."""
        if self._browser is None:
            self._start()
        assert self._browser is not None
        width, height = screen
        page = self._browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=1)
        page.set_default_timeout(_PATIENCE)
        page.goto(self._address)
        reviewed(page)
        if drawer:
            page.evaluate("document.querySelector('[data-testid=stExpandSidebarButton]').click()")
            settled(page)
        return page

    def _start(self) -> None:
        from playwright.sync_api import sync_playwright

        sys.path.append(str(DOCS.parent / "benchmarks"))
        from served import serving

        chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        if chromium is None:
            raise SystemExit("Chromium is not installed. Install it (apt-get install chromium).")
        home = self.folder / "home"
        home.mkdir()
        self._address = self._resources.enter_context(serving(home)).address
        driver = self._resources.enter_context(sync_playwright())
        self._browser = driver.chromium.launch(executable_path=chromium, args=list(_ARGUMENTS))
        self._resources.callback(self._browser.close)

    def close(self) -> None:
        """End the browser and the server."""
        self._resources.close()

    def command(self, *words: str) -> None:
        """Run the command line."""
        code = command_line([*words])
        if code:
            raise SystemExit(f"ensemble-cam {' '.join(words)}: {code}")


# On the page --------------------------------------------------------------------------------------------------------


def settled(page: "Page") -> None:
    """Wait until the server has nothing more to say."""
    from playwright.sync_api import expect

    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=_PATIENCE)
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def reviewed(page: "Page") -> None:
    """Wait for a review's maps."""
    from playwright.sync_api import expect

    expect(page.get_by_role("button", name="Figure (PNG")).to_be_visible(timeout=_PATIENCE)
    expect(page.locator('canvas[aria-label*=": map of"]').first).to_be_visible(timeout=_PATIENCE)
    settled(page)


def opened(page: "Page", name: str, data: bytes) -> None:
    """Open a film of this name."""
    from playwright.sync_api import expect

    file = {"name": name, "mimeType": "image/png", "buffer": data}
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files([file])
    expect(page.locator(".viewer .set")).to_contain_text(name, timeout=_PATIENCE)
    settled(page)


def chosen(page: "Page", finding: str) -> None:
    """Put a finding on the stage."""
    page.locator(".viewer .finding", has_text=finding).click()
    page.mouse.move(5, 5)  # no row lights up under a pointer
    settled(page)


def side_by_side(page: "Page") -> None:
    """Have all maps stand side by side."""
    page.locator(".viewer #large").click()
    page.mouse.move(5, 5)
    settled(page)


def drawn_in_lab(page: "Page", seed: int) -> None:
    """Draw a film in the lab."""
    page.get_by_role("spinbutton", name="Seed").fill(str(seed))
    page.keyboard.press("Enter")
    settled(page)
    page.get_by_role("button", name="Draw", exact=True).click()
    page.get_by_text(f"Phantom {seed}").first.wait_for()
    settled(page)


def lab(page: "Page") -> None:
    """Go to the lab."""
    page.get_by_role("link", name="Phantom lab").click()
    page.get_by_role("button", name="Draw a film").wait_for()
    settled(page)


def maps_in_lab(page: "Page", count: int) -> None:
    """Wait for the lab's maps."""
    from playwright.sync_api import expect

    expect(page.locator(".viewer .thumb")).to_have_count(count + 2, timeout=_PATIENCE)  # film and disagreement
    settled(page)
    page.mouse.move(5, 5)


def film(seed: int, *findings: str, difficulty: float = 0.15) -> bytes:
    """Return a phantom's PNG."""
    phantom = draw_phantom(seed, findings=findings, size=_SIDE, difficulty=difficulty)
    return phantom_files(phantom, 0)[film_name(0, "png")]


def without_mark(data: bytes) -> bytes:
    """Return a picture without its text chunks: to the program it is no phantom any more, but somebody's film."""
    stream = io.BytesIO()
    Image.open(io.BytesIO(data)).save(stream, "PNG", pnginfo=None)
    return stream.getvalue()


def around(*parts: "Locator", margin: int = 6) -> dict[str, float]:
    """Return the part of the screen that holds these, for `Page.screenshot`."""
    boxes = [box for part in parts if (box := part.bounding_box()) is not None]
    left, top = min(box["x"] for box in boxes) - margin, min(box["y"] for box in boxes) - margin
    right = max(box["x"] + box["width"] for box in boxes) + margin
    bottom = max(box["y"] + box["height"] for box in boxes) + margin
    return {"x": max(left, 0), "y": max(top, 0), "width": right - max(left, 0), "height": bottom - max(top, 0)}


def down_to(part: "Locator", *, beside: "Locator | None" = None, margin: int = 10) -> dict[str, float]:
    """Return the screen from its top to below this, for `Page.screenshot`; without what lies at its left, if given."""
    box = part.bounding_box()
    left = None if beside is None else beside.bounding_box()
    assert box is not None
    x = 0 if left is None else left["x"] + left["width"]
    return {"x": x, "y": 0, "width": SCREEN[0] - x, "height": box["y"] + box["height"] + margin}


# The pictures -------------------------------------------------------------------------------------------------------


def app(studio: Studio) -> bytes:
    """The whole page, as a first start shows it."""
    page = studio.page()
    chosen(page, "Effusion")
    return reduced(page.screenshot(clip=around(page.locator(".viewer"), margin=0)), width=1120)


def called(studio: Studio) -> bytes:
    """The viewer's stage with a map that is called."""
    page = studio.page()
    opened(page, "film.png", film(_EFFUSION, "Effusion"))
    reviewed(page)
    chosen(page, "Effusion")
    side_by_side(page)
    return reduced(page.screenshot(clip=around(page.locator(".viewer .stage"))), width=820)


def not_called(studio: Studio) -> bytes:
    """The same film, with the map of a finding that is not there."""
    page = studio.page()
    opened(page, "film.png", film(_EFFUSION, "Effusion"))
    reviewed(page)
    chosen(page, "Mass")
    side_by_side(page)
    return reduced(page.screenshot(clip=around(page.locator(".viewer .stage"))), width=820)


def meaningless(studio: Studio) -> bytes:
    """The teaching set on a film that it cannot know, after Show anyway."""
    page = studio.page()
    opened(page, "film.png", without_mark(film(_EFFUSION, "Effusion")))
    page.get_by_role("button", name=re.compile("Show anyway")).click()
    reviewed(page)
    page.mouse.move(5, 5)
    return reduced(page.screenshot(clip=around(page.locator(".viewer"), margin=0)), width=920)


def read_first(studio: Studio) -> bytes:
    """A film under Read first."""
    page = studio.page(drawer=True)
    page.get_by_text("Read first", exact=True).click()
    page.get_by_role("button", name="Show scores and maps").wait_for()
    settled(page)
    page.mouse.move(5, 5)
    return reduced(page.screenshot(clip=down_to(page.locator(".viewer .panels"))), width=1040)


def lab_truth(studio: Studio) -> bytes:
    """The lab: the planted truth beside every network's map."""
    page = studio.page(HIGHER, drawer=True)
    lab(page)
    drawn_in_lab(page, 12)
    maps_in_lab(page, 4)
    return reduced(page.screenshot(clip=down_to(page.locator(".lab-table").last)), width=1000)


def lab_blind(studio: Studio) -> bytes:
    """The lab's questions, with a mark on the film."""
    page = studio.page(drawer=True)
    lab(page)
    page.get_by_text("Read blind", exact=True).first.click()
    settled(page)
    drawn_in_lab(page, _BLIND)
    main = page.get_by_test_id("stMain")
    main.get_by_role("button", name="Answer: nothing").wait_for()
    settled(page)
    finding, *_ = draw_phantom(_BLIND, size=256).findings
    main.get_by_role("button", name=finding, exact=True).click()
    page.get_by_text("A click on the film marks").wait_for()
    settled(page)
    ys, xs = draw_phantom(_BLIND, size=256).masks[finding].nonzero()
    box = page.locator(".panel canvas").bounding_box()
    assert box is not None
    side = min(box["width"], box["height"])  # of the film, in the panel's middle
    left, top = box["x"] + (box["width"] - side) / 2, box["y"] + (box["height"] - side) / 2
    page.mouse.click(left + xs.mean() / 256 * side, top + ys.mean() / 256 * side)
    page.locator(".truth text").wait_for()
    settled(page)
    page.mouse.move(5, 5)
    return page.screenshot(clip=down_to(page.get_by_text("Research and teaching use").first))


def lab_shortcut(studio: Studio) -> bytes:
    """The lab with the network that is right for the wrong reason."""
    page = studio.page(HIGHER, drawer=True)
    lab(page)
    page.get_by_test_id("stSidebar").get_by_text("Teaching shortcut", exact=True).click()
    settled(page)
    page.get_by_role("radio", name="Chosen").click()
    settled(page)
    page.get_by_role("combobox", name="Which").click()
    page.get_by_role("option", name="Edema", exact=True).click()
    page.keyboard.press("Escape")
    settled(page)
    page.get_by_role("combobox", name="Difficulty").click()
    page.get_by_role("option", name="Medium", exact=True).click()
    settled(page)
    drawn_in_lab(page, _SHORTCUT)
    maps_in_lab(page, 5)
    page.locator(".thumb", has_text="Teaching shortcut").click()
    sidebar = page.get_by_test_id("stSidebar")
    return reduced(page.screenshot(clip=down_to(page.locator(".lab-table").last, beside=sidebar)), width=900)


def figure(studio: Studio) -> bytes:
    """The annotated figure, as `review` writes it."""
    return reduced((_files(studio) / "review.png").read_bytes(), width=900)


def overlay(studio: Studio) -> bytes:
    """One overlay with its words."""
    return reduced(next(_files(studio).glob("1_*_ensemble.png")).read_bytes(), width=480)


def _files(studio: Studio) -> Path:
    out = studio.folder / "reviews"
    if not out.exists():
        (studio.folder / "film.png").write_bytes(film(_EFFUSION, "Effusion"))
        options = ("--set", "teaching", "--top-k", "2", "--quiet")
        studio.command("review", str(studio.folder / "film.png"), "--out", str(out), *options)
    return out / "film"


PICTURES: Mapping[str, Callable[[Studio], bytes]] = {
    "app": app,
    "called": called,
    "not_called": not_called,
    "meaningless": meaningless,
    "read_first": read_first,
    "lab": lab_truth,
    "lab_blind": lab_blind,
    "lab_shortcut": lab_shortcut,
    "figure": figure,
    "overlay": overlay,
}
"""The name of each picture, without `.png`, and what makes it."""


def reduced(data: bytes, *, width: int) -> bytes:
    """Return a picture at a smaller width, as PNG."""
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    stream = io.BytesIO()
    picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS).save(stream, "PNG")
    return stream.getvalue()


def with_palette(data: bytes) -> bytes:
    """Return a picture as a small PNG: a palette without dithering, which would not pack."""
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    # A film's greys are most of a picture, and would take all of one palette from the maps.
    is_coloured = np.ptp(pixels, axis=2) > _GREY
    places = np.rint(pixels.mean(axis=2) / 255 * (_GREYS - 1)).astype(np.uint8)
    palette = np.repeat(np.rint(np.linspace(0, 255, _GREYS)).astype(np.uint8), 3).tobytes()
    if is_coloured.any():
        row = Image.fromarray(pixels[is_coloured][None])
        few = row.quantize(256 - _GREYS, method=Image.Quantize.MEDIANCUT, kmeans=2, dither=Image.Dither.NONE)
        places[is_coloured] = np.asarray(few)[0] + _GREYS
        palette += bytes(few.getpalette() or [])
    packed = Image.fromarray(places, "P")
    packed.putpalette(palette)
    stream = io.BytesIO()
    packed.save(stream, "PNG", optimize=True)
    return stream.getvalue()


@contextmanager
def _studio() -> Iterator[Studio]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        studio = Studio(Path(folder))
        try:
            yield studio
        finally:
            studio.close()


def main() -> None:
    """Make the pictures that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PICTURES)}; without, all")
    names = parser.parse_args().names or list(PICTURES)
    if unknown := [name for name in names if name not in PICTURES]:
        parser.error(f"{unknown[0]}: there is no such picture; known: {', '.join(PICTURES)}")
    FOLDER.mkdir(exist_ok=True)
    with _studio() as studio:
        for name in names:
            made = with_palette(PICTURES[name](studio))
            (FOLDER / f"{name}.png").write_bytes(made)
            print(f"{name}.png: {len(made) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
