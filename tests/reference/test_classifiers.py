"""The real architectures, cut into backbone and head, held to upstream's own models."""

import hashlib

import numpy as np
import pytest
import torch

from ensemble_cam.classifiers.classifier import WeightsInfo
from ensemble_cam.classifiers.torch_families import upstream_network
from ensemble_cam.classifiers.torch_networks import in_torch
from ensemble_cam.classifiers.torch_untrained import fill_untrained
from ensemble_cam.classifiers.torch_upstream import torchxrayvision
from ensemble_cam.settings.families import FAMILIES
from ensemble_cam.weights.released import weights_file
from ensemble_cam.weights.store import Published
from support.networks import (
    INPUT_SIZES,
    RELEASED,
    relative_error,
    smooth_film,
    without_scores,
)


@pytest.fixture(scope="module")
def film(family):
    return smooth_film(INPUT_SIZES[family], seed=5)


def logits_of(classifier, pixels) -> torch.Tensor:
    with torch.no_grad():
        return classifier.network().head(classifier.backbone(pixels))


def test_backbone_then_head_give_upstreams_scores_and_logits(family, upstream, classifier, film):
    with torch.no_grad():
        expected_scores = upstream(film)[0].numpy()
        expected_logits = without_scores(upstream)(film)[0].numpy()

    activation = classifier.backbone(film)
    run = classifier.head.run(activation)

    assert relative_error(logits_of(classifier, film)[0].numpy(), expected_logits) < 1e-5
    assert relative_error(run.logits.numpy(), expected_logits) < 1e-5
    labels = list(upstream.pathologies)
    scores = classifier.scores(run.logits.tolist())
    for label, score in scores.items():
        assert score == pytest.approx(expected_scores[labels.index(label)], abs=1e-5)
    # What it does not know is what upstream answers with a constant 0.5.
    unknown = {label: expected_scores[output] for output, label in enumerate(labels) if label not in scores}
    assert set(unknown) == ({"Lung Lesion", "Enlarged Cardiomediastinum"} if family == "resnet" else set())
    assert set(unknown.values()) <= {0.5}


def test_a_batch_gives_the_logits_of_its_films(classifier, film):
    other = -film
    both = logits_of(classifier, torch.cat([film, other]))
    alone = torch.cat([logits_of(classifier, film), logits_of(classifier, other)])
    assert relative_error(both.numpy(), alone.numpy()) < 1e-5


def test_the_activation_is_what_the_head_pools(family, classifier, film):
    activation = classifier.backbone(film)
    cells, channels = {"densenet": (7, 1024), "resnet": (16, 2048), "jfhealthcare": (16, 1024)}[family]
    assert activation.shape == (1, channels, cells, cells)
    assert activation.dtype == torch.float32
    assert activation.min() == 0
    assert not activation.requires_grad
    assert not activation.is_inference()


def test_running_changes_neither_the_network_nor_what_it_is_given(classifier, film):
    parts = classifier.network().backbone, classifier.network().head
    values = [value.clone() for part in parts for value in part.state_dict().values()]
    pixels = film.clone()
    activation = classifier.backbone(pixels)
    before = activation.clone()

    run = classifier.head.run(activation)
    first, again = run.gradients([1]).full(), run.gradients([1]).full()

    assert torch.equal(pixels, film)
    assert torch.equal(activation, before)
    assert torch.equal(first, again)
    after = [value for part in parts for value in part.state_dict().values()]
    assert all(map(torch.equal, values, after))
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in parts[1].parameters())
    assert not any(part.training for part in parts)


def test_gradients_are_autograds_through_the_whole_head(classifier, film):
    activation = classifier.backbone(film)
    run = classifier.head.run(activation)
    outputs = [len(run.logits) - 1, 0, 3, 0]

    gradients = run.gradients(outputs).full()

    entering = activation.clone().requires_grad_()
    logits = classifier.network().head(entering)[0]
    for got, output in zip(gradients, outputs, strict=True):
        (expected,) = torch.autograd.grad(logits[output], entering, retain_graph=True)
        assert relative_error(got.numpy(), expected[0].numpy()) < 1e-5


@pytest.mark.parametrize("name", FAMILIES["densenet"].weights)
def test_labels_and_scores_of_every_densenet_are_upstreams(config, name):
    xrv = torchxrayvision()
    facts = xrv.models.model_urls[name]
    network = upstream_network("densenet")
    info = WeightsInfo(name, sha256="0" * 64, published=Published.UNKNOWN)
    classifier = in_torch(config.classifier("densenet121"), network, info)
    logits = torch.linspace(-6, 6, 18)

    scores = classifier.scores(logits.tolist())

    named = [label for label in facts["labels"] if label]
    assert list(scores) == list(classifier.labels) == named
    expected = xrv.models.op_norm(torch.sigmoid(logits)[None], torch.tensor(facts["op_threshs"]))[0]
    for label in named:
        assert scores[label] == pytest.approx(float(expected[facts["labels"].index(label)]), abs=1e-5)
    assert len(named) == {"all": 18, "nih": 14, "pc": 15, "rsna": 2}.get(name.rpartition("-")[2], 11)


def test_labels_without_a_threshold_are_not_known(loaded):
    facts = torchxrayvision().models.model_urls[RELEASED["resnet"]]
    known = [label for label, point in zip(facts["labels"], facts["op_threshs"], strict=True) if not np.isnan(point)]
    assert list(loaded["resnet50"].labels) == known
    assert len(known) == 16
    assert [facts["labels"][output] for output in loaded["resnet50"].outputs.values()] == known


def test_loading_from_a_file_says_which(family, classifier, weights_dir):
    path = weights_dir / weights_file(RELEASED[family]).file_name
    assert classifier.weights.name == RELEASED[family]
    assert classifier.weights.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert classifier.weights.published is (Published.NO if family == "densenet" else Published.UNKNOWN)
    assert classifier.weights.remark == ("not the published weights" if family == "densenet" else "unpinned weights")
    assert not classifier.weights.untrained


def test_untrained_networks_are_the_same_on_every_call_and_leave_the_random_state_alone(family, config):
    first = upstream_network(family)
    fill_untrained(first)
    torch.manual_seed(1234)
    second = upstream_network(family)
    state = torch.random.get_rng_state()
    fill_untrained(second)
    assert torch.equal(torch.random.get_rng_state(), state)
    for (name, value), other in zip(first.state_dict().items(), second.state_dict().values(), strict=True):
        assert torch.equal(value, other), name
