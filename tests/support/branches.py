"""Networks with several inputs: one in closed form, and one that is trained in seconds."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIDE = 32
_BLOB = 6  # pixels of its sides


class OnlyOneMatters(nn.Module):
    """Four inputs, a mean over 8×8 pixels of each; the logits are weighted sums of the second's cells alone."""

    def __init__(self) -> None:
        super().__init__()
        self.means = nn.ModuleList(nn.AvgPool2d(8) for _ in range(4))
        generator = torch.Generator().manual_seed(2)
        self.weight = nn.Parameter(torch.randn(2, 1, 8, 8, generator=generator))
        self.matters = (0.0, 1.0, 0.0, 0.0)

    def forward(self, first: Tensor, second: Tensor, third: Tensor, fourth: Tensor) -> Tensor:
        """Return logits."""
        seen = [mean(each) for mean, each in zip(self.means, (first, second, third, fourth), strict=True)]
        joined = sum(cells * share for cells, share in zip(seen, self.matters, strict=True))
        return (joined[:, None] * self.weight).sum((2, 3, 4))


class TwoBranches(nn.Module):
    """Two small branches, of which the features are joined."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = (
            nn.Sequential(
                nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()
            )
            for _ in range(2)
        )
        self.head = nn.Linear(16, 2)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Return logits."""
        return self.head(
            torch.cat([F.adaptive_max_pool2d(self.left(left), 1), F.adaptive_max_pool2d(self.right(right), 1)], 1)[
                :, :, 0, 0
            ]
        )


class Shared(TwoBranches):
    """The same with one branch for both."""

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Return logits."""
        return self.head(torch.cat([self.left(right).amax((2, 3)), self.left(left).amax((2, 3))], 1))


def pair(random: np.random.Generator, *, present: bool) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Return two pictures of noise, (SIDE, SIDE) float32 from 0 to 1, and where the right one's blob begins, x and y.

    The finding is a bright square in the right picture; the left one has such a square in half of all cases, whatever
    the class.
    """
    left, right = (random.random((SIDE, SIDE)).astype(np.float32) * 0.5 for _ in range(2))
    for picture, has in ((left, random.random() < 0.5), (right, present)):
        x, y = random.integers(0, SIDE - _BLOB, 2)
        if has:
            picture[y : y + _BLOB, x : x + _BLOB] += 0.4
    return left, right, (int(x), int(y))


def trained_pair(steps: int = 120) -> TwoBranches:
    """Train two branches on seeded pairs; the process's random state is not moved."""
    random = np.random.default_rng(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = TwoBranches()
        # Biases are free, so that no branch has to stand in for one.
        decayed = [[each for each in network.parameters() if (each.ndim > 1) == weights] for weights in (True, False)]
        groups = [{"params": decayed[0], "weight_decay": 0.7}, {"params": decayed[1], "weight_decay": 0.0}]
        learning = torch.optim.AdamW(groups, lr=0.02)
        for _ in range(steps):
            truth = random.random(16) < 0.5
            pairs = [pair(random, present=bool(each)) for each in truth]
            left, right = (torch.from_numpy(np.stack([each[side] for each in pairs]))[:, None] for side in (0, 1))
            loss = F.cross_entropy(network(left, right), torch.from_numpy(truth.astype(np.int64)))
            learning.zero_grad()
            loss.backward()
            learning.step()
    return network.eval()


def inside(point: tuple[int, int], corner: tuple[int, int], *, margin: int) -> bool:
    """Whether a pixel lies in the square that begins at a corner, or so many pixels beside it."""
    return all(first - margin <= at < first + _BLOB + margin for at, first in zip(point, corner, strict=True))
