"""A small network to train from scratch: grey pictures of 128 px, and maps of 16×16 cells.

Its maps are made at the second block, whose cells see 41 px of the picture across. Those of the last see 105 of the
128: what they answer to may lie anywhere. Two blocks follow, so a map by HiResCAM is meant, which takes each cell's own
gradient.
"""

from torch import Tensor, nn

TOML = """[network]
factory = "small_network:small"
layer = "stages.1"
channels = 1
input_size = 128
mean = 0.5
std = 0.25
"""
"""What `file:PATH.toml` has to hold, with this module beside it."""


class _Block(nn.Module):
    def __init__(self, entering: int, leaving: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(entering, leaving, 3, stride, 1, bias=False), nn.BatchNorm2d(leaving))
        self.second = nn.Sequential(nn.Conv2d(leaving, leaving, 3, 1, 1, bias=False), nn.BatchNorm2d(leaving))
        self.past = nn.Sequential(nn.Conv2d(entering, leaving, 1, stride, bias=False), nn.BatchNorm2d(leaving))

    def forward(self, values: Tensor) -> Tensor:
        return (self.second(self.first(values).relu()) + self.past(values)).relu()


class Small(nn.Module):
    """Four blocks, a global average, one linear layer."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 16, 5, 2, 2, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.stages = nn.Sequential(_Block(16, 24, 2), _Block(24, 48, 2), _Block(48, 64, 1), _Block(64, 64, 1))
        self.head = nn.Linear(64, classes)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the logits."""
        return self.head(self.stages(self.stem(pictures)).mean((2, 3)))


def small() -> Small:
    """Return the network, for three classes."""
    return Small(3)
