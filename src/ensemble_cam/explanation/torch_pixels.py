"""Maps of pixels, for comparison with those of layers: integrated gradients and SmoothGrad.

Both ask the whole network about changed pictures, many of them, and say of each pixel what autograd says there. They
are held to captum's.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ensemble_cam.classifiers.heads import Step, go_on
from ensemble_cam.settings.explain_options import ExplainOptions
from ensemble_cam.settings.methods import INTEGRATED_GRADIENTS

Numbers = Callable[[Any], Sequence[Tensor]]
"""What is explained of the network's output for a batch: of each, a number for every picture of it, (n,)."""

_GAP = 0.05  # of what the attributions should add up to


def pixel_maps(
    run: Callable[[Tensor], Any],
    numbers: Numbers,
    pixels: Tensor,
    black: Tensor,
    options: ExplainOptions,
    at_once: int,
    step: Step = go_on,
) -> tuple[Tensor, list[str]]:
    """Return the maps of several numbers, (n, side, side), at least 0, and what has to be said of them.

    Args:
        run: the network, differentiable.
        numbers: what is explained of what it returns.
        pixels: (1, channels, side, side).
        black: a picture without light as the network takes it, likewise.
        options: how the maps are made.
        at_once: how many pictures the network is shown at once.
        step: told how much is done.
    """
    if options.method == INTEGRATED_GRADIENTS.name:
        found, cautions = _integrated(run, numbers, pixels, black, options, at_once, step)
        return found.sum(1).clamp(min=0), cautions
    return _smoothed(run, numbers, pixels, options, at_once, step).abs().sum(1), []


def _integrated(
    run: Callable[[Tensor], Any],
    numbers: Numbers,
    pixels: Tensor,
    black: Tensor,
    options: ExplainOptions,
    at_once: int,
    step: Step,
) -> tuple[Tensor, list[str]]:
    """Return (n, channels, side, side) integrals of the gradients on the way from black, by Gauss and Legendre's rule.

    Sundararajan et al. 2017, equation 1; they add up to what the number is above that of a black picture.
    """
    places, weights = np.polynomial.legendre.leggauss(options.steps)
    shares = torch.from_numpy((places + 1) / 2).to(pixels)
    lengths = torch.from_numpy(weights / 2).to(pixels)
    total: Tensor | float = 0.0
    for some in torch.arange(options.steps).split(at_once):
        step(float(some[0]) / options.steps)
        changed = black + shares[some].view(-1, 1, 1, 1) * (pixels - black)
        gradients = _gradients(run, numbers, changed)
        total = total + torch.einsum("k,nkchw->nchw", lengths[some], gradients)
    found = (pixels - black) * total
    ends = [torch.stack([each.detach()[0] for each in numbers(run(_leaf(end)))]) for end in (pixels, black)]
    expected, added = ends[0] - ends[1], found.sum((1, 2, 3))
    if bool(((added - expected).abs() > _GAP * expected.abs()).any()):
        gap = float(((added - expected).abs() / expected.abs().clamp(min=1e-12)).max())
        return found, [
            f"{INTEGRATED_GRADIENTS.title} should add up to how far the picture is above a black one, and are "
            f"{gap:.0%} off: take more than {options.steps} samples."
        ]
    return found, []


def _smoothed(
    run: Callable[[Tensor], Any], numbers: Numbers, pixels: Tensor, options: ExplainOptions, at_once: int, step: Step
) -> Tensor:
    """Return the mean of the gradients at noisy pictures, (n, channels, side, side); Smilkov et al. 2017, section 3."""
    spread = options.noise_or_default * float(pixels.max() - pixels.min())
    total: Tensor | float = 0.0
    for number, noise in enumerate(noises(pixels, options, at_once)):
        step(number * at_once / options.steps)
        total = total + _gradients(run, numbers, pixels + spread * noise).sum(1)
    assert isinstance(total, Tensor)
    return total / options.steps


def noises(pixels: Tensor, options: ExplainOptions, at_once: int) -> Iterator[Tensor]:
    """Yield the seeded noise of SmoothGrad's pictures, (k, channels, side, side); the same however many are at once."""
    generator = torch.Generator().manual_seed(options.seed or 0)
    for some in torch.arange(options.steps).split(at_once):
        yield torch.stack([torch.randn(pixels.shape[1:], generator=generator) for _ in some]).to(pixels)


def _gradients(run: Callable[[Tensor], Any], numbers: Numbers, pictures: Tensor) -> Tensor:
    """Return the gradients of n numbers by each of k pictures, (n, k, channels, side, side) float32."""
    leaf = _leaf(pictures)
    found = []
    for number in numbers(run(leaf)):
        (gradient,) = torch.autograd.grad(number.sum(), leaf, retain_graph=True, allow_unused=True)
        found.append(torch.zeros_like(leaf) if gradient is None else gradient)
    return torch.stack(found).float()


def _leaf(pictures: Tensor) -> Tensor:
    return pictures.detach().requires_grad_()
