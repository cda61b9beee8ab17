"""Backbones compiled by OpenVINO for this machine's processor, and the folder in which they are kept.

It runs the same float32 network in half of PyTorch's time, and without PyTorch. Compiling takes a second or two for
each network, so the result is kept in the user's cache folder, with the numbers of the network's head before it, under
a name made of all that it depends on. A file that is damaged, or was compiled for another processor, is made anew.
Nothing of a film is ever in there.

Its `import` would report to its maker over the network, unasked: the package that does so is kept from loading.
"""

import hashlib
import logging
import mmap
import os
import queue
import struct
import sys
import time
import uuid
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from io import BufferedReader, BytesIO
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

import numpy as np
import platformdirs
from isal.isal_zlib import crc32
from safetensors.numpy import load, save

from ensemble_cam.classifiers.arrays import Array
from ensemble_cam.machine.allotted import cores
from ensemble_cam.machine.disks import file_system, is_local
from ensemble_cam.machine.files import open_file

logger = logging.getLogger(__name__)

CACHE_VARIABLE = "ENSEMBLE_CAM_CACHE"
"""Names the folder that compiled networks are kept in, instead of the user's own cache folder."""

_CONVERTER = "openvino.tools.ovc"
_SUFFIX, _KEPT = ".openvino", 16
_DRAWN = 4  # raised where the same weights are drawn, or kept, in another way
# CRC-32 of what follows, which finds damage and takes a sixth of the time that a cryptographic hash would, and how many
# bytes the numbers of the network's head have.
_HEAD, _LENGTH = struct.Struct("<IQ"), struct.Struct("<Q")
_SECONDS_OF_A_DRAFT = 3600.0  # after which a file that is still being written is of a process that was killed
_MOST_BYTES = 2**30  # of one compiled network; the largest of ours has 95 MB
# Without the first, processors that can would compute in bfloat16. The second is for one film at a time.
_PROPERTIES: Mapping[str, str] = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
_threads: dict[str, int | bool] = {}
_importing = Lock()


def is_installed() -> bool:
    """Whether OpenVINO is here; loads nothing."""
    return find_spec("openvino") is not None


@cache
def openvino() -> ModuleType:
    """Return the openvino package, imported once and without its telemetry.

    Raises:
        ImportError: if it is not installed or cannot be loaded.
    """
    with _importing:
        # `import openvino` starts a session with Google Analytics and leaves an identifier in the user's home; where
        # the package that does it cannot be imported, OpenVINO goes on with a stand-in of its own that does nothing.
        modules: MutableMapping[str, ModuleType | None] = sys.modules  # type: ignore[assignment]
        modules.setdefault("openvino_telemetry", None)
        # Its converter of other frameworks' networks, which nothing here needs, takes half of the import.
        is_left_out = modules.setdefault(_CONVERTER, None) is None
        import openvino

        if is_left_out:
            del modules[_CONVERTER]
            vars(openvino)["convert_model"] = _convert_model
        return openvino


def _convert_model(*given: Any, **options: Any) -> Any:
    """Do what `openvino.convert_model` does, whose module is imported when somebody else in this process asks."""
    found = import_module(_CONVERTER).convert_model
    vars(openvino())["convert_model"] = found
    return found(*given, **options)


def compute_in(threads: int) -> None:
    """Have networks that are loaded from now on compute in so many threads; by default they have one for each core.

    Their numbers are the same to the bit, and so is what is kept.
    """
    _threads["INFERENCE_NUM_THREADS"] = threads
    # Kept on cores of OpenVINO's choice, its default, two processes of one thread each did 1.2 films a second together
    # on two cores, and 2.1 where the system may place them.
    _threads["ENABLE_CPU_PINNING"] = False


def _properties() -> dict[str, str | int | bool]:
    """Return how networks are compiled: in no more threads than may compute at once.

    OpenVINO has one for each core that a process may be placed on. Given less time, as in a container, they would wait
    for one another: with one core's time on two cores DenseNet121 took 94 ms so, and takes 54 ms in one thread.
    """
    if not _threads and cores() < (os.cpu_count() or 1):
        compute_in(cores())
    return {**_PROPERTIES, **_threads}


def cache_folder() -> Path:
    """Return the folder that compiled networks are kept in; it need not be there yet."""
    given = os.environ.get(CACHE_VARIABLE)
    return Path(given) if given else platformdirs.user_cache_path("ensemble-cam", appauthor=False)


class CompiledBackbone:
    """A compiled network for films of one size; any number of threads may call it at once.

    Args:
        compiled: OpenVINO's.
        held: the memory that it reads values from, which OpenVINO does not keep alive.
    """

    def __init__(self, compiled: Any, held: np.ndarray | None = None) -> None:
        self._compiled, self._held = compiled, held
        # A request serves one call at a time; there are as many as there ever were calls at once.
        self._idle: queue.LifoQueue[Any] = queue.LifoQueue()

    def __call__(self, pixels: Array) -> np.ndarray:
        """Return the activations of (n, 1, side, side) float32 films, one film after the other."""
        try:
            request = self._idle.get_nowait()
        except queue.Empty:
            request = self._compiled.create_infer_request()
        try:
            films = np.ascontiguousarray(pixels, dtype=np.float32)
            found = [request.infer([film[None]], share_inputs=True, share_outputs=True)[0].copy() for film in films]
        finally:
            self._idle.put(request)
        return np.concatenate(found) if len(found) > 1 else found[0]


@dataclass(frozen=True, eq=False)
class Compiled:
    """A network made ready for this machine.

    Attributes:
        backbone: compiled.
        numbers: the arrays of its head, by name.
    """

    backbone: CompiledBackbone
    numbers: Mapping[str, np.ndarray]


def compiled(
    draw: Callable[[], tuple[Any, Mapping[str, np.ndarray]]], *, model_type: str, side: int, weights: str
) -> Compiled:
    """Return a network compiled for films of `side` pixels, from the cache folder where it is there.

    Args:
        draw: gives OpenVINO's model of the backbone and the numbers of the head; asked where neither is kept yet.
        model_type: the family.
        side: of the films.
        weights: the SHA-256 of its weights' file, or of its values.

    Raises:
        ImportError, RuntimeError: if OpenVINO cannot be loaded or refuses the network.
    """
    path = cache_folder() / _name(model_type, side, weights)
    with _lock_for(path):
        kept = _read(path)
        if kept is None:
            model, numbers = draw()
            network = openvino().Core().compile_model(model, "CPU", _properties())
            _write(path, numbers, network.export_model())
            kept = Compiled(CompiledBackbone(network), numbers)
        return kept


_locks: dict[Path, Lock] = {}


def _lock_for(path: Path) -> Lock:
    return _locks.setdefault(path, Lock())


def _name(model_type: str, side: int, weights: str) -> str:
    """Return a file name that differs wherever the compiled network would."""
    parts = [_DRAWN, model_type, weights, side, version("openvino"), _PROPERTIES, version("ensemble-cam")]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:40] + _SUFFIX


def _read(path: Path) -> Compiled | None:
    """Return the compiled network in a cache file; None where there is none that can be used."""
    try:
        with open_file(path) as file:
            told = file.read(_HEAD.size)
            if len(told) < _HEAD.size:
                return None
            check, length = _HEAD.unpack(told)
            head = file.read(min(length, _MOST_BYTES))
            exported = _rest_of(file, path.parent)
    except OSError:
        return None
    if _checksum(head, exported) != check or len(head) != length:
        return None
    numbers = load(head)
    try:
        package = openvino()
        tensor = package.Tensor(exported, shared_memory=True)
        network = package.Core().import_model(tensor, "CPU", _properties())
    except RuntimeError as error:  # made on another processor
        logger.info("The compiled network in the cache is made anew: %s", str(error).splitlines()[-1][:200])
        return None
    with suppress(OSError):
        os.utime(path)
    return Compiled(CompiledBackbone(network, exported), numbers)


def _rest_of(file: BufferedReader, folder: Path) -> np.ndarray:
    """Return the rest of a file in a folder, (bytes,) uint8, in memory that a network may read its values from.

    On a disk of this machine the file is mapped, which spares a fifth of the time that loading takes, and whoever else
    loads the network has the same memory. A mapped file that another machine removes would take this process with it.
    """
    start, size = file.tell(), os.fstat(file.fileno()).st_size
    length = min(max(size - start, 0), _MOST_BYTES)
    if length and is_local(file_system(folder)):
        whole = mmap.mmap(file.fileno(), start + length, access=mmap.ACCESS_COPY)
        return np.frombuffer(whole, dtype=np.uint8, offset=start)
    # As `bytes` it would be gathered, and copied once more.
    found = np.empty(length, dtype=np.uint8)
    return found[: file.readinto(found.data)]


def _write(path: Path, numbers: Mapping[str, np.ndarray], exported: BytesIO) -> None:
    """Keep a compiled network, whole or not at all; where the folder cannot be written, every start compiles anew."""
    head, data = save(dict(numbers)), exported.getvalue()
    draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("xb") as file:
            file.writelines([_HEAD.pack(_checksum(head, data), len(head)), head, data])
        os.replace(draft, path)
    except OSError as error:
        logger.warning("A compiled network could not be kept (%s); the next start compiles it anew.", error.strerror)
    finally:  # Ctrl-C, too
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    with suppress(OSError):  # another process drops them at the same time
        _drop_oldest(path.parent)


def _checksum(head: bytes, exported: bytes | np.ndarray) -> int:
    return crc32(exported, crc32(head, crc32(_LENGTH.pack(len(head)))))


def _drop_oldest(folder: Path) -> None:
    used = sorted(folder.glob(f"*{_SUFFIX}"), key=lambda path: path.stat().st_mtime, reverse=True)
    before = time.time() - _SECONDS_OF_A_DRAFT
    drafts = [path for path in folder.glob(f"*{_SUFFIX}.*") if path.stat().st_mtime < before]
    for path in (*used[_KEPT:], *drafts):
        with suppress(PermissionError):  # Windows removes no file that is mapped
            path.unlink(missing_ok=True)
