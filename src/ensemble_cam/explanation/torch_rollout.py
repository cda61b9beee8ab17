"""Attention rollout (Abnar and Zuidema 2020, arXiv:2005.00928): which patches a transformer's output goes back to.

Each block passes on half of what it was given as it is (its way past the attention) and half mixed by its attention,
so the product of all blocks' mixtures says how much of each patch is in the class's token at the end. No class and no
gradient is in it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ensemble_cam.classifiers.torch_tokens import TokenGrid, reads_the_class_token, token_grid
from ensemble_cam.classifiers.torch_twins import private_twin
from ensemble_cam.errors import ClassifierError
from ensemble_cam.settings.methods import RolloutOptions

_FUSED: Mapping[str, Callable[[Tensor, int], Tensor]] = {"mean": torch.mean, "max": torch.amax, "min": torch.amin}
_ROW_ERROR = 1e-2  # of half precision; float32's rows add up to 1 within 1e-6


NO_ATTENTION = (
    "Attention rollout is made of a transformer's attention, and this network has none that can be read. Take another "
    "method."
)


@dataclass(frozen=True)
class Attention:
    """What a transformer's attention was on one picture.

    Attributes:
        maps: of each layer in its order (heads, tokens, tokens) float64; each row adds up to 1.
        grid: where the tokens stand in the picture.
        by_class: whether the head reads the class's token, the first, and not a mean over the patches.
    """

    maps: list[Tensor]
    grid: TokenGrid
    by_class: bool


@dataclass
class _Reader:
    """Takes the attention on the way through a twin that nobody else has."""

    found: list[Tensor] = field(default_factory=list)

    def read(self, twin: nn.Module) -> None:
        """Hook the twin, and unfuse its attention."""
        for name, module in twin.named_modules():
            if not is_attention(name, module):
                continue
            if isinstance(module, nn.MultiheadAttention):
                module.register_forward_pre_hook(_ask_for_weights, with_kwargs=True)
                module.register_forward_hook(lambda _, __, output: self.found.append(output[1]))
            else:
                module.fused_attn = False
                module.attn_drop.register_forward_hook(lambda _, given, __: self.found.append(given[0]))


def is_attention(name: str, module: nn.Module) -> bool:
    """Whether a module is attention that can be read: PyTorch's or timm's; what pools the tokens at the end is none."""
    of_timms = hasattr(module, "fused_attn") and isinstance(getattr(module, "attn_drop", None), nn.Module)
    return (isinstance(module, nn.MultiheadAttention) or of_timms) and not name.startswith("attn_pool")


def check_attention(network: nn.Module) -> None:
    """Refuse a network without attention.

    Raises:
        ClassifierError: if it has none that can be read.
    """
    if not any(is_attention(name, module) for name, module in network.named_modules()):
        raise ClassifierError(NO_ATTENTION)


def _ask_for_weights(module: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    return given[:3], {**named, "need_weights": True, "average_attn_weights": False}


@torch.no_grad()
def attention_of(network: nn.Module, pixels: Tensor) -> Attention:
    """Run a private twin of a transformer, its attention not fused, and return what that was.

    Args:
        network: it is not changed.
        pixels: (1, channels, side, side).

    Raises:
        ClassifierError: if it has no attention that can be read, or none of rows that add up to 1.
    """
    twin, reader = private_twin(network), _Reader()
    reader.read(twin)
    twin(pixels)
    if not reader.found:
        raise ClassifierError(NO_ATTENTION)
    grid = token_grid(network, pixels.shape[-1])
    if grid is None:
        raise ClassifierError(
            "Attention rollout: where the network's tokens stand in the picture cannot be told: it has no patch_embed "
            "with a num_prefix_tokens beside it. Take another method."
        )
    maps = [each.detach().double() for each in reader.found]
    for each in maps:
        # Some keep the class's token apart from the patches, and attend to these alone.
        if each.ndim != 4 or len(each) != 1 or each.shape[2:] != (grid.count, grid.count):
            raise ClassifierError(
                f"Attention rollout needs every layer's attention between all {grid.count} tokens, and one of this "
                f"network's is {tuple(each.shape)}: it attends within windows, or to some alone. Take another method."
            )
        if not (float(each.min()) >= 0 and float((each.sum(-1) - 1).abs().max()) <= _ROW_ERROR):
            raise ClassifierError(
                "Attention rollout needs shares of attention, at least 0, that add up to 1, and this network changes "
                "them after. Take another method."
            )
    return Attention([each[0] for each in maps], grid, reads_the_class_token(network))


def rollout(attention: Attention, options: RolloutOptions) -> Tensor:
    """Return how much of each patch is in what the head reads, (rows, columns) float64, at least 0.

    Args:
        attention: of one picture.
        options: what makes one map of a layer's heads, and the share of patches that are discarded in each row; tokens
            before the patches never are.
    """
    grid = attention.grid
    whole = torch.eye(grid.count, dtype=torch.float64, device=attention.maps[0].device)
    joint = whole
    dropped = int(options.discard * grid.rows * grid.columns)
    for heads in attention.maps:
        mixed = _FUSED[options.fusion](heads, 0)
        if dropped:
            patches = mixed[:, grid.prefix :]
            least = patches.topk(dropped, dim=1, largest=False).indices
            mixed = torch.cat([mixed[:, : grid.prefix], patches.scatter(1, least, 0.0)], 1)
        joint = (mixed / mixed.sum(1, keepdim=True) + whole) / 2 @ joint
    row = joint[0] if attention.by_class and grid.prefix else joint[grid.prefix :].mean(0)
    return row[grid.prefix :].reshape(grid.rows, grid.columns)
