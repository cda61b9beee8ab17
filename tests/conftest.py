"""What several test files share: the three real architectures with seeded values, and files that hold them."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ensemble_cam.machine.threads import wait_briefly

wait_briefly()  # before PyTorch is imported below: tests share their cores with others, too

from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.classifiers.compilation import CACHE_VARIABLE
from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.settings.config import Config, load_config
from ensemble_cam.weights.released import ENVIRONMENT_VARIABLE
from networks import write_stand_ins


@pytest.fixture(autouse=True)
def main_module():
    """Streamlit's AppTest leaves its script as the main module, which a new process would then try to import."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(scope="session", autouse=True)
def compiled_networks(tmp_path_factory) -> Iterator[None]:
    """A folder of the tests' own for compiled networks, also for the processes that they start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(tmp_path_factory.mktemp("compiled")))
        yield


@pytest.fixture(scope="session")
def config() -> Config:
    """The configuration that comes with the package."""
    return load_config()


@pytest.fixture(scope="session")
def untrained(config) -> dict[str, Classifier]:
    """Classifier id → one of the three real architectures, with seeded values; shared, as classifiers are."""
    return {table.id: load_classifier(table, weights="untrained") for table in config.in_set("clinical")}


@pytest.fixture(scope="session")
def home(tmp_path_factory) -> Path:
    """A home folder with stand-ins for the three released files where torchxrayvision keeps them."""
    folder = tmp_path_factory.mktemp("home")
    write_stand_ins(folder / ".torchxrayvision" / "models_data")
    return folder


@pytest.fixture
def own_home(tmp_path, monkeypatch) -> Path:
    """A home of the test's own, so that nobody's weights are found or touched."""
    folder = tmp_path / "home"
    folder.mkdir()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    return folder


@pytest.fixture(scope="session")
def weights_dir(home) -> Path:
    """The folder in `home` that the stand-ins lie in."""
    return home / ".torchxrayvision" / "models_data"


@pytest.fixture(scope="session")
def loaded(config, weights_dir) -> dict[str, Classifier]:
    """Classifier id → the classifier loaded from its stand-in file."""
    return {table.id: load_classifier(table, weights_dir=weights_dir) for table in config.in_set("clinical")}


@pytest.fixture(scope="module")
def browser():
    """Chromium, for one test file: its loop would be in the way of tests that run one of their own."""
    from browsing import chromium  # here, as only tests of the pages need Playwright

    with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of the app on a machine without weights; files of tests have servers of their own instead."""
    from browsing import serving_app

    with serving_app(tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture
def open_page(browser, server):
    """A function that opens the app in a session of its own."""
    from browsing import pages_of

    with pages_of(browser, server) as open_one:
        yield open_one
