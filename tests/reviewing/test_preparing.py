"""Classifiers come in the order of the configuration, however many are loaded at once; all that miss are named."""

from pathlib import Path

import pytest

from ensemble_cam.errors import WeightsMissing
from ensemble_cam.reviewing.options import ReviewOptions
from ensemble_cam.reviewing.preparing import Choice, load_classifiers
from ensemble_cam.settings.config import load_config
from ensemble_cam.settings.display import Display
from ensemble_cam.settings.settings import Settings

OPTIONS = ReviewOptions(Settings(), Display(), device="cpu", runtime="openvino")


@pytest.fixture(autouse=True)
def home(own_home) -> Path:
    return own_home


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_classifiers_come_in_the_order_of_the_configuration(at_once):
    config = load_config()
    told: list[str] = []
    loaded = load_classifiers(
        config, Choice("teaching"), OPTIONS, at_once=at_once, progress=lambda what, share: told.append(what)
    )
    configured = config.for_review("teaching", None)
    assert [classifier.config for classifier in loaded] == list(configured)
    assert {f"Loading {classifier.name}" for classifier in configured} <= set(told)


@pytest.mark.parametrize("at_once", [1, 3])
def test_all_weights_that_are_missing_are_named_in_their_order(at_once, tmp_path):
    with pytest.raises(WeightsMissing) as raised:
        load_classifiers(load_config(), Choice("clinical", weights_dir=tmp_path), OPTIONS, at_once=at_once)
    lines = str(raised.value).splitlines()
    assert [line.partition(":")[0] for line in lines[:-1]] == [
        "densenet121-res224-all",
        "resnet50-res512-all",
        "jfhealthcare-densenet121",
    ]
    assert lines[-1] == "All of them are fetched by `ensemble-cam weights fetch`."
