"""What the pages' tests share: Chromium, and the app served without and with clinical weights."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.apps import NO_WAY_OUT, serving_app, started
from support.browsing import chromium, pages_of, settled


@pytest.fixture(scope="module")
def browser():
    """Chromium, for one test file: its loop would be in the way of tests that run one of their own."""
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[str]:
    """The address of the app on a machine without weights, whose way out leads nowhere."""
    with serving_app(tmp_path_factory.mktemp("server"), **NO_WAY_OUT) as address:
        yield address


@pytest.fixture(scope="session")
def clinical_server(weights_dir, tmp_path_factory) -> Iterator[str]:
    """The address of the app on a machine with the clinical set's weights."""
    folder = tmp_path_factory.mktemp("clinical-server")
    with serving_app(folder, by="command", ENSEMBLE_CAM_WEIGHTS=str(weights_dir), **NO_WAY_OUT) as address:
        yield address


@pytest.fixture
def open_page(browser, server):
    """A function that opens the app in a session of its own."""
    with pages_of(browser, server) as open_one:
        yield open_one


@pytest.fixture
def session(tmp_path) -> Path:
    """The folder that `open_kept` keeps a session in."""
    return tmp_path / "session"


@pytest.fixture
def open_kept(session, tmp_path, browser):
    """A function that opens the app with a session that is kept."""
    command = ["-m", "ensemble_cam.cli", "app", "--port", "{port}", "--no-browser", "--session", str(session)]
    with (
        started(command, folder=tmp_path, log=tmp_path / "log", **NO_WAY_OUT) as (address, _),
        pages_of(browser, address) as open_one,
    ):
        yield open_one


@pytest.fixture
def read_first(open_kept):
    """A page of such an app, on which films are read first."""
    page = open_kept()
    page.get_by_text("Read first", exact=True).click()
    settled(page)
    return page
