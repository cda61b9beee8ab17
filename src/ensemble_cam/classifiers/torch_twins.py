"""A private twin of a network: a tree of modules of its own over the same parameters and buffers.

Whoever hands a network over goes on using it: trains it, runs it in other threads, has hooks of their own on it. So
what has to be switched to eval mode, traced or hooked here is the twin, and the network itself is never touched. The
twin has the same tensors, so it costs no memory and follows the weights as they are trained.
"""

import copy

from torch import nn


def private_twin(network: nn.Module) -> nn.Module:
    """Return a twin of a network in eval mode.

    Hooks that a caller has set are taken along: some of them compute weights, as those of weight norm do.
    """
    return _twin(network, {}).eval()


def _twin(module: nn.Module, known: dict[int, nn.Module]) -> nn.Module:
    """Return a module's twin; one that stands in several places has one twin in all of them."""
    if id(module) in known:
        return known[id(module)]
    twin = known[id(module)] = copy.copy(module)
    # `copy.copy` shares the tables of a module, and so what is done to one would be done to the other.
    for name, value in module.__dict__.items():
        if isinstance(value, dict | set):
            twin.__dict__[name] = copy.copy(value)
    twin._modules = {name: None if child is None else _twin(child, known) for name, child in module._modules.items()}
    return twin
