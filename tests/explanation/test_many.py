"""Batches and data loaders, and tensors that are ready for the network."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import ensemble_cam as ec
from support.small_networks import seeded_small

pytestmark = pytest.mark.slow

PLAIN = {"input_size": 64, "mean": 0.4, "std": 0.2}


@pytest.fixture(scope="module")
def network() -> ec.Network:
    return ec.Network(seeded_small(), layer="last", classes=["a", "b", "c"], **PLAIN)


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)


def ready(pictures: np.ndarray) -> torch.Tensor:
    """Return pictures as torchvision's ToTensor and Normalize give them."""
    return (torch.from_numpy(pictures.transpose(0, 3, 1, 2).copy()).float() / 255 - 0.4) / 0.2


def test_a_tensor_is_taken_as_it_is(network, pictures):
    own = ec.explain(network, pictures[0], target="b", method="gradcam")
    for tensor in (ready(pictures)[0], ready(pictures)[:1]):
        given = ec.explain(network, tensor, target="b", method="gradcam")
        np.testing.assert_allclose(given.map, own.map, rtol=1e-4, atol=1e-7)
        assert given.record["logits"] == pytest.approx(own.record["logits"], abs=1e-4)
        np.testing.assert_array_equal(given.overlay(threshold=1, bare=True), own.overlay(threshold=1, bare=True))
        assert not given.cautions
    stretched = ec.explain(network, ready(pictures)[0] * 3)
    assert any("beyond what mean and std say" in each for each in stretched.cautions)


def test_a_loaders_class_indices_are_the_targets(network, pictures):
    loader = DataLoader(TensorDataset(ready(pictures), torch.tensor([2, 0, 1, 1, 0])), batch_size=2)
    found = list(ec.explain_pictures(network, loader, method="layercam"))
    assert [each.target for each in found] == ["c", "a", "b", "b", "a"]
    for each, tensor in zip(found, ready(pictures), strict=True):
        alone = ec.explain(network, tensor, target=each.target, method="layercam")
        np.testing.assert_array_equal(each.map, alone.map)
    assert len(list(ec.explain_pictures(network, loader, only=3))) == 3


def test_a_list_of_pictures_has_the_targets_that_are_given(network, pictures):
    found = list(ec.explain_pictures(network, list(pictures), targets=["a", 1, "c", 0, "b"]))
    assert [each.target for each in found] == ["a", "b", "c", "a", "b"]
    every = list(ec.explain_pictures(network, [ready(pictures)], targets=[0] * 5))
    assert len(every) == 5
    with pytest.raises(ec.ConfigError, match=r"targets: got 2, and there are more pictures"):
        list(ec.explain_pictures(network, list(pictures), targets=["a", "b"]))


def test_a_tensor_that_the_network_does_not_take_is_refused(network, pictures):
    with pytest.raises(
        ec.ConfigError, match=r"The tensor has the shape \(3, 32, 32\), and the network takes \(3, 64, 64\)"
    ):
        ec.explain(network, ready(pictures)[0, :, :32, :32])
    with pytest.raises(ec.RadiographError, match="one picture for a network is"):
        ec.explain(network, ready(pictures)[:2])
    with pytest.raises(ec.RadiographError, match="values that are no numbers"):
        ec.explain(network, ready(pictures)[0] * float("nan"))
