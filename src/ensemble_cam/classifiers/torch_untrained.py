"""Seeded values for the real architectures: for tests and measurements, with no film behind them.

Batch norms are settled on seeded noise, layer after layer, so that activations, logits and maps have sizes like a
trained network's: with a constructor's initial values they would overflow, or vanish, long before the last layer.
"""

import math
from threading import Lock
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_FILMS, _SIDE = 4, 128

_lock = Lock()
_made: dict[tuple[object, ...], dict[str, Tensor]] = {}


def fill_untrained(network: nn.Module, *, seed: int = 0) -> None:
    """Give a whole upstream network seeded values, the same for every network like it, and set it to eval mode.

    The process's random state is neither read nor moved.
    """
    # The teaching networks are of the same classes as large ones.
    key = seed, type(network), tuple((name, value.shape) for name, value in network.state_dict().items())
    with _lock:
        if key not in _made:
            generator = torch.Generator().manual_seed(seed)
            _draw(network, generator)
            with torch.no_grad():
                _settle(network, generator)
            _made[key] = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(_made[key])
    network.eval()


def _draw(network: nn.Module, generator: torch.Generator) -> None:
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_uniform_(module.weight, a=math.sqrt(5), generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
            module.momentum = None  # a plain average of what it is shown


def _settle(network: nn.Module, generator: torch.Generator) -> None:
    norms: list[Any] = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    coarse = torch.rand(_FILMS, 1, 12, 12, generator=generator) * 2 - 1
    grain = 0.05 * torch.randn(_FILMS, 1, _SIDE, _SIDE, generator=generator)
    films = (F.interpolate(coarse, size=(_SIDE, _SIDE), mode="bicubic") + grain).clamp(-1, 1)
    network.train()
    if hasattr(network, "attention_map"):
        _settle_attention(network, films.repeat(1, 3, 1, 1) * 2)
    else:
        network(films * 1024)
    for norm in norms:
        norm.momentum = 0.1
        norm.running_var.clamp_(min=1e-2)  # a constant channel must not blow up what follows


def _settle_attention(network: Any, films: Tensor) -> None:
    """Settle JF Healthcare's network, whose one attention is applied anew for every label.

    The attention multiplies two of its branches. The one that gates is kept near a constant, and the gain of the other
    is set by what entered, so that values grow by a small factor with each label instead of squaring.
    """
    pyramid = network.attention_map.pyramid_attention
    for gate in (pyramid.scale1, pyramid.scale2, pyramid.scale3):
        nn.init.constant_(gate.conv[1].weight, 0.002)
        nn.init.constant_(gate.conv[1].bias, 0.3)
    features = network.backbone(films)
    gain = 0.5 * features.std() / network.attention_map(features).std()
    for carrier in (pyramid.mid_branch, pyramid.gap_branch[1]):
        carrier.conv[1].weight *= gain
    network.attention_map.eval()
    for label in range(len(network.cfg.num_classes)):
        features = network.attention_map(features)
        getattr(network, f"bn_{label}")(network.global_pool(features, None))
