"""A family is described in two halves, with and without PyTorch, and each half is complete."""

import math
from typing import get_args

import pytest
import torch
from torch import nn

from ensemble_cam.classifiers.classifier import WeightsInfo
from ensemble_cam.classifiers.families import ARCHITECTURES, upstream_network
from ensemble_cam.classifiers.loading import cut_classifier
from ensemble_cam.classifiers.untrained import fill_untrained
from ensemble_cam.classifiers.upstream import torchxrayvision
from ensemble_cam.film.geometry import Framing
from ensemble_cam.film.radiograph import Intensity
from ensemble_cam.phantom import FINDINGS
from ensemble_cam.settings.config import Config, known_labels
from ensemble_cam.settings.families import FAMILIES, TEACHING_LABELS
from ensemble_cam.settings.sets import SETS, TEACHING, answering_for
from ensemble_cam.settings.vocabulary import FRAMINGS, INTENSITIES, UNTRAINED
from ensemble_cam.teaching.objective import HEADS, SEE
from ensemble_cam.teaching.train import RECIPES
from ensemble_cam.weights.store import Published
from support.networks import relative_error, smooth_film

WITH_POINTS = [file for family in FAMILIES.values() for file in family.files if file.operating_points is not None]


def test_every_family_has_both_halves_and_a_classifier(config: Config):
    assert set(ARCHITECTURES) == set(FAMILIES) == {table.model_type for table in config.classifiers}
    assert all(name == family.name for name, family in FAMILIES.items())


def test_every_teaching_family_can_be_trained():
    teaching = {family.name: family for family in FAMILIES.values() if family.set is TEACHING}
    assert set(SEE) == set(HEADS) == set(teaching)
    assert {(recipe.model_type, name) for name, recipe in RECIPES.items()} == {
        (family.name, name) for family in teaching.values() for name in family.weights
    }
    assert all(family.labels == TEACHING_LABELS and family.points_in_file for family in teaching.values())
    assert tuple(FINDINGS) == TEACHING_LABELS, "all that a phantom can have"


def test_weights_come_with_the_package_where_their_set_needs_no_download():
    names = [file.name for family in FAMILIES.values() for file in family.files]
    assert len(set(names)) == len(names)
    for family in FAMILIES.values():
        assert {file.packaged for file in family.files} == {not family.set.needs_download}


@pytest.mark.parametrize("file", WITH_POINTS, ids=lambda file: file.name)
def test_labels_and_operating_points_are_upstreams(file):
    upstream = torchxrayvision().models.model_urls[file.name]
    (family,) = (family for family in FAMILIES.values() if file in family.files)
    known = {
        label: output
        for output, (label, point) in enumerate(zip(upstream["labels"], upstream["op_threshs"], strict=True))
        if label and not math.isnan(point)
    }

    assert list(family.labels) == list(torchxrayvision().datasets.default_pathologies)
    assert list(family.outputs(file.name).items()) == list(known.items())
    assert file.operating_points == {label: upstream["op_threshs"][output] for label, output in known.items()}


@pytest.mark.parametrize("name", FAMILIES)
def test_outputs_are_as_many_as_labels_and_the_peer_explains_the_same_network(name, config: Config):
    table = next(each for each in config.classifiers if each.model_type == name)
    networks = [upstream_network(name) for _ in range(2)]
    for network in networks:
        fill_untrained(network)
    classifier = cut_classifier(table, networks[0], WeightsInfo(UNTRAINED, sha256=None, published=Published.NO))
    whole, layer = ARCHITECTURES[name].peer(networks[1])
    film = smooth_film(table.input_size, seed=3)

    with torch.no_grad():
        ours = classifier.head(classifier.backbone(film))
        theirs = whole.eval()(film)

    assert ours.shape == (1, len(FAMILIES[name].labels))
    assert classifier.labels == known_labels(table, UNTRAINED)
    assert isinstance(layer, nn.Module)
    assert any(layer is module for module in whole.modules())
    assert relative_error(theirs.numpy(), ours.numpy()) < 1e-5


def test_the_set_with_a_notice_answers_for_all():
    assert {name: each.name for name, each in SETS.items()} == {name: name for name in SETS}
    assert answering_for(SETS.values()) is TEACHING
    for each in SETS.values():
        assert answering_for([each, each]) is each


def test_words_of_the_film_are_listed_for_those_who_choose():
    assert get_args(Framing) == FRAMINGS
    assert get_args(Intensity) == INTENSITIES
