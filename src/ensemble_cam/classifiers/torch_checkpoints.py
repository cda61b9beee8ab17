"""Checkpoints of other programs: their tensors, and nothing of what else they would do.

A checkpoint of a training holds configurations, optimisers, paths, whatever its program thought of, and each is a name
that a pickle asks for. `torch.load(weights_only=True)` refuses the file for one of them; without it, the file may run
any code. Here every name but those that make tensors gets an *inert* stand-in, which takes what it is given and does
nothing. A name that is only there to run something makes the file refused, and the message says which.
"""

import hashlib
import io
import json
import pickle
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn

from ensemble_cam.classifiers.checkpoints import CLASSES, DoesNotFit, Match, match, parts
from ensemble_cam.errors import UnusableWeights, WeightsError, WeightsMissing
from ensemble_cam.machine.files import read_file, why_unreadable
from ensemble_cam.machine.names import escaped
from ensemble_cam.weights.unpickling import LOAD_FAILURES, check_container, is_torch_file

# A training's file: weights, their average, an optimiser's two averages, another network beside it, twice that.
_MOST_TIMES, _AND = 16, 2**28
_MOST_NAMES = 2**20  # bytes of a file of class names
_MOST_DEPTH, _MOST_MODULES = 8, 32  # mappings in mappings, modules in modules

_RUNS_CODE = frozenset(
    [
        "asyncio",
        "bdb",
        "code",
        "codeop",
        "commands",
        "cProfile",
        "ctypes",
        "ftplib",
        "http",
        "imp",
        "importlib",
        "marshal",
        "multiprocessing",
        "nt",
        "os",
        "pdb",
        "pickle",
        "_pickle",
        "pip",
        "platform",
        "popen2",
        "posix",
        "profile",
        "pty",
        "runpy",
        "shutil",
        "signal",
        "socket",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "timeit",
        "torch.hub",
        "urllib",
        "webbrowser",
    ]
)
_BUILTINS_RUN_CODE = frozenset(("__import__", "breakpoint", "compile", "eval", "exec", "execfile", "input", "open"))


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a checkpoint's file holds.

    Attributes:
        name: the file's.
        sha256: of its bytes, in hex.
        loaded: mappings, tensors and plain values; what else was in it does nothing.
        classes: names of classes that it, or the JSON file beside it, tells; None where neither does.
    """

    name: str
    sha256: str
    loaded: object
    classes: tuple[str, ...] | None

    def match(self, network: nn.Module, *, prefix: str | None = None) -> Match:
        """Return the network's values; see `checkpoints.match`.

        Raises:
            DoesNotFit: if not all of them are there, in their shapes, and no others.
        """
        own = {name: tuple(value.shape) for name, value in network.state_dict().items()}
        return match(list(parts(self.loaded, is_value=_is_dense)), own, prefix=prefix)

    def misfit(self, found: DoesNotFit) -> UnusableWeights:
        """Return what is to be raised of a network that it does not fit."""
        return UnusableWeights(found.fact, file_name=self.name, remedy=found.remedy)


def read_checkpoint(path: Path, *, network_bytes: int) -> Checkpoint:
    """Read a checkpoint, running none of its code.

    Args:
        path: a state dict, a training's checkpoint, a Lightning checkpoint or a whole module, as PyTorch saves them; or
            safetensors.
        network_bytes: what the network's values take.

    Raises:
        WeightsMissing: if there is no such file.
        WeightsError: if it cannot be read.
        UnusableWeights: if it is damaged, is no checkpoint, is far larger than the network's, or would run code.
    """
    most, shown = _MOST_TIMES * network_bytes + _AND, escaped(path.name)
    try:
        data = read_file(path, most=most)
    except FileNotFoundError:
        raise WeightsMissing(f"{shown}: there is no such checkpoint. Check the path.") from None
    except OSError as error:
        raise WeightsError(f"{shown}: {why_unreadable(error)}. Check the path.") from None
    try:
        loaded = _plain(_load(data, most), 0, {})
    except UnusableWeights as error:
        raise UnusableWeights(
            error.fact, file_name=shown, remedy="Save the network's state_dict() by itself."
        ) from None
    classes = _classes_beside(path) or _classes_within(loaded)
    return Checkpoint(shown, hashlib.sha256(data).hexdigest(), loaded, classes)


def fill(network: nn.Module, values: Mapping[str, Tensor]) -> None:
    """Put values into a network that they were matched with; half-precision ones are widened."""
    network.load_state_dict(dict(values), strict=False)  # counters of batches may be missing


def _load(data: bytes, most: int) -> object:
    if not is_torch_file(data[:16]) and not data.startswith(b"\x80"):
        try:
            return load_safetensors(data)
        except (SafetensorError, *LOAD_FAILURES):
            raise UnusableWeights("the file is neither PyTorch's nor safetensors.") from None
    check_container(io.BytesIO(data), most=most)
    unpickling = SimpleNamespace(__name__="careful", Unpickler=_Careful, load=_load_carefully)
    try:
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=False, pickle_module=unpickling)
    except LOAD_FAILURES as error:
        said = str(error).strip().splitlines()
        raise UnusableWeights(f"the file is damaged ({said[0][:120] if said else type(error).__name__}).") from None


class _Inert:
    """What a file gets for every name that makes no tensor: it takes anything and does nothing."""

    items: dict[object, object]
    state: dict[str, Any]

    def __new__(cls, *given: object, **named: object) -> "_Inert":
        made = super().__new__(cls)
        made.items, made.state = {}, {}
        return made

    def __call__(self, *given: object, **named: object) -> "_Inert":
        return self

    def __setstate__(self, state: object) -> None:
        if isinstance(state, tuple) and state and isinstance(state[0], dict):
            state = state[0]
        self.state = state if isinstance(state, dict) else {}

    def __setitem__(self, key: object, value: object) -> None:
        self.items[key] = value

    def append(self, value: object) -> None:
        """Take a list's item."""

    def extend(self, values: object) -> None:
        """Take a list's items."""

    def add(self, value: object) -> None:
        """Take a set's item."""


def _rebuilt_parameter(data: Tensor, requires_grad: bool, hooks: object, state: object = None) -> Tensor:
    return data


def _rebuilt_tensor(storage: Any, offset: int, size: Any, stride: Any, *of_no_use: object) -> Tensor:
    rebuilt: Tensor = torch._utils._rebuild_tensor(storage, offset, size, stride)
    return rebuilt


_MAKES_TENSORS: Mapping[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch", "Size"): tuple,
    ("torch._utils", "_rebuild_parameter"): _rebuilt_parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _rebuilt_parameter,
    ("torch._utils", "_rebuild_tensor"): _rebuilt_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuilt_tensor,
}


class _Careful(pickle._Unpickler):
    """Python's own unpickler, which knows no name but those that make tensors.

    The one in C takes memory for any number of a memo that a file writes.
    """

    def find_class(self, module: str, name: str) -> Any:
        """Return what makes a tensor, or something that does nothing."""
        if (module, name) in _MAKES_TENSORS:
            return _MAKES_TENSORS[module, name]
        builtin = module in ("builtins", "__builtin__") and name.split(".")[0] in _BUILTINS_RUN_CODE
        if builtin or module.split(".")[0] in _RUNS_CODE or module in _RUNS_CODE:
            raise UnusableWeights(f"the file asks for {module}.{name}, which could run code, and was not loaded.")
        return type(name, (_Inert,), {"__module__": module})

    def load_build(self) -> None:
        """Give an object its state; nothing but stand-ins and mappings have one."""
        state = self.stack.pop()  # type: ignore[attr-defined]  # typeshed has no attributes of it
        if isinstance(object := self.stack[-1], _Inert):  # type: ignore[attr-defined]
            object.__setstate__(state)

    dispatch: ClassVar[Any] = {**pickle._Unpickler.dispatch, pickle.BUILD[0]: load_build}


def _load_carefully(file: Any, **how: Any) -> Any:
    return _Careful(file, **how).load()


def _plain(loaded: object, depth: int, known: dict[int, object]) -> object:
    """Return what a file holds, where modules that were saved whole have become their values by name.

    A file may hold mappings within mappings without an end, or one in a thousand places: each is looked at once.
    """
    if id(loaded) in known:
        return known[id(loaded)]
    if isinstance(loaded, _Inert):
        known[id(loaded)] = dict(_named(loaded, "", set())) or loaded.items
    elif isinstance(loaded, Mapping):
        table: dict[object, object] = {}
        known[id(loaded)] = table
        if depth < _MOST_DEPTH:
            table |= {key: _plain(each, depth + 1, known) for key, each in loaded.items()}
    return known.get(id(loaded), loaded)


def _named(module: _Inert, prefix: str, seen: set[int]) -> Iterator[tuple[str, object]]:
    """Yield what `state_dict` of a whole module would hold, reading tables only; nothing of anything else."""
    if id(module) in seen or prefix.count(".") > _MOST_MODULES:
        return
    seen.add(id(module))
    state = module.state
    passing = state.get("_non_persistent_buffers_set", ())
    for table in ("_parameters", "_buffers"):
        for name, value in state[table].items() if isinstance(state.get(table), dict) else ():
            if value is not None and not (isinstance(passing, set | list | tuple) and name in passing):
                yield f"{prefix}{name}", value
    for name, child in state["_modules"].items() if isinstance(state.get("_modules"), dict) else ():
        if isinstance(child, _Inert):
            yield from _named(child, f"{prefix}{name}.", seen)


def _is_dense(value: object) -> bool:
    return isinstance(value, Tensor) and value.layout == torch.strided and not value.is_quantized


def _classes_beside(path: Path) -> tuple[str, ...] | None:
    beside = path.with_name(f"{path.stem}{CLASSES}")
    try:
        told = json.loads(read_file(beside, most=_MOST_NAMES))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        raise UnusableWeights(
            "it is no list of class names in JSON.", file_name=escaped(beside.name), remedy="Mend it, or take it away."
        ) from None
    names = class_names(told.get("classes", told) if isinstance(told, dict) else told)
    if names is None:
        raise UnusableWeights(
            "it is no list of class names.", file_name=escaped(beside.name), remedy='Write ["first", "second", …].'
        )
    return names


def _classes_within(loaded: object) -> tuple[str, ...] | None:
    """Return class names of a training's file: its own, or Lightning's hyper-parameters'."""
    if not isinstance(loaded, Mapping):
        return None
    for table in (loaded, loaded.get("hyper_parameters"), loaded.get("hparams")):
        if not isinstance(table, Mapping):
            continue
        for key in ("classes", "class_names", "class_to_idx", "labels"):
            if (names := class_names(table.get(key))) is not None:
                return names
    return None


def class_names(told: object) -> tuple[str, ...] | None:
    """Return the names of classes of a list, or of a table of names and numbers from 0; None where it is neither."""
    if isinstance(told, Mapping):
        by_number = {number: name for name, number in told.items() if isinstance(name, str)}
        if sorted(map(str, by_number)) != sorted(map(str, range(len(by_number)))) or len(by_number) != len(told):
            return None
        told = [by_number[number] for number in sorted(by_number, key=int)]
    if not isinstance(told, list | tuple) or not told or not all(isinstance(name, str) and name for name in told):
        return None
    return tuple(told)
