"""A private twin does what its network does, whatever ways that reaches its parts, and changes nothing of it."""

import pytest
import torch
from torch import Tensor, nn

import ensemble_cam as ec
from ensemble_cam.classifiers.torch_twins import private_twin
from support.small_networks import seeded_small

pytestmark = pytest.mark.slow


class Reaching(nn.Module):
    """A network that reaches its parts by a list, a table, a bound method and another name."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.fc = nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.Linear(8, 2)
        self.steps = [self.first, self.norm]
        self.table = {"head": self.fc}
        self.same = self.fc
        self.run = self._run

    def _run(self, pictures: Tensor) -> Tensor:
        for step in self.steps:
            pictures = step(pictures)
        pooled = nn.functional.dropout(pictures, 0.5, training=self.training).mean((2, 3))
        return self.table["head"](pooled) + self.same(pooled)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return logits."""
        return self.run(pictures)


def test_a_twin_is_in_eval_mode_and_its_network_stays_in_training():
    network = Reaching().train()
    values = {name: value.clone() for name, value in network.state_dict().items()}
    pictures = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    twin = private_twin(network)
    with torch.no_grad():
        first, second = twin(pictures), twin(pictures)
    assert torch.equal(first, second)  # no dropout
    assert all(torch.equal(value, values[name]) for name, value in network.state_dict().items())  # no norm was moved
    assert all(module.training for module in network.modules())
    assert not any(module.training for module in twin.modules())
    with torch.no_grad():
        assert torch.equal(first, network.eval()(pictures))


def test_a_twin_shares_every_tensor_and_no_module():
    network = Reaching()
    twin = private_twin(network)
    for one, other in zip(network.parameters(), twin.parameters(), strict=True):
        assert one is other
    assert not {id(each) for each in network.modules()} & {id(each) for each in twin.modules()}
    assert twin.steps[0] is twin.first
    assert twin.same is twin.fc is twin.table["head"]
    assert twin.run.__self__ is twin


def test_what_is_done_to_a_twin_is_not_done_to_the_network():
    network = seeded_small()
    twin = private_twin(network)
    twin.stem.register_forward_hook(lambda *_: torch.zeros(1))
    twin.extra = nn.Linear(1, 1)
    assert not network.stem._forward_hooks
    assert not hasattr(network, "extra")


def test_weight_norm_is_followed():
    network = seeded_small()
    nn.utils.parametrizations.weight_norm(network.last)
    pictures = torch.ones(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(private_twin(network)(pictures), network(pictures))
        network.last.parametrizations.weight.original0 *= 2
        assert torch.equal(private_twin(network)(pictures), network(pictures))


def test_what_compiles_a_network_or_runs_it_on_several_cards_is_taken_off():
    network = seeded_small()
    for wrapped in (nn.DataParallel(network), torch.compile(network)):
        assert ec.Network(wrapped, layer="last", input_size=32).module is network
        assert len(ec.layers(wrapped, input_size=32)) == 3
    with pytest.raises(ec.ClassifierError, match=r"TorchScript cannot be explained\. Hand over the module"):
        ec.Network(torch.jit.trace(network, torch.zeros(1, 3, 32, 32)), layer="last")
