"""A private twin of a network: a tree of modules of its own over the same parameters and buffers.

Whoever hands a network over goes on using it: trains it, runs it in other threads, has hooks of their own on it. So
what has to be switched to eval mode, traced or hooked here is the twin, and the network itself is never touched. The
twin has the same tensors, so it costs no memory and follows the weights as they are trained.
"""

from types import MethodType
from typing import Any

import torch
from torch import nn

from ensemble_cam.errors import ClassifierError


def unwrapped(network: nn.Module) -> nn.Module:
    """Return the network within what runs it on several cards or compiles it; their parameters are the same.

    Raises:
        ClassifierError: if it is TorchScript, of which there is no twin.
    """
    while isinstance(network, nn.DataParallel | nn.parallel.DistributedDataParallel):
        network = network.module
    network = getattr(network, "_orig_mod", network)  # of torch.compile
    if isinstance(network, torch.jit.ScriptModule):
        raise ClassifierError("TorchScript cannot be explained. Hand over the module that it was made of.")
    return network


def private_twin(network: nn.Module) -> nn.Module:
    """Return a twin of a network in eval mode.

    Hooks that a caller has set are taken along: some of them compute weights, as those of weight norm do.
    """
    return _twin(network, {})


def _twin(module: nn.Module, known: dict[int, nn.Module]) -> nn.Module:
    """Return a module's twin; one that stands in several places has one twin in all of them."""
    if id(module) in known:
        return known[id(module)]
    twin = known[id(module)] = object.__new__(type(module))
    for name, value in module.__dict__.items():
        twin.__dict__[name] = _of_twins(value, known)
    twin.training = False
    return twin


def _of_twins(value: Any, known: dict[int, nn.Module]) -> Any:
    """Return what a module has as its twin has it: tables of its own, with twins for modules and their methods.

    A module may reach its parts by a list or a bound method, and so would the twin reach the network's own.
    """
    if isinstance(value, nn.Module):
        return _twin(value, known)
    if isinstance(value, MethodType) and isinstance(value.__self__, nn.Module):
        return MethodType(value.__func__, _twin(value.__self__, known))
    if type(value) in (list, tuple, set):
        return type(value)(_of_twins(each, known) for each in value)
    if isinstance(value, dict):
        table = value.copy()
        for key, each in value.items():
            table[key] = _of_twins(each, known)
        return table
    return value
