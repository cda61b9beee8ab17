"""Tokens of vision transformers as a grid of cells: which of them stand for a place in the picture, and where.

Such a network takes a picture apart into patches, a token each, in row order, and puts tokens of no place before them:
for the class, for a teacher (DeiT), as registers (DINOv2). A map is made of the patches' tokens; those before them go
to the head as they are.
"""

import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ensemble_cam.classifiers.torch_cuts import FAILURES, FEATURES, Cut

_BLOCKS = ("blocks", "encoder.layers")  # timm's and torchvision's
_FIRST_NORMS = ("norm1", "ln_1")


@dataclass(frozen=True)
class TokenGrid:
    """Where a network's tokens stand in its picture.

    Attributes:
        prefix: how many tokens stand before those of the patches.
        rows: of patches.
        columns: of patches.
    """

    prefix: int
    rows: int
    columns: int

    @property
    def count(self) -> int:
        """All tokens together."""
        return self.prefix + self.rows * self.columns

    def of(self, tokens: int) -> "TokenGrid | None":
        """Return the grid of a layer with so many tokens: with all that stand before, or with none; else None."""
        patches = self.rows * self.columns
        if min(self.rows, self.columns) < 2 or tokens not in (patches, self.prefix + patches):
            return None
        return TokenGrid(tokens - patches, self.rows, self.columns)

    def folded(self, tokens: Tensor) -> Tensor:
        """Return the patches of (n, prefix + rows·columns, channels) tokens as (n, channels, rows, columns)."""
        return tokens[:, self.prefix :].transpose(1, 2).unflatten(2, (self.rows, self.columns))

    def unfolded(self, cells: Tensor, before: Tensor) -> Tensor:
        """Return (n, channels, rows, columns) cells as tokens behind the (1, prefix, channels) ones before them."""
        return torch.cat([before.expand(len(cells), -1, -1), cells.flatten(2).transpose(1, 2)], 1)


class TokenCut(Cut):
    """A network that is cut at a layer of tokens: its activation are the patches' cells.

    Args:
        inner: the cut, which gives (n, tokens, channels).
        grid: of that layer.
    """

    def __init__(self, inner: Cut, grid: TokenGrid):
        self.layer, self.way, self.why = inner.layer, inner.way, inner.why
        self._inner, self._grid, self._here = inner, grid, threading.local()

    def activation(self, pixels: Tensor) -> Tensor:
        """See `Cut.activation`."""
        return self._grid.folded(self._tokens(pixels)).contiguous()

    def logits(self, activation: Tensor, pixels: Tensor) -> Tensor:
        """See `Cut.logits`: of all tokens, those before the patches as the picture has them."""
        seen, before = getattr(self._here, "before", (None, None))
        if before is None or seen is None or seen() is not pixels:
            before = self._tokens(pixels)[:, : self._grid.prefix]
        return self._inner.logits(self._grid.unfolded(activation, before), pixels)

    def whole(self, pixels: Tensor) -> Tensor:
        """See `Cut.whole`."""
        return self._inner.whole(pixels)

    def _tokens(self, pixels: Tensor) -> Tensor:
        """Return all of a picture's tokens; those before the patches are kept, by thread, for the head's sake."""
        tokens = self._inner.activation(pixels)
        self._here.before = (weakref.ref(pixels), tokens[:, : self._grid.prefix].clone())
        return tokens


def token_grid(network: nn.Module, side: int) -> TokenGrid | None:
    """Return where the tokens of a transformer stand in a square picture; None where it does not say.

    timm's networks say it by `patch_embed` and `num_prefix_tokens`, torchvision's by `patch_size` and `class_token`.
    """
    patch = getattr(network, "patch_size", None)
    if type(patch) is int and isinstance(getattr(network, "class_token", None), Tensor):
        return TokenGrid(1, side // patch, side // patch)
    embed = getattr(network, "patch_embed", None)
    sizes: Callable[[tuple[int, int]], object] | None = getattr(embed, "dynamic_feat_size", None)
    try:
        grid = getattr(embed, "grid_size", None) if sizes is None else sizes((side, side))
    except FAILURES:
        return None
    prefix = getattr(network, "num_prefix_tokens", 0)
    if type(prefix) is not int or not isinstance(grid, tuple | list) or len(grid) != 2:
        return None
    return TokenGrid(prefix, int(grid[0]), int(grid[1]))


def reads_the_class_token(network: nn.Module) -> bool:
    """Whether the head of a transformer reads the tokens before the patches alone, and not a mean over these."""
    if hasattr(network, "global_pool"):
        return network.global_pool == "token"
    return hasattr(network, "class_token")


def layers_to_pool(network: nn.Module) -> list[str]:
    """Return where maps of a transformer are best made, the best first; not all of them need be there.

    Where the head reads the class token alone, nothing behind the last attention tells patches apart any more. The norm
    before that is taken, and not what enters it: a norm looks through a token's length, so that activation times
    gradient, summed over the channels, is 0 before it whatever the picture (HiResCAM). Else it is what the head takes
    its mean of.
    """
    found = [] if reads_the_class_token(network) else [FEATURES]
    modules = dict(network.named_modules())
    for name in _BLOCKS:
        blocks = [f"{name}.{own}" for own, _ in modules[name].named_children()] if name in modules else []
        if blocks:
            found += [f"{blocks[-1]}.{norm}" for norm in _FIRST_NORMS] + blocks[-2:-1]
    return found
