"""What several test files share: the three real architectures with seeded values, and files that hold them."""

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ensemble_cam.machine.threads import wait_briefly

# Before PyTorch is imported below: tests share their cores with others, and a worker has one of its own.
wait_briefly()
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.classifiers.compilation import CACHE_VARIABLE
from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.settings.config import Config, load_config
from ensemble_cam.weights.released import ENVIRONMENT_VARIABLE
from support.networks import write_stand_ins

TESTS = Path(__file__).parent
# Built once for each process, which takes seconds: what asks for them is not quick.
REAL_NETWORKS = {"weights_dir", "loaded", "untrained"}
# Handed out first, so that no worker is left with a long file at the end.
LONG_FOLDERS = ("pages", "contracts", "reference", "teaching", "classifiers", "cli", "phantom")
# Their tests wait for a browser, a server, other processes or threads; what was run twice is named at the end.
WAITING_FOLDERS = ("pages", "ui", "pacs", "archive", "machine", "benchmark")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Share the work among the cores, up to four, where it is more than a few files of tests."""
    files = [each.partition("::")[0] for each in config.args]
    if files and all(each.endswith(".py") for each in files):
        return 0
    return min(os.cpu_count() or 1, 4)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their folders, and put long ones first; `quick` is what is neither long nor marked `slow`."""
    for item in items:
        folder = _folder(item)
        if folder in WAITING_FOLDERS:
            item.add_marker(pytest.mark.flaky(reruns=1))
        if folder in ("pages", "reference"):
            item.add_marker(folder)
        elif REAL_NETWORKS & set(item.fixturenames):
            item.add_marker("slow")
        elif item.get_closest_marker("slow") is None:
            item.add_marker("quick")
    items.sort(
        key=lambda item: LONG_FOLDERS.index(_folder(item)) if _folder(item) in LONG_FOLDERS else len(LONG_FOLDERS)
    )


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).parts[0]


@pytest.fixture(autouse=True)
def main_module():
    """Streamlit's AppTest leaves its script as the main module, which a new process would then try to import."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(scope="session")
def of_this_run(tmp_path_factory) -> Path:
    """A folder that all workers of this run share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session", autouse=True)
def compiled_networks(of_this_run) -> Iterator[None]:
    """A folder of the tests' own for compiled networks, also for the processes that they start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(of_this_run / "compiled"))
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
def weights_dir(of_this_run, tmp_path_factory) -> Path:
    """A folder with stand-ins for the three released files, where torchxrayvision keeps them in a home; to be read."""
    home, within = of_this_run / "home-of-weights", Path(".torchxrayvision", "models_data")
    if not home.exists():
        draft = tmp_path_factory.mktemp("home")
        write_stand_ins(draft / within)
        with suppress(OSError):  # another worker was sooner
            draft.rename(home)
    return home / within


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
def loaded(config, weights_dir) -> dict[str, Classifier]:
    """Classifier id → the classifier loaded from its stand-in file."""
    return {table.id: load_classifier(table, weights_dir=weights_dir) for table in config.in_set("clinical")}
