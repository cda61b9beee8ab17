"""The heads' gradients in closed form, over the arrays of NumPy and PyTorch, held to autograd through upstream's heads.

All families, with seeded values and with those of files. Where a ReLU's input is within 1e-6 of 0, rounding may open it
in one computation and shut it in the other, which changes all channels of its cell. Such inputs are counted, and no
more may differ than they account for.
"""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from ensemble_cam.classifiers.families import ARCHITECTURES
from ensemble_cam.classifiers.loading import load_classifier
from support.networks import smooth_film

ALMOST_ZERO = 1e-6
KINDS = {"numpy": np.asarray, "torch": torch.as_tensor}


@pytest.fixture(scope="module", params=ARCHITECTURES)
def table(request, config):
    return next(each for each in config.classifiers if each.model_type == request.param)


@pytest.fixture(scope="module", params=["seeded", "from a file"])
def classifier(request, table, weights_dir):
    weights = "untrained" if request.param == "seeded" else None
    return load_classifier(table, weights=weights, weights_dir=weights_dir)


@pytest.fixture(scope="module")
def activation(classifier):
    return classifier.backbone(smooth_film(classifier.config.input_size, seed=11))


def by_autograd(head: nn.Module, activation: torch.Tensor, outputs: list[int]) -> tuple[np.ndarray, int]:
    """Return the gradients, (n, channels, h, w), and how many inputs of ReLUs are almost 0."""
    head, almost = copy.deepcopy(head), []

    def count(module: nn.Module, entering: tuple[torch.Tensor]) -> None:
        size = entering[0].detach().abs()
        almost.append(int(((size > 0) & (size <= ALMOST_ZERO * size.max())).sum()))

    for module in head.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
            module.register_forward_pre_hook(count)
    entering = activation.clone().requires_grad_()
    logits = head(entering)[0]
    found = [torch.autograd.grad(logits[output], entering, retain_graph=True)[0][0] for output in outputs]
    return torch.stack(found).numpy(), sum(almost)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_in_closed_form_are_autograds(kind, classifier, activation):
    outputs = [len(classifier.config.family.labels) - 1, 0, 3]
    expected, almost_zero = by_autograd(classifier.network().head, activation, outputs)
    run = classifier.head.on(KINDS[kind]).run(KINDS[kind](activation))

    got = np.asarray(run.gradients(outputs).full())

    assert type(run.logits) is type(KINDS[kind](activation))
    assert expected.any()
    differ = int((np.abs(got - expected) > 1e-5 * np.abs(expected).max()).sum())
    of_a_cell = expected.shape[0] * expected.shape[1]
    assert differ <= almost_zero * of_a_cell, (differ, almost_zero)
    assert differ < 0.05 * expected.size
    assert almost_zero < 1e-4 * expected.size
    with torch.no_grad():
        logits = classifier.network().head(activation)[0].numpy()
    assert np.abs(np.asarray(run.logits) - logits).max() < 1e-5 * np.abs(logits).max()
