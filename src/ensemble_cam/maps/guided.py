"""Guided backpropagation: which pixels raise a logit, by a way back that lets positive gradients through alone.

Source: Springenberg et al. 2014, Striving for Simplicity (arXiv:1412.6806). It changes how every ReLU of a network
goes back, so it runs on a private copy, made for one film and dropped with it; the classifier that all sessions share
is left as it is.
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ensemble_cam.classifiers.classifier import Classifier
from ensemble_cam.classifiers.heads import Step


class _GuidedReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        passed = values.clamp(min=0)
        ctx.save_for_backward(passed)
        return passed

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (passed,) = ctx.saved_tensors
        return gradient.clamp(min=0) * (passed > 0)


class _Guided(nn.Module):
    def forward(self, values: Tensor) -> Tensor:
        return _GuidedReLU.apply(values)


def guided_gradients(classifier: Classifier, pixels: Tensor, outputs: Sequence[int], step: Step) -> Tensor:
    """Return the guided gradients of several logits by the pixels, (len(outputs), side, side) float32, of any sign.

    Args:
        classifier: whose network is copied.
        pixels: (1, 1, side, side) float32 in [-1024, 1024], one film.
        outputs: indices of the logits.
        step: told how much is done.
    """
    backbone, head = _guided_copy(classifier.backbone), _guided_copy(classifier.head)
    seen = pixels.to(classifier.device).clone().requires_grad_()
    with torch.enable_grad():
        logits = head(backbone(seen))[0]
        found = []
        for number, output in enumerate(outputs):
            step(number / len(outputs))
            found.append(torch.autograd.grad(logits[output], seen, retain_graph=True)[0][0, 0])
    return torch.stack(found)


def _guided_copy(shared: nn.Module) -> nn.Module:
    private = copy.deepcopy(shared)
    for module in private.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.ReLU):
                setattr(module, name, _Guided())
    return private
