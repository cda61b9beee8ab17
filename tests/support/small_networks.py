"""Small networks of others' makes, with seeded values that are like a trained network's."""

import torch
from torch import Tensor, nn


def settled(network: nn.Module, *, seed: int = 0) -> nn.Module:
    """Give batch norms and linear layers seeded values of the size of trained ones, and set eval mode."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5, generator=generator)
                module.bias.normal_(0, 0.2, generator=generator)
            if isinstance(module, nn.Linear):
                module.weight.normal_(0, 0.3, generator=generator)
    return network.eval()


class Small(nn.Module):
    """A network of a user's own: no known family, a block with a way past it, and a ReLU that is called twice."""

    def __init__(self, classes: int = 3):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=4, padding=1)
        self.block = nn.Conv2d(8, 8, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.last = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(16, classes)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return logits."""
        seen = self.relu(self.stem(pictures))
        seen = self.relu(self.block(seen) + seen)
        return self.fc(self.pool(self.last(seen)).flatten(1))


class Branching(Small):
    """The same, going another way by what it sees, so that nothing can trace it."""

    def forward(self, pictures: Tensor) -> Tensor:
        """Return logits."""
        if pictures.sum() > 1e30:
            return self.fc(pictures.mean((2, 3)))
        return super().forward(pictures)


class InTable(Small):
    """The same, which returns a table."""

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        """Return logits in a table."""
        return {"out": super().forward(pictures)}


class Places(nn.Module):
    """A network whose outputs are the brightness of the left and of the right half, in closed form."""

    def __init__(self) -> None:
        super().__init__()
        self.cells = nn.AvgPool2d(8)
        self.fc = nn.Linear(64, 2, bias=False)
        sides = torch.zeros(2, 8, 8)
        sides[0, :, :4], sides[1, :, 4:] = 1, 1
        self.fc.weight = nn.Parameter(sides.reshape(2, 64))

    def forward(self, pictures: Tensor) -> Tensor:
        """Return logits."""
        return self.fc(self.cells(pictures).flatten(1))


def seeded_small(kind: type[Small] = Small, classes: int = 3) -> Small:
    """Return a small network with seeded values; the process's random state is not moved."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        network = kind(classes).eval()
    return network
