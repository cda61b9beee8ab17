"""What several test files share: the three real architectures with seeded values, built once."""

import pytest

from ensemble_cam.classifiers import Classifier, load_classifier
from ensemble_cam.config import Config, load_config


@pytest.fixture(scope="session")
def config() -> Config:
    """The configuration that comes with the package."""
    return load_config()


@pytest.fixture(scope="session")
def untrained(config) -> dict[str, Classifier]:
    """Classifier id → one of the three real architectures, with seeded values; shared, as classifiers are."""
    return {table.id: load_classifier(table, weights="untrained") for table in config.in_set("clinical")}
