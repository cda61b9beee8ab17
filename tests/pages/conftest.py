"""What the pages' tests share: Chromium, and the app served without and with clinical weights."""

from collections.abc import Iterator

import pytest

from support.apps import NO_WAY_OUT, serving_app
from support.browsing import chromium, pages_of


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
