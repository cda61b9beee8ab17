"""Reading tensors out of a weights file without running anything that is in it.

PyTorch's files are pickles, and a pickle can call any function. `torch.load(weights_only=True)` refuses every name it
was not told of, so plain state dicts (ResNet, JF Healthcare) load as they are. Two things stand in the way of
torchxrayvision's DenseNet files, which are whole pickled modules:

- Their classes have to be told. They are told here as *inert* classes of the same names: the file gets objects that
  keep attributes and do nothing, no `torch.nn` code sees what a file wrote, and torchxrayvision need not be imported.
- Before version 1.6, torch stored a module's class together with its source code, under a persistent id that the
  restricted unpickler refuses. Those records are rewritten to bare class references first. That step only
  moves bytes: what it writes is judged by the restricted unpickler like any other file, so it needs no trust.

Only the two containers that torch itself writes are read: its zip file and its older stream. Everything else is refused
by its first bytes, tar archives among them (CVE-2025-32434).

Neither can a file take more memory than its network needs: its size is bounded, what a zip file unpacks to is read from
its directory first, and the one name among those that torch allows that makes memory out of a number, `bytearray`, is
refused.
"""

import hashlib
import io
import pickle
import pickletools
import re
import struct
import threading
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from ensemble_cam.errors import UnusableWeights, WeightsError
from ensemble_cam.machine.files import read_file, why_unreadable
from ensemble_cam.weights.zip_directory import DEFLATED, STORED, BadDirectory, entries

if TYPE_CHECKING:
    import torch

_ZIP_HEAD = b"PK\x03\x04"
_STREAM_HEAD = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # the pickled torch.serialization.MAGIC_NUMBER
_DENSENET = "torchxrayvision.models.DenseNet"
_HEAD_BYTES = 2**16  # enough to say of most files that are none of torch's what they ask for
_BYTEARRAY = b"\nbytearray\n"
_MOST_DEPTH = 16  # DenseNet121's parts lie five deep

# safe_globals is a setting of the whole process: one thread's exit would take the names from under another's load.
_LOADING = threading.Lock()

LOAD_FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What a hostile or broken stream can raise inside an unpickler: it has operands popped from empty stacks, wrong types
handed to constructors, lengths past the end, text that is no UTF-8."""


class _Inert:
    """What a pickled module left in the file: attributes by name, and no behaviour."""

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)


def _inert(path: str) -> type:
    module, _, name = path.rpartition(".")
    return type(name, (_Inert,), {"__module__": module, "__qualname__": name})


_INERT_CLASSES = tuple(
    _inert(path)
    for path in (
        _DENSENET,
        "torchxrayvision.models._DenseBlock",
        "torchxrayvision.models._DenseLayer",
        "torchxrayvision.models._Transition",
        "torch.nn.modules.activation.ReLU",
        "torch.nn.modules.batchnorm.BatchNorm2d",
        "torch.nn.modules.container.Sequential",
        "torch.nn.modules.conv.Conv2d",
        "torch.nn.modules.linear.Linear",
        "torch.nn.modules.pooling.AvgPool2d",
        "torch.nn.modules.pooling.MaxPool2d",
        "torch.nn.backends.thnn._get_thnn_function_backend",  # an attribute of every module before torch 1.4
    )
)


def _class_without_source(kind: str, cls: type, source_file: str | None, source: str | None) -> type:
    """Stand in for torch's persistent id of a class; `_without_sources` writes calls of it."""
    return cls


def is_torch_file(head: bytes) -> bool:
    """Tell from a file's first bytes, 16 or more, whether torch wrote it."""
    return head.startswith((_ZIP_HEAD, _STREAM_HEAD))


def check_container(file: BinaryIO, *, most: int) -> None:
    """Refuse what torch did not write, and what takes more memory than it should, by head, size and directory alone.

    Args:
        file: a weights file, open at any place, whatever its last bytes are.
        most: how many bytes it may have, and may unpack to.

    Raises:
        UnusableWeights: if it is no weights file of torch's, or too large.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    if not is_torch_file(head):
        raise UnusableWeights(_why_no_torch_file(head))
    if size > most:
        raise UnusableWeights(f"the file has {_megabytes(size)}, and {_megabytes(most)} are the most that it can need.")
    if head.startswith(_STREAM_HEAD):
        return
    unpacked = 0
    try:
        for entry in entries(file):
            unpacked += entry.unpacked
            if entry.method not in (STORED, DEFLATED) or entry.encrypted:
                raise UnusableWeights("the file is packed in a way that torch does not read.")
    except BadDirectory as error:
        raise UnusableWeights(f"the file is damaged ({error}).") from None
    if unpacked > most:
        raise UnusableWeights(
            f"the file unpacks to {_megabytes(unpacked)}, and {_megabytes(most)} are the most that it can need."
        )


def load_state_dict(path: Path, *, expected_sha256: str, most: int) -> "dict[str, torch.Tensor]":
    """Read the tensors of a weights file to the CPU, running none of its code.

    The hash is taken of the very bytes that are then read, so a file swapped in between is noticed.

    Args:
        path: a state dict, or a whole torchxrayvision DenseNet, in either of torch's formats.
        expected_sha256: the hash that `weights.store.locate` found, 64 lower-case hex digits.
        most: how many bytes it may have, and may unpack to.

    Returns:
        Names, as `load_state_dict` of the bare network knows them (no `module.` in front), to detached dense tensors.

    Raises:
        WeightsError: if the file cannot be read or has another hash.
        UnusableWeights: if it is damaged, holds anything but tensors or a DenseNet, takes more memory than it should,
            or asks for a name that is not allowed; the message then says which.
    """
    data = read_checked(path, expected_sha256, most=most)
    try:
        return _state_dict(_load(data, most))
    except UnusableWeights as error:
        raise UnusableWeights(error.fact, file_name=path.name) from None


def read_checked(path: Path, expected_sha256: str, *, most: int) -> bytes:
    """Return the bytes of a weights file, if their hash is the expected one.

    Args:
        path: the file.
        expected_sha256: 64 lower-case hex digits.
        most: how many bytes it may have.

    Raises:
        WeightsError: if the file cannot be read, is larger or has another hash.
    """
    try:
        data = read_file(path, most=most)
    except OSError as error:
        raise WeightsError(f"{path.name}: {why_unreadable(error)}. Check it, or fetch the weights again.") from None
    got = hashlib.sha256(data).hexdigest()
    if got != expected_sha256:
        raise WeightsError(
            f"{path.name}: SHA-256 is {got[:12]}…, expected {expected_sha256[:12]}…. "
            "The file has changed since it was checked; try again."
        )
    return data


def _load(data: bytes, most: int) -> object:
    check_container(io.BytesIO(data), most=most)
    import torch

    try:
        if _asks_for_memory(data):
            raise UnusableWeights("the file asks for memory that is no tensor's (bytearray), and was not loaded.")
        if data.startswith(_STREAM_HEAD):
            data = _without_sources(data)
        with _LOADING, torch.serialization.safe_globals([*_INERT_CLASSES, _class_without_source]):
            return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except LOAD_FAILURES as error:
        if refused := re.search(r"\bGLOBAL ([\w.]+)", str(error)):
            raise UnusableWeights(_refusal(refused[1])) from None
        raise UnusableWeights(f"the file is damaged, or is no weights file ({_first_line(error)}).") from error


def _refusal(name: str) -> str:
    return f"the file asks for {name}, which could run code, and was not loaded."


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:120]}" if lines else type(error).__name__


def _why_no_torch_file(head: bytes) -> str:
    if head.startswith(b"\x80"):  # a bare pickle: say what it would have called
        try:
            for name in _global_names(head):
                return _refusal(name)
        except ValueError:  # from pickletools: no pickle after all
            pass
    return "the file is no PyTorch weights file."


def _global_names(data: bytes) -> Iterator[str]:
    """Yield the dotted names that a pickle asks for; for a message only, as a pickle can also hide them."""
    texts: list[str] = []
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name == "GLOBAL":
            yield str(argument).replace(" ", ".")
        elif opcode.name == "STACK_GLOBAL" and len(texts) >= 2:
            yield ".".join(texts[-2:])
        elif isinstance(argument, str):
            texts.append(argument)


def _asks_for_memory(data: bytes) -> bool:
    """Whether a pickle in a file that `check_container` let pass asks for `bytearray`, which takes any length.

    The restricted unpickler knows one way to ask for a name, GLOBAL, which is text in every protocol.
    """
    if data.startswith(_STREAM_HEAD):
        return _BYTEARRAY in data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        pickles = (each for each in archive.infolist() if each.filename.lower().endswith(".pkl"))  # as torch asks
        return any(_BYTEARRAY in archive.read(each) for each in pickles)


def _without_sources(data: bytes) -> bytes:
    r"""Rewrite torch's records of classes with their source code, in the older stream format.

    torch (`serialization._legacy_save`) writes a class as the persistent id `("module", class, source file, source)`:

        MARK "module" GLOBAL class "file" "source" TUPLE BINPERSID

    which becomes a call that returns the class. Nothing is left out, so that the memo numbers stay right:

        GLOBAL _class_without_source MARK "module" GLOBAL class "file" "source" TUPLE REDUCE
    """
    function = _class_without_source
    call = pickle.GLOBAL + f"{function.__module__}\n{function.__qualname__}\n".encode()
    stream = io.BytesIO(data)
    for _ in range(3):  # magic number, protocol version, facts of the machine
        for _ in pickletools.genops(stream):
            pass

    rewritten = bytearray()
    copied = 0
    marks: list[int] = []
    records: dict[int, bool] = {}  # position of an open MARK → is its first item "module"?
    memo_of_module: set[object] = set()
    closed: int | None = None  # position of the MARK that the latest TUPLE closed
    previous: tuple[str, Any] = ("", None)
    for opcode, argument, found_at in pickletools.genops(stream):
        position = cast(int, found_at)  # None only for a stream that cannot tell
        is_module = argument == "module" or (opcode.name in ("BINGET", "LONG_BINGET") and argument in memo_of_module)
        if opcode.name in ("BINPUT", "LONG_BINPUT") and previous[1] == "module":
            memo_of_module.add(argument)
        if previous[0] == "MARK":
            records[marks[-1]] = is_module
        if pickletools.markobject in opcode.stack_before:
            mark = marks.pop()
            closed = mark if opcode.name == "TUPLE" else closed
        if opcode.name == "MARK":
            marks.append(position)
        elif opcode.name == "BINPERSID" and closed is not None and records.get(closed):
            rewritten += data[copied:closed] + call + data[closed:position] + pickle.REDUCE
            copied = position + 1
        previous = (opcode.name, argument)
    return bytes(rewritten + data[copied:])


def _state_dict(loaded: object) -> "dict[str, torch.Tensor]":
    if isinstance(loaded, Mapping):
        named = dict(loaded)
    elif _class_path(loaded) == _DENSENET:
        named = dict(_named_tensors(loaded, prefix="", seen=set()))
    else:
        kind = _class_path(loaded)
        raise UnusableWeights(f"the file holds a {kind}, neither tensors by name nor a torchxrayvision DenseNet.")
    if not named:
        raise UnusableWeights("the file holds no tensors.")
    for name, value in named.items():
        if not isinstance(name, str) or not _is_dense(value):
            raise UnusableWeights(f"the entry {str(name)[:60]!r} is no dense tensor: this is no file of weights.")
    if all(name.startswith("module.") for name in named):  # written by torch.nn.DataParallel
        named = {name.removeprefix("module."): value for name, value in named.items()}
    return {name: value.detach() for name, value in named.items()}


def _named_tensors(module: object, *, prefix: str, seen: set[int]) -> Iterator[tuple[str, object]]:
    """Yield what `torch.nn.Module.state_dict` would hold, in its order, reading attributes only.

    Old modules have no `_non_persistent_buffers_set` (https://github.com/pytorch/pytorch/issues/42242).
    """
    attributes = getattr(module, "__dict__", {})
    tables: list[Any] = [attributes.get(table) for table in ("_parameters", "_buffers", "_modules")]
    passing = attributes.get("_non_persistent_buffers_set", set())
    fits = all(isinstance(table, dict) for table in tables) and isinstance(passing, set)
    if not fits or id(module) in seen or prefix.count(".") > _MOST_DEPTH:
        raise UnusableWeights(f"its part {prefix[:60]!r} is no module of a DenseNet.")
    seen.add(id(module))
    parameters, buffers, children = tables
    for name, value in (*parameters.items(), *buffers.items()):
        if value is not None and name not in passing:
            yield f"{prefix}{name}", value
    for name, child in children.items():
        if child is not None:
            yield from _named_tensors(child, prefix=f"{prefix}{name}.", seen=seen)


def _is_dense(value: Any) -> bool:
    import torch

    return (
        type(value) in (torch.Tensor, torch.nn.Parameter)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and not value.is_quantized
    )


def _class_path(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"
