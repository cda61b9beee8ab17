"""The app opened in Chromium, for the tests of its pages."""

import base64
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from ensemble_cam.purpose import TEACHING_LINE

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
expect = playwright.expect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (apt-get install chromium)")

PATIENCE = 90_000  # ms: a cold start imports PyTorch
_LOOKS = 100  # at the panels, a tenth of a second apart
SHOW_ANYWAY = "Show anyway: maps that mean nothing"
FETCH = re.compile(r"Fetch the clinical weights \(\d+ MB\)")  # the button
# Of each context's window, whose address nobody types, Chromium prepares the list of suggestions, in two pages of its
# own: half a second. A list of features takes the place of Playwright's, which is the rest of it.
_DISABLED = (
    "WebUIOmniboxPopup,WebUIOmniboxAimPopup,AimEnabled,AvoidCorsURLLoaderRestartOnRedirect,"
    "AvoidUnnecessaryBeforeUnloadCheckSync,DestroyProfileOnBrowserClose,HttpsFirstBalancedModeAutoEnable,HttpsUpgrades,"
    "LensOverlay,MediaRouter,NetworkTimeServiceQuerying,OptimizationHints,PaintHolding,PreconnectToSearch,"
    "ThirdPartyStoragePartitioning"
)
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    f"--disable-features={_DISABLED}",
]


@contextmanager
def chromium() -> Iterator["playwright.Browser"]:
    """A browser, closed at the end."""
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        try:
            yield launched
        finally:
            launched.close()


@contextmanager
def pages_of(
    browser: "playwright.Browser", address: str, *, until_it_ends: bool = False
) -> Iterator[Callable[..., "playwright.Page"]]:
    """A function that opens the app in a session of its own; at the end no page may have erred or called elsewhere.

    With `until_it_ends` the server ends while pages are open, and they may say that they do not reach it.

    Its `prepare(page)` comes before the app is loaded, which `begins` with a text. The drawer of films and settings is
    opened, unless `drawer` is false.
    """
    contexts, errors, elsewhere = [], [], []

    def open_one(prepare=None, *, width=1366, height=768, drawer=True, begins="Open films"):
        page = _new_page(browser, address, width=width, height=height)
        contexts.append(page.context)
        if prepare is not None:
            prepare(page)
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith((address, "data:", "blob:")) else elsewhere.append(request.url)
            ),
        )
        page.goto(address)
        expect(page.get_by_text(begins).first).to_be_visible(timeout=PATIENCE)
        if drawer:
            open_drawer(page)
        return page

    try:
        yield open_one
    finally:
        for page in [page for context in contexts for page in context.pages]:
            page.close()
    if until_it_ends:
        errors = [each for each in errors if "net::ERR_" not in each]
    assert errors == [], errors
    assert elsewhere == []


def _new_page(browser: "playwright.Browser", address: str, *, width: int, height: int) -> "playwright.Page":
    """A page that shares nothing with earlier ones of its browser but the scripts that they had loaded and compiled."""
    size = {"width": width, "height": height}
    for context in browser.contexts:
        if not context.pages:
            context.clear_cookies()
            page = context.new_page()
            page.set_viewport_size(size)
            storage = {"origin": address, "storageTypes": "all"}  # which the cache of loaded files is none of
            context.new_cdp_session(page).send("Storage.clearDataForOrigin", storage)
            return page
    return browser.new_context(viewport=size, accept_downloads=True).new_page()


def upload(page, *named: tuple[str, bytes]) -> None:
    from uploads import hand_over  # here, as it needs Playwright

    hand_over(page, [{"name": name, "mimeType": "application/octet-stream", "buffer": data} for name, data in named])


def open_drawer(page) -> None:
    """Open the drawer of films and settings, unless it is."""
    page.evaluate("document.querySelector('[data-testid=stExpandSidebarButton]')?.click()")
    expect(page.get_by_test_id("stSidebar")).to_have_attribute("data-collapsed", "false")


def settled(page) -> None:
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=PATIENCE)


def reviewed(page) -> None:
    """Wait for a review's maps, all side by side; where they mean nothing, ask for them all the same."""
    figure, anyway = page.get_by_role("button", name="Figure (PNG"), page.get_by_role("button", name=SHOW_ANYWAY)
    expect(figure.or_(anyway).first).to_be_visible(timeout=PATIENCE)  # for a moment both are there
    for _ in range(_LOOKS):
        settled(page)
        if not anyway.is_visible() and figure.is_visible():
            side_by_side(page)
            return
        with suppress(playwright.TimeoutError):  # one that was pressed before goes while it is looked at
            if anyway.is_visible():
                anyway.click(timeout=5_000)
        page.wait_for_timeout(100)
    expect(figure).to_be_visible(timeout=PATIENCE)
    side_by_side(page)
    settled(page)


def side_by_side(page) -> None:
    """Have all maps stand side by side where a viewer shows one of them large."""
    if not page.locator(".viewer").count():
        return
    large = page.locator(".viewer #large")
    expect(large).to_be_visible(timeout=PATIENCE)
    for _ in range(_LOOKS):
        if large.get_attribute("aria-pressed") == "false":
            return
        large.evaluate("button => button.click()")  # of no effect while a film that has just come stands alone
        page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        page.wait_for_timeout(100)
    raise AssertionError("one map stays large")


def panels(page):
    """Maps that the server drew."""
    return page.locator('img[alt*=": map of"]')


def maps(page):
    """The live viewer's panels with maps; `reviewed` comes before."""
    return page.locator('canvas[aria-label*=": map of"]')


def views(page) -> list[bytes]:
    """What stands on the live viewer's panels, as PNG; those with maps once they are there."""
    expect(maps(page).first).to_be_visible(timeout=PATIENCE)
    return _canvases(page)


def film_views(page) -> list[bytes]:
    """The same where the film stands alone."""
    expect(page.locator('canvas[aria-label="The film"]')).to_be_visible(timeout=PATIENCE)
    return _canvases(page)


def _canvases(page) -> list[bytes]:
    """Return the panels' pictures once nothing above them moves them any more: no bar, and the same twice."""
    before: list[str] = []
    for _ in range(_LOOKS):
        page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        found = page.locator(".panel canvas").evaluate_all("all => all.map(canvas => canvas.toDataURL())")
        if found == before and page.get_by_test_id("stProgress").count() == 0:
            break
        before = found
        page.wait_for_timeout(100)
    return [base64.b64decode(each.partition(",")[2]) for each in found]


def come_back(page, before: list[bytes]) -> None:
    """Wait until the live viewer's panels look as before; where they do not, no difference of bytes is told."""
    for _ in range(_LOOKS):
        now = views(page)
        if now == before:
            return
    different = [number for number, pair in enumerate(zip(now, before, strict=False)) if pair[0] != pair[1]]
    raise AssertionError(f"{len(now)} panels, {len(before)} before; these do not look as before: {different}")


def use_still_pictures(page) -> None:
    page.get_by_text("Still pictures", exact=True).click()
    expect(page.locator(".viewer")).to_have_count(0, timeout=PATIENCE)
    expect(panels(page).first).to_be_visible(timeout=PATIENCE)  # the viewer's buttons are gone a moment after it
    settled(page)


def line(page):
    """The teaching set's line where it stays while the page is scrolled."""
    return page.locator('[class*="st-key-teaching-line"]').get_by_text(TEACHING_LINE)


def in_use(page, name: str) -> None:
    expect(page.get_by_role("radio", name=name)).to_be_checked()


def sources(page) -> list[str]:
    return page.locator("img").evaluate_all("images => images.map(image => image.src)")


def pictures(page) -> list[bytes]:
    """The page's pictures, none of which may lie behind an address of the server's."""
    found = sources(page)
    assert all(source.startswith("data:image/jpeg;base64,") for source in found)
    return [base64.b64decode(source.partition(",")[2]) for source in found]


def pick(page, box: str, option: str, *, seen: str) -> None:
    """Choose an option until it is seen to be chosen: an open list closes whenever a run of the page ends."""
    for attempt in range(10):
        settled(page)
        if attempt and page.get_by_text(seen).first.is_visible():  # it was chosen, and took longer to be seen
            return
        try:
            page.get_by_role("combobox", name=box).click(timeout=5_000)
            page.get_by_role("option", name=option, exact=True).click(timeout=5_000)
            expect(page.get_by_text(seen).first).to_be_visible(timeout=10_000)
            page.keyboard.press("Escape")  # an open list hides the page's buttons from their roles
            return
        except (playwright.TimeoutError, AssertionError):
            page.keyboard.press("Escape")
    pytest.fail(f"{option} could not be chosen in {box}")
