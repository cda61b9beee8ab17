"""The app's first page, first phantom, an uploaded film and the phantom lab import no PyTorch."""

import signal

import pytest

from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import film_name, phantom_files
from support.apps import NO_WAY_OUT, RUN, started
from support.browsing import expect, maps, needs_chromium, pages_of, reviewed, settled, upload

pytestmark = needs_chromium

HEAVY = ("torch", "torchvision", "torchxrayvision", "sklearn", "pytorch_grad_cam")
SERVE = f"""
import atexit, sys
atexit.register(lambda: print("imported:", sorted(set({HEAVY!r}) & set(sys.modules)), flush=True))
from ensemble_cam.ui.serve import main
main()
"""
PHANTOM = phantom_files(draw_phantom(3, size=512), 0)[film_name(0, "png")]


@pytest.fixture
def served(tmp_path):
    """The address of an app that tells at its end what it has imported."""
    log = tmp_path / "log"
    with started(["-c", SERVE, *RUN], folder=tmp_path, log=log, **NO_WAY_OUT) as (address, process):
        yield address
        process.send_signal(signal.SIGINT)  # as Ctrl-C does, after which it tells
        process.wait(60)
    assert [line for line in log.read_text().splitlines() if line.startswith("imported:")] == ["imported: []"]


def test_pages_films_and_views_do_without_pytorch(served, browser):
    with pages_of(browser, served) as open_one:
        page = open_one()
        reviewed(page)
        upload(page, ("film.png", PHANTOM))
        reviewed(page)
        expect(maps(page)).to_have_count(4)
        page.get_by_role("link", name="Phantom lab").click()
        settled(page)
        expect(page.get_by_text("Draw").first).to_be_visible()
