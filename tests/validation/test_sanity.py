"""Shuffled networks, changed films and attacks, against closed forms, planted maps and the networks' own values."""

import copy

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torchvision.models import resnet18

from ensemble_cam.classifiers.loading import load_classifier
from ensemble_cam.classifiers.torch_any_network import Network
from ensemble_cam.explanation.torch_explain import explain_picture
from ensemble_cam.film.picture import picture_of_array
from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.phantom import draw_phantom
from ensemble_cam.phantom.files import film_name, phantom_files
from ensemble_cam.reviewing.pipeline import model_input
from ensemble_cam.settings.config import load_config
from ensemble_cam.settings.explain_options import ExplainOptions
from ensemble_cam.settings.methods import Recipe
from ensemble_cam.settings.metrics import METRICS
from ensemble_cam.validation import torch_sanity
from ensemble_cam.validation.sanity import (
    CHANGES,
    EPSILON,
    attack,
    check_map,
    noise_of_a_size,
    repeat_noise,
    similarity,
    unchanged,
)
from ensemble_cam.validation.shown import shown_to
from ensemble_cam.validation.torch_sanity import PeerOfClassifier, PeerOfNetwork
from ensemble_cam.validation.torch_subjects import shown_to_network
from support.networks import bright_classifier, smooth_film

SANITY = [name for name, each in METRICS.items() if each.kind == "sanity"]


@pytest.fixture(scope="module")
def resnet():
    return load_classifier(load_config().classifier("teaching-resnet"), runtime="openvino")


@pytest.fixture(scope="module")
def shown(resnet):
    data = phantom_files(draw_phantom(seed=5, size=256, findings=["Effusion"], difficulty=0), 0)[film_name(0, "png")]
    return shown_to(resnet, model_input(read_radiograph(data), framing="crop", size=resnet.config.input_size))


class Bright:
    """A network whose map is the film's brightness, and whose logit is the mean of it."""

    def grid(self, pixels: np.ndarray, output: int) -> np.ndarray:
        return np.maximum(pixels[0], 0)

    def gradient(self, pixels: np.ndarray, output: int) -> np.ndarray:
        return np.sign(pixels)


def test_maps_are_compared_by_rank_and_overlap():
    inside = np.ones((64, 64), bool)
    ramp = np.tile(np.arange(64, dtype=np.float32) / 63, (64, 1))
    assert similarity(ramp, ramp**3, inside).rank == pytest.approx(1)
    # Halves of the maximum: 32 columns of 64, and those from (1/2)^(1/3) on, 13.
    assert similarity(ramp, ramp**3, inside).iou == pytest.approx(13 / 32)
    assert similarity(ramp, ramp[:, ::-1], inside).rank == pytest.approx(-1)
    assert similarity(ramp, ramp[:, ::-1], inside).iou == 0
    empty = similarity(ramp, np.zeros_like(ramp), inside)
    assert (empty.rank, empty.iou) == (None, 0)
    left = inside.copy()
    left[:, 32:] = False
    assert similarity(ramp, np.where(left, ramp, 1 - ramp), left).rank == pytest.approx(1)


@pytest.mark.parametrize("name", CHANGES)
def test_a_map_that_follows_the_film_is_the_same_once_it_is_mapped_back(name):
    classifier = bright_classifier(input_size=64)
    shown = shown_to(classifier, smooth_film(64).numpy())
    values, details = check_map(shown, 0, Bright().grid(shown.pixels, 0), Bright(), [name])
    assert values[name] > (0.99 if name in ("stability_mirror", "stability_shift") else 0.95)
    assert details[name]["iou"] > 0.75
    moved = name in ("stability_mirror", "stability_shift", "stability_rotation")
    changed = CHANGES[name](shown, 0).pixels
    assert changed.dtype == np.float32
    assert np.abs(changed).max() <= 1024
    apart = np.abs(changed - shown.pixels).mean()
    assert apart > 20 if moved else 1 < apart < 110
    # Not mapped back, a moved film's map is another.
    straight = similarity(Bright().grid(shown.pixels, 0), Bright().grid(changed, 0), shown.inside)
    assert (straight.rank < 0.95) is moved


def test_attack_stays_within_grey_levels_and_lowers_the_logit_more_than_noise_of_its_size(resnet, shown):
    output = resnet.outputs["Effusion"]
    peer = PeerOfClassifier(resnet, Recipe("gradcam"))
    attacked, benign = attack(shown, output, peer), noise_of_a_size(shown, 0)
    for each in (attacked, benign):
        assert np.abs(each - shown.pixels).max() <= EPSILON / 256 * 2048 + 1e-3
        assert np.abs(each).max() <= 1024
    assert np.abs(benign - shown.pixels).mean() == pytest.approx(16, rel=0.1)
    before, lower, beside = shown.logits(np.stack([shown.pixels, attacked, benign]))[:, output]
    assert lower < before - 1
    assert abs(beside - before) < 0.5 * (before - lower)
    values, details = check_map(shown, output, peer.grid(shown.pixels, output), peer, ["adversarial"])
    assert details["adversarial"]["logit"] == pytest.approx(lower - before, abs=1e-3)
    assert values["adversarial"] < details["adversarial"]["benign"]
    assert details["adversarial"]["grey_levels"] == EPSILON


def test_gradient_is_that_of_the_logit(resnet, shown):
    output = resnet.outputs["Effusion"]
    gradient = PeerOfClassifier(resnet, Recipe("gradcam")).gradient(shown.pixels, output)
    step = 4 * gradient / np.abs(gradient).max()
    low, high = shown.logits(np.stack([shown.pixels - step, shown.pixels + step]))[:, output]
    assert high - low == pytest.approx(2 * float((gradient * step).sum()), rel=0.2)


def test_a_map_of_what_was_learned_changes_with_it_and_one_that_asks_no_label_is_named(resnet, shown):
    output = resnet.outputs["Effusion"]
    found = {}
    for method in ("gradcam", "eigencam"):
        peer = PeerOfClassifier(resnet, Recipe(method))
        found[method], details = check_map(shown, output, peer.grid(shown.pixels, output), peer, SANITY)
        assert all(each["repeat"] == pytest.approx(1) for each in details.values())
        assert repeat_noise(shown, output, peer).iou == 1
    assert unchanged(found["gradcam"]) == []
    assert unchanged(found["eigencam"]) == ["randomisation_head", "contrast"]
    assert found["eigencam"]["randomisation_stage"] < 0.9


def test_shuffling_keeps_the_values_and_leaves_the_network_as_it_was(resnet, shown):
    network = resnet.network()
    before = copy.deepcopy({**network.backbone.state_dict(), **network.head.state_dict()})
    head = {name: each.copy() for name, each in resnet.head.arrays.items()}
    for depth in ("head", "stage", "all"):
        other = torch_sanity._shuffled_classifier(resnet, depth, shown.pixels, 0)
        for name, each in head.items():
            values = np.asarray(other.head.arrays[name])
            assert (values != each).any()
            assert_array_equal(np.sort(values, axis=None), np.sort(each, axis=None))
        own = dict(network.backbone.named_parameters())
        apart = [name for name, each in other.network().backbone.named_parameters() if not torch.equal(each, own[name])]
        if depth == "head":
            assert apart == []
        elif depth == "stage":
            assert apart
            assert list(own)[-len(apart) :] == apart
            assert len(apart) < len(own) / 2
        else:
            assert len(apart) > 0.8 * len(own)
    again = {**network.backbone.state_dict(), **network.head.state_dict()}
    assert all(torch.equal(each, before[name]) for name, each in again.items())
    assert_array_equal(head["weight"], resnet.head.arrays["weight"])


@pytest.fixture(scope="module")
def any_network():
    torch.manual_seed(0)
    return Network(resnet18(num_classes=4).eval(), input_size=64)


def test_any_networks_map_is_made_anew_as_it_was_explained(any_network):
    picture = picture_of_array((smooth_film(80)[0, 0].numpy() / 8 + 128).astype(np.uint8))
    options = ExplainOptions(method="layercam")
    explained = explain_picture(any_network, picture, 2, options)
    shown, peer = shown_to_network(any_network, picture), PeerOfNetwork(any_network, options)
    assert_allclose(peer.grid(shown.pixels, 2), explained.maps[0].grid, atol=1e-6)
    low, high = shown.limits
    assert_allclose(low[0], -0.485 / 0.229, rtol=1e-5)
    assert ((shown.pixels >= low) & (shown.pixels <= high)).all()
    assert peer.lowest(shown.whole[0], int(shown.whole[0].argmin())) == int(np.argsort(shown.whole[0])[1])


@pytest.mark.parametrize(
    ("depth", "first", "last"), [("head", "fc", "fc"), ("stage", "layer4.0", "fc"), ("all", "conv1", "fc")]
)
def test_depths_of_any_network(any_network, depth, first, last):
    pixels = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    chosen = torch_sanity._of_depth(any_network.module, pixels, any_network.cut.layer, depth)
    names = [name for name, each in any_network.module.named_modules() if any(each is other for other in chosen)]
    with_values = [n for n in names if any(True for _ in any_network.module.get_submodule(n).parameters(recurse=False))]
    assert with_values[0].startswith(first)
    assert with_values[-1] == last
    shuffled = PeerOfNetwork(any_network, ExplainOptions()).shuffled(depth, pixels[0].numpy(), 0)
    assert shuffled._network.module is not any_network.module
