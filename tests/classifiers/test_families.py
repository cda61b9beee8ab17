"""A family is described in two halves, with and without PyTorch, and each half is complete."""

import math
from typing import get_args

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from torch import nn

from ensemble_cam.classifiers.classifier import WeightsInfo
from ensemble_cam.classifiers.compilation import openvino
from ensemble_cam.classifiers.drawing import Drawing
from ensemble_cam.classifiers.families import ARCHITECTURES
from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.classifiers.torch_families import TORCH_ARCHITECTURES, upstream_network
from ensemble_cam.classifiers.torch_networks import in_torch
from ensemble_cam.classifiers.torch_untrained import fill_untrained
from ensemble_cam.classifiers.torch_upstream import torchxrayvision
from ensemble_cam.classifiers.values import Values
from ensemble_cam.errors import UnusableWeights
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
    assert (
        set(TORCH_ARCHITECTURES)
        == set(ARCHITECTURES)
        == set(FAMILIES)
        == {table.model_type for table in config.classifiers}
    )
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
    classifier = in_torch(table, networks[0], WeightsInfo(UNTRAINED, sha256=None, published=Published.NO))
    whole, layer = TORCH_ARCHITECTURES[name].peer(networks[1])
    film = smooth_film(table.input_size, seed=3)

    with torch.no_grad():
        ours = classifier.network().head(classifier.backbone(film))
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


@pytest.mark.parametrize("name", FAMILIES)
def test_the_network_drawn_for_openvino_is_upstreams(name, config: Config):
    table = next(each for each in config.classifiers if each.model_type == name)
    in_pytorch, drawn = (
        load_classifier(table, weights=UNTRAINED, runtime=runtime) for runtime in ("torch", "openvino")
    )
    film = smooth_film(table.input_size, seed=9)

    activation = drawn.backbone(film)

    assert (in_pytorch.runtime, drawn.runtime) == ("torch", "openvino")
    assert relative_error(activation, in_pytorch.backbone(film).numpy()) < 1e-4
    for number, values in drawn.head.arrays.items():
        assert_array_equal(values, in_pytorch.head.arrays[number], strict=True)


def test_values_that_a_network_lacks_has_too_many_or_in_another_shape_are_said(config: Config):
    architecture = ARCHITECTURES["teaching-resnet"]
    right = upstream_network("teaching-resnet").state_dict()
    values = {name: value.numpy() for name, value in right.items()}

    def check(**changed):
        held = Values({name: value for name, value in (values | changed).items() if value is not None})
        drawing = Drawing(held, openvino())
        architecture.draw(drawing, drawing.pixels(192))
        architecture.numbers(held)
        held.check(file_name="a.safetensors", name="small", remedy="Install it again.")

    check()
    with pytest.raises(UnusableWeights, match=r"a\.safetensors: it does not fit the small .*: it lacks fc\.bias \(1"):
        check(**{"fc.bias": None})
    with pytest.raises(UnusableWeights, match=r"has unknown more \(1 such values\)\. Install it again\."):
        check(more=np.zeros(1, np.float32))
    with pytest.raises(UnusableWeights, match=r"has another shape of layer2\.0\.conv1\.weight"):
        check(**{"layer2.0.conv1.weight": np.zeros((1, 2, 3, 3), np.float32)})
