"""What any network takes: how large pictures are, of which channels and on which scale; and its classes' names."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ensemble_cam.errors import ClassifierError, ConfigError
from ensemble_cam.settings.rules import check_keys

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_SIZES = (16, 4096)


@dataclass(frozen=True)
class Input:
    """What a network takes: a picture of values from 0 to 1, resized, less the mean and over the standard deviation.

    Attributes:
        size: of its sides in pixels.
        channels: 1 for grey, 3 for colour.
        mean: one for each channel.
        std: one for each channel.
        assumed: whether mean and std are nobody's word: the network is shown the values from 0 to 1 as they are.
        name: which of the network's inputs it is.
    """

    size: int
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    assumed: bool = False
    name: str = "picture"


def input_of(
    module: nn.Module,
    mean: float | Sequence[float] | None,
    std: float | Sequence[float] | None,
    input_size: int | None,
    channels: int | None,
) -> Input:
    """Return what a network takes: what is given, else what is known of its family.

    Raises:
        ConfigError: if a value is not allowed.
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"A network is a torch.nn.Module; got {type(module).__name__}.")
    known = _known_input(module)
    if input_size is not None and (type(input_size) is not int or not _SIZES[0] <= input_size <= _SIZES[1]):
        raise ConfigError(f"input_size: got {input_size!r}; allowed: a whole number from {_SIZES[0]} to {_SIZES[1]}.")
    count = next((each.in_channels for each in module.modules() if isinstance(each, nn.Conv2d)), 3)
    if channels is not None and channels not in (1, 3):
        raise ConfigError(f"channels: got {channels!r}; allowed: 1 for grey, 3 for colour.")
    if (channels or count) not in (1, 3):
        raise ClassifierError(f"The network takes {count} channels, and pictures have 1 or 3.")
    if (mean is None) != (std is None):
        raise ConfigError("mean, std: one is given without the other. Give both.")
    size, count = input_size or known.size, channels or count
    if mean is None and std is None:
        means, deviations = (_spread(each, count) for each in (known.mean, known.std))
        return Input(size, count, means, deviations, known.assumed)
    return Input(size, count, _numbers("mean", mean, count), _numbers("std", std, count, above=0))


def _known_input(module: nn.Module) -> Input:
    told = getattr(module, "pretrained_cfg", None) or getattr(module, "default_cfg", None)
    if isinstance(told, Mapping) and {"mean", "std"} <= set(told):
        size = told.get("input_size") or (3, 224, 224)
        return Input(int(size[-1]), 3, tuple(told["mean"]), tuple(told["std"]))
    if type(module).__module__.startswith("torchvision.models"):
        size = 299 if type(module).__name__ == "Inception3" else 224
        return Input(size, 3, IMAGENET_MEAN, IMAGENET_STD)
    return Input(224, 3, (0.0,), (1.0,), assumed=True)


def _spread(values: Sequence[float], channels: int) -> tuple[float, ...]:
    """Return values for each channel; grey is in the middle of colours, as in timm."""
    if len(values) == channels:
        return tuple(map(float, values))
    return (math.fsum(values) / len(values),) * channels


def _numbers(name: str, given: object, channels: int, *, above: float = -math.inf) -> tuple[float, ...]:
    values: list[Any] = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    values = values * channels if len(values) == 1 else values
    good = all(isinstance(each, int | float) and math.isfinite(each) and each > above for each in values)
    if len(values) != channels or not good:
        what = "a number above 0" if above == 0 else "a number"
        raise ConfigError(f"{name}: got {given!r}; allowed: {what}, or {channels}, one for each channel.")
    return tuple(map(float, values))


def several_inputs(module: nn.Module, inputs: object, shared: tuple[Any, Any, Any, Any]) -> tuple[Input, ...]:
    """Return what each of several inputs takes: what is said of it, else what is said of all.

    Raises:
        ConfigError: if a value is not allowed.
    """
    if isinstance(inputs, str) or not isinstance(inputs, Sequence) or len(inputs) < 2:
        raise ConfigError(f"inputs: got {inputs!r}; hand over a list of two names or more.")
    mean, std, size, channels = shared
    found = []
    for each in inputs:
        told = {"name": each} if isinstance(each, str) else each
        if not isinstance(told, Mapping) or not isinstance(told.get("name"), str) or not told["name"]:
            raise ConfigError(
                f"inputs: got {each!r} among them; allowed: a name, or a table of name, channels and size."
            )
        check_keys("inputs", told, known=("name", "channels", "size"))
        own = input_of(module, mean, std, told.get("size", size), told.get("channels", channels))
        found.append(replace(own, name=told["name"]))
    checked_names("inputs", [each.name for each in found])
    return tuple(found)


def probe_of(module: nn.Module, given: Input, seed: int = 0) -> Tensor:
    """Return a picture of seeded noise that a cut is proved on; the process's random state is not moved."""
    device, type = device_and_type(module)
    noise = torch.randn(1, given.channels, given.size, given.size, generator=torch.Generator().manual_seed(seed))
    return noise.to(device=device, dtype=type)


def device_and_type(module: nn.Module) -> tuple[torch.device, torch.dtype]:
    """Return where a module's values lie, and of which type they are."""
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.is_floating_point():
            return tensor.device, tensor.dtype
    return torch.device("cpu"), torch.float32


def checked_classes(given: object) -> tuple[str, ...]:
    """Return the names of classes.

    Raises:
        ConfigError: if they are no list of texts, or two are the same.
    """
    if isinstance(given, os.PathLike):
        return classes_of_folder(Path(given))
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise ConfigError(f"classes: got {given!r}; hand over a list of names.")
    return checked_names("classes", given)


def classes_of_folder(folder: Path) -> tuple[str, ...]:
    """Return the names of a folder's subfolders in alphabetical order, in which torchvision's ImageFolder counts them.

    Raises:
        ConfigError: if it has none, or cannot be read.
    """
    try:
        found = tuple(sorted(each.name for each in folder.iterdir() if each.is_dir() and not each.name.startswith(".")))
    except OSError as error:
        raise ConfigError(f"classes: the folder cannot be read ({error.strerror}). Check its path.") from None
    if not found:
        raise ConfigError("classes: the folder has no subfolders. Name that of the training pictures, or the classes.")
    return found


def checked_names(of: str, given: Sequence[object]) -> tuple[str, ...]:
    """Return names that are all different.

    Raises:
        ConfigError: if one is none, or two are the same.
    """
    found = []
    for each in given:
        if not isinstance(each, str) or not each.strip():
            raise ConfigError(f"{of}: got {each!r} among them; allowed: names.")
        if each in found:
            raise ConfigError(f"{of}: {each!r} stands there twice. Each has a name of its own.")
        found.append(each)
    return tuple(found)
