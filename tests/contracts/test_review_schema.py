"""`review.json` is what its JSON Schema says, key by key, and the schema says nothing that no review can be."""

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ensemble_cam.errors import ClassifierError
from ensemble_cam.export.dicom.objects import DicomOptions
from ensemble_cam.export.record import SCHEMA as VERSION
from ensemble_cam.export.record import review_json, review_record
from ensemble_cam.film.greyscale import Greys
from ensemble_cam.film.kinds import KINDS
from ensemble_cam.film.sources import ARRAY
from ensemble_cam.purpose import PURPOSE
from ensemble_cam.reviewing.scores import Call
from ensemble_cam.settings.config import OwnNetwork
from ensemble_cam.settings.display import STYLES, Display
from ensemble_cam.settings.families import FAMILIES
from ensemble_cam.settings.methods import METHODS
from ensemble_cam.settings.sets import SETS
from ensemble_cam.settings.site_points import SitePoints
from ensemble_cam.settings.vocabulary import COLORMAPS, DEVICES, FRAMINGS, INTENSITIES, TORCH
from ensemble_cam.weights.store import Published
from support import films
from support.networks import Failing, as_teaching, as_untrained, bright_classifier
from support.records import SCHEMA, assert_conforms, conforms
from support.reviews import dotted, made_review, two_classifiers

PROPERTIES = SCHEMA["properties"]
SETTINGS = PROPERTIES["settings"]["properties"]
IN_A_CLASSIFIER = PROPERTIES["classifiers"]["items"]["properties"]

OPTIONAL = {
    ("software", "openvino"),
    ("classifiers[]", "failure"),
    ("classifiers[]", "network"),  # of the site's own
    ("classifiers[]", "site_points"),
    # Both or neither: they are the ensemble's.
    ("ensemble", "classifiers"),
    ("ensemble", "empty_classifiers"),
}
"""Keys that are there only where there is such a thing, each with what it is below of."""
BY_NAME = {"scores", "ensemble_weights", "maps", "operating_points", "packages"}
"""Keys whose own keys are labels, ids or packages."""


def own_points():
    classifier = bright_classifier("own")
    config = replace(classifier.config, operating_points={"Nodule": 0.5})
    return replace(classifier, config=config)


def points_of_the_sites_films():
    classifier = bright_classifier("chosen")
    site = SitePoints("f" * 64, "2026-03-01", 120, "which films", {"Nodule": 0.25})  # of other weights: expired
    return replace(classifier, config=replace(classifier.config, site_points=site))


def of_the_site():
    classifier = bright_classifier("ours")
    own = OwnNetwork("torchvision:resnet18", Path("ours.safetensors"), ("Nodule", ""), mean=(0.5,), std=(0.25,))
    return replace(classifier, config=replace(classifier.config, model_type=TORCH, set="site", own=own))


def reviews() -> dict[str, Any]:
    film = films.png(dotted(301, 240, 190, 80))
    failing = bright_classifier("failing", backbone=Failing(ClassifierError("it was told to fail")))
    labelled = made_review(film, labels=("Mass", "Lung Lesion", "Pleural_Thickening"))
    windowed = labelled.analysis.radiograph.with_greys(Greys(120.0, 80.5, inverted=True))
    return {
        "of three findings": labelled,
        "bare, as a case": replace(labelled, display=Display(bare=True, style="contour"), case="7 b"),
        "with another window": replace(labelled, analysis=replace(labelled.analysis, radiograph=windowed)),
        "without anything above the threshold": made_review(film, display=Display(threshold=1.0), framing="pad"),
        "of empty maps": made_review(film, classifiers=[bright_classifier(slope=0.0)]),
        "with a classifier that failed": made_review(film, classifiers=[*two_classifiers(), failing]),
        "with operating points of the configuration's": made_review(film, classifiers=[own_points()]),
        "with operating points from films of the site": made_review(film, classifiers=[points_of_the_sites_films()]),
        "of a network of the site's own": made_review(film, classifiers=[of_the_site()]),
        "with a classifier that has no weight": made_review(film, ensemble_weights={"coarse": 0.0}),
        "of networks that cannot know the film": made_review(film, classifiers=[as_teaching(bright_classifier())]),
        "of untrained networks": made_review(film, classifiers=[as_untrained(bright_classifier())]),
    }


@pytest.fixture(scope="module")
def records() -> dict[str, dict[str, Any]]:
    """Name → record as it is read back from its file."""
    with_objects = review_json(made_review(), dicom=DicomOptions().record)
    return {name: json.loads(review_json(review)) for name, review in reviews().items()} | {
        "with DICOM objects": json.loads(with_objects)
    }


def objects_in(value: object, key: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every object of a record with the key that it is below of."""
    if isinstance(value, dict):
        yield key, value
    for name, each in value.items() if isinstance(value, dict) else ():
        yield from objects_in(each, name)
    for each in value if isinstance(value, list) else ():
        yield from objects_in(each, f"{key}[]")


def described(part: object) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every key of the schema with its part."""
    if isinstance(part, dict):
        yield from part.get("properties", {}).items()
    for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from described(each)


def test_the_schema_is_one_and_names_no_host():
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"] == f"urn:ensemble-cam:review:{VERSION}"


def test_every_record_conforms(records):
    for record in records.values():
        assert_conforms(record)


def test_the_dictionary_conforms_as_the_file_does():
    assert_conforms(review_record(made_review()))


def test_every_key_of_the_schema_is_in_some_record(records):
    written = {key for record in records.values() for _, each in objects_in(record) for key in each}
    # OpenVINO need not be installed.
    assert {name for name, _ in described(SCHEMA)} - {"openvino"} <= written


def test_every_key_is_described():
    assert [name for name, part in described(SCHEMA) if not part.get("description")] == []


def test_a_key_that_nobody_knows_is_refused_wherever_it_stands(records):
    record = copy.deepcopy(records["with a classifier that failed"])
    assert conforms(record)
    for key, each in objects_in(record):
        each["Unknown key"] = {}
        assert not conforms(record), key
        del each["Unknown key"]


def test_a_key_that_is_missing_is_noticed_wherever_it_stood(records):
    record = copy.deepcopy(records["with another window"])
    looked_at = 0
    for key, each in dict(objects_in(record)).items():  # one of each kind
        for name in [] if key in BY_NAME else list(each):
            if (key, name) in OPTIONAL:
                continue
            value = each.pop(name)
            assert not conforms(record), (key, name)
            each[name] = value
            looked_at += 1
    assert looked_at > 60


WORDS = {
    "call": (SCHEMA["$defs"]["call"], [str(call) for call in Call]),
    "input.format": (PROPERTIES["input"]["properties"]["format"], [*KINDS, ARRAY]),
    "settings.set": (SETTINGS["set"], SETS),
    "settings.method": (SETTINGS["method"], METHODS),
    "settings.colormap": (SETTINGS["colormap"], COLORMAPS),
    "settings.style": (SETTINGS["style"], STYLES),
    "settings.framing": (SETTINGS["framing"], FRAMINGS),
    "settings.intensity": (SETTINGS["intensity"], INTENSITIES),
    "settings.device": (SETTINGS["device"], [device for device in DEVICES if device != "auto"]),
    "classifiers[].model_type": (IN_A_CLASSIFIER["model_type"], (*FAMILIES, TORCH)),
    "classifiers[].published": (IN_A_CLASSIFIER["published"], [each.value for each in Published]),
}


@pytest.mark.parametrize("key", WORDS)
def test_words_of_the_schema_are_the_programs(key):
    part, words = WORDS[key]
    assert set(part["enum"]) == set(words)


def test_the_schema_says_what_the_review_is_for():
    assert PROPERTIES["purpose"]["const"] == PURPOSE
    assert PROPERTIES["schema"]["const"] == VERSION
