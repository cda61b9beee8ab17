"""Every page and what stands on it, under the policy that the server sends, by a server whose sockets are recorded."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ensemble_cam.phantom import draw_phantom
from ensemble_cam.purpose import PHANTOM_MARK
from ensemble_cam.ui.web.headers import security_headers
from support import films, recording
from support.apps import serving_app
from support.asking import ask, knock
from support.browsing import (
    PATIENCE,
    expect,
    maps,
    needs_chromium,
    pages_of,
    playwright,
    reviewed,
    settled,
    upload,
    use_still_pictures,
)

pytestmark = needs_chromium

_LISTEN = """addEventListener("securitypolicyviolation", (event) =>
  (window.violations ??= []).push(`${event.violatedDirective}: ${event.blockedURI}`))"""

_TRIED = "script-src: wasm-eval"  # by long.js within protobuf.js, once, for a faster product; it does without, silently


@pytest.fixture(scope="module", params=["command", "streamlit"])
def folder_and_server(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    with serving_app(folder, by=request.param, **recording.recorded(folder)) as address:
        yield folder, address


@pytest.fixture
def look_through(request) -> "Callable[[playwright.Page], list[str]]":
    """What is looked at: everything by the command; what Streamlit serves are the same pages, so the first one.

    It returns the addresses of what was downloaded.
    """

    def through_all(page):
        look_at_the_opening(page)
        downloaded = look_through_the_review(page)
        look_through_the_lab(page)
        return downloaded

    def through_the_first(page):
        look_at_the_opening(page)
        return [download(page, "Data (JSON)")]

    return through_all if request.node.callspec.params["folder_and_server"] == "command" else through_the_first


class Watched:
    """What a page was answered and told, by HTTP and through its WebSocket, and what broke the policy."""

    def __init__(self):
        self.answers, self.told = [], []

    def prepare(self, page) -> None:
        page.add_init_script(_LISTEN)
        page.on("response", lambda answer: self.answers.append(answer))
        page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: self.told.append(frame)))

    def without_headers(self) -> list[str]:
        wanted = {name.decode(): value.decode() for name, value in security_headers()}
        served = [each for each in self.answers if each.url.startswith("http")]
        return [each.url for each in served if not wanted.items() <= each.headers.items()]

    def ask_for(self, addresses: list[str], page) -> None:
        """As of a download the browser does not always tell the answer."""
        self.answers += [page.request.get(each) for each in addresses if each.startswith("http")]

    def kinds(self) -> set[str]:
        return {each.url.split("/")[3].partition("?")[0] for each in self.answers if each.url.startswith("http")}


def download(page, button: str) -> str:
    """Where the server kept what was downloaded."""
    with page.expect_download() as begun:
        page.get_by_role("button", name=button).click()
    assert Path(begun.value.path()).stat().st_size > 0
    settled(page)
    return begun.value.url


def look_at_the_opening(page) -> None:
    reviewed(page)  # the phantom that it opens with
    page.get_by_role("button", name="Other ways").click()
    expect(page.get_by_text("By hand.")).to_be_visible()
    page.keyboard.press("Escape")
    settled(page)


def look_through_the_review(page) -> list[str]:
    # With the phantom's mark, as scores that mean nothing have no chart.
    film = films.dicom(films.film(480, 400, bits=12), Manufacturer=PHANTOM_MARK)
    upload(page, ("film.dcm", film), ("broken.png", b"no film"))
    expect(page.get_by_text("broken.png").first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("radio", name="film.dcm")).to_be_checked(timeout=PATIENCE)
    reviewed(page)
    expect(maps(page).first).to_be_visible(timeout=PATIENCE)
    for panel in ("Classifiers", "Findings and method", "What the networks see"):
        page.get_by_test_id("stExpander").filter(has_text=panel).locator("summary").click()
    settled(page)
    buttons = (
        "This view (PNG)",
        "Figure of this finding",
        "Overlays (ZIP)",
        "Data (JSON)",
        "Figure (PNG)",
        "Pages to print (PDF)",
    )
    downloaded = [download(page, button) for button in buttons]
    use_still_pictures(page)
    reviewed(page)
    expect(page.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first).to_be_visible(timeout=PATIENCE)
    page.get_by_test_id("stVegaLiteChart").first.hover()
    return downloaded


def look_through_the_lab(page) -> None:
    page.get_by_role("link", name="Phantom lab").click()
    page.get_by_text("Read blind").first.click()
    settled(page)
    seed = next(seed for seed in range(100, 999) if draw_phantom(seed, size=256).findings == ("Mass",))
    page.get_by_role("spinbutton", name="Seed").fill(str(seed))
    page.keyboard.press("Enter")
    settled(page)
    page.get_by_role("button", name="Draw", exact=True).click()
    main = page.get_by_test_id("stMain")
    expect(main.get_by_role("button", name="Answer: nothing")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0, timeout=PATIENCE)
    settled(page)
    main.get_by_role("button", name="Mass").click()
    expect(page.get_by_text("A click on the film marks")).to_be_visible()
    settled(page)
    page.locator(".panel canvas").click()
    expect(page.locator(".truth text")).to_have_text("Mass", timeout=PATIENCE)
    settled(page)
    main.get_by_role("button", name="Answer", exact=True).click()
    expect(maps(page).first).to_be_visible(timeout=PATIENCE)
    settled(page)


def test_every_page_runs_within_the_policy_asks_nobody_and_does_not_say_where_it_lies(
    browser, folder_and_server, look_through
):
    folder, server = folder_and_server
    watched = Watched()
    with pages_of(browser, server) as open_page:  # which finds no violation in the console, and no request elsewhere
        page = open_page(watched.prepare)
        downloaded = look_through(page)
        watched.ask_for(downloaded, page)
        assert set(page.evaluate("window.violations ?? []")) <= {_TRIED}
        seen = page.content()
    knock(server, Origin="http://evil.example")
    ask(server, Host="evil.example", Origin="http://evil.example")

    assert watched.without_headers() == []
    assert {"", "static", "_stcore", "media"} <= watched.kinds()
    assert recording.outside(recording.asked(folder)) == []

    told = b"".join(each if isinstance(each, bytes) else each.encode() for each in watched.told)
    assert len(told) > 100_000
    package = str(Path(films.__file__).parents[2])
    assert [place for place in (str(folder), package) if place in seen or place.encode() in told] == []
    assert b"~/.torchxrayvision" in told


def test_what_the_policy_forbids_is_refused_by_the_browser(browser, folder_and_server):
    page = browser.new_page()
    try:
        page.add_init_script(_LISTEN)
        page.goto(folder_and_server[1])
        # Later, as the browser lets a test's own call evaluate whatever it likes.
        page.evaluate("""() => setTimeout(() => {
            try { window.evaluated = new Function("return true")() } catch (error) { window.evaluated = error.name }
        })""")
        page.wait_for_function("window.evaluated")
        assert page.evaluate("window.evaluated") == "EvalError"
        with pytest.raises(playwright.Error, match="Failed to fetch"):
            page.evaluate("() => fetch('http://127.0.0.1:9')")
        page.evaluate("""() => {
            const script = document.createElement('script')
            script.textContent = 'window.ran = true'
            document.head.append(script)
        }""")
        assert page.evaluate("window.ran") is None
        page.wait_for_function("window.violations?.length >= 3")
        assert {re.split("[-:]", each)[0] for each in page.evaluate("window.violations")} == {"script", "connect"}
        page.goto("about:blank")
        page.set_content(f'<iframe src="{folder_and_server[1]}"></iframe>')
        expect(page.frame_locator("iframe").get_by_text("Open films")).to_have_count(0)
        page.wait_for_timeout(1_000)
        assert page.frames[1].url.startswith("chrome-error:")
    finally:
        page.close()
